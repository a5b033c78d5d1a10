//! The one form of a client: a metadata document in the words of RFC 7591 §2, with members of our own where that has none.
//! Its `scope` is a list here, `scopes`; both are read.
//! The configuration and the command line make such a document. What a client may be, and the words
//! about what it may not be, are decided here alone.

mod document;
mod finding;
mod judge;

use crate::{
    claims::GROUPS,
    client::{
        AuthenticationMethod, Client, ClientInformation, ConsentPolicy, GrantType,
        OpenIdRegistration, SubjectType,
    },
    ids::ClientId,
    scope::OPENID,
    secret::Secret,
};

use self::judge::Judge;
pub use self::{
    document::{Names, Registration},
    finding::{Finding, KnowsScope, SecretOrigin},
};

/// The id that a client is to be registered under.
///
/// # Errors
/// `text` is none.
pub fn client_id(text: &str) -> Result<ClientId, Finding> {
    ClientId::parse(text).ok_or_else(|| {
        Finding::new(
            "client_id",
            format!("`{text}` can't be a client id"),
            "1 to 128 of A-Z a-z 0-9 . _ ~ : / - and not beginning with u-, as user ids do",
        )
    })
}

/// The fewest characters of a client's secret that somebody else made.
pub const SHORTEST_SECRET: usize = 32;

/// Judges the secret of a client that comes from elsewhere: what RFC 6749 §A.2 lets a client send, and long enough that nobody guesses it.
///
/// # Errors
/// What is wrong, to stand behind "the secret"; nothing of it is repeated.
pub fn check_secret(secret: &Secret) -> Result<(), String> {
    let text = secret.expose();
    let odd = text.bytes().position(|byte| !(b' '..=b'~').contains(&byte));
    if let Some(position) = odd {
        return Err(format!(
            "holds a byte at position {} that no client secret may hold (RFC 6749 §A.2: printable ASCII)",
            position + 1
        ));
    }
    if text.len() < SHORTEST_SECRET {
        return Err(format!("is shorter than {SHORTEST_SECRET} characters"));
    }
    Ok(())
}

impl Registration {
    /// The client `id` that this document describes.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn register(
        &self,
        id: &ClientId,
        secret: SecretOrigin,
        knows_scope: &KnowsScope<'_>,
    ) -> Result<Client, Vec<Finding>> {
        let own = [
            (ClientId::account_pages(), "its account pages"),
            (ClientId::command_line(), "its command line"),
        ];
        if let Some((_, what)) = own.iter().find(|(own, _)| own == id) {
            let message = format!("`{id}` is what this server calls {what}");
            let advice = "choose another id";
            return Err(vec![Finding::new("client_id", message, advice)]);
        }
        self.judge(id, secret, knows_scope)
    }

    /// The account pages of this server, described as a client: the one that has their id.
    ///
    /// # Errors
    /// Everything that is wrong with the description.
    pub fn register_account_pages(&self) -> Result<Client, Vec<Finding>> {
        self.judge(&ClientId::account_pages(), SecretOrigin::Generated, &|_| {
            Ok(())
        })
    }

    /// The command line of this server, described as a client: the one that has its id.
    ///
    /// # Errors
    /// Everything that is wrong with the description.
    pub fn register_command_line(&self) -> Result<Client, Vec<Finding>> {
        self.judge(
            &ClientId::command_line(),
            SecretOrigin::Nowhere,
            &|_| Ok(()),
        )
    }

    fn judge(
        &self,
        id: &ClientId,
        secret: SecretOrigin,
        knows_scope: &KnowsScope<'_>,
    ) -> Result<Client, Vec<Finding>> {
        let mut judge = Judge {
            registration: self,
            id,
            findings: Vec::new(),
        };
        let client = Client {
            id: id.clone(),
            name: self.name.clone().unwrap_or_else(|| id.to_string()),
            names: judge.names(),
            authentication: self.authentication(secret),
            jwks: judge.keys(),
            assertion_audience: self.assertion_audience,
            redirect_uris: judge.uris("redirect_uris", &self.redirect_uris),
            grant_types: self.grant_types(),
            scopes: judge.scopes(knows_scope),
            groups: judge.groups(),
            denied_users: self.denied_users,
            require_pkce: self.require_pkce,
            access_token_format: self.access_token_format,
            consent: self.consent,
            refresh_shared: self.refresh_shared,
            response_modes: self.response_modes.clone(),
            require_pushed_authorization_requests: self.require_pushed_authorization_requests,
            require_second_factor: self.require_second_factor,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            about: ClientInformation {
                logo_uri: judge.logo(),
                policy_uri: judge.page("policy_uri", self.policy_uri.as_deref()),
                tos_uri: judge.page("tos_uri", self.tos_uri.as_deref()),
                contacts: judge.contacts(),
            },
            openid: OpenIdRegistration {
                id_token_signed_response_alg: self.id_token_signed_response_alg,
                subject_type: self.subject_type,
                sector_identifier: self.sector_identifier.clone(),
                post_logout_redirect_uris: judge
                    .uris("post_logout_redirect_uris", &self.post_logout_redirect_uris),
                backchannel_logout_uri: judge.back_channel(),
                scope_claims_in_id_token: self.scope_claims_in_id_token,
                groups_in_access_token: self.groups_in_access_token,
                groups_claim: self.groups_claim.clone(),
                groups_claim_without_prefix: self.groups_claim_without_prefix,
            },
        };
        judge.grants(&client);
        judge.authentication(&client, secret);
        judge.people(&client);
        judge.answers(&client);
        if judge.findings.is_empty() {
            Ok(client)
        } else {
            Err(judge.findings)
        }
    }

    /// How the client authenticates: as it says, or by what it has.
    fn authentication(&self, secret: SecretOrigin) -> AuthenticationMethod {
        self.token_endpoint_auth_method
            .unwrap_or(match (&self.jwks, secret) {
                (_, SecretOrigin::Given) => AuthenticationMethod::ClientSecretBasic,
                (Some(_), _) => AuthenticationMethod::PrivateKeyJwt,
                (None, SecretOrigin::Generated) => AuthenticationMethod::ClientSecretBasic,
                (None, SecretOrigin::Nowhere) => AuthenticationMethod::None,
            })
    }

    fn grant_types(&self) -> Vec<GrantType> {
        let by_what_it_has = || match self.redirect_uris.as_slice() {
            [] => Vec::new(),
            _ => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        };
        self.grant_types.clone().unwrap_or_else(by_what_it_has)
    }
}

