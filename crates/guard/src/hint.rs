//! What a refused token looks like, and the sentence for the log that helps whoever set the guard up. Nothing is decided here.

use safeconduct_protocol::encoding;
use safeconduct_protocol::jose::Algorithm;
use serde_json::{Map, Value};

use crate::denied::text_of;
use crate::dialect::Origin;
use crate::profile::Profile;
use crate::reason::Reason;
use crate::trusted::{TrustedIssuers, differ_by_slash};

/// The most profiles that one hint names.
const MOST_NAMED: usize = 3;

/// Header and claims of a token, of which nothing is proven.
pub(crate) struct Seen {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Seen {
    pub(crate) fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(read_object);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            header: next(),
            claims: next(),
        }
    }

    /// A member of the header, to tell what is wrong with it.
    pub(crate) fn header(&self, name: &str) -> String {
        self.header
            .get(name)
            .map_or_else(|| "none".to_owned(), text_of)
    }

    /// A claim, to tell what is wrong with it.
    pub(crate) fn claim(&self, name: &str) -> String {
        self.claims
            .get(name)
            .map_or_else(|| "none".to_owned(), text_of)
    }
}

/// Whom a token was refused by.
pub(crate) struct Context<'a> {
    pub(crate) issuers: &'a TrustedIssuers,
    pub(crate) audiences: &'a [String],
    /// Whether the issuer is asked about tokens.
    pub(crate) introspects: bool,
}

impl Context<'_> {
    /// What may help against the refusal of `token` for `reason`.
    pub(crate) fn hint(&self, token: &str, reason: Reason) -> Option<String> {
        let profile = self.issuers.first().dialect.profile;
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        match reason {
            Reason::Malformed if dots == 4 => Some(
                "the token has five parts: it is encrypted. An issuer that is not told for which API (Auth0: `audience`) issues those for itself".to_owned(),
            ),
            Reason::Malformed if dots == 0 && !self.introspects => Some(
                "the token is opaque: only its issuer knows what it is worth (`.introspection(…)`), unless it is told to issue JWTs".to_owned(),
            ),
            Reason::NotActive if profile == Profile::Keycloak => Some(
                "Keycloak says so of every token whose `aud` does not hold the client that asks: add an audience mapper".to_owned(),
            ),
            Reason::Malformed | Reason::NotActive | Reason::TooLong => None,
            _ => self.of_jwt(&Seen::of(token), reason),
        }
    }

    fn of_jwt(&self, seen: &Seen, reason: Reason) -> Option<String> {
        let profile = self.issuers.first().dialect.profile;
        let typ = seen.header("typ");
        if typ.to_ascii_lowercase().contains("okta-internal") {
            return Some("the token is for Okta's own APIs: use a custom authorization server, or introspection".to_owned());
        }
        if seen.header.contains_key("nonce") {
            return Some("the token is for Microsoft Graph, which alone can verify it: have the client ask for a scope of this API".to_owned());
        }
        match reason {
            Reason::WrongIssuer => {
                let iss = seen.claim("iss");
                differ_by_slash(self.issuers.nearest(&iss), &iss)
                    .then(|| "the issuers differ by the last slash".to_owned())
            }
            Reason::AlgorithmNotAllowed => {
                let alg = seen.header("alg");
                let mut foreign = Algorithm::FOREIGN.into_iter();
                let named = foreign.find(|algorithm| algorithm.name() == alg);
                named.map(|algorithm| {
                    format!("`.accept_algorithms([Algorithm::{algorithm:?}])` accepts it")
                })
            }
            Reason::WrongAudience if differ_by_slash(&self.audiences[0], &seen.claim("aud")) => {
                Some("the audiences differ by the last slash".to_owned())
            }
            Reason::WrongAudience if profile == Profile::Keycloak => {
                Some("Keycloak puts an API into `aud` by an audience mapper".to_owned())
            }
            Reason::WrongAudience if profile == Profile::Zitadel => Some(
                "ZITADEL puts a project into `aud` by the scope `urn:zitadel:iam:org:project:id:ID:aud`".to_owned(),
            ),
            Reason::WrongType | Reason::MalformedClaims | Reason::WrongAudience => {
                self.profiles(seen, reason)
            }
            _ => None,
        }
    }

    /// The profiles by which the token has the form of an access token. For a wrong audience only those that know none.
    fn profiles(&self, seen: &Seen, reason: Reason) -> Option<String> {
        let ours = self.issuers.first().dialect.profile;
        if ours == Profile::Keycloak && !seen.claims.contains_key("sub") {
            return Some("Keycloak writes `sub` for clients with the scope `basic`".to_owned());
        }
        if !self.issuers.contains(&seen.claim("iss")) {
            return None;
        }
        let has_no_audience = !seen.claims.contains_key("aud");
        let fits = |profile: &Profile| {
            *profile != ours
                && profile.has_no_audience() == has_no_audience
                && (has_no_audience || reason != Reason::WrongAudience)
                && self.has_form(*profile, seen)
        };
        let named = Profile::ALL.into_iter().filter(fits).take(MOST_NAMED);
        let named: Vec<String> = named
            .map(|profile| format!("Profile::{profile:?}"))
            .collect();
        (!named.is_empty()).then(|| format!("the token has the form of {}", named.join(", ")))
    }

    fn has_form(&self, profile: Profile, seen: &Seen) -> bool {
        let dialect = profile.dialect(self.audiences);
        let typ = seen.header.get("typ").map(text_of);
        let is_typ = match typ {
            None => dialect.type_may_be_absent,
            Some(typ) => dialect
                .types
                .iter()
                .any(|accepted| accepted.eq_ignore_ascii_case(&typ)),
        };
        is_typ
            && seen.claims.contains_key("sub")
            && dialect.check(&seen.claims, Origin::Token).is_ok()
            && dialect.client(&seen.claims, Origin::Token).is_ok()
            && dialect.scope(&seen.claims, Origin::Token).is_ok()
    }
}

fn read_object(part: &str) -> Map<String, Value> {
    let bytes = encoding::decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
