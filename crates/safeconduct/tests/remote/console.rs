//! The console in front of a running server: opened by one browser, signed in with two factors, and everything an operator does there.

use anyhow::{Context as _, Result, ensure};
use safeconduct_testing_browser::{Browser, Page};
use safeconduct_testing_program::Process;

use super::{PASSWORD, Setting, second_factor};

/// A console that runs, and the browser that it answers.
struct Open<'s> {
    setting: &'s Setting,
    _running: Process,
    /// Where its pages are.
    base: String,
}

impl<'s> Open<'s> {
    /// Starts the console, and opens it: signs Ada in.
    async fn of(setting: &'s Setting) -> Result<(Self, Page)> {
        let arguments = ["console", "--no-browser", "--api", &setting.api];
        let log = setting.laptop.path().join("console.log");
        let mut running = Process::start(&mut setting.command(&arguments), &log)?;
        let address = running.has_printed("/open/").await?;
        let address = address.trim();
        let page = setting.browser.sign_in(address).await?;
        let page = second_factor(&setting.browser, page).await?;
        let (base, _) = address.split_once("/open/").context("a path")?;
        let console = Self {
            setting,
            _running: running,
            base: base.to_owned(),
        };
        let again = Browser::new("eve", PASSWORD)?.visit(address).await?;
        ensure!(again.status == 403, "{again}");
        ensure!(!again.body.contains(base), "{again}");
        Ok((console, page))
    }

    async fn get(&self, path: &str) -> Result<Page> {
        let url = format!("{}{path}", self.base);
        let page = self.setting.browser.visit(&url).await?;
        Ok(page)
    }

    /// Presses the button `id` of `page`, with what is filled in.
    async fn press(&self, page: &Page, id: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let form = page.form(id)?;
        let form = fields
            .iter()
            .fold(form, |form, (name, value)| form.with(name, value));
        self.setting.browser.submit(form).await
    }

    async fn follow(&self, page: &Page, id: &str) -> Result<Page> {
        self.setting.browser.follow(page, id).await
    }
}

/// Attacks: AD49.
#[tokio::test]
async fn an_operator_does_their_work_in_the_console() -> Result<()> {
    let setting = Setting::new()?;
    let (console, front) = Open::of(&setting).await?;
    ensure!(front.body.contains("The server is well"), "{front}");
    ensure!(
        front.body.contains("Signed in as <bdi>ada</bdi>"),
        "{front}"
    );
    for path in [
        "/users",
        "/sessions",
        "/grants",
        "/clients",
        "/groups",
        "/keys",
        "/events",
        "/deliveries",
    ] {
        let page = console.get(path).await?;
        ensure!(page.status == 200, "{page}");
        ensure!(page.body.contains("aria-current=\"page\""), "{page}");
    }
    users(&console, &front).await?;
    groups(&console).await?;
    clients(&console).await?;
    keys_and_events(&console).await?;
    taken_out(&console).await
}

/// Found by the one box, kept out, let in again, and ended.
async fn users(console: &Open<'_>, front: &Page) -> Result<()> {
    let bob = console.press(front, "search", &[("q", "bo")]).await?;
    ensure!(bob.body.contains("<h1><bdi>bob</bdi></h1>"), "{bob}");
    let asked = console.follow(&bob, "lock").await?;
    let locked = console.press(&asked, "confirm", &[]).await?;
    ensure!(
        locked.has("locked") && locked.body.contains("id=\"done\""),
        "{locked}"
    );
    ensure!(console.setting.server.json(&["user", "show", "bob"])["locked"] == true);
    let unlocked = console.press(&locked, "unlock", &[]).await?;
    ensure!(!unlocked.has("locked"), "{unlocked}");
    let asked = console.follow(&unlocked, "end").await?;
    let ended = console.press(&asked, "confirm", &[("name", "bob")]).await?;
    ensure!(ended.body.contains("has ended"), "{ended}");
    let link = console
        .press(&ended, "make-link", &[("purpose", "recover")])
        .await?;
    ensure!(link.body.contains("/link?link="), "{link}");
    let again = console.setting.browser.visit(link.url.as_str()).await?;
    ensure!(!again.body.contains("/link?link="), "{again}");
    let ada = console.get("/users/ada").await?;
    ensure!(
        ada.body.contains("Authenticator app") && ada.body.contains("safeconduct-cli"),
        "{ada}"
    );
    let asked = console.follow(&ada, "administrator").await?;
    let last = console.press(&asked, "confirm", &[("name", "ada")]).await?;
    ensure!(
        last.status == 409 && last.body.contains("last-administrator"),
        "{last}"
    );
    Ok(())
}

