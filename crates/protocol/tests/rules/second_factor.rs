//! The rule that orders the pages, where more than a password may be due: every combination of what is demanded, what the account has,
//! what the session has proved and what the request asks.

use rstest::rstest;
use safeconduct_protocol::{
    authentication::{Acr, Authentication, Factor, Factors, Level},
    authorization::{Arrival, Enrolled, Next, Offer, Offers, PendingAuthorization, SignedInUser},
    client::{Client, ConsentPolicy},
    encoding,
    error::Reason,
    resource::Resources,
    scope::Scope,
};

use crate::fixtures::{
    COOKIE, ISSUER, START, SUBJECTS, api, arrival, arriving, asking, grant_id, issue, pending,
    person, relying_party, session,
};

const PASSWORD: Enrolled = Enrolled {
    otp: false,
    recovery_codes: false,
    passkey: false,
};
const OTP: Enrolled = Enrolled {
    otp: true,
    recovery_codes: true,
    passkey: false,
};
const PASSKEY: Enrolled = Enrolled {
    passkey: true,
    ..PASSWORD
};
const BOTH: Enrolled = Enrolled {
    passkey: true,
    ..OTP
};

/// Offers by their names.
fn offers(names: &str) -> Offers {
    Offers::parse(names)
}

/// A user who allowed everything, with what they have, and what they proved: names and seconds before the request arrived. They may be given
/// whatever there is.
fn user(enrolled: Enrolled, proved: &str) -> SignedInUser {
    let proved = proved.split_whitespace().map(|one| {
        let (name, ago) = one.split_once('-').unwrap();
        let at = START.plus(-ago.parse::<i64>().unwrap());
        format!("{name}@{}", at.seconds())
    });
    let proved: Vec<String> = proved.collect();
    SignedInUser {
        factors: Factors::parse(&proved.join(" ")).unwrap(),
        enrolled,
        addable: Offer::ALL.into_iter().collect(),
        ..person("openid")
    }
}

fn demanding(client: Client) -> Client {
    Client {
        require_second_factor: true,
        ..client
    }
}

/// A request for an ID Token with these parameters beside.
fn request(client: &Client, more: &[(&str, &str)]) -> PendingAuthorization {
    let all = [&[("scope", "openid")], more].concat();
    pending(&all, client)
}

/// The same where this server has an API for its administrators.
fn request_for_administration(client: &Client, all: &[(&str, &str)]) -> PendingAuthorization {
    let own = api(&format!("{ISSUER}/admin"), "admin:read", None);
    let resources = Resources::new(vec![own]);
    let arrival = Arrival {
        resources: &resources,
        ..arrival()
    };
    let request = arriving(&asking(all), client, &arrival).unwrap();
    let browser = encoding::sha256_base64url(COOKIE.as_bytes());
    PendingAuthorization::arrive(request, browser, grant_id(), 1)
}

fn essential(acr: &str) -> String {
    format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{acr}"}}}}}}"#)
}

/// The same where any of several will do.
fn essential_of(acrs: &str) -> String {
    let acrs: Vec<_> = acrs.split(' ').collect();
    let values = serde_json::to_string(&acrs).unwrap();
    format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":{values}}}}}}}"#)
}

fn next(form: &PendingAuthorization, client: &Client, user: &SignedInUser) -> Result<Next, Reason> {
    form.next(client, Some(user), &SUBJECTS)
        .map_err(|refused| refused.reason())
}

/// What is due, in a word.
fn due(next: Result<Next, Reason>) -> String {
    match next {
        Ok(Next::Issue(authentication)) => {
            let age = START.since(authentication.auth_time());
            format!("issue {} -{age}", authentication.acr.as_str())
        }
        Ok(Next::SecondFactor(level)) => format!("second factor {level:?}"),
        Ok(Next::Enrol(ways)) => format!("enrol {ways}"),
        Ok(other) => format!("{other:?}"),
        Err(reason) => reason.name().to_owned(),
    }
}

