//! What is counted, for `/metrics`.

use crate::{domain::time::Timestamp, edge::proxy::reports::Reports};
use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The gateway, in place of an application.
    Gateway,
    /// The portal.
    Portal,
    /// An application.
    App,
}

/// How the config file on disk stands to what is served.
pub struct ConfigMetrics {
    applied: Counter,
    refused: Counter,
    is_stale: Gauge,
    wants_restart: Gauge,
    applied_at: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

impl ConfigMetrics {
    fn register(registry: &mut Registry) -> Self {
        let reloads = Family::<ReloadLabels, Counter>::default();
        let of = |result| reloads.get_or_create(&ReloadLabels { result }).clone();
        let (applied, refused) = (of("applied"), of("refused"));
        registry.register(
            "config_reloads",
            "Readings of the config file since the start, by what became of them",
            reloads,
        );
        let gauge = |registry: &mut Registry, name, help| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            applied,
            refused,
            is_stale: gauge(
                registry,
                "config_stale",
                "1 while the config file on disk is not served because it can't be",
            ),
            wants_restart: gauge(
                registry,
                "config_restart_needed",
                "1 while keys of the config file wait for a restart",
            ),
            applied_at: gauge(
                registry,
                "config_applied_timestamp_seconds",
                "When the config that is served was read, since 1970",
            ),
        }
    }

    /// A reading is served.
    pub fn applied(&self, at: Timestamp, wants_restart: bool) {
        self.applied.inc();
        self.started(at);
        self.wants_restart.set(wants_restart.into());
    }

    /// The first reading is served.
    pub fn started(&self, at: Timestamp) {
        self.is_stale.set(0);
        self.applied_at.set(at.as_millis() / 1000);
    }

    /// A reading is not served.
    pub fn refused(&self) {
        self.refused.inc();
        self.is_stale.set(1);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    by: &'static str,
    code: &'static str,
}

const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Every counter. Counting is one atomic addition.
pub struct Metrics {
    registry: Registry,
    answers: [[Counter; 5]; 3],
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections for which there was no room.
    pub connections_refused: Counter,
    /// Requests that the wire guard refused.
    pub refused: Counter,
    /// TLS handshakes that came to nothing.
    pub handshakes_failed: Counter,
    /// What policies that only report would have done.
    pub reports: Reports,
    /// How the config file on disk stands to what is served.
    pub config: ConfigMetrics,
    /// Decisions that were not recorded.
    pub unrecorded: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("doorward");
        let answers = Family::<Labels, Counter>::default();
        registry.register(
            "requests",
            "Answered requests, by who answered and the class of the status",
            answers.clone(),
        );
        let (connections, refused, handshakes_failed) = (Gauge::default(), Counter::default(), Counter::default());
        registry.register("connections", "Open connections of browsers", connections.clone());
        let connections_refused = Counter::default();
        let help = "Connections of browsers that found no room";
        registry.register("connections_refused", help, connections_refused.clone());
        registry.register("requests_refused", "Requests that can be read in two ways", refused.clone());
        registry.register("tls_handshakes_failed", "Handshakes that came to nothing", handshakes_failed.clone());
        let reports = Reports::default();
        registry.register(
            "reported",
            "Forwarded requests that would not have been, were their policy not in report mode",
            reports.counters(),
        );
        let config = ConfigMetrics::register(&mut registry);
        let unrecorded = Counter::default();
        registry.register(
            "decisions_unrecorded",
            "Decisions that should have been recorded and were not",
            unrecorded.clone(),
        );
        let of = |by| CODES.map(|code| answers.get_or_create(&Labels { by, code }).clone());
        let answers = [of("gateway"), of("portal"), of("app")];
        Self {
            registry,
            answers,
            connections,
            connections_refused,
            refused,
            handshakes_failed,
            reports,
            config,
            unrecorded,
        }
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, by: Answerer, status: StatusCode) {
        let by = match by {
            Answerer::Gateway => 0,
            Answerer::Portal => 1,
            Answerer::App => 2,
        };
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.answers.get(by).and_then(|codes: &[Counter; 5]| codes.get(class)) {
            counter.inc();
        }
    }

    /// Everything, in OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
