//! Remembered devices, and sign-ins that can be undone.

use super::{RACERS, people::*, race};
use doorward::{
    domain::{session::Session, user::UserId},
    ports::{
        Store,
        store::{Device, DeviceId, Undo},
    },
};
use std::sync::Arc;
use uuid::Uuid;

fn device(id: u8, user: UserId, browser: u8) -> Device {
    Device {
        id: DeviceId(Uuid::from_u128(id.into())),
        user,
        browser: hash(browser),
        name: Some("Firefox on Linux".to_owned()),
        created_at: NOON,
        used_at: None,
    }
}

fn undo(token: u8, session: u8) -> Undo {
    Undo { token: hash(token), user: ANN, session: session_id(session), browser: None, made_at: NOON }
}

/// Opens a session of this user, in which they remember browser `browser`.
async fn remember(store: &Arc<dyn Store>, id: u8, user: UserId, browser: u8) {
    store.open_session(&session(id, user), hash(id)).await.unwrap();
    assert!(store.remember_device(&device(id, user, browser), session_id(id), None).await.unwrap());
}

async fn devices(store: &Arc<dyn Store>, user: UserId) -> Vec<Device> {
    store.devices(user, NOON - SECOND).await.unwrap()
}

/// Whether a sign-in of Ann's in this browser, a minute later, is spared a step. It opens session and token `id`.
async fn is_spared(store: &Arc<dyn Store>, id: u8, browser: u8) -> bool {
    let later = Session { started_at: NOON + MINUTE, spared: true, ..session(id, ANN) };
    store.open_remembered_session(&later, hash(id), hash(browser), NOON - SECOND).await.unwrap()
}

pub(crate) async fn a_device_spares_one_user_a_step_for_a_time(store: Arc<dyn Store>) {
    settle(&store).await;
    remember(&store, 1, ANN, 200).await;

    assert!(is_spared(&store, 10, 200).await);
    assert!(store.identity(hash(10)).await.unwrap().unwrap().session.spared, "that is kept");
    let used = Device { used_at: Some(NOON + MINUTE), ..device(1, ANN, 200) };
    assert_eq!(devices(&store, ANN).await, [used]);

    let open = async |id, user, browser, since, now| {
        let session = Session { started_at: now, ..session(id, user) };
        store.open_remembered_session(&session, hash(id), hash(browser), since).await.unwrap()
    };
    assert!(!open(11, BOB, 200, NOON - SECOND, NOON).await, "it is Ann's choice");
    assert!(!open(12, ANN, 201, NOON - SECOND, NOON).await, "it is another browser");
    assert!(!open(13, ANN, 200, NOON, NOON).await, "it was too long ago");
    assert!(!open(14, ANN, 200, NOON - MINUTE, NOON - SECOND).await, "it is not remembered yet");
    for id in 11..15 {
        assert!(!is_live(&store, id).await, "{id}");
    }
}

pub(crate) async fn devices_are_listed_newest_first_and_forgotten_by_their_owner(store: Arc<dyn Store>) {
    settle(&store).await;
    remember(&store, 1, ANN, 200).await;
    let newer = Device { created_at: NOON + SECOND, name: None, ..device(2, ANN, 201) };
    assert!(store.remember_device(&newer, session_id(1), None).await.unwrap());
    remember(&store, 3, BOB, 200).await;

    assert_eq!(devices(&store, ANN).await, [newer.clone(), device(1, ANN, 200)]);
    assert_eq!(store.devices(ANN, NOON).await.unwrap(), std::slice::from_ref(&newer), "the other is too old");
    assert!(!store.forget_device(ANN, device(3, BOB, 200).id).await.unwrap(), "it is Bob's");
    assert!(!store.rename_device(ANN, device(3, BOB, 200).id, "mine").await.unwrap(), "it is Bob's");
    assert!(store.rename_device(ANN, newer.id, "“Büro”").await.unwrap());
    let named: Vec<_> = store.devices(ANN, NOON).await.unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(named[0].as_deref(), Some("“Büro”"));
    assert!(store.forget_device(ANN, newer.id).await.unwrap());
    assert!(!store.rename_device(ANN, newer.id, "gone").await.unwrap(), "it is gone");
    assert!(!store.forget_device(ANN, newer.id).await.unwrap(), "it is gone");
    assert_eq!(store.forget_devices(ANN).await.unwrap(), 1);
    assert!(!is_spared(&store, 10, 200).await);
    assert_eq!(devices(&store, BOB).await, [device(3, BOB, 200)]);
}

