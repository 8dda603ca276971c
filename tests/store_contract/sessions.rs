//! Half sessions, sessions, children, handoffs.

use super::{RACERS, people::*, race};
use doorward::{
    domain::{
        factor::Method,
        session::{Activity, Identity, Session},
        throttle::{ACCOUNT, BudgetKey, Lane},
    },
    ports::{
        Store,
        store::{Attempt, Charge, Handoff},
    },
};
use std::sync::Arc;

pub(crate) async fn a_half_session_opens_within_its_time(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_attempt(&attempt(1, ANN)).await.unwrap();

    let found = async |token, since| store.attempt(hash(token), since).await.unwrap();

    assert_eq!(found(1, NOON - SECOND).await, Some(attempt(1, ANN)));
    assert_eq!(found(1, NOON).await, None);
    assert_eq!(found(2, NOON - SECOND).await, None);
    assert!(!is_live(&store, 1).await, "it opens nothing");
    store.end_attempt(hash(1)).await.unwrap();
    assert_eq!(found(1, NOON - SECOND).await, None);
}

pub(crate) async fn of_racing_promotions_one_makes_a_session(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_attempt(&attempt(255, ANN)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        store.promote(hash(255), &session(racer, ANN), hash(racer)).await.unwrap()
    })
    .await;

    let winners: Vec<u8> = (0..RACERS).filter(|&racer| answers[usize::from(racer)]).collect();
    assert_eq!(winners.len(), 1);
    assert!(is_live(&store, winners[0]).await && !is_half_way(&store, 255).await);
    let sessions = store.sessions(None).await.unwrap();
    assert_eq!(sessions.iter().map(|one| &one.session).collect::<Vec<_>>(), [&session(winners[0], ANN)]);
}

pub(crate) async fn a_half_session_becomes_only_its_own_users_session(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_attempt(&attempt(1, ANN)).await.unwrap();

    assert!(!store.promote(hash(1), &session(1, BOB), hash(2)).await.unwrap());

    assert!(!is_live(&store, 2).await && is_half_way(&store, 1).await);
}

pub(crate) async fn an_identity_is_found_as_it_was_opened(store: Arc<dyn Store>) {
    let mut ann = account(ANN, "ann");
    ann.user.groups = vec!["finance".to_owned()];
    let _ = store.add_account(&ann).await.unwrap();
    let mut newest_first = session(1, ANN);
    newest_first.authentications.reverse();

    store.open_session(&newest_first, hash(1)).await.unwrap();
    let nothing_proven = Session { authentications: vec![], ..session(2, ANN) };
    store.open_session(&nothing_proven, hash(2)).await.unwrap();

    let found = async |token| store.identity(hash(token)).await.unwrap();
    assert_eq!(found(1).await, Some(Identity { user: ann.user.clone(), session: session(1, ANN) }));
    assert_eq!(found(2).await, Some(Identity { user: ann.user.clone(), session: nothing_proven }));
    assert_eq!(found(3).await, None);
}

pub(crate) async fn of_racing_rotations_one_wins(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(255)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        let proof = proof(Method::Totp, 100 + racer, NOON + MINUTE);
        store.step_up(session_id(1), proof, hash(255), hash(racer)).await.unwrap()
    })
    .await;

    let winners: Vec<u8> = (0..RACERS).filter(|&racer| answers[usize::from(racer)]).collect();
    assert_eq!(winners.len(), 1);
    assert!(!is_live(&store, 255).await, "the old token is dead");
    let identity = store.identity(hash(winners[0])).await.unwrap().unwrap();
    assert_eq!(identity.session.authentications.len(), 3, "the losers added nothing");
    assert_eq!(identity.session.authentications[2].factor, factor(100 + winners[0]));
}

pub(crate) async fn of_racing_sign_outs_one_ends_the_session(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    let answers = race(&store, |store, _| async move { store.end_session(session_id(1)).await.unwrap() }).await;

    assert_eq!(answers.iter().filter(|&&ended| ended).count(), 1);
    assert!(!is_live(&store, 1).await);
}

pub(crate) async fn the_latest_proof_of_a_factor_stays(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    for (turn, at) in [(1, NOON + MINUTE), (2, NOON)] {
        let proof = proof(Method::Password, 1, at);
        assert!(store.step_up(session_id(1), proof, hash(turn), hash(turn + 1)).await.unwrap());
    }

    let identity = store.identity(hash(3)).await.unwrap().unwrap();
    let expected = [proof(Method::Totp, 2, NOON + SECOND), proof(Method::Password, 1, NOON + MINUTE)];
    assert_eq!(identity.session.authentications, expected);
    assert_eq!(identity.session.started_at, NOON, "a step-up never moves this");
}

pub(crate) async fn a_note_of_use_never_moves_back(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    for at in [NOON + MINUTE, NOON + SECOND] {
        store.touch(session_id(1), at).await.unwrap();
    }

    assert_eq!(store.identity(hash(1)).await.unwrap().unwrap().session.seen_at, NOON + MINUTE);
}

