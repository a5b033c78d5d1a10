//! What a user is offered between a sign-in and the answer to the client, and `POST /login/offer`: what they say to it. *Not now* is
//! remembered; the rule that makes the offers is asked again at each answer.

use axum::{extract::State, response::Response};
use http::StatusCode;
use safeconduct_protocol::{
    authorization::{Next, Offer, Offers, SignedInUser},
    redirect_uri::host_of,
};
use safeconduct_store::SessionView;

use crate::{
    addresses::OFFER,
    fault::Failure,
    form::PostedForm,
    journey::{Journey, Step, Wish},
    pages::OfferPage,
    reader::Reader,
    respond,
    server::{Exchange, Server},
    way_back,
};

/// `POST /login/offer`.
pub(crate) async fn post(
    State(server): State<Server>,
    reader: Reader,
    form: PostedForm,
) -> Response {
    let answer = decide(&server, reader, &form).await;
    way_back::person(&server, &form, answer, reader).await
}

async fn decide(server: &Server, reader: Reader, form: &PostedForm) -> Result<Response, Failure> {
    let Step {
        exchange,
        browser,
        journey,
        parameters,
    } = Step::take(server, reader, form).await?;
    if let Some(view) = browser.person(&exchange, &journey.pending).await?
        && let Ok(next) = journey.next(&exchange, Some(&view.person))
    {
        let offers = journey.offers(&exchange, &view, &next);
        let decision = parameters.one("decision")?;
        match decision.and_then(Offer::parse) {
            Some(Offer::Otp) if offers.contains(Offer::Otp) => {
                return journey
                    .begin_enrolment(&exchange, &view.person, &Wish::Offered)
                    .await;
            }
            Some(Offer::Passkey) if offers.contains(Offer::Passkey) => {
                return journey
                    .new_passkey_page(&exchange, &view.person, &Wish::Offered, None)
                    .await;
            }
            None if decision == Some("not-now") && !offers.is_empty() => {
                server.store().decline_offers(&view, &offers).await?;
            }
            _ => {}
        }
    }
    journey.continue_at_authorize(&exchange)
}

impl Journey {
    /// What the user of `view` may add to their account before they go on, where nothing but the answer to the client is due; nothing on
    /// the way to the account pages, which have it all.
    pub(crate) fn offers(
        &self,
        exchange: &Exchange<'_>,
        view: &SessionView,
        next: &Next,
    ) -> Offers {
        let is_settled = matches!(next, Next::Consent { .. } | Next::Issue(_));
        if !is_settled || self.client.id == exchange.catalog.account.id {
            return Offers::default();
        }
        let settings = exchange.server.settings();
        let makes_passkeys = self.pending.makes_passkeys && settings.passkey_host().is_some();
        let passkey = makes_passkeys
            .then_some(Offer::Passkey)
            .into_iter()
            .collect();
        let available = settings.second_factor.offers().and(&passkey);
        let (user, declined) = (&view.person, &view.declined);
        self.pending.offers(user, declined, &available)
    }

    /// The page that makes `offers`.
    pub(crate) fn offer_page(
        &self,
        exchange: &Exchange<'_>,
        person: &SignedInUser,
        offers: &Offers,
    ) -> Result<Response, Failure> {
        let html = exchange.pages().offer(&OfferPage {
            client_name: self.client.name_in(exchange.language()),
            client_host: &host_of(self.pending.request.redirect_uri()),
            account: &person.username,
            action: &exchange.server.path(OFFER),
            pending: &exchange.sealed(&self.pending)?,
            otp: offers.contains(Offer::Otp),
            passkey: offers.contains(Offer::Passkey),
        });
        Ok(respond::page(StatusCode::OK, html))
    }
}
