//! Addresses, and what is sent there.

use super::{people::*, race};
use doorward::{
    domain::{
        contact::{Address, Contact, Kind},
        factor::Method,
        user::UserId,
    },
    ports::{
        Store,
        store::{Added, LastFactor, Phones, Removal, SentCode, SentPurpose},
    },
};
use std::sync::Arc;
use uuid::Uuid;

fn contact(id: u8, user: UserId, kind: Kind, address: &str) -> Contact {
    Contact {
        id: factor(id),
        user,
        address: Address::parse(kind, address).unwrap(),
        verified_at: Some(NOON),
        used_at: None,
    }
}

fn mail(id: u8, user: UserId) -> Contact {
    contact(id, user, Kind::Email, &format!("{id}@example.com"))
}

pub(crate) fn phone(id: u8, user: UserId) -> Contact {
    contact(id, user, Kind::Phone, &format!("+4420794600{id:02}"))
}

/// A code for browser 200.
fn code(sealed: u8, purpose: SentPurpose) -> SentCode {
    SentCode {
        browser: hash(200),
        purpose,
        user: ANN,
        method: Method::EmailCode,
        address: Address::parse(Kind::Email, "ann@example.com").unwrap(),
        factor: factor(1),
        sealed: vec![sealed, 0, 255],
        sent_at: NOON,
    }
}

async fn email_of(store: &Arc<dyn Store>, user: UserId) -> Option<String> {
    store.account(user).await.unwrap().unwrap().user.email
}

pub(crate) async fn an_account_has_one_address_of_each_kind(store: Arc<dyn Store>) {
    settle(&store).await;
    for contact in [phone(2, ANN), mail(1, ANN), mail(3, BOB)] {
        store.put_contact(&contact).await.unwrap();
    }
    assert_eq!(store.contacts(ANN).await.unwrap(), [mail(1, ANN), phone(2, ANN)]);

    store.put_contact(&mail(4, ANN)).await.unwrap();
    assert_eq!(store.contacts(ANN).await.unwrap(), [mail(4, ANN), phone(2, ANN)]);
    assert_eq!(store.contacts(BOB).await.unwrap(), [mail(3, BOB)]);
    let orphaned = store.put_contact(&mail(5, UserId(Uuid::nil()))).await;
    assert!(orphaned.unwrap_err().to_string().contains("is gone"));
}

pub(crate) async fn a_user_has_the_e_mail_address_that_is_verified(store: Arc<dyn Store>) {
    settle(&store).await;
    store.open_session(&session(1, ANN), hash(1)).await.unwrap();
    let unverified = Contact { verified_at: None, ..mail(1, ANN) };
    store.put_contact(&unverified).await.unwrap();
    assert_eq!(store.contacts(ANN).await.unwrap(), [unverified]);
    assert_eq!(email_of(&store, ANN).await, None);

    store.put_contact(&mail(1, ANN)).await.unwrap();
    store.put_contact(&phone(2, ANN)).await.unwrap();
    let address = Some("1@example.com".to_owned());
    assert_eq!(email_of(&store, ANN).await, address);
    let by_login = store.account_by_login(&account(ANN, "ann").user.login_id).await.unwrap().unwrap();
    assert_eq!(by_login.user.email, address);
    assert_eq!(store.accounts().await.unwrap()[0].user.email, address);
    let identity = store.identity(hash(1)).await.unwrap().unwrap();
    assert_eq!((identity.user.email, identity.session.authentications.len()), (address, 2));
    assert_eq!(email_of(&store, BOB).await, None);

    assert!(store.remove_contact(removal(ANN, 1)).await.unwrap());
    assert_eq!(email_of(&store, ANN).await, None);
}

