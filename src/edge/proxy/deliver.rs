//! The second half of a kept form's way: from its one-time token to the application.
//!
//! The token comes as the body of a `text/plain` form to where the first form went, so that the address bar, relative
//! links and the application's own cookies are right. Nothing here decides whether it may pass: that is policy's, once more.

use super::{
    Arrival, Asked, Passage, Proxy, Reply, Served,
    answer::Own,
    body::RequestBody,
    carried::{Carried, NotTaken},
    challenge::{Lack, browser_of, target_of},
    demand::Past,
    forward::{Unanswered, Why},
    held_page::{HeldPage, HeldState, Ticket, Unclear, Unsent},
    hold::{is_own_form, refusal_for, submission},
    records::Stuck,
    serve::Barrier,
    tether::Cut,
    visitors::Seen,
};
use crate::{
    domain::{
        secret::Token,
        target::{Authority, ReturnPath},
    },
    edge::http::{
        assets::Base,
        page::{ContentPolicy, Frame, respond},
        refusal::Refusal,
    },
    flows::{
        hold::{self, Found, Waiting},
        journey::Journey,
    },
    ports::{StoreError, upstream::Upstream},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

/// What stands before the token in the body.
const FIELD: &str = "doorward-held=";
/// Field, token in base64url, and the line break that ends each line of such a form (HTML 4.10.21.8).
const BODY_BYTES: u64 = 14 + 43 + 2;
/// The form that throws a kept form away.
const DISCARD_BYTES_MAX: usize = 16 * 1024;

/// What a request brings along.
pub(super) enum Brought {
    /// Its own body.
    Body(RequestBody),
    /// The token of a form that was kept, and what became of that.
    Form(Token, Found),
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Tells a token from every other body. Only a body that has its exact length and type is looked into.
    pub(super) async fn brought(&self, asked: &Asked<'_>, incoming: Incoming) -> Result<Brought, Box<Stuck>> {
        let refused = |error| Stuck::on_body(&error, self.refuse(asked, refusal_for(&error), None));
        let mut body = RequestBody::stream(incoming, self.body_max).map_err(refused)?;
        let is_plain = || asked.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "text/plain");
        if body.size_hint().exact() != Some(BODY_BYTES) || !is_plain() || !is_own_form(asked) {
            return Ok(Brought::Body(body));
        }
        let read = (&mut body).collect().await.map_err(refused)?.to_bytes();
        let text = std::str::from_utf8(&read).unwrap_or_default();
        let Some(token) = text.strip_prefix(FIELD).and_then(|text| Token::parse(text.trim_end())) else {
            return Ok(Brought::Body(RequestBody::held(read)));
        };
        let found = self.found(asked, &token).await.map_err(|error| self.stuck_on_store(asked, &error))?;
        Ok(Brought::Form(token, found))
    }

    /// What became of a kept form, as far as this browser may know.
    async fn found(&self, asked: &Asked<'_>, token: &Token) -> Result<Found, StoreError> {
        let Some(browser) = browser_of(asked) else { return Ok(Found::Gone) };
        let (world, host, token) = (self.world.clone(), asked.authority.host.clone(), token.clone());
        self.on_slow(async move { hold::find(&world, &token, &host, &browser).await }).await
    }

    /// Delivers a kept form, for whoever was just admitted to its target.
    pub(super) async fn deliver(
        &self,
        served: &Served,
        parts: Parts,
        (token, found): (Token, Found),
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
    ) -> Reply<U::Body> {
        let asked = Self::asked(served, &parts, arrival);
        let known = passage.seen.as_ref().and_then(Seen::login_id).map(str::to_owned);
        let show = |state, page: &str| {
            let own = self.held_page(&asked, known.as_deref(), state, page);
            Reply::Own(with_status(own, StatusCode::CONFLICT))
        };
        let waiting = match found {
            Found::Waiting(waiting) => waiting,
            Found::Sent => return show(HeldState::Sent, "/"),
            Found::Gone => return show(HeldState::Gone, "/"),
        };
        let path = passage.path.as_str().to_owned();
        let target = target_of(&path, parts.uri.query()).parse::<ReturnPath>();
        let (Some(browser), Ok(target)) = (browser_of(&asked), target) else { return show(HeldState::Gone, "/") };
        let is_elsewhere = waiting.target != target;
        match self.take_for(&asked, (token.clone(), target, browser), passage).await {
            Ok((form, passage)) => {
                tracing::info!(request.id = %asked.id, app = asked.app.name, "a held form is delivered");
                self.send_on(served, parts, form, passage, arrival).await
            }
            Err(NotTaken::Before) => show(HeldState::Sent, "/"),
            Err(NotTaken::Refused | NotTaken::Nobody) if is_elsewhere => show(HeldState::Gone, waiting.page.as_str()),
            Err(NotTaken::Nobody) => {
                let lack = Lack::of_nobody();
                let own = self.challenge(&asked, &self.flow(&asked), &lack, &path, asked.query, Some(token));
                Reply::Own(own)
            }
            // Whole, and for this browser and target: so it was the user.
            Err(NotTaken::Refused) => show(HeldState::OtherUser, waiting.page.as_str()),
            Err(NotTaken::Store(error)) => Reply::Own(self.unavailable(&asked, &error)),
        }
    }

    /// Sends a form on that the application may ask a step-up for: it is kept first, and delivered like any that was held.
    /// What can't be kept goes on as it is.
    pub(super) async fn deliver_and_heed(
        &self,
        served: &Served,
        mut parts: Parts,
        mut body: RequestBody,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
    ) -> Reply<U::Body> {
        let asked = Self::asked(served, &parts, arrival);
        let flow = self.flow(&asked);
        let (size, identity) = (body.size_hint().exact(), passage.admission.identity().cloned());
        // A person whom nobody knows can't be asked to step up.
        let is_worth_it = size.is_some() && identity.is_some();
        let submission = submission(&asked, passage.path.as_str(), asked.query).filter(|_| is_worth_it);
        let Some(submission) = submission else {
            return self.forward_and_heed(served, parts, body, passage, arrival).await;
        };
        let target = submission.target.clone();
        let Ok(unfinished) = self.begin(&asked, &flow, identity.as_deref(), submission, size).await else {
            return self.forward_and_heed(served, parts, body, passage, arrival).await;
        };
        let token = match self.fill(unfinished, &mut body).await {
            Ok(token) => token,
            Err(why) => return Reply::Own(self.refuse_unkept(&asked, &why)),
        };
        let passage = match self.decide_again(served, &asked, passage).await {
            Ok(passage) => passage,
            Err(Barrier::Proof(lack, path)) => {
                return Reply::Own(self.challenge(&asked, &flow, &lack, path.as_str(), asked.query, Some(token)));
            }
            Err(Barrier::Answer(own)) => {
                let (world, browser) = (self.world.clone(), flow.browser.clone());
                if let Err(error) = self.on_slow(async move { hold::discard(&world, &token, &browser).await }).await {
                    tracing::warn!(%error, request.id = %asked.id, "a form that was refused is left to be swept");
                }
                return Reply::Own(*own);
            }
        };
        let (form, passage) = match self.take_for(&asked, (token, target, flow.browser.clone()), passage).await {
            Ok(form_and_passage) => form_and_passage,
            Err(NotTaken::Before | NotTaken::Refused | NotTaken::Nobody) => {
                return Reply::Own(self.refuse(&asked, Refusal::OurFault, None));
            }
            Err(NotTaken::Store(error)) => return Reply::Own(self.unavailable(&asked, &error)),
        };
        flow.note(&mut parts.headers);
        self.send_on(served, parts, form, passage, arrival).await
    }

    /// Sends a form on that was taken. Where the application wants one more proof first, it waits again.
    async fn send_on(
        &self,
        served: &Served,
        parts: Parts,
        form: Carried,
        passage: Passage<'_>,
        arrival: &Arrival<'_>,
    ) -> Reply<U::Body> {
        let (before, token) = (parts.clone(), form.delivery.token().clone());
        let asked = Self::asked(served, &before, arrival);
        let identity = passage.admission.identity().cloned().filter(|_| served.steps_up);
        let known = passage.seen.as_ref().and_then(Seen::login_id).map(str::to_owned);
        let past = Past::of(&passage);
        let (body, reading) = form.into_body();
        let reply = match self.exchange(served, parts, body, passage, arrival, asked.kind).await {
            Ok(response) => Reply::App(response),
            Err(unanswered) => {
                let Some(form) = reading.stop().await else { return Reply::Own(*unanswered.own) };
                return Reply::Own(self.undelivered(&asked, known.as_deref(), unanswered, form).await);
            }
        };
        let unmet = identity.and_then(|identity| self.unmet(served, &asked, &reply, identity, &past));
        let Some(unmet) = unmet else {
            self.slow.spawn(reading.end());
            return reply;
        };
        // The application's answer is of no use any more, nor is the rest of the form to the application.
        drop(reply);
        let released = self.on_slow(async move {
            match reading.stop().await {
                Some(form) => form.release().await,
                None => Err(StoreError::Unavailable("the delivery broke off".to_owned())),
            }
        });
        match released.await {
            Ok(()) => self.ask_again(&asked, &self.flow(&asked), unmet, &past.path, Some(token)),
            Err(error) => Reply::Own(self.unavailable(&asked, &error)),
        }
    }

    /// The answer to a form that the application did not answer. One that can not have arrived there waits on; of any other
    /// nobody here knows what came of it, and it is not sent twice.
    async fn undelivered(
        &self,
        asked: &Asked<'_>,
        login_id: Option<&str>,
        Unanswered { own, why }: Unanswered,
        form: Carried,
    ) -> Own {
        let page = form.delivery.page().to_owned();
        let show_to = |login_id, state| with_status(self.held_page(asked, login_id, state, &page), own.status());
        let show = |state| show_to(login_id, state);
        let unsent = match why {
            // It would be no better the next time.
            Why::Malformed => return *own,
            Why::Cut(Cut::Over) => return show_to(None, HeldState::Unclear(Unclear::SignedOut)),
            Why::Cut(Cut::Stale(_)) => return show(HeldState::Unclear(Unclear::Stale)),
            Why::Lost => return show(HeldState::Unclear(Unclear::Lost)),
            Why::Broken => return show(HeldState::Unclear(Unclear::Broken)),
            Why::Unready => Unsent::Unready,
            Why::Unreached => Unsent::Unreached,
        };
        let (text, target) = (form.delivery.token().to_text(), form.delivery.target().to_owned());
        if let Err(error) = self.on_slow(form.release()).await {
            return self.unavailable(asked, &error);
        }
        tracing::info!(request.id = %asked.id, app = asked.app.name, "a held form waits on, for nothing of it was sent");
        let ticket = Ticket { target: &target, token: &text };
        self.flow(asked).keep(show(HeldState::Unsent(ticket, unsent)))
    }

    /// Asks for one more proof where a kept form meets a barrier again. It waits on, unless there is nothing to wait for.
    pub(super) fn hold_on(
        &self,
        asked: &Asked<'_>,
        lack: &Lack<'_>,
        (token, found): (Token, Found),
        path: &str,
        query: Option<&str>,
    ) -> Own {
        let state = match found {
            Found::Waiting(_) => return self.challenge(asked, &self.flow(asked), lack, path, query, Some(token)),
            Found::Sent => HeldState::Sent,
            Found::Gone => HeldState::Gone,
        };
        with_status(self.held_page(asked, None, state, "/"), StatusCode::CONFLICT)
    }

    /// `GET /.doorward/send`: the way on for a kept form. Changes nothing.
    pub(super) async fn show_held(&self, asked: &Asked<'_>, query: &str) -> Own {
        let Some((to, journey, token)) = self.held_journey(asked, query.as_bytes()) else {
            return self.refuse(asked, Refusal::NotFound, None);
        };
        let page = journey.end().as_str();
        let seen = match self.visitors.look(asked.headers, asked.authority).await {
            Ok(seen) => seen,
            Err(error) => return self.unavailable(asked, &error),
        };
        if browser_of(asked).is_none_or(|browser| browser.hash() != journey.browser) {
            return self.held_page(asked, seen.login_id(), HeldState::Gone, "/");
        }
        let Seen::Known(known) = &seen else {
            return super::answer::redirect(&format!("{}/login?to={to}", self.portal));
        };
        let waiting = match self.found(asked, &token).await {
            Ok(Found::Waiting(waiting)) => waiting,
            Ok(Found::Sent) => return self.held_page(asked, seen.login_id(), HeldState::Sent, page),
            Ok(Found::Gone) => return self.held_page(asked, seen.login_id(), HeldState::Gone, page),
            Err(error) => return self.unavailable(asked, &error),
        };
        let text = token.to_text();
        let ticket = Ticket { target: waiting.target.as_str(), token: &text };
        let Waiting { user, fields, made_at, .. } = &waiting;
        let state = match user {
            Some(user) if *user == known.identity.user.id => HeldState::Sending(ticket),
            Some(_) => HeldState::OtherUser,
            None => {
                let age = made_at.age(self.world.clock.now()).unwrap_or_default();
                HeldState::Review { ticket, age, fields, to: &to }
            }
        };
        self.held_page(asked, seen.login_id(), state, page)
    }

    /// `POST /.doorward/send`: throws a kept form away.
    pub(super) async fn discard(&self, asked: &Asked<'_>, incoming: Incoming) -> Own {
        if !is_own_form(asked) {
            return self.refuse(asked, Refusal::NotAllowed { app: &asked.app.title, message: None }, None);
        }
        let Ok(body) = Limited::new(incoming, DISCARD_BYTES_MAX).collect().await else {
            return self.refuse(asked, Refusal::TooLarge, None);
        };
        let Some((_, journey, token)) = self.held_journey(asked, &body.to_bytes()) else {
            return self.refuse(asked, Refusal::NotFound, None);
        };
        let page = journey.end().as_str();
        let Some(browser) = browser_of(asked) else { return self.held_page(asked, None, HeldState::Gone, page) };
        let world = self.world.clone();
        match self.on_slow(async move { hold::discard(&world, &token, &browser).await }).await {
            Ok(true) => self.held_page(asked, None, HeldState::Discarded, page),
            Ok(false) => self.held_page(asked, None, HeldState::Gone, page),
            Err(error) => self.unavailable(asked, &error),
        }
    }

    /// The journey in these fields, with the token of the form that waits for its end.
    fn held_journey(&self, asked: &Asked<'_>, fields: &[u8]) -> Option<(String, Journey, Token)> {
        let (_, to) = url::form_urlencoded::parse(fields).find(|(key, _)| key == "to")?;
        let journey = Journey::open(&self.world, &to).filter(|journey| journey.host == asked.authority.host)?;
        let token = journey.held.clone()?;
        Some((to.into_owned(), journey, token))
    }

    fn held_page(&self, asked: &Asked<'_>, login_id: Option<&str>, state: HeldState<'_>, page: &str) -> Own {
        let frame = Frame { brand: &self.brand, base: Base::App };
        let page = HeldPage { frame, app: &asked.app.title, login_id, state, page };
        respond(StatusCode::OK, &page, &ContentPolicy::for_sending())
    }

    pub(super) fn unavailable(&self, asked: &Asked<'_>, error: &StoreError) -> Own {
        tracing::error!(%error, request.id = %asked.id, "the store failed a request");
        self.refuse(asked, Refusal::Unavailable, None)
    }
}

fn with_status(mut own: Own, status: StatusCode) -> Own {
    *own.status_mut() = status;
    own
}

/// Gives the request the fields that the first form had. Everything else the browser has said anew.
pub(super) fn restore(parts: &mut Parts, waiting: &Waiting, authority: &Authority) {
    debug_assert_eq!(parts.method, Method::POST);
    let origin = format!("https://{authority}");
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::REFERER);
    let content_type = waiting.content_type.chars().filter_map(|char| u8::try_from(char).ok()).collect();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::REFERER, format!("{origin}{}", waiting.page.as_str()).into_bytes()),
        (header::ORIGIN, origin.into_bytes()),
    ] {
        if let Ok(value) = HeaderValue::from_bytes(&value)
            && !value.is_empty()
        {
            parts.headers.insert(name, value);
        }
    }
}
