//! A command-line app that signs its person in, and says who that is:
//! `cargo run -p safeconduct-client --features native --example native -- https://id.example.com notes-cli`.
//! The client has no secret, and the redirect URI `http://127.0.0.1/callback`.

use safeconduct_client::native::{Native, NativeSignIn, TokenFile};
use safeconduct_client::{BeginOptions, Client, ClientBuilder, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let client = Client::new(next(), next());
    let app = app(client, TokenFile::of_app("safeconduct-example")?)?;
    let name = greet(&app, |sign_in| {
        sign_in.open_browser();
        eprintln!("Sign in at {}", sign_in.url());
    });
    println!("Hello {}", name.await?);
    Ok(())
}

/// The app at its issuer, with its session in `file`.
pub(crate) fn app(client: ClientBuilder, file: TokenFile) -> Result<Native, Error> {
    let client = client
        .scopes(["openid", "profile", "offline_access"])
        .dpop(true)
        .token_file(file);
    Ok(client.build()?.native())
}

/// Who is signed in; if nobody is, `show` gets them to where they sign in.
pub(crate) async fn greet(app: &Native, show: impl FnOnce(&NativeSignIn)) -> Result<String, Error> {
    let session = match app.session().await? {
        Some(session) => session,
        None => {
            let sign_in = app.begin(&BeginOptions::new()).await?;
            show(&sign_in);
            sign_in.wait().await?
        }
    };
    Ok(session.name().unwrap_or("you").to_owned())
}
