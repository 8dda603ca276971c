//! Keeping a form submission while its sender proves something, and giving it out once.
//!
//! What is kept is sealed and bound: to the target, the browser, and the user if there was one. Whoever takes it shows an
//! [`Admission`], so policy has decided again by then; and of all who try one gets it, so what breaks off between taking and
//! delivering is not delivered at all, and never twice.

use super::World;
use crate::{
    domain::{
        form::FieldNames,
        policy::Admission,
        secret::{Sha256, Token, TokenHash, sha256},
        target::{Host, ReturnPath},
        throttle::{BudgetKey, HOLDS},
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{Charge, Claim, FoundHeld, Held, Room, Sender, WaitingHeld},
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Requests of one session that may wait at once: tabs that went stale together.
const OF_SESSION_MAX: u32 = 16;
/// Requests from one address that may wait at once. Many people share one.
const OF_ADDRESS_MAX: u32 = 64;
/// The part of all room that strangers from one address may take: of the half that strangers have, a quarter.
const OF_ADDRESS_SHARE: u64 = 8;
/// What is set aside for a stranger's body before any of it has come; then twice as much each time that it is full. Whoever
/// announces a lot and sends nothing takes no more than that. For people we know there is room for all of it, or none.
const SET_ASIDE_FIRST: u64 = Held::PART_BYTES as u64;

/// What the operator chose about held requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest body that is kept, in bytes.
    pub body_max: u64,
    /// Bytes of all bodies that are kept.
    pub total_max: u64,
}

/// A form submission that can't go on yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The app host.
    pub host: Host,
    /// Path and query it was sent to.
    pub target: ReturnPath,
    /// Its `Content-Type`, a character for each byte.
    pub content_type: String,
    /// The page the form was on.
    pub page: ReturnPath,
}

/// Where a submission comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Hash of the cookie that its browser holds on the app host.
    pub browser: TokenHash,
    /// Who was signed in there.
    pub sender: Option<Sender>,
    /// Its address.
    pub address: IpAddr,
}

/// Why a submission is not kept.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// It is longer than what is kept.
    #[error("the body is longer than what is held")]
    TooLarge,
    /// So much waits already, of this session, from this address, or in all; or so much came from this address of late.
    #[error("as much as may be held is held already")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A submission that is being kept. Until [`finish`](Self::finish) nobody finds it.
#[derive(Debug)]
pub struct Holding {
    token: Token,
    submission: Submission,
    names: FieldNames,
    digest: Sha256,
    parts: u32,
    size: u64,
    /// How much may come before more must be set aside.
    set_aside: u64,
    room: Room,
}

/// What is sealed beside the body.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    target: String,
    content_type: String,
    page: String,
    fields: Vec<String>,
    parts: u32,
    size: u64,
    /// Earlier versions did not write it down.
    #[serde(default)]
    digest: [u8; 32],
}

/// Begins to keep a submission whose body is `announced` bytes long, if that is known.
pub async fn begin(
    world: &World,
    submission: Submission,
    origin: &Origin,
    announced: Option<u64>,
) -> Result<Holding, HoldError> {
    let limits = world.settings.hold;
    let size = announced.unwrap_or(limits.body_max);
    if size > limits.body_max {
        return Err(HoldError::TooLarge);
    }
    let (token, now) = (world.entropy.token(), world.now());
    let mut set_aside = size;
    if origin.sender.is_none() {
        set_aside = size.min(SET_ASIDE_FIRST);
        // Counted before anything is written, and not given back: it is the writing that costs.
        let charge = world.store.charge(&BudgetKey::holds(origin.address), &HOLDS, now).await?;
        if let Charge::Closed(_) = charge {
            return Err(HoldError::Full);
        }
    }
    let held = Held {
        token: token.hash(),
        place: place(&submission.host, &submission.target),
        browser: origin.browser,
        sender: origin.sender,
        address: BudgetKey::address(origin.address),
        size: set_aside,
        made_at: now,
    };
    let room = limits.room(origin.sender.is_some());
    if !world.store.hold(&held, room, now - Held::LIFETIME).await? {
        return Err(HoldError::Full);
    }
    let names = FieldNames::of(&submission.content_type);
    Ok(Holding { token, submission, names, digest: Sha256::default(), parts: 0, size: 0, set_aside, room })
}

