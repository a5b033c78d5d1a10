//! The model's rows and the real store, side by side: whatever happens in whatever order, both say the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use safeconduct_model::{Blow, Cast, Credentials, GrantRow, IssuedCode, Rows, Write};
use safeconduct_protocol::authentication::{Factor, Factors};
use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::device::Device;
use safeconduct_protocol::grant::{Lifetimes, NewGrant};
use safeconduct_protocol::random;
use safeconduct_protocol::time::Timestamp;
use safeconduct_store::{
    ActingStore, By, GrantFilter, NewSession, NewUser, Redeeming, SealedPassword, SignIn, Store,
    Sweepable,
};
use safeconduct_testing_postgres::Postgres;
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// So short that every limit is met within a few steps of a minute.
const LIFETIMES: Lifetimes = Lifetimes {
    pending: 600,
    code: 300,
    access_token: 300,
    refresh: 1_200,
    refresh_idle: 300,
    refresh_retry_window: 60,
};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Issued(u8),
    Redeemed(u8),
    /// A redemption reaches the database again under the name it had.
    RedeemedAgain,
    /// The refresh token this many generations behind the current one is used.
    Rotated(i64),
    Struck(Blow),
    EraBegun,
    Passed(i64),
    Swept,
}

#[test]
fn the_rows_of_the_model_do_what_the_store_does() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite:{}", directory.path().join("model.db").display());
    they_do_the_same_in(&url);
}

#[test]
fn the_rows_of_the_model_do_what_the_store_does_on_postgresql() {
    let database = Postgres::shared().create_database();
    they_do_the_same_in(&database.url());
}

fn they_do_the_same_in(url: &str) {
    let events = proptest::collection::vec(event(), 10..70);
    let credentials = prop_oneof![Just(Credentials::Confidential), Just(Credentials::Public)];
    let cases = (credentials, any::<bool>(), events);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(open(url));
    let mut runner = TestRunner::new(Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&cases, |(credentials, offline, events)| {
        runtime.block_on(both(&store, credentials, offline, &events));
        Ok(())
    });
    result.unwrap();
}

fn event() -> impl Strategy<Value = Event> {
    let blow = (0..Blow::ALL.len()).prop_map(|place| Event::Struck(Blow::ALL[place]));
    prop_oneof![
        4 => (0_u8..2).prop_map(Event::Issued),
        8 => (0_u8..2).prop_map(Event::Redeemed),
        3 => Just(Event::RedeemedAgain),
        16 => (-1_i64..3).prop_map(Event::Rotated),
        2 => blow,
        1 => Just(Event::EraBegun),
        4 => (1_i64..150).prop_map(Event::Passed),
        3 => (500_i64..3_000).prop_map(Event::Passed),
        4 => Just(Event::Swept),
    ]
}

async fn open(url: &str) -> ActingStore {
    let store = Store::open(url).await.unwrap().by(By::server());
    let issuer = "https://id.example.com";
    store.join_cluster(issuer, &["check"], START).await.unwrap();
    store
}

async fn both(store: &ActingStore, credentials: Credentials, offline: bool, events: &[Event]) {
    let mut pair = Pair::new(store, credentials, offline).await;
    for event in events {
        pair.let_happen(*event).await;
        pair.compare().await;
    }
}

/// The same user, client and grant twice: in the model's rows and in the store's.
struct Pair<'s> {
    store: &'s ActingStore,
    cast: Cast,
    rows: Rows,
    codes: [Option<IssuedCode>; 2],
    redeeming: Option<(NewGrant, GrantRow)>,
    attempts: u8,
    now: Timestamp,
}

fn sealed(text: &str) -> SealedPassword {
    SealedPassword {
        sealed: text.to_owned(),
        key: 1,
        cost: None,
    }
}

impl<'s> Pair<'s> {
    async fn new(store: &'s ActingStore, credentials: Credentials, offline: bool) -> Self {
        let client_id = format!("shop-{}", random::token());
        let cast = Cast::new(&client_id, credentials, offline, LIFETIMES, START);
        let user = NewUser {
            id: cast.user().clone(),
            username: random::token(),
            name: None,
            claims: PersonClaims::default(),
            sealed_password: Some(sealed("sealed")),
        };
        let session = NewSession {
            id: cast.session().clone(),
            hash: random::bytes(),
            user: cast.user().clone(),
            factors: Factors::of(Factor::Password, START),
            user_epoch: 1,
            absolute_expires_at: Timestamp::LATEST,
            idle_expires_at: Timestamp::LATEST,
            replaces: None,
            mail: None,
            device: Device::default(),
        };
        let client = cast.client();
        store
            .create_client(client, None, false, START)
            .await
            .unwrap();
        store.add_user(user, START).await.unwrap();
        // What was swept before by a later clock is not this era's.
        let era = store.begin_era(START).await.unwrap();
        assert!(store.sign_in(&SignIn::Start(session), START).await.unwrap());
        Self {
            store,
            cast,
            rows: Rows::new(era),
            codes: [None; 2],
            redeeming: None,
            attempts: 0,
            now: START,
        }
    }

