//! Where addresses are.

use crate::domain::risk::Whereabouts;
use std::net::IpAddr;

/// Places addresses on the map. It is in memory: nobody waits for it.
pub trait Geography: Send + Sync {
    /// Where an address is; `None` where nobody can say.
    fn whereabouts(&self, address: IpAddr) -> Option<Whereabouts>;
}
