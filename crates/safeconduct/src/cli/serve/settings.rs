//! What a server is told of its configuration: its settings, and the limits of its listeners.

use safeconduct_protocol::grant::Lifetimes;
use safeconduct_server::listener::Limits;
use safeconduct_server::settings::{
    AdministrationSettings, SecondFactor, SessionLifetimes, Settings,
};
use safeconduct_server::throttle::{Budget, ThrottleSettings};

use crate::cli::failure::Failure;
use crate::config::{self, Checked, Config};

/// The settings of the server.
///
/// # Errors
/// The password for the mail server can't be read.
pub(super) fn settings(checked: &Checked) -> Result<Settings, Failure> {
    let Config {
        server,
        tokens,
        dpop,
        sessions,
        login,
        account,
        ui,
        ..
    } = &checked.config;
    let defaults = Settings::new(checked.issuer.clone());
    Ok(Settings {
        internal_hosts: server.internal_hosts.clone(),
        product_name: ui.name.clone(),
        mail: checked.mail_settings()?,
        event_receivers: checked.receiver_settings()?,
        look: checked.look.clone(),
        default_language: ui.default_language,
        dpop_nonce_required: dpop.require_nonce,
        lifetimes: Lifetimes {
            code: tokens.code_ttl.as_seconds(),
            access_token: tokens.access_ttl.as_seconds(),
            refresh: tokens.refresh_ttl.as_seconds(),
            refresh_idle: tokens.refresh_idle.as_seconds(),
            refresh_retry_window: tokens.refresh_retry_window.as_seconds(),
            ..defaults.lifetimes
        },
        sessions: SessionLifetimes {
            idle: sessions.idle.as_seconds(),
            absolute: sessions.absolute.as_seconds(),
        },
        account_deletion: account.delete,
        sign_up: checked.sign_up.clone(),
        password_min_length: login.password_min_length,
        passkeys: login.passkeys,
        passkey_rp_id: login.passkey_rp_id.clone(),
        passkey_related_origins: login.passkey_related_origins.clone(),
        second_factor: match login.second_factor {
            config::SecondFactor::Off => SecondFactor::Off,
            config::SecondFactor::Offered => SecondFactor::Offered,
            config::SecondFactor::Required => SecondFactor::Required,
        },
        throttle: ThrottleSettings {
            enabled: login.throttle,
            per_pair: budget(login.per_pair),
            per_account: budget(login.per_account),
            per_address: budget(login.per_address),
            sign_ins: budget(login.sign_ins),
            ..defaults.throttle
        },
        administration: administration(checked),
        ..defaults
    })
}

fn administration(checked: &Checked) -> Option<AdministrationSettings> {
    let declared = checked.declared.clients.iter();
    let declared = declared.map(|declared| declared.client.id.clone());
    let warnings = checked.warnings.0.iter();
    (checked.config.administration.api).then(|| AdministrationSettings {
        url: checked.administration_url.clone(),
        declared: declared.collect(),
        warnings: warnings.map(ToString::to_string).collect(),
        ..AdministrationSettings::default()
    })
}

fn budget(budget: config::Budget) -> Budget {
    Budget {
        burst: budget.burst,
        refill: u32::try_from(budget.refill.as_seconds()).unwrap_or(u32::MAX),
    }
}

/// The limits of the listener of administrators.
pub(super) fn admin_limits(checked: &Checked) -> Limits {
    Limits {
        provisions: checked.config.administration.api,
        max_connections: 64,
        max_connections_per_address: 64,
        ..limits(checked)
    }
}

/// The limits of the listeners of browsers and apps.
pub(super) fn limits(checked: &Checked) -> Limits {
    let server = &checked.config.server;
    let limits = &server.limits;
    Limits {
        header_timeout: limits.header_timeout.as_duration(),
        body_timeout: limits.body_timeout.as_duration(),
        idle_timeout: limits.idle_timeout.as_duration(),
        request_timeout: limits.request_timeout.as_duration(),
        write_timeout: limits.write_timeout.as_duration(),
        drain_timeout: limits.drain_timeout.as_duration(),
        max_body_bytes: limits.max_body_bytes,
        // Elsewhere than on the administrators' listener, SCIM is where it has an address.
        provisions: checked.config.administration.api && checked.administration_url.is_some(),
        max_connections: limits.max_connections,
        max_connections_per_address: limits.max_connections_per_address,
        trusted_proxies: server
            .trusted_proxies
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
        ..Limits::default()
    }
}
