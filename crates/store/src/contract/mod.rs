//! What the store promises, claim by claim, on every database there is.

mod account_changes;
mod administration;
mod administrators;
mod admission;
mod claims;
mod client_secrets;
mod copying;
mod eras;
mod event_numbers;
mod event_receivers;
mod groups;
mod guesses;
mod idempotency_keys;
mod imports;
mod links;
mod listed;
mod liveness;
mod logouts;
mod mail;
mod master_keys;
mod passkeys;
mod passkeys_by_link;
mod password_changes;
mod provisioning;
mod redemption;
mod rotation;
mod second_factors;
mod sign_in;
mod sign_up;
mod single_use;
mod statements;
mod sweeping;
mod time_marks;
mod upgrade;
mod writability;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use safeconduct_protocol::authentication::{Authentication, Factor, Factors};
use safeconduct_protocol::authorization::SignedInUser;
use safeconduct_protocol::authorization_code::Redemption;
use safeconduct_protocol::claims::{ClaimsRequest, PersonClaims};
use safeconduct_protocol::client::{
    AuthenticationMethod, Client, ClientInformation, GrantType, OpenIdRegistration, ResponseMode,
};
use safeconduct_protocol::device::Device;
use safeconduct_protocol::grant::{Grant, NewGrant};
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::ids::{ClientId, GrantId, SessionId, UserId};
use safeconduct_protocol::random;
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::refresh_token::{RefreshDecision, RefreshToken, Rotation};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::single_use::{SingleUse, UsedId};
use safeconduct_protocol::time::Timestamp;

use crate::databases::{Empty, Kind};
use crate::{
    ActingStore, By, NewSession, NewUser, RedeemError, Redeeming, Remover, SealedPassword,
    SessionRenewal, SessionSeen, SignIn, Store, StoreError, Sweepable,
};

const API: &str = "https://api.example.com";
const ISSUER: &str = "https://id.example.com";
/// At which passkeys are good.
const HOST: Option<&str> = Some("id.example.com");
const ONLINE: &str = "notes.read";
const OFFLINE: &str = "notes.read offline_access";
/// How long the tests let a successor lie unused, a grant live and a session idle, in seconds.
const IDLE: i64 = 7_000;
const LIFE: i64 = 30_000;
const SESSION_IDLE: i64 = 20_000;

/// A store with one client, one user and their session, at a time that tests move.
struct World {
    store: ActingStore,
    client: ClientId,
    user: UserId,
    session: SessionId,
    hash: [u8; 32],
    now: AtomicI64,
    database: Empty,
}

/// The user themselves, in that session, of whom nothing is demanded but by groups.
fn owner(session: &SessionSeen) -> Remover<'_> {
    Remover::Owner {
        session,
        relying_party: HOST,
        second_factor_required: false,
    }
}

/// Who does what the tests do.
fn operator() -> By {
    By::shell("ada (uid 1000)")
}

/// A sealed hash of the usual cost.
fn sealed(text: &str) -> SealedPassword {
    SealedPassword {
        sealed: text.to_owned(),
        key: 1,
        cost: Some("m=19456,t=2,p=1".to_owned()),
    }
}

/// The two halves of a sign-in, each by itself.
impl ActingStore {
    async fn start_session(
        &self,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.sign_in(&SignIn::Start(session.clone()), now).await
    }

    async fn renew_session(
        &self,
        renewal: &SessionRenewal,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.sign_in(&SignIn::Renew(renewal.clone()), now).await
    }
}

