//! The command line as an app of a running server: signed in by a browser, with tokens in a file, and the same words by the API as on
//! the database.

#[path = "remote/chromium.rs"]
mod chromium;
#[path = "remote/console.rs"]
mod console;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use insta::assert_snapshot;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::totp::TotpSecret;
use safeconduct_testing_browser::{Browser, Page};
use safeconduct_testing_program::{Directory, Process, free_ports};
use serde_json::Value;

const PASSWORD: &str = "correct horse battery staple";

/// A server whose API is on, and the machine of Ada, who administers it from there.
struct Setting {
    server: Directory,
    _serving: Process,
    api: String,
    laptop: Directory,
    browser: Browser,
}

impl Setting {
    fn new() -> Result<Self> {
        let [public, admin] = free_ports();
        let server = Directory::with_config(&format!(
            r#"
issuer = "http://localhost:{public}"
[server]
listen = ["127.0.0.1:{public}"]
admin_listen = "127.0.0.1:{admin}"
[administration]
api = true
[login]
second_factor = "offered"
[[clients]]
id = "notes-web"
name = "Acme Notes"
redirect_uris = ["http://localhost:8421/auth/callback"]
grant_types = ["authorization_code", "refresh_token"]
scopes = ["openid"]
secret_file = "secret"
"#
        ));
        server.write("secret", "a secret of notes-web, for tests alone");
        server.write("password", PASSWORD);
        for arguments in [
            &["user", "add", "ada", "--password-file", "password"][..],
            &["user", "add", "bob", "--password-file", "password"],
            &["admin", "add", "ada"],
        ] {
            let done = server.run(arguments);
            ensure!(done.status.success(), "{}", server.printed(&done));
        }
        Ok(Self {
            _serving: server.serve(&["serve"]),
            server,
            api: format!("http://127.0.0.1:{admin}"),
            laptop: Directory::empty(),
            browser: Browser::new("ada", PASSWORD)?,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.laptop.command(arguments);
        command.env("HOME", self.laptop.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("the program can be started")
    }

    fn prints(&self, arguments: &[&str]) -> String {
        self.laptop.printed(&self.run(arguments))
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        ensure!(output.status.success(), "{}", self.laptop.printed(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Where the one context is kept.
    fn context_folder(&self) -> Result<PathBuf> {
        let contexts = self.laptop.path().join(".local/state/safeconduct/contexts");
        let name = fs::read_to_string(contexts.join("current"))?;
        Ok(contexts.join(name))
    }

    /// Runs `login`, and takes the browser where it says.
    async fn login(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [&["login", "--no-browser"], arguments].concat();
        let log = self.laptop.path().join("login.log");
        let mut login = Process::start(&mut self.command(&arguments), &log)?;
        let url = login.has_printed("/authorize?").await?;
        let page = self.browser.sign_in(url.trim()).await?;
        let page = second_factor(&self.browser, page).await?;
        ensure!(page.body.contains("You are signed in."), "{page}");
        ensure!(login.ends()?.success(), "{}", login.log());
        Ok(login.log())
    }
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// Sets an authenticator app up, where that is asked, and goes on to the end.
async fn second_factor(browser: &Browser, page: Page) -> Result<Page> {
    if !page.has("enrol-submit") {
        return Ok(page);
    }
    let (_, secret) = page.body.split_once("id=\"secret\"").context("a secret")?;
    let (_, secret) = secret.split_once('>').context("a secret")?;
    let (secret, _) = secret.split_once('<').context("a secret")?;
    let secret = TotpSecret::from_bytes(&base32(secret)).context("a secret")?;
    let code = secret.code_at(Clock::system().now());
    let form = page.form("enrol-submit")?.with("code", code.expose());
    let page = browser.submit(form).await?;
    let page = browser.follow(&page, "recovery-codes-saved").await?;
    browser.pass(page).await
}

/// The bytes of a text in Base32 (RFC 4648 §6), in groups.
fn base32(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let values = text.chars().filter_map(|letter| letters.find(letter));
    let bits: Vec<bool> = values
        .flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1 == 1))
        .collect();
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks_exact(8).map(byte).collect()
}

#[tokio::test]
async fn an_administrator_signs_in_from_another_machine_and_out_again() -> Result<()> {
    let setting = Setting::new()?;
    let said = setting.login(&["--api", &setting.api]).await?;
    ensure!(said.contains("signed in to http://localhost:"), "{said}");
    ensure!(
        said.contains(" as ada; the context is 127.0.0.1-"),
        "{said}"
    );
    let me = setting.json(&["whoami"])?;
    ensure!(me["api"] == setting.api.as_str(), "{me}");
    ensure!(me["username"] == "ada", "{me}");
    ensure!(me["scope"] == "admin:write openid profile", "{me}");
    ensure!(me["good_until"].is_string(), "{me}");
    let folder = setting.context_folder()?;
    ensure!(mode(&folder)? == 0o700 && mode(&folder.join("tokens.json"))? == 0o600);
    let grants = ["grant", "list", "--user", "ada"];
    ensure!(setting.server.json(&grants).as_array().map(Vec::len) == Some(1));

    let said = setting.prints(&["logout"]);
    ensure!(
        said.starts_with("exit 0\nerr: signed out of http://localhost:"),
        "{said}"
    );
    ensure!(setting.server.json(&grants) == serde_json::json!([]));
    let said = setting.prints(&["whoami"]);
    ensure!(
        said.starts_with("exit 1\nerr: nobody is signed in to 127.0.0.1-"),
        "{said}"
    );
    let kept = fs::read_to_string(folder.join("tokens.json"))?;
    ensure!(kept.contains(r#""sessions":{}"#), "{kept}");
    Ok(())
}

/// What is asked of the database and of the API, and answered alike.
const ALIKE: [&[&str]; 22] = [
    &["user", "list"],
    &["user", "list", "--prefix", "B"],
    &["user", "show", "bob"],
    &["session", "list"],
    &["session", "list", "--user", "ada"],
    &["grant", "list", "--client", "safeconduct-cli"],
    &["consent", "list", "--user", "ada"],
    &["delivery", "list"],
    &["user", "second-factor", "ada"],
    &["user", "passkeys", "ada"],
    &["key", "list"],
    &["audit", "--kind", "user-added"],
    &["audit", "--user", "ada", "--door", "page"],
    &["explain", "bob"],
    &["client", "list"],
    &["client", "show", "safeconduct-cli"],
    &["client", "list", "--limit", "1"],
    &["group", "list"],
    &["group", "show", "administrators"],
    &["admin", "list"],
    &["delivery", "list", "--given-up"],
    &["client", "show", "notes-web"],
];

#[tokio::test]
async fn the_same_words_work_on_the_database_and_by_the_api() -> Result<()> {
    let setting = Setting::new()?;
    setting.login(&["--api", &setting.api]).await?;
    for arguments in ALIKE {
        let (here, there) = (setting.server.json(arguments), setting.json(arguments)?);
        ensure!(here == there, "{arguments:?}\n{here}\n{there}");
    }
    let session = setting.json(&["session", "list"])?[0]["id"].clone();
    let session = session.as_str().context("a session")?;
    // As an id is shown that may begin with a hyphen, and with the letter of an option behind it.
    let show = ["-o", "json", "session", "show", "--", session];
    let (here, there) = (setting.server.run(&show), setting.run(&show));
    ensure!(here.status.success() && here.stdout == there.stdout);
    let one = setting.prints(&["user", "list", "--limit", "1"]);
    let next = one.split("--after ").nth(1).context("a next one")?.trim();
    let rest = setting.json(&["user", "list", "--after", next])?;
    ensure!(rest.as_array().map(Vec::len) == Some(1), "{rest}");

    let log = setting.laptop.path().join("follow.log");
    let follow = ["-o", "json", "audit", "--follow", "--since", "1m", "--kind"];
    let follow = [&follow[..], &["user-locked"]].concat();
    let mut following = Process::start(&mut setting.command(&follow), &log)?;
    let locked = setting.prints(&["user", "lock", "bob"]);
    ensure!(
        locked == "exit 0\nerr: bob is locked, and signed out everywhere\n",
        "{locked}"
    );
    ensure!(setting.server.json(&["user", "show", "bob"])["locked"] == true);
    let event = &setting.server.json(&["audit", "--kind", "user-locked"])[0];
    ensure!(
        event["door"] == "api" && event["by"]["kind"] == "person",
        "{event}"
    );

    let told = following.has_printed("user-locked").await?;
    let followed: Value = serde_json::from_str(&told)?;
    ensure!(followed == *event, "{followed}");

    let told = setting.prints(&["grant", "show", "0198a6c0-0000-7000-8000-000000000000"]);
    ensure!(told.starts_with("exit 4\n"), "{told}");
    // What is a step in an address is nobody's name: the list would be what is behind it.
    for step in [".", "..", ""] {
        let told = setting.prints(&["user", "show", step]);
        ensure!(told.starts_with("exit 4\n"), "{step}: {told}");
    }
    let told = setting.prints(&["session", "list", "--user", "nobody"]);
    ensure!(told.starts_with("exit 4\n"), "{told}");
    let told = setting.prints(&["user", "delete", "bob", "--yes"]);
    ensure!(
        told.starts_with("exit 2\nerr: this can't be done by the API: "),
        "{told}"
    );
    let told = setting.prints(&["session", "end", "--all", "--yes"]);
    ensure!(
        told.starts_with("exit 2\nerr: this can't be done by the API: "),
        "{told}"
    );

    let ended = setting.prints(&["session", "end", "--user", "ada", "--yes"]);
    ensure!(
        ended == "exit 0\nerr: 1 session and 1 grant of ada ended\n",
        "{ended}"
    );
    let told = setting.prints(&["session", "list"]);
    ensure!(
        told.starts_with("exit 1\n") && told.contains("safeconduct login"),
        "{told}"
    );
    Ok(())
}

/// What is typed, and what is printed, one behind the other: by the API, and seen on the database.
#[tokio::test]
async fn clients_groups_and_keys_change_by_the_api() -> Result<()> {
    let setting = Setting::new()?;
    setting.login(&["--api", &setting.api]).await?;
    a_client_lives_and_ends(&setting)?;
    a_group_lives_and_ends(&setting)?;
    keys_and_users_are_cared_for(&setting)
}

fn a_client_lives_and_ends(setting: &Setting) -> Result<()> {
    let robot = [
        "client",
        "create",
        "robot",
        "--grant-type",
        "client_credentials",
    ];
    let create = [&robot[..], &["--scope", "no.such"]].concat();
    let refused = setting.prints(&create);
    ensure!(refused.starts_with("exit 2\n"), "{refused}");
    let made = setting.json(&robot)?;
    let secret = made["client_secret"].as_str().context("a secret")?;
    ensure!(made["client_id"] == "robot" && secret.len() > 40, "{made}");
    let told = setting.prints(&robot);
    ensure!(told.starts_with("exit 5\n"), "{told}");
    let again = setting.json(&[&robot[..], &["--if-not-exists"]].concat())?;
    ensure!(
        again == serde_json::json!({"client_id": "robot"}),
        "{again}"
    );
    let edited = setting.json(&["client", "edit", "robot", "--name", "R2"])?;
    ensure!(edited["client_name"] == "R2", "{edited}");
    let edited = setting.json(&["client", "edit", "robot", "--name", ""])?;
    ensure!(edited["client_name"] == "robot", "{edited}");
    ensure!(edited == setting.server.json(&["client", "show", "robot"]));

    let rotate = ["client", "rotate-secret", "robot", "--overlap", "1h"];
    ensure!(setting.json(&rotate)?["client_secret"].is_string());
    let told = setting.prints(&rotate);
    ensure!(
        told.starts_with("exit 5\n") && told.contains("two secrets"),
        "{told}"
    );
    let shown = setting.json(&["client", "show", "robot"])?;
    let secrets = shown["secrets"].as_array().context("secrets")?;
    let old = secrets.iter().find(|one| one["expires_at"].is_string());
    let old = old.context("the old one")?;
    ensure!(old["last_four"] == secret[secret.len() - 4..], "{old}");
    let id = old["id"].as_str().context("an id")?;
    let told = setting.prints(&["client", "end-secret", "robot", id]);
    ensure!(told.starts_with("exit 0\n"), "{told}");
    for verb in ["disable", "enable"] {
        let told = setting.prints(&["client", verb, "robot"]);
        ensure!(told.starts_with("exit 0\n"), "{told}");
    }
    let told = setting.prints(&["client", "delete", "notes-web", "--yes"]);
    ensure!(told.starts_with("exit 5\n"), "{told}");
    let told = setting.prints(&["client", "delete", "robot", "--yes"]);
    ensure!(told.starts_with("exit 0\n"), "{told}");

    Ok(())
}

fn a_group_lives_and_ends(setting: &Setting) -> Result<()> {
    let made = setting.json(&["group", "add", "Night watch", "--display", "The watch"])?;
    ensure!(
        made["display"] == "The watch" && made["members"] == 0,
        "{made}"
    );
    let edit = [
        "group",
        "edit",
        "Night watch",
        "--require-second-factor",
        "true",
    ];
    let edited = setting.json(&edit)?;
    ensure!(
        edited["display"] == "The watch",
        "what is not named stays: {edited}"
    );
    let told = setting.prints(&["group", "add-member", "Night watch", "bob"]);
    ensure!(
        told == "exit 0\nerr: bob belongs to Night watch\n",
        "{told}"
    );
    let show = ["group", "show", "Night watch"];
    let (here, there) = (setting.server.json(&show), setting.json(&show)?);
    ensure!(
        here == there && there["members"][0]["username"] == "bob",
        "{here}\n{there}"
    );
    let told = setting.prints(&["group", "remove-member", "Night watch", "bob"]);
    ensure!(told.starts_with("exit 0\n"), "{told}");
    let told = setting.prints(&["group", "remove", "Night watch", "--yes"]);
    ensure!(told.starts_with("exit 0\n"), "{told}");

    Ok(())
}

fn keys_and_users_are_cared_for(setting: &Setting) -> Result<()> {
    let told = setting.prints(&["key", "rotate", "sealing"]);
    ensure!(told.contains("sealing: the next key is there"), "{told}");
    let told = setting.prints(&["key", "rotate", "sealing"]);
    ensure!(told.starts_with("exit 5\n"), "{told}");
    let link = setting.json(&["user", "recover", "bob"])?;
    ensure!(
        link["purpose"] == "recover" && link["username"] == "bob",
        "{link}"
    );
    for verb in ["add", "remove"] {
        let told = setting.prints(&["admin", verb, "bob"]);
        ensure!(told.starts_with("exit 0\n"), "{told}");
    }
    let told = setting.prints(&["admin", "remove", "ada"]);
    ensure!(told.starts_with("exit 5\n"), "{told}");
    let told = setting.prints(&["user", "remove-passkey", "bob", "key", "--yes"]);
    ensure!(told.starts_with("exit 4\n"), "{told}");
    let told = setting.prints(&["user", "remove-second-factor", "ada", "--yes"]);
    ensure!(told.starts_with("exit 5\n"), "{told}");
    let doors = setting.server.json(&["audit", "--client", "robot"]);
    let doors = doors.as_array().context("events")?;
    ensure!(doors.len() >= 7 && doors.iter().all(|event| event["door"] == "api"));
    Ok(())
}

#[tokio::test]
async fn to_look_is_not_to_change() -> Result<()> {
    let setting = Setting::new()?;
    setting
        .login(&["--api", &setting.api, "--read-only"])
        .await?;
    ensure!(setting.json(&["session", "list"])?.as_array().map(Vec::len) == Some(1));
    let told = setting.prints(&["user", "lock", "bob"]);
    ensure!(told.starts_with("exit 1\n"), "{told}");
    ensure!(setting.server.json(&["user", "show", "bob"])["locked"] == false);
    Ok(())
}

#[tokio::test]
async fn who_does_not_administer_gets_nothing_to_administer_with() -> Result<()> {
    let setting = Setting::new()?;
    let log = setting.laptop.path().join("login.log");
    let arguments = ["login", "--no-browser", "--api", &setting.api];
    let mut login = Process::start(&mut setting.command(&arguments), &log)?;
    let url = login.has_printed("/authorize?").await?;
    let browser = Browser::new("bob", PASSWORD)?;
    let page = browser.sign_in(url.trim()).await?;
    let page = second_factor(&browser, page).await?;
    ensure!(
        page.status == 403 || !page.body.contains("You are signed in."),
        "{page}"
    );
    ensure!(login.ends()?.code() == Some(1), "{}", login.log());
    ensure!(login.log().contains("was not allowed"), "{}", login.log());
    ensure!(
        !setting
            .laptop
            .path()
            .join(".local/state/safeconduct/contexts/current")
            .exists()
    );
    Ok(())
}

#[test]
fn a_server_that_is_not_there_and_a_command_that_is_for_this_machine_say_so() {
    let laptop = Directory::empty();
    let prints = |arguments: &[&str]| {
        let mut command = laptop.command(arguments);
        command.env("HOME", laptop.path());
        laptop.printed(&command.output().expect("the program can be started"))
    };
    let [nobody] = free_ports();
    let api = format!("http://127.0.0.1:{nobody}");
    let told = prints(&["login", "--api", &api]);
    assert!(
        told.starts_with("exit 1\nerr: there is no API to administer by at http://127.0.0.1:"),
        "{told}"
    );
    let told = prints(&[
        "login",
        "--api",
        "http://admin.example.com",
        "--issuer",
        "https://id.example.com",
    ]);
    assert!(
        told.starts_with("exit 3\n") && told.contains("no place to send a token to"),
        "{told}"
    );
    assert_snapshot!(prints(&["login", "--api", "nowhere"]), @"
    exit 2
    err: `nowhere` is no URL
    ");
    assert_snapshot!(prints(&["login"]), @"
    exit 2
    err: which server? --api names where its API is
    ");
    assert_snapshot!(prints(&["whoami"]), @"
    exit 4
    err: nobody is signed in to any server
    err:     `safeconduct login --api URL` signs in to one
    ");
    assert_snapshot!(prints(&["session", "list", "--context", "prod"]), @"
    exit 4
    err: there is no context prod
    err:     `safeconduct login --api URL --context NAME` makes one
    ");
    assert_snapshot!(prints(&["session", "list", "--context", "../prod"]), @"
    exit 2
    err: error: invalid value '../prod' for '--context <NAME>': a context is called by letters, digits, -, _ and .
    err: 
    err: For more information, try '--help'.
    ");
    assert_snapshot!(prints(&["key", "rotate-master", "--context", "prod"]), @"
    exit 2
    err: this can't be done by the API: it works on the configuration and the database
    err:     run it on a machine with the configuration, without --context
    ");
    assert_snapshot!(prints(&["session", "list"]), @"
    exit 3
    err: configuration: no file safeconduct.toml or /etc/safeconduct/safeconduct.toml, and no issuer in the environment
    err:     run `safeconduct init`, or name a file with --config
    ");
}
