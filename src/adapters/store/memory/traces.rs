//! What sign-ins leave behind, in memory.

use super::MemoryStore;
use crate::{
    domain::{risk::Trace, time::Timestamp, user::UserId},
    ports::{StoreError, store::TraceStore},
};
use async_trait::async_trait;
use std::cmp::Reverse;

#[async_trait]
impl TraceStore for MemoryStore {
    async fn leave_trace(&self, user: UserId, trace: &Trace) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(user)?;
        let key = (user, trace.browser, trace.subnet);
        let counts_from =
            tables.traces.get(&key).map_or(trace.counts_from, |kept| kept.counts_from.min(trace.counts_from));
        tables.traces.insert(key, Trace { counts_from, ..trace.clone() });
        Ok(())
    }

    async fn traces(&self, user: UserId) -> Result<Vec<Trace>, StoreError> {
        let tables = self.tables();
        let own = tables.traces.iter().filter(|((owner, ..), _)| *owner == user);
        let mut traces: Vec<Trace> = own.map(|(_, trace)| trace.clone()).collect();
        traces.sort_by_key(|trace| (Reverse(trace.at), trace.subnet, *trace.browser.as_bytes()));
        Ok(traces)
    }

    async fn last_forgotten(&self, user: UserId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().forgotten.get(&user).copied())
    }

    async fn sweep_traces(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let swept: Vec<_> = tables.traces.extract_if(|_, trace| trace.at < before).collect();
        for ((user, ..), trace) in swept {
            let last = tables.forgotten.entry(user).or_insert(trace.at);
            *last = trace.at.max(*last);
        }
        Ok(())
    }
}
