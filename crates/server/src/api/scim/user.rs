//! A user of ours as a resource of SCIM, and back: which claim each attribute is. Of addresses and numbers an account has one of each kind; what
//! claims have no place for, of which type it is, is kept as labels.

use safeconduct_protocol::claims::PersonClaims;
use safeconduct_protocol::secret::Secret;
use safeconduct_store::ProvisionedUser;
use serde_json::{Map, Value, json};

use super::error::{ScimError, ScimType};
use super::resource::{address_of, external_id, meta};
use super::schema::{ResourceType, USER};
use crate::administration::provisioning::WantedUser;

/// Attributes that are one claim each.
const CLAIMS: [(&str, &str); 5] = [
    ("displayName", "name"),
    ("nickName", "nickname"),
    ("profileUrl", "profile"),
    ("locale", "locale"),
    ("timezone", "zoneinfo"),
];

/// Parts of `name`.
const NAMES: [(&str, &str); 3] = [
    ("familyName", "family_name"),
    ("givenName", "given_name"),
    ("middleName", "middle_name"),
];

/// Attributes of several values of which one is kept, each with its claim and with the one that says that it was proved.
const PROVED: [(&str, &str, &str); 2] = [
    ("emails", "email", "email_verified"),
    ("phoneNumbers", "phone_number", "phone_number_verified"),
];

/// Parts of an address.
const ADDRESS: [(&str, &str); 6] = [
    ("formatted", "formatted"),
    ("streetAddress", "street_address"),
    ("locality", "locality"),
    ("region", "region"),
    ("postalCode", "postal_code"),
    ("country", "country"),
];

const ADDRESSES: &str = "addresses";

/// What is kept of a value beside it.
const LABELS: [&str; 2] = ["type", "primary"];

/// The longest of them, in bytes.
const LONGEST_LABEL: usize = 64;

/// A user as it is sent.
pub(crate) fn resource(user: &ProvisionedUser, base: &str) -> Map<String, Value> {
    let record = &user.record;
    let claim = |name: &str| record.claims.claim(name).cloned();
    let labels = labels_of(user);
    let mut resource = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            resource.insert(name.to_owned(), value);
        }
    };
    set("schemas", Some(json!([USER])));
    set("id", Some(record.id.as_str().into()));
    set("externalId", user.external_id.clone().map(Value::from));
    set("userName", Some(record.username.as_str().into()));
    let names = NAMES
        .iter()
        .filter_map(|(part, name)| Some(((*part).to_owned(), claim(name)?)));
    let names: Map<String, Value> = names.collect();
    set("name", (!names.is_empty()).then_some(Value::Object(names)));
    for (attribute, name) in CLAIMS {
        set(attribute, claim(name));
    }
    set("active", Some((!record.locked).into()));
    for (attribute, name, _) in PROVED {
        let value = claim(name).map(|value| Map::from_iter([("value".to_owned(), value)]));
        set(
            attribute,
            value.map(|value| labelled(value, labels.get(attribute))),
        );
    }
    if let Some(Value::Object(address)) = claim("address") {
        let parts = ADDRESS
            .iter()
            .filter_map(|(part, name)| Some(((*part).to_owned(), address.get(*name)?.clone())));
        set(
            ADDRESSES,
            Some(labelled(parts.collect(), labels.get(ADDRESSES))),
        );
    }
    let groups = user.groups.iter().map(|group| {
        json!({
            "value": group.id,
            "$ref": address_of(base, ResourceType::Group, &group.id),
            "display": group.display,
            "type": "direct",
        })
    });
    let groups: Vec<Value> = groups.collect();
    set(
        "groups",
        (!groups.is_empty()).then_some(Value::Array(groups)),
    );
    let times = (record.created_at, record.updated_at);
    let id = record.id.as_str();
    set(
        "meta",
        Some(meta(base, ResourceType::User, id, times, user.version)),
    );
    resource
}

fn labelled(mut value: Map<String, Value>, labels: Option<&Value>) -> Value {
    let kept = labels
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    value.extend(kept);
    Value::Array(vec![Value::Object(value)])
}

fn labels_of(user: &ProvisionedUser) -> Map<String, Value> {
    let labels = user.labels.as_deref();
    labels
        .and_then(|labels| serde_json::from_str(labels).ok())
        .unwrap_or_default()
}