pub(crate) async fn a_browser_is_remembered_under_a_new_secret(store: Arc<dyn Store>) {
    settle(&store).await;
    for user in [ANN, BOB] {
        store.know_browser(hash(200), user, NOON).await.unwrap();
    }
    remember(&store, 1, BOB, 200).await;
    store.open_session(&session(2, ANN), hash(2)).await.unwrap();

    assert!(store.remember_device(&device(2, ANN, 201), session_id(2), Some(hash(200))).await.unwrap());

    assert!(is_anns_browser(&store, 201).await && !is_anns_browser(&store, 200).await);
    assert_eq!(devices(&store, BOB).await, [device(1, BOB, 201)], "what others chose moves along");
    assert!(is_spared(&store, 10, 201).await && !is_spared(&store, 11, 200).await);

    // Once more in the same browser: it stays one device.
    assert!(store.remember_device(&device(3, ANN, 202), session_id(2), Some(hash(201))).await.unwrap());
    assert_eq!(devices(&store, ANN).await, [device(3, ANN, 202)]);
}

pub(crate) async fn nothing_is_remembered_in_a_session_that_has_ended(store: Arc<dyn Store>) {
    settle(&store).await;
    store.know_browser(hash(200), ANN, NOON).await.unwrap();
    store.open_session(&session(1, BOB), hash(1)).await.unwrap();

    for session in [1, 2] {
        let remembered = store.remember_device(&device(1, ANN, 201), session_id(session), Some(hash(200))).await;
        assert!(!remembered.unwrap(), "{session}");
    }

    assert_eq!(devices(&store, ANN).await, []);
    assert!(is_anns_browser(&store, 200).await, "nor is anything else changed");
}

pub(crate) async fn a_change_forgets_devices(store: Arc<dyn Store>) {
    settle(&store).await;
    for turn in 1..=6 {
        remember(&store, turn, ANN, 200).await;
        match turn {
            1 => assert!(store.set_password(ANN, &password("new")).await.unwrap()),
            2 => assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 0),
            3 => assert!(store.set_disabled(ANN, true).await.unwrap() && store.set_disabled(ANN, false).await.unwrap()),
            4 => assert_eq!(store.end_sessions_of(ANN, None).await.unwrap(), 1),
            5 => assert_eq!(store.end_sessions_of(ANN, Some(session_id(turn))).await.unwrap(), 0),
            _ => assert_eq!(store.forget_devices(ANN).await.unwrap(), 1),
        }
        assert_eq!(devices(&store, ANN).await, [], "{turn}");
        assert!(!is_spared(&store, 10 + turn, 200).await, "{turn}");
        store.end_sessions_of(ANN, None).await.unwrap();
    }
    remember(&store, 7, ANN, 200).await;
    assert!(store.delete_account(ANN).await.unwrap());
    assert_eq!(devices(&store, ANN).await, []);
}

pub(crate) async fn of_racing_sign_ins_none_outlives_a_reset(store: Arc<dyn Store>) {
    settle(&store).await;
    remember(&store, 255, ANN, 200).await;

    race(&store, |store, racer| async move {
        if racer == RACERS / 2 {
            store.remove_second_factors(ANN).await.unwrap();
        } else if racer % 2 == 0 {
            let _ = is_spared(&store, racer, 200).await;
        } else {
            let _ = store.remember_device(&device(racer, ANN, racer), session_id(255), None).await.unwrap();
        }
    })
    .await;

    assert_eq!(devices(&store, ANN).await, []);
    assert_eq!(store.sessions(Some(ANN)).await.unwrap(), []);
}

