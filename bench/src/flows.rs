//! The flows themselves, one after the other on a connection: what is sent, and what makes an answer right.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::contestant::{
    API, APP_OPAQUE, MACHINE, MACHINE_OPAQUE, REDIRECT_URI, SCOPE, Target, authorization,
};
use crate::scenario::Scenario;
use crate::sign_in::{CODE_VERIFIER, PEOPLE, Person, authorization_request, username};

/// How many tokens are made to be given back. A run that is through with them ends early.
const TO_REVOKE: usize = 48_000;

/// What became of a flow.
pub(crate) enum Flow {
    /// It was right.
    Done,
    /// There was nothing left to do.
    OutOfWork,
}

/// A connection and what is done on it.
pub(crate) struct Worker {
    connection: Connection,
    target: Arc<Target>,
    work: Work,
}

enum Work {
    /// Read a document that holds these words.
    Read(&'static str, &'static str),
    Mint {
        authorization: String,
    },
    Visit {
        people: Vec<Person>,
        apps: Vec<App>,
        turn: usize,
    },
    Refresh {
        authorization: String,
        tokens: Vec<String>,
        turn: usize,
    },
    Introspect {
        authorization: String,
        tokens: Vec<String>,
        turn: usize,
    },
    Revoke {
        authorization: String,
        tokens: Vec<String>,
        last: Option<String>,
    },
    SignIn {
        usernames: Vec<String>,
        apps: Vec<App>,
        turn: usize,
    },
}

/// An app, with what it says each time.
#[derive(Clone)]
struct App {
    id: String,
    authorization: String,
    request: String,
}

/// Makes what `scenario` needs, and as many workers as there are to be connections.
pub(crate) async fn prepare(
    scenario: Scenario,
    target: &Arc<Target>,
    people: &[Person],
    connections: usize,
) -> Result<Vec<Worker>> {
    let apps: Vec<App> = target.apps.iter().map(|id| App::new(target, id)).collect();
    let mut lots = match scenario {
        Scenario::Refresh => deal(
            tokens(target, people, &apps[0], "refresh_token").await?,
            connections,
        ),
        Scenario::IntrospectJwt => deal(
            tokens(target, people, &apps[0], "access_token").await?,
            connections,
        ),
        Scenario::IntrospectOpaque => {
            let app = App::new(target, APP_OPAQUE);
            deal(
                tokens(target, people, &app, "access_token").await?,
                connections,
            )
        }
        Scenario::Revoke => mint_many(target, connections).await?,
        Scenario::Login => deal((0..PEOPLE).map(username).collect(), connections),
        _ => vec![Vec::new(); connections],
    };
    let mut crowds = deal(people.to_vec(), connections);
    let mut workers = Vec::new();
    for turn in 0..connections {
        let (lot, people) = (
            std::mem::take(&mut lots[turn]),
            std::mem::take(&mut crowds[turn]),
        );
        workers.push(Worker {
            connection: target.connect().await?,
            target: Arc::clone(target),
            work: Work::of(scenario, target, lot, people, &apps, turn),
        });
    }
    Ok(workers)
}

impl Worker {
    /// One flow, from its first request to its last answer.
    pub(crate) async fn flow(&mut self) -> Result<Flow> {
        let Self {
            connection,
            target,
            work,
        } = self;
        match work {
            Work::Read(path, words) => {
                let answer = connection.get(path, &[]).await?;
                answer.expect(200)?;
                ensure!(answer.body.contains(*words), "{}", answer.excerpt());
            }
            Work::Mint { authorization } => {
                mint(connection, target, authorization).await?;
            }
            Work::Visit { people, apps, turn } => {
                let person = &people[*turn % people.len()];
                let app = &apps[*turn / people.len() % apps.len()];
                *turn += 1;
                let code = person.revisit(connection, &app.request).await?;
                exchange(connection, target, app, &code).await?;
            }
            Work::Refresh {
                authorization,
                tokens,
                turn,
            } => {
                let token = next(tokens, turn);
                *token = refresh(connection, target, authorization, token).await?;
            }
            Work::Introspect {
                authorization,
                tokens,
                turn,
            } => {
                let token = next(tokens, turn);
                ensure!(
                    is_active(connection, target, authorization, token).await?,
                    "a good token is not active"
                );
            }
            Work::Revoke {
                authorization,
                tokens,
                last,
            } => {
                let Some(token) = tokens.pop() else {
                    return Ok(Flow::OutOfWork);
                };
                let form = [("token", token.as_str())];
                let answer = connection
                    .post(target.paths.revoke, &[authorization], &form)
                    .await?;
                answer.expect(200)?;
                *last = Some(token);
            }
            Work::SignIn {
                usernames,
                apps,
                turn,
            } => {
                let mut person = Person::new(next(usernames, turn).clone());
                let app = &apps[*turn % apps.len()];
                let code = person.visit(connection, target, &app.id).await?;
                exchange(connection, target, app, &code).await?;
            }
        }
        Ok(Flow::Done)
    }

    /// Checks at the end what a single answer does not show: what was given back is dead.
    pub(crate) async fn prove(mut self) -> Result<()> {
        if let Work::Revoke {
            last: Some(token), ..
        } = &self.work
        {
            let api = authorization(API);
            let active = is_active(&mut self.connection, &self.target, &api, token).await?;
            ensure!(!active, "a revoked token is active");
        }
        Ok(())
    }
}

