//! `safeconduct group`: what users belong to, and what is demanded of them there.

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_server::administration::Refused;
use safeconduct_store::{Group, GroupRecord, Member};
use serde::Serialize;

use super::database::Database;
use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::prompt::confirm;
use crate::config::SecondFactor;

/// How a declared group is removed.
const REMOVAL: &str = "take it out of the file and restart first";

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a group
    Add {
        /// Its name, which stays
        name: String,
        /// What people read instead
        #[arg(long)]
        display: Option<String>,
        /// Demand a second factor of its members, whatever they sign in to
        #[arg(long)]
        require_second_factor: bool,
        /// Succeed without a change if there is such a group
        #[arg(long)]
        if_not_exists: bool,
    },
    /// Change a group; what is not named stays as it is
    #[command(
        after_help = "An empty --display takes it away. What is demanded is demanded at the next request of each member, whether they are signed in or not."
    )]
    Edit {
        /// Its name
        name: String,
        /// What people read instead of the name
        #[arg(long)]
        display: Option<String>,
        /// Whether a second factor is demanded of its members
        #[arg(long, value_name = "true|false")]
        require_second_factor: Option<bool>,
    },
    /// Remove a group; its members stay users
    Remove {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List groups
    List,
    /// Show a group and who belongs to it
    Show {
        /// Its name
        name: String,
    },
    /// Add a user to a group
    AddMember {
        /// The group
        group: String,
        /// The username or id
        user: String,
    },
    /// Take a user out of a group
    RemoveMember {
        /// The group
        group: String,
        /// The username or id
        user: String,
    },
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// No such group or user, a name that is taken or can't be one, or the database's.
    pub(crate) async fn run(self, database: &Database, output: Format) -> Result<(), Failure> {
        let administration = database.administration();
        match self {
            Self::Add {
                name,
                display,
                require_second_factor: second_factor_required,
                if_not_exists,
            } => {
                let group = Group {
                    name,
                    display,
                    second_factor_required,
                };
                add(database, output, &group, if_not_exists).await
            }
            Self::Edit {
                name,
                display,
                require_second_factor,
            } => {
                if display.is_none() && require_second_factor.is_none() {
                    let told = "nothing is named, so there is nothing to change";
                    return Err(Failure::Usage(told.to_owned()));
                }
                let changed =
                    administration.change_group(&name, display.as_deref(), require_second_factor);
                let changed = changed
                    .await
                    .map_err(advise("change it there and restart"))?;
                warn_of_demand(database, &changed);
                output.record(&ShownGroup::from(changed))
            }
            Self::Remove { name, yes } => {
                let members = administration.removable_group(&name).await;
                let members = members.map_err(advise(REMOVAL))?.members;
                let question = format!("Remove the group {name}, to which {members} belong?");
                confirm(&question, yes)?;
                let removed = administration.remove_group(&name).await;
                removed.map_err(advise(REMOVAL))?;
                note(format_args!("{name} is removed"));
                Ok(())
            }
            Self::List => {
                let groups = administration.groups().await?.into_iter();
                output.list(&groups.map(ShownGroup::from).collect::<Vec<_>>())
            }
            Self::Show { name } => {
                let (group, members) = administration.members(&name).await?;
                output.record(&ShownMembers::of(group, members))
            }
            Self::AddMember { group, user } => {
                let member = administration.add_member(&group, &user).await?;
                note(format_args!("{} belongs to {group}", member.username));
                Ok(())
            }
            Self::RemoveMember { group, user } => {
                let member = administration.remove_member(&group, &user).await?;
                note(format_args!(
                    "{} does not belong to {group}",
                    member.username
                ));
                Ok(())
            }
        }
    }
}

/// Says what to do about a group that is declared.
fn advise(advice: &'static str) -> impl Fn(Refused) -> Failure {
    move |refused| match refused {
        Refused::GroupDeclared(_) => Failure::from(refused).with_advice(advice),
        other => other.into(),
    }
}

async fn add(
    database: &Database,
    output: Format,
    group: &Group,
    if_not_exists: bool,
) -> Result<(), Failure> {
    let administration = database.administration();
    let added = match administration.add_group(group).await {
        Err(Refused::GroupTaken(name)) if if_not_exists => {
            note(format_args!("{name} exists; nothing was changed"));
            administration.group(&name).await?
        }
        added => added?,
    };
    warn_of_demand(database, &added);
    output.record(&ShownGroup::from(added))
}

/// Says what becomes of members who can't set up what the group demands.
fn warn_of_demand(database: &Database, record: &GroupRecord) {
    let off = database.checked.config.login.second_factor == SecondFactor::Off;
    if off && record.group.second_factor_required {
        note(
            "warning: login.second_factor is off, so members who have no second factor can set none up, and are kept out of every app\n    \
             set it to \"offered\"",
        );
    }
}

/// A group as shown.
#[derive(Serialize)]
struct ShownGroup {
    name: String,
    display: Option<String>,
    require_second_factor: bool,
    declared: bool,
    members: u64,
    created_at: String,
}

impl From<GroupRecord> for ShownGroup {
    fn from(record: GroupRecord) -> Self {
        Self {
            name: record.group.name,
            display: record.group.display,
            require_second_factor: record.group.second_factor_required,
            declared: record.declared,
            members: record.members,
            created_at: when(record.created_at),
        }
    }
}

impl Row for ShownGroup {
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "display",
        "second factor",
        "from",
        "members",
        "created",
    ];

    fn cells(&self) -> Vec<String> {
        let demand = if self.require_second_factor {
            "required"
        } else {
            ""
        };
        vec![
            self.name.clone(),
            self.display.clone().unwrap_or_default(),
            demand.to_owned(),
            if self.declared { "file" } else { "command" }.to_owned(),
            self.members.to_string(),
            self.created_at.clone(),
        ]
    }
}

/// A group with its members, as shown.
#[derive(Serialize)]
struct ShownMembers {
    name: String,
    display: Option<String>,
    require_second_factor: bool,
    declared: bool,
    created_at: String,
    members: Vec<ShownMember>,
}

/// A member as shown.
#[derive(Serialize)]
struct ShownMember {
    username: String,
    id: UserId,
    added_at: String,
}

impl ShownMembers {
    fn of(record: GroupRecord, members: Vec<Member>) -> Self {
        let members = members.into_iter().map(|member| ShownMember {
            username: member.username,
            id: member.user,
            added_at: when(member.added_at),
        });
        Self {
            name: record.group.name,
            display: record.group.display,
            require_second_factor: record.group.second_factor_required,
            declared: record.declared,
            created_at: when(record.created_at),
            members: members.collect(),
        }
    }
}
