//! What may stand in `log.level`. The filter that reads it at last takes any word for the name of a module, and would be silent
//! about everything else.

use super::schema;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Judges a list such as `info,safeconduct_store=debug`; what it leaves silent, as a warning.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(super) fn check(written: &str) -> Result<Option<String>, (String, String)> {
    let mut general = None;
    for part in written.split(',') {
        let (module, level) = match part.split_once('=') {
            Some((module, level)) => (Some(module), level),
            None => (None, part),
        };
        if !is_level(level) {
            return Err(not_a_level(module, level));
        }
        match module {
            Some(module) if !is_module(module) => {
                return Err((
                    format!("`{module}` can't be the name of a module"),
                    "write it as in info,safeconduct_store=debug".to_owned(),
                ));
            }
            Some(_) => {}
            None => general = Some(level),
        }
    }
    Ok(match general {
        Some(level) if level.eq_ignore_ascii_case("off") => {
            Some("nothing is logged but what is named beside it".to_owned())
        }
        Some(_) => None,
        None => Some(format!(
            "nothing is logged but what is named here; write info,{written} for the rest"
        )),
    })
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

fn is_module(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    !name.is_empty()
        && name.split("::").all(|part| {
            part.bytes().next().is_some_and(first)
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

fn not_a_level(module: Option<&str>, word: &str) -> (String, String) {
    let same = match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "fatal" | "alert" | "emergency" | "severe" => Some("error"),
        "notice" => Some("info"),
        "verbose" | "fine" => Some("debug"),
        "all" => Some("trace"),
        "none" => Some("off"),
        _ => schema::meant(word.trim(), LEVELS),
    };
    let advice = match (same, module) {
        (Some(level), None) => format!("did you mean {level}?"),
        (Some(level), Some(module)) => format!("did you mean {module}={level}?"),
        (None, None) if is_module(word) && word.contains('_') => {
            format!("write error, warn, info, debug or trace; for a module, {word}=debug")
        }
        (None, _) => "write error, warn, info, debug or trace".to_owned(),
    };
    (format!("`{word}` is no level of the log"), advice)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tracing_subscriber::EnvFilter;

    use super::*;

    #[rstest]
    fn every_level_is_one_alone_and_for_a_module(
        #[values("error", "warn", "info", "debug", "trace", "INFO")] level: &str,
    ) {
        assert_eq!(check(level), Ok(None));
        let with_module = format!("info,safeconduct_store={level},hyper::proto={level}");
        assert_eq!(check(&with_module), Ok(None));
        assert!(EnvFilter::try_new(with_module).is_ok());
    }

    #[rstest]
    #[case("warning", "did you mean warn?")]
    #[case("Warning", "did you mean warn?")]
    #[case("information", "did you mean info?")]
    #[case("err", "did you mean error?")]
    #[case("fatal", "did you mean error?")]
    #[case("verbose", "did you mean debug?")]
    #[case(
        "info,safeconduct_store=verbose",
        "did you mean safeconduct_store=debug?"
    )]
    #[case("safeconduct_store", "for a module, safeconduct_store=debug")]
    #[case("3", "write error, warn, info, debug or trace")]
    #[case("", "write error, warn, info, debug or trace")]
    #[case("info,", "write error, warn, info, debug or trace")]
    #[case(
        "info, safeconduct_store=debug",
        "write it as in info,safeconduct_store=debug"
    )]
    #[case("info,[request]=trace", "write it as in info,safeconduct_store=debug")]
    fn a_word_that_is_no_level_is_refused_with_the_one_that_is(
        #[case] written: &str,
        #[case] advice: &str,
    ) {
        let (message, told) = check(written).unwrap_err();
        assert!(told.contains(advice), "{message}: {told}");
    }

    #[rstest]
    #[case("off")]
    #[case("off,safeconduct_store=debug")]
    #[case("safeconduct_store=debug")]
    fn a_log_that_is_silent_about_everything_else_is_warned_of(#[case] written: &str) {
        let warning = check(written).unwrap().unwrap();
        assert!(warning.starts_with("nothing is logged but"), "{warning}");
    }
}
