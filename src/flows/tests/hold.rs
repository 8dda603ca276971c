//! Held requests: kept whole, given out once, and only to whom they belong.

use super::{LIMITS_OF_HOLDING, MINUTE, SECOND, Scene, host, just_before};
use crate::domain::factor::{FactorId, Method};
use crate::{
    domain::{
        place::Place,
        policy::{Access, Admission, Decision, Freshness, Policy, Requirement, Visitor},
        risk::Assessment,
        secret::{Token, TokenHash},
        session::{Activity, Authentication, Identity, Level, Session, SessionId},
        target::ReturnPath,
        time::Timestamp,
        user::User,
    },
    flows::hold::{Delivery, Found, HoldError, Origin, Submission, Taken, begin, discard, find, forget, take},
    ports::store::{Held, Sender},
};
use proptest::prelude::*;
use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};
use tokio::runtime::Builder;
use uuid::Uuid;

const APP: &str = "payroll.example.com";
const TARGET: &str = "/transfers?draft=1";
/// How old a proof may be there.
const FRESH: Duration = Duration::from_mins(5);

fn browser(number: u8) -> Token {
    Token::from_random([number; 32])
}

fn path(text: &str) -> ReturnPath {
    text.parse().unwrap()
}

fn submission(app: &str) -> Submission {
    Submission {
        host: host(app),
        target: path(TARGET),
        content_type: "application/x-www-form-urlencoded".to_owned(),
        page: path("/transfers/new"),
    }
}

fn origin(sender: Option<&User>, from: u8) -> Origin {
    let sender = sender.map(|user| Sender { user: user.id, session: SessionId(Uuid::from_u128(1)) });
    Origin { browser: browser(from).hash(), sender, address: IpAddr::from([192, 0, 2, from]) }
}

/// Lets somebody through who has just proven who they are.
fn admitted(scene: &Scene, user: &User) -> Admission {
    decided(scene, user, scene.now()).expect("a fresh proof")
}

/// What policy makes of this user now, whose latest proof is of that time.
fn decided(scene: &Scene, user: &User, proven_at: Timestamp) -> Option<Admission> {
    let now = scene.now();
    let proof = Authentication { method: Method::Passkey, factor: FactorId(Uuid::from_u128(2)), at: proven_at };
    let session = Session {
        id: SessionId(Uuid::from_u128(3)),
        user: user.id,
        authentications: vec![proof],
        started_at: proven_at,
        seen_at: now,
        activity: Activity::begun(now),
        locked_at: None,
        spared: false,
        place: Place::default(),
        risk: Assessment::default(),
    };
    let visitor = Visitor::SignedIn(Arc::new(Identity { user: user.clone(), session }));
    let fresh = Freshness { any: vec![Method::Passkey], within: FRESH.into() };
    let requirement = Requirement { fresh: vec![fresh], ..Requirement::at(Level::Login) };
    let policy = Policy::new("standard", Access::Require(requirement));
    match policy.decide(&visitor, now) {
        Decision::Admit(admission) => Some(admission),
        Decision::StepUp(_) => None,
        other => panic!("{other:?}"),
    }
}

async fn hold(scene: &Scene, origin: &Origin, body: &[u8]) -> Result<Token, HoldError> {
    let length = u64::try_from(body.len()).unwrap();
    let mut holding = begin(&scene.world, submission(APP), origin, Some(length)).await?;
    for part in body.chunks(Held::PART_BYTES) {
        if let Err(error) = holding.append(&scene.world, part).await {
            scene.world.store.drop_held(holding.token().hash(), origin.browser).await.unwrap();
            return Err(error);
        }
    }
    holding.finish(&scene.world).await
}

async fn taken(scene: &Scene, token: &Token, app: &str, from: u8, user: &User) -> Taken {
    let (host, target) = (host(app), path(TARGET));
    take(&scene.world, token, &host, &target, &browser(from), &admitted(scene, user), None).await.unwrap()
}

async fn body(scene: &Scene, delivery: &Delivery) -> Vec<u8> {
    let mut body = Vec::new();
    for number in 0..delivery.parts() {
        body.extend(delivery.part(&scene.world, number).await.unwrap());
    }
    body
}

async fn found(scene: &Scene, token: &Token, from: u8) -> Found {
    find(&scene.world, token, &host(APP), &browser(from)).await.unwrap()
}

