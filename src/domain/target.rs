//! What a request names, in the one form that policy sees and the application receives.
//!
//! What can't be made canonical without guessing is refused, never repaired (PA-01 to PA-06, HO-01, HO-02).

pub mod host;
pub mod path;
pub mod return_path;

pub use host::{Authority, Host, HostPattern, NotAHost};
pub use path::{Allowed, CanonicalPath, NotCanonical};
pub use return_path::{NotAReturnPath, ReturnPath};
