//! What holds for second factors of every kind, in memory.

use super::{MemoryStore, Tables};
use crate::{
    domain::{contact::Kind, factor::FactorId, user::UserId},
    ports::{
        StoreError,
        store::{FactorStore, LastFactor, Phones, Removal},
    },
};
use async_trait::async_trait;

impl Tables {
    /// How many second factors of any kind an account has.
    pub(super) fn count_second_factors(&self, user: UserId) -> usize {
        self.passkeys.values().filter(|passkey| passkey.user == user).count()
            + self.totp_factors.values().filter(|factor| factor.user == user).count()
    }

    /// How many phones are second factors of an account: one at most.
    pub(super) fn count_phones(&self, user: UserId, phones: Phones) -> usize {
        let phone = self.contacts.get(&(user, Kind::Phone)).filter(|contact| contact.verified_at.is_some());
        usize::from(phones == Phones::Count && phone.is_some())
    }

    /// Removes recovery codes that have nothing left to stand in for.
    pub(super) fn remove_codes_of_nothing(&mut self, user: UserId, phones: Phones) {
        if self.count_second_factors(user) + self.count_phones(user, phones) == 0 {
            self.recovery_sets.remove(&user);
        }
    }
}

#[async_trait]
impl FactorStore for MemoryStore {
    async fn rename_factor(&self, user: UserId, factor: FactorId, name: &str) -> Result<bool, StoreError> {
        let tables = &mut *self.tables();
        let passkey = tables.passkeys.get_mut(&factor).filter(|passkey| passkey.user == user);
        let app = tables.totp_factors.get_mut(&factor).filter(|app| app.user == user);
        let own = passkey.map(|passkey| &mut passkey.name).or(app.map(|app| &mut app.name));
        Ok(own.map(|own| name.clone_into(own)).is_some())
    }

    async fn remove_factor(&self, removal: Removal) -> Result<bool, StoreError> {
        let Removal { user, id: factor, last, phones } = removal;
        let mut tables = self.tables();
        if last == LastFactor::Stays && tables.count_second_factors(user) + tables.count_phones(user, phones) < 2 {
            return Ok(false);
        }
        let passkeys = tables.passkeys.extract_if(.., |id, passkey| *id == factor && passkey.user == user).count();
        let apps = tables.totp_factors.extract_if(.., |id, app| *id == factor && app.user == user).count();
        tables.remove_codes_of_nothing(user, phones);
        Ok(passkeys + apps == 1)
    }

    async fn set_primary(&self, user: UserId, factor: FactorId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if !tables.accounts.contains_key(&user) {
            return Ok(false);
        }
        tables.primary_factors.insert(user, factor);
        Ok(true)
    }

    async fn primary(&self, user: UserId) -> Result<Option<FactorId>, StoreError> {
        Ok(self.tables().primary_factors.get(&user).copied())
    }
}
