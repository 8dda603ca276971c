//! `/challenge`: one more proof.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    login::Link,
    onward, see_other,
    way::{Errand, Toll},
};
use crate::{
    domain::{factor::Method, policy::Missing, session::Level},
    edge::portal::challenge::{
        Answerer, Kept, ProofNotice, Reason, dead_end::DeadEndPage, passkey::PasskeyPage, password::PasswordPage,
        recovery_code::RecoveryCodePage, totp::TotpPage,
    },
    flows::{
        challenge::{self, ChallengeError},
        journey::Journey,
        passkeys, recovery,
        sessions::{self, Bearer, Full},
        sign_in::Opened,
    },
    ports::{StoreError, passkeys::PasskeyError},
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct CodeForm {
    pub(super) code: String,
    #[serde(flatten)]
    pub(super) carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /challenge`: picks the strongest method that would do.
pub(super) async fn choose(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    match look(&desk, &visit, link.to.as_deref()).await {
        Ok(Seen::Asked(asked)) => match asked.helpful.first() {
            Some(method) => onward(path_of(*method), asked.to),
            None => dead_end(&desk, &visit, &asked),
        },
        Ok(Seen::Elsewhere(reply)) => *reply,
        Err(error) => desk.unavailable(&error),
    }
}

pub(super) async fn show_totp(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    show(&desk, &visit, link.to.as_deref(), Method::Totp).await
}

pub(super) async fn show_password(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    show(&desk, &visit, link.to.as_deref(), Method::Password).await
}

pub(super) async fn show_passkey(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    show(&desk, &visit, link.to.as_deref(), Method::Passkey).await
}

pub(super) async fn submit_totp(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<CodeForm>) -> Reply {
    submit(&desk, &visit, &form.carried, Given::Code(&form.code)).await
}

pub(super) async fn submit_password(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Fields(form): Fields<PasswordForm>,
) -> Reply {
    submit(&desk, &visit, &form.carried, Given::Password(&form.password)).await
}

pub(super) async fn show_recovery_code(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    show(&desk, &visit, link.to.as_deref(), Method::RecoveryCode).await
}

pub(super) async fn submit_recovery_code(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Fields(form): Fields<CodeForm>,
) -> Reply {
    submit(&desk, &visit, &form.carried, Given::RecoveryCode(&form.code)).await
}

async fn show(desk: &Desk, visit: &Visit, to: Option<&str>, method: Method) -> Reply {
    match look(desk, visit, to).await {
        Ok(Seen::Asked(asked)) if asked.helpful.contains(&method) => ask(desk, visit, &asked, method, None),
        Ok(Seen::Asked(asked)) => onward("/challenge", asked.to),
        Ok(Seen::Elsewhere(reply)) => *reply,
        Err(error) => desk.unavailable(&error),
    }
}

/// What somebody answers a challenge with.
pub(super) enum Given<'a> {
    /// A code from their authenticator app, as they typed it.
    Code(&'a str),
    /// Their password.
    Password(&'a str),
    /// One of their recovery codes, as they typed it.
    RecoveryCode(&'a str),
    /// What their browser says.
    Passkey(passkeys::Answer<'a>),
}

impl Given<'_> {
    const fn method(&self) -> Method {
        match self {
            Self::Code(_) => Method::Totp,
            Self::Password(_) => Method::Password,
            Self::RecoveryCode(_) => Method::RecoveryCode,
            Self::Passkey(_) => Method::Passkey,
        }
    }
}

pub(super) async fn submit(desk: &Desk, visit: &Visit, carried: &Carried, given: Given<'_>) -> Reply {
    if let Err(refusal) = desk.check(visit, carried) {
        return *refusal;
    }
    let asked = match look(desk, visit, carried.to.as_deref()).await {
        Ok(Seen::Asked(asked)) => asked,
        Ok(Seen::Elsewhere(reply)) => return *reply,
        Err(error) => return desk.unavailable(&error),
    };
    let method = given.method();
    if !asked.helpful.contains(&method) {
        return onward("/challenge", asked.to);
    }
    match prove(desk, visit, &asked.bearer, given).await {
        Ok(opened) => desk.arrive(&opened, asked.to).await,
        Err(ChallengeError::Gone | ChallengeError::NotEnrolled) => onward("/login", asked.to),
        Err(error) => ask(desk, visit, &asked, method, Some(shown(desk, &error))),
    }
}

async fn prove(desk: &Desk, visit: &Visit, bearer: &Bearer, given: Given<'_>) -> Result<Opened, ChallengeError> {
    let method = given.method();
    let proven = match given {
        Given::Code(code) => challenge::answer_totp(&desk.world, bearer, code, &visit.caller).await,
        Given::Password(password) => challenge::answer_password(&desk.world, bearer, password, &visit.caller).await,
        Given::Passkey(answer) => passkeys::answer(&desk.world, bearer, answer, &visit.caller).await,
        Given::RecoveryCode(code) => recovery::answer_recovery(&desk.world, bearer, code, &visit.caller).await,
    };
    let user = bearer.user().map(|user| user.id.0);
    match &proven {
        Ok(_) => tracing::info!(user.id = ?user, %method, client = %visit.caller.address, "proof accepted"),
        Err(error) => tracing::info!(user.id = ?user, %method, client = %visit.caller.address, %error, "proof refused"),
    }
    proven
}

/// What the visitor may learn.
pub(super) fn shown(desk: &Desk, error: &ChallengeError) -> ProofNotice {
    match error {
        ChallengeError::Wrong | ChallengeError::Passkey(PasskeyError::Refused(_) | PasskeyError::Copied) => {
            ProofNotice::Wrong
        }
        ChallengeError::AlreadyUsed => ProofNotice::AlreadyUsed,
        ChallengeError::Throttled(closed) => match desk.until(*closed) {
            Some(again) => ProofNotice::TooMany { again },
            None => ProofNotice::Locked,
        },
        ChallengeError::Gone
        | ChallengeError::NotEnrolled
        | ChallengeError::Sealed(_)
        | ChallengeError::Passkey(PasskeyError::Unavailable(_))
        | ChallengeError::Busy(_)
        | ChallengeError::Store(_) => ProofNotice::OurFault,
    }
}

pub(super) const fn status(notice: Option<ProofNotice>) -> StatusCode {
    match notice {
        None => StatusCode::OK,
        Some(ProofNotice::Wrong | ProofNotice::AlreadyUsed) => StatusCode::FORBIDDEN,
        Some(ProofNotice::TooMany { .. } | ProofNotice::Locked) => StatusCode::TOO_MANY_REQUESTS,
        Some(ProofNotice::OurFault) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Somebody who is asked for a proof, and what for.
struct Asked<'a> {
    bearer: Bearer,
    to: Option<&'a str>,
    /// What is lacking, and for what.
    lack: Lacking<'a>,
    /// Their methods that would do, strongest first.
    helpful: Vec<Method>,
    /// Where they can go instead.
    back: Option<String>,
    /// What waits for it.
    kept: Kept,
}

/// What a proof is asked for.
enum Lacking<'a> {
    /// The second step of a sign-in.
    SecondStep,
    /// What a journey lacks.
    Toll(Toll<'a>),
    /// What a change to the account lacks.
    Change(Missing),
}

impl Lacking<'_> {
    fn missing(&self) -> Option<&Missing> {
        match self {
            Self::SecondStep => None,
            Self::Toll(toll) => Some(&toll.missing),
            Self::Change(missing) => Some(missing),
        }
    }
}

enum Seen<'a> {
    Asked(Box<Asked<'a>>),
    /// There is nothing to ask them here.
    Elsewhere(Box<Reply>),
}

async fn look<'a>(desk: &'a Desk, visit: &Visit, to: Option<&'a str>) -> Result<Seen<'a>, StoreError> {
    let errand = Errand::by_name(to);
    let journey = desk.journey(to);
    let kept = kept(journey.as_ref());
    let to = journey.as_ref().and(to);
    let elsewhere = |reply| Ok(Seen::Elsewhere(Box::new(reply)));
    match sessions::recognise(&desk.world, visit.token.as_ref()).await? {
        Bearer::Nobody(_) => elsewhere(onward("/login", to)),
        Bearer::Half(half) => {
            let mut helpful = challenge::held(&desk.world, half.account.user.id).await?;
            helpful.retain(|method| method.class() != half.attempt.first.method.class());
            if helpful.is_empty() {
                return elsewhere(onward("/enroll/totp", to));
            }
            let (bearer, lack) = (Bearer::Half(half), Lacking::SecondStep);
            Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back: None, kept })))
        }
        Bearer::Full(full) => {
            if let Some(errand) = errand {
                let Some(missing) = passkeys::missing_for_change(&desk.world, &full).await? else {
                    return elsewhere(see_other(errand.path()));
                };
                let helpful = helpful(desk, &full, &missing).await?;
                let (bearer, to, lack) = (Bearer::Full(full), Some(errand.name()), Lacking::Change(missing));
                let back = Some("/account".to_owned());
                return Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back, kept })));
            }
            let Some(toll) = journey.as_ref().and_then(|journey| desk.toll(journey, &full.identity)) else {
                return desk.proceed(&full.identity, to).await.and_then(elsewhere);
            };
            let helpful = helpful(desk, &full, &toll.missing).await?;
            let back = journey.map(|journey| format!("https://{}{}/", journey.host, desk.port_suffix));
            let (bearer, lack) = (Bearer::Full(full), Lacking::Toll(toll));
            Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back, kept })))
        }
    }
}

/// What waits for the end of a journey.
pub(super) fn kept(journey: Option<&Journey>) -> Kept {
    if journey.is_some_and(|journey| journey.held.is_some()) { Kept::Form } else { Kept::Nothing }
}

async fn helpful(desk: &Desk, full: &Full, missing: &Missing) -> Result<Vec<Method>, StoreError> {
    let (user, session) = (full.identity.user.id, &full.identity.session);
    let now = desk.world.clock.now();
    let mut methods = challenge::held(&desk.world, user).await?;
    methods.retain(|method| missing.helped_by(*method, &session.authentications, now));
    Ok(methods)
}

fn ask(desk: &Desk, visit: &Visit, asked: &Asked<'_>, method: Method, notice: Option<ProofNotice>) -> Reply {
    let others: Vec<_> = asked.helpful.iter().copied().filter(|other| *other != method).collect();
    let answerer = asked.answerer(&others);
    let (frame, reason, status) = (desk.frame(), asked.reason(), status(notice));
    match method {
        Method::Totp => desk.form_page(visit, asked.to, |hidden| {
            desk.page(status, &TotpPage { frame, hidden, action: path_of(method), reason, answerer, notice })
        }),
        Method::Passkey => desk.form_page(visit, asked.to, |hidden| {
            desk.scripted_page(status, &PasskeyPage { frame, hidden, reason, answerer, notice })
        }),
        Method::Password => desk.form_page(visit, asked.to, |hidden| {
            desk.page(status, &PasswordPage { frame, hidden, reason, answerer, notice })
        }),
        Method::RecoveryCode => desk.form_page(visit, asked.to, |hidden| {
            desk.page(status, &RecoveryCodePage { frame, hidden, reason, answerer, notice })
        }),
    }
}

fn dead_end(desk: &Desk, visit: &Visit, asked: &Asked<'_>) -> Reply {
    let needed = match asked.lack.missing() {
        Some(Missing::Fresh { wanted, .. }) => wanted.any.clone(),
        Some(Missing::Level { wanted: Level::PhishingResistant, .. }) => vec![Method::Passkey],
        Some(Missing::Level { .. }) | None => vec![Method::Totp],
    };
    let (frame, reason, answerer) = (desk.frame(), asked.reason(), asked.answerer(&[]));
    desk.form_page(visit, asked.to, |hidden| {
        desk.page(StatusCode::FORBIDDEN, &DeadEndPage { frame, hidden, reason, answerer, needed: &needed })
    })
}

impl Asked<'_> {
    fn reason(&self) -> Reason<'_> {
        match &self.lack {
            Lacking::SecondStep => Reason::SecondStep,
            Lacking::Change(_) => Reason::Change,
            Lacking::Toll(Toll { app, missing: Missing::Level { .. }, .. }) => Reason::Level { app },
            Lacking::Toll(Toll { app, label, missing: Missing::Fresh { wanted, latest } }) => {
                Reason::Fresh { app, before: *label, within: wanted.within, latest: *latest }
            }
        }
    }

    fn answerer<'a>(&'a self, others: &'a [Method]) -> Answerer<'a> {
        let login_id = self.bearer.user().map_or("", |user| user.login_id.as_str());
        Answerer { login_id, back: self.back.as_deref(), others, kept: self.kept }
    }
}

const fn path_of(method: Method) -> &'static str {
    match method {
        Method::Password => "/challenge/password",
        Method::Totp => "/challenge/totp",
        Method::RecoveryCode => "/challenge/recovery-code",
        Method::Passkey => "/challenge/passkey",
    }
}
