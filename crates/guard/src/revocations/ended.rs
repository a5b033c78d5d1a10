//! What is known of tokens that are dead before their time: bounded, and never silently less. What there is no room for is asked of the
//! issuer, and so is what it says of too many at once.

use std::collections::HashMap;

use safeconduct_protocol::encoding::sha256;
use safeconduct_protocol::security_event::AccessEnded;
use safeconduct_protocol::time::Timestamp;

/// Seconds between two looks for what can be forgotten.
const BETWEEN_SWEEPS: i64 = 60;
/// The part of the room that the tokens and grants of one client may take: who revokes its own all the time takes none from others.
const PART_OF_CLIENT: usize = 8;

/// The tokens that are dead before their time.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Grants and single tokens, by a hash of their name, and from when on each can be forgotten.
    names: HashMap<u128, Name>,
    /// How many of them each client ended.
    of_clients: HashMap<u128, usize>,
    /// Clients: until when what they were given has ended, and from when on that can be forgotten.
    clients: HashMap<u128, (i64, i64)>,
    /// Of whatever was issued until then only the issuer knows.
    unsure_until: i64,
    /// When it was last learnt of something that the issuer alone knows, in milliseconds. What it answered before says nothing.
    unsure_since: i64,
    most: usize,
    swept_at: i64,
}

/// What is kept of a name.
#[derive(Debug)]
struct Name {
    forget_at: i64,
    /// The client that counts for it.
    client: Option<u128>,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing that speaks against it.
    Good,
    /// It has ended.
    Ended,
    /// The issuer alone knows, since that moment, in milliseconds.
    Unsure { since: i64 },
}

/// What of a token matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'a> {
    pub(crate) grant: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) client: &'a str,
    pub(crate) issued_at: Timestamp,
}

impl Ended {
    /// Room for so many.
    pub(crate) fn with_room_for(most: usize) -> Self {
        Self {
            names: HashMap::new(),
            of_clients: HashMap::new(),
            clients: HashMap::new(),
            unsure_until: i64::MIN,
            unsure_since: i64::MIN,
            most,
            swept_at: i64::MIN,
        }
    }

    /// Takes in what the issuer tells, as of `now`. Who was given something until then may still be served by a node whose clock is up to `skew`
    /// seconds ahead, and no token is presented later than `lifetime` seconds from now.
    pub(crate) fn learn(&mut self, told: &AccessEnded, lifetime: i64, skew: i64, now: Timestamp) {
        if !told.clients.is_empty() {
            self.is_unsure_at(now);
        }
        let forget_at = now.seconds().saturating_add(lifetime);
        self.sweep(now.seconds());
        let until = told.event_timestamp.saturating_add(skew);
        if told.any {
            self.ask_until(until, now);
        }
        let client = told.client.as_deref().map(|client| name('c', client));
        let grants = told.grants.iter().map(|grant| name('g', grant));
        let tokens = told.tokens.iter().map(|token| name('t', token));
        for name in grants.chain(tokens) {
            if let Some(kept) = self.names.get_mut(&name) {
                kept.forget_at = forget_at.max(kept.forget_at);
            } else if let Some(client) = client.filter(|client| self.has_its_part(*client)) {
                let until = now.seconds().saturating_add(skew);
                self.is_unsure_at(now);
                self.end_client(client, until, forget_at, now, skew);
            } else if self.has_room() {
                if let Some(client) = client {
                    *self.of_clients.entry(client).or_default() += 1;
                }
                self.names.insert(name, Name { forget_at, client });
            } else {
                self.ask_until(now.seconds().saturating_add(skew), now);
            }
        }
        for client in &told.clients {
            self.end_client(name('c', client), until, forget_at, now, skew);
        }
    }

    /// Of what a client was given until then the issuer has to be asked.
    fn end_client(&mut self, client: u128, until: i64, forget_at: i64, now: Timestamp, skew: i64) {
        if self.has_room() || self.clients.contains_key(&client) {
            let kept = self.clients.entry(client).or_insert((until, forget_at));
            *kept = (until.max(kept.0), forget_at.max(kept.1));
        } else {
            self.ask_until(now.seconds().saturating_add(skew), now);
        }
    }

