//! Accounts, factors, browsers and keys, in memory.

use super::{MemoryStore, Tables};
use crate::{
    domain::{
        contact::Kind,
        factor::FactorId,
        language::Language,
        secret::TokenHash,
        time::Timestamp,
        user::{LoginId, UserId},
    },
    ports::{
        StoreError,
        store::{Account, AccountStore, Added, Approval, Holder, PasswordFactor, SealedKey, TotpFactor},
    },
};
use async_trait::async_trait;
use std::{cmp::Reverse, collections::btree_map::Entry};

impl Tables {
    /// Closes the time in which the first second factor may be enrolled; `false` if it is over, or if there is one.
    pub(super) fn close_enrolment(&mut self, user: UserId, now: Timestamp) -> bool {
        if self.count_second_factors(user) > 0 {
            return false;
        }
        let approval = self.accounts.get_mut(&user).map(|account| &mut account.approval);
        approval.is_some_and(|approval| approval.take_if(|approval| approval.until > now).is_some())
    }

    /// Adds an account, unless its id or login id is taken.
    pub(super) fn add_account(&mut self, account: &Account) -> Added {
        if self.accounts.values().any(|other| other.user.login_id == account.user.login_id) {
            return Added::Taken;
        }
        let mut account = account.clone();
        account.user.email = None;
        added(self.accounts.entry(account.user.id), &account)
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn add_account(&self, account: &Account) -> Result<Added, StoreError> {
        Ok(self.tables().add_account(account))
    }

    async fn account_by_login(&self, login_id: &LoginId) -> Result<Option<Account>, StoreError> {
        Ok(self.tables().accounts.values().find(|account| account.user.login_id == *login_id).cloned())
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.tables().accounts.get(&user).cloned())
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts: Vec<Account> = self.tables().accounts.values().cloned().collect();
        accounts.sort_by(|a, b| a.user.login_id.as_str().cmp(b.user.login_id.as_str()));
        Ok(accounts)
    }

    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(account) = tables.accounts.get_mut(&user) else { return Ok(false) };
        account.user.disabled = disabled;
        if disabled {
            tables.sign_out(user);
            tables.password_resets.retain(|_, reset| reset.user != Some(user));
        }
        Ok(true)
    }

    async fn set_language(&self, user: UserId, language: Language) -> Result<(), StoreError> {
        if let Some(account) = self.tables().accounts.get_mut(&user) {
            account.user.language = Some(language);
        }
        Ok(())
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        tables.sign_out(user);
        tables.totp_factors.retain(|_, factor| factor.user != user);
        tables.recovery_sets.remove(&user);
        tables.passkeys.retain(|_, passkey| passkey.user != user);
        tables.ceremonies.retain(|_, ceremony| ceremony.user != Some(user));
        tables.contacts.retain(|_, contact| contact.user != user);
        tables.codes.retain(|_, kept| kept.code.user != user);
        tables.password_resets.retain(|_, reset| reset.user != Some(user));
        tables.browsers.retain(|(owner, _), _| *owner != user);
        tables.undos.retain(|_, undo| undo.user != user);
        tables.traces.retain(|(owner, ..), _| *owner != user);
        tables.forgotten.remove(&user);
        tables.budgets.retain(|_, budget| budget.owner != Some(user));
        tables.held.retain(|_, kept| kept.held.sender.is_none_or(|sender| sender.user != user));
        tables.primary_factors.remove(&user);
        tables.graces.remove(&user);
        tables.events.retain(|event| event.user != Some(user));
        Ok(tables.accounts.remove(&user).is_some())
    }

    async fn set_password(&self, user: UserId, password: &PasswordFactor) -> Result<bool, StoreError> {
        Ok(self.tables().set_password(user, password))
    }

    async fn rehash_password(&self, user: UserId, old_phc: &str, new_phc: &str) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let password = tables.accounts.get_mut(&user).and_then(|account| account.password.as_mut());
        if let Some(password) = password.filter(|password| password.phc == old_phc) {
            new_phc.clone_into(&mut password.phc);
        }
        Ok(())
    }

    async fn set_enrol_until(&self, user: UserId, until: Option<Timestamp>) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(account) = tables.accounts.get_mut(&user) else { return Ok(false) };
        account.approval = until.map(Approval::of_password);
        Ok(true)
    }

    async fn open_enrolment(
        &self,
        user: UserId,
        holder: Holder,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let is_an_operators = |approval: &Approval| approval.holder.is_none() && approval.until > now;
        if let Some(account) = tables.accounts.get_mut(&user)
            && !account.approval.as_ref().is_some_and(is_an_operators)
        {
            account.approval = Some(Approval { until, holder: Some(holder) });
        }
        Ok(())
    }

    async fn add_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        tables.account_exists(factor.user)?;
        Ok(added(tables.totp_factors.entry(factor.id), factor))
    }

    async fn add_first_totp(&self, factor: &TotpFactor, now: Timestamp) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        if !tables.close_enrolment(factor.user, now) {
            return Ok(Added::Taken);
        }
        Ok(added(tables.totp_factors.entry(factor.id), factor))
    }

    async fn totp_factors(&self, user: UserId) -> Result<Vec<TotpFactor>, StoreError> {
        let mut factors: Vec<TotpFactor> =
            self.tables().totp_factors.values().filter(|factor| factor.user == user).cloned().collect();
        factors.sort_by_key(|factor| (factor.created_at, factor.id));
        Ok(factors)
    }

    async fn replace_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        tables.account_exists(factor.user)?;
        tables.totp_factors.retain(|id, other| other.user != factor.user || *id == factor.id);
        Ok(added(tables.totp_factors.entry(factor.id), factor))
    }

    async fn spend_totp_step(&self, factor: FactorId, step: u64, now: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(factor) = tables.totp_factors.get_mut(&factor).filter(|factor| factor.spent_step < step) else {
            return Ok(false);
        };
        factor.spent_step = step;
        factor.used_at = Some(now);
        Ok(true)
    }

    async fn remove_second_factors(&self, user: UserId) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let removed = tables.totp_factors.extract_if(.., |_, factor| factor.user == user).count()
            + tables.passkeys.extract_if(.., |_, passkey| passkey.user == user).count()
            + usize::from(tables.contacts.remove(&(user, Kind::Phone)).is_some());
        if removed > 0 {
            tables.graces.insert(user, Timestamp::from_millis(0));
        }
        tables.recovery_sets.remove(&user);
        tables.sign_out(user);
        tables.browsers.retain(|(owner, _), _| *owner != user);
        Ok(removed as u64)
    }

    async fn know_browser(&self, browser: TokenHash, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(user)?;
        let seen_at = tables.browsers.entry((user, browser)).or_insert(now);
        *seen_at = now.max(*seen_at);
        Ok(())
    }

    async fn knows_browser(&self, browser: TokenHash, user: UserId, since: Timestamp) -> Result<bool, StoreError> {
        Ok(self.tables().browsers.get(&(user, browser)).is_some_and(|&seen_at| seen_at >= since))
    }

    async fn add_signing_key(&self, key: &SealedKey, unless_after: Timestamp) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        if tables.signing_keys.iter().any(|other| other.created_at > unless_after || other.id == key.id) {
            return Ok(Added::Taken);
        }
        tables.signing_keys.push(key.clone());
        Ok(Added::New)
    }

    async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        let mut keys = self.tables().signing_keys.clone();
        keys.sort_by(|a, b| (Reverse(a.created_at), &a.id).cmp(&(Reverse(b.created_at), &b.id)));
        Ok(keys)
    }
}

fn added<K: Ord, V: Clone>(entry: Entry<'_, K, V>, value: &V) -> Added {
    match entry {
        Entry::Occupied(_) => Added::Taken,
        Entry::Vacant(place) => {
            place.insert(value.clone());
            Added::New
        }
    }
}
