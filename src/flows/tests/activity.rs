//! What is written down.

use super::{ANN, PASSWORD, STEP, Scene, anywhere, from, passkeys::Laptop};
use crate::{
    domain::{
        event::{KEPT_FOR, What},
        factor::Method,
        user::User,
    },
    flows::{factors, recovery, sessions},
};

impl Scene {
    /// What happened to somebody, the earliest first; but for what operators did.
    async fn happened(&self, user: &User) -> Vec<What> {
        let mut events = self.world.store.recent_events(user.id, 100).await.unwrap();
        events.reverse();
        events.into_iter().map(|event| event.what).filter(|what| !matches!(what, What::Operator(_))).collect()
    }
}

#[tokio::test]
async fn what_somebody_does_to_their_account_is_written_down() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let (world, caller) = (&scene.world, anywhere());
    let app = || "Authenticator app".to_owned();
    let opened = scene.sign_in(&phone, &caller).await;
    scene.wait(STEP);
    let opened = scene.code(&opened.token, &phone.code(), &caller).await.unwrap();
    let full = scene.full(&opened.token).await;
    let codes = recovery::generate(world, &full, &caller).await.unwrap();
    let id = factors::second_factors(world, ann.id).await.unwrap()[0].id;
    factors::rename(world, &full, id, "Phone", &caller).await.unwrap();
    factors::set_primary(world, &full, id, &caller).await.unwrap();
    let opened = scene.make_passkey(&opened.token, &mut Laptop::new()).await.unwrap();
    let full = scene.full(&opened.token).await;
    factors::remove(world, &full, id, &caller).await.unwrap();
    sessions::lock(world, &full, &caller).await.unwrap();
    let half = scene.half(&caller).await;
    recovery::answer_recovery(world, &scene.bearer(&half).await, &codes[0].to_text(), &caller).await.unwrap();
    sessions::sign_out_everywhere(world, ann.id, &caller).await.unwrap();

    let (totp, passkey, phone) = (Method::Totp, Method::Passkey, || "Phone".to_owned());
    assert_eq!(
        scene.happened(&ann).await,
        [
            What::SignedIn { method: totp },
            What::SteppedUp { method: totp },
            What::RecoveryCodesReplaced,
            What::FactorRenamed { method: totp, from: app(), to: phone() },
            What::PrimaryChosen { method: totp, name: phone() },
            What::FactorAdded { method: passkey, name: "Laptop".to_owned() },
            What::SteppedUp { method: passkey },
            What::FactorRemoved { method: totp, name: phone() },
            What::Locked,
            What::RecoveryCodeUsed { left: 9 },
            What::SignedIn { method: Method::RecoveryCode },
            What::SessionsEnded { count: 2 },
        ]
    );
}

#[tokio::test]
async fn wrong_tries_are_written_down_with_their_place_and_those_on_nobody_are_nobodys() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let stranger = from("203.0.113.9");
    let _ = scene.password(ANN, "wrong", &stranger).await;
    let _ = scene.password("nobody", "wrong", &stranger).await;
    let half = scene.half(&stranger).await;
    let _ = scene.code(&half, &phone.wrong_code(), &stranger).await;
    let _ = scene.code(&half, "a slip", &stranger).await;
    let bearer = scene.bearer(&half).await;
    let _ = recovery::answer_recovery(&scene.world, &bearer, "0000-0000-0000-0000", &stranger).await;

    let wrong = |method| What::WrongTry { method };
    assert_eq!(scene.happened(&ann).await, [Method::Password, Method::Totp, Method::RecoveryCode].map(wrong));
    let events = scene.world.store.recent_events(ann.id, 1).await.unwrap();
    let place = &events[0].place;
    assert_eq!(place.browser.as_deref(), Some("Firefox on Linux"));
    assert_eq!(place.address, Some(stranger.address));
}

#[tokio::test]
async fn a_stranger_writes_nothing_into_a_list_with_a_passkey_of_their_own_making() {
    let scene = Scene::new();
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let bob = scene.add("bob").await;
    let before = scene.happened(&bob).await;

    // Ann's passkey, which claims to be Bob's.
    scene.sign_in_with_passkey(&mut laptop, &bob).await.unwrap_err();

    assert_eq!(scene.happened(&bob).await, before);
    assert_eq!(scene.happened(&ann).await.last(), Some(&What::SignedIn { method: Method::Passkey }));
}

#[tokio::test]
async fn events_are_forgotten_after_ninety_days() {
    let scene = Scene::new();
    let (ann, _) = scene.add_with_phone(ANN).await;
    let _ = scene.password(ANN, "wrong", &anywhere()).await;

    scene.wait(KEPT_FOR);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.happened(&ann).await.len(), 1);
    scene.wait(STEP);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.happened(&ann).await, []);
    // The password is none the better for it.
    scene.half(&anywhere()).await;
    assert!(scene.password(ANN, PASSWORD, &anywhere()).await.is_ok());
}
