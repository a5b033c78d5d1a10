//! The pages on which somebody asks for an account, and creates it.

use crate::pages::{
    AddPasskeyPage, AddPasskeyProblem, NewAccountPage, NewAccountPasskeyPage, NewPasswordProblem,
    Page, Pages, SignUpClient, SignUpPage, SignUpProblem, UsernameProblem,
};

/// Each of them in every state, on the way to a client where `pending` says so.
pub(super) fn samples(pages: &Pages, pending: &'static str) -> Vec<(String, String)> {
    let asks = asks(pending).into_iter();
    let asks = asks.map(|(name, page)| (name, pages.sign_up(&page)));
    let creates = creates().into_iter();
    let creates = creates.map(|(name, page)| (name, pages.new_account(&page)));
    let passkeys = passkeys().into_iter();
    let passkeys = passkeys.map(|(name, page)| (name, pages.new_account_passkey(&page)));
    let asked = [("sign-up-asked", pages.sign_up_asked())];
    let all = asks.chain(asked).chain(creates).chain(passkeys);
    all.map(|(name, page): (&str, Page)| (name.to_owned(), page.html))
        .collect()
}

fn asks(pending: &'static str) -> Vec<(&'static str, SignUpPage<'static>)> {
    let first = SignUpPage {
        action: "/sign-up",
        sign_in_url: "/account",
        ..SignUpPage::default()
    };
    let again = |typed, problem| SignUpPage {
        typed,
        problem: Some(problem),
        ..first.clone()
    };
    let on_the_way = SignUpPage {
        client: Some(SignUpClient {
            name: "Demo Notes",
            host: "notes.example",
            pending,
            sign_in_action: "/login/switch".to_owned(),
            page: "/login/sign-up".to_owned(),
        }),
        ..first.clone()
    };
    let of_domains = SignUpPage {
        domains: &["acme.example", "a-company-with-a-long-name.example"],
        ..on_the_way.clone()
    };
    let of_another = SignUpPage {
        domains: of_domains.domains,
        ..again("ada@beta.example", SignUpProblem::Domain)
    };
    vec![
        ("sign-up", first.clone()),
        ("sign-up-on-the-way", on_the_way),
        ("sign-up-domains", of_domains),
        ("sign-up-missing", again("", SignUpProblem::Missing)),
        ("sign-up-malformed", again("ada", SignUpProblem::Malformed)),
        ("sign-up-domain", of_another),
        (
            "sign-up-throttled",
            again("ada@acme.example", SignUpProblem::Throttled { minutes: 2 }),
        ),
    ]
}

fn passkeys() -> Vec<(&'static str, NewAccountPasskeyPage<'static>)> {
    let first = NewAccountPasskeyPage {
        address: "ada@acme.example",
        link: "sc_ln_AQEBAQEBAQEBAQEBAQEB",
        username: "ada",
        name: "Ada Lovelace",
        passkey: AddPasskeyPage {
            action: "/link",
            ceremony: "sc_pk_AQEBAQEBAQEBAQEBAQEB",
            options: r#"{"rp":{"id":"id.example","name":"Acme"},"user":{"id":"AQEB"}}"#,
            problem: None,
        },
    };
    let mut refused = first.clone();
    refused.passkey.problem = Some(AddPasskeyProblem::NotTaken);
    vec![
        ("new-account-passkey", first),
        ("new-account-passkey-not-taken", refused),
    ]
}

fn creates() -> Vec<(&'static str, NewAccountPage<'static>)> {
    let first = NewAccountPage {
        address: "ada@acme.example",
        action: "/link",
        link: "sc_ln_AQEBAQEBAQEBAQEBAQEB",
        minimum: 8,
        passkeys: true,
        ..NewAccountPage::default()
    };
    let named = |problem| NewAccountPage {
        username: "ada",
        name: "Ada Lovelace",
        username_problem: Some(problem),
        ..first.clone()
    };
    let secret = |problem| NewAccountPage {
        username: "ada",
        password_problem: Some(problem),
        ..first.clone()
    };
    let called = NewAccountPage {
        username: "ada",
        is_name_unfit: true,
        ..first.clone()
    };
    let missing = NewAccountPage {
        username: "",
        is_name_unfit: true,
        ..named(UsernameProblem::Missing)
    };
    vec![
        ("new-account", first.clone()),
        ("new-account-username-missing", missing),
        ("new-account-username-unfit", named(UsernameProblem::Unfit)),
        (
            "new-account-username-address",
            named(UsernameProblem::Address),
        ),
        ("new-account-username-taken", named(UsernameProblem::Taken)),
        (
            "new-account-username-throttled",
            named(UsernameProblem::Throttled { minutes: 2 }),
        ),
        ("new-account-name", called),
        (
            "new-account-password-missing",
            secret(NewPasswordProblem::Missing),
        ),
        (
            "new-account-password-differs",
            secret(NewPasswordProblem::Differs),
        ),
        (
            "new-account-password-short",
            secret(NewPasswordProblem::Short),
        ),
        ("new-account-busy", secret(NewPasswordProblem::Busy)),
    ]
}
