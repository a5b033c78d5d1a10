//! The pages a user sees: sign in, prove a second factor, choose an account, consent, refusal, sign out, and a front page.
//!
//! This module turns plain page values into HTML, and owns the look (`assets/`), the markup
//! (`templates/`) and the words (`locales/`). It decides nothing: which page is due, its language, its status
//! and its cookies belong to others. Pages need no JavaScript and ask no other host for anything; of the three
//! scripts there are one saves a click (`form_post.rs`), one asks for passkeys (`passkey.rs`), and one shows what was typed as a password.

mod account;
mod assets;
mod claims;
mod consent;
mod dates;
mod environment;
mod error;
mod error_entry;
mod escape;
mod form_post;
mod headers;
mod look;
mod mail;
mod new_password;
mod numerals;
mod passkey;
mod recover;
mod refusal;
pub mod samples;
mod second_factor;
mod session;
mod sign_in;
mod sign_up;
#[cfg(test)]
mod tests;
mod texts;

use std::ops::Deref;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::{Kwargs, Serde, Value};
use rust_embed::RustEmbed;
use safeconduct_protocol::{language::Language, time::Timestamp};
use serde::Serialize;

use self::account::Framed;
pub use self::account::{
    AccountFrame, AccountPage, ActivityPage, AddressPage, AddressProblem, AppLine, AppsPage,
    AuthenticatorLine, ConfirmAddressPage, DeletePage, EventLine, FactLine, OverviewPage,
    PhonePage, Section, SecurityPage, SessionLine, SessionsPage,
};
pub use self::assets::Asset;
use self::assets::{ASSETS, Assets, asset, text};
pub use self::claims::ClaimLine;
use self::consent::{BuiltInScope, built_in_scopes};
pub use self::consent::{ConsentPage, ResourceLine, ScopeKind, ScopeLine};
pub use self::dates::Moment;
use self::environment::{environment, language_options};
pub use self::error::PagesError;
use self::error_entry::EntryWithTexts;
pub use self::error_entry::ErrorEntryPage;
pub use self::form_post::{FormPostPage, form_post_headers};
pub use self::headers::{headers, scripted_policy};
pub use self::look::{Colour, Colours, Links, Look, LowContrast, Shade};
use self::look::{asset_of, stylesheet};
pub use self::mail::{MailPage, MailText};
pub use self::new_password::{NewPasswordPage, NewPasswordProblem};
pub use self::passkey::{
    AddPasskeyPage, AddPasskeyProblem, NewPasskeyPage, PasskeyLine, PasskeyPrompt, PasskeysPage,
    RemovePasskeyProblem, Renewal,
};
pub use self::recover::{RecoverPage, RecoverProblem};
pub use self::refusal::{Developer, RefusalKind, RefusalPage};
pub use self::second_factor::{
    CodeProblem, EnrolPage, OfferPage, QrDrawing, RecoveryCodesPage, SecondFactorPage,
};
use self::session::AnsweredPage;
pub use self::session::{
    ClientLink, ContinuePage, HomePage, ReturnTo, SignOutPage, SignedIn, SignedOutPage,
};
pub use self::sign_in::{
    Contact, NotAdmittedPage, Notice, SelectAccountPage, SignInPage, SignInProblem,
};
pub use self::sign_up::{
    NewAccountPage, NewAccountPasskeyPage, SignUpClient, SignUpPage, SignUpProblem, UsernameProblem,
};
use self::texts::Texts;

/// Sent when a template fails at run time, which the tests rule out for every page in every state.
const LAST_RESORT: &str = "<!doctype html>\n<html lang=\"en\" dir=\"ltr\">\n<meta charset=\"utf-8\">\n\
     <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
     <meta name=\"color-scheme\" content=\"light dark\">\n<title>Sorry, there is a problem</title>\n\
     <main><h1>Sorry, there is a problem</h1><p>Try again in a few minutes.</p></main>\n</html>\n";

/// Where the entries of the errors reference are, below the issuer.
const ERRORS: &str = "/errors";

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// Every page of one server in every language, and the files they link to, made ready once.
pub struct PageSet {
    languages: [Pages; Language::ALL.len()],
    stylesheet: Asset,
    form_post_script: Asset,
    passkey_script: Asset,
    password_script: Asset,
    logo: Option<Asset>,
}

