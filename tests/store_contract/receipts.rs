//! Proofs that pay for one request each.

use super::{RACERS, people::*, race};
use doorward::{
    domain::{
        factor::Method,
        policy::once::{Fingerprint, Receipt},
        session::Authentication,
        time::Timestamp,
    },
    ports::Store,
};
use std::sync::Arc;

const SINCE: Timestamp = Timestamp::from_millis(0);

fn request(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; 32])
}

fn proven(at: Timestamp) -> Authentication {
    proof(Method::Totp, 2, at)
}

/// Ann's session 1 under token 1, with a receipt for request 7; then under token 2.
async fn paid(store: &Arc<dyn Store>) {
    settle(store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    assert!(store.step_up_for(request(7), session_id(1), proven(NOON + MINUTE), hash(1), hash(2)).await.unwrap());
}

async fn is_there(store: &Arc<dyn Store>, byte: u8) -> bool {
    store.receipt(session_id(1), request(byte), SINCE).await.unwrap().is_some()
}

pub(crate) async fn a_receipt_is_found_as_it_was_written(store: Arc<dyn Store>) {
    paid(&store).await;

    let expected = Receipt { session: session_id(1), request: request(7), method: Method::Totp, at: NOON + MINUTE };
    assert_eq!(store.receipt(session_id(1), request(7), NOON).await.unwrap(), Some(expected));
    assert_eq!(store.receipt(session_id(1), request(7), NOON + MINUTE).await.unwrap(), None, "not after that");
    assert!(!is_there(&store, 8).await);
    assert_eq!(store.receipt(session_id(2), request(7), SINCE).await.unwrap(), None);
    let proofs = store.identity(hash(2)).await.unwrap().unwrap().session.authentications;
    assert_eq!(proofs.last(), Some(&proven(NOON + MINUTE)), "it is a proof like any other besides");

    // A later one for the same request takes its place.
    assert!(store.step_up_for(request(7), session_id(1), proven(NOON + 2 * MINUTE), hash(2), hash(3)).await.unwrap());
    assert!(store.spend_receipt(session_id(1), request(7), SINCE).await.unwrap().is_some());
    assert!(store.spend_receipt(session_id(1), request(7), SINCE).await.unwrap().is_none());
}

pub(crate) async fn of_racing_requests_one_spends_the_receipt(store: Arc<dyn Store>) {
    paid(&store).await;

    let spent = race(&store, |store, _| async move {
        store.spend_receipt(session_id(1), request(7), SINCE).await.unwrap().is_some()
    })
    .await;

    assert_eq!(spent.into_iter().filter(|spent| *spent).count(), 1);
    assert!(!is_there(&store, 7).await);
}

pub(crate) async fn of_racing_proofs_one_writes_a_receipt(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(255)).await.unwrap();

    let kept = race(&store, |store, racer| async move {
        let (proof, new) = (proven(NOON + MINUTE), hash(racer));
        store.step_up_for(request(racer), session_id(1), proof, hash(255), new).await.unwrap()
    })
    .await;

    assert_eq!(kept.iter().filter(|&&kept| kept).count(), 1);
    for racer in 0..RACERS {
        assert_eq!(is_there(&store, racer).await, kept[usize::from(racer)], "no token, no receipt");
    }
}

pub(crate) async fn receipts_go_with_their_time_and_with_their_session(store: Arc<dyn Store>) {
    paid(&store).await;
    let spend = async |since| store.spend_receipt(session_id(1), request(7), since).await.unwrap();

    assert!(spend(NOON + MINUTE).await.is_none() && is_there(&store, 7).await, "too late, and it stays");
    store.sweep_receipts(NOON + MINUTE).await.unwrap();
    assert!(is_there(&store, 7).await);
    store.sweep_receipts(NOON + MINUTE + SECOND).await.unwrap();
    assert!(!is_there(&store, 7).await);

    assert!(store.step_up_for(request(7), session_id(1), proven(NOON + MINUTE), hash(2), hash(3)).await.unwrap());
    assert!(store.end_session(session_id(1)).await.unwrap());
    assert!(!is_there(&store, 7).await);
}
