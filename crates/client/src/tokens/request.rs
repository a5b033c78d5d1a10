//! Requests to the token endpoint (RFC 6749 §4.1.3, §4.4.2, §6), the revocation endpoint (RFC 7009 §2.1) and the endpoint for
//! pushed authorization requests (RFC 9126 §2.1), as values.
//!
//! Reading the answer is `response.rs`'s concern.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header};
use safeconduct_issuer::Answer;
use safeconduct_protocol::pkce::CodeVerifier;
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::time::Timestamp;
use url::Url;

use crate::client::Client;
use crate::error::Error;
use crate::issuer::authentication::Credentials;
use crate::tokens::proof_key::DPOP;

/// A `POST` of a form, ready to be sent. Has no `Debug`: it carries secrets.
#[derive(Clone)]
pub struct TokenRequest {
    url: Url,
    authorization: Option<HeaderValue>,
    proof: Option<HeaderValue>,
    body: Secret,
}

/// What is offered for a token.
pub(crate) enum Offer<'a> {
    /// A code, with the proof that this client asked for it (RFC 6749 §4.1.3, RFC 7636 §4.5).
    AuthorizationCode {
        code: &'a Secret,
        code_verifier: &'a CodeVerifier,
        redirect_uri: &'a str,
    },
    /// A refresh token (RFC 6749 §6), and the scope of another API than the one that it was given for.
    RefreshToken(&'a Secret, Option<&'a Scope>),
    /// Nothing but the client itself (RFC 6749 §4.4).
    ClientCredentials(&'a Scope),
}

/// As whom a request is made, and for which API.
pub(crate) struct Requester<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) credentials: &'a Credentials,
    /// RFC 8707: the one API the token is for.
    pub(crate) resource: Option<&'a str>,
    /// What the issuer wants beside the usual.
    pub(crate) more: &'a [(String, String)],
}

impl TokenRequest {
    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers to send, `Authorization` among them where the client authenticates with it, and `DPoP` where it proves a key
    /// (both marked sensitive).
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(proof) = &self.proof {
            headers.insert(DPOP, proof.clone());
        }
        headers
    }

    /// The form. It holds secrets: send it, and keep it nowhere.
    pub fn body(&self) -> &str {
        self.body.expose()
    }

    /// Sends it. The issuer may have acted on it, though no answer came.
    pub(crate) async fn send(&self, client: &Client) -> Result<Answer, Error> {
        let form = self.body().to_owned();
        let answer = client.http().post_form(&self.url, self.headers(), form);
        Ok(client.endpoint_answered(answer.await)?)
    }

    pub(crate) fn for_token(
        endpoint: &Url,
        requester: &Requester<'_>,
        offer: &Offer<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        match offer {
            Offer::AuthorizationCode {
                code,
                code_verifier,
                redirect_uri,
            } => {
                form.append_pair("grant_type", "authorization_code")
                    .append_pair("code", code.expose())
                    .append_pair("redirect_uri", redirect_uri)
                    .append_pair("code_verifier", code_verifier.expose());
            }
            Offer::RefreshToken(token, scope) => {
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("refresh_token", token.expose());
                if let Some(scope) = scope.filter(|scope| !scope.is_empty()) {
                    form.append_pair("scope", &scope.to_string());
                }
            }
            Offer::ClientCredentials(scope) => {
                form.append_pair("grant_type", "client_credentials");
                if !scope.is_empty() {
                    form.append_pair("scope", &scope.to_string());
                }
            }
        }
        if let Some(resource) = requester.resource {
            form.append_pair("resource", resource);
        }
        form.extend_pairs(requester.more);
        Self::signed(endpoint, requester, form, now)
    }

    pub(crate) fn for_revocation(
        endpoint: &Url,
        requester: &Requester<'_>,
        refresh_token: &Secret,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", refresh_token.expose())
            .append_pair("token_type_hint", "refresh_token");
        Self::signed(endpoint, requester, form, now)
    }

    /// A pushed authorization request with these parameters, `client_id` apart, which goes with the client's proof of who it
    /// is or is added.
    pub(crate) fn for_pushing(
        endpoint: &Url,
        requester: &Requester<'_>,
        parameters: &[(Cow<'static, str>, String)],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        if requester.credentials.leaves_client_id_out_of_the_form() {
            form.append_pair("client_id", requester.client_id);
        }
        Self::signed(endpoint, requester, form, now)
    }

    /// This request with a proof.
    pub(crate) fn with_proof(mut self, proof: HeaderValue) -> Self {
        self.proof = Some(proof);
        self
    }

    fn signed(
        endpoint: &Url,
        requester: &Requester<'_>,
        mut form: form_urlencoded::Serializer<'_, String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let authorization =
            requester
                .credentials
                .prove(&mut form, requester.client_id, requester.issuer, now)?;
        Ok(Self {
            url: endpoint.clone(),
            authorization,
            proof: None,
            body: Secret::new(form.finish()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn request(credentials: &Credentials, offer: &Offer<'_>) -> TokenRequest {
        let requester = Requester {
            issuer: "https://id.example.com",
            client_id: "notes web",
            credentials,
            resource: Some("https://api.example.com"),
            more: &[],
        };
        let endpoint = Url::parse("https://id.example.com/token").unwrap();
        TokenRequest::for_token(&endpoint, &requester, offer, NOW).unwrap()
    }

    #[test]
    fn a_code_is_offered_with_its_verifier_and_redirect_uri() {
        let code_verifier = CodeVerifier::parse(&"v".repeat(43)).unwrap();
        let offer = Offer::AuthorizationCode {
            code: &Secret::new("c+/="),
            code_verifier: &code_verifier,
            redirect_uri: "https://notes.example.com/auth/callback",
        };
        let sent = request(&Credentials::None, &offer);
        insta::assert_snapshot!(sent.body().replace('&', "\n"), @r"
        grant_type=authorization_code
        code=c%2B%2F%3D
        redirect_uri=https%3A%2F%2Fnotes.example.com%2Fauth%2Fcallback
        code_verifier=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv
        resource=https%3A%2F%2Fapi.example.com
        client_id=notes+web
        ");
        assert!(sent.headers().get(header::AUTHORIZATION).is_none());
    }

    #[test]
    fn basic_encodes_both_halves_before_joining_them() {
        let token = Secret::new("rt");
        let sent = request(
            &Credentials::Basic(Secret::new("p:ä s%")),
            &Offer::RefreshToken(&token, None),
        );
        let headers = sent.headers();
        let header = &headers[header::AUTHORIZATION];
        // notes+web:p%3A%C3%A4+s%25
        insta::assert_snapshot!(header.to_str().unwrap(), @"Basic bm90ZXMrd2ViOnAlM0ElQzMlQTQrcyUyNQ==");
        assert!(header.is_sensitive() && !sent.body().contains("client_id"));
    }

    #[test]
    fn post_puts_the_secret_into_the_form() {
        let scope = Scope::parse("notes.read").unwrap();
        let sent = request(
            &Credentials::Post(Secret::new("s&s")),
            &Offer::ClientCredentials(&scope),
        );
        insta::assert_snapshot!(sent.body(), @"grant_type=client_credentials&scope=notes.read&resource=https%3A%2F%2Fapi.example.com&client_id=notes+web&client_secret=s%26s");
    }
}