/// What `resource`, as it was [read](super::value::resource), makes of a user of whom `known` is known.
///
/// # Errors
/// `invalidValue`.
pub(crate) fn wanted(
    mut resource: Map<String, Value>,
    known: &PersonClaims,
) -> Result<WantedUser, ScimError> {
    let username =
        text(resource.remove("userName")).ok_or_else(|| invalid("userName is required."))?;
    let external_id = external_id(resource.remove("externalId"))?;
    let active = resource
        .remove("active")
        .and_then(|active| active.as_bool());
    let password = text(resource.remove("password")).map(Secret::new);
    let mut claims = known.clone();
    let mut labels = Map::new();
    for (attribute, name) in CLAIMS {
        set(&mut claims, attribute, name, resource.remove(attribute))?;
    }
    let mut names = object(resource.remove("name"));
    for (part, name) in NAMES {
        set(&mut claims, part, name, names.remove(part))?;
    }
    for (attribute, name, proved) in PROVED {
        let mut one = object(used(resource.remove(attribute)));
        let value = one.remove("value");
        // Nobody has proved the new one. A directory says what it believes.
        if value.as_ref() != known.claim(name) {
            set(&mut claims, attribute, proved, None)?;
        }
        if value.is_some() {
            label(&mut labels, attribute, &mut one)?;
        }
        set(&mut claims, attribute, name, value)?;
    }
    let mut one = object(used(resource.remove(ADDRESSES)));
    let parts = ADDRESS
        .iter()
        .filter_map(|(part, name)| Some(((*name).to_owned(), one.remove(*part)?)));
    let address: Map<String, Value> = parts.collect();
    if !address.is_empty() {
        label(&mut labels, ADDRESSES, &mut one)?;
    }
    let address = (!address.is_empty()).then_some(Value::Object(address));
    set(&mut claims, ADDRESSES, "address", address)?;
    Ok(WantedUser {
        username,
        external_id,
        active,
        password,
        claims,
        labels: (!labels.is_empty()).then(|| Value::Object(labels).to_string()),
    })
}

/// The one of several that is used: the primary one, that of work, or the first.
fn used(values: Option<Value>) -> Option<Value> {
    let Some(Value::Array(mut values)) = values else {
        return None;
    };
    let is = |value: &Value, part: &str, wanted: Value| value.get(part) == Some(&wanted);
    let place = values
        .iter()
        .position(|value| is(value, "primary", true.into()))
        .or_else(|| {
            values
                .iter()
                .position(|value| is(value, "type", "work".into()))
        })
        .unwrap_or(0);
    (place < values.len()).then(|| values.swap_remove(place))
}

fn label(
    labels: &mut Map<String, Value>,
    attribute: &str,
    of: &mut Map<String, Value>,
) -> Result<(), ScimError> {
    let kept = LABELS
        .iter()
        .filter_map(|part| Some(((*part).to_owned(), of.remove(*part)?)));
    let kept: Map<String, Value> = kept.collect();
    let is_long = |(_, label): (&String, &Value)| {
        label
            .as_str()
            .is_some_and(|label| label.len() > LONGEST_LABEL)
    };
    if kept.iter().any(is_long) {
        let told = format!("The type of {attribute} has at most {LONGEST_LABEL} bytes.");
        return Err(invalid(told));
    }
    if !kept.is_empty() {
        labels.insert(attribute.to_owned(), Value::Object(kept));
    }
    Ok(())
}

fn set(
    claims: &mut PersonClaims,
    attribute: &str,
    name: &str,
    value: Option<Value>,
) -> Result<(), ScimError> {
    let set = claims.set(name, value.unwrap_or_default());
    set.map_err(|error| invalid(format!("{attribute} can't be kept: {error}.")))
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn invalid(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidValue, detail)
}

#[cfg(test)]
mod tests {
    use safeconduct_protocol::ids::UserId;
    use safeconduct_protocol::time::Timestamp;
    use safeconduct_store::{GroupOfUser, UserRecord};

    use super::*;
    use crate::api::scim::value;

