//! Every step of WebAuthn Level 3 §7.1 and §7.2 that anything could be wrong with, one at a time, against an authenticator in software.

use rstest::rstest;
use safeconduct_testing_passkey::{
    AT, BE, BS, Created, Device, ED, Passkey, Signer, UP, UV, UnsignedAssertion, base64,
    cbor_bytes, cbor_map, cbor_text, cose_p256, cose_rsa,
};
use serde_json::{Value, json};

use super::*;

const ORIGIN: &str = "https://id.acme.example";
const CHALLENGE: &str = "Y2hhbGxlbmdlLWNoYWxsZW5nZS1jaGFsbGVuZ2UtMDE";

fn party() -> RelyingParty {
    RelyingParty {
        id: "id.acme.example".to_owned(),
        origin: ORIGIN.to_owned(),
    }
}

fn to_create() -> Value {
    let handle = base64(&[7; USER_HANDLE]);
    creation_options(&party(), "Acme", CHALLENGE, &handle, "ada", &[])
}

fn to_get() -> Value {
    request_options(&party(), CHALLENGE, &[])
}

fn register(json: &str) -> Result<NewPasskey, PasskeyProblem> {
    Registration::parse(json)?.check(CHALLENGE, &party())
}

fn kept(passkey: &Passkey, created: &Created) -> CredentialRecord {
    let new = register(&created.json()).unwrap();
    CredentialRecord {
        key: new.key,
        sign_count: new.sign_count,
        backup_eligible: new.backup_eligible,
        user_handle: passkey.handle.clone(),
    }
}

fn assert_by(kept: &CredentialRecord, json: &str) -> Result<Asserted, PasskeyProblem> {
    assert_of(AskedOf::Anybody, kept, json)
}

fn assert_of(
    asked: AskedOf,
    kept: &CredentialRecord,
    json: &str,
) -> Result<Asserted, PasskeyProblem> {
    Assertion::parse(json)?.check(kept, CHALLENGE, asked, &party())
}

/// A password manager with a passkey that is registered.
fn registered() -> (Device, Passkey, CredentialRecord) {
    let device = Device::manager(ORIGIN);
    let (passkey, created) = device.create(&to_create());
    let kept = kept(&passkey, &created);
    (device, passkey, kept)
}

#[test]
fn a_passkey_is_registered_and_proves_its_owner() {
    for (device, signer) in [
        (Device::manager(ORIGIN), Signer::es256()),
        (Device::security_key(ORIGIN), Signer::rs256()),
    ] {
        let (passkey, created) = device.create_with(&to_create(), signer);
        let new = register(&created.json()).unwrap();
        assert_eq!(new.id.as_bytes(), passkey.id);
        assert_eq!(new.key.as_cose(), passkey.signer.cose());
        assert_eq!(new.backup_eligible, device.flags & BE != 0);
        assert_eq!(new.backed_up, device.flags & BS != 0);
        let mut transports = device.transports.clone();
        transports.sort_unstable();
        assert_eq!(new.transports, transports);
        let kept = kept(&passkey, &created);
        let asserted = assert_by(&kept, &device.sign(&passkey, &to_get())).unwrap();
        assert_eq!(asserted.sign_count, SignCount::Unused);
        assert_eq!(PasskeyKey::read(new.key.as_cose()), Ok(new.key));
    }
}

