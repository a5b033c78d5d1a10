//! The `sub` by which a client knows a person (OpenID Connect Core §8): the same everywhere, or another one in each sector, so
//! that clients of different sectors can't tell that they serve the same person.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{client::Client, encoding, ids::UserId};

/// Which `sub` a client is given (OpenID Connect Core §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same for every client.
    #[default]
    Public,
    /// One for each sector.
    Pairwise,
}

impl SubjectType {
    /// Both, as advertised.
    pub const ALL: [SubjectType; 2] = [Self::Public, Self::Pairwise];

    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Pairwise => "pairwise",
        }
    }
}

/// Gives every person their `sub`. It depends on nothing but the person, the sector and one key, so it is stable for as long as
/// that key is kept.
pub struct Subjects(Zeroizing<[u8; 32]>);

impl Subjects {
    /// With the key that pairwise subjects are made with.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The `sub` of `user` for `client`. A pairwise one begins like a user's, which no client id does: neither can be taken for
    /// the other (RFC 9700 §4.15).
    pub fn subject(&self, client: &Client, user: &UserId) -> String {
        let sector = match client.openid.subject_type {
            SubjectType::Public => return user.as_str().to_owned(),
            SubjectType::Pairwise => client.sector(),
        };
        let message = format!("pairwise\n{sector}\n{user}");
        let hash = encoding::hmac_sha256(self.0.as_slice(), message.as_bytes());
        format!("u-{}", encoding::encode(&hash))
    }
}
