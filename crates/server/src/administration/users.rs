//! Users: added, described, given passwords, kept out and deleted; and what names may be.

use safeconduct_protocol::{
    claims::PersonClaims, ids::UserId, mail::MailPurpose, password::AcceptedPassword, precis,
    secret::Secret, time::Timestamp,
};
use safeconduct_store::{
    NewUser, OtpRemoval, PasskeyRecord, PasskeyRemoval, Remover, SealedPassword, StoreError,
    UserRecord,
};

use super::{Administration, Page, Refused, administrators::last};
use crate::{
    fault::Fault,
    password::{ImportedHash, PasswordSettings, Passwords, Unhashed},
};

/// The longest username, in characters.
const LONGEST_USERNAME: usize = 128;

/// A user who can be added and sign in. Only [`Person::new`] makes one.
pub struct Person {
    pub(super) id: Option<UserId>,
    pub(super) username: String,
    pub(super) password: Option<NewPassword>,
    pub(super) claims: PersonClaims,
    pub(super) locked: bool,
    pub(super) groups: Vec<String>,
}

/// The password of a user who is to be added.
pub enum NewPassword {
    /// In clear: it is hashed before anything is stored.
    Clear(AcceptedPassword),
    /// A hash that this or another system made.
    Hash(ImportedHash),
}

/// The authenticator app of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactorRecord {
    /// When it was added.
    pub added_at: Timestamp,
    /// How many recovery codes are left beside it.
    pub recovery_codes: u64,
}

