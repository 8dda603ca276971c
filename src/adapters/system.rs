//! The machine: its clock, its randomness, its cores, and the file that holds its keys.

mod alive;
mod argon2;
mod clock;
mod files;
mod vault;

pub use alive::keep_asking;
pub use argon2::Argon2Hasher;
pub use clock::{SystemClock, SystemEntropy};
pub use files::raise_file_limit;
pub use vault::{FileVault, VaultError};
