//! Passwords: choosing one, changing it, and resetting one that was forgotten.
//!
//! [`accept`] judges what somebody wants as a password, and only it makes an [`Accepted`], without which none is hashed.
//!
//! A reset proves a mailbox and nothing more. It signs nobody in and asks for no less at the next sign-in (PW-09). Who asks
//! for a link learns nothing: a name that nobody has, and one whose owner can't be reached, cost and say the same (EE-01).

use super::{Caller, NOBODY, TryError, World, factors::missing_for_change, notices, sessions::Full, sign_in::Opened};
use crate::{
    domain::{
        change::Change,
        contact::{Address, Channel},
        enrolment::Requirement,
        event::What,
        factor::{FactorId, Method},
        password::{Refusal, Role, Typed, Words},
        policy::Missing,
        secret::{Secret, Token},
        session::SessionId,
        throttle::{BudgetKey, Closed, LINKS, LINKS_BY_ADDRESS, Lane, SENDS},
        user::{LoginId, User, UserId},
    },
    ports::{
        HasherBusy, LoreError, StoreError,
        messages::{Content, LinkPurpose, Message, Notice},
        store::{OtherSessions, PasswordChange, PasswordFactor, PasswordReset, SentPurpose},
    },
};
use zeroize::Zeroizing;

/// A password that its policy lets through.
#[derive(Debug)]
pub struct Accepted(Secret);

/// Why a password was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The policy wants another.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be judged.
    #[error(transparent)]
    Lore(#[from] LoreError),
}

/// Why no password was changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The new one can't be chosen.
    #[error("the new password is refused: {0}")]
    Refused(#[from] Refusal),
    /// The present one is another.
    #[error("wrong password")]
    Wrong,
    /// A fresh proof comes first.
    #[error("a fresh proof comes first")]
    NeedsProof(Missing),
    /// Too many tries.
    #[error("too many tries")]
    Throttled(Closed),
    /// The link was used or is too old, or the session went on in another tab.
    #[error("what the change belongs to is over")]
    Gone,
    /// Too many hashes at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The new one could not be judged.
    #[error(transparent)]
    Lore(#[from] LoreError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for PasswordError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::Throttled(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Unfit> for PasswordError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refused(refusal) => Self::Refused(refusal),
            Unfit::Lore(error) => Self::Lore(error),
        }
    }
}

/// A password was changed by somebody signed in.
#[derive(Debug)]
pub struct Changed {
    /// The portal's new token.
    pub opened: Opened,
    /// Sessions that ended.
    pub ended: Vec<SessionId>,
}

/// Whether an account has a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondStep {
    /// It has.
    AsBefore,
    /// It has none.
    None,
}

/// A forgotten password was replaced. Nobody is signed in by that.
#[derive(Debug)]
pub struct Reset {
    /// Whose.
    pub user: User,
    /// Whether they have a second factor, which it takes as before.
    pub second_step: SecondStep,
    /// Sessions that ended: all.
    pub ended: Vec<SessionId>,
}

/// What the password of somebody in these groups is for. Where a second factor is not always asked for, it may be all there
/// is; while grace lasts, too.
fn role(world: &World, groups: &[String]) -> Role {
    match world.settings.requirements.of(groups) {
        Requirement::Required if world.settings.grace.is_none() => Role::OneOfTwo,
        Requirement::Required | Requirement::Optional | Requirement::RiskBased | Requirement::Disabled => Role::Alone,
    }
}

/// Fewest characters of a new password of somebody in these groups.
pub fn chars_min(world: &World, groups: &[String]) -> usize {
    world.settings.passwords.chars_min(role(world, groups))
}

/// Judges what somebody wants as their password.
pub async fn accept(world: &World, user: &User, typed: &str) -> Result<Accepted, Unfit> {
    let policy = &world.settings.passwords;
    let password = Typed::read(typed).ok_or(Refusal::TooLong)?;
    let own = [user.login_id.as_str(), &user.name].into_iter().chain(user.email.as_deref());
    let words = Words::in_texts(own.chain(world.settings.names.iter().map(String::as_str)));
    policy.check(&password, role(world, &user.groups), &words)?;
    let (score, exposure) = world.lore.assess(&password, &words).await?;
    policy.weigh(score, exposure)?;
    Ok(Accepted(password.secret()))
}

