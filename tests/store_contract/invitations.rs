//! Links that make an account.

use super::{people::*, race};
use doorward::{
    domain::{
        contact::{Address, Contact, EmailAddress, PhoneNumber},
        enrolment::Inviter,
        user::{LoginId, UserId},
    },
    ports::{
        Store,
        store::{Account, Added, Invitation, Redeemed},
    },
};
use std::sync::Arc;
use uuid::Uuid;

const EVE: &str = "eve@example.com";

fn invitation(token: u8, login_id: &str) -> Invitation {
    Invitation {
        token: hash(token),
        inviter: Inviter::Operator,
        login_id: LoginId::parse(login_id).unwrap(),
        name: Some("Eve".to_owned()),
        email: EmailAddress::parse(EVE).ok(),
        phone: PhoneNumber::parse("+442079460000").ok(),
        groups: vec!["finance".to_owned()],
        ends_at: NOON + MINUTE,
    }
}

/// The account that a racer wants to make.
fn made(racer: u8, login_id: &str) -> Account {
    Account {
        password: Some(password(&format!("hash {racer}"))),
        ..account(UserId(Uuid::from_u128(1000 + u128::from(racer))), login_id)
    }
}

fn email_of(account: &Account, id: u8) -> Contact {
    let address = Address::Email(EmailAddress::parse(EVE).unwrap());
    Contact { id: factor(id), user: account.user.id, address, verified_at: Some(NOON), used_at: None }
}

pub(crate) async fn an_invitation_is_found_as_it_was_opened_until_it_ends(store: Arc<dyn Store>) {
    let bare = Invitation {
        inviter: Inviter::Oneself,
        name: None,
        email: None,
        phone: None,
        groups: vec![],
        ..invitation(2, "mallory")
    };
    for invitation in [invitation(1, EVE), bare] {
        store.open_invitation(&invitation).await.unwrap();
        assert_eq!(store.invitation(invitation.token, NOON).await.unwrap().as_ref(), Some(&invitation));
        assert_eq!(store.invitation(invitation.token, invitation.ends_at).await.unwrap(), None);
    }
    assert_eq!(store.invitation(hash(3), NOON).await.unwrap(), None);
}

pub(crate) async fn of_racing_followers_of_one_link_one_makes_the_account(store: Arc<dyn Store>) {
    store.open_invitation(&invitation(1, EVE)).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        let account = made(racer, EVE);
        let contacts = [email_of(&account, 100 + racer)];
        (store.redeem_invitation(hash(1), NOON, &account, &contacts).await.unwrap(), racer)
    })
    .await;

    let winners: Vec<_> = answers.iter().filter(|(redeemed, _)| *redeemed == Redeemed::Made).collect();
    let [(_, winner)] = winners[..] else { panic!("{answers:?}") };
    assert!(answers.iter().all(|(redeemed, _)| *redeemed != Redeemed::Taken), "{answers:?}");
    let accounts = store.accounts().await.unwrap();
    let expected = made(*winner, EVE);
    assert_eq!(accounts.iter().map(|account| account.user.id).collect::<Vec<_>>(), [expected.user.id]);
    assert_eq!(accounts[0].password, expected.password);
    assert_eq!(accounts[0].user.email.as_deref(), Some(EVE), "its contacts came with it");
    assert_eq!(store.invitation(hash(1), NOON).await.unwrap(), None);
}

pub(crate) async fn of_racing_links_for_one_login_id_one_makes_the_account(store: Arc<dyn Store>) {
    for token in 0..super::RACERS {
        store.open_invitation(&invitation(token, EVE)).await.unwrap();
    }
    store.open_invitation(&invitation(200, "mallory")).await.unwrap();

    let answers = race(&store, |store, racer| async move {
        store.redeem_invitation(hash(racer), NOON, &made(racer, EVE), &[]).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|redeemed| **redeemed == Redeemed::Made).count(), 1);
    assert_eq!(store.accounts().await.unwrap().len(), 1);
    for token in 0..super::RACERS {
        assert_eq!(store.invitation(hash(token), NOON).await.unwrap(), None, "it ended with the others");
    }
    assert!(store.invitation(hash(200), NOON).await.unwrap().is_some(), "mallory's stays");
}

pub(crate) async fn a_link_that_can_not_make_an_account_changes_nothing(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_invitation(&invitation(1, "ann")).await.unwrap();
    store.open_invitation(&invitation(2, EVE)).await.unwrap();
    let eve = made(9, EVE);
    let redeem = async |token, now, account: &Account| {
        store.redeem_invitation(hash(token), now, account, &[email_of(account, 50)]).await.unwrap()
    };

    assert_eq!(redeem(1, NOON, &made(8, "ann")).await, Redeemed::Taken);
    assert_eq!(redeem(2, NOON + MINUTE, &eve).await, Redeemed::Gone, "too late");
    assert_eq!(redeem(3, NOON, &eve).await, Redeemed::Gone, "never was one");

    assert_eq!(store.accounts().await.unwrap().len(), 2);
    assert!(store.invitation(hash(1), NOON).await.unwrap().is_some());
    assert_eq!(redeem(2, NOON, &eve).await, Redeemed::Made);
    assert_eq!(store.add_account(&eve).await.unwrap(), Added::Taken);
}

pub(crate) async fn invitations_end_by_login_id_and_by_time(store: Arc<dyn Store>) {
    for (token, login_id) in [(1, EVE), (2, EVE), (3, "mallory")] {
        store.open_invitation(&invitation(token, login_id)).await.unwrap();
    }
    store.open_invitation(&Invitation { ends_at: NOON, ..invitation(4, "trent") }).await.unwrap();

    assert_eq!(store.end_invitations(&LoginId::parse(EVE).unwrap()).await.unwrap(), 2);
    assert_eq!(store.end_invitations(&LoginId::parse(EVE).unwrap()).await.unwrap(), 0);
    store.sweep_invitations(NOON).await.unwrap();

    let mut left = Vec::new();
    for token in 1..=4 {
        // From before any of them ended: what is not found is gone.
        if store.invitation(hash(token), NOON - MINUTE).await.unwrap().is_some() {
            left.push(token);
        }
    }
    assert_eq!(left, [3]);
}

pub(crate) async fn open_invitations_of_operators_are_listed(store: Arc<dyn Store>) {
    let eve = invitation(1, EVE);
    let sooner = Invitation { ends_at: eve.ends_at - SECOND, ..invitation(2, "trent") };
    let ended = Invitation { ends_at: NOON, ..invitation(3, "mallory") };
    let oneself = Invitation { inviter: Inviter::Oneself, ..invitation(4, "peggy") };
    for invitation in [&eve, &sooner, &ended, &oneself] {
        store.open_invitation(invitation).await.unwrap();
    }

    assert_eq!(store.invitations(NOON).await.unwrap(), [sooner, eve]);
}
