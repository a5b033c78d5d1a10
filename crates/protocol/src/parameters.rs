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
        let sent = encoded.split(|&byte| byte == b'&');
        for pair in sent.filter(|pair| !pair.is_empty()) {
            if pairs.len() == MOST {
                return Err(
                    Refusal::new(Reason::RequestTooLarge).because("more than 100 parameters")
                );
            }
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            let (Some(name), Some(value)) = (half(), half()) else {
                return Err(
                    Refusal::new(Reason::RequestMalformed).because("a NUL byte or broken UTF-8")
                );
            };
            pairs.push((name, value));
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

    /// Names and values in the order they were sent, for showing a user what was received.
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

/// A text that comes back to the client as it was sent: short enough, and without control characters (RFC 6749 Appendix A.5).
pub(crate) fn bounded(
    parameters: &Parameters,
    name: &str,
    longest: usize,
    too_long: Reason,
) -> Result<Option<String>, Refusal> {
    let Some(value) = parameters.one(name)? else {
        return Ok(None);
    };
    at_most(longest, sent_length(value), too_long)?;
    if value.chars().any(char::is_control) {
        let detail = format!("a control character in {name}");
        return Err(Refusal::new(Reason::RequestMalformed).because(detail));
    }
    Ok(Some(value.to_owned()))
}

/// Refuses what is longer than `longest`, in bytes.
pub(crate) fn at_most(longest: usize, length: usize, too_long: Reason) -> Result<(), Refusal> {
    if length > longest {
        return Err(Refusal::new(too_long).because(format!("{length} bytes")));
    }
    Ok(())
}

/// The length of `value` form-encoded: what it takes in a URL, and more than it takes when it is sealed.
pub(crate) fn sent_length(value: &str) -> usize {
    form_urlencoded::byte_serialize(value.as_bytes())
        .map(str::len)
        .sum()
}

/// The text of a form-encoded name or value, as the URL Standard reads it; `None` where that is no UTF-8, or holds NUL. The usual
/// decoder writes U+FFFD for broken bytes, and that is a character which may be sent (RFC 6749 Appendix A).
fn decode(encoded: &[u8]) -> Option<String> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
        bytes.push(match (escaped, first) {
            (Some((high, low)), _) => high * 16 + low,
            (None, b'+') => b' ',
            (None, plain) => *plain,
        });
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T>(result: Result<T, Refusal>) -> Option<Reason> {
        result.err().map(|refusal| refusal.reason())
    }

    /// Attacks: Q03.
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
    fn nothing_that_was_sent_is_told_from_something() {
        for (sent, is_empty) in [("", true), ("&&", true), ("a", false), ("a=", false)] {
            let sent = Parameters::parse(sent.as_bytes()).unwrap();
            assert_eq!(sent.is_empty(), is_empty);
        }
    }

    #[test]
    fn text_is_read_as_the_url_standard_does() {
        for encoded in [
            "a=%EF%BF%BD",
            "a=%ef%bf%bd&b",
            "a=%F0%9F%A6%80",
            "a=+%2B",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%%41",
            "a==b",
            "=a",
            "&&a=1&&",
            "a=%C3%A4\u{e4}",
            "%61=%62",
            "a=b%0D%0Ac",
        ] {
            let read = Parameters::parse(encoded.as_bytes()).unwrap();
            let expected: Vec<_> = form_urlencoded::parse(encoded.as_bytes()).collect();
            let expected = expected.iter().map(|(name, value)| (&**name, &**value));
            assert!(read.iter().eq(expected), "{encoded}");
        }
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
