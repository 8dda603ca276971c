//! Making an account by a link.

use super::{ANN, BREACHED, ORIGIN, PASSWORD, SECOND, Scene, anywhere, from, gated::Gated, just_before};
use crate::{
    domain::{
        contact::{Address, EmailAddress},
        enrolment::{Inviter, Requirement, SignUp},
        password::Refusal,
        throttle::LINKS,
        user::LoginId,
    },
    flows::{
        administer::{self, ENROL_WITHIN, NewUser},
        enroll,
        sign_in::{Outcome, SignInError},
        sign_up::{SignUpError, invite, look, redeem, request},
    },
    ports::messages::{Content, LinkPurpose},
};
use futures_util::future::join_all;

const MAIL: &str = "ann@mail.example";

fn new(login_id: &str) -> NewUser {
    let groups = vec!["staff".to_owned(), "finance".to_owned(), "staff".to_owned()];
    NewUser { login_id: LoginId::parse(login_id).unwrap(), name: None, email: None, phone: None, groups }
}

fn token_of(url: &str) -> String {
    url.strip_prefix(&format!("{ORIGIN}/invite?token=")).unwrap_or_else(|| panic!("{url}")).to_owned()
}

impl Scene {
    /// The token of a link for Ann.
    async fn invited(&self) -> String {
        token_of(&invite(&self.world, new(MAIL)).await.unwrap().url)
    }

    async fn redeemed(&self, token: &str) -> Result<Outcome, SignUpError> {
        redeem(&self.world, token, "Ann Example", PASSWORD, &anywhere()).await
    }

    async fn asked_for(&self, email: &str) -> Result<(), SignUpError> {
        request(&self.world, email, None, &anywhere()).await
    }

    /// Links that were mailed, what for, and where to.
    fn letters(&self) -> Vec<(String, LinkPurpose, String)> {
        let messages = std::mem::take(&mut *self.inbox.0.lock().unwrap());
        let letter = |content, to: &Address| match content {
            Content::Link { url, purpose, .. } => (to.as_str().to_owned(), purpose, url.to_string()),
            _ => panic!("no link"),
        };
        messages.into_iter().map(|message| letter(message.content, &message.to)).collect()
    }
}

#[tokio::test]
async fn an_invitation_makes_an_account_that_may_set_up_its_first_second_factor() {
    let scene = Scene::new();
    let invited = invite(&scene.world, new(MAIL)).await.unwrap();
    let token = token_of(&invited.url);
    assert_eq!(scene.letters(), [(MAIL.to_owned(), LinkPurpose::Invitation, invited.url.to_string())]);
    assert_eq!(invited.ends_at, scene.now() + Inviter::Operator.lifetime());
    assert!(scene.world.store.accounts().await.unwrap().is_empty(), "nobody has an account by being invited");

    let Outcome::Enrol(half) = scene.redeemed(&token).await.unwrap() else { panic!("a second factor comes first") };

    let account = administer::account(&scene.world, &LoginId::parse(MAIL).unwrap()).await.unwrap();
    assert_eq!((account.user.name.as_str(), account.user.email.as_deref()), ("Ann Example", Some(MAIL)));
    assert_eq!(account.user.groups, ["finance", "staff"]);
    let contacts = administer::contacts(&scene.world, account.user.id).await.unwrap();
    assert_eq!(contacts.iter().map(|contact| contact.verified_at).collect::<Vec<_>>(), [Some(scene.now())]);
    enroll::offer(&scene.world, &scene.bearer(&half).await).await.unwrap();
    let again = scene.redeemed(&token).await;
    assert!(matches!(again, Err(SignUpError::Gone)), "{again:?}");
}

#[tokio::test]
async fn an_invitation_ends_after_a_day() {
    let scene = Scene::new();
    let token = scene.invited().await;

    scene.wait(just_before(Inviter::Operator.lifetime()));
    look(&scene.world, &token).await.unwrap();
    scene.wait(SECOND);

    assert!(matches!(look(&scene.world, &token).await, Err(SignUpError::Gone)));
    assert!(matches!(scene.redeemed(&token).await, Err(SignUpError::Gone)));
    for forged in ["", "AAAA", &"A".repeat(43)] {
        assert!(matches!(scene.redeemed(forged).await, Err(SignUpError::Gone)), "{forged}");
    }
}

#[tokio::test]
async fn a_new_invitation_ends_the_one_before_it() {
    let scene = Scene::new();
    let (first, second) = (scene.invited().await, scene.invited().await);

    assert!(matches!(scene.redeemed(&first).await, Err(SignUpError::Gone)));
    let _ = scene.redeemed(&second).await.unwrap();
    assert!(matches!(invite(&scene.world, new(MAIL)).await, Err(SignUpError::Taken(_))));
}

