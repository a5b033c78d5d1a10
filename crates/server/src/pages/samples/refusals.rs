//! The pages that refuse, an error of ours, and an entry of the errors reference.

use crate::pages::{ClientLink, Developer, ErrorEntryPage, Page, Pages, RefusalKind, RefusalPage};

const CORRELATION_ID: &str = "01K9XG7Z3M4QV8RBT2WYE5NDCA";

/// Each of them in every state.
pub(super) fn samples(pages: &Pages) -> Vec<(String, String)> {
    let kinds = REFUSAL_KINDS.iter().map(|(name, kind)| {
        let page = RefusalPage {
            kind: *kind,
            ..refusal()
        };
        (*name, page)
    });
    let refused = refusals().into_iter().chain(kinds);
    let refused = refused.map(|(name, page)| (name, refused_in(pages, page)));
    let others = [
        ("fault", pages.fault("fault", CORRELATION_ID)),
        ("error-entry", pages.error_entry(&error_entry())),
    ];
    refused
        .chain(others)
        .map(|(name, page): (&str, Page)| (name.to_owned(), page.html))
        .collect()
}

const REFUSAL_KINDS: &[(&str, RefusalKind)] = &[
    ("refusal-expired", RefusalKind::Expired),
    ("refusal-browser", RefusalKind::Browser),
    ("refusal-sign-out", RefusalKind::SignOut),
    ("refusal-forbidden", RefusalKind::Forbidden),
    ("refusal-not-found", RefusalKind::NotFound),
    ("refusal-method", RefusalKind::Method),
    ("refusal-too-large", RefusalKind::TooLarge),
    ("refusal-too-many", RefusalKind::TooMany),
    ("refusal-unavailable", RefusalKind::Unavailable),
];

fn refusal() -> RefusalPage<'static> {
    RefusalPage {
        kind: RefusalKind::SignInLink,
        status: 400,
        name: "redirect-uri-not-registered",
        sentence: "The app asked to be answered at an address that is not registered for it.",
        what_to_do: "Go back to the app and try again. If it keeps happening, send the app’s owner the code below.",
        correlation_id: CORRELATION_ID,
        way_back: None,
        received: &[],
        developer: None,
        recover_url: None,
        again: None,
    }
}

/// A refusal in the language of the pages.
fn refused_in(pages: &Pages, page: RefusalPage<'_>) -> Page {
    match pages.refusal_text(page.name, "https://id.example") {
        Some((sentence, what_to_do)) => pages.refusal(&RefusalPage {
            sentence: &sentence,
            what_to_do: &what_to_do,
            ..page
        }),
        None => pages.refusal(&page),
    }
}

fn error_entry() -> ErrorEntryPage<'static> {
    ErrorEntryPage {
        name: "redirect-uri-not-registered",
        error: "invalid_request",
        spec: "RFC 6749 §3.1.2.4",
        sentence: "The app asked to return to an address that is not registered for it.",
        what_to_do: "Go back to the app and try again; if it keeps happening, tell the app’s owner.",
    }
}

fn refusals() -> Vec<(&'static str, RefusalPage<'static>)> {
    let received = RefusalPage {
        received: &[
            ("client_id", "notes-web"),
            ("redirect_uri", "http://notes.example.com/auth/callback/"),
            ("response_type", "code"),
            ("scope", "openid profile notes.read"),
            ("state", ""),
        ],
        again: Some("sc_po_AQEBAQEBAQEBAQEBAQEB"),
        ..refusal()
    };
    let developer = RefusalPage {
        developer: Some(Developer {
            detail: &[
                "http instead of https",
                "a trailing slash too many",
                "registered: https://notes.example.com/auth/callback",
            ],
        }),
        ..received.clone()
    };
    let way_back = RefusalPage {
        kind: RefusalKind::Expired,
        name: "pending-request-expired",
        sentence: "This sign-in was started too long ago.",
        what_to_do: "Go back to the app and start again.",
        way_back: Some(ClientLink {
            client_name: "Demo Notes",
            client_host: "notes.example",
            client_url: Some("https://notes.example/"),
        }),
        ..refusal()
    };
    let many = RefusalPage {
        received: &[("resource", "https://api.example.com"); 30],
        ..refusal()
    };
    let over = RefusalPage {
        kind: RefusalKind::Link,
        name: "link-expired",
        sentence: "This link is too old.",
        what_to_do: "Ask for a new one.",
        recover_url: Some("/recover"),
        ..refusal()
    };
    vec![
        ("refusal-link-over", over),
        ("refusal-link", refusal()),
        ("refusal-link-received", received),
        ("refusal-link-developer", developer),
        ("refusal-link-many", many),
        ("refusal-way-back", way_back),
    ]
}
