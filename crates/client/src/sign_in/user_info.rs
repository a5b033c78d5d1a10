//! Userinfo (OpenID Connect Core §5.3): asked once, at sign-in, with the access token that was just given, and believed only
//! about the user of the ID Token.

use http::{Method, StatusCode};
use safeconduct_issuer::{Answer, is_busy};
use safeconduct_protocol::claims;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::config::UserInfo;
use crate::error::{Error, ErrorKind};
use crate::issuer::metadata::Metadata;
use crate::tokens::proof::wants_nonce;
use crate::tokens::proof_key::StoredKey;
use crate::tokens::response::Tokens;

impl Client {
    /// What the issuer says of the user `sub`, whose tokens these are.
    ///
    /// # Errors
    /// [`ErrorKind::UserInfo`] if the answer is no userinfo, or is about another user; where it is demanded, whatever kept it
    /// away too.
    pub(crate) async fn user_info(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        key: Option<&StoredKey>,
        sub: &str,
    ) -> Result<Map<String, Value>, Error> {
        let promising = || {
            let mut with_claims = claims::SCOPES.iter();
            with_claims.any(|(scope, _)| tokens.scope.contains(scope))
        };
        let asked = match self.config().user_info {
            UserInfo::Never => return Ok(Map::new()),
            UserInfo::WhereUseful if metadata.userinfo_endpoint.is_none() || !promising() => {
                return Ok(Map::new());
            }
            UserInfo::WhereUseful | UserInfo::Always => {
                self.ask_user_info(metadata, tokens, key).await
            }
        };
        match asked {
            Ok(answer) => believe(&answer, sub),
            Err(error) if self.config().user_info == UserInfo::WhereUseful => {
                tracing::warn!(%error, "signed in without userinfo");
                Ok(Map::new())
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_user_info(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        key: Option<&StoredKey>,
    ) -> Result<Answer, Error> {
        let url = metadata.userinfo_endpoint.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::IssuerMetadata,
                "the metadata names no userinfo_endpoint",
            )
        })?;
        let ask = async || {
            let headers = self.show(&tokens.access_token, key, &Method::GET, url)?;
            let answer = self.endpoint_answered(self.http().get(url, headers).await)?;
            self.nonces().learn(url, &answer.headers);
            Ok::<_, Error>(answer)
        };
        let mut answer = ask().await?;
        if key.is_some() && wants_nonce(&answer) {
            answer = ask().await?;
        }
        let kind = match answer.status {
            StatusCode::OK => return Ok(answer),
            status if is_busy(status) => ErrorKind::IssuerBusy,
            _ => ErrorKind::UserInfo,
        };
        let detail = format!("the userinfo endpoint answered {}", answer.status);
        Err(Error::new(kind, detail))
    }
}

/// The claims in `answer`, if it is about the user `sub` (§5.3.2, §5.3.4).
fn believe(answer: &Answer, sub: &str) -> Result<Map<String, Value>, Error> {
    let unusable = |why: &str| Error::new(ErrorKind::UserInfo, why);
    if !answer.is_json() {
        return Err(unusable("userinfo is not application/json"));
    }
    let claims: Map<String, Value> = serde_json::from_slice(&answer.body)
        .map_err(|_| unusable("userinfo is not a JSON object"))?;
    match claims.get("sub").and_then(Value::as_str) {
        Some(about) if about == sub => Ok(claims),
        Some(_) => Err(unusable("userinfo is about another sub than the ID Token")),
        None => Err(unusable("userinfo has no sub")),
    }
}
