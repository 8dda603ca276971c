//! Ann and her friends, and what they do at noon.

use doorward::{
    domain::{
        factor::{FactorId, Method},
        place::Place,
        risk::{Assessment, Score, Signal},
        secret::TokenHash,
        session::{Activity, Authentication, Session, SessionId},
        target::Host,
        time::Timestamp,
        user::{LoginId, User, UserId},
    },
    ports::{
        Store,
        store::{Account, Added, Attempt, Handoff, LastFactor, PasswordFactor, Phones, Removal, TotpFactor},
    },
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_790_000_000_000);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

pub(crate) const ANN: UserId = UserId(Uuid::from_u128(0xa));
pub(crate) const BOB: UserId = UserId(Uuid::from_u128(0xb));

pub(crate) async fn the_store_answers(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}

/// An account with nothing but a login id.
pub(crate) fn account(id: UserId, login_id: &str) -> Account {
    let user = User {
        id,
        login_id: LoginId::parse(login_id).unwrap(),
        name: login_id.to_owned(),
        email: None,
        groups: vec![],
        language: None,
        disabled: false,
        created_at: NOON,
    };
    Account { user, password: None, approval: None }
}

/// Ann and Bob have accounts.
pub(crate) async fn settle(store: &Arc<dyn Store>) {
    for account in [account(ANN, "ann"), account(BOB, "bob")] {
        assert_eq!(store.add_account(&account).await.unwrap(), Added::New);
    }
}

pub(crate) fn password(phc: &str) -> PasswordFactor {
    PasswordFactor { id: factor(1), phc: phc.to_owned(), changed_at: NOON }
}

pub(crate) fn totp(id: u8, user: UserId) -> TotpFactor {
    TotpFactor {
        id: factor(id),
        user,
        name: "phone".to_owned(),
        sealed_key: vec![id, 0, 255],
        spent_step: 100,
        created_at: NOON,
        used_at: None,
    }
}

pub(crate) fn factor(id: u8) -> FactorId {
    FactorId(Uuid::from_u128(id.into()))
}

/// Of whatever it is, where a phone may be what is left, and nothing need be.
pub(crate) fn removal(user: UserId, id: u8) -> Removal {
    Removal { user, id: factor(id), last: LastFactor::MayGo, phones: Phones::Count }
}

pub(crate) fn session_id(id: u8) -> SessionId {
    SessionId(Uuid::from_u128(id.into()))
}

pub(crate) fn hash(byte: u8) -> TokenHash {
    TokenHash::from_bytes([byte; 32])
}

pub(crate) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(crate) fn proof(method: Method, id: u8, at: Timestamp) -> Authentication {
    Authentication { method, factor: factor(id), at }
}

pub(crate) fn attempt(token: u8, user: UserId) -> Attempt {
    Attempt { token: hash(token), user, first: proof(Method::Password, 1, NOON), risk: risk() }
}

pub(crate) fn session(id: u8, user: UserId) -> Session {
    Session {
        id: session_id(id),
        user,
        authentications: vec![proof(Method::Password, 1, NOON), proof(Method::Totp, 2, NOON + SECOND)],
        started_at: NOON,
        seen_at: NOON,
        activity: Activity::begun(NOON),
        locked_at: None,
        spared: false,
        place: Place { browser: Some("Firefox on Linux".to_owned()), address: Some([192, 0, 2, 1].into()) },
        risk: risk(),
    }
}

/// What an unusual sign-in shows.
pub(crate) fn risk() -> Assessment {
    Assessment { score: Score::new(50).unwrap(), signals: vec![Signal::NewDevice, Signal::NewCountry] }
}

/// A handoff of session 1 to `app.example`, for browser 200.
pub(crate) fn handoff(code: u8) -> Handoff {
    Handoff { code: hash(code), session: session_id(1), host: host("app.example"), browser: hash(200), made_at: NOON }
}

/// Whether this portal token finds somebody.
pub(crate) async fn is_live(store: &Arc<dyn Store>, token: u8) -> bool {
    store.identity(hash(token)).await.unwrap().is_some()
}

/// Whether this half session is still there.
pub(crate) async fn is_half_way(store: &Arc<dyn Store>, token: u8) -> bool {
    store.attempt(hash(token), NOON - SECOND).await.unwrap().is_some()
}

/// Whether this browser is known to Ann.
pub(crate) async fn is_anns_browser(store: &Arc<dyn Store>, browser: u8) -> bool {
    store.knows_browser(hash(browser), ANN, NOON).await.unwrap()
}
