//! `/logout`.

use super::{Carried, Desk, Fields, Reply, Visit, login::Link, onward};
use crate::{
    edge::{
        http::cookies::{self, Name},
        portal::{
            logout::LogoutPage,
            signed_out::{Scope, SignedOutPage},
        },
    },
    flows::sessions::{self, Bearer},
    ports::StoreError,
};
use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct LogoutForm {
    /// Present where every session of this person is to end.
    everywhere: Option<String>,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => match bearer.user() {
            Some(user) => desk.form_page(&visit, to, |hidden| {
                desk.page(StatusCode::OK, &LogoutPage { frame: desk.frame(), hidden, login_id: user.login_id.as_str() })
            }),
            None => done(&desk, Scope::Nothing),
        },
        Err(error) => desk.unavailable(&error),
    }
}

pub(super) async fn submit(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<LogoutForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    match end(&desk, &visit, form.everywhere.is_some()).await {
        // Somebody who was on their way to an app wants to go there as somebody else.
        Ok(_) if to.is_some() => forget(onward("/login", to)),
        Ok(scope) => forget(done(&desk, scope)),
        Err(error) => desk.unavailable(&error),
    }
}

async fn end(desk: &Desk, visit: &Visit, everywhere: bool) -> Result<Scope, StoreError> {
    let Some(token) = &visit.token else { return Ok(Scope::Nothing) };
    if everywhere && let Bearer::Full(full) = sessions::recognise(&desk.world, Some(token)).await? {
        let user = full.identity.user.id;
        for ended in desk.world.store.sessions(Some(user)).await? {
            desk.ended.note(ended.session.id);
        }
        let count = sessions::sign_out_everywhere(&desk.world, user, &visit.caller).await?;
        tracing::info!(user.id = %user.0, count, "signed out everywhere");
        return Ok(Scope::Everywhere);
    }
    if let Some(session) = sessions::sign_out(&desk.world, token, &visit.caller).await? {
        desk.ended.note(session);
        tracing::info!(session.id = %session.0, "signed out");
    }
    Ok(Scope::ThisBrowser)
}

fn done(desk: &Desk, scope: Scope) -> Reply {
    desk.page(StatusCode::OK, &SignedOutPage { frame: desk.frame(), scope })
}

fn forget(mut reply: Reply) -> Reply {
    reply.headers_mut().append(header::SET_COOKIE, cookies::unset(Name::SignIn));
    reply
}