/// Attacks: PE39, PE46.
#[rstest]
#[case::nothing_is_demanded(PASSWORD, "password-9", &[], "issue urn:safeconduct:acr:password -9")]
#[case::who_has_an_app_is_asked(OTP, "password-9", &[], "second factor MultiFactor")]
#[case::who_has_a_passkey_alone_is_not(PASSKEY, "password-9", &[], "issue urn:safeconduct:acr:password -9")]
#[case::both_proved(OTP, "password-9 otp-5", &[], "issue mfa -9")]
#[case::by_a_recovery_code(OTP, "password-9 recovery_code-5", &[], "issue mfa -9")]
#[case::a_passkey_is_enough(BOTH, "passkey-9", &[], "issue phr -9")]
#[case::a_code_without_a_password(OTP, "otp-5", &[], "Reauthenticate")]
#[case::silently(OTP, "password-9", &[("prompt", "none")], "login-required")]
#[case::silently_and_proved(OTP, "password-9 otp-5", &[("prompt", "none")], "issue mfa -9")]
#[case::wished(OTP, "password-9", &[("acr_values", "phr mfa")], "second factor MultiFactor")]
#[case::the_first_that_can_be_met(BOTH, "password-9 otp-5", &[("acr_values", "phr mfa")], "second factor PhishingResistant")]
#[case::wished_and_silent(PASSKEY, "password-9", &[("acr_values", "phr"), ("prompt", "none")], "issue urn:safeconduct:acr:password -9")]
#[case::wished_in_vain(PASSWORD, "password-9", &[("acr_values", "phr mfa")], "issue urn:safeconduct:acr:password -9")]
#[case::wished_by_another_name(OTP, "password-9 otp-5", &[("acr_values", "https://refeds.org/profile/mfa")], "issue https://refeds.org/profile/mfa -9")]
#[case::unknown_names(PASSWORD, "password-9", &[("acr_values", "phrh loa4")], "issue urn:safeconduct:acr:password -9")]
#[case::less_is_wished_than_was_proved(BOTH, "passkey-9", &[("acr_values", "urn:safeconduct:acr:password")], "issue urn:safeconduct:acr:password -9")]
#[case::recent_enough(OTP, "password-9 otp-9", &[("max_age", "10")], "issue mfa -9")]
#[case::an_old_password(OTP, "password-10 otp-9", &[("max_age", "10")], "Reauthenticate")]
#[case::an_old_code(OTP, "password-9 otp-10", &[("max_age", "10")], "second factor MultiFactor")]
#[case::an_old_passkey_is_no_proof_today(PASSKEY, "password-9 passkey-10", &[("max_age", "10")], "issue urn:safeconduct:acr:password -9")]
#[case::again(OTP, "password-9 otp-9", &[("prompt", "login")], "Reauthenticate")]
fn what_is_due(
    #[case] enrolled: Enrolled,
    #[case] proved: &str,
    #[case] asked: &[(&str, &str)],
    #[case] expected: &str,
) {
    let client = relying_party();
    let form = request(&client, asked);
    assert_eq!(due(next(&form, &client, &user(enrolled, proved))), expected);
}

/// The API of administrators is for them alone, who prove two factors within the hour, whatever else is asked.
#[rstest]
#[case::not_one(false, PASSKEY, "passkey-9", &[], "administrators-only")]
#[case::not_one_and_silent(false, PASSKEY, "passkey-9", &[("prompt", "none")], "administrators-only")]
#[case::by_a_passkey(true, PASSKEY, "passkey-9", &[], "issue phr -9")]
#[case::by_two_factors(true, OTP, "password-9 otp-5", &[], "issue mfa -9")]
#[case::by_one(true, PASSKEY, "password-9", &[], "second factor MultiFactor")]
#[case::with_nothing_to_add(true, PASSWORD, "password-9", &[], "enrol otp passkey")]
#[case::just_in_time(true, PASSKEY, "passkey-3599", &[], "issue phr -3599")]
#[case::an_hour_ago(true, PASSKEY, "passkey-3600", &[], "Reauthenticate")]
#[case::a_code_an_hour_ago(true, OTP, "password-9 otp-3600", &[], "second factor MultiFactor")]
#[case::an_hour_ago_and_silent(true, PASSKEY, "passkey-3600", &[("prompt", "none")], "login-required")]
#[case::more_is_asked(true, PASSKEY, "passkey-11", &[("max_age", "10")], "Reauthenticate")]
#[case::less_is_asked(true, PASSKEY, "passkey-3600", &[("max_age", "9999")], "Reauthenticate")]
fn administrators_prove_two_factors_within_the_hour(
    #[case] administrator: bool,
    #[case] enrolled: Enrolled,
    #[case] proved: &str,
    #[case] asked: &[(&str, &str)],
    #[case] expected: &str,
) {
    let client = Client {
        consent: ConsentPolicy::Never,
        scopes: Scope::parse("openid admin:read").unwrap(),
        ..relying_party()
    };
    let all = [&[("scope", "openid admin:read")], asked].concat();
    let form = request_for_administration(&client, &all);
    let user = SignedInUser {
        administrator,
        ..user(enrolled, proved)
    };
    assert_eq!(due(next(&form, &client, &user)), expected);
}

