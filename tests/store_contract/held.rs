//! Held requests.

use super::{RACERS, people::*, race};
use doorward::{
    domain::{session::SessionId, throttle::BudgetKey, time::Timestamp},
    ports::{
        Store,
        store::{Claim, FoundHeld, Held, Room, Sender},
    },
};
use std::{net::IpAddr, sync::Arc};
use uuid::Uuid;

const ROOM: Room = Room { of_session: 100, of_address: 100, address_bytes: 1000, bytes: 1000 };
const SINCE: Timestamp = Timestamp::from_millis(0);

fn request(token: u8) -> Held {
    Held {
        token: hash(token),
        place: hash(201),
        browser: hash(200),
        sender: Some(Sender { user: ANN, session: SessionId(Uuid::from_u128(9)) }),
        address: BudgetKey::address(IpAddr::from([192, 0, 2, 1])),
        size: 10,
        made_at: NOON,
    }
}

fn claim(token: u8) -> Claim {
    Claim { token: hash(token), place: hash(201), browser: hash(200), user: Some(ANN) }
}

async fn keep(store: &Arc<dyn Store>, request: &Held) {
    assert!(store.hold(request, ROOM, SINCE).await.unwrap());
    store.hold_part(request.token, 0, b"sealed").await.unwrap();
    store.hold_whole(request.token, b"head", 5, request.made_at).await.unwrap();
}

pub(crate) async fn a_held_request_is_found_once_it_is_whole(store: Arc<dyn Store>) {
    settle(&store).await;
    assert!(store.hold(&request(1), ROOM, SINCE).await.unwrap());
    store.hold_part(hash(1), 1, &vec![0; 65536]).await.unwrap();
    assert_eq!(store.held(hash(1), SINCE).await.unwrap(), None);
    assert!(!store.take_held(claim(1), SINCE, NOON).await.unwrap());

    store.hold_whole(hash(1), b"head", 5, NOON + SECOND).await.unwrap();

    let Some(FoundHeld::Waiting(found)) = store.held(hash(1), SINCE).await.unwrap() else { panic!() };
    assert_eq!((found.user, found.browser, found.place), (Some(ANN), hash(200), hash(201)));
    assert_eq!(
        (found.head.as_slice(), found.made_at),
        (&b"head"[..], NOON + SECOND),
        "it came when all of it was there"
    );
    assert_eq!(store.held_part(hash(1), 1).await.unwrap(), Some(vec![0; 65536]));
    assert_eq!(store.held_part(hash(1), 0).await.unwrap(), None);
    assert_eq!(store.held(hash(1), NOON + SECOND).await.unwrap(), None, "not after that");
}

pub(crate) async fn of_racing_deliveries_one_takes_the_request(store: Arc<dyn Store>) {
    settle(&store).await;
    keep(&store, &request(1)).await;

    let answers = race(&store, |store, racer| async move {
        let now = NOON + SECOND * u32::from(racer);
        store.take_held(claim(1), SINCE, now).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|&&taken| taken).count(), 1);
    assert_eq!(store.held(hash(1), SINCE).await.unwrap(), Some(FoundHeld::Taken));
    assert_eq!(store.held_part(hash(1), 0).await.unwrap().as_deref(), Some(&b"sealed"[..]), "until it is delivered");
    store.release_held(hash(1)).await.unwrap();
    assert!(store.take_held(claim(1), SINCE, NOON).await.unwrap(), "it waited again");
    store.empty_held(hash(1)).await.unwrap();
    assert_eq!(store.held_part(hash(1), 0).await.unwrap(), None);
    assert_eq!(store.held(hash(1), SINCE).await.unwrap(), Some(FoundHeld::Taken), "that stays known");
    assert!(!store.drop_held(hash(1), hash(200)).await.unwrap());
}

pub(crate) async fn a_request_is_sent_or_thrown_away_never_both(store: Arc<dyn Store>) {
    settle(&store).await;
    keep(&store, &request(1)).await;

    let answers = race(&store, |store, racer| async move {
        match racer % 2 {
            0 => store.take_held(claim(1), SINCE, NOON).await.unwrap(),
            _ => store.drop_held(hash(1), hash(200)).await.unwrap(),
        }
    })
    .await;

    let [sent, dropped] = [0, 1].map(|kind| answers.iter().skip(kind).step_by(2).filter(|&&won| won).count());
    assert_eq!(sent + dropped, 1, "{sent} sent, {dropped} dropped");
    let found = (sent == 1).then_some(FoundHeld::Taken);
    assert_eq!(store.held(hash(1), SINCE).await.unwrap(), found);
}

