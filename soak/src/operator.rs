//! The operator, who locks users and disables apps by the program's own commands, and lets both go on a little later.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::caller::World;
use crate::cast::{APPS, PEOPLE, client_id, username};
use crate::history::{Act, Answer, App, Event, User};
use crate::site::Site;
use crate::visitor::below;

/// How long a user stays locked.
const LOCKED: Duration = Duration::from_millis(300);
/// How long an app stays disabled: longer than the nodes' copies may take to follow.
const DISABLED: Duration = Duration::from_millis(1_400);
/// How long the operator does something else between two turns.
const BREAK: Duration = Duration::from_millis(500);

/// Locks and unlocks, disables and enables for as long as `going` says. Whatever was switched off is switched on again before
/// this returns.
pub async fn work(world: &World, site: &Arc<Site>, going: impl Fn() -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    while going() {
        if below(2) == 0 {
            let user = User(below(PEOPLE));
            let name = username(user);
            events.push(
                command(world, site, ["user", "lock", &name], |answer| Act::Lock {
                    user,
                    answer,
                })
                .await,
            );
            sleep(LOCKED).await;
            again(
                &mut events,
                world,
                site,
                ["user", "unlock", &name],
                |answer| Act::Unlock { user, answer },
            )
            .await;
        } else {
            // People sign in on their way to the first app: that one stays.
            let app = App(1 + below(APPS - 1));
            let id = client_id(app);
            events.push(
                command(world, site, ["client", "disable", &id], |answer| {
                    Act::Disable { app, answer }
                })
                .await,
            );
            sleep(DISABLED).await;
            again(
                &mut events,
                world,
                site,
                ["client", "enable", &id],
                |answer| Act::Enable { app, answer },
            )
            .await;
        }
        sleep(BREAK).await;
    }
    events
}

/// Repeats a command until it succeeds: the database may be away for a while.
async fn again(
    events: &mut Vec<Event>,
    world: &World,
    site: &Arc<Site>,
    arguments: [&str; 3],
    act: impl Fn(Answer<()>) -> Act,
) {
    const TRIES: usize = 120;
    for _ in 0..TRIES {
        let event = command(world, site, arguments, &act).await;
        let done = event.act.answer().is_definite();
        events.push(event);
        if done {
            return;
        }
        sleep(BREAK).await;
    }
}

/// One command. That it failed says nothing about what the database has done.
async fn command(
    world: &World,
    site: &Arc<Site>,
    arguments: [&str; 3],
    act: impl Fn(Answer<()>) -> Act,
) -> Event {
    let began = world.now();
    let site = Arc::clone(site);
    let arguments = arguments.map(str::to_owned);
    let run = spawn_blocking(move || site.command(&arguments.each_ref().map(String::as_str)));
    let answer = match run.await {
        Ok(Ok(_)) => Answer::Granted(()),
        _ => Answer::Lost,
    };
    world.event(None, began, act(answer))
}
