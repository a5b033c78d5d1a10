//! What has to happen next for the person at the browser: sign in, be asked, or nothing more.

use rstest::rstest;
use safeconduct_protocol::{
    authorization::Next,
    client::{Client, ConsentPolicy},
};

use crate::fixtures::{
    REDIRECT_URI, SUBJECTS, confidential, issue, pending, person, public, returning_to, scope,
};

/// Asked for `notes.read notes.write`: what the page asks for now, and what it says was allowed before.
fn ask(new: &str, already: &str) -> Next {
    Next::Consent {
        new: scope(new),
        already: scope(already),
    }
}

fn next(client: Client, policy: ConsentPolicy, redirect_uri: &str, consented: &str) -> Next {
    let client = Client {
        consent: policy,
        ..returning_to(redirect_uri, client)
    };
    let asked = [
        ("redirect_uri", redirect_uri),
        ("scope", "notes.read notes.write"),
    ];
    pending(&asked, &client)
        .next(&client, Some(&person(consented)), &SUBJECTS)
        .unwrap()
}

const LOOPBACK: &str = "http://127.0.0.1/cb";
const LOCALHOST: &str = "http://localhost:8421/cb";
const PRIVATE_SCHEME: &str = "com.example.app:/oauth";

#[rstest]
#[case("", ask("notes.read notes.write", ""))]
#[case("notes.read", ask("notes.write", "notes.read"))]
#[case("mail.read", ask("notes.read notes.write", ""))]
#[case("notes.read notes.write", issue(100))]
#[case("mail.read notes.read notes.write", issue(100))]
fn a_remembered_consent_asks_only_for_what_is_new(
    #[case] consented: &str,
    #[case] expected: Next,
    #[values(
        (confidential(), REDIRECT_URI),
        (confidential(), LOOPBACK),
        (confidential(), PRIVATE_SCHEME),
        (public(), REDIRECT_URI),
    )]
    client: (Client, &str),
) {
    let (client, redirect_uri) = client;
    assert_eq!(
        next(client, ConsentPolicy::Remember, redirect_uri, consented),
        expected
    );
}

/// RFC 8252 §8.6: any app on the computer can borrow the name of a public client that lives there.
/// Attacks: R21.
#[rstest]
fn a_public_client_on_the_device_is_asked_for_every_time(
    #[values("", "notes.read", "notes.read notes.write")] consented: &str,
    #[values(LOOPBACK, LOCALHOST, PRIVATE_SCHEME)] redirect_uri: &str,
) {
    assert_eq!(
        next(public(), ConsentPolicy::Remember, redirect_uri, consented),
        ask("notes.read notes.write", "")
    );
}

#[rstest]
fn a_client_that_always_asks_does(
    #[values("", "notes.read", "notes.read notes.write")] consented: &str,
    #[values(confidential(), public())] client: Client,
) {
    assert_eq!(
        next(client, ConsentPolicy::Always, REDIRECT_URI, consented),
        ask("notes.read notes.write", "")
    );
}

#[rstest]
fn a_first_party_client_never_asks(
    #[values("", "notes.read", "notes.read notes.write")] consented: &str,
    #[values(confidential(), public())] client: Client,
) {
    assert_eq!(
        next(client, ConsentPolicy::Never, REDIRECT_URI, consented),
        issue(100)
    );
}

#[rstest]
fn whoever_is_not_signed_in_signs_in_first(
    #[values(ConsentPolicy::Remember, ConsentPolicy::Always, ConsentPolicy::Never)]
    policy: ConsentPolicy,
) {
    let client = Client {
        consent: policy,
        ..confidential()
    };
    assert_eq!(
        pending(&[], &client).next(&client, None, &SUBJECTS),
        Ok(Next::SignIn)
    );
}

#[test]
fn an_app_on_a_loopback_port_of_its_own_is_still_on_the_device() {
    let client = returning_to(LOOPBACK, public());
    assert!(!client.remembers_consent("http://127.0.0.1:49152/cb"));
    assert!(
        !client.remembers_consent("https://unregistered.example/cb"),
        "what is not registered is remembered for nobody"
    );
}
