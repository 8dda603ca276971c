//! Changes and resets of passwords, in memory.

use super::{MemoryStore, Tables, orphan};
use crate::{
    domain::{
        contact::Kind, factor::Method, secret::TokenHash, session::Authentication, time::Timestamp, user::UserId,
    },
    ports::{
        StoreError,
        store::{OtherSessions, PasswordChange, PasswordFactor, PasswordReset, PasswordStore},
    },
};
use async_trait::async_trait;

impl Tables {
    /// Sets a password and ends all that the old one began; `false` if there is no such account.
    pub(super) fn set_password(&mut self, user: UserId, password: &PasswordFactor) -> bool {
        let Some(account) = self.accounts.get_mut(&user) else { return false };
        account.password = Some(password.clone());
        self.sign_out(user);
        self.forget_password(user);
        true
    }

    /// Whose password a link lets them choose, if the address it was mailed to is still theirs.
    fn reset_of(&self, token: TokenHash, since: Timestamp) -> Option<UserId> {
        let reset = self.password_resets.get(&token).filter(|reset| reset.made_at > since)?;
        let contact = self.contacts.get(&(reset.user?, Kind::Email))?;
        contact.verified_at.filter(|verified_at| *verified_at <= reset.made_at).and(reset.user)
    }

    /// Ends what is left of an old password besides sessions.
    fn forget_password(&mut self, user: UserId) {
        self.attempts.retain(|_, attempt| attempt.user != user);
        self.devices.retain(|_, device| device.user != user);
        self.browsers.retain(|(owner, _), _| *owner != user);
        self.password_resets.retain(|_, reset| reset.user != Some(user));
    }
}

#[async_trait]
impl PasswordStore for MemoryStore {
    async fn change_password(&self, change: &PasswordChange<'_>) -> Result<bool, StoreError> {
        let PasswordChange { user, before, after, session, old, new, others } = *change;
        let mut tables = self.tables();
        let is_same = |tables: &Tables| {
            tables.accounts.get(&user).is_some_and(|account| account.password.as_ref().map(|p| p.id) == before)
        };
        if !is_same(&tables) {
            return Ok(false);
        }
        let kept = tables.sessions.get_mut(&session).filter(|kept| kept.token == old && kept.session.user == user);
        let Some(kept) = kept else { return Ok(false) };
        kept.token = new;
        let proof = Authentication { method: Method::Password, factor: after.id, at: after.changed_at };
        kept.session.authentications.push(proof);
        kept.session.authentications.sort_by_key(|proof| (proof.at, proof.factor));
        if let Some(account) = tables.accounts.get_mut(&user) {
            account.password = Some(after.clone());
        }
        tables.forget_password(user);
        if others == OtherSessions::End {
            tables.end_sessions_where(|other| other.user == user && other.id != session);
        }
        Ok(true)
    }

    async fn open_reset(&self, reset: &PasswordReset) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if reset.user.is_some_and(|user| !tables.accounts.contains_key(&user)) {
            return Err(orphan());
        }
        tables.password_resets.insert(reset.token, *reset);
        Ok(())
    }

    async fn reset_of(&self, token: TokenHash, since: Timestamp) -> Result<Option<UserId>, StoreError> {
        Ok(self.tables().reset_of(token, since))
    }

    async fn redeem_reset(
        &self,
        token: TokenHash,
        since: Timestamp,
        password: &PasswordFactor,
    ) -> Result<Option<UserId>, StoreError> {
        let mut tables = self.tables();
        let Some(user) = tables.reset_of(token, since) else { return Ok(None) };
        tables.password_resets.remove(&token);
        Ok(tables.set_password(user, password).then_some(user))
    }

    async fn sweep_resets(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tables().password_resets.retain(|_, reset| reset.made_at >= before);
        Ok(())
    }
}
