//! `/account`, `/account/activity`, and the portal's front.

use super::{
    Desk, Reply, Visit, factors, onward, reminder::setting_up, see_other, sessions::row as session_row,
    sessions::rows as session_rows,
};
use crate::{
    domain::{
        change::recovered_until,
        contact::{Contact, Kind},
        enrolment::Grace,
        factor::{FactorId, Method},
        session::{Session, latest, proven},
        time::Timestamp,
    },
    edge::{
        http::words::{Deadline, Upcoming},
        portal::account::{
            AccountNotice, AccountPage, AppRow, ContactRow, SentRow, Serves, SessionRow,
            activity::{ActivityPage, ActivityRow},
        },
    },
    flows::{
        codes::{self, Reached},
        contacts, grace, recovery,
        sessions::{self, Bearer, Full},
    },
    ports::StoreError,
};
use axum::{extract::State, http::StatusCode};
use std::{sync::Arc, time::Duration};

/// Events that are read, so that what happened again and again hides nothing.
const EVENTS_READ: u32 = 100;

/// Rows on the page of its own, and on the account page.
const ROWS_OF_ALL: usize = 20;
const ROWS_OF_LATEST: usize = 3;

pub(super) async fn front() -> Reply {
    see_other("/account")
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    match desk.signed_in(&visit).await {
        Ok(full) => desk.account(&visit, &full, None).await,
        Err(reply) => *reply,
    }
}

/// `GET /account/activity`.
pub(super) async fn show_activity(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match activity(&desk, &full, ROWS_OF_ALL).await {
        Ok(rows) => desk.page(StatusCode::OK, &ActivityPage { frame: desk.frame(), rows: &rows }),
        Err(error) => desk.unavailable(&error),
    }
}

impl Desk {
    /// Whoever is signed in; or where to go first.
    pub(super) async fn signed_in(&self, visit: &Visit) -> Result<Box<Full>, Box<Reply>> {
        match sessions::recognise(&self.world, visit.token.as_ref()).await {
            Ok(Bearer::Full(full)) => Ok(full),
            Ok(Bearer::Half(_)) => Err(Box::new(see_other("/challenge"))),
            Ok(Bearer::Nobody(_)) => Err(Box::new(onward("/login", None))),
            Err(error) => Err(Box::new(self.unavailable(&error))),
        }
    }

    /// The account page, with what there is to say first.
    pub(super) async fn account(&self, visit: &Visit, full: &Full, notice: Option<AccountNotice>) -> Reply {
        page(self, visit, full, notice).await.unwrap_or_else(|error| self.unavailable(&error))
    }
}

async fn page(desk: &Desk, visit: &Visit, full: &Full, notice: Option<AccountNotice>) -> Result<Reply, StoreError> {
    let (user, session) = (&full.identity.user, &full.identity.session);
    let now = desk.world.clock.now();
    sessions::touch(&desk.world, &full.identity).await?;
    let password = desk.world.store.account(user.id).await?.and_then(|account| account.password);
    let (own, primary) = factors::own(desk, full).await?;
    let factors: Vec<_> = own.iter().map(|factor| factors::row(factor, primary, now)).collect();
    let reached = codes::reached(&desk.world, user.id).await?;
    let sent: Vec<_> = reached.iter().filter_map(|reached| sent_row(reached, primary, now)).collect();
    let has_phone = sent.iter().any(|row| row.kind == Kind::Phone);
    let may_have_codes = desk.world.settings.recovery_codes > 0 && (has_phone || !own.is_empty());
    let recovery_codes = if may_have_codes { Some(recovery::left(&desk.world, user.id).await?) } else { None };
    let addresses = desk.world.store.contacts(user.id).await?;
    let contacts = contact_rows(desk, full, &addresses, &sent);
    let apps: Vec<_> = desk.directory.iter().map(|(title, url)| AppRow { title, url }).collect();
    let others = session_rows(&sessions::others(&desk.world, full).await?, now);
    let activity = activity(desk, full, ROWS_OF_LATEST).await?;
    let (here, proofs) = (session_row(session, now), proofs(session, now));
    let notice = match notice.or_else(|| reminder(session, now)) {
        Some(notice) => Some(notice),
        None => owed(desk, visit, full).await?,
    };
    let methods = desk.world.settings.methods_of(&user.groups);
    Ok(desk.form_page(visit, None, |hidden| {
        desk.page(
            StatusCode::OK,
            &AccountPage {
                frame: desk.frame(),
                hidden,
                name: &user.name,
                login_id: user.login_id.as_str(),
                notice,
                methods: &methods,
                factors: &factors,
                remembers: desk.world.settings.remember.is_some(),
                sent: &sent,
                contacts: &contacts,
                recovery_codes,
                password: password.map(|password| password.changed_at.age(now).unwrap_or_default()),
                apps: &apps,
                session: SessionRow {
                    here: &here,
                    ends: Upcoming { at: session.started_at + desk.world.settings.limits.lifetime, now },
                    proofs: &proofs,
                    locked: locked(session, now),
                },
                others: &others,
                activity: &activity,
            },
        )
    }))
}

