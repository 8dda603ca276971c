//! What holds for second factors of every kind.

use super::{RACERS, contacts::phone, passkeys::passkey, people::*, race};
use doorward::{
    domain::{contact::Contact, user::UserId},
    ports::{
        Store,
        store::{Added, LastFactor, PasskeyFactor, Phones, Removal},
    },
};
use std::sync::Arc;
use uuid::Uuid;

async fn add_app(store: &Arc<dyn Store>, id: u8, user: UserId) {
    assert_eq!(store.add_totp(&totp(id, user)).await.unwrap(), Added::New);
}

async fn add_passkey(store: &Arc<dyn Store>, id: u8, user: UserId) {
    assert_eq!(store.add_passkey(&passkey(id, user)).await.unwrap(), Added::New);
}

/// How many second factors Ann has.
async fn count(store: &Arc<dyn Store>) -> usize {
    store.passkeys(ANN).await.unwrap().len() + store.totp_factors(ANN).await.unwrap().len()
}

pub(crate) async fn the_last_second_factor_may_stay(store: Arc<dyn Store>) {
    settle(&store).await;
    add_passkey(&store, 1, ANN).await;
    add_app(&store, 2, BOB).await;
    let remove = async |user, id, last| store.remove_factor(Removal { last, ..removal(user, id) }).await.unwrap();

    assert!(!remove(ANN, 1, LastFactor::Stays).await, "it is the last");
    assert!(!remove(BOB, 2, LastFactor::Stays).await, "it is the last");
    assert!(!remove(ANN, 2, LastFactor::MayGo).await, "it is Bob's");
    add_app(&store, 3, ANN).await;
    assert!(!remove(ANN, 9, LastFactor::Stays).await, "there is none");
    assert!(remove(ANN, 1, LastFactor::Stays).await, "an app is left");
    assert!(!remove(ANN, 3, LastFactor::Stays).await, "it is the last now");
    assert!(remove(BOB, 2, LastFactor::MayGo).await);
    assert!(!remove(BOB, 2, LastFactor::MayGo).await, "it is gone");
}

pub(crate) async fn a_verified_phone_may_be_what_is_left(store: Arc<dyn Store>) {
    settle(&store).await;
    add_app(&store, 1, ANN).await;
    store.put_contact(&phone(2, BOB)).await.unwrap();
    store.put_contact(&Contact { verified_at: None, ..phone(3, ANN) }).await.unwrap();
    let last = LastFactor::Stays;
    let remove = async |phones| store.remove_factor(Removal { last, phones, ..removal(ANN, 1) }).await.unwrap();

    assert!(!remove(Phones::Count).await, "nobody knows whose phone it is");
    store.put_contact(&phone(3, ANN)).await.unwrap();
    assert!(!remove(Phones::DontCount).await, "no codes go there");
    assert!(remove(Phones::Count).await);
}

pub(crate) async fn of_racing_removals_one_second_factor_stays(store: Arc<dyn Store>) {
    settle(&store).await;
    for id in 0..RACERS {
        match id {
            0 => store.put_contact(&phone(id, ANN)).await.unwrap(),
            _ if id % 2 == 0 => add_passkey(&store, id, ANN).await,
            _ => add_app(&store, id, ANN).await,
        }
    }

    let answers = race(&store, |store, racer| async move {
        let removal = Removal { last: LastFactor::Stays, ..removal(ANN, racer) };
        match racer {
            0 => store.remove_contact(removal).await.unwrap(),
            _ => store.remove_factor(removal).await.unwrap(),
        }
    })
    .await;

    assert_eq!(answers.iter().filter(|&&removed| !removed).count(), 1);
    assert_eq!(count(&store).await + store.contacts(ANN).await.unwrap().len(), 1);
}

pub(crate) async fn of_racing_first_factors_of_any_kind_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.set_enrol_until(ANN, Some(NOON + MINUTE)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        match racer % 3 {
            0 => store.add_first_passkey(&passkey(racer, ANN), NOON).await.unwrap(),
            1 => store.put_first_contact(&phone(racer, ANN), NOON).await.unwrap(),
            _ => store.add_first_totp(&totp(racer, ANN), NOON).await.unwrap(),
        }
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
    assert_eq!(count(&store).await + store.contacts(ANN).await.unwrap().len(), 1);
    assert_eq!(store.account(ANN).await.unwrap().unwrap().approval, None);
}

pub(crate) async fn a_first_factor_is_added_in_time_and_where_there_is_none(store: Arc<dyn Store>) {
    settle(&store).await;
    let first = async |id| store.add_first_passkey(&passkey(id, ANN), NOON).await.unwrap();

    assert_eq!(first(1).await, Added::Taken, "the time was never opened");
    store.set_enrol_until(ANN, Some(NOON)).await.unwrap();
    assert_eq!(first(1).await, Added::Taken, "it is over");
    store.set_enrol_until(ANN, Some(NOON + MINUTE)).await.unwrap();
    add_passkey(&store, 7, BOB).await;
    let bobs = PasskeyFactor { credential_id: passkey(7, BOB).credential_id, ..passkey(1, ANN) };
    assert_eq!(store.add_first_passkey(&bobs, NOON).await.unwrap(), Added::Taken, "the credential is Bob's");
    assert_eq!(first(1).await, Added::New, "which used nothing up");

    // An operator who opens it again does not open it to somebody who has a factor.
    store.set_enrol_until(ANN, Some(NOON + MINUTE)).await.unwrap();
    assert_eq!(first(2).await, Added::Taken);
    assert_eq!(store.add_first_totp(&totp(3, ANN), NOON).await.unwrap(), Added::Taken);
    assert_eq!(store.put_first_contact(&phone(4, ANN), NOON).await.unwrap(), Added::Taken);
    assert_eq!(count(&store).await + store.contacts(ANN).await.unwrap().len(), 1);
}

pub(crate) async fn a_factor_is_renamed_by_its_owner(store: Arc<dyn Store>) {
    settle(&store).await;
    add_passkey(&store, 1, ANN).await;
    add_app(&store, 2, ANN).await;
    let rename = async |user, id| store.rename_factor(user, factor(id), "“new”").await.unwrap();

    assert!(rename(ANN, 1).await && rename(ANN, 2).await);
    assert!(!rename(BOB, 1).await && !rename(BOB, 2).await && !rename(ANN, 3).await);

    assert_eq!(store.passkeys(ANN).await.unwrap()[0].name, "“new”");
    assert_eq!(store.totp_factors(ANN).await.unwrap()[0].name, "“new”");
}

pub(crate) async fn one_factor_is_asked_for_first(store: Arc<dyn Store>) {
    settle(&store).await;
    assert_eq!(store.primary(ANN).await.unwrap(), None);

    for id in [1, 2] {
        assert!(store.set_primary(ANN, factor(id)).await.unwrap());
    }

    assert_eq!(store.primary(ANN).await.unwrap(), Some(factor(2)));
    assert_eq!(store.primary(BOB).await.unwrap(), None);
    assert!(!store.set_primary(UserId(Uuid::nil()), factor(1)).await.unwrap());
    assert_eq!(store.primary(UserId(Uuid::nil())).await.unwrap(), None);
}