/// What a stranger could have changed of the client data, for both ceremonies.
///
/// Attacks: PE01, PE03, PE04, PE18.
#[rstest]
#[case::suffix("origin", json!("https://id.acme.example.evil.com"), PasskeyProblem::Origin)]
#[case::prefix("origin", json!("https://evil-id.acme.example"), PasskeyProblem::Origin)]
#[case::parent("origin", json!("https://acme.example"), PasskeyProblem::Origin)]
#[case::port("origin", json!("https://id.acme.example:8443"), PasskeyProblem::Origin)]
#[case::scheme("origin", json!("http://id.acme.example"), PasskeyProblem::Origin)]
#[case::slash("origin", json!("https://id.acme.example/"), PasskeyProblem::Origin)]
#[case::case("origin", json!("https://ID.acme.example"), PasskeyProblem::Origin)]
#[case::kind("type", json!("webauthn.else"), PasskeyProblem::Type)]
#[case::challenge("challenge", json!("Y2hhbGxlbmdlLWNoYWxsZW5nZS1jaGFsbGVuZ2UtMDI"), PasskeyProblem::Challenge)]
#[case::empty("challenge", json!(""), PasskeyProblem::Challenge)]
#[case::padded("challenge", json!(format!("{CHALLENGE}=")), PasskeyProblem::Challenge)]
#[case::framed("crossOrigin", json!(true), PasskeyProblem::CrossOrigin)]
#[case::framed_by_whom("topOrigin", json!("https://evil.example"), PasskeyProblem::CrossOrigin)]
#[case::framed_by_us("topOrigin", json!(ORIGIN), PasskeyProblem::CrossOrigin)]
#[case::number("origin", json!(7), PasskeyProblem::ClientData)]
fn client_data_of_anything_else_are_refused(
    #[case] member: &str,
    #[case] value: Value,
    #[case] problem: PasskeyProblem,
) {
    let (device, passkey, kept) = registered();
    let (_, mut created) = device.create(&to_create());
    created.client_data[member] = value.clone();
    assert_eq!(register(&created.json()), Err(problem));

    let mut asked = device.get(&passkey, &to_get());
    asked.client_data[member] = value;
    assert_eq!(assert_by(&kept, &asked.signed_by(&passkey)), Err(problem));
}

/// Attacks: PE03.
#[test]
fn the_answer_of_one_ceremony_is_none_of_the_other() {
    let (device, passkey, kept) = registered();
    let (_, mut created) = device.create(&to_create());
    created.client_data["type"] = json!("webauthn.get");
    assert_eq!(register(&created.json()), Err(PasskeyProblem::Type));
    let mut asked = device.get(&passkey, &to_get());
    asked.client_data["type"] = json!("webauthn.create");
    let answer = asked.signed_by(&passkey);
    assert_eq!(assert_by(&kept, &answer), Err(PasskeyProblem::Type));
}

/// Attacks: PE19.
#[test]
fn client_data_with_a_byte_order_mark_and_members_of_tomorrow_are_read() {
    let (device, passkey, kept) = registered();
    let mut asked = device.get(&passkey, &to_get());
    asked.client_data["other_keys_can_be_added_here"] = json!({ "deep": [1, 2] });
    let json = format!("\u{feff}{}", asked.client_data);
    let data = asked.authenticator_data.bytes();
    let answer = asked.signed_of(&passkey, json.as_bytes(), &data);
    assert!(assert_by(&kept, &answer).is_ok());

    let latin = b"{\"type\":\"webauthn.get\xff\"}";
    let answer = asked.signed_of(&passkey, latin, &data);
    assert_eq!(assert_by(&kept, &answer), Err(PasskeyProblem::ClientData));
}

/// Attacks: PE02, PE05, PE06.
#[rstest]
#[case::another_party("evil.example", UP | UV | BE | BS, PasskeyProblem::RelyingParty)]
#[case::parent_party("acme.example", UP | UV | BE | BS, PasskeyProblem::RelyingParty)]
#[case::nobody_there("id.acme.example", UV | BE | BS, PasskeyProblem::NotPresent)]
#[case::not_verified("id.acme.example", UP | BE | BS, PasskeyProblem::NotVerified)]
#[case::backed_up_against_the_rule("id.acme.example", UP | UV | BS, PasskeyProblem::BackupFlags)]
fn authenticator_data_of_anything_else_are_refused(
    #[case] rp_id: &str,
    #[case] flags: u8,
    #[case] problem: PasskeyProblem,
) {
    let (device, passkey, kept) = registered();
    let (_, mut created) = device.create(&to_create());
    created.authenticator_data.rp_id = rp_id.to_owned();
    created.authenticator_data.flags = flags | AT;
    assert_eq!(register(&created.json()), Err(problem));

    let mut asked = device.get(&passkey, &to_get());
    asked.authenticator_data.rp_id = rp_id.to_owned();
    asked.authenticator_data.flags = flags;
    assert_eq!(assert_by(&kept, &asked.signed_by(&passkey)), Err(problem));
}

