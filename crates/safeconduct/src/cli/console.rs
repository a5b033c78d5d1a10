//! `safeconduct console`: the operator's console on this computer. What it shows and does is in a crate of its own; here it is started as an
//! app of the server of a context, and opened to a browser.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use safeconduct_client::Clock;
use safeconduct_client::native::{is_browser_here, open_in_browser, state_folder};
use safeconduct_console::{Console as Pages, Opener, Settings};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::context::{Context, block_on};
use super::contexts::{Asked, Contexts};
use super::failure::Failure;
use super::output::note;
use super::server_to_reach::ServerToReach;

/// Administer a running server in the browser: pages on this computer, for the one browser that opens them.
#[derive(Debug, clap::Args)]
pub(crate) struct Console {
    #[command(flatten)]
    server: ServerToReach,
    /// Where it listens: an address of this computer alone, and 0 for any port that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Only to look: nothing can be changed with what a sign-in gives
    #[arg(long)]
    read_only: bool,
    /// Open no browser, and only say where to go
    #[arg(long)]
    no_browser: bool,
}

impl Console {
    /// Serves it until it is interrupted.
    ///
    /// # Errors
    /// There is no such server, or the address can't be listened at.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        if !self.listen.ip().is_loopback() {
            let told = format!("{} can be reached from other computers", self.listen);
            let advice = "name an address of this computer: 127.0.0.1 or [::1]";
            return Err(Failure::Usage(told).with_advice(advice));
        }
        block_on(self.serve(context))
    }

    async fn serve(self, context: &Context) -> Result<(), Failure> {
        let contexts = Contexts::of_this_user()?;
        let (name, known) = self.server.find(context, &contexts).await?;
        let asked = match self.read_only {
            true => Asked::Looking,
            false => Asked::Everything,
        };
        let app = contexts.app(&name, &known, asked)?;
        let (api, issuer) = (known.api.clone(), known.issuer.clone());
        let settings = Settings {
            app,
            api,
            signed_in: Box::new(move || {
                if let Err(failure) = contexts.keep(&name, &known) {
                    note(failure.message());
                }
            }),
            clock: Clock::system(),
        };
        let pages = Pages::bind(self.listen, settings).await.map_err(|error| {
            Failure::failed(&format!("{} can't be listened at", self.listen), error)
        })?;
        note(format_args!("the console of {issuer}"));
        let page = show(&pages.opener(), self.no_browser);
        let mut terminate = signal(SignalKind::terminate())
            .map_err(|error| Failure::failed("no signal can be waited for", error))?;
        let stopped = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        let served = pages.run(stopped).await;
        drop(page);
        served.map_err(|error| Failure::failed("the console ended", error))
    }
}

/// Says where it is, and opens a browser there. A user at a terminal can have another address by Enter.
fn show(opener: &Opener, no_browser: bool) -> Option<LeadingPage> {
    let address = opener.address();
    let page = (!no_browser && is_browser_here())
        .then(|| LeadingPage::to(&address).ok())
        .flatten();
    let opened = page.as_ref().is_some_and(LeadingPage::open);
    let how = match opened {
        true => "your browser opens; if it does not, open",
        false => "open",
    };
    note(format_args!("{how}\n    {address}"));
    if io::stdin().is_terminal() {
        let opener = opener.clone();
        // The thread ends with the process: nothing else ends a wait for a line.
        std::thread::spawn(move || {
            for _ in io::stdin().lock().lines().map_while(Result::ok) {
                note(format_args!("open\n    {}", opener.address()));
            }
        });
    }
    page
}

/// A page in a file that its user alone can read, and that leads to an address: among the arguments of the program that opens a browser, other
/// users of this computer could read that. The file is gone with this.
struct LeadingPage(PathBuf);

impl LeadingPage {
    fn to(address: &str) -> io::Result<Self> {
        let folder = state_folder("safeconduct").map_err(io::Error::other)?;
        fs::create_dir_all(&folder)?;
        Self::at(
            &folder.join(format!("console-{}.html", std::process::id())),
            address,
        )
    }

    fn at(path: &Path, address: &str) -> io::Result<Self> {
        // Of a process that ended without taking it away.
        let _ = fs::remove_file(path);
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let page = Self(path.to_owned());
        write!(
            file,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta http-equiv=\"refresh\" content=\"0; url={address}\">\n<title>Safeconduct console</title>\n\
             <p><a href=\"{address}\">The console</a></p>\n"
        )?;
        Ok(page)
    }

    fn open(&self) -> bool {
        Url::from_file_path(&self.0).is_ok_and(|url| open_in_browser(&url))
    }
}

impl Drop for LeadingPage {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_page_that_leads_to_the_console_is_its_users_alone_and_gone_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.html");
        fs::write(&path, "left behind").unwrap();
        let page = LeadingPage::at(&path, "http://127.0.0.1:8423/a/open/b").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("http://127.0.0.1:8423/a/open/b").count(), 2);
        drop(page);
        assert!(!path.exists());
    }
}
