//! `/enroll/sms-code` and `/enroll/voice-code`: setting up a phone number as the second step.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{CodeForm, not_sent, on_its_way, shown, status},
    enroll::{self, login_id},
    login::Link,
    onward,
    way::Errand,
};
use crate::{
    domain::{factor::Method, secret::Token},
    edge::portal::{
        contact::Pending,
        enroll::phone::{EnrollPhonePage, PhoneNotice},
    },
    flows::{
        challenge::ChallengeError,
        codes::SendError,
        factors::{ChangeError, may_add},
        phones::{self, PhoneError},
        sessions::{self, Bearer},
    },
};
use axum::{
    Extension, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct NumberForm {
    address: String,
    #[serde(flatten)]
    carried: Carried,
}

/// Both pages, by the same handlers.
pub(super) fn router() -> Router<Arc<Desk>> {
    let pages = |method: Method| {
        let path = format!("/enroll/{method}");
        Router::new()
            .route(&path, get(show).post(begin))
            .route(&format!("{path}/confirm"), post(confirm))
            .layer(Extension(method))
    };
    pages(Method::SmsCode).merge(pages(Method::VoiceCode))
}

/// Somebody at one of these pages.
struct Guest<'a> {
    bearer: Bearer,
    browser: Token,
    method: Method,
    to: Option<&'a str>,
    typed: &'a str,
}

async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(method): Extension<Method>,
    visit: Visit,
    Query(link): Query<Link>,
) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    let guest = match welcome(&desk, &visit, method, to, "").await {
        Ok(guest) => guest,
        Err(reply) => return *reply,
    };
    match may_add(&desk.world, &guest.bearer, method).await {
        Ok(_) => page(&desk, &visit, &guest, None).await,
        Err(error) => refuse(&desk, &visit, &guest, error.into()).await,
    }
}

async fn begin(
    State(desk): State<Arc<Desk>>,
    Extension(method): Extension<Method>,
    visit: Visit,
    Fields(form): Fields<NumberForm>,
) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let guest = match welcome(&desk, &visit, method, to, &form.address).await {
        Ok(guest) => guest,
        Err(reply) => return *reply,
    };
    let (bearer, browser) = (&guest.bearer, &guest.browser);
    match phones::begin(&desk.world, bearer, method, &form.address, browser, &visit.caller).await {
        Ok(()) => onward(&format!("/enroll/{method}"), to),
        Err(error) => refuse(&desk, &visit, &guest, error).await,
    }
}

async fn confirm(
    State(desk): State<Arc<Desk>>,
    Extension(method): Extension<Method>,
    visit: Visit,
    Fields(form): Fields<CodeForm>,
) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let guest = match welcome(&desk, &visit, method, to, "").await {
        Ok(guest) => guest,
        Err(reply) => return *reply,
    };
    let (bearer, browser) = (&guest.bearer, &guest.browser);
    let lacks_codes = match enroll::lacks_codes(&desk, bearer).await {
        Ok(lacks_codes) => lacks_codes,
        Err(error) => return desk.unavailable(&error),
    };
    match phones::confirm(&desk.world, bearer, method, &form.code, browser, &visit.caller).await {
        Ok(opened) => {
            let user = bearer.user().map(|user| user.id.0);
            tracing::info!(user.id = ?user, client = %visit.caller.address, %method, "phone enrolled");
            if lacks_codes { desk.hand_out_codes(visit, &opened, to).await } else { desk.changed(&opened, to).await }
        }
        Err(error) => refuse(&desk, &visit, &guest, error).await,
    }
}

/// Who is there, and with which token; somebody who is nobody yet is sent to sign in.
async fn welcome<'a>(
    desk: &Desk,
    visit: &Visit,
    method: Method,
    to: Option<&'a str>,
    typed: &'a str,
) -> Result<Guest<'a>, Box<Reply>> {
    match (sessions::recognise(&desk.world, visit.token.as_ref()).await, &visit.token) {
        (Ok(bearer @ (Bearer::Half(_) | Bearer::Full(_))), Some(token)) => {
            Ok(Guest { bearer, browser: token.clone(), method, to, typed })
        }
        (Ok(_), _) => Err(Box::new(onward("/login", to))),
        (Err(error), _) => Err(Box::new(desk.unavailable(&error))),
    }
}

async fn refuse(desk: &Desk, visit: &Visit, guest: &Guest<'_>, error: PhoneError) -> Reply {
    let user = guest.bearer.user().map(|user| user.id.0);
    tracing::info!(user.id = ?user, client = %visit.caller.address, method = %guest.method, %error, "phone not enrolled");
    let notice = match error {
        PhoneError::NotAnAddress(_) => PhoneNotice::NotAnAddress,
        PhoneError::Send(SendError::Store(error)) => return desk.unavailable(&error),
        PhoneError::Send(error) => PhoneNotice::Proof(not_sent(desk, &error)),
        PhoneError::Change(ChangeError::Challenge(
            error @ (ChallengeError::Wrong
            | ChallengeError::AlreadyUsed
            | ChallengeError::Over
            | ChallengeError::Throttled(_)),
        )) => PhoneNotice::Proof(shown(desk, &error)),
        PhoneError::Change(error) => {
            return enroll::refuse(desk, visit, guest.to, &guest.bearer, &error, Errand::AddPhone(guest.method));
        }
    };
    page(desk, visit, guest, Some(notice)).await
}

async fn page(desk: &Desk, visit: &Visit, guest: &Guest<'_>, notice: Option<PhoneNotice>) -> Reply {
    let Guest { bearer, browser, method, to, typed } = guest;
    let sent = match phones::pending(&desk.world, bearer, *method, browser).await {
        Ok(sent) => sent,
        Err(error) => return desk.unavailable(&error),
    };
    let pending = sent.as_ref().map(|sent| Pending { address: sent.address.as_str(), sent: on_its_way(desk, sent) });
    let has_stronger = enroll::may_have(desk, bearer).iter().any(|method| method.channel().is_none());
    let code = match notice {
        None => StatusCode::OK,
        Some(PhoneNotice::NotAnAddress) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(PhoneNotice::Proof(notice)) => status(Some(notice)),
    };
    desk.form_page(visit, *to, |hidden| {
        let (frame, login_id, method) = (desk.frame(), login_id(bearer), *method);
        let page = EnrollPhonePage { frame, hidden, login_id, method, pending, has_stronger, typed, notice };
        desk.counting_page(code, &page, page.counts())
    })
}