/// Attacks: PE07, PE08.
#[test]
fn a_key_may_become_eligible_for_backup_and_never_cease_to_be() {
    let device = Device::security_key(ORIGIN);
    let (passkey, created) = device.create(&to_create());
    let kept_before = kept(&passkey, &created);
    let synced = Device::manager(ORIGIN);
    let raised = assert_by(&kept_before, &synced.sign(&passkey, &to_get())).unwrap();
    assert!(raised.newly_eligible && raised.backup_eligible && raised.backed_up);

    let kept_after = CredentialRecord {
        backup_eligible: true,
        ..kept_before
    };
    let same = assert_by(&kept_after, &synced.sign(&passkey, &to_get())).unwrap();
    assert!(same.backup_eligible && !same.newly_eligible);
    let lost = assert_by(&kept_after, &device.sign(&passkey, &to_get()));
    assert_eq!(lost, Err(PasskeyProblem::BackupLost));
}

/// Attacks: PE09.
#[rstest]
#[case::neither_counts(0, 0, Ok(SignCount::Unused), Ok(SignCount::Unused))]
#[case::begins(0, 7, Ok(SignCount::Risen(7)), Ok(SignCount::Risen(7)))]
#[case::rises(5, 6, Ok(SignCount::Risen(6)), Ok(SignCount::Risen(6)))]
#[case::rises_far(
    5,
    u32::MAX,
    Ok(SignCount::Risen(u32::MAX)),
    Ok(SignCount::Risen(u32::MAX))
)]
#[case::the_same(5, 5, Err(PasskeyProblem::SignCount), Ok(SignCount::Behind))]
#[case::back(5, 4, Err(PasskeyProblem::SignCount), Ok(SignCount::Behind))]
#[case::to_nothing(5, 0, Err(PasskeyProblem::SignCount), Ok(SignCount::Behind))]
fn a_count_that_does_not_rise_matters_where_the_key_cannot_be_copied(
    #[case] before: u32,
    #[case] after: u32,
    #[case] of_a_key: Result<SignCount, PasskeyProblem>,
    #[case] of_a_manager: Result<SignCount, PasskeyProblem>,
) {
    for (device, expected) in [
        (Device::security_key(ORIGIN), of_a_key),
        (Device::manager(ORIGIN), of_a_manager),
    ] {
        let (mut passkey, created) = device.create(&to_create());
        let kept = CredentialRecord {
            sign_count: before,
            ..kept(&passkey, &created)
        };
        passkey.count = after;
        let judged = assert_by(&kept, &device.sign(&passkey, &to_get()));
        assert_eq!(judged.map(|asserted| asserted.sign_count), expected);
    }
}

/// Somebody who copied a security key can say that it may be copied: that lets no count through.
///
/// Attacks: PE07, PE09.
#[test]
fn a_copy_of_a_security_key_does_not_get_in_by_calling_itself_synced() {
    let device = Device::security_key(ORIGIN);
    let (mut passkey, created) = device.create(&to_create());
    let kept = CredentialRecord {
        sign_count: 5,
        ..kept(&passkey, &created)
    };
    passkey.count = 5;
    let answer = Device::manager(ORIGIN).sign(&passkey, &to_get());
    assert_eq!(assert_by(&kept, &answer), Err(PasskeyProblem::SignCount));
}

