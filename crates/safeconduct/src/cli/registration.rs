//! The members of a client's registration as flags, for `client create` and `client edit` alike: what is named is set, and what is
//! not named stays as it was, or as it begins. Which members there are, their types, words and defaults, are the protocol's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::prompt::read_file;
use crate::config::{self, Key, Kind, Shape, one_line};

/// Each member with what stands behind its flag, below a heading of `--help`; the rest is in [`MEMBERS`].
const HEADINGS: [(&str, &[(&str, &str)]); 6] = [
    (
        "What people are shown",
        &[
            ("client_name", "NAME"),
            ("logo_uri", "FILE"),
            ("policy_uri", "URL"),
            ("tos_uri", "URL"),
            ("contacts", "ADDRESS"),
        ],
    ),
    (
        "Who may use it",
        &[("groups", "GROUP"), ("denied_users", "WHERE")],
    ),
    (
        "What it may ask for",
        &[
            ("redirect_uris", "URI"),
            ("scopes", "NAME"),
            ("grant_types", "TYPE"),
            ("consent", "WHEN"),
            ("response_modes", "MODE"),
        ],
    ),
    (
        "How it proves itself",
        &[
            ("token_endpoint_auth_method", "METHOD"),
            ("jwks", "FILE"),
            ("assertion_audience", "AUDIENCE"),
            ("require_pkce", "BOOL"),
            ("require_pushed_authorization_requests", "BOOL"),
            ("require_second_factor", "BOOL"),
            ("dpop_bound_access_tokens", "BOOL"),
        ],
    ),
    (
        "Tokens",
        &[
            ("access_token_format", "FORM"),
            ("groups_in_access_token", "BOOL"),
            ("refresh_shared", "WHAT"),
        ],
    ),
    (
        "OpenID Connect",
        &[
            ("id_token_signed_response_alg", "ALGORITHM"),
            ("subject_type", "TYPE"),
            ("sector_identifier", "HOST"),
            ("post_logout_redirect_uris", "URI"),
            ("backchannel_logout_uri", "URI"),
            ("scope_claims_in_id_token", "BOOL"),
            ("groups_claim", "PATTERN"),
            ("groups_claim_without_prefix", "BOOL"),
        ],
    ),
];

/// Every member with its heading and what stands behind its flag.
fn members() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    HEADINGS.into_iter().flat_map(|(heading, members)| {
        let members = members.iter();
        members.map(move |(member, value)| (heading, *member, *value))
    })
}

/// The flag of a member: in the singular where it can be repeated.
fn flag_of(member: &str) -> String {
    match (member, &MEMBERS[member].shape) {
        ("client_name", _) => "name".to_owned(),
        ("jwks", _) => JWKS_FILE.to_owned(),
        ("logo_uri", _) => LOGO_FILE.to_owned(),
        ("require_pkce", _) => WITHOUT_PKCE.to_owned(),
        (_, Shape::List(_)) => member.trim_end_matches('s').replace('_', "-"),
        _ => member.replace('_', "-"),
    }
}

/// The flags that name a file instead of a value.
const JWKS_FILE: &str = "jwks-file";
const LOGO_FILE: &str = "logo-file";
/// The flag that says the opposite of its member.
const WITHOUT_PKCE: &str = "without-pkce";

/// The flag of each member.
static FLAGS: LazyLock<BTreeMap<&str, String>> = LazyLock::new(|| {
    let members = MEMBERS.keys().map(String::as_str);
    members.map(|member| (member, flag_of(member))).collect()
});

/// The members as the protocol has them.
static MEMBERS: LazyLock<BTreeMap<String, Key>> = LazyLock::new(config::registration);

/// The members that were named, each with its new value; `null` for one that is taken away.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedMembers {
    members: Map<String, Value>,
    jwks_file: Option<PathBuf>,
    logo_file: Option<PathBuf>,
}

