//! Recovery codes.

use super::{contacts::phone, people::*, race};
use doorward::{
    domain::user::UserId,
    ports::{
        Store,
        store::{Added, FoundCode, HashedCode, Phones, Removal},
    },
};
use std::sync::Arc;
use uuid::Uuid;

fn codes(heads: &[&str]) -> Vec<HashedCode> {
    heads.iter().map(|head| HashedCode { head: (*head).to_owned(), phc: format!("hash of {head}") }).collect()
}

async fn left(store: &Arc<dyn Store>, user: UserId) -> u64 {
    store.recovery_codes_left(user).await.unwrap()
}

pub(crate) async fn a_code_is_found_by_its_first_letters(store: Arc<dyn Store>) {
    settle(&store).await;
    store.replace_recovery_codes(ANN, factor(1), &codes(&["A1", "B2"])).await.unwrap();
    store.replace_recovery_codes(BOB, factor(2), &codes(&["A1"])).await.unwrap();

    let found = |set, phc: &str| Some(FoundCode { set: factor(set), phc: phc.to_owned() });
    assert_eq!(store.recovery_code(ANN, "B2").await.unwrap(), found(1, "hash of B2"));
    assert_eq!(store.recovery_code(BOB, "A1").await.unwrap(), found(2, "hash of A1"));
    assert_eq!(store.recovery_code(BOB, "B2").await.unwrap(), None);
    assert_eq!(store.recovery_code(ANN, "a1").await.unwrap(), None);
    assert_eq!((left(&store, ANN).await, left(&store, BOB).await), (2, 1));
}

pub(crate) async fn of_racing_uses_of_one_recovery_code_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.replace_recovery_codes(ANN, factor(1), &codes(&["A1", "B2"])).await.unwrap();

    let answers =
        race(&store, |store, _| async move { store.spend_recovery_code(ANN, factor(1), "A1", NOON).await.unwrap() })
            .await;

    assert_eq!(answers.iter().filter(|&&spent| spent).count(), 1);
    assert_eq!(left(&store, ANN).await, 1);
    assert!(store.recovery_code(ANN, "A1").await.unwrap().is_some(), "a used code is still recognised");
    assert!(!store.spend_recovery_code(ANN, factor(1), "A1", NOON + MINUTE).await.unwrap());
    assert!(!store.spend_recovery_code(BOB, factor(1), "B2", NOON).await.unwrap(), "Bob has none");
    assert!(!store.spend_recovery_code(ANN, factor(1), "C3", NOON).await.unwrap(), "no such code");
}

pub(crate) async fn a_new_set_ends_the_old_one_whole(store: Arc<dyn Store>) {
    settle(&store).await;
    store.replace_recovery_codes(ANN, factor(1), &codes(&["A1", "B2"])).await.unwrap();
    assert!(store.spend_recovery_code(ANN, factor(1), "A1", NOON).await.unwrap());
    store.replace_recovery_codes(ANN, factor(2), &codes(&["A1", "C3", "D4"])).await.unwrap();

    assert_eq!(left(&store, ANN).await, 3);
    assert_eq!(store.recovery_code(ANN, "B2").await.unwrap(), None);
    // Whoever found the old code a moment ago does not use up the new one that begins alike.
    assert!(!store.spend_recovery_code(ANN, factor(1), "A1", NOON).await.unwrap());
    assert!(store.spend_recovery_code(ANN, factor(2), "A1", NOON).await.unwrap());
}

pub(crate) async fn of_racing_sets_one_is_left_whole(store: Arc<dyn Store>) {
    settle(&store).await;

    race(&store, |store, racer| async move {
        let heads = [format!("a{racer}"), format!("b{racer}"), "same".to_owned()];
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        store.replace_recovery_codes(ANN, factor(racer), &codes(&heads)).await.unwrap();
    })
    .await;

    assert_eq!(left(&store, ANN).await, 3);
    let winner = store.recovery_code(ANN, "same").await.unwrap().unwrap().set;
    let racer = winner.0.as_u128();
    for head in [format!("a{racer}"), format!("b{racer}")] {
        assert_eq!(store.recovery_code(ANN, &head).await.unwrap().unwrap().set, winner);
    }
}

pub(crate) async fn codes_go_with_the_second_factors_and_with_the_account(store: Arc<dyn Store>) {
    settle(&store).await;
    for user in [ANN, BOB] {
        store.replace_recovery_codes(user, factor(1), &codes(&["A1"])).await.unwrap();
    }

    assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 0, "codes are not counted");
    assert_eq!((left(&store, ANN).await, left(&store, BOB).await), (0, 1));
    assert!(store.delete_account(BOB).await.unwrap());
    assert_eq!(left(&store, BOB).await, 0);
    let orphaned = store.replace_recovery_codes(UserId(Uuid::nil()), factor(1), &codes(&["A1"])).await;
    assert!(orphaned.unwrap_err().to_string().contains("is gone"));
}

pub(crate) async fn codes_go_with_the_last_second_factor_of_any_kind(store: Arc<dyn Store>) {
    settle(&store).await;
    for user in [ANN, BOB] {
        store.replace_recovery_codes(user, factor(1), &codes(&["A1"])).await.unwrap();
    }
    assert_eq!(store.add_totp(&totp(1, ANN)).await.unwrap(), Added::New);
    assert_eq!(store.add_totp(&totp(2, ANN)).await.unwrap(), Added::New);
    store.put_contact(&phone(3, ANN)).await.unwrap();
    let phones = Phones::DontCount;

    assert!(store.remove_factor(Removal { phones, ..removal(ANN, 1) }).await.unwrap());
    assert_eq!(left(&store, ANN).await, 1, "an app is left");
    assert!(store.remove_factor(removal(ANN, 2)).await.unwrap());
    assert_eq!(left(&store, ANN).await, 1, "a phone is left");
    assert!(store.remove_contact(removal(ANN, 3)).await.unwrap());
    assert_eq!((left(&store, ANN).await, left(&store, BOB).await), (0, 1));

    // Where no codes go to a phone, it is nothing that they could stand in for.
    assert_eq!(store.add_totp(&totp(4, BOB)).await.unwrap(), Added::New);
    store.put_contact(&phone(5, BOB)).await.unwrap();
    assert!(store.remove_factor(Removal { phones, ..removal(BOB, 4) }).await.unwrap());
    assert_eq!(left(&store, BOB).await, 0);
}

pub(crate) async fn an_app_that_replaces_others_stands_alone(store: Arc<dyn Store>) {
    settle(&store).await;
    for phone in [totp(1, ANN), totp(2, ANN), totp(3, BOB)] {
        assert_eq!(store.add_totp(&phone).await.unwrap(), Added::New);
    }

    let new = totp(4, ANN);
    let answers = race(&store, |store, _| {
        let new = new.clone();
        async move { store.replace_totp(&new).await.unwrap() }
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
    assert_eq!(store.totp_factors(ANN).await.unwrap(), [new]);
    assert_eq!(store.totp_factors(BOB).await.unwrap().len(), 1);
}
