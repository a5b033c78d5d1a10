//! Who and what the demo is about: two people for its visitors, one who administers and one for the attacks, what is known about them, their notes, and the words for what an app may do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use safeconduct_protocol::ids::UserId;
use serde::{Deserialize, Serialize};

/// The password of everybody in the demo, printed wherever it is asked for.
pub(crate) const PASSWORD: &str = "correct-horse-demo";
/// The user that the attacks sign in as. Nobody watches the demo as this user, so no sign-in is disturbed, and no consent of a
/// visitor's is given beforehand.
pub(crate) const ATTACKED: &str = "carol";

/// The user who administers the server, and uses no app: whoever administers proves two factors wherever they sign in.
pub(crate) const ADMINISTRATOR: &str = "dana";

/// What the app asks to know about a person.
pub(crate) const IDENTITY: [&str; 3] = ["openid", "profile", "email"];
/// Reading notes.
pub(crate) const NOTES_READ: &str = "notes.read";
/// Writing notes.
pub(crate) const NOTES_WRITE: &str = "notes.write";
/// Reading the calendar of another API, which nobody runs.
pub(crate) const CALENDAR: &str = "calendar.read";

/// What people read about each scope.
pub(crate) const SCOPES: [(&str, &str); 3] = [
    (NOTES_READ, "Read your notes"),
    (NOTES_WRITE, "Write new notes"),
    (CALENDAR, "Read your calendar"),
];

/// The longest note, in characters.
pub(crate) const LONGEST_NOTE: usize = 280;
/// How many notes one person may have; the oldest gives way.
const MOST_NOTES: usize = 24;

/// Somebody, before anything happened.
pub(crate) struct Seed {
    /// What they sign in with.
    pub(crate) username: &'static str,
    /// What the server knows about them, claim by claim.
    pub(crate) claims: [(&'static str, &'static str); 5],
    notes: [&'static str; 3],
}

/// Everybody.
pub(crate) const SEEDS: [Seed; 4] = [
    Seed {
        username: "alice",
        claims: [
            ("name", "Alice Liddell"),
            ("given_name", "Alice"),
            ("family_name", "Liddell"),
            ("email", "alice@example.com"),
            ("locale", "en-GB"),
        ],
        notes: [
            "The password went to the server. The app has never seen it.",
            "Ask the plumber about the sound in the wall.",
            "Buy lemons, thyme, good bread.",
        ],
    },
    Seed {
        username: "bob",
        claims: [
            ("name", "Bob Cratchit"),
            ("given_name", "Bob"),
            ("family_name", "Cratchit"),
            ("email", "bob@example.com"),
            ("locale", "en-GB"),
        ],
        notes: [
            "Return the ladder to Alice.",
            "The train leaves at 7:42 from platform 3.",
            "Idea: a code is like a cloakroom ticket. One coat, once.",
        ],
    },
    Seed {
        username: ATTACKED,
        claims: [
            ("name", "Carol Danby"),
            ("given_name", "Carol"),
            ("family_name", "Danby"),
            ("email", "carol@example.com"),
            ("locale", "en-GB"),
        ],
        notes: [
            "If you can read this and are not Carol, an attack has worked.",
            "Water the tomatoes.",
            "Call Dad on Sunday.",
        ],
    },
    Seed {
        username: ADMINISTRATOR,
        claims: [
            ("name", "Dana Scully"),
            ("given_name", "Dana"),
            ("family_name", "Scully"),
            ("email", "dana@example.com"),
            ("locale", "en-GB"),
        ],
        notes: [
            "Who administers has no app of their own here.",
            "Look at the keys once a year.",
            "Two administrators are better than one.",
        ],
    },
];

/// Those whom a visitor may sign in as at the app.
pub(crate) fn visitors() -> impl Iterator<Item = &'static Seed> {
    let others = [ATTACKED, ADMINISTRATOR];
    SEEDS
        .iter()
        .filter(move |seed| !others.contains(&seed.username))
}

/// A note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) text: String,
}

/// What the API knows: people by their `sub`, for it is told nothing else about them.
#[derive(Clone, Default)]
pub(crate) struct People(Arc<Mutex<HashMap<String, Vec<Note>>>>);

impl People {
    /// Makes somebody known under the `sub` of their tokens.
    pub(crate) fn introduce(&self, id: &UserId, seed: &Seed) {
        let notes = seed.notes.iter().map(|text| Note {
            text: (*text).to_owned(),
        });
        self.people()
            .insert(id.as_str().to_owned(), notes.collect());
    }

    /// Somebody's notes, the newest first.
    pub(crate) fn notes(&self, subject: &str) -> Vec<Note> {
        let people = self.people();
        let notes = people
            .get(subject)
            .map(|notes| notes.iter().rev().cloned().collect());
        notes.unwrap_or_default()
    }

    /// Adds a note; `false` if there is nothing to add. Whoever signed up since has their first one.
    pub(crate) fn write(&self, subject: &str, text: &str) -> bool {
        let text: String = text.trim().chars().take(LONGEST_NOTE).collect();
        let mut people = self.people();
        if text.is_empty() {
            return false;
        }
        let notes = people.entry(subject.to_owned()).or_default();
        if notes.len() >= MOST_NOTES {
            notes.remove(0);
        }
        notes.push(Note { text });
        true
    }

    /// Forgets somebody's newest note; `false` if there is none.
    pub(crate) fn forget_newest(&self, subject: &str) -> bool {
        let mut people = self.people();
        let newest = people.get_mut(subject).and_then(Vec::pop);
        newest.is_some()
    }

    fn people(&self) -> MutexGuard<'_, HashMap<String, Vec<Note>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
