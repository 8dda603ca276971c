//! What sign-ins leave behind.

use super::people::*;
use doorward::{
    domain::{
        risk::{Coordinates, Country, Subnet, Trace, Whereabouts},
        time::Timestamp,
    },
    ports::{
        Store,
        store::{Device, DeviceId, Undo},
    },
};
use std::sync::Arc;
use uuid::Uuid;

/// A trace of browser 200.
fn trace(address: &str, at: Timestamp) -> Trace {
    let coordinates = Coordinates::near(51.5142, -0.0931);
    let whereabouts = Some(Whereabouts { country: Country::parse("GB").unwrap(), coordinates });
    Trace { browser: hash(200), subnet: Subnet::of(address.parse().unwrap()), whereabouts, at, counts_from: at }
}

async fn traces(store: &Arc<dyn Store>) -> Vec<Trace> {
    store.traces(ANN).await.unwrap()
}

pub(crate) async fn the_latest_trace_of_each_browser_and_subnet_is_kept(store: Arc<dyn Store>) {
    settle(&store).await;
    let unplaced = Trace { whereabouts: None, ..trace("2001:db8:1::7", NOON) };
    let elsewhere = Trace { browser: hash(201), ..trace("81.2.69.160", NOON - SECOND) };
    let country = Whereabouts { country: Country::parse("SE").unwrap(), coordinates: None };
    let moved = Trace { whereabouts: Some(country), ..trace("81.2.69.200", NOON + SECOND) };
    for trace in [&trace("81.2.69.160", NOON), &unplaced, &elsewhere, &moved] {
        store.leave_trace(ANN, trace).await.unwrap();
    }
    store.leave_trace(BOB, &trace("192.0.2.1", NOON)).await.unwrap();

    let moved = Trace { counts_from: NOON, ..moved };
    assert_eq!(traces(&store).await, [moved, unplaced, elsewhere], "what counts goes on counting");
    // Nor does a doubt that is over come back.
    let doubtful = Trace { counts_from: NOON + MINUTE, ..trace("192.0.2.1", NOON) };
    for (left, counts_from) in [(doubtful.clone(), NOON + MINUTE), (trace("192.0.2.1", NOON), NOON), (doubtful, NOON)] {
        store.leave_trace(ANN, &left).await.unwrap();
        let kept = traces(&store).await.into_iter().find(|trace| trace.subnet == left.subnet).unwrap();
        assert_eq!(kept.counts_from, counts_from);
    }
}

pub(crate) async fn traces_go_with_their_browser(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.leave_trace(ANN, &trace("81.2.69.160", NOON)).await.unwrap();
    let device = Device {
        id: DeviceId(Uuid::nil()),
        user: ANN,
        browser: hash(201),
        name: None,
        created_at: NOON,
        used_at: None,
    };

    assert!(store.remember_device(&device, session_id(1), Some(hash(200))).await.unwrap());

    assert_eq!(traces(&store).await, [Trace { browser: hash(201), ..trace("81.2.69.160", NOON) }]);
}

pub(crate) async fn of_traces_that_are_swept_it_stays_known_when_the_last_was_left(store: Arc<dyn Store>) {
    settle(&store).await;
    let last_forgotten = async |user| store.last_forgotten(user).await.unwrap();
    let others = ["192.0.2.1", "216.160.83.56", "175.16.199.1"];
    for (at, address) in (0..).map(|n| NOON + MINUTE * n).zip(others) {
        store.leave_trace(ANN, &trace(address, at)).await.unwrap();
    }
    store.leave_trace(BOB, &trace("192.0.2.1", NOON + MINUTE)).await.unwrap();

    store.sweep_traces(NOON).await.unwrap();
    assert_eq!((last_forgotten(ANN).await, traces(&store).await.len()), (None, 3), "nothing was swept");
    store.sweep_traces(NOON + MINUTE + SECOND).await.unwrap();
    assert_eq!((last_forgotten(ANN).await, traces(&store).await.len()), (Some(NOON + MINUTE), 1));
    assert_eq!(last_forgotten(BOB).await, Some(NOON + MINUTE));
    store.sweep_traces(NOON + MINUTE + SECOND).await.unwrap();
    assert_eq!(last_forgotten(ANN).await, Some(NOON + MINUTE), "a sweep with nothing to do changes nothing");
    store.sweep_traces(NOON + MINUTE * 3).await.unwrap();
    assert_eq!((last_forgotten(ANN).await, traces(&store).await), (Some(NOON + MINUTE * 2), vec![]));
    assert_eq!(last_forgotten(BOB).await, Some(NOON + MINUTE), "another's is none of Bob's");

    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(last_forgotten(ANN).await, None);
}

pub(crate) async fn traces_go_with_their_time_their_account_and_what_is_undone(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let kept = Trace { at: NOON + MINUTE, ..trace("81.2.69.160", NOON) };
    let doubtful = Trace { counts_from: NOON + MINUTE, ..trace("175.16.199.1", NOON) };
    for trace in [&trace("192.0.2.1", NOON - SECOND), &kept, &doubtful, &trace("216.160.83.56", NOON + SECOND)] {
        store.leave_trace(ANN, trace).await.unwrap();
    }
    store.leave_trace(BOB, &doubtful).await.unwrap();

    store.sweep_traces(NOON).await.unwrap();
    assert_eq!(traces(&store).await.len(), 3);
    let undo = Undo { token: hash(50), user: ANN, session: session_id(1), browser: None, made_at: NOON + SECOND };
    store.open_undo(&undo).await.unwrap();
    store.take_undo(hash(50), NOON).await.unwrap().unwrap();
    assert_eq!(traces(&store).await, [kept], "what did not count before");
    assert_eq!(store.traces(BOB).await.unwrap().len(), 1, "those of others stay");

    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(traces(&store).await, []);
    let orphaned = store.leave_trace(ANN, &trace("81.2.69.160", NOON)).await;
    assert!(orphaned.unwrap_err().to_string().contains("is gone"));
}
