//! Contacts and codes, in memory.

use super::{MemoryStore, Tables};
use crate::{
    domain::{
        contact::{Contact, Kind},
        factor::FactorId,
        secret::TokenHash,
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{Added, ContactStore, LastFactor, Removal, SentCode, SentPurpose},
    },
};
use async_trait::async_trait;

/// A code, and how many answers were compared with it.
pub(super) struct KeptCode {
    pub(super) code: SentCode,
    guesses: u32,
}

impl Tables {
    /// Keeps an address, in place of one of the same kind.
    pub(super) fn put_contact(&mut self, contact: &Contact) -> Result<(), StoreError> {
        self.account_exists(contact.user)?;
        self.contacts.insert((contact.user, contact.address.kind()), contact.clone());
        self.note_email(contact.user);
        Ok(())
    }

    /// Makes a user's e-mail address what their contacts say.
    fn note_email(&mut self, user: UserId) {
        let contact = self.contacts.get(&(user, Kind::Email)).filter(|contact| contact.verified_at.is_some());
        let email = contact.map(|contact| contact.address.as_str().to_owned());
        if let Some(account) = self.accounts.get_mut(&user) {
            account.user.email = email;
        }
    }
}

#[async_trait]
impl ContactStore for MemoryStore {
    async fn contacts(&self, user: UserId) -> Result<Vec<Contact>, StoreError> {
        Ok(self.tables().contacts.values().filter(|contact| contact.user == user).cloned().collect())
    }

    async fn use_contact(&self, contact: FactorId, now: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if let Some(contact) = tables.contacts.values_mut().find(|kept| kept.id == contact) {
            contact.used_at = contact.used_at.max(Some(now));
        }
        Ok(())
    }

    async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError> {
        self.tables().put_contact(contact)
    }

    async fn put_first_contact(&self, contact: &Contact, now: Timestamp) -> Result<Added, StoreError> {
        let mut tables = self.tables();
        if !tables.close_enrolment(contact.user, now) {
            return Ok(Added::Taken);
        }
        tables.put_contact(contact).map(|()| Added::New)
    }

    async fn remove_contact(&self, removal: Removal) -> Result<bool, StoreError> {
        let Removal { user, id: contact, last, phones } = removal;
        let mut tables = self.tables();
        let (others, phone) = (tables.count_second_factors(user), tables.count_phones(user, phones));
        let is_spared = |kind| last == LastFactor::MayGo || others > 0 || (kind != Kind::Phone && phone > 0);
        let is_to_go = |kept: &Contact| kept.user == user && kept.id == contact && is_spared(kept.address.kind());
        let removed = tables.contacts.extract_if(.., |_, kept| is_to_go(kept)).count();
        tables.note_email(user);
        tables.remove_codes_of_nothing(user, phones);
        Ok(removed == 1)
    }

    async fn put_code(&self, code: &SentCode) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(code.user)?;
        let kept = KeptCode { code: code.clone(), guesses: 0 };
        tables.codes.insert((code.browser, code.purpose.name()), kept);
        Ok(())
    }

    async fn code(&self, browser: TokenHash, purpose: SentPurpose) -> Result<Option<SentCode>, StoreError> {
        let tables = self.tables();
        let kept = tables.codes.get(&(browser, purpose.name())).filter(|kept| kept.guesses < SentCode::GUESSES);
        Ok(kept.map(|kept| kept.code.clone()))
    }

    async fn guess_code(&self, code: &SentCode) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let kept = tables.codes.get_mut(&(code.browser, code.purpose.name()));
        let kept = kept.filter(|kept| kept.code.sealed == code.sealed && kept.guesses < SentCode::GUESSES);
        Ok(kept.map(|kept| kept.guesses += 1).is_some())
    }

    async fn spend_code(&self, code: &SentCode) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let key = (code.browser, code.purpose.name());
        let is_there = tables.codes.get(&key).is_some_and(|kept| kept.code.sealed == code.sealed);
        Ok(is_there && tables.codes.remove(&key).is_some())
    }
}
