//! Somebody's sessions: ending others, and locking this one.

use super::{Carried, Desk, Fields, Reply, Visit, onward, see_other, way::Errand};
use crate::{
    domain::{
        session::{Session, SessionId},
        time::Timestamp,
    },
    edge::portal::account::{OtherRow, changed::ChangedPage},
    flows::{
        challenge::ChallengeError,
        factors::ChangeError,
        sessions::{self, Full},
    },
};
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Deserialize)]
pub(super) struct EndForm {
    session: Uuid,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /account/changed`: where a change to how one signs in leads.
pub(super) async fn changed(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    let others = match sessions::others(&desk.world, &full).await {
        Ok(others) => rows(&others, desk.world.clock.now()),
        Err(error) => return desk.unavailable(&error),
    };
    if others.is_empty() {
        return see_other("/account");
    }
    desk.form_page(&visit, None, |hidden| {
        desk.page(StatusCode::OK, &ChangedPage { frame: desk.frame(), hidden, others: &others })
    })
}

/// `POST /account/sessions/end`.
pub(super) async fn end(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<EndForm>) -> Reply {
    act(&desk, &visit, &form.carried, async |full| {
        let session = SessionId(form.session);
        if sessions::end_other(&desk.world, full, session, &visit.caller).await? {
            desk.ended.note(session);
            tracing::info!(user.id = %full.identity.user.id.0, session.id = %session.0, "session ended by its owner");
        }
        Ok(())
    })
    .await
}

/// `POST /account/sessions/end-others`.
pub(super) async fn end_others(State(desk): State<Arc<Desk>>, visit: Visit, Fields(carried): Fields<Carried>) -> Reply {
    act(&desk, &visit, &carried, async |full| {
        // Asked beforehand: afterwards nobody knows which they were.
        let others = sessions::others(&desk.world, full).await?;
        let count = sessions::end_others(&desk.world, full, &visit.caller).await?;
        for other in others {
            desk.ended.note(other.id);
        }
        tracing::info!(user.id = %full.identity.user.id.0, count, "other sessions ended by their owner");
        Ok(())
    })
    .await
}

/// `POST /account/lock`. It needs no proof: it gives something up.
pub(super) async fn lock(State(desk): State<Arc<Desk>>, visit: Visit, Fields(carried): Fields<Carried>) -> Reply {
    act(&desk, &visit, &carried, async |full| {
        sessions::lock(&desk.world, full, &visit.caller).await?;
        // What the data plane remembers of it does not know of the lock yet.
        desk.ended.note_change(full.identity.session.id);
        tracing::info!(session.id = %full.identity.session.id.0, "session locked");
        Ok(())
    })
    .await
}

async fn act(
    desk: &Desk,
    visit: &Visit,
    carried: &Carried,
    act: impl AsyncFnOnce(&Full) -> Result<(), ChangeError>,
) -> Reply {
    if let Err(refusal) = desk.check(visit, carried) {
        return *refusal;
    }
    let full = match desk.signed_in(visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match act(&full).await {
        Err(ChangeError::NeedsProof(_)) => onward("/challenge", Some(&Errand::Sessions.name())),
        Err(ChangeError::Challenge(ChallengeError::Store(error))) => desk.unavailable(&error),
        // Nothing else is asked of whoever ends or locks a session.
        Ok(()) | Err(_) => see_other(&Errand::Sessions.path()),
    }
}

/// Sessions as pages show them.
pub(super) fn rows(sessions: &[Session], now: Timestamp) -> Vec<OtherRow> {
    sessions.iter().map(|session| row(session, now)).collect()
}

/// One of them.
pub(super) fn row(session: &Session, now: Timestamp) -> OtherRow {
    OtherRow {
        id: session.id.0,
        place: session.place.clone(),
        began: session.started_at.age(now).unwrap_or_default(),
        seen: session.seen_at.age(now).unwrap_or_default(),
    }
}
