//! `/userinfo` (OpenID Connect Core §5.3): what a client may know about the person who signed in, for its access token.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, Method, header};
use safeconduct_protocol::{
    error::{Reason, Refusal},
    parameters::Parameters,
    scope::OPENID,
    token::AccessToken,
};
use serde_json::{Map, Value};

use crate::{
    dpop,
    fault::Failure,
    form::PostedForm,
    origin::Origin,
    presented_token::{read_access_token, says_what_was_granted},
    respond,
    server::{Exchange, Server},
};

/// `GET /userinfo`, with the token in the header.
pub(crate) async fn get(State(server): State<Server>, request: Request) -> Response {
    let from = (Origin::of(request.extensions()), request.headers());
    let answer = answer(&server, &Method::GET, from, None).await;
    respond(&server, answer).await
}

/// `POST /userinfo`, with the token in the header or in a form (RFC 6750 §2.2).
pub(crate) async fn post(State(server): State<Server>, form: PostedForm) -> Response {
    let parameters = form.parameters_if_any();
    let answer = match &parameters {
        Ok(parameters) => {
            let from = (form.origin(), form.headers());
            answer(&server, &Method::POST, from, parameters.as_ref()).await
        }
        Err(refusal) => Err(refusal.clone().into()),
    };
    respond(&server, answer).await
}

async fn respond(server: &Server, answer: Result<Map<String, Value>, Failure>) -> Response {
    let response = match answer {
        Ok(claims) => respond::json(&claims),
        Err(failure) => respond::bearer_refusal(failure),
    };
    dpop::with_nonce(server, response).await
}

async fn answer(
    server: &Server,
    method: &Method,
    (origin, headers): (Origin, &HeaderMap),
    form: Option<&Parameters>,
) -> Result<Map<String, Value>, Failure> {
    let exchange = Exchange::begin(server, Some(origin)).await?;
    let bearer = Bearer::read(headers, form)?;
    let token = read_access_token(&exchange, &bearer.token)
        .filter(|token| token.aud.contains(exchange.issuer()))
        .ok_or_else(|| refused("not an access token for this server"))?;
    prove_binding(&exchange, method, headers, &bearer, &token).await?;

    let client_id = &token.client_id;
    let grant = token.grant_id.ok_or_else(|| {
        refused(&format!(
            "a token of the client {client_id} itself: no user signed in for it"
        ))
    })?;
    let view = exchange
        .server
        .store()
        .userinfo(grant, &token.jti, token.era, exchange.now)
        .await?
        .ok_or_else(|| refused("the grant or the token has ended"))?;
    says_what_was_granted(&exchange, &token, &view.grant)?;
    let known = exchange.catalog.client(&token.client_id);
    let client = known
        .filter(|known| known.enabled)
        .map(|known| &known.client)
        .ok_or_else(|| refused(&format!("the client {client_id} is disabled or deleted")))?;
    let scope = token.scope.intersection(&client.scopes);
    if !scope.contains(OPENID) {
        return Err(Reason::ScopeInsufficient.into());
    }
    let names = view.grant.claims.for_userinfo(&scope, &client.scopes);
    let person = view.claims.of_account(&view.username, view.updated_at);
    let mut claims = person.select(&names);
    let subject = exchange.catalog.keys.subjects().subject(client, &view.user);
    claims.insert("sub".to_owned(), subject.into());
    Ok(claims)
}

/// A token that is bound to a key needs a fresh proof of it; one that is not must not come as if it were (RFC 9449 §7.1).
async fn prove_binding(
    exchange: &Exchange<'_>,
    method: &Method,
    headers: &HeaderMap,
    bearer: &Bearer,
    token: &AccessToken,
) -> Result<(), Failure> {
    let bound = match (&token.cnf, bearer.dpop) {
        (None, false) => return Ok(()),
        (None, true) => return Err(refused("a bearer token under the DPoP scheme").into()),
        (Some(_), false) => return Err(refused("a bound token as a bearer token").into()),
        (Some(confirmation), true) => &confirmation.jkt,
    };
    let text = Some(bearer.token.as_str());
    let key = dpop::proven_key(exchange, headers, method.as_str(), "/userinfo", text)?
        .ok_or(Reason::DpopProofMissing)?;
    if key.thumbprint() != bound {
        return Err(Refusal::new(Reason::DpopProofRefused)
            .because("the proof is of another key than the token's")
            .into());
    }
    // Only a request with a good token and a good proof of its key writes.
    let used = std::slice::from_ref(key.used());
    exchange.server.store().use_ids(used, exchange.now).await?;
    Ok(())
}

fn refused(detail: &str) -> Refusal {
    Refusal::new(Reason::AccessTokenRefused).because(detail)
}

/// An access token as it was presented.
struct Bearer {
    token: String,
    /// Under the `DPoP` scheme (RFC 9449 §7.1).
    dpop: bool,
}

impl Bearer {
    /// Reads the one token of a request (RFC 6750 §2): in the header, or in a form. In the URL it is never read.
    fn read(headers: &HeaderMap, form: Option<&Parameters>) -> Result<Self, Refusal> {
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
}
