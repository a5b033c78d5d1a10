//! Who may create an account by themselves: whether a configuration says so as it can work.

use safeconduct_protocol::sign_up::{MailDomain, SignUp};

use super::at::At;
use super::file::{self, Config, SignUpWord};
use super::findings::Findings;

/// Judges `account.registration`.
pub(super) fn check(config: &Config, findings: &mut Findings<'_>) -> SignUp {
    let at = At::key("account").then("registration");
    let sign_up = match &config.account.registration {
        file::SignUp::Word(SignUpWord::Off) => SignUp::Off,
        file::SignUp::Word(SignUpWord::Invite) => SignUp::Invite,
        file::SignUp::Word(SignUpWord::Open) => SignUp::Open,
        file::SignUp::Domains(written) => SignUp::Domains(domains(written, &at, findings)),
    };
    if sign_up.is_open() && config.mail.host.is_none() {
        findings.refuse(
            &at,
            "people could not sign up: they prove their address by a mail, and no mail server is named",
            "name it with `mail.host`, or write \"invite\": those links may be printed",
        );
    }
    sign_up
}

fn domains(written: &[String], at: &At, findings: &mut Findings<'_>) -> Vec<MailDomain> {
    if written.is_empty() {
        findings.refuse(
            at,
            format!("`{at}` is a list without a domain: nobody could sign up"),
            "write \"off\" for nobody, \"open\" for everybody",
        );
    }
    let domains = written.iter().enumerate().filter_map(|(index, text)| {
        let domain = MailDomain::parse(text);
        if domain.is_err() {
            findings.refuse(
                &at.item(index),
                format!("`{text}` is not a mail domain"),
                "write what stands behind the @ of an address, such as \"example.com\", whole and without a port; each domain below it for itself",
            );
        }
        domain.ok()
    });
    domains.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Sources, check_sources};
    use super::*;

    const MAIL: &str = "mail.host = \"localhost\"\nmail.from = \"no-reply@id.example\"\n";

    /// Who may sign up, or what is said against it.
    fn said(before: &str, registration: &str) -> Result<SignUp, String> {
        let text = format!(
            "issuer = \"http://localhost:8420\"\n{before}account.registration = {registration}\n"
        );
        let sources = Sources {
            file: Some(("safeconduct.toml".into(), text)),
            ..Sources::default()
        };
        let checked = check_sources(&sources);
        checked
            .map(|checked| checked.sign_up)
            .map_err(|problems| problems.to_string())
    }

    fn at(domain: &str) -> SignUp {
        SignUp::Domains(vec![MailDomain::parse(domain).unwrap()])
    }

    #[rstest]
    #[case("", "\"off\"", SignUp::Off)]
    #[case("", "\"invite\"", SignUp::Invite)]
    #[case(MAIL, "\"open\"", SignUp::Open)]
    #[case(MAIL, "[\"Acme.example\"]", at("acme.example"))]
    fn who_may_sign_up_is_a_word_or_a_list(
        #[case] before: &str,
        #[case] written: &str,
        #[case] sign_up: SignUp,
    ) {
        assert_eq!(said(before, written), Ok(sign_up));
    }

    #[rstest]
    #[case::open_without_mail("", "\"open\"", "no mail server is named")]
    #[case::domains_without_mail("", "[\"acme.example\"]", "no mail server is named")]
    #[case::nobody(MAIL, "[]", "is a list without a domain")]
    #[case::with_at(MAIL, "[\"@acme.example\"]", "`@acme.example` is not a mail domain")]
    #[case::port(
        MAIL,
        "[\"acme.example:25\"]",
        "`acme.example:25` is not a mail domain"
    )]
    #[case::wildcard(MAIL, "[\"*.acme.example\"]", "`*.acme.example` is not a mail domain")]
    #[case::second(MAIL, "[\"acme.example\", \"x\"]", "`x` is not a mail domain")]
    #[case::word(
        MAIL,
        "\"acme.example\"",
        "must be `off`, `invite` or `open`, or a list"
    )]
    #[case::slip(MAIL, "\"opne\"", "did you mean `open`?")]
    #[case::numbers(MAIL, "[1]", "must be `off`, `invite` or `open`, or a list")]
    #[case::truth(MAIL, "true", "must be `off`, `invite` or `open`, or a list")]
    fn what_cannot_work_is_refused(
        #[case] before: &str,
        #[case] written: &str,
        #[case] says: &str,
    ) {
        let refused = said(before, written).unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert!(refused.starts_with("safeconduct.toml:"), "{refused}");
    }

    #[rstest]
    #[case("invite", Ok(SignUp::Invite))]
    #[case("acme.example", Ok(at("acme.example")))]
    #[case("opne", Err(()))]
    fn a_variable_says_it_too(#[case] value: &str, #[case] sign_up: Result<SignUp, ()>) {
        let variable = "SAFECONDUCT_ACCOUNT__REGISTRATION".to_owned();
        let text = format!("issuer = \"http://localhost:8420\"\n{MAIL}");
        let sources = Sources {
            file: Some(("safeconduct.toml".into(), text)),
            environment: vec![(variable, value.to_owned())],
            ..Sources::default()
        };
        let checked = check_sources(&sources).map(|checked| checked.sign_up);
        assert_eq!(checked.map_err(|_| ()), sign_up);
    }
}
