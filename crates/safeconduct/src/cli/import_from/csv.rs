//! A table of users, such as a spreadsheet or a database writes it.

use std::path::Path;

use safeconduct_protocol::claims;
use safeconduct_protocol::secret::Secret;
use serde_json::Value;

use super::super::failure::Failure;
use super::plan::{ForeignUser, Plan};

/// What a column is.
enum Column {
    Sub,
    Username,
    Password,
    Hash,
    Groups,
    Disabled,
    Claim(&'static str),
}

impl Column {
    fn called(name: &str) -> Option<Self> {
        Some(match name {
            "sub" => Self::Sub,
            "username" => Self::Username,
            "password" => Self::Password,
            "password_hash" => Self::Hash,
            "groups" => Self::Groups,
            "disabled" => Self::Disabled,
            name => Self::Claim(claims::kept().find(|claim| *claim == name)?),
        })
    }
}

/// Takes every line into the plan.
///
/// # Errors
/// The file can't be read, or is no such table.
pub(super) fn read(file: &Path, plan: &mut Plan<'_>) -> Result<(), Failure> {
    let shown = file.display();
    let unreadable = |error| Failure::failed(&format!("{shown} can't be read"), error);
    let wrong = |line: u64, what: &str| {
        Failure::Failed(format!("{shown}:{line}: {what}\n    nothing was imported"))
    };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut table = csv::Reader::from_reader(std::io::BufReader::new(opened));
    let head = table.headers();
    let head = head.map_err(|_| wrong(1, "this is no line of a table in UTF-8"))?;
    let mut columns = Vec::new();
    for name in head {
        let name = name.trim_start_matches('\u{feff}').trim();
        let column = Column::called(name).ok_or_else(|| {
            let what = format!(
                "`{name}` is no column: username, sub, password, password_hash, groups, disabled, or a claim as `safeconduct user add --help` lists them"
            );
            wrong(1, &what)
        });
        columns.push(column?);
    }
    if !columns
        .iter()
        .any(|column| matches!(column, Column::Username))
    {
        return Err(wrong(1, "there is no column `username`"));
    }
    for (number, record) in table.records().enumerate() {
        let line = |at: Option<&csv::Position>| at.map_or(number as u64 + 2, csv::Position::line);
        let record = record.map_err(|error| {
            let what = "it has more or fewer columns than the first line, or is not UTF-8";
            wrong(line(error.position()), what)
        })?;
        let user = user(&columns, &record);
        plan.user(user.map_err(|what| wrong(line(record.position()), &what))?);
    }
    Ok(())
}

fn user(columns: &[Column], record: &csv::StringRecord) -> Result<ForeignUser, String> {
    let mut user = ForeignUser::default();
    let filled = columns.iter().zip(record);
    for (column, text) in filled.filter(|(_, text)| !text.is_empty()) {
        match column {
            Column::Sub => {
                (user.is_known_to_apps, user.sub) = (true, Some(text.to_owned()));
            }
            Column::Username => text.clone_into(&mut user.username),
            Column::Password => user.password = Some(Secret::new(text)),
            Column::Hash => user.hash = Some(Secret::new(text)),
            Column::Groups => {
                let names = text
                    .split(';')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                user.groups = names.map(str::to_owned).collect();
            }
            Column::Disabled => user.locked = truth("disabled", text)?,
            Column::Claim(name) => {
                let value = match *name {
                    "email_verified" | "phone_number_verified" => truth(name, text)?.into(),
                    "address" => serde_json::from_str(text)
                        .map_err(|_| "address is an object in JSON".to_owned())?,
                    _ => Value::from(text),
                };
                user.claims.push((name, value));
            }
        }
    }
    Ok(user)
}

fn truth(name: &str, text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(format!("{name} is true or false")),
    }
}
