//! How a fake issuer answers: every endpoint, proper or with the fault whose turn it is.

use std::sync::Arc;

use ::axum::extract::{RawForm, RawQuery, State};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use ::axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use safeconduct_protocol::dpop::Presented;
use safeconduct_protocol::id_token::ID_TOKEN_TYP;
use safeconduct_protocol::jose::{Algorithm, Audience, Expectation, Typ, verify};
use serde_json::{Value, json};
use url::Url;

use super::fault::{Endpoint, Fault, broken_off};
use super::issuer::{FakeIssuer, Inside, Pairs, lock, value};
use super::proofs::Unproven;
use super::tokens::AuthenticatedRequest;

pub(super) fn router(inside: Arc<Inside>) -> Router {
    let metadata = || get(serve_metadata);
    Router::new()
        .route("/.well-known/oauth-authorization-server", metadata())
        .route("/.well-known/openid-configuration", metadata())
        .route("/jwks", get(serve_keys))
        .route("/par", post(serve_pushing))
        .route("/authorize", get(serve_authorize))
        .route("/token", post(serve_token))
        .route("/userinfo", get(serve_user_info))
        .route("/revoke", post(serve_revoke))
        .route("/logout", get(serve_end_session))
        .with_state(inside)
}

/// What the issuer says about itself at first.
pub(super) fn metadata(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "revocation_endpoint": format!("{url}/revoke"),
        "end_session_endpoint": format!("{url}/logout"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    })
}

async fn serve_metadata(State(inside): State<Arc<Inside>>) -> Response {
    inside.counts.send_modify(|counts| counts.metadata += 1);
    if let Some(fault) = inside.fault(Endpoint::Metadata)
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let fresh = [(header::CACHE_CONTROL, "max-age=3600")];
    (fresh, Json(lock(&inside.metadata).clone())).into_response()
}

async fn serve_keys(State(inside): State<Arc<Inside>>) -> Response {
    inside.counts.send_modify(|counts| counts.keys += 1);
    if let Some(fault) = inside.fault(Endpoint::Keys)
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let fresh = [(header::CACHE_CONTROL, "max-age=3600")];
    (fresh, Json(lock(&inside.keys).published())).into_response()
}