/// Attacks: PE11, PE13.
#[test]
fn only_the_key_that_is_kept_and_its_own_account_are_believed() {
    let (device, passkey, kept) = registered();
    let (other, _) = device.create(&to_create());
    let asked = device.get(&passkey, &to_get());
    let signed_by_another = asked.signed_by(&other);
    assert_eq!(
        assert_by(&kept, &signed_by_another),
        Err(PasskeyProblem::Signature)
    );
    let data = asked.authenticator_data.bytes();
    let client = asked.client_data.to_string();
    for signature in [vec![], vec![0; 64], vec![0x30; 72]] {
        let answer = asked.json(client.as_bytes(), &data, &signature);
        assert_eq!(assert_by(&kept, &answer), Err(PasskeyProblem::Signature));
    }
    for handle in [None, Some(vec![]), Some(vec![8; USER_HANDLE])] {
        let without = UnsignedAssertion {
            user_handle: handle,
            ..asked.clone()
        };
        let answer = without.signed_by(&passkey);
        assert_eq!(assert_by(&kept, &answer), Err(PasskeyProblem::UserHandle));
    }
}

/// §7.2 step 6.
///
/// Attacks: PE11.
#[test]
fn who_was_asked_by_name_may_leave_the_handle_out_and_gives_no_other() {
    let (device, passkey, kept) = registered();
    let asked = device.get(&passkey, &to_get());
    for (handle, expected) in [
        (None, Ok(())),
        (Some(vec![]), Ok(())),
        (Some(passkey.handle.clone()), Ok(())),
        (Some(vec![8; USER_HANDLE]), Err(PasskeyProblem::UserHandle)),
    ] {
        let with = UnsignedAssertion {
            user_handle: handle,
            ..asked.clone()
        };
        let answer = with.signed_by(&passkey);
        let judged = assert_of(AskedOf::OneUser, &kept, &answer);
        assert_eq!(judged.map(drop), expected);
    }
}

/// Attacks: PE13.
#[test]
fn nothing_that_was_signed_can_be_changed() {
    let (device, passkey, kept) = registered();
    let asked = device.get(&passkey, &to_get());
    let signed = asked.signed_by(&passkey);
    let signed: Value = serde_json::from_str(&signed).unwrap();
    for member in ["clientDataJSON", "authenticatorData"] {
        let mut answer = signed.clone();
        let text = answer["response"][member].as_str().unwrap();
        let mut bytes = crate::encoding::decode(text).unwrap();
        // Of both the last byte that says nothing to any other check: a space of the JSON, the count.
        if member == "clientDataJSON" {
            bytes.push(b' ');
        } else {
            *bytes.last_mut().unwrap() ^= 1;
        }
        answer["response"][member] = json!(base64(&bytes));
        let judged = assert_by(&kept, &answer.to_string());
        assert_eq!(judged, Err(PasskeyProblem::Signature), "{member}");
    }
}

/// Attacks: PE12, PE17.
#[test]
fn a_passkey_has_one_name_of_a_length_that_is_allowed() {
    let (device, passkey, kept) = registered();
    let asked = device.get(&passkey, &to_get());
    let two = UnsignedAssertion {
        raw_id: base64(b"another"),
        ..asked.clone()
    };
    assert_eq!(
        assert_by(&kept, &two.signed_by(&passkey)),
        Err(PasskeyProblem::IdsDiffer)
    );
    let (_, created) = device.create(&to_create());
    let two = Created {
        raw_id: base64(b"another"),
        ..created.clone()
    };
    assert_eq!(register(&two.json()), Err(PasskeyProblem::IdsDiffer));
    let (id, raw_id) = (base64(b"another"), base64(b"another"));
    let unsigned = Created {
        id,
        raw_id,
        ..created.clone()
    };
    assert_eq!(register(&unsigned.json()), Err(PasskeyProblem::IdsDiffer));
    for (length, good) in [(0, false), (1, true), (1023, true), (1024, false)] {
        let id = vec![5; length];
        let mut named = created.clone();
        named.id = base64(&id);
        named.raw_id = base64(&id);
        named.authenticator_data.id = id;
        let judged = register(&named.json());
        let expected = if good {
            Ok(())
        } else {
            Err(PasskeyProblem::IdLength)
        };
        assert_eq!(judged.map(drop), expected, "{length}");
    }
}

