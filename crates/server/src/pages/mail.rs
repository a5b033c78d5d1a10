//! Mails, said as pages are: a subject, a text and the same as HTML. Which is due, to whom, and its link belong to the outbox.
//!
//! The words may hold `<bdi>` as those of pages do; the text is the same without. Nothing isolates a name by characters, which some
//! programs show as boxes, and users copy along.

use std::iter;

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{Value, context};
use safeconduct_protocol::{
    link::LinkPurpose, mail::MailPurpose, precis::misleads, time::Timestamp,
};

use super::{Pages, PagesError, dates, escape, texts::Texts};

const LINK: &str = "mail-link";
const LINK_MINUTES: &str = "mail-link-minutes";
const LINK_HOURS: &str = "mail-link-hours";
const FOOTER: &str = "mail-footer";

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailPage<'a> {
    /// What it is about; `None`: a test, which says that mails arrive.
    pub purpose: Option<MailPurpose>,
    /// The account that it is about. Not said where the address may be anybody's.
    pub account: &'a str,
    /// When it happened.
    pub when: Timestamp,
    /// Where its button leads.
    pub link: &'a str,
}

impl MailPage<'_> {
    /// For how many minutes the link is good, if it is one that ends.
    fn minutes(&self) -> Option<i64> {
        let purpose = self.purpose.and_then(LinkPurpose::of_mail)?;
        Some(purpose.lifetime() / 60)
    }
}

/// A mail in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailText {
    /// Its subject: one line without markup.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// The same as a document of HTML.
    pub html: String,
}

/// The names of a mail's texts: its subject, what it says, what it advises, and what its button says.
type Words = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
);

#[rustfmt::skip]
const fn words(purpose: Option<MailPurpose>) -> Words {
    const NOT_YOU: Option<&str> = Some("mail-not-you");
    const ACCOUNT: &str = "mail-account-action";
    match purpose {
        None => ("mail-test-subject", "mail-test", None, "mail-test-action"),
        Some(MailPurpose::Invite) => ("mail-invite-subject", "mail-invite", None, "mail-invite-action"),
        Some(MailPurpose::Verify) => ("mail-verify-subject", "mail-verify", None, "mail-verify-action"),
        Some(MailPurpose::Recover) => ("mail-recover-subject", "mail-recover", None, "mail-recover-action"),
        Some(MailPurpose::SignUp) => ("mail-sign-up-subject", "mail-sign-up", None, "mail-sign-up-action"),
        Some(MailPurpose::SignUpInvite) => ("mail-sign-up-invite-subject", "mail-sign-up-invite", None, "mail-sign-up-action"),
        Some(MailPurpose::AccountExists) => ("mail-account-exists-subject", "mail-account-exists", None, ACCOUNT),
        Some(MailPurpose::AddressChanged) => ("mail-address-changed-subject", "mail-address-changed", NOT_YOU, ACCOUNT),
        Some(MailPurpose::PasswordChanged) => ("mail-password-changed-subject", "mail-password-changed", NOT_YOU, ACCOUNT),
        Some(MailPurpose::OtpAdded) => ("mail-otp-added-subject", "mail-otp-added", NOT_YOU, ACCOUNT),
        Some(MailPurpose::OtpRemoved) => ("mail-otp-removed-subject", "mail-otp-removed", NOT_YOU, ACCOUNT),
        Some(MailPurpose::PasskeyAdded) => ("mail-passkey-added-subject", "mail-passkey-added", NOT_YOU, ACCOUNT),
        Some(MailPurpose::PasskeyRemoved) => ("mail-passkey-removed-subject", "mail-passkey-removed", NOT_YOU, ACCOUNT),
        Some(MailPurpose::RecoveryCodesMade) => ("mail-recovery-codes-made-subject", "mail-recovery-codes-made", NOT_YOU, ACCOUNT),
        Some(MailPurpose::RecoveryCodeUsed) => ("mail-recovery-code-used-subject", "mail-recovery-code-used", NOT_YOU, ACCOUNT),
        Some(MailPurpose::SecondFactorGuessed) => ("mail-second-factor-guessed-subject", "mail-second-factor-guessed", Some("mail-guessed-advice"), ACCOUNT),
        Some(MailPurpose::NewDevice) => ("mail-new-device-subject", "mail-new-device", NOT_YOU, ACCOUNT),
    }
}