#[tokio::test]
async fn a_form_comes_back_byte_for_byte_and_once() {
    let scene = Scene::new();
    let ann = scene.add("ann").await;
    let sent: Vec<u8> = (0..150_000_u32).map(|at| at.to_le_bytes()[usize::from(at % 2 == 0)]).collect();

    let token = hold(&scene, &origin(Some(&ann), 1), &sent).await.unwrap();

    let Found::Waiting(waiting) = found(&scene, &token, 1).await else { panic!("it does not wait") };
    assert_eq!((waiting.user, waiting.target, waiting.page), (Some(ann.id), path(TARGET), path("/transfers/new")));
    assert_eq!(waiting.content_type, "application/x-www-form-urlencoded");
    let Taken::Now(delivery) = taken(&scene, &token, APP, 1, &ann).await else { panic!("it was refused") };
    assert_eq!(delivery.size(), 150_000);
    assert!(body(&scene, &delivery).await == sent);
    forget(&scene.world, delivery.token()).await.unwrap();
    assert!(matches!(taken(&scene, &token, APP, 1, &ann).await, Taken::Before));
    assert!(matches!(found(&scene, &token, 1).await, Found::Sent));
}

#[tokio::test]
async fn only_its_sender_gets_a_form_in_the_same_browser_at_the_same_target() {
    let scene = Scene::new();
    let (ann, bob) = (scene.add("ann").await, scene.add("bob").await);
    let token = hold(&scene, &origin(Some(&ann), 1), b"to=bo").await.unwrap();
    let refused = |taken| assert!(matches!(taken, Taken::Refused), "{taken:?}");

    refused(taken(&scene, &token, APP, 1, &bob).await);
    refused(taken(&scene, &token, APP, 2, &ann).await);
    refused(taken(&scene, &token, "other.example.com", 1, &ann).await);
    let elsewhere = path("/transfers?draft=2");
    let admission = admitted(&scene, &ann);
    refused(take(&scene.world, &token, &host(APP), &elsewhere, &browser(1), &admission, None).await.unwrap());
    assert!(matches!(found(&scene, &token, 2).await, Found::Gone));
    assert!(!discard(&scene.world, &token, &browser(2)).await.unwrap());

    assert!(matches!(taken(&scene, &token, APP, 1, &ann).await, Taken::Now(_)), "none of them spent it");
    assert!(!discard(&scene.world, &token, &browser(1)).await.unwrap(), "it is sent");
}

#[tokio::test]
async fn a_form_of_nobody_goes_to_whoever_signs_in_in_that_browser() {
    let scene = Scene::new();
    let ann = scene.add("ann").await;
    let token = hold(&scene, &origin(None, 1), b"to=bo&pin=1234").await.unwrap();

    let Found::Waiting(waiting) = found(&scene, &token, 1).await else { panic!("it does not wait") };
    assert_eq!((waiting.user, waiting.fields), (None, vec!["to".to_owned(), "pin".to_owned()]));
    assert!(matches!(taken(&scene, &token, APP, 2, &ann).await, Taken::Refused));
    assert!(matches!(taken(&scene, &token, APP, 1, &ann).await, Taken::Now(_)));
}

#[tokio::test]
async fn a_form_waits_for_a_quarter_of_an_hour() {
    let scene = Scene::new();
    let ann = scene.add("ann").await;
    let token = hold(&scene, &origin(Some(&ann), 1), b"to=bo").await.unwrap();

    scene.wait(Held::LIFETIME.saturating_sub(SECOND));
    assert!(matches!(found(&scene, &token, 1).await, Found::Waiting(_)));
    scene.wait(SECOND);

    assert!(matches!(found(&scene, &token, 1).await, Found::Gone));
    assert!(matches!(taken(&scene, &token, APP, 1, &ann).await, Taken::Refused));
}

#[tokio::test]
async fn a_form_that_takes_long_to_come_waits_as_long_as_any_other() {
    let scene = Scene::new();
    let ann = scene.add("ann").await;
    let mut holding = begin(&scene.world, submission(APP), &origin(Some(&ann), 1), None).await.unwrap();
    for _ in 0..2 {
        holding.append(&scene.world, b"to=bo").await.unwrap();
        scene.wait(Held::LIFETIME.saturating_sub(SECOND));
        crate::flows::sessions::sweep(&scene.world).await.unwrap();
    }

    let token = holding.finish(&scene.world).await.unwrap();

    scene.wait(Held::LIFETIME.saturating_sub(SECOND));
    assert!(matches!(found(&scene, &token, 1).await, Found::Waiting(_)));
    scene.wait(SECOND);
    assert!(matches!(found(&scene, &token, 1).await, Found::Gone));
}

