//! What can be done, one use case a file.
//!
//! A flow asks the ports, lets the domain decide, and writes what became of it. It knows no HTTP, renders no page and
//! logs nothing: whoever called it words the outcome and records it.

pub mod administer;
pub mod challenge;
pub mod codes;
pub mod contacts;
pub mod devices;
pub mod enroll;
pub mod factors;
pub mod first_factor;
pub mod grace;
pub mod hold;
pub mod journey;
pub mod judgement;
pub mod notices;
pub mod passkeys;
pub mod password;
pub mod phones;
mod postage;
pub mod receipts;
pub mod recovery;
pub mod risk;
pub mod sessions;
pub mod sign_in;
pub mod sign_up;

#[cfg(test)]
pub(crate) mod tests;

use crate::{
    domain::{
        contact::{Channel, NumberPrefix, PhoneNumber},
        enrolment::{FirstFactor, Requirements, SignUp},
        event::{Event, Intervention, What},
        factor::Method,
        language::Language,
        password::Policy as PasswordPolicy,
        place::Place,
        policy::Policy,
        secret::Token,
        session::{Authentication, Limits},
        throttle::{ACCOUNT, ADDRESS, BudgetKey, CLOSINGS, Closed, KNOWN_BROWSERS, Lane, Schedule},
        time::Timestamp,
        user::UserId,
    },
    ports::{
        Clock, Entropy, Geography, Messenger, PasskeyVerifier, PasswordHasher, PasswordLore, Store, StoreError, Vault,
        store::Charge,
    },
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};
use uuid::Uuid;

/// What every flow is given.
#[derive(Clone)]
pub struct World {
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Slow hashing.
    pub hasher: Arc<dyn PasswordHasher>,
    /// What the world knows about passwords.
    pub lore: Arc<dyn PasswordLore>,
    /// Seals.
    pub vault: Arc<dyn Vault>,
    /// The arithmetic of passkeys.
    pub passkeys: Arc<dyn PasskeyVerifier>,
    /// Where addresses are.
    pub geography: Arc<dyn Geography>,
    /// Words to people.
    pub messenger: Arc<dyn Messenger>,
    /// What the operator chose.
    pub settings: Settings,
}

/// What the operator chose about signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The organisation's name, as authenticator apps show it.
    pub organisation: String,
    /// In which language people are written to whose own is not known.
    pub language: Language,
    /// The portal's own origin, for the links in messages (OB-06).
    pub origin: String,
    /// How long sessions live.
    pub limits: Limits,
    /// Who may make an account.
    pub sign_up: SignUp,
    /// Whom signing in takes how much from.
    pub requirements: Requirements,
    /// Policies of applications that ask for more than a password.
    pub asking: Vec<Arc<Policy>>,
    /// Recovery codes in a set; none are made or taken where it is zero.
    pub recovery_codes: u8,
    /// What they want to know of sign-ins; nothing where there is none.
    pub risk: Option<risk::Settings>,
    /// What people may enrol.
    pub methods: Vec<Method>,
    /// What the members of a group may enrol of it.
    pub group_methods: BTreeMap<String, Vec<Method>>,
    /// How much of what people sent is kept while they prove something.
    pub hold: hold::Limits,
    /// Whose numbers may be texted or called, by channel.
    pub countries: Vec<(Channel, NumberPrefix)>,
    /// How many messages go to the phones of one country in an hour, by channel.
    pub per_hour: BTreeMap<Channel, u32>,
    /// What the first second factor takes beside the password.
    pub first_factor: FirstFactor,
    /// For how long somebody may sign in without the second factor that is required of them, from their first sign-in under
    /// the requirement on; `None` for not at all.
    pub grace: Option<Duration>,
    /// How long a browser may spare its user the second step of a sign-in; `None` where none may.
    pub remember: Option<Duration>,
    /// What new passwords must be like.
    pub passwords: PasswordPolicy,
    /// Names that others know and passwords must not be made of: the organisation's, the applications'.
    pub names: Vec<String>,
}

impl Settings {
    /// What members of these groups may enrol: what all of their groups may.
    pub fn methods_of(&self, groups: &[String]) -> Vec<Method> {
        let limits: Vec<_> = groups.iter().filter_map(|group| self.group_methods.get(group)).collect();
        self.methods.iter().copied().filter(|method| limits.iter().all(|limit| limit.contains(method))).collect()
    }

    /// Whether the operator lets this number be reached by this channel.
    pub fn may_reach(&self, channel: Channel, number: &PhoneNumber) -> bool {
        self.countries.iter().any(|(of, prefix)| *of == channel && prefix.covers(number))
    }
}

/// From where somebody tries.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address of their browser.
    pub address: IpAddr,
    /// The token that marks a browser as used before, if they sent one.
    pub browser: Option<Token>,
    /// What their browser calls itself, in words: "Firefox on Linux". Nothing is decided on it.
    pub agent: Option<String>,
    /// Which of our languages it asks for.
    pub language: Option<Language>,
}

impl Caller {
    /// Where they are, for the account's owner to recognise.
    fn place(&self) -> Place {
        Place { browser: self.agent.clone(), address: Some(self.address) }
    }
}

/// Stands for the user of a login id that nobody has.
const NOBODY: UserId = UserId(Uuid::nil());

/// How long a browser stays known after its last sign-in.
pub const BROWSER_KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

impl World {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Which lane of `user`'s budgets the caller's tries are counted in; for [`NOBODY`] it takes as long (EE-01).
    async fn lane(&self, caller: &Caller, user: UserId) -> Result<Lane, StoreError> {
        let Some(browser) = &caller.browser else { return Ok(Lane::Stranger) };
        let hash = browser.hash();
        let known = self.store.knows_browser(hash, user, self.now() - BROWSER_KNOWN_FOR).await?;
        Ok(if known { Lane::Known(hash) } else { Lane::Stranger })
    }

