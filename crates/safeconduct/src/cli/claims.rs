//! The claims about a person as flags of `safeconduct user`: one table says which there are. What each may look like is
//! decided by the protocol.

use std::collections::BTreeMap;

use clap::parser::ValuesRef;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use safeconduct_protocol::claims::PersonClaims;
use serde_json::{Map, Value};

/// Claims that are true or false, each after the one that it is about.
const VERIFIED: [(&str, &str); 2] = [
    ("email", "email_verified"),
    ("phone_number", "phone_number_verified"),
];
/// The one claim that has members.
const ADDRESS: &str = "address";

/// Every claim that can be set: its flag, what stands behind it, and what `--help` says of it.
const FLAGS: [(&str, &str, &str); 18] = [
    ("name", "NAME", "What the person is called"),
    ("given-name", "NAME", "The given names"),
    ("family-name", "NAME", "The family names"),
    ("middle-name", "NAME", "The middle names"),
    ("nickname", "NAME", "The casual name"),
    (
        "preferred-username",
        "NAME",
        "What the person wants to be referred to as [default: the username]",
    ),
    ("profile", "URL", "A page about the person"),
    ("picture", "URL", "A picture of the person"),
    ("website", "URL", "The person's own page"),
    ("gender", "TEXT", "female, male, or another word"),
    (
        "birthdate",
        "DATE",
        "YYYY-MM-DD, YYYY, or 0000-MM-DD without the year",
    ),
    ("zoneinfo", "ZONE", "The time zone, like Europe/Paris"),
    ("locale", "TAG", "The language, like en-GB"),
    ("email", "ADDRESS", "The email address"),
    (
        "email-verified",
        "BOOL",
        "Whether somebody made sure that the email address is the person's",
    ),
    (
        "phone-number",
        "NUMBER",
        "The telephone number, like +44 20 7946 0000",
    ),
    (
        "phone-number-verified",
        "BOOL",
        "Whether somebody made sure that the telephone number is the person's",
    ),
    (
        ADDRESS,
        "PART=TEXT",
        "A part of the postal address: formatted, street_address, locality, region, postal_code or country; once for each",
    ),
];

/// The claims that were named, each with its new value; `null` for one that is taken away.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedClaims(BTreeMap<String, Value>);

