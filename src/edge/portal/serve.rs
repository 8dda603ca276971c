//! The handlers behind the pages: each reads, calls one flow, and answers.
//!
//! Every form is checked twice before a flow sees it: that a page of ours sent it (CS-01), and that it carries the token
//! this browser was given for it (CS-02). `GET` changes nothing (CS-04).

mod account;
mod challenge;
mod contacts;
mod devices;
mod enroll;
mod factors;
mod judgement;
mod login;
mod logout;
mod mailbox;
mod passkeys;
mod password;
mod phones;
mod purpose;
mod recovery_codes;
mod reminder;
mod sessions;
mod sign_up;
mod way;

use crate::{
    domain::{
        policy::route::Apps,
        secret::{Token, TokenHash},
        throttle::Closed,
    },
    edge::{
        http::{
            assets::{self, Base},
            browser,
            cookies::{self, Found, Name},
            ended::Ended,
            page::{Brand, ContentPolicy, Frame, Hidden, respond},
            request::{ClientAddress, RequestId},
            words::Upcoming,
        },
        portal::message::{Message, MessagePage},
    },
    flows::{BROWSER_KNOWN_FOR, Caller, World, journey::Journey, risk::Unusual, sign_in::Opened},
};
use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Form, FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts},
    middleware::{self, Next},
    routing::{get, post},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use purpose::Purpose;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};

/// An answer of the portal.
pub type Reply = Response<Body>;

/// Largest form the portal reads, in bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// What the handlers work with.
pub struct Desk {
    /// What the flows are given.
    pub world: World,
    /// Whose front door this is.
    pub brand: Brand,
    /// The portal's own origin, as browsers write it.
    pub origin: String,
    /// The port that browsers see, behind a colon, or nothing where it is 443.
    pub port_suffix: String,
    /// Every app, by host.
    pub apps: Arc<Apps>,
    /// Every app as the account page lists it: title and address.
    pub directory: Vec<(String, String)>,
    /// What the pages may load, and where their forms may lead.
    pub content: ContentPolicy,
    /// Sessions that just ended, so that no cache keeps them alive.
    pub ended: Ended,
    /// The public keys that assertions are signed with.
    pub jwks: String,
}

/// The portal.
pub fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(account::front))
        .route("/login", get(login::show).post(login::submit))
        .route("/challenge", get(challenge::choose))
        .route("/login/passkey", post(passkeys::sign_in))
        .route("/passkey/options", post(passkeys::options))
        .route("/challenge/{method}", get(challenge::show).post(challenge::submit))
        .route("/challenge/{method}/send", post(challenge::send))
        .merge(contacts::router())
        .merge(phones::router())
        .merge(sign_up::router())
        .route("/enroll", get(enroll::choose))
        .route("/enroll/reminder", get(reminder::show))
        .route(mailbox::PATH, get(mailbox::show).post(mailbox::submit))
        .route("/enroll/mailbox/send", post(mailbox::send))
        .route("/enroll/totp", get(enroll::show).post(enroll::submit))
        .route("/recovery-codes", get(recovery_codes::show).post(recovery_codes::make))
        .route("/recovery-codes.txt", post(recovery_codes::download))
        .route("/enroll/{key}", get(passkeys::show_enrolment).post(passkeys::submit_enrolment))
        .route("/account", get(account::show))
        .route("/account/activity", get(account::show_activity))
        .route("/account/changed", get(sessions::changed))
        .route("/account/factors/{id}", get(factors::show))
        .route("/account/factors/{id}/rename", post(factors::rename))
        .route("/account/factors/{id}/primary", post(factors::set_primary))
        .route("/account/factors/{id}/remove", post(factors::remove))
        .route("/account/sessions/end", post(sessions::end))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/lock", post(sessions::lock))
        .route("/account/devices", get(devices::show))
        .route("/account/devices/forget", post(devices::forget))
        .route("/account/devices/rename", post(devices::rename))
        .route("/not-me", get(devices::ask).post(devices::end))
        .route("/account/password", get(password::show_change).post(password::change))
        .route("/password/judgement", post(judgement::judge))
        .route("/.well-known/change-password", get(password::well_known))
        .route("/forgot", get(password::show_forgot).post(password::request))
        .route("/reset", get(password::show_reset).post(password::reset))
        .route("/logout", get(logout::show).post(logout::submit))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/static/{*name}", get(asset))
        .fallback(way::not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), refuse_foreign_forms))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(desk)
}

