//! People whose passwords came from another system sign in with them, and their hashes become ours.

use std::collections::BTreeMap;

use rstest::rstest;

use super::support::{Answer, Ask, TestServer};

const PASSWORD: &str = "pass\u{fc}ber alles \u{2665}";
const DECOMPOSED: &str = "passu\u{308}ber alles \u{2665}";

const BCRYPT: &str = "$2b$04$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y";

/// What checking a hash of ours costs.
const OURS: &str = "m=19456,t=2,p=1";

async fn try_password(server: &TestServer, username: &str, password: &str) -> Answer {
    let mut browser = server.browser();
    let page = browser.authorize(&Ask::of("portal")).await;
    browser.guess(&page, username, password).await
}

async fn lets_in(server: &TestServer, username: &str, password: &str) -> bool {
    let answer = try_password(server, username, password).await;
    answer.to_string() == "303 /authorize"
}

async fn all_are_ours(server: &TestServer, users: u64) -> bool {
    server.password_costs().await == BTreeMap::from([(OURS.to_owned(), users)])
}

/// How many passwords there are.
async fn passwords(server: &TestServer) -> u64 {
    server.password_costs().await.values().sum()
}

/// Attacks: PE55.
#[rstest]
#[case::bcrypt(BCRYPT, "bcrypt,c=4")]
#[case::scrypt(
    "$scrypt$ln=5,r=8,p=2$mTOmNCZkrPUeA2DsndP6nw$tJSLovlVY7tAnnS9W6Dv6n3J00S3wAcHGBmuKXQ9e/E",
    "scrypt,ln=5,r=8,p=2"
)]
#[case::argon2i(
    "$argon2i$v=19$m=256,t=3,p=1$lBICIGRsLUVICaG0lvI+Bw$I+1z3SbhUjEwuoZkGeq/+kfaUZsEPd2fYgD5a/AQhxU",
    "argon2i,v=19,m=256,t=3,p=1"
)]
#[case::django(
    "pbkdf2_sha256$1000$seasalt$1XtEOAQ3kQetII+9ePdobijE5U0UVZF5/sGxl/Ie8Ao=",
    "pbkdf2-sha256,i=1000,l=32"
)]
#[case::keycloak(r#"{"credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2-sha512\",\"additionalParameters\":{}}","secretData":"{\"value\":\"y3tMcYI1xW/Dm43bDGfzonR2ymDZsdFI0qwYKK4HxauKE9KzHe3+zXNngaxGK5Za7BcBIkC79Y3pQ2IP/t8V9Q==\",\"salt\":\"5+cTKbEQ6/KzJNwTWilxvA==\",\"additionalParameters\":{}}"}"#, "pbkdf2-sha512,i=1000,l=64")]
#[case::crypt(
    "$6$rounds=1000$MxfqJA1OdYGuK9Ga$/iQ9OJzRocU9JGjZu71h.XUNUZB82NYbMrQQP4Yg.1qETw8WOGLBYX1lIvZSwIddnBrsKJWzytf/i5EOsLzua1",
    "sha512-crypt,rounds=1000"
)]
#[tokio::test]
async fn an_imported_password_lets_its_owner_in_and_is_replaced(
    #[case] written: &str,
    #[case] cost: &str,
) {
    let server = TestServer::start().await;
    let users = passwords(&server).await;
    server.import_password("ada", written).await;
    let imported = BTreeMap::from([(OURS.to_owned(), users - 1), (cost.to_owned(), 1)]);
    assert_eq!(server.password_costs().await, imported);
    assert!(!lets_in(&server, "ada", "passuber alles \u{2665}").await);
    assert_eq!(server.password_costs().await, imported);

    assert!(lets_in(&server, "ada", PASSWORD).await);
    assert!(all_are_ours(&server, users).await);
    assert!(lets_in(&server, "ada", PASSWORD).await);
    assert!(!lets_in(&server, "ada", &PASSWORD.to_uppercase()).await);
}

#[tokio::test]
async fn a_fast_hash_is_ours_from_its_import_on_and_replaced_too() {
    let server = TestServer::start().await;
    let users = passwords(&server).await;
    let written = "{SSHA}vD/d4GjDmzprO4IDXTbTemv1Bq/BOAdg";
    server.import_password("ada", written).await;
    assert!(all_are_ours(&server, users).await);
    let stored = server.stored_hash("ada").await;
    assert!(stored.starts_with("$digest-sha1$"), "{stored}");
    assert!(lets_in(&server, "ada", PASSWORD).await);
    let stored = server.stored_hash("ada").await;
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    assert!(lets_in(&server, "ada", PASSWORD).await);
}

/// Attacks: PE55.
#[tokio::test]
async fn two_sign_ins_at_once_replace_it_once_and_both_get_in() {
    let server = TestServer::start().await;
    let node = server.another_node().await;
    let users = passwords(&server).await;
    server.import_password("ada", BCRYPT).await;
    let (one, other) = tokio::join!(
        lets_in(&server, "ada", PASSWORD),
        lets_in(&node, "ada", PASSWORD)
    );
    assert!(one && other);
    assert!(all_are_ours(&server, users).await);
    assert!(lets_in(&node, "ada", PASSWORD).await);
}

/// Attacks: PE52.
#[tokio::test]
async fn a_hash_of_a_decomposed_password_is_right_as_typed_and_then_in_either_form() {
    let server = TestServer::start().await;
    let written = "pbkdf2_sha256$1000$seasalt$uOZn03Ehxsw8j1aCXeYanE2xhQZlN9ldDuJXsAl9RcY=";
    server.import_password("ada", written).await;
    assert!(!lets_in(&server, "ada", PASSWORD).await);
    for typed in [DECOMPOSED, PASSWORD, DECOMPOSED] {
        assert!(lets_in(&server, "ada", typed).await);
    }
}

/// Attacks: L11, L14, PE57.
#[tokio::test]
async fn one_account_has_one_budget_however_its_name_is_typed() {
    let server = TestServer::start().await;
    for username in [
        "ada",
        "ADA",
        " Ada ",
        "\u{ff21}\u{ff24}\u{ff21}",
        "ad\u{ff21}",
    ] {
        let answer = try_password(&server, username, "wrong").await;
        assert_eq!(answer.status, 400, "{username}");
    }
    for username in ["ada", "\u{ff41}\u{ff44}\u{ff41}"] {
        let answer = try_password(&server, username, "wrong").await;
        assert_eq!(answer.status, 429, "{username}");
    }
    let answer = try_password(&server, "\u{251}da", "wrong").await;
    assert_eq!(answer.status, 400, "another letter is another name");
}
