//! What policies that only report would have done, counted.

use crate::domain::policy::Decision;
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
    /// Notes one, for the log and the count.
    pub fn note(&self, id: impl std::fmt::Display, app: &str, policy: &str, instead: &Decision) {
        let (instead, why) = match instead {
            Decision::Admit(_) => return,
            Decision::SignIn(why) => ("sign-in", format!("{why:?}")),
            Decision::StepUp(missing) => ("step-up", format!("{missing:?}")),
            Decision::Pay(unpaid) => ("step-up", format!("{:?}", unpaid.clause())),
            Decision::Deny(why) => ("deny", format!("{why:?}")),
        };
        tracing::info!(request.id = %id, app, policy, instead, why, "forwarded: the policy only reports");
        self.0.get_or_create(&Labels { app: app.to_owned(), policy: policy.to_owned(), instead }).inc();
    }

    /// The counters, to be registered.
    pub fn counters(&self) -> Family<Labels, Counter> {
        self.0.clone()
    }
}
