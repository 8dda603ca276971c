//! What every core is built from, put together from the settings.

use super::{
    redirect::Places,
    start::StartError,
    world::{OpenError, message_settings, next_world, open_with, senders},
};
use crate::{
    adapters::{
        messages::Senders,
        records::FileRecords,
        signer::JwtSigner,
        upstream::{self, Probe, Trust, Upstreams},
    },
    config::{
        read_mark,
        settings::{AppSettings, Assertion, HostHeader, HttpVersion, Origin, Settings, StepUp, WebSocket},
    },
    domain::{
        policy::{
            call::{extract::Reads, verdicts::Forms},
            route::ByHost,
        },
        secret::Secret,
        target::HostPattern,
    },
    edge::{
        http::{
            assets::Asset,
            ended::Ended,
            page::{Brand, ContentPolicy},
        },
        portal::serve::{self, Desk},
        proxy::{Latest, Served, Speaks, assertions::Assertions, shelf::Shelf, tokens::Tokens, visitors::Visitors},
    },
    flows::World,
    ports::Signer,
};
use arc_swap::ArcSwap;
use http::HeaderValue;
use std::{path::Path, sync::Arc};
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
    /// Room in memory for bodies that are read before they may pass.
    pub shelf: Shelf,
    /// The portal.
    pub portal: axum::Router,
    /// Whose front door this is.
    pub brand: Arc<Brand>,
    /// Where decisions are recorded, if they are.
    pub records: Option<Arc<FileRecords>>,
    /// Where work beside the traffic runs.
    pub slow: Handle,
    /// Those of the latest generation, whichever this one is.
    pub latest: Latest,
    /// Who shows it may manage.
    pub admin_key: Option<Secret>,
    senders: Senders,
    jwks: String,
}

impl Shared {
    /// Opens and makes everything that the settings name.
    pub async fn build(
        settings: &Settings,
        slow: Handle,
        records: Option<Arc<FileRecords>>,
    ) -> Result<Self, StartError> {
        let senders = senders(settings).map_err(OpenError::from)?;
        let world = open_with(settings, senders.clone()).await?;
        let signer = JwtSigner::open(world.store.as_ref(), world.vault.as_ref(), world.clock.now()).await?;
        let jwks = signer.jwks();
        let signer: Arc<dyn Signer> = Arc::new(signer);
        let ended = Ended::default();
        let brand = brand(settings)?;
        let issuer = settings.portal.url.to_string();
        let tokens = Tokens::new(&issuer, Arc::clone(&signer), Arc::clone(&world.entropy));
        let apps = Arc::new(served(&settings.apps));
        Ok(Self {
            latest: Latest::new(ArcSwap::new(Arc::clone(&apps))),
            apps,
            visitors: Visitors::new(world.clone(), ended.clone(), slow.clone(), tokens),
            assertions: Assertions::new(&issuer, signer, Arc::clone(&world.entropy)),
            upstreams: Upstreams::resolve(upstream_settings(settings)?).await?,
            shelf: Shelf::default(),
            portal: serve::router(Arc::new(desk(settings, world.clone(), &brand, ended, jwks.clone()))),
            world,
            brand,
            records,
            slow,
            admin_key: settings.server.admin_key.clone(),
            senders,
            jwks,
        })
    }

    /// The same under other settings of the same store and portal. What does not hang on settings is handed over.
    pub async fn next(&self, settings: &Settings) -> Result<Self, StartError> {
        let senders = self.senders.next(message_settings(settings)).map_err(OpenError::from)?;
        let world = next_world(&self.world, settings, senders.clone())?;
        let brand = brand(settings)?;
        let ended = self.visitors.ended().clone();
        Ok(Self {
            apps: Arc::new(served(&settings.apps)),
            visitors: self.visitors.next(world.clone()),
            assertions: self.assertions.next(),
            upstreams: self.upstreams.next(upstream_settings(settings)?).await?,
            shelf: self.shelf.clone(),
            portal: serve::router(Arc::new(desk(settings, world.clone(), &brand, ended, self.jwks.clone()))),
            world,
            brand,
            records: self.records.clone(),
            slow: self.slow.clone(),
            latest: Arc::clone(&self.latest),
            admin_key: settings.server.admin_key.clone(),
            senders,
            jwks: self.jwks.clone(),
        })
    }
}

fn brand(settings: &Settings) -> Result<Arc<Brand>, StartError> {
    let portal = &settings.portal;
    Ok(Arc::new(Brand {
        name: portal.name.clone(),
        theme: Some(portal.accent).filter(|accent| accent.rgb != OWN_ACCENT).map(|accent| Asset::theme(accent.rgb)),
        mark: portal.mark.as_deref().map(mark).transpose()?,
        support_url: portal.support_url.as_ref().map(ToString::to_string),
        privacy_url: portal.privacy_url.as_ref().map(ToString::to_string),
        footer: portal.footer.clone(),
    }))
}

fn mark(file: &Path) -> Result<Asset, StartError> {
    read_mark(file).map_err(|error| StartError::Mark { file: file.display().to_string(), error })
}

/// Where plain HTTP is sent.
pub fn places(settings: &Settings) -> Places {
    let hosts = settings.apps.iter().flat_map(|app| app.app.hosts.iter().cloned());
    Places {
        hosts: hosts.chain([HostPattern::Exact(settings.portal.url.host.clone())]).map(|host| (host, ())).collect(),
        port_suffix: port_suffix(&settings.portal.url),
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
fn port_suffix(origin: &Origin) -> String {
    if origin.port == 443 { String::new() } else { format!(":{}", origin.port) }
}

fn served(apps: &[Arc<AppSettings>]) -> ByHost<Arc<Served>> {
    let serve = |(index, settings): (usize, &Arc<AppSettings>)| {
        let identity = &settings.identity;
        let served = Arc::new(Served {
            app: Arc::clone(&settings.app),
            reads: Arc::new(Reads::of(&settings.app)),
            forms: Forms::of(&settings.app),
            index,
            names: identity.names(),
            asserts: identity.assertion == Assertion::Sent,
            steps_up: settings.step_up == StepUp::Heeded,
            websockets: settings.websocket == WebSocket::Allowed,
            speaks: match settings.upstream_http {
                HttpVersion::One => Speaks::Http1,
                HttpVersion::Two => Speaks::Http2,
            },
            bearer: settings.bearer,
            cors: settings.cors.clone(),
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

fn upstream_settings(settings: &Settings) -> Result<Vec<(String, upstream::Settings)>, StartError> {
    settings.apps.iter().map(|app| upstream_settings_of(app)).collect()
}

fn upstream_settings_of(settings: &AppSettings) -> Result<(String, upstream::Settings), StartError> {
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
    upstream.http = settings.upstream_http;
    upstream.connect_max = settings.connect_timeout;
    upstream.answer_max = settings.response_timeout;
    Ok((app.clone(), upstream))
}