    /// Counts a try to prove something by `method` as failed, before it is checked, in the caller's lane of a budget of this user's.
    async fn charge(
        &self,
        caller: &Caller,
        method: Method,
        user: UserId,
        budget: impl FnOnce(UserId, Lane) -> BudgetKey,
    ) -> Result<Try<'_>, TryError> {
        let lane = self.lane(caller, user).await?;
        self.charge_in(lane, caller, method, budget(user, lane)).await
    }

    /// The same in this lane, and by this budget.
    async fn charge_in(
        &self,
        lane: Lane,
        caller: &Caller,
        method: Method,
        account: BudgetKey,
    ) -> Result<Try<'_>, TryError> {
        let mut charged = self.charge_address(lane, caller, method).await?;
        charged.account = Some(self.charge_try(account, &ACCOUNT, method, caller).await?);
        Ok(charged)
    }

    /// The same by address alone: where an answer can't be guessed, no account is closed to its owner by somebody's wrong ones.
    /// By nothing in a known browser: whoever shares its address must not close it (TH-06).
    async fn charge_address(&self, lane: Lane, caller: &Caller, method: Method) -> Result<Try<'_>, TryError> {
        let shared = match lane {
            Lane::Known(_) => Vec::new(),
            Lane::Stranger => {
                vec![self.charge_try(BudgetKey::address(caller.address), &ADDRESS, method, caller).await?]
            }
        };
        Ok(Try { world: self, shared, account: None })
    }

    /// Counts a try, or writes down that it was refused: once each time that a budget closes, for whoever goes on trying is
    /// not to fill a list.
    async fn charge_try(
        &self,
        key: BudgetKey,
        schedule: &Schedule,
        method: Method,
        caller: &Caller,
    ) -> Result<BudgetKey, TryError> {
        let (owner, closing) = (key.owner(), |closed| key.closing(closed));
        let refused = match self.charge_one(key.clone(), schedule).await {
            Err(TryError::Closed(closed)) => closed,
            counted => return counted,
        };
        if let Charge::Counted { .. } = self.store.charge(&closing(refused), &CLOSINGS, self.now()).await? {
            self.record(owner, What::TriesRefused { method }, caller).await?;
        }
        Err(TryError::Closed(refused))
    }

    /// Whether this account has anything to prove itself with besides its password.
    async fn has_second_factor(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(!self.store.totp_factors(user).await?.is_empty()
            || !self.store.passkeys(user).await?.is_empty()
            || !codes::methods_of(self, user).await?.is_empty())
    }

    /// Writes down what happened to an account, or was tried on nobody's.
    async fn record(&self, user: impl Into<Option<UserId>>, what: What, caller: &Caller) -> Result<(), StoreError> {
        let at = self.now();
        let event = Event { user: user.into(), at, what, place: caller.place() };
        self.store.append_event(&event).await
    }

    /// Writes down what an operator did to an account.
    async fn record_operator(&self, user: UserId, act: Intervention) -> Result<(), StoreError> {
        let (at, place) = (self.now(), Place::default());
        self.store.append_event(&Event { user: Some(user), at, what: What::Operator(act), place }).await
    }

    /// Charges a budget; `false` where it is closed, for whoever is to notice nothing of that.
    async fn is_paid(&self, key: BudgetKey, schedule: &Schedule) -> Result<bool, StoreError> {
        Ok(matches!(self.store.charge(&key, schedule, self.now()).await?, Charge::Counted { .. }))
    }

    async fn charge_one(&self, key: BudgetKey, schedule: &Schedule) -> Result<BudgetKey, TryError> {
        match self.store.charge(&key, schedule, self.now()).await? {
            Charge::Counted { .. } => Ok(key),
            Charge::Closed(closed) => Err(TryError::Closed(closed)),
        }
    }

    /// Makes this browser a known one, so that strangers' tries can't lock its user out of it, if they have shown there all
    /// that they have. Returns the token to keep in it, if it has none yet.
    ///
    /// For less there is no lane: whoever has only the password would get one with each sign-in, and in each of them as many
    /// guesses at the second factor as strangers have together (TH-01, TH-05). Where a password is all there is, and for what
    /// was proven long ago, only so many browsers become known.
    async fn know_browser(
        &self,
        caller: &Caller,
        user: UserId,
        proofs: &[Authentication],
    ) -> Result<Option<Token>, StoreError> {
        let fresh = caller.browser.is_none().then(|| self.entropy.token());
        let is_known = self.lane(caller, user).await? != Lane::Stranger;
        if let Some(token) = fresh.as_ref().or(caller.browser.as_ref())
            && (is_known
                || devices::is_all_shown(self, user, proofs).await?
                    && self.is_paid(BudgetKey::known_browsers(user), &KNOWN_BROWSERS).await?)
        {
            self.store.know_browser(token.hash(), user, self.now()).await?;
        }
        Ok(fresh)
    }
}

/// A try that was counted as failed. Dropped, it stays so.
#[must_use]
struct Try<'a> {
    world: &'a World,
    /// What a right answer gives its own failure back, and no more.
    shared: Vec<BudgetKey>,
    /// What a right answer empties.
    account: Option<BudgetKey>,
}

/// Why a try was not made.
enum TryError {
    Closed(Closed),
    Store(StoreError),
}

impl From<StoreError> for TryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Try<'_> {
    /// The answer was right: the account's budget is empty again, the others get their one failure back.
    async fn succeeded(self) -> Result<(), StoreError> {
        if let Some(account) = &self.account {
            self.world.store.clear(account).await?;
        }
        for shared in &self.shared {
            self.world.store.refund(shared).await?;
        }
        Ok(())
    }
}
