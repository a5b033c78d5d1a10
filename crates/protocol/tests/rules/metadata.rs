//! What the server says about itself (RFC 8414 §2).

use insta::assert_snapshot;
use safeconduct_protocol::metadata::{Issuer, Metadata};

use crate::fixtures::ISSUER;

#[test]
fn everything_that_works_is_advertised_and_nothing_else() {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let metadata = Metadata::of(&issuer, vec!["notes.read".to_owned()]);
    assert_snapshot!(serde_json::to_string_pretty(&metadata).unwrap());
}
