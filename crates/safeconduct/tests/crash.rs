//! `kill -9` in a loop of exchanges: everything that was answered is still there after a restart, and no code buys twice.
//!
//! Several tasks sign in, redeem, refresh and revoke with the built program as fast as it answers, and write down what they
//! were told. The server is killed at any moment, started on what is left, and held to every word of it. What a full disk or
//! an unconfirmed commit does is for the store's own tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use safeconduct_protocol::random;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use support::{Place, Serving, free_ports};

const KILLS: usize = 16;
const TASKS: usize = 4;
/// How many grants a task may make in one life of the server, and how many are kept for the lives to come. All of them together
/// stay below the 50 that one user and one client may have: the server ends the oldest beyond that.
const GRANTS_OF_A_TASK: usize = 9;
const KEPT: usize = 8;

const SIGKILL: i32 = 9;
/// How long a server may take to start; the machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
const REDIRECT_URI: &str = "https://shop.example/callback";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "correct horse battery staple";
/// The pair of RFC 7636, appendix B.
const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Attacks: E01.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill_and_no_code_buys_twice() -> Result<()> {
    let machine = Machine::prepare()?;
    let mut server = machine.start();
    let mut shop = Shop::new(&machine.issuer())?;
    shop.sign_in().await.context("before the first kill")?;
    let mut ledger = Ledger::default();

    for round in 1..=KILLS {
        let told = exchange_and_kill(server, &shop)
            .await
            .with_context(|| format!("round {round}, before the kill"))?;
        server = machine.start();
        shop = shop.with_new_connections()?;
        ledger
            .judge(&shop, told)
            .await
            .with_context(|| format!("round {round}, after the kill"))?;
    }

    ledger.close(&shop).await.context("after the last round")?;
    ensure!(
        ledger.spent.len() > KILLS && ledger.unanswered > 0,
        "the kills were to hit exchanges: {} answered, {} not",
        ledger.spent.len(),
        ledger.unanswered
    );
    Ok(())
}

/// On a full disk the log is often the first that can't be written.
#[tokio::test]
async fn a_log_that_cannot_be_written_costs_no_answer() -> Result<()> {
    let machine = Machine::prepare()?;
    let full = File::options().write(true).open("/dev/full")?;
    let mut command = machine.place.command(&["serve"]);
    let mut server = command.stderr(full).spawn()?;
    let http = new_connections()?;
    let mut statuses = Vec::new();
    let begun = Instant::now();
    while statuses.len() < 3 && begun.elapsed() < PATIENCE {
        match http
            .get(format!("{}/authorize", machine.issuer()))
            .send()
            .await
        {
            Ok(answer) => statuses.push(answer.status().as_u16()),
            // Before it listens there is no connection; one that ends without an answer is the failure.
            Err(error) if error.is_connect() => sleep(Duration::from_millis(5)).await,
            Err(_) => statuses.push(0),
        }
    }
    server.kill()?;
    server.wait()?;
    ensure!(statuses == [400; 3], "{statuses:?}");
    Ok(())
}

/// Exchanges in several tasks until the server is killed. What they were told by then is all there is.
async fn exchange_and_kill(server: Serving, shop: &Shop) -> Result<Told> {
    let (events, mut seen) = unbounded_channel();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(exchange_until_killed(shop.clone(), events.clone()));
    }
    drop(events);

    // A request that goes out or an answer that comes in is the moment for one task, and any moment for the others.
    for _ in 0..8 + random_below(160) {
        if seen.recv().await.is_none() {
            break;
        }
    }
    let status = server.kill();
    ensure!(
        status.signal() == Some(SIGKILL),
        "the server ended before it was killed: {status}"
    );

    let mut told = Told::default();
    while let Some(task) = tasks.join_next().await {
        told.add(task??);
    }
    Ok(told)
}