/// What of a client's claim of groups is used by nothing.
fn oddities_of_groups(client: &Client) -> Vec<Finding> {
    let (id, openid) = (&client.id, &client.openid);
    let mut odd = Vec::new();
    let has_scope = client.scopes.contains(GROUPS);
    for (member, is_there) in [
        ("groups_claim", !openid.groups_claim.is_empty()),
        ("groups_in_access_token", openid.groups_in_access_token),
    ] {
        if is_there && !has_scope {
            let message = format!(
                "the client `{id}` may not ask for the scope `groups`, so nothing uses its {member}"
            );
            let advice = "add groups to its scopes, or leave it out";
            odd.push(Finding::new(member, message, advice));
        }
    }
    let cuts_nothing = !openid.groups_claim.iter().any(|name| name.ends_with('*'));
    if openid.groups_claim_without_prefix && cuts_nothing {
        odd.push(Finding::new(
            "groups_claim_without_prefix",
            format!("no beginning of a name stands in the groups_claim of the client `{id}`"),
            "write one with a * at its end, such as grafana-*, or leave it out",
        ));
    }
    odd
}

/// What is odd about a client: weaker than it could be, or registered and never used, so that another member is probably wrong.
pub fn oddities(client: &Client) -> Vec<Finding> {
    let id = &client.id;
    let signs_in = client.may_use(GrantType::AuthorizationCode);
    let has_id_tokens = signs_in && client.scopes.contains(OPENID);
    let mut odd = Vec::new();
    let mut warn = |is_odd: bool, member, message: String, advice: &str| {
        if is_odd {
            odd.push(Finding::new(member, message, advice));
        }
    };
    warn(
        client.consent == ConsentPolicy::Never && client.is_public(),
        "consent",
        format!("nobody is asked before the public client `{id}` gets tokens"),
        "anyone can pose as a client that can't authenticate; ask its users, or give it a secret",
    );
    warn(
        client.authentication == AuthenticationMethod::ClientSecretBasic
            && id.as_str().contains(':'),
        "client_id",
        format!(
            "the id of the client `{id}` ends at its colon where it is sent without being form-encoded, as `curl -u` sends it"
        ),
        "choose an id without a colon, or see that the client encodes it (RFC 6749 §2.3.1)",
    );
    warn(
        !client.require_pkce,
        "require_pkce",
        format!("the client `{id}` may go without PKCE"),
        "an injected code is then stopped only if the client checks what it gets",
    );
    let openid = &client.openid;
    for (member, is_there) in [
        (
            "post_logout_redirect_uris",
            !openid.post_logout_redirect_uris.is_empty(),
        ),
        (
            "backchannel_logout_uri",
            openid.backchannel_logout_uri.is_some(),
        ),
    ] {
        warn(
            is_there && !has_id_tokens,
            member,
            format!("the client `{id}` gets no ID Token, so nothing uses its {member}"),
            "add authorization_code to its grant_types and openid to its scopes, or leave it out",
        );
    }
    warn(
        client.require_pushed_authorization_requests && !signs_in,
        "require_pushed_authorization_requests",
        format!("the client `{id}` makes no authorization request that it could push"),
        "add authorization_code to its grant_types, or leave it out",
    );
    warn(
        openid.sector_identifier.is_some() && openid.subject_type == SubjectType::Public,
        "sector_identifier",
        format!("the sector of the client `{id}` is not used"),
        "add subject_type = \"pairwise\", or leave it out",
    );
    odd.extend(oddities_of_groups(client));
    odd
}
