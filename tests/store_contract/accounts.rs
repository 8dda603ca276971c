//! Accounts, factors, browsers, keys.

use super::{people::*, race};
use doorward::{
    domain::{
        factor::Method,
        language::Language,
        throttle::{ACCOUNT, BudgetKey, Lane},
        user::{LoginId, UserId},
    },
    ports::{
        Store,
        store::{Account, Added, Approval, Charge, Holder, PasswordFactor, SealedKey, TotpFactor},
    },
};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) async fn an_account_is_found_as_it_was_added(store: Arc<dyn Store>) {
    let mut ann = account(ANN, "ann@example.com");
    ann.user.name = String::from("Ann “A” O'Neill");
    ann.user.groups = vec!["finance".to_owned(), "quoted \" group".to_owned()];
    ann.password = Some(password("$argon2id$one"));
    ann.approval = Some(Approval { until: NOON + MINUTE, holder: Some(Holder::Half(hash(1))) });
    ann.user.language = Some(Language::French);
    let bob = account(BOB, "Bob");
    // Sorted by code point, whatever the locale of the database.
    let eve = account(UserId(Uuid::from_u128(0xe)), "_eve");

    for account in [&bob, &eve, &ann] {
        assert_eq!(store.add_account(account).await.unwrap(), Added::New);
    }

    assert_eq!(store.account(ANN).await.unwrap().as_ref(), Some(&ann));
    assert_eq!(store.account_by_login(&ann.user.login_id).await.unwrap().as_ref(), Some(&ann));
    assert_eq!(store.account_by_login(&LoginId::parse("nobody").unwrap()).await.unwrap(), None);
    assert_eq!(store.accounts().await.unwrap(), [eve, ann, bob]);
}

pub(crate) async fn the_language_of_an_account_is_kept(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    for language in Language::ALL {
        store.set_language(ANN, *language).await.unwrap();
        assert_eq!(store.account(ANN).await.unwrap().unwrap().user.language, Some(*language));
    }
    let identity = store.identity(hash(1)).await.unwrap().unwrap();
    assert_eq!(identity.user.language, Language::ALL.last().copied());
    assert_eq!(store.account(BOB).await.unwrap().unwrap().user.language, None);
    store.set_language(UserId(Uuid::from_u128(0xdead)), Language::English).await.unwrap();
}