impl NamedMembers {
    /// What changes, keys and logo read from their files.
    ///
    /// # Errors
    /// A file can't be read, or holds no JSON or no image.
    pub(super) fn changes(&self) -> Result<Map<String, Value>, Failure> {
        let mut members = self.members.clone();
        if let Some(path) = &self.jwks_file {
            let keys = serde_json::from_str(&read_file(path)?).map_err(|error| {
                Failure::Usage(format!("{} is no JWK set: {error}", path.display()))
            })?;
            members.insert("jwks".to_owned(), keys);
        }
        if let Some(path) = &self.logo_file {
            let logo = config::read_image(path);
            let logo =
                logo.map_err(|what| Failure::Usage(format!("the logo {} {what}", path.display())))?;
            members.insert("logo_uri".to_owned(), logo.to_data_url().into());
        }
        Ok(members)
    }
}

impl Args for NamedMembers {
    fn augment_args(command: Command) -> Command {
        members().fold(command, |command, (heading, member, value)| {
            let (key, flag) = (&MEMBERS[member], FLAGS[member].as_str());
            let argument = Arg::new(member)
                .help(help(flag, key))
                .long(flag)
                .value_name(value)
                .help_heading(heading);
            command.arg(match &key.shape {
                Shape::Leaf(Kind::Boolean) => argument
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_parser(["true", "false"]),
                Shape::Leaf(Kind::Word(words)) => argument.value_parser(one_of(words)),
                Shape::List(item) => match &**item {
                    Shape::Leaf(Kind::Word(words)) => argument.value_parser(one_of(words)),
                    _ => argument,
                }
                .action(ArgAction::Append),
                _ => argument,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NamedMembers {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut named = Self::default();
        named.update_from_arg_matches(matches)?;
        Ok(named)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (_, member, _) in members() {
            let Some(values) = matches.get_many::<String>(member) else {
                continue;
            };
            let values: Vec<&str> = values.map(String::as_str).collect();
            let last = values.last().copied().unwrap_or_default();
            match member {
                "jwks" => {
                    self.jwks_file = Some(last.into());
                    continue;
                }
                "logo_uri" if !last.is_empty() => {
                    self.logo_file = Some(last.into());
                    continue;
                }
                _ => {}
            }
            let value = match &MEMBERS[member].shape {
                // One empty value stands for an empty list.
                Shape::List(_) if values == [""] => Value::Array(Vec::new()),
                Shape::List(_) => values.into(),
                Shape::Leaf(Kind::Boolean) => {
                    Value::Bool((last == "true") != (member == "require_pkce"))
                }
                _ if last.is_empty() => Value::Null,
                _ => last.into(),
            };
            self.members.insert(member.to_owned(), value);
        }
        Ok(())
    }
}

/// What `--help` says of a flag: the first sentence of its member, and the default.
fn help(flag: &str, key: &Key) -> String {
    let about = one_line(&key.about);
    let sentence = match flag {
        JWKS_FILE => "The file that holds its public keys, a JWK set",
        LOGO_FILE => "The file of its logo: SVG, PNG, JPEG or WebP, at most 64 KiB",
        WITHOUT_PKCE => {
            "Let it go without PKCE, because it can't: a weakening, for clients with a secret or keys only"
        }
        _ => about
            .split(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.'),
    };
    let each = match &key.shape {
        Shape::List(_) => "; once for each",
        _ => "",
    };
    let default = match &key.default {
        Some(Value::String(word)) => format!(" [default: {word}]"),
        Some(Value::Array(words)) if !words.is_empty() => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            format!(" [default: {}]", words.join(", "))
        }
        // Where the default follows from other members, their comment says how.
        _ => about
            .split_once("Without it")
            .map(|(_, rest)| {
                format!(
                    " [default: {}]",
                    rest.trim_start_matches([',', ':', ' '])
                        .trim_end_matches('.')
                )
            })
            .unwrap_or_default(),
    };
    format!("{sentence}{each}{default}")
}

fn one_of(words: &'static [(String, String)]) -> PossibleValuesParser {
    let words = words.iter().map(|(word, meaning)| {
        PossibleValue::new(word.as_str()).help(meaning.trim_end_matches('.'))
    });
    PossibleValuesParser::new(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_a_registration_has_a_flag() {
        let mut members: Vec<&str> = members().map(|(_, member, _)| member).collect();
        members.sort_unstable();
        assert_eq!(members, MEMBERS.keys().collect::<Vec<_>>());
    }
}
