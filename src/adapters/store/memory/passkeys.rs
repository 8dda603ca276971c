//! Passkeys and ceremonies, in memory.

use super::{MemoryStore, Tables};
use crate::{
    domain::{factor::FactorId, secret::TokenHash, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{Added, Ceremony, PasskeyFactor, PasskeyStore},
    },
};
use async_trait::async_trait;

impl Tables {
    fn is_taken(&self, passkey: &PasskeyFactor) -> bool {
        let is_same = |other: &PasskeyFactor| other.id == passkey.id || other.credential_id == passkey.credential_id;
        self.passkeys.values().any(is_same)
    }

    fn add_passkey(&mut self, passkey: &PasskeyFactor) -> Added {
        if self.is_taken(passkey) {
            return Added::Taken;
        }
        self.passkeys.insert(passkey.id, passkey.clone());
        Added::New
    }
}

#[async_trait]
impl PasskeyStore for MemoryStore {
    async fn add_passkey(&self, passkey: &PasskeyFactor) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        tables.account_exists(passkey.user)?;
        Ok(tables.add_passkey(passkey))
    }

    async fn add_first_passkey(&self, passkey: &PasskeyFactor, now: Timestamp) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        if tables.is_taken(passkey) || !tables.close_enrolment(passkey.user, now) {
            return Ok(Added::Taken);
        }
        Ok(tables.add_passkey(passkey))
    }

    async fn passkeys(&self, user: UserId) -> Result<Vec<PasskeyFactor>, StoreError> {
        let mut passkeys: Vec<PasskeyFactor> =
            self.tables().passkeys.values().filter(|passkey| passkey.user == user).cloned().collect();
        passkeys.sort_by_key(|passkey| (passkey.created_at, passkey.id));
        Ok(passkeys)
    }

    async fn passkey(&self, credential_id: &[u8]) -> Result<Option<PasskeyFactor>, StoreError> {
        Ok(self.tables().passkeys.values().find(|passkey| passkey.credential_id == credential_id).cloned())
    }

    async fn use_passkey(
        &self,
        passkey: FactorId,
        before: &str,
        after: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(passkey) = tables.passkeys.get_mut(&passkey).filter(|passkey| passkey.credential == before) else {
            return Ok(false);
        };
        after.clone_into(&mut passkey.credential);
        passkey.used_at = Some(now);
        Ok(true)
    }

    async fn open_ceremony(&self, ceremony: &Ceremony) -> Result<(), StoreError> {
        self.tables().ceremonies.insert(ceremony.token, ceremony.clone());
        Ok(())
    }

    async fn take_ceremony(&self, token: TokenHash) -> Result<Option<Ceremony>, StoreError> {
        Ok(self.tables().ceremonies.remove(&token))
    }
}
