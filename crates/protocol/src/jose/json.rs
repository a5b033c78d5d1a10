//! JSON objects that say everything once: a repeated member, at any depth, is an error instead of a matter of taste
//! (RFC 7515 §4, RFC 7519 §4, RFC 8725 §2.4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The JSON object in `bytes`, or `None` for anything else, before or behind it too.
pub(super) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Object(members))) => Some(members),
        _ => None,
    }
}

/// A JSON value without repeated members.
pub(super) struct Unique(pub(super) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::repeated(r#"{"sub":"ada","sub":"eve"}"#)]
    #[case::repeated_alike(r#"{"sub":"ada","sub":"ada"}"#)]
    #[case::repeated_in_an_escape(r#"{"sub":"ada","s\u0075b":"eve"}"#)]
    #[case::repeated_below(r#"{"act":{"sub":"ada","sub":"eve"}}"#)]
    #[case::repeated_in_a_list(r#"{"list":[{"a":1,"a":2}]}"#)]
    #[case::not_an_object(r#"["sub"]"#)]
    #[case::text_behind(r#"{"sub":"ada"}{"sub":"eve"}"#)]
    #[case::byte_order_mark("\u{feff}{}")]
    #[case::nothing("")]
    #[case::too_deep(&format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000)))]
    fn ambiguous_json_is_refused(#[case] text: &str) {
        assert_eq!(object(text.as_bytes()), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(object(b"{\"sub\":\"\xff\"}"), None);
    }

    #[test]
    fn unambiguous_json_reads_as_it_stands() {
        let text = r#"{"s":"é","i":-1,"u":18446744073709551615,"f":1.5,"b":true,"n":null,"l":[{"s":1},{"s":2}]}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).map(Value::Object), Some(expected));
    }
}
