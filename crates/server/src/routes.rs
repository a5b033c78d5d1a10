//! The URL map: every address of the server on one screen.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::Request,
    middleware,
    routing::{get, post},
};
use tower::ServiceExt as _;

use crate::{
    account,
    addresses::{
        ACCOUNT, ACCOUNT_ACTIVITY, ACCOUNT_ADDRESS, ACCOUNT_APPS, ACCOUNT_AUTHENTICATOR,
        ACCOUNT_DELETE, ACCOUNT_NAME, ACCOUNT_PASSKEYS, ACCOUNT_PASSWORD, ACCOUNT_PHONE,
        ACCOUNT_SECURITY, ACCOUNT_SESSIONS, ADD_OFFERED_PASSKEY, ADD_PASSKEY, END_OTHERS,
        END_SESSION, LINK, NEW_RECOVERY_CODES, OFFER, RECOVER, REMOVE_ACCESS, REMOVE_AUTHENTICATOR,
        REMOVE_PASSKEY, RENAME_PASSKEY, RENEW_CHALLENGE, SIGN_UP, SIGN_UP_FOR,
    },
    api,
    correlation::correlate,
    cross_origin::{self, CrossOrigin, preflight},
    endpoints::{
        authorize, consent, errors, health, home, introspect, language, link, login, logout, offer,
        par, passkey, recover, revoke, second_factor, security_events, sign_up, token, userinfo,
        well_known,
    },
    host,
    server::Server,
    speculation,
};

/// What the world sees.
pub fn public(server: &Server) -> Router {
    let issuer = &server.settings().issuer;
    // What acts at a GET does so only where somebody means it.
    let acting = Router::new()
        .route("/authorize", get(authorize::get).post(authorize::post))
        .route(
            "/userinfo",
            get(userinfo::get).post(userinfo::post).options(preflight),
        )
        .route("/logout", get(logout::get).post(logout::post))
        .method_not_allowed_fallback(home::not_that_method)
        .layer(middleware::from_fn_with_state(
            server.clone(),
            speculation::only_when_meant,
        ));
    let below_issuer = Router::new()
        .merge(acting)
        .merge(account_pages())
        .route("/par", post(par::par).options(preflight))
        .route("/login", post(login::post))
        .route("/login/continue", post(login::continue_as))
        .route("/login/switch", post(login::switch))
        .route("/login/second-factor", post(second_factor::post))
        .route("/login/enrol", post(second_factor::enrol))
        .route(OFFER, post(offer::post))
        .route("/consent", post(consent::post))
        .route("/language", post(language::post))
        .merge(for_people_without_a_password())
        .route("/token", post(token::token).options(preflight))
        .route("/introspect", post(introspect::introspect))
        .route("/security-events", post(security_events::poll))
        .route("/revoke", post(revoke::revoke).options(preflight))
        .route("/logout/confirm", post(logout::confirm))
        .route("/signed-out", get(logout::signed_out))
        .route("/assets/{name}", get(home::asset))
        .route("/errors/{name}", get(errors::get))
        .route(
            "/.well-known/openid-configuration",
            get(well_known::metadata).options(preflight),
        )
        .route(
            "/.well-known/jwks.json",
            get(well_known::jwks).options(preflight),
        )
        .merge(of_passkeys(server))
        .route("/", get(home::home));
    let router = match issuer.path() {
        "" => below_issuer,
        // Nesting leaves out the slash that browsers may put after the issuer.
        path => Router::new()
            .nest(path, below_issuer)
            .route(&format!("{path}/"), get(home::home)),
    };
    let router = router
        .route(
            &issuer.well_known("oauth-authorization-server"),
            get(well_known::metadata).options(preflight),
        )
        .merge(at_the_host(server))
        .fallback(home::nothing_here)
        .method_not_allowed_fallback(home::not_that_method)
        .layer(middleware::from_fn_with_state(
            server.clone(),
            host::only_ours,
        ))
        .with_state(server.clone());
    // Outside of everything that may refuse, so that an app can read why.
    let router = correlate(router, server.telemetry().clone()).layer(
        middleware::from_fn_with_state(CrossOrigin::of(issuer), cross_origin::readable),
    );
    with_api(server, router)
}

