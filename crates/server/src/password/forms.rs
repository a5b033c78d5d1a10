//! The texts in which hashes are stored: ours, and those of other systems as their own tools write them.
//!
//! What is read here is what can be checked, at an import and at every sign-in alike: there is no second reading. What a check
//! would cost is judged before any of it is done.

mod keycloak;
mod parts;

use argon2::{Algorithm, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use safeconduct_protocol::secret::Secret;

use super::cost::{Cost, Digest, decimal, numbers};
use super::foreign::{After, Before};
use super::known::Known;
pub use parts::UnreadableHash;
use parts::{LONGEST_SALT, argon2_of, base64, letters, pbkdf2_of, plain};

/// The longest text, in bytes.
const LONGEST_TEXT: usize = 4096;

/// What a text is.
pub(super) enum Form {
    /// A hash that can be checked.
    Known(Known),
    /// A digest that is computed in no time: worth wrapping in a hash of ours.
    Fast(Fast),
}

/// A password's digest with a salt behind it.
pub(super) struct Fast {
    pub(super) digest: Digest,
    pub(super) salt: Vec<u8>,
    pub(super) output: Vec<u8>,
}

impl Fast {
    /// What is hashed in place of the password: what [`Before::Digest`] makes of the right one.
    pub(super) fn as_password(&self) -> Secret {
        Secret::new(STANDARD.encode(&self.output))
    }

    /// The text to store: `hash` is that of [`as_password`](Self::as_password).
    pub(super) fn wrapped_in(&self, hash: &str) -> String {
        let salt = STANDARD.encode(&self.salt);
        format!("$digest-{}${salt}{hash}", self.digest.name())
    }
}

/// Reads a hash.
pub(super) fn read(text: &str) -> Result<Form, UnreadableHash> {
    let text = text.trim_ascii();
    if text.len() > LONGEST_TEXT {
        return Err(UnreadableHash::Unknown);
    }
    if text.is_empty() || text.starts_with(['!', '*']) {
        return Err(UnreadableHash::NoPassword);
    }
    if let Some(scheme) = text.strip_prefix('{') {
        return match scheme.split_once('}') {
            Some((scheme, rest)) if scheme.bytes().all(is_of_scheme) => ldap(scheme, rest),
            _ => keycloak::read(text).map(Form::Known),
        };
    }
    match text.strip_prefix('$').map(|text| text.split_once('$')) {
        Some(Some((name, rest))) => modular(name, rest),
        Some(None) => Err(UnreadableHash::Unknown),
        None => django(text),
    }
    .map(Form::Known)
}

/// The hash that a stored text is; `None` for anything that can't be checked.
pub(super) fn known(stored: &str) -> Option<Known> {
    match read(stored) {
        Ok(Form::Known(known)) => Some(known),
        _ => None,
    }
}

fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `$name$rest`: PHC strings, those of passlib, and crypt(5).
fn modular(name: &str, rest: &str) -> Result<Known, UnreadableHash> {
    match name {
        "argon2id" | "argon2i" | "argon2d" => argon2(name, rest),
        "scrypt" => scrypt(rest),
        "pbkdf2" => pbkdf2(Digest::Sha1, rest),
        "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" => {
            let digest = Digest::named(&name["pbkdf2-".len()..]);
            pbkdf2(digest.ok_or(UnreadableHash::Unknown)?, rest)
        }
        "2a" | "2b" | "2y" => bcrypt(rest),
        "2" | "2x" => Err(UnreadableHash::Broken("the first or the faulty bcrypt")),
        "bcrypt-sha256" => passlib_bcrypt_sha256(rest),
        "wp" => {
            let inner = rest.strip_prefix("2y$");
            let known = bcrypt(inner.ok_or(UnreadableHash::Malformed("WordPress"))?)?;
            Ok(Known {
                before: Before::WordPress,
                ..known
            })
        }
        "5" => sha_crypt(Digest::Sha256, rest),
        "6" => sha_crypt(Digest::Sha512, rest),
        "firescrypt" => firescrypt(rest),
        "fbscrypt" => fbscrypt(rest),
        "digest-sha1" | "digest-sha256" | "digest-sha512" => {
            let digest = Digest::named(&name["digest-".len()..]);
            wrapped(digest.ok_or(UnreadableHash::Unknown)?, rest)
        }
        "1" | "apr1" | "P" | "H" | "S" => Err(UnreadableHash::Broken("MD5")),
        _ => Err(UnreadableHash::Unknown),
    }
}

/// `name$rest`: those of Django.
fn django(text: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("Django");
    let (name, rest) = text.split_once('$').ok_or(UnreadableHash::Unknown)?;
    let modular_inside = |rest: &str| {
        let inside = rest.strip_prefix('$').unwrap_or(rest);
        inside
            .split_once('$')
            .map(|(name, rest)| modular(name, rest))
    };
    match name {
        "pbkdf2_sha256" | "pbkdf2_sha1" => {
            let digest = Digest::named(&name["pbkdf2_".len()..]);
            let [rounds, salt, output] = parts(rest).ok_or(malformed)?;
            let rounds = decimal(rounds).ok_or(malformed)?;
            let output = base64(output).ok_or(malformed)?;
            let digest = digest.ok_or(malformed)?;
            pbkdf2_of(digest, rounds, salt.as_bytes().to_vec(), output, malformed)
        }
        "scrypt" => {
            let [n, salt, block, lanes, output] = parts(rest).ok_or(malformed)?;
            let n = decimal(n)
                .filter(|n| n.is_power_of_two())
                .ok_or(malformed)?;
            let [block, lanes] = [block, lanes].map(decimal);
            let cost = Cost::Scrypt {
                log_n: n.trailing_zeros(),
                block: block.ok_or(malformed)?,
                lanes: lanes.ok_or(malformed)?,
            };
            let output = base64(output).ok_or(malformed)?;
            plain(cost, salt.as_bytes().to_vec(), output, malformed)
        }
        "argon2" => modular_inside(rest).ok_or(malformed)?,
        "bcrypt" => modular_inside(rest).ok_or(malformed)?,
        "bcrypt_sha256" => {
            let known = modular_inside(rest).ok_or(malformed)??;
            Ok(Known {
                before: Before::HexSha256,
                ..known
            })
        }
        "md5" | "unsalted_md5" => Err(UnreadableHash::Broken("MD5")),
        _ => Err(UnreadableHash::Unknown),
    }
}

/// `{SCHEME}rest` (RFC 2307 §5.3), whose case does not matter.
fn ldap(scheme: &str, rest: &str) -> Result<Form, UnreadableHash> {
    let scheme = scheme.to_ascii_uppercase();
    let modular = |rest: &str| {
        let inside = rest.strip_prefix('$').and_then(|rest| rest.split_once('$'));
        let (name, rest) = inside.ok_or(UnreadableHash::Malformed("an LDAP directory"))?;
        modular(name, rest).map(Form::Known)
    };
    match scheme.as_str() {
        "SHA" | "SSHA" => fast(Digest::Sha1, rest),
        "SHA256" | "SSHA256" => fast(Digest::Sha256, rest),
        "SHA512" | "SSHA512" => fast(Digest::Sha512, rest),
        "CRYPT" | "ARGON2" | "BCRYPT" | "SCRYPT" => modular(rest),
        "PBKDF2" | "PBKDF2-SHA1" => pbkdf2(Digest::Sha1, rest).map(Form::Known),
        "PBKDF2-SHA256" => pbkdf2(Digest::Sha256, rest).map(Form::Known),
        "PBKDF2-SHA512" => pbkdf2(Digest::Sha512, rest).map(Form::Known),
        "MD5" | "SMD5" => Err(UnreadableHash::Broken("MD5")),
        "CLEARTEXT" | "CLEAR" | "PLAIN" => Err(UnreadableHash::Unknown),
        _ => Err(UnreadableHash::Unknown),
    }
}

/// `v=19$m=65536,t=2,p=1$salt$hash`; without a version it is that of before 2016.
fn argon2(name: &str, rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("Argon2");
    let (version, rest) = match rest.strip_prefix("v=") {
        Some(rest) => {
            let (version, rest) = rest.split_once('$').ok_or(malformed)?;
            (decimal(version).ok_or(malformed)?, rest)
        }
        None => (Version::V0x10.into(), rest),
    };
    let [parameters, salt, output] = parts(rest).ok_or(malformed)?;
    let [memory, passes, lanes] = numbers(parameters, ["m", "t", "p"]).ok_or(malformed)?;
    let cost = Cost::Argon2 {
        algorithm: Algorithm::new(name).map_err(|_| malformed)?,
        version: Version::try_from(version).map_err(|_| malformed)?,
        memory,
        passes,
        lanes,
    };
    let [salt, output] = [salt, output].map(base64);
    let (salt, output) = (salt.ok_or(malformed)?, output.ok_or(malformed)?);
    argon2_of(cost, salt, output, malformed)
}

/// `ln=16,r=8,p=1$salt$hash`.
fn scrypt(rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("scrypt");
    let [parameters, salt, output] = parts(rest).ok_or(malformed)?;
    let cost = scrypt_cost(parameters).ok_or(malformed)?;
    let [salt, output] = [salt, output].map(base64);
    plain(
        cost,
        salt.ok_or(malformed)?,
        output.ok_or(malformed)?,
        malformed,
    )
}

fn scrypt_cost(parameters: &str) -> Option<Cost> {
    let [log_n, block, lanes] = numbers(parameters, ["ln", "r", "p"])?;
    Some(Cost::Scrypt {
        log_n,
        block,
        lanes,
    })
}

/// `rounds$salt$hash`, `i=rounds,l=length$salt$hash` or without the length.
fn pbkdf2(digest: Digest, rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("PBKDF2");
    let [parameters, salt, output] = parts(rest).ok_or(malformed)?;
    let [salt, output] = [salt, output].map(base64);
    let (salt, output) = (salt.ok_or(malformed)?, output.ok_or(malformed)?);
    let named = numbers(parameters, ["i"]).map(|[rounds]| rounds);
    let with_length = || {
        let [rounds, length] = numbers(parameters, ["i", "l"])?;
        (length as usize == output.len()).then_some(rounds)
    };
    let rounds = decimal(parameters).or(named).or_else(with_length);
    pbkdf2_of(digest, rounds.ok_or(malformed)?, salt, output, malformed)
}

/// `12$`, 22 letters of salt, 31 letters of hash.
fn bcrypt(rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("bcrypt");
    let (log_rounds, rest) = rest.split_once('$').ok_or(malformed)?;
    let [salt, output] = match rest.split_at_checked(22) {
        Some((salt, output)) if rest.len() == 53 => [salt, output].map(bcrypt_letters),
        _ => return Err(malformed),
    };
    let cost = bcrypt_cost(log_rounds).ok_or(malformed)?;
    plain(
        cost,
        salt.ok_or(malformed)?,
        output.ok_or(malformed)?,
        malformed,
    )
}

/// Two digits.
fn bcrypt_cost(text: &str) -> Option<Cost> {
    let log_rounds = (text.len() == 2).then(|| decimal(text.trim_start_matches('0')))??;
    Some(Cost::Bcrypt { log_rounds })
}

/// `v=2,t=2b,r=12$salt$hash`, and the first version, `2b,12$salt$hash`: bcrypt of a digest in base64.
fn passlib_bcrypt_sha256(rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("passlib's bcrypt-sha256");
    let [parameters, salt, output] = parts(rest).ok_or(malformed)?;
    let second = ["v=2,t=2a,r=", "v=2,t=2b,r=", "v=2,t=2y,r="];
    let first = ["2a,", "2b,", "2y,"];
    let after = |prefixes: [&str; 3]| {
        let rounds = prefixes
            .iter()
            .find_map(|prefix| parameters.strip_prefix(prefix));
        rounds.map(|rounds| format!("{rounds:0>2}"))
    };
    let (rounds, before) = match (after(second), after(first)) {
        (Some(rounds), _) => (rounds, Before::Base64HmacSha256(salt.to_owned())),
        (None, Some(rounds)) => (rounds, Before::Base64Sha256),
        (None, None) => return Err(malformed),
    };
    let known = bcrypt(&format!("{rounds}${salt}{output}"))?;
    Ok(Known { before, ..known })
}

/// `salt$hash` or `rounds=10000$salt$hash`.
fn sha_crypt(digest: Digest, rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("SHA-crypt");
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(malformed)?;
            (decimal(rounds).ok_or(malformed)?, rest)
        }
        None => (5_000, rest),
    };
    let [salt, output] = parts(rest).ok_or(malformed)?;
    let letters = if digest == Digest::Sha512 { 86 } else { 43 };
    if output.len() != letters || salt.len() > 16 {
        return Err(malformed);
    }
    let cost = Cost::ShaCrypt { digest, rounds };
    let known = plain(cost, salt.into(), output.into(), malformed)?;
    Ok(Known {
        after: After::Crypt,
        ..known
    })
}

