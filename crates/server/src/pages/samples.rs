//! One sample of every page in every state, rendered: what the tests look at, and what
//! `cargo run -p safeconduct-server --example pages -- DIR` writes for users who change the pages.

mod account;
mod links;
mod refusals;
mod sign_up;

use std::sync::LazyLock;

use super::{
    AddPasskeyPage, AddPasskeyProblem, ClientLink, CodeProblem, ConsentPage, Contact, ContinuePage,
    EnrolPage, FormPostPage, HomePage, NewPasskeyPage, NotAdmittedPage, Notice, OfferPage, Page,
    Pages, PasskeyPrompt, QrDrawing, RecoveryCodesPage, Renewal, ResourceLine, ReturnTo, ScopeKind,
    ScopeLine, SecondFactorPage, SelectAccountPage, SignInPage, SignInProblem, SignOutPage,
    SignedIn, SignedOutPage,
};

const PENDING: &str = "sc_pend_AQEBAQEBAQEBAQEBAQEB";

/// Every page in every state: a name to file it under, and its HTML.
#[must_use]
pub fn render(pages: &Pages) -> Vec<(String, String)> {
    let mut samples = Vec::new();
    let mut add = |name: &str, page: Page| samples.push((name.to_owned(), page.html));
    let notice = notice();
    for (name, page) in sign_in(&notice).into_iter().chain(sign_in_by_passkey()) {
        add(name, pages.sign_in(&page));
    }
    for (name, page) in second_factor() {
        add(name, pages.second_factor(&page));
    }
    let qr = QrDrawing::of(OTPAUTH);
    for (name, page) in enrol(qr.as_ref()) {
        add(name, pages.enrol(&page));
    }
    for (name, page) in [("offer", offer()), ("offer-passkey", offer_of_passkey())] {
        add(name, pages.offer(&page));
    }
    for (name, page) in new_passkeys() {
        add(name, pages.new_passkey(&page));
    }
    add("recovery-codes", pages.recovery_codes(&recovery_codes()));
    add("not-admitted", pages.not_admitted(&not_admitted(&[])));
    add(
        "not-admitted-contacts",
        pages.not_admitted(&not_admitted(&contacts())),
    );
    add("select-account", pages.select_account(&select_account()));
    for (name, page) in consent() {
        add(name, pages.consent(&page));
    }
    for (name, scopes) in OPENID_CONSENT {
        add(name, openid_consent(pages, scopes));
    }
    add("form-post", pages.form_post(&form_post()));
    for (name, page) in continue_page() {
        add(name, pages.continue_page(&page));
    }
    for (name, page) in answered() {
        add(name, pages.already_answered(page));
    }
    for (name, page) in sign_out() {
        add(name, pages.sign_out_confirm(&page));
    }
    for (name, page) in signed_out() {
        add(name, pages.signed_out(&page));
    }
    add("home", pages.home(&HomePage::default()));
    let signed_in = Some(signed_in("alice"));
    let signed_in = HomePage {
        signed_in,
        ..HomePage::default()
    };
    add("home-signed-in", pages.home(&signed_in));
    let unclear = HomePage {
        unclear: true,
        ..HomePage::default()
    };
    add("home-unclear", pages.home(&unclear));
    for (name, frame, page) in account::samples(pages) {
        add(name, pages.account(&frame, &page));
    }
    add("account-deleted", pages.account_deleted());
    samples.extend(refusals::samples(pages));
    samples.extend([links::samples(pages), sign_up::samples(pages, PENDING)].concat());
    samples
}

fn notice() -> Notice {
    Notice {
        heading: "Accounts to try".to_owned(),
        lines: ["alice", "bob"]
            .map(|name| format!("{name} with password correct-horse-demo"))
            .into(),
    }
}

fn sign_in(notice: &Notice) -> Vec<(&'static str, SignInPage<'_>)> {
    let first = SignInPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        action: "/login",
        pending: PENDING,
        ..SignInPage::default()
    };
    let again = |problem| SignInPage {
        username: "alice",
        problem: Some(problem),
        ..first.clone()
    };
    let reauthenticate = |problem| SignInPage {
        reauthenticate: Some("alice"),
        problem,
        ..first.clone()
    };
    let noted = SignInPage {
        notice: Some(notice),
        ..first.clone()
    };
    let recoverable = SignInPage {
        recover_url: Some("/recover"),
        ..first.clone()
    };
    let open_to_people = SignInPage {
        sign_up_action: Some("/login/sign-up"),
        ..recoverable.clone()
    };
    let nobody = SignInPage {
        username: "",
        ..again(SignInProblem::MissingBoth)
    };
    let hinted = SignInPage {
        username: "alice",
        ..first.clone()
    };
    let or_another = SignInPage {
        use_another_account_action: Some("/login/switch"),
        ..reauthenticate(None)
    };
    let wrong = SignInProblem::WrongCredentials;
    vec![
        ("sign-in", first.clone()),
        ("sign-in-notice", noted),
        ("sign-in-recover", recoverable),
        ("sign-in-sign-up", open_to_people),
        ("sign-in-wrong", again(wrong)),
        (
            "sign-in-missing-username",
            again(SignInProblem::MissingUsername),
        ),
        (
            "sign-in-missing-password",
            again(SignInProblem::MissingPassword),
        ),
        ("sign-in-missing-both", nobody),
        (
            "sign-in-throttled",
            again(SignInProblem::Throttled { minutes: 2 }),
        ),
        ("sign-in-busy", again(SignInProblem::Busy)),
        ("sign-in-hinted", hinted),
        ("sign-in-again", reauthenticate(None)),
        ("sign-in-again-or-another", or_another),
        ("sign-in-again-wrong", reauthenticate(Some(wrong))),
    ]
}