pub(crate) async fn an_undo_ends_a_sign_in_and_forgets_browsers(store: Arc<dyn Store>) {
    settle(&store).await;
    remember(&store, 1, ANN, 200).await;
    remember(&store, 2, BOB, 200).await;
    store.open_session(&session(3, ANN), hash(3)).await.unwrap();
    store.know_browser(hash(200), ANN, NOON).await.unwrap();
    let told = Undo { browser: Some("Firefox on Linux".to_owned()), ..undo(50, 1) };
    store.open_undo(&told).await.unwrap();

    // Looking ends nothing.
    assert_eq!(store.undo(hash(50), NOON - SECOND).await.unwrap(), Some(told.clone()));
    assert_eq!(store.undo(hash(50), NOON).await.unwrap(), None, "it is too old");
    assert_eq!(store.undo(hash(51), NOON - SECOND).await.unwrap(), None);
    assert!(is_live(&store, 1).await);

    assert_eq!(store.take_undo(hash(50), NOON - SECOND).await.unwrap(), Some(told));

    assert!(!is_live(&store, 1).await && is_live(&store, 2).await && is_live(&store, 3).await);
    assert_eq!((devices(&store, ANN).await.len(), devices(&store, BOB).await.len()), (0, 1));
    assert!(!is_anns_browser(&store, 200).await);
    assert_eq!(store.undo(hash(50), NOON - SECOND).await.unwrap(), None, "it works once");
    // What is over already can be undone all the same.
    store.open_undo(&undo(52, 9)).await.unwrap();
    assert_eq!(store.take_undo(hash(52), NOON).await.unwrap(), None, "it is too old");
    store.open_undo(&undo(53, 9)).await.unwrap();
    assert_eq!(store.take_undo(hash(53), NOON - SECOND).await.unwrap(), Some(undo(53, 9)));
}

pub(crate) async fn of_racing_undos_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_undo(&undo(50, 1)).await.unwrap();

    let answers = race(&store, |store, _| async move { store.take_undo(hash(50), NOON - SECOND).await.unwrap() }).await;

    assert_eq!(answers.into_iter().flatten().collect::<Vec<_>>(), [undo(50, 1)]);
    assert!(!is_live(&store, 1).await);
}

pub(crate) async fn sweeping_forgets_old_browsers_devices_and_links(store: Arc<dyn Store>) {
    settle(&store).await;
    for (browser, at) in [(200, NOON - SECOND), (201, NOON)] {
        store.know_browser(hash(browser), ANN, at).await.unwrap();
    }
    remember(&store, 1, ANN, 201).await;
    let old = Device { created_at: NOON - SECOND, ..device(2, ANN, 200) };
    assert!(store.remember_device(&old, session_id(1), None).await.unwrap());
    for undo in [Undo { made_at: NOON - SECOND, ..undo(50, 1) }, undo(51, 1)] {
        store.open_undo(&undo).await.unwrap();
    }

    store.sweep_devices(NOON, NOON, NOON).await.unwrap();

    let knows = async |browser| store.knows_browser(hash(browser), ANN, NOON - MINUTE).await.unwrap();
    assert!(!knows(200).await && knows(201).await);
    assert_eq!(store.devices(ANN, NOON - MINUTE).await.unwrap(), [device(1, ANN, 201)]);
    assert_eq!(store.undo(hash(50), NOON - MINUTE).await.unwrap(), None);
    assert_eq!(store.undo(hash(51), NOON - MINUTE).await.unwrap(), Some(undo(51, 1)));
}
