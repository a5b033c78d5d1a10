//! The account pages in every state.

use safeconduct_protocol::time::Timestamp;

use crate::pages::{
    AccountFrame, AccountPage, ActivityPage, AddPasskeyPage, AddPasskeyProblem, AddressPage,
    AddressProblem, AppLine, AppsPage, AuthenticatorLine, DeletePage, EventLine, FactLine,
    OverviewPage, Pages, PasskeyLine, PasskeysPage, PhonePage, RemovePasskeyProblem, Section,
    SecurityPage, SessionLine, SessionsPage,
};

/// 30 November 2026, noon.
const NOW: Timestamp = Timestamp::from_seconds(1_796_040_000);

type Sample = (&'static str, AccountFrame<'static>, AccountPage<'static>);

/// What a sample is made of lives as long as the process that looks at it.
fn kept<T>(values: Vec<T>) -> &'static [T] {
    Box::leak(values.into_boxed_slice())
}

fn frame(section: Section, path: &'static str) -> AccountFrame<'static> {
    AccountFrame {
        account: "alice",
        section,
        passkeys: true,
        path,
        csrf: "csrf",
        sign_out_action: "/logout/confirm",
        sign_out_csrf: "sign-out",
        again: false,
    }
}

pub(super) fn samples(pages: &Pages) -> Vec<Sample> {
    let mut samples = overview();
    samples.extend(addresses());
    samples.extend(phone());
    samples.extend(security(pages));
    samples.extend(apps(pages));
    samples.extend(sessions(pages));
    samples.extend(activity(pages));
    samples.extend(passkeys(pages));
    samples
}

fn overview() -> Vec<Sample> {
    let facts = [
        ("email", "alice@example.com"),
        ("phone_number", "+1 555 0100"),
    ];
    let some = OverviewPage {
        name: "Alice Liddell",
        is_unfit: false,
        rename_action: "/account/name",
        facts: kept(facts.map(|(kind, value)| FactLine { kind, value }).into()),
        address_page: Some("/account/address"),
        phone_page: "/account/phone",
        delete_page: Some("/account/delete"),
    };
    let none = OverviewPage {
        name: "",
        facts: &[],
        address_page: None,
        delete_page: None,
        ..some.clone()
    };
    let unfit = OverviewPage {
        is_unfit: true,
        ..some.clone()
    };
    let delete = |is_unconfirmed| {
        AccountPage::Delete(DeletePage {
            action: "/account/delete",
            is_unconfirmed,
        })
    };
    let account = frame(Section::Overview, "/account");
    let deletion = frame(Section::Overview, "/account/delete");
    vec![
        ("account", account.clone(), AccountPage::Overview(some)),
        ("account-bare", account.clone(), AccountPage::Overview(none)),
        ("account-unfit-name", account, AccountPage::Overview(unfit)),
        ("account-delete", deletion.clone(), delete(false)),
        ("account-delete-unconfirmed", deletion, delete(true)),
    ]
}

fn phone() -> Vec<Sample> {
    let phone = |number, is_unfit| {
        AccountPage::Phone(PhonePage {
            number,
            is_unfit,
            action: "/account/phone",
        })
    };
    let frame = frame(Section::Overview, "/account/phone");
    vec![
        ("account-phone", frame.clone(), phone("+15550100", false)),
        ("account-phone-unfit", frame, phone("555 0100", true)),
    ]
}

fn addresses() -> Vec<Sample> {
    let known = AddressPage {
        address: Some("alice@example.com"),
        is_verified: true,
        action: Some("/account/address"),
        ..AddressPage::default()
    };
    let malformed = AddressPage {
        typed: "alice",
        problem: Some(AddressProblem::Malformed),
        ..known.clone()
    };
    let throttled = AddressPage {
        typed: "alice@new.example",
        problem: Some(AddressProblem::Throttled { minutes: 5 }),
        ..known.clone()
    };
    let sent = AddressPage {
        sent_to: Some("alice@new.example"),
        ..known.clone()
    };
    let without_mail = AddressPage {
        action: None,
        ..known.clone()
    };
    let unknown = AddressPage {
        action: Some("/account/address"),
        ..AddressPage::default()
    };
    let address = |(name, page)| {
        let frame = frame(Section::Overview, "/account/address");
        (name, frame, AccountPage::Address(page))
    };
    let pages = [
        ("account-address", known),
        ("account-address-malformed", malformed),
        ("account-address-throttled", throttled),
        ("account-address-sent", sent),
        ("account-address-without-mail", without_mail),
        ("account-address-unknown", unknown),
    ];
    pages.map(address).into()
}

fn apps(pages: &Pages) -> [Sample; 3] {
    let app = |id: &str, name: &str| AppLine {
        id: id.to_owned(),
        name: name.to_owned(),
        scopes: vec!["Read your notes".to_owned()],
        sees: pages.claims(|claim| {
            let known = match claim {
                "name" => "Alice <Liddell>",
                "email" => "alice@example.com",
                "address" => "12 St James’s Square, London",
                _ => return None,
            };
            Some(known.to_owned())
        }),
        since: Some(pages.date(NOW.plus(-90 * 86_400))),
        last_used: Some(pages.moment(NOW.plus(-3 * 3600), NOW)),
    };
    let unused = AppLine {
        last_used: None,
        scopes: Vec::new(),
        sees: Vec::new(),
        ..app("main", "Calendar")
    };
    let some = AppsPage {
        remove_access_action: "/account/apps/remove",
        minutes: 5,
        apps: kept(vec![unused, app("demo-notes", "Demo Notes")]),
    };
    let none = AppsPage {
        apps: &[],
        ..some.clone()
    };
    let frame = frame(Section::Apps, "/account/apps");
    let again = AccountFrame {
        again: true,
        ..frame.clone()
    };
    [
        (
            "account-apps",
            frame.clone(),
            AccountPage::Apps(some.clone()),
        ),
        ("account-apps-again", again, AccountPage::Apps(some)),
        ("account-apps-none", frame, AccountPage::Apps(none)),
    ]
}

fn sessions(pages: &Pages) -> [Sample; 2] {
    let session = |id: &str, is_this, factors: &[&'static str], ago: i64| SessionLine {
        id: id.to_owned(),
        is_this,
        browser: Some("Firefox").filter(|_| id != "c"),
        system: Some("Windows").filter(|_| id != "b"),
        started: pages.date(NOW.plus(-90 * 86_400)),
        last_seen: pages.moment(NOW.plus(-ago), NOW),
        factors: factors.to_vec(),
    };
    let this = session("a", true, &["password", "otp"], 60);
    let passkey = session("b", false, &["passkey"], 2 * 3600);
    let code = session("c", false, &["password", "recovery_code"], 40 * 86_400);
    let all = SessionsPage {
        end_session_action: "/account/sessions/end",
        end_others_action: "/account/sessions/end-others",
        sessions: kept(vec![this.clone(), passkey, code]),
    };
    let one = SessionsPage {
        sessions: kept(vec![this]),
        ..all.clone()
    };
    let frame = frame(Section::Sessions, "/account/sessions");
    [
        (
            "account-sessions",
            frame.clone(),
            AccountPage::Sessions(all),
        ),
        ("account-sessions-one", frame, AccountPage::Sessions(one)),
    ]
}

fn security(pages: &Pages) -> [Sample; 4] {
    let added = pages.date(NOW.plus(-90 * 86_400));
    let app = |recovery_codes, few, is_demanded| AuthenticatorLine {
        added: added.clone(),
        recovery_codes,
        few,
        is_demanded,
    };
    let changed: &'static str = Box::leak(added.clone().into_boxed_str());
    let page = |authenticator: Option<AuthenticatorLine>| SecurityPage {
        password_changed: Some(changed),
        password_page: "/account/security/password",
        authenticator: authenticator.map(|line| &*Box::leak(Box::new(line))),
        may_add_authenticator: true,
        authenticator_page: "/account/security/authenticator",
        remove_authenticator_action: "/account/security/authenticator/remove",
        new_recovery_codes_action: "/account/security/recovery-codes",
    };
    let bare = SecurityPage {
        password_changed: None,
        may_add_authenticator: false,
        ..page(None)
    };
    let frame = frame(Section::Security, "/account/security");
    let sample = |name, page| (name, frame.clone(), AccountPage::Security(page));
    [
        sample("account-security", page(Some(app(10, false, false)))),
        sample("account-security-few", page(Some(app(2, true, true)))),
        sample("account-security-none", page(None)),
        sample("account-security-bare", bare),
    ]
}

fn activity(pages: &Pages) -> [Sample; 2] {
    let event = |kind| EventLine {
        kind,
        at: pages.moment(NOW.plus(-3 * 3600), NOW),
        app: "Demo Notes".to_owned(),
        left: 4,
    };
    let kinds = [
        "user-added",
        "user-locked",
        "user-unlocked",
        "claims-updated",
        "password-set",
        "second-factor-added",
        "second-factor-removed",
        "passkey-added",
        "passkey-renamed",
        "passkey-removed",
        "passkey-count-behind",
        "recovery-codes-made",
        "recovery-code-used",
        "second-factor-guessed",
        "session-started",
        "session-ended",
        "sessions-ended",
        "other-sessions-ended",
        "consent-given",
        "access-removed",
    ];
    let some = ActivityPage {
        events: kept(kinds.map(event).into()),
        earlier: Some("/account/activity?before=1"),
    };
    let frame = frame(Section::Activity, "/account/activity");
    [
        (
            "account-activity",
            frame.clone(),
            AccountPage::Activity(some),
        ),
        (
            "account-activity-none",
            frame,
            AccountPage::Activity(ActivityPage::default()),
        ),
    ]
}

fn passkeys(pages: &Pages) -> Vec<Sample> {
    let passkey = |name: &str, backup_eligible, ago: Option<i64>| PasskeyLine {
        id: "AQEB".to_owned(),
        name: name.to_owned(),
        backup_eligible,
        created: pages.date(NOW.plus(-90 * 86_400)),
        last_used: ago.map(|ago| pages.moment(NOW.plus(-ago), NOW)),
    };
    let some = PasskeysPage {
        add: "/account/passkeys/add",
        rename_action: "/account/passkeys/rename",
        remove_action: "/account/passkeys/remove",
        passkeys: kept(vec![
            passkey("Google Password Manager", true, Some(60)),
            passkey("The key in the drawer", false, None),
        ]),
        accepted: Some(
            r#"{"rpId":"id.example","userId":"AQEB","allAcceptedCredentialIds":["AQEB"]}"#,
        ),
        problem: None,
    };
    let none = PasskeysPage {
        passkeys: &[],
        accepted: None,
        ..some.clone()
    };
    let last = PasskeysPage {
        problem: Some(RemovePasskeyProblem::LastWayIn),
        ..some.clone()
    };
    let demanded = PasskeysPage {
        problem: Some(RemovePasskeyProblem::Demanded),
        ..some.clone()
    };
    let frame = frame(Section::Security, "/account/passkeys");
    let mut samples = vec![
        (
            "account-passkeys",
            frame.clone(),
            AccountPage::Passkeys(some),
        ),
        (
            "account-passkeys-none",
            frame.clone(),
            AccountPage::Passkeys(none),
        ),
        (
            "account-passkeys-last",
            frame.clone(),
            AccountPage::Passkeys(last),
        ),
        (
            "account-passkeys-demanded",
            frame,
            AccountPage::Passkeys(demanded),
        ),
    ];
    samples.extend(new_passkey());
    samples
}

fn new_passkey() -> impl Iterator<Item = Sample> {
    use AddPasskeyProblem::{Known, NotDiscoverable, NotTaken, NotVerified, Over, TooMany};

    let samples = [
        ("account-add-passkey", None),
        ("account-add-passkey-over", Some(Over)),
        ("account-add-passkey-not-verified", Some(NotVerified)),
        (
            "account-add-passkey-not-discoverable",
            Some(NotDiscoverable),
        ),
        ("account-add-passkey-known", Some(Known)),
        ("account-add-passkey-too-many", Some(TooMany)),
        ("account-add-passkey-not-taken", Some(NotTaken)),
    ];
    samples.into_iter().map(|(name, problem)| {
        let page = AddPasskeyPage {
            action: "/account/passkeys/add",
            ceremony: "sc_pk_AQEBAQEBAQEBAQEBAQEB",
            options: r#"{"rp":{"id":"id.example","name":"Acme"},"user":{"id":"AQEB","name":"alice","displayName":"alice"}}"#,
            problem,
        };
        let frame = frame(Section::Security, "/account/passkeys/add");
        (name, frame, AccountPage::AddPasskey(page))
    })
}
