//! What a request to the API says: parameters and a body of JSON, read strictly. What is wrong is said by member; nothing is guessed.

use http::{HeaderMap, header};
use safeconduct_protocol::error::Reason;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;

/// The deepest nesting of a body.
const DEEPEST: usize = 16;

/// The parameters of a query as an object, each once; `expected` is the schema of that object, which says what are numbers and truth values.
pub(super) fn query(text: &str, expected: &Value) -> Result<Value, Problem> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if name.contains('\0') || value.contains('\0') || value.contains('\u{fffd}') {
            return Err(Problem::of_value(name, "this is no text"));
        }
        let value = told(&value, &expected["properties"][&*name]["type"]);
        if members.insert(name.clone().into_owned(), value).is_some() {
            return Err(Problem::of_value(name, "it is there more than once"));
        }
    }
    Ok(Value::Object(members))
}

/// A parameter as the type that is expected, or as the text that it is.
fn told(text: &str, expected: &Value) -> Value {
    let is = |kind: &str| match expected {
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    };
    let number = text.parse::<i64>().ok().filter(|_| is("integer"));
    let truth = text.parse::<bool>().ok().filter(|_| is("boolean"));
    match (number, truth) {
        (Some(number), _) => number.into(),
        (None, Some(truth)) => truth.into(),
        (None, None) => text.into(),
    }
}

/// The body as JSON.
pub(super) fn json(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Problem> {
    if !is_json(headers) {
        return Err(Reason::MediaTypeUnsupported.into());
    }
    let value = strict(bytes).map_err(|error| Problem::of_value("", error))?;
    if holds_nul(&value) {
        return Err(Problem::of_value("", "there is a NUL in a text"));
    }
    Ok(value)
}

/// Reads a value of the type that an operation takes. `root` is what a pointer to all of it is.
pub(super) fn typed<T: DeserializeOwned>(value: Value, root: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let pointer = match (root, path.as_str()) {
            (_, ".") => String::new(),
            ("/", path) => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
            (_, path) => path.to_owned(),
        };
        Problem::of_value(pointer, error.into_inner().to_string())
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let text = one.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn strict(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "this is no UTF-8".to_owned())?;
    let value: unique::Unique = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match depth(&value.0) <= DEEPEST {
        true => Ok(value.0),
        false => Err(format!("it is nested more than {DEEPEST} deep")),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => {
            (members.iter()).any(|(name, value)| name.contains('\0') || holds_nul(value))
        }
        _ => false,
    }
}

/// JSON whose objects have no member twice: of two, nobody knows which is meant.
mod unique {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde_json::{Map, Number, Value};

    pub(super) struct Unique(pub(super) Value);

    impl<'de> Deserialize<'de> for Unique {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Reader).map(Self)
        }
    }

    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Value;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("JSON")
        }

        fn visit_unit<E: Error>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
            Ok(Value::Bool(truth))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
            Ok(Value::Number(number.into()))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
            Ok(Value::Number(number.into()))
        }

        /// `1.0` is an integer to JSON Schema.
        fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is compared with what it was"
            )]
            let whole = number as i64;
            #[expect(clippy::cast_precision_loss, reason = "the same comparison")]
            let is_whole = whole as f64 == number && whole.unsigned_abs() < (1 << 53);
            match (is_whole, Number::from_f64(number)) {
                (true, _) => Ok(Value::Number(whole.into())),
                (false, Some(number)) => Ok(Value::Number(number)),
                (false, None) => Err(E::custom("no number")),
            }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
            Ok(Value::String(text.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
            let mut read = Vec::new();
            while let Some(Unique(item)) = items.next_element()? {
                read.push(item);
            }
            Ok(Value::Array(read))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
            let mut read = Map::new();
            while let Some(name) = members.next_key::<String>()? {
                let Unique(value) = members.next_value()?;
                if read.insert(name, value).is_some() {
                    return Err(A::Error::custom("a member is there twice"));
                }
            }
            Ok(Value::Object(read))
        }
    }
}