/// What the server said in one life, and what it was asked and had no time to answer.
#[derive(Default)]
struct Told {
    /// Codes that were never presented.
    fresh: Vec<String>,
    /// Codes that were presented, and no answer came.
    unanswered: Vec<String>,
    /// Grants that were answered and were not ended.
    bought: Vec<Grant>,
    /// Grants whose revocation was answered.
    revoked: Vec<Grant>,
    /// Codes of grants whose revocation was asked for, and no answer came.
    perhaps_revoked: Vec<String>,
    /// How many refreshes went without an answer.
    refreshes_unanswered: usize,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.fresh.extend(other.fresh);
        self.unanswered.extend(other.unanswered);
        self.bought.extend(other.bought);
        self.revoked.extend(other.revoked);
        self.perhaps_revoked.extend(other.perhaps_revoked);
        self.refreshes_unanswered += other.refreshes_unanswered;
    }
}

/// A code that was redeemed, and the newest refresh token that was answered for it.
struct Grant {
    code: String,
    refresh_token: String,
}

impl Grant {
    /// Rotates. The token of a lost answer is good for the same successor again; a token that is ahead of the database, as
    /// after a rotation that was answered and forgotten, is refused.
    async fn refresh(&mut self, shop: &Shop) -> Result<()> {
        self.refresh_token = shop.refresh(&self.refresh_token).await?.bought()?;
        Ok(())
    }
}