/// Makes an accepted password a factor.
pub async fn hashed(world: &World, accepted: Accepted) -> Result<PasswordFactor, HasherBusy> {
    let phc = world.hasher.hash(accepted.0).await?;
    let now = world.now();
    Ok(PasswordFactor { id: FactorId(world.entropy.id(now)), phc, changed_at: now })
}

/// Changes the password of somebody signed in, who types the one they have and, where they have more than that, has just
/// proven it (PW-09).
pub async fn update(
    world: &World,
    full: &Full,
    present: &str,
    new: &str,
    others: OtherSessions,
    caller: &Caller,
) -> Result<Changed, PasswordError> {
    let user = &full.identity.user;
    if let Some(missing) = missing_for_update(world, full).await? {
        return Err(PasswordError::NeedsProof(missing));
    }
    let account = world.store.account(user.id).await?.ok_or(PasswordError::Gone)?;
    if let Some(factor) = &account.password {
        prove_present(world, user.id, factor, present, caller).await?;
    }
    let factor = hashed(world, accept(world, user, new).await?).await?;
    let (token, session) = (world.entropy.token(), full.identity.session.id);
    let ended = match others {
        OtherSessions::End => {
            sessions_of(world, user.id).await?.into_iter().filter(|other| *other != session).collect()
        }
        OtherSessions::Stay => Vec::new(),
    };
    let change = PasswordChange {
        user: user.id,
        before: account.password.map(|factor| factor.id),
        after: &factor,
        session,
        old: full.token,
        new: token.hash(),
        others,
    };
    let told = notices::reached_at(world, user).await?;
    if !world.store.change_password(&change).await? {
        return Err(PasswordError::Gone);
    }
    changed(world, user, told, &Notice::PasswordChanged, caller).await;
    let browser = world.know_browser(caller, user.id, &full.identity.session.authentications).await?;
    Ok(Changed { opened: Opened { token, browser }, ended })
}

/// What this session lacks for a change of its password. A fresh password is no part of that: it is typed with the change.
pub async fn missing_for_update(world: &World, full: &Full) -> Result<Option<Missing>, StoreError> {
    let missing = missing_for_change(world, full, Change::Account).await?;
    Ok(missing.filter(|missing| match missing {
        Missing::Fresh { wanted, .. } => wanted.any != [Method::Password],
        Missing::Level { .. } | Missing::SecondStep | Missing::Idle { .. } => true,
    }))
}

/// Checks the present password. It shares its budget with the sign-in page (TH-05).
async fn prove_present(
    world: &World,
    user: UserId,
    factor: &PasswordFactor,
    typed: &str,
    caller: &Caller,
) -> Result<(), PasswordError> {
    let password = Typed::read(typed).ok_or(PasswordError::Wrong)?;
    let charged = world.charge(caller, Method::Password, user, BudgetKey::password).await?;
    if !world.hasher.verify(password.secret(), Some(factor.phc.clone())).await? {
        world.record(user, What::WrongTry { method: Method::Password }, caller).await?;
        return Err(PasswordError::Wrong);
    }
    Ok(charged.succeeded().await?)
}

