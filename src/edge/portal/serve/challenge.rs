//! `/challenge`: one more proof.

use super::{Carried, Desk, Fields, Reply, Visit, enroll, login::Link, onward, way::Toll};
use crate::{
    domain::{
        factor::{KeyKind, Method},
        policy::{Missing, Within},
        secret::Token,
        session::Identity,
        throttle::SEND_PACE,
        time::Timestamp,
    },
    edge::{
        http::{refusal::Refusal, words::Upcoming},
        portal::{
            challenge::{
                Answerer, Asking, ChallengePage, Clause, Delivery, Kept, OnItsWay, ProofNotice, Reason, Tick,
                WhyNotSent, dead_end::DeadEndPage,
            },
            message::Message,
        },
    },
    flows::{
        challenge::{self, ChallengeError},
        codes::{self, SendError},
        devices, factors,
        journey::Journey,
        passkeys, recovery,
        sessions::{self, Bearer, Full},
        sign_in::Opened,
    },
    ports::{
        NotSent, StoreError,
        passkeys::PasskeyError,
        store::{Attempt, SentCode},
    },
};
use axum::{
    extract::{Path, Query, State},
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

/// What links to a challenge carry; those in mails bring a token.
#[derive(Deserialize)]
pub(super) struct ChallengeLink {
    to: Option<String>,
    link: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SendForm {
    #[serde(flatten)]
    carried: Carried,
}

/// What somebody answers a challenge with; which of it counts is the method's to say.
#[derive(Deserialize)]
pub(super) struct ProofForm {
    #[serde(default)]
    code: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
    /// Present where their browser is to be remembered.
    remember: Option<String>,
    #[serde(flatten)]
    carried: Carried,
}

impl ProofForm {
    fn signed<'a>(&'a self, browser: &'a Token) -> passkeys::Answer<'a> {
        passkeys::Answer { token: &self.challenge, credential: &self.credential, browser }
    }
}

/// `GET /challenge`: picks the method that would do and that its owner wants to be asked for first, else the strongest.
pub(super) async fn choose(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    match look(&desk, &visit, link.to.as_deref()).await {
        Ok(Seen::Asked(asked)) => match asked.helpful.first() {
            Some(method) => onward(path_of(*method), asked.to),
            None => unprepared(&desk, &visit, &asked).await,
        },
        Ok(Seen::Elsewhere(reply)) => *reply,
        Err(error) => desk.unavailable(&error),
    }
}

/// `GET /challenge/{method}`.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    visit: Visit,
    Query(link): Query<ChallengeLink>,
) -> Reply {
    let Some(method) = Method::by_name(&name) else { return desk.refusal(Refusal::NotFound, "") };
    let opened = link.link.as_deref().filter(|_| method == Method::EmailLink);
    match look(&desk, &visit, link.to.as_deref()).await {
        Ok(Seen::Asked(asked)) if asked.helpful.contains(&method) => {
            ask(&desk, &visit, &asked, method, Said { opened, ..Said::default() }).await
        }
        // Whoever opens a link from a mail is told why nothing comes of it.
        Ok(Seen::Asked(_) | Seen::Elsewhere(_)) if opened.is_some() => {
            desk.message(StatusCode::FORBIDDEN, Message::LinkElsewhere)
        }
        Ok(Seen::Asked(asked)) => onward("/challenge", asked.to),
        Ok(Seen::Elsewhere(reply)) => *reply,
        Err(error) => desk.unavailable(&error),
    }
}

/// `POST /challenge/{method}`.
pub(super) async fn submit(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    visit: Visit,
    Fields(form): Fields<ProofForm>,
) -> Reply {
    let (method, asked) = match asked_for(&desk, &visit, &name, &form.carried).await {
        Ok(found) => found,
        Err(reply) => return *reply,
    };
    match prove(&desk, &visit, &asked.bearer, method, &form).await {
        Ok(opened) => {
            let opened = if form.remember.is_some() { remember(&desk, &visit, &asked, opened).await } else { opened };
            desk.arrive(&opened, asked.to).await
        }
        Err(ChallengeError::Gone | ChallengeError::NotEnrolled) => onward("/login", asked.to),
        Err(error) => {
            ask(
                &desk,
                &visit,
                &asked,
                method,
                Said { notice: Some(shown(&desk, &error)), ticked: form.remember.is_some(), ..Said::default() },
            )
            .await
        }
    }
}

/// What a form of the page for this method is about, if that method would do; everybody else is sent where they belong.
async fn asked_for<'a>(
    desk: &'a Desk,
    visit: &Visit,
    name: &str,
    carried: &'a Carried,
) -> Result<(Method, Box<Asked<'a>>), Box<Reply>> {
    let Some(method) = Method::by_name(name) else { return Err(Box::new(desk.refusal(Refusal::NotFound, ""))) };
    desk.check(visit, carried)?;
    match look(desk, visit, carried.to.as_deref()).await {
        Ok(Seen::Asked(asked)) if asked.helpful.contains(&method) => Ok((method, asked)),
        Ok(Seen::Asked(asked)) => Err(Box::new(onward("/challenge", asked.to))),
        Ok(Seen::Elsewhere(reply)) => Err(reply),
        Err(error) => Err(Box::new(desk.unavailable(&error))),
    }
}