pub(crate) async fn the_longest_quiet_is_kept_until_somebody_shows_that_they_are_there(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let activity = async |token| store.identity(hash(token)).await.unwrap().unwrap().session.activity;
    assert_eq!(activity(1).await, Activity::begun(NOON));

    for minutes in [1, 13, 14, 2] {
        store.touch(session_id(1), NOON + minutes * MINUTE).await.unwrap();
    }
    assert_eq!(activity(1).await, Activity { at: NOON + 14 * MINUTE, quiet_max: 12 * MINUTE });
    assert_eq!(store.sessions(Some(ANN)).await.unwrap()[0].session.activity, activity(1).await);

    // A recovery code makes nothing good; any other proof does, also one that was made a moment before the last note.
    let recovery = proof(Method::RecoveryCode, 3, NOON + 15 * MINUTE);
    assert!(store.step_up(session_id(1), recovery, hash(1), hash(2)).await.unwrap());
    assert_eq!(activity(2).await.quiet_max, 12 * MINUTE);
    let password = proof(Method::Password, 1, NOON + 13 * MINUTE);
    assert!(store.step_up(session_id(1), password, hash(2), hash(3)).await.unwrap());
    assert_eq!(activity(3).await, Activity::begun(NOON + 14 * MINUTE));
    let later = proof(Method::Password, 1, NOON + 16 * MINUTE);
    assert!(store.step_up(session_id(1), later, hash(3), hash(4)).await.unwrap());
    assert_eq!(activity(4).await, Activity::begun(NOON + 16 * MINUTE));
}

pub(crate) async fn what_stays_open_keeps_a_session_and_is_no_use_of_it(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    for minutes in [5, 3] {
        store.keep_open(session_id(1), NOON + minutes * MINUTE).await.unwrap();
    }

    let session = store.identity(hash(1)).await.unwrap().unwrap().session;
    assert_eq!((session.seen_at, session.activity), (NOON + 5 * MINUTE, Activity::begun(NOON)));
    store.touch(session_id(1), NOON + 2 * MINUTE).await.unwrap();
    assert_eq!(store.identity(hash(1)).await.unwrap().unwrap().session.seen_at, NOON + 5 * MINUTE, "never back");
}

pub(crate) async fn a_lock_is_noted_and_never_moves_back(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_session(&session(2, ANN), hash(2)).await.unwrap();
    let locked_at = async |token| store.identity(hash(token)).await.unwrap().unwrap().session.locked_at;
    assert_eq!(locked_at(1).await, None);

    for at in [NOON + MINUTE, NOON + SECOND] {
        store.lock_session(session_id(1), at).await.unwrap();
    }

    assert_eq!((locked_at(1).await, locked_at(2).await), (Some(NOON + MINUTE), None));
    assert_eq!(store.sessions(Some(ANN)).await.unwrap()[0].session.locked_at, Some(NOON + MINUTE));
    store.lock_session(session_id(9), NOON).await.unwrap();
}

pub(crate) async fn an_ended_session_takes_its_children_along(store: Arc<dyn Store>) {
    let app = host("app.example");
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_handoff(&handoff(2)).await.unwrap();
    store.open_handoff(&handoff(3)).await.unwrap();
    let redeemed = store.redeem_handoff(hash(2), &app, hash(200), NOON - SECOND, hash(4)).await.unwrap();
    assert_eq!(redeemed, Some(session_id(1)));
    assert!(store.child_identity(hash(4), &app).await.unwrap().is_some());

    assert!(store.end_session(session_id(1)).await.unwrap());

    assert!(!is_live(&store, 1).await);
    assert_eq!(store.child_identity(hash(4), &app).await.unwrap(), None);
    assert_eq!(store.redeem_handoff(hash(3), &app, hash(200), NOON - SECOND, hash(5)).await.unwrap(), None);
    assert!(!store.end_session(session_id(1)).await.unwrap());
}

pub(crate) async fn all_sessions_end_but_the_spared_one(store: Arc<dyn Store>) {
    settle(&store).await;
    for (id, user) in [(1, ANN), (2, ANN), (3, ANN), (4, BOB)] {
        store.open_session(&session(id, user), hash(id)).await.unwrap();
    }
    store.open_attempt(&attempt(5, ANN)).await.unwrap();

    assert_eq!(store.end_sessions_of(ANN, Some(session_id(2))).await.unwrap(), 2);

    assert!(!is_live(&store, 1).await && is_live(&store, 2).await && !is_live(&store, 3).await);
    assert!(is_live(&store, 4).await, "Bob stays");
    assert!(!is_half_way(&store, 5).await);
    assert_eq!(store.end_sessions_of(ANN, None).await.unwrap(), 1);
}

pub(crate) async fn sessions_are_listed_last_used_first(store: Arc<dyn Store>) {
    settle(&store).await;
    for (id, user, minutes) in [(1, ANN, 1), (2, BOB, 3), (3, ANN, 2)] {
        let session = Session { seen_at: NOON + minutes * MINUTE, ..session(id, user) };
        store.open_session(&session, hash(id)).await.unwrap();
    }

    let listed = async |user| {
        let list = store.sessions(user).await.unwrap();
        list.iter().map(|one| format!("{} {}", one.login_id, one.session.id.0.as_u128())).collect::<Vec<_>>()
    };

    assert_eq!(listed(None).await, ["bob 2", "ann 3", "ann 1"]);
    assert_eq!(listed(Some(ANN)).await, ["ann 3", "ann 1"]);
    let list = store.sessions(Some(BOB)).await.unwrap();
    assert_eq!(list[0].session, Session { seen_at: NOON + 3 * MINUTE, ..session(2, BOB) });
}

