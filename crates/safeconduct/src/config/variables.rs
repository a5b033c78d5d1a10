//! The variables of the environment that begin with `SAFECONDUCT_`: which of them are settings, which belong to others, and
//! which were meant to be settings and are none.

use std::ffi::OsString;

use super::problem::{Origin, Problems};
use super::schema::{self, PREFIX, Setting};

/// What is said of a variable that was meant to be a setting.
pub(super) const SETS_NOTHING: &str = "this variable sets nothing";

/// Variables of the program that are no keys of the configuration.
const OWN: [&str; 3] = [
    "SAFECONDUCT_CONFIG",
    "SAFECONDUCT_CONTEXT",
    crate::master_key::VARIABLE,
];

/// What a variable is to the configuration.
pub(super) enum Variable<'s> {
    /// It sets this.
    Sets(&'s Setting),
    /// It is not for this program: other `SAFECONDUCT_` names belong to client libraries, launchers and Kubernetes.
    Foreign,
    /// It can't be meant for another program, and sets nothing.
    Refused { advice: String },
    /// It is close to a setting, and might be another program's.
    Doubtful { advice: String },
}

/// The variables of this process.
///
/// # Errors
/// A value that is no UTF-8 text.
pub(super) fn of_this_process() -> Result<Vec<(String, String)>, Problems> {
    texts(std::env::vars_os())
}

fn texts(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Problems> {
    let mut problems = Problems::default();
    let mut texts = Vec::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.starts_with(PREFIX) {
            continue;
        }
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) => problems.add(Origin::variable(&name), "the value is no UTF-8 text", ""),
        }
    }
    problems.or(texts)
}

/// Says what the variable `name` is.
pub(super) fn read<'s>(name: &str, value: &str, settings: &'s [Setting]) -> Variable<'s> {
    if let Some(setting) = settings.iter().find(|setting| setting.variable() == name) {
        return Variable::Sets(setting);
    }
    if OWN.contains(&name) || is_of_kubernetes(name, value) {
        return Variable::Foreign;
    }
    let advice = |setting: &Setting| format!("did you mean {}?", setting.variable());
    if let Some(setting) = settings
        .iter()
        .find(|setting| folded(&setting.variable()) == folded(name))
    {
        return Variable::Refused {
            advice: advice(setting),
        };
    }
    if name.contains("__") {
        // Only a setting is spelled with `__`.
        let known: Vec<String> = settings.iter().map(Setting::variable).collect();
        let advice = schema::meant(name, known.iter().map(String::as_str)).map_or_else(
            || {
                "scopes, resources and clients are set in the file; every other key can be set here"
                    .to_owned()
            },
            |meant| format!("did you mean {meant}?"),
        );
        return Variable::Refused { advice };
    }
    match probably(name, settings) {
        Some(setting) => Variable::Doubtful {
            advice: advice(setting),
        },
        None => Variable::Foreign,
    }
}

/// The setting that `name` is probably meant to be: one of the table that it names, or the one whose last key it is.
fn probably<'s>(name: &str, settings: &'s [Setting]) -> Option<&'s Setting> {
    let tail = name.strip_prefix(PREFIX)?.to_lowercase();
    let mut of_that_key = settings
        .iter()
        .filter(|setting| setting.path.len() > 1 && setting.path.last() == Some(&tail));
    if let (Some(setting), None) = (of_that_key.next(), of_that_key.next()) {
        return Some(setting);
    }
    let likeness = |setting: &&Setting| {
        let path = setting.path.join("_");
        let table = setting
            .path
            .split_last()
            .map(|(_, tables)| tables.join("_"));
        let in_table = table.is_none_or(|table| table.is_empty() || tail.starts_with(&table));
        if in_table {
            strsim::jaro_winkler(&tail, &path)
        } else {
            0.0
        }
    };
    settings
        .iter()
        .map(|setting| (likeness(&setting), setting))
        .filter(|(likeness, _)| *likeness > 0.9)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, setting)| setting)
}

/// A name as it is when the two kinds of separators are not told apart.
fn folded(name: &str) -> String {
    name.split('_')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("_")
        .to_uppercase()
}

