//! One request and its answer, as the demo may show them: who asked whom, and what was said. Its secrets are cut short in
//! `field.rs`.

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, header, request, response};
use safeconduct_protocol::jose::{Algorithm, Jwk};
use safeconduct_protocol::time::Timestamp;
use safeconduct_protocol::{encoding, id_token};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::field::{Field, LONGEST_SHOWN, digest_of, form, headers, shortened};

/// The header of a proof of possession (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What is said of a request besides its first line, in this order.
const REQUEST_HEADERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    DPOP,
    header::CONTENT_TYPE,
    header::ORIGIN,
    HeaderName::from_static("sec-fetch-site"),
    header::COOKIE,
];

/// What is said of an answer besides its status, in this order.
const ANSWER_HEADERS: [HeaderName; 5] = [
    header::LOCATION,
    header::WWW_AUTHENTICATE,
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::SET_COOKIE,
];

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Party {
    /// The person's browser.
    Browser,
    /// The web app: the client.
    App,
    /// The authorization server.
    Server,
    /// The API: the resource server.
    Api,
    /// Whoever tries to break it.
    Attacker,
}

impl Party {
    /// The name people read.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::App => "app",
            Self::Server => "server",
            Self::Api => "API",
            Self::Attacker => "attacker",
        }
    }
}

/// A request and its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    /// Its place among all beginnings and ends of messages.
    pub(crate) began: u64,
    /// The place of its answer.
    pub(crate) ended: u64,
    pub(crate) from: Party,
    pub(crate) to: Party,
    pub(crate) at: Timestamp,
    pub(crate) milliseconds: u64,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}

/// What was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<Field>,
    pub(crate) headers: Vec<Field>,
    pub(crate) body: Body,
    /// The JWT that was shown as `Bearer` or `DPoP`, decoded.
    pub(crate) token: Option<Jwt>,
    /// The proof that came with it.
    pub(crate) proof: Option<Proof>,
    /// The JWT in `logout_token`, decoded.
    pub(crate) logout_token: Option<Jwt>,
}

/// A proof that the sender holds a key (RFC 9449 §4.2), decoded and not judged.
#[derive(Debug, Serialize)]
pub(crate) struct Proof {
    pub(crate) jwt: Jwt,
    /// The thumbprint of the key in its header (RFC 7638).
    pub(crate) thumbprint: Option<String>,
    /// Whether its `ath` is the hash of the access token beside it.
    #[serde(skip)]
    pub(crate) is_of_token: bool,
}

/// What was answered.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Field>,
    pub(crate) redirect: Option<Redirect>,
    pub(crate) body: Body,
    /// The JWT in `access_token`, decoded.
    pub(crate) token: Option<Jwt>,
    /// The JWT in `id_token`, decoded.
    pub(crate) id_token: Option<Jwt>,
    /// Whether `at_hash` in `id_token` is the hash of `access_token`.
    #[serde(skip)]
    pub(crate) is_bound: bool,
    /// The SHA-256 of `request_uri`, as a [`Field`] has it.
    #[serde(skip)]
    pub(crate) request_uri: Option<String>,
}

/// Where an answer sends the browser.
#[derive(Debug, Serialize)]
pub(crate) struct Redirect {
    /// The address without its query and fragment.
    pub(crate) to: String,
    pub(crate) query: Vec<Field>,
}

/// A body.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "lowercase")]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// A form's fields.
    Form(Vec<Field>),
    /// JSON, with secrets cut short.
    Json(Value),
    /// A page, by its title.
    Page(String),
    /// Anything else, by its length in bytes.
    Other(usize),
}

/// A JWT taken apart. Its signature is not kept, so it cannot be put together again.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Jwt {
    pub(crate) header: Value,
    /// With secrets cut short.
    pub(crate) claims: Value,
    /// The SHA-256 of its `nonce`, as a [`Field`] has it.
    #[serde(skip)]
    pub(crate) nonce: Option<String>,
}

impl Message {
    /// The first line of the request.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.request.method, self.request.path)
    }
}