pub(crate) async fn of_racing_redemptions_one_gets_a_child(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_handoff(&handoff(255)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        let (app, since) = (host("app.example"), NOON - SECOND);
        store.redeem_handoff(hash(255), &app, hash(200), since, hash(racer)).await.unwrap()
    })
    .await;

    let winners: Vec<u8> = (0..RACERS).filter(|&racer| answers[usize::from(racer)].is_some()).collect();
    assert_eq!(winners.len(), 1);
    for racer in 0..RACERS {
        let child = store.child_identity(hash(racer), &host("app.example")).await.unwrap();
        assert_eq!(child.is_some(), racer == winners[0], "{racer}");
    }
}

pub(crate) async fn a_wrong_redemption_spends_the_handoff(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let redeem = async |code, name: &str, browser, since| {
        store.redeem_handoff(hash(code), &host(name), hash(browser), since, hash(code + 100)).await.unwrap()
    };

    for (code, name, browser, since) in [
        (1, "other.example", 200, NOON - SECOND),
        (2, "app.example", 201, NOON - SECOND),
        (3, "app.example", 200, NOON),
    ] {
        store.open_handoff(&handoff(code)).await.unwrap();
        assert_eq!(redeem(code, name, browser, since).await, None, "{code}");
        assert_eq!(redeem(code, "app.example", 200, NOON - SECOND).await, None, "{code} is spent");
    }
}

pub(crate) async fn a_child_belongs_to_one_host_and_follows_the_last_handoff(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let hand_over = async |code, name: &str| {
        store.open_handoff(&Handoff { host: host(name), ..handoff(code) }).await.unwrap();
        let child = hash(code + 100);
        store.redeem_handoff(hash(code), &host(name), hash(200), NOON - SECOND, child).await.unwrap()
    };
    let is_child = async |token, name: &str| store.child_identity(hash(token), &host(name)).await.unwrap().is_some();

    for (code, name) in [(1, "app.example"), (2, "other.example"), (3, "app.example")] {
        assert_eq!(hand_over(code, name).await, Some(session_id(1)));
    }

    assert!(is_child(103, "app.example").await && is_child(102, "other.example").await);
    assert!(!is_child(101, "app.example").await, "the older child ended");
    assert!(!is_child(103, "other.example").await && !is_child(102, "app.example").await);
    assert!(!is_live(&store, 103).await, "a child's token is no portal token");
    assert!(!is_child(1, "app.example").await, "nor the other way round");
}

pub(crate) async fn sweeping_forgets_only_what_is_over(store: Arc<dyn Store>) {
    settle(&store).await;
    let aged = |id, started_at, seen_at| Session { started_at, seen_at, ..session(id, ANN) };
    for (id, began, used) in [(1, NOON - SECOND, NOON), (2, NOON, NOON - SECOND), (3, NOON, NOON)] {
        store.open_session(&aged(id, began, used), hash(id)).await.unwrap();
    }
    let early = Attempt { first: proof(Method::Password, 1, NOON - SECOND), ..attempt(4, ANN) };
    for attempt in [early, attempt(5, ANN)] {
        store.open_attempt(&attempt).await.unwrap();
    }
    let third = |code| Handoff { session: session_id(3), ..handoff(code) };
    for handoff in [Handoff { made_at: NOON - SECOND, ..third(6) }, third(7)] {
        store.open_handoff(&handoff).await.unwrap();
    }
    let (old, new) = (BudgetKey::password(ANN, Lane::Stranger), BudgetKey::password(BOB, Lane::Stranger));
    let _ = store.charge(&old, &ACCOUNT, NOON - SECOND).await.unwrap();
    let _ = store.charge(&new, &ACCOUNT, NOON).await.unwrap();

    store.sweep(NOON, NOON, NOON, NOON - SECOND).await.unwrap();

    assert!(!is_live(&store, 1).await && !is_live(&store, 2).await && is_live(&store, 3).await);
    let is_half_way = async |token| store.attempt(hash(token), NOON - MINUTE).await.unwrap().is_some();
    assert!(!is_half_way(4).await && is_half_way(5).await);
    let app = host("app.example");
    let redeem = async |code| store.redeem_handoff(hash(code), &app, hash(200), NOON - MINUTE, hash(9)).await.unwrap();
    assert_eq!((redeem(6).await, redeem(7).await), (None, Some(session_id(3))));
    assert_eq!(store.charge(&old, &ACCOUNT, NOON).await.unwrap(), Charge::Counted { failures: 1 });
    assert_eq!(store.charge(&new, &ACCOUNT, NOON).await.unwrap(), Charge::Counted { failures: 2 });
}
