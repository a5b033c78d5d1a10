//! One question to the issuer: what has ended since (RFC 8936), and whether what it says is its own.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, StatusCode};
use safeconduct_issuer::{FetchError, GivenBy, Http};
use safeconduct_protocol::jose::{KeySet, MAX_TOKEN};
use safeconduct_protocol::security_event::{
    ACCESS_ENDED, AccessEnded, EventRefusal, ReceivedEvent, Receiver,
};
use safeconduct_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::trusted::Trusted;

/// The longest life of tokens that is believed, in seconds: what has ended is kept for as long.
const LONGEST_LIFETIME: i64 = 2 * 24 * 3600;

/// What is asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    resource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    return_immediately: bool,
    wait_seconds: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set_errs: &'a BTreeMap<String, SetError>,
}

/// Why something could not be taken (RFC 8936 §2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SetError {
    err: &'static str,
    description: String,
}

/// What is answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    sets: BTreeMap<String, String>,
    #[serde(default)]
    more_available: bool,
    cursor: String,
    token_lifetime: i64,
}

/// What was heard.
pub(super) struct Heard {
    /// What has ended.
    pub(super) ended: Vec<AccessEnded>,
    /// What could not be taken: the issuer is told so, and nothing is known for sure.
    pub(super) refused: BTreeMap<String, SetError>,
    /// Whether there was nothing else to be said.
    pub(super) is_all: bool,
    /// What to ask with the next time.
    pub(super) cursor: String,
    /// How long a token lives of which everything is known then, in seconds.
    pub(super) lifetime: i64,
}

/// Why nothing was heard.
pub(super) enum Unheard {
    /// The issuer does not know the cursor: it begins anew.
    Anew,
    /// It could not be asked.
    Failed(FetchError),
}

impl From<FetchError> for Unheard {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

/// Who asks, for which API.
pub(super) struct Asker<'a> {
    pub(super) trusted: &'a Trusted,
    pub(super) audience: &'a str,
    pub(super) authorization: HeaderValue,
    pub(super) http: &'a Http,
}

impl Asker<'_> {
    /// Asks what has ended since `cursor`, and waits for it so long at most.
    pub(super) async fn ask(
        &self,
        cursor: Option<&str>,
        refused: &BTreeMap<String, SetError>,
        wait: Duration,
        now: impl Fn() -> Timestamp,
    ) -> Result<Heard, Unheard> {
        let issuer = &self.trusted.issuer;
        let metadata = issuer.metadata().await?;
        let Some(url) = &metadata.security_events_endpoint else {
            issuer.distrust();
            let error = "the metadata names no `security_events_endpoint`";
            return Err(FetchError::unusable(error).into());
        };
        let question = Question {
            resource: self.audience,
            cursor,
            return_immediately: wait.is_zero(),
            wait_seconds: wait.as_secs(),
            set_errs: refused,
        };
        let body = serde_json::to_string(&question)
            .map_err(|error| FetchError::unusable(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        let answer = self.http.post_json(url, headers, body).await;
        // An endpoint that does not answer as it should may have moved.
        let answer = answer.inspect_err(|_| issuer.distrust())?;
        if answer.status == StatusCode::BAD_REQUEST && cursor.is_some() {
            return Err(Unheard::Anew);
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            tracing::error!("the issuer refused the guard's own client credentials");
        }
        let answer = answer.document(url).inspect_err(|_| issuer.distrust())?;
        let answer: Answer = serde_json::from_slice(&answer.body)
            .map_err(|_| FetchError::unusable("the answer does not read"))?;
        Ok(self.read(answer, now()).await)
    }

    async fn read(&self, answer: Answer, now: Timestamp) -> Heard {
        let mut heard = Heard {
            ended: Vec::new(),
            refused: BTreeMap::new(),
            is_all: !answer.more_available,
            cursor: answer.cursor,
            lifetime: answer.token_lifetime.clamp(0, LONGEST_LIFETIME),
        };
        for (id, token) in answer.sets {
            match self.accept(&id, &token, now).await {
                Ok(Some(ended)) => heard.ended.push(ended),
                Ok(None) => {}
                Err(refusal) => {
                    let error = SetError {
                        err: refusal.code(),
                        description: refusal.to_string(),
                    };
                    heard.refused.insert(id, error);
                }
            }
        }
        heard
    }

    /// What one token says; `None` where that is nothing for a guard.
    async fn accept(
        &self,
        id: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<AccessEnded>, EventRefusal> {
        if token.len() > MAX_TOKEN {
            return Err(EventRefusal::Request);
        }
        let receiver = Receiver {
            issuer: &self.trusted.names[0],
            audience: self.audience,
            algorithms: &self.trusted.dialect.algorithms,
        };
        let accept = |keys: &KeySet| receiver.accept(token, keys, now);
        let mut received = accept(&*self.trusted.keys.current().await);
        if received == Err(EventRefusal::Key) {
            let holds = |keys: &KeySet| accept(keys) != Err(EventRefusal::Key);
            // Where no key can be had, the token is refused below.
            let _ = self.trusted.keys.seek(token, GivenBy::Issuer, holds).await;
            received = accept(&*self.trusted.keys.current().await);
        }
        let ReceivedEvent {
            id: own,
            event_type,
            payload,
            ..
        } = received?;
        if own != id {
            return Err(EventRefusal::Request);
        }
        if event_type != ACCESS_ENDED {
            return Ok(None);
        }
        let ended = serde_json::from_value(payload);
        ended.map(Some).map_err(|_| EventRefusal::Request)
    }
}