pub(crate) async fn the_last_address_may_have_to_stay(store: Arc<dyn Store>) {
    settle(&store).await;
    for contact in [mail(1, ANN), phone(2, ANN), mail(3, BOB)] {
        store.put_contact(&contact).await.unwrap();
    }
    let remove = async |user, id, last, phones| {
        store.remove_contact(Removal { last, phones, ..removal(user, id) }).await.unwrap()
    };
    assert!(!remove(ANN, 1, LastFactor::Stays, Phones::DontCount).await);
    assert!(!remove(ANN, 2, LastFactor::Stays, Phones::Count).await, "mail is none");
    assert!(!remove(ANN, 3, LastFactor::MayGo, Phones::Count).await, "it is Bob's");
    store.put_contact(&Contact { verified_at: None, ..phone(2, ANN) }).await.unwrap();
    assert!(!remove(ANN, 1, LastFactor::Stays, Phones::Count).await, "nobody knows whose phone it is");
    store.put_contact(&phone(2, ANN)).await.unwrap();
    assert!(remove(ANN, 1, LastFactor::Stays, Phones::Count).await, "a phone is left");

    assert_eq!(store.add_totp(&totp(9, ANN)).await.unwrap(), Added::New);
    store.put_contact(&mail(1, ANN)).await.unwrap();
    assert!(remove(ANN, 1, LastFactor::Stays, Phones::DontCount).await);
    assert!(!remove(ANN, 1, LastFactor::Stays, Phones::DontCount).await, "it is gone");
    assert!(remove(BOB, 3, LastFactor::MayGo, Phones::DontCount).await);
    assert_eq!(store.contacts(ANN).await.unwrap(), [phone(2, ANN)]);
    assert!(remove(ANN, 2, LastFactor::Stays, Phones::Count).await, "an app is left");
}

pub(crate) async fn of_racing_removals_of_one_address_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.put_contact(&phone(1, ANN)).await.unwrap();

    let answers = race(&store, |store, _| async move { store.remove_contact(removal(ANN, 1)).await.unwrap() }).await;

    assert_eq!(answers.iter().filter(|&&removed| removed).count(), 1);
}

pub(crate) async fn a_reset_takes_the_phone_and_leaves_the_mail(store: Arc<dyn Store>) {
    settle(&store).await;
    for contact in [mail(1, ANN), phone(2, ANN), phone(3, BOB)] {
        store.put_contact(&contact).await.unwrap();
    }
    store.put_code(&code(1, SentPurpose::Prove)).await.unwrap();

    assert_eq!(store.remove_second_factors(ANN).await.unwrap(), 1);
    assert_eq!(store.contacts(ANN).await.unwrap(), [mail(1, ANN)]);
    assert_eq!(store.contacts(BOB).await.unwrap().len(), 1);

    assert!(store.delete_account(ANN).await.unwrap());
    assert!(store.contacts(ANN).await.unwrap().is_empty());
    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), None);
}

pub(crate) async fn the_newest_code_of_a_browser_takes_the_place_of_the_last(store: Arc<dyn Store>) {
    settle(&store).await;
    let verify = code(3, SentPurpose::Verify(Kind::Email));
    for code in [&code(1, SentPurpose::Prove), &verify] {
        store.put_code(code).await.unwrap();
    }
    let newer = SentCode {
        method: Method::SmsCode,
        address: Address::parse(Kind::Phone, "+442079460000").unwrap(),
        factor: factor(2),
        sent_at: NOON + MINUTE,
        ..code(2, SentPurpose::Prove)
    };
    store.put_code(&newer).await.unwrap();

    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), Some(newer.clone()));
    assert_eq!(store.code(hash(200), verify.purpose).await.unwrap(), Some(verify));
    assert_eq!(store.code(hash(200), SentPurpose::Verify(Kind::Phone)).await.unwrap(), None);
    assert_eq!(store.code(hash(201), SentPurpose::Prove).await.unwrap(), None);
    assert!(!store.spend_code(&code(1, SentPurpose::Prove)).await.unwrap(), "the old one is over");
    assert!(store.spend_code(&newer).await.unwrap());
    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), None);
}

pub(crate) async fn of_racing_uses_of_one_sent_code_one_counts(store: Arc<dyn Store>) {
    settle(&store).await;
    store.put_code(&code(1, SentPurpose::Prove)).await.unwrap();

    let answers =
        race(&store, |store, _| async move { store.spend_code(&code(1, SentPurpose::Prove)).await.unwrap() }).await;

    assert_eq!(answers.iter().filter(|&&spent| spent).count(), 1);
}

