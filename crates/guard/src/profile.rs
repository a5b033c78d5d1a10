//! The issuers whose access tokens differ from RFC 9068, and how: one row for each.
//!
//! What a row loosens it pays for: each says what proves that a token is an access token, for a header `typ` of `JWT` or none at all is
//! that of ID Tokens too. How a token is held to a row is the dialect's concern.

use safeconduct_protocol::jose::Algorithm;

use crate::dialect::{ClaimPath, Dialect, Introspected, Proof, Roles};

/// How an issuer writes its access tokens. Without one, a token is held to RFC 9068.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// `at+jwt` with every claim of RFC 9068: Safeconduct, oidc-provider, Logto (with ES384), Authelia, and whoever else writes that.
    #[default]
    Rfc9068,
    /// Keycloak. The API is in `aud` only where an audience mapper puts it; roles are those of the realm, and of the client that has the
    /// audience's name.
    Keycloak,
    /// Microsoft Entra ID, tokens of version 1 and 2. The tenant is in the issuer's URL, and has to be in `tid`; for several there is
    /// [`Guard::of_tenants`](crate::Guard::of_tenants).
    Entra,
    /// A custom authorization server of Okta. What the one of the organization issues is for Okta's own APIs, and opaque to others.
    Okta,
    /// Auth0, with either token dialect. Its issuers end in `/`.
    Auth0,
    /// Amazon Cognito, whose access tokens carry no `aud`: needs
    /// [`clients_in_place_of_audience`](crate::GuardBuilder::clients_in_place_of_audience).
    Cognito,
    /// ZITADEL, with JWT access tokens. The audience is the id of the project, and its roles are the token's.
    Zitadel,
    /// authentik. The audience is the client's id.
    Authentik,
    /// Rauthy.
    Rauthy,
    /// Ory Hydra, with JWT access tokens.
    Hydra,
    /// Duende IdentityServer, which writes scopes as a list.
    Duende,
    /// PingOne.
    PingOne,
    /// Clerk, whose session tokens carry no `aud` but the origin that they were made for: needs
    /// [`clients_in_place_of_audience`](crate::GuardBuilder::clients_in_place_of_audience), with origins.
    Clerk,
}

/// What ID Tokens say of the flow that they came from, and access tokens do not (OpenID Connect Core §2, §3.1.3.6, §3.3.2.11).
const OF_A_SIGN_IN: [&str; 3] = ["nonce", "at_hash", "c_hash"];

impl Profile {
    /// In the order in which they are looked through for what a refused token looks like.
    pub(crate) const ALL: [Self; 13] = [
        Self::Rfc9068,
        Self::Keycloak,
        Self::Entra,
        Self::Okta,
        Self::Cognito,
        Self::Clerk,
        Self::Rauthy,
        Self::Authentik,
        Self::Zitadel,
        Self::Duende,
        Self::Auth0,
        Self::Hydra,
        Self::PingOne,
    ];

    /// Whether tokens name no API, so that those who may send them are listed instead.
    pub(crate) const fn has_no_audience(self) -> bool {
        matches!(self, Self::Cognito | Self::Clerk)
    }

    /// Whether its issuers are OpenID Providers first, so that their metadata stands where OpenID Connect Discovery says.
    pub(crate) const fn is_openid_first(self) -> bool {
        !matches!(self, Self::Rfc9068)
    }

    /// What an introspection response of its issuers tells of the kind of token.
    fn introspected(self) -> Introspected {
        Introspected::Proven(match self {
            Self::Rfc9068 => Vec::new(),
            // The response has the claims of the token.
            Self::Keycloak => vec![saying("typ", &["Bearer", "DPoP"])],
            // It has what an ID Token would say at the time, for access tokens and refresh tokens alike: `uid` and `azp` for neither,
            // `at_hash` for the latter.
            Self::Authentik => lacking(&["at_hash", "c_hash"]),
            Self::Hydra => vec![saying("token_use", &["access_token"])],
            Self::Zitadel => with(
                lacking(&OF_A_SIGN_IN),
                [Proof::Lacks("azp"), Proof::Lacks("typ")],
            ),
            Self::Okta | Self::Duende => lacking(&OF_A_SIGN_IN),
            // Rauthy answers the same for every token that it signed. The others document no mark of access tokens.
            Self::Rauthy | Self::PingOne | Self::Auth0 => return Introspected::Unsaid,
            Self::Entra | Self::Cognito | Self::Clerk => return Introspected::Never,
        })
    }

    /// How its tokens for one of `audiences` look.
    pub(crate) fn dialect(self, audiences: &[String]) -> Dialect {
        let plain = Dialect {
            profile: self,
            types: vec!["JWT", "at+jwt"],
            type_may_be_absent: false,
            algorithms: Algorithm::ALL.to_vec(),
            proofs: lacking(&OF_A_SIGN_IN),
            introspected: self.introspected(),
            demanded: Vec::new(),
            client: paths(&["client_id"]),
            scope: paths(&["scope"]),
            scope_may_be_list: false,
            roles: lists(&["roles"]),
            required: vec!["iat"],
            clients: None,
        };
        self.of_servers(audiences, &plain)
            .unwrap_or_else(|| self.of_services(plain))
    }