async fn jwks(State(desk): State<Arc<Desk>>) -> Reply {
    let mut reply = Response::new(Body::from(desk.jwks.clone()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    reply
}

async fn asset(State(desk): State<Arc<Desk>>, request: Request) -> Reply {
    match assets::find(Base::Portal, request.uri().path(), desk.brand.assets()) {
        Some(asset) => asset.response().map(Body::from),
        None => way::nowhere(&desk, &request),
    }
}

/// A form must come from a page of ours: the browser says so, or its `Origin` does. Where neither is sent it is no
/// browser's form (CS-01).
async fn refuse_foreign_forms(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Reply {
    if matches!(*request.method(), Method::GET | Method::HEAD) || sent_by_us(request.headers(), &desk.origin) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "a form from another origin was refused");
    desk.message(StatusCode::FORBIDDEN, Message::ForeignForm)
}

fn sent_by_us(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => headers.get(header::ORIGIN).is_some_and(|value| value == origin),
    }
}

/// What a request says about its sender.
pub struct Visit {
    /// The portal token, of a sign-in or of a browser that only looked at a form.
    token: Option<Token>,
    caller: Caller,
    /// The name of the request, on pages that refuse and in the log.
    reference: String,
    /// What its form is for, and those of the page that answers it.
    purpose: Purpose,
}

impl FromRequestParts<Arc<Desk>> for Visit {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Reply> {
        let Some(ClientAddress(address)) = parts.extensions.get().copied() else {
            return Err(desk.message(StatusCode::INTERNAL_SERVER_ERROR, Message::StaleFlow));
        };
        let token = |name| match cookies::find(&parts.headers, name) {
            Found::One(value) => Token::parse(value),
            // Two cookies of one name: somebody else planted one of them, so neither counts (CK-03).
            Found::None | Found::Ambiguous => None,
        };
        let (agent, language) = (browser::name(&parts.headers), browser::language(&parts.headers));
        let caller = Caller { address, browser: token(Name::Device), agent, language };
        let reference = parts.extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        Ok(Self { token: token(Name::SignIn), caller, reference, purpose: Purpose::of(parts.uri.path()) })
    }
}

/// The fields of a form.
pub struct Fields<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for Fields<T> {
    type Rejection = Reply;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Reply> {
        match Form::<T>::from_request(request, desk).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(desk.message(rejection.status(), Message::StaleForm)),
        }
    }
}

/// What every form of ours carries.
#[derive(serde::Deserialize)]
pub struct Carried {
    csrf: String,
    to: Option<String>,
}

/// The token a form carries, and the cookie that goes with it if the browser has none yet.
struct Seal {
    csrf: String,
    new_token: Option<Token>,
}

