//! Changes of passwords, and the links that allow one.

use super::{
    people::{settle as settle_accounts, *},
    race,
};
use doorward::{
    domain::{
        contact::{Address, Contact, Kind},
        factor::Method,
        session::Authentication,
        user::UserId,
    },
    ports::{
        Store,
        store::{OtherSessions, PasswordChange, PasswordFactor, PasswordReset},
    },
};
use std::sync::Arc;
use uuid::Uuid;

fn password(id: u8) -> PasswordFactor {
    PasswordFactor { id: factor(id), phc: format!("hash {id}"), changed_at: NOON + MINUTE }
}

fn link(token: u8, user: Option<UserId>) -> PasswordReset {
    PasswordReset { token: hash(token), user, made_at: NOON }
}

async fn password_of(store: &Arc<dyn Store>, user: UserId) -> Option<PasswordFactor> {
    store.account(user).await.unwrap().unwrap().password
}

/// The change of Ann's password by her session 1 under token 1.
fn change<'a>(before: Option<&PasswordFactor>, after: &'a PasswordFactor, new: u8) -> PasswordChange<'a> {
    PasswordChange {
        user: ANN,
        before: before.map(|password| password.id),
        after,
        session: session_id(1),
        old: hash(1),
        new: hash(new),
        others: OtherSessions::End,
    }
}

pub(crate) async fn a_change_keeps_its_session_and_ends_what_it_should(store: Arc<dyn Store>) {
    for others in [OtherSessions::Stay, OtherSessions::End] {
        settle_anew(&store).await;
        assert!(store.set_password(ANN, &password(70)).await.unwrap());
        store.open_session(&session(1, ANN), hash(1)).await.unwrap();
        store.open_session(&session(2, ANN), hash(2)).await.unwrap();
        store.open_session(&session(3, BOB), hash(3)).await.unwrap();
        store.open_attempt(&attempt(4, ANN)).await.unwrap();
        store.know_browser(hash(5), ANN, NOON).await.unwrap();
        store.open_reset(&link(6, Some(ANN))).await.unwrap();
        let (before, after) = (password_of(&store, ANN).await, password(77));

        let change = PasswordChange { others, ..change(before.as_ref(), &after, 10) };
        assert!(store.change_password(&change).await.unwrap());

        assert_eq!(password_of(&store, ANN).await, Some(after.clone()));
        assert!(store.identity(hash(1)).await.unwrap().is_none(), "the old token is dead");
        let kept = store.identity(hash(10)).await.unwrap().unwrap().session;
        let proof = Authentication { method: Method::Password, factor: after.id, at: after.changed_at };
        assert_eq!(kept.authentications.last(), Some(&proof));
        assert_eq!(store.identity(hash(2)).await.unwrap().is_some(), others == OtherSessions::Stay);
        assert!(store.identity(hash(3)).await.unwrap().is_some(), "Bob's stays");
        assert!(store.attempt(hash(4), NOON - MINUTE).await.unwrap().is_none());
        assert!(!store.knows_browser(hash(5), ANN, NOON).await.unwrap());
        assert_eq!(store.reset_of(hash(6), NOON - MINUTE).await.unwrap(), None);
    }
}

pub(crate) async fn a_change_of_what_is_no_more_changes_nothing(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_session(&session(2, BOB), hash(2)).await.unwrap();
    let (before, after, other) = (password_of(&store, ANN).await, password(77), password(78));

    let good = change(before.as_ref(), &after, 10);
    for (what, bad) in [
        ("another password", PasswordChange { before: Some(other.id), ..good }),
        ("another token", PasswordChange { old: hash(9), ..good }),
        ("somebody else's session", PasswordChange { session: session_id(2), old: hash(2), ..good }),
        ("nobody's account", PasswordChange { user: UserId(Uuid::nil()), ..good }),
    ] {
        assert!(!store.change_password(&bad).await.unwrap(), "{what}");
    }

    assert_eq!(password_of(&store, ANN).await, before);
    assert!(store.identity(hash(1)).await.unwrap().is_some());
    assert!(store.identity(hash(2)).await.unwrap().is_some());
}

pub(crate) async fn of_racing_changes_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    assert!(store.set_password(ANN, &password(70)).await.unwrap());
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_session(&session(2, ANN), hash(2)).await.unwrap();
    let before = password_of(&store, ANN).await.map(|password| password.id);

    // From two sessions at once, each of which would end the other.
    let answers = race(&store, |store, racer| async move {
        let after = password(100 + racer);
        let (id, old) = if racer % 2 == 0 { (1, 1) } else { (2, 2) };
        let change =
            PasswordChange { before, session: session_id(id), old: hash(old), ..change(None, &after, 100 + racer) };
        store.change_password(&change).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|&&changed| changed).count(), 1);
    assert_eq!(store.sessions(Some(ANN)).await.unwrap().len(), 1);
}