/// Attacks: PE45.
#[rstest]
#[case::met(BOTH, "passkey-9", "phr", "issue phr -9")]
#[case::can_be_met(BOTH, "password-9 otp-5", "phr", "second factor PhishingResistant")]
#[case::can_be_met_by_a_code(OTP, "password-9", "mfa", "second factor MultiFactor")]
#[case::cannot_be_met(OTP, "password-9 otp-5", "phr", "acr-unmet")]
#[case::nothing_enrolled(PASSWORD, "password-9", "mfa", "enrol otp passkey")]
#[case::a_passkey_alone_is_as_much(PASSWORD, "password-9", "phr", "enrol passkey")]
#[case::met_by_more(PASSKEY, "passkey-9", "mfa", "issue mfa -9")]
fn an_essential_context_is_met_or_refused(
    #[case] enrolled: Enrolled,
    #[case] proved: &str,
    #[case] acr: &str,
    #[case] expected: &str,
) {
    let client = relying_party();
    let form = request(&client, &[("claims", &essential(acr))]);
    let user = user(enrolled, proved);
    assert_eq!(due(next(&form, &client, &user)), expected);
}

/// Attacks: PE41, PE42.
#[test]
fn client_and_server_demand_a_second_factor() {
    let client = relying_party();
    let open = request(&client, &[]);
    let strict = demanding(relying_party());
    for enrolled in [PASSWORD, PASSKEY] {
        let user = user(enrolled, "password-100");
        let required = SignedInUser {
            second_factor_required: true,
            ..user.clone()
        };
        let expected = match enrolled {
            PASSWORD => Ok(Next::Enrol(offers("otp passkey"))),
            _ => Ok(Next::SecondFactor(Level::MultiFactor)),
        };
        assert_eq!(next(&open, &client, &user), Ok(issue(100)));
        assert_eq!(next(&open, &client, &required), expected);
        assert_eq!(next(&open, &strict, &user), expected);
        let silent = request(&client, &[("prompt", "none")]);
        assert_eq!(
            next(&silent, &client, &required),
            Err(Reason::LoginRequired)
        );
    }
}

/// A browser that was left open is no place to set up a factor: the password is asked for first, unless it was given a moment ago.
///
/// Attacks: PE23.
#[test]
fn a_second_factor_is_set_up_behind_a_fresh_sign_in() {
    let client = demanding(relying_party());
    let form = request(&client, &[]);
    let next = |form: &PendingAuthorization, ago: &str| {
        next(form, &client, &user(PASSWORD, &format!("password-{ago}")))
    };
    let enrol = Next::Enrol(offers("otp passkey"));
    assert_eq!(next(&form, "299"), Ok(enrol.clone()));
    assert_eq!(next(&form, "300"), Ok(Next::Reauthenticate));
    let proved = form.clone().proved(session(1), Factor::Password);
    assert_eq!(next(&proved, "300"), Ok(enrol));
    let elsewhere = form.proved(session(2), Factor::Password);
    assert_eq!(next(&elsewhere, "300"), Ok(Next::Reauthenticate));
}

