//! Rows, and what they mean. A row that this program could not have written is an error that names it.

mod risk;
mod sessions;

pub(super) use risk::{TraceRow, score, signals};
pub(super) use sessions::{
    AttemptRow, HandoffRow, IdentityRow, ReceiptRow, SummaryRow, identities, identity, summaries,
};

use crate::{
    domain::{
        contact::{Address, Contact, EmailAddress, Kind, PhoneNumber},
        enrolment::Inviter,
        event::Event,
        factor::{FactorId, KeyKind, Method},
        language::Language,
        place::Place,
        secret::TokenHash,
        session::SessionId,
        time::Timestamp,
        user::{LoginId, User, UserId},
    },
    ports::{
        StoreError,
        store::{
            Account, Approval, Ceremony, Device, DeviceId, FoundHeld, Holder, Invitation, PasskeyFactor,
            PasswordFactor, Purpose, SealedKey, SentCode, SentPurpose, TotpFactor, Undo, WaitingHeld,
        },
    },
};
use sqlx::FromRow;
use std::time::Duration;
use uuid::Uuid;

/// A user, as every query over `accounts` selects one.
#[derive(FromRow)]
pub(super) struct UserRow {
    user_id: Uuid,
    login_id: String,
    name: String,
    email: Option<String>,
    groups: String,
    language: Option<String>,
    disabled: bool,
    created_at: i64,
}

/// A row of `accounts`.
#[derive(FromRow)]
pub(super) struct AccountRow {
    #[sqlx(flatten)]
    user: UserRow,
    enrol_until: Option<i64>,
    enrol_for: Option<Vec<u8>>,
    password_id: Option<Uuid>,
    password_phc: Option<String>,
    password_changed_at: Option<i64>,
}

/// A row of `totp_factors`.
#[derive(FromRow)]
pub(super) struct TotpRow {
    id: Uuid,
    user_id: Uuid,
    name: String,
    sealed_key: Vec<u8>,
    spent_step: i64,
    created_at: i64,
    used_at: Option<i64>,
}

/// A row of `passkeys`.
#[derive(FromRow)]
pub(super) struct PasskeyRow {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    name: String,
    credential_id: Vec<u8>,
    credential: String,
    created_at: i64,
    used_at: Option<i64>,
}

/// A row of `ceremonies`, as it was deleted.
#[derive(FromRow)]
pub(super) struct CeremonyRow {
    purpose: String,
    browser: Vec<u8>,
    user_id: Option<Uuid>,
    state: String,
    made_at: i64,
}

/// A row of `devices`.
#[derive(FromRow)]
pub(super) struct DeviceRow {
    id: Uuid,
    user_id: Uuid,
    browser: Vec<u8>,
    name: Option<String>,
    created_at: i64,
    used_at: Option<i64>,
}

/// A row of `undos`.
#[derive(FromRow)]
pub(super) struct UndoRow {
    pub(super) user_id: Uuid,
    pub(super) session_id: Uuid,
    browser: Option<String>,
    pub(super) made_at: i64,
}

/// A row of `contacts`.
#[derive(FromRow)]
pub(super) struct ContactRow {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    address: String,
    verified_at: Option<i64>,
    used_at: Option<i64>,
}

/// A row of `codes`.
#[derive(FromRow)]
pub(super) struct CodeRow {
    user_id: Uuid,
    method: String,
    address: String,
    factor_id: Uuid,
    sealed: Vec<u8>,
    sent_at: i64,
}

/// A row of `invitations`.
#[derive(FromRow)]
pub(super) struct InvitationRow {
    token: Vec<u8>,
    inviter: String,
    login_id: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    groups: String,
    ends_at: i64,
}

/// A row of `signing_keys`.
#[derive(FromRow)]
pub(super) struct KeyRow {
    id: String,
    sealed: Vec<u8>,
    created_at: i64,
}

/// The columns of a place.
#[derive(FromRow)]
pub(super) struct PlaceRow {
    browser: Option<String>,
    address: Option<String>,
}

/// A row of `events`.
#[derive(FromRow)]
pub(super) struct EventRow {
    at: i64,
    what: String,
    #[sqlx(flatten)]
    place: PlaceRow,
}

/// A row of `held_requests` that is whole.
#[derive(FromRow)]
pub(super) struct HeldRow {
    place: Vec<u8>,
    browser: Vec<u8>,
    user_id: Option<Uuid>,
    head: Vec<u8>,
    made_at: i64,
    taken_at: Option<i64>,
}

