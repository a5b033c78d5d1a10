//! One comparison of a filter: what it is of, and when it holds.

use std::cmp::Ordering;

use safeconduct_protocol::precis;
use serde_json::{Map, Value};

use super::lookup::{Lookup, LookupBy};
use crate::api::scim::{
    error::{ScimError, ScimType},
    schema::{Attribute, Kind, Mutability, ResourceType},
    value::boolean,
};

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Present,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    /// The operator of this name, in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        const NAMES: [(&str, Operator); 10] = [
            ("eq", Operator::Equal),
            ("ne", Operator::NotEqual),
            ("co", Operator::Contains),
            ("sw", Operator::StartsWith),
            ("ew", Operator::EndsWith),
            ("pr", Operator::Present),
            ("gt", Operator::Greater),
            ("ge", Operator::GreaterOrEqual),
            ("lt", Operator::Less),
            ("le", Operator::LessOrEqual),
        ];
        let found = NAMES
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name));
        found.map(|(_, operator)| *operator)
    }

    fn is_of_order(self) -> bool {
        matches!(
            self,
            Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual
        )
    }

    fn is_of_text(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

/// An attribute, or a part of one, and what its values have to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    attribute: &'static Attribute,
    part: Option<&'static Attribute>,
    operator: Operator,
    /// `null` where the operator takes none.
    value: Value,
    /// The form of a text in which values are the same.
    wanted: String,
}

impl Comparison {
    /// Judges whether these can be compared so.
    ///
    /// # Errors
    /// `invalidFilter`.
    pub(crate) fn new(
        attribute: &'static Attribute,
        part: Option<&'static Attribute>,
        operator: Operator,
        value: Value,
    ) -> Result<Self, ScimError> {
        let part = part.or_else(|| {
            let is_whole = attribute.kind == Kind::Complex && operator != Operator::Present;
            is_whole.then(|| attribute.significant_part()).flatten()
        });
        let compared = part.unwrap_or(attribute);
        if attribute.mutability == Mutability::WriteOnly {
            return Err(refused(format!("No filter is over {}.", attribute.name)));
        }
        let value = match (compared.kind, value) {
            (_, Value::Null) if !operator.is_of_order() && !operator.is_of_text() => Value::Null,
            (Kind::Boolean, _) if operator.is_of_order() || operator.is_of_text() => {
                return Err(refused(format!("{} is true or false.", compared.name)));
            }
            (Kind::Boolean, Value::Bool(truth)) => Value::Bool(truth),
            (Kind::Boolean, Value::String(text)) if boolean(&text).is_some() => {
                Value::Bool(boolean(&text) == Some(true))
            }
            (Kind::Time, Value::String(text)) if !operator.is_of_text() => {
                let time: Result<jiff::Timestamp, _> = text.parse();
                let time = time.map_err(|_| {
                    refused(format!(
                        "{} is a time, such as 2026-01-31T12:00:00Z.",
                        compared.name
                    ))
                })?;
                Value::from(time.as_second())
            }
            (Kind::Text | Kind::Reference, Value::String(text)) => Value::String(text),
            _ => {
                return Err(refused(format!(
                    "{} is not compared with a value of that kind.",
                    compared.name
                )));
            }
        };
        let wanted = value.as_str().map(|text| form(attribute, compared, text));
        Ok(Self {
            attribute,
            part,
            operator,
            wanted: wanted.unwrap_or_default(),
            value,
        })
    }

    /// Whether it holds of a resource.
    pub(crate) fn holds(&self, resource: &Map<String, Value>) -> bool {
        let values: &[Value] = match resource.get(self.attribute.name) {
            None => &[],
            Some(Value::Array(values)) => values,
            Some(one) => std::slice::from_ref(one),
        };
        let parts = values.iter().filter_map(|value| match self.part {
            None => Some(value),
            Some(part) => value.get(part.name),
        });
        self.holds_of_any(parts)
    }

    /// The same of one value, whose part the attribute is.
    pub(crate) fn holds_of(&self, value: &Value) -> bool {
        self.holds_of_any(value.get(self.attribute.name).into_iter())
    }

