//! Rows, and what they mean. A row that this program could not have written is an error that names it.

use crate::{
    domain::{
        contact::{Address, Contact, EmailAddress, Kind, PhoneNumber},
        enrolment::Inviter,
        event::Event,
        factor::{FactorId, KeyKind, Method},
        language::Language,
        place::Place,
        policy::once::{Fingerprint, Receipt},
        risk::{Assessment, Coordinates, Country, Score, Signal, Subnet, Trace, Whereabouts},
        secret::TokenHash,
        session::{Activity, Authentication, Identity, Session, SessionId},
        time::Timestamp,
        user::{LoginId, User, UserId},
    },
    ports::{
        StoreError,
        store::{
            Account, Attempt, Ceremony, Device, DeviceId, FoundHeld, Invitation, PasskeyFactor, PasswordFactor,
            Purpose, SealedKey, SentCode, SentPurpose, SessionSummary, TotpFactor, Undo, WaitingHeld,
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

/// One proof: a half session's first, or one of `authentications`.
#[derive(FromRow)]
pub(super) struct ProofRow {
    method: String,
    factor_id: Uuid,
    proven_at: i64,
}

/// A row of `attempts`.
#[derive(FromRow)]
pub(super) struct AttemptRow {
    user_id: Uuid,
    #[sqlx(flatten)]
    first: ProofRow,
    #[sqlx(flatten)]
    risk: RiskRow,
}

/// The columns of an assessment.
#[derive(FromRow)]
struct RiskRow {
    risk_score: i64,
    risk_signals: String,
}

/// A row of `traces`.
#[derive(FromRow)]
pub(super) struct TraceRow {
    browser: Vec<u8>,
    subnet: String,
    country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    left_at: i64,
    counts_from: i64,
}

/// A session beside one of its authentications; a session has as many rows as it has those, but at least one.
#[derive(FromRow)]
pub(super) struct SessionRow {
    session_id: Uuid,
    user_id: Uuid,
    started_at: i64,
    seen_at: i64,
    active_at: i64,
    quiet: i64,
    locked_at: Option<i64>,
    #[sqlx(flatten)]
    place: PlaceRow,
    #[sqlx(flatten)]
    risk: RiskRow,
    method: Option<String>,
    factor_id: Option<Uuid>,
    proven_at: Option<i64>,
}

/// A row of `receipts`.
#[derive(FromRow)]
pub(super) struct ReceiptRow {
    method: String,
    proven_at: i64,
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

/// A user beside a session.
#[derive(FromRow)]
pub(super) struct IdentityRow {
    #[sqlx(flatten)]
    user: UserRow,
    #[sqlx(flatten)]
    session: SessionRow,
}

/// A login id beside a session.
#[derive(FromRow)]
pub(super) struct SummaryRow {
    login_id: String,
    #[sqlx(flatten)]
    session: SessionRow,
}

/// A row of `handoffs`, as it was deleted.
#[derive(FromRow)]
pub(super) struct HandoffRow {
    pub(super) session_id: Uuid,
    pub(super) host: String,
    pub(super) browser: Vec<u8>,
    pub(super) made_at: i64,
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
        let enrol_until = row.enrol_until.map(Timestamp::from_millis);
        Ok(Self { user: User::try_from(&row.user)?, password, enrol_until })
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

impl AttemptRow {
    /// The half session of this token.
    pub(super) fn read(self, token: TokenHash) -> Result<Attempt, StoreError> {
        let Self { user_id, first, risk } = self;
        let bad = |column| bad("attempts", user_id, column);
        let method = Method::by_name(&first.method).ok_or_else(|| bad("method"))?;
        let at = Timestamp::from_millis(first.proven_at);
        let first = Authentication { method, factor: FactorId(first.factor_id), at };
        Ok(Attempt { token, user: UserId(user_id), first, risk: risk.read().map_err(bad)? })
    }
}

impl SessionRow {
    /// The authentication in this row; none if the session has none at all.
    fn authentication(&self) -> Result<Option<Authentication>, StoreError> {
        let (Some(method), Some(factor), Some(at)) = (&self.method, self.factor_id, self.proven_at) else {
            return Ok(None);
        };
        let method = Method::by_name(method).ok_or_else(|| bad("authentications", self.session_id, "method"))?;
        Ok(Some(Authentication { method, factor: FactorId(factor), at: Timestamp::from_millis(at) }))
    }

    /// The session of which this is the first row, and `rows` are all.
    fn session<'a>(&self, rows: impl Iterator<Item = &'a Self>) -> Result<Session, StoreError> {
        Ok(Session {
            id: SessionId(self.session_id),
            user: UserId(self.user_id),
            authentications: rows.filter_map(|row| row.authentication().transpose()).collect::<Result<_, _>>()?,
            started_at: Timestamp::from_millis(self.started_at),
            seen_at: Timestamp::from_millis(self.seen_at),
            activity: Activity {
                at: Timestamp::from_millis(self.active_at),
                quiet_max: u64::try_from(self.quiet)
                    .map(Duration::from_millis)
                    .map_err(|_| bad("sessions", self.session_id, "quiet"))?,
            },
            locked_at: self.locked_at.map(Timestamp::from_millis),
            place: self.place.read().ok_or_else(|| bad("sessions", self.session_id, "address"))?,
            risk: self.risk.read().map_err(|column| bad("sessions", self.session_id, column))?,
        })
    }
}

impl ReceiptRow {
    /// The receipt of this session for this request.
    pub(super) fn read(self, session: SessionId, request: Fingerprint) -> Result<Receipt, StoreError> {
        let method = Method::by_name(&self.method).ok_or_else(|| bad("receipts", session.0, "method"))?;
        Ok(Receipt { session, request, method, at: Timestamp::from_millis(self.proven_at) })
    }
}

impl PlaceRow {
    /// The place; `None` if its address is none.
    fn read(&self) -> Option<Place> {
        let address = self.address.as_ref().map(|address| address.parse()).transpose().ok()?;
        Some(Place { browser: self.browser.clone(), address })
    }
}

/// How an assessment's score is written.
pub(super) fn score(risk: &Assessment) -> i64 {
    u8::from(risk.score).into()
}

/// How its signals are written.
pub(super) fn signals(risk: &Assessment) -> String {
    risk.signals.iter().map(|signal| signal.name()).collect::<Vec<_>>().join(" ")
}

impl RiskRow {
    /// The assessment; the column that can't be, if one can't.
    fn read(&self) -> Result<Assessment, &'static str> {
        let score = u8::try_from(self.risk_score).ok().and_then(Score::new).ok_or("risk_score")?;
        let signals = self.risk_signals.split_whitespace().map(Signal::by_name).collect::<Option<_>>();
        Ok(Assessment { score, signals: signals.ok_or("risk_signals")? })
    }
}

impl TraceRow {
    /// What this user left behind.
    pub(super) fn read(self, user: UserId) -> Result<Trace, StoreError> {
        let bad = |column| bad("traces", user.0, column);
        let coordinates = match (self.latitude, self.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                Some(Coordinates::near(latitude, longitude).ok_or_else(|| bad("latitude"))?)
            }
            (Some(_), None) | (None, Some(_)) => return Err(bad("longitude")),
        };
        let country = self.country.map(|code| Country::parse(&code).ok_or_else(|| bad("country"))).transpose()?;
        Ok(Trace {
            browser: TokenHash::from_bytes(self.browser.try_into().map_err(|_| bad("browser"))?),
            subnet: Subnet::of(self.subnet.parse().map_err(|_| bad("subnet"))?),
            whereabouts: country.map(|country| Whereabouts { country, coordinates }),
            at: Timestamp::from_millis(self.left_at),
            counts_from: Timestamp::from_millis(self.counts_from),
        })
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

/// The one identity that these rows are.
pub(super) fn identity(rows: &[IdentityRow]) -> Result<Option<Identity>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let session = first.session.session(rows.iter().map(|row| &row.session))?;
    Ok(Some(Identity { user: User::try_from(&first.user)?, session }))
}

/// The identities that these rows are. Rows of one session stand together.
pub(super) fn identities(rows: &[IdentityRow]) -> Result<Vec<Identity>, StoreError> {
    let sessions = rows.chunk_by(|a, b| a.session.session_id == b.session.session_id);
    sessions.filter_map(|rows| identity(rows).transpose()).collect()
}

/// The sessions that these rows are. Rows of one session stand together.
pub(super) fn summaries(rows: &[SummaryRow]) -> Result<Vec<SessionSummary>, StoreError> {
    let sessions = rows.chunk_by(|a, b| a.session.session_id == b.session.session_id);
    sessions.filter_map(<[SummaryRow]>::split_first).map(|(first, rest)| summary(first, rest)).collect()
}

fn summary(first: &SummaryRow, rest: &[SummaryRow]) -> Result<SessionSummary, StoreError> {
    let rows = std::iter::once(first).chain(rest).map(|row| &row.session);
    let login_id = login_id(&first.login_id).ok_or_else(|| bad("accounts", first.session.user_id, "login_id"))?;
    Ok(SessionSummary { login_id, session: first.session.session(rows)? })
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
