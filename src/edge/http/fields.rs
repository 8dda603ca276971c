//! Header fields of a real request, as routes see them.

use crate::domain::policy::call::Fields;
use http::HeaderMap;

impl Fields for HeaderMap {
    fn each(&self, see: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self {
            see(name.as_str(), value.as_bytes());
        }
    }
}
