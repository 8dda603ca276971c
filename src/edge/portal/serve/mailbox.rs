//! `/enroll/mailbox`: a code from one's mailbox, before the first second step is set up, or an address changed that could open it.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{CodeForm, not_sent, on_its_way, shown, status},
    enroll::login_id,
    login::Link,
    onward, see_other,
    way::Errand,
};
use crate::{
    domain::secret::Token,
    edge::portal::{
        challenge::ProofNotice,
        enroll::mailbox::{EnrollMailboxPage, Opens},
    },
    flows::{
        challenge::ChallengeError,
        codes::SendError,
        first_factor,
        sessions::{self, Bearer},
    },
    ports::StoreError,
};
use axum::extract::{Query, State};
use std::sync::Arc;

/// Where it is.
pub(super) const PATH: &str = "/enroll/mailbox";

/// `GET /enroll/mailbox`.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let way = Way::of(&desk, link.to.as_deref());
    answer(&desk, &visit, &way, async |_, _| Ok(Next::Ask(None))).await
}

/// `POST /enroll/mailbox/send`: has a code sent, and shows the page that waits for it.
pub(super) async fn send(State(desk): State<Arc<Desk>>, visit: Visit, Fields(carried): Fields<Carried>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &carried) {
        return *refusal;
    }
    let way = Way::of(&desk, carried.to.as_deref());
    answer(&desk, &visit, &way, async |bearer, browser| {
        Ok(match first_factor::send(&desk.world, bearer, browser, &visit.caller).await {
            Ok(()) => Next::Wait,
            Err(SendError::Store(error)) => return Err(error),
            Err(SendError::Gone | SendError::NotEnrolled) => Next::Onward,
            Err(error) => {
                tracing::info!(client = %visit.caller.address, %error, "no code sent to the mailbox");
                Next::Ask(Some(not_sent(&desk, &error)))
            }
        })
    })
    .await
}

/// `POST /enroll/mailbox`.
pub(super) async fn submit(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<CodeForm>) -> Reply {
    let CodeForm { code, carried } = form;
    if let Err(refusal) = desk.check(&visit, &carried) {
        return *refusal;
    }
    let way = Way::of(&desk, carried.to.as_deref());
    answer(&desk, &visit, &way, async |bearer, browser| {
        let user = bearer.user().map(|user| user.id.0);
        Ok(match first_factor::open(&desk.world, bearer, &code, browser, &visit.caller).await {
            Ok(()) => {
                tracing::info!(user.id = ?user, client = %visit.caller.address, "a mailbox opened the first set-up");
                Next::Onward
            }
            Err(ChallengeError::Store(error)) => return Err(error),
            Err(ChallengeError::Gone) => Next::Onward,
            Err(error) => {
                tracing::info!(user.id = ?user, client = %visit.caller.address, %error, "code from the mailbox refused");
                Next::Ask(Some(shown(&desk, &error)))
            }
        })
    })
    .await
}

/// What comes of a visit.
enum Next {
    /// The page, with what was wrong.
    Ask(Option<ProofNotice>),
    /// The page, by its address.
    Wait,
    /// What the code opens.
    Onward,
}

/// What the code stands in the way of.
struct Way<'a> {
    /// As links name it.
    to: Option<&'a str>,
    opens: Opens,
}

impl<'a> Way<'a> {
    fn of(desk: &Desk, to: Option<&'a str>) -> Self {
        match desk.errand(to) {
            Some((Errand::Contact(kind), _)) => Self { to, opens: Opens::Address(kind) },
            _ => Self { to: desk.journey(to).and(to), opens: Opens::SecondStep },
        }
    }

    fn onward(&self) -> Reply {
        match self.opens {
            Opens::SecondStep => onward("/enroll", self.to),
            Opens::Address(kind) => see_other(&Errand::Contact(kind).path()),
        }
    }
}

async fn answer(
    desk: &Desk,
    visit: &Visit,
    way: &Way<'_>,
    act: impl AsyncFnOnce(&Bearer, &Token) -> Result<Next, StoreError>,
) -> Reply {
    let answered = async {
        let (bearer, Some(browser)) = (sessions::recognise(&desk.world, visit.token.as_ref()).await?, &visit.token)
        else {
            return Ok(onward("/login", way.to));
        };
        Ok(match act(&bearer, browser).await? {
            Next::Wait => onward(PATH, way.to),
            Next::Onward => way.onward(),
            Next::Ask(notice) => page(desk, visit, way, (&bearer, browser), notice).await?,
        })
    };
    answered.await.unwrap_or_else(|error| desk.unavailable(&error))
}

async fn page(
    desk: &Desk,
    visit: &Visit,
    way: &Way<'_>,
    (bearer, browser): (&Bearer, &Token),
    notice: Option<ProofNotice>,
) -> Result<Reply, StoreError> {
    let Some((mailbox, sent)) = first_factor::ask(&desk.world, bearer, browser).await? else {
        return Ok(way.onward());
    };
    let (login_id, sent) = (login_id(bearer), sent.as_ref().map(|sent| on_its_way(desk, sent)));
    Ok(desk.form_page(visit, way.to, |hidden| {
        let (frame, opens, mailbox) = (desk.frame(), way.opens, mailbox.as_str());
        let page = EnrollMailboxPage { frame, hidden, login_id, opens, mailbox, sent, notice };
        desk.counting_page(status(notice), &page, page.counts())
    }))
}