impl PageSet {
    /// Makes the pages ready under the name users know the server by. `base_path` is the path of the
    /// issuer (`""` or `"/tenant"`), which links to the stylesheet and to the front page start with.
    ///
    /// # Errors
    /// Only for templates, texts or assets that are broken, never for a name or a look.
    pub fn new(product_name: &str, base_path: &str, look: &Look) -> Result<PageSet, PagesError> {
        let base_path = base_path.trim_end_matches('/');
        let stylesheet = stylesheet(look)?;
        let logo = look.logo.as_ref().map(asset_of);
        let form_post_script = asset("form-post", "js", "text/javascript; charset=utf-8")?;
        let passkey_script = asset("passkey", "js", "text/javascript; charset=utf-8")?;
        let password_script = asset("password", "js", "text/javascript; charset=utf-8")?;
        let mut environment = environment();
        environment.add_global("product", product_name);
        for (name, path) in [
            ("home", "/"),
            ("account_page", "/account"),
            ("language_action", "/language"),
            ("errors", ERRORS),
            ("stylesheet", &*stylesheet.path),
            ("form_post_script", &*form_post_script.path),
            ("passkey_script", &*passkey_script.path),
            ("password_script", &*password_script.path),
        ] {
            environment.add_global(name, format!("{base_path}{path}"));
        }
        let logo_path = logo
            .as_ref()
            .map(|logo| format!("{base_path}{}", logo.path));
        environment.add_global("brand_logo", logo_path);
        environment.add_global("mark", text(Assets::get("mark.svg"), "mark.svg")?);
        environment.add_global("links", Value::from(Serde(look.links.clone())));
        for name in Templates::iter() {
            let source = text(Templates::get(&name), &name)?;
            environment.add_template_owned(name, source)?;
        }
        let languages = Language::ALL.map(|language| {
            let mut environment = environment.clone();
            let said = look.sign_in_text[language as usize].clone();
            environment.add_global("sign_in_text", said);
            Pages::new(environment, (product_name, base_path), language)
        });
        // An array has no way to fail but one by one.
        let languages: Result<Vec<Pages>, PagesError> = languages.into_iter().collect();
        let languages = languages?.try_into().ok();
        Ok(PageSet {
            languages: languages.expect("one for each language"),
            stylesheet,
            form_post_script,
            passkey_script,
            password_script,
            logo,
        })
    }

    /// The pages in one language.
    #[must_use]
    pub fn of(&self, language: Language) -> &Pages {
        &self.languages[language as usize]
    }

    /// The file that is served as `/assets/<name>`.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        [
            &self.stylesheet,
            &self.form_post_script,
            &self.passkey_script,
            &self.password_script,
        ]
        .into_iter()
        .chain(&self.logo)
        .find(|asset| asset.path.strip_prefix(ASSETS) == Some(name))
    }

    /// The one stylesheet.
    #[must_use]
    pub fn stylesheet(&self) -> &Asset {
        &self.stylesheet
    }
}

/// A page as it is sent: its HTML, and the language it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The whole document.
    pub html: String,
    /// What its text is written in.
    pub language: Language,
    /// Whether it asks for scripts of ours, which its policy has to allow then.
    pub has_script: bool,
    /// Whether those ask this server for something, which its policy has to allow then.
    pub connects: bool,
}

impl Deref for Page {
    type Target = str;

    fn deref(&self) -> &str {
        &self.html
    }
}

/// Every page in one language: its templates and its words.
pub struct Pages {
    language: Language,
    environment: Environment<'static>,
    texts: Arc<Texts>,
    /// The name users know the server by.
    product: String,
    /// The path of the issuer, without a slash at its end.
    base_path: String,
    built_in_scopes: Vec<BuiltInScope>,
}

impl Pages {
    /// The pages of `environment`, which lacks nothing but words.
    fn new(
        mut environment: Environment<'static>,
        (product, base_path): (&str, &str),
        language: Language,
    ) -> Result<Pages, PagesError> {
        let texts = Texts::of(language)?;
        let direction = match language {
            Language::Arabic => "rtl",
            _ => "ltr",
        };
        environment.add_global("language", language.tag());
        environment.add_global("direction", direction);
        environment.add_global("language_options", language_options(language));
        let said = Arc::clone(&texts);
        environment.add_function("t", move |id: &str, named: Kwargs| said.say(id, &named));
        Ok(Pages {
            language,
            built_in_scopes: built_in_scopes(&texts)?,
            environment,
            texts,
            product: product.to_owned(),
            base_path: base_path.to_owned(),
        })
    }

