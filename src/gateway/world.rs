//! The world that flows are given, from the settings of a config file.

use crate::{
    adapters::{
        geography::{MaxMind, NotAMap, Nowhere},
        messages::{self, NoSender, Senders},
        passkeys::Passkeys,
        passwords::KnownPasswords,
        signer::{JwtSigner, KeyError},
        store,
        system::{Argon2Hasher, FileVault, SystemClock, SystemEntropy, VaultError},
    },
    config::settings::{AppSettings, Portal, Settings, StepUp, StoreUrl},
    domain::{
        contact::Channel,
        factor::{KeyKind, Method},
        policy::{Access, Policy, Requirement},
        session::Level,
    },
    flows::{self, World, risk},
    ports::{Clock as _, Geography, Store, StoreError},
};
use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

/// Between tries to send a posted message: servers that are restarted, then servers that turn strangers away once
/// (greylisting), then servers that somebody has to look at.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(10)];

/// Why the store and its key can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first signing key can't be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key file can't be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store holds what the key file sealed, and the key file is gone. A new one would open none of it.
    #[error(
        "the key file {0} is missing, but the store holds secrets that were sealed with it: put it back from your backup"
    )]
    KeyLost(String),
    /// There is a channel that could carry nothing.
    #[error(transparent)]
    Senders(#[from] NoSender),
    /// The list of breached passwords can't be opened.
    #[error("the file of breached passwords can't be opened: {0}")]
    Breached(#[source] std::io::Error),
    /// The geo file can't be used.
    #[error("the geo file can't be used: {0}")]
    Geography(#[source] NotAMap),
    /// A secret of the config is no text.
    #[error("the store's URL is not UTF-8")]
    Url,
}

/// Opens the store and its key. A store that has sealed nothing yet gets a new key.
pub async fn open_world(settings: &Settings) -> Result<World, OpenError> {
    let senders = senders(settings)?;
    open_with(settings, senders).await
}

/// The same, with these senders.
pub async fn open_with(settings: &Settings, senders: Senders) -> Result<World, OpenError> {
    let store = store::open(&store_url(&settings.store.url)?).await?;
    let vault = open_vault(&settings.store.key_file, store.as_ref()).await?;
    Ok(World {
        store,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        hasher: Arc::new(Argon2Hasher::new()),
        lore: Arc::new(lore(settings)?),
        vault: Arc::new(vault),
        passkeys: Arc::new(passkeys(settings)),
        geography: geography(settings).map_err(OpenError::Geography)?,
        messenger: Arc::new(senders),
        settings: flow_settings(settings),
    })
}

/// The same world under other settings: same store, same key, same time.
pub fn next_world(world: &World, settings: &Settings, senders: Senders) -> Result<World, OpenError> {
    Ok(World {
        lore: Arc::new(lore(settings)?),
        passkeys: Arc::new(passkeys(settings)),
        geography: geography(settings).map_err(OpenError::Geography)?,
        messenger: Arc::new(senders),
        settings: flow_settings(settings),
        ..world.clone()
    })
}

fn lore(settings: &Settings) -> Result<KnownPasswords, OpenError> {
    KnownPasswords::open(settings.password.breached.as_deref()).map_err(OpenError::Breached)
}

fn passkeys(settings: &Settings) -> Passkeys {
    let Portal { url, name, .. } = &settings.portal;
    Passkeys::new(url.host.as_str(), &url.to_string(), name)
}

/// What flows need to know of the settings.
pub fn flow_settings(settings: &Settings) -> flows::Settings {
    flows::Settings {
        organisation: settings.portal.name.clone(),
        origin: settings.portal.url.to_string(),
        language: settings.portal.language,
        limits: settings.session,
        sign_up: settings.sign_up.mode,
        requirements: settings.mfa.requirements.clone(),
        asking: asking(settings),
        recovery_codes: settings.mfa.recovery_codes,
        risk: settings
            .risk
            .as_ref()
            .map(|risk| risk::Settings { rules: risk.rules.clone(), listed: risk.listed.clone() }),
        methods: enrollable(settings),
        group_methods: settings.mfa.group_methods.clone(),
        grace: settings.mfa.grace,
        hold: settings.hold,
        passwords: settings.password.policy,
        names: names(settings),
        countries: [(Channel::Sms, &settings.sms), (Channel::Voice, &settings.voice)]
            .into_iter()
            .flat_map(|(channel, phone)| phone.iter().map(move |phone| (channel, phone)))
            .flat_map(|(channel, phone)| phone.countries.iter().map(move |prefix| (channel, prefix.clone())))
            .collect(),
        per_hour: [(Channel::Sms, &settings.sms), (Channel::Voice, &settings.voice)]
            .into_iter()
            .filter_map(|(channel, phone)| Some((channel, phone.as_ref()?.per_hour)))
            .collect(),
        first_factor: settings.mfa.first_factor,
        remember: settings.mfa.remember,
    }
}

/// Every policy that asks anybody for more than a password, once; and one for each app that may ask by itself.
fn asking(settings: &Settings) -> Vec<Arc<Policy>> {
    let mut asking: Vec<Arc<Policy>> = Vec::new();
    for AppSettings { app, step_up, .. } in settings.apps.iter().map(Arc::as_ref) {
        let own = (*step_up == StepUp::Heeded).then(|| {
            let access = Access::Require(Requirement::at(Level::Mfa));
            Arc::new(Policy::new(app.name.clone(), access))
        });
        let policies = app.routes.iter().map(|route| &route.policy).chain(&app.fallback).cloned();
        for policy in policies.chain(own) {
            if policy.may_ask_for_more_than_a_password() && !asking.contains(&policy) {
                asking.push(policy);
            }
        }
    }
    asking
}

fn geography(settings: &Settings) -> Result<Arc<dyn Geography>, NotAMap> {
    Ok(match settings.risk.as_ref().and_then(|risk| risk.geo.as_deref()) {
        Some(file) => Arc::new(MaxMind::open(file)?),
        None => Arc::new(Nowhere),
    })
}

/// What everybody knows about this house, and no password may be made of.
fn names(settings: &Settings) -> Vec<String> {
    let apps = settings.apps.iter().flat_map(|settings| [settings.app.name.clone(), settings.app.title.clone()]);
    apps.chain([settings.portal.name.clone()]).collect()
}

/// Senders for every channel that is set up. To be called on the runtime that is to bring posted messages out.
pub fn senders(settings: &Settings) -> Result<Senders, NoSender> {
    Senders::new(message_settings(settings), Arc::new(SystemEntropy))
}

/// What messages need to know of the settings.
pub fn message_settings(settings: &Settings) -> messages::Settings {
    messages::Settings {
        organisation: settings.portal.name.clone(),
        host: settings.portal.url.host.to_string(),
        mail: settings.mail.clone(),
        sms: settings.sms.clone(),
        voice: settings.voice.clone(),
        pauses: PAUSES.to_vec(),
    }
}

/// What may be enrolled at this portal. Browsers make passkeys and use security keys for names, not for addresses.
fn enrollable(settings: &Settings) -> Vec<Method> {
    let is_named = settings.portal.url.host.as_str().parse::<Ipv4Addr>().is_err()
        && !settings.portal.url.host.as_str().starts_with('[');
    let methods = settings.mfa.methods.iter().copied();
    methods.filter(|method| is_named || KeyKind::ALL.iter().all(|kind| kind.method() != *method)).collect()
}

fn store_url(url: &StoreUrl) -> Result<String, OpenError> {
    match url {
        StoreUrl::Sqlite(path) => path.to_str().map(|path| format!("sqlite:{path}")).ok_or(OpenError::Url),
        StoreUrl::Postgres(url) => String::from_utf8(url.expose().to_vec()).map_err(|_| OpenError::Url),
        StoreUrl::Memory => Ok("memory:".to_owned()),
    }
}

async fn open_vault(path: &Path, store: &dyn Store) -> Result<FileVault, OpenError> {
    if path.exists() {
        return Ok(FileVault::read(path)?);
    }
    if !store.signing_keys().await?.is_empty() {
        return Err(OpenError::KeyLost(path.display().to_string()));
    }
    let vault = FileVault::create(path, &SystemEntropy)?;
    // The store is marked at once as one that needs this key, before anything else is sealed.
    JwtSigner::open(store, &vault, SystemClock.now()).await?;
    tracing::warn!(path = %path.display(), "a new key file was made: keep a copy of it apart from the store's backups");
    Ok(vault)
}
