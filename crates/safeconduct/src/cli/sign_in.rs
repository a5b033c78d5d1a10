//! A person signs in for the command line: by their browser, which opens here, or elsewhere with the address that it ended at pasted.

use std::io::{self, BufRead as _, IsTerminal as _};

use safeconduct_client::native::{Answers, Native, NativeSignIn, is_browser_here};
use safeconduct_client::{BeginOptions, Session, StepUp};

use super::failure::Failure;
use super::output::note;

/// Signs the person again in who is, for what the API asks of them.
///
/// # Errors
/// They did not.
pub(crate) async fn step_up(
    app: &Native,
    session: &Session,
    asked: &StepUp,
) -> Result<Session, Failure> {
    note("the server asks for a new sign-in");
    sign_in(app, &BeginOptions::new().step_up(session, asked), false).await
}

/// Sends the person to sign in, and waits for them.
///
/// # Errors
/// They did not.
pub(crate) async fn sign_in(
    app: &Native,
    options: &BeginOptions,
    no_browser: bool,
) -> Result<Session, Failure> {
    let sign_in = app.begin(options).await?;
    show(&sign_in, no_browser);
    Ok(sign_in.wait().await?)
}

fn show(sign_in: &NativeSignIn, no_browser: bool) {
    let opened = !no_browser && sign_in.open_browser();
    let how = match opened {
        true => "your browser opens; if it does not, sign in at",
        false => "sign in at",
    };
    note(format_args!("{how}\n    {}", sign_in.url()));
    if io::stdin().is_terminal() && !(opened && is_browser_here()) {
        note(
            "a browser on another computer ends at an address of 127.0.0.1 that does not open there: paste it here",
        );
        take_pasted(sign_in.answers());
    }
}

/// Takes what is pasted, until something of it is the answer. The thread ends with the process: nothing else ends a wait for a line.
fn take_pasted(answers: Answers) {
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let lines = io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            let Err(error) = runtime.block_on(answers.give(&line)) else {
                return;
            };
            note(error.public_message());
        }
    });
}
