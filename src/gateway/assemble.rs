//! What every core is built from, put together from the settings.

use super::{start::StartError, world::open_world};
use crate::{
    adapters::{
        signer::JwtSigner,
        upstream::{self, Probe, Trust, Upstreams},
    },
    config::settings::{AppSettings, Assertion, HostHeader, Origin, Settings, StepUp, WebSocket},
    domain::policy::{call::extract::Reads, route::ByHost},
    edge::{
        http::{
            assets::Asset,
            ended::Ended,
            page::{Brand, ContentPolicy},
        },
        portal::serve::{self, Desk},
        proxy::{
            Served,
            assertions::Assertions,
            outgoing::{IdentityNames, Names},
            visitors::Visitors,
        },
    },
    flows::World,
    ports::Signer,
};
use http::HeaderValue;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The colour of `static/style.css`.
const OWN_ACCENT: [u8; 3] = [0x14, 0x63, 0x4f];

/// What every core is built from.
#[derive(Clone)]
pub struct Shared {
    /// What flows are given.
    pub world: World,
    /// Every app, by host.
    pub apps: Arc<ByHost<Arc<Served>>>,
    /// Who is behind a cookie.
    pub visitors: Visitors,
    /// What applications are told.
    pub assertions: Assertions,
    /// The way to the applications.
    pub upstreams: Upstreams,
    /// The portal.
    pub portal: axum::Router,
    /// Whose front door this is.
    pub brand: Arc<Brand>,
    /// Where work beside the traffic runs.
    pub slow: Handle,
}

impl Shared {
    /// Opens and makes everything that the settings name.
    pub async fn build(settings: &Settings, slow: Handle) -> Result<Self, StartError> {
        let world = open_world(settings).await?;
        let signer = JwtSigner::open(world.store.as_ref(), world.vault.as_ref(), world.clock.now()).await?;
        let jwks = signer.jwks();
        let signer: Arc<dyn Signer> = Arc::new(signer);
        let ended = Ended::default();
        let brand = Arc::new(Brand {
            name: settings.portal.name.clone(),
            theme: Some(settings.portal.accent)
                .filter(|accent| accent.rgb != OWN_ACCENT)
                .map(|accent| Asset::theme(accent.rgb)),
            support_url: settings.portal.support_url.as_ref().map(ToString::to_string),
            privacy_url: None,
            footer: None,
        });
        let issuer = settings.portal.url.to_string();
        let apps = settings.apps.iter().map(|app| upstream_settings(app)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            apps: Arc::new(served(&settings.apps)),
            visitors: Visitors::new(world.clone(), ended.clone(), slow.clone()),
            assertions: Assertions::new(&issuer, signer, Arc::clone(&world.entropy)),
            upstreams: Upstreams::resolve(apps).await?,
            portal: serve::router(Arc::new(desk(settings, world.clone(), &brand, ended, jwks))),
            world,
            brand,
            slow,
        })
    }
}

fn desk(settings: &Settings, world: World, brand: &Brand, ended: Ended, jwks: String) -> Desk {
    let port_suffix = port_suffix(&settings.portal.url);
    let patterns = settings.apps.iter().flat_map(|app| &app.app.hosts);
    let port = Some(settings.portal.url.port).filter(|&port| port != 443);
    let directory = settings
        .apps
        .iter()
        .filter_map(|app| Some((app.app.title.clone(), format!("https://{}{port_suffix}/", app.app.front_door()?))));
    Desk {
        world,
        brand: brand.clone(),
        origin: settings.portal.url.to_string(),
        directory: directory.collect(),
        port_suffix,
        apps: Arc::new(settings.routing()),
        content: ContentPolicy::with_form_targets(patterns, port),
        ended,
        jwks,
    }
}

/// The port that browsers see, behind a colon, or nothing where it is 443.
pub fn port_suffix(origin: &Origin) -> String {
    if origin.port == 443 { String::new() } else { format!(":{}", origin.port) }
}

fn served(apps: &[Arc<AppSettings>]) -> ByHost<Arc<Served>> {
    let serve = |(index, settings): (usize, &Arc<AppSettings>)| {
        let identity = &settings.identity;
        let served = Arc::new(Served {
            app: Arc::clone(&settings.app),
            reads: Arc::new(Reads::of(&settings.app)),
            index,
            names: IdentityNames::new(Names {
                user: Some(identity.user.clone()),
                name: Some(identity.name.clone()),
                email: Some(identity.email.clone()),
                groups: Some(identity.groups.clone()),
            }),
            asserts: identity.assertion == Assertion::Sent,
            steps_up: settings.step_up == StepUp::Heeded,
            websockets: settings.websocket == WebSocket::Allowed,
            host: host_seen_by(settings),
        });
        settings.app.hosts.clone().into_iter().map(move |host| (host, Arc::clone(&served)))
    };
    apps.iter().enumerate().flat_map(serve).collect()
}

/// The host the application sees, where that is not the browser's.
fn host_seen_by(settings: &AppSettings) -> Option<HeaderValue> {
    let first = settings.upstreams.first().filter(|_| settings.host_header == HostHeader::Upstream)?;
    HeaderValue::try_from(format!("{}:{}", first.host, first.port)).ok()
}

fn upstream_settings(settings: &AppSettings) -> Result<(String, upstream::Settings), StartError> {
    let app = &settings.app.name;
    let servers = settings
        .upstreams
        .iter()
        .map(|server| server.to_string().parse().map_err(|error| StartError::Upstream { app: app.clone(), error }))
        .collect::<Result<_, _>>()?;
    let probe = settings.health.as_ref().and_then(|health| health.path.parse().ok()).map_or(Probe::Connect, Probe::Get);
    let mut upstream = upstream::Settings::new(servers);
    upstream.trust = settings.upstream_ca.clone().map_or(Trust::System, Trust::Authorities);
    upstream.probe = probe;
    if let Some(health) = &settings.health {
        upstream.probe_every = health.interval;
    }
    upstream.connect_max = settings.connect_timeout;
    upstream.answer_max = settings.response_timeout;
    Ok((app.clone(), upstream))
}
