//! Users as they are shown, with what they sign in with: of the database, and as a server tells of them.

use safeconduct_protocol::ids::UserId;
use safeconduct_server::administration::users::SecondFactorRecord;
use safeconduct_store::{PasskeyRecord, UserRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::output::{Row, when};

/// A user as shown, with the claims under their own names.
#[derive(Serialize, Deserialize)]
pub(super) struct ShownUser {
    username: String,
    name: Option<Value>,
    id: UserId,
    locked: bool,
    created_at: String,
    updated_at: String,
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl From<UserRecord> for ShownUser {
    fn from(user: UserRecord) -> Self {
        let mut claims: Map<String, Value> = user
            .claims
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        Self {
            username: user.username,
            name: claims.remove("name"),
            id: user.id,
            locked: user.locked,
            created_at: when(user.created_at),
            updated_at: when(user.updated_at),
            claims,
        }
    }
}

/// A user as a server tells of one, with what they sign in with and what rests on them beside.
#[derive(Deserialize)]
pub(super) struct ToldUser {
    pub(super) passkeys: Vec<ShownPasskey>,
    authenticator_added_at: Option<String>,
    recovery_codes: u64,
    #[serde(flatten)]
    user: ShownUser,
}

/// What is told beside a user, and is no claim.
const BESIDE: [&str; 5] = ["administrator", "groups", "sessions", "grants", "consents"];

impl ToldUser {
    /// The user alone.
    pub(super) fn shown(self) -> ShownUser {
        let mut user = self.user;
        for name in BESIDE {
            user.claims.remove(name);
        }
        user
    }

    /// The name that they sign in with, and the id.
    pub(super) fn name_and_id(self) -> (String, UserId) {
        (self.user.username, self.user.id)
    }

    /// The second factor.
    pub(super) fn second_factor(self) -> ShownSecondFactor {
        ShownSecondFactor {
            username: self.user.username,
            kind: self.authenticator_added_at.as_ref().map(|_| "totp"),
            added_at: self.authenticator_added_at,
            recovery_codes: self.recovery_codes,
        }
    }
}

impl Row for ShownUser {
    const COLUMNS: &'static [&'static str] =
        &["username", "name", "email", "state", "id", "created"];

    fn cells(&self) -> Vec<String> {
        let state = if self.locked { "locked" } else { "active" };
        let text =
            |claim: Option<&Value>| claim.and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![
            self.username.clone(),
            text(self.name.as_ref()),
            text(self.claims.get("email")),
            state.to_owned(),
            self.id.to_string(),
            self.created_at.clone(),
        ]
    }
}

/// A user's second factor as shown.
#[derive(Serialize)]
pub(super) struct ShownSecondFactor {
    username: String,
    kind: Option<&'static str>,
    added_at: Option<String>,
    recovery_codes: u64,
}

impl ShownSecondFactor {
    pub(super) fn of(username: String, factor: Option<SecondFactorRecord>) -> Self {
        Self {
            username,
            kind: factor.map(|_| "totp"),
            added_at: factor.map(|factor| when(factor.added_at)),
            recovery_codes: factor.map_or(0, |factor| factor.recovery_codes),
        }
    }
}

impl Row for ShownSecondFactor {
    const COLUMNS: &'static [&'static str] = &["username", "kind", "added", "recovery codes left"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.username.clone(),
            self.kind.unwrap_or("none").to_owned(),
            self.added_at.clone().unwrap_or_default(),
            self.recovery_codes.to_string(),
        ]
    }
}

/// A passkey as shown.
#[derive(Serialize, Deserialize)]
pub(super) struct ShownPasskey {
    name: String,
    id: String,
    backup_eligible: bool,
    backed_up: bool,
    added_at: String,
    last_used_at: Option<String>,
}

impl From<PasskeyRecord> for ShownPasskey {
    fn from(passkey: PasskeyRecord) -> Self {
        Self {
            id: passkey.id.to_string(),
            backup_eligible: passkey.kept.backup_eligible,
            backed_up: passkey.backed_up,
            added_at: when(passkey.created_at),
            last_used_at: passkey.last_used_at.map(when),
            name: passkey.name,
        }
    }
}

impl Row for ShownPasskey {
    const COLUMNS: &'static [&'static str] = &["name", "backup", "added", "last used", "id"];

    fn cells(&self) -> Vec<String> {
        let backup = match (self.backup_eligible, self.backed_up) {
            (_, true) => "backed up",
            (true, false) => "eligible",
            (false, false) => "no",
        };
        vec![
            self.name.clone(),
            backup.to_owned(),
            self.added_at.clone(),
            self.last_used_at.clone().unwrap_or_default(),
            self.id.clone(),
        ]
    }
}
