//! Claims about a user, as pages call them.

use serde::Serialize;

/// What users are shown of what is known about them, in this order, and the text that names each. Whether an address is confirmed and
/// when the account was changed are told to apps as well; what they are about stands here.
pub(super) const NAMES: [(&str, &str); 17] = [
    ("name", "account-name"),
    ("given_name", "claim-given-name"),
    ("middle_name", "claim-middle-name"),
    ("family_name", "claim-family-name"),
    ("nickname", "claim-nickname"),
    ("preferred_username", "sign-in-username"),
    ("email", "account-email"),
    ("phone_number", "account-phone"),
    ("address", "claim-address"),
    ("groups", "claim-groups"),
    ("birthdate", "claim-birthdate"),
    ("gender", "claim-gender"),
    ("picture", "claim-picture"),
    ("profile", "claim-profile"),
    ("website", "claim-website"),
    ("locale", "claim-locale"),
    ("zoneinfo", "claim-zoneinfo"),
];

/// Something that is known about a user, and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClaimLine {
    /// What it is called.
    pub name: String,
    /// What it says.
    pub value: String,
}