impl Request {
    /// Takes a request apart.
    pub(crate) fn of(parts: &request::Parts, body: &Bytes) -> Self {
        let token = parts.headers.get(header::AUTHORIZATION);
        let token = token.and_then(|value| {
            let value = value.to_str().ok()?;
            value
                .strip_prefix("Bearer ")
                .or_else(|| value.strip_prefix("DPoP "))
        });
        let proof = parts.headers.get(DPOP);
        let proof = proof.and_then(|value| value.to_str().ok());
        let logout_token = form_urlencoded::parse(body).find(|(name, _)| name == "logout_token");
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: form(parts.uri.query().unwrap_or_default().as_bytes()),
            headers: headers(&parts.headers, &REQUEST_HEADERS),
            body: Body::of(&parts.headers, body),
            token: token.and_then(Jwt::read),
            proof: proof.and_then(|proof| Proof::read(proof, token)),
            logout_token: logout_token.and_then(|(_, token)| Jwt::read(&token)),
        }
    }

    /// The value of a parameter of the query or of a field of the form.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let form = match &self.body {
            Body::Form(fields) => fields.as_slice(),
            _ => &[],
        };
        self.query
            .iter()
            .chain(form)
            .find(|field| field.name == name)
    }

    /// The shown value of a field; empty without one.
    pub(crate) fn shown(&self, name: &str) -> &str {
        self.field(name).map_or("", |field| field.shown.as_str())
    }
}

impl Answer {
    /// Takes an answer apart.
    pub(crate) fn of(parts: &response::Parts, body: &Bytes) -> Self {
        let json = serde_json::from_slice::<Value>(body).ok();
        let text = |name: &str| json.as_ref().and_then(|json| json[name].as_str());
        let (token, id_token) = (text("access_token"), text("id_token"));
        Self {
            status: parts.status.as_u16(),
            headers: headers(&parts.headers, &ANSWER_HEADERS),
            redirect: location(&parts.headers).map(|url| Redirect::of(&url)),
            token: token.and_then(Jwt::read),
            id_token: id_token.and_then(Jwt::read),
            is_bound: is_bound(id_token, token),
            request_uri: text("request_uri").map(digest_of),
            body: Body::of(&parts.headers, body),
        }
    }

    /// A member of the JSON body; `Null` without one.
    pub(crate) fn json(&self, name: &str) -> &Value {
        match &self.body {
            Body::Json(json) => &json[name],
            _ => &Value::Null,
        }
    }

    /// The values of a header, as shown.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.headers.iter().filter(move |field| field.name == name);
        fields.map(|field| field.shown.as_str())
    }

    /// The title of the page, if it is one.
    pub(crate) fn title(&self) -> &str {
        match &self.body {
            Body::Page(title) => title,
            _ => "",
        }
    }
}

impl Redirect {
    fn of(url: &Url) -> Self {
        let query = form(url.query().unwrap_or_default().as_bytes());
        let mut to = url.clone();
        to.set_query(None);
        to.set_fragment(None);
        let to = to.as_str();
        Self {
            to: to.strip_prefix(HERE).unwrap_or(to).to_owned(),
            query,
        }
    }

    /// The value of a parameter.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.query.iter().find(|field| field.name == name)
    }
}

impl Body {
    fn of(headers: &HeaderMap, body: &Bytes) -> Self {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match kind {
            _ if body.is_empty() => Self::Empty,
            "application/x-www-form-urlencoded" => Self::Form(form(body)),
            "application/json" => match serde_json::from_slice(body) {
                Ok(json) => Self::Json(shortened(json)),
                Err(_) => Self::Other(body.len()),
            },
            "text/html" => Self::Page(title(&String::from_utf8_lossy(body))),
            _ => Self::Other(body.len()),
        }
    }
}

impl Jwt {
    /// Decodes a JWT without believing it; `None` for anything else.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let mut segments = token.split('.');
        let mut json = || serde_json::from_slice(&encoding::decode(segments.next()?)?).ok();
        let (header, claims): (Value, Value) = (json()?, json()?);
        Some(Self {
            header,
            nonce: claims["nonce"].as_str().map(digest_of),
            claims: shortened(claims),
        })
    }

    /// Whom it is for: one audience, or several (RFC 7519 §4.1.3).
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match &self.claims["aud"] {
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }
}

