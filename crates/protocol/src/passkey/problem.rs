//! Why the answer of a passkey is not taken. The user is told the same whatever it was; the log is told which.

/// What is wrong with what a browser answered for a passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyProblem {
    /// Not the JSON that `PublicKeyCredential.toJSON()` makes.
    #[error("not the JSON of a public key credential")]
    Malformed,
    /// A credential id of no byte or more than 1023 (WebAuthn Level 3 §7.1 step 25).
    #[error("the credential id is empty or too long")]
    IdLength,
    /// `id`, `rawId` and the id that was signed are not one.
    #[error("the credential is named in more than one way")]
    IdsDiffer,
    /// The client data are not UTF-8 JSON with what they must have.
    #[error("the client data can't be read")]
    ClientData,
    /// Made by `create()` where `get()` was asked, or the other way round.
    #[error("the client data are of another ceremony")]
    Type,
    /// For another challenge.
    #[error("another challenge was answered")]
    Challenge,
    /// Made at another origin.
    #[error("made at another origin")]
    Origin,
    /// Made in a frame of another site.
    #[error("made in a frame of another origin")]
    CrossOrigin,
    /// The authenticator data are cut off, or go on behind their end.
    #[error("the authenticator data can't be read")]
    AuthenticatorData,
    /// For another relying party.
    #[error("made for another relying party")]
    RelyingParty,
    /// The user was not present.
    #[error("the user was not present")]
    NotPresent,
    /// The authenticator did not verify its user.
    #[error("the user was not verified")]
    NotVerified,
    /// Backed up, and not able to be (§6.1.3).
    #[error("backed up without being eligible for it")]
    BackupFlags,
    /// Was eligible for backup, and is no more (§7.2 step 19).
    #[error("no longer eligible for backup")]
    BackupLost,
    /// No attestation object that can be read.
    #[error("the attestation object can't be read")]
    Attestation,
    /// No public key that can be read, or a weak one.
    #[error("the public key is not sound")]
    PublicKey,
    /// An algorithm that was not offered.
    #[error("the algorithm was not offered")]
    Algorithm,
    /// It can't be found without a name: the browser says that it is not discoverable.
    #[error("not discoverable")]
    NotDiscoverable,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// No user handle, or one of another account.
    #[error("the user handle is missing or another account's")]
    UserHandle,
    /// The sign count did not rise, and the key can't be copied by itself: there may be a copy (§7.2 step 22).
    #[error("the sign count did not rise")]
    SignCount,
}
