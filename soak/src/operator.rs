//! The operator, who locks users and disables apps by the program's own commands, and lets both go on a little later.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::caller::World;
use crate::history::{Act, Answer, App, Event, User};
use crate::participants::{APPS, PEOPLE, client_id, username};
use crate::site::Site;
use crate::visitor::below;

/// How long a user stays locked.
const LOCKED: Duration = Duration::from_millis(300);
/// How long an app stays disabled: longer than the nodes' copies may take to follow.
const DISABLED: Duration = Duration::from_millis(1_400);
/// How long the operator does something else between two turns.
const BREAK: Duration = Duration::from_millis(500);
/// How often a command is repeated while the database is away.
const TRIES: usize = 120;

/// What is switched off and on again.
#[derive(Clone, Copy)]
enum Target {
    User(User),
    App(App),
}

/// Locks and unlocks, disables and enables for as long as `going` says. Whatever was switched off is switched on again before
/// this returns.
pub async fn work(world: &World, site: &Arc<Site>, going: impl Fn() -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    while going() {
        let target = match below(2) {
            0 => Target::User(User(below(PEOPLE))),
            // People sign in on their way to the first app: that one stays.
            _ => Target::App(App(1 + below(APPS - 1))),
        };
        events.push(target.switch(false, world, site).await);
        sleep(target.time_off()).await;
        for _ in 0..TRIES {
            let event = target.switch(true, world, site).await;
            let done = event.act.answer().is_definite();
            events.push(event);
            if done {
                break;
            }
            sleep(BREAK).await;
        }
        sleep(BREAK).await;
    }
    events
}

impl Target {
    fn time_off(self) -> Duration {
        match self {
            Self::User(_) => LOCKED,
            Self::App(_) => DISABLED,
        }
    }

    /// One command. That it failed says nothing about what the database has done.
    async fn switch(self, on: bool, world: &World, site: &Arc<Site>) -> Event {
        let (kind, command, name) = match (self, on) {
            (Self::User(user), false) => ("user", "lock", username(user)),
            (Self::User(user), true) => ("user", "unlock", username(user)),
            (Self::App(app), false) => ("client", "disable", client_id(app)),
            (Self::App(app), true) => ("client", "enable", client_id(app)),
        };
        let began = world.now();
        let site = Arc::clone(site);
        let run = spawn_blocking(move || site.command(&[kind, command, &name]));
        let answer = match run.await {
            Ok(Ok(_)) => Answer::Granted(()),
            _ => Answer::Lost,
        };
        let act = match (self, on) {
            (Self::User(user), false) => Act::Lock { user, answer },
            (Self::User(user), true) => Act::Unlock { user, answer },
            (Self::App(app), false) => Act::Disable { app, answer },
            (Self::App(app), true) => Act::Enable { app, answer },
        };
        world.event(None, began, act)
    }
}
