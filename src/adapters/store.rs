//! The [`Store`], in memory and in SQL: `tests/store_contract.rs` holds both to one contract.

mod memory;
mod sql;

pub use memory::MemoryStore;
pub use sql::SqlStore;

use crate::ports::{Store, StoreError};
use std::sync::Arc;

/// Opens the store that a URL names: `sqlite:PATH`, `postgres://…`, or `memory:` for one that is forgotten.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if url == "memory:" {
        return Ok(Arc::new(MemoryStore::default()));
    }
    Ok(Arc::new(SqlStore::open(url).await?))
}
