use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;
use crate::api::scim::error::{ScimError, ScimType};
use crate::api::scim::schema::ResourceType;

fn ada() -> Map<String, Value> {
    let ada = json!({
        "id": "u-1",
        "externalId": "E-7",
        "userName": "Ada",
        "displayName": "Ada \"Countess\" L\\o",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "active": true,
        "emails": [
            {"value": "Ada@example.com", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"},
        ],
        "meta": {"lastModified": "2026-01-31T12:00:00Z", "resourceType": "User"},
    });
    match ada {
        Value::Object(ada) => ada,
        _ => unreachable!("it is an object"),
    }
}

fn parse(text: &str) -> Result<Filter, ScimError> {
    super::parse(ResourceType::User, text)
}

/// Attacks: AD02, AD05.
#[rstest]
#[case(r#"userName eq "ada""#, true)]
#[case(r#"USERNAME EQ "ADA""#, true)]
#[case(r#"userName eq "bob""#, false)]
#[case(r#"externalId eq "E-7""#, true)]
#[case(r#"externalId eq "e-7""#, false)]
#[case(r#"userName ne "bob""#, true)]
#[case(r#"nickName ne "x""#, true)]
#[case(r#"userName co "d""#, true)]
#[case(r#"userName sw "%""#, false)]
#[case(r#"userName sw "a_a""#, false)]
#[case(r#"userName eq "a' OR 1=1""#, false)]
#[case(r#"userName ew "DA""#, true)]
#[case("nickName pr", false)]
#[case("name pr", true)]
#[case("nickName eq null", true)]
#[case("userName ne null", true)]
#[case("active eq true", true)]
#[case("active eq True", true)]
#[case(r#"active eq "false""#, false)]
#[case(r#"emails co "HOME""#, true)]
#[case(r#"emails.value eq "ada@example.com""#, true)]
#[case(r#"emails[type eq "work"].value eq "ada@example.com""#, true)]
#[case(r#"emails[type eq "home"].value eq "ada@example.com""#, false)]
#[case(r#"emails[type eq "home" and value co "example"]"#, true)]
#[case(r#"emails[type eq "home" and primary eq true]"#, false)]
#[case(r#"emails[not (type eq "work")]"#, true)]
#[case(
    r#"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName sw "love""#,
    true
)]
#[case(r#"meta.lastModified gt "2026-01-31T11:59:59Z""#, true)]
#[case(r#"meta.lastModified ge "2026-01-31T14:00:00+02:00""#, true)]
#[case(r#"meta.lastModified lt "2026-01-31T12:00:00Z""#, false)]
#[case(r#"displayName eq "ada \"countess\" l\\o""#, true)]
#[case(
    r#"name.givenName eq "Ada" or name.givenName eq "x" and userName eq "x""#,
    true
)]
#[case(
    r#"(name.givenName eq "Ada" or name.givenName eq "x") and userName eq "x""#,
    false
)]
#[case(r#"not (userName eq "ada")"#, false)]
#[case(r#"not(userName eq "bob") and not (not (userName eq "ada"))"#, true)]
#[case(r#"((userName eq "ada"))"#, true)]
#[case(r#"userName gt "aa" and userName le "ada""#, true)]
fn a_filter_says_who_is_meant(#[case] text: &str, #[case] holds: bool) {
    let filter = parse(text).unwrap();
    assert_eq!(filter.holds(&ada()), holds, "{filter:?}");
}

/// Attacks: AD06, AD07.
#[rstest]
#[case(r#"password sw "a""#)]
#[case("password pr")]
#[case(r#"admin eq "x""#)]
#[case(r#"title eq "x""#)]
#[case(r#"name.x eq "x""#)]
#[case(r#"name eq "x""#)]
#[case("")]
#[case(" ")]
#[case("userName")]
#[case("userName eq")]
#[case("userName eq ada")]
#[case(r#"userName eq "ada"#)]
#[case(r#"userName eq "\x""#)]
#[case("userName eq 7")]
#[case("userName eq [1]")]
#[case("userName eq {}")]
#[case(r#"userName is "ada""#)]
#[case("active gt true")]
#[case("active co true")]
#[case(r#"active eq "maybe""#)]
#[case("userName gt null")]
#[case(r#"meta.lastModified gt "yesterday""#)]
#[case(r#"(userName eq "a""#)]
#[case(r#"userName eq "a")"#)]
#[case(r#"not userName eq "a""#)]
#[case(r#"userName eq "a" and"#)]
#[case(r#"userName eq "a" xor userName eq "b""#)]
#[case(r#"userName eq "a" userName eq "b""#)]
#[case(r#"emails[type eq "work""#)]
#[case(r#"emails[type eq "work"]]"#)]
#[case(r#"emails[(type eq "work"])"#)]
#[case(r#"emails[type eq "work"] .value eq "x""#)]
#[case(r#"emails[type eq "work"].x eq "x""#)]
#[case(r#"emails[emails[type eq "work"]]"#)]
#[case(r#"userName[value eq "x"]"#)]
#[case("()")]
#[case("and")]
fn what_cannot_be_read_is_refused(#[case] text: &str) {
    let refused = parse(text).unwrap_err();
    assert_eq!(refused.kind(), Some(ScimType::InvalidFilter), "{text}");
}