impl HeldRow {
    /// What it says.
    pub(super) fn read(self) -> Result<FoundHeld, StoreError> {
        if self.taken_at.is_some() {
            return Ok(FoundHeld::Taken);
        }
        let bad = |column| bad("held_requests", "the one asked for", column);
        Ok(FoundHeld::Waiting(WaitingHeld {
            user: self.user_id.map(UserId),
            browser: TokenHash::from_bytes(self.browser.try_into().map_err(|_| bad("browser"))?),
            place: TokenHash::from_bytes(self.place.try_into().map_err(|_| bad("place"))?),
            head: self.head,
            made_at: Timestamp::from_millis(self.made_at),
        }))
    }
}

impl TryFrom<&UserRow> for User {
    type Error = StoreError;

    fn try_from(row: &UserRow) -> Result<Self, StoreError> {
        let bad = |column| bad("accounts", row.user_id, column);
        Ok(Self {
            id: UserId(row.user_id),
            login_id: login_id(&row.login_id).ok_or_else(|| bad("login_id"))?,
            name: row.name.clone(),
            email: row.email.clone(),
            groups: serde_json::from_str(&row.groups).map_err(|_| bad("groups"))?,
            language: row
                .language
                .as_deref()
                .map(|tag| Language::by_tag(tag).ok_or_else(|| bad("language")))
                .transpose()?,
            disabled: row.disabled,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let password = match (row.password_id, row.password_phc, row.password_changed_at) {
            (Some(id), Some(phc), Some(changed_at)) => {
                Some(PasswordFactor { id: FactorId(id), phc, changed_at: Timestamp::from_millis(changed_at) })
            }
            (None, None, None) => None,
            _ => return Err(bad("accounts", row.user.user_id, "password_phc")),
        };
        let holder =
            row.enrol_for.map(|bytes| holder_of(&bytes).ok_or_else(|| bad("accounts", row.user.user_id, "enrol_for")));
        let holder = holder.transpose()?;
        let approval = row.enrol_until.map(|until| Approval { until: Timestamp::from_millis(until), holder });
        Ok(Self { user: User::try_from(&row.user)?, password, approval })
    }
}

fn holder_of(bytes: &[u8]) -> Option<Holder> {
    match bytes.try_into() {
        Ok(token) => Some(Holder::Half(TokenHash::from_bytes(token))),
        Err(_) => Uuid::from_slice(bytes).ok().map(|session| Holder::Session(SessionId(session))),
    }
}

impl TryFrom<TotpRow> for TotpFactor {
    type Error = StoreError;

    fn try_from(row: TotpRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: FactorId(row.id),
            user: UserId(row.user_id),
            name: row.name,
            sealed_key: row.sealed_key,
            spent_step: row.spent_step.try_into().map_err(|_| bad("totp_factors", row.id, "spent_step"))?,
            created_at: Timestamp::from_millis(row.created_at),
            used_at: row.used_at.map(Timestamp::from_millis),
        })
    }
}

impl TryFrom<PasskeyRow> for PasskeyFactor {
    type Error = StoreError;

    fn try_from(row: PasskeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: FactorId(row.id),
            user: UserId(row.user_id),
            kind: KeyKind::by_name(&row.kind).ok_or_else(|| bad("passkeys", row.id, "kind"))?,
            name: row.name,
            credential_id: row.credential_id,
            credential: row.credential,
            created_at: Timestamp::from_millis(row.created_at),
            used_at: row.used_at.map(Timestamp::from_millis),
        })
    }
}

impl CeremonyRow {
    /// The ceremony of this token.
    pub(super) fn read(self, token: TokenHash) -> Result<Ceremony, StoreError> {
        let bad = |column| bad("ceremonies", "the one just taken", column);
        Ok(Ceremony {
            token,
            purpose: Purpose::by_name(&self.purpose).ok_or_else(|| bad("purpose"))?,
            browser: TokenHash::from_bytes(self.browser.try_into().map_err(|_| bad("browser"))?),
            user: self.user_id.map(UserId),
            state: self.state,
            made_at: Timestamp::from_millis(self.made_at),
        })
    }
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self, StoreError> {
        let browser = row.browser.try_into().map_err(|_| bad("devices", row.id, "browser"))?;
        Ok(Self {
            id: DeviceId(row.id),
            user: UserId(row.user_id),
            browser: TokenHash::from_bytes(browser),
            name: row.name,
            created_at: Timestamp::from_millis(row.created_at),
            used_at: row.used_at.map(Timestamp::from_millis),
        })
    }
}