/// Whether this is what Kubernetes tells every container of a service whose name begins with `safeconduct`:
/// `…_SERVICE_HOST`, `…_SERVICE_PORT`, `…_PORT=tcp://…` and `…_PORT_8420_TCP_ADDR`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let port = name.rsplit_once("_PORT_").is_some_and(|(_, rest)| {
        let number = rest.split('_').next().unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || port
        || (name.ends_with("_PORT") && is_url)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "SAFECONDUCT_SERVER_LISTEN",
        "refused: did you mean SAFECONDUCT_SERVER__LISTEN?"
    )]
    #[case(
        "SAFECONDUCT_DATABASE_URL",
        "refused: did you mean SAFECONDUCT_DATABASE__URL?"
    )]
    #[case(
        "SAFECONDUCT_LOGIN_PER_PAIR_BURST",
        "refused: did you mean SAFECONDUCT_LOGIN__PER_PAIR__BURST?"
    )]
    #[case(
        "SAFECONDUCT_SERVER___LISTEN",
        "refused: did you mean SAFECONDUCT_SERVER__LISTEN?"
    )]
    #[case("SAFECONDUCT__ISSUER", "refused: did you mean SAFECONDUCT_ISSUER?")]
    #[case(
        "SAFECONDUCT_SERVER__LISTN",
        "refused: did you mean SAFECONDUCT_SERVER__LISTEN?"
    )]
    #[case(
        "SAFECONDUCT_SERVER_LISTN",
        "doubtful: did you mean SAFECONDUCT_SERVER__LISTEN?"
    )]
    #[case("SAFECONDUCT_ISUER", "doubtful: did you mean SAFECONDUCT_ISSUER?")]
    #[case("SAFECONDUCT_ISSUER_URL", "doubtful: did you mean SAFECONDUCT_ISSUER?")]
    #[case(
        "SAFECONDUCT_LISTEN",
        "doubtful: did you mean SAFECONDUCT_SERVER__LISTEN?"
    )]
    #[case(
        "SAFECONDUCT_MASTER_KEY_FILE",
        "doubtful: did you mean SAFECONDUCT_SECRETS__MASTER_KEY_FILE?"
    )]
    #[case("SAFECONDUCT_CLIENT_ID", "foreign")]
    #[case("SAFECONDUCT_CLIENT_SECRET", "foreign")]
    #[case("SAFECONDUCT_BASE_URL", "foreign")]
    #[case("SAFECONDUCT_SESSION_KEY", "foreign")]
    #[case("SAFECONDUCT_SESSION_KEY_FILE", "foreign")]
    #[case("SAFECONDUCT_CONFIG", "foreign")]
    #[case("SAFECONDUCT_CONTEXT", "foreign")]
    #[case("SAFECONDUCT_MASTER_KEY", "foreign")]
    #[case("SAFECONDUCT_VERSION", "foreign")]
    fn a_variable_that_was_meant_to_be_a_setting_is_not_ignored(
        #[case] name: &str,
        #[case] says: &str,
    ) {
        let settings = schema::settings();
        let said = match read(name, "x", &settings) {
            Variable::Sets(setting) => format!("sets {}", setting.variable()),
            Variable::Foreign => "foreign".to_owned(),
            Variable::Refused { advice } => format!("refused: {advice}"),
            Variable::Doubtful { advice } => format!("doubtful: {advice}"),
        };
        assert_eq!(said, says);
    }

    /// What a pod finds beside services named `safeconduct` and `safeconduct-server`, as the documentation of Kubernetes lists it.
    #[rstest]
    fn what_kubernetes_sets_for_a_service_of_our_name_is_left_alone(
        #[values("SAFECONDUCT", "SAFECONDUCT_SERVER", "SAFECONDUCT_DATABASE")] service: &str,
    ) {
        let settings = schema::settings();
        for (name, value) in [
            ("_SERVICE_HOST", "10.0.0.11"),
            ("_SERVICE_PORT", "8420"),
            ("_SERVICE_PORT_HTTP", "8420"),
            ("_PORT", "tcp://10.0.0.11:8420"),
            ("_PORT_8420_TCP", "tcp://10.0.0.11:8420"),
            ("_PORT_8420_TCP_PROTO", "tcp"),
            ("_PORT_8420_TCP_PORT", "8420"),
            ("_PORT_8420_TCP_ADDR", "10.0.0.11"),
        ] {
            let name = format!("{service}{name}");
            assert!(
                matches!(read(&name, value, &settings), Variable::Foreign),
                "{name}"
            );
        }
    }

    #[test]
    fn a_value_that_is_no_text_is_not_ignored() {
        let broken = OsString::from_vec(vec![0xff]);
        let of = |name: &str| (OsString::from(name), broken.clone());
        let told = texts([of("SAFECONDUCT_ISSUER"), of("LESSOPEN")].into_iter()).unwrap_err();
        assert_eq!(
            told.to_string(),
            "SAFECONDUCT_ISSUER: the value is no UTF-8 text"
        );
    }
}
