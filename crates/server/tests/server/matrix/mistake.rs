//! What can be wrong with a request, one thing at a time.

use axum::extract::Request;
use http::header;
use safeconduct_protocol::jose::{Algorithm, SigningKey};
use serde_json::json;

use super::way::{Call, Stage, Way, outcome};
use crate::client_auth::own_token;
use crate::support::{Credentials, Form, MAIL, MAIL_API, Tokens, proof_key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    NoCredentials,
    /// Another secret, or an assertion of another key.
    WrongSecret,
    UnknownClient,
    AnotherClient,
    AssertionUsedBefore,
    /// One character of the code or token is another.
    Altered,
    /// A token of another kind in its place.
    OfAnotherKind,
    InTheUrl,
    Twice,
    NoProof,
    ProofOfAnotherKey,
    ProofForAnotherPlace,
    ProofUsedBefore,
    /// A bound token as a bearer token, or the other way round.
    OtherScheme,
    NoVerifier,
    ShortVerifier,
    WrongVerifier,
    AnotherRedirectUri,
    MoreScope,
    AnotherApi,
}

impl Mistake {
    pub(super) const ALL: [Self; 20] = [
        Self::NoCredentials,
        Self::WrongSecret,
        Self::UnknownClient,
        Self::AnotherClient,
        Self::AssertionUsedBefore,
        Self::Altered,
        Self::OfAnotherKind,
        Self::InTheUrl,
        Self::Twice,
        Self::NoProof,
        Self::ProofOfAnotherKey,
        Self::ProofForAnotherPlace,
        Self::ProofUsedBefore,
        Self::OtherScheme,
        Self::NoVerifier,
        Self::ShortVerifier,
        Self::WrongVerifier,
        Self::AnotherRedirectUri,
        Self::MoreScope,
        Self::AnotherApi,
    ];

    /// Sends `call`, with this mistake in it; `None` where it can't be.
    pub(super) async fn send(
        self,
        stage: &Stage<'_>,
        way: Way,
        call: &Call,
        others: &Tokens,
    ) -> Option<String> {
        let mut call = call.clone();
        let form = call.form.clone();
        match self {
            Self::NoCredentials | Self::WrongSecret | Self::UnknownClient => {
                call.credentials = self.credentials(stage, &call)?;
            }
            Self::AnotherClient => {
                let other = if call.path == "/introspect" {
                    MAIL_API
                } else {
                    "bank"
                };
                call.shown.is_none().then_some(())?;
                call.credentials = stage.server.credentials(other);
            }
            Self::AssertionUsedBefore => {
                matches!(call.credentials, Credentials::Assertion(_)).then_some(())?;
                let first = stage
                    .server
                    .token_with(&call.credentials, &own_token())
                    .await;
                assert_eq!(first.status, 200, "{first:?}");
            }
            Self::Altered => call = call.with_artifact(altered)?,
            Self::OfAnotherKind => {
                let other = match call.artifact {
                    Some("refresh_token") => &others.access,
                    _ => others.refresh_token(),
                };
                call = call.with_artifact(|_| other.to_owned())?;
            }
            Self::InTheUrl | Self::Twice => {
                let request = self.misplaced(stage, &call)?;
                return Some(outcome(&stage.server.send(request).await));
            }
            Self::NoProof
            | Self::ProofOfAnotherKey
            | Self::ProofForAnotherPlace
            | Self::ProofUsedBefore => {
                call.proof = self.proof(stage, &call).await?;
            }
            Self::OtherScheme => call = other_scheme(stage, way, call)?,
            Self::NoVerifier
            | Self::ShortVerifier
            | Self::WrongVerifier
            | Self::AnotherRedirectUri => call.form = self.of_the_code(&form)?,
            Self::MoreScope => {
                let takes_scope =
                    call.artifact == Some("refresh_token") || form.get("scope").is_some();
                takes_scope.then_some(())?;
                call.form = form.with("scope", "mail.read");
            }
            Self::AnotherApi => {
                matches!(call.path, "/token" | "/par").then_some(())?;
                call.form = form.with("resource", MAIL);
            }
        }
        Some(outcome(&stage.server.send(call.request(stage)).await))
    }