/// The names of all texts of mails.
#[cfg(test)]
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    let purposes = MailPurpose::ALL.into_iter().map(Some);
    let of_purposes = iter::once(None).chain(purposes).flat_map(|purpose| {
        let (subject, says, advises, action) = words(purpose);
        [Some(subject), Some(says), advises, Some(action)]
    });
    of_purposes
        .flatten()
        .chain([LINK, LINK_MINUTES, LINK_HOURS, FOOTER])
}

impl Pages {
    /// A mail.
    ///
    /// # Errors
    /// Only for texts and a template that are broken, which the tests rule out for every mail in every language.
    pub fn mail(&self, page: &MailPage<'_>) -> Result<MailText, PagesError> {
        let said = Said {
            pages: self,
            page,
            when: dates::date_and_time(self.language, page.when),
        };
        let (subject, says, advises, action) = words(page.purpose);
        let life = page.minutes().map(|minutes| match minutes % 60 {
            0 => LINK_HOURS,
            _ => LINK_MINUTES,
        });
        let before: Vec<&str> = iter::once(says).chain(advises).collect();
        let behind: Vec<&str> = iter::once(LINK).chain(life).collect();
        let plain = |names: &[&str]| {
            let texts = names.iter().map(|name| said.plain(name));
            texts.collect::<Result<Vec<String>, PagesError>>()
        };
        let marked = |names: &[&str]| {
            let texts = names.iter().map(|name| said.marked(name));
            texts.collect::<Result<Vec<Value>, PagesError>>()
        };
        let subject = said.plain(subject)?;
        let mut text = plain(&before)?;
        text.push(format!("{}:\n{}", said.plain(action)?, page.link));
        text.extend(plain(life.as_slice())?);
        // What is below is no part of what is said (the signature of a mail begins so).
        text.push(format!("-- \n{}", said.plain(FOOTER)?));
        let document = context! {
            subject => &subject,
            paragraphs => marked(&before)?,
            action => said.marked(action)?,
            link => page.link,
            behind => marked(&behind)?,
            footer => said.marked(FOOTER)?,
        };
        let html = self.environment.get_template("mail.html")?;
        Ok(MailText {
            html: html.render(document)?,
            text: text.join("\n\n") + "\n",
            subject,
        })
    }
}

/// The texts of one mail, with its facts in their places.
struct Said<'a> {
    pages: &'a Pages,
    page: &'a MailPage<'a>,
    when: String,
}