#[tokio::test]
async fn no_more_waits_than_there_is_room_for() {
    let scene = Scene::new();
    let (ann, from_ann) = (scene.add("ann").await, |from| origin(None, from));
    let most = vec![b'x'; usize::try_from(LIMITS_OF_HOLDING.body_max).unwrap()];

    let too_large = [most.as_slice(), b"x"].concat();
    assert!(matches!(hold(&scene, &origin(Some(&ann), 1), &too_large).await, Err(HoldError::TooLarge)));
    let mut unannounced = begin(&scene.world, submission(APP), &origin(Some(&ann), 1), None).await.unwrap();
    unannounced.append(&scene.world, &most).await.unwrap();
    assert!(matches!(unannounced.append(&scene.world, b"x").await, Err(HoldError::TooLarge)));
    discard(&scene.world, unannounced.token(), &browser(1)).await.unwrap();

    // Strangers fill half of it, each from another address.
    for from in 2..7 {
        hold(&scene, &from_ann(from), &most).await.unwrap();
    }
    assert!(matches!(hold(&scene, &from_ann(9), &most).await, Err(HoldError::Full)));
    for _ in 0..5 {
        hold(&scene, &origin(Some(&ann), 1), &most).await.unwrap();
    }
    assert!(matches!(hold(&scene, &origin(Some(&ann), 1), &most).await, Err(HoldError::Full)));

    // What is over is forgotten, and its room is free again.
    scene.wait(Held::LIFETIME * 2 + SECOND);
    crate::flows::sessions::sweep(&scene.world).await.unwrap();
    for _ in 0..16 {
        hold(&scene, &origin(Some(&ann), 1), b"x").await.unwrap();
    }
    assert!(matches!(hold(&scene, &origin(Some(&ann), 1), b"x").await, Err(HoldError::Full)), "one session's tabs");
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_takes_little_room() {
    let scene = Scene::new();
    let most = Some(LIMITS_OF_HOLDING.body_max);
    for from in 10..15 {
        // As many of full size from as many addresses would fill the strangers' half.
        begin(&scene.world, submission(APP), &origin(None, from), most).await.unwrap();
    }

    let body = vec![b'x'; usize::try_from(LIMITS_OF_HOLDING.body_max).unwrap()];
    hold(&scene, &origin(None, 2), &body).await.unwrap();
}

#[tokio::test]
async fn one_stranger_leaves_room_and_turns_for_the_others() {
    let scene = Scene::new();
    let most = vec![b'x'; usize::try_from(LIMITS_OF_HOLDING.body_max).unwrap()];
    hold(&scene, &origin(None, 2), &most).await.unwrap();
    assert!(matches!(hold(&scene, &origin(None, 2), &most).await, Err(HoldError::Full)), "an eighth of all");
    hold(&scene, &origin(None, 3), &most).await.unwrap();

    // Whatever became of them: it is the writing that costs.
    let again = async |from| {
        let holding = begin(&scene.world, submission(APP), &origin(None, from), Some(1)).await?;
        discard(&scene.world, holding.token(), &browser(from)).await.map_err(HoldError::from)
    };
    for _ in 0..64 {
        again(4).await.unwrap();
    }
    assert!(matches!(again(4).await, Err(HoldError::Full)));
    again(5).await.unwrap();
    scene.wait(SECOND * 10);
    again(4).await.unwrap();
}

#[tokio::test]
async fn an_altered_body_is_never_delivered_whole() {
    let scene = Scene::new();
    let ann = scene.add("ann").await;
    let one = hold(&scene, &origin(Some(&ann), 1), b"one").await.unwrap();
    let other = hold(&scene, &origin(Some(&ann), 1), b"two").await.unwrap();
    let part = scene.world.store.held_part(other.hash(), 0).await.unwrap().unwrap();
    let Taken::Now(delivery) = taken(&scene, &one, APP, 1, &ann).await else { panic!("it was refused") };
    scene.world.store.hold_part(one.hash(), 0, &part).await.unwrap();

    assert!(delivery.part(&scene.world, 0).await.is_err());
    assert!(delivery.part(&scene.world, 1).await.is_err());
}

/// What can happen, in any order.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Somebody sends a form from a browser: whole, or the connection breaks off.
    Hold { user: Option<u8>, browser: u8, whole: bool },
    /// Somebody signs in or steps up.
    Prove { user: u8 },
    /// Somebody brings a form's token: to this app, from this browser.
    Deliver { form: usize, user: u8, browser: u8, app: u8, then: Then },
    /// Somebody throws a form away.
    Discard { form: usize, browser: u8 },
    /// Time passes.
    Wait { minutes: u8 },
    /// What is over is forgotten.
    Sweep,
}

