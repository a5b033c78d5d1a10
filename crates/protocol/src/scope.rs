//! Scope: what a token lets its bearer do (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ids::Malformed, sent::Sent};

/// The most scopes one request may name.
const MOST_SCOPES: usize = 100;
/// How many names the log repeats.
const MOST_SHOWN: usize = 5;
/// The longest scope name, in bytes.
const LONGEST_NAME: usize = 128;
/// The scope that makes a request one of OpenID Connect (Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// The scope that lets a grant outlive the browser session it came from (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A set of scope names. Sent as a space-delimited list; the order carries no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(BTreeSet<String>);

impl Scope {
    /// Reads a space-delimited list; `None` if a name breaks RFC 6749 §3.3, or there are more than 100. A name
    /// may be longer than any of ours: it is left out then, like others that nobody is registered for.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MOST_SCOPES * (LONGEST_NAME + 1) {
            return None;
        }
        let names: BTreeSet<String> = text
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        (names.len() <= MOST_SCOPES && names.iter().all(|name| is_token(name)))
            .then_some(Self(names))
    }

    /// A scope of names that are known to be ones.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is in the set.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether everything here is also in `other`.
    pub fn is_within(&self, other: &Scope) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What both name.
    #[must_use]
    pub fn intersection(&self, other: &Scope) -> Scope {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// What is named here and not in `other`.
    #[must_use]
    pub fn without(&self, other: &Scope) -> Scope {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The first few names, for the log: they may be a stranger's words.
    pub fn briefly(&self) -> String {
        let shown: Vec<String> = self
            .names()
            .take(MOST_SHOWN)
            .map(|name| Sent(name).to_string())
            .collect();
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }

    /// What either names.
    #[must_use]
    pub fn union(&self, other: &Scope) -> Scope {
        Self(self.0.union(&other.0).cloned().collect())
    }
}

/// Whether a scope may be declared by this name: a scope-token of at most 128 bytes.
pub fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && is_token(name)
}

/// Whether `name` is a scope-token, of `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
fn is_token(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

impl TryFrom<String> for Scope {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        Self::parse(&text).ok_or(Malformed("scope"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_carry_no_meaning() {
        assert_eq!(Scope::parse("b a  b"), Scope::parse("a b"));
        assert_eq!(Scope::parse("b a b").unwrap().to_string(), "a b");
        assert!(Scope::parse(" ").unwrap().is_empty());
    }

    #[test]
    fn names_that_break_the_grammar_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "é", "a\0"] {
            assert_eq!(Scope::parse(bad), None, "{bad:?}");
        }
        let long = "x".repeat(129);
        assert!(Scope::parse(&long).is_some() && !is_name(&long));
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        assert_eq!(Scope::parse(&many.join(" ")), None);
        assert_eq!(
            Scope::parse(&"x ".repeat(100_000)),
            None,
            "length is judged before the parts"
        );
    }
}