    fn holds_of_any<'v>(&self, mut values: impl Iterator<Item = &'v Value>) -> bool {
        match (self.operator, &self.value) {
            (Operator::Present, _) | (Operator::NotEqual, Value::Null) => values.next().is_some(),
            (Operator::Equal, Value::Null) => values.next().is_none(),
            // What is not there is not the same.
            (Operator::NotEqual, _) => {
                let mut values = values.peekable();
                values.peek().is_none() || values.any(|value| !self.equals(value))
            }
            (Operator::Equal, _) => values.any(|value| self.equals(value)),
            (operator, Value::String(_)) => values
                .filter_map(Value::as_str)
                .any(|text| of_texts(operator, &self.form(text), &self.wanted)),
            (operator, wanted) => values
                .filter_map(seconds)
                .any(|at| ordered(operator, at.cmp(&wanted.as_i64().unwrap_or_default()))),
        }
    }

    fn equals(&self, value: &Value) -> bool {
        match (value, &self.value) {
            (Value::String(_), Value::Number(wanted)) => seconds(value) == wanted.as_i64(),
            (Value::String(text), Value::String(_)) => self.form(text) == self.wanted,
            (value, wanted) => value == wanted,
        }
    }

    fn form(&self, text: &str) -> String {
        form(self.attribute, self.part.unwrap_or(self.attribute), text)
    }

    /// What can be looked up for it in resources of a kind.
    pub(super) fn lookup(&self, kind: ResourceType) -> Option<Lookup> {
        let part = self.part.map(|part| part.name);
        let by = match (kind, self.attribute.name, part) {
            (_, "id", None) => LookupBy::Id,
            (_, "externalId", None) => LookupBy::ExternalId,
            (ResourceType::User, "userName", None) => LookupBy::UserName,
            (ResourceType::User, "emails", Some("value")) => LookupBy::Email,
            (ResourceType::User, "groups", Some("value")) => LookupBy::Group,
            (ResourceType::Group, "displayName", None) => LookupBy::DisplayName,
            (ResourceType::Group, "members", Some("value")) => LookupBy::Member,
            _ => return None,
        };
        self.equal_to(by)
    }

    /// The same where it stands in the brackets of an attribute.
    pub(super) fn lookup_within(&self, attribute: &Attribute) -> Option<Lookup> {
        let by = match (attribute.name, self.attribute.name) {
            ("emails", "value") => LookupBy::Email,
            ("groups", "value") => LookupBy::Group,
            ("members", "value") => LookupBy::Member,
            _ => return None,
        };
        self.equal_to(by)
    }

    fn equal_to(&self, by: LookupBy) -> Option<Lookup> {
        match (self.operator, &self.value) {
            (Operator::Equal, Value::String(value)) => Some(Lookup {
                by,
                value: value.clone(),
            }),
            _ => None,
        }
    }

    /// Whether it is of this attribute.
    pub(super) fn is_of(&self, name: &str) -> bool {
        self.attribute.name == name
    }

    /// What a value has for certain where it holds.
    pub(super) fn demanded(&self) -> Option<(&'static Attribute, &Value)> {
        let is_equal = self.operator == Operator::Equal && !self.value.is_null();
        is_equal.then_some((self.attribute, &self.value))
    }
}

/// The form in which texts of an attribute, of which `compared` is compared, are the same.
fn form(attribute: &Attribute, compared: &Attribute, text: &str) -> String {
    if attribute.name == "userName" {
        return precis::username_key(text);
    }
    match compared.case_exact {
        true => text.to_owned(),
        false => text.to_lowercase(),
    }
}

fn of_texts(operator: Operator, text: &str, wanted: &str) -> bool {
    match operator {
        Operator::Contains => text.contains(wanted),
        Operator::StartsWith => text.starts_with(wanted),
        Operator::EndsWith => text.ends_with(wanted),
        of_order => ordered(of_order, text.cmp(wanted)),
    }
}

fn ordered(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        _ => false,
    }
}

fn seconds(value: &Value) -> Option<i64> {
    let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
    Some(time.as_second())
}

pub(super) fn refused(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidFilter, detail)
}
