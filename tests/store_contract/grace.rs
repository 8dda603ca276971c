//! Since when somebody signs in without the second factor that is required of them.

use super::{people::*, race};
use doorward::{
    domain::{time::Timestamp, user::UserId},
    ports::Store,
};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) async fn grace_begins_once(store: Arc<dyn Store>) {
    settle(&store).await;
    assert_eq!(store.grace_began(ANN).await.unwrap(), None);

    assert_eq!(store.begin_grace(ANN, NOON).await.unwrap(), Some(NOON));

    assert_eq!(store.begin_grace(ANN, NOON + MINUTE).await.unwrap(), Some(NOON));
    assert_eq!(store.begin_grace(ANN, NOON - MINUTE).await.unwrap(), Some(NOON), "nor does it move back");
    assert_eq!(store.grace_began(ANN).await.unwrap(), Some(NOON));
    assert_eq!(store.grace_began(BOB).await.unwrap(), None);
    assert_eq!(store.begin_grace(UserId(Uuid::nil()), NOON).await.unwrap(), None);
    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(store.add_account(&account(ANN, "ann")).await.unwrap(), doorward::ports::store::Added::New);
    assert_eq!(store.grace_began(ANN).await.unwrap(), None, "it went with the account");
}

pub(crate) async fn of_racing_sign_ins_all_are_told_one_beginning(store: Arc<dyn Store>) {
    settle(&store).await;

    let told =
        race(&store, |store, racer| async move { store.begin_grace(ANN, NOON + SECOND * racer.into()).await.unwrap() })
            .await;

    let began = store.grace_began(ANN).await.unwrap();
    assert!(began.is_some() && told.iter().all(|told| *told == began), "{told:?}");
}

pub(crate) async fn a_reset_ends_the_grace_of_who_had_a_second_factor(store: Arc<dyn Store>) {
    settle(&store).await;
    let _ = store.add_totp(&totp(1, ANN)).await.unwrap();
    store.begin_grace(BOB, NOON).await.unwrap();

    for user in [ANN, BOB] {
        store.remove_second_factors(user).await.unwrap();
    }

    assert_eq!(store.grace_began(ANN).await.unwrap(), Some(Timestamp::from_millis(0)));
    assert_eq!(store.begin_grace(ANN, NOON).await.unwrap(), Some(Timestamp::from_millis(0)));
    assert_eq!(store.grace_began(BOB).await.unwrap(), Some(NOON));
}
