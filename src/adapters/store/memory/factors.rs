//! What holds for second factors of every kind, in memory.

use super::{MemoryStore, Tables};
use crate::{
    domain::{factor::FactorId, user::UserId},
    ports::{
        StoreError,
        store::{FactorStore, LastFactor},
    },
};
use async_trait::async_trait;

impl Tables {
    /// How many second factors of any kind an account has.
    pub(super) fn count_second_factors(&self, user: UserId) -> usize {
        self.passkeys.values().filter(|passkey| passkey.user == user).count()
            + self.totp_factors.values().filter(|factor| factor.user == user).count()
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

    async fn remove_factor(&self, user: UserId, factor: FactorId, last: LastFactor) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if last == LastFactor::Stays && tables.count_second_factors(user) < 2 {
            return Ok(false);
        }
        let passkeys = tables.passkeys.extract_if(.., |id, passkey| *id == factor && passkey.user == user).count();
        let apps = tables.totp_factors.extract_if(.., |id, app| *id == factor && app.user == user).count();
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