    /// Those that users run themselves.
    fn of_servers(self, audiences: &[String], plain: &Dialect) -> Option<Dialect> {
        let plain = plain.clone();
        Some(match self {
            Self::Keycloak => Dialect {
                proofs: vec![saying("typ", &["Bearer", "DPoP"])],
                client: paths(&["azp"]),
                roles: of_keycloak(audiences),
                ..plain
            },
            Self::Zitadel => Dialect {
                type_may_be_absent: true,
                proofs: with(plain.proofs, [Proof::Lacks("azp"), Proof::Lacks("typ")]),
                scope_may_be_list: true,
                roles: of_zitadel(audiences),
                required: vec!["jti", "iat"],
                ..plain
            },
            Self::Authentik => Dialect {
                types: vec!["JWT"],
                proofs: with(
                    lacking(&["at_hash", "c_hash"]),
                    [Proof::HasOneOf(vec!["uid"])],
                ),
                client: paths(&["azp"]),
                roles: lists(&["groups"]),
                ..plain
            },
            Self::Rauthy => Dialect {
                proofs: vec![saying("typ", &["Bearer", "DPoP"])],
                client: paths(&["azp"]),
                ..plain
            },
            Self::Hydra => Dialect {
                proofs: with(plain.proofs, [Proof::Lacks("typ")]),
                scope: paths(&["scp", "scope"]),
                scope_may_be_list: true,
                required: vec!["jti", "iat"],
                ..plain
            },
            _ => return None,
        })
    }

    /// RFC 9068, and those that are run for users.
    fn of_services(self, plain: Dialect) -> Dialect {
        match self {
            Self::Rfc9068 => Dialect {
                types: vec!["at+jwt"],
                proofs: Vec::new(),
                required: vec!["jti", "iat"],
                ..plain
            },
            Self::Entra => Dialect {
                types: vec!["JWT"],
                proofs: with(
                    plain.proofs,
                    [
                        saying("ver", &["1.0", "2.0"]),
                        Proof::HasOneOf(vec!["scp", "roles"]),
                    ],
                ),
                client: paths(&["azp", "appid"]),
                scope: paths(&["scp"]),
                ..plain
            },
            Self::Okta => Dialect {
                types: vec!["JWT"],
                type_may_be_absent: true,
                client: paths(&["cid"]),
                scope: paths(&["scp", "scope"]),
                scope_may_be_list: true,
                roles: lists(&["groups"]),
                ..plain
            },
            Self::Auth0 => Dialect {
                proofs: with(plain.proofs, [Proof::Lacks("typ")]),
                client: paths(&["azp", "client_id"]),
                roles: lists(&["permissions"]),
                ..plain
            },
            Self::Cognito => Dialect {
                types: Vec::new(),
                type_may_be_absent: true,
                proofs: vec![saying("token_use", &["access"])],
                roles: lists(&["cognito:groups"]),
                ..plain
            },
            Self::Duende => Dialect {
                types: vec!["at+jwt"],
                scope_may_be_list: true,
                ..plain
            },
            Self::PingOne => Dialect {
                types: vec!["at+jwt"],
                type_may_be_absent: true,
                proofs: with(
                    plain.proofs,
                    [Proof::Lacks("typ"), Proof::HasOneOf(vec!["env"])],
                ),
                ..plain
            },
            Self::Clerk => Dialect {
                types: vec!["JWT"],
                proofs: with(plain.proofs, [Proof::HasOneOf(vec!["sid"])]),
                client: paths(&["azp"]),
                ..plain
            },
            _ => plain,
        }
    }
}

fn paths(names: &[&str]) -> Vec<ClaimPath> {
    names.iter().map(|name| ClaimPath::new([*name])).collect()
}

fn lists(names: &[&str]) -> Vec<Roles> {
    paths(names).into_iter().map(list).collect()
}

fn list(at: ClaimPath) -> Roles {
    Roles {
        at,
        are_members: false,
    }
}

fn saying(name: &str, values: &[&str]) -> Proof {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Proof::Says(ClaimPath::new([name]), values)
}

fn lacking(names: &[&'static str]) -> Vec<Proof> {
    names.iter().map(|name| Proof::Lacks(name)).collect()
}

fn with<const N: usize>(mut proofs: Vec<Proof>, more: [Proof; N]) -> Vec<Proof> {
    proofs.extend(more);
    proofs
}

/// The roles of the realm, and those of the audiences, which are clients there. What a user is at another client is not for us.
fn of_keycloak(audiences: &[String]) -> Vec<Roles> {
    let of_clients = audiences
        .iter()
        .map(|audience| ClaimPath::new(["resource_access", audience, "roles"]));
    [ClaimPath::new(["realm_access", "roles"])]
        .into_iter()
        .chain(of_clients)
        .map(list)
        .collect()
}

/// The roles of the projects that the audiences are. The claim without an id is about the project of the client.
fn of_zitadel(audiences: &[String]) -> Vec<Roles> {
    let roles = |id: &String| Roles {
        at: ClaimPath::new([format!("urn:zitadel:iam:org:project:{id}:roles")]),
        are_members: true,
    };
    audiences.iter().map(roles).collect()
}
