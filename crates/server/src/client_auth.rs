//! Client authentication. [`AuthenticatedClient`] is made here and nowhere else, so that nothing that asks for one can forget the check.

use http::HeaderMap;
use safeconduct_protocol::{
    client::Client,
    client_authentication::{Credentials, PresentedClient, judge_assertion},
    encoding,
    error::{Reason, Refusal},
    ids::ClientId,
    parameters::Parameters,
    secret::Secret,
    sent::Sent,
    single_use::UsedId,
};
use safeconduct_store::HashedSecret;

use crate::{
    catalog::{KnownClient, KnownSecret},
    correlation,
    dpop::ProvenKey,
    fault::Failure,
    form,
    server::Exchange,
};

/// What the log says of a secret with `+` or `%` that the client sent as it is.
const NOT_ENCODED: &str = "the right secret, but not form-encoded (RFC 6749 §2.3.1): let the client encode it, or give it a secret without + and %";

/// Proof that a client showed the credentials it is registered with. A public client showed its id.
pub(crate) struct AuthenticatedClient {
    known: KnownClient,
    assertion: Option<UsedId>,
    /// Its secret's hash, where that was made with a key that hashes no more, and what it is with the one that does.
    rehashed: Option<([u8; 32], HashedSecret)>,
    /// The id of its secret, where the use of it is to be written down.
    used_secret: Option<String>,
}

/// A secret that a client has presented, and that is one of its own.
struct RightSecret<'a> {
    known: &'a KnownSecret,
    /// Its hash as it is kept and as it is to be, where it was made with another key than the one that hashes now.
    rehashed: Option<([u8; 32], HashedSecret)>,
}

impl AuthenticatedClient {
    /// Its registration.
    pub(crate) fn client(&self) -> &Client {
        &self.known.client
    }

    /// Its epoch, for tokens of its own.
    pub(crate) fn epoch(&self) -> i64 {
        self.known.epoch
    }

    /// What this request uses up, to be written in the unit of what it changes: the client's assertion, and the proof of a key.
    pub(crate) fn used(&self, key: Option<&ProvenKey>) -> Vec<UsedId> {
        let proof = key.map(|key| key.used().clone());
        self.assertion.iter().cloned().chain(proof).collect()
    }

    /// Refuses a client without credentials.
    ///
    /// # Errors
    /// `introspection-without-credentials` for a public client.
    pub(crate) fn confidential(self) -> Result<Self, Refusal> {
        if self.client().is_public() {
            Err(Reason::IntrospectionWithoutCredentials.into())
        } else {
            Ok(self)
        }
    }
}

/// Writes down what a request used up that changes nothing else.
///
/// # Errors
/// The refusal of what was used before.
pub(crate) async fn use_up(
    exchange: &Exchange<'_>,
    client: &AuthenticatedClient,
    key: Option<&ProvenKey>,
) -> Result<(), Failure> {
    let used = client.used(key);
    if used.is_empty() {
        return Ok(());
    }
    let store = exchange.server.store();
    Ok(store.use_ids(&used, exchange.now).await?)
}

