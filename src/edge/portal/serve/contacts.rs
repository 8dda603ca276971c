//! `/account/email` and `/account/phone`.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{CodeForm, not_sent, on_its_way, shown, status},
    enroll, factors, mailbox, onward, see_other,
    way::Errand,
};
use crate::{
    domain::{
        contact::{Contact, Kind},
        factor::Method,
        secret::Token,
    },
    edge::portal::{
        contact::{ContactNotice, ContactPage, Pending},
        enroll::refused::WhyRefused,
    },
    flows::{
        self,
        challenge::ChallengeError,
        codes::SendError,
        contacts::{self, ContactError},
        sessions::{self, Bearer, Full},
    },
};
use axum::{
    Extension, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct AddressForm {
    address: String,
    #[serde(flatten)]
    carried: Carried,
}

/// Both pages, by the same handlers.
pub(super) fn router() -> Router<Arc<Desk>> {
    let pages = |kind: Kind| {
        let path = Errand::Contact(kind).path();
        Router::new()
            .route(&path, get(show).post(begin))
            .route(&format!("{path}/confirm"), post(confirm))
            .route(&format!("{path}/remove"), post(remove))
            .layer(Extension(kind))
    };
    pages(Kind::Email).merge(pages(Kind::Phone))
}

async fn show(State(desk): State<Arc<Desk>>, Extension(kind): Extension<Kind>, visit: Visit) -> Reply {
    let (full, browser) = match signed_in(&desk, &visit).await {
        Ok(found) => found,
        Err(reply) => return *reply,
    };
    match contacts::may_change(&desk.world, &full, kind).await {
        Ok(()) => page(&desk, &visit, &full, &browser, kind, "", None).await,
        Err(error) => refuse(&desk, &visit, &full, &browser, kind, "", &error).await,
    }
}

async fn begin(
    State(desk): State<Arc<Desk>>,
    Extension(kind): Extension<Kind>,
    visit: Visit,
    Fields(form): Fields<AddressForm>,
) -> Reply {
    let AddressForm { address, carried } = form;
    change(&desk, &visit, kind, &carried, &address, async |full, browser| {
        contacts::begin(&desk.world, full, kind, &address, browser, &visit.caller).await?;
        Ok(Errand::Contact(kind).path())
    })
    .await
}

async fn confirm(
    State(desk): State<Arc<Desk>>,
    Extension(kind): Extension<Kind>,
    visit: Visit,
    Fields(form): Fields<CodeForm>,
) -> Reply {
    change(&desk, &visit, kind, &form.carried, "", async |full, browser| {
        contacts::confirm(&desk.world, full, kind, &form.code, browser, &visit.caller).await?;
        Ok(changed(&desk, &visit, full, kind, "address changed"))
    })
    .await
}

async fn remove(
    State(desk): State<Arc<Desk>>,
    Extension(kind): Extension<Kind>,
    visit: Visit,
    Fields(carried): Fields<Carried>,
) -> Reply {
    change(&desk, &visit, kind, &carried, "", async |full, _| {
        contacts::remove(&desk.world, full, kind, &visit.caller).await?;
        Ok(changed(&desk, &visit, full, kind, "address removed"))
    })
    .await
}

/// Does what a form of the page asks for, and goes where that leads.
async fn change(
    desk: &Desk,
    visit: &Visit,
    kind: Kind,
    carried: &Carried,
    typed: &str,
    act: impl AsyncFnOnce(&Full, &Token) -> Result<String, ContactError>,
) -> Reply {
    if let Err(refusal) = desk.check(visit, carried) {
        return *refusal;
    }
    let (full, browser) = match signed_in(desk, visit).await {
        Ok(found) => found,
        Err(reply) => return *reply,
    };
    match act(&full, &browser).await {
        Ok(next) => see_other(&next),
        Err(error) => refuse(desk, visit, &full, &browser, kind, typed, &error).await,
    }
}

/// Has the next request tell applications the new address, not what is remembered of the session. Other sessions may be ended
/// then (EN-03).
fn changed(desk: &Desk, visit: &Visit, full: &Full, kind: Kind, what: &str) -> String {
    let user = full.identity.user.id.0;
    tracing::info!(user.id = %user, client = %visit.caller.address, kind = kind.name(), "{what}");
    desk.ended.note_change(full.identity.session.id);
    "/account/changed".to_owned()
}

/// Who is signed in, and with which token; everybody else is sent to sign in.
async fn signed_in(desk: &Desk, visit: &Visit) -> Result<(Full, Token), Box<Reply>> {
    match (sessions::recognise(&desk.world, visit.token.as_ref()).await, &visit.token) {
        (Ok(Bearer::Full(full)), Some(token)) => Ok((*full, token.clone())),
        (Ok(_), _) => Err(Box::new(onward("/login", None))),
        (Err(error), _) => Err(Box::new(desk.unavailable(&error))),
    }
}

async fn refuse(
    desk: &Desk,
    visit: &Visit,
    full: &Full,
    browser: &Token,
    kind: Kind,
    typed: &str,
    error: &ContactError,
) -> Reply {
    let user = full.identity.user.id.0;
    tracing::info!(user.id = %user, client = %visit.caller.address, kind = kind.name(), %error, "address not changed");
    let notice = match error {
        ContactError::NeedsProof(_) => return onward("/challenge", Some(&Errand::Contact(kind).name())),
        ContactError::NotOffered => return see_other("/account"),
        ContactError::NeedsMailbox => return onward(mailbox::PATH, Some(&Errand::Contact(kind).name())),
        ContactError::NeedsOperator => {
            let login_id = full.identity.user.login_id.as_str();
            return enroll::refused(desk, visit, None, login_id, WhyRefused::NeedsOperator);
        }
        ContactError::Challenge(ChallengeError::Store(error)) | ContactError::Send(SendError::Store(error)) => {
            return desk.unavailable(error);
        }
        ContactError::NotAnAddress(_) => ContactNotice::NotAnAddress,
        ContactError::EmailFirst => ContactNotice::EmailFirst,
        ContactError::Kept => ContactNotice::Kept,
        ContactError::Send(error) => ContactNotice::Proof(not_sent(desk, error)),
        ContactError::Challenge(error) => ContactNotice::Proof(shown(desk, error)),
    };
    page(desk, visit, full, browser, kind, typed, Some(notice)).await
}

async fn page(
    desk: &Desk,
    visit: &Visit,
    full: &Full,
    browser: &Token,
    kind: Kind,
    typed: &str,
    notice: Option<ContactNotice>,
) -> Reply {
    let found = async {
        let current = contacts::current(&desk.world, full, kind).await?;
        Ok((current, contacts::pending(&desk.world, full, kind, browser).await?))
    };
    let (current, sent) = match found.await {
        Ok(found) => found,
        Err(error) => return desk.unavailable(&error),
    };
    let current = current.as_ref().filter(|contact| contact.verified_at.is_some());
    let place = match current {
        Some(contact) => match factors::order_of(desk, full, contact.id).await {
            Ok(order) => order.map(|order| (contact.id.0, order)),
            Err(error) => return desk.unavailable(&error),
        },
        None => None,
    };
    let user = &full.identity.user;
    let way = sent.as_ref().map(|sent| sent.method).or_else(|| contacts::way_to(&desk.world, kind));
    let address = |contact: &Contact| contact.address.as_str().to_owned();
    let current = current.map(address);
    let pending = sent.as_ref().map(|sent| Pending { address: sent.address.as_str(), sent: on_its_way(desk, sent) });
    let code = match notice {
        None => StatusCode::OK,
        Some(ContactNotice::NotAnAddress) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(ContactNotice::EmailFirst | ContactNotice::Kept) => StatusCode::CONFLICT,
        Some(ContactNotice::Proof(notice)) => status(Some(notice)),
    };
    let methods = desk.world.settings.methods_of(&user.groups);
    let is_stronger = |method: &Method| method.channel().is_none() && methods.contains(method);
    let stronger: Vec<_> = flows::enroll::SET_UP.into_iter().filter(is_stronger).collect();
    desk.form_page(visit, None, |hidden| {
        let (frame, login_id, current) = (desk.frame(), user.login_id.as_str(), current.as_deref());
        let stronger = if kind == Kind::Phone { stronger.as_slice() } else { &[] };
        let page = ContactPage { frame, hidden, login_id, kind, current, place, pending, way, typed, stronger, notice };
        desk.counting_page(code, &page, page.counts())
    })
}
