//! The issuers that a guard trusts: which of them a token says it is of, their keys, and how they write.

use std::collections::HashMap;
use std::sync::Arc;

use safeconduct_issuer::Address;
use safeconduct_protocol::jose::unverified_issuer;
use safeconduct_protocol::sent::beside;

use crate::denied::Refusal;
use crate::dialect::Dialect;
use crate::metadata::{Issuer, Keys};
use crate::profile::Profile;
use crate::reason::Reason;

/// An issuer whose tokens are accepted.
pub(crate) struct Trusted {
    pub(crate) issuer: Issuer,
    pub(crate) keys: Keys,
    pub(crate) dialect: Arc<Dialect>,
    /// What `iss` may be. The issuer's own name is the first.
    pub(crate) names: Vec<String>,
    /// What `tid` must be.
    pub(crate) tenant: Option<String>,
}

/// All issuers whose tokens are accepted: one or more.
pub(crate) struct TrustedIssuers {
    issuers: Vec<Trusted>,
    /// By what `iss` says.
    by_name: HashMap<String, usize>,
}

/// The hosts of Microsoft Entra ID whose tokens of version 1 name another issuer, with the same keys.
const ENTRA_HOSTS: [&str; 2] = ["login.microsoftonline.com", "login.microsoftonline.us"];
const ENTRA_V1_HOST: &str = "sts.windows.net";

impl TrustedIssuers {
    pub(crate) fn new(issuers: Vec<Trusted>) -> Self {
        let numbered = issuers.iter().enumerate();
        let by_name = numbered
            .flat_map(|(number, trusted)| {
                trusted.names.iter().cloned().zip(std::iter::repeat(number))
            })
            .collect();
        Self { issuers, by_name }
    }

    /// The one that the guard was made with.
    pub(crate) fn first(&self) -> &Trusted {
        &self.issuers[0]
    }

    /// The one with this number, in the order in which they were named.
    pub(crate) fn at(&self, number: usize) -> &Trusted {
        &self.issuers[number]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Trusted> {
        self.issuers.iter()
    }

    /// Whether `issuer` is the name of one.
    pub(crate) fn contains(&self, issuer: &str) -> bool {
        self.by_name.contains_key(issuer)
    }

    /// The issuer whose token this is said to be, and the name that it goes by. Nothing is proven by that: the token is then verified
    /// with the keys of this issuer alone.
    pub(crate) fn of_token(&self, token: &str) -> Result<(&Trusted, &str), Refusal> {
        let first = self.first();
        if self.by_name.len() == 1 {
            return Ok((first, &first.names[0]));
        }
        // What says no issuer is no token; the first one tells why.
        let Some(issuer) = unverified_issuer(token) else {
            return Ok((first, &first.names[0]));
        };
        match self.by_name.get_key_value(&issuer) {
            Some((name, number)) => Ok((&self.issuers[*number], name)),
            None => {
                let nearest = self.nearest(&issuer);
                let refusal = Refusal::from(Reason::WrongIssuer);
                Err(refusal.because(nearest, beside(nearest, &issuer)))
            }
        }
    }

    /// The name that differs from `issuer` by the slash at the end, or else the first.
    pub(crate) fn nearest(&self, issuer: &str) -> &str {
        let names = self.issuers.iter().flat_map(|trusted| &trusted.names);
        let mut names = names.map(String::as_str);
        names
            .find(|name| differ_by_slash(name, issuer))
            .unwrap_or(&self.first().names[0])
    }
}

/// Whether one is the other with a slash behind it.
pub(crate) fn differ_by_slash(one: &str, other: &str) -> bool {
    one.strip_suffix('/') == Some(other) || other.strip_suffix('/') == Some(one)
}

/// The names of an issuer, and the tenant that its tokens must name. `tenant` is the one of a template.
///
/// # Errors
/// What stands where Entra's issuer names its tenant.
pub(crate) fn names(
    address: &Address,
    profile: Profile,
    tenant: Option<String>,
) -> Result<(Vec<String>, Option<String>), String> {
    let mut names = vec![address.to_string()];
    if profile != Profile::Entra {
        return Ok((names, tenant));
    }
    let mut segments = address.url().path().trim_start_matches('/').split('/');
    let named = segments.next().unwrap_or_default();
    let Some(tenant) = tenant.or_else(|| is_guid(named).then(|| named.to_owned())) else {
        return Err(named.to_owned());
    };
    let host = address.url().host_str().unwrap_or_default();
    if ENTRA_HOSTS.contains(&host) {
        names.push(format!("https://{ENTRA_V1_HOST}/{tenant}/"));
    } else if host == ENTRA_V1_HOST {
        names.push(format!("https://{}/{tenant}/v2.0", ENTRA_HOSTS[0]));
    }
    Ok((names, Some(tenant)))
}

/// Whether `text` is the id of a tenant: 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