pub(crate) async fn a_sent_code_is_over_after_as_many_guesses_as_it_has(store: Arc<dyn Store>) {
    settle(&store).await;
    let (first, other) = (code(1, SentPurpose::Prove), code(3, SentPurpose::SetUp));
    for code in [&first, &other] {
        store.put_code(code).await.unwrap();
    }

    let answers =
        race(&store, |store, _| async move { store.guess_code(&code(1, SentPurpose::Prove)).await.unwrap() }).await;

    assert_eq!(answers.iter().filter(|&&counted| counted).count(), usize::try_from(SentCode::GUESSES).unwrap());
    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), None);
    assert_eq!(store.code(hash(200), SentPurpose::SetUp).await.unwrap(), Some(other));
    assert!(store.spend_code(&first).await.unwrap(), "the last guess may be right");
    let newer = code(2, SentPurpose::Prove);
    store.put_code(&newer).await.unwrap();
    assert!(!store.guess_code(&first).await.unwrap(), "another took its place");
    assert!(store.guess_code(&newer).await.unwrap());
    // A code that takes the place of one at which guesses were made begins anew.
    for _ in 1..SentCode::GUESSES {
        assert!(store.guess_code(&newer).await.unwrap());
    }
    assert!(!store.guess_code(&newer).await.unwrap());
    let newest = code(4, SentPurpose::Prove);
    store.put_code(&newest).await.unwrap();
    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), Some(newest.clone()));
    assert!(store.guess_code(&newest).await.unwrap());
}

pub(crate) async fn of_racing_messages_one_is_paid_for(store: Arc<dyn Store>) {
    use doorward::{
        domain::throttle::{BudgetKey, Lane, SEND_PACE},
        ports::store::Charge,
    };
    let [pace, _] = BudgetKey::sends_to(ANN, Lane::Stranger);

    let answers = race(&store, |store, _| {
        let pace = pace.clone();
        async move { store.charge(&pace, &SEND_PACE, NOON).await.unwrap() }
    })
    .await;

    assert_eq!(answers.iter().filter(|charge| matches!(charge, Charge::Counted { .. })).count(), 1);
    let a_minute_later = store.charge(&pace, &SEND_PACE, NOON + MINUTE).await.unwrap();
    assert_eq!(a_minute_later, Charge::Counted { failures: 1 });
}

pub(crate) async fn sweeping_forgets_old_codes(store: Arc<dyn Store>) {
    settle(&store).await;
    store.put_code(&code(1, SentPurpose::Prove)).await.unwrap();
    let young = SentCode { sent_at: NOON + MINUTE, ..code(2, SentPurpose::Verify(Kind::Email)) };
    store.put_code(&young).await.unwrap();

    store.sweep(NOON, NOON, NOON + SECOND, NOON).await.unwrap();

    assert_eq!(store.code(hash(200), SentPurpose::Prove).await.unwrap(), None);
    assert_eq!(store.code(hash(200), young.purpose).await.unwrap(), Some(young));
}

pub(crate) async fn a_note_of_an_address_used_never_moves_back(store: Arc<dyn Store>) {
    settle(&store).await;
    store.put_contact(&mail(1, ANN)).await.unwrap();
    store.put_contact(&phone(2, ANN)).await.unwrap();
    let used =
        async || store.contacts(ANN).await.unwrap().into_iter().map(|contact| contact.used_at).collect::<Vec<_>>();
    assert_eq!(used().await, [None, None]);

    for at in [NOON, NOON + MINUTE, NOON - MINUTE] {
        store.use_contact(factor(1), at).await.unwrap();
    }

    assert_eq!(used().await, [Some(NOON + MINUTE), None]);
    store.put_contact(&mail(3, ANN)).await.unwrap();
    assert_eq!(used().await, [None, None], "another address was never used");
}
