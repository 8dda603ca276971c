//! Making an account: by an operator's invitation, or by oneself.
//!
//! Both are a link that makes one account, once. What its owner is called and their password are asked for when the link is
//! opened, never before: whoever types somebody else's address into the sign-up page leaves nothing behind that would count
//! once the owner of the mailbox follows the link.
//!
//! Who asks for a link learns nothing: an address that has an account gets a letter too, and no answer differs (EE-01).

use super::{
    Caller, TryError, World,
    administer::{ENROL_WITHIN, NewUser},
    notices,
    password::{Unfit, accept, hashed},
    sign_in::{Outcome, SignInError, admit},
};
use crate::{
    domain::{
        contact::{Address, Channel, Contact, EmailAddress, NotAnAddress},
        enrolment::{Inviter, SignUp},
        event::What,
        factor::FactorId,
        password::Refusal,
        secret::Token,
        throttle::{BudgetKey, Closed, LINKS, LINKS_BY_ADDRESS},
        time::Timestamp,
        user::{LoginId, NotALoginId, User, UserId},
    },
    ports::{
        HasherBusy, LoreError, NotSent, StoreError,
        messages::{Asked, Content, LinkPurpose, Message},
        store::{Account, Approval, Invitation, Redeemed},
    },
};
use zeroize::Zeroizing;

/// Most characters of what somebody is called.
pub const NAME_CHARS_MAX: usize = 100;

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The operator wants no such accounts.
    #[error("`sign_up.mode` does not allow it")]
    NotOffered,
    /// What was typed is no e-mail address.
    #[error(transparent)]
    NotAnAddress(#[from] NotAnAddress),
    /// It is an e-mail address that nobody can sign in by.
    #[error(transparent)]
    NotALoginId(#[from] NotALoginId),
    /// Another account has this login id.
    #[error("there is already an account `{0}`")]
    Taken(LoginId),
    /// A phone number takes an e-mail address that is known: one hears of what happens to the other.
    #[error("a phone number takes an e-mail address beside it: give one with `--email`")]
    EmailFirst,
    /// The link was used, or is too old.
    #[error("the link was used, or is too old")]
    Gone,
    /// The password can't be chosen.
    #[error("the password is refused: {0}")]
    Refused(Refusal),
    /// The password could not be judged.
    #[error(transparent)]
    Lore(LoreError),
    /// Too many tries.
    #[error("too many tries")]
    Throttled(Closed),
    /// The account is made, but its owner was not signed in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// Too many hashes at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for SignUpError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::Throttled(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Unfit> for SignUpError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refused(refusal) => Self::Refused(refusal),
            Unfit::Lore(error) => Self::Lore(error),
        }
    }
}

/// Somebody is invited.
#[derive(Debug)]
pub struct Invited {
    /// The link that makes their account.
    pub url: Zeroizing<String>,
    /// When it ends.
    pub ends_at: Timestamp,
    /// The letter that holds it, if they have an e-mail address.
    pub letter: Option<Letter>,
}

/// A letter to somebody who is invited.
#[derive(Debug)]
pub struct Letter {
    /// Where it goes.
    pub to: EmailAddress,
    /// Whether it is on its way.
    pub sent: Result<(), NotSent>,
}

/// Invites somebody, on an operator's word. Older invitations for the same login id end: they may promise other groups.
pub async fn invite(world: &World, new: NewUser) -> Result<Invited, SignUpError> {
    if !world.settings.sign_up.honours(Inviter::Operator) {
        return Err(SignUpError::NotOffered);
    }
    if world.store.account_by_login(&new.login_id).await?.is_some() {
        return Err(SignUpError::Taken(new.login_id));
    }
    let email = new.email.or_else(|| EmailAddress::parse(new.login_id.as_str()).ok());
    if new.phone.is_some() && email.is_none() {
        return Err(SignUpError::EmailFirst);
    }
    let mut groups = new.groups;
    groups.sort();
    groups.dedup();
    let (token, now, inviter) = (world.entropy.token(), world.now(), Inviter::Operator);
    let invitation = Invitation {
        token: token.hash(),
        inviter,
        login_id: new.login_id,
        name: new.name,
        email: email.clone(),
        phone: new.phone,
        groups,
        ends_at: now + inviter.lifetime(),
    };
    world.store.end_invitations(&invitation.login_id).await?;
    world.store.open_invitation(&invitation).await?;
    let url = link(world, &token, None);
    let letter = match email {
        Some(to) => {
            let asked = Asked { browser: None, address: None, at: now };
            let language = world.settings.language;
            let content = Content::Link {
                url: url.clone(),
                purpose: LinkPurpose::Invitation,
                lifetime: inviter.lifetime(),
                asked,
            };
            let message = Message { channel: Channel::Email, to: Address::Email(to.clone()), language, content };
            Some(Letter { to, sent: world.messenger.send(message).await })
        }
        None => None,
    };
    Ok(Invited { url, ends_at: invitation.ends_at, letter })
}

/// The invitations that operators gave and nobody has used, those that end first first.
pub async fn invitations(world: &World) -> Result<Vec<Invitation>, SignUpError> {
    Ok(world.store.invitations(world.now()).await?)
}

/// Takes back whatever link makes an account of this login id. Returns how many there were.
pub async fn withdraw(world: &World, login_id: &LoginId) -> Result<u64, SignUpError> {
    Ok(world.store.end_invitations(login_id).await?)
}

