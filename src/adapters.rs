//! The ports, in the real world: what is kept, the machine, and the way to the applications.

pub mod certificates;
pub mod geography;
pub mod messages;
pub mod passkeys;
pub mod passwords;
pub mod records;
pub mod signer;
pub mod store;
pub mod system;
pub mod upstream;
