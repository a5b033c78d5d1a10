//! What a browser answers for a passkey: any bytes are read or refused, and nothing proves anybody but as it was signed.

use std::sync::LazyLock;

use safeconduct_protocol::passkey::{
    AskedOf, Assertion, CredentialRecord, PasskeyKey, Registration, RelyingParty, creation_options,
    request_options,
};
use safeconduct_testing_passkey::{Device, base64};
use serde_json::{Value, json};

use crate::pieces::{Edit, OF_BASE64URL, edited};

const CHALLENGE: &str = "Y2hhbGxlbmdlLWNoYWxsZW5nZS1jaGFsbGVuZ2UtMDE";

static PARTY: LazyLock<RelyingParty> = LazyLock::new(|| RelyingParty {
    id: "id.example.com".to_owned(),
    origin: "https://id.example.com".to_owned(),
});

/// What was answered when a passkey was made and when it signed, and what is kept of it.
struct Good {
    created: Value,
    signed: Value,
    kept: CredentialRecord,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let device = Device::manager(&PARTY.origin);
    let options = creation_options(&PARTY, "Acme", CHALLENGE, &base64(&[7; 64]), "ada", &[]);
    let (passkey, created) = device.create(&options);
    let created = created.json();
    let made = Registration::parse(&created).and_then(|made| made.check(CHALLENGE, &PARTY));
    let made = made.expect("it is good");
    let signed = device.sign(&passkey, &request_options(&PARTY, CHALLENGE, &[]));
    let read = |json: &str| serde_json::from_str(json).expect("JSON");
    Good {
        created: read(&created),
        signed: read(&signed),
        kept: CredentialRecord {
            key: made.key,
            sign_count: made.sign_count,
            backup_eligible: made.backup_eligible,
            user_handle: passkey.handle,
        },
    }
});

/// `member` of a good answer, edited; and `bytes` in its place.
pub fn passkey(member: u8, edits: &[Edit], bytes: &[u8]) {
    let good = &*GOOD;
    let signed = ["clientDataJSON", "authenticatorData", "signature"];
    let member = signed[usize::from(member) % signed.len()];
    for text in changed(&good.signed["response"][member], edits, bytes) {
        let mut answer = good.signed.clone();
        let is_good = answer["response"][member] == text;
        answer["response"][member] = json!(text);
        let judged = Assertion::parse(&answer.to_string())
            .and_then(|answer| answer.check(&good.kept, CHALLENGE, AskedOf::Anybody, &PARTY));
        assert_eq!(judged.is_ok(), is_good, "{member}: {text}");
    }
    for text in changed(&good.created["response"]["attestationObject"], edits, bytes) {
        let mut answer = good.created.clone();
        answer["response"]["attestationObject"] = json!(text);
        let made = Registration::parse(&answer.to_string())
            .and_then(|answer| answer.check(CHALLENGE, &PARTY));
        if let Ok(made) = made {
            assert_eq!(PasskeyKey::read(made.key.as_cose()), Ok(made.key));
        }
    }
}

fn changed(good: &Value, edits: &[Edit], bytes: &[u8]) -> [String; 2] {
    let good = good.as_str().unwrap_or_default();
    [edited(good, edits, OF_BASE64URL), base64(bytes)]
}
