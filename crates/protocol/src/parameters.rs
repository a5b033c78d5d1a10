//! Request parameters as they came in: form-encoded, each at most once, empty meaning absent (RFC 6749 §3.1, Appendix B).

use crate::error::{Reason, Refusal};

/// The most bytes of encoded parameters.
pub const LARGEST: usize = 64 * 1024;
/// The most parameters in one request.
const MOST: usize = 100;

/// Names and decoded values in the order they were sent.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` bytes.
    ///
    /// # Errors
    /// `request-too-large` over 64 KiB or 100 parameters; `request-malformed` for bytes that are not UTF-8 or hold NUL.
    pub fn parse(encoded: &[u8]) -> Result<Self, Refusal> {
        if encoded.len() > LARGEST {
            return Err(
                Refusal::new(Reason::RequestTooLarge).because(format!("{} bytes", encoded.len()))
            );
        }
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if pairs.len() == MOST {
                return Err(
                    Refusal::new(Reason::RequestTooLarge).because("more than 100 parameters")
                );
            }
            // The decoder writes U+FFFD where the bytes were not UTF-8; nobody sends that character on purpose.
            if [&name, &value]
                .iter()
                .any(|text| text.contains(['\0', '\u{fffd}']))
            {
                return Err(
                    Refusal::new(Reason::RequestMalformed).because("a NUL byte or broken UTF-8")
                );
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// The value of `name`; `None` if it is absent or empty.
    ///
    /// # Errors
    /// `parameter-repeated` if it was sent twice, whatever the values.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self
            .0
            .iter()
            .filter(|(sent, _)| sent == name)
            .map(|(_, value)| value.as_str());
        let value = values.next().filter(|value| !value.is_empty());
        match values.next() {
            Some(_) => Err(Refusal::new(Reason::ParameterRepeated).because(name)),
            None => Ok(value),
        }
    }

    /// The value of `name`, or the refusal that it is missing.
    ///
    /// # Errors
    /// `missing` if it is absent or empty; `parameter-repeated` if it was sent twice.
    pub fn required(&self, name: &str, missing: Reason) -> Result<&str, Refusal> {
        self.one(name)?.ok_or(Refusal::new(missing))
    }

    /// Refuses any parameter of `names` that was sent twice.
    ///
    /// # Errors
    /// `parameter-repeated`.
    pub fn each_once(&self, names: &[&str]) -> Result<(), Refusal> {
        names.iter().try_for_each(|name| self.one(name).map(|_| ()))
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in the order they were sent, for showing a person what was received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same with `name` saying `value` alone, whatever it said before.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.without(&[name]);
        changed.0.push((name.to_owned(), value.to_owned()));
        changed
    }

    /// The same without the parameters of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self
            .0
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.cloned().collect())
    }

    /// The parameters, form-encoded again.
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T>(result: Result<T, Refusal>) -> Option<Reason> {
        result.err().map(|refusal| refusal.reason())
    }

    #[test]
    fn a_parameter_is_sent_once_and_empty_is_absent() {
        let sent = Parameters::parse(b"a=1&b=&c=x%20y&c=").unwrap();
        assert_eq!(sent.one("a"), Ok(Some("1")));
        assert_eq!(sent.one("b"), Ok(None));
        assert_eq!(reason(sent.one("c")), Some(Reason::ParameterRepeated));
        assert_eq!(
            reason(sent.required("b", Reason::CodeMissing)),
            Some(Reason::CodeMissing)
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(
            reason(Parameters::parse(b"a=%00")),
            Some(Reason::RequestMalformed)
        );
        assert_eq!(
            reason(Parameters::parse(b"a=%ff")),
            Some(Reason::RequestMalformed)
        );
        assert_eq!(
            reason(Parameters::parse(b"%c0%ae=1")),
            Some(Reason::RequestMalformed)
        );
        assert_eq!(
            reason(Parameters::parse(&b"a&".repeat(101))),
            Some(Reason::RequestTooLarge)
        );
        assert_eq!(
            reason(Parameters::parse(&vec![b'a'; LARGEST + 1])),
            Some(Reason::RequestTooLarge)
        );
    }
}
