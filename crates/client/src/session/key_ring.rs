//! The keys that seal this app's cookies and stored tokens, and their rotation.
//!
//! How sealing works is `safeconduct_protocol::seal`'s concern.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use safeconduct_protocol::encoding;
use safeconduct_protocol::random;
use safeconduct_protocol::seal::{KeyState, Kind, Seal, SealKey};
use safeconduct_protocol::secret::Secret;

use crate::error::Error;

/// What this library seals: sign-in cookies, stored sessions, and the way back from a sign-out.
const KINDS: [Kind; 3] = [Kind::LoginAttempt, Kind::StoredTokens, Kind::LogoutState];

/// One or more 256-bit keys. The first seals; all of them open, so that a key can be replaced without signing anyone out:
/// put the new one in front, and drop the old one when the longest session is over. Has no `Debug`.
#[derive(Clone)]
pub struct KeyRing(Vec<Secret>);

impl KeyRing {
    /// A ring of one new key that is never written anywhere. Sessions end when the process does.
    pub fn generate() -> Self {
        Self(vec![Secret::new(encoding::encode(&random::bytes::<32>()))])
    }

    /// Reads keys from text: 32 bytes each in base64 or 64 hexadecimal digits (`openssl rand -base64 32`), separated by
    /// commas or white space.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if there is no key, or one is not 32 bytes; never with a key in it.
    pub fn parse(text: &Secret) -> Result<Self, Error> {
        let keys = text
            .expose()
            .split([',', ' ', '\t', '\r', '\n'])
            .filter(|key| !key.is_empty())
            .map(|key| read_key(key).map(|bytes| Secret::new(encoding::encode(&bytes))))
            .collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if keys.is_empty() => Err(Error::configuration(
                "there is no session key; `openssl rand -base64 32` makes one",
            )),
            Some(keys) => Ok(Self(keys)),
            None => Err(Error::configuration(
                "a session key must be 32 bytes in base64 or hexadecimal; `openssl rand -base64 32` makes one",
            )),
        }
    }

    /// Reads keys from a file, as [`KeyRing::parse`] does.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if the file cannot be read or holds anything else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::parse(&read_secret_file(path.as_ref())?)
    }

    /// Reads keys from the environment variable `name`, or from the file that `name` followed by `_FILE` names.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if neither is set, or the value is not a list of keys.
    pub fn from_env(name: &str) -> Result<Self, Error> {
        let text = secret_variable(name, &|name| std::env::var(name).ok())?.ok_or_else(|| {
            Error::configuration(format!("neither {name} nor {name}_FILE is set to anything"))
        })?;
        Self::parse(&text)
    }

    /// The seal for these keys. `context` names whose sign-ins and sessions these are: nothing opens in another one.
    pub(crate) fn seal(&self, context: &str) -> Seal {
        let mut seal = Seal::new(context);
        for (index, key) in self.0.iter().enumerate() {
            let state = if index == 0 {
                KeyState::Active
            } else {
                KeyState::Retired
            };
            for kind in KINDS {
                seal = seal.with_key(kind, seal_key(key).for_kind(kind), state);
            }
        }
        seal
    }

    /// What users and sessions of the issuer are named with in a store, which is to know neither: one for each key, the
    /// sealing one first.
    pub(crate) fn index_keys(&self, context: &str) -> Vec<[u8; 32]> {
        let label = format!("safeconduct-client session index\n{context}");
        let derive = |key: &Secret| encoding::hmac_sha256(&bytes(key), label.as_bytes());
        self.0.iter().map(derive).collect()
    }
}

/// The value of the variable `name`, or the content of the file that `name` + `_FILE` names.
pub(crate) fn secret_variable(
    name: &str,
    read: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Secret>, Error> {
    if let Some(value) = read(name).filter(|value| !value.is_empty()) {
        return Ok(Some(Secret::new(value)));
    }
    let path = read(&format!("{name}_FILE")).filter(|path| !path.is_empty());
    path.map(|path| read_secret_file(Path::new(&path)))
        .transpose()
}

/// A secret from a file, without the line break an editor leaves at its end.
pub(crate) fn read_secret_file(path: &Path) -> Result<Secret, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::configuration(format!("cannot read {}: {error}", path.display())).with_source(error)
    })?;
    let text = Secret::new(text);
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n'])))
}