/// Attacks: PE15.
#[test]
fn a_key_is_of_an_algorithm_that_was_offered_and_sound() {
    let (device, _, _) = registered();
    let (passkey, created) = device.create(&to_create());
    let point = &passkey.signer.cose();
    let with = |key: Vec<u8>| {
        let mut changed = created.clone();
        changed.authenticator_data.key = key;
        register(&changed.json()).map(drop)
    };
    assert_eq!(with(point.clone()), Ok(()));
    let labels = |algorithm: Vec<u8>| {
        cbor_map(&[
            (vec![0x01], vec![0x02]),
            (vec![0x03], algorithm),
            (vec![0x20], vec![0x01]),
            (vec![0x21], cbor_bytes(&[1; 32])),
            (vec![0x22], cbor_bytes(&[1; 32])),
        ])
    };
    // EdDSA, ES384, ES256K, RS1.
    for algorithm in [
        vec![0x27],
        vec![0x38, 0x22],
        vec![0x38, 0x2e],
        vec![0x39, 0xff, 0xfe],
    ] {
        assert_eq!(with(labels(algorithm)), Err(PasskeyProblem::Algorithm));
    }
    // The same point said to be of another kind of key, and of another curve.
    let said = |place: usize, label: u8| {
        let mut key = point.clone();
        key[place] = label;
        key
    };
    let unsound = [
        cose_p256(&[4; 65]),
        said(2, 3),
        said(6, 2),
        // RSA of 1024 bits, even, with the exponent 1, with a leading zero.
        cose_rsa(&[0xff; 128], &[1, 0, 1]),
        cose_rsa(&[0xfe; 256], &[1, 0, 1]),
        cose_rsa(&[0xff; 256], &[1]),
        cose_rsa(&[[0].as_slice(), &[0xff; 256]].concat(), &[1, 0, 1]),
        cose_rsa(&[0xff; 1100], &[1, 0, 1]),
        cose_rsa(&[], &[]),
        cbor_map(&[(vec![0x01], vec![0x02]), (vec![0x03], vec![0x26])]),
        // A member twice.
        cbor_map(&[(vec![0x01], vec![0x02]), (vec![0x01], vec![0x02])]),
    ];
    for key in unsound {
        assert_eq!(with(key), Err(PasskeyProblem::PublicKey));
    }
}

/// Attacks: PE16.
#[test]
fn no_attestation_is_believed_and_none_says_nothing() {
    let (device, _, _) = registered();
    let (_, created) = device.create(&to_create());
    let statement = cbor_map(&[(cbor_text("alg"), vec![0x26])]);
    for format in ["packed", "tpm", "what-comes-next"] {
        let unasked = Created {
            format: format.to_owned(),
            statement: statement.clone(),
            ..created.clone()
        };
        assert!(register(&unasked.json()).is_ok(), "{format}");
    }
    let none = Created {
        statement,
        ..created
    };
    assert_eq!(register(&none.json()), Err(PasskeyProblem::Attestation));
}