/// Authenticates the client of a back-channel request (RFC 6749 §3.2.1). A secret that is hashed with a retired key is hashed anew:
/// only now is it known again.
///
/// # Errors
/// Those of client authentication.
pub(crate) async fn authenticate(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<AuthenticatedClient, Refusal> {
    let authenticated = judge(exchange, headers, parameters)?;
    if let Some(secret) = &authenticated.used_secret {
        // Failing to is no reason to turn the client away; an hour later it is tried again.
        if let Err(error) = exchange
            .server
            .store()
            .client_secret_used(secret, exchange.now)
            .await
        {
            tracing::warn!(%error, "the use of a client secret could not be written down");
        }
    }
    if let Some((old, new)) = &authenticated.rehashed {
        let id = &authenticated.client().id;
        let store = exchange.store_of_client(id);
        // Failing to is no reason to turn the client away; the next request tries again.
        if let Err(error) = store
            .rehash_client_secret(id, old, *new, exchange.now)
            .await
        {
            tracing::warn!(%error, "a client secret could not be hashed anew");
        }
    }
    Ok(authenticated)
}

/// Unknown, disabled and wrong look the same; where it is a secret that is presented, in the same time too.
fn judge(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<AuthenticatedClient, Refusal> {
    let presented = PresentedClient::read(form::authorization(headers)?, parameters)?;
    let known = exchange
        .catalog
        .client(&presented.id)
        .filter(|known| known.enabled);
    // What is unknown may be a secret in the wrong place.
    if let Some(known) = known {
        correlation::is_of_client(&known.client.id);
    }
    let (right_secret, right_unencoded) = match &presented.credentials {
        Credentials::Basic(secret) | Credentials::Post(secret) => (
            matching(exchange, secret.decoded(), known),
            // For the log alone.
            secret
                .unencoded()
                .is_some_and(|unencoded| matching(exchange, unencoded, known).is_some()),
        ),
        Credentials::Assertion(_) | Credentials::None => (None, false),
    };
    // An assertion is answered by what assertions are told, whatever is wrong: another sentence would say that there is a client.
    let said_of = |other| match presented.credentials {
        Credentials::Assertion(_) => Reason::ClientAssertionRefused,
        _ => other,
    };
    let Some(known) = known else {
        let reason = said_of(Reason::ClientAuthenticationFailed);
        return Err(Refusal::new(reason).because(nobody(&presented.id)));
    };
    let registered = known.client.authentication;
    let used = presented.credentials.method();
    if used != registered {
        let reason = said_of(Reason::ClientAuthenticationMethod);
        return Err(Refusal::new(reason).because(format!(
            "registered: {}, used: {}",
            registered.as_str(),
            used.as_str()
        )));
    }
    let assertion = match &presented.credentials {
        Credentials::Basic(_) | Credentials::Post(_) if right_secret.is_none() => {
            let detail = if right_unencoded {
                NOT_ENCODED
            } else {
                "wrong secret"
            };
            return Err(Refusal::new(Reason::ClientAuthenticationFailed).because(detail));
        }
        Credentials::Assertion(assertion) => {
            let issuer = &exchange.server.settings().issuer;
            Some(judge_assertion(
                assertion,
                &known.client,
                &known.assertion_keys,
                issuer,
                exchange.now,
            )?)
        }
        Credentials::Basic(_) | Credentials::Post(_) | Credentials::None => None,
    };
    Ok(AuthenticatedClient {
        known: known.clone(),
        assertion,
        used_secret: right_secret
            .as_ref()
            .filter(|right| right.known.is_to_be_noted(exchange.now))
            .map(|right| right.known.kept.id.clone()),
        rehashed: right_secret.and_then(|right| right.rehashed),
    })
}

/// The beginning tells an operator which client was meant; the whole could be a secret that was sent in the place of the id.
fn nobody(id: &ClientId) -> String {
    format!("{} is unknown or disabled", Sent(id.as_str()))
}

/// The one of the client's secrets that was presented.
fn matching<'k>(
    exchange: &Exchange<'_>,
    secret: &Secret,
    known: Option<&'k KnownClient>,
) -> Option<RightSecret<'k>> {
    let hashes = exchange.catalog.keys.hashes_of_client_secret(secret);
    let active = *hashes.first()?;
    let mut right = None;
    for kept in known
        .into_iter()
        .flat_map(|known| known.secrets(exchange.now))
    {
        for presented in &hashes {
            let hash = kept.kept.hash;
            if encoding::constant_time_eq(&hash, &presented.hash) {
                right = Some(RightSecret {
                    known: kept,
                    rehashed: (presented.key != active.key).then_some((hash, active)),
                });
            }
        }
    }
    right
}