impl UndoRow {
    /// The undoable sign-in of this link.
    pub(super) fn read(self, token: TokenHash) -> Undo {
        Undo {
            token,
            user: UserId(self.user_id),
            session: SessionId(self.session_id),
            browser: self.browser,
            made_at: Timestamp::from_millis(self.made_at),
        }
    }
}

impl TryFrom<ContactRow> for Contact {
    type Error = StoreError;

    fn try_from(row: ContactRow) -> Result<Self, StoreError> {
        let bad = |column| bad("contacts", row.id, column);
        let kind = Kind::by_name(&row.kind).ok_or_else(|| bad("kind"))?;
        Ok(Self {
            id: FactorId(row.id),
            user: UserId(row.user_id),
            address: Address::parse(kind, &row.address).map_err(|_| bad("address"))?,
            verified_at: row.verified_at.map(Timestamp::from_millis),
            used_at: row.used_at.map(Timestamp::from_millis),
        })
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = StoreError;

    fn try_from(row: InvitationRow) -> Result<Self, StoreError> {
        let bad = |column| bad("invitations", &row.login_id, column);
        let email = row.email.as_deref().map(EmailAddress::parse).transpose();
        let phone = row.phone.as_deref().map(PhoneNumber::parse).transpose();
        Ok(Self {
            token: TokenHash::from_bytes(row.token.try_into().map_err(|_| bad("token"))?),
            inviter: Inviter::by_name(&row.inviter).ok_or_else(|| bad("inviter"))?,
            login_id: LoginId::parse(&row.login_id).map_err(|_| bad("login_id"))?,
            email: email.map_err(|_| bad("email"))?,
            phone: phone.map_err(|_| bad("phone"))?,
            groups: serde_json::from_str(&row.groups).map_err(|_| bad("groups"))?,
            ends_at: Timestamp::from_millis(row.ends_at),
            name: row.name,
        })
    }
}

impl CodeRow {
    /// The code that this browser asked for to this end.
    pub(super) fn read(self, browser: TokenHash, purpose: SentPurpose) -> Result<SentCode, StoreError> {
        let bad = |column| bad("codes", self.user_id, column);
        let method = Method::by_name(&self.method).ok_or_else(|| bad("method"))?;
        let kind = method.channel().ok_or_else(|| bad("method"))?.kind();
        Ok(SentCode {
            browser,
            purpose,
            user: UserId(self.user_id),
            method,
            address: Address::parse(kind, &self.address).map_err(|_| bad("address"))?,
            factor: FactorId(self.factor_id),
            sealed: self.sealed,
            sent_at: Timestamp::from_millis(self.sent_at),
        })
    }
}

impl From<KeyRow> for SealedKey {
    fn from(row: KeyRow) -> Self {
        Self { id: row.id, sealed: row.sealed, created_at: Timestamp::from_millis(row.created_at) }
    }
}

impl PlaceRow {
    /// The place; `None` if its address is none.
    fn read(&self) -> Option<Place> {
        let address = self.address.as_ref().map(|address| address.parse()).transpose().ok()?;
        Some(Place { browser: self.browser.clone(), address })
    }
}

impl EventRow {
    /// What happened to this user.
    pub(super) fn read(self, user: UserId) -> Result<Event, StoreError> {
        let bad = |column| bad("events", user.0, column);
        Ok(Event {
            user: Some(user),
            at: Timestamp::from_millis(self.at),
            what: serde_json::from_str(&self.what).map_err(|_| bad("what"))?,
            place: self.place.read().ok_or_else(|| bad("address"))?,
        })
    }
}

/// A login id in its canonical form; in any other form nobody could sign in with it.
fn login_id(text: &str) -> Option<LoginId> {
    LoginId::parse(text).ok().filter(|login_id| login_id.as_str() == text)
}

/// A length of time as it is kept.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The error for a value that this program could not have written.
pub(super) fn bad(table: &'static str, row: impl Into<String>, column: &'static str) -> StoreError {
    StoreError::Inconsistent { table, row: row.into(), column }
}
