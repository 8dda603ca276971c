//! Codes and links that are sent to people, and what they prove when they come back.
//!
//! # Invariants
//!
//! - What was sent serves the browser that asked (OB-02), for the purpose it asked for, within ten minutes, once; and
//!   only the newest of them (OB-01).
//! - A link that is opened in another browser does nothing there and stays good: the page says to open it where it was asked
//!   for. A number to compare would be one more thing that people can be talked into reading out.
//! - Nothing is sent that is not paid for (`postage`, OB-03).
//! - Sending again gives nobody another try: tries are counted for the account and the kind of address (TH-04).
//! - Nor does another browser: a code ends with its tenth try, and what gives an account something new counts in no lane
//!   (TH-05).
//! - A right one gives nobody another guess at an app: no mailbox or phone empties a budget but its own.

use super::{
    Caller, TryError, World,
    challenge::{ChallengeError, record, refused},
    notices, postage,
    sessions::Bearer,
    sign_in::Opened,
};
use crate::{
    domain::{
        contact::{Address, Contact},
        event::What,
        factor::{FactorId, Method, sent::Sent},
        secret::Token,
        session::Authentication,
        throttle::{BudgetKey, Closed, Lane, VERIFICATION_TRIES},
        user::{User, UserId},
    },
    ports::{
        NotSent, StoreError,
        messages::{CodePurpose, Content, LinkPurpose, Message},
        store::{SentCode, SentPurpose},
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Something was sent a moment ago, or often enough.
    #[error("too many messages")]
    TooSoon(Closed),
    /// The operator does not send to such numbers (`countries`).
    #[error("no messages are sent to numbers of that country")]
    Country,
    /// This account has no verified address for it, or the operator does not want the method.
    #[error("there is no address to send it to")]
    NotEnrolled,
    /// This sign-in ended, expired, or went on in another tab.
    #[error("the sign-in this belongs to is over")]
    Gone,
    /// It is not on its way.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for SendError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::TooSoon(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

/// Sends a code or link to whoever holds the portal token. A link carries `onward` with it: where they were heading.
pub async fn send(
    world: &World,
    bearer: &Bearer,
    method: Method,
    onward: Option<&str>,
    browser: &Token,
    caller: &Caller,
) -> Result<(), SendError> {
    let user = bearer.user().ok_or(SendError::Gone)?;
    let Contact { id, address, .. } = contact_for(world, user.id, method).await?.ok_or(SendError::NotEnrolled)?;
    let parcel = Parcel { user, purpose: SentPurpose::Prove, method, address, factor: id, onward };
    dispatch(world, parcel, browser, caller).await
}

/// What this browser was sent by this method, if it still counts.
pub async fn sent(
    world: &World,
    bearer: &Bearer,
    method: Method,
    browser: &Token,
) -> Result<Option<SentCode>, StoreError> {
    sent_to_end(world, bearer, SentPurpose::Prove, method, browser).await
}

/// The same of what was sent to any end.
pub(super) async fn sent_to_end(
    world: &World,
    bearer: &Bearer,
    end: SentPurpose,
    method: Method,
    browser: &Token,
) -> Result<Option<SentCode>, StoreError> {
    let Some(user) = bearer.user() else { return Ok(None) };
    let code = live(world, user.id, end, browser).await?;
    Ok(code.filter(|code| code.method == method))
}

/// Whether this is the link that this browser was sent. Looking changes nothing, so whoever fetches links from mail spends
/// none.
pub fn is_link(world: &World, code: &SentCode, presented: &str) -> bool {
    let kept = world.vault.open(&seal_of(code), &code.sealed);
    matches!((Sent::parse_link(presented), kept), (Some(link), Some(kept)) if link.is(&kept))
}

/// What there is to show of where a code goes by this method.
pub async fn destination(world: &World, bearer: &Bearer, method: Method) -> Result<Option<String>, StoreError> {
    let Some(user) = bearer.user() else { return Ok(None) };
    Ok(contact_for(world, user.id, method).await?.map(|contact| contact.address.masked()))
}

/// Proves that what was sent has come back, for whoever holds the portal token.
pub async fn verify(
    world: &World,
    bearer: &Bearer,
    method: Method,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?.id;
    let contact = contact_for(world, user, method).await?.ok_or(ChallengeError::NotEnrolled)?;
    let code = sent(world, bearer, method, browser).await?.filter(|code| code.factor == contact.id);
    let code = code.ok_or(ChallengeError::Over)?;
    take(world, &code, typed, caller).await?;
    let at = world.now();
    world.store.use_contact(code.factor, at).await?;
    record(world, bearer, Authentication { method, factor: code.factor, at }, caller).await
}

/// The methods by which something can be sent to this account as a proof.
pub(super) async fn methods_of(world: &World, user: UserId) -> Result<Vec<Method>, StoreError> {
    let offered = |method: &Method| method.channel().is_some_and(|channel| world.messenger.reaches(channel));
    let mut methods = wanted_of(world, user).await?;
    methods.retain(offered);
    if !methods.is_empty() {
        let contacts = world.store.contacts(user).await?;
        methods.retain(|method| contacts.iter().any(|contact| serves(contact, *method)));
    }
    Ok(methods)
}

/// An address of somebody's where codes or links go that prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The address.
    pub contact: Contact,
    /// What can be sent there, the first choice first.
    pub methods: Vec<Method>,
}

/// Every such address of an account.
pub async fn reached(world: &World, user: UserId) -> Result<Vec<Reached>, StoreError> {
    let methods = methods_of(world, user).await?;
    let of = |contact: &Contact| methods.iter().copied().filter(|method| serves(contact, *method)).collect();
    let contacts = world.store.contacts(user).await?.into_iter();
    let reached = contacts.map(|contact| Reached { methods: of(&contact), contact });
    Ok(reached.filter(|reached| !reached.methods.is_empty()).collect())
}

/// A message to be sent, and what it is for.
pub(super) struct Parcel<'a> {
    pub(super) user: &'a User,
    pub(super) purpose: SentPurpose,
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) factor: FactorId,
    pub(super) onward: Option<&'a str>,
}