/// Kratos: `ln=14,r=8,p=1$salt$hash$separator$key`.
fn firescrypt(rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("Firebase");
    let [parameters, salt, output, separator, key] = parts(rest).ok_or(malformed)?;
    let cost = scrypt_cost(parameters).ok_or(malformed)?;
    firebase(cost, [salt, separator, output, key])
}

/// Supabase: `v=1,n=14,r=8,p=1,ss=separator,sk=key$salt$hash`.
fn fbscrypt(rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("Firebase");
    let [parameters, salt, output] = parts(rest).ok_or(malformed)?;
    let rest = parameters.strip_prefix("v=1,").ok_or(malformed)?;
    let (numbers_of, keys) = rest.split_once(",ss=").ok_or(malformed)?;
    let (separator, key) = keys.split_once(",sk=").ok_or(malformed)?;
    let [log_n, block, lanes] = numbers(numbers_of, ["n", "r", "p"]).ok_or(malformed)?;
    let cost = Cost::Scrypt {
        log_n,
        block,
        lanes,
    };
    firebase(cost, [salt, separator, output, key])
}

fn firebase(cost: Cost, texts: [&str; 4]) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("Firebase");
    let [Some(mut salt), Some(separator), Some(output), Some(key)] = texts.map(base64) else {
        return Err(malformed);
    };
    salt.extend(separator);
    if key.len() != output.len() {
        return Err(malformed);
    }
    let known = plain(cost, salt, output, malformed)?;
    Ok(Known {
        length: 32,
        after: After::Signed(key),
        ..known
    })
}

