//! One request, from its head to its answer: target → app → route → visitor → decision → forward, challenge or deny.

use super::{
    answer::{self, Own, Refused},
    assertions::Assertions,
    bearer::{self, Bearer, TOKEN_PATH},
    beforehand::ReadForm,
    body::{RequestBody, ResponseBody},
    challenge::{Lack, asks},
    cors::Cors,
    deliver::{Brought, restore},
    fields::Left,
    head::Head,
    hold::is_own_form,
    kind::{self, Kind},
    obedience::Latest,
    outgoing::{IdentityNames, Protocol},
    pace::drain,
    records::{Judged, Known, Stuck},
    reports::Reports,
    rule::Ruling,
    shelf::Shelf,
    visitors::{Seen, Visitors},
};
use crate::{
    domain::{
        policy::{
            Access, Admission, Decision, Missing, Policy, Visitor, WhyDenied,
            call::{
                Call,
                extract::Reads,
                verdicts::{Forms, Verdicts},
            },
            once::Fingerprint,
            route::{App, ByHost, Matched, Traffic, Unsettled},
        },
        record::Hitch,
        target::{
            Authority, CanonicalPath,
            path::{NotCanonical, check_query},
        },
        time::Timestamp,
    },
    edge::http::{
        forwarded, hop,
        page::Brand,
        refusal::{Refusal, WayOut},
        request::RequestId,
    },
    flows::{World, hold::Found, journey::Asks},
    ports::{Records, upstream::Upstream},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, request::Parts};
use hyper::body::Incoming;
use std::{net::IpAddr, sync::Arc};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

/// Where a kept form is thrown away.
const DISCARD_PATH: &str = "/.doorward/send";

/// One app as the data plane serves it.
#[derive(Debug)]
pub struct Served {
    /// Hosts, routes, policies.
    pub app: Arc<App>,
    /// What its conditions name, and records may hold.
    pub reads: Arc<Reads>,
    /// What its routes ask of forms.
    pub forms: Forms,
    /// Its place in the config.
    pub index: usize,
    /// How it wants identity fields to be called.
    pub names: IdentityNames,
    /// Whether the signed assertion goes with them.
    pub asserts: bool,
    /// Whether WebSockets pass.
    pub websockets: bool,
    /// Whether it may ask for a step-up itself.
    pub steps_up: bool,
    /// What is spoken with its servers.
    pub speaks: Speaks,
    /// What becomes of tokens of ours.
    pub bearer: Bearer,
    /// Which other origins may call it.
    pub cors: Option<Cors>,
    /// The host the application sees, where that is not the one the browser asked for.
    pub host: Option<HeaderValue>,
}

/// What is spoken with an app's servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, where no WebSocket gets.
    Http2,
}

impl Speaks {
    pub(super) fn protocol(self, is_websocket: bool) -> Protocol {
        match (self, is_websocket) {
            (Self::Http2, _) => Protocol::Http2,
            (Self::Http1, true) => Protocol::WebSocket,
            (Self::Http1, false) => Protocol::Http,
        }
    }
}

/// The data plane of one core.
pub struct Proxy<U> {
    /// What the flows are given.
    pub world: World,
    /// Every app, by host.
    pub apps: Arc<ByHost<Arc<Served>>>,
    /// The same of the latest generation: what streams that stay open go by.
    pub latest: Latest,
    /// Who is behind a cookie.
    pub visitors: Visitors,
    /// What applications are told.
    pub assertions: Assertions,
    /// The way to the applications.
    pub upstream: U,
    /// Whose front door this is.
    pub brand: Arc<Brand>,
    /// The portal's origin.
    pub portal: Arc<str>,
    /// Longest request body, in bytes.
    pub body_max: u64,
    /// Room in memory for those that are read before they may pass.
    pub shelf: Shelf,
    /// What is only reported.
    pub reports: Reports,
    /// Where decisions are recorded, if they are.
    pub records: Option<Arc<dyn Records>>,
    /// What every host promises about HTTPS.
    pub hsts: HeaderValue,
    /// Where the store is spoken to.
    pub slow: Handle,
}

/// What the gateway knows about a request before the proxy sees it.
pub struct Arrival<'a> {
    /// The host it was sent to, canonical.
    pub authority: &'a Authority,
    /// For whom the gateway speaks.
    pub client: IpAddr,
    /// What the connection's last request was forwarded with.
    pub last: &'a forwarded::Last,
    /// What the connection takes of the room for them.
    pub place: &'a Arc<OwnedSemaphorePermit>,
    /// Its name.
    pub id: RequestId,
}

