//! What is kept: one contract, which every implementation passes (`tests/store_contract.rs`).
//!
//! What must happen once is one method and one conditional statement, never a read and then a write. The store
//! decides races, so several nodes may share it.

pub mod accounts;
pub mod activity;
pub mod budgets;
pub mod contacts;
pub mod devices;
pub mod factors;
pub mod grace;
pub mod held;
pub mod invitations;
pub mod passkeys;
pub mod passwords;
pub mod receipts;
pub mod recovery;
pub mod sessions;
pub mod traces;

pub use accounts::{Account, AccountStore, Added, Approval, Holder, PasswordFactor, SealedKey, TotpFactor};
pub use activity::ActivityStore;
pub use budgets::{BudgetStore, Charge};
pub use contacts::{ContactStore, SentCode, SentPurpose};
pub use devices::{Device, DeviceId, DeviceStore, Undo};
pub use factors::{FactorStore, LastFactor, Phones, Removal};
pub use grace::GraceStore;
pub use held::{Claim, FoundHeld, Held, HeldStore, Room, Sender, WaitingHeld};
pub use invitations::{Invitation, InvitationStore, Redeemed};
pub use passkeys::{Ceremony, PasskeyFactor, PasskeyStore, Purpose};
pub use passwords::{OtherSessions, PasswordChange, PasswordReset, PasswordStore};
pub use receipts::ReceiptStore;
pub use recovery::{FoundCode, HashedCode, RecoveryStore};
pub use sessions::{Attempt, Handoff, SessionStore, SessionSummary};
pub use traces::TraceStore;

use async_trait::async_trait;

/// Everything that is kept.
#[async_trait]
pub trait Store:
    AccountStore
    + ContactStore
    + FactorStore
    + PasskeyStore
    + PasswordStore
    + RecoveryStore
    + SessionStore
    + DeviceStore
    + ActivityStore
    + BudgetStore
    + GraceStore
    + HeldStore
    + InvitationStore
    + ReceiptStore
    + TraceStore
{
    /// Whether the store answers; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Why the store did not answer. Whoever gets this lets nothing through.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, is full, or is broken.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It holds a row that this program could not have written.
    #[error("the store holds an impossible row: {table}.{column} of {row}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// Which row.
        row: String,
        /// The value that can't be.
        column: &'static str,
    },
}