/// A fast digest that was wrapped at its import: its salt, and a hash of ours.
fn wrapped(digest: Digest, rest: &str) -> Result<Known, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("a wrapped digest");
    let (salt, rest) = rest.split_once('$').ok_or(malformed)?;
    let rest = rest.strip_prefix("argon2id$").ok_or(malformed)?;
    let known = argon2("argon2id", rest)?;
    Ok(Known {
        before: Before::Digest(digest, base64(salt).ok_or(malformed)?),
        ..known
    })
}

/// The digest, and behind it the salt.
fn fast(digest: Digest, rest: &str) -> Result<Form, UnreadableHash> {
    let malformed = UnreadableHash::Malformed("an LDAP directory");
    let mut output = base64(rest).ok_or(malformed)?;
    let length = digest.length() as usize;
    if !(length..=length + LONGEST_SALT).contains(&output.len()) {
        return Err(malformed);
    }
    let salt = output.split_off(length);
    Ok(Form::Fast(Fast {
        digest,
        salt,
        output,
    }))
}

/// Exactly so many parts between dollar signs.
fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    let parts: Vec<&str> = text.split('$').collect();
    parts.try_into().ok()
}

/// bcrypt's own base64. Many programs leave bits in the last letter that mean nothing.
fn bcrypt_letters(text: &str) -> Option<Vec<u8>> {
    letters(&alphabet::BCRYPT, text)
}

#[cfg(test)]
mod tests;