    /// What stands beside a code, wrong; `None` where there is no code.
    fn of_the_code(self, form: &Form) -> Option<Form> {
        let (name, value) = match self {
            Self::ShortVerifier => ("code_verifier", "short".to_owned()),
            Self::WrongVerifier => ("code_verifier", "a".repeat(43)),
            Self::AnotherRedirectUri => ("redirect_uri", "https://evil.example/".to_owned()),
            _ => ("code_verifier", String::new()),
        };
        form.get(name)?;
        Some(form.clone().with(name, &value))
    }

    /// Credentials that are none, or wrong; `None` where the client has none.
    fn credentials(self, stage: &Stage<'_>, call: &Call) -> Option<Credentials> {
        match &call.credentials {
            Credentials::Nothing => None,
            _ if self == Self::NoCredentials => Some(Credentials::Nothing),
            Credentials::Basic(_, secret) if self == Self::UnknownClient => {
                Some(Credentials::Basic("nobody".to_owned(), secret.clone()))
            }
            Credentials::Id(_) if self == Self::UnknownClient => {
                Some(Credentials::Id("nobody".to_owned()))
            }
            _ if self == Self::UnknownClient => None,
            Credentials::Basic(id, _) => Some(Credentials::Basic(id.clone(), "wrong".to_owned())),
            Credentials::Assertion(_) => {
                let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
                let claims = json!({
                    "iss": "robot", "sub": "robot", "aud": stage.server.issuer(), "jti": "j",
                    "exp": stage.server.now().plus(60).seconds(),
                });
                let forged = stranger.sign_jwt("JWT", &claims).unwrap();
                Some(Credentials::Assertion(forged))
            }
            _ => None,
        }
    }

    /// The request with its code or token in the URL, or twice.
    fn misplaced(self, stage: &Stage<'_>, call: &Call) -> Option<Request> {
        let mut call = call.clone();
        let (name, text) = match (&call.shown, call.artifact) {
            (Some((_, token)), _) => ("access_token", token.clone()),
            (None, Some(name)) => (name, call.form.get(name)?.to_owned()),
            (None, None) => return None,
        };
        if self == Self::Twice && call.shown.is_none() {
            call.form = call.form.and(name, &text);
        }
        let mut request = call.request(stage);
        if self == Self::InTheUrl {
            request.headers_mut().remove(header::AUTHORIZATION);
            *request.uri_mut() = format!("{}?{name}={text}", call.path).parse().unwrap();
        } else if call.shown.is_some() {
            let shown = request.headers()[header::AUTHORIZATION].clone();
            request.headers_mut().append(header::AUTHORIZATION, shown);
        }
        Some(request)
    }

    async fn proof(self, stage: &Stage<'_>, call: &Call) -> Option<Option<String>> {
        let proof = call.proof.as_ref()?;
        let (server, key) = (stage.server, &stage.key);
        let method = if call.shown.is_some() { "GET" } else { "POST" };
        let token = call.shown.as_ref().map(|(_, token)| token.as_str());
        // Where a proof is only passed over, nothing is wrong with it.
        (call.path != "/revoke" && call.path != "/introspect").then_some(())?;
        Some(match self {
            Self::NoProof => None,
            Self::ProofOfAnotherKey => Some(server.prove(&proof_key(), method, call.path, token)),
            Self::ProofForAnotherPlace => Some(server.prove(key, method, "/elsewhere", token)),
            _ => {
                let first = match token {
                    Some(_) => server.send(call.request(stage)).await,
                    None => server.token_with_proof(proof, "robot", &own_token()).await,
                };
                assert_eq!(first.status, 200, "{first:?}");
                Some(proof.clone())
            }
        })
    }
}

impl Call {
    /// The same with what is used in it replaced; `None` where nothing is.
    fn with_artifact(mut self, replace: impl FnOnce(&str) -> String) -> Option<Self> {
        if let Some((_, token)) = &mut self.shown {
            *token = replace(token);
            return Some(self);
        }
        let name = self.artifact?;
        let text = replace(self.form.get(name)?);
        self.form = self.form.with(name, &text);
        Some(self)
    }
}

fn altered(text: &str) -> String {
    let at = text.len() / 2;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

fn other_scheme(stage: &Stage<'_>, way: Way, mut call: Call) -> Option<Call> {
    let (_, token) = call.shown?;
    let proof = stage
        .server
        .prove(&stage.key, "GET", call.path, Some(&token));
    call.proof = Some(proof);
    call.shown = Some((if way.is_bound() { "Bearer" } else { "DPoP" }, token));
    Some(call)
}
