//! `safeconduct mail`: what people are sent, to be looked at, and whether it can be sent.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use safeconduct_protocol::clock::Clock;
use safeconduct_protocol::ids::new_id;
use safeconduct_protocol::language::Language;
use safeconduct_protocol::link::LinkPurpose;
use safeconduct_protocol::mail::{MailAddress, MailPurpose};
use safeconduct_protocol::time::Timestamp;
use safeconduct_server::pages::{MailPage, MailText, PageSet};
use safeconduct_server::smtp::{Letter, MailServer};
use serde::Serialize;

use super::context::{Context, block_on};
use super::failure::Failure;
use super::output::{counted, note, printable, write_out};
use crate::config::Checked;

/// What stands for a link in a preview: it opens nothing.
const SAMPLE_LINK: &str = "/link?link=sc_ln_only-a-sample-that-opens-nothing";

/// When everything in a preview happened: 15 January 2027, 8:00 UTC.
const SAMPLE_MOMENT: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Where the others lead.
const ACCOUNT: &str = "/account";

/// What is done with mails.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show the mails that people are sent, or write them into a directory as text and HTML
    Preview {
        /// One mail alone, such as `password-changed`
        #[arg(long, value_name = "PURPOSE", value_parser = purpose)]
        purpose: Option<MailPurpose>,
        /// The language, such as `de`; without it, that of `ui.default_language`
        #[arg(long, value_name = "LANGUAGE", value_parser = language)]
        language: Option<Language>,
        /// The directory to write into: PURPOSE.LANGUAGE.txt and .html
        #[arg(long, value_name = "DIRECTORY")]
        out: Option<PathBuf>,
    },
    /// Send a mail that says that mails arrive, and say what the mail server answered
    Test {
        /// To whom
        #[arg(value_name = "ADDRESS", value_parser = MailAddress::parse)]
        address: MailAddress,
    },
}

#[derive(Serialize)]
struct Sent {
    mail_server: String,
    answer: String,
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// The configuration's; a file can't be written; the mail server takes nothing.
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let checked = context.load(Vec::new())?;
        match self {
            Self::Preview {
                purpose,
                language,
                out,
            } => preview(&checked, purpose, language, out.as_deref()),
            Self::Test { address } => {
                let sent = block_on(test(&checked, &address))?;
                context.output.record(&sent)
            }
        }
    }
}

fn purpose(name: &str) -> Result<MailPurpose, String> {
    let all = MailPurpose::ALL.map(MailPurpose::as_str).join(", ");
    MailPurpose::parse(name).ok_or_else(|| format!("the mails are {all}"))
}

fn language(tag: &str) -> Result<Language, String> {
    let all = Language::ALL.map(Language::tag).join(", ");
    Language::parse(tag).ok_or_else(|| format!("the languages are {all}"))
}

fn preview(
    checked: &Checked,
    purpose: Option<MailPurpose>,
    language: Option<Language>,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let pages = pages(checked)?;
    let language = language.unwrap_or(checked.config.ui.default_language);
    let purposes = purpose.map_or_else(|| MailPurpose::ALL.to_vec(), |one| vec![one]);
    let mut shown = Vec::new();
    for purpose in &purposes {
        let path = LinkPurpose::of_mail(*purpose).map_or(ACCOUNT, |_| SAMPLE_LINK);
        let link = checked.issuer.endpoint(path);
        let says = say(&pages, language, Some(*purpose), &link)?;
        match out {
            Some(directory) => write(directory, &format!("{purpose}.{language}"), &says)?,
            None => shown.push(format!("{purpose}: {}\n\n{}", says.subject, says.text)),
        }
    }
    match out {
        Some(directory) => {
            let mails = counted(purposes.len(), "mail");
            note(format!("wrote {mails} to {}", directory.display()));
            Ok(())
        }
        None => write_out(shown.join("\n").trim_end()),
    }
}

fn write(directory: &Path, name: &str, says: &MailText) -> Result<(), Failure> {
    let shown = format!("{} can't be written", directory.display());
    let failed = |error| Failure::failed(&shown, error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let text = format!("{}\n\n{}", says.subject, says.text);
    for (ending, content) in [("txt", &text), ("html", &says.html)] {
        let path = directory.join(format!("{name}.{ending}"));
        std::fs::write(path, content).map_err(failed)?;
    }
    Ok(())
}

async fn test(checked: &Checked, address: &MailAddress) -> Result<Sent, Failure> {
    let Some(settings) = checked.mail_settings()? else {
        let said = "no mail server is set up\n    name it in the configuration: [mail] host";
        return Err(Failure::Configuration(said.to_owned()));
    };
    let server = MailServer::new(&settings, checked.issuer.host())?;
    let pages = pages(checked)?;
    let home = checked.issuer.as_str();
    let says = say(&pages, checked.config.ui.default_language, None, home)?;
    let letter = Letter {
        id: &new_id(),
        host: checked.issuer.host(),
        sender: &checked.config.ui.name,
        to: address,
        date: Clock::system().now(),
        says: &says,
    };
    let answer = server.send(&letter).await;
    let answer = answer.map_err(|untaken| Failure::Failed(printable(&untaken.to_string())))?;
    Ok(Sent {
        mail_server: format!("{}:{}", settings.host, settings.port),
        answer,
    })
}

fn pages(checked: &Checked) -> Result<PageSet, Failure> {
    let (ui, path) = (&checked.config.ui, checked.issuer.path());
    let pages = PageSet::new(&ui.name, path, &checked.look);
    pages.map_err(|error| Failure::failed("the pages can't be made", error))
}

fn say(
    pages: &PageSet,
    language: Language,
    purpose: Option<MailPurpose>,
    link: &str,
) -> Result<MailText, Failure> {
    let said = pages.of(language).mail(&MailPage {
        purpose,
        account: "ada",
        when: SAMPLE_MOMENT,
        link,
    });
    said.map_err(|error| Failure::failed("the mail can't be said", error))
}