pub(crate) async fn a_request_is_taken_only_as_it_was_bound(store: Arc<dyn Store>) {
    settle(&store).await;
    keep(&store, &request(1)).await;
    keep(&store, &Held { sender: None, ..request(2) }).await;
    let take = async |claim, since| store.take_held(claim, since, NOON).await.unwrap();

    assert!(!take(Claim { place: hash(7), ..claim(1) }, SINCE).await);
    assert!(!take(Claim { browser: hash(7), ..claim(1) }, SINCE).await);
    assert!(!take(Claim { user: Some(BOB), ..claim(1) }, SINCE).await);
    assert!(!take(Claim { user: None, ..claim(1) }, SINCE).await);
    assert!(!take(claim(1), NOON).await, "too late");
    assert!(!store.drop_held(hash(1), hash(7)).await.unwrap());

    assert!(take(claim(1), SINCE).await);
    assert!(take(Claim { user: Some(BOB), ..claim(2) }, SINCE).await, "nobody's is anybody's");
}

pub(crate) async fn of_racing_requests_as_many_are_held_as_fit(store: Arc<dyn Store>) {
    settle(&store).await;
    let count = async |room: Room, spread: bool| {
        let answers = race(&store, |store, racer| async move {
            let mut request = request(racer);
            if spread {
                request.sender = None;
                request.address = BudgetKey::address(IpAddr::from([192, 0, 2, racer]));
            }
            store.hold(&request, room, SINCE).await.unwrap()
        })
        .await;
        for racer in 0..RACERS {
            store.drop_held(hash(racer), hash(200)).await.unwrap();
        }
        answers.into_iter().filter(|held| *held).count()
    };

    assert_eq!(count(Room { of_session: 3, ..ROOM }, false).await, 3);
    assert_eq!(count(Room { of_address: 4, ..ROOM }, false).await, 4);
    assert_eq!(count(Room { bytes: 59, ..ROOM }, true).await, 5);
    assert_eq!(count(Room { address_bytes: 59, ..ROOM }, false).await, 5);
    assert_eq!(count(Room { address_bytes: 59, bytes: 69, ..ROOM }, true).await, 6, "each from another address");
    assert_eq!(count(Room { of_session: 1, ..ROOM }, true).await, usize::from(RACERS), "nobody has no session");
}

pub(crate) async fn of_racing_bodies_as_many_grow_as_fit(store: Arc<dyn Store>) {
    settle(&store).await;
    for number in 0..RACERS {
        assert!(store.hold(&request(number), ROOM, SINCE).await.unwrap());
    }
    let grown = async |room: Room| {
        let answers = race(&store, |store, racer| async move {
            let size = 20 + u64::from(racer % 2);
            store.hold_more(hash(racer), size, room).await.unwrap()
        })
        .await;
        answers.into_iter().filter(|grown| *grown).count()
    };
    let taken = u64::from(RACERS) * 10;

    assert_eq!(grown(Room { bytes: taken + 9, ..ROOM }).await, 0);
    assert_eq!(grown(Room { address_bytes: taken + 9, ..ROOM }).await, 0);
    let some = grown(Room { bytes: taken + 35, ..ROOM }).await;
    assert!((2..=3).contains(&some), "{some}");
    store.hold_whole(hash(1), b"head", 5, NOON).await.unwrap();
    assert!(!store.hold_more(hash(1), 20, ROOM).await.unwrap(), "it is whole");
    assert!(!store.hold_more(hash(250), 20, ROOM).await.unwrap(), "there is none");
}

/// A request that is released waits again for one of those who want it, whoever else tries meanwhile.
pub(crate) async fn a_released_request_is_taken_once_more_and_by_one(store: Arc<dyn Store>) {
    settle(&store).await;
    keep(&store, &request(1)).await;
    assert!(store.take_held(claim(1), SINCE, NOON).await.unwrap());

    let answers = race(&store, |store, racer| async move {
        if racer == 0 {
            store.release_held(hash(1)).await.unwrap();
            return false;
        }
        store.take_held(claim(1), SINCE, NOON).await.unwrap()
    })
    .await;

    let taken = answers.into_iter().filter(|taken| *taken).count();
    assert!(taken <= 1, "{taken}");
    let is_waiting = matches!(store.held(hash(1), SINCE).await.unwrap(), Some(FoundHeld::Waiting(_)));
    assert_eq!(taken == 0, is_waiting, "nobody took it, or it is taken");
}

pub(crate) async fn held_requests_go_with_their_time_and_with_the_account(store: Arc<dyn Store>) {
    settle(&store).await;
    keep(&store, &request(1)).await;
    keep(&store, &Held { made_at: NOON + SECOND, ..request(2) }).await;
    keep(&store, &Held { made_at: NOON + SECOND, sender: None, ..request(3) }).await;

    store.sweep_held(NOON + SECOND).await.unwrap();
    assert_eq!(store.held(hash(1), SINCE).await.unwrap(), None);
    assert_eq!(store.held_part(hash(1), 0).await.unwrap(), None);
    assert!(store.held(hash(2), SINCE).await.unwrap().is_some());

    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(store.held(hash(2), SINCE).await.unwrap(), None);
    assert!(store.drop_held(hash(3), hash(200)).await.unwrap());
    assert_eq!(store.held_part(hash(3), 0).await.unwrap(), None);
}