/// The same beside the API of administrators, where that has a name of its own here.
fn with_api(server: &Server, router: Router) -> Router {
    match has_api_of_its_own(server) {
        true => router.layer(middleware::from_fn_with_state(
            (server.clone(), api::router(server)),
            api::or_the_api,
        )),
        false => router,
    }
}

/// Whether the API of administrators is served by the public listeners, under another name than the issuer's.
fn has_api_of_its_own(server: &Server) -> bool {
    let administration = server.settings().administration.as_ref();
    administration.is_some_and(|settings| settings.url.is_some())
}

/// What there is for users who have no account or can't sign in to it: what they ask for, and where the link leads that they are sent.
fn for_people_without_a_password() -> Router<Server> {
    Router::new()
        .route(LINK, get(link::get).post(link::post))
        .route(RECOVER, get(recover::get).post(recover::post))
        .route(SIGN_UP, get(sign_up::get).post(sign_up::post))
        .route(SIGN_UP_FOR, post(sign_up::on_the_way))
}

/// What users see and change of their own account.
fn account_pages() -> Router<Server> {
    Router::new()
        .route(ACCOUNT, get(account::overview::get))
        .route(ACCOUNT_NAME, post(account::overview::rename))
        .route(
            ACCOUNT_ADDRESS,
            get(account::address::get).post(account::address::post),
        )
        .route(
            ACCOUNT_PHONE,
            get(account::phone::get).post(account::phone::post),
        )
        .route(
            ACCOUNT_DELETE,
            get(account::deletion::get).post(account::deletion::post),
        )
        .route(ACCOUNT_SECURITY, get(account::security::get))
        .route(
            ACCOUNT_PASSWORD,
            get(account::password::get).post(account::password::post),
        )
        .route(
            ACCOUNT_AUTHENTICATOR,
            get(account::authenticator::get).post(account::authenticator::post),
        )
        .route(REMOVE_AUTHENTICATOR, post(account::authenticator::remove))
        .route(NEW_RECOVERY_CODES, post(account::codes::renew))
        .route(ACCOUNT_ACTIVITY, get(account::activity::get))
        .route(ACCOUNT_APPS, get(account::apps::get))
        .route(REMOVE_ACCESS, post(account::apps::remove))
        .route(ACCOUNT_SESSIONS, get(account::sessions::get))
        .route(END_SESSION, post(account::sessions::end))
        .route(END_OTHERS, post(account::sessions::end_others))
}

/// What there is where users sign in with passkeys.
fn of_passkeys(server: &Server) -> Router<Server> {
    if server.settings().passkey_host().is_none() {
        return Router::new();
    }
    Router::new()
        .route("/login/passkey", post(passkey::post))
        .route(ADD_OFFERED_PASSKEY, post(passkey::add))
        .route(RENEW_CHALLENGE, post(passkey::renew))
        .route(ACCOUNT_PASSKEYS, get(account::passkeys::get))
        .route(
            ADD_PASSKEY,
            get(account::passkeys::ask).post(account::passkeys::add),
        )
        .route(RENAME_PASSKEY, post(account::passkeys::rename))
        .route(REMOVE_PASSKEY, post(account::passkeys::remove))
}

/// What browsers and password managers look for at the host of the issuer, whatever its path is.
fn at_the_host(server: &Server) -> Router<Server> {
    let change_password = get(well_known::change_password);
    let router = Router::new().route("/.well-known/change-password", change_password);
    if server.settings().passkey_host().is_none() {
        return router;
    }
    let endpoints = get(well_known::passkey_endpoints);
    let router = router.route("/.well-known/passkey-endpoints", endpoints);
    if server.settings().passkey_related_origins.is_empty() {
        return router;
    }
    router.route("/.well-known/webauthn", get(well_known::related_origins))
}

/// What only the operator sees before there is a server: the process is alive, and not ready. From the moment that `started` holds
/// the server's own routes, those answer.
pub fn admin_of_starting(started: Arc<OnceLock<Router>>) -> Router {
    let answer = async move |request: Request| match started.get() {
        Some(router) => {
            let Ok(response) = router.clone().oneshot(request).await;
            response
        }
        None => health::starting(request.uri().path()),
    };
    Router::new().fallback(answer)
}

/// What only the operator sees, on a listener of its own.
pub fn admin(server: &Server) -> Router {
    let router = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(server.clone());
    match server.settings().administration.is_some() && !has_api_of_its_own(server) {
        true => router.fallback_service(api::router(server)),
        false => router,
    }
}