    /// The form that asks for a user's name and password.
    #[must_use]
    pub fn sign_in(&self, page: &SignInPage<'_>) -> Page {
        self.render("sign_in.html", page)
    }

    /// That the account which is signed in may not use the client.
    #[must_use]
    pub fn not_admitted(&self, page: &NotAdmittedPage<'_>) -> Page {
        self.render("not_admitted.html", page)
    }

    /// The question which account to continue with.
    #[must_use]
    pub fn select_account(&self, page: &SelectAccountPage<'_>) -> Page {
        self.render("select_account.html", page)
    }

    /// The forms that ask for a second factor.
    #[must_use]
    pub fn second_factor(&self, page: &SecondFactorPage<'_>) -> Page {
        self.render("second_factor.html", page)
    }

    /// The page on which an authenticator app is set up.
    #[must_use]
    pub fn enrol(&self, page: &EnrolPage<'_>) -> Page {
        self.render("enrol.html", page)
    }

    /// What a user may add to the account after a sign-in, or leave.
    #[must_use]
    pub fn offer(&self, page: &OfferPage<'_>) -> Page {
        self.render("offer.html", page)
    }

    /// Recovery codes, shown once.
    #[must_use]
    pub fn recovery_codes(&self, page: &RecoveryCodesPage<'_>) -> Page {
        self.render("recovery_codes.html", page)
    }

    /// The form that asks for a link by mail.
    #[must_use]
    pub fn recover(&self, page: &RecoverPage<'_>) -> Page {
        self.render("recover.html", page)
    }

    /// The form that asks for an account.
    #[must_use]
    pub fn sign_up(&self, page: &SignUpPage<'_>) -> Page {
        self.render("sign_up.html", page)
    }

    /// What is said to who asked for an account, whether there is one already or not.
    #[must_use]
    pub fn sign_up_asked(&self) -> Page {
        self.render("sign_up_asked.html", &minijinja::context! {})
    }

    /// The form on which whoever reads mail at an address creates an account.
    #[must_use]
    pub fn new_account(&self, page: &NewAccountPage<'_>) -> Page {
        self.render("new_account.html", page)
    }

    /// The form on which they make a passkey in place of a password.
    #[must_use]
    pub fn new_account_passkey(&self, page: &NewAccountPasskeyPage<'_>) -> Page {
        self.render("new_account_passkey.html", page)
    }

    /// The question whether an address is to be the user's.
    #[must_use]
    pub fn confirm_address(&self, page: &ConfirmAddressPage<'_>) -> Page {
        self.render("confirm_address.html", page)
    }

    /// What is said to who asked, whether there is such an account or not.
    #[must_use]
    pub fn recovery_asked(&self) -> Page {
        self.render("recovery_asked.html", &minijinja::context! {})
    }

    /// The form on which a one-time link's holder sets a password.
    #[must_use]
    pub fn new_password(&self, page: &NewPasswordPage<'_>) -> Page {
        self.render("new_password.html", page)
    }

    /// The question whether a client may use the account.
    #[must_use]
    pub fn consent(&self, page: &ConsentPage<'_>) -> Page {
        self.render("consent.html", page)
    }

    /// The form that takes an authorization response to a client. It is sent with [`form_post_headers`].
    #[must_use]
    pub fn form_post(&self, page: &FormPostPage<'_>) -> Page {
        self.render("form_post.html", page)
    }

    /// What the refusal `name` says to users in this language, and what they can do. `None` where it is told in the words of
    /// the registry, which are English.
    #[must_use]
    pub fn refusal_text(&self, name: &str, issuer: &str) -> Option<(String, String)> {
        match self.language {
            Language::English => None,
            _ => self.texts.refusal(name, issuer),
        }
    }

    /// The answer to a request that cannot be trusted or served, said to a user.
    #[must_use]
    pub fn refusal(&self, page: &RefusalPage<'_>) -> Page {
        self.render("refusal.html", page)
    }

