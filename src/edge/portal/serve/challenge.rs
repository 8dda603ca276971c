//! `/challenge`: one more proof.

use super::{Carried, Desk, Fields, Reply, Visit, login::Link, onward, way::Toll};
use crate::{
    domain::{factor::Method, policy::Missing},
    edge::portal::challenge::{
        Answerer, ProofNotice, Reason, dead_end::DeadEndPage, password::PasswordPage, recovery_code::RecoveryCodePage,
        totp::TotpPage,
    },
    flows::{
        challenge::{self, ChallengeError},
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

pub(super) async fn submit_totp(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<CodeForm>) -> Reply {
    submit(&desk, &visit, &form.carried, Method::Totp, &form.code).await
}

pub(super) async fn submit_password(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Fields(form): Fields<PasswordForm>,
) -> Reply {
    submit(&desk, &visit, &form.carried, Method::Password, &form.password).await
}

pub(super) async fn show_recovery_code(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    show(&desk, &visit, link.to.as_deref(), Method::RecoveryCode).await
}

pub(super) async fn submit_recovery_code(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Fields(form): Fields<CodeForm>,
) -> Reply {
    submit(&desk, &visit, &form.carried, Method::RecoveryCode, &form.code).await
}

async fn show(desk: &Desk, visit: &Visit, to: Option<&str>, method: Method) -> Reply {
    match look(desk, visit, to).await {
        Ok(Seen::Asked(asked)) if asked.helpful.contains(&method) => ask(desk, visit, &asked, method, None),
        Ok(Seen::Asked(asked)) => onward("/challenge", asked.to),
        Ok(Seen::Elsewhere(reply)) => *reply,
        Err(error) => desk.unavailable(&error),
    }
}

async fn submit(desk: &Desk, visit: &Visit, carried: &Carried, method: Method, answer: &str) -> Reply {
    if let Err(refusal) = desk.check(visit, carried) {
        return *refusal;
    }
    let asked = match look(desk, visit, carried.to.as_deref()).await {
        Ok(Seen::Asked(asked)) => asked,
        Ok(Seen::Elsewhere(reply)) => return *reply,
        Err(error) => return desk.unavailable(&error),
    };
    if !asked.helpful.contains(&method) {
        return onward("/challenge", asked.to);
    }
    match prove(desk, visit, &asked.bearer, method, answer).await {
        Ok(opened) => desk.arrive(&opened, asked.to).await,
        Err(ChallengeError::Gone | ChallengeError::NotEnrolled) => onward("/login", asked.to),
        Err(error) => ask(desk, visit, &asked, method, Some(shown(desk, &error))),
    }
}

async fn prove(
    desk: &Desk,
    visit: &Visit,
    bearer: &Bearer,
    method: Method,
    answer: &str,
) -> Result<Opened, ChallengeError> {
    let proven = match method {
        Method::Totp => challenge::answer_totp(&desk.world, bearer, answer, &visit.caller).await,
        Method::Password => challenge::answer_password(&desk.world, bearer, answer, &visit.caller).await,
        Method::RecoveryCode => recovery::answer_recovery(&desk.world, bearer, answer, &visit.caller).await,
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
        ChallengeError::Wrong => ProofNotice::Wrong,
        ChallengeError::AlreadyUsed => ProofNotice::AlreadyUsed,
        ChallengeError::Throttled(closed) => match desk.until(*closed) {
            Some(again) => ProofNotice::TooMany { again },
            None => ProofNotice::Locked,
        },
        ChallengeError::Gone
        | ChallengeError::NotEnrolled
        | ChallengeError::Sealed(_)
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
    /// What the journey lacks; `None` in the second step of a sign-in.
    toll: Option<Toll<'a>>,
    /// Their methods that would do, strongest first.
    helpful: Vec<Method>,
    /// Where they can go instead.
    back: Option<String>,
}

enum Seen<'a> {
    Asked(Box<Asked<'a>>),
    /// There is nothing to ask them here.
    Elsewhere(Box<Reply>),
}

async fn look<'a>(desk: &'a Desk, visit: &Visit, to: Option<&'a str>) -> Result<Seen<'a>, StoreError> {
    let journey = desk.journey(to);
    let to = journey.as_ref().and(to);
    let elsewhere = |reply| Ok(Seen::Elsewhere(Box::new(reply)));
    match sessions::recognise(&desk.world, visit.token.as_ref()).await? {
        Bearer::Nobody(_) => elsewhere(onward("/login", to)),
        Bearer::Half(half) => {
            if desk.world.store.totp_factors(half.account.user.id).await?.is_empty() {
                return elsewhere(onward("/enroll/totp", to));
            }
            let mut helpful = vec![Method::Totp];
            if recovery::left(&desk.world, half.account.user.id).await? > 0 {
                helpful.push(Method::RecoveryCode);
            }
            let bearer = Bearer::Half(half);
            Ok(Seen::Asked(Box::new(Asked { bearer, to, toll: None, helpful, back: None })))
        }
        Bearer::Full(full) => {
            let Some(toll) = journey.as_ref().and_then(|journey| desk.toll(journey, &full.identity)) else {
                return desk.proceed(&full.identity, to).await.and_then(elsewhere);
            };
            let helpful = helpful(desk, &full, &toll.missing).await?;
            let back = journey.map(|journey| format!("https://{}{}/", journey.host, desk.port_suffix));
            Ok(Seen::Asked(Box::new(Asked { bearer: Bearer::Full(full), to, toll: Some(toll), helpful, back })))
        }
    }
}

async fn helpful(desk: &Desk, full: &Full, missing: &Missing) -> Result<Vec<Method>, StoreError> {
    let (user, session) = (full.identity.user.id, &full.identity.session);
    let now = desk.world.clock.now();
    let has_password = desk.world.store.account(user).await?.is_some_and(|account| account.password.is_some());
    let has_totp = !desk.world.store.totp_factors(user).await?.is_empty();
    let has_codes = recovery::left(&desk.world, user).await? > 0;
    let has = |method| match method {
        Method::Password => has_password,
        Method::Totp => has_totp,
        Method::RecoveryCode => has_codes,
    };
    let helps = |method: &Method| has(*method) && missing.helped_by(*method, &session.authentications, now);
    Ok(Method::ALL.iter().copied().filter(helps).collect())
}

fn ask(desk: &Desk, visit: &Visit, asked: &Asked<'_>, method: Method, notice: Option<ProofNotice>) -> Reply {
    let others: Vec<_> = asked.helpful.iter().copied().filter(|other| *other != method).collect();
    let answerer = asked.answerer(&others);
    let (frame, reason, status) = (desk.frame(), asked.reason(), status(notice));
    match method {
        Method::Totp => desk.form_page(visit, asked.to, |hidden| {
            desk.page(status, &TotpPage { frame, hidden, action: path_of(method), reason, answerer, notice })
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
    let needed = match asked.toll.as_ref().map(|toll| &toll.missing) {
        Some(Missing::Fresh { wanted, .. }) => wanted.any.clone(),
        Some(Missing::Level { .. }) | None => vec![Method::Totp],
    };
    let (frame, reason, answerer) = (desk.frame(), asked.reason(), asked.answerer(&[]));
    desk.form_page(visit, asked.to, |hidden| {
        desk.page(StatusCode::FORBIDDEN, &DeadEndPage { frame, hidden, reason, answerer, needed: &needed })
    })
}

impl Asked<'_> {
    fn reason(&self) -> Reason<'_> {
        match &self.toll {
            None => Reason::SecondStep,
            Some(Toll { app, missing: Missing::Level { .. }, .. }) => Reason::Level { app },
            Some(Toll { app, label, missing: Missing::Fresh { wanted, latest } }) => {
                Reason::Fresh { app, before: *label, within: wanted.within, latest: *latest }
            }
        }
    }

    fn answerer<'a>(&'a self, others: &'a [Method]) -> Answerer<'a> {
        let login_id = self.bearer.user().map_or("", |user| user.login_id.as_str());
        Answerer { login_id, back: self.back.as_deref(), others }
    }
}

const fn path_of(method: Method) -> &'static str {
    match method {
        Method::Password => "/challenge/password",
        Method::Totp => "/challenge/totp",
        Method::RecoveryCode => "/challenge/recovery-code",
    }
}