impl Proof {
    fn read(proof: &str, access_token: Option<&str>) -> Option<Self> {
        let jwt = Jwt::read(proof)?;
        let key = jwt.header["jwk"].as_object();
        let key = key.and_then(|members| Jwk::from_json(members).ok());
        Some(Self {
            thumbprint: key.map(|key| key.thumbprint()),
            is_of_token: access_token
                .is_some_and(|token| jwt.claims["ath"] == digest_of(token).as_str()),
            jwt,
        })
    }
}

/// OpenID Connect Core §3.1.3.6.
fn is_bound(id_token: Option<&str>, access_token: Option<&str>) -> bool {
    let (Some(id_token), Some(access_token)) = (id_token.and_then(Jwt::read), access_token) else {
        return false;
    };
    let algorithm = id_token.header["alg"].as_str();
    let algorithm = algorithm.and_then(|name| name.parse::<Algorithm>().ok());
    algorithm.is_some_and(|algorithm| {
        id_token.claims["at_hash"] == id_token::at_hash(algorithm, access_token)
    })
}

/// Stands for the host of an answer's own party where `Location` names none.
const HERE: &str = "http://here.invalid";

fn relative(location: &str) -> Option<Url> {
    Url::parse(HERE).ok()?.join(location).ok()
}

/// The address an answer redirects to.
pub(crate) fn location(headers: &HeaderMap) -> Option<Url> {
    relative(headers.get(header::LOCATION)?.to_str().ok()?)
}

fn title(page: &str) -> String {
    let title = page.split_once("<title>").map_or("", |(_, rest)| rest);
    let title = title.split_once("</title>").map_or("", |(title, _)| title);
    title.trim().chars().take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_message_shows_no_secret() {
        let request = http::Request::post("/token?token=sc_at_AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .header("authorization", "Basic ZGVtby1ub3RlczpodXNoLWh1c2g=")
            .header(
                "dpop",
                "eyJ0eXAiOiJkcG9wK2p3dCJ9.eyJodG0iOiJQT1NUIn0.SECRETSECRET",
            )
            .header("cookie", "sc-app=AbcdSECRETSECRETSECRETWxyz; other=x")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .unwrap();
        let body = Bytes::from_static(
            b"code=sc_code_AbcdSECRETSECRETSECRETWxyz&password=SECRET&scope=a&logout_token=e30.e30.SECRETSECRET",
        );
        let request = Request::of(&request.into_parts().0, &body);
        let answer = http::Response::builder()
            .header(
                "location",
                "/auth/callback?code=sc_code_AbcdSECRETSECRETSECRETWxyz&iss=http://localhost",
            )
            .header("set-cookie", "session=AbcdSECRETSECRETSECRETWxyz; HttpOnly")
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let body = Bytes::from_static(
            br#"{"refresh_token":"sc_rt_AbcdSECRETSECRETSECRETWxyz","expires_in":300}"#,
        );
        let answer = Answer::of(&answer.into_parts().0, &body);
        let shown = serde_json::to_string(&(&request, &answer)).unwrap();
        assert!(
            !shown.contains("SECRETSECRET") && !shown.contains("hush"),
            "{shown}"
        );
        let fields = request
            .query
            .iter()
            .chain(&request.headers)
            .chain(&answer.headers);
        let lines: Vec<String> = fields
            .map(|field| format!("{}: {}", field.name, field.shown))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        token: sc_at_AAAA…AAAA
        authorization: Basic demo-notes:… (base64)
        dpop: eyJ0…CRET
        content-type: application/x-www-form-urlencoded
        cookie: sc-app=Abcd…Wxyz; other=…
        location: /auth/callback?code=sc_code_Abcd…Wxyz&iss=http://localhost
        content-type: application/json
        set-cookie: session=Abcd…Wxyz; HttpOnly
        ");
    }
}
