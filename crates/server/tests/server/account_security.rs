//! What a user changes of how they sign in, on the account page, and what that is proved by.

use crate::account;
use crate::second_factor::{ASKED, enrolled, events};

const SESSIONS: &str = "Where you are signed in – Safeconduct";
const NO_CODE: &str = "400 page “Error: Enter your code – Safeconduct”";

/// Attacks: PE38.
#[tokio::test]
async fn a_recovery_code_signs_in_and_changes_nothing_of_the_account() {
    let (server, app) = enrolled().await;
    server.sign_in_with_code("ada", &app).await;
    let mut ada = server.browser();
    let page = ada.asked_for_code().await;
    let answer = ada.recovery_code_typed(&page, &app.recovery_codes[0]).await;
    assert!(ada.follow(answer).await.has_code());

    let page = ada.open("/account/sessions").await;
    assert_eq!(page.title(), SESSIONS, "it is enough to look");
    let form = account::form(&page, &[]);
    let answer = ada.post("/account/sessions/end-others", &form).await;
    let asked = ada.follow(answer).await;
    assert_eq!(asked.to_string(), ASKED);
    assert!(!asked.body.contains("recovery-code"), "{asked:?}");
    let refused = ada
        .recovery_code_typed(&asked, &app.recovery_codes[1])
        .await;
    assert_eq!(refused.to_string(), NO_CODE);
    assert_eq!(events(&server, "recovery-code-used").await, 1);
    assert_eq!(server.sessions("ada").await.len(), 3);

    server.advance(90);
    let answer = ada.code_typed(&asked, &app.code(&server)).await;
    let page = ada.follow(answer).await;
    assert_eq!(page.title(), SESSIONS);
    assert!(page.body.contains("Nothing has changed yet"), "{page:?}");
    let form = account::form(&page, &[]);
    ada.post("/account/sessions/end-others", &form).await;
    assert_eq!(server.sessions("ada").await.len(), 1);
}
