//! A session's record: who signed in, the tokens, who is renewing them, and what the app put beside them.
//!
//! Keeping it is `sessions.rs`'s concern; when tokens need renewing, `tokens/stored.rs`'s.

use std::collections::BTreeMap;

use safeconduct_protocol::encoding;
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sign_in::id_token::StoredIdentity;
use crate::sign_in::signed_in::SignedIn;
use crate::sign_in::step_up::StepUp;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::resource::TargetName;
use crate::tokens::response::Tokens;
use crate::tokens::stored::{Need, StoredTokens, Unwanted};

/// A lease not renewed for so many seconds belongs to a process that died.
pub(crate) const LEASE: i64 = 15;

/// Everything a session is. `Serialize` is for the seal alone; it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) data: BTreeMap<String, Value>,
    pub(crate) tokens: StoredTokens,
    /// Access tokens for other APIs than the one that sign-ins ask for, by its name. The refresh token is that of `tokens`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) others: BTreeMap<String, StoredTokens>,
    /// Who signed in, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<StoredIdentity>,
    /// The key the tokens are bound to, if they are (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof_key: Option<StoredKey>,
    /// What the sign-in was asked for, if it stepped up (RFC 9470).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_up: Option<StepUp>,
    /// What the browser posted of the user at the sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) posted_user: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
}

/// Who is renewing the tokens, and until when the others wait for it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) holder: String,
    pub(crate) until: Timestamp,
}

impl Record {
    /// The record of a session that begins.
    pub(crate) fn begin(signed_in: &SignedIn, now: Timestamp) -> Self {
        Self {
            id: encoding::encode(&random::bytes::<16>()),
            created: now,
            seen: now,
            name: None,
            data: BTreeMap::new(),
            tokens: StoredTokens::new(signed_in.tokens.clone()),
            others: BTreeMap::new(),
            identity: signed_in.identity.clone(),
            proof_key: signed_in.proof_key.clone(),
            step_up: signed_in.step_up.clone(),
            posted_user: signed_in.posted_user.clone(),
            lease: None,
        }
    }

    /// What the app keeps goes on where this session steps up from `before`: the same user's (RFC 9470 §4).
    pub(crate) fn carry_on(&mut self, before: &Self) {
        let sub = |record: &Self| {
            record
                .identity
                .as_ref()
                .map(|identity| identity.sub.clone())
        };
        if self.step_up.is_some() && sub(self).is_some() && sub(self) == sub(before) {
            self.name = before.name.clone();
            self.data = before.data.clone();
        }
    }

    /// The access token for the API of this name, where there is one.
    pub(crate) fn access(&self, api: &TargetName) -> Option<&StoredTokens> {
        match api {
            None => Some(&self.tokens),
            Some(name) => self.others.get(&**name),
        }
    }

    /// What has to be done before the access token for that API is used.
    pub(crate) fn need(
        &self,
        api: &TargetName,
        unwanted: Option<&Unwanted>,
        now: Timestamp,
    ) -> Need {
        let access = self.access(api);
        access.map_or(Need::Now, |tokens| tokens.need(unwanted, now))
    }

    /// Takes `tokens`, which were given for the API of this name.
    pub(crate) fn renew(&mut self, api: &TargetName, mut tokens: Tokens, after_refusal: bool) {
        let Some(name) = api else {
            return self.tokens.renew(tokens, after_refusal);
        };
        if let Some(next) = tokens.refresh_token.take() {
            self.tokens.refresh_token = Some(next);
        }
        match self.others.get_mut(&**name) {
            Some(held) => held.renew(tokens, after_refusal),
            None => {
                let name = name.to_string();
                self.others.insert(name, StoredTokens::new(tokens));
            }
        }
    }

    /// Whether another than `holder` is renewing the tokens.
    pub(crate) fn is_leased(&self, holder: &str, now: Timestamp) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| lease.holder != holder && now < lease.until)
    }
}

impl Lease {
    /// A lease that begins, or goes on, at `now`.
    pub(crate) fn new(holder: &str, now: Timestamp) -> Self {
        Self {
            holder: holder.to_owned(),
            until: now.plus(LEASE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_identity_opens() {
        let kept = r#"{"id":"s","created":1800000000,"seen":1800000000,"name":"Ada","data":{"a":1},
            "tokens":{"access_token":"at","refresh_token":"rt","expires":1800000300,"received":1800000000,"scope":"a b"}}"#;
        let record: Record = serde_json::from_str(kept).ok().unwrap();
        assert_eq!(record.tokens.access_token.expose(), "at");
        assert!(record.identity.is_none() && record.proof_key.is_none());
    }

    #[test]
    fn a_record_with_an_identity_keeps_its_form() {
        let kept = r#"{"id":"s","created":1800000000,"seen":1800000000,
            "tokens":{"access_token":"at","refresh_token":null,"expires":null,"received":1800000000,"scope":""},
            "identity":{"id_token":"h.e30.s","sub":"u-1","sid":"s-1","auth_time":1800000000,"nonce":"n","user_info":{"name":"Ada"}},
            "proof_key":"AAAA","lease":{"holder":"h","until":1800000015}}"#;
        let record: Record = serde_json::from_str(kept).ok().unwrap();
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), json(kept));
    }
}