    /// What a refusal means.
    #[must_use]
    pub fn error_entry(&self, page: &ErrorEntryPage<'_>) -> Page {
        let below = self.base_path.as_str();
        self.render(
            "error_entry.html",
            &EntryWithTexts::of(page, &format!("{below}{ERRORS}")),
        )
    }

    /// What a form says that was answered before: Back, a second tab, a double click.
    #[must_use]
    pub fn already_answered(&self, page: ClientLink<'_>) -> Page {
        self.render("already_answered.html", &AnsweredPage { client: page })
    }

    /// The way on, where it is too long for a `Location`.
    #[must_use]
    pub fn continue_page(&self, page: &ContinuePage<'_>) -> Page {
        self.render("continue.html", page)
    }

    /// The question whether to end the session.
    #[must_use]
    pub fn sign_out_confirm(&self, page: &SignOutPage<'_>) -> Page {
        self.render("sign_out.html", page)
    }

    /// The news that the session has ended.
    #[must_use]
    pub fn signed_out(&self, page: &SignedOutPage<'_>) -> Page {
        self.render("signed_out.html", page)
    }

    /// The front page: what this server is, and who is signed in.
    #[must_use]
    pub fn home(&self, page: &HomePage<'_>) -> Page {
        self.render("home.html", page)
    }

    /// What the user of an account sees of it.
    #[must_use]
    pub fn account(&self, frame: &AccountFrame<'_>, page: &AccountPage<'_>) -> Page {
        self.render(page.template(), &Framed { frame, page })
    }

    /// The news that an account is deleted.
    #[must_use]
    pub fn account_deleted(&self) -> Page {
        self.render("account_deleted.html", &minijinja::context! {})
    }

    /// The day of `at`, as this language writes it.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        dates::date(self.language, at)
    }

    /// When `at` was, to who reads the page at `now`.
    #[must_use]
    pub fn moment(&self, at: Timestamp, now: Timestamp) -> Moment {
        Moment::of(self.language, at, now)
    }

    /// An error of ours: nothing but an apology, its name and the id to find it by.
    #[must_use]
    pub fn fault(&self, name: &str, correlation_id: &str) -> Page {
        self.render("fault.html", &minijinja::context! { name, correlation_id })
    }

    /// The form that has the browser make a passkey that was offered.
    #[must_use]
    pub fn new_passkey(&self, page: &NewPasskeyPage<'_>) -> Page {
        self.render("new_passkey.html", page)
    }

    /// What a passkey is called whose maker is not known.
    #[must_use]
    pub fn passkey(&self) -> String {
        self.texts.plain(passkey::NAMES[0]).unwrap_or_default()
    }

    /// The same for a security key.
    #[must_use]
    pub fn security_key(&self) -> String {
        self.texts.plain(passkey::NAMES[1]).unwrap_or_default()
    }

    /// What is known of the claims that users are shown, by what `value` finds of each.
    pub fn claims(&self, value: impl Fn(&str) -> Option<String>) -> Vec<ClaimLine> {
        let lines = claims::NAMES.iter().filter_map(|(claim, text)| {
            Some(ClaimLine {
                value: value(claim)?,
                name: self.texts.plain(text).unwrap_or_default(),
            })
        });
        lines.collect()
    }

    /// A scope that OpenID Connect defines, as the consent page names it (`is_new` unset). `None` for any other:
    /// those are described by whoever registers them.
    #[must_use]
    pub fn built_in_scope(&self, name: &str) -> Option<ScopeLine<'_>> {
        let mut known = self.built_in_scopes.iter();
        let scope = known.find(|scope| scope.name == name)?;
        Some(ScopeLine {
            name: scope.name,
            text: Some(&scope.text),
            is_new: false,
            kind: scope.kind,
        })
    }

    fn render(&self, template: &str, page: &impl Serialize) -> Page {
        let rendered = self
            .environment
            .get_template(template)
            .and_then(|template| template.render(Value::from(Serde(page))));
        let (html, language) = match rendered {
            Ok(html) => (html, self.language),
            Err(error) => {
                tracing::error!(template, %error, "a page could not be rendered");
                (LAST_RESORT.to_owned(), Language::English)
            }
        };
        Page {
            // No value can write this: every one is escaped.
            has_script: html.contains("<script "),
            connects: html.contains(" data-renew=\""),
            html,
            language,
        }
    }
}
