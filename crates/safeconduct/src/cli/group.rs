//! `safeconduct group`: what users belong to, and what is demanded of them there.

use clap::Subcommand;
use safeconduct_protocol::ids::UserId;
use safeconduct_server::administration::Refused;
use safeconduct_store::{Group, GroupRecord, Member};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::failure::Failure;
use super::output::{Format, Row, note, when};
use super::page::Paging;
use super::place::Place;
use super::prompt::confirm;
use super::remote::Seen;
use crate::config::SecondFactor;

/// How a declared group is removed.
const REMOVAL: &str = "take it out of the file and reload (SIGHUP) first";

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
    pub(crate) async fn run(self, place: &Place, output: Format) -> Result<(), Failure> {
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
                add(place, output, &group, if_not_exists).await
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
                let changed = place
                    .change_group(&name, display, require_second_factor)
                    .await?;
                warn_of_demand(place, &changed);
                output.record(&changed)
            }
            Self::Remove { name, yes } => {
                place.remove_group(&name, yes).await?;
                note(format_args!("{name} is removed"));
                Ok(())
            }
            Self::List => output.list(&place.groups().await?),
            Self::Show { name } => output.record(&place.group_with_members(&name).await?),
            Self::AddMember { group, user } => {
                let member = place.add_member(&group, &user).await?;
                note(format_args!("{member} belongs to {group}"));
                Ok(())
            }
            Self::RemoveMember { group, user } => {
                let member = place.remove_member(&group, &user).await?;
                note(format_args!("{member} does not belong to {group}"));
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
    place: &Place,
    output: Format,
    group: &Group,
    if_not_exists: bool,
) -> Result<(), Failure> {
    let name = &group.name;
    let added = match place.add_group(group).await {
        Err(taken @ Failure::Conflict(_)) if if_not_exists => {
            let Ok(there) = place.group(name).await else {
                return Err(taken);
            };
            note(format_args!("{name} exists; nothing was changed"));
            there
        }
        added => added?,
    };
    warn_of_demand(place, &added);
    output.record(&added)
}

/// Says what becomes of members who can't set up what the group demands, where the configuration says so.
fn warn_of_demand(place: &Place, group: &ShownGroup) {
    let Place::Here(database) = place else { return };
    let off = database.checked.config.login.second_factor == SecondFactor::Off;
    if off && group.require_second_factor {
        note(
            "warning: login.second_factor is off, so members who have no second factor can set none up, and are kept out of every app\n    \
             set it to \"offered\"",
        );
    }
}

impl Place {
    async fn groups(&self) -> Result<Vec<ShownGroup>, Failure> {
        match self {
            Self::Here(database) => {
                let groups = database.administration().groups().await?.into_iter();
                Ok(groups.map(ShownGroup::from).collect())
            }
            Self::There(server) => {
                let found = server.list(&["groups"], &[], &Paging::ALL).await?;
                Ok(found.rows)
            }
        }
    }

    async fn group(&self, name: &str) -> Result<ShownGroup, Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().group(name).await?.into()),
            Self::There(server) => server.get(&["groups", name], &[]).await,
        }
    }

    async fn group_with_members(&self, name: &str) -> Result<ShownMembers, Failure> {
        match self {
            Self::Here(database) => {
                let (group, members) = database.administration().members(name).await?;
                let members = members.into_iter().map(ShownMember::from);
                Ok(ShownMembers::of(group.into(), members.collect()))
            }
            Self::There(server) => {
                let group = self.group(name).await?;
                let path = ["groups", name, "members"];
                let members = server.list(&path, &[], &Paging::ALL).await?;
                Ok(ShownMembers::of(group, members.rows))
            }
        }
    }

    async fn add_group(&self, group: &Group) -> Result<ShownGroup, Failure> {
        match self {
            Self::Here(database) => Ok(database.administration().add_group(group).await?.into()),
            Self::There(server) => {
                let mut new = json!({
                    "name": group.name,
                    "require_second_factor": group.second_factor_required,
                });
                if let Some(display) = &group.display {
                    new["display"] = display.as_str().into();
                }
                server.post_with(&["groups"], new).await
            }
        }
    }

    async fn change_group(
        &self,
        name: &str,
        display: Option<String>,
        require_second_factor: Option<bool>,
    ) -> Result<ShownGroup, Failure> {
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let display = display.as_deref();
                let changed =
                    administration.change_group(name, None, display, require_second_factor);
                let changed = changed
                    .await
                    .map_err(advise("change it there and reload (SIGHUP)"))?;
                Ok(changed.into())
            }
            Self::There(server) => {
                let path = ["groups", name];
                let Seen { thing, state } = server.see::<ShownGroup>(&path).await?;
                let before = thing;
                let display = display.or(before.display).filter(|text| !text.is_empty());
                let demand = require_second_factor.unwrap_or(before.require_second_factor);
                let mut to = json!({ "require_second_factor": demand });
                if let Some(display) = display {
                    to["display"] = display.into();
                }
                server.put(&path, to, state).await
            }
        }
    }

    async fn remove_group(&self, name: &str, yes: bool) -> Result<(), Failure> {
        let question =
            |members: u64| format!("Remove the group {name}, to which {members} belong?");
        match self {
            Self::Here(database) => {
                let administration = database.administration();
                let found = administration.removable_group(name).await;
                let found = found.map_err(advise(REMOVAL))?;
                confirm(&question(found.members), yes)?;
                let removed = administration.remove_group(name, None).await;
                removed.map_err(advise(REMOVAL))
            }
            Self::There(server) => {
                let path = ["groups", name];
                let Seen { thing, state } = server.see::<ShownGroup>(&path).await?;
                confirm(&question(thing.members), yes)?;
                server.delete_seen(&path, state).await
            }
        }
    }

    /// Gives the username.
    async fn add_member(&self, group: &str, user: &str) -> Result<String, Failure> {
        match self {
            Self::Here(database) => {
                let added = database.administration().add_member(group, user).await?;
                Ok(added.username)
            }
            Self::There(server) => {
                server.place(&["groups", group, "members", user]).await?;
                Ok(user.to_owned())
            }
        }
    }

    /// Gives the username.
    async fn remove_member(&self, group: &str, user: &str) -> Result<String, Failure> {
        match self {
            Self::Here(database) => {
                let removed = database.administration().remove_member(group, user).await?;
                Ok(removed.username)
            }
            Self::There(server) => {
                server.delete(&["groups", group, "members", user]).await?;
                Ok(user.to_owned())
            }
        }
    }
}

/// A group as shown.
#[derive(Serialize, Deserialize)]
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
#[derive(Serialize, Deserialize)]
struct ShownMember {
    username: String,
    id: UserId,
    added_at: String,
}

impl From<Member> for ShownMember {
    fn from(member: Member) -> Self {
        Self {
            username: member.username,
            id: member.user,
            added_at: when(member.added_at),
        }
    }
}

impl ShownMembers {
    fn of(group: ShownGroup, members: Vec<ShownMember>) -> Self {
        Self {
            name: group.name,
            display: group.display,
            require_second_factor: group.require_second_factor,
            declared: group.declared,
            created_at: group.created_at,
            members,
        }
    }
}
