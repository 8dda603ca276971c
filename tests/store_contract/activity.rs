//! What happened.

use super::people::*;
use doorward::{
    domain::{
        event::{Event, What},
        factor::Method,
        place::Place,
        time::Timestamp,
        user::UserId,
    },
    ports::Store,
};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) fn event(user: Option<UserId>, at: Timestamp) -> Event {
    let place = Place { browser: Some("Firefox on Linux".to_owned()), address: Some("2001:db8::1".parse().unwrap()) };
    Event { user, at, what: What::SignedIn { method: Method::Totp }, place }
}

async fn append(store: &Arc<dyn Store>, events: &[&Event]) {
    for event in events {
        store.append_event(event).await.unwrap();
    }
}

pub(crate) async fn events_are_found_as_they_were_written_the_last_first(store: Arc<dyn Store>) {
    settle(&store).await;
    let what = What::FactorRenamed { method: Method::Passkey, from: "“a”".to_owned(), to: "b\"".to_owned() };
    let first = Event { what, place: Place::default(), ..event(Some(ANN), NOON + MINUTE) };
    // In the order of writing, whatever clocks say.
    let (second, third) = (event(Some(ANN), NOON), event(Some(ANN), NOON));
    append(&store, &[&first, &event(Some(BOB), NOON), &second, &event(None, NOON), &third]).await;

    assert_eq!(store.recent_events(ANN, 9).await.unwrap(), [third.clone(), second.clone(), first]);
    assert_eq!(store.recent_events(ANN, 2).await.unwrap(), [third, second]);
    assert_eq!(store.recent_events(UserId(Uuid::nil()), 9).await.unwrap(), []);
}

pub(crate) async fn events_go_with_their_account_and_their_time(store: Arc<dyn Store>) {
    settle(&store).await;
    let kept = event(Some(ANN), NOON);
    append(&store, &[&event(Some(ANN), NOON - SECOND), &kept, &event(Some(BOB), NOON), &event(None, NOON)]).await;

    store.sweep_events(NOON).await.unwrap();
    assert_eq!(store.recent_events(ANN, 9).await.unwrap(), [kept]);

    assert!(store.delete_account(BOB).await.unwrap());
    assert_eq!(store.recent_events(BOB, 9).await.unwrap(), []);
    let orphaned = store.append_event(&event(Some(BOB), NOON)).await;
    assert!(orphaned.unwrap_err().to_string().contains("is gone"));
}