/// Sends a link to choose a new password to the address of whoever has this login id, if there is such an address. The
/// caller can't tell. `to` goes along, and must be ours.
pub async fn request_reset(
    world: &World,
    typed_login: &str,
    to: Option<&str>,
    caller: &Caller,
) -> Result<(), PasswordError> {
    // Before the address is read: one that counts only later is not the one that this link goes to.
    let made_at = world.now();
    let login_id = LoginId::parse(typed_login).ok();
    let user = match &login_id {
        Some(login_id) => world.store.account_by_login(login_id).await?.map(|account| account.user),
        None => None,
    };
    let user = user.filter(|user| !user.disabled);
    let lane = world.lane(caller, user.as_ref().map_or(NOBODY, |user| user.id)).await?;
    if lane == Lane::Stranger {
        world.charge_one(BudgetKey::resets_from(caller.address), &LINKS_BY_ADDRESS).await?;
    }
    let Some(login_id) = login_id else { return Ok(()) };
    let budget = match &user {
        Some(user) => BudgetKey::reset(user.id, lane),
        None => BudgetKey::reset_of_nobody(&login_id),
    };
    // Where it is not, there is a link already that still works, and to say so would tell that there is an account.
    if !world.is_paid(budget, &LINKS).await? {
        return Ok(());
    }
    if let (Some(user), Lane::Known(_)) = (&user, lane)
        && !world.is_paid(BudgetKey::resets_by_known(user.id), &SENDS).await?
    {
        return Ok(());
    }
    // A name that nobody has costs the same write.
    world.record(user.as_ref().map(|user| user.id), What::ResetRequested, caller).await?;
    let address = user.as_ref().and_then(notices::mailbox);
    // Whoever asks may be anybody: the letter is in its reader's language, not in theirs.
    let language = user.as_ref().and_then(|user| user.language).unwrap_or(world.settings.language);
    let token = world.entropy.token();
    let owner = user.filter(|_| address.is_some()).map(|user| user.id);
    world.store.open_reset(&PasswordReset { token: token.hash(), user: owner, made_at }).await?;
    if let Some(address) = address {
        world.messenger.post(Message {
            channel: Channel::Email,
            to: Address::Email(address),
            language,
            content: Content::Link {
                url: link(world, &token, to),
                purpose: LinkPurpose::ResetPassword,
                lifetime: PasswordReset::LIFETIME,
                asked: notices::asked(world, caller),
            },
        });
    }
    Ok(())
}

/// Whose password a link lets its bearer choose. Looking at it changes nothing, so that no mail scanner spends it.
pub async fn owner_of_link(world: &World, token: &str) -> Result<User, PasswordError> {
    let token = Token::parse(token).ok_or(PasswordError::Gone)?;
    let since = world.now() - PasswordReset::LIFETIME;
    let owner = world.store.reset_of(token.hash(), since).await?.ok_or(PasswordError::Gone)?;
    let account = world.store.account(owner).await?.filter(|account| !account.user.disabled);
    Ok(account.ok_or(PasswordError::Gone)?.user)
}

/// Sets a new password by a link, once, and ends every session there is. Nobody is signed in by it.
pub async fn reset(world: &World, token: &str, new: &str, caller: &Caller) -> Result<Reset, PasswordError> {
    let user = owner_of_link(world, token).await?;
    let factor = hashed(world, accept(world, &user, new).await?).await?;
    let ended = sessions_of(world, user.id).await?;
    // Whoever guessed, guessed at a password that is over, or knew it; its owner has just recovered the account (TH-01, TH-06).
    world.store.clear(&BudgetKey::password(user.id, Lane::Stranger)).await?;
    if let Some(mailbox) = notices::mailbox(&user) {
        let set_up = BudgetKey::openings(user.id, SentPurpose::SetUp.name(), &Address::Email(mailbox));
        world.store.clear(&set_up).await?;
    }
    let token = Token::parse(token).ok_or(PasswordError::Gone)?.hash();
    let since = world.now() - PasswordReset::LIFETIME;
    let told = notices::reached_at(world, &user).await?;
    let second_step = if world.has_second_factor(user.id).await? { SecondStep::AsBefore } else { SecondStep::None };
    world.store.redeem_reset(token, since, &factor).await?.ok_or(PasswordError::Gone)?;
    changed(world, &user, told, &Notice::PasswordReset, caller).await;
    Ok(Reset { user, second_step, ended })
}

/// Tells of a change that is made. Nothing that fails from here on makes it undone, so nothing here says that it failed.
async fn changed(world: &World, user: &User, told: Vec<Address>, notice: &Notice, caller: &Caller) {
    notices::tell_at(world, user, told, notice, caller).await.ok();
    world.record(user.id, What::PasswordChanged, caller).await.ok();
}

fn link(world: &World, token: &Token, to: Option<&str>) -> Zeroizing<String> {
    let (origin, token) = (&world.settings.origin, token.to_text());
    let onward = to.map(|to| format!("&to={to}")).unwrap_or_default();
    Zeroizing::new(format!("{origin}/reset?token={}{onward}", token.as_str()))
}

async fn sessions_of(world: &World, user: UserId) -> Result<Vec<SessionId>, StoreError> {
    Ok(world.store.sessions(Some(user)).await?.into_iter().map(|summary| summary.session.id).collect())
}