/// An answer: ours, or the application's.
pub enum Reply<B> {
    /// Made here.
    Own(Own),
    /// Made by the application.
    App(Response<ResponseBody<B>>),
}

/// What an answer of ours depends on.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
    pub(super) authority: &'a Authority,
    pub(super) app: &'a App,
    pub(super) kind: Kind,
    pub(super) client: IpAddr,
    pub(super) id: RequestId,
}

/// What is sent onward, and by whose leave.
pub(super) struct Passage<'a> {
    pub(super) admission: Admission,
    pub(super) seen: Option<Seen>,
    pub(super) matched: Matched<'a>,
    pub(super) path: CanonicalPath<'a>,
    /// When that was decided.
    pub(super) now: Timestamp,
    /// The request, where a proof paid for it.
    pub(super) pays: Option<Fingerprint>,
    /// What conditions said of its form, where they were asked.
    pub(super) form: Verdicts,
}

impl Passage<'_> {
    /// What a journey says of the policy that let it pass.
    pub(super) fn asks(&self) -> Asks {
        asks(&self.matched, self.pays)
    }
}

/// Why a request does not pass.
pub(super) enum Barrier<'a> {
    /// This is its answer.
    Answer(Box<Own>),
    /// Somebody must prove something first.
    Proof(Box<Lack<'a>>, CanonicalPath<'a>),
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Lets a request pass, or answers it.
    pub(super) async fn pass(
        &self,
        served: &Served,
        request: Request<Incoming>,
        arrival: &Arrival<'_>,
    ) -> Reply<U::Body> {
        let (mut parts, incoming) = request.into_parts();
        let uri = parts.uri.clone();
        let mut asked = Self::asked(served, &parts, arrival);
        if hop::nominates_the_message(asked.headers) {
            let stuck = Stuck { own: self.refuse(&asked, Refusal::Malformed, None), hitch: Hitch::Nominated };
            return Reply::Own(self.give_up(served, &asked, uri.path(), stuck));
        }
        if let Some(own) = bearer::refusal(served, &asked) {
            let stuck = Stuck { own, hitch: Hitch::Token };
            return Reply::Own(self.give_up(served, &asked, uri.path(), stuck));
        }
        if parts.method == Method::POST && uri.path() == TOKEN_PATH {
            return Reply::Own(self.token(served, &asked, incoming).await);
        }
        if parts.method == Method::POST && uri.path() == DISCARD_PATH {
            return Reply::Own(self.discard(&asked, incoming).await);
        }
        let mut brought = match self.brought(&asked, incoming).await {
            Ok(brought) => brought,
            Err(stuck) => return Reply::Own(self.give_up(served, &asked, uri.path(), *stuck)),
        };
        if let Brought::Form(_, Found::Waiting(waiting)) = &brought {
            // Policy decides on the request that the application will get, not on the one that stands for it.
            restore(&mut parts, waiting, arrival.authority);
            asked = Self::asked(served, &parts, arrival);
        }
        match (self.decide(served, &asked, uri.path(), uri.query(), &mut brought).await, brought) {
            (Ok(passage), Brought::Body(body)) if served.steps_up && is_own_form(&asked) => {
                self.deliver_and_heed(served, parts, body, passage, arrival).await
            }
            (Ok(passage), Brought::Body(body)) if served.steps_up => {
                self.forward_and_heed(served, parts, body, passage, arrival).await
            }
            (Ok(passage), Brought::Body(body)) => {
                let kind = asked.kind;
                self.forward(served, parts, body, passage, arrival, kind).await
            }
            (Ok(passage), Brought::Form(token, found)) => {
                self.deliver(served, parts, (token, found), passage, arrival).await
            }
            (Err(Barrier::Answer(own)), _) => Reply::Own(*own),
            (Err(Barrier::Proof(lack, path)), Brought::Body(body)) if is_own_form(&asked) => {
                Reply::Own(self.hold(&asked, &lack, body, path.as_str(), uri.query()).await)
            }
            (Err(Barrier::Proof(lack, path)), Brought::Body(mut body)) => {
                // Browsers show no answer before all is sent; programs read one.
                if matches!(asked.kind, Kind::Form | Kind::Framed) {
                    drain(&mut body).await;
                }
                Reply::Own(self.challenge(&asked, &self.flow(&asked), &lack, path.as_str(), uri.query(), None))
            }
            (Err(Barrier::Proof(lack, path)), Brought::Form(token, found)) => {
                Reply::Own(self.hold_on(&asked, &lack, (token, found), path.as_str(), uri.query()))
            }
        }
    }

    pub(super) fn asked<'a>(served: &'a Served, parts: &'a Parts, arrival: &Arrival<'a>) -> Asked<'a> {
        Asked {
            method: &parts.method,
            headers: &parts.headers,
            query: parts.uri.query(),
            authority: arrival.authority,
            app: &served.app,
            client: arrival.client,
            kind: kind::of(&parts.method, &parts.headers),
            id: arrival.id,
        }
    }

    /// Everything up to the admission. `Err` is the answer of a request that does not pass.
    async fn decide<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        path: &'a str,
        query: Option<&str>,
        brought: &mut Brought,
    ) -> Result<Passage<'a>, Barrier<'a>> {
        let refuse = |refusal| Barrier::Answer(Box::new(self.refuse(asked, refusal, None)));
        let unreadable = |path: &str, error: NotCanonical| {
            let known = Known::of(path, None, self.world.clock.now());
            self.note(served, asked, &known, &Judged::Unclear(&error));
            refuse(Refusal::Malformed)
        };
        let path = CanonicalPath::parse(path, served.app.allowed).map_err(|error| unreadable(path, error))?;
        query.map_or(Ok(()), check_query).map_err(|error| unreadable(path.as_str(), error))?;
        if let Some(below) = path.below_reserved() {
            return Err(Barrier::Answer(Box::new(self.reserved(asked, below, query).await)));
        }
        let (matched, seen, form) =
            self.route(served, asked, (&path, query), brought).await.map_err(Barrier::Answer)?;
        let policy = matched.policy;
        let now = self.world.clock.now();
        if seen.is_some() && Head::from(asked).is_foreign_socket(served.cors.as_ref()) {
            let known = Known { form, ..Known::of(path.as_str(), seen.as_ref(), now) };
            self.note(served, asked, &known, &Judged::Foreign(&matched));
            return Err(refuse(Refusal::NotAllowed { app: &served.app.title, message: None }));
        }
        if let Some(Seen::Known(known)) = &seen
            && matched.traffic() == Traffic::Person
        {
            self.visitors.touch(known);
        }
        let ruling = self.rule(asked, (&path, query), policy, seen, brought).await;
        let ruling =
            ruling.map_err(|stuck| Barrier::Answer(Box::new(self.give_up(served, asked, path.as_str(), *stuck))))?;
        let known = Known { form, ..Known::of(path.as_str(), ruling.seen.as_ref(), ruling.now) };
        self.note(served, asked, &known, &Judged::Policy(&ruling.decision, &matched));
        if matches!(ruling.decision, Decision::Admit(_)) {
            self.tell_of_trial(served, asked, (&path, query), &known, &matched).await;
        }
        let form = known.form;
        self.passage(served, asked, (matched, path, form), ruling)
    }

    /// Decides once more on what was let through before its body had come: whoever was signed in then may not be any more. What
    /// a proof has paid for was read before that.
    pub(super) async fn decide_again<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        passage: Passage<'a>,
    ) -> Result<Passage<'a>, Barrier<'a>> {
        if passage.pays.is_some() {
            return Ok(passage);
        }
        let Passage { matched, path, form, .. } = passage;
        let stuck = |stuck: Box<Stuck>| Barrier::Answer(Box::new(self.give_up(served, asked, path.as_str(), *stuck)));
        let seen = self.look(asked).await.map_err(stuck)?;
        let ruling = Ruling::of(matched.policy, Some(seen), self.world.clock.now());
        if !matches!(ruling.decision, Decision::Admit(_)) {
            let known = Known { form: form.clone(), ..Known::of(path.as_str(), ruling.seen.as_ref(), ruling.now) };
            self.note(served, asked, &known, &Judged::Policy(&ruling.decision, &matched));
        }
        self.passage(served, asked, (matched, path, form), ruling)
    }

    /// What a ruling lets through, or what keeps it.
    fn passage<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        (matched, path, form): (Matched<'a>, CanonicalPath<'a>, Verdicts),
        ruling: Ruling,
    ) -> Result<Passage<'a>, Barrier<'a>> {
        let Ruling { decision, seen, visitor, pays, now } = ruling;
        let missing = match decision {
            Decision::Admit(admission) => return Ok(Passage { admission, seen, matched, path, now, pays, form }),
            Decision::SignIn(_) => {
                let lack = Lack::of_nobody();
                return Err(Barrier::Proof(Box::new(lack), path));
            }
            Decision::Deny(why) => {
                return Err(Barrier::Answer(Box::new(self.deny(served, asked, matched.policy, why, seen.as_ref()))));
            }
            Decision::StepUp(missing) => missing,
            Decision::Pay(unpaid) => unpaid.missing(now),
        };
        match lack(&matched, visitor, missing, pays) {
            Some(lack) => Err(Barrier::Proof(Box::new(lack), path)),
            // Such policies ask for no proof.
            None => Err(Barrier::Answer(Box::new(self.refuse(asked, Refusal::OurFault, None)))),
        }
    }

    /// The route that a request is for, and what it took to know. Who sends it is looked up only where that matters.
    async fn route<'a>(
        &self,
        served: &'a Served,
        asked: &Asked<'_>,
        (path, query): (&CanonicalPath<'_>, Option<&str>),
        brought: &mut Brought,
    ) -> Result<(Matched<'a>, Option<Seen>, Verdicts), Box<Own>> {
        let matched = |visitor: Option<&Visitor>, form: Option<&ReadForm>| {
            // Each time: a form may have been long in coming.
            let now = self.world.clock.now();
            let (method, client, form) = (asked.method.as_str(), Some(asked.client), ReadForm::seen(form));
            let fields = &Left::of(asked.headers, &served.names);
            served.app.matched(&Call { method, path, query, fields, client, form, visitor, now })
        };
        let stuck = |stuck: Box<Stuck>| Box::new(self.give_up(served, asked, path.as_str(), *stuck));
        let (mut seen, mut form) = (None::<Seen>, None::<ReadForm>);
        let settled = loop {
            match matched(seen.as_ref().map(Seen::visitor).as_ref(), form.as_ref()) {
                Err(Unsettled::Unasked) => seen = Some(self.look(asked).await.map_err(stuck)?),
                Err(Unsettled::Unread) => {
                    form = Some(self.form_in(asked, brought).await.map_err(stuck)?);
                    // The form may have been long in coming: whoever was signed in is looked up once more.
                    seen = None;
                }
                settled => break settled,
            }
        };
        let form = served.forms.judge(ReadForm::seen(form.as_ref()), query);
        let refuse = |judged: &Judged<'_>, refusal| {
            let known = Known { form: form.clone(), ..Known::of(path.as_str(), seen.as_ref(), self.world.clock.now()) };
            self.note(served, asked, &known, judged);
            Box::new(self.refuse(asked, refusal, None))
        };
        let matched = settled.map_err(|unsettled| refuse(&Judged::Unclear(&unsettled), Refusal::Malformed))?;
        let matched = matched.ok_or_else(|| refuse(&Judged::Nowhere, Refusal::NotFound))?;
        let seen = match seen {
            None if !matched.policy.is_public() => Some(self.look(asked).await.map_err(stuck)?),
            seen => seen,
        };
        Ok((matched, seen, form))
    }

    fn deny(&self, served: &Served, asked: &Asked<'_>, policy: &Policy, why: WhyDenied, seen: Option<&Seen>) -> Own {
        let (app, message) = (served.app.title.as_str(), policy.message.as_deref());
        let login_id = seen.and_then(Seen::login_id);
        let account = format!("{}/account", self.portal);
        let refused = Refused {
            refusal: match why {
                WhyDenied::Policy | WhyDenied::Who => Refusal::NotAllowed { app, message },
                WhyDenied::Risk => Refusal::TooUnusual { app },
            },
            login_id,
            way_out: login_id.map(|_| WayOut { label: "Go to your account", url: &account }),
            id: asked.id,
        };
        answer::refuse(asked.kind, &self.brand, &refused)
    }

    pub(super) async fn look(&self, asked: &Asked<'_>) -> Result<Seen, Box<Stuck>> {
        self.visitors.look(asked.headers, asked.authority).await.map_err(|error| self.stuck_on_store(asked, &error))
    }

    pub(super) fn refuse(&self, asked: &Asked<'_>, refusal: Refusal<'_>, again: Option<&str>) -> Own {
        let way_out = again.map(|url| WayOut { label: "Try again", url });
        answer::refuse(asked.kind, &self.brand, &Refused { refusal, login_id: None, way_out, id: asked.id })
    }

    pub(super) fn refuse_unasked(&self, kind: Kind, id: RequestId, refusal: Refusal<'_>) -> Own {
        answer::refuse(kind, &self.brand, &Refused { refusal, login_id: None, way_out: None, id })
    }
}

/// What a session lacks where this policy holds, if it asks for anything.
fn lack<'a>(matched: &Matched<'a>, visitor: Visitor, missing: Missing, pays: Option<Fingerprint>) -> Option<Lack<'a>> {
    let Access::Require(requirement) = &matched.policy.access else { return None };
    let identity = match visitor {
        Visitor::SignedIn(identity) => Some(identity),
        Visitor::Anonymous(_) => None,
    };
    Some(Lack { identity, missing: Some((missing, requirement)), asks: Some(asks(matched, pays)), demand: None })
}
