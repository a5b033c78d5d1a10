//! What stands around every account page: whose account it is, the way to the other pages, and the way out.

use axum::response::Response;
use http::StatusCode;

use super::visit::Visit;
use crate::{
    addresses::AGAIN,
    endpoints::logout::confirmation,
    pages::{AccountFrame, AccountPage, Section},
    respond,
};

impl Visit<'_> {
    /// `page`, in its frame, at `path` in `section`. `query` is what the request said beside the path.
    pub(super) fn page(
        &self,
        (section, path): (Section, &str),
        query: Option<&str>,
        page: &AccountPage<'_>,
    ) -> Response {
        let server = self.exchange.server;
        let frame = AccountFrame {
            account: &self.view.person.username,
            section,
            passkeys: server.settings().passkey_host().is_some(),
            path: &server.path(path),
            csrf: &self.browser.account_token().unwrap_or_default(),
            sign_out_action: &confirmation(server),
            sign_out_csrf: &self.browser.sign_out_token().unwrap_or_default(),
            again: query == AGAIN.strip_prefix('?'),
        };
        let html = self.exchange.pages().account(&frame, page);
        respond::page(StatusCode::OK, html)
    }
}
