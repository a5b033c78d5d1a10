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

/// Each member with its flag and what stands behind it; the rest is in [`MEMBERS`].
const FLAGS: [(&str, &str, &str, &str); 19] = [
    (SIGN_IN, "name", "client_name", "NAME"),
    (SIGN_IN, "redirect-uri", "redirect_uris", "URI"),
    (SIGN_IN, "scope", "scopes", "NAME"),
    (SIGN_IN, "grant-type", "grant_types", "TYPE"),
    (SIGN_IN, "consent", "consent", "WHEN"),
    (SIGN_IN, "response-mode", "response_modes", "MODE"),
    (
        PROOF,
        "token-endpoint-auth-method",
        "token_endpoint_auth_method",
        "METHOD",
    ),
    (PROOF, JWKS_FILE, "jwks", "FILE"),
    (
        PROOF,
        "assertion-audience",
        "assertion_audience",
        "AUDIENCE",
    ),
    (PROOF, WITHOUT_PKCE, "require_pkce", "BOOL"),
    (
        PROOF,
        "require-pushed-authorization-requests",
        "require_pushed_authorization_requests",
        "BOOL",
    ),
    (
        PROOF,
        "dpop-bound-access-tokens",
        "dpop_bound_access_tokens",
        "BOOL",
    ),
    (TOKENS, "access-token-format", "access_token_format", "FORM"),
    (TOKENS, "refresh-shared", "refresh_shared", "WHAT"),
    (
        OPENID,
        "id-token-signed-response-alg",
        "id_token_signed_response_alg",
        "ALGORITHM",
    ),
    (OPENID, "subject-type", "subject_type", "TYPE"),
    (OPENID, "sector-identifier", "sector_identifier", "HOST"),
    (
        OPENID,
        "post-logout-redirect-uri",
        "post_logout_redirect_uris",
        "URI",
    ),
    (
        OPENID,
        "backchannel-logout-uri",
        "backchannel_logout_uri",
        "URI",
    ),
];

const SIGN_IN: &str = "What it may ask for";
const PROOF: &str = "How it proves itself";
const TOKENS: &str = "Tokens";
const OPENID: &str = "OpenID Connect";

/// The flag that names a file instead of a value.
const JWKS_FILE: &str = "jwks-file";
/// The flag that says the opposite of its member.
const WITHOUT_PKCE: &str = "without-pkce";

/// The members as the protocol has them.
static MEMBERS: LazyLock<BTreeMap<String, Key>> = LazyLock::new(config::registration);

/// The members that were named, each with its new value; `null` for one that is taken away.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedMembers {
    members: Map<String, Value>,
    jwks_file: Option<PathBuf>,
}

impl NamedMembers {
    /// What changes, the keys read from their file.
    ///
    /// # Errors
    /// The file can't be read, or holds no JSON.
    pub(super) fn changes(&self) -> Result<Map<String, Value>, Failure> {
        let mut members = self.members.clone();
        if let Some(path) = &self.jwks_file {
            let keys = serde_json::from_str(&read_file(path)?).map_err(|error| {
                Failure::Usage(format!("{} is no JWK set: {error}", path.display()))
            })?;
            members.insert("jwks".to_owned(), keys);
        }
        Ok(members)
    }
}

impl Args for NamedMembers {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .into_iter()
            .fold(command, |command, (heading, flag, member, value)| {
                let key = &MEMBERS[member];
                let argument = Arg::new(flag)
                    .long(flag)
                    .value_name(value)
                    .help(help(flag, key))
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
        for (_, flag, member, _) in FLAGS {
            let Some(values) = matches.get_many::<String>(flag) else {
                continue;
            };
            let values: Vec<&str> = values.map(String::as_str).collect();
            let last = values.last().copied().unwrap_or_default();
            if flag == JWKS_FILE {
                self.jwks_file = Some(last.into());
                continue;
            }
            let value = match &MEMBERS[member].shape {
                // One empty value stands for an empty list.
                Shape::List(_) if values == [""] => Value::Array(Vec::new()),
                Shape::List(_) => values.into(),
                Shape::Leaf(Kind::Boolean) => {
                    Value::Bool((last == "true") != (flag == WITHOUT_PKCE))
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
        let mut flags: Vec<&str> = FLAGS.iter().map(|(_, _, member, _)| *member).collect();
        flags.sort_unstable();
        assert_eq!(flags, MEMBERS.keys().collect::<Vec<_>>());
    }
}
