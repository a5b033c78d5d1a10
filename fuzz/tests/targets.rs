//! Runs every target for a second: with random bytes, with pieces that hostile input is made of, and with small edits of what is good.

use std::time::Duration;

use bolero::check;
use safeconduct_fuzz::{
    authorization_request, claims, cookies, dpop_proof, id_token_hint, languages, logout_request,
    parameters, passkey,
    pieces::{
        ADDRESSES, Edit, OF_ADDRESSES, OF_COOKIES, OF_HEADERS, OF_JSON, OF_LANGUAGES, OF_SCOPES,
        edited, form, of,
    },
    presented_client, pushed_request, redirect_uri, scope, sealed_text, signed_token,
    token_request,
};

/// The time is the limit; without a number the engine stops at a thousand.
const MANY: usize = 10_000_000;
const SECOND: Duration = Duration::from_secs(1);

type Fields = Vec<(u8, u8)>;

#[test]
fn any_form_is_read_or_refused() {
    check!()
        .with_type::<(Vec<u8>, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, fields)| {
            parameters(bytes);
            parameters(form(fields).as_bytes());
        });
}

#[test]
fn no_cookie_of_others_hides_ours_or_is_read_as_ours() {
    check!()
        .with_type::<(Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(before, after, picked, more)| {
            cookies(before, after);
            let [before, after] = [picked, more].map(|picked| of(OF_COOKIES, picked));
            cookies(before.as_bytes(), after.as_bytes());
        });
}

#[test]
fn a_language_is_found_where_one_is_named() {
    check!()
        .with_type::<(String, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(text, picked)| {
            languages(text);
            languages(&of(OF_LANGUAGES, picked));
        });
}

#[test]
fn any_scope_is_read_or_refused() {
    check!()
        .with_type::<(String, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(text, picked)| {
            scope(text);
            scope(&of(OF_SCOPES, picked));
        });
}

/// Attacks: R02.
#[test]
fn no_redirect_uri_leads_elsewhere() {
    check!()
        .with_type::<(u8, Vec<Edit>, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(which, edits, picked)| {
            let good = ADDRESSES[usize::from(*which) % ADDRESSES.len()];
            let hostile = edited(good, edits, OF_ADDRESSES);
            redirect_uri(good, &hostile);
            redirect_uri(&hostile, good);
            redirect_uri(&of(OF_ADDRESSES, picked), &hostile);
        });
}

const PROVEN: &str = "client_id=shop&redirect_uri=https%3A%2F%2Frp.example%2Fcb&response_type=code";
const PKCE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[test]
fn any_authorization_request_is_checked_or_refused() {
    check!()
        .with_type::<(Vec<u8>, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, fields)| {
            authorization_request(bytes);
            let more = form(&fields[..fields.len().min(3)]);
            authorization_request(format!("{PROVEN}&{more}").as_bytes());
            authorization_request(format!("{PROVEN}&{PKCE}&{more}").as_bytes());
            authorization_request(format!("{PROVEN}&{PKCE}&scope=openid+a&{more}").as_bytes());
        });
}

#[test]
fn any_request_is_pushed_without_its_credentials() {
    check!()
        .with_type::<(Vec<u8>, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, fields)| {
            pushed_request(bytes);
            pushed_request(form(fields).as_bytes());
            let more = form(&fields[..fields.len().min(3)]);
            pushed_request(format!("{PROVEN}&{PKCE}&scope=openid+a&{more}").as_bytes());
        });
}

#[test]
fn any_claims_parameter_is_read_or_refused() {
    const GOOD: &str =
        r#"{"userinfo":{"name":{"essential":true}},"id_token":{"sub":{"value":"u-1"}}}"#;
    check!()
        .with_type::<(String, Vec<Edit>, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(text, edits, picked)| {
            claims(text);
            claims(&edited(GOOD, edits, OF_JSON));
            claims(&of(OF_JSON, picked));
        });
}

#[test]
fn any_logout_request_leads_to_what_is_registered_or_nowhere() {
    check!()
        .with_type::<(Vec<u8>, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, fields)| {
            let back = "post_logout_redirect_uri=https%3A%2F%2Frp.example%2Fsigned-out";
            let more = form(&fields[..fields.len().min(3)]);
            logout_request(bytes);
            logout_request(more.as_bytes());
            logout_request(format!("{back}&{more}").as_bytes());
            logout_request(format!("{back}{more}").as_bytes());
        });
}

#[test]
fn any_token_request_is_read_or_refused() {
    check!()
        .with_type::<(Vec<u8>, u8, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, which, fields)| {
            let grant_types = [
                "authorization_code&code=a",
                "refresh_token",
                "client_credentials",
                "",
            ];
            let grant_type = grant_types[usize::from(*which) % grant_types.len()];
            token_request(bytes);
            token_request(format!("grant_type={grant_type}&{}", form(fields)).as_bytes());
        });
}

/// Attacks: T03.
#[test]
fn any_client_authenticates_in_one_way_or_not_at_all() {
    check!()
        .with_type::<(Option<Vec<u8>>, Vec<u8>, Fields)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(bytes, picked, fields)| {
            let header = of(OF_HEADERS, &picked[..picked.len().min(3)]);
            // Of the names that matter here, the first four.
            let fields: Fields = fields
                .iter()
                .take(4)
                .map(|(name, value)| (name % 4, *value))
                .collect();
            let body = form(&fields);
            presented_client(bytes.as_deref(), body.as_bytes());
            presented_client(Some(header.as_bytes()), body.as_bytes());
            presented_client(Some(b"Basic c2hvcDpz"), body.as_bytes());
            presented_client(None, body.as_bytes());
        });
}

#[test]
fn no_token_verifies_but_as_it_was_signed() {
    check!()
        .with_type::<(Vec<Edit>, String)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(edits, text)| signed_token(edits, text));
}

/// Attacks: C09.
#[test]
fn no_sealed_text_opens_but_as_it_was_sealed() {
    check!()
        .with_type::<(Vec<Edit>, String)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(edits, text)| sealed_text(edits, text));
}

/// Attacks: Q10.
#[test]
fn nothing_is_a_hint_but_as_it_was_signed() {
    check!()
        .with_type::<(Vec<Edit>, String)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(edits, text)| id_token_hint(edits, text));
}

/// Attacks: P01.
#[test]
fn nothing_proves_a_key_but_as_it_was_signed() {
    const GOOD: &str =
        r#"{"jti":"1","htm":"POST","htu":"https://id.example.com/token","iat":1800000000}"#;
    check!()
        .with_type::<(Vec<Edit>, String)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(edits, text)| dpop_proof(edits, text, &edited(GOOD, edits, OF_JSON)));
}

/// Attacks: PE13, PE20.
#[test]
fn no_passkey_proves_anybody_but_as_it_signed() {
    check!()
        .with_type::<(u8, Vec<Edit>, Vec<u8>)>()
        .with_iterations(MANY)
        .with_test_time(SECOND)
        .for_each(|(member, edits, bytes)| passkey(*member, edits, bytes));
}