/// Attacks: PE20.
#[test]
fn what_is_cut_off_goes_on_or_is_nested_without_end_is_refused() {
    let (device, passkey, kept) = registered();
    let (_, created) = device.create(&to_create());
    let client = created.client_data.to_string();
    let whole = created.authenticator_data.bytes();
    for length in 0..whole.len() {
        let json = created.json_of(client.as_bytes(), &whole[..length]);
        assert_eq!(
            register(&json),
            Err(PasskeyProblem::AuthenticatorData),
            "{length}"
        );
    }
    let longer = [whole.as_slice(), &[0]].concat();
    let json = created.json_of(client.as_bytes(), &longer);
    assert_eq!(register(&json), Err(PasskeyProblem::AuthenticatorData));

    let mut without = created.clone();
    without.authenticator_data.key = Vec::new();
    assert_eq!(
        register(&without.json()),
        Err(PasskeyProblem::AuthenticatorData)
    );
    without.authenticator_data.flags = UP | UV;
    assert_eq!(
        register(&without.json()),
        Err(PasskeyProblem::AuthenticatorData)
    );

    let deep = vec![0x81; 10_000];
    let mut nested = created.clone();
    nested.authenticator_data.key = deep.clone();
    assert_eq!(
        register(&nested.json()),
        Err(PasskeyProblem::AuthenticatorData)
    );
    let object = created.json_with(client.as_bytes(), &deep);
    assert_eq!(register(&object), Err(PasskeyProblem::Attestation));
    let huge = [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let object = created.json_with(client.as_bytes(), &huge);
    assert_eq!(register(&object), Err(PasskeyProblem::Attestation));

    let asked = device.get(&passkey, &to_get());
    let (client, whole) = (
        asked.client_data.to_string(),
        asked.authenticator_data.bytes(),
    );
    for length in 0..whole.len() {
        let answer = asked.signed_of(&passkey, client.as_bytes(), &whole[..length]);
        assert_eq!(
            assert_by(&kept, &answer),
            Err(PasskeyProblem::AuthenticatorData)
        );
    }
    for flag in [AT, ED] {
        let mut claimed = asked.clone();
        claimed.authenticator_data.flags |= flag;
        assert_eq!(
            assert_by(&kept, &claimed.signed_by(&passkey)),
            Err(PasskeyProblem::AuthenticatorData)
        );
    }
}

#[test]
fn extensions_behind_a_key_are_read_over() {
    let (device, passkey, kept) = registered();
    let extensions = cbor_map(&[(cbor_text("credProtect"), vec![0x03])]);
    let (_, mut created) = device.create(&to_create());
    created.authenticator_data.flags |= ED;
    created.authenticator_data.behind = extensions.clone();
    assert!(register(&created.json()).is_ok());
    let mut asked = device.get(&passkey, &to_get());
    asked.authenticator_data.flags |= ED;
    asked.authenticator_data.behind = extensions;
    assert!(assert_by(&kept, &asked.signed_by(&passkey)).is_ok());
    asked.authenticator_data.behind = vec![0x01];
    assert_eq!(
        assert_by(&kept, &asked.signed_by(&passkey)),
        Err(PasskeyProblem::AuthenticatorData)
    );
}

#[test]
fn a_key_that_cannot_be_found_without_a_name_is_refused_where_the_browser_says_so() {
    let (device, _, _) = registered();
    let (_, mut created) = device.create(&to_create());
    created.discoverable = None;
    assert!(register(&created.json()).is_ok());
    created.discoverable = Some(false);
    assert_eq!(
        register(&created.json()),
        Err(PasskeyProblem::NotDiscoverable)
    );
}

#[rstest]
#[case("")]
#[case("null")]
#[case("[]")]
#[case("{}")]
#[case(r#"{"id":"AA","rawId":"AA","type":"password","response":{}}"#)]
#[case(r#"{"id":"AA","rawId":"AA","type":"public-key","response":null}"#)]
#[case(r#"{"id":"AA==","rawId":"AA==","type":"public-key","response":{"clientDataJSON":"","attestationObject":"","authenticatorData":"","signature":""}}"#)]
fn what_is_no_credential_is_refused(#[case] json: &str) {
    assert_eq!(
        Registration::parse(json).err(),
        Some(PasskeyProblem::Malformed)
    );
    assert_eq!(
        Assertion::parse(json).err(),
        Some(PasskeyProblem::Malformed)
    );
}

/// A suffix that is no domain of its own, and a domain of somebody else, are no relying party.
#[rstest]
#[case::own_host("id.acme.example", true)]
#[case::above_it("acme.example", true)]
#[case::one_label("example", false)]
#[case::cut_within_a_label("cme.example", false)]
#[case::below_it("a.id.acme.example", false)]
#[case::beside_it("www.acme.example", false)]
#[case::somebody_elses("acme.example.evil.com", false)]
#[case::with_a_dot(".acme.example", false)]
#[case::in_capitals("ACME.example", false)]
#[case::nothing("", false)]
fn passkeys_belong_to_the_host_or_a_domain_above_it(#[case] id: &str, #[case] may: bool) {
    assert_eq!(RelyingParty::may_be_id(id, "id.acme.example"), may);
    assert!(RelyingParty::may_be_id("localhost", "localhost"));
}

/// Attacks: PE21.
#[test]
fn what_is_asked_for_is_a_verified_user_and_a_key_that_is_found_without_a_name() {
    let known = [CredentialDescriptor {
        id: CredentialId::from_bytes(b"one").unwrap(),
        transports: vec!["usb".to_owned()],
    }];
    let handle = base64(&[7; USER_HANDLE]);
    let create = creation_options(&party(), "Acme", CHALLENGE, &handle, "ada", &known);
    let described = json!([{ "type": "public-key", "id": "b25l", "transports": ["usb"] }]);
    assert_eq!(create["excludeCredentials"], described);
    assert_eq!(
        create["rp"],
        json!({ "id": "id.acme.example", "name": "Acme" })
    );
    assert_eq!(
        create["authenticatorSelection"],
        json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "required" })
    );
    assert_eq!(create["attestation"], "none");
    let get = request_options(&party(), CHALLENGE, &[]);
    assert_eq!(
        get,
        json!({
            "rpId": "id.acme.example",
            "challenge": CHALLENGE,
            "timeout": 300_000,
            "allowCredentials": [],
            "userVerification": "required",
        })
    );
    let get = request_options(&party(), CHALLENGE, &known);
    assert_eq!(get["allowCredentials"], described);
}