/// What is demanded, by the client or as an essential context, is met by what can be set up here, or by nothing; what is wished gives nobody
/// a factor.
///
/// Attacks: PE41, PE45.
#[rstest]
#[case::either("otp passkey", "", "enrol otp passkey")]
#[case::an_app_alone("otp", "", "enrol otp")]
#[case::a_passkey_alone("passkey", "", "enrol passkey")]
#[case::neither("", "", "acr-unmet")]
#[case::an_app_is_no_passkey("otp passkey", "phr", "enrol passkey")]
#[case::nor_where_there_are_none("otp", "phr", "acr-unmet")]
#[case::the_least_of_what_will_do("otp passkey", "phr mfa", "enrol otp passkey")]
#[case::what_there_is_of_it("otp", "phr mfa", "enrol otp")]
fn what_is_demanded_is_set_up_where_it_can_be(
    #[case] addable: &str,
    #[case] acr: &str,
    #[case] expected: &str,
) {
    let user = SignedInUser {
        addable: offers(addable),
        ..user(PASSWORD, "password-9")
    };
    let (client, strict) = (relying_party(), demanding(relying_party()));
    let claims = match acr {
        "" => String::new(),
        acr => essential_of(acr),
    };
    let demanded = request(&strict, &[("claims", &claims)]);
    assert_eq!(due(next(&demanded, &strict, &user)), expected);
    let silent = request(&strict, &[("claims", &claims), ("prompt", "none")]);
    let told = if acr == "phr" && addable == "otp" {
        "acr-unmet"
    } else {
        "login-required"
    };
    assert_eq!(due(next(&silent, &strict, &user)), told);
    let wished = request(&client, &[("acr_values", acr)]);
    assert_eq!(
        due(next(&wished, &client, &user)),
        "issue urn:safeconduct:acr:password -9"
    );
    if !acr.is_empty() {
        let essential = request(&client, &[("claims", &claims)]);
        assert_eq!(due(next(&essential, &client, &user)), expected);
    }
}

#[test]
fn what_was_proved_for_a_request_counts_whatever_the_clocks_say() {
    let client = relying_party();
    let user = user(OTP, "password-500 otp-400");
    let arrived = request(&client, &[("max_age", "10"), ("prompt", "login")]);
    assert_eq!(next(&arrived, &client, &user), Ok(Next::Reauthenticate));
    let once = arrived.proved(session(1), Factor::Password);
    assert_eq!(
        next(&once, &client, &user),
        Ok(Next::SecondFactor(Level::MultiFactor))
    );
    let elsewhere = once.clone().proved(session(2), Factor::Otp);
    assert_eq!(next(&elsewhere, &client, &user), Ok(Next::Reauthenticate));
    let twice = once.proved(session(1), Factor::Otp);
    assert_eq!(due(next(&twice, &client, &user)), "issue mfa -500");
}

#[test]
fn an_allowed_request_is_judged_again_before_its_code() {
    let client = relying_party();
    let form = request(&client, &[]);
    let user = |proved| SignedInUser {
        consented: Default::default(),
        ..user(OTP, proved)
    };
    let both = user("password-9 otp-5");
    assert!(matches!(
        next(&form, &client, &both),
        Ok(Next::Consent { .. })
    ));
    let form = form.asked(&both);
    let allowed = |user| form.allowed(&client, user, &SUBJECTS).unwrap();
    assert!(matches!(allowed(&both), Next::Issue(_)));
    let one = user("password-1");
    assert_eq!(allowed(&one), Next::SecondFactor(Level::MultiFactor));
}

/// The user does what the page asks, by the strongest thing they have. A passkey that was made is not proved by that: it is asked for then.
fn follow(
    form: PendingAuthorization,
    mut user: SignedInUser,
    page: &Next,
) -> (PendingAuthorization, SignedInUser) {
    let factor = match page {
        Next::Reauthenticate => Factor::Password,
        Next::SecondFactor(_) if user.enrolled.passkey => Factor::Passkey,
        Next::SecondFactor(_) => Factor::Otp,
        Next::Enrol(ways) if ways.contains(Offer::Passkey) => {
            user.enrolled.passkey = true;
            return (form, user);
        }
        Next::Enrol(_) => {
            user.enrolled.otp = true;
            Factor::Otp
        }
        Next::SelectAccount => {
            let form = form.offered(&user);
            return (
                form.chosen(&relying_party(), &user, &SUBJECTS).unwrap(),
                user,
            );
        }
        Next::SignIn | Next::SignUp | Next::Consent { .. } | Next::Issue(_) => {
            unreachable!("{page:?}")
        }
    };
    user.factors = user.factors.and(factor, START);
    let session = user.session.clone();
    (form.proved(session, factor), user)
}

