//! Every parameter that the server reads, by address: what the tests of their grammar and of the log walk.

/// The parameters of an authorization request.
const REQUEST: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "claims",
    "resource",
    "dpop_jkt",
    "request",
    "request_uri",
    "display",
    "ui_locales",
    "claims_locales",
    "acr_values",
];

/// How a client says who it is.
const CLIENT: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Every address that reads parameters, and the names that it reads. More than one list is read where both stand there.
pub(crate) const READ: &[(&str, &[&[&str]])] = &[
    ("/authorize", &[REQUEST, &["pending", "arrival"]]),
    ("/par", &[REQUEST, CLIENT]),
    (
        "/token",
        &[
            CLIENT,
            &[
                "grant_type",
                "code",
                "redirect_uri",
                "code_verifier",
                "refresh_token",
                "scope",
                "resource",
            ],
        ],
    ),
    ("/introspect", &[CLIENT, &["token", "token_type_hint"]]),
    ("/revoke", &[CLIENT, &["token", "token_type_hint"]]),
    ("/userinfo", &[&["access_token"]]),
    (
        "/logout",
        &[&[
            "id_token_hint",
            "client_id",
            "post_logout_redirect_uri",
            "state",
            "logout_hint",
            "ui_locales",
            "arrival",
        ]],
    ),
    (
        "/login",
        &[&["pending", "username", "password", "makes_passkeys"]],
    ),
    ("/login/continue", &[&["pending"]]),
    ("/login/switch", &[&["pending"]]),
    ("/login/passkey", &[&["pending", "ceremony", "credential"]]),
    ("/login/passkey/renew", &[&["pending"]]),
    (
        "/login/second-factor",
        &[&["pending", "code", "recovery_code"]],
    ),
    ("/login/enrol", &[&["pending", "enrolment", "code"]]),
    ("/login/offer", &[&["pending", "decision"]]),
    ("/consent", &[&["pending", "decision"]]),
    ("/language", &[&["pending", "arrival", "language", "back"]]),
    (
        "/link",
        &[&[
            "link",
            "password",
            "again",
            "ceremony",
            "credential",
            "csrf",
            "username",
            "name",
            "way",
            "makes_passkeys",
        ]],
    ),
    ("/account/address", &[&["csrf", "email"]]),
    ("/account/phone", &[&["csrf", "phone_number"]]),
    ("/recover", &[&["account"]]),
    ("/sign-up", &[&["pending", "email"]]),
    ("/login/sign-up", &[&["pending"]]),
    ("/signed-out", &[&["ui_locales"]]),
    ("/logout/confirm", &[&["csrf", "logout"]]),
    ("/account/name", &[&["csrf", "name"]]),
    ("/account/delete", &[&["csrf", "confirmation"]]),
    ("/account/activity", &[&["before"]]),
    (
        "/account/security/password",
        &[&["csrf", "password", "again", "end_others"]],
    ),
    (
        "/account/security/authenticator",
        &[&["csrf", "enrolment", "code"]],
    ),
    ("/account/security/authenticator/remove", &[&["csrf"]]),
    ("/account/security/recovery-codes", &[&["csrf"]]),
    (
        "/account/passkeys/add",
        &[&["csrf", "ceremony", "credential"]],
    ),
    (
        "/login/passkey/add",
        &[&["pending", "ceremony", "credential", "enrolment"]],
    ),
    ("/account/passkeys/rename", &[&["csrf", "passkey", "name"]]),
    ("/account/passkeys/remove", &[&["csrf", "passkey"]]),
    ("/account/apps/remove", &[&["csrf", "client"]]),
    ("/account/sessions/end", &[&["csrf", "session"]]),
    ("/account/sessions/end-others", &[&["csrf"]]),
];

/// The names that `path` reads.
pub(crate) fn read_at(path: &str) -> Vec<&'static str> {
    let (_, lists) = READ.iter().find(|(read, _)| *read == path).unwrap();
    lists.concat()
}
