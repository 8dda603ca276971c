//! Recovery codes, in memory.

use super::MemoryStore;
use crate::{
    domain::{factor::FactorId, time::Timestamp, user::UserId},
    ports::{
        StoreError,
        store::{FoundCode, HashedCode, RecoveryStore},
    },
};
use async_trait::async_trait;

/// The recovery codes of one account.
pub(super) struct RecoverySet {
    id: FactorId,
    codes: Vec<Code>,
}

struct Code {
    hashed: HashedCode,
    used_at: Option<Timestamp>,
}

#[async_trait]
impl RecoveryStore for MemoryStore {
    async fn replace_recovery_codes(
        &self,
        user: UserId,
        set: FactorId,
        codes: &[HashedCode],
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(user)?;
        let codes = codes.iter().map(|hashed| Code { hashed: hashed.clone(), used_at: None }).collect();
        tables.recovery_sets.insert(user, RecoverySet { id: set, codes });
        Ok(())
    }

    async fn recovery_code(&self, user: UserId, head: &str) -> Result<Option<FoundCode>, StoreError> {
        let tables = self.tables();
        let Some(set) = tables.recovery_sets.get(&user) else { return Ok(None) };
        let found = set.codes.iter().find(|code| code.hashed.head == head);
        Ok(found.map(|code| FoundCode { set: set.id, phc: code.hashed.phc.clone() }))
    }

    async fn spend_recovery_code(
        &self,
        user: UserId,
        set: FactorId,
        head: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let codes = tables.recovery_sets.get_mut(&user).filter(|kept| kept.id == set).map(|kept| &mut kept.codes);
        let code = codes.into_iter().flatten().find(|code| code.hashed.head == head && code.used_at.is_none());
        Ok(code.map(|code| code.used_at = Some(now)).is_some())
    }

    async fn recovery_codes_left(&self, user: UserId) -> Result<u64, StoreError> {
        let tables = self.tables();
        let codes = tables.recovery_sets.get(&user).map(|set| &set.codes);
        Ok(codes.into_iter().flatten().filter(|code| code.used_at.is_none()).count() as u64)
    }
}