    fn has_its_part(&self, client: u128) -> bool {
        let kept = self.of_clients.get(&client).copied().unwrap_or_default();
        kept >= self.most.div_ceil(PART_OF_CLIENT)
    }

    /// Of whatever was issued until then, the issuer has to be asked, from now on.
    pub(crate) fn ask_until(&mut self, moment: i64, now: Timestamp) {
        self.is_unsure_at(now);
        self.unsure_until = self.unsure_until.max(moment);
    }

    /// Whatever was answered in this second, too, may have been answered before.
    fn is_unsure_at(&mut self, now: Timestamp) {
        let moment = now.seconds().saturating_mul(1000).saturating_add(999);
        self.unsure_since = self.unsure_since.max(moment);
    }

    /// What is known of a token.
    pub(crate) fn of(&self, token: &Presented<'_>) -> Known {
        let is_ended = |kind, text: Option<&str>| {
            text.is_some_and(|text| self.names.contains_key(&name(kind, text)))
        };
        if is_ended('g', token.grant) || is_ended('t', token.id) {
            return Known::Ended;
        }
        let issued_at = token.issued_at.seconds();
        let client = self.clients.get(&name('c', token.client));
        let client_ended = client.is_some_and(|(until, _)| issued_at <= *until);
        match client_ended || issued_at <= self.unsure_until {
            true => Known::Unsure {
                since: self.unsure_since,
            },
            false => Known::Good,
        }
    }

    /// Whether nothing is known that could speak against any token at `now`.
    pub(crate) fn is_empty(&self, lifetime: i64, now: Timestamp) -> bool {
        let is_over = self.unsure_until < now.seconds().saturating_sub(lifetime);
        self.names.is_empty() && self.clients.is_empty() && is_over
    }

    /// How many grants, tokens and clients are known.
    pub(crate) fn len(&self) -> usize {
        self.names.len() + self.clients.len()
    }

    /// Forgets what can't be presented any more, from time to time.
    pub(crate) fn sweep(&mut self, now: i64) {
        if now.saturating_sub(self.swept_at) < BETWEEN_SWEEPS && self.has_room() {
            return;
        }
        self.swept_at = now;
        let Self {
            names, of_clients, ..
        } = self;
        names.retain(|_, name| {
            let is_kept = name.forget_at > now;
            if !is_kept
                && let Some(client) = name.client
                && let Some(count) = of_clients.get_mut(&client)
            {
                *count -= 1;
            }
            is_kept
        });
        of_clients.retain(|_, count| *count > 0);
        self.clients.retain(|_, (_, forget_at)| *forget_at > now);
    }

    fn has_room(&self) -> bool {
        self.len() < self.most
    }
}