impl World {
    async fn on(database: Kind) -> Self {
        let database = Empty::with_schema(database).await;
        let world = Self {
            store: Store::open(database.url()).await.unwrap().by(operator()),
            client: ClientId::parse("shop").unwrap(),
            user: UserId::generate(),
            session: SessionId::generate(),
            hash: random::bytes(),
            now: AtomicI64::new(1_800_000_000),
            database,
        };
        let now = world.now();
        world
            .store
            .join_cluster(ISSUER, &["check"], now)
            .await
            .unwrap();
        world
            .store
            .create_client(&client("shop"), None, false, now)
            .await
            .unwrap();
        world
            .store
            .add_user(world.new_user("ada"), now)
            .await
            .unwrap();
        assert!(
            world
                .store
                .start_session(&world.new_session(), now)
                .await
                .unwrap()
        );
        world
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.load(Ordering::SeqCst))
    }

    fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    fn new_user(&self, username: &str) -> NewUser {
        let sealed_password = Some(sealed(&format!("sealed:{username}")));
        NewUser {
            id: self.user.clone(),
            username: username.to_owned(),
            name: None,
            claims: PersonClaims::default(),
            sealed_password,
        }
    }

    fn new_session(&self) -> NewSession {
        NewSession {
            id: self.session.clone(),
            hash: self.hash,
            user: self.user.clone(),
            factors: Factors::of(Factor::Password, self.now()),
            user_epoch: 1,
            absolute_expires_at: self.now().plus(2 * SESSION_IDLE),
            idle_expires_at: self.now().plus(SESSION_IDLE),
            replaces: None,
            mail: None,
            device: Device::default(),
        }
    }

    /// The session as it is, to change something of the account in.
    fn seen(&self) -> SessionSeen {
        SessionSeen {
            id: self.session.clone(),
            hash: self.hash,
            user_epoch: 1,
        }
    }

    async fn person(&self) -> Option<SignedInUser> {
        let view = self
            .store
            .signed_in(self.hash, Some(&self.client), API, HOST, self.now())
            .await
            .unwrap();
        view.map(|view| view.person)
    }

    /// What a code issued now becomes when it is redeemed.
    async fn allow(&self, scope: &str) -> NewGrant {
        let person = self.person().await.expect("somebody is signed in");
        let now = self.now();
        NewGrant {
            id: GrantId::generate(now.seconds() * 1000),
            code_id: new_id(),
            era: self.store.cluster().await.unwrap().unwrap().era,
            client: self.client.clone(),
            user: person.user,
            session: person.session,
            scope: Scope::parse(scope).unwrap(),
            audience: API.to_owned(),
            authentication: Authentication::of(person.factors, &[]).expect("a sign-in by password"),
            epochs: person.epochs,
            created_at: now,
            expires_at: now.plus(LIFE),
            idle_expires_at: now.plus(IDLE),
            forget_at: now.plus(LIFE + 900),
            dpop_jkt: None,
            claims: ClaimsRequest::default(),
        }
    }

    async fn redeem(&self, grant: &NewGrant) -> Redemption {
        self.try_to_redeem(grant, &[]).await.unwrap()
    }

    async fn try_to_redeem(
        &self,
        grant: &NewGrant,
        used_ids: &[UsedId],
    ) -> Result<Redemption, RedeemError> {
        let redeeming = Redeeming {
            grant,
            attempt: &new_id(),
            used_ids,
            tell_of_logout: false,
        };
        self.store.redeem_code(&redeeming, self.now()).await
    }

    /// A grant that lives.
    async fn granted(&self, scope: &str) -> Grant {
        let grant = self.allow(scope).await;
        assert_eq!(self.redeem(&grant).await, Redemption::Won);
        Grant::of(&grant)
    }

    fn token(&self, grant: &Grant, generation: i64) -> RefreshToken {
        let grant = Grant {
            generation,
            ..grant.clone()
        };
        RefreshToken::of(&grant, 1)
    }

    fn rotation(&self, presented: i64, retry_window: Option<i64>) -> Rotation {
        Rotation {
            presented,
            retry_window,
            shared_limit: None,
            now: self.now(),
        }
    }

    /// Uses the refresh token of this generation.
    async fn rotate(&self, grant: &Grant, generation: i64) -> RefreshDecision {
        self.try_to_rotate(grant, generation, &[]).await.unwrap()
    }

    async fn try_to_rotate(
        &self,
        grant: &Grant,
        generation: i64,
        used_ids: &[UsedId],
    ) -> Result<RefreshDecision, RedeemError> {
        let rotation = self.rotation(generation, Some(60));
        let token = self.token(grant, generation);
        self.store
            .rotate_refresh_token(&token, &rotation, &new_id(), used_ids, IDLE, self.now())
            .await
    }

    /// The grant as its row has it.
    async fn kept(&self, grant: &Grant) -> Grant {
        self.store.grant(grant.id).await.unwrap().unwrap()
    }

    /// Whether a token of the grant is good. Introspection and UserInfo never disagree about that.
    async fn is_active(&self, grant: GrantId) -> bool {
        self.is_good(grant, "jti").await
    }

    async fn is_good(&self, grant: GrantId, jti: &str) -> bool {
        let (store, now) = (&self.store, self.now());
        let active = store.introspect_grant(grant, jti, 1, now).await.unwrap();
        let view = store.userinfo(grant, jti, 1, now).await.unwrap();
        assert_eq!(active, view.map(|view| view.grant));
        active.is_some()
    }

    /// An id that nobody used.
    fn id(&self, kind: SingleUse) -> UsedId {
        UsedId {
            kind,
            owner: self.client.to_string(),
            id: new_id(),
            expires_at: self.now().plus(300),
        }
    }

    /// Deletes what has ended, at most `limit` rows of each kind: kind and number of what was deleted.
    async fn sweep(&self, limit: u32) -> Vec<(Sweepable, u64)> {
        let mut swept = Vec::new();
        for kind in Sweepable::ALL {
            let rows = self.store.sweep_some(kind, self.now(), limit).await;
            swept.push((kind, rows.unwrap()));
        }
        swept.retain(|(_, rows)| *rows > 0);
        swept
    }

    async fn events(&self) -> Vec<String> {
        self.store
            .events(None, 1000)
            .await
            .unwrap()
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }
}

fn client(id: &str) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: "Shop".to_owned(),
        names: BTreeMap::new(),
        authentication: AuthenticationMethod::ClientSecretBasic,
        jwks: None,
        assertion_audience: Default::default(),
        redirect_uris: vec![RedirectUri::register("https://shop.example.com/callback").unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: Scope::parse(OFFLINE).unwrap(),
        groups: Default::default(),
        denied_users: Default::default(),
        require_pkce: true,
        access_token_format: Default::default(),
        consent: Default::default(),
        refresh_shared: Default::default(),
        response_modes: vec![ResponseMode::Query],
        require_pushed_authorization_requests: false,
        require_second_factor: false,
        dpop_bound_access_tokens: false,
        about: ClientInformation::default(),
        openid: OpenIdRegistration::default(),
    }
}
