//! What policies that only report would have done, counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// Requests that were forwarded and would not have been, by policy and by what they would have got.
#[derive(Debug, Clone, Default)]
pub struct Reports(Family<Labels, Counter>);

/// What is told apart. Both come from the config, so there are few.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    app: String,
    policy: String,
    instead: &'static str,
}

impl Reports {
    /// Counts one.
    pub fn count(&self, app: &str, policy: &str, instead: &'static str) {
        self.0.get_or_create(&Labels { app: app.to_owned(), policy: policy.to_owned(), instead }).inc();
    }

    /// The counters, to be registered.
    pub fn counters(&self) -> Family<Labels, Counter> {
        self.0.clone()
    }
}
