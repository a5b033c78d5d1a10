//! Who reads a page: the language it is written in for them, and where their request comes from. The one place that decides a language.
//!
//! First what the client wished for (`ui_locales`), or what the user chose on the way since; then what they chose in this browser before;
//! then what the browser prefers; then the operator's default. Whatever is sent is a wish: what means none of our languages is passed over.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use http::{Extensions, HeaderMap, header, request::Parts};
use safeconduct_protocol::language::Language;

use crate::{cookies, origin::Origin, settings::Settings};

/// Who reads the answer to a request.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) origin: Origin,
    pub(crate) language: Language,
}

impl Reader {
    /// Who reads the answer to a request, as far as its headers say.
    pub(crate) fn of(settings: &Settings, request: &Request) -> Self {
        Self::in_front(settings, request.extensions(), request.headers())
    }

    fn in_front(settings: &Settings, extensions: &Extensions, headers: &HeaderMap) -> Self {
        let preferred = || {
            let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
            Language::of_accept_language(lines.filter_map(|line| line.to_str().ok()))
        };
        let language = cookies::chosen_language(&settings.issuer, headers).or_else(preferred);
        Self {
            origin: Origin::of(extensions),
            language: language.unwrap_or(settings.default_language),
        }
    }

    /// The same user, where a request wishes for a language of its own.
    #[must_use]
    pub(crate) fn wished(self, ui_locales: Option<Language>) -> Self {
        Self {
            language: ui_locales.unwrap_or(self.language),
            ..self
        }
    }
}

impl<S: AsRef<Settings> + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, server: &S) -> Result<Self, Infallible> {
        Ok(Self::in_front(
            server.as_ref(),
            &parts.extensions,
            &parts.headers,
        ))
    }
}
