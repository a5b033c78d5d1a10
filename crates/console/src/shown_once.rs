//! What is shown once: secrets and links that the API told in answer to a form. The form leads to a page, so that going back or sending it again
//! makes no second one; what that page shows waits here, is taken by the first look, and stands in no address.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use safeconduct_client::{Secret, Timestamp};
use safeconduct_protocol::random;

/// How many may wait: of more, the oldest are shown no more.
const MOST: usize = 32;
/// For how many seconds they wait.
const WAITS: i64 = 300;

/// What waits.
#[derive(Default)]
pub(crate) struct ShownOnce(Mutex<VecDeque<Waiting>>);

struct Waiting {
    name: String,
    text: Secret,
    until: Timestamp,
}

impl ShownOnce {
    /// Keeps `text` for one look, and gives the name by which it is taken.
    pub(crate) fn keep(&self, text: Secret, now: Timestamp) -> String {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        let name = random::letters_and_digits();
        waiting.push_back(Waiting {
            name: name.clone(),
            text,
            until: now.plus(WAITS),
        });
        name
    }

    /// What waits under `name`, which waits no more then.
    pub(crate) fn take(&self, name: &str, now: Timestamp) -> Option<Secret> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|waiting| now < waiting.until);
        let at = waiting.iter().position(|waiting| waiting.name == name)?;
        waiting.remove(at).map(|waiting| waiting.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_secret_is_shown_once_and_for_a_while() {
        let shown = ShownOnce::default();
        let name = shown.keep(Secret::new("a"), NOW);
        assert!(shown.take("", NOW).is_none());
        assert_eq!(
            shown.take(&name, NOW.plus(WAITS - 1)).unwrap().expose(),
            "a"
        );
        assert!(shown.take(&name, NOW).is_none());
        let late = shown.keep(Secret::new("b"), NOW);
        assert!(shown.take(&late, NOW.plus(WAITS)).is_none());
        let first = shown.keep(Secret::new("c"), NOW);
        for _ in 0..MOST {
            shown.keep(Secret::new("d"), NOW);
        }
        assert!(shown.take(&first, NOW).is_none());
    }
}
