//! Why a guard cannot be set up, each with the sentence that mends it.

use std::time::Duration;

use safeconduct_issuer::AddressError;

use crate::profile::Profile;

/// Why a guard cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The issuer cannot be trusted.
    #[error("the issuer {0:?} {1}")]
    Issuer(String, AddressError),
    /// The audience is no identifier of an API.
    #[error("the audience {0:?} {1}")]
    Audience(String, AddressError),
    /// The URL that clients reach the API at is none.
    #[error("the base URL {0:?} {1}")]
    BaseUrl(String, AddressError),
    /// No text names the API, or an empty one.
    #[error(
        "`.audiences(…)` needs one text at least, and no empty one: a token without an audience is for nobody"
    )]
    Audiences,
    /// Tokens of this profile name no API, and nothing says who may send them.
    #[error(
        "tokens of Profile::{0:?} carry no `aud`: list the clients (Clerk: the origins) that may send them, `.clients_in_place_of_audience([…])`"
    )]
    ClientsMissing(Profile),
    /// A list of clients is given for tokens that name their API.
    #[error(
        "tokens of Profile::{0:?} carry an `aud`, which a list of clients does not replace: leave `.clients_in_place_of_audience(…)` out"
    )]
    ClientsNotNeeded(Profile),
    /// Another type of token is accepted, and nothing tells an access token from an ID Token.
    #[error(
        "with `.accept_typ(…)` or `.accept_no_typ()` an ID Token passes for an access token: say what only an access token of this issuer has, `.require_claim(…)` or `.refuse_claim(…)`, or choose a profile"
    )]
    NoProof,
    /// A claim's place without a name.
    #[error("`{0}` needs the name of a claim, and for one inside others all their names")]
    ClaimPath(&'static str),
    /// A time that is longer than is safe.
    #[error("`.expiry_leeway({0:?})` is longer than 300 seconds: set the clocks right instead")]
    ExpiryLeeway(Duration),
    /// What should name a tenant does not.
    #[error(
        "{0:?} names no tenant: the issuer of Entra ID is that of one tenant, by its id; for several there is `Guard::of_tenants`, whose template has `{{tid}}` in it and whose tenants are ids"
    )]
    Tenant(String),
    /// Two issuers of one name.
    #[error("the issuer {0:?} is there twice")]
    IssuerTwice(String),
    /// Introspection by issuers that answer none.
    #[error(
        "issuers of Profile::{0:?} answer no introspection: leave `.introspection(…)` out, and have its tokens live for minutes"
    )]
    NotIntrospected(Profile),
    /// Introspection alone, of which nothing tells an access token from another token.
    #[error(
        "what issuers of Profile::{0:?} answer to introspection does not say whether a token is an access token: have tokens read here as well, `.introspection(…)`"
    )]
    KindNotIntrospected(Profile),
    /// Introspection where there are several issuers.
    #[error(
        "one client cannot ask several issuers about tokens: make a guard for each, and join them with `first.layer().or(&second)`"
    )]
    SeveralIntrospected,
    /// Revocations where several texts name the API.
    #[error(
        "revocations are told for one API by one name: with `.revocations(…)`, `.audiences(…)` takes one text; make a guard for each, and join them with `first.layer().or(&second)`"
    )]
    SeveralAudiencesFollowed,
}