/// Remembers the browser of somebody who has just taken the second step of a sign-in. Where that fails they are signed in
/// all the same.
async fn remember(desk: &Desk, visit: &Visit, asked: &Asked<'_>, opened: Opened) -> Opened {
    let Lacking::SecondStep = asked.lack else { return opened };
    let user = asked.bearer.user().map(|user| user.id.0);
    match devices::remember(&desk.world, &opened, &visit.caller).await {
        Ok(Some(token)) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, "browser remembered");
            Opened { browser: Some(token), ..opened }
        }
        Ok(None) => opened,
        Err(error) => {
            tracing::error!(user.id = ?user, %error, "a browser could not be remembered");
            opened
        }
    }
}

/// `POST /challenge/{method}/send`: has a code or link sent, and shows the page that waits for it.
pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    visit: Visit,
    Fields(form): Fields<SendForm>,
) -> Reply {
    let (method, asked) = match asked_for(&desk, &visit, &name, &form.carried).await {
        Ok(found) => found,
        Err(reply) => return *reply,
    };
    let Some(browser) = &visit.token else { return onward("/challenge", asked.to) };
    let user = asked.bearer.user().map(|user| user.id.0);
    match codes::send(&desk.world, &asked.bearer, method, asked.to, browser, &visit.caller).await {
        Ok(()) => {
            tracing::info!(user.id = ?user, %method, client = %visit.caller.address, "message sent");
            onward(path_of(method), asked.to)
        }
        Err(error) => {
            tracing::info!(user.id = ?user, %method, client = %visit.caller.address, %error, "no message sent");
            ask(&desk, &visit, &asked, method, Said { notice: Some(not_sent(&desk, &error)), ..Said::default() }).await
        }
    }
}

/// What the visitor may learn of a message that did not go out.
pub(super) fn not_sent(desk: &Desk, error: &SendError) -> ProofNotice {
    ProofNotice::NotSent(match error {
        SendError::TooSoon(closed) => match desk.until(*closed) {
            Some(again) => WhyNotSent::TooSoon { again },
            None => WhyNotSent::Unavailable,
        },
        SendError::Country => WhyNotSent::Country,
        SendError::NotSent(NotSent::Refused(_)) => WhyNotSent::Refused,
        SendError::NotSent(NotSent::NoChannel(_) | NotSent::Unavailable(_)) => WhyNotSent::Unavailable,
        SendError::NotEnrolled | SendError::Gone | SendError::Store(_) => return ProofNotice::OurFault,
    })
}

/// A code or link that was sent, as pages show it.
pub(super) fn on_its_way(desk: &Desk, code: &SentCode) -> OnItsWay {
    let now = desk.world.clock.now();
    let again = code.sent_at + SEND_PACE.delay_first;
    OnItsWay {
        ends: Upcoming { at: code.sent_at + SentCode::LIFETIME, now },
        again: (again > now).then_some(Upcoming { at: again, now }),
    }
}