impl Person {
    /// The user of this name, of whom `claims` are known, with what they sign in with; without it, not with a password.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn new(
        username: String,
        password: Option<NewPassword>,
        claims: PersonClaims,
    ) -> Result<Self, String> {
        check_username(&username)?;
        Ok(Self {
            id: None,
            username,
            password,
            claims,
            locked: false,
            groups: Vec::new(),
        })
    }

    /// The same user as they come from elsewhere: with the `id` that apps know them by, if they keep it; who may not sign in where they
    /// are `locked`; in these groups.
    #[must_use]
    pub fn coming(mut self, id: Option<UserId>, locked: bool, groups: Vec<String>) -> Self {
        (self.id, self.locked, self.groups) = (id, locked, groups);
        self
    }

    /// The name to sign in with.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl Administration<'_> {
    /// Users whose name begins with `prefix`, however it is typed, by name; the page begins behind a username.
    ///
    /// # Errors
    /// The database's.
    pub async fn users(&self, prefix: &str, page: &Page<'_>) -> Result<Vec<UserRecord>, Refused> {
        let after = page.after.map(precis::username_key);
        let prefix = precis::username_key(prefix);
        Ok(self
            .store
            .list_users(&prefix, after.as_deref(), page.limit)
            .await?)
    }

    /// The user of this name or id.
    ///
    /// # Errors
    /// There is none, or the database's.
    pub async fn user(&self, user: &str) -> Result<UserRecord, Refused> {
        let mut found = match UserId::parse(user) {
            Some(id) => self.store.user(&id).await?,
            None => None,
        };
        // A UUID may be a name too, as directories give some; an id comes first.
        if found.is_none() {
            found = self.store.user_by_name(user).await?;
        }
        found.ok_or_else(|| Refused::NoUser(user.to_owned()))
    }

    /// Whether a user of this name could be added.
    ///
    /// # Errors
    /// It can't be a name, a user has it, or the database's.
    pub async fn check_free(&self, username: &str) -> Result<(), Refused> {
        check_username(username).map_err(Refused::Unfit)?;
        match self.store.user_by_name(username).await? {
            Some(_) => Err(Refused::UserTaken(username.to_owned())),
            None => Ok(()),
        }
    }

    /// Adds a user who signs in with a password.
    ///
    /// # Errors
    /// The name or the password can't be used, the name is taken, or the database's.
    pub async fn add_user(
        &self,
        username: &str,
        password: Secret,
        claims: PersonClaims,
    ) -> Result<UserRecord, Refused> {
        self.check_free(username).await?;
        let password = self.passwords.accept(password, username, &claims)?;
        let id = UserId::generate();
        let password = self.seal(&hasher()?, &id, password).await?;
        self.insert(&id, username, claims, Some(password)).await?;
        self.user(id.as_str()).await
    }

    /// Adds somebody under a name that can be used, with a password or without.
    pub(super) async fn insert(
        &self,
        id: &UserId,
        username: &str,
        claims: PersonClaims,
        sealed_password: Option<SealedPassword>,
    ) -> Result<(), Refused> {
        let user = NewUser {
            id: id.clone(),
            username: username.to_owned(),
            name: None,
            claims,
            sealed_password,
        };
        match self.store.add_user(user, self.now).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict(_)) => Err(Refused::UserTaken(username.to_owned())),
            Err(other) => Err(other.into()),
        }
    }

    /// Replaces what is known about a user by what `change` makes of it.
    ///
    /// # Errors
    /// There is no such user, `change` refuses, another administrator came between, or the database's.
    pub async fn change_claims(
        &self,
        user: &str,
        change: impl FnOnce(&mut PersonClaims) -> Result<(), String>,
    ) -> Result<UserRecord, Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        let mut claims = found.claims;
        change(&mut claims).map_err(Refused::Unfit)?;
        let (id, read_at) = (found.id, found.updated_at);
        if !self
            .store
            .update_claims(&id, read_at, &claims, None, self.now)
            .await?
        {
            return Err(Refused::Raced(user.to_owned()));
        }
        self.user(id.as_str()).await
    }

    /// Gives a user a new password. Sessions and grants end.
    ///
    /// # Errors
    /// There is no such user, the password can't be used, or the database's.
    pub async fn set_password(&self, user: &str, password: Secret) -> Result<(), Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        let (id, name) = (&found.id, &found.username);
        let password = self.passwords.accept(password, name, &found.claims)?;
        let sealed = self.seal(&hasher()?, id, password).await?;
        let mail = self
            .notices
            .to(&found.id, &found.claims, MailPurpose::PasswordChanged);
        Ok(self
            .store
            .set_password(id, &sealed, mail.as_ref(), self.now)
            .await?)
    }

    /// The second factor of a user, if they have one.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn second_factor(
        &self,
        user: &str,
    ) -> Result<(UserRecord, Option<SecondFactorRecord>), Refused> {
        let found = self.user(user).await?;
        let otp = self.store.otp(&found.id).await?;
        let record = otp.map(|otp| SecondFactorRecord {
            added_at: otp.added_at,
            recovery_codes: otp.recovery_codes,
        });
        Ok((found, record))
    }

    /// Takes the second factor of a user away, with its recovery codes: their phone is lost. Nothing else of theirs ends. Gives the
    /// name.
    ///
    /// # Errors
    /// There is no such user, they have none, or the database's.
    pub async fn remove_second_factor(&self, user: &str) -> Result<String, Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        let mail = self
            .notices
            .to(&found.id, &found.claims, MailPurpose::OtpRemoved);
        let by = Remover::Operator;
        let removed = self
            .store
            .remove_otp(&found.id, by, mail.as_ref(), self.now);
        match removed.await.map_err(|error| last(error, &found))? {
            OtpRemoval::Removed => Ok(found.username),
            _ => Err(Refused::NoSecondFactor(found.username)),
        }
    }

    /// The passkeys of a user, oldest first.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn passkeys(&self, user: &str) -> Result<(UserRecord, Vec<PasskeyRecord>), Refused> {
        let found = self.user(user).await?;
        let passkeys = self.store.passkeys_of(&found.id).await?;
        Ok((found, passkeys))
    }

    /// The passkey of a user that is called `name`, or has it as its id.
    ///
    /// # Errors
    /// There is no such user, none or several of that name, or the database's.
    pub async fn passkey(
        &self,
        user: &str,
        name: &str,
    ) -> Result<(UserRecord, PasskeyRecord), Refused> {
        let (found, mut passkeys) = self.passkeys(user).await?;
        let by_id = passkeys
            .iter()
            .position(|passkey| passkey.id.to_string() == name);
        if let Some(place) = by_id {
            return Ok((found, passkeys.swap_remove(place)));
        }
        passkeys.retain(|passkey| passkey.name == name);
        match (passkeys.pop(), passkeys.len()) {
            (Some(passkey), 0) => Ok((found, passkey)),
            (last, others) => Err(Refused::NoPasskey {
                user: found.username,
                name: name.to_owned(),
                count: others + usize::from(last.is_some()),
            }),
        }
    }

    /// Takes a passkey of a user away, the last one as well: what it was on is lost. Nothing else of theirs ends.
    ///
    /// # Errors
    /// There is no such user, they have no such passkey, or the database's.
    pub async fn remove_passkey(&self, user: &str, passkey: &PasskeyRecord) -> Result<(), Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        let mail = self
            .notices
            .to(&found.id, &found.claims, MailPurpose::PasskeyRemoved);
        let by = Remover::Operator;
        let removed =
            self.store
                .remove_passkey(&found.id, &passkey.id, by, mail.as_ref(), self.now);
        match removed.await.map_err(|error| last(error, &found))? {
            PasskeyRemoval::Removed => Ok(()),
            _ => Err(Refused::NoPasskey {
                user: found.username,
                name: passkey.name.clone(),
                count: 0,
            }),
        }
    }

    /// Keeps a user out. Sessions and grants end. Gives the name.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn lock_user(&self, user: &str) -> Result<String, Refused> {
        let found = self.user(user).await?;
        let locked = self.store.lock_user(&found.id, self.now).await;
        locked.map_err(|error| last(error, &found))?;
        Ok(found.username)
    }

    /// Lets a locked user in again; what was ended stays ended. Gives the name.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn unlock_user(&self, user: &str) -> Result<String, Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        self.store.unlock_user(&found.id, self.now).await?;
        Ok(found.username)
    }

    /// Deletes a user for good.
    ///
    /// # Errors
    /// There is no such user, or the database's.
    pub async fn delete_user(&self, user: &str) -> Result<(), Refused> {
        let found = self.user(user).await?;
        self.may_touch(&found.id).await?;
        let deleted = self.store.delete_user(&found.id, self.now).await;
        deleted.map_err(|error| last(error, &found))
    }

    /// The hash of a new password, sealed.
    pub(super) async fn seal(
        &self,
        passwords: &Passwords,
        id: &UserId,
        password: AcceptedPassword,
    ) -> Result<SealedPassword, Refused> {
        let hash = passwords.hash(password).await.map_err(unhashed)?;
        Ok(self.keys.seal_password(id, &hash)?)
    }
}

