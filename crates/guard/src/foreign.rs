//! What the settings for issuers that write otherwise say, and whether they fit one another.

use std::collections::BTreeSet;
use std::time::Duration;

use safeconduct_protocol::jose::{Algorithm, MAX_EXPIRY_LEEWAY};

use crate::config_error::ConfigError;
use crate::dialect::{ClaimPath, Dialect, Introspected, Proof, Roles};
use crate::profile::Profile;

/// What the settings say.
pub(crate) struct Foreign {
    pub(crate) profile: Profile,
    pub(crate) audiences: Vec<String>,
    pub(crate) expiry_leeway: Duration,
    pub(crate) types: Option<Vec<&'static str>>,
    pub(crate) accepts_no_typ: bool,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) client: Option<ClaimPath>,
    pub(crate) scope: Option<ClaimPath>,
    pub(crate) accepts_scope_list: bool,
    pub(crate) roles: Option<Vec<Roles>>,
    pub(crate) demanded: Vec<Proof>,
    pub(crate) clients: Option<BTreeSet<String>>,
}

impl Foreign {
    pub(crate) fn new(audience: &str) -> Self {
        Self {
            profile: Profile::default(),
            audiences: vec![audience.to_owned()],
            expiry_leeway: Duration::ZERO,
            types: None,
            accepts_no_typ: false,
            algorithms: Vec::new(),
            client: None,
            scope: None,
            accepts_scope_list: false,
            roles: None,
            demanded: Vec::new(),
            clients: None,
        }
    }

    /// In seconds.
    pub(crate) fn expiry_leeway(&self) -> Result<i64, ConfigError> {
        let longest = Duration::from_secs(MAX_EXPIRY_LEEWAY.unsigned_abs());
        if self.expiry_leeway > longest {
            return Err(ConfigError::ExpiryLeeway(self.expiry_leeway));
        }
        Ok(i64::try_from(self.expiry_leeway.as_secs()).unwrap_or(0))
    }

    /// How issuers of `profile` write, and the settings over it.
    pub(crate) fn dialect(&self, profile: Profile) -> Result<Dialect, ConfigError> {
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err(ConfigError::Audiences);
        }
        let mut dialect = profile.dialect(&self.audiences);
        dialect.clients = match &self.clients {
            Some(clients) if clients.is_empty() => None,
            clients => clients.clone(),
        };
        match (profile.has_no_audience(), &dialect.clients) {
            (true, None) => return Err(ConfigError::ClientsMissing(profile)),
            (false, Some(_)) => return Err(ConfigError::ClientsNotNeeded(profile)),
            _ => {}
        }
        if let Some(types) = &self.types {
            dialect.types.clone_from(types);
        }
        dialect.type_may_be_absent |= self.accepts_no_typ;
        dialect.demanded.clone_from(&self.demanded);
        let is_strict = !dialect.type_may_be_absent
            && dialect
                .types
                .iter()
                .all(|typ| typ.eq_ignore_ascii_case("at+jwt"));
        if !is_strict && dialect.proofs.is_empty() && dialect.demanded.is_empty() {
            return Err(ConfigError::NoProof);
        }
        dialect.algorithms.extend(&self.algorithms);
        dialect.scope_may_be_list |= self.accepts_scope_list;
        let named = |method, path: &ClaimPath| match path.is_empty() {
            true => Err(ConfigError::ClaimPath(method)),
            false => Ok(path.clone()),
        };
        if let Some(path) = &self.client {
            dialect.client = vec![named("client_at", path)?];
        }
        if let Some(path) = &self.scope {
            dialect.scope = vec![named("scope_at", path)?];
        }
        if let Some(roles) = &self.roles {
            for Roles { at, are_members } in roles {
                named(
                    if *are_members {
                        "role_names_at"
                    } else {
                        "roles_at"
                    },
                    at,
                )?;
            }
            dialect.roles.clone_from(roles);
        }
        Ok(dialect)
    }
}

/// Refuses introspection where no answers are to be had, or where they would let another token pass: `alone` says that tokens are not
/// read here as well.
pub(crate) fn check_introspection(dialect: &Dialect, alone: bool) -> Result<(), ConfigError> {
    let profile = dialect.profile;
    match dialect.introspected {
        Introspected::Never => Err(ConfigError::NotIntrospected(profile)),
        _ if alone && !dialect.is_proven_by_introspection() => {
            Err(ConfigError::KindNotIntrospected(profile))
        }
        _ => Ok(()),
    }
}