pub(crate) async fn a_link_is_found_within_its_time_and_never_without_an_owner(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_reset(&link(1, Some(ANN))).await.unwrap();
    store.open_reset(&link(2, None)).await.unwrap();

    assert_eq!(store.reset_of(hash(1), NOON - SECOND).await.unwrap(), Some(ANN));
    assert_eq!(store.reset_of(hash(1), NOON).await.unwrap(), None, "too old");
    for token in [hash(2), hash(3)] {
        assert_eq!(store.reset_of(token, NOON - SECOND).await.unwrap(), None);
        assert_eq!(store.redeem_reset(token, NOON - SECOND, &password(77)).await.unwrap(), None);
    }
    assert_eq!(store.redeem_reset(hash(1), NOON, &password(77)).await.unwrap(), None, "too old");
    assert_eq!(store.reset_of(hash(1), NOON - SECOND).await.unwrap(), Some(ANN), "nothing was spent");
    let orphan = store.open_reset(&link(4, Some(UserId(Uuid::nil())))).await;
    assert!(orphan.unwrap_err().to_string().contains("is gone"));
}

pub(crate) async fn of_racing_resets_by_one_link_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_reset(&link(1, Some(ANN))).await.unwrap();
    store.open_reset(&link(2, Some(ANN))).await.unwrap();
    store.open_reset(&link(3, Some(BOB))).await.unwrap();
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        store.redeem_reset(hash(1), NOON - SECOND, &password(100 + racer)).await.unwrap().map(|user| (user, racer))
    })
    .await;

    let winners: Vec<_> = answers.into_iter().flatten().collect();
    let [(ANN, racer)] = winners[..] else { panic!("{winners:?}") };
    assert_eq!(password_of(&store, ANN).await, Some(password(100 + racer)));
    assert!(store.identity(hash(1)).await.unwrap().is_none(), "her sessions ended");
    assert_eq!(store.reset_of(hash(2), NOON - SECOND).await.unwrap(), None, "so did her other links");
    assert_eq!(store.reset_of(hash(3), NOON - SECOND).await.unwrap(), Some(BOB));
}

pub(crate) async fn links_end_with_what_they_were_for(store: Arc<dyn Store>) {
    for act in ["disable", "set", "delete"] {
        settle_anew(&store).await;
        store.open_reset(&link(1, Some(ANN))).await.unwrap();
        store.open_reset(&link(2, Some(BOB))).await.unwrap();
        match act {
            "disable" => assert!(store.set_disabled(ANN, true).await.unwrap()),
            "set" => assert!(store.set_password(ANN, &password(77)).await.unwrap()),
            _ => assert!(store.delete_account(ANN).await.unwrap()),
        }
        assert_eq!(store.reset_of(hash(1), NOON - SECOND).await.unwrap(), None, "{act}");
        assert_eq!(store.reset_of(hash(2), NOON - SECOND).await.unwrap(), Some(BOB), "{act}");
    }
}

pub(crate) async fn a_link_ends_with_the_address_it_went_to(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_reset(&link(1, Some(ANN))).await.unwrap();
    store.open_reset(&link(2, Some(BOB))).await.unwrap();

    store.put_contact(&Contact { verified_at: Some(NOON + SECOND), ..mailbox(ANN) }).await.unwrap();
    assert!(store.remove_contact(removal(BOB, 202)).await.unwrap());

    for token in [1, 2] {
        assert_eq!(store.reset_of(hash(token), NOON - SECOND).await.unwrap(), None);
        assert_eq!(store.redeem_reset(hash(token), NOON - SECOND, &password(77)).await.unwrap(), None);
    }
    store.open_reset(&PasswordReset { made_at: NOON + SECOND, ..link(3, Some(ANN)) }).await.unwrap();
    assert_eq!(store.reset_of(hash(3), NOON - SECOND).await.unwrap(), Some(ANN));
}

pub(crate) async fn sweeping_forgets_old_links(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_reset(&link(1, Some(ANN))).await.unwrap();
    store.open_reset(&PasswordReset { made_at: NOON + SECOND, ..link(2, Some(ANN)) }).await.unwrap();

    store.sweep_resets(NOON + SECOND).await.unwrap();

    assert_eq!(store.reset_of(hash(1), NOON - SECOND).await.unwrap(), None);
    assert_eq!(store.reset_of(hash(2), NOON - SECOND).await.unwrap(), Some(ANN));
}

/// Where this user's links go.
fn mailbox(user: UserId) -> Contact {
    let address = Address::parse(Kind::Email, "somebody@example.com").unwrap();
    Contact {
        id: factor(if user == ANN { 201 } else { 202 }),
        user,
        address,
        verified_at: Some(NOON - SECOND),
        used_at: None,
    }
}

/// Ann and Bob, each with a mailbox.
async fn settle(store: &Arc<dyn Store>) {
    settle_accounts(store).await;
    for user in [ANN, BOB] {
        store.put_contact(&mailbox(user)).await.unwrap();
    }
}

/// Ann and Bob, as if nothing had happened yet.
async fn settle_anew(store: &Arc<dyn Store>) {
    for user in [ANN, BOB] {
        store.delete_account(user).await.unwrap();
    }
    settle(store).await;
}
