//! What went through the browser: the way to the server, the sign-in, the consent, and the way back with a code.

use super::{Check, MOST_ATTEMPTS, Step, Story, check, is_guarded, is_own_form, same};
use crate::message::{Message, Party};

impl<'a> Story<'a> {
    /// RFC 6749 §4.1.1, RFC 9126.
    pub(super) fn sent_to_server(&self) -> Option<Step<'a>> {
        let asked = self.asked?;
        let refused = asked.answer.status >= 400;
        let proof = match refused {
            true => format!("refused: {} {}", asked.answer.status, asked.answer.title()),
            false => format!(
                "{}PKCE {}, state, nonce, resource={}",
                self.pushed.map_or("", |_| "pushed; "),
                self.asked_for("code_challenge_method"),
                self.addresses.short(self.asked_for("resource"))
            ),
        };
        let by_reference = self
            .pushed
            .map(|pushed| brought_by_reference(pushed, asked));
        let messages = [self.pushed, self.begun, Some(asked)];
        Some(Step {
            number: 1,
            title: "The app sends the browser to the server".to_owned(),
            from: Party::App,
            to: Party::Browser,
            said: "go to /authorize".to_owned(),
            proof,
            checks: by_reference
                .into_iter()
                .chain(self.asked_well(refused))
                .collect(),
            messages: messages.into_iter().flatten().collect(),
        })
    }

    fn asked_well(&self, refused: bool) -> [Check; 5] {
        let challenge = self.asked_for("code_challenge").len() == 43;
        let kept = self.begun.is_some_and(|begun| {
            let mut cookies = begun.answer.header("set-cookie");
            cookies.any(|cookie| cookie.starts_with("sc-login") && is_guarded(cookie))
        });
        [
            check(
                "PKCE: the server learns the SHA-256 of a secret that the app keeps for step 5",
                "RFC 7636 §4.3",
                challenge && self.asked_for("code_challenge_method") == "S256",
            ),
            check(
                "The state cannot be guessed, and is bound to this browser by a sealed cookie",
                "RFC 6749 §10.12",
                self.parameter("state").is_some() && kept,
            ),
            check(
                "The nonce cannot be guessed either: the ID Token of step 5 must bring it back",
                "OpenID Core §3.1.2.1",
                self.parameter("nonce").is_some(),
            ),
            check(
                "The resource names the one API that the token will be good for",
                "RFC 8707 §2",
                self.asked_for("resource") == self.addresses.api,
            ),
            check(
                "The redirect_uri is the registered one, character by character",
                "RFC 9700 §2.1",
                self.asked_for("redirect_uri") == self.addresses.redirect_uri() && !refused,
            ),
        ]
    }

    pub(super) fn signed_in(&self) -> Option<Step<'a>> {
        if let Some(step) = self.signed_in_by_passkey() {
            return Some(step);
        }
        let Some(last) = self.sign_ins.last() else {
            return self.already_signed_in();
        };
        let person = last.request.shown("username");
        let form = "The form came from the server's own page, which an attacker's page cannot send";
        let mut checks = vec![
            check(
                "The password went to the server, and to nobody else",
                "RFC 6749 §1.2",
                self.password_stayed(),
            ),
            check(form, "RFC 6749 §10.12", is_own_form(last)),
        ];
        let succeeded = last.answer.redirect.is_some();
        let (title, said, proof) = if succeeded {
            let cookie = last.answer.header("set-cookie").any(is_guarded);
            checks.push(check(
                "The session lives in a new cookie that no script can read",
                "RFC 6265 §4.1.2.6",
                cookie,
            ));
            (
                format!("{person} signs in at the server"),
                format!("{person} signed in"),
                format!("password, {} ms", last.milliseconds),
            )
        } else {
            checks.push(check(
                "The name and the password are those of somebody the server knows",
                "OpenID Core §3.1.2.3",
                false,
            ));
            (
                format!("{person} tries to sign in at the server"),
                format!("{person} could not sign in"),
                format!("{} {}", last.answer.status, last.answer.title()),
            )
        };
        let skipped = self.sign_ins.len().saturating_sub(MOST_ATTEMPTS);
        Some(Step {
            number: 2,
            title,
            from: Party::Browser,
            to: Party::Server,
            said,
            proof,
            checks,
            messages: self.sign_ins[skipped..].to_vec(),
        })
    }

    /// A passkey signed, after whatever was typed before.
    fn signed_in_by_passkey(&self) -> Option<Step<'a>> {
        let typed = self.sign_ins.last().map(|typed| typed.ended);
        let last = self.passkeys.last()?;
        if last.answer.redirect.is_none() || typed.is_some_and(|typed| typed > last.ended) {
            return None;
        }
        let cookie = last.answer.header("set-cookie").any(is_guarded);
        Some(Step {
            number: 2,
            title: "A passkey signs in at the server".to_owned(),
            from: Party::Browser,
            to: Party::Server,
            said: "signed in with a passkey".to_owned(),
            proof: format!("passkey, {} ms", last.milliseconds),
            checks: vec![
                check(
                    "The form came from the server's own page, which an attacker's page cannot send",
                    "RFC 6749 §10.12",
                    is_own_form(last),
                ),
                check(
                    "The session lives in a new cookie that no script can read",
                    "RFC 6265 §4.1.2.6",
                    cookie,
                ),
            ],
            messages: vec![last],
        })
    }

    /// The server knew the browser: it asked for consent, or for nothing at all.
    fn already_signed_in(&self) -> Option<Step<'a>> {
        let asked = self.asked?;
        let went_on = self.leading_back.is_some() || self.decision.is_some();
        went_on.then(|| Step {
            number: 2,
            title: "Somebody is signed in at the server already".to_owned(),
            from: Party::Browser,
            to: Party::Server,
            said: "already signed in".to_owned(),
            proof: "the server's own session".to_owned(),
            checks: vec![check(
                "The browser showed the server's session cookie",
                "RFC 6265 §5.4",
                asked
                    .request
                    .headers
                    .iter()
                    .any(|field| field.name == "cookie"),
            )],
            messages: Vec::new(),
        })
    }

    pub(super) fn allowed(&self) -> Option<Step<'a>> {
        let back = self.leading_back?;
        let redirect = back.answer.redirect.as_ref()?;
        let allowed = redirect.field("code").is_some();
        let scope = self.asked_for("scope");
        let own = |message| {
            check(
                "The answer came from the server's own page",
                "RFC 6749 §10.12",
                is_own_form(message),
            )
        };
        let (title, said, proof) = match (self.decision, allowed) {
            (Some(_), true) => ("The person allows Demo Notes", "allowed Demo Notes", scope),
            (Some(_), false) => (
                "The person does not allow Demo Notes",
                "did not allow Demo Notes",
                "nothing",
            ),
            (None, true) => (
                "The person has allowed Demo Notes before",
                "allowed before",
                scope,
            ),
            (None, false) => ("The server refuses the request", "refused", ""),
        };
        let mut checks: Vec<Check> = self.decision.map(own).into_iter().collect();
        checks.push(check(
            "The browser goes back to the redirect_uri of step 1, and nowhere else",
            "RFC 9700 §4.1.3",
            redirect.to == self.asked_for("redirect_uri"),
        ));
        if let Some(granted) = self
            .exchange
            .and_then(|exchange| exchange.answer.json("scope").as_str())
        {
            checks.push(check(
                "Nothing was granted that was not asked for",
                "RFC 6749 §3.3",
                granted
                    .split(' ')
                    .all(|name| scope.split(' ').any(|asked| asked == name)),
            ));
        }
        Some(Step {
            number: 3,
            title: title.to_owned(),
            from: Party::Browser,
            to: Party::Server,
            said: said.to_owned(),
            proof: proof.to_owned(),
            checks,
            messages: self.asked_again.into_iter().chain(self.decision).collect(),
        })
    }

    /// RFC 6749 §4.1.2.
    pub(super) fn handed_code(&self) -> Option<Step<'a>> {
        let (callback, redirect) = (self.callback?, self.leading_back?.answer.redirect.as_ref()?);
        let accepted = callback.answer.status == 303;
        let code = callback.request.shown("code");
        let issuer = callback.request.shown("iss");
        let state = same(callback.request.field("state"), self.parameter("state"));
        let mut checks = vec![
            check(
                "The state is the one this browser set out with",
                "RFC 6749 §10.12",
                state,
            ),
            check(
                "iss names the server that the app asked",
                "RFC 9207 §2.4",
                issuer == self.addresses.server,
            ),
            check(
                "No token passed through the browser",
                "RFC 9700 §2.1.2",
                !redirect
                    .query
                    .iter()
                    .any(|field| field.name.contains("token")),
            ),
        ];
        let (title, said, proof) = if code.is_empty() {
            let error = callback.request.shown("error");
            checks.push(check(
                "The app explains, and signs nobody in",
                "RFC 6749 §4.1.2.1",
                !accepted,
            ));
            (
                "The server tells the app no, through the browser",
                error.to_owned(),
                "iss checked, state matched".to_owned(),
            )
        } else {
            checks.push(check(
                "The app took the code, which is good for 60 seconds, once",
                "RFC 6749 §4.1.2",
                accepted,
            ));
            let proof = if accepted {
                "iss checked, state matched"
            } else {
                "refused by the app"
            };
            (
                "The server hands the app a code, through the browser",
                format!("code {code}"),
                proof.to_owned(),
            )
        };
        Some(Step {
            number: 4,
            title: title.to_owned(),
            from: Party::Server,
            to: Party::App,
            said,
            proof,
            checks,
            messages: vec![callback],
        })
    }

    fn password_stayed(&self) -> bool {
        let asks = |message: &Message| message.request.field("password").is_some();
        let mut messages = self.messages.iter();
        !messages.any(|message| message.to != Party::Server && asks(message))
    }
}

/// RFC 9126 §2: what the browser carries says nothing, and nobody can change what it stands for.
fn brought_by_reference(pushed: &Message, asked: &Message) -> Check {
    let given = pushed.answer.request_uri.as_deref();
    let brought = asked.request.field("request_uri");
    let brought = brought.and_then(|brought| brought.digest.as_deref());
    let is_reference =
        given.is_some() && brought == given && asked.request.field("scope").is_none();
    check(
        "The app told the server what it asks, itself and with its secret; the browser carries a reference to that",
        "RFC 9126 §2",
        is_reference && pushed.answer.status == 201,
    )
}
