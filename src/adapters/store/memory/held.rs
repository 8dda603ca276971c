//! Held requests, in memory.

use super::{MemoryStore, Tables, orphan};
use crate::{
    domain::{secret::TokenHash, throttle::BudgetKey, time::Timestamp},
    ports::{
        StoreError,
        store::{Claim, FoundHeld, Held, HeldStore, Room, WaitingHeld},
    },
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// A row, and the rows that hang on it.
pub(super) struct Kept {
    pub(super) held: Held,
    head: Option<Vec<u8>>,
    is_taken: bool,
    parts: BTreeMap<u32, Vec<u8>>,
}

impl Tables {
    /// What is set aside for requests from this address, and for all.
    fn held_bytes(&self, address: &BudgetKey) -> [u64; 2] {
        let beside = self.held.values().filter(|kept| kept.held.address == *address).map(|kept| kept.held.size);
        [beside.sum(), self.held.values().map(|kept| kept.held.size).sum()]
    }
}

#[async_trait]
impl HeldStore for MemoryStore {
    async fn hold(&self, held: &Held, room: Room, since: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if let Some(sender) = held.sender {
            tables.account_exists(sender.user)?;
        }
        let waiting = || tables.held.values().filter(|kept| !kept.is_taken && kept.held.made_at > since);
        let session = held.sender.map(|sender| sender.session);
        let of_session =
            waiting().filter(|kept| session.is_some() && kept.held.sender.map(|sender| sender.session) == session);
        let of_address = waiting().filter(|kept| kept.held.address == held.address);
        let [beside, bytes] = tables.held_bytes(&held.address);
        let fits = |count: usize, max: u32| u32::try_from(count).is_ok_and(|count| count < max);
        if !fits(of_session.count(), room.of_session)
            || !fits(of_address.count(), room.of_address)
            || beside.saturating_add(held.size) > room.address_bytes
            || bytes.saturating_add(held.size) > room.bytes
        {
            return Ok(false);
        }
        let kept = Kept { held: held.clone(), head: None, is_taken: false, parts: BTreeMap::new() };
        tables.held.insert(held.token, kept);
        Ok(true)
    }

    async fn hold_more(&self, token: TokenHash, size: u64, room: Room) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(kept) = tables.held.get(&token).filter(|kept| kept.head.is_none()) else { return Ok(false) };
        let [beside, bytes] = tables.held_bytes(&kept.held.address).map(|bytes| bytes - kept.held.size);
        let fits = beside.saturating_add(size) <= room.address_bytes && bytes.saturating_add(size) <= room.bytes;
        if fits && let Some(kept) = tables.held.get_mut(&token) {
            kept.held.size = size;
        }
        Ok(fits)
    }

    async fn hold_part(&self, token: TokenHash, number: u32, sealed: &[u8]) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.held.get_mut(&token).ok_or_else(orphan)?.parts.insert(number, sealed.to_vec());
        Ok(())
    }

    async fn hold_whole(&self, token: TokenHash, head: &[u8], size: u64, now: Timestamp) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().held.get_mut(&token).filter(|kept| kept.head.is_none()) {
            kept.head = Some(head.to_vec());
            (kept.held.size, kept.held.made_at) = (size, now);
        }
        Ok(())
    }

    async fn held(&self, token: TokenHash, since: Timestamp) -> Result<Option<FoundHeld>, StoreError> {
        let tables = self.tables();
        let Some(kept) = tables.held.get(&token).filter(|kept| kept.held.made_at > since) else { return Ok(None) };
        if kept.is_taken {
            return Ok(Some(FoundHeld::Taken));
        }
        let Held { place, browser, sender, made_at, .. } = kept.held.clone();
        let user = sender.map(|sender| sender.user);
        Ok(kept.head.clone().map(|head| FoundHeld::Waiting(WaitingHeld { user, browser, place, head, made_at })))
    }

    async fn take_held(&self, claim: Claim, since: Timestamp, _now: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let is_meant = |kept: &Kept| {
            let held = &kept.held;
            held.place == claim.place
                && held.browser == claim.browser
                && held.sender.is_none_or(|sender| Some(sender.user) == claim.user)
                && held.made_at > since
                && kept.head.is_some()
                && !kept.is_taken
        };
        let Some(kept) = tables.held.get_mut(&claim.token).filter(|kept| is_meant(kept)) else { return Ok(false) };
        kept.is_taken = true;
        Ok(true)
    }

    async fn held_part(&self, token: TokenHash, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables().held.get(&token).and_then(|kept| kept.parts.get(&number)).cloned())
    }

    async fn release_held(&self, token: TokenHash) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().held.get_mut(&token) {
            kept.is_taken = false;
        }
        Ok(())
    }

    async fn empty_held(&self, token: TokenHash) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().held.get_mut(&token) {
            kept.parts.clear();
            if kept.is_taken {
                kept.held.size = 0;
            }
        }
        Ok(())
    }

    async fn drop_held(&self, token: TokenHash, browser: TokenHash) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let is_meant = tables.held.get(&token).is_some_and(|kept| kept.held.browser == browser && !kept.is_taken);
        Ok(is_meant && tables.held.remove(&token).is_some())
    }

    async fn sweep_held(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tables().held.retain(|_, kept| kept.held.made_at >= before);
        Ok(())
    }
}