impl Work {
    fn of(
        scenario: Scenario,
        target: &Target,
        lot: Vec<String>,
        people: Vec<Person>,
        apps: &[App],
        turn: usize,
    ) -> Self {
        match scenario {
            Scenario::Discovery => Self::Read(target.paths.metadata, "\"token_endpoint\":"),
            Scenario::Jwks => Self::Read(target.paths.jwks, "\"keys\":[{"),
            Scenario::Floor | Scenario::ClientCredentials => Self::Mint {
                authorization: authorization(MACHINE),
            },
            Scenario::ClientCredentialsOpaque => Self::Mint {
                authorization: authorization(MACHINE_OPAQUE),
            },
            // Each begins with another app, so that they do not all crowd at one.
            Scenario::CodeSso => Self::Visit {
                turn: turn * people.len(),
                people,
                apps: apps.to_vec(),
            },
            Scenario::Refresh => Self::Refresh {
                authorization: apps[0].authorization.clone(),
                tokens: lot,
                turn: 0,
            },
            Scenario::IntrospectJwt | Scenario::IntrospectOpaque => Self::Introspect {
                authorization: authorization(API),
                tokens: lot,
                turn: 0,
            },
            Scenario::Revoke => Self::Revoke {
                authorization: authorization(MACHINE_OPAQUE),
                tokens: lot,
                last: None,
            },
            Scenario::Login => Self::SignIn {
                usernames: lot,
                apps: apps.to_vec(),
                turn,
            },
        }
    }
}

impl App {
    fn new(target: &Target, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            authorization: authorization(id),
            request: authorization_request(target, id),
        }
    }
}

async fn mint(connection: &mut Connection, target: &Target, authorization: &str) -> Result<String> {
    let form = [("grant_type", "client_credentials"), ("scope", SCOPE)];
    let answer = connection
        .post(target.paths.token, &[authorization], &form)
        .await?;
    answer.expect(200)?;
    let token = answer
        .member("access_token")
        .filter(|token| !token.is_empty());
    Ok(token.with_context(|| answer.excerpt())?.to_owned())
}

/// Exchanges a code; gives access token and refresh token.
async fn exchange(
    connection: &mut Connection,
    target: &Target,
    app: &App,
    code: &str,
) -> Result<(String, String)> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", CODE_VERIFIER),
    ];
    let answer = connection
        .post(target.paths.token, &[&app.authorization], &form)
        .await?;
    answer.expect(200)?;
    match (
        answer.member("access_token"),
        answer.member("refresh_token"),
    ) {
        (Some(access), Some(refresh)) => Ok((access.to_owned(), refresh.to_owned())),
        _ => Err(anyhow::anyhow!("a token is missing: {}", answer.excerpt())),
    }
}

async fn refresh(
    connection: &mut Connection,
    target: &Target,
    authorization: &str,
    token: &str,
) -> Result<String> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let answer = connection
        .post(target.paths.token, &[authorization], &form)
        .await?;
    answer.expect(200)?;
    answer.member("access_token").context("no access token")?;
    let successor = answer.member("refresh_token").context("no successor")?;
    ensure!(successor != token, "the refresh token did not rotate");
    Ok(successor.to_owned())
}

async fn is_active(
    connection: &mut Connection,
    target: &Target,
    authorization: &str,
    token: &str,
) -> Result<bool> {
    let answer = connection
        .post(
            target.paths.introspect,
            &[authorization],
            &[("token", token)],
        )
        .await?;
    answer.expect(200)?;
    match (
        answer.body.contains("\"active\":true"),
        answer.body.contains("\"active\":false"),
    ) {
        (active, inactive) if active != inactive => Ok(active),
        _ => Err(anyhow::anyhow!("active or not? {}", answer.excerpt())),
    }
}

/// Lets everybody visit `app` once, and collects one of the tokens.
async fn tokens(target: &Target, people: &[Person], app: &App, which: &str) -> Result<Vec<String>> {
    let mut connection = target.connect().await?;
    let mut tokens = Vec::new();
    for person in people {
        let code = person.revisit(&mut connection, &app.request).await?;
        let (access, refresh) = exchange(&mut connection, target, app, &code).await?;
        tokens.push(if which == "refresh_token" {
            refresh
        } else {
            access
        });
    }
    Ok(tokens)
}

/// Makes the tokens to give back, a lot for each connection.
async fn mint_many(target: &Arc<Target>, connections: usize) -> Result<Vec<Vec<String>>> {
    let mut minting = JoinSet::new();
    for _ in 0..connections {
        let target = Arc::clone(target);
        minting.spawn(async move {
            let mut connection = target.connect().await?;
            let authorization = authorization(MACHINE_OPAQUE);
            let mut lot = Vec::new();
            for _ in 0..TO_REVOKE / connections {
                lot.push(mint(&mut connection, &target, &authorization).await?);
            }
            anyhow::Ok(lot)
        });
    }
    let mut lots = Vec::new();
    while let Some(lot) = minting.join_next().await {
        lots.push(lot??);
    }
    Ok(lots)
}

/// Deals `things` out to `hands`, like cards.
fn deal<T>(things: Vec<T>, hands: usize) -> Vec<Vec<T>> {
    let mut dealt: Vec<Vec<T>> = (0..hands).map(|_| Vec::new()).collect();
    for (position, thing) in things.into_iter().enumerate() {
        dealt[position % hands].push(thing);
    }
    dealt
}

fn next<'t>(things: &'t mut [String], turn: &mut usize) -> &'t mut String {
    let position = *turn % things.len();
    *turn += 1;
    &mut things[position]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_dealt_and_nobody_is_left_out() {
        assert_eq!(deal((0..5).collect(), 3), [vec![0, 3], vec![1, 4], vec![2]]);
    }

    #[test]
    fn everything_gets_its_turn() {
        let (mut things, mut turn) = (vec!["a".to_owned(), "b".to_owned()], 0);
        let taken: Vec<String> = (0..3)
            .map(|_| next(&mut things, &mut turn).clone())
            .collect();
        assert_eq!(taken, ["a", "b", "a"]);
    }
}
