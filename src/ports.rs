//! What the flows need from the world, as traits. Adapters implement them; tests bring fakes that behave.

pub mod store;
pub mod system;
pub use store::{Store, StoreError};
pub use system::{Clock, Entropy, HasherBusy, PasswordHasher, Vault};
//! What the flows and the edge need from outside: traits, no implementations.
pub mod upstream;