impl Desk {
    fn frame(&self) -> Frame<'_> {
        Frame { brand: &self.brand, base: Base::Portal }
    }

    fn page(&self, status: StatusCode, page: &impl Template) -> Reply {
        respond(status, page, &self.content).map(Body::from)
    }

    /// A page that needs our script.
    fn scripted_page(&self, status: StatusCode, page: &impl Template) -> Reply {
        respond(status, page, &self.content.with_script()).map(Body::from)
    }

    /// A page that our script counts down on, if it `counts`.
    fn counting_page(&self, status: StatusCode, page: &impl Template, counts: bool) -> Reply {
        if counts { self.scripted_page(status, page) } else { self.page(status, page) }
    }

    fn message(&self, status: StatusCode, message: Message) -> Reply {
        self.message_to(status, message, "/login")
    }

    fn message_to(&self, status: StatusCode, message: Message, again: &str) -> Reply {
        self.page(status, &MessagePage { frame: self.frame(), message, again, reference: None })
    }

    /// Refuses a sign-in that is too unlike earlier ones. Whoever is asked about the reference finds in the log why.
    fn too_unusual(&self, visit: &Visit, Unusual { user, assessment }: &Unusual) -> Reply {
        let Visit { reference, caller, .. } = visit;
        tracing::info!(
            request.id = reference, user.id = ?user, client = %caller.address, risk = %assessment,
            "a sign-in was refused: it is too unlike earlier ones"
        );
        let (message, again, reference) = (Message::TooUnusual, "/login", Some(reference.as_str()));
        self.page(StatusCode::FORBIDDEN, &MessagePage { frame: self.frame(), message, again, reference })
    }

    /// The address of a page of ours, with the way onward if it is ours too.
    fn onward_url(&self, path: &str, to: Option<&str>) -> String {
        match self.journey(to).and(to) {
            Some(to) => format!("{path}?to={to}"),
            None => path.to_owned(),
        }
    }

    /// A page with a form in it.
    fn form_page(&self, visit: &Visit, to: Option<&str>, page: impl FnOnce(Hidden<'_>) -> Reply) -> Reply {
        let seal = self.seal(visit);
        let mut reply = page(Hidden { csrf: &seal.csrf, to });
        if let Some(token) = &seal.new_token {
            set_cookie(&mut reply, Name::SignIn, token, self.world.settings.limits.lifetime);
        }
        reply
    }

    fn seal(&self, visit: &Visit) -> Seal {
        let new_token = visit.token.is_none().then(|| self.world.entropy.token());
        let csrf = visit.token.as_ref().or(new_token.as_ref()).map(|token| {
            BASE64_URL_SAFE_NO_PAD.encode(self.world.vault.seal(&seal_of(token.hash(), visit.purpose), b""))
        });
        Seal { csrf: csrf.unwrap_or_default(), new_token }
    }

    /// Whether a form carries the token that this browser was given, for what it is sent to.
    fn check(&self, visit: &Visit, carried: &Carried) -> Result<(), Box<Reply>> {
        // Where they were heading is kept: it is sealed, whatever else is wrong with the form.
        let again = self.onward_url("/login", carried.to.as_deref());
        let refuse = |message| Err(Box::new(self.message_to(StatusCode::FORBIDDEN, message, &again)));
        let Some(token) = &visit.token else {
            return refuse(Message::NoCookies);
        };
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(&carried.csrf).unwrap_or_default();
        let opens = |purpose: &Purpose| self.world.vault.open(&seal_of(token.hash(), *purpose), &sealed).is_some();
        let is_meant = match visit.purpose {
            Purpose::Any => Purpose::OF_PAGES.iter().any(opens) || opens(&Purpose::Any),
            one => opens(&one),
        };
        if is_meant { Ok(()) } else { refuse(Message::StaleForm) }
    }

    /// Where somebody was heading, if the link that says so is ours and the app is still there.
    fn journey(&self, to: Option<&str>) -> Option<Journey> {
        to.and_then(|to| Journey::open(&self.world, to)).filter(|journey| self.apps.find(&journey.host).is_some())
    }

    /// Gives the browser the tokens that a proof opened.
    fn keep(&self, mut reply: Reply, opened: &Opened) -> Reply {
        set_cookie(&mut reply, Name::SignIn, &opened.token, self.world.settings.limits.lifetime);
        if let Some(browser) = &opened.browser {
            set_cookie(&mut reply, Name::Device, browser, BROWSER_KNOWN_FOR);
        }
        reply
    }

    fn until(&self, closed: Closed) -> Option<Upcoming> {
        match closed {
            Closed::Until(at) => Some(Upcoming { at, now: self.world.clock.now() }),
            Closed::UntilUnlocked => None,
        }
    }
}

fn seal_of(token: TokenHash, purpose: Purpose) -> String {
    format!("form/{}/{}", purpose.name(), BASE64_URL_SAFE_NO_PAD.encode(token.as_bytes()))
}

/// Sends somebody on. `to` is carried only if it is ours.
fn onward(path: &str, to: Option<&str>) -> Reply {
    match to {
        Some(to) => see_other(&format!("{path}?to={to}")),
        None => see_other(path),
    }
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}

fn see_other(location: &str) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::try_from(location) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// Gives the browser one of our cookies. Its life there is tidying only: the store says what still counts (SE-04).
fn set_cookie(reply: &mut Reply, name: Name, token: &Token, life: Duration) {
    // A token's text is base64url, which every cookie value may be.
    if let Ok(cookie) = cookies::set(name, &token.to_text(), life) {
        reply.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The reference that pages show and log lines carry.
fn reference(request: &Request) -> String {
    request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default()
}
