//! Paying for one request with a proof that was made for it: `once = true`.

use super::World;
use crate::{
    domain::policy::{
        Decision,
        once::{Fingerprint, Receipt, Unpaid},
    },
    ports::StoreError,
};

/// Lets a request pass for its receipt, which is spent. Without one the proof is asked for.
pub async fn pay(world: &World, unpaid: Unpaid, request: Fingerprint) -> Result<Decision, StoreError> {
    let now = world.now();
    let spent = world.store.spend_receipt(unpaid.session(), request, now - Receipt::LIFETIME).await?;
    Ok(match spent {
        Some(spent) => unpaid.admit(request, spent, now),
        None => Decision::StepUp(unpaid.missing(now)),
    })
}

/// Whether the receipt for a request is there. It stays.
pub async fn is_paid(world: &World, unpaid: &Unpaid, request: Fingerprint) -> Result<bool, StoreError> {
    let now = world.now();
    let receipt = world.store.receipt(unpaid.session(), request, now - Receipt::LIFETIME).await?;
    Ok(receipt.is_some_and(|receipt| unpaid.is_paid_by(&receipt, request, now)))
}
