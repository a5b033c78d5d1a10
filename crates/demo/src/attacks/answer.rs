//! Answers in an attack: what must come, what came, and whether that is the same.

use http::header;
use safeconduct_guard::Reason as Denial;
use safeconduct_protocol::error::Reason;
use safeconduct_protocol::secret::Secret;
use serde_json::Value;

use crate::browser::Page;

/// What the app says to a logout token that it does not believe.
const LOGOUT_REFUSED: &str = "The message was not believed, or came before.";

/// What must come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// 200.
    Success,
    /// 303: the app accepts the answer and goes on.
    GoesOn,
    /// A refusal of the token endpoint: 400 and this reason's code and sentence (RFC 6749 §5.2).
    Refused(Reason),
    /// A refusal of the API: this reason's status, code and sentence (RFC 6750 §3).
    Denied(Denial),
    /// The app refuses a logout token: 400 and `invalid_request` (Back-Channel Logout §2.8).
    LogoutRefused,
    /// A page with this status and this name, and no redirect.
    Page(u16, &'static str),
}

/// What came.
pub(super) struct Came {
    pub(super) status: u16,
    /// Whether it leads elsewhere.
    pub(super) redirects: bool,
    /// The refusal's code or name.
    pub(super) error: Option<String>,
    /// The refusal's sentence.
    pub(super) reason: String,
    pub(super) json: Value,
}

impl Expected {
    /// Whether `came` is exactly this.
    pub(super) fn is_met_by(self, came: &Came) -> bool {
        let refused = |status: u16, error: &str, reason: &str| {
            came.status == status
                && came.error.as_deref() == Some(error)
                && came.reason == reason
                && !came.redirects
        };
        match self {
            Self::Success => came.status == 200,
            Self::GoesOn => came.status == 303 && came.redirects,
            Self::Refused(reason) => {
                refused(400, reason.entry().error.as_str(), reason.entry().public)
            }
            Self::Denied(reason) => {
                let error = reason.error().unwrap_or_default();
                refused(reason.status().as_u16(), error, reason.description())
            }
            Self::LogoutRefused => refused(400, "invalid_request", LOGOUT_REFUSED),
            Self::Page(status, name) => refused(status, name, ""),
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Success => f.write_str("200"),
            Self::GoesOn => f.write_str("303"),
            Self::Refused(reason) => write!(
                f,
                "400 {}: {}",
                reason.entry().error.as_str(),
                reason.name()
            ),
            Self::Denied(reason) => {
                write!(
                    f,
                    "{} {}: {}",
                    reason.status().as_u16(),
                    reason.error().unwrap_or_default(),
                    reason.name()
                )
            }
            Self::LogoutRefused => f.write_str("400 invalid_request"),
            Self::Page(status, name) => write!(f, "{status} {name}"),
        }
    }
}

impl Came {
    /// A secret member of the JSON answer; empty without one, which no party accepts.
    pub(super) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.json[name].as_str().unwrap_or_default())
    }

    /// A page's status and the name of the refusal on it.
    pub(super) fn page(page: &Page) -> Self {
        Self {
            status: page.status.as_u16(),
            redirects: page.headers.contains_key(header::LOCATION),
            error: page.error_code().map(str::to_owned),
            reason: String::new(),
            json: Value::Null,
        }
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{} {error}", self.status),
            None => write!(f, "{}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn came(status: u16, error: &str, reason: &str) -> Came {
        Came {
            status,
            redirects: false,
            error: Some(error.to_owned()),
            reason: reason.to_owned(),
            json: json!({}),
        }
    }

    #[rstest]
    #[case::another_status(came(401, "invalid_grant", Reason::CodeRedeemed.entry().public))]
    #[case::another_code(came(400, "invalid_request", Reason::CodeRedeemed.entry().public))]
    #[case::another_reason(came(400, "invalid_grant", Reason::CodeExpired.entry().public))]
    #[case::a_redirect(Came { redirects: true, ..came(400, "invalid_grant", Reason::CodeRedeemed.entry().public) })]
    #[case::success(Came { error: None, ..came(200, "", "") })]
    fn any_other_refusal_is_the_wrong_one(#[case] came: Came) {
        assert!(!Expected::Refused(Reason::CodeRedeemed).is_met_by(&came));
    }

    #[test]
    fn the_right_refusal_is_recognised() {
        let reason = Reason::CodeRedeemed;
        assert!(Expected::Refused(reason).is_met_by(&came(
            400,
            "invalid_grant",
            reason.entry().public
        )));
        let denial = Denial::WrongAudience;
        assert!(Expected::Denied(denial).is_met_by(&came(
            401,
            "invalid_token",
            denial.description()
        )));
        assert!(!Expected::Denied(denial).is_met_by(&came(
            401,
            "invalid_token",
            Denial::Expired.description()
        )));
        assert!(Expected::Page(400, "sign-in-unknown").is_met_by(&came(
            400,
            "sign-in-unknown",
            ""
        )));
        assert!(!Expected::GoesOn.is_met_by(&came(303, "", "")));
    }
}