pub(super) fn unhashed(error: Unhashed) -> Fault {
    Fault::new(format!("the password can't be hashed: {error}"))
}

pub(super) fn hasher() -> Result<Passwords, Fault> {
    Passwords::start(PasswordSettings::default())
        .map_err(|error| Fault::new(format!("no thread to hash the password on: {error}")))
}

/// What a username must be: something that can be typed, seen and told from an id.
pub(crate) fn check_username(username: &str) -> Result<(), String> {
    let length = username.chars().count();
    if !(1..=LONGEST_USERNAME).contains(&length) {
        return Err(format!("a username has 1 to {LONGEST_USERNAME} characters"));
    }
    if username.trim() != username {
        return Err("a username has no space at either end".to_owned());
    }
    if let Some(unseen) = username.chars().find(|char| is_unseen(*char)) {
        return Err(format!(
            "a username has no control or invisible characters, and this one has U+{:04X}",
            u32::from(unseen)
        ));
    }
    // A UUID is taken, for directories name users so: it is looked for among ids first.
    if UserId::parse(username).is_some() && UserId::imported(username).is_none() {
        return Err("this username reads like a user id".to_owned());
    }
    precis::check_username(username)
        .map_err(|error| format!("this can't be a username (RFC 8265 §3): {error}"))
}

/// Whether a character misleads, joins what stands beside it, or stands for bytes that were no text: two names that differ by it alone look
/// alike.
pub(super) fn is_unseen(char: char) -> bool {
    precis::misleads(char) || matches!(char, '\u{200c}' | '\u{200d}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ada")]
    #[case("Ada Lovelace")]
    #[case("adá@example.com")]
    #[case("李")]
    #[case("ju\u{308}rgen")]
    #[case("0d8a7a1e-0a52-4a3e-9c19-0d0c4b6f7d01")]
    fn a_username_is_what_can_be_seen(#[case] username: &str) {
        assert_eq!(check_username(username), Ok(()));
    }

    #[rstest]
    #[case("", "1 to 128")]
    #[case(&"x".repeat(129), "1 to 128")]
    #[case(" ada", "at either end")]
    #[case("ada\u{3000}", "at either end")]
    #[case("a\0da", "U+0000")]
    #[case("ada\u{7f}", "U+007F")]
    #[case("a\u{200b}da", "U+200B")]
    #[case("\u{202e}ada", "U+202E")]
    #[case("a\u{2066}da", "U+2066")]
    #[case("\u{feff}ada", "U+FEFF")]
    #[case("a\u{fffd}da", "U+FFFD")]
    #[case("ada\u{2603}", "U+2603")]
    #[case("\u{fb01}fi", "U+FB01")]
    #[case("ada\u{5d3}", "writing directions")]
    fn a_username_that_looks_like_another_is_refused(#[case] username: &str, #[case] says: &str) {
        let told = check_username(username).unwrap_err();
        assert!(told.contains(says), "{told}");
    }
}