    async fn let_happen(&mut self, event: Event) {
        match event {
            Event::Issued(code) => {
                self.codes[usize::from(code)] = Some(IssuedCode {
                    at: self.now,
                    era: self.rows.era,
                    epochs: self.rows.epochs,
                    history: 0,
                    ended: false,
                });
            }
            Event::Redeemed(code) => self.redeem(code).await,
            Event::RedeemedAgain => self.commit_redemption().await,
            Event::Rotated(behind) => self.rotate(behind).await,
            Event::Struck(blow) => {
                self.rows.strike(blow, None);
                self.strike(blow).await;
            }
            Event::EraBegun => {
                let era = self.store.begin_era(self.now).await.unwrap();
                assert!(era > self.rows.era);
                self.rows.begin_era(era);
            }
            Event::Passed(seconds) => self.now = self.now.plus(seconds),
            Event::Swept => {
                self.rows.mark_time(self.now);
                self.store.mark_time(self.now).await.unwrap();
                self.rows.sweep(self.now);
                let kind = Sweepable::Grants;
                let swept = self.store.sweep_some(kind, self.now, 1_000);
                swept.await.unwrap();
            }
        }
    }

    async fn redeem(&mut self, code: u8) {
        let Some(issued) = self.codes[usize::from(code)] else {
            return;
        };
        let client = self.cast.client();
        let Ok(new) = self.cast.redeem(&issued, code, client, self.now) else {
            return;
        };
        self.attempts += 1;
        let proposed = GrantRow::proposed(&new, code, self.attempts);
        self.redeeming = Some((new, proposed));
        self.commit_redemption().await;
    }

    async fn commit_redemption(&mut self) {
        let Some((new, proposed)) = &self.redeeming else {
            return;
        };
        let redeeming = Redeeming {
            grant: new,
            attempt: &proposed.attempt.to_string(),
            used_ids: &[],
            tell_of_logout: false,
        };
        let theirs = self
            .store
            .redeem_code(&redeeming, proposed.rotated_at)
            .await;
        let seen = self.rows.see(&Write::Redeem(*proposed), None);
        let ours = self.rows.redeem(proposed, seen, None);
        assert_eq!(theirs.unwrap(), ours);
    }

    async fn rotate(&mut self, behind: i64) {
        let Some(row) = self.rows.grant else { return };
        let generation = row.generation - behind;
        let token = self.cast.token(generation, row.era, row.expires_at);
        let client = self.cast.client();
        let Ok(rotating) = self.cast.rotate(&token, Some(&row), client, self.now) else {
            return;
        };
        self.attempts += 1;
        let attempt = self.attempts.to_string();
        let idle = LIFETIMES.refresh_idle;
        let rotation = rotating.rotation();
        let theirs = self
            .store
            .rotate_refresh_token(&token, &rotation, &attempt, &[], idle, self.now)
            .await;
        let decision = theirs.unwrap();
        let seen = self.rows.see(&Write::Rotate(rotating), None);
        let ours = self.rows.rotate(&rotating, self.attempts, seen, None);
        assert_eq!(decision, ours, "{rotating:?} of {row:?}");
    }

    async fn strike(&self, blow: Blow) {
        let (store, now) = (self.store, self.now);
        let (user, client) = (self.cast.user(), &self.cast.client().id);
        match blow {
            Blow::Lock => store.lock_user(user, now).await,
            Blow::Unlock => store.unlock_user(user, now).await,
            Blow::SetPassword => {
                store
                    .set_password(user, &sealed("another"), None, now)
                    .await
            }
            Blow::Disable => store.disable_client(client, now).await,
            Blow::Enable => store.enable_client(client, now).await,
            Blow::Withdraw => store.withdraw_consent(user, client, now).await,
            Blow::EndSession => store
                .end_session(self.cast.session(), user, now)
                .await
                .map(drop),
            Blow::Revoke => {
                let grant = self.cast.grant_id();
                store.revoke_grant(grant, client, "revoked", now).await
            }
        }
        .unwrap();
    }

    async fn compare(&self) {
        let filter = GrantFilter {
            user: Some(self.cast.user().clone()),
            client: None,
        };
        let kept = self.store.list_grants(&filter, 10).await.unwrap();
        let theirs = kept.first().map(|record| {
            let grant = &record.grant;
            let ends = (grant.expires_at, grant.idle_expires_at);
            (grant.generation, ends, record.revoked_at.is_some())
        });
        let ours = self.rows.grant.map(|row| {
            let ends = (row.expires_at, row.idle_expires_at);
            (row.generation, ends, row.revoked)
        });
        assert_eq!(theirs, ours);
        let mark = self.store.time_mark().await.unwrap();
        assert_eq!(mark.and_then(|mark| mark.at), self.rows.mark);
        let sealed = self.rows.grant.map_or(1, |row| row.era);
        for era in [sealed, self.rows.era, self.rows.era + 1] {
            let grant = self.cast.grant_id();
            let theirs = self
                .store
                .introspect_grant(grant, "jti", era, self.now)
                .await;
            let ours = self.rows.introspect(era, self.now, None);
            assert_eq!(
                theirs.unwrap().is_some(),
                ours,
                "in era {era}: {:?}",
                self.rows
            );
        }
    }
}