async fn activity(desk: &Desk, full: &Full, most: usize) -> Result<Vec<ActivityRow>, StoreError> {
    let events = desk.world.store.recent_events(full.identity.user.id, EVENTS_READ).await?;
    Ok(ActivityRow::of(&events, most, desk.world.clock.now()))
}

/// What was proven in a session, and how long ago; the latest first.
fn proofs(session: &Session, now: Timestamp) -> Vec<(Method, Duration)> {
    let mut proofs: Vec<_> =
        proven(&session.authentications, now).filter_map(|proof| Some((proof.method, proof.at.age(now)?))).collect();
    proofs.sort_by_key(|(_, age)| *age);
    proofs
}

/// How long ago a session was locked, if nothing was proven in it since.
fn locked(session: &Session, now: Timestamp) -> Option<Duration> {
    let locked_at = session.locked_at?;
    let is_open = session.authentications.iter().any(|proof| proof.at > locked_at);
    (!is_open).then(|| locked_at.age(now).unwrap_or_default())
}

/// Reminds somebody who had to use a recovery code, until they prove a second factor again.
fn reminder(session: &Session, now: Timestamp) -> Option<AccountNotice> {
    let second = [Method::Passkey, Method::SecurityKey, Method::Totp, Method::SmsCode, Method::VoiceCode];
    let at = |methods: &[Method]| latest(&session.authentications, methods, now).map(|proof| proof.at);
    let recovered = at(&[Method::RecoveryCode])?;
    let until = recovered_until(session, now).map(|at| Upcoming { at, now });
    at(&second).is_none_or(|proven| proven < recovered).then_some(AccountNotice::Recovered { until })
}

/// Reminds somebody who signs in without the second step that is required of them.
async fn owed(desk: &Desk, visit: &Visit, full: &Full) -> Result<Option<AccountNotice>, StoreError> {
    let Some(grace) = grace::of(&desk.world, &full.identity.user).await? else { return Ok(None) };
    let ends = match grace {
        Grace::Until(at) => Some(Deadline { at, now: desk.world.clock.now() }),
        Grace::Ahead | Grace::Over => None,
    };
    let bearer = sessions::recognise(&desk.world, visit.token.as_ref()).await?;
    Ok(Some(AccountNotice::Owed { ends, setting_up: setting_up(desk, &bearer).await? }))
}

fn sent_row(Reached { contact, methods }: &Reached, primary: Option<FactorId>, now: Timestamp) -> Option<SentRow<'_>> {
    Some(SentRow {
        kind: contact.address.kind(),
        address: contact.address.as_str(),
        method: *methods.first()?,
        used: contact.used_at.map(|at| at.age(now).unwrap_or_default()),
        is_primary: primary == Some(contact.id),
    })
}

fn contact_rows<'a>(desk: &Desk, full: &Full, contacts: &'a [Contact], sent: &[SentRow<'_>]) -> Vec<ContactRow<'a>> {
    let row = |kind: Kind| {
        let known = contacts.iter().find(|contact| contact.address.kind() == kind && contact.verified_at.is_some());
        let address = known.map(|contact| contact.address.as_str());
        let is_sent_to = sent.iter().any(|row| row.kind == kind);
        let serves = if is_sent_to { Serves::SigningIn } else { Serves::Notices };
        let is_shown = address.is_some() || contacts::is_offered(&desk.world, &full.identity.user, kind);
        is_shown.then_some(ContactRow { kind, address, serves })
    };
    Kind::ALL.iter().filter_map(|kind| row(*kind)).collect()
}
