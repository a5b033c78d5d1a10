//! The `sub` by which a client knows a user (OpenID Connect Core §8), and the `sid` by which it knows their session: the same
//! everywhere, or another one in each sector, so that clients of different sectors can't tell that they serve the same user.

use zeroize::Zeroizing;

use crate::{
    client::{Client, SubjectType},
    encoding,
    ids::{SessionId, UserId},
};

/// Gives every user their `sub`, and every session its `sid`. They depend on nothing but the user or session, the sector and
/// one key, so they are stable for as long as that key is kept.
pub struct Subjects(Zeroizing<[u8; 32]>);

impl Subjects {
    /// With the key that pairwise subjects and sessions are made with.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The `sub` of `user` for `client`. A pairwise one begins like a user's, which no client id does: neither can be taken for
    /// the other (RFC 9700 §4.15).
    pub fn subject(&self, client: &Client, user: &UserId) -> String {
        match client.openid.subject_type {
            SubjectType::Public => user.as_str().to_owned(),
            SubjectType::Pairwise => {
                let hash = self.hash("pairwise", client, user.as_str());
                format!("u-{}", encoding::encode(&hash))
            }
        }
    }

    /// The `sid` of `session` for `client` (Back-Channel Logout §2.1). Where subjects are pairwise it is as well: one session is
    /// one user, and a `sid` for all clients would tell what the subjects hide.
    pub fn session(&self, client: &Client, session: &SessionId) -> SessionId {
        match client.openid.subject_type {
            SubjectType::Public => session.clone(),
            SubjectType::Pairwise => {
                let hash = self.hash("pairwise-session", client, session.as_str());
                SessionId::parse(&encoding::encode(&hash[..16]))
                    .expect("16 bytes in base64url name a session")
            }
        }
    }

    fn hash(&self, what: &str, client: &Client, name: &str) -> [u8; 32] {
        let message = format!("{what}\n{}\n{name}", client.sector());
        encoding::hmac_sha256(self.0.as_slice(), message.as_bytes())
    }
}
