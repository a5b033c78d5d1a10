//! The pages of one-time links, and of who asks for one.

use crate::pages::{
    AddPasskeyPage, AddPasskeyProblem, ConfirmAddressPage, NewPasswordPage, NewPasswordProblem,
    Page, Pages, RecoverPage, RecoverProblem,
};

/// Each of them in every state.
pub(super) fn samples(pages: &Pages) -> Vec<(String, String)> {
    let asks = recover().into_iter();
    let asks = asks.map(|(name, page)| (name, pages.recover(&page)));
    let sets = new_password().into_iter();
    let sets = sets.map(|(name, page)| (name, pages.new_password(&page)));
    let confirm = ConfirmAddressPage {
        account: "alice",
        address: "alice@new.example",
        action: "/link",
        link: "sc_ln_AQEBAQEBAQEBAQEBAQEB",
        csrf: "csrf",
    };
    let confirm = [("confirm-address", pages.confirm_address(&confirm))];
    let asked = [("recovery-asked", pages.recovery_asked())];
    let all = asks.chain(asked).chain(sets).chain(confirm);
    all.map(|(name, page): (&str, Page)| (name.to_owned(), page.html))
        .collect()
}

fn recover() -> Vec<(&'static str, RecoverPage<'static>)> {
    let first = RecoverPage {
        action: "/recover",
        typed: "",
        problem: None,
    };
    let missing = RecoverPage {
        problem: Some(RecoverProblem::Missing),
        ..first.clone()
    };
    let throttled = RecoverPage {
        typed: "alice",
        problem: Some(RecoverProblem::Throttled { minutes: 2 }),
        ..first.clone()
    };
    vec![
        ("recover", first),
        ("recover-missing", missing),
        ("recover-throttled", throttled),
    ]
}

/// The form that brings a passkey by a link.
fn by_link(problem: Option<AddPasskeyProblem>) -> AddPasskeyPage<'static> {
    AddPasskeyPage {
        action: "/link",
        ceremony: "sc_pk_AQEBAQEBAQEBAQEBAQEB",
        options: r#"{"rp":{"id":"id.example","name":"Acme"},"user":{"id":"AQEB"}}"#,
        problem,
    }
}

fn new_password() -> Vec<(&'static str, NewPasswordPage<'static>)> {
    use NewPasswordProblem as Problem;

    let first = NewPasswordPage {
        account: "alice",
        is_first: true,
        is_invited: true,
        action: "/link",
        link: Some("sc_ln_AQEBAQEBAQEBAQEBAQEB"),
        csrf: None,
        ends_others: false,
        minimum: 8,
        problem: None,
        passkey: None,
    };
    let another = NewPasswordPage {
        is_first: false,
        is_invited: false,
        ..first.clone()
    };
    let from_account = NewPasswordPage {
        action: "/account/security/password",
        link: None,
        csrf: Some("csrf"),
        ends_others: true,
        ..another.clone()
    };
    let again = |problem| NewPasswordPage {
        problem: Some(problem),
        ..another.clone()
    };
    let first_or_passkey = NewPasswordPage {
        passkey: Some(by_link(None)),
        ..first.clone()
    };
    let another_or_passkey = NewPasswordPage {
        passkey: Some(by_link(None)),
        ..another.clone()
    };
    let passkey_wrong = NewPasswordPage {
        passkey: Some(by_link(Some(AddPasskeyProblem::NotVerified))),
        ..first.clone()
    };
    vec![
        ("first-sign-in", first_or_passkey),
        ("first-sign-in-passkey-wrong", passkey_wrong),
        ("new-sign-in", another_or_passkey),
        ("new-password-from-account", from_account),
        ("first-password", first),
        ("new-password", another.clone()),
        ("new-password-missing", again(Problem::Missing)),
        ("new-password-differs", again(Problem::Differs)),
        ("new-password-short", again(Problem::Short)),
        ("new-password-long", again(Problem::Long)),
        ("new-password-character", again(Problem::Character)),
        ("new-password-common", again(Problem::Common)),
        ("new-password-name", again(Problem::Name)),
        ("new-password-busy", again(Problem::Busy)),
    ]
}
