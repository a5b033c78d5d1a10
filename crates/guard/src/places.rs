//! Other places for an access token than the `Authorization` header, where a route allows one: a browser cannot set headers of a
//! WebSocket, an `EventSource` or a link. What the application sees afterwards holds the token no more.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use safeconduct_protocol::encoding;

use crate::credentials::{self, Credentials, PARAMETER, Scheme};
use crate::denied::Refusal;
use crate::reason::Reason;

/// How a subprotocol begins that is a token.
const PREFIX: &str = "base64url.bearer.authorization.";

/// Where a token may stand beside the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    /// A subprotocol of a WebSocket that begins so: [`PREFIX`], the name of the application and a dot. Behind it is the token, base64url.
    WebSocket(Arc<str>),
    /// The query parameter of this name.
    Query(Arc<str>),
}

impl TokenPlace {
    pub(crate) fn web_socket(name: &str) -> Self {
        Self::WebSocket(format!("{PREFIX}{name}.").into())
    }

    pub(crate) fn query(name: &str) -> Self {
        Self::Query(name.into())
    }

    /// The token that stands here.
    fn presented(&self, headers: &HeaderMap, uri: &Uri) -> Result<Option<String>, Refusal> {
        match self {
            Self::WebSocket(prefix) => in_subprotocols(headers, prefix),
            Self::Query(name) => in_query(uri, name),
        }
    }

    /// Takes the token out of what the application is to see.
    pub(crate) fn clear(&self, headers: &mut HeaderMap, uri: &mut Uri) {
        match self {
            Self::WebSocket(prefix) => {
                let is_other = |protocol: &&str| !protocol.starts_with(&**prefix);
                if subprotocols(headers).all(|protocol| is_other(&protocol)) {
                    return;
                }
                let others: Vec<&str> = subprotocols(headers).filter(is_other).collect();
                if let Ok(others) = HeaderValue::try_from(others.join(", ")) {
                    headers.insert(SEC_WEBSOCKET_PROTOCOL, others);
                }
            }
            Self::Query(name) => {
                if let Some(cleared) = without_parameter(uri, name) {
                    *uri = cleared;
                }
            }
        }
    }
}

/// The one access token in the request: in the header, or in one of `places`.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    uri: &Uri,
    places: &[TokenPlace],
) -> Result<Option<Credentials<'a>>, Refusal> {
    let takes =
        |place: &TokenPlace| matches!(place, TokenPlace::Query(name) if &**name == PARAMETER);
    let mut found = credentials::presented(headers, uri, places.iter().any(takes))?;
    for place in places {
        let Some(token) = place.presented(headers, uri)? else {
            continue;
        };
        if found.is_some() {
            return Err(Reason::SeveralCredentials.into());
        }
        if !credentials::is_b64token(&token) {
            return Err(Reason::MalformedCredentials.into());
        }
        found = Some(Credentials {
            scheme: Scheme::Bearer,
            token: Cow::Owned(token),
        });
    }
    Ok(found)
}

/// The subprotocols that a client offers, in as many headers as it likes (RFC 6455 §11.3.4).
fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn in_subprotocols(headers: &HeaderMap, prefix: &str) -> Result<Option<String>, Refusal> {
    let mut tokens = subprotocols(headers).filter_map(|protocol| protocol.strip_prefix(prefix));
    let Some(token) = tokens.next() else {
        return Ok(None);
    };
    if tokens.next().is_some() {
        return Err(Reason::SeveralCredentials.into());
    }
    // A browser gives a connection up whose answer names none of what it offered, and the token is never named.
    if !subprotocols(headers).any(|protocol| !protocol.is_empty() && !protocol.starts_with(prefix))
    {
        let refusal = Refusal::from(Reason::MalformedCredentials);
        return Err(refusal.because(
            "a second subprotocol, to be answered with",
            "the token alone",
        ));
    }
    let text = encoding::decode(token).and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some)
        .ok_or_else(|| Reason::MalformedCredentials.into())
}

fn in_query(uri: &Uri, name: &str) -> Result<Option<String>, Refusal> {
    let query = uri.query().unwrap_or_default();
    let mut tokens =
        form_urlencoded::parse(query.as_bytes()).filter(|(parameter, _)| parameter == name);
    let token = tokens.next().map(|(_, token)| token.into_owned());
    match tokens.next() {
        Some(_) => Err(Reason::SeveralCredentials.into()),
        None => Ok(token),
    }
}

/// `uri` without the parameter `name`; the others as they were written.
fn without_parameter(uri: &Uri, name: &str) -> Option<Uri> {
    let is_another = |pair: &&str| {
        let mut read = form_urlencoded::parse(pair.as_bytes());
        read.next().is_none_or(|(parameter, _)| parameter != name)
    };
    let others: Vec<&str> = uri.query()?.split('&').filter(is_another).collect();
    let path = match others.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), others.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}
