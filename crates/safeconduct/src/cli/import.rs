//! `safeconduct user import`: users from a file of JSON lines. Every line is read before a user is added.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use safeconduct_protocol::claims::{self, ClaimError, PersonClaims};
use safeconduct_protocol::password::PasswordRule;
use safeconduct_protocol::secret::Secret;
use safeconduct_server::administration::users::{NewPassword, Person};
use safeconduct_server::password::ImportedHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::database::Database;
use super::failure::Failure;
use super::output::{Fields, Format, counted, note};
use crate::config::meant;

/// The longest line, in bytes.
const LONGEST_LINE: u64 = 32 * 1024;
/// The members of a line that are no claims.
const MEMBERS: [&str; 3] = ["username", "password", "password_hash"];

/// One line of an import. A password in clear is hashed before anything is stored.
#[derive(Deserialize)]
struct Line {
    username: String,
    #[serde(default)]
    password: Option<Secret>,
    #[serde(default)]
    password_hash: Option<WrittenHash>,
    /// The claims, and what is none.
    #[serde(flatten)]
    others: Fields,
}

/// A hash: text, or the object that it is in an export of Keycloak.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenHash {
    Text(Secret),
    Object(serde_json::Map<String, Value>),
}

/// What an import did.
#[derive(Serialize)]
struct Imported {
    added: usize,
    existing: Vec<String>,
}

/// Adds the users of `file`, or of standard input.
///
/// # Errors
/// A line that can't be used, and then nothing was imported; names that are taken; or the database's.
pub(crate) async fn run(
    database: &Database,
    output: Format,
    file: Option<PathBuf>,
    if_not_exists: bool,
) -> Result<(), Failure> {
    let administration = database.administration();
    let rule = &administration.passwords;
    let people = match &file {
        Some(path) => {
            let shown = path.display();
            let opened = std::fs::File::open(path)
                .map_err(|error| Failure::failed(&format!("{shown} can't be read"), error))?;
            read_lines(BufReader::new(opened), &format!("{shown}:"), rule)?
        }
        None => read_lines(io::stdin().lock(), "line ", rule)?,
    };
    let done = administration.import_users(&people).await?;
    let imported = Imported {
        added: done.added,
        existing: done.existing,
    };
    output.record(&imported)?;
    note(format_args!("added {}", counted(imported.added, "user")));
    if imported.existing.is_empty() || if_not_exists {
        return Ok(());
    }
    Err(Failure::Conflict(format!(
        "{} existed already and stayed as they were\n    --if-not-exists makes that a success",
        counted(imported.existing.len(), "user")
    )))
}

/// Every line of the file, or what is wrong with each that can't be used: a file is imported whole or not at all. `place` and
/// its number name a line.
fn read_lines(
    mut from: impl io::BufRead,
    place: &str,
    rule: &PasswordRule,
) -> Result<Vec<Person>, Failure> {
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for number in 1.. {
        let mut text = String::new();
        let read = from
            .by_ref()
            .take(LONGEST_LINE)
            .read_line(&mut text)
            .map_err(|error| Failure::failed(&format!("{place}{number} can't be read"), error))?;
        if read == 0 {
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(&text)
            .map_err(|error| in_words(&error))
            .and_then(|line| person(line, rule))
        {
            Ok(line) => lines.push(line),
            Err(problem) => wrong.push(format!("{place}{number}: {problem}")),
        }
    }
    if wrong.is_empty() {
        return Ok(lines);
    }
    Err(Failure::Failed(format!(
        "{}\n    nothing was imported",
        wrong.join("\n")
    )))
}

/// What is wrong with a line of JSON; its place within the line alone, for the line is named already.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text
        .split_once(" at line ")
        .map_or(text.as_str(), |(words, _)| words);
    // The words about a value of a wrong type repeat the value, which may be a password.
    let words = if words.starts_with("invalid") || words.starts_with("data did not match") {
        "a line is an object, with a username, and a password or password_hash, as text"
    } else {
        words
    };
    format!("{words} (column {})", error.column())
}

fn person(line: Line, rule: &PasswordRule) -> Result<Person, String> {
    let mut claims = PersonClaims::default();
    for (name, value) in line.others.0 {
        if claims.claim(&name).is_some() {
            return Err(format!("{name} stands twice"));
        }
        claims.set(&name, value).map_err(unknown_or_malformed)?;
    }
    let password = match (line.password, line.password_hash) {
        (Some(_), Some(_)) => {
            return Err("it has a password and a password_hash: keep one of them".to_owned());
        }
        (Some(password), None) => {
            let accepted = rule.accept(password, &line.username, &claims);
            Some(NewPassword::Clear(
                accepted.map_err(|unfit| unfit.to_string())?,
            ))
        }
        (None, Some(hash)) => Some(NewPassword::Hash(read_hash(hash)?)),
        (None, None) => None,
    };
    Person::new(line.username, password, claims)
}

fn read_hash(hash: WrittenHash) -> Result<ImportedHash, String> {
    let text = match hash {
        WrittenHash::Text(text) => text,
        WrittenHash::Object(object) => Secret::new(Value::Object(object).to_string()),
    };
    ImportedHash::read(text.expose()).map_err(|error| error.to_string())
}