/// Attacks: AD04.
#[test]
fn no_filter_is_deeper_longer_or_wider_than_it_may() {
    let term = r#"userName eq "a""#;
    let nested = |opens: &str, times: usize| {
        let (open, close) = (opens.repeat(times), ")".repeat(times));
        format!("{open}{term}{close}")
    };
    let many = |terms: usize| vec![term; terms].join(" or ");
    let long = |bytes: usize| {
        let frame = term.len() - 1;
        format!(r#"userName eq "{}""#, "a".repeat(bytes - frame))
    };
    for good in [
        nested("(", 32),
        nested("not (", 32),
        many(64),
        long(16 * 1024),
    ] {
        assert!(parse(&good).is_ok(), "{} bytes", good.len());
    }
    for bad in [
        nested("(", 33),
        nested("(", 1000),
        nested("not (", 1000),
        "(".repeat(1000),
        format!("{}junk", "not (".repeat(1000)),
        "emails[".repeat(1000),
        many(65),
        long(16 * 1024 + 1),
    ] {
        let refused = parse(&bad).unwrap_err();
        assert_eq!(refused.kind(), Some(ScimType::InvalidFilter));
    }
}

#[rstest]
#[case(r#"userName eq "ada""#, Some(vec![(LookupBy::UserName, "ada")]))]
#[case(r#"externalId eq "7" and active eq true"#, Some(vec![(LookupBy::ExternalId, "7")]))]
#[case(r#"active eq true and emails[type eq "work"].value eq "a@b.c""#, Some(vec![(LookupBy::Email, "a@b.c")]))]
#[case(r#"emails[type eq "work" and value eq "a@b.c"]"#, Some(vec![(LookupBy::Email, "a@b.c")]))]
#[case(r#"emails eq "a@b.c""#, Some(vec![(LookupBy::Email, "a@b.c")]))]
#[case(r#"id eq "u-1" or userName eq "ada""#, Some(vec![(LookupBy::UserName, "ada"), (LookupBy::Id, "u-1")]))]
#[case(r#"(id eq "u-1" or userName eq "ada") and externalId eq "7""#, Some(vec![(LookupBy::ExternalId, "7")]))]
#[case(r#"userName eq "ada" or active eq true"#, None)]
#[case(r#"not (userName eq "ada")"#, None)]
#[case(r#"userName ne "ada""#, None)]
#[case(r#"userName sw "ada""#, None)]
#[case(r#"userName eq null"#, None)]
fn what_an_index_finds_is_looked_up(
    #[case] text: &str,
    #[case] expected: Option<Vec<(LookupBy, &str)>>,
) {
    let found = parse(text).unwrap().lookups(ResourceType::User);
    let found = found.map(|found| {
        let pairs = found.into_iter().map(|lookup| (lookup.by, lookup.value));
        pairs.collect::<Vec<_>>()
    });
    let expected = expected.map(|expected| {
        let pairs = expected
            .into_iter()
            .map(|(by, value)| (by, value.to_owned()));
        pairs.collect::<Vec<_>>()
    });
    assert_eq!(found, expected);
}

#[test]
fn groups_are_found_by_what_they_are_called_and_who_is_in_them() {
    let lookups = |text| {
        let filter = super::parse(ResourceType::Group, text).unwrap();
        filter.lookups(ResourceType::Group).unwrap()[0].by
    };
    assert_eq!(lookups(r#"displayName eq "Staff""#), LookupBy::DisplayName);
    assert_eq!(lookups(r#"id eq "g" and members eq "u-1""#), LookupBy::Id);
    assert_eq!(lookups(r#"members[value eq "u-1"]"#), LookupBy::Member);
}

proptest! {
    /// Whatever is sent is read or refused, and what is read can be asked and dropped.
    #[test]
    fn any_text_is_a_filter_or_refused(text in r#"(userName|emails|name\.givenName|active|not|and|or|eq|sw|pr|[ ()\[\]"\\.]|"[a-z]*"|true|7){0,60}"#) {
        if let Ok(filter) = parse(&text) {
            filter.holds(&ada());
            filter.lookups(ResourceType::User);
            filter.demanded();
        }
        let _ = value_path(ResourceType::User, &text);
    }

    #[test]
    fn any_bytes_are_a_filter_or_refused(text in any::<String>()) {
        let _ = parse(&text);
        let _ = value_path(ResourceType::User, &text);
    }

    /// What a filter admits is among what it looks up: no lookup loses a resource.
    #[test]
    fn what_is_looked_up_is_all_there_is(shape in r#"(userName eq "ada"|userName eq "bob"|active eq true|emails\[type eq "work"\]\.value eq "ada@example\.com")( and | or )(externalId eq "E-7"|id eq "u-2"|active eq false)"#) {
        let filter = parse(&shape).unwrap();
        if let Some(lookups) = filter.lookups(ResourceType::User) && filter.holds(&ada()) {
            let is_ada = |lookup: &Lookup| ["ada", "E-7", "u-1", "ada@example.com"].contains(&lookup.value.as_str());
            prop_assert!(lookups.iter().any(is_ada), "{shape}: {lookups:?}");
        }
    }
}