impl Limits {
    /// Strangers never take the half that is left for people we know, nor one of them what is there for all.
    fn room(self, is_known: bool) -> Room {
        let (of_session, of_address, bytes) = (OF_SESSION_MAX, OF_ADDRESS_MAX, self.total_max);
        if is_known {
            return Room { of_session, of_address, address_bytes: bytes, bytes };
        }
        // Room for one, whatever the operator chose.
        let address_bytes = (bytes / OF_ADDRESS_SHARE).max(self.body_max);
        Room { of_session, of_address, address_bytes, bytes: bytes / 2 }
    }
}

impl Holding {
    /// Keeps the next part of the body, at most [`Held::PART_BYTES`].
    pub async fn append(&mut self, world: &World, part: &[u8]) -> Result<(), HoldError> {
        self.size += u64::try_from(part.len()).unwrap_or(u64::MAX);
        if self.size > world.settings.hold.body_max {
            return Err(HoldError::TooLarge);
        }
        if self.size > self.set_aside {
            let set_aside = self.size.max(self.set_aside * 2).min(world.settings.hold.body_max);
            if !world.store.hold_more(self.token.hash(), set_aside, self.room).await? {
                return Err(HoldError::Full);
            }
            self.set_aside = set_aside;
        }
        self.names.read(part);
        self.digest.read(part);
        let token = self.token.hash();
        let sealed = world.vault.seal(&purpose(token, &self.parts.to_string()), part);
        world.store.hold_part(token, self.parts, &sealed).await?;
        self.parts += 1;
        Ok(())
    }

    /// The whole of it is there. Returns the one-time token that delivers it.
    pub async fn finish(self, world: &World) -> Result<Token, HoldError> {
        let Self { token, submission, names, digest, parts, size, .. } = self;
        let Submission { target, content_type, page, .. } = submission;
        let (target, page) = (target.as_str().to_owned(), page.as_str().to_owned());
        let (fields, digest) = (names.into_names(), digest.finish());
        let head = Head { target, content_type, page, fields, parts, size, digest };
        let plain = serde_json::to_vec(&head).unwrap_or_default();
        let sealed = world.vault.seal(&purpose(token.hash(), "head"), &plain);
        world.store.hold_whole(token.hash(), &sealed, size, world.now()).await?;
        Ok(token)
    }

    /// The one-time token that will deliver it.
    pub const fn token(&self) -> &Token {
        &self.token
    }
}

/// What became of a held request.
#[derive(Debug)]
pub enum Found {
    /// It waits.
    Waiting(Waiting),
    /// It was given out.
    Sent,
    /// It is not there any more, or never was, for this browser.
    Gone,
}

/// A held request, as far as its sender may be shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose it is; `None` where nobody was signed in.
    pub user: Option<UserId>,
    /// Where it goes.
    pub target: ReturnPath,
    /// Its `Content-Type`.
    pub content_type: String,
    /// The page the form was on.
    pub page: ReturnPath,
    /// The names of its fields.
    pub fields: Vec<String>,
    /// How long its body is.
    pub size: u64,
    /// SHA-256 of its body.
    pub digest: [u8; 32],
    parts: u32,
    /// When it came.
    pub made_at: Timestamp,
}

/// Looks for a held request, and changes nothing.
pub async fn find(world: &World, token: &Token, host: &Host, browser: &Token) -> Result<Found, StoreError> {
    let found = match world.store.held(token.hash(), world.now() - Held::LIFETIME).await? {
        None => return Ok(Found::Gone),
        Some(FoundHeld::Taken) => return Ok(Found::Sent),
        Some(FoundHeld::Waiting(found)) => found,
    };
    let waiting = open(world, token.hash(), &found).and_then(|head| {
        let target: ReturnPath = head.target.parse().ok()?;
        let is_meant = found.browser == browser.hash() && found.place == place(host, &target);
        let page = head.page.parse().ok().filter(|_| is_meant)?;
        let Head { content_type, fields, parts, size, digest, .. } = head;
        let (user, made_at) = (found.user, found.made_at);
        Some(Waiting { user, target, content_type, page, fields, size, digest, parts, made_at })
    });
    Ok(waiting.map_or(Found::Gone, Found::Waiting))
}

/// The body of a held request, which goes on waiting. For what is small enough to be held in memory.
pub async fn look_into(world: &World, token: &Token, waiting: &Waiting) -> Result<Vec<u8>, LostPart> {
    let mut body = Vec::new();
    for number in 0..waiting.parts {
        body.extend(read_part(world, token.hash(), number).await?);
    }
    Ok(body)
}

