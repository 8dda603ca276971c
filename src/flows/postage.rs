//! What a message costs: the budgets that it is charged to before it goes out, and what they get back (OB-03).
//!
//! # Invariants
//!
//! - A message that one budget refuses costs none of the others anything.
//! - Nothing is texted, and nobody is called, that number and country do not pay for; a notice neither.
//! - Nobody keeps from others what those are sent to sign in with: a new address is verified on other budgets, and a known
//!   browser has its own (TH-06).

use super::{Caller, TryError, World};
use crate::{
    domain::{
        contact::{Address, Channel, PhoneNumber},
        throttle::{BudgetKey, SEND_PACE, SENDS, SENDS_LOST, SENDS_TO_PHONE, Schedule, sends_in_an_hour},
        user::UserId,
    },
    ports::{StoreError, store::SentPurpose},
};

/// What one message was charged to.
#[must_use]
pub(super) struct Postage(Vec<BudgetKey>);

/// Pays for a code or link that an account is sent, asked for by this caller.
pub(super) async fn of_code(
    world: &World,
    (user, purpose): (UserId, SentPurpose),
    channel: Channel,
    to: &Address,
    caller: &Caller,
) -> Result<Postage, TryError> {
    let lane = world.lane(caller, user).await?;
    let own = match purpose {
        SentPurpose::Prove | SentPurpose::SetUp => {
            [BudgetKey::sends_to(user, lane), BudgetKey::sends_to_address(to, lane)]
        }
        SentPurpose::Verify(_) => [BudgetKey::verifications_by(user), BudgetKey::verifications_at(to)],
    };
    let own = own.into_iter().flat_map(|keys| keys.into_iter().zip([SEND_PACE, SENDS]));
    let shared = lost_if_not_back(to, caller).into_iter().map(|key| (key, SENDS_LOST));
    let phone = match to {
        Address::Phone(number) => of_phone(world, channel, number),
        Address::Email(_) => Vec::new(),
    };
    pay(world, shared.chain(own).chain(phone)).await
}

/// Pays for a text message that nobody asked for and of which nothing comes back; `false` where it is not to go out.
pub(super) async fn pays_for_notice(world: &World, channel: Channel, to: &PhoneNumber) -> Result<bool, StoreError> {
    match pay(world, of_phone(world, channel, to)).await {
        Ok(Postage(_)) => Ok(true),
        Err(TryError::Closed(_)) => Ok(false),
        Err(TryError::Store(error)) => Err(error),
    }
}

/// Takes back from what many people share that something which came back was lost.
pub(super) async fn came_back(world: &World, to: &Address, caller: &Caller) -> Result<(), StoreError> {
    Postage(lost_if_not_back(to, caller)).take_back(world).await
}

impl Postage {
    /// The message did not go out. It stays charged to what many people share, or a robot could ask for as many that fail as
    /// it likes.
    pub(super) async fn unsent(self, world: &World, to: &Address, caller: &Caller) -> Result<(), StoreError> {
        let shared = lost_if_not_back(to, caller);
        Self(self.0.into_iter().filter(|key| !shared.contains(key)).collect()).take_back(world).await
    }

    async fn take_back(self, world: &World) -> Result<(), StoreError> {
        for key in &self.0 {
            world.store.refund(key).await?;
        }
        Ok(())
    }
}

/// Charges all of these, one after the other, or in the end none.
async fn pay(world: &World, budgets: impl IntoIterator<Item = (BudgetKey, Schedule)>) -> Result<Postage, TryError> {
    let mut paid = Postage(Vec::new());
    for (key, schedule) in budgets {
        match world.charge_one(key, &schedule).await {
            Ok(key) => paid.0.push(key),
            Err(refused) => {
                paid.take_back(world).await?;
                return Err(refused);
            }
        }
    }
    Ok(paid)
}

/// Budgets of a number, and of the country it is in, for this hour. Only what was not sent is taken back: a code that is typed
/// in may have come to the phone of whoever earns money with it.
fn of_phone(world: &World, channel: Channel, number: &PhoneNumber) -> Vec<(BudgetKey, Schedule)> {
    let of_number = (BudgetKey::sends_to_phone(number), SENDS_TO_PHONE);
    let of_hour = world.settings.per_hour.get(&channel);
    let of_hour = of_hour.map(|most| {
        let key = BudgetKey::sends_of_the_hour(channel, number, world.now());
        (key, sends_in_an_hour(*most))
    });
    [of_number].into_iter().chain(of_hour).collect()
}

/// Budgets that many people share, of what nobody types in: of the network that asks, and of the country a number is in.
fn lost_if_not_back(to: &Address, caller: &Caller) -> Vec<BudgetKey> {
    let country = match to {
        Address::Phone(number) => Some(BudgetKey::sends_to_country(number)),
        Address::Email(_) => None,
    };
    [BudgetKey::sends_from(caller.address)].into_iter().chain(country).collect()
}
