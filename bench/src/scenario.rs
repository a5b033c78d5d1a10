//! What can be measured: the names, and what each asks of a server. How it is done is in `flows`.

use std::fmt;

use clap::ValueEnum;

/// One thing that clients do all day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// The token request at the bare server
    #[value(skip)]
    Floor,
    /// The server's metadata
    Discovery,
    /// The server's keys
    Jwks,
    /// A token of the client's own, as a JWT
    ClientCredentials,
    /// A token of the client's own, opaque
    ClientCredentialsOpaque,
    /// Somebody signed in visits an app they allowed: redirect, code, tokens
    CodeSso,
    /// A refresh token for its successor and an access token
    Refresh,
    /// An API asks about a JWT
    IntrospectJwt,
    /// An API asks about an opaque token
    IntrospectOpaque,
    /// An app gives an opaque access token back
    Revoke,
    /// A new browser signs in with a password, up to the tokens
    Login,
}

impl Scenario {
    /// All of those that an authorization server offers.
    pub(crate) const OF_A_SERVER: [Self; 10] = [
        Self::Discovery,
        Self::Jwks,
        Self::ClientCredentials,
        Self::ClientCredentialsOpaque,
        Self::CodeSso,
        Self::Refresh,
        Self::IntrospectJwt,
        Self::IntrospectOpaque,
        Self::Revoke,
        Self::Login,
    ];

    /// How many requests one flow makes. Those of a sign-in are: page, password, redirect, tokens.
    pub(crate) fn requests(self) -> u32 {
        match self {
            Self::CodeSso => 2,
            Self::Login => 4,
            _ => 1,
        }
    }

    /// The connections that make sense: passwords queue behind one another, and a long queue is turned away.
    pub(crate) fn at_most(self, connections: usize) -> usize {
        match self {
            Self::Login => connections.min(16),
            _ => connections,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Floor => "floor",
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::ClientCredentials => "client_credentials",
            Self::ClientCredentialsOpaque => "client_credentials_opaque",
            Self::CodeSso => "code_sso",
            Self::Refresh => "refresh",
            Self::IntrospectJwt => "introspect_jwt",
            Self::IntrospectOpaque => "introspect_opaque",
            Self::Revoke => "revoke",
            Self::Login => "login",
        })
    }
}
