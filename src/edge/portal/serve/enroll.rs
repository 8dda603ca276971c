//! `/enroll`: what may be set up, and setting up an authenticator app.

use super::{
    Desk, Fields, Reply, Visit,
    challenge::{CodeForm, kept, reason_of, shown, status},
    login::Link,
    mailbox, onward, see_other,
    way::Errand,
};
use crate::{
    domain::{
        change::recovered_until,
        factor::{KeyKind, Method},
        policy::Missing,
    },
    edge::portal::{
        challenge::ProofNotice,
        enroll::{
            choose::{EnrollChoicePage, Necessity},
            refused::{EnrollRefusedPage, WhyRefused},
            totp::{EnrollTotpPage, QrPicture},
        },
    },
    flows::{
        challenge::ChallengeError,
        enroll::{self, Offer},
        factors::ChangeError,
        recovery,
        sessions::{self, Bearer, Full},
        sign_in::Opened,
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
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    answer: CodeForm,
}

/// `GET /enroll`: what may be set up, strongest first. Where there is no choice it leads on.
pub(super) async fn choose(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let asking = match &bearer {
        Bearer::Full(full) => match desk.journey(to) {
            Some(journey) => match desk.toll(&journey, &full.identity).await {
                Ok(toll) => toll.map(|toll| (toll, full, journey)),
                Err(error) => return desk.unavailable(&error),
            },
            None => None,
        },
        Bearer::Half(_) => None,
        Bearer::Nobody(_) => return onward("/login", to),
    };
    let methods = match &asking {
        Some((toll, full, _)) => remedies(&desk, &bearer, full, &toll.missing).await,
        None => enroll::enrollable(&desk.world, &bearer).await,
    };
    let methods = match methods {
        Ok(methods) => methods,
        Err(error) => return desk.unavailable(&error),
    };
    let necessity = match (&asking, &bearer) {
        (Some((toll, _, journey)), _) => Necessity::Asked { reason: reason_of(toll), kept: kept(Some(journey)) },
        (None, Bearer::Half(_)) => Necessity::Required,
        (None, Bearer::Full(_) | Bearer::Nobody(_)) => Necessity::Offered,
    };
    match (methods.as_slice(), necessity) {
        // Where they are told what they lack and who can help.
        ([], Necessity::Asked { .. }) => onward("/challenge", to),
        // What says why not.
        ([], _) => {
            let may_have = may_have(&desk, &bearer);
            let method = enroll::SET_UP.into_iter().find(|method| may_have.contains(method)).unwrap_or(Method::Totp);
            onward(&format!("/enroll/{method}"), to)
        }
        ([only], Necessity::Required | Necessity::Offered) => onward(&format!("/enroll/{only}"), to),
        (methods, necessity) => desk.form_page(&visit, to, |hidden| {
            let (frame, login_id) = (desk.frame(), login_id(&bearer));
            desk.page(StatusCode::OK, &EnrollChoicePage { frame, hidden, login_id, methods, necessity })
        }),
    }
}

/// What somebody may set up, now or after one more proof, that would do for what is missing.
pub(super) async fn remedies(
    desk: &Desk,
    bearer: &Bearer,
    full: &Full,
    missing: &Missing,
) -> Result<Vec<Method>, StoreError> {
    let proofs = &full.identity.session.authentications;
    let now = desk.world.clock.now();
    let mut methods = enroll::enrollable(&desk.world, bearer).await?;
    methods.retain(|method| missing.helped_by(*method, proofs, now));
    Ok(methods)
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => match enroll::offer(&desk.world, &bearer).await {
            Ok(offer) => page(&desk, &visit, to, &bearer, &offer, ("", None)),
            Err(error) => refuse(&desk, &visit, to, &bearer, &error, Errand::AddTotp),
        },
        Err(error) => desk.unavailable(&error),
    }
}

pub(super) async fn submit(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<EnrollForm>) -> Reply {
    let EnrollForm { offer, name, answer: CodeForm { code, carried } } = form;
    if let Err(refusal) = desk.check(&visit, &carried) {
        return *refusal;
    }
    let to = desk.journey(carried.to.as_deref()).and(carried.to.as_deref());
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let user = bearer.user().map(|user| user.id.0);
    let lacks_codes = match lacks_codes(&desk, &bearer).await {
        Ok(lacks_codes) => lacks_codes,
        Err(error) => return desk.unavailable(&error),
    };
    match enroll::confirm(&desk.world, &bearer, &offer, &code, &name, &visit.caller).await {
        Ok(opened) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, "authenticator app enrolled");
            if lacks_codes {
                return desk.hand_out_codes(visit, &opened, to).await;
            }
            desk.changed(&opened, to).await
        }
        Err(ChangeError::Challenge(error @ (ChallengeError::Wrong | ChallengeError::Throttled(_)))) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, %error, "enrolment refused");
            match enroll::offer_again(&desk.world, &bearer, &offer).await {
                Ok(offer) => page(&desk, &visit, to, &bearer, &offer, (&name, Some(shown(&desk, &error)))),
                Err(error) => refuse(&desk, &visit, to, &bearer, &error, Errand::AddTotp),
            }
        }
        Err(error) => refuse(&desk, &visit, to, &bearer, &error, Errand::AddTotp),
    }
}

