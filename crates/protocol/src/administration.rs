//! Who may administer this server over HTTP: the API of administrators as a resource (RFC 8707) that is built in, its scopes, the group
//! whose members may be given them, and how fresh the proof of who they are has to be. Everything that is asked of a request, a grant
//! or a token for it is asked in these words.

use url::Url;

use crate::{
    authentication::{Authentication, Level},
    scope::Scope,
    time::Timestamp,
};

/// To look at everything.
pub const READ: &str = "admin:read";
/// To change everything, which includes looking at it.
pub const WRITE: &str = "admin:write";
/// To provision users and groups (RFC 7644), administrators left out.
pub const SCIM: &str = "scim";
/// What the scopes are, in the order in which they are listed.
pub const SCOPES: [&str; 3] = [READ, WRITE, SCIM];

/// The group of those who may administer. No other group can be called so, nor this one changed as others are.
pub const GROUP: &str = "administrators";

/// How long ago, in seconds, an administrator may have proved who they are, at a sign-in for the API and at each request there.
pub const FRESH: i64 = 3600;

/// The URI of the API as a resource: what `resource` names and `aud` carries.
pub fn resource(issuer: &str) -> String {
    format!("{issuer}/admin")
}

/// Why there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// That of the API is no URL that has paths.
    OfTheApi,
    /// A name is no segment of a path: it is empty, or a step.
    OfTheThing,
}

/// The URL of what is at `path` below the API at `api`, each name in a segment of its own. A name of dots would be a step to something
/// else (RFC 3986 §3.3), whatever is done to that.
///
/// # Errors
/// [`NoAddress`].
pub fn address(api: &str, path: &[&str]) -> Result<Url, NoAddress> {
    if path.iter().any(|name| ["", ".", ".."].contains(name)) {
        return Err(NoAddress::OfTheThing);
    }
    let mut url = Url::parse(api).map_err(|_| NoAddress::OfTheApi)?;
    url.path_segments_mut()
        .map_err(|()| NoAddress::OfTheApi)?
        .pop_if_empty()
        .extend(["admin", "v1"])
        .extend(path);
    Ok(url)
}

/// The scopes as a set.
pub fn scopes() -> Scope {
    Scope::parse(&SCOPES.join(" ")).expect("these are three names of scopes")
}

/// Whether a token with `scope` may do what takes the scope `needed`.
pub fn permits(scope: &Scope, needed: &str) -> bool {
    scope.contains(needed) || (needed == READ && scope.contains(WRITE))
}

/// Whether an administrator who signed in like this may do anything at `now`: with two factors, and not too long ago.
pub fn is_fresh(authentication: &Authentication, now: Timestamp) -> bool {
    let proved = authentication.factors.at_level(Level::MultiFactor);
    proved.is_some_and(|at| now.since(at) <= FRESH)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_name_is_one_segment_of_the_address_or_has_none() {
        let at = |path: &[&str]| address("https://a.example/", path).map(String::from);
        let plain = "https://a.example/admin/v1/users/ada/lock".to_owned();
        assert_eq!(at(&["users", "ada", "lock"]), Ok(plain));
        let odd = "https://a.example/admin/v1/groups/a%2Fb%20%3F%25".to_owned();
        assert_eq!(at(&["groups", "a/b ?%"]), Ok(odd));
        for step in ["", ".", ".."] {
            assert_eq!(at(&["users", step, "lock"]), Err(NoAddress::OfTheThing));
        }
        for api in ["nowhere", "mailto:a@b.example"] {
            assert_eq!(address(api, &["users"]), Err(NoAddress::OfTheApi), "{api}");
        }
    }

    #[rstest]
    #[case("admin:read", READ, true)]
    #[case("admin:write", READ, true)]
    #[case("admin:write", WRITE, true)]
    #[case("admin:read", WRITE, false)]
    #[case("scim", READ, false)]
    #[case("admin:write", SCIM, false)]
    #[case("scim", SCIM, true)]
    fn who_may_change_may_look_and_nothing_else_follows(
        #[case] scope: &str,
        #[case] needed: &str,
        #[case] permitted: bool,
    ) {
        assert_eq!(permits(&Scope::parse(scope).unwrap(), needed), permitted);
    }
}