fn sign_in_by_passkey() -> [(&'static str, SignInPage<'static>); 3] {
    let first = SignInPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        action: "/login",
        pending: PENDING,
        passkey: Some(passkey_prompt()),
        ..SignInPage::default()
    };
    let wrong = SignInPage {
        problem: Some(SignInProblem::Passkey),
        ..first.clone()
    };
    let again = SignInPage {
        reauthenticate: Some("alice"),
        ..first.clone()
    };
    [
        ("sign-in-passkey", first),
        ("sign-in-passkey-wrong", wrong),
        ("sign-in-passkey-again", again),
    ]
}

/// A form that asks for a passkey, as it is once the script has found that the browser knows them.
fn passkey_prompt() -> &'static PasskeyPrompt {
    static PROMPT: LazyLock<PasskeyPrompt> = LazyLock::new(|| {
        PasskeyPrompt {
        action: "/login/passkey".to_owned(),
        ceremony: "sc_pk_AQEBAQEBAQEBAQEBAQEB".to_owned(),
        options: r#"{"rpId":"id.example","challenge":"AQEB","allowCredentials":[],"userVerification":"required"}"#
            .to_owned(),
        conditional: true,
        unknown: None,
        renewal: Some(Renewal { action: "/login/passkey/renew".to_owned(), seconds: 720 }),
    }
    });
    &PROMPT
}

fn second_factor() -> Vec<(&'static str, SecondFactorPage<'static>)> {
    let first = SecondFactorPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        action: "/login/second-factor",
        use_another_account_action: "/login/switch",
        pending: PENDING,
        code: true,
        recovery_codes: true,
        passkey: None,
        problem: None,
    };
    let with_passkey = SecondFactorPage {
        passkey: Some(passkey_prompt()),
        ..first.clone()
    };
    let passkey_alone = SecondFactorPage {
        code: false,
        recovery_codes: false,
        ..with_passkey.clone()
    };
    let passkey_wrong = SecondFactorPage {
        problem: Some(CodeProblem::Passkey),
        ..passkey_alone.clone()
    };
    let again = |problem| SecondFactorPage {
        problem: Some(problem),
        ..first.clone()
    };
    let no_codes = SecondFactorPage {
        recovery_codes: false,
        ..first.clone()
    };
    vec![
        ("second-factor", first.clone()),
        ("second-factor-or-passkey", with_passkey),
        ("second-factor-passkey", passkey_alone),
        ("second-factor-passkey-wrong", passkey_wrong),
        ("second-factor-no-recovery-codes", no_codes),
        ("second-factor-missing", again(CodeProblem::NoCode)),
        ("second-factor-wrong", again(CodeProblem::WrongCode)),
        (
            "second-factor-recovery-missing",
            again(CodeProblem::NoRecoveryCode),
        ),
        (
            "second-factor-recovery-wrong",
            again(CodeProblem::WrongRecoveryCode),
        ),
        (
            "second-factor-throttled",
            again(CodeProblem::Throttled { minutes: 5 }),
        ),
    ]
}

const OTPAUTH: &str =
    "otpauth://totp/Safeconduct:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Safeconduct";

