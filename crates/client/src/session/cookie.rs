//! Cookies as this library reads and writes them: host-bound, HttpOnly, SameSite=Lax.
//!
//! On https every name carries `__Host-`, which a browser honours only with `Secure`, `Path=/` and no `Domain`, so that no
//! sibling domain can plant one. Browsers refuse `Secure` on plain http, so loopback development uses the plain name.
//! How the `Cookie` header is read is `protocol::cookie`'s.

use safeconduct_protocol::cookie::{pairs, text};

/// How cookies are named and marked for one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookies {
    /// Whether the app is served over https.
    pub(crate) secure: bool,
    /// Whether they come along with a form that another site has the browser post.
    pub(crate) cross_site: bool,
}

impl Cookies {
    /// The full name of the cookie called `name`.
    pub(crate) fn name(self, name: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}{name}")
    }

    /// The `Set-Cookie` value that gives `name` a value for `seconds`. SameSite=Lax: the redirect back from the issuer is
    /// a navigation from another site, on which a Strict cookie stays at home. With a form that is posted from there a Lax one does too;
    /// browsers take None with Secure alone, and think of localhost as secure.
    pub(crate) fn set(self, name: &str, value: &str, seconds: i64) -> String {
        let (secure, site) = match (self.cross_site, self.secure) {
            (true, _) => (" Secure;", "None"),
            (false, true) => (" Secure;", "Lax"),
            (false, false) => ("", "Lax"),
        };
        let name = self.name(name);
        format!("{name}={value}; Path=/; Max-Age={seconds};{secure} HttpOnly; SameSite={site}")
    }

    /// The `Set-Cookie` value that removes `name`.
    pub(crate) fn clear(self, name: &str) -> String {
        self.set(name, "", 0)
    }

    /// Every value that the `Cookie` header gives for `name`, and that could be one of ours.
    pub(crate) fn values<'h>(
        self,
        header: &'h [u8],
        name: &str,
    ) -> impl Iterator<Item = &'h str> + use<'h> {
        let name = self.name(name).into_bytes();
        pairs(header).filter_map(move |(key, value)| (key == name).then(|| text(value)).flatten())
    }

    /// Name (less the prefix that `name` adds) and value of every cookie whose name begins with `start`.
    pub(crate) fn beginning<'h>(
        self,
        header: &'h [u8],
        start: &str,
    ) -> impl Iterator<Item = (&'h str, &'h str)> + use<'h> {
        let start = self.name(start);
        let prefix = self.name("").len();
        pairs(header)
            .filter(move |(key, _)| key.starts_with(start.as_bytes()))
            .filter_map(move |(key, value)| {
                Some((text(&key[prefix..])?, text(value).unwrap_or("")))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: Cookies = Cookies {
        secure: true,
        cross_site: false,
    };
    const LOOPBACK: Cookies = Cookies {
        secure: false,
        cross_site: false,
    };

    #[test]
    fn attributes_keep_the_cookie_at_home() {
        insta::assert_snapshot!(HTTPS.set("sc-app", "v", 600), @"__Host-sc-app=v; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
        insta::assert_snapshot!(LOOPBACK.set("sc-app", "v", 600), @"sc-app=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax");
        let posted = |cookies: Cookies| Cookies {
            cross_site: true,
            ..cookies
        };
        insta::assert_snapshot!(posted(HTTPS).set("sc-app", "v", 600), @"__Host-sc-app=v; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=None");
        insta::assert_snapshot!(posted(LOOPBACK).set("sc-app", "v", 600), @"sc-app=v; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=None");
        insta::assert_snapshot!(HTTPS.clear("sc-app"), @"__Host-sc-app=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn only_the_full_name_counts() {
        let header = "sc-app=planted; __Host-sc-app=ours; x__Host-sc-app=no; broken; __Host-sc-login-a=1; \u{2000}__Host-sc-app=em";
        let header = [header.as_bytes(), b"; caf\xe9=\xff; __Host-sc-app=\xff"].concat();
        let header = header.as_slice();
        assert_eq!(HTTPS.values(header, "sc-app").collect::<Vec<_>>(), ["ours"]);
        assert_eq!(
            LOOPBACK.values(header, "sc-app").collect::<Vec<_>>(),
            ["planted"]
        );
        assert_eq!(
            HTTPS.beginning(header, "sc-login-").collect::<Vec<_>>(),
            [("sc-login-a", "1")]
        );
    }
}
