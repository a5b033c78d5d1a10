//! What the browser shows when it has brought the answer: how it ended, and that the window is of no more use.

use crate::error::Error;
use crate::page_style::STYLE;

/// How an answer was taken.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It signed the user in.
    SignedIn,
    /// It ended the sign-in without that.
    Failed(Error),
    /// It belongs to no sign-in that is under way.
    Unknown,
    /// The sign-in was over.
    Late,
}

impl Outcome {
    /// The status that it is answered with.
    pub(super) fn status(&self) -> http::StatusCode {
        match self {
            Self::SignedIn => http::StatusCode::OK,
            Self::Failed(error) => error.kind().status(),
            Self::Unknown => http::StatusCode::BAD_REQUEST,
            Self::Late => http::StatusCode::GONE,
        }
    }

    /// The page. Nothing that came from outside is in it.
    pub(super) fn page(&self, nonce: &str) -> String {
        let (title, next) = match self {
            Self::SignedIn => (
                "You are signed in.",
                "You can close this window and go back to the app.",
            ),
            Self::Failed(error) => (
                error.public_message(),
                "You can close this window. The app says more.",
            ),
            Self::Unknown => (
                "This answer belongs to no sign-in that is under way.",
                "Go back to the app and start again.",
            ),
            Self::Late => (
                "This sign-in was already completed.",
                "You can close this window and go back to the app.",
            ),
        };
        PAGE.replace("{style}", STYLE)
            .replace("{nonce}", nonce)
            .replace("{title}", title)
            .replace("{next}", next)
    }
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style nonce="{nonce}">
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{next}</p>
</main>
</body>
</html>
"#;