async fn serve_pushing(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    inside.counts.send_modify(|counts| counts.pushed += 1);
    if let Some(fault) = inside.fault(Endpoint::Pushing)
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let sent = pairs(&form);
    let jkt = match known(&inside, &headers, &sent, "/par") {
        Ok(jkt) => jkt,
        Err(refusal) => return *refusal,
    };
    let asked = AuthenticatedRequest {
        sent: &sent,
        jkt,
        fault: None,
    };
    match lock(&inside.tokens).push(&asked) {
        Ok(request_uri) => {
            let body = json!({ "request_uri": request_uri, "expires_in": 60 });
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Err(error) => refusal(error),
    }
}

async fn serve_authorize(State(inside): State<Arc<Inside>>, RawQuery(query): RawQuery) -> Response {
    authorize(&inside, &query.unwrap_or_default())
}

/// Approves the authorization request in `query`.
pub(super) fn authorize(inside: &Inside, query: &str) -> Response {
    let sent = lock(&inside.tokens).parameters(pairs(query.as_bytes()));
    let fault = inside.fault(Endpoint::Authorization);
    let signed_in = {
        let mut signed_in = lock(&inside.signed_in);
        if let Some(sent) = sent.as_ref().filter(|_| lock(&inside.tokens).steps_up) {
            signed_in.step_up(sent, inside.clock.now());
        }
        signed_in.clone()
    };
    let approved =
        sent.and_then(|sent| Some((lock(&inside.tokens).authorize(&sent, &signed_in)?, sent)));
    let Some(((mut back, code), sent)) = approved else {
        return (StatusCode::BAD_REQUEST, "not a request this issuer takes").into_response();
    };
    let state = match fault {
        Some(Fault::WrongState) => "another.state",
        _ => value(&sent, "state"),
    };
    let mut answer = back.query_pairs_mut();
    match fault {
        Some(Fault::Denies(error)) => answer.append_pair("error", error),
        _ => answer.append_pair("code", &code),
    };
    answer.append_pair("state", state);
    match fault {
        Some(Fault::NoIssuer) => {}
        Some(Fault::WrongIssuer) => {
            answer.append_pair("iss", "https://evil.example");
        }
        _ => {
            answer.append_pair("iss", &inside.url);
        }
    }
    drop(answer);
    redirect(&back)
}

async fn serve_token(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    inside.counts.send_modify(|counts| counts.tokens += 1);
    let mut gate = inside.gate.subscribe();
    // The sender is in this very issuer: the wait ends when the gate opens.
    let _ = gate.wait_for(|open| *open).await;
    let sent = pairs(&form);
    let jkt = match known(&inside, &headers, &sent, "/token") {
        Ok(jkt) => jkt,
        Err(refusal) => return *refusal,
    };
    let fault = inside.fault(Endpoint::Token);
    if let Some(fault) = fault
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let asked = AuthenticatedRequest {
        sent: &sent,
        jkt,
        fault,
    };
    let granted = lock(&inside.tokens).redeem(&lock(&inside.keys), &asked);
    let answer = granted.map_or_else(refusal, |body| Json(body).into_response());
    match fault {
        Some(Fault::LosesAnswer) => broken_off(answer),
        _ => answer,
    }
}

async fn serve_user_info(State(inside): State<Arc<Inside>>, headers: HeaderMap) -> Response {
    inside.counts.send_modify(|counts| counts.user_info += 1);
    let shown = headers.get(header::AUTHORIZATION);
    let shown = shown.and_then(|shown| shown.to_str().ok()?.split_once(' '));
    let token = shown.map(|(_, token)| token);
    let jkt = match prove(&inside, &headers, "GET", "/userinfo", token) {
        Ok(jkt) => jkt,
        Err(unproven) => return refusal_of(&unproven, StatusCode::UNAUTHORIZED),
    };
    let fault = inside.fault(Endpoint::UserInfo);
    if let Some(fault) = fault
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let about = lock(&inside.tokens).reads_user_info(&lock(&inside.keys), &headers, jkt.as_deref());
    match about {
        Some((user, scope)) => Json(user_info(&inside, &user, &scope, fault)).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// What userinfo tells of `user` within `scope`.
fn user_info(inside: &Inside, user: &str, scope: &str, fault: Option<Fault>) -> Value {
    let asked = |name: &str| scope.split(' ').any(|scope| scope == name);
    let mut claims = json!({ "sub": user });
    if asked("profile") {
        claims["name"] = user.into();
        claims["preferred_username"] = user.into();
    }
    if asked("email") {
        claims["email"] = format!("{user}@example.com").into();
        claims["email_verified"] = true.into();
    }
    let more = lock(&inside.claims).get(user).cloned();
    if let (Some(claims), Some(Value::Object(more))) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    match fault {
        Some(Fault::UserInfoOfAnother) => claims["sub"] = "mallory".into(),
        Some(Fault::UserInfoWithoutSubject) => claims["sub"] = Value::Null,
        _ => {}
    }
    claims
}

async fn serve_revoke(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    if let Some(fault) = inside.fault(Endpoint::Revocation)
        && let Some(answer) = fault.answer().await
    {
        return answer;
    }
    let status = match lock(&inside.tokens).revoke(&headers, &pairs(&form)) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    status.into_response()
}

async fn serve_end_session(
    State(inside): State<Arc<Inside>>,
    RawQuery(query): RawQuery,
) -> Response {
    match end_session(&inside, &query.unwrap_or_default()) {
        Some(back) => redirect(&back),
        None => (StatusCode::BAD_REQUEST, "not a sign-out this issuer takes").into_response(),
    }
}

/// Signs out whom the hint in `query` names, and says where the browser goes.
pub(super) fn end_session(inside: &Inside, query: &str) -> Option<Url> {
    let sent = pairs(query.as_bytes());
    let expectation = Expectation::new(
        Typ::OneOf(&[ID_TOKEN_TYP]),
        &Algorithm::ALL,
        &inside.url,
        Audience::Only(FakeIssuer::CLIENT_ID),
    )
    .even_if_expired();
    let keys = lock(&inside.keys).verification_keys();
    let hint = verify(
        value(&sent, "id_token_hint"),
        &expectation,
        &keys,
        inside.clock.now(),
    )
    .ok()?;
    if value(&sent, "client_id") != FakeIssuer::CLIENT_ID {
        return None;
    }
    lock(&inside.sign_outs).push(hint.sub()?.to_owned());
    let mut back = Url::parse(value(&sent, "post_logout_redirect_uri")).ok()?;
    back.query_pairs_mut()
        .append_pair("state", value(&sent, "state"));
    Some(back)
}

/// Makes sure that the client posts to `path`, and gives the thumbprint of the key that it proves, if it proves one.
fn known(
    inside: &Inside,
    headers: &HeaderMap,
    sent: &Pairs,
    path: &str,
) -> Result<Option<String>, Box<Response>> {
    let authenticated = lock(&inside.tokens).authenticate(headers, sent);
    authenticated.map_err(|error| Box::new(refusal(error)))?;
    prove(inside, headers, "POST", path, None)
        .map_err(|unproven| Box::new(refusal_of(&unproven, StatusCode::BAD_REQUEST)))
}

/// The thumbprint of the key that a request to `path` proves, if it proves one.
fn prove(
    inside: &Inside,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    access_token: Option<&str>,
) -> Result<Option<String>, Unproven> {
    let uri = format!("{}{path}", inside.url);
    let presented = Presented {
        method,
        uri: &uri,
        access_token,
    };
    lock(&inside.proofs).take(headers, &presented, inside.clock.now())
}

fn refusal(error: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

/// RFC 9449 §8 at the issuer, §9 at a resource.
fn refusal_of(unproven: &Unproven, status: StatusCode) -> Response {
    let challenge = format!(r#"DPoP error="{}""#, unproven.error());
    let challenge = [(header::WWW_AUTHENTICATE, challenge)];
    let body = Json(json!({ "error": unproven.error() }));
    let mut response = (status, challenge, body).into_response();
    if let Unproven::WantsNonce(nonce) = unproven
        && let Ok(nonce) = HeaderValue::from_str(nonce)
    {
        response.headers_mut().insert("dpop-nonce", nonce);
    }
    response
}

fn redirect(to: &Url) -> Response {
    let location = [(header::LOCATION, to.to_string())];
    (StatusCode::SEE_OTHER, location).into_response()
}

fn pairs(form: &[u8]) -> Pairs {
    form_urlencoded::parse(form).into_owned().collect()
}
