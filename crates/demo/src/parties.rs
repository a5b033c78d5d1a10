//! The three parties: a server, a web app and an API, started as an operator and two developers would start them.
//!
//! They share a process and nothing else: the app and the API know the server by its URL, as the published crates have it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use safeconduct_client::store::SqliteStore;
use safeconduct_client::{Client, KeyRing};
use safeconduct_guard::Guard;
use safeconduct_protocol::claims::{ClaimError, PersonClaims};
use safeconduct_protocol::client::{self, AuthenticationMethod, BackChannelUri, GrantType};
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::{ClientId, UserId};
use safeconduct_protocol::link::{Link, LinkPurpose};
use safeconduct_protocol::mail::MailAddress;
use safeconduct_protocol::metadata::Issuer;
use safeconduct_protocol::password::{LEAST_MINIMUM, PasswordRule};
use safeconduct_protocol::redirect_uri::RedirectUri;
use safeconduct_protocol::resource::{Resource, ResourceUri, Resources, ScopeDescription};
use safeconduct_protocol::scope::Scope;
use safeconduct_protocol::sealed::Sealed as _;
use safeconduct_protocol::secret::Secret;
use safeconduct_protocol::sign_up::SignUp;
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::keys::{self, Keys};
use safeconduct_server::listener::{self, Limits};
use safeconduct_server::pages::Notice;
use safeconduct_server::password::{PasswordSettings, Passwords};
use safeconduct_server::settings::AdministrationSettings;
use safeconduct_server::telemetry::Telemetry;
use safeconduct_server::{CrossOrigin, MasterKey, MasterKeys, Server, Settings, routes};
use safeconduct_store::{ActingStore, By, Declared, NewUser, Store};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::addresses::{Addresses, Bound, bind_any, ports_of};
use super::attacks::{Attacks, Credentials};
use super::directory::Directory;
use super::message::Party;
use super::people::{
    ADMINISTRATOR, CALENDAR, IDENTITY, NOTES_READ, NOTES_WRITE, PASSWORD, People, SCOPES, SEEDS,
    Seed, visitors,
};
use super::recorder::Recorder;
use super::terminal::Terminal;
use super::wire::Wire;
use super::{api, app, console};

/// The web app's id at the server.
const APP: &str = "demo-notes";
/// Another app's, for the attacks.
const OTHER_APP: &str = "demo-other";
/// The API's, as which it introspects tokens.
const API: &str = "demo-api";

/// The parties, running.
pub(crate) struct Parties {
    pub(crate) addresses: Addresses,
    pub(crate) recorder: Recorder,
    pub(crate) attacks: Attacks,
    /// The one-time link by which a visitor creates an account of their own.
    pub(crate) invitation: String,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    maintenance: JoinHandle<()>,
    store: Store,
    server: Server,
}

impl Parties {
    /// Starts the server, the app and the API at their listeners.
    ///
    /// # Errors
    /// What keeps one of them from starting.
    pub(crate) async fn start(
        bound: [Bound; 3],
        directory: &Directory,
        terminal: Terminal,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let addresses = Addresses::at(ports_of(&bound));
        let recorder = Recorder::new(clock.clone());
        let credentials = |id: &'static str| {
            let secret = directory.secret(&format!("{id}.secret"));
            secret.map(|secret| Credentials { id, secret })
        };
        let (app, other_app, api) = (
            credentials(APP)?,
            credentials(OTHER_APP)?,
            credentials(API)?,
        );

        let people = People::default();
        let (server, invitation) = server(
            &addresses,
            directory,
            &[&app, &other_app, &api],
            &people,
            clock,
        )
        .await?;
        let client = client(&addresses, directory, &app).await?;
        let guard = guard(&addresses, &api)?;
        let wire = Wire::default();
        let attacks = Attacks::new(
            addresses.clone(),
            app,
            other_app,
            recorder.clone(),
            wire.clone(),
        )?;

