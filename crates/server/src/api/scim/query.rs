//! What a list is asked for (RFC 7644 §3.4.2, RFC 9865): the same in a query string as in the body of a search.

use serde_json::{Map, Value};

use super::error::{ScimError, ScimType};
use super::filter::{self, Filter};
use super::projection::Projection;
use super::schema::{Attribute, Kind, Named, ResourceType};

/// How many resources a page holds where nothing is said.
pub(crate) const PAGE: usize = 100;
/// How many it holds at most.
pub(crate) const LARGEST_PAGE: usize = 200;

/// The schema of a search.
pub(crate) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The parameters as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) attributes: Vec<String>,
    pub(crate) excluded: Vec<String>,
    pub(crate) filter: Option<String>,
    pub(crate) sort_by: Option<String>,
    pub(crate) sort_order: Option<String>,
    pub(crate) start: Option<String>,
    pub(crate) count: Option<String>,
    pub(crate) cursor: Option<String>,
}

/// What is asked for of one kind of resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Order,
    pub(crate) place: Place,
    pub(crate) count: usize,
    pub(crate) projection: Projection,
}

/// Where the page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind so many.
    Offset(u64),
    /// Where a cursor says, which is empty at first.
    Cursor(String),
}

/// In which order the resources are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// By which attribute, and which part of it; without one, by id.
    pub(crate) by: Option<(&'static Attribute, Option<&'static Attribute>)>,
    /// The other way round.
    pub(crate) descending: bool,
}

impl Parameters {
    /// From a query string, which says nothing twice.
    ///
    /// # Errors
    /// `invalidValue`.
    pub(crate) fn of_query(query: &str) -> Result<Self, ScimError> {
        let mut read = Self::default();
        let mut seen = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if seen.contains(&name) {
                return Err(invalid("A parameter is there twice."));
            }
            if value.contains('\0') {
                return Err(invalid("There is a NUL in a parameter."));
            }
            let value = value.into_owned();
            let names = || {
                let names = value
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                names.map(str::to_owned).collect()
            };
            match &*name {
                "attributes" => read.attributes = names(),
                "excludedAttributes" => read.excluded = names(),
                "filter" => read.filter = Some(value),
                "sortBy" => read.sort_by = Some(value),
                "sortOrder" => read.sort_order = Some(value),
                "startIndex" => read.start = Some(value),
                "count" => read.count = Some(value),
                "cursor" => read.cursor = Some(value),
                _ => {}
            }
            seen.push(name);
        }
        Ok(read)
    }

    /// From the body of a search.
    ///
    /// # Errors
    /// `invalidSyntax`, `invalidValue`.
    pub(crate) fn of_search(body: Map<String, Value>) -> Result<Self, ScimError> {
        let mut read = Self::default();
        for (name, value) in body {
            if value.is_null() {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "schemas" => check_search(&value)?,
                "attributes" => read.attributes = names(value)?,
                "excludedattributes" => read.excluded = names(value)?,
                "filter" => read.filter = Some(text(value)?),
                "sortby" => read.sort_by = Some(text(value)?),
                "sortorder" => read.sort_order = Some(text(value)?),
                "startindex" => read.start = Some(text(value)?),
                "count" => read.count = Some(text(value)?),
                "cursor" => read.cursor = Some(text(value)?),
                _ => {}
            }
        }
        Ok(read)
    }

    /// What is asked for of resources of a kind.
    ///
    /// # Errors
    /// `invalidFilter`, `invalidValue`, `invalidCount`.
    pub(crate) fn of_kind(&self, kind: ResourceType) -> Result<Query, ScimError> {
        let filter = self.filter.as_deref();
        let filter = filter.map(|text| filter::parse(kind, text)).transpose()?;
        let count = self.count.as_deref().map(|count| {
            let count: Result<i64, _> = count.trim().parse();
            let kind = match self.cursor {
                Some(_) => ScimType::InvalidCount,
                None => ScimType::InvalidValue,
            };
            count.map_err(|_| ScimError::of(kind, "count is a whole number."))
        });
        let count = count.transpose()?.map_or(PAGE, |count| {
            usize::try_from(count.max(0)).map_or(LARGEST_PAGE, |count| count.min(LARGEST_PAGE))
        });
        let place = match (&self.cursor, &self.start) {
            (Some(_), Some(_)) => return Err(invalid("It is either startIndex or cursor.")),
            (Some(cursor), None) => Place::Cursor(cursor.clone()),
            (None, None) => Place::Offset(0),
            (None, Some(start)) => {
                let start: i64 = start
                    .trim()
                    .parse()
                    .map_err(|_| invalid("startIndex is a whole number."))?;
                Place::Offset(start.saturating_sub(1).max(0).unsigned_abs())
            }
        };
        Ok(Query {
            filter,
            order: self.order(kind)?,
            place,
            count,
            projection: Projection::of(kind, &self.attributes, &self.excluded)?,
        })
    }

    fn order(&self, kind: ResourceType) -> Result<Order, ScimError> {
        let descending = match self.sort_order.as_deref() {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(invalid("sortOrder is ascending or descending.")),
        };
        let Some(name) = self.sort_by.as_deref().map(str::trim) else {
            return Ok(Order {
                by: None,
                descending: false,
            });
        };
        let Named::Kept { attribute, part } = kind.named(name) else {
            return Err(invalid("sortBy names an attribute: see /Schemas."));
        };
        let part = part.or_else(|| match attribute.kind {
            Kind::Complex => attribute.significant_part(),
            _ => None,
        });
        let is_sortable = attribute.name != "password"
            && attribute.name != "members"
            && (attribute.kind != Kind::Complex || part.is_some());
        if !is_sortable {
            return Err(invalid("Nothing is sorted by that attribute."));
        }
        Ok(Order {
            by: (attribute.name != "id" || descending).then_some((attribute, part)),
            descending,
        })
    }

    /// What a cursor is bound to: everything that says which resources there are, in which order.
    pub(crate) fn bound(&self) -> String {
        let parts = [&self.filter, &self.sort_by, &self.sort_order];
        serde_json::to_string(&parts).unwrap_or_default()
    }
}

