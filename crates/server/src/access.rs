//! An access token as a request presents it: read from the header or a form (RFC 6750 §2), and proven to be the sender's where it is bound
//! to a key (RFC 9449 §7.1). What it is good for is the endpoint's question.

use http::{HeaderMap, header};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
    token::AccessToken,
};

use crate::{dpop, fault::Failure, server::Exchange};

/// An access token as it was presented.
pub(crate) struct Presented {
    pub(crate) token: String,
    /// Under the `DPoP` scheme (RFC 9449 §7.1).
    dpop: bool,
}

impl Presented {
    /// Reads the one token of a request (RFC 6750 §2): in the header, or in a form. In the URL it is never read.
    ///
    /// # Errors
    /// `access-token-missing`, `access-token-repeated`.
    pub(crate) fn read(headers: &HeaderMap, form: Option<&Parameters>) -> Result<Self, Refusal> {
        let in_form = match form {
            Some(parameters) => parameters.one("access_token")?,
            None => None,
        };
        let mut in_headers = headers.get_all(header::AUTHORIZATION).iter();
        match (in_headers.next(), in_headers.next(), in_form) {
            (None, _, None) => Err(Reason::AccessTokenMissing.into()),
            (None, _, Some(token)) => Ok(Self {
                token: token.to_owned(),
                dpop: false,
            }),
            (Some(header), None, None) => {
                let text = header.to_str().unwrap_or_default();
                let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
                let dpop = scheme.eq_ignore_ascii_case("DPoP");
                if !dpop && !scheme.eq_ignore_ascii_case("Bearer") {
                    return Err(Reason::AccessTokenMissing.into());
                }
                let token = token.trim_start_matches(' ').to_owned();
                Ok(Self { token, dpop })
            }
            _ => Err(Reason::AccessTokenRepeated.into()),
        }
    }

    /// A token that is bound to a key needs a fresh proof of it, for this method and `url`; one that is not must not come as if it were
    /// (RFC 9449 §7.1). Only a request with a good proof of the key of `token` writes: that it was used.
    ///
    /// # Errors
    /// `access-token-refused`, `dpop-proof-missing`, `dpop-proof-refused`, `dpop-proof-replayed`; the database's.
    pub(crate) async fn prove_binding(
        &self,
        exchange: &Exchange<'_>,
        (method, url): (&str, &str),
        headers: &HeaderMap,
        token: &AccessToken,
    ) -> Result<(), Failure> {
        let bound = match (&token.cnf, self.dpop) {
            (None, false) => return Ok(()),
            (None, true) => return Err(refused("a bearer token under the DPoP scheme").into()),
            (Some(_), false) => return Err(refused("a bound token as a bearer token").into()),
            (Some(confirmation), true) => &confirmation.jkt,
        };
        let text = Some(self.token.as_str());
        let key = dpop::proven_key_at(exchange, headers, (method, url), text)?
            .ok_or(Reason::DpopProofMissing)?;
        if key.thumbprint() != bound {
            return Err(Refusal::new(Reason::DpopProofRefused)
                .because("the proof is of another key than the token's")
                .into());
        }
        let used = std::slice::from_ref(key.used());
        exchange.server.store().use_ids(used, exchange.now).await?;
        Ok(())
    }
}

/// The access token is not good, for a reason that is for the log.
pub(crate) fn refused(detail: &str) -> Refusal {
    Refusal::new(Reason::AccessTokenRefused).because(detail)
}
