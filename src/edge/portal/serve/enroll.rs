//! `/enroll/totp`: setting up an authenticator app.

use super::{
    Desk, Fields, Reply, Visit,
    challenge::{CodeForm, shown, status},
    login::Link,
    onward,
};
use crate::{
    domain::factor::{KeyKind, Method},
    edge::portal::{
        challenge::ProofNotice,
        enroll::{
            refused::{EnrollRefusedPage, WhyRefused},
            totp::{EnrollTotpPage, QrPicture},
        },
    },
    flows::{
        challenge::{self, ChallengeError},
        enroll::{self, Offer},
        sessions::{self, Bearer},
    },
    ports::StoreError,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct EnrollForm {
    offer: String,
    #[serde(flatten)]
    answer: CodeForm,
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => match enroll::offer(&desk.world, &bearer).await {
            Ok(offer) => page(&desk, &visit, to, &bearer, &offer, None),
            Err(error) => refuse(&desk, &visit, to, &bearer, &error).await,
        },
        Err(error) => desk.unavailable(&error),
    }
}

pub(super) async fn submit(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<EnrollForm>) -> Reply {
    let EnrollForm { offer, answer: CodeForm { code, carried } } = form;
    if let Err(refusal) = desk.check(&visit, &carried) {
        return *refusal;
    }
    let to = desk.journey(carried.to.as_deref()).and(carried.to.as_deref());
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let user = bearer.user().map(|user| user.id.0);
    match enroll::confirm(&desk.world, &bearer, &offer, &code, &visit.caller).await {
        Ok(opened) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, "authenticator app enrolled");
            desk.hand_out_codes(visit, &opened, to).await
        }
        Err(error @ (ChallengeError::Wrong | ChallengeError::Throttled(_))) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, %error, "enrolment refused");
            match enroll::offer_again(&desk.world, &bearer, &offer).await {
                Ok(offer) => page(&desk, &visit, to, &bearer, &offer, Some(shown(&desk, &error))),
                Err(error) => refuse(&desk, &visit, to, &bearer, &error).await,
            }
        }
        Err(error) => refuse(&desk, &visit, to, &bearer, &error).await,
    }
}

/// Where somebody sets up their first second factor.
pub(super) fn first(desk: &Desk) -> &'static str {
    let methods = &desk.world.settings.methods;
    if methods.contains(&Method::Totp) {
        "/enroll/totp"
    } else if methods.contains(&Method::Passkey) {
        "/enroll/passkey"
    } else {
        "/enroll/security-key"
    }
}

fn page(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    bearer: &Bearer,
    offer: &Offer,
    notice: Option<ProofNotice>,
) -> Reply {
    let uri = offer.key.to_uri().unwrap_or_default();
    let Ok(qr) = QrPicture::of(&uri) else {
        return onward("/login", to);
    };
    let key = offer.key.to_base32();
    desk.form_page(visit, to, |hidden| {
        desk.page(
            status(notice),
            &EnrollTotpPage {
                frame: desk.frame(),
                hidden,
                login_id: login_id(bearer),
                offer: &offer.sealed,
                qr: &qr,
                key: &key,
                uri: &uri,
                other: KeyKind::ALL
                    .iter()
                    .map(|kind| kind.method())
                    .find(|method| desk.world.settings.methods.contains(method)),
                notice,
            },
        )
    })
}

async fn refuse(desk: &Desk, visit: &Visit, to: Option<&str>, bearer: &Bearer, error: &ChallengeError) -> Reply {
    match (error, bearer) {
        (ChallengeError::Store(error), _) => desk.unavailable(error),
        (ChallengeError::NotEnrolled, Bearer::Half(_) | Bearer::Full(_)) => match has_already(desk, bearer).await {
            Ok(None) => refused(desk, visit, to, login_id(bearer), WhyRefused::NeedsOperator),
            Ok(Some(_)) if matches!(bearer, Bearer::Half(_)) => onward("/challenge", to),
            Ok(Some(why)) => refused(desk, visit, to, login_id(bearer), why),
            Err(error) => desk.unavailable(&error),
        },
        _ => onward("/login", to),
    }
}

/// What they have instead; `None` if their account has no second factor.
async fn has_already(desk: &Desk, bearer: &Bearer) -> Result<Option<WhyRefused>, StoreError> {
    let Some(user) = bearer.user() else { return Ok(None) };
    let held = challenge::held(&desk.world, user.id).await?;
    Ok(if held.contains(&Method::Totp) {
        Some(WhyRefused::AlreadyThere)
    } else {
        KeyKind::ALL.iter().copied().find(|kind| held.contains(&kind.method())).map(WhyRefused::HasKey)
    })
}

/// Says who can help somebody who may not set up a method now.
pub(super) fn refused(desk: &Desk, visit: &Visit, to: Option<&str>, login_id: &str, why: WhyRefused) -> Reply {
    desk.form_page(visit, to, |hidden| {
        let page = EnrollRefusedPage { frame: desk.frame(), hidden, login_id, why };
        desk.page(StatusCode::FORBIDDEN, &page)
    })
}

pub(super) fn login_id(bearer: &Bearer) -> &str {
    bearer.user().map_or("", |user| user.login_id.as_str())
}