/// Sends it. What was sent before counts until then: a message that can't go out ends nothing.
pub(super) async fn dispatch(
    world: &World,
    parcel: Parcel<'_>,
    browser: &Token,
    caller: &Caller,
) -> Result<(), SendError> {
    let channel = parcel.method.channel().ok_or(SendError::NotEnrolled)?;
    let Parcel { user, purpose, method, address, factor, onward } = parcel;
    if matches!(&address, Address::Phone(number) if !world.settings.may_reach(channel, number)) {
        return Err(SendError::Country);
    }
    let postage = postage::of_code(world, (user.id, purpose), channel, &address, caller).await?;
    let secret = draw(world, method);
    let content = content(world, purpose, method, onward, &secret, caller);
    let language = user.language.or(caller.language).unwrap_or(world.settings.language);
    if let Err(error) = world.messenger.send(Message { channel, to: address.clone(), language, content }).await {
        postage.unsent(world, &address, caller).await?;
        return Err(error.into());
    }
    let mut code = SentCode {
        browser: browser.hash(),
        purpose,
        user: user.id,
        method,
        address,
        factor,
        sealed: Vec::new(),
        sent_at: world.now(),
    };
    code.sealed = world.vault.seal(&seal_of(&code), secret.to_text().as_bytes());
    world.store.put_code(&code).await?;
    Ok(world.record(user.id, What::CodeSent { method }, caller).await?)
}

/// What this browser was sent to this end, if it still counts.
pub(super) async fn live(
    world: &World,
    user: UserId,
    purpose: SentPurpose,
    browser: &Token,
) -> Result<Option<SentCode>, StoreError> {
    let code = world.store.code(browser.hash(), purpose).await?;
    let counts = |code: &SentCode| {
        code.user == user && code.sent_at.age(world.now()).is_some_and(|age| age < SentCode::LIFETIME)
    };
    Ok(code.filter(counts))
}