impl Said<'_> {
    fn texts(&self) -> &Texts {
        &self.pages.texts
    }

    /// The facts, each as `fact` writes it.
    fn facts(&self, fact: impl Fn(usize, &str) -> String) -> FluentArgs<'static> {
        let mut facts = FluentArgs::new();
        let named = [
            ("product", self.pages.product.as_str()),
            ("account", self.page.account),
            ("when", self.when.as_str()),
        ];
        for (at, (name, value)) in named.into_iter().enumerate() {
            facts.set(name, fact(at, value));
        }
        let minutes = self.page.minutes().unwrap_or_default();
        facts.set("minutes", FluentValue::from(minutes));
        facts.set("hours", FluentValue::from(minutes / 60));
        facts
    }

    /// The text `name` as markup.
    fn marked(&self, name: &str) -> Result<Value, PagesError> {
        let facts = self.facts(|_, value| escape::escaped(value));
        let said = self.texts().format(name, Some(&facts));
        said.map(Value::from_safe_string).map_err(PagesError::Texts)
    }

    /// The text `name` without markup. The facts come into it when the markup is gone: what looks like markup in them stays.
    fn plain(&self, name: &str) -> Result<String, PagesError> {
        const PLACES: [char; 3] = ['\u{e000}', '\u{e001}', '\u{e002}'];
        let facts = self.facts(|at, _| PLACES[at].to_string());
        let said = self.texts().format(name, Some(&facts));
        let said = said.map_err(PagesError::Texts)?;
        let said = said.replace("<bdi>", "").replace("</bdi>", "");
        let values = [&self.pages.product, self.page.account, &self.when];
        let mut written = String::with_capacity(said.len());
        for character in said.chars() {
            match PLACES.iter().position(|place| *place == character) {
                Some(at) => written.extend(values[at].chars().filter(|c| !misleads(*c))),
                None => written.push(character),
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use safeconduct_protocol::language::Language;

    use super::super::{Look, PageSet};
    use super::*;

    const LINK: &str = "https://id.example/link#sc_link_AQEBAQEBAQEBAQEB";

    fn page(purpose: Option<MailPurpose>) -> MailPage<'static> {
        MailPage {
            purpose,
            account: "ada",
            when: Timestamp::from_seconds(1_800_000_000),
            link: LINK,
        }
    }

    fn all() -> impl Iterator<Item = Option<MailPurpose>> {
        iter::once(None).chain(MailPurpose::ALL.map(Some))
    }

    /// Attacks: PE77.
    #[test]
    fn every_mail_is_whole_in_every_language() {
        let pages = PageSet::new("Acme", "", &Look::default()).unwrap();
        for language in Language::ALL {
            for purpose in all() {
                let mail = pages.of(language).mail(&page(purpose)).unwrap();
                let of = format!("{purpose:?} in {language}");
                assert!(mail.subject.contains("Acme"), "{of}");
                for said in [&mail.subject, &mail.text] {
                    assert!(!said.contains(['<', '{', '&']), "{of}: {said}");
                }
                for said in [&mail.subject, &mail.text, &mail.html] {
                    let misleads = |c: char| misleads(c) && c != '\n';
                    assert!(!said.contains(misleads), "{of}: {said}");
                    assert!(!said.contains(['\u{e000}', '\u{e001}', '\u{e002}']), "{of}");
                }
                assert!(!mail.subject.contains('\n'), "{of}");
                assert_eq!(mail.text.matches(LINK).count(), 1, "{of}");
                assert_eq!(mail.html.matches(LINK).count(), 3, "{of}");
            }
        }
    }

    /// Attacks: PE66.
    #[test]
    fn a_mail_to_anybodys_address_says_nothing_that_the_requester_chose() {
        let pages = PageSet::new("Acme", "", &Look::default()).unwrap();
        for language in Language::ALL {
            for purpose in MailPurpose::ALL {
                let page = MailPage {
                    account: "Buy at evil.example",
                    ..page(Some(purpose))
                };
                let mail = pages.of(language).mail(&page).unwrap();
                let said = [mail.subject, mail.text, mail.html].concat();
                let says = said.contains("evil.example");
                assert_eq!(says, !purpose.is_to_anybody(), "{purpose} in {language}");
            }
        }
    }

    #[test]
    fn what_looks_like_markup_in_a_name_stays_text() {
        let pages = PageSet::new("<i>Acme</i>", "", &Look::default()).unwrap();
        let page = MailPage {
            account: "<bdi>\u{202e}ada</bdi>\u{e000}",
            ..page(Some(MailPurpose::PasswordChanged))
        };
        let mail = pages.of(Language::English).mail(&page).unwrap();
        assert!(
            mail.text.contains("<bdi>ada</bdi>\u{e000}"),
            "{}",
            mail.text
        );
        assert!(mail.subject.contains("<i>Acme</i>"));
        assert!(mail.html.contains("&lt;bdi&gt;ada&lt;/bdi&gt;"));
        assert!(!mail.html.contains("<i>"));
    }

    #[test]
    fn a_mail_in_words() {
        let pages = PageSet::new("Acme", "", &Look::default()).unwrap();
        let mail = pages
            .of(Language::English)
            .mail(&page(Some(MailPurpose::Recover)));
        let mail = mail.unwrap();
        assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text), @r#"
    Get back into your account at Acme

    Somebody, most likely you, wants to get back into your account ada at Acme. If it was not you, there is nothing to do: nothing has changed.

    Get back in:
    https://id.example/link#sc_link_AQEBAQEBAQEBAQEB

    The link is good for 30 minutes, and once.

    -- 
    Acme sent this message automatically. Nobody reads answers to it.
"#);
    }

    #[test]
    fn the_html_of_a_mail_asks_for_nothing_and_says_which_way_it_runs() {
        let pages = PageSet::new("Acme", "", &Look::default()).unwrap();
        for (language, direction) in [(Language::English, "ltr"), (Language::Arabic, "rtl")] {
            let mail = pages.of(language).mail(&page(Some(MailPurpose::Invite)));
            let html = mail.unwrap().html;
            let root = format!("<html lang=\"{language}\" dir=\"{direction}\">");
            assert!(html.contains(&root), "{html}");
            for asks in ["<img", "<link", "<script", "url(", "src=", "<form"] {
                assert!(!html.contains(asks), "{asks}");
            }
            assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        }
    }
}
