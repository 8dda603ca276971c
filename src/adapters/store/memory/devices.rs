//! Remembered devices and undoable sign-ins, in memory.

use super::MemoryStore;
use crate::{
    domain::{
        risk::Trace,
        secret::TokenHash,
        session::{Session, SessionId},
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{Device, DeviceId, DeviceStore, Undo},
    },
};
use async_trait::async_trait;
use std::cmp::Reverse;

#[async_trait]
impl DeviceStore for MemoryStore {
    async fn remember_device(
        &self,
        device: &Device,
        session: SessionId,
        old: Option<TokenHash>,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.sessions.get(&session).is_none_or(|kept| kept.session.user != device.user) {
            return Ok(false);
        }
        if let Some(old) = old {
            let moved = tables.browsers.extract_if(|(_, browser), _| *browser == old).collect::<Vec<_>>();
            tables.browsers.extend(moved.into_iter().map(|((user, _), seen_at)| ((user, device.browser), seen_at)));
            let moved = tables.traces.extract_if(|(_, browser, _), _| *browser == old).collect::<Vec<_>>();
            tables.traces.extend(moved.into_iter().map(|((user, _, subnet), trace)| {
                ((user, device.browser, subnet), Trace { browser: device.browser, ..trace })
            }));
            for other in tables.devices.values_mut().filter(|other| other.browser == old) {
                other.browser = device.browser;
            }
        }
        tables.devices.retain(|_, other| (other.user, other.browser) != (device.user, device.browser));
        tables.devices.insert(device.id, device.clone());
        Ok(true)
    }

    async fn open_remembered_session(
        &self,
        session: &Session,
        token: TokenHash,
        browser: TokenHash,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let (user, now) = (session.user, session.started_at);
        let is_meant = |device: &&mut Device| {
            device.user == user && device.browser == browser && device.created_at > since && device.created_at <= now
        };
        let Some(device) = tables.devices.values_mut().find(is_meant) else { return Ok(false) };
        device.used_at = Some(now);
        tables.add_session(session, token)?;
        Ok(true)
    }

    async fn devices(&self, user: UserId, since: Timestamp) -> Result<Vec<Device>, StoreError> {
        let tables = self.tables();
        let remembered = tables.devices.values().filter(|device| device.user == user && device.created_at > since);
        let mut devices: Vec<Device> = remembered.cloned().collect();
        devices.sort_by_key(|device| (Reverse(device.created_at), device.id));
        Ok(devices)
    }

    async fn rename_device(&self, user: UserId, device: DeviceId, name: &str) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let own = tables.devices.get_mut(&device).filter(|found| found.user == user);
        Ok(own.map(|own| own.name = Some(name.to_owned())).is_some())
    }

    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError> {
        Ok(self.tables().devices.extract_if(.., |id, found| *id == device && found.user == user).count() == 1)
    }

    async fn forget_devices(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.tables().forget_devices(user))
    }

    async fn open_undo(&self, undo: &Undo) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(undo.user)?;
        tables.undos.insert(undo.token, undo.clone());
        Ok(())
    }

    async fn undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError> {
        Ok(self.tables().undos.get(&token).filter(|undo| undo.made_at > since).cloned())
    }

    async fn take_undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError> {
        let mut tables = self.tables();
        let Some(undo) = tables.undos.remove(&token).filter(|undo| undo.made_at > since) else { return Ok(None) };
        tables.end_session(undo.session);
        tables.forget_devices(undo.user);
        tables.browsers.retain(|(owner, _), _| *owner != undo.user);
        tables.traces.retain(|(owner, ..), trace| *owner != undo.user || trace.counts_from < undo.made_at);
        Ok(Some(undo))
    }

    async fn sweep_devices(
        &self,
        browsers_before: Timestamp,
        devices_before: Timestamp,
        undos_before: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.browsers.retain(|_, seen_at| *seen_at >= browsers_before);
        tables.devices.retain(|_, device| device.created_at >= devices_before);
        tables.undos.retain(|_, undo| undo.made_at >= undos_before);
        Ok(())
    }
}