/// Every combination: no code without what is demanded, no page where none may be shown, no demand that the page can't meet, and
/// never a way without an end.
#[rstest]
fn no_way_leads_around_what_is_demanded_and_each_has_an_end(
    #[values(PASSWORD, OTP, PASSKEY, BOTH)] enrolled: Enrolled,
    #[values(
        "",
        "password-20",
        "password-2",
        "otp-2",
        "passkey-20",
        "password-2 otp-20",
        "password-20 otp-2",
        "password-2 otp-2",
        "password-2 recovery_code-2",
        "password-20 passkey-2"
    )]
    proved: &str,
    #[values(false, true)] required: bool,
    #[values("", "otp", "passkey", "otp passkey")] addable: &str,
) {
    let user = SignedInUser {
        second_factor_required: required,
        addable: offers(addable),
        ..user(enrolled, proved)
    };
    let wishes = ["", "mfa", "phr mfa", "phrh", "urn:safeconduct:acr:password"];
    let wished = wishes.map(|acr| (acr, false));
    let demanded = ["mfa", "phr", "urn:safeconduct:acr:password"].map(|acr| (acr, true));
    let mut issued = 0;
    for (acr, is_essential) in wished.into_iter().chain(demanded) {
        for prompt in ["", "none", "login", "select_account"] {
            for max_age in ["", "0", "10"] {
                let asked = Asked {
                    acr,
                    is_essential,
                    prompt,
                    max_age,
                };
                issued += u32::from(asked.reaches_its_end(user.clone()));
            }
        }
    }
    let can_be_met = enrolled != PASSWORD || !required || !addable.is_empty();
    assert!(!can_be_met || issued >= 30, "{issued}");
}

#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    acr: &'a str,
    is_essential: bool,
    prompt: &'a str,
    max_age: &'a str,
}

impl Asked<'_> {
    /// Follows every page that is due, and says whether a code came of it.
    fn reaches_its_end(self, mut user: SignedInUser) -> bool {
        let client = relying_party();
        let claims = essential(self.acr);
        let acr = match self.is_essential {
            true => ("claims", claims.as_str()),
            false => ("acr_values", self.acr),
        };
        let more = [acr, ("prompt", self.prompt), ("max_age", self.max_age)];
        let mut form = request(&client, &more);
        for _ in 0..5 {
            let page = match next(&form, &client, &user) {
                Ok(Next::Issue(authentication)) => {
                    self.is_met_by(authentication, &user);
                    return true;
                }
                Ok(page) => page,
                Err(Reason::LoginRequired) => {
                    assert_eq!(self.prompt, "none", "{self:?} {user:?}");
                    return false;
                }
                Err(reason) => {
                    assert_eq!(reason, Reason::AcrUnmet, "{self:?} {user:?}");
                    assert!(self.is_beyond(&user), "{self:?} {user:?}");
                    return false;
                }
            };
            assert_ne!(self.prompt, "none", "{page:?} {self:?} {user:?}");
            if let Next::SecondFactor(level) = &page {
                assert!(user.enrolled.reach() >= *level, "{self:?} {user:?}");
            }
            if let Next::Enrol(ways) = &page {
                assert_eq!(user.enrolled, PASSWORD, "{self:?} {user:?}");
                assert!(!ways.is_empty() && user.addable.and(ways) == user.addable);
            }
            (form, user) = follow(form, user, &page);
        }
        panic!("no end: {self:?} {user:?}")
    }

    /// Whether the account has no way to what is demanded, and can be given none on this way.
    fn is_beyond(self, user: &SignedInUser) -> bool {
        let wanted = match Acr::parse(self.acr) {
            Some(acr) if self.is_essential => acr.level(),
            _ => Level::Password,
        };
        let demanded = match user.second_factor_required {
            true => Level::MultiFactor,
            false => Level::Password,
        };
        let (wanted, reach) = (wanted.max(demanded), user.enrolled.reach());
        let can_be_given = reach == Level::Password && !user.addable.proving(wanted).is_empty();
        reach < wanted && !can_be_given
    }

    fn is_met_by(self, authentication: Authentication, user: &SignedInUser) {
        let level = authentication.factors.level().unwrap();
        let needs_two = user.second_factor_required || user.enrolled.otp;
        assert!(
            !needs_two || level >= Level::MultiFactor,
            "{self:?} {user:?}"
        );
        let named = authentication.acr;
        assert!(level >= named.level(), "{self:?} {user:?}");
        assert!(
            !self.is_essential || named.as_str() == self.acr,
            "{self:?} {user:?}"
        );
        let most = self.max_age.parse().unwrap_or(i64::MAX);
        let age = START.since(authentication.auth_time());
        assert!(age < most.max(1), "{age} {self:?} {user:?}");
    }
}
