//! What a request to the console says: the fields of a form and the parameters of an address, each once.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::failed::Failed;

/// The longest value that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// The most fields.
const MOST: usize = 64;

/// Names and values, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

/// The form of this request.
#[derive(Clone)]
pub(crate) struct Posted(pub(crate) Fields);

/// The parameters of this request's address.
pub(crate) struct Asked(pub(crate) Fields);

impl Fields {
    /// Reads them.
    ///
    /// # Errors
    /// A name comes twice, or there is more than a form of ours has.
    pub(crate) fn read(encoded: &[u8]) -> Result<Self, Failed> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(Failed::bad_request("A field is there twice."));
            }
            if fields.len() == MOST || value.len() > LONGEST {
                return Err(Failed::bad_request("It is too long."));
            }
            if value.contains(['\0', '\u{fffd}']) {
                return Err(Failed::bad_request("A field holds what is no text."));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// What stands in the field `name`, without the blanks around it; nothing where there is no such field.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The same where it is filled in.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.value(name)).filter(|value| !value.is_empty())
    }

    /// What stands on the lines, or between the blanks, of the field `name`.
    pub(crate) fn words(&self, name: &str) -> Vec<&str> {
        self.value(name).split_whitespace().collect()
    }

    /// Takes the field `name` out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(field, _)| field == name)?;
        Some(self.0.remove(at).1)
    }

    /// All of them.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The same as the query of an address, without what is not filled in, and with `name` set to `value`.
    pub(crate) fn query_with(&self, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let others = self
            .0
            .iter()
            .filter(|(field, value)| field != name && !value.is_empty());
        query.extend_pairs(others);
        query.append_pair(name, value);
        query.finish()
    }
}

impl<S: Sync> FromRequestParts<S> for Posted {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let posted = parts.extensions.get::<Self>().cloned();
        posted.ok_or_else(|| Failed::bad_request("There is no form."))
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let query = parts.uri.query().unwrap_or_default();
        Fields::read(query.as_bytes()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_once_each_and_within_bounds() {
        let fields = Fields::read(b"a=+1+&b=x%0D%0Ay+z&c=").unwrap();
        assert_eq!((fields.value("a"), fields.value("none")), ("1", ""));
        assert_eq!(fields.words("b"), ["x", "y", "z"]);
        assert_eq!(fields.filled("c"), None);
        assert_eq!(fields.query_with("a", "&"), "b=x%0D%0Ay+z&a=%26");
        let many = "a".repeat(LONGEST + 1);
        let more: Vec<String> = (0..=MOST).map(|number| format!("f{number}=")).collect();
        for wrong in [
            "a=1&a=2",
            "a=%00",
            "a=%ff",
            &format!("a={many}"),
            &more.join("&"),
        ] {
            assert!(Fields::read(wrong.as_bytes()).is_err(), "{wrong:.20}");
        }
    }
}
