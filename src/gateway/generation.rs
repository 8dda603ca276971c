//! A generation: what one reading of the config file has become, on every core.
//!
//! Each core has a [`Seat`] with the front that it serves by. A request takes that front once, when its head is there, and
//! keeps it to its end; so no request is served by two generations. What outlives them is handed from one to the next:
//! visitors and streams, the store and its keys, request ids, counters, and the connections to servers that are reached as
//! before.

use super::{assemble::Shared, front::Front, metrics::Metrics};
use crate::{
    adapters::{system::SystemEntropy, upstream::Client},
    config::settings::Settings,
    edge::{
        http::{client::TrustedProxies, request::RequestIds},
        proxy::{Proxy, body::RequestBody},
    },
    ports::{Entropy as _, Records},
};
use arc_swap::ArcSwap;
use http::HeaderValue;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A year (BR-02). Subdomains are not ours to promise for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A front with real servers behind it.
type AppFront = Front<Client<RequestBody>>;

/// Where one core's front is, and is replaced.
pub struct Seat {
    front: Arc<ArcSwap<AppFront>>,
    /// The core's own, where its connections to the applications live.
    runtime: Handle,
}

impl Seat {
    /// The seat of a core that runs on `runtime`, with its first front.
    pub fn new(runtime: Handle, shared: &Shared, settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let mut seed = [0; 8];
        SystemEntropy.fill(&mut seed);
        let ids = Arc::new(RequestIds::new(u64::from_le_bytes(seed)));
        let first = {
            let _on_core = runtime.enter();
            front(shared, settings, metrics, Client::new(&shared.upstreams), ids)
        };
        Self { front: Arc::new(ArcSwap::from_pointee(first)), runtime }
    }

    /// What its core serves by, now and later.
    pub fn front(&self) -> Arc<ArcSwap<AppFront>> {
        Arc::clone(&self.front)
    }

    /// What its core could serve by next.
    pub fn next(&self, shared: &Shared, settings: &Settings) -> Arc<AppFront> {
        let _on_core = self.runtime.enter();
        let last = self.front.load();
        let upstream = last.proxy.upstream.next(&shared.upstreams);
        Arc::new(front(shared, settings, Arc::clone(&last.metrics), upstream, Arc::clone(&last.ids)))
    }

    /// Requests that come from now on are served by this.
    pub fn put(&self, front: Arc<AppFront>) {
        self.front.store(front);
    }
}

fn front(
    shared: &Shared,
    settings: &Settings,
    metrics: Arc<Metrics>,
    upstream: Client<RequestBody>,
    ids: Arc<RequestIds>,
) -> AppFront {
    let shared = shared.clone();
    Front {
        proxy: Proxy {
            world: shared.world,
            apps: shared.apps,
            latest: shared.latest,
            visitors: shared.visitors,
            assertions: shared.assertions,
            upstream,
            brand: Arc::clone(&shared.brand),
            portal: settings.portal.url.to_string().into(),
            body_max: settings.server.body_max,
            shelf: shared.shelf,
            reports: metrics.reports.clone(),
            records: shared.records.map(|records| records as Arc<dyn Records>),
            hsts: HSTS,
            slow: shared.slow,
        },
        portal: shared.portal,
        portal_host: settings.portal.url.host.clone(),
        trusted: TrustedProxies::new(settings.server.trusted_proxies.iter().copied()),
        brand: shared.brand,
        metrics,
        ids,
        drain: settings.server.drain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, ProcessEnvironment, Source},
        domain::target::Host,
    };
    use std::path::Path;

    fn settings(folder: &Path, host: &str) -> Settings {
        let text = format!(
            "[tls]\ncertificates = [{{ cert = \"a.pem\", key = \"a.key\" }}]\n\
             [portal]\nurl = \"https://auth.example.com\"\nname = \"{host}\"\n\
             [store]\nurl = \"memory:\"\nkey_file = \"doorward.key\"\n\
             [[app]]\nname = \"app\"\nhost = \"{host}\"\nupstream = [\"http://127.0.0.1:9\"]\npolicy = \"public\"\n"
        );
        config::read(&Source::new("config.toml", &text), folder, &ProcessEnvironment).unwrap().settings
    }

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    /// Host, brand and flows of one generation.
    fn whole(front: &AppFront, name: &str) -> bool {
        front.proxy.apps.find(&host(name)).is_some()
            && front.brand.name == name
            && front.proxy.world.settings.organisation == name
    }

    #[tokio::test]
    async fn who_has_a_front_keeps_it_and_who_comes_later_gets_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (settings(folder.path(), "old.example.com"), settings(folder.path(), "new.example.com"));
        let shared = Shared::build(&old, Handle::current(), None).await.unwrap();
        let seat = Seat::new(Handle::current(), &shared, &old, Arc::default());
        let place = seat.front();
        let on_its_way = place.load_full();

        let next = shared.next(&new).await.unwrap();
        let prepared = seat.next(&next, &new);
        assert!(whole(&place.load(), "old.example.com"), "what is only prepared is not served");
        seat.put(prepared);

        assert!(whole(&on_its_way, "old.example.com"));
        assert!(on_its_way.proxy.apps.find(&host("new.example.com")).is_none());
        let later = place.load_full();
        assert!(whole(&later, "new.example.com"));
        assert!(later.proxy.apps.find(&host("old.example.com")).is_none());
        assert!(Arc::ptr_eq(&on_its_way.ids, &later.ids), "no request id comes twice");
        assert!(Arc::ptr_eq(&on_its_way.proxy.world.store, &later.proxy.world.store));
    }

    #[tokio::test]
    async fn a_generation_that_nobody_is_served_by_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), "app.example.com");
        let shared = Shared::build(&settings, Handle::current(), None).await.unwrap();
        let seat = Seat::new(Handle::current(), &shared, &settings, Arc::default());
        let on_its_way = seat.front().load_full();
        let first = Arc::downgrade(&on_its_way);

        seat.put(seat.next(&shared.next(&settings).await.unwrap(), &settings));
        assert!(first.upgrade().is_some());
        drop(on_its_way);

        assert!(first.upgrade().is_none());
    }
}