/// Why a member can't be kept, and what was probably meant.
fn unknown_or_malformed(error: ClaimError) -> String {
    let ClaimError::Unknown(name) = error else {
        return error.to_string();
    };
    let advice = meant(&name, MEMBERS.into_iter().chain(claims::kept())).map_or_else(
        || "`safeconduct user add --help` lists the claims".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    format!(
        "`{name}` is neither username, password or password_hash nor a claim that can be set; {advice}"
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use rstest::rstest;
    use safeconduct_protocol::password::LEAST_MINIMUM;

    use super::*;

    fn rule() -> PasswordRule {
        PasswordRule::new(LEAST_MINIMUM, "https://login.acme.example", "Acme")
    }

    #[test]
    fn an_import_names_every_line_that_is_wrong() {
        let text = "{\"username\":\"ada\",\"password\":\"hush hush\"}\n\n{\"username\":\"bob\",\"pasword\":\"hush\"}\n{\"name\":\"Eve\"}\n{\"username\":\"eve\",\"password_hash\":\"5f4dcc3b\"}\nnot JSON\n{\"username\":\"mallory\",\"password\":48151623}\n\"hush\"\n{\"username\":\"dan\",\"email\":\"dan\"}\n{\"username\":\"dan\",\"email\":\"dan@a.example\",\"email\":\"dan@b.example\"}\n{\"username\":\"dan\",\"updated_at\":7}\n";
        let Err(failure) = read_lines(text.as_bytes(), "line ", &rule()) else {
            panic!("nine lines are wrong")
        };
        for secret in ["hush", "4815"] {
            assert!(!failure.message().contains(secret), "no secret is repeated");
        }
        assert_snapshot!(failure.message(), @"
        line 3: `pasword` is neither username, password or password_hash nor a claim that can be set; did you mean `password`?
        line 4: missing field `username` (column 14)
        line 5: the password_hash is of no form that can be checked; docs/guides/moving-users.md has those that can
        line 6: expected ident (column 2)
        line 7: a line is an object, with a username, and a password or password_hash, as text (column 41)
        line 8: a line is an object, with a username, and a password or password_hash, as text (column 6)
        line 9: email must be an address like ada@example.com
        line 10: email stands twice
        line 11: `updated_at` is neither username, password or password_hash nor a claim that can be set; `safeconduct user add --help` lists the claims
            nothing was imported
        ");
    }

    #[rstest]
    #[case::md5(r#""password_hash":"$1$abcdefgh$3Gm4b2oQOUXeLGpXyXKLn/""#)]
    #[case::the_faulty_bcrypt(
        r#""password_hash":"$2x$04$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y""#
    )]
    #[case::no_credential_of_keycloak(
        r#""password_hash":{"credentialData":"{}","secretData":"{}"}"#
    )]
    #[case::none_of_django(r#""password_hash":"!Vq0uXo3TzHk""#)]
    #[case::bcrypt_of_years(
        r#""password_hash":"$2b$31$fnNfWBEgaV3snohO3qXOfekx4cyKmtgCabT1SNk/iTBhDicHhpF6y""#
    )]
    #[case::too_dear(
        r#""password_hash":"$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc""#
    )]
    #[case::no_password("\"password\":\"\"")]
    #[case::too_short("\"password\":\"7 chars\"")]
    #[case::common("\"password\":\"Password1\"")]
    #[case::the_name_in_another_claim("\"password\":\"Lovelace\",\"family_name\":\"Lovelace\"")]
    #[case::not_typeable(r#""password":"correct\u0000horse""#)]
    fn a_password_that_could_never_be_used_is_not_imported(#[case] password: &str) {
        let line = |password: &str| format!("{{\"username\":\"ada\",{password}}}");
        let Err(failure) = read_lines(line(password).as_bytes(), "line ", &rule()) else {
            panic!("it was taken")
        };
        assert!(
            failure.message().starts_with("line 1: the password"),
            "{}",
            failure.message()
        );
        for good in [
            r#""password_hash":"$argon2id$v=19$m=262144,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc""#,
            r#""password_hash":{"credentialData":"{\"hashIterations\":1000,\"algorithm\":\"pbkdf2-sha256\"}","secretData":"{\"value\":\"AH9hxLH1EPWGVAMXKGziUw==\",\"salt\":\"5+cTKbEQ6/KzJNwTWilxvA==\"}"}"#,
        ] {
            assert!(read_lines(line(good).as_bytes(), "line ", &rule()).is_ok());
        }
    }

    #[test]
    fn an_import_keeps_its_order_and_skips_empty_lines() {
        let lines = read_lines(
            "\n{\"username\":\"bob\"}\n\n{\"username\":\"ada\",\"name\":\"Ada\"}".as_bytes(),
            "line ",
            &rule(),
        )
        .unwrap();
        assert_eq!(
            lines.iter().map(Person::username).collect::<Vec<_>>(),
            ["bob", "ada"]
        );
    }
}