async fn prove(
    desk: &Desk,
    visit: &Visit,
    bearer: &Bearer,
    method: Method,
    form: &ProofForm,
) -> Result<Opened, ChallengeError> {
    let (world, caller) = (&desk.world, &visit.caller);
    let proven = match (method, &visit.token) {
        (Method::Totp, _) => challenge::answer_totp(world, bearer, &form.code, caller).await,
        (Method::Password, _) => challenge::answer_password(world, bearer, &form.password, caller).await,
        (Method::RecoveryCode, _) => recovery::answer_recovery(world, bearer, &form.code, caller).await,
        (Method::Passkey, Some(browser)) => {
            passkeys::answer(world, bearer, KeyKind::Passkey, form.signed(browser), caller).await
        }
        (Method::SecurityKey, Some(browser)) => {
            passkeys::answer(world, bearer, KeyKind::SecurityKey, form.signed(browser), caller).await
        }
        (Method::EmailCode | Method::EmailLink | Method::SmsCode | Method::VoiceCode, Some(browser)) => {
            codes::verify(world, bearer, method, &form.code, browser, caller).await
        }
        (_, None) => Err(ChallengeError::Gone),
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
        ChallengeError::Over => ProofNotice::Over,
        ChallengeError::Throttled(closed) => match desk.until(*closed) {
            Some(again) => ProofNotice::TooMany { again },
            None => ProofNotice::Locked,
        },
        ChallengeError::Gone
        | ChallengeError::TooUnusual(_)
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
        Some(
            ProofNotice::Wrong
            | ProofNotice::AlreadyUsed
            | ProofNotice::Over
            | ProofNotice::NotSent(WhyNotSent::Country | WhyNotSent::Refused),
        ) => StatusCode::FORBIDDEN,
        Some(ProofNotice::TooMany { .. } | ProofNotice::Locked | ProofNotice::NotSent(WhyNotSent::TooSoon { .. })) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Some(ProofNotice::OurFault | ProofNotice::NotSent(WhyNotSent::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Somebody who is asked for a proof, and what for.
struct Asked<'a> {
    bearer: Bearer,
    to: Option<&'a str>,
    /// What is lacking, and for what.
    lack: Lacking<'a>,
    /// Their methods that would do, in the order in which they are offered.
    helpful: Vec<Method>,
    /// Where they can go instead.
    back: Option<String>,
    /// What waits for it.
    kept: Kept,
    /// The request that asks for it.
    reference: Option<String>,
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
    let errand = desk.errand(to).zip(to);
    let journey = desk.journey(to);
    let kept = kept(journey.as_ref());
    let to = journey.as_ref().and(to);
    let elsewhere = |reply| Ok(Seen::Elsewhere(Box::new(reply)));
    match sessions::recognise(&desk.world, visit.token.as_ref()).await? {
        Bearer::Nobody(_) => elsewhere(onward("/login", to)),
        Bearer::Half(half) => {
            let mut helpful = challenge::offered(&desk.world, half.account.user.id).await?;
            helpful.retain(|method| method.class() != half.attempt.first.method.class());
            if helpful.is_empty() {
                return elsewhere(onward("/enroll", to));
            }
            let (bearer, lack) = (Bearer::Half(half), Lacking::SecondStep);
            Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back: None, kept, reference: None })))
        }
        Bearer::Full(mut full) => {
            if let Some(((errand, then), name)) = errand {
                let change = errand.change();
                let Some(missing) = factors::missing_for_change(&desk.world, &full, change).await? else {
                    return elsewhere(onward(&errand.path(), then));
                };
                let (proofs, now) = (&full.identity.session.authentications, desk.world.clock.now());
                let helpful = helpful(desk, &full, |method| change.helped_by(&missing, method, proofs, now)).await?;
                let (bearer, to, lack) = (Bearer::Full(full), Some(name), Lacking::Change(missing));
                let back = Some("/account".to_owned());
                return Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back, kept, reference: None })));
            }
            let toll = match &journey {
                Some(journey) => desk.toll(journey, &full.identity).await?,
                None => None,
            };
            let Some(toll) = toll else {
                return desk.proceed(&full.identity, to).await.and_then(elsewhere);
            };
            full.bill.clone_from(&toll.bill);
            let (proofs, now) = (&full.identity.session.authentications, desk.world.clock.now());
            let helpful = helpful(desk, &full, |method| toll.missing.helped_by(method, proofs, now)).await?;
            let back = journey.as_ref().map(|journey| format!("https://{}{}/", journey.host, desk.port_suffix));
            let reference = journey.and_then(|journey| journey.request);
            let (bearer, lack) = (Bearer::Full(full), Lacking::Toll(toll));
            Ok(Seen::Asked(Box::new(Asked { bearer, to, lack, helpful, back, kept, reference })))
        }
    }
}