/// 128 bits that stand for a name of this kind.
fn name(kind: char, text: &str) -> u128 {
    let hash = sha256(format!("{kind}{text}").as_bytes());
    let half = hash.first_chunk().expect("a hash has 32 bytes");
    u128::from_be_bytes(*half)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const LIFETIME: i64 = 420;
    const SKEW: i64 = 60;
    /// Since it was told.
    const UNSURE: Known = Known::Unsure {
        since: NOW.seconds() * 1000 + 999,
    };

    fn presented(grant: &'static str, issued_at: Timestamp) -> Presented<'static> {
        Presented {
            grant: Some(grant),
            id: Some("jti"),
            client: "app",
            issued_at,
        }
    }

    fn told(change: impl FnOnce(&mut AccessEnded)) -> AccessEnded {
        let mut told = AccessEnded {
            event_timestamp: NOW.seconds(),
            ..AccessEnded::default()
        };
        change(&mut told);
        told
    }

    fn grant(name: &str) -> AccessEnded {
        told(|told| told.grants = vec![name.to_owned()])
    }

    /// Attacks: AD63.
    #[test]
    fn a_grant_that_has_ended_is_known_before_its_token_comes_until_none_can_come() {
        let mut ended = Ended::with_room_for(10);
        assert!(ended.is_empty(LIFETIME, NOW));
        ended.learn(&grant("one"), LIFETIME, SKEW, NOW);
        // Also one that is issued later, by a node that had not heard of it.
        for issued_at in [NOW.plus(-100), NOW, NOW.plus(30)] {
            assert_eq!(ended.of(&presented("one", issued_at)), Known::Ended);
            assert_eq!(ended.of(&presented("other", issued_at)), Known::Good);
        }
        ended.sweep(NOW.seconds() + LIFETIME - 1);
        assert_eq!(ended.len(), 1);
        ended.sweep(NOW.seconds() + LIFETIME + BETWEEN_SWEEPS);
        assert!(ended.is_empty(LIFETIME, NOW.plus(LIFETIME)));
    }

    #[test]
    fn a_token_of_its_own_has_ended_and_no_other_of_that_name() {
        let mut ended = Ended::with_room_for(10);
        let one = told(|told| told.tokens = vec!["jti".to_owned()]);
        ended.learn(&one, LIFETIME, SKEW, NOW);
        assert_eq!(ended.of(&presented("one", NOW)), Known::Ended);
        let mut grant_of_that_name = presented("jti", NOW);
        grant_of_that_name.id = None;
        assert_eq!(ended.of(&grant_of_that_name), Known::Good);
    }

    #[test]
    fn of_what_a_client_was_given_until_its_end_the_issuer_knows() {
        let mut ended = Ended::with_room_for(10);
        let app = told(|told| told.clients = vec!["app".to_owned()]);
        ended.learn(&app, LIFETIME, SKEW, NOW);
        let until = NOW.plus(SKEW);
        assert_eq!(ended.of(&presented("one", until)), UNSURE);
        assert_eq!(ended.of(&presented("one", until.plus(1))), Known::Good);
        let mut of_another = presented("one", NOW);
        of_another.client = "other";
        assert_eq!(ended.of(&of_another), Known::Good);
    }

    /// Attacks: AD64.
    #[test]
    fn what_there_is_no_room_for_is_asked_of_the_issuer() {
        let mut ended = Ended::with_room_for(2);
        for name in ["one", "two", "three"] {
            ended.learn(&grant(name), LIFETIME, SKEW, NOW);
        }
        assert_eq!(ended.len(), 2);
        assert_eq!(ended.of(&presented("one", NOW)), Known::Ended);
        assert_eq!(ended.of(&presented("three", NOW)), UNSURE);
        let later = NOW.plus(SKEW + 1);
        assert_eq!(ended.of(&presented("four", later)), Known::Good);
        // What is known already takes no more room, and what is over makes some.
        ended.learn(&grant("one"), LIFETIME, SKEW, NOW);
        let much_later = NOW.plus(LIFETIME);
        ended.learn(&grant("five"), LIFETIME, SKEW, much_later);
        assert_eq!(ended.len(), 1);
        assert_eq!(ended.of(&presented("five", much_later)), Known::Ended);
    }

    /// Attacks: AD68.
    #[test]
    fn a_client_that_ends_its_own_tokens_takes_its_part_of_the_room_alone() {
        let mut ended = Ended::with_room_for(16);
        for number in 0..100 {
            let one = told(|told| {
                told.tokens = vec![format!("t{number}")];
                told.client = Some("app".to_owned());
            });
            ended.learn(&one, LIFETIME, SKEW, NOW);
        }
        assert_eq!(ended.len(), 2 + 1);
        // Of that client's the issuer is asked, of nobody else's.
        assert_eq!(ended.of(&presented("one", NOW)), UNSURE);
        let mut of_another = presented("one", NOW);
        of_another.client = "other";
        assert_eq!(ended.of(&of_another), Known::Good);
        ended.sweep(NOW.seconds() + LIFETIME + BETWEEN_SWEEPS);
        assert!(ended.of_clients.is_empty() && ended.len() == 0);
    }

    #[test]
    fn where_too_much_has_ended_the_issuer_is_asked_as_long_as_it_matters() {
        let mut ended = Ended::with_room_for(2);
        ended.learn(&told(|told| told.any = true), LIFETIME, SKEW, NOW);
        assert_eq!(ended.of(&presented("one", NOW)), UNSURE);
        assert!(!ended.is_empty(LIFETIME, NOW.plus(LIFETIME + SKEW)));
        assert!(ended.is_empty(LIFETIME, NOW.plus(LIFETIME + SKEW + 1)));
    }
}
