//! Setting up a phone as a second factor, in the middle of a sign-in too.
//!
//! Like every other address it counts once a code that was sent there is back; that code is the first proof with it. It comes
//! after an e-mail address that is known, which hears of it (row 14, EN-02). Changing and removing a number is
//! [`contacts`]' matter.

use super::{
    Caller, World,
    challenge::{ChallengeError, record},
    codes::{self, Parcel, SendError},
    contacts,
    factors::{ChangeError, may_add},
    sessions::Bearer,
    sign_in::Opened,
};
use crate::{
    domain::{
        contact::{Address, Contact, Kind, NotAnAddress},
        factor::{FactorId, Method},
        secret::Token,
        session::Authentication,
    },
    ports::{
        StoreError,
        store::{SentCode, SentPurpose},
    },
};

/// Why no phone was set up.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// Not here, or not now; or the code is not the one.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It is no phone number.
    #[error(transparent)]
    NotAnAddress(#[from] NotAnAddress),
    /// No code was sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl From<StoreError> for PhoneError {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

impl From<ChallengeError> for PhoneError {
    fn from(error: ChallengeError) -> Self {
        Self::Change(error.into())
    }
}

/// The number that a code is on its way to by this method, asked for by this browser.
pub async fn pending(
    world: &World,
    bearer: &Bearer,
    method: Method,
    browser: &Token,
) -> Result<Option<SentCode>, StoreError> {
    codes::sent_to_end(world, bearer, SentPurpose::Verify(Kind::Phone), method, browser).await
}

/// Sends a code to a number by this method.
pub async fn begin(
    world: &World,
    bearer: &Bearer,
    method: Method,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<(), PhoneError> {
    let (user, _) = may_add(world, bearer, method).await?;
    let parcel = Parcel {
        user: &user,
        purpose: SentPurpose::Verify(Kind::Phone),
        method,
        address: Address::parse(Kind::Phone, typed)?,
        factor: FactorId(world.entropy.id(world.now())),
        onward: None,
    };
    Ok(codes::dispatch(world, parcel, browser, caller).await?)
}

/// Makes the number a second factor, if this is the code that was sent there, and counts that as a proof with it.
pub async fn confirm(
    world: &World,
    bearer: &Bearer,
    method: Method,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<Opened, PhoneError> {
    let (user, right) = may_add(world, bearer, method).await?;
    let code = pending(world, bearer, method, browser).await?.ok_or(ChallengeError::Over)?;
    codes::take(world, &code, typed, caller).await?;
    let at = world.now();
    let contact = Contact { verified_at: Some(at), used_at: Some(at), ..contacts::unproven(code) };
    let proof = Authentication { method, factor: contact.id, at };
    contacts::keep(world, &user, contact, right, caller).await?;
    Ok(record(world, bearer, proof, caller).await?)
}