        let web_app = app::router(app::App::new(
            client,
            recorder.clone(),
            attacks.clone(),
            addresses.clone(),
            terminal,
        )?);
        let routers = [
            recorder.watch(Party::Server, wire.before(routes::public(&server))),
            app::on_localhost(&addresses, recorder.watch(Party::App, wire.before(web_app))),
            recorder.watch(Party::Api, api::router(&guard, people)),
        ];
        let (stop, stopping) = watch::channel(false);
        let mut serving = JoinSet::new();
        for (bound, router) in bound.into_iter().zip(routers) {
            serving.spawn(serve(bound, router, stopping.clone()));
        }
        let store = server.store().clone();
        let maintained = server.clone();
        let maintenance = tokio::spawn(async move { maintained.maintain().await });
        Ok(Self {
            addresses,
            recorder,
            attacks,
            invitation,
            stop,
            serving,
            maintenance,
            store,
            server,
        })
    }

    /// Starts the operator's console, and gives the address that opens it. From then on one user administers the server.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(crate) async fn open_console(&mut self) -> anyhow::Result<String> {
        let bound = bind_any().await?;
        let api = format!("http://127.0.0.1:{}", bound.port);
        let router = routes::admin(&self.server);
        let stopping = self.stop.subscribe();
        self.serving.spawn(serve(bound, router, stopping));
        let own = self.store.by(By::server());
        let user = own.user_by_name(ADMINISTRATOR).await?;
        let user = user.context("the user who administers is there")?;
        own.add_administrator(&user.id, Clock::system().now())
            .await?;
        console::start(
            &self.addresses,
            &api,
            &mut self.serving,
            self.stop.subscribe(),
        )
        .await
    }

    /// Lets requests under way finish, and closes everything.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.serving.join_next().await.is_some() {}
        self.maintenance.abort();
        self.store.close().await;
    }
}