/// Exchanges one code after another, and gives back what it was told once the server is gone.
async fn exchange_until_killed(shop: Shop, events: UnboundedSender<()>) -> Result<Told> {
    let shop = Shop {
        events: Some(events),
        ..shop
    };
    let mut told = Told::default();
    for number in 0..GRANTS_OF_A_TASK {
        match exchange(&shop, &mut told, number % 3 == 2).await {
            Ok(()) => {}
            Err(error) if is_gone(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// Whether the server went away over a request: any answer at all, and a silence, are something else.
fn is_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<reqwest::Error>();
    error.is_some_and(|error| !error.is_timeout())
}

/// One code: redeemed, refreshed and, if `revoking`, revoked.
async fn exchange(shop: &Shop, told: &mut Told, revoking: bool) -> Result<()> {
    let code = shop.authorize().await?;
    let refresh_token = match shop.redeem(&code).await {
        Ok(answer) => answer.bought()?,
        Err(error) => {
            // Where there was no connection, the code was never sent.
            let codes = if error.is_connect() {
                &mut told.fresh
            } else {
                &mut told.unanswered
            };
            codes.push(code);
            return Err(error.into());
        }
    };
    let mut grant = Grant {
        code,
        refresh_token,
    };
    // Not the same number for each: tasks whose requests are committed together would otherwise go on in step.
    for _ in 0..random_below(5) {
        if let Err(error) = grant.refresh(shop).await {
            told.refreshes_unanswered += 1;
            told.bought.push(grant);
            return Err(error);
        }
    }
    if !revoking {
        told.bought.push(grant);
        return Ok(());
    }
    match shop.revoke(&grant.refresh_token).await {
        Ok(answer) => {
            ensure!(answer.status == 200, "a revocation: {answer:?}");
            told.revoked.push(grant);
            Ok(())
        }
        Err(error) => {
            told.perhaps_revoked.push(grant.code);
            Err(error.into())
        }
    }
}

/// What has been learnt over all lives of the server.
#[derive(Default)]
struct Ledger {
    /// Codes that are good and have not been presented.
    fresh: Vec<String>,
    /// Grants that are to live on.
    alive: Vec<Grant>,
    /// Codes that must not buy any more.
    spent: Vec<String>,
    /// How many redemptions and refreshes went without an answer.
    unanswered: usize,
}

impl Ledger {
    /// Holds a server that has just come back to what was told before the kill.
    async fn judge(&mut self, shop: &Shop, told: Told) -> Result<()> {
        self.unanswered += told.unanswered.len() + told.refreshes_unanswered;
        let next = shop
            .authorize()
            .await
            .context("the session is to live on")?;

        for code in self.fresh.drain(..).chain(told.fresh) {
            let answer = shop.redeem(&code).await?;
            let refresh_token = answer
                .bought()
                .context("a code that nobody had presented is to buy")?;
            self.alive.push(Grant {
                code,
                refresh_token,
            });
        }
        self.fresh.push(next);

        for code in told.unanswered {
            self.settle(shop, code).await?;
        }
        for grant in told.revoked {
            let answer = shop.refresh(&grant.refresh_token).await?;
            answer
                .refused()
                .context("what was revoked is to stay revoked")?;
            self.spent.push(grant.code);
        }
        self.spent.extend(told.perhaps_revoked);

        self.alive.extend(told.bought);
        for grant in &mut self.alive {
            // The second time with what the first one gave: a successor that is not the current generation would be refused.
            for _ in 0..2 {
                grant
                    .refresh(shop)
                    .await
                    .context("a grant that was answered is to live on")?;
            }
        }
        while self.alive.len() > KEPT {
            let one = random_below(self.alive.len());
            let grant = self.alive.swap_remove(one);
            self.end(shop, grant).await?;
        }
        for _ in 0..self.spent.len().min(4) {
            self.try_spent(shop, random_below(self.spent.len())).await?;
        }
        Ok(())
    }

    /// A code whose answer was lost buys now, or had bought then and is refused. It never buys again.
    async fn settle(&mut self, shop: &Shop, code: String) -> Result<()> {
        let answer = shop.redeem(&code).await?;
        if answer.status == 200 {
            let refresh_token = answer.bought()?;
            let grant = Grant {
                code,
                refresh_token,
            };
            return self.end(shop, grant).await;
        }
        answer.refused().context("a code whose answer was lost")?;
        self.spent.push(code);
        self.try_spent(shop, self.spent.len() - 1).await
    }

    /// Presents the code of a grant again: it buys nothing, and what it bought is dead (RFC 6749 §4.1.2).
    async fn end(&mut self, shop: &Shop, grant: Grant) -> Result<()> {
        self.spent.push(grant.code);
        self.try_spent(shop, self.spent.len() - 1).await?;
        let answer = shop.refresh(&grant.refresh_token).await?;
        answer
            .refused()
            .context("what a replayed code bought is to be dead")
    }

    async fn try_spent(&self, shop: &Shop, index: usize) -> Result<()> {
        let answer = shop.redeem(&self.spent[index]).await?;
        answer.refused().context("a code is not to buy twice")
    }

    /// Ends what is alive, and presents every code of every life once more.
    async fn close(&mut self, shop: &Shop) -> Result<()> {
        for grant in std::mem::take(&mut self.alive) {
            self.end(shop, grant).await?;
        }
        for index in 0..self.spent.len() {
            self.try_spent(shop, index).await?;
        }
        Ok(())
    }
}

/// The client `shop` and the browser of its user `ada`.
#[derive(Clone)]
struct Shop {
    http: Client,
    issuer: Url,
    cookies: BTreeMap<String, String>,
    /// Hears of every request before it is sent and of every answer.
    events: Option<UnboundedSender<()>>,
}

impl Shop {
    fn new(issuer: &str) -> Result<Self> {
        Ok(Self {
            http: new_connections()?,
            issuer: Url::parse(issuer)?,
            cookies: BTreeMap::new(),
            events: None,
        })
    }

    /// The same browser and client, with no connection left over from a server that is gone.
    fn with_new_connections(self) -> Result<Self> {
        let http = new_connections()?;
        Ok(Self { http, ..self })
    }

    /// Signs in by the server's own form, and keeps the session's cookie.
    async fn sign_in(&mut self) -> Result<()> {
        let page = self.ask_to_authorize().await?;
        self.keep_cookies(&page);
        let page = page.text().await?;
        let pending = page
            .split_once("name=\"pending\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .with_context(|| format!("no form to sign in with: {page}"))?
            .0;
        let form = [
            ("pending", pending),
            ("username", "ada"),
            ("password", PASSWORD),
        ];
        let request = self.http.post(self.issuer.join("/login")?);
        let signed_in = request
            .header(COOKIE, self.cookie_header())
            .header("sec-fetch-site", "same-origin")
            .form(&form)
            .send()
            .await?;
        ensure!(signed_in.status() == 303, "the sign-in: {signed_in:?}");
        self.keep_cookies(&signed_in);
        Ok(())
    }

    fn keep_cookies(&mut self, response: &Response) {
        let set = response.headers().get_all(SET_COOKIE).iter();
        let pairs =
            set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()?.split_once('='));
        self.cookies
            .extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    fn cookie_header(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// The code that the server gives to who is signed in.
    async fn authorize(&self) -> Result<String> {
        let response = self.ask_to_authorize().await?;
        let location = response.headers().get(LOCATION);
        let Some(location) = location.and_then(|location| location.to_str().ok()) else {
            bail!("no redirect with a code: {}", response.status());
        };
        let callback = Url::parse(location)?;
        ensure!(location.starts_with(REDIRECT_URI), "{location}");
        let code = callback.query_pairs().find(|(name, _)| name == "code");
        let code = code.with_context(|| format!("no code in {location}"))?.1;
        Ok(code.into_owned())
    }

    async fn ask_to_authorize(&self) -> Result<Response> {
        let mut url = self.issuer.join("/authorize")?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", "shop"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "notes.read"),
            ("state", "a state of the shop"),
            ("code_challenge", CODE_CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let request = self.http.get(url).header(COOKIE, self.cookie_header());
        self.happened();
        let response = request.send().await?;
        self.happened();
        Ok(response)
    }

    async fn redeem(&self, code: &str) -> reqwest::Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", CODE_VERIFIER),
        ];
        self.post("/token", &form).await
    }

    async fn refresh(&self, refresh_token: &str) -> reqwest::Result<Answer> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.post("/token", &form).await
    }

    async fn revoke(&self, token: &str) -> reqwest::Result<Answer> {
        self.post("/revoke", &[("token", token)]).await
    }

    /// Sends a form as the client. An answer counts when the whole of it has arrived.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let mut url = self.issuer.clone();
        url.set_path(path);
        let request = self.http.post(url).basic_auth("shop", Some(SECRET));
        self.happened();
        let response = request.form(form).send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        self.happened();
        Ok(Answer { status, body })
    }

    fn happened(&self) {
        // Once the server is killed nobody listens any more.
        let _ = self.events.as_ref().map(|events| events.send(()));
    }
}

fn new_connections() -> reqwest::Result<Client> {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
}

/// What the client was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    /// The refresh token that came with the tokens.
    fn bought(&self) -> Result<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        match body["refresh_token"].as_str() {
            Some(refresh_token) if self.status == 200 => Ok(refresh_token.to_owned()),
            _ => bail!("no tokens, but {self:?}"),
        }
    }

    fn refused(&self) -> Result<()> {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let refused = self.status == 400 && body["error"] == "invalid_grant";
        ensure!(refused, "not refused as invalid_grant, but {self:?}");
        Ok(())
    }
}