/// Mails a link that makes an account for this address; where there is one already, a letter that says so. The caller
/// can't tell. `to` goes along, and must be ours.
pub async fn request(world: &World, typed: &str, to: Option<&str>, caller: &Caller) -> Result<(), SignUpError> {
    if world.settings.sign_up != SignUp::Open {
        return Err(SignUpError::NotOffered);
    }
    let email = EmailAddress::parse(typed)?;
    let login_id = LoginId::parse(email.as_str())?;
    world.charge_one(BudgetKey::sign_ups_from(caller.address), &LINKS_BY_ADDRESS).await?;
    match world.charge_one(BudgetKey::sign_up(&login_id), &LINKS).await {
        Ok(_) => {}
        // There is a letter already, and to say so would tell that somebody asked for it.
        Err(TryError::Closed(_)) => return Ok(()),
        Err(TryError::Store(error)) => return Err(error.into()),
    }
    let is_known = world.store.account_by_login(&login_id).await?.is_some();
    let (token, inviter) = (world.entropy.token(), Inviter::Oneself);
    // It is kept in either case, so that both cost the same; who has an account is never told its token.
    let invitation = Invitation {
        token: token.hash(),
        inviter,
        login_id,
        name: None,
        email: Some(email.clone()),
        phone: None,
        groups: Vec::new(),
        ends_at: world.now() + inviter.lifetime(),
    };
    world.store.open_invitation(&invitation).await?;
    let (url, purpose) = if is_known {
        (sign_in_link(world, to), LinkPurpose::AlreadyThere)
    } else {
        (link(world, &token, to), LinkPurpose::SignUp)
    };
    let content = Content::Link { url, purpose, lifetime: inviter.lifetime(), asked: notices::asked(world, caller) };
    let language = caller.language.unwrap_or(world.settings.language);
    world.messenger.post(Message { channel: Channel::Email, to: Address::Email(email), language, content });
    Ok(())
}

/// The account that a link makes. Looking at it changes nothing, so that no mail scanner spends it.
pub async fn look(world: &World, token: &str) -> Result<Invitation, SignUpError> {
    let token = Token::parse(token).ok_or(SignUpError::Gone)?;
    let invitation = world.store.invitation(token.hash(), world.now()).await?;
    invitation.filter(|invitation| world.settings.sign_up.honours(invitation.inviter)).ok_or(SignUpError::Gone)
}

/// Makes the account, once, and signs its owner in as far as a password does. The addresses of the invitation are theirs: an
/// operator vouched for them, or the link was mailed there. Until tomorrow a second factor may be set up: the link was more
/// than the password (EN-04).
pub async fn redeem(
    world: &World,
    token: &str,
    name: &str,
    password: &str,
    caller: &Caller,
) -> Result<Outcome, SignUpError> {
    let invitation = look(world, token).await?;
    let user = newcomer(world, &invitation, name, caller);
    let Invitation { token, inviter, email, phone, .. } = invitation;
    let now = user.created_at;
    let factor = hashed(world, accept(world, &user, password).await?).await?;
    let addresses = email.map(Address::Email).into_iter().chain(phone.map(Address::Phone));
    let contacts: Vec<_> = addresses
        .map(|address| Contact {
            id: FactorId(world.entropy.id(now)),
            user: user.id,
            address,
            verified_at: Some(now),
            used_at: None,
        })
        .collect();
    let account =
        Account { user, password: Some(factor.clone()), approval: Some(Approval::of_password(now + ENROL_WITHIN)) };
    match world.store.redeem_invitation(token, now, &account, &contacts).await? {
        Redeemed::Made => {
            world.record(account.user.id, What::Joined { inviter }, caller).await?;
            Ok(admit(world, account, &factor, caller).await?)
        }
        Redeemed::Taken => Err(SignUpError::Taken(account.user.login_id)),
        Redeemed::Gone => Err(SignUpError::Gone),
    }
}

/// Whom an invitation makes, who wants to be called so.
pub(super) fn newcomer(world: &World, invitation: &Invitation, name: &str, caller: &Caller) -> User {
    let Invitation { login_id, name: known_as, email, groups, .. } = invitation;
    let now = world.now();
    User {
        id: UserId(world.entropy.id(now)),
        name: called(name).or_else(|| known_as.clone()).unwrap_or_else(|| login_id.to_string()),
        login_id: login_id.clone(),
        email: email.as_ref().map(ToString::to_string),
        groups: groups.clone(),
        language: caller.language,
        disabled: false,
        created_at: now,
    }
}

/// What somebody wants to be called; `None` if they did not say.
fn called(typed: &str) -> Option<String> {
    let name: String = typed.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

fn link(world: &World, token: &Token, to: Option<&str>) -> Zeroizing<String> {
    let (origin, token) = (&world.settings.origin, token.to_text());
    let onward = to.map(|to| format!("&to={to}")).unwrap_or_default();
    Zeroizing::new(format!("{origin}/invite?token={}{onward}", token.as_str()))
}

fn sign_in_link(world: &World, to: Option<&str>) -> Zeroizing<String> {
    let onward = to.map(|to| format!("?to={to}")).unwrap_or_default();
    Zeroizing::new(format!("{}/login{onward}", world.settings.origin))
}