/// What comes of a form that was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The application takes it.
    Arrives,
    /// The application wants one more proof: it waits again.
    Waits,
    /// The application can't be reached, and nothing of it is sent: it waits again.
    Unreached,
    /// The node dies before it is delivered, or while it is.
    Dies,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (prop::option::of(0u8..2), 0u8..2, any::<bool>())
            .prop_map(|(user, browser, whole)| Event::Hold { user, browser, whole }),
        2 => (0u8..2).prop_map(|user| Event::Prove { user }),
        6 => (0usize..6, 0u8..2, 0u8..2, 0u8..4, prop::sample::select(vec![Then::Arrives, Then::Waits, Then::Unreached, Then::Dies]))
            .prop_map(|(form, user, browser, app, then)| Event::Deliver { form, user, browser, app, then }),
        1 => (0usize..6, 0u8..2).prop_map(|(form, browser)| Event::Discard { form, browser }),
        1 => (1u8..10).prop_map(|minutes| Event::Wait { minutes }),
        1 => Just(Event::Sweep),
    ];
    prop::collection::vec(event, 1..60)
}

/// A form as its sender knows it.
struct Form {
    token: Token,
    user: Option<u8>,
    browser: u8,
    whole: bool,
    held_at: Timestamp,
    discarded: bool,
}

/// Plays the events, and returns how often each form was given out and not taken back.
async fn play(events: &[Event]) -> HashMap<TokenHash, u32> {
    let scene = Scene::new();
    let people = [scene.add("ann").await, scene.add("bob").await];
    let (mut forms, mut given): (Vec<Form>, HashMap<TokenHash, u32>) = (Vec::new(), HashMap::new());
    let mut proven_at = [scene.now(); 2];
    for event in events {
        match *event {
            Event::Hold { user, browser, whole } => {
                let sender = user.map(|user| &people[usize::from(user)]);
                let from = origin(sender, browser);
                let Ok(mut holding) = begin(&scene.world, submission(APP), &from, Some(5)).await else { continue };
                let token = holding.token().clone();
                holding.append(&scene.world, b"to=bo").await.unwrap();
                if whole {
                    holding.finish(&scene.world).await.unwrap();
                }
                forms.push(Form { token, user, browser, whole, held_at: scene.now(), discarded: false });
            }
            Event::Prove { user } => proven_at[usize::from(user)] = scene.now(),
            Event::Deliver { form, user, browser: from, app, then } => {
                let Some(form) = forms.get(form) else { continue };
                let app = if app == 0 { "other.example.com" } else { APP };
                let at = proven_at[usize::from(user)];
                // Without this there is nothing to take a form with.
                let Some(admission) = decided(&scene, &people[usize::from(user)], at) else { continue };
                assert!(at.age(scene.now()).unwrap() <= FRESH, "without an admission of now");
                let (host, target, cookie) = (host(app), path(TARGET), browser(from));
                let taking = take(&scene.world, &form.token, &host, &target, &cookie, &admission, None);
                let Taken::Now(delivery) = taking.await.unwrap() else { continue };
                *given.entry(form.token.hash()).or_default() += 1;
                assert_eq!((app, from), (APP, form.browser));
                assert!(form.user.is_none_or(|owner| owner == user), "to another user");
                assert!(form.whole && !form.discarded, "what was not there");
                assert!(form.held_at.age(scene.now()).unwrap() < Held::LIFETIME, "too late");
                if then == Then::Dies {
                    continue;
                }
                if then != Then::Unreached {
                    assert_eq!(body(&scene, &delivery).await, b"to=bo");
                }
                if then == Then::Arrives {
                    forget(&scene.world, delivery.token()).await.unwrap();
                } else {
                    delivery.release(&scene.world).await.unwrap();
                    given.remove(&form.token.hash());
                }
            }
            Event::Discard { form, browser: from } => {
                let Some(form) = forms.get_mut(form) else { continue };
                form.discarded |= discard(&scene.world, &form.token, &browser(from)).await.unwrap();
            }
            Event::Wait { minutes } => scene.wait(just_before(MINUTE * u32::from(minutes))),
            Event::Sweep => crate::flows::sessions::sweep(&scene.world).await.unwrap(),
        }
    }
    given
}

proptest! {
    #[test]
    fn nothing_is_given_out_twice_or_to_anybody_else(events in events()) {
        let runtime = Builder::new_current_thread().build().unwrap();

        let given = runtime.block_on(play(&events));

        prop_assert!(given.values().all(|&count| count == 1), "{given:?}");
    }
}
