//! The operator's console: pages on this computer by which a Safeconduct server is seen and administered in a browser.
//!
//! It is an app like any other. It signs in with the client library, calls the API of administrators as whoever signed in, and knows the server
//! by HTTP alone: it holds no rule, and what it may do is what the API lets its user do. `binding.rs` says which browser it answers,
//! `checks.rs` what every request goes through, `sign_in.rs` how its user signs in, `api.rs` how it asks; what is shown is in a file for each
//! noun, and looks as `pages` and `templates` have it.

mod api;
mod binding;
mod checks;
mod clients;
mod confirm;
mod deliveries;
mod events;
mod failed;
mod form;
mod front;
mod grants;
mod groups;
mod keys;
mod pages;
mod routes;
mod search;
mod sessions;
mod shown_once;
mod sign_in;
mod users;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use safeconduct_client::native::Native;
use safeconduct_client::{Clock, Error};
use tokio::net::TcpListener;

pub use pages::samples;

use binding::Binding;
use pages::Pages;
use shown_once::ShownOnce;
use sign_in::{SignIns, SignedInUser};

/// Which server is administered, and as which client.
pub struct Settings {
    /// The client that signs in: an app on its user's own computer, with the API as its resource.
    pub app: Native,
    /// Where the API is.
    pub api: String,
    /// What is done when a user has signed in.
    pub signed_in: Box<dyn Fn() + Send + Sync>,
    /// The time of day.
    pub clock: Clock,
}

/// A console that listens, and serves once it is run.
pub struct Console {
    listener: TcpListener,
    inside: Arc<Inside>,
}

/// Opens the console to a browser. Cheap to clone.
#[derive(Clone)]
pub struct Opener(Arc<Inside>);

/// What the pages share.
struct Inside {
    app: Native,
    api: String,
    signed_in: Box<dyn Fn() + Send + Sync>,
    clock: Clock,
    binding: Binding,
    pages: Pages,
    sign_ins: SignIns,
    signed_in_user: SignedInUser,
    shown_once: ShownOnce,
}

impl Console {
    /// Listens at `address`, which is a loopback one: port 0 is any that is free.
    ///
    /// # Errors
    /// The address is none of this computer alone, or it can't be listened at; or the client can't sign in from there.
    pub async fn bind(address: SocketAddr, settings: Settings) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let told = format!("{address} can be reached from other computers");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        let listener = TcpListener::bind(address).await?;
        let inside = Inside::at(listener.local_addr()?, settings).map_err(io::Error::other)?;
        Ok(Self {
            listener,
            inside: Arc::new(inside),
        })
    }

    /// Opens it to a browser.
    pub fn opener(&self) -> Opener {
        Opener(self.inside.clone())
    }

    /// Answers until `stopped`, and lets requests under way finish.
    ///
    /// # Errors
    /// The listener's.
    pub async fn run(self, stopped: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let router = self.router();
        let serving = axum::serve(self.listener, router);
        serving.with_graceful_shutdown(stopped).await
    }

    fn router(&self) -> Router {
        routes::router(&self.inside)
    }
}

impl Opener {
    /// An address that opens the console to the first browser that comes with it, and to no other. It takes the place of the one before.
    pub fn address(&self) -> String {
        let secret = self.0.binding.open();
        format!(
            "{}{}/open/{}",
            self.0.binding.origin(),
            self.0.binding.base(),
            secret.expose()
        )
    }
}

impl Inside {
    fn at(address: SocketAddr, settings: Settings) -> Result<Self, Error> {
        let binding = Binding::new(address);
        let redirect_uri = format!("{}{}", binding.origin(), sign_in::CALLBACK);
        let app = settings
            .app
            .redirect_uri(&redirect_uri)?
            .patience(sign_in::PATIENCE);
        let pages = Pages::new(binding.base(), app.client().issuer(), &settings.api);
        Ok(Self {
            sign_ins: SignIns::new(redirect_uri),
            app,
            api: settings.api,
            signed_in: settings.signed_in,
            clock: settings.clock,
            binding,
            pages,
            signed_in_user: SignedInUser::default(),
            shown_once: ShownOnce::default(),
        })
    }
}
