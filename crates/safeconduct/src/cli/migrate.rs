//! `safeconduct migrate`: the steps of the schema, seen beforehand or taken without starting a server.

use safeconduct_store::{SchemaStep, Store};
use serde::Serialize;

use super::context::{Context, block_on};
use super::failure::Failure;
use super::output::{Row, counted, note};

/// What to do about the schema.
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// Change nothing, and say what would be done; exits with 8 if there is something to do
    #[arg(long)]
    plan: bool,
}

/// A step as shown.
#[derive(Serialize)]
struct ShownStep {
    version: i64,
    name: &'static str,
    state: &'static str,
}

impl Row for ShownStep {
    const COLUMNS: &'static [&'static str] = &["version", "name", "state"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.version.to_string(),
            self.name.to_owned(),
            self.state.to_owned(),
        ]
    }
}

impl Migrate {
    /// Lists every step, and takes those that are left unless it is only a plan.
    ///
    /// # Errors
    /// Exit 8 for a plan with something in it; the configuration's and the database's.
    pub(crate) fn run(&self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        let url = checked.database_url()?;
        let (steps, taken) = block_on(async {
            let taken = if self.plan {
                Vec::new()
            } else {
                Store::migrate(url.expose()).await?
            };
            let steps = Store::migrations(url.expose()).await?;
            Ok::<_, Failure>((steps, taken))
        })?;
        let rows: Vec<ShownStep> = steps.iter().map(|step| shown(step, &taken)).collect();
        context.output.list(&rows)?;
        let left = steps.iter().filter(|step| !step.applied).count();
        match (left, taken.len()) {
            (0, 0) => note("the schema is up to date"),
            (0, taken) => note(format_args!("{} taken", counted(taken, "step"))),
            (left, _) => {
                return Err(Failure::Left(format!(
                    "{} left: `safeconduct migrate` takes them, and so does the first node that starts",
                    counted(left, "step")
                )));
            }
        }
        Ok(())
    }
}

fn shown(step: &SchemaStep, taken: &[SchemaStep]) -> ShownStep {
    ShownStep {
        version: step.version,
        name: step.name,
        state: if taken.iter().any(|one| one.version == step.version) {
            "taken now"
        } else if step.applied {
            "taken"
        } else {
            "left"
        },
    }
}
