//! Passkeys and their ceremonies.

use super::{people::*, race};
use doorward::{
    domain::{factor::KeyKind, user::UserId},
    ports::{
        Store,
        store::{Added, Ceremony, PasskeyFactor, Purpose},
    },
};
use std::sync::Arc;

pub(crate) fn passkey(id: u8, user: UserId) -> PasskeyFactor {
    PasskeyFactor {
        id: factor(id),
        user,
        kind: KeyKind::Passkey,
        name: "Ann's laptop".to_owned(),
        credential_id: vec![id, 0, 255],
        credential: "{\"counter\":0}".to_owned(),
        created_at: NOON,
        used_at: None,
    }
}

fn ceremony(token: u8, user: Option<UserId>) -> Ceremony {
    let state = "{\"challenge\":\"…\"}".to_owned();
    Ceremony { token: hash(token), purpose: Purpose::SignIn, browser: hash(200), user, state, made_at: NOON }
}

async fn add(store: &Arc<dyn Store>, passkey: &PasskeyFactor) {
    assert_eq!(store.add_passkey(passkey).await.unwrap(), Added::New);
}

pub(crate) async fn a_passkey_is_found_as_it_was_added(store: Arc<dyn Store>) {
    settle(&store).await;
    let first = passkey(2, ANN);
    let second = PasskeyFactor {
        kind: KeyKind::SecurityKey,
        created_at: NOON + SECOND,
        used_at: Some(NOON + MINUTE),
        ..passkey(1, ANN)
    };
    for passkey in [&second, &first] {
        add(&store, passkey).await;
    }

    assert_eq!(store.passkey(&first.credential_id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(store.passkeys(ANN).await.unwrap(), [first, second]);
    assert_eq!(store.passkeys(BOB).await.unwrap(), []);
    assert_eq!(store.passkey(b"another").await.unwrap(), None);
}

pub(crate) async fn a_credential_is_one_persons(store: Arc<dyn Store>) {
    settle(&store).await;

    let answers = race(&store, |store, racer| async move {
        let user = if racer % 2 == 0 { ANN } else { BOB };
        let passkey = PasskeyFactor { credential_id: vec![7], ..passkey(racer, user) };
        store.add_passkey(&passkey).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
}

pub(crate) async fn of_racing_uses_of_one_state_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    add(&store, &passkey(1, ANN)).await;

    let answers = race(&store, |store, racer| async move {
        let after = format!("after {racer}");
        store.use_passkey(factor(1), &passkey(1, ANN).credential, &after, NOON + SECOND).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|&&used| used).count(), 1);
    assert_eq!(store.passkeys(ANN).await.unwrap()[0].used_at, Some(NOON + SECOND));
}

pub(crate) async fn a_reset_and_a_deletion_take_passkeys_along(store: Arc<dyn Store>) {
    settle(&store).await;
    for passkey in [passkey(1, ANN), passkey(2, BOB)] {
        add(&store, &passkey).await;
    }
    assert_eq!(store.add_totp(&totp(3, ANN)).await.unwrap(), Added::New);
    store.open_ceremony(&ceremony(1, Some(BOB))).await.unwrap();

    assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 2);
    assert!(store.delete_account(BOB).await.unwrap());

    for id in [1, 2] {
        assert_eq!(store.passkey(&[id, 0, 255]).await.unwrap(), None);
    }
    assert_eq!(store.take_ceremony(hash(1)).await.unwrap(), None);
}

/// WA-01, among many.
pub(crate) async fn of_racing_answers_one_takes_the_ceremony(store: Arc<dyn Store>) {
    settle(&store).await;
    for ceremony in [ceremony(1, Some(ANN)), ceremony(2, None)] {
        store.open_ceremony(&ceremony).await.unwrap();
    }

    let answers = race(&store, |store, _| async move { store.take_ceremony(hash(1)).await.unwrap() }).await;

    let taken: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(taken, [ceremony(1, Some(ANN))]);
    assert_eq!(store.take_ceremony(hash(2)).await.unwrap(), Some(ceremony(2, None)), "the other is untouched");
}

pub(crate) async fn sweeping_forgets_old_ceremonies(store: Arc<dyn Store>) {
    settle(&store).await;
    let late = Ceremony { made_at: NOON + SECOND, ..ceremony(2, None) };
    for ceremony in [&ceremony(1, None), &late] {
        store.open_ceremony(ceremony).await.unwrap();
    }

    store.sweep(NOON, NOON, NOON + SECOND, NOON).await.unwrap();

    assert_eq!(store.take_ceremony(hash(1)).await.unwrap(), None);
    assert_eq!(store.take_ceremony(hash(2)).await.unwrap(), Some(late));
}