/// Uses up what was sent, if this is it.
pub(super) async fn take(world: &World, code: &SentCode, typed: &str, caller: &Caller) -> Result<(), ChallengeError> {
    // What can't be a code is a slip, not a guess: it costs no try.
    let typed = match code.method {
        Method::EmailLink => Sent::parse_link(typed),
        _ => Sent::parse_code(typed),
    };
    let typed = typed.ok_or(ChallengeError::Wrong)?;
    let charged = match code.purpose {
        SentPurpose::Prove => {
            let budget = |user, lane| BudgetKey::sent_codes(user, code.address.kind(), lane);
            world.charge(caller, code.method, code.user, budget).await?
        }
        // No lanes: who knows nothing but a password gets a known browser with each sign-in where there is no more to show.
        SentPurpose::SetUp | SentPurpose::Verify(_) => {
            let budget = BudgetKey::openings(code.user, code.purpose.name(), &code.address);
            let mut charged = world.charge_in(Lane::Stranger, caller, code.method, budget).await?;
            if matches!(code.purpose, SentPurpose::Verify(_)) {
                let all = BudgetKey::verification_tries(code.user);
                charged.shared.push(world.charge_try(all, &VERIFICATION_TRIES, code.method, caller).await?);
            }
            charged
        }
    };
    if !world.store.guess_code(code).await? {
        return Err(ChallengeError::Over);
    }
    let kept = world.vault.open(&seal_of(code), &code.sealed).ok_or(ChallengeError::Sealed(code.factor.0))?;
    if !typed.is(&kept) {
        return Err(refused(world, code.user, code.method, ChallengeError::Wrong, caller).await);
    }
    if !world.store.spend_code(code).await? {
        return Err(refused(world, code.user, code.method, ChallengeError::AlreadyUsed, caller).await);
    }
    charged.succeeded().await?;
    Ok(postage::came_back(world, &code.address, caller).await?)
}

/// The address that proves something by this method.
async fn contact_for(world: &World, user: UserId, method: Method) -> Result<Option<Contact>, StoreError> {
    if !wanted_of(world, user).await?.contains(&method) {
        return Ok(None);
    }
    Ok(world.store.contacts(user).await?.into_iter().find(|contact| serves(contact, method)))
}

/// The methods that the operator wants of this account.
async fn wanted_of(world: &World, user: UserId) -> Result<Vec<Method>, StoreError> {
    if world.settings.group_methods.is_empty() {
        return Ok(world.settings.methods.clone());
    }
    let groups = world.store.account(user).await?.map(|account| account.user.groups).unwrap_or_default();
    Ok(world.settings.methods_of(&groups))
}

fn serves(contact: &Contact, method: Method) -> bool {
    contact.verified_at.is_some() && method.channel().is_some_and(|channel| contact.address.takes(channel))
}

/// What a code is sealed for: its table, column and row.
fn seal_of(code: &SentCode) -> String {
    format!("codes/sealed/{}/{}", code.purpose.name(), BASE64_URL_SAFE_NO_PAD.encode(code.browser.as_bytes()))
}

fn draw(world: &World, method: Method) -> Sent {
    if method == Method::EmailLink {
        return Sent::link(&world.entropy.token());
    }
    loop {
        let mut bytes = [0; 4];
        world.entropy.fill(&mut bytes);
        if let Some(code) = Sent::code(u32::from_be_bytes(bytes)) {
            return code;
        }
    }
}

fn content(
    world: &World,
    purpose: SentPurpose,
    method: Method,
    onward: Option<&str>,
    secret: &Sent,
    caller: &Caller,
) -> Content {
    let (lifetime, asked) = (SentCode::LIFETIME, notices::asked(world, caller));
    if method == Method::EmailLink {
        let onward = onward.map(|to| format!("&to={to}")).unwrap_or_default();
        let url = format!("{}/challenge/{method}?link={}{onward}", world.settings.origin, *secret.to_text());
        return Content::Link { url: url.into(), purpose: LinkPurpose::SignIn, lifetime, asked };
    }
    let purpose = match purpose {
        SentPurpose::Prove | SentPurpose::SetUp => CodePurpose::Prove,
        SentPurpose::Verify(_) => CodePurpose::Verify,
    };
    Content::Code { code: secret.to_text(), purpose, lifetime, asked }
}