fn enrol(qr: Option<&QrDrawing>) -> Vec<(&'static str, EnrolPage<'_>)> {
    let first = EnrolPage {
        client_name: Some("Demo Notes"),
        client_host: "notes.example",
        account: "alice",
        action: "/login/enrol",
        use_another_account_action: Some("/login/switch"),
        pending: Some(PENDING),
        csrf: None,
        not_now_action: None,
        passkey: None,
        enrolment: "sc_en_AQEBAQEBAQEBAQEBAQEB",
        qr,
        secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        problem: None,
    };
    let again = |problem| EnrolPage {
        problem: Some(problem),
        ..first.clone()
    };
    let from_account = EnrolPage {
        csrf: Some("csrf"),
        client_name: None,
        use_another_account_action: None,
        pending: None,
        ..first.clone()
    };
    let offered = EnrolPage {
        not_now_action: Some("/login/offer"),
        ..first.clone()
    };
    let or_passkey = EnrolPage {
        passkey: Some(new_passkey().page),
        ..first.clone()
    };
    let passkey_wrong = EnrolPage {
        passkey: Some(AddPasskeyPage {
            problem: Some(AddPasskeyProblem::NotVerified),
            ..new_passkey().page
        }),
        ..first.clone()
    };
    vec![
        ("enrol", first.clone()),
        ("enrol-or-passkey", or_passkey),
        ("enrol-passkey-wrong", passkey_wrong),
        ("enrol-from-account", from_account),
        ("enrol-offered", offered),
        ("enrol-missing", again(CodeProblem::NoCode)),
        ("enrol-wrong", again(CodeProblem::WrongCode)),
        ("enrol-over", again(CodeProblem::Over)),
    ]
}

fn new_passkeys() -> [(&'static str, NewPasskeyPage<'static>); 2] {
    let demanded = NewPasskeyPage {
        demanded_of: Some("alice"),
        not_now_action: None,
        use_another_account_action: Some("/login/switch"),
        ..new_passkey()
    };
    [
        ("new-passkey", new_passkey()),
        ("new-passkey-demanded", demanded),
    ]
}

fn offer() -> OfferPage<'static> {
    OfferPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        action: "/login/offer",
        pending: PENDING,
        otp: true,
        passkey: false,
    }
}

fn offer_of_passkey() -> OfferPage<'static> {
    OfferPage {
        passkey: true,
        ..offer()
    }
}

fn new_passkey() -> NewPasskeyPage<'static> {
    NewPasskeyPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        not_now_action: Some("/login/offer"),
        pending: PENDING,
        page: AddPasskeyPage {
            action: "/login/passkey/add",
            ceremony: "sc_pk_AQEBAQEBAQEBAQEBAQEB",
            options: r#"{"rp":{"id":"id.example","name":"Acme"},"user":{"id":"AQEB"}}"#,
            problem: None,
        },
        ..NewPasskeyPage::default()
    }
}

fn recovery_codes() -> RecoveryCodesPage<'static> {
    RecoveryCodesPage {
        codes: &[
            "0R5K-7WQ2-ZC9H-M4TB",
            "1S6M-8XR3-0D0J-N5VC",
            "2T7N-9YS4-1E1K-P6WD",
            "3V8P-AZT5-2F2M-Q7XE",
            "4W9Q-B0V6-3G3N-R8YF",
            "5XAR-C1W7-4H4P-S9ZG",
            "6YBS-D2X8-5J5Q-TA0H",
            "7ZCT-E3Y9-6K6R-VB1J",
            "80DV-F4ZA-7M7S-WC2K",
            "91EW-G50B-8N8T-XD3M",
        ],
        continue_url: "/authorize?pending=sc_pend_AQEBAQEBAQEBAQEBAQEB",
    }
}

fn contacts() -> [Contact; 2] {
    ["help@notes.example", "https://notes.example/help"].map(Contact::of)
}

fn not_admitted(contacts: &[Contact]) -> NotAdmittedPage<'_> {
    NotAdmittedPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        contacts,
        use_another_account_action: "/login/switch",
        pending: PENDING,
        name: "user-not-admitted",
        correlation_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    }
}

fn select_account() -> SelectAccountPage<'static> {
    SelectAccountPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        continue_action: "/login/continue",
        use_another_account_action: "/login/switch",
        pending: PENDING,
    }
}

fn form_post() -> FormPostPage<'static> {
    FormPostPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        action: "https://notes.example/auth/callback",
        fields: &[
            ("code", "sc_code_AQEBAQEBAQEBAQEBAQEB"),
            ("state", "af0ifjsldkj"),
            ("iss", "https://id.example"),
        ],
    }
}

const PROFILE: ScopeLine<'_> = scope("profile", "See your name and picture", ScopeKind::Identity);
const READ: ScopeLine<'_> = scope("notes.read", "Read your notes", ScopeKind::Read);
const WRITE: ScopeLine<'_> = scope(
    "notes.write",
    "Add to your notes and change them",
    ScopeKind::Change,
);
const OFFLINE: ScopeLine<'_> = scope(
    "offline_access",
    "Keep access while you are not using the app, until you remove it",
    ScopeKind::WhileAway,
);
const UNKNOWN: ScopeLine<'_> = ScopeLine {
    name: "reports.sync",
    text: None,
    is_new: true,
    kind: ScopeKind::Unknown,
};

const fn scope(name: &'static str, text: &'static str, kind: ScopeKind) -> ScopeLine<'static> {
    ScopeLine {
        name,
        text: Some(text),
        is_new: true,
        kind,
    }
}