fn page(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    bearer: &Bearer,
    offer: &Offer,
    (name, notice): (&str, Option<ProofNotice>),
) -> Reply {
    let uri = offer.key.to_uri().unwrap_or_default();
    let Ok(qr) = QrPicture::of(&uri) else {
        return onward("/login", to);
    };
    let key = offer.key.to_base32();
    let may_have = may_have(desk, bearer);
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
                other: KeyKind::ALL.iter().map(|kind| kind.method()).find(|method| may_have.contains(method)),
                name,
                notice,
            },
        )
    })
}

/// Whether recovery codes come with a new app: with the first, and in place of those that one was used of.
pub(super) async fn lacks_codes(desk: &Desk, bearer: &Bearer) -> Result<bool, StoreError> {
    let Bearer::Full(full) = bearer else { return Ok(true) };
    Ok(is_recovered(desk, bearer) || recovery::left(&desk.world, full.identity.user.id).await? == 0)
}

/// Whether somebody is replacing what they lost, with one of their recovery codes (RC-03).
pub(super) fn is_recovered(desk: &Desk, bearer: &Bearer) -> bool {
    let Bearer::Full(full) = bearer else { return false };
    recovered_until(&full.identity.session, desk.world.clock.now()).is_some()
}

/// What somebody sees who may not set up a method now. `errand` is what they came for.
pub(super) fn refuse(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    bearer: &Bearer,
    error: &ChangeError,
    errand: Errand,
) -> Reply {
    let refused = |why| refused(desk, visit, to, login_id(bearer), why);
    match (error, bearer) {
        (ChangeError::NeedsProof(_), _) => onward("/challenge", Some(&errand.name_on(to))),
        (ChangeError::NeedsMailbox, _) => onward(mailbox::PATH, to),
        (ChangeError::NeedsOperator, _) => refused(WhyRefused::NeedsOperator),
        (ChangeError::NotOffered, _) => refused(WhyRefused::NotOffered),
        (ChangeError::EmailFirst, Bearer::Full(_)) => refused(WhyRefused::EmailFirst),
        (ChangeError::EmailFirst, _) => refused(WhyRefused::EmailFirstByOperator),
        (ChangeError::TooMany, _) => refused(WhyRefused::TooMany),
        (ChangeError::Challenge(ChallengeError::Store(error)), _) => desk.unavailable(error),
        // A half session of somebody who has a second factor has a step to take first.
        (ChangeError::Challenge(_), Bearer::Half(_)) => onward("/challenge", to),
        (ChangeError::Challenge(_), Bearer::Full(_)) => see_other(&errand.path()),
        (ChangeError::Challenge(_), Bearer::Nobody(_)) => onward("/login", to),
        (ChangeError::Unknown | ChangeError::Kept, _) => see_other("/account"),
    }
}

impl Desk {
    /// Sends somebody on who has just changed how they sign in: where they were heading, or to where they can end their
    /// other sessions (EN-03).
    pub(super) async fn changed(&self, opened: &Opened, to: Option<&str>) -> Reply {
        match to {
            Some(_) => self.arrive(opened, to).await,
            None => self.keep(see_other("/account/changed"), opened),
        }
    }
}

/// Says who can help somebody who may not set up a method now.
pub(super) fn refused(desk: &Desk, visit: &Visit, to: Option<&str>, login_id: &str, why: WhyRefused) -> Reply {
    desk.form_page(visit, to, |hidden| {
        let page = EnrollRefusedPage { frame: desk.frame(), hidden, login_id, why };
        desk.page(StatusCode::FORBIDDEN, &page)
    })
}

/// What somebody may set up at all.
pub(super) fn may_have(desk: &Desk, bearer: &Bearer) -> Vec<Method> {
    desk.world.settings.methods_of(bearer.user().map_or(&[], |user| &user.groups))
}

pub(super) fn login_id(bearer: &Bearer) -> &str {
    bearer.user().map_or("", |user| user.login_id.as_str())
}
