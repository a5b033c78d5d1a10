//! Hostile input from random bytes. Bytes alone seldom get past the first check of a parser; pieces that attacks are made of, and
//! small edits of what is good, do.

/// One edit of a text: what to do, where, and with which piece.
pub type Edit = (u8, u16, u8);

/// `text` after at most four edits: a piece put in, a piece put in place of what stood there, some characters taken away, or
/// everything from there on.
pub fn edited(text: &str, edits: &[Edit], pieces: &[&str]) -> String {
    let mut text = text.to_owned();
    for &(what, position, byte) in edits.iter().take(4) {
        let piece = piece(byte, pieces);
        let start = boundary(&text, usize::from(position) % (text.len() + 1));
        let end = boundary(&text, (start + usize::from(byte) % 4).min(text.len()));
        match what % 4 {
            0 => text.insert_str(start, piece),
            1 => text.replace_range(start..end, piece),
            2 => text.replace_range(start..end, ""),
            _ if byte % 8 == 0 => text.truncate(start),
            _ => text.push_str(piece),
        }
    }
    text
}

/// A form of these fields: for each the name and the value, picked from names and values that mean something.
pub fn form(picked: &[(u8, u8)]) -> String {
    let fields: Vec<String> = picked
        .iter()
        .take(12)
        .map(|&(name, value)| {
            let (name, value) = (piece(name, OF_NAMES), piece(value, OF_VALUES));
            format!("{name}={value}")
        })
        .collect();
    fields.join("&")
}

/// A text of these pieces.
pub fn of(pieces: &[&str], picked: &[u8]) -> String {
    picked
        .iter()
        .take(16)
        .map(|&byte| piece(byte, pieces))
        .collect()
}

fn piece<'p>(byte: u8, pieces: &[&'p str]) -> &'p str {
    pieces[usize::from(byte) % pieces.len()]
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|&position| text.is_char_boundary(position))
        .unwrap_or(0)
}

/// What redirect URIs are made of, the good and the bad.
#[rustfmt::skip]
pub const OF_ADDRESSES: &[&str] = &[
    "https://", "http://", "com.example.app:", "javascript:", "//", "/", ":", "@", "?", "#", ".", "..", ";", "%2e", "%2f",
    "%40", "%00", "\\", "\t", "\r\n", " ", "*", "rp.example", "evil.example", ".evil.example", "@evil.example", "127.0.0.1",
    "127.1", "0x7f.1", "2130706433", "localhost", "[::1]", "[::ffff:127.0.0.1]", ":80", ":443", ":080", ":49152", ":99999",
    "cb", "CB", "x=1", "\u{e9}",
];

/// Redirect URIs that can be registered.
pub const ADDRESSES: &[&str] = &[
    "https://rp.example/cb",
    "https://rp.example:8443/cb?tenant=7",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:8421/cb?x=1",
    "http://[::1]/cb",
    "http://localhost:8421/cb",
    "com.example.app:/cb",
];

/// Pieces of language preferences.
pub const OF_LANGUAGES: &[&str] = &[
    "de", "PT-", "pt-BR", "ar-EG", "zh-Hant", "x-", "-", "*", " ", ",", ";", "q=", "0.", "1",
    "999", "é", "../",
];

/// What scopes are made of.
pub const OF_SCOPES: &[&str] = &[
    "a",
    "b",
    " ",
    "  ",
    "notes.read",
    "\"",
    "\\",
    "\u{e9}",
    "\t",
    "!",
    "~",
    "\0",
];

/// The names of fields.
#[rustfmt::skip]
pub const OF_NAMES: &[&str] = &[
    "client_id", "client_secret", "client_assertion", "client_assertion_type", "redirect_uri", "response_type", "response_mode",
    "scope", "state", "nonce", "code_challenge", "code_challenge_method", "grant_type", "code", "code_verifier", "refresh_token",
    "resource", "request", "request_uri", "", "SCOPE", "scope%00", "%ff", "prompt", "max_age", "claims", "id_token_hint",
    "login_hint", "acr_values", "dpop_jkt", "post_logout_redirect_uri",
];

/// The values of fields.
#[rustfmt::skip]
pub const OF_VALUES: &[&str] = &[
    "", "shop", "other", "u-AAAAAAAAAAAAAAAAAAAAAA", "https%3A%2F%2Frp.example%2Fcb", "code", "token", "query", "fragment",
    "a", "a+b", "a+admin", "%20", "S256", "plain", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "authorization_code", "refresh_token", "client_credentials", "password",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJzaG9wIn0.AAAA",
    "%00", "%ff", "%c0%ae", "%0d%0aSet-Cookie:x", "%", "%0", "%u0041", "\u{e9}", "=", "a=b", ";",
    "openid", "openid+a", "openid+profile", "form_post", "none", "login+consent", "select_account", "none+login", "0", "-1",
    "99999999999999999999", "%7B%22userinfo%22%3A%7B%22name%22%3Anull%7D%7D", "%7B%22id_token%22%3A%7B%22sub%22%3A%7B%22value%22%3A1%7D%7D%7D",
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Asc_par_x",
    "https%3A%2F%2Frp.example%2Fsigned-out", "https%3A%2F%2Frp.example%2Fsigned-out%3Fx=1",
];

/// What `Authorization` headers are made of.
pub const OF_HEADERS: &[&str] = &[
    "Basic ", "basic ", "Bearer ", "Basic  ", "c2hvcDpz", "c2hvcA==", "OnM=", "c2hvcDo=", "=",
    "???", "\u{ff}", " ",
];

/// What `Cookie` headers are made of, with what others may set.
#[rustfmt::skip]
pub const OF_COOKIES: &[&str] = &[
    "__Host-sc-session-IKabd8GB", "__Host-sc-session", "__host-", "sc-", "a", "=", "==", ";", "; ", ",", " ", "\t", "\"", "\\",
    "\u{2000}", "\u{85}", "\u{a0}", "\u{3000}", "\u{e9}", "\u{feff}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// What tokens and sealed texts are made of, and some that they are not.
pub const OF_BASE64URL: &[&str] = &[
    "A", "B", "C", "Z", "a", "b", "z", "0", "1", "8", "9", "-", "_", ".", "=", " ", "+", "/", "%",
    "\0", "AAAA", "..",
];

/// What the `claims` parameter and the claims of a proof are made of.
#[rustfmt::skip]
pub const OF_JSON: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "null", "true", "7", "-1", "1.5", "1e9", "\"", "\\u0000", "\\ud800", "\u{e9}", " ",
    "\"userinfo\":", "\"id_token\":", "\"name\":", "\"email\":", "\"sub\":", "\"acr\":", "\"essential\":", "\"value\":", "\"values\":",
    "{\"essential\":true}", "{\"value\":\"u-1\"}", "{\"values\":[\"a\",\"b\"]}", "{\"name\":null}", "\"u-1\"",
    "\"jti\":", "\"htm\":", "\"htu\":", "\"iat\":", "\"exp\":", "\"nbf\":", "\"ath\":", "\"nonce\":", "\"POST\"", "\"post\"", "1800000000", "1799999939",
    "\"https://id.example.com/token\"", "\"https://ID.example.com:443/token?x#y\"", "\"https://id.example.com/./token\"",
    "\"https://id.example.com@evil.example/token\"", "\"https:\\\\id.example.com/token\"",
];
