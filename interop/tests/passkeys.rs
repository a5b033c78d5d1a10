//! Chromium's virtual authenticator, which knows nothing of us, with our pages and our script: passkeys made, offered in the field of the
//! name, asked for by the button, proved for more, removed, and refused.

use std::time::Duration;

use anyhow::Result;
use safeconduct_interop::{PASSWORD, SECRET_FILE, Safeconduct, USERNAME};
use safeconduct_testing_browser::in_browser;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// How long a page may take; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// More stops for the focus than a page has.
const MOST_STOPS: usize = 60;

/// A password manager: it verifies its user, and copies its keys.
fn manager() -> Value {
    json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserVerified": true,
        "automaticPresenceSimulation": true,
        "defaultBackupEligibility": true,
        "defaultBackupState": true,
    })
}

/// A person at a Chromium, and Safeconduct.
struct Person {
    driver: WebDriver,
    server: Safeconduct,
    authenticator: String,
}

impl Person {
    async fn tool(&self, command: &str, mut with: Value) -> WebDriverResult<Value> {
        with["authenticatorId"] = json!(self.authenticator);
        let command = format!("WebAuthn.{command}");
        self.driver.cdp().send_raw(&command, with).await
    }

    async fn open(&self, path: &str) -> WebDriverResult<()> {
        self.driver.goto(&self.server.url(path)).await
    }

