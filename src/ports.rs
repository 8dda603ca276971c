//! What the flows and the edge need from the world, as traits. Adapters implement them; tests bring fakes that behave.

pub mod geography;
pub mod messages;
pub mod passkeys;
pub mod passwords;
pub mod records;
pub mod store;
pub mod system;
pub mod upstream;

pub use geography::Geography;
pub use messages::{Messenger, NotSent};
pub use passkeys::PasskeyVerifier;
pub use passwords::{LoreError, PasswordLore};
pub use records::Records;
pub use store::{Store, StoreError};
pub use system::{Clock, Entropy, HasherBusy, PasswordHasher, SignError, Signer, Vault};