#[test]
fn a_new_passkey_is_called_after_what_made_it_or_what_it_is() {
    let name = |device: &Device| {
        let (_, created) = device.create(&to_create());
        SuggestedName::of(&register(&created.json()).unwrap())
    };
    assert_eq!(name(&Device::manager(ORIGIN)), SuggestedName::Passkey);
    assert_eq!(
        name(&Device::security_key(ORIGIN)),
        SuggestedName::SecurityKey
    );
    let proton = Device {
        aaguid: *b"Proton\x50\x61\x73\x73Proton",
        ..Device::manager(ORIGIN)
    };
    assert_eq!(name(&proton), SuggestedName::Maker("Proton Pass"));
}

/// Attacks: PE75.
#[rstest]
#[case("  my key ", Some("my key"))]
#[case("<script>alert(1)</script>", Some("<script>alert(1)</script>"))]
#[case("a\u{202e}gpj.exe\u{2066}\r\n\u{0}", Some("agpj.exe"))]
#[case("مفتاح", Some("مفتاح"))]
#[case("", None)]
#[case(" \u{202e}\n ", None)]
fn a_name_is_kept_without_what_would_turn_or_break_a_line(
    #[case] typed: &str,
    #[case] kept: Option<&str>,
) {
    let name = PasskeyName::typed(typed);
    assert_eq!(name.as_ref().map(PasskeyName::as_str), kept);
}

/// Attacks: PE75.
#[test]
fn a_name_is_cut() {
    let name = PasskeyName::typed(&"ü".repeat(10_240)).unwrap();
    assert_eq!(name.as_str().chars().count(), 60);
}