async fn groups(console: &Open<'_>) -> Result<()> {
    let page = console.get("/groups").await?;
    let fields = [("name", "staff"), ("display", "Staff & friends")];
    let staff = console.press(&page, "add-group", &fields).await?;
    ensure!(
        staff
            .body
            .contains("<h1><bdi>Staff &amp; friends</bdi></h1>"),
        "{staff}"
    );
    let staff = console
        .press(&staff, "add-member", &[("user", "bob")])
        .await?;
    ensure!(staff.body.contains("1 member</h2>"), "{staff}");
    let bob = console.get("/users/bob").await?;
    ensure!(bob.body.contains("/groups/staff\""), "{bob}");
    let none = console
        .press(&staff, "add-member", &[("user", "nobody")])
        .await?;
    ensure!(none.status == 404, "{none}");
    let changed = console
        .press(
            &console.get("/groups/staff").await?,
            "change-group",
            &[("require_second_factor", "yes")],
        )
        .await?;
    ensure!(changed.body.contains("<dd>demanded</dd>"), "{changed}");
    let asked = console.follow(&changed, "remove").await?;
    let gone = console
        .press(&asked, "confirm", &[("name", "staff")])
        .await?;
    ensure!(!gone.body.contains("/groups/staff\""), "{gone}");
    Ok(())
}

/// Registered, given another secret, stopped, and deleted.
async fn clients(console: &Open<'_>) -> Result<()> {
    let page = console.get("/new-client").await?;
    let fields = [
        ("client_id", "wiki"),
        ("client_name", "Wiki"),
        ("redirect_uris", "http://wiki.example/cb"),
        ("scope", "openid"),
    ];
    let wrong = console.press(&page, "register", &fields).await?;
    ensure!(wrong.status == 400, "{wrong}");
    ensure!(
        wrong.body.contains("role=\"alert\"") && wrong.body.contains("value=\"Wiki\""),
        "{wrong}"
    );
    let redirect = ("redirect_uris", "https://wiki.example/cb");
    let settings = console
        .press(&wrong, "register", &[&fields[..], &[redirect]].concat())
        .await?;
    ensure!(
        settings.has("client-secret") && settings.body.contains("OIDC_CLIENT_ID=wiki"),
        "{settings}"
    );
    let registered = console.setting.server.json(&["client", "show", "wiki"]);
    ensure!(registered["client_name"] == "Wiki", "{registered}");
    let wiki = console.follow(&settings, "to-client").await?;
    let rotated = console.press(&wiki, "rotate", &[("hours", "24")]).await?;
    ensure!(rotated.has("client-secret"), "{rotated}");
    let wiki = console.follow(&rotated, "to-client").await?;
    ensure!(
        wiki.body.contains("good until <time"),
        "two are live: {wiki}"
    );
    let asked = console.follow(&wiki, "disable").await?;
    let disabled = console.press(&asked, "confirm", &[]).await?;
    ensure!(disabled.has("disabled"), "{disabled}");
    let enabled = console.press(&disabled, "enable", &[]).await?;
    let asked = console.follow(&enabled, "delete").await?;
    let gone = console
        .press(&asked, "confirm", &[("name", "wiki")])
        .await?;
    ensure!(!gone.body.contains("/clients/wiki\""), "{gone}");
    Ok(())
}

async fn keys_and_events(console: &Open<'_>) -> Result<()> {
    let keys = console.get("/keys").await?;
    let rotated = console
        .press(&keys, "rotate", &[("which", "ES256")])
        .await?;
    ensure!(
        rotated.body.contains("ES256: the next key is made known"),
        "{rotated}"
    );
    let events = console.get("/events?kind=user-locked&door=api").await?;
    let (_, request) = events.body.split_once("/explain/").context("a request")?;
    let request = request.split('"').next().unwrap_or_default();
    let story = console.press(&events, "search", &[("q", request)]).await?;
    ensure!(
        story.body.contains("What is known of this request")
            && story.body.contains("<strong>user-locked</strong>"),
        "{story}"
    );
    let wrong = console.get("/events?kind=nothing").await?;
    ensure!(
        wrong.status == 400 && wrong.body.contains("role=\"alert\""),
        "{wrong}"
    );
    let lines = console.get("/events.jsonl?kind=group-added").await?;
    ensure!(
        lines.body.lines().count() == 1 && lines.body.contains("\"group-added\""),
        "{lines}"
    );
    Ok(())
}

async fn taken_out(console: &Open<'_>) -> Result<()> {
    let bob = console.get("/users/bob").await?;
    let asked = console.follow(&bob, "administrator").await?;
    // Who has no second factor yet sets it up at their first sign-in for the API.
    let made = console.press(&asked, "confirm", &[("name", "bob")]).await?;
    ensure!(made.status == 200, "{made}");
    let out = console.setting.server.run(&["admin", "remove", "ada"]);
    ensure!(
        out.status.success(),
        "{}",
        console.setting.server.printed(&out)
    );
    let refused = console.get("/users").await?;
    ensure!(
        refused.status == 403
            && refused
                .body
                .contains("Only an administrator of this server"),
        "{refused}"
    );
    Ok(())
}