fn read_key(text: &str) -> Option<[u8; 32]> {
    let bytes = if text.len() == 64 {
        read_hexadecimal(text)?
    } else {
        let standard: String = text
            .trim_end_matches('=')
            .chars()
            .map(|letter| match letter {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        STANDARD_NO_PAD.decode(standard).ok()?
    };
    bytes.try_into().ok()
}

fn read_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        })
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}

/// The key with an id that follows from it, so that rings in any order agree on which key is which.
fn seal_key(key: &Secret) -> SealKey {
    let bytes = bytes(key);
    let digest = encoding::hmac_sha256(&bytes, b"safeconduct-client key id");
    let id = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    SealKey::from_bytes(id, bytes)
}

fn bytes(key: &Secret) -> [u8; 32] {
    encoding::decode(key.expose())
        .and_then(|bytes| bytes.try_into().ok())
        .expect("a ring holds 32-byte keys in base64url")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn ring(text: &str) -> Option<KeyRing> {
        KeyRing::parse(&Secret::new(text)).ok()
    }

    #[rstest]
    #[case::base64url(ONE)]
    #[case::padded("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]
    #[case::hexadecimal("000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F")]
    fn one_key_may_be_spelled_in_several_ways(#[case] text: &str) {
        let sealed = ring(ONE).unwrap().seal("app").seal(Kind::LoginAttempt, &7);
        let opened = ring(text)
            .unwrap()
            .seal("app")
            .open::<i32>(Kind::LoginAttempt, &sealed.unwrap());
        assert_eq!(opened, Ok(7));
    }

    #[rstest]
    #[case("")]
    #[case(" , ")]
    #[case("short")]
    #[case("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A")]
    #[case("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    fn anything_but_32_bytes_is_refused(#[case] text: &str) {
        assert!(ring(text).is_none());
    }

    #[test]
    fn no_key_is_told_from_one_that_is_none() {
        let refused = |text: &str| {
            KeyRing::parse(&Secret::new(text))
                .err()
                .unwrap()
                .to_string()
        };
        assert!(refused(" , ").contains("there is no session key"));
        assert!(refused("short").contains("must be 32 bytes"));
    }

    #[test]
    fn a_refusal_never_repeats_the_key() {
        let error = KeyRing::parse(&Secret::new("hush-hush")).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("hush"));
    }

    #[test]
    fn a_replaced_key_still_opens_and_a_dropped_one_does_not() {
        let old = ring(ONE).unwrap().seal("app");
        let sealed = old.seal(Kind::StoredTokens, &7).unwrap();
        let new = random::token();
        let rotated = ring(&format!("{new},{ONE}")).unwrap().seal("app");
        assert_eq!(rotated.open::<i32>(Kind::StoredTokens, &sealed), Ok(7));
        let dropped = ring(&new).unwrap().seal("app");
        assert!(dropped.open::<i32>(Kind::StoredTokens, &sealed).is_err());
        let fresh = rotated.seal(Kind::StoredTokens, &8).unwrap();
        assert!(old.open::<i32>(Kind::StoredTokens, &fresh).is_err());
        assert_eq!(dropped.open::<i32>(Kind::StoredTokens, &fresh), Ok(8));
    }

    #[test]
    fn every_key_names_sessions_in_its_own_way_and_in_every_app_in_another() {
        let new = random::token();
        let rotated = ring(&format!("{new},{ONE}")).unwrap();
        let old = ring(ONE).unwrap();
        assert_eq!(rotated.index_keys("app")[1..], old.index_keys("app"));
        assert_ne!(rotated.index_keys("app")[0], old.index_keys("app")[0]);
        assert_ne!(old.index_keys("app"), old.index_keys("other"));
    }

    #[test]
    fn a_secret_comes_from_the_variable_or_from_the_file_it_names() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from the file\n").unwrap();
        let path = file.path().display().to_string();
        let read = |name: &str| match name {
            "A" => Some("from the variable".to_owned()),
            "B_FILE" => Some(path.clone()),
            "C_FILE" => Some("/nowhere/at/all".to_owned()),
            _ => None,
        };
        let value = |name: &str| {
            secret_variable(name, &read).map(|secret| secret.map(|s| s.expose().to_owned()))
        };
        assert_eq!(value("A").unwrap().as_deref(), Some("from the variable"));
        assert_eq!(value("B").unwrap().as_deref(), Some("from the file"));
        assert!(value("C").is_err());
        assert_eq!(value("D").unwrap(), None);
    }
}
