//! What verbs and the store refuse, as SCIM words it.

use http::StatusCode;
use safeconduct_store::StoreError;

use super::call::of_failure;
use super::error::{ScimError, ScimType};
use super::etag;
use crate::administration::provisioning::Unprovisioned;
use crate::fault::Failure;

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        of_failure(Failure::from(error))
    }
}

impl From<Unprovisioned> for ScimError {
    fn from(refused: Unprovisioned) -> Self {
        let told = refused.to_string();
        match refused {
            Unprovisioned::Gone => Self::not_found("resource"),
            Unprovisioned::Unfit(told) => Self::of(ScimType::InvalidValue, told),
            Unprovisioned::Taken(_) => Self::of(ScimType::Uniqueness, told),
            Unprovisioned::Administrators(told) => Self::new(StatusCode::FORBIDDEN, told),
            Unprovisioned::Declared | Unprovisioned::Demanding => {
                Self::new(StatusCode::FORBIDDEN, told)
            }
            Unprovisioned::LastAdministrator => Self::new(StatusCode::CONFLICT, told),
            Unprovisioned::Changed => etag::stale(),
            Unprovisioned::NoMember(_) => Self::of(ScimType::InvalidValue, told),
            Unprovisioned::TooMany(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, told),
            Unprovisioned::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, told),
            Unprovisioned::Fault(fault) => of_failure(Failure::from(fault)),
        }
    }
}