fn consent() -> Vec<(&'static str, ConsentPage<'static>)> {
    let first = ConsentPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        action: "/consent",
        use_another_account_action: "/login/switch",
        pending: PENDING,
        resource: Some(ResourceLine {
            name: "Notes API",
            uri: "https://api.example.com",
        }),
        scopes: &[PROFILE, READ, WRITE, OFFLINE],
        ..ConsentPage::default()
    };
    let more = ConsentPage {
        scopes: &[WRITE],
        already_allowed: &[PROFILE, READ],
        logo: Some(
            "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=",
        ),
        policy_uri: Some("https://notes.example/privacy"),
        tos_uri: Some("https://notes.example/terms"),
        ..first.clone()
    };
    let unknown = ConsentPage {
        scopes: &[READ, UNKNOWN],
        resource: None,
        ..first.clone()
    };
    let loopback = ConsentPage {
        client_name: "notes-cli",
        client_host: "localhost:49152",
        loopback: true,
        scopes: &[READ],
        ..first.clone()
    };
    let nothing = ConsentPage {
        scopes: &[],
        resource: None,
        ..first.clone()
    };
    vec![
        ("consent", first),
        ("consent-more", more),
        ("consent-unknown", unknown),
        ("consent-loopback", loopback),
        ("consent-nothing", nothing),
    ]
}

/// Requests of OpenID Connect: a sign-in and nothing else, everything there is, and one that names a single claim in
/// place of a scope.
const OPENID_CONSENT: &[(&str, &[&str])] = &[
    ("consent-openid", &["openid"]),
    (
        "consent-openid-all",
        &[
            "openid",
            "profile",
            "email",
            "phone",
            "address",
            "offline_access",
        ],
    ),
    ("consent-openid-claim", &["openid", "email"]),
];

fn openid_consent(pages: &Pages, scopes: &[&str]) -> Page {
    let known = |name: &&str| pages.built_in_scope(name);
    let lines: Vec<ScopeLine<'_>> = scopes.iter().filter_map(known).collect();
    pages.consent(&ConsentPage {
        client_name: "Demo Notes",
        client_host: "notes.example",
        account: "alice",
        action: "/consent",
        use_another_account_action: "/login/switch",
        pending: PENDING,
        scopes: &lines,
        ..ConsentPage::default()
    })
}

fn continue_page() -> Vec<(&'static str, ContinuePage<'static>)> {
    let here = ContinuePage {
        url: "/authorize?pending=sc_pa_AQEBAQEBAQEBAQEBAQEB",
        ..ContinuePage::default()
    };
    let to_client = ContinuePage {
        client_name: Some("Demo Notes"),
        client_host: "notes.example",
        url: "https://notes.example/auth/callback?code=sc_code_AQEBAQEB&state=af0ifjsldkj",
    };
    vec![("go-on", here), ("go-on-to-client", to_client)]
}

fn answered() -> Vec<(&'static str, ClientLink<'static>)> {
    let plain = ClientLink {
        client_name: "Demo Notes",
        client_host: "notes.example",
        client_url: None,
    };
    let linked = ClientLink {
        client_url: Some("https://notes.example/"),
        ..plain
    };
    vec![
        ("already-answered", plain),
        ("already-answered-linked", linked),
    ]
}

fn sign_out() -> Vec<(&'static str, SignOutPage<'static>)> {
    let plain = SignOutPage {
        signed_in: signed_in("alice"),
        ..SignOutPage::default()
    };
    let requested = SignOutPage {
        requested_by: Some("Demo Notes"),
        told: &["Demo Notes", "Calendar"],
        returns_to: Some("notes.example"),
        logout: Some("sc_lgrq_AQEBAQEBAQEBAQEBAQEB"),
        ..plain
    };
    let unverified = SignOutPage {
        unverified: true,
        ..plain
    };
    vec![
        ("sign-out", plain),
        ("sign-out-requested", requested),
        ("sign-out-unverified", unverified),
    ]
}

fn signed_out() -> Vec<(&'static str, SignedOutPage<'static>)> {
    let plain = SignedOutPage::default();
    let told = SignedOutPage {
        told: &["Demo Notes", "Acme Calendar"],
        ..plain.clone()
    };
    let not_told = SignedOutPage {
        told: &["Demo Notes"],
        not_told: &["Acme Calendar", "Acme Mail"],
        return_to: Some(ReturnTo {
            client_name: "Demo Notes",
            url: "https://notes.example/signed-out",
        }),
    };
    vec![
        ("signed-out", plain),
        ("signed-out-told", told),
        ("signed-out-not-told", not_told),
    ]
}

const fn signed_in(account: &str) -> SignedIn<'_> {
    SignedIn {
        account,
        sign_out_action: "/logout/confirm",
        csrf: "c2FtcGxlLXNhbXBsZS1zYW1wbGU",
    }
}