/// What waits for the end of a journey.
pub(super) fn kept(journey: Option<&Journey>) -> Kept {
    if journey.is_some_and(|journey| journey.held.is_some()) { Kept::Form } else { Kept::Nothing }
}

async fn helpful(desk: &Desk, full: &Full, helps: impl Fn(Method) -> bool) -> Result<Vec<Method>, StoreError> {
    let mut methods = challenge::offered(&desk.world, full.identity.user.id).await?;
    methods.retain(|method| helps(*method));
    Ok(methods)
}

/// What there is to say on a page that asks.
#[derive(Default)]
struct Said<'a> {
    /// The link that was opened, if one was.
    opened: Option<&'a str>,
    /// What was wrong with the last answer.
    notice: Option<ProofNotice>,
    /// Whether this browser was to be remembered.
    ticked: bool,
}

async fn ask(desk: &Desk, visit: &Visit, asked: &Asked<'_>, method: Method, said: Said<'_>) -> Reply {
    let Said { opened, notice, ticked } = said;
    let outgoing = match outgoing(desk, visit, asked, method).await {
        Ok(outgoing) => outgoing,
        Err(error) => return desk.unavailable(&error),
    };
    let sent = outgoing.as_ref().and_then(|outgoing| outgoing.sent.as_ref());
    let found = opened.filter(|link| sent.is_some_and(|sent| codes::is_link(&desk.world, sent, link)));
    let notice = if opened.is_some() && found.is_none() { Some(ProofNotice::Over) } else { notice };
    let delivery = outgoing.as_ref().map(|Outgoing { to, send, .. }| Delivery {
        to,
        send,
        sent: sent.map(|sent| on_its_way(desk, sent)),
        opened: found,
    });
    let others: Vec<_> = asked.helpful.iter().copied().filter(|other| *other != method).collect();
    let (frame, action, reason, answerer) = (desk.frame(), path_of(method), asked.reason(), asked.answerer(&others));
    let ends = asked.ends(desk.world.clock.now());
    let may_remember = matches!(asked.lack, Lacking::SecondStep) && method != Method::RecoveryCode;
    let remember = desk.world.settings.remember.filter(|_| may_remember).map(|lasts| Tick { lasts, made: ticked });
    desk.form_page(visit, asked.to, |hidden| {
        let page = ChallengePage { frame, hidden, method, action, reason, answerer, delivery, notice, remember, ends };
        match method {
            Method::Passkey | Method::SecurityKey | Method::Password => desk.scripted_page(status(notice), &page),
            _ => desk.counting_page(status(notice), &page, page.counts()),
        }
    })
}

/// Where something is sent, and what was.
struct Outgoing {
    to: String,
    send: String,
    sent: Option<SentCode>,
}

async fn outgoing(
    desk: &Desk,
    visit: &Visit,
    asked: &Asked<'_>,
    method: Method,
) -> Result<Option<Outgoing>, StoreError> {
    let (Some(browser), Some(_)) = (&visit.token, method.channel()) else { return Ok(None) };
    let to = codes::destination(&desk.world, &asked.bearer, method).await?.unwrap_or_default();
    let sent = codes::sent(&desk.world, &asked.bearer, method, browser).await?;
    Ok(Some(Outgoing { to, send: format!("{}/send", path_of(method)), sent }))
}