pub(crate) async fn of_racing_accounts_with_one_login_id_one_is_added(store: Arc<dyn Store>) {
    let answers = race(&store, |store, racer| async move {
        let account = account(UserId(Uuid::from_u128(racer.into())), "ann");
        store.add_account(&account).await.unwrap()
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
    assert_eq!(store.accounts().await.unwrap().len(), 1);
}

pub(crate) async fn an_id_is_taken_once(store: Arc<dyn Store>) {
    settle(&store).await;

    assert_eq!(store.add_account(&account(ANN, "another")).await.unwrap(), Added::Taken);
    assert_eq!(store.account(ANN).await.unwrap(), Some(account(ANN, "ann")));
}

pub(crate) async fn disabling_ends_what_was_begun(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_session(&session(2, BOB), hash(2)).await.unwrap();
    store.open_attempt(&attempt(3, ANN)).await.unwrap();

    assert!(store.set_disabled(ANN, true).await.unwrap());

    assert!(store.account(ANN).await.unwrap().unwrap().user.disabled);
    assert!(!is_live(&store, 1).await && !is_half_way(&store, 3).await);
    assert!(is_live(&store, 2).await, "Bob stays");
    // One that slipped in meanwhile opens nothing either.
    store.open_session(&session(4, ANN), hash(4)).await.unwrap();
    store.open_handoff(&doorward::ports::store::Handoff { session: session_id(4), ..handoff(5) }).await.unwrap();
    let redeemed = store.redeem_handoff(hash(5), &host("app.example"), hash(200), NOON - SECOND, hash(6)).await;
    assert_eq!(redeemed.unwrap(), Some(session_id(4)));
    assert!(!is_live(&store, 4).await);
    assert_eq!(store.child_identity(hash(6), &host("app.example")).await.unwrap(), None);

    assert!(store.set_disabled(ANN, false).await.unwrap());
    assert!(!is_live(&store, 1).await, "enabling revives nothing");
    assert!(!store.set_disabled(UserId(Uuid::nil()), true).await.unwrap());
}

pub(crate) async fn deleting_takes_all_that_hangs_on_it(store: Arc<dyn Store>) {
    settle(&store).await;
    let budget = BudgetKey::password(ANN, Lane::Stranger);
    let _ = store.charge(&budget, &ACCOUNT, NOON).await.unwrap();
    assert_eq!(store.add_totp(&totp(1, ANN)).await.unwrap(), Added::New);
    store.know_browser(hash(9), ANN, NOON).await.unwrap();
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_attempt(&attempt(3, ANN)).await.unwrap();

    assert!(store.delete_account(ANN).await.unwrap());

    assert!(!store.delete_account(ANN).await.unwrap());
    assert_eq!(store.accounts().await.unwrap(), [account(BOB, "bob")]);
    assert!(!is_live(&store, 1).await && !is_half_way(&store, 3).await && !is_anns_browser(&store, 9).await);
    assert_eq!(store.totp_factors(ANN).await.unwrap(), []);
    assert_eq!(store.charge(&budget, &ACCOUNT, NOON).await.unwrap(), Charge::Counted { failures: 1 });
}

pub(crate) async fn a_new_password_ends_what_the_old_one_began(store: Arc<dyn Store>) {
    settle(&store).await;
    store.know_browser(hash(9), ANN, NOON).await.unwrap();
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    store.open_attempt(&attempt(3, ANN)).await.unwrap();
    store.open_session(&session(2, BOB), hash(2)).await.unwrap();

    let new = PasswordFactor { id: factor(7), changed_at: NOON + MINUTE, ..password("new") };
    assert!(store.set_password(ANN, &new).await.unwrap());

    assert_eq!(store.account(ANN).await.unwrap().unwrap().password, Some(new.clone()));
    assert!(!is_live(&store, 1).await && !is_half_way(&store, 3).await && !is_anns_browser(&store, 9).await);
    assert!(is_live(&store, 2).await, "Bob stays");
    assert!(!store.set_password(UserId(Uuid::nil()), &new).await.unwrap());
}

pub(crate) async fn a_rehash_loses_to_a_new_password(store: Arc<dyn Store>) {
    let phc = async || store.account(ANN).await.unwrap().unwrap().password.unwrap().phc;
    let ann = Account { password: Some(password("old")), ..account(ANN, "ann") };
    assert_eq!(store.add_account(&ann).await.unwrap(), Added::New);

    store.rehash_password(ANN, "old", "stronger").await.unwrap();
    assert_eq!(phc().await, "stronger");

    store.rehash_password(ANN, "old", "late").await.unwrap();
    assert_eq!(phc().await, "stronger");
}

pub(crate) async fn enrolment_opens_and_closes(store: Arc<dyn Store>) {
    settle(&store).await;

    for until in [Some(NOON + MINUTE), None] {
        assert!(store.set_enrol_until(ANN, until).await.unwrap());
        assert_eq!(store.account(ANN).await.unwrap().unwrap().approval.map(|approval| approval.until), until);
    }
    assert!(!store.set_enrol_until(UserId(Uuid::nil()), None).await.unwrap());
}

pub(crate) async fn a_mailbox_opens_enrolment_to_one_holder_and_overrules_no_operator(store: Arc<dyn Store>) {
    settle(&store).await;
    let approval = async || store.account(ANN).await.unwrap().unwrap().approval;
    let [half, session] = [Holder::Half(hash(1)), Holder::Session(session_id(7))];
    let later = NOON + MINUTE;

    for holder in [half, session, half] {
        store.open_enrolment(ANN, holder, later, NOON).await.unwrap();
        assert_eq!(approval().await, Some(Approval { until: later, holder: Some(holder) }));
    }
    store.set_enrol_until(ANN, Some(later)).await.unwrap();
    store.open_enrolment(ANN, half, later + MINUTE, NOON).await.unwrap();
    assert_eq!(approval().await, Some(Approval { until: later, holder: None }));
    store.open_enrolment(ANN, half, later + MINUTE, later).await.unwrap();
    assert_eq!(approval().await, Some(Approval { until: later + MINUTE, holder: Some(half) }), "it was over");
    assert_eq!(store.add_first_totp(&totp(1, ANN), later).await.unwrap(), Added::New);
    assert_eq!(approval().await, None);
}

pub(crate) async fn an_enrolment_is_confirmed_once(store: Arc<dyn Store>) {
    settle(&store).await;
    let phone = TotpFactor { used_at: Some(NOON), ..totp(2, ANN) };

    let answers = race(&store, |store, _| {
        let phone = phone.clone();
        async move { store.add_totp(&phone).await.unwrap() }
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
    let older = TotpFactor { created_at: NOON - MINUTE, ..totp(3, ANN) };
    assert_eq!(store.add_totp(&older).await.unwrap(), Added::New);
    assert_eq!(store.totp_factors(ANN).await.unwrap(), [older, phone]);
    assert_eq!(store.totp_factors(BOB).await.unwrap(), []);
}

pub(crate) async fn of_racing_first_enrolments_one_counts_and_only_in_time(store: Arc<dyn Store>) {
    settle(&store).await;
    let phone = |id| totp(id, ANN);

    store.set_enrol_until(ANN, Some(NOON)).await.unwrap();
    assert_eq!(store.add_first_totp(&phone(1), NOON).await.unwrap(), Added::Taken);

    store.set_enrol_until(ANN, Some(NOON + MINUTE)).await.unwrap();
    let answers = race(&store, |store, racer| {
        let phone = phone(racer + 1);
        async move { store.add_first_totp(&phone, NOON).await.unwrap() }
    })
    .await;

    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);
    assert_eq!(store.totp_factors(ANN).await.unwrap().len(), 1);
    assert_eq!(store.account(ANN).await.unwrap().unwrap().approval, None);
}

pub(crate) async fn of_racing_uses_of_one_code_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    assert_eq!(store.add_totp(&totp(1, ANN)).await.unwrap(), Added::New);

    let answers = race(&store, |store, _| async move { store.spend_totp_step(factor(1), 101, NOON).await.unwrap() });

    assert_eq!(answers.await.iter().filter(|&&spent| spent).count(), 1);
    let [phone] = store.totp_factors(ANN).await.unwrap().try_into().unwrap();
    assert_eq!((phone.spent_step, phone.used_at), (101, Some(NOON)));
}

pub(crate) async fn steps_only_go_up(store: Arc<dyn Store>) {
    settle(&store).await;
    for phone in [totp(1, ANN), totp(2, ANN)] {
        assert_eq!(store.add_totp(&phone).await.unwrap(), Added::New);
    }
    let spend = async |step| store.spend_totp_step(factor(1), step, NOON).await.unwrap();

    assert!(!spend(100).await && !spend(99).await, "spent at enrolment");
    assert!(spend(102).await);
    assert!(!spend(101).await && !spend(102).await);
    assert!(spend(103).await);
    assert!(store.spend_totp_step(factor(2), 101, NOON).await.unwrap(), "each factor has its own");
    assert!(!store.spend_totp_step(factor(9), 500, NOON).await.unwrap(), "no such factor");
}

pub(crate) async fn removing_second_factors_ends_what_they_proved(store: Arc<dyn Store>) {
    settle(&store).await;
    for phone in [totp(1, ANN), totp(2, ANN), totp(3, BOB)] {
        assert_eq!(store.add_totp(&phone).await.unwrap(), Added::New);
    }
    store.know_browser(hash(9), ANN, NOON).await.unwrap();
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();

    assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 2);

    assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 0);
    assert!(!is_live(&store, 1).await && !is_anns_browser(&store, 9).await);
    assert_eq!(store.totp_factors(ANN).await.unwrap(), []);
    assert_eq!(store.totp_factors(BOB).await.unwrap().len(), 1);
}

