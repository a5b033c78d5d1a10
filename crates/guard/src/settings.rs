//! The settings of a guard for issuers whose access tokens differ from RFC 9068: a profile, or single ones. Each takes something back of
//! what is strict by default, and can be searched for by its name.

use std::time::Duration;

use safeconduct_protocol::jose::Algorithm;
use safeconduct_protocol::secret::Secret;

use crate::builder::GuardBuilder;
use crate::dialect::{ClaimPath, Proof, Roles};
use crate::profile::Profile;
use crate::revocations::WithoutRevocations;

/// Revocations, which are seen at once though tokens are validated here.
impl GuardBuilder {
    /// Learns within a second which tokens were revoked, by a request that the issuer holds open, and refuses them; every other token is
    /// validated without a question. For an issuer that is Safeconduct, as the client that it lets introspect tokens for this audience. Each
    /// process that serves the API asks for itself.
    ///
    /// What is done while the issuer does not answer, [`GuardBuilder::without_revocations`] says; whether it does,
    /// [`Guard::revocation_state`](crate::Guard::revocation_state).
    pub fn revocations(mut self, client_id: impl Into<String>, secret: Secret) -> Self {
        self.revocations = Some((client_id.into(), secret));
        self
    }

    /// What is done with a token while it is not known which tokens were revoked: [`WithoutRevocations::Introspect`] by default.
    pub fn without_revocations(mut self, then: WithoutRevocations) -> Self {
        self.revocation_settings.without = then;
        self
    }

    /// How long the issuer may have nothing to say before it has to say that: from one second to 15, the default. One that says nothing for two
    /// of these intervals does not answer any more.
    pub fn revocation_interval(mut self, interval: Duration) -> Self {
        self.revocation_settings.wait(interval);
        self
    }

    /// How many revocations are kept in memory, for as long as a revoked token could still be presented: 250,000 by default, some 16 MB.
    /// Where there are more, the issuer is asked about tokens that are older.
    pub fn most_revocations(mut self, most: usize) -> Self {
        self.revocation_settings.most = most;
        self
    }
}

/// Issuers that write otherwise.
impl GuardBuilder {
    /// Reads the tokens of an issuer that writes them in its own way: [`Profile::Rfc9068`] by default.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.foreign.profile = profile;
        self
    }

    /// What tokens call this API, in place of its URL: any texts, one of which has to be in `aud`.
    pub fn audiences<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.foreign.audiences = names.into_iter().map(Into::into).collect();
        self
    }

    /// Who may send tokens that carry no `aud`, as those of [`Profile::Cognito`] (client ids) and [`Profile::Clerk`] (origins): any other
    /// client of the issuer could use its tokens here otherwise. Where a token carries one all the same, it has to be right too.
    pub fn clients_in_place_of_audience<S: Into<String>>(
        mut self,
        clients: impl IntoIterator<Item = S>,
    ) -> Self {
        self.foreign.clients = Some(clients.into_iter().map(Into::into).collect());
        self
    }

    /// For how long a token is accepted past its `exp`, for an issuer whose clock is behind: not at all by default, 300 seconds at most.
    pub fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.foreign.expiry_leeway = leeway;
        self
    }

    /// The types of token that are accepted (`typ` in the header), in place of the profile's. With any but `at+jwt`,
    /// [`GuardBuilder::require_claim`] or [`GuardBuilder::refuse_claim`] has to tell access tokens from ID Tokens, where no profile does.
    pub fn accept_typ(mut self, types: impl IntoIterator<Item = &'static str>) -> Self {
        self.foreign.types = Some(types.into_iter().collect());
        self
    }

    /// Accepts tokens whose header has no `typ`. Otherwise as [`GuardBuilder::accept_typ`].
    pub fn accept_no_typ(mut self) -> Self {
        self.foreign.accepts_no_typ = true;
        self
    }

    /// Accepts these algorithms beside ES256, RS256, PS256 and EdDSA: [`Algorithm::FOREIGN`] are to be had.
    pub fn accept_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.foreign.algorithms.extend(algorithms);
        self
    }

    /// Where a token names its client: `["azp"]`, or all names on the way to a claim inside others.
    pub fn client_at<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.foreign.client = Some(ClaimPath::new(path));
        self
    }

    /// Where a token has its scopes, otherwise as [`GuardBuilder::client_at`].
    pub fn scope_at<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.foreign.scope = Some(ClaimPath::new(path));
        self
    }

    /// Accepts scopes as a list of texts, beside one text with spaces.
    pub fn accept_scope_list(mut self) -> Self {
        self.foreign.accepts_scope_list = true;
        self
    }

    /// Where a token has its roles, in place of where the profile looks; called again, there too. A path is all names on the way, so that
    /// a name may hold dots: `["resource_access", "api.example", "roles"]`. The roles are a list of texts, or one text.
    pub fn roles_at<S: Into<String>>(self, path: impl IntoIterator<Item = S>) -> Self {
        self.add_roles(ClaimPath::new(path), false)
    }

    /// As [`GuardBuilder::roles_at`], where the roles are the names of an object's members: `{"editor": {…}, "owner": {…}}`. A member that
    /// is `false` or `null` is no role.
    pub fn role_names_at<S: Into<String>>(self, path: impl IntoIterator<Item = S>) -> Self {
        self.add_roles(ClaimPath::new(path), true)
    }

    fn add_roles(mut self, at: ClaimPath, are_members: bool) -> Self {
        let roles = self.foreign.roles.get_or_insert_default();
        roles.push(Roles { at, are_members });
        self
    }

    /// Demands that the claim at `path` be one of `values`, as only access tokens of the issuer say it: `(["token_use"], ["access"])`. Where
    /// the issuer is asked about a token that is not read here, its answer has to say so.
    pub fn require_claim<N: Into<String>, V: Into<String>>(
        mut self,
        path: impl IntoIterator<Item = N>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.foreign
            .demanded
            .push(Proof::Says(ClaimPath::new(path), values));
        self
    }

    /// Refuses tokens with the claim `name`, as only other tokens of the issuer have it: `at_hash`.
    pub fn refuse_claim(mut self, name: &'static str) -> Self {
        self.foreign.demanded.push(Proof::Lacks(name));
        self
    }
}
