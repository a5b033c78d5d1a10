//! A unit on its way: one transaction in as few round trips as there are decisions to wait for.
//!
//! Where nothing can go unmet, BEGIN, every statement and COMMIT are sent at once. Where an expectation has to be looked at,
//! COMMIT or ROLLBACK follows when the answers are there. In both cases the transaction is READ COMMITTED, whatever the server's
//! default: each statement sees what was committed when it began, and the deciding ones wait for whoever holds their row.

use std::pin::Pin;

use tokio::time::timeout;
use tokio_postgres::Error;

use super::connection::Connection;
use super::failure::Failure;
use super::pipeline::pipelined;
use crate::driver::{Rows, Statement, Unit, UnitOutcome};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Waits until no other unit of the name runs. It is sent with the rest; each statement behind it sees what the others committed.
const TAKE_TURN: &str = "SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)";

type Request<'a> = Pin<Box<dyn Future<Output = Result<Rows, Error>> + Send + 'a>>;

/// Commits `unit` over a connection that nobody else uses meanwhile.
pub(super) async fn run(connection: &Connection, unit: &Unit) -> Result<UnitOutcome, Failure> {
    let turns = unit.turns();
    let turns: Vec<_> = turns
        .map(|name| Statement::new(TAKE_TURN).bind(name))
        .collect();
    connection
        .prepare(turns.iter().chain(unit.statements()))
        .await?;
    for statement in unit.statements() {
        connection.fits(statement)?;
    }
    let transaction = Transaction {
        connection,
        turns: &turns,
        unit,
    };
    if unit.statements().iter().any(Statement::expects_some) {
        transaction.decide().await
    } else {
        transaction.commit_at_once().await
    }
}

struct Transaction<'a> {
    connection: &'a Connection,
    turns: &'a [Statement],
    unit: &'a Unit,
}

impl<'a> Transaction<'a> {
    /// Sends everything, COMMIT included. After an error the server takes that for a ROLLBACK.
    async fn commit_at_once(&self) -> Result<UnitOutcome, Failure> {
        let mut requests = self.begin().await?;
        let commands = requests.len();
        requests.extend(self.statements());
        requests.push(self.command("COMMIT"));
        let answers = self
            .answers(requests)
            .await
            .ok_or_else(Failure::unconfirmed)?;
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        let rows = answers.map_err(|error| Failure::deciding(&error))?;
        let rows = rows.into_iter().skip(commands);
        Ok(UnitOutcome::Done(
            rows.take(self.unit.statements().len()).collect(),
        ))
    }

    /// Sends the statements, and then what their answers decide.
    async fn decide(&self) -> Result<UnitOutcome, Failure> {
        let mut requests = self.begin().await?;
        let commands = requests.len();
        requests.extend(self.statements());
        let answers = self.answers(requests).await;
        let answers = answers.ok_or_else(Failure::unanswered)?;
        match self.judge(answers, commands) {
            Ok(UnitOutcome::Done(rows)) => {
                self.commit().await?;
                Ok(UnitOutcome::Done(rows))
            }
            undone => {
                self.roll_back().await;
                undone
            }
        }
    }

    /// The first thing that went wrong, in the order of the statements; otherwise their rows.
    fn judge(
        &self,
        answers: Vec<Result<Rows, Error>>,
        commands: usize,
    ) -> Result<UnitOutcome, Failure> {
        let mut answers = answers.into_iter();
        for answer in answers.by_ref().take(commands) {
            answer.map_err(|error| Failure::undecided(&error))?;
        }
        let mut done = Vec::with_capacity(answers.len());
        for (index, (statement, answer)) in self.unit.statements().iter().zip(answers).enumerate() {
            let rows = answer.map_err(|error| Failure::undecided(&error))?;
            if !statement.is_met_by(&rows) {
                return Ok(UnitOutcome::Unmet { statement: index });
            }
            done.push(rows);
        }
        Ok(UnitOutcome::Done(done))
    }

    /// The requests that go before the statements. Behind a pooler BEGIN goes alone: nothing there keeps the statements from
    /// being carried out one by one, should it be refused.
    async fn begin(&self) -> Result<Vec<Request<'a>>, Failure> {
        let turns = self.turns.iter().map(|turn| self.request(turn));
        let Some(limits) = self.connection.limits_of_transaction() else {
            return Ok([self.command(BEGIN)].into_iter().chain(turns).collect());
        };
        let begin = format!("{BEGIN}; {limits}");
        let begun = self.answers(vec![self.command(&begin)]).await;
        match begun.and_then(|mut answers| answers.pop()) {
            Some(Ok(_)) => Ok(turns.collect()),
            Some(Err(error)) => {
                self.roll_back().await;
                Err(Failure::undecided(&error))
            }
            None => Err(Failure::unanswered()),
        }
    }

    async fn commit(&self) -> Result<(), Failure> {
        match self.answers(vec![self.command("COMMIT")]).await {
            Some(answers) => answers
                .into_iter()
                .try_for_each(|answer| answer.map(drop))
                .map_err(|error| Failure::deciding(&error)),
            None => Err(Failure::unconfirmed()),
        }
    }

    /// A connection on which that fails is closed, which the server takes for the same.
    async fn roll_back(&self) {
        let answers = self.answers(vec![self.command("ROLLBACK")]).await;
        if !answers.is_some_and(|answers| answers.iter().all(Result::is_ok)) {
            self.connection.sever();
        }
    }

    /// The answers to requests that are sent together; `None`, and no more connection, if they do not come.
    async fn answers(&self, requests: Vec<Request<'_>>) -> Option<Vec<Result<Rows, Error>>> {
        let answers = timeout(self.connection.answer_timeout(), pipelined(requests)).await;
        if answers.is_err() {
            self.connection.sever();
        }
        answers.ok()
    }

    fn statements(&self) -> impl Iterator<Item = Request<'a>> {
        let statements = self.unit.statements().iter();
        statements.map(|statement| self.request(statement))
    }

    fn request(&self, statement: &'a Statement) -> Request<'a> {
        Box::pin(self.connection.execute(statement))
    }

    fn command<'c>(&self, sql: &'c str) -> Request<'c>
    where
        'a: 'c,
    {
        let client = self.connection.client();
        Box::pin(async move { client.batch_execute(sql).await.map(|()| Rows::default()) })
    }
}