pub(crate) async fn a_browser_is_known_to_one_user_for_a_time(store: Arc<dyn Store>) {
    settle(&store).await;
    let knows = async |user, since| store.knows_browser(hash(9), user, since).await.unwrap();
    assert!(!knows(ANN, NOON - MINUTE).await);

    for at in [NOON + MINUTE, NOON] {
        store.know_browser(hash(9), ANN, at).await.unwrap();
    }

    assert!(knows(ANN, NOON + MINUTE).await, "the note never moves back");
    assert!(!knows(ANN, NOON + MINUTE + SECOND).await);
    assert!(!knows(BOB, NOON).await);
}

pub(crate) async fn nodes_that_start_together_agree_on_one_signing_key(store: Arc<dyn Store>) {
    let key = |id: String, created_at| SealedKey { id, sealed: vec![0, 1, 255], created_at };

    let answers = race(&store, |store, racer| {
        let key = key(format!("first-{racer}"), NOON);
        async move { store.add_signing_key(&key, NOON - MINUTE).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|&&added| added == Added::New).count(), 1);

    let second = key("second".to_owned(), NOON + MINUTE);
    assert_eq!(store.add_signing_key(&second, NOON - SECOND).await.unwrap(), Added::Taken);
    assert_eq!(store.add_signing_key(&second, NOON).await.unwrap(), Added::New);
    assert_eq!(store.add_signing_key(&second, NOON + MINUTE).await.unwrap(), Added::Taken, "its id is taken");
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], second);
}

pub(crate) async fn nothing_hangs_on_nobody(store: Arc<dyn Store>) {
    let nobody = UserId(Uuid::nil());
    let gone = "the store does not answer: the account or session it belongs to is gone";

    let refusals = [
        store.add_totp(&totp(1, nobody)).await.map(|_| ()),
        store.know_browser(hash(1), nobody, NOON).await,
        store.open_attempt(&attempt(1, nobody)).await,
        store.open_session(&session(1, nobody), hash(1)).await,
        store.open_handoff(&handoff(1)).await,
    ];

    assert_eq!(refusals.map(|refusal| refusal.unwrap_err().to_string()), [gone; 5]);
    let proof = proof(Method::Totp, 1, NOON);
    assert!(!store.step_up(session_id(1), proof, hash(1), hash(2)).await.unwrap());
    assert!(!store.end_session(session_id(1)).await.unwrap());
}
