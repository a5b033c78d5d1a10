//! Authelia's file of users.

use std::collections::BTreeMap;

use safeconduct_protocol::secret::Secret;
use serde::Deserialize;
use serde_json::Value;

use super::plan::{ForeignUser, Plan};

/// The file.
#[derive(Deserialize)]
pub(super) struct File {
    users: BTreeMap<String, User>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    disabled: bool,
    displayname: Option<String>,
    password: Option<Secret>,
    email: Option<String>,
    groups: Vec<String>,
    given_name: Option<String>,
    middle_name: Option<String>,
    family_name: Option<String>,
    nickname: Option<String>,
    gender: Option<String>,
    birthdate: Option<String>,
    website: Option<String>,
    profile: Option<String>,
    picture: Option<String>,
    zoneinfo: Option<String>,
    locale: Option<String>,
    phone_number: Option<String>,
}

/// What `authelia storage user identifiers export` writes: by what apps know its users.
#[derive(Default, Deserialize)]
pub(super) struct Identifiers {
    identifiers: Vec<Identifier>,
}

#[derive(Deserialize)]
struct Identifier {
    service: String,
    #[serde(default)]
    sector_id: String,
    username: String,
    identifier: String,
}

impl Identifiers {
    /// The one that all apps know a user by; others are of one sector alone.
    fn of(&self, username: &str) -> Option<String> {
        let mut own = self.identifiers.iter().filter(|one| {
            one.service == "openid" && one.sector_id.is_empty() && one.username == username
        });
        own.next().map(|one| one.identifier.clone())
    }
}

/// Takes every user into the plan.
pub(super) fn read(file: File, identifiers: &Identifiers, plan: &mut Plan<'_>) {
    for (username, user) in file.users {
        plan.leave_of_user(
            "user",
            "second factors",
            "set up authenticator apps and passkeys anew: Authelia keeps them in its database",
        );
        let texts = [
            ("name", user.displayname),
            ("email", user.email),
            ("given_name", user.given_name),
            ("middle_name", user.middle_name),
            ("family_name", user.family_name),
            ("nickname", user.nickname),
            ("gender", user.gender),
            ("birthdate", user.birthdate),
            ("website", user.website),
            ("profile", user.profile),
            ("picture", user.picture),
            ("zoneinfo", user.zoneinfo),
            ("locale", user.locale),
            ("phone_number", user.phone_number),
        ];
        let filled = texts.into_iter().filter_map(|(name, text)| {
            let text = text.filter(|text| !text.is_empty())?;
            Some((name, Value::from(text)))
        });
        plan.user(ForeignUser {
            is_known_to_apps: true,
            sub: identifiers.of(&username),
            username,
            password: None,
            hash: user.password,
            claims: filled.collect(),
            groups: user.groups,
            locked: user.disabled,
        });
    }
}