async fn serve(bound: Bound, router: Router, mut stopping: watch::Receiver<bool>) {
    let limits = Limits {
        drain_timeout: Duration::from_secs(3),
        ..Limits::default()
    };
    let stopped = async move {
        // The sender lives as long as the parties; were it gone, stopping would be right as well.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let (telemetry, cross_origin) = (Telemetry::new(), CrossOrigin::none());
    listener::serve(
        bound.listeners.into_iter().map(Into::into).collect(),
        router,
        limits.into(),
        telemetry,
        cross_origin,
        stopped,
    )
    .await;
}

/// The authorization server, with its clients declared and its people added, and a link for one more.
async fn server(
    addresses: &Addresses,
    directory: &Directory,
    clients: &[&Credentials; 3],
    people: &People,
    clock: Clock,
) -> anyhow::Result<(Server, String)> {
    let issuer = Issuer::parse(&addresses.server)?;
    let masters = MasterKeys::from(MasterKey::from_bytes(directory.key("master-key")?));
    let store = Store::open(&format!(
        "sqlite:{}",
        directory.file("safeconduct.db").display()
    ))
    .await?;
    let now = clock.now();
    let own = store.by(By::server());
    let cluster = own
        .join_cluster(issuer.as_str(), &masters.check_values(), now)
        .await?;
    keys::create_missing(&own, &masters, issuer.as_str(), &cluster, &[], now).await?;
    let keys = Keys::open(
        &masters,
        issuer.as_str(),
        &cluster,
        &store.catalog().await?.keys,
        now,
    )?;
    let declared = declared(addresses, &keys, clients).context("the demo's own clients")?;
    own.reconcile(&declared, now).await?;
    add_people(&own, issuer.as_str(), &keys, people, &clock).await?;
    let link = invitation(&own, cluster.era, now).await?;
    let invitation = format!("{}/link?link={}", addresses.server, link.seal(keys.seal())?);
    let settings = Settings {
        sign_up: SignUp::Invite,
        sign_in_notice: Some(accounts_to_try()),
        administration: Some(AdministrationSettings::default()),
        ..Settings::new(issuer)
    };
    let server = Server::new(settings, store, masters, clock).await?;
    Ok((server, invitation))
}

/// A link by which somebody creates an account, with an address that none has yet.
async fn invitation(store: &ActingStore, era: i64, now: Timestamp) -> anyhow::Result<Link> {
    let mut number = 1;
    let address = loop {
        let address = MailAddress::parse(&format!("visitor{number}@example.com"))?;
        if store.user_by_address(&address.key()).await?.is_none() {
            break address;
        }
        number += 1;
    };
    let purpose = LinkPurpose::SignUpInvite;
    let link = Link::to_sign_up(purpose, UserId::generate(), address, era, now);
    store.sign_up_link_made(link.user(), now).await?;
    Ok(link)
}

/// Whom a visitor can sign in as, for the sign-in page.
fn accounts_to_try() -> Notice {
    Notice {
        heading: "Accounts to try".to_owned(),
        lines: visitors()
            .map(|seed| format!("{} with password {PASSWORD}", seed.username))
            .chain([format!(
                "for the console, {ADMINISTRATOR} with the same password"
            )])
            .collect(),
    }
}

/// What a configuration file would declare: the scopes, the API and one that nobody runs, and who may ask for what.
fn declared(
    addresses: &Addresses,
    keys: &Keys,
    [app, other_app, api]: &[&Credentials; 3],
) -> Option<Declared> {
    let notes = Scope::parse(&format!("{NOTES_READ} {NOTES_WRITE}"))?;
    let calendar = Scope::parse(CALENDAR)?;
    let identity = Scope::parse(&IDENTITY.join(" "))?;
    let text = |text: &str| [("en".to_owned(), text.to_owned())].into();
    let all = notes.union(&calendar).union(&identity);
    let (app_uri, other_uri) = (
        addresses.redirect_uri(),
        format!("{}/elsewhere", addresses.app),
    );
    let flow = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let mut web_app = registered(app.id, "Demo Notes", &[&app_uri], &flow, all.clone())?;
    web_app.dpop_bound_access_tokens = true;
    web_app.openid.post_logout_redirect_uris =
        vec![RedirectUri::register(&addresses.post_logout_redirect_uri()).ok()?];
    web_app.openid.backchannel_logout_uri =
        Some(BackChannelUri::parse(&addresses.backchannel_logout_uri())?);
    let clients = [
        (web_app, *app),
        (
            registered(other_app.id, "Another App", &[&other_uri], &flow, all)?,
            *other_app,
        ),
        (
            registered(api.id, "Notes API", &[], &[], Scope::default())?,
            *api,
        ),
    ];
    Some(Declared {
        clients: clients
            .into_iter()
            .map(|(client, credentials)| {
                (client, Some(keys.hash_client_secret(&credentials.secret)))
            })
            .collect(),
        scopes: SCOPES
            .iter()
            .map(|(name, words)| ScopeDescription {
                name: (*name).to_owned(),
                text: text(words),
                groups: Vec::new(),
            })
            .collect(),
        resources: vec![
            resource(&addresses.api, "Notes", notes, Some(api.id))?,
            resource(&addresses.other_api(), "Calendar", calendar, None)?,
        ],
        groups: Vec::new(),
        adopted: HashSet::new(),
        prune: false,
    })
}

fn registered(
    id: &str,
    name: &str,
    redirect_uris: &[&str],
    grant_types: &[GrantType],
    scopes: Scope,
) -> Option<client::Client> {
    let redirect_uris = redirect_uris
        .iter()
        .map(|uri| RedirectUri::register(uri).ok())
        .collect::<Option<Vec<_>>>()?;
    Some(client::Client {
        id: ClientId::parse(id)?,
        name: name.to_owned(),
        names: BTreeMap::new(),
        authentication: AuthenticationMethod::ClientSecretBasic,
        jwks: None,
        assertion_audience: client::AssertionAudience::default(),
        redirect_uris,
        grant_types: grant_types.to_vec(),
        scopes,
        groups: Default::default(),
        denied_users: Default::default(),
        require_pkce: true,
        access_token_format: client::AccessTokenFormat::default(),
        consent: client::ConsentPolicy::default(),
        refresh_shared: client::RefreshShared::default(),
        response_modes: vec![client::ResponseMode::Query],
        require_pushed_authorization_requests: false,
        require_second_factor: false,
        dpop_bound_access_tokens: false,
        about: client::ClientInformation::default(),
        openid: client::OpenIdRegistration::default(),
    })
}

fn resource(uri: &str, name: &str, scopes: Scope, client: Option<&str>) -> Option<Resource> {
    Some(Resource {
        uri: ResourceUri::parse(uri)?,
        name: Some(name.to_owned()),
        names: BTreeMap::new(),
        scopes,
        client: client.and_then(ClientId::parse),
        access_token_signing_alg: Resources::default_algorithm(),
    })
}

/// Adds the users who are not there yet, and introduces all of them to the API.
async fn add_people(
    store: &ActingStore,
    issuer: &str,
    keys: &Keys,
    people: &People,
    clock: &Clock,
) -> anyhow::Result<()> {
    let passwords = Passwords::start(PasswordSettings::default())?;
    let rule = PasswordRule::new(LEAST_MINIMUM, issuer, "Safeconduct");
    for seed in &SEEDS {
        let claims = claims_of(seed)?;
        let id = match store.user_by_name(seed.username).await? {
            Some(known) => {
                if known.claims != claims {
                    let (id, seen) = (&known.id, known.updated_at);
                    store
                        .update_claims(id, seen, &claims, None, clock.now())
                        .await?;
                }
                known.id
            }
            None => {
                let id = UserId::generate();
                let password = rule.accept(Secret::new(PASSWORD), seed.username, &claims)?;
                let hash = passwords.hash(password).await?;
                let user = NewUser {
                    id: id.clone(),
                    username: seed.username.to_owned(),
                    name: None,
                    claims,
                    sealed_password: Some(keys.seal_password(&id, &hash)?),
                };
                store.add_user(user, clock.now()).await?;
                id
            }
        };
        people.introduce(&id, seed);
    }
    Ok(())
}

fn claims_of(seed: &Seed) -> Result<PersonClaims, ClaimError> {
    let mut claims = PersonClaims::default();
    for (name, value) in seed.claims {
        claims.set(name, value.into())?;
    }
    claims.set("email_verified", true.into())?;
    Ok(claims)
}

/// The web app's half of the flow: the client crate, as its documentation has it.
async fn client(
    addresses: &Addresses,
    directory: &Directory,
    app: &Credentials,
) -> anyhow::Result<Client> {
    let client = Client::new(&addresses.server, app.id)
        .base_url(&addresses.app)
        .secret(app.secret.clone())
        .scopes(IDENTITY.into_iter().chain([NOTES_READ, NOTES_WRITE]))
        .resource(&addresses.api)
        .dpop(true)
        .session_keys(KeyRing::parse(&directory.secret("app-session-key")?)?)
        .store(SqliteStore::open(directory.file("app-sessions.db")).await?)
        .build()?;
    Ok(client)
}

/// The API's half: the guard crate. It checks each token itself and asks the server about it each time, so that a revoked
/// token is refused at once.
fn guard(addresses: &Addresses, api: &Credentials) -> anyhow::Result<Guard> {
    let guard = Guard::new(&addresses.server, &addresses.api)?
        .resource_name("Demo Notes API")
        .scopes_supported([NOTES_READ, NOTES_WRITE])
        .introspection(api.id, api.secret.clone())
        .introspection_cache(Duration::ZERO)
        .build()?;
    Ok(guard)
}