/// A folder with a database, and the ports of every server that will run on it.
struct Machine {
    place: Place,
    port: u16,
    admin_port: u16,
}

impl Machine {
    /// A configuration that declares the client, and a database with its user.
    fn prepare() -> Result<Self> {
        let [port, admin_port] = free_ports();
        // Codes that outlive the test: a code that is refused must be refused because it was redeemed.
        let place = Place::with_config(&format!(
            r#"
            issuer = "http://127.0.0.1:{port}"
            server.listen = ["127.0.0.1:{port}"]
            server.admin_listen = "127.0.0.1:{admin_port}"
            tokens.code_ttl = "10m"
            scopes."notes.read".text.en = "Read your notes"
            [[clients]]
            id = "shop"
            redirect_uris = ["{REDIRECT_URI}"]
            grant_types = ["authorization_code", "refresh_token"]
            scopes = ["notes.read"]
            consent = "never"
            secret_file = "shop.secret"
            "#
        ));
        place.write_secret("shop.secret", SECRET);
        let added = place.run_with_input(&["user", "add", "ada", "--stdin"], PASSWORD);
        ensure!(added.status.success(), "{}", place.told(&added));
        Ok(Self {
            place,
            port,
            admin_port,
        })
    }

    fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn start(&self) -> Serving {
        let server = Serving::start(&self.place, &["serve"]);
        assert_eq!(server.fetch(self.admin_port, "/health/ready"), "ready\n");
        server
    }
}

impl Serving {
    /// Ends the process with SIGKILL: nothing in it runs any more.
    fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }
}

/// A whole number from 0, and smaller than `limit`, which is at most 256.
fn random_below(limit: usize) -> usize {
    let [number] = random::bytes::<1>();
    usize::from(number) * limit / 256
}