#[tokio::test]
async fn of_many_who_follow_one_link_at_once_one_makes_the_account() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let token = scene.invited().await;

    let outcomes = join_all((0..64).map(|_| scene.redeemed(&token))).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(scene.world.store.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_password_leaves_the_link_as_it_is() {
    let scene = Scene::new();
    let token = scene.invited().await;

    for (password, refusal) in [("short", Refusal::TooShort { chars_min: 8 }), (BREACHED, Refusal::Breached)] {
        let outcome = redeem(&scene.world, &token, "", password, &anywhere()).await;
        assert!(matches!(outcome, Err(SignUpError::Refused(why)) if why == refusal), "{outcome:?}");
    }

    let _ = scene.redeemed(&token).await.unwrap();
}

#[tokio::test]
async fn an_invitation_to_a_name_that_was_taken_meanwhile_changes_nothing() {
    let scene = Scene::new();
    let token = scene.invited().await;
    let hers = scene.add(MAIL).await;

    let outcome = redeem(&scene.world, &token, "Mallory", "otters under quiet ice", &anywhere()).await;

    assert!(matches!(outcome, Err(SignUpError::Taken(_))), "{outcome:?}");
    let account = scene.world.store.account(hers.id).await.unwrap().unwrap();
    assert_eq!((account.user.name.as_str(), account.password.unwrap().phc.as_str()), (MAIL, PASSWORD));
}

/// EN-04.
#[tokio::test]
async fn the_password_of_somebody_invited_sets_up_no_phone_once_their_day_is_over() {
    let scene = Scene::new();
    let _ = scene.redeemed(&scene.invited().await).await.unwrap();

    scene.wait(ENROL_WITHIN);

    let stolen = scene.password(MAIL, PASSWORD, &from("203.0.113.9")).await;
    assert!(matches!(stolen, Err(SignInError::EnrolmentClosed)), "{stolen:?}");
}

#[tokio::test]
async fn a_closed_house_invites_nobody_and_honours_no_link() {
    let mut scene = Scene::new();
    let token = scene.invited().await;
    scene.asked_for("bob@mail.example").await.unwrap();
    let [_, (_, LinkPurpose::SignUp, bobs)] = &scene.letters()[..] else { panic!() };

    scene.world.settings.sign_up = SignUp::Invite;
    assert!(matches!(scene.asked_for(MAIL).await, Err(SignUpError::NotOffered)));
    assert!(matches!(look(&scene.world, &token_of(bobs)).await, Err(SignUpError::Gone)));
    look(&scene.world, &token).await.unwrap();

    scene.world.settings.sign_up = SignUp::Closed;
    assert!(matches!(invite(&scene.world, new(MAIL)).await, Err(SignUpError::NotOffered)));
    assert!(matches!(scene.redeemed(&token).await, Err(SignUpError::Gone)));
}

#[tokio::test]
async fn who_reads_the_mail_of_an_address_makes_an_account_for_it() {
    let scene = Scene::with(Requirement::Optional, crate::adapters::store::MemoryStore::default());
    scene.asked_for(" Ann@Mail.Example ").await.unwrap();
    let [(to, LinkPurpose::SignUp, url)] = &scene.letters()[..] else { panic!() };
    assert_eq!(EmailAddress::parse(to), EmailAddress::parse("Ann@Mail.Example"));
    let token = token_of(url);

    let Outcome::Done(opened) = scene.redeemed(&token).await.unwrap() else { panic!("nothing more is asked for") };

    let user = scene.full(&opened.token).await.identity.user;
    assert_eq!((user.login_id.as_str(), user.groups.len()), (MAIL, 0));
    assert!(matches!(scene.redeemed(&token).await, Err(SignUpError::Gone)));
}

/// EE-01.
#[tokio::test]
async fn who_has_an_account_is_told_so_by_mail_and_the_page_learns_nothing() {
    let scene = Scene::new();
    scene.add(MAIL).await;

    scene.asked_for(MAIL).await.unwrap();

    assert_eq!(scene.letters(), [(MAIL.to_owned(), LinkPurpose::AlreadyThere, format!("{ORIGIN}/login"))]);
}

#[tokio::test]
async fn links_are_limited_by_destination_in_silence_and_by_network_aloud() {
    let scene = Scene::new();

    for _ in 0..3 {
        scene.asked_for(MAIL).await.unwrap();
    }
    assert_eq!(scene.letters().len(), 1, "one in five minutes");
    scene.wait(LINKS.delay_first);
    scene.asked_for("ANN@mail.example").await.unwrap();
    assert_eq!(scene.letters().len(), 1);

    let stranger = from("198.51.100.7");
    for number in 0..5 {
        request(&scene.world, &format!("p{number}@mail.example"), None, &stranger).await.unwrap();
    }
    let one_more = request(&scene.world, "p6@mail.example", None, &stranger).await;
    assert!(matches!(one_more, Err(SignUpError::Throttled(_))), "{one_more:?}");
    assert_eq!(scene.letters().len(), 5);
    assert!(matches!(scene.asked_for(ANN).await, Err(SignUpError::NotAnAddress(_))));
}

#[tokio::test]
async fn groups_ask_for_more_and_never_for_less() {
    for (everybody, group, expected) in [
        (Requirement::Disabled, Requirement::Required, "enrol"),
        (Requirement::Required, Requirement::Disabled, "enrol"),
        (Requirement::Disabled, Requirement::Disabled, "done"),
    ] {
        let mut scene = Scene::with(everybody, crate::adapters::store::MemoryStore::default());
        scene.world.settings.requirements.groups.insert("finance".to_owned(), group);
        let outcome = scene.redeemed(&scene.invited().await).await.unwrap();
        let is = match outcome {
            Outcome::Done(_) => "done",
            Outcome::Grace(_) => "grace",
            Outcome::Enrol(_) => "enrol",
            Outcome::SecondFactor(_) => "second factor",
        };
        assert_eq!(is, expected, "{everybody:?} {group:?}");
    }
}