    /// What `script` gives, once it gives something. A page that is just being left gives nothing.
    async fn given(&self, script: &str) -> Value {
        let waiting = async {
            loop {
                let given = self.driver.execute(script, Vec::new()).await;
                match given.map(|given| given.json().clone()) {
                    Ok(Value::Null) | Err(_) => {}
                    Ok(given) => return given,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(given) => given,
            Err(_) => panic!("{script}: {:?}", self.body().await),
        }
    }

    /// What the first element that `css` selects says, once it can be seen.
    async fn said(&self, css: &str) -> WebDriverResult<String> {
        let script = format!(
            "return [...document.querySelectorAll(\"{css}\")].find(one => one.checkVisibility())?.innerText"
        );
        let said = self.given(&script).await;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// The element, once it can be seen.
    async fn seen(&self, id: &str) -> WebDriverResult<WebElement> {
        self.given(&format!(
            "return document.getElementById(\"{id}\")?.checkVisibility() || null"
        ))
        .await;
        self.driver.find(By::Id(id)).await
    }

    /// Whether somebody touches the authenticator when it asks.
    async fn is_present(&self, present: bool) -> WebDriverResult<()> {
        let enabled = json!({ "enabled": present });
        let tool = "setAutomaticPresenceSimulation";
        self.tool(tool, enabled).await.map(drop)
    }

    async fn press_key(&self, key: Key) -> WebDriverResult<()> {
        let chain = self.driver.action_chain();
        chain.key_down(key.clone()).key_up(key).perform().await
    }

    /// From wherever the focus is, by the key that moves it and no other.
    async fn go_by_keys_to(&self, id: &str) -> WebDriverResult<()> {
        for _ in 0..MOST_STOPS {
            let focused = self.driver.active_element().await?;
            if focused.id().await?.as_deref() == Some(id) {
                return Ok(());
            }
            self.press_key(Key::Tab).await?;
        }
        panic!("no key leads to {id}");
    }

    async fn press(&self, id: &str) -> WebDriverResult<()> {
        self.seen(id).await?.click().await
    }

    async fn type_password(&self) -> WebDriverResult<()> {
        let username = self.seen("username").await?;
        if username.prop("value").await?.unwrap_or_default().is_empty() {
            username.send_keys(USERNAME).await?;
        }
        self.seen("password").await?.send_keys(PASSWORD).await?;
        self.press("login-submit").await
    }

    async fn is_at_the_client(&self) -> WebDriverResult<bool> {
        let url = self.driver.current_url().await?;
        Ok(url
            .as_str()
            .starts_with("https://vault.example/callback?code="))
    }

    /// What the authenticator keeps.
    async fn kept(&self) -> WebDriverResult<Vec<Value>> {
        let kept = self.tool("getCredentials", json!({})).await?;
        Ok(kept["credentials"].as_array().cloned().unwrap_or_default())
    }

    /// Signs out, by forgetting who is signed in.
    async fn leave(&self) -> WebDriverResult<()> {
        self.driver.delete_all_cookies().await
    }

    /// Whether nobody is signed in.
    async fn is_left(&self) -> WebDriverResult<bool> {
        let cookies = self.driver.get_all_cookies().await?;
        Ok(!cookies
            .iter()
            .any(|one| one.name.starts_with("sc-session-")))
    }

    async fn body(&self) -> WebDriverResult<String> {
        let body = self
            .driver
            .execute("return document.body.innerText", Vec::new());
        Ok(body.await?.json().as_str().unwrap_or_default().to_owned())
    }
}

/// Attacks: PE05, PE13, PE24, PE25, PE27, PE28.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_lives_by_passkeys_with_chromium() -> Result<()> {
    let server = Safeconduct::start(&format!(
        r#"
        [[clients]]
        id = "vault"
        redirect_uris = ["https://vault.example/callback"]
        scopes = ["openid"]
        secret_file = "{SECRET_FILE}"
        require_pkce = false
        consent = "never"
        "#
    ))?;
    in_browser(|driver| async move {
        let tools = driver.cdp();
        let _: Value = tools.send_raw("WebAuthn.enable", json!({})).await?;
        let with = json!({ "options": manager() });
        let added: Value = tools
            .send_raw("WebAuthn.addVirtualAuthenticator", with)
            .await?;
        let authenticator = added["authenticatorId"].as_str().unwrap_or_default();
        let person = Person {
            authenticator: authenticator.to_owned(),
            driver: driver.clone(),
            server,
        };
        adds_one(&person).await?;
        is_offered_it_in_the_field_of_the_name(&person).await?;
        signs_in_by_the_button(&person).await?;
        signs_out_and_in_by_keys_alone(&person).await?;
        comes_back_to_a_page_that_was_left_open(&person).await?;
        proves_more(&person).await?;
        is_refused_what_the_authenticator_got_wrong(&person).await?;
        is_not_verified(&person).await?;
        adds_another_and_removes_it(&person).await?;
        is_refused_what_was_removed(&person).await?;
        Ok(())
    })
    .await;
    Ok(())
}

async fn adds_one(person: &Person) -> WebDriverResult<()> {
    person.open("/account/passkeys/add").await?;
    person.type_password().await?;
    person.press("new-passkey-submit").await?;
    person.seen("add-passkey").await?;
    assert!(person.body().await?.contains("On your devices"));
    let kept = person.kept().await?;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["isResidentCredential"], true);
    assert_eq!(kept[0]["rpId"], "localhost");
    assert_eq!(kept[0]["userName"], USERNAME);
    Ok(())
}

/// A virtual authenticator is chosen at once: the page signs in by itself.
async fn is_offered_it_in_the_field_of_the_name(person: &Person) -> WebDriverResult<()> {
    person.leave().await?;
    person.open("/account").await?;
    person.seen("place-security").await?;
    assert!(!person.is_left().await?);
    Ok(())
}

/// Who is asked in the field of the name and does not answer has the button.
async fn signs_in_by_the_button(person: &Person) -> WebDriverResult<()> {
    person.leave().await?;
    person.is_present(false).await?;
    person.open("/account").await?;
    let button = person.seen("passkey-submit").await?;
    assert!(person.is_left().await?);
    // What was asked while nobody was there stays open until the button ends it.
    person.is_present(true).await?;
    button.click().await?;
    person.seen("place-security").await?;
    Ok(())
}

/// Everything there is can be reached in the order of the page, and is pressed by the key for that.
async fn signs_out_and_in_by_keys_alone(person: &Person) -> WebDriverResult<()> {
    person.is_present(false).await?;
    person.go_by_keys_to("logout-submit").await?;
    person.press_key(Key::Enter).await?;
    person.seen("signed-out").await?;
    person.open("/account").await?;
    person.seen("passkey-submit").await?;
    person.go_by_keys_to("passkey-submit").await?;
    person.is_present(true).await?;
    person.press_key(Key::Enter).await?;
    person.seen("place-security").await?;
    Ok(())
}

/// A page that is left open asks for another challenge before its own ends, and signs in by that. Its script waits for minutes, the first time
/// of which is over at once here.
async fn comes_back_to_a_page_that_was_left_open(person: &Person) -> WebDriverResult<()> {
    person.leave().await?;
    person.is_present(false).await?;
    let hurry = "const wait = window.setTimeout; let waited = false;\
         window.setTimeout = (then, ms) => { const now = ms >= 600000 && !waited; waited ||= now; return wait(then, now ? 0 : ms); };\
         addEventListener('DOMContentLoaded', () => { window.first = document.querySelector('[name=ceremony]')?.value; });";
    let tools = person.driver.cdp();
    let added: Value = tools
        .send_raw(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": hurry }),
        )
        .await?;
    person.open("/account").await?;
    let another = "const now = document.querySelector('[name=ceremony]')?.value;\
         return window.first && now && now !== window.first || null";
    person.given(another).await;
    assert!(person.is_left().await?);
    person.is_present(true).await?;
    person.press("passkey-submit").await?;
    person.seen("place-security").await?;
    let _: Value = tools
        .send_raw("Page.removeScriptToEvaluateOnNewDocument", added)
        .await?;
    Ok(())
}

async fn proves_more(person: &Person) -> WebDriverResult<()> {
    person.leave().await?;
    person.is_present(false).await?;
    let request = "/authorize?response_type=code&client_id=vault&redirect_uri=https%3A%2F%2Fvault.example%2Fcallback\
         &scope=openid&acr_values=phr";
    person.open(request).await?;
    person.type_password().await?;
    // The page before has such a button as well.
    let asked = "return document.title.startsWith('Confirm with your passkey') || null";
    person.given(asked).await;
    let button = person.seen("passkey-submit").await?;
    person.is_present(true).await?;
    button.click().await?;
    let waiting = async {
        while !person.is_at_the_client().await? {}
        Ok(())
    };
    let arrived = tokio::time::timeout(PATIENCE, waiting).await;
    arrived.expect("the client is called with a code")
}

async fn is_refused_what_the_authenticator_got_wrong(person: &Person) -> WebDriverResult<()> {
    for bits in [
        json!({ "isBadUV": true }),
        json!({ "isBadUP": true }),
        json!({ "isBogusSignature": true }),
    ] {
        person.open("/signed-out").await?;
        person.leave().await?;
        person.tool("setResponseOverrideBits", bits).await?;
        person.open("/account").await?;
        let said = person.said("[role=alert]").await?;
        assert!(said.contains("not accepted"), "{said}");
        assert!(person.is_left().await?);
        // Once more on that page, and well: it is as good as the first.
        person.tool("setResponseOverrideBits", json!({})).await?;
        assert_eq!(person.kept().await?.len(), 1, "nothing is to be forgotten");
    }
    Ok(())
}

async fn is_not_verified(person: &Person) -> WebDriverResult<()> {
    // The authenticator says itself that nobody was verified: the browser does not ask us.
    person.open("/signed-out").await?;
    person.leave().await?;
    let unverified = json!({ "isUserVerified": false });
    person.tool("setUserVerified", unverified).await?;
    person.open("/account").await?;
    person.press("passkey-submit").await?;
    person.said("[data-say=cancelled]").await?;
    assert!(person.is_left().await?);
    person
        .tool("setUserVerified", json!({ "isUserVerified": true }))
        .await?;
    person.press("passkey-submit").await?;
    person.seen("place-security").await?;
    Ok(())
}

async fn adds_another_and_removes_it(person: &Person) -> WebDriverResult<()> {
    person.open("/account/passkeys/add").await?;
    // The one that is there is excluded.
    person.press("new-passkey-submit").await?;
    person.said("[data-say=known]").await?;
    adds_one_of_another_authenticator(person).await?;
    let remove = By::Css("form[action$='/remove'] button");
    let buttons = person.driver.find_all(remove).await?;
    assert_eq!(buttons.len(), 2);
    buttons[1].click().await?;
    let one = "return document.querySelectorAll(\"form[action$='/remove']\").length === 1 || null";
    person.given(one).await;
    Ok(())
}

async fn adds_one_of_another_authenticator(person: &Person) -> WebDriverResult<()> {
    let key = json!({
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserVerified": true,
        "automaticPresenceSimulation": true,
    });
    let tools = person.driver.cdp();
    let with = json!({ "options": key });
    let added: Value = tools
        .send_raw("WebAuthn.addVirtualAuthenticator", with)
        .await?;
    person.is_present(false).await?;
    person.press("new-passkey-submit").await?;
    person.seen("add-passkey").await?;
    assert!(person.body().await?.contains("Security key"));
    person.is_present(true).await?;
    let named = json!({ "authenticatorId": added["authenticatorId"] });
    let _: Value = tools
        .send_raw("WebAuthn.removeVirtualAuthenticator", named)
        .await?;
    Ok(())
}

async fn is_refused_what_was_removed(person: &Person) -> WebDriverResult<()> {
    let mut kept = person.kept().await?;
    let credential = kept.remove(0);
    person.press_remove().await?;
    person.seen("no-passkeys").await?;
    // The page has told the browser that none is good any more.
    person.forgotten().await?;
    person.leave().await?;
    // It comes back, as from a copy, and is to be forgotten again.
    person.open("/signed-out").await?;
    person
        .tool("addCredential", json!({ "credential": credential }))
        .await?;
    person.open("/account").await?;
    let said = person.said("[role=alert]").await?;
    assert!(said.contains("not accepted"), "{said}");
    assert!(person.is_left().await?);
    person.forgotten().await?;
    // And the password is as good as ever.
    person.type_password().await?;
    person.seen("place-security").await?;
    Ok(())
}

impl Person {
    async fn press_remove(&self) -> WebDriverResult<()> {
        let remove = By::Css("form[action$='/remove'] button");
        self.driver.find(remove).await?.click().await
    }

    /// Waits until the authenticator keeps nothing.
    async fn forgotten(&self) -> WebDriverResult<()> {
        let waiting = async {
            while !self.kept().await?.is_empty() {}
            Ok(())
        };
        let forgotten = tokio::time::timeout(PATIENCE, waiting).await;
        forgotten.expect("the authenticator keeps nothing")
    }
}