impl NamedClaims {
    /// Whether none was named.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets in `claims` what was named.
    ///
    /// # Errors
    /// A value that has another form than its claim.
    pub(crate) fn set_in(&self, claims: &mut PersonClaims) -> Result<(), String> {
        // An administrator verified the old address, not the new one.
        let outdated = VERIFIED
            .iter()
            .filter(|(of, verified)| self.0.contains_key(*of) && !self.0.contains_key(*verified));
        let outdated = outdated.map(|(_, verified)| (*verified, Value::Null));
        let named = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in outdated.chain(named) {
            claims.set(name, value).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Args for NamedClaims {
    fn augment_args(command: Command) -> Command {
        let flags = FLAGS.map(|(flag, value, help)| {
            let claim = claim_of(flag);
            let flag = Arg::new(flag)
                .long(flag)
                .value_name(value)
                .help(help)
                .help_heading("Claims about the person");
            if is_truth(&claim) {
                flag.num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_parser(["true", "false"])
            } else if claim == ADDRESS {
                flag.action(ArgAction::Append)
            } else {
                flag
            }
        });
        command.args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NamedClaims {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut claims = Self::default();
        claims.update_from_arg_matches(matches)?;
        Ok(claims)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (flag, ..) in FLAGS {
            let Some(mut values) = matches.get_many::<String>(flag) else {
                continue;
            };
            let claim = claim_of(flag);
            let value = if claim == ADDRESS {
                address(values)?
            } else {
                value_of(&claim, values.next_back().map_or("", String::as_str))
            };
            self.0.insert(claim, value);
        }
        Ok(())
    }
}

/// The value that `text` stands for; an empty one takes the claim away.
fn value_of(claim: &str, text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" | "false" if is_truth(claim) => Value::Bool(text == "true"),
        text => Value::from(text),
    }
}

fn is_truth(claim: &str) -> bool {
    VERIFIED.iter().any(|(_, verified)| *verified == claim)
}

/// The address of these parts; `\n` in one stands for the end of a line.
fn address(parts: ValuesRef<'_, String>) -> Result<Value, clap::Error> {
    let mut members = Map::new();
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, text) = part.split_once('=').ok_or_else(|| {
            clap::Error::raw(
                clap::error::ErrorKind::ValueValidation,
                format!("--address {part} is no PART=TEXT, such as --address locality=London\n"),
            )
        })?;
        members.insert(name.to_owned(), text.replace("\\n", "\n").into());
    }
    Ok(if members.is_empty() {
        Value::Null
    } else {
        members.into()
    })
}

/// The claim of a flag: `given-name` → `given_name`.
fn claim_of(flag: &str) -> String {
    flag.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use safeconduct_protocol::claims::kept;
    use serde_json::json;

    use super::*;

    fn named(arguments: &[&str]) -> Result<PersonClaims, String> {
        let command = NamedClaims::augment_args(Command::new("user"));
        let matches = command
            .try_get_matches_from([&["user"], arguments].concat())
            .map_err(|error| error.to_string())?;
        let mut claims = PersonClaims::default();
        claims.set("nickname", json!("Countess")).unwrap();
        NamedClaims::from_arg_matches(&matches)
            .map_err(|error| error.to_string())?
            .set_in(&mut claims)?;
        Ok(claims)
    }

    #[test]
    fn every_claim_that_can_be_kept_has_a_flag() {
        let mut kept: Vec<&str> = kept().collect();
        let mut flags: Vec<String> = FLAGS.iter().map(|(flag, ..)| claim_of(flag)).collect();
        kept.sort_unstable();
        flags.sort_unstable();
        assert_eq!(flags, kept);
    }

    #[test]
    fn a_claim_has_the_form_that_the_specification_gives_it() {
        let claims = named(&[
            "--email",
            "ada@example.com",
            "--email-verified",
            "--phone-number-verified=false",
            "--address",
            "locality=London",
            "--address",
            r"formatted=12 St James's Square\nLondon",
        ])
        .unwrap();
        assert_eq!(claims.claim("email"), Some(&json!("ada@example.com")));
        assert_eq!(claims.claim("email_verified"), Some(&json!(true)));
        assert_eq!(claims.claim("phone_number_verified"), Some(&json!(false)));
        assert_eq!(
            claims.claim("address"),
            Some(&json!({"locality": "London", "formatted": "12 St James's Square\nLondon"}))
        );
        assert_eq!(claims.claim("nickname"), Some(&json!("Countess")));
    }

    #[test]
    fn a_new_address_is_not_verified_because_the_old_one_was() {
        let mut claims = named(&["--email", "ada@example.com", "--email-verified"]).unwrap();
        let other = BTreeMap::from([("email".to_owned(), json!("ada@example.org"))]);
        NamedClaims(other).set_in(&mut claims).unwrap();
        assert_eq!(claims.claim("email_verified"), None);
    }

    #[test]
    fn an_empty_value_takes_a_claim_away() {
        assert!(named(&["--nickname", ""]).unwrap().is_empty());
    }

    #[test]
    fn a_value_of_another_form_is_refused() {
        for (arguments, says) in [
            (["--email", "ada"], "email must be an address"),
            (["--picture", "javascript:1"], "picture must be an http"),
            (["--birthdate", "10.12.1815"], "birthdate must be a date"),
            (["--address", "London"], "--address London is no PART=TEXT"),
            (["--address", "planet=Earth"], "address must be an object"),
            (
                ["--email-verified=maybe", "--name=x"],
                "invalid value 'maybe'",
            ),
        ] {
            let told = named(&arguments).unwrap_err();
            assert!(told.contains(says), "{told}");
        }
    }
}