    fn user(claims: PersonClaims, labels: Option<String>) -> ProvisionedUser {
        let at = Timestamp::from_seconds(1_800_000_000);
        ProvisionedUser {
            record: UserRecord {
                id: UserId::parse("u-AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
                username: "ada".to_owned(),
                username_key: "ada".to_owned(),
                name: None,
                epoch: 1,
                locked: false,
                created_at: at,
                updated_at: at.plus(60),
                claims,
            },
            version: 7,
            labels,
            external_id: Some("E-1".to_owned()),
            groups: vec![GroupOfUser {
                id: "g1".to_owned(),
                display: "All staff".to_owned(),
            }],
        }
    }

    fn read(body: Value) -> Map<String, Value> {
        value::resource(ResourceType::User, object(Some(body))).unwrap()
    }

    fn full() -> Value {
        json!({
            "userName": "ada",
            "externalId": "E-1",
            "name": {"familyName": "Lovelace", "givenName": "Ada", "middleName": "K."},
            "displayName": "Ada Lovelace",
            "nickName": "A",
            "profileUrl": "https://ada.example",
            "locale": "en-GB",
            "timezone": "Europe/London",
            "active": true,
            "emails": [{"value": "ada@example.com", "type": "work", "primary": false}],
            "phoneNumbers": [{"value": "+44 1", "type": "mobile", "primary": true}],
            "addresses": [{"formatted": "12 St James's Square", "streetAddress": "12", "locality": "London", "region": "L", "postalCode": "SW1", "country": "GB", "type": "home"}],
        })
    }

    #[test]
    fn a_user_reads_as_it_was_written() {
        let wanted = wanted(read(full()), &PersonClaims::default()).unwrap();
        assert_eq!(wanted.external_id.as_deref(), Some("E-1"));
        let mut resource = resource(
            &user(wanted.claims, wanted.labels),
            "https://admin.example.com/scim/v2",
        );
        let groups = resource.remove("groups").unwrap();
        assert_eq!(
            groups,
            json!([{"value":"g1","$ref":"https://admin.example.com/scim/v2/Groups/g1","display":"All staff","type":"direct"}])
        );
        let meta = resource.remove("meta").unwrap();
        assert_eq!(
            meta,
            json!({"resourceType":"User","created":"2027-01-15T08:00:00Z","lastModified":"2027-01-15T08:01:00Z","location":"https://admin.example.com/scim/v2/Users/u-AAAAAAAAAAAAAAAAAAAAAA","version":"W/\"7\""})
        );
        resource.remove("id");
        resource.remove("schemas");
        assert_eq!(Value::Object(resource), full());
    }

    /// Attacks: AD51.
    #[test]
    fn nobody_proves_an_address_by_provisioning_it() {
        let mut known = PersonClaims::default();
        for (name, value) in [
            ("email", json!("ada@example.com")),
            ("email_verified", json!(true)),
            ("gender", json!("female")),
        ] {
            known.set(name, value).unwrap();
        }
        let of = |email: &str| {
            let body = json!({"userName": "ada", "emails": [{"value": email, "verified": true}], "email_verified": true});
            wanted(read(body), &known).unwrap().claims
        };
        let same = of("ada@example.com");
        assert_eq!(same.claim("email_verified"), Some(&json!(true)));
        assert_eq!(
            same.claim("gender"),
            Some(&json!("female")),
            "what SCIM has no word for stays"
        );
        let other = of("eve@example.com");
        assert_eq!(other.claim("email"), Some(&json!("eve@example.com")));
        assert_eq!(other.claim("email_verified"), None);
        let none = wanted(read(json!({"userName": "ada"})), &known)
            .unwrap()
            .claims;
        assert_eq!(
            (none.claim("email"), none.claim("email_verified")),
            (None, None)
        );
    }

    #[test]
    fn of_several_addresses_one_is_kept() {
        let of = |emails: Value| {
            let wanted = wanted(
                read(json!({"userName": "ada", "emails": emails})),
                &PersonClaims::default(),
            );
            wanted
                .unwrap()
                .claims
                .claim("email")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let [a, b] = [
            json!({"value": "a@x.example"}),
            json!({"value": "b@x.example"}),
        ];
        let with = |value: &Value, part: &str, of: Value| {
            let mut value = value.clone();
            value[part] = of;
            value
        };
        assert_eq!(of(json!([a, b])), "a@x.example");
        assert_eq!(
            of(json!([a, with(&b, "type", "work".into())])),
            "b@x.example"
        );
        let [work, primary] = [
            with(&a, "type", "work".into()),
            with(&b, "primary", true.into()),
        ];
        assert_eq!(of(json!([work, primary])), "b@x.example");
    }

    #[test]
    fn what_no_claim_can_hold_is_refused() {
        for body in [
            json!({}),
            json!({"userName": ""}),
            json!({"userName": "a", "profileUrl": "javascript:alert(1)"}),
            json!({"userName": "a", "emails": [{"value": "no address"}]}),
            json!({"userName": "a", "displayName": "line\nbreak"}),
            json!({"userName": "a", "externalId": "x".repeat(513)}),
            json!({"userName": "a", "externalId": "a\u{7}"}),
            json!({"userName": "a", "emails": [{"value": "a@b.example", "type": "x".repeat(65)}]}),
            json!({"userName": "a", "addresses": [{"locality": "L", "type": "x".repeat(65)}]}),
        ] {
            let refused = wanted(read(body.clone()), &PersonClaims::default());
            let kind = refused.err().and_then(|refused| refused.kind());
            assert_eq!(kind, Some(ScimType::InvalidValue), "{body}");
        }
    }
}
