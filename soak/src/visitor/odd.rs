//! What people and their apps do that they should not, or that goes wrong on the way: some of it by mistake, some of it by others.

use std::time::Duration;

use super::{HELD, Held, Visitor, any_node, below};
use crate::caller::Hands;
use crate::history::{Answer, App};
use crate::participants::APPS;
use crate::wire::Manner;

impl Visitor {
    /// One odd thing, by chance.
    pub(super) async fn do_something_odd(&mut self) {
        match below(44) {
            0..8 => self.refresh(leaving()).await,
            8..11 => self.visit(leaving()).await,
            11 => self.put_a_code_by().await,
            12..17 => self.redeem_twice().await,
            17..23 => self.refresh_in_two_tabs().await,
            23..27 => self.reuse_an_old_token().await,
            27..31 => self.replay_the_code().await,
            31..36 => self.let_others_try().await,
            36..40 => self.forge().await,
            40..43 => self.use_twice().await,
            _ if below(3) == 0 => self.sign_out().await,
            _ => self.revoke().await,
        }
    }

    /// A code that is presented later: after a kill, if one comes between.
    async fn put_a_code_by(&mut self) {
        if self.held.len() < HELD {
            let code = self.fetch_code().await;
            self.unsettled.extend(code);
        }
    }

    /// One code, presented at two places at once.
    async fn redeem_twice(&mut self) {
        let Some((code, app)) = self.fetch_code().await else {
            return;
        };
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let (one, two) = tokio::join!(
            (self.caller).redeem(here, &code, app, Hands::Rightful, Manner::Waiting),
            (self.twin).redeem(there, &code, app, Hands::Rightful, Manner::Waiting),
        );
        for tokens in [one, two].into_iter().filter_map(Answer::granted) {
            self.introspect(&tokens.access).await;
            self.bury(Held::new(app, code.clone(), tokens));
        }
    }

    /// One refresh token, used in two tabs at once. Each goes on with what it was given, and one is ahead.
    async fn refresh_in_two_tabs(&mut self) {
        let held = self.pick();
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let (token, app) = (held.newest().to_owned(), held.app);
        let (one, two) = tokio::join!(
            (self.caller).refresh(here, &token, app, Hands::Rightful, Manner::Waiting),
            (self.twin).refresh(there, &token, app, Hands::Rightful, Manner::Waiting),
        );
        let (mut ahead, mut behind) = (held.clone(), held);
        let both = [(&mut ahead, one), (&mut behind, two)];
        for (tab, answer) in both {
            if let Some(tokens) = answer.granted() {
                tab.renew(tokens);
            }
        }
        for _ in 0..2 {
            let answer = self.renew(&mut ahead, Manner::Waiting).await;
            self.rest_after(&answer).await;
        }
        self.renew(&mut behind, Manner::Waiting).await;
        self.renew(&mut ahead, Manner::Waiting).await;
        self.introspect(&ahead.access).await;
        self.bury(behind);
        self.bury(ahead);
    }

    /// Somebody has an old refresh token: it, and then everything else of the grant.
    async fn reuse_an_old_token(&mut self) {
        let held = self.pick();
        let old = below(held.refresh.len());
        (self.exchange(&held.refresh[old], held.app, Manner::Waiting)).await;
        self.introspect(&held.access).await;
        // If that was the newest token or the one before it, all is well, and it goes on.
        if held.refresh.len() - old <= 2 {
            self.held.push(held);
        } else {
            self.bury(held);
        }
    }

    async fn replay_the_code(&mut self) {
        let held = self.pick();
        self.redeem(&held.code, held.app, Manner::Waiting).await;
        self.introspect(&held.access).await;
        self.bury(held);
    }

    /// Others present what is not theirs; then the rightful owner, for whom nothing has changed.
    async fn let_others_try(&mut self) {
        let Some((code, app)) = self.fetch_code().await else {
            return;
        };
        for hands in [Hands::AnotherApp, Hands::AnotherVerifier] {
            let node = any_node(&self.caller);
            (self.caller)
                .redeem(node, &code, app, hands, Manner::Waiting)
                .await;
        }
        let answer = self.redeem(&code, app, Manner::Waiting).await;
        self.take(code, app, answer).await;
        let held = self.pick();
        let (node, other) = (any_node(&self.caller), App((held.app.0 + 1) % APPS));
        (self.caller)
            .refresh(
                node,
                held.newest(),
                held.app,
                Hands::AnotherApp,
                Manner::Waiting,
            )
            .await;
        self.caller
            .introspect(node, &held.access, Some(other))
            .await;
        self.held.push(held);
    }

    /// Tokens that nobody issued: good ones with one character changed.
    async fn forge(&mut self) {
        let held = self.pick();
        let token = altered(held.newest());
        self.exchange(&token, held.app, Manner::Waiting).await;
        let code = altered(&held.code);
        self.redeem(&code, held.app, Manner::Waiting).await;
        self.introspect(&altered(&held.access)).await;
        self.held.push(held);
    }

    /// Something that is good once, at two places at once, and once more.
    async fn use_twice(&mut self) {
        let (here, there) = (any_node(&self.caller), any_node(&self.twin));
        let again = any_node(&self.caller);
        let (one, two) = (&mut self.caller, &mut self.twin);
        match below(3) {
            0 => {
                if let Ok(text) = one.world().machines.assertion() {
                    tokio::join!(
                        one.use_assertion(here, &text),
                        two.use_assertion(there, &text)
                    );
                    one.use_assertion(again, &text).await;
                }
            }
            1 => {
                if let Ok(text) = one.world().machines.proof() {
                    tokio::join!(one.use_proof(here, &text), two.use_proof(there, &text));
                    one.use_proof(again, &text).await;
                }
            }
            _ => {
                if let (Some(session), Some(uri)) = (&self.session, one.push(again).await) {
                    tokio::join!(
                        one.use_pushed(here, session, &uri),
                        two.use_pushed(there, session, &uri)
                    );
                    one.use_pushed(again, session, &uri).await;
                }
            }
        }
    }
}

/// Leaving within three milliseconds: before the request was read, while it is answered, or after.
fn leaving() -> Manner {
    let microseconds = u64::try_from(below(3_000)).expect("a number below 3,000 fits");
    Manner::Leaving(Duration::from_micros(microseconds))
}

/// The same text with one character changed, not the last: that one may hold bits that count for nothing.
fn altered(text: &str) -> String {
    let position = text.len() / 2;
    let other = if text.as_bytes()[position] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &text[..position], &text[position + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_token_is_another_one() {
        for text in ["sc_rt_AAAAAAAA", "eyJhbGciOiJFUzI1NiJ9.e30.xyz", "AB"] {
            assert_ne!(altered(text), text);
            assert_eq!(altered(text).len(), text.len());
        }
    }
}