/// What comes of an attempt to have a held request delivered.
#[derive(Debug)]
pub enum Taken {
    /// It is the caller's to deliver, and nobody else's ever.
    Now(Delivery),
    /// It was given out before.
    Before,
    /// It is not there, or not for this user, browser and target.
    Refused,
}

/// A held request that was taken.
#[derive(Debug)]
#[must_use]
pub struct Delivery {
    token: Token,
    head: Head,
}

/// Why a body that was kept can't be given out whole.
#[derive(Debug, thiserror::Error)]
pub enum LostPart {
    /// It is gone, or was altered.
    #[error("a part of a held body is gone or was altered")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a held request, for whoever was admitted to its target a moment ago. A route that asks nobody who they are says so
/// of nobody: there it is who is `signed_in`.
pub async fn take(
    world: &World,
    token: &Token,
    host: &Host,
    target: &ReturnPath,
    browser: &Token,
    admission: &Admission,
    signed_in: Option<UserId>,
) -> Result<Taken, StoreError> {
    let (presented, token, now) = (token, token.hash(), world.now());
    let since = now - Held::LIFETIME;
    let waiting = match world.store.held(token, since).await? {
        None => return Ok(Taken::Refused),
        Some(FoundHeld::Taken) => return Ok(Taken::Before),
        Some(FoundHeld::Waiting(waiting)) => waiting,
    };
    let Some(head) = open(world, token, &waiting) else { return Ok(Taken::Refused) };
    let user = admission.identity().map(|identity| identity.user.id).or(signed_in);
    let claim = Claim { token, place: place(host, target), browser: browser.hash(), user };
    if world.store.take_held(claim, since, now).await? {
        return Ok(Taken::Now(Delivery { token: presented.clone(), head }));
    }
    Ok(match world.store.held(token, since).await? {
        Some(FoundHeld::Taken) => Taken::Before,
        Some(FoundHeld::Waiting(_)) | None => Taken::Refused,
    })
}

impl Delivery {
    /// The token that it was taken with.
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Where it goes.
    pub fn target(&self) -> &str {
        &self.head.target
    }

    /// The page the form was on.
    pub fn page(&self) -> &str {
        &self.head.page
    }

    /// How long its body is.
    pub const fn size(&self) -> u64 {
        self.head.size
    }

    /// In how many parts.
    pub const fn parts(&self) -> u32 {
        self.head.parts
    }

    /// A part of its body.
    pub async fn part(&self, world: &World, number: u32) -> Result<Vec<u8>, LostPart> {
        read_part(world, self.token.hash(), number).await
    }

    /// Lets it wait again: the application would not have it without one more proof, and said so; or nothing of it was sent.
    pub async fn release(&self, world: &World) -> Result<(), StoreError> {
        world.store.release_held(self.token.hash()).await
    }
}

/// Forgets the body of a held request that was taken with this token; to be called when it was given out, or never will be.
pub async fn forget(world: &World, token: &Token) -> Result<(), StoreError> {
    world.store.empty_held(token.hash()).await
}

/// Forgets a held request that its sender does not want to send. `false` if it is not there.
pub async fn discard(world: &World, token: &Token, browser: &Token) -> Result<bool, StoreError> {
    world.store.drop_held(token.hash(), browser.hash()).await
}

async fn read_part(world: &World, token: TokenHash, number: u32) -> Result<Vec<u8>, LostPart> {
    let sealed = world.store.held_part(token, number).await?.ok_or(LostPart::Gone)?;
    let plain = world.vault.open(&purpose(token, &number.to_string()), &sealed).ok_or(LostPart::Gone)?;
    Ok(plain.expose().to_vec())
}

fn open(world: &World, token: TokenHash, found: &WaitingHeld) -> Option<Head> {
    let plain = world.vault.open(&purpose(token, "head"), &found.head)?;
    serde_json::from_slice(plain.expose()).ok()
}

/// Parts are sealed for their place, so that none can stand in for another.
fn purpose(token: TokenHash, part: &str) -> String {
    format!("held/{}/{part}", BASE64_URL_SAFE_NO_PAD.encode(token.as_bytes()))
}

fn place(host: &Host, target: &ReturnPath) -> TokenHash {
    TokenHash::from_bytes(sha256(format!("{host}\n{}", target.as_str()).as_bytes()))
}