/// Somebody has nothing that would do: leads them to where they set it up, if they may, or says who can help.
async fn unprepared(desk: &Desk, visit: &Visit, asked: &Asked<'_>) -> Reply {
    if let (Bearer::Full(full), Lacking::Toll(toll)) = (&asked.bearer, &asked.lack) {
        match enroll::remedies(desk, &asked.bearer, full, &toll.missing).await {
            Ok(remedies) if !remedies.is_empty() => return onward("/enroll", asked.to),
            Ok(_) => {}
            Err(error) => return desk.unavailable(&error),
        }
    }
    dead_end(desk, visit, asked)
}

fn dead_end(desk: &Desk, visit: &Visit, asked: &Asked<'_>) -> Reply {
    let needed = match (asked.lack.missing(), &asked.bearer) {
        (Some(Missing::Fresh { wanted, .. }), _) => wanted.any.clone(),
        (Some(missing @ (Missing::Level { .. } | Missing::SecondStep)), Bearer::Full(full)) => {
            let Identity { user, session } = &full.identity;
            let needed = missing.needs(&session.authentications, desk.world.clock.now());
            let may_have = desk.world.settings.methods_of(&user.groups);
            let named: Vec<_> = needed.iter().copied().filter(|method| may_have.contains(method)).collect();
            if named.is_empty() { needed } else { named }
        }
        _ => vec![Method::Totp],
    };
    let (frame, reason, answerer) = (desk.frame(), asked.reason(), asked.answerer(&[]));
    desk.form_page(visit, asked.to, |hidden| {
        desk.page(StatusCode::FORBIDDEN, &DeadEndPage { frame, hidden, reason, answerer, needed: &needed })
    })
}

/// Why an application asks.
pub(super) fn reason_of<'a>(Toll { app, label, missing, latest, .. }: &'a Toll<'_>) -> Reason<'a> {
    let latest = *latest;
    let clause = match *missing {
        Missing::Level { reached: None, max_age: Some(max_age), .. } => Clause::TooOld { max_age, latest },
        Missing::Level { reached, risk: Some(_), .. } => Clause::Risk { reached, latest },
        Missing::Level { reached, .. } => Clause::Level { reached, latest },
        Missing::SecondStep => Clause::SecondStep,
        Missing::Idle { quiet, .. } => Clause::Idle { quiet },
        Missing::Fresh { ref wanted, latest } => match wanted.within {
            Within::Age(age) => Clause::Fresh { within: Some(age), latest },
            Within::Session => Clause::Fresh { within: None, latest },
            Within::Once(_) => Clause::Once { latest },
        },
    };
    Reason::App(Asking { app, before: label.as_deref(), clause })
}

impl Asked<'_> {
    /// When the sign-in is over that waits for its second step.
    fn ends(&self, now: Timestamp) -> Option<Upcoming> {
        let Bearer::Half(half) = &self.bearer else { return None };
        Some(Upcoming { at: half.attempt.first.at + Attempt::LIFETIME, now })
    }

    fn reason(&self) -> Reason<'_> {
        match &self.lack {
            Lacking::SecondStep => Reason::SecondStep,
            Lacking::Change(_) => Reason::Change,
            Lacking::Toll(toll) => reason_of(toll),
        }
    }

    fn answerer<'a>(&'a self, others: &'a [Method]) -> Answerer<'a> {
        let login_id = self.bearer.user().map_or("", |user| user.login_id.as_str());
        Answerer { login_id, back: self.back.as_deref(), others, kept: self.kept, reference: self.reference.as_deref() }
    }
}

const fn path_of(method: Method) -> &'static str {
    match method {
        Method::Password => "/challenge/password",
        Method::Totp => "/challenge/totp",
        Method::RecoveryCode => "/challenge/recovery-code",
        Method::Passkey => "/challenge/passkey",
        Method::SecurityKey => "/challenge/security-key",
        Method::EmailCode => "/challenge/email-code",
        Method::EmailLink => "/challenge/email-link",
        Method::SmsCode => "/challenge/sms-code",
        Method::VoiceCode => "/challenge/voice-code",
    }
}
