//! A password credential as an export of Keycloak has it: `credentialData` and `secretData`, both JSON, and both as text inside of it.

use argon2::{Algorithm, Version};
use serde_json::Value;

use super::super::cost::{Cost, Digest, decimal};
use super::super::known::Known;
use super::parts::{UnreadableHash, argon2_of, base64, pbkdf2_of};

const MALFORMED: UnreadableHash = UnreadableHash::Malformed("Keycloak");

/// Reads the JSON of one credential.
pub(super) fn read(text: &str) -> Result<Known, UnreadableHash> {
    let credential: Value = serde_json::from_str(text).map_err(|_| UnreadableHash::Unknown)?;
    let data = inside(&credential, "credentialData").ok_or(MALFORMED)?;
    let secret = inside(&credential, "secretData").ok_or(MALFORMED)?;
    let bytes = |name: &str| base64(secret.get(name)?.as_str()?);
    let salt = bytes("salt").ok_or(MALFORMED)?;
    let output = bytes("value").ok_or(MALFORMED)?;
    let rounds = data
        .get("hashIterations")
        .and_then(number)
        .ok_or(MALFORMED)?;
    let algorithm = data.get("algorithm").and_then(Value::as_str);
    match algorithm.ok_or(MALFORMED)? {
        "argon2" => {
            let cost = argon2_cost(&data, rounds).ok_or(MALFORMED)?;
            argon2_of(cost, salt, output, MALFORMED)
        }
        "pbkdf2" => pbkdf2_of(Digest::Sha1, rounds, salt, output, MALFORMED),
        "pbkdf2-sha256" => pbkdf2_of(Digest::Sha256, rounds, salt, output, MALFORMED),
        "pbkdf2-sha512" => pbkdf2_of(Digest::Sha512, rounds, salt, output, MALFORMED),
        _ => Err(UnreadableHash::Unknown),
    }
}

fn argon2_cost(data: &Value, passes: u32) -> Option<Cost> {
    let parameters = data.get("additionalParameters")?;
    let parameter = |name: &str| parameters.get(name)?.get(0)?.as_str();
    let kind = parameter("type").unwrap_or("id");
    Some(Cost::Argon2 {
        algorithm: Algorithm::new(format!("argon2{kind}")).ok()?,
        version: match parameter("version").unwrap_or("1.3") {
            "1.3" => Version::V0x13,
            "1.0" => Version::V0x10,
            _ => return None,
        },
        memory: decimal(parameter("memory")?)?,
        passes,
        lanes: decimal(parameter("parallelism")?)?,
    })
}

/// A member that is an object, or the text of one.
fn inside(value: &Value, name: &str) -> Option<Value> {
    match value.get(name)? {
        Value::String(text) => serde_json::from_str(text).ok(),
        object @ Value::Object(_) => Some(object.clone()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}