impl Order {
    /// The text by which a resource has its place: of several values, that of the primary one or the first.
    pub(crate) fn key(&self, resource: &Map<String, Value>) -> String {
        let Some((attribute, part)) = self.by else {
            return String::new();
        };
        let value = match resource.get(attribute.name) {
            Some(Value::Array(values)) => {
                let primary = values.iter().find(|value| value["primary"] == true);
                primary.or_else(|| values.first())
            }
            value => value,
        };
        let value = match (value, part) {
            (Some(value), Some(part)) => value.get(part.name),
            (value, _) => value,
        };
        let is_exact = part.unwrap_or(attribute).case_exact;
        match value {
            Some(Value::String(text)) if is_exact => text.clone(),
            Some(Value::String(text)) => text.to_lowercase(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}

fn check_search(schemas: &Value) -> Result<(), ScimError> {
    let is_ours = |schema: &Value| {
        schema
            .as_str()
            .is_some_and(|schema| schema.eq_ignore_ascii_case(SEARCH))
    };
    let is_search = schemas
        .as_array()
        .is_some_and(|schemas| schemas.iter().any(is_ours));
    match is_search {
        true => Ok(()),
        false => Err(ScimError::of(
            ScimType::InvalidSyntax,
            format!("The schemas of a search hold {SEARCH}."),
        )),
    }
}

fn names(value: Value) -> Result<Vec<String>, ScimError> {
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let names = values.into_iter().map(|value| match value {
        Value::String(name) => Ok(name),
        _ => Err(invalid("Attributes are named by text.")),
    });
    names.collect()
}

fn text(value: Value) -> Result<String, ScimError> {
    match value {
        Value::String(text) if !text.contains('\0') => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(invalid("A member of a search is text or a number.")),
    }
}

fn invalid(detail: impl Into<String>) -> ScimError {
    ScimError::of(ScimType::InvalidValue, detail)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn asked(query: &str) -> Result<Query, ScimError> {
        Parameters::of_query(query)?.of_kind(ResourceType::User)
    }

    /// Attacks: AD30.
    #[rstest]
    #[case("", 0, 100)]
    #[case("startIndex=0&count=0", 0, 0)]
    #[case("startIndex=-5&count=-1", 0, 0)]
    #[case("startIndex=1&count=2", 0, 2)]
    #[case("startIndex=11&count=1000000000", 10, 200)]
    #[case(
        "startIndex=9223372036854775807&count=9223372036854775807",
        9_223_372_036_854_775_806,
        200
    )]
    fn a_page_is_where_it_can_be(#[case] query: &str, #[case] offset: u64, #[case] count: usize) {
        let query = asked(query).unwrap();
        assert_eq!((query.place, query.count), (Place::Offset(offset), count));
    }

    /// Attacks: AD30.
    #[rstest]
    #[case("count=x", ScimType::InvalidValue)]
    #[case("count=1.5", ScimType::InvalidValue)]
    #[case("cursor=&count=x", ScimType::InvalidCount)]
    #[case("startIndex=x", ScimType::InvalidValue)]
    #[case("startIndex=1&cursor=", ScimType::InvalidValue)]
    #[case("count=1&count=2", ScimType::InvalidValue)]
    #[case("filter=%00", ScimType::InvalidValue)]
    #[case("sortBy=admin", ScimType::InvalidValue)]
    #[case("sortBy=password", ScimType::InvalidValue)]
    #[case("sortBy=name", ScimType::InvalidValue)]
    #[case("sortBy=userName&sortOrder=up", ScimType::InvalidValue)]
    #[case("attributes=a&excludedAttributes=b", ScimType::InvalidValue)]
    #[case("filter=", ScimType::InvalidFilter)]
    fn what_no_list_has_is_refused(#[case] query: &str, #[case] kind: ScimType) {
        assert_eq!(asked(query).unwrap_err().kind(), Some(kind));
    }

    #[test]
    fn a_search_says_the_same_as_a_query_string() {
        let search = json!({
            "schemas": [SEARCH],
            "attributes": ["userName", "emails"],
            "filter": "active eq true",
            "sortBy": "name.familyName",
            "sortOrder": "descending",
            "startIndex": 3,
            "count": 7,
            "cursor": null,
        });
        let Value::Object(search) = search else {
            unreachable!("it is an object")
        };
        let query = "attributes=userName,%20emails&filter=active%20eq%20true&sortBy=name.familyName&sortOrder=descending&startIndex=3&count=7";
        let [search, query] =
            [Parameters::of_search(search), Parameters::of_query(query)].map(Result::unwrap);
        assert_eq!(search, query);
    }

    #[test]
    fn resources_are_sorted_by_the_value_that_is_used() {
        let resource = json!({"emails": [{"value": "a@x"}, {"value": "B@x", "primary": true}], "userName": "Ada"});
        let key = |query| {
            asked(query)
                .unwrap()
                .order
                .key(resource.as_object().unwrap())
        };
        assert_eq!(key("sortBy=emails"), "b@x");
        assert_eq!(key("sortBy=userName"), "ada");
        assert_eq!(key("sortBy=nickName"), "");
        assert_eq!(key("sortBy=id"), "");
    }
}
