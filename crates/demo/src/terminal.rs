//! What the terminal shows: where to go, one line for each step of every flow as it happens, one line for each attack.

use std::io::{self, IsTerminal as _, Write as _};

use jiff::tz::TimeZone;
use safeconduct_protocol::time::Timestamp;
use tokio::sync::broadcast::error::RecvError;

use super::addresses::Addresses;
use super::attacks::{Attack, Outcome};
use super::console;
use super::message::{Message, Party};
use super::people::{ADMINISTRATOR, PASSWORD, visitors};
use super::recorder::{News, Recorder};
use super::story::{self, Step};

const BOLD: &str = "1";
const QUIET: &str = "2";
const GOOD: &str = "32";
const BAD: &str = "31";

/// Standard output, and whether it is a person who reads it.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    coloured: bool,
}

impl Terminal {
    /// Standard output, in colour on a terminal unless `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            coloured: io::stdout().is_terminal() && !refused,
        }
    }

    /// Says where everything is.
    pub(crate) fn welcome(self, addresses: &Addresses, kept: Option<&str>) {
        let version = env!("CARGO_PKG_VERSION");
        let life = match kept {
            Some(directory) => format!("everything below is kept in {directory}"),
            None => "everything below is gone on Ctrl-C (keep it: --keep ./demo)".to_owned(),
        };
        let people: Vec<String> = visitors()
            .map(|seed| format!("{} / {PASSWORD}", seed.username))
            .collect();
        self.say(&format!(
            "  {} {version} demo: {life}\n  {}   {}        {}\n  Server    {}        {}\n  API       {}/notes  {}\n  Sign in   {}\n",
            self.paint(BOLD, "Safeconduct"),
            self.paint(BOLD, "Web app"),
            self.paint(BOLD, &addresses.app),
            self.paint(QUIET, "<- open this"),
            addresses.server,
            self.paint(QUIET, "metadata: /.well-known/openid-configuration"),
            addresses.api,
            self.paint(QUIET, "accepts only tokens for this API"),
            people.join("   or   "),
        ));
    }

    /// Says where a visitor creates an account of their own.
    pub(crate) fn invite(self, link: &str) {
        self.say(&format!(
            "  Sign up   {link}\n            {}\n",
            self.paint(
                QUIET,
                "good once: choose your own name, and a passkey or a password"
            ),
        ));
    }

    /// Says where the operator's console is.
    pub(crate) fn administer(self, address: &str) {
        self.say(&format!(
            "  Console   {address}\n            {}\n",
            self.paint(
                QUIET,
                &format!("administers the server, for the first browser that opens it; {ADMINISTRATOR} / {PASSWORD}, and a passkey"),
            ),
        ));
    }

    /// Says what can be done next.
    pub(crate) fn farewell(self) {
        let attacks = Attack::ALL.len();
        self.say(&self.paint(
            QUIET,
            &format!("\n  Next:  safeconduct init  (your own server)   safeconduct demo --break  ({attacks} attacks, watch each fail)"),
        ));
    }

    /// Prints the steps of every sign-in as they happen, until the recorder is gone.
    pub(crate) async fn follow(self, recorder: Recorder, addresses: Addresses) {
        let mut news = recorder.listen();
        loop {
            match news.recv().await {
                Ok(News { flow, message }) => {
                    if recorder.is_attack(flow) {
                        continue;
                    }
                    let messages = recorder.messages(flow);
                    if messages.iter().any(|message| is_of_console(message)) {
                        continue;
                    }
                    let steps = story::steps(&messages, &addresses);
                    for step in concluded_by(&message, &steps, &addresses) {
                        self.step(message.at, step);
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn step(self, at: Timestamp, step: &Step<'_>) {
        let failed = step.checks.iter().find(|check| !check.passed);
        let (colour, mark, proof) = match failed {
            None => (GOOD, "✓", step.proof.clone()),
            Some(check) => (
                BAD,
                "✗",
                format!("{} (not so: {})", step.proof, check.claim),
            ),
        };
        self.say(&format!(
            "  {}  {:>2} {:<7} -> {:<7}  {:<28}  {} {}",
            self.paint(QUIET, &time_of_day(at)),
            step.number,
            step.from.name(),
            step.to.name(),
            step.said,
            self.paint(colour, mark),
            self.paint(QUIET, &proof),
        ));
    }

    /// Prints how an attack ended.
    pub(crate) fn attack(self, outcome: &Outcome) {
        let (colour, mark) = if outcome.is_refused() {
            (GOOD, "refused  ✓")
        } else {
            (BAD, "NOT REFUSED AS IT MUST BE  ✗")
        };
        self.say(&format!(
            "  {:<24} {}  {}",
            outcome.attack.name(),
            self.paint(colour, mark),
            self.paint(QUIET, &outcome.verdict()),
        ));
        let plain = |text: &str| self.paint(QUIET, &text.replace('`', ""));
        self.say(&format!(
            "      {}\n      {}",
            plain(outcome.attack.defence()),
            plain(outcome.attack.setting()),
        ));
    }

    /// Prints one line.
    pub(crate) fn say(self, text: &str) {
        // Whoever closed standard output has chosen not to read it.
        let _ = writeln!(io::stdout(), "{text}");
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.coloured {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whether a message is of a sign-in to the console, which is no part of the story.
fn is_of_console(message: &Message) -> bool {
    message.request.shown("client_id") == console::CLIENT_ID
}

/// The steps that `message` was the last word of.
fn concluded_by<'s, 'm>(
    message: &Message,
    steps: &'s [Step<'m>],
    addresses: &Addresses,
) -> Vec<&'s Step<'m>> {
    let redirect = message.answer.redirect.as_ref();
    let leads_back = redirect.is_some_and(|redirect| redirect.to == addresses.redirect_uri());
    let is_first = message.request.field("client_id").is_some();
    let line = message.line();
    let numbers: &[usize] = match (message.to, line.as_str()) {
        (Party::Server, "GET /authorize") => match (is_first, leads_back) {
            (true, true) => &[1, 2, 3],
            (true, false) => &[1],
            (false, true) => &[3],
            (false, false) => &[],
        },
        (Party::Server, "POST /login" | "POST /login/passkey") => &[2],
        (Party::Server, "POST /consent")
            if steps
                .iter()
                .any(|step| step.number == 2 && step.messages.is_empty()) =>
        {
            &[2, 3]
        }
        (Party::Server, "POST /consent") => &[3],
        // The app redeems the code before it answers.
        (Party::App, "GET /auth/callback") => &[4, 5, 6],
        (Party::Server, "POST /token")
            if message.request.shown("grant_type") == "refresh_token" =>
        {
            &[8]
        }
        (Party::Api, _) => &[7],
        (Party::App, "POST /auth/logout") => &[9],
        // The server tells the app before it answers the person.
        (Party::Server, "POST /logout/confirm") => &[9, 10],
        (Party::App, "POST /auth/backchannel") if tells_after(message, steps) => &[10],
        _ => &[],
    };
    steps
        .iter()
        .filter(|step| numbers.contains(&step.number))
        .collect()
}

/// Whether the server told the app after somebody had signed out of the app, and been answered.
fn tells_after(message: &Message, steps: &[Step<'_>]) -> bool {
    let farewell = steps.iter().filter(|step| step.number == 9);
    let mut before = farewell.flat_map(|step| &step.messages);
    before.any(|logout| logout.to == Party::App && logout.ended < message.began)
}

fn time_of_day(at: Timestamp) -> String {
    let zoned =
        jiff::Timestamp::from_second(at.seconds()).map(|at| at.to_zoned(TimeZone::system()));
    zoned.map_or_else(
        |_| "--:--:--".to_owned(),
        |at| at.strftime("%H:%M:%S").to_string(),
    )
}
