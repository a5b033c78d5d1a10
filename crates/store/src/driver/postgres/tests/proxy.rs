//! A proxy before PostgreSQL that breaks what it is told to break.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use safeconduct_testing_postgres::Database;

/// What the proxy does to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Nothing.
    Pass,
    /// It closes the connection on which the server is about to say this, and passes all others.
    CutInsteadOf(&'static str),
    /// It takes what clients say and passes nothing on.
    Swallow,
}

/// A listening proxy; it goes with the process.
pub(super) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    trick: Mutex<Trick>,
    /// How often a client spoke after the server had.
    turns: AtomicUsize,
}

impl State {
    fn trick(&self) -> Trick {
        *self.trick.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn play(&self, trick: Trick) {
        *self.trick.lock().unwrap_or_else(PoisonError::into_inner) = trick;
    }
}

impl Proxy {
    /// A proxy to a port of 127.0.0.1.
    pub(super) fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            trick: Mutex::new(Trick::Pass),
            turns: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                pair(client, server, &shared);
            }
        });
        Self { port, state }
    }

    /// The URL of a database through the proxy, with `parameters`.
    pub(super) fn url(&self, database: &Database, parameters: &str) -> String {
        let (port, name) = (self.port, database.name());
        format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable&{parameters}")
    }

    pub(super) fn play(&self, trick: Trick) {
        self.state.play(trick);
    }

    /// What it does to connections now: a cut is played once.
    pub(super) fn trick(&self) -> Trick {
        self.state.trick()
    }

    /// How often clients have spoken and been answered.
    pub(super) fn turns(&self) -> usize {
        self.state.turns.load(Ordering::SeqCst)
    }
}

/// Carries what both sides say.
fn pair(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let client_spoke = Arc::new(AtomicBool::new(false));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (shared, spoke) = (Arc::clone(state), Arc::clone(&client_spoke));
    thread::spawn(move || {
        carry(&from, &to, |_| {
            if !spoke.swap(true, Ordering::SeqCst) {
                shared.turns.fetch_add(1, Ordering::SeqCst);
            }
            shared.trick() != Trick::Swallow
        });
    });
    let shared = Arc::clone(state);
    thread::spawn(move || {
        carry(&server, &client, |said| {
            client_spoke.store(false, Ordering::SeqCst);
            match shared.trick() {
                Trick::CutInsteadOf(text) if holds(said, text) => {
                    shared.play(Trick::Pass);
                    let _ = client.shutdown(Shutdown::Both);
                    false
                }
                Trick::Swallow => false,
                _ => true,
            }
        });
    });
}

/// Carries from one side to the other what `passes`, until one of them ends.
fn carry(mut from: &TcpStream, mut to: &TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let said = &buffer[..length];
        if passes(said) && to.write_all(said).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn holds(said: &[u8], text: &str) -> bool {
    said.windows(text.len())
        .any(|window| window == text.as_bytes())
}
