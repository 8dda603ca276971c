//! What sign-ins leave behind.

use super::people::*;
use doorward::{
    domain::{
        risk::{Coordinates, Country, Subnet, Trace, Whereabouts},
        time::Timestamp,
    },
    ports::{Store, store::Undo},
};
use std::sync::Arc;

fn trace(address: &str, at: Timestamp) -> Trace {
    let coordinates = Coordinates::near(51.5142, -0.0931);
    let whereabouts = Some(Whereabouts { country: Country::parse("GB").unwrap(), coordinates });
    Trace { subnet: Subnet::of(address.parse().unwrap()), whereabouts, at }
}

async fn traces(store: &Arc<dyn Store>) -> Vec<Trace> {
    store.traces(ANN, NOON - MINUTE).await.unwrap()
}

pub(crate) async fn the_latest_trace_of_each_subnet_is_kept(store: Arc<dyn Store>) {
    settle(&store).await;
    let unplaced = Trace { whereabouts: None, ..trace("2001:db8:1::7", NOON) };
    let country = Whereabouts { country: Country::parse("SE").unwrap(), coordinates: None };
    let moved = Trace { whereabouts: Some(country), ..trace("81.2.69.200", NOON + SECOND) };
    for trace in [&trace("81.2.69.160", NOON), &unplaced, &moved, &trace("81.2.69.3", NOON)] {
        store.leave_trace(ANN, trace).await.unwrap();
    }
    store.leave_trace(BOB, &trace("192.0.2.1", NOON)).await.unwrap();

    assert_eq!(traces(&store).await, [moved.clone(), unplaced]);
    assert_eq!(store.traces(ANN, NOON + SECOND).await.unwrap(), [moved]);
}

pub(crate) async fn traces_go_with_their_time_their_account_and_what_is_undone(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let kept = trace("81.2.69.160", NOON);
    for trace in [&trace("192.0.2.1", NOON - SECOND), &kept, &trace("216.160.83.56", NOON + SECOND)] {
        store.leave_trace(ANN, trace).await.unwrap();
    }
    store.leave_trace(BOB, &trace("216.160.83.56", NOON + SECOND)).await.unwrap();

    store.sweep_traces(NOON).await.unwrap();
    assert_eq!(traces(&store).await.len(), 2);
    let undo = Undo { token: hash(50), user: ANN, session: session_id(1), browser: None, made_at: NOON + SECOND };
    store.open_undo(&undo).await.unwrap();
    store.take_undo(hash(50), NOON).await.unwrap().unwrap();
    assert_eq!(traces(&store).await, [kept]);
    assert_eq!(store.traces(BOB, NOON).await.unwrap().len(), 1, "those of others stay");

    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(traces(&store).await, []);
    let orphaned = store.leave_trace(ANN, &trace("81.2.69.160", NOON)).await;
    assert!(orphaned.unwrap_err().to_string().contains("is gone"));
}
