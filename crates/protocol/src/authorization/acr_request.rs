//! The authentication contexts that a request asks for.

use serde::{Deserialize, Serialize};

use crate::{
    authentication::Acr,
    claims::ClaimsDemand,
    error::{Reason, Refusal},
    parameters::Parameters,
    sent::Sent,
};

/// The authentication contexts that a request asks for, the most preferred one first; those that are not served are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AcrRequest {
    #[serde(rename = "n")]
    pub(super) names: Vec<Acr>,
    /// Whether one of them must be met (OpenID Connect Core §5.5.1.1); `acr_values` alone is a wish.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) essential: bool,
}

impl AcrRequest {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What `claims` and `acr_values` ask for. What is essential comes before what is wished.
    ///
    /// # Errors
    /// `acr-unmet` where none of those that are essential is served.
    pub(super) fn of(demand: &ClaimsDemand, parameters: &Parameters) -> Result<Self, Refusal> {
        let essential = &demand.essential_acr;
        if !essential.is_empty() {
            let names = served(essential.iter().map(String::as_str));
            if names.is_empty() {
                let sent = Sent(&essential.join(" ")).to_string();
                return Err(Refusal::new(Reason::AcrUnmet).because(sent));
            }
            return Ok(Self {
                names,
                essential: true,
            });
        }
        let wished = parameters.one("acr_values")?.unwrap_or_default();
        Ok(Self {
            names: served(wished.split_ascii_whitespace()),
            essential: false,
        })
    }
}

/// The contexts of these names that are served, each once.
fn served<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Acr> {
    let mut served = Vec::new();
    for acr in names.filter_map(Acr::parse) {
        if !served.contains(&acr) {
            served.push(acr);
        }
    }
    served
}
