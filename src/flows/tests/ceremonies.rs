//! What an authenticator and a browser may say, and what they may not (WA-02, WA-05, WA-06, WA-08).

use super::{
    ANN, PASSWORD, Scene, anywhere,
    authenticator::{Authenticator, COPIED, MAY_BE_COPIED, PRESENT, Says, VERIFIED, lies},
    passkeys::part,
};
use crate::{
    domain::{
        factor::KeyKind,
        secret::Token,
        user::{LoginId, User},
    },
    flows::{
        administer,
        challenge::ChallengeError,
        factors::ChangeError,
        passkeys,
        sign_in::{Opened, Outcome},
    },
    ports::passkeys::PasskeyError,
};

const KIND: KeyKind = KeyKind::Passkey;

impl Scene {
    async fn make_saying(&self, token: &Token, made_by: &Authenticator, says: &Says) -> Result<Opened, ChangeError> {
        let bearer = self.bearer(token).await;
        let asked = passkeys::begin_enrolment(&self.world, &bearer, KIND, token, &anywhere()).await?;
        let (text, made) = (asked.token.to_text(), made_by.make(&asked.options, says).to_string());
        passkeys::enroll(&self.world, &bearer, KIND, part(&text, &made, token), "", &anywhere()).await
    }

    async fn sign_in_saying(
        &self,
        by: &mut Authenticator,
        owner: &User,
        says: &Says,
    ) -> Result<Opened, ChallengeError> {
        let browser = self.world.entropy.token();
        let asked = self.ask(&browser).await;
        let answer = by.answer(&asked.options, owner, says);
        self.give(&asked, &answer, &browser).await
    }

    /// One more proof, by one of those that Ann is known to have.
    async fn step_up_saying(
        &self,
        token: &Token,
        by: &mut Authenticator,
        owner: &User,
        says: &Says,
    ) -> Result<Opened, ChallengeError> {
        let bearer = self.bearer(token).await;
        let asked = passkeys::begin_proof(&self.world, &bearer, KIND, token, &anywhere()).await?;
        let (text, answer) = (asked.token.to_text(), by.answer(&asked.options, owner, says).to_string());
        passkeys::answer(&self.world, &bearer, KIND, part(&text, &answer, token), &anywhere()).await
    }

    /// Ann, who made a passkey by an authenticator that said this.
    async fn ann_with(&self, says: &Says) -> (User, Authenticator, Token) {
        let (ann, authenticator) = (self.add(ANN).await, Authenticator::new());
        let half = self.half(&anywhere()).await;
        let opened = self.make_saying(&half, &authenticator, says).await.unwrap();
        (ann, authenticator, opened.token)
    }
}

fn is_refused<T>(outcome: &Result<T, ChallengeError>) -> bool {
    matches!(outcome, Err(ChallengeError::Passkey(PasskeyError::Refused(_))))
}

fn is_unmade(outcome: &Result<Opened, ChangeError>) -> bool {
    matches!(outcome, Err(ChangeError::Challenge(ChallengeError::Passkey(PasskeyError::Refused(_)))))
}

/// WA-02, WA-05, WA-06: what is not exactly ours makes no key.
#[tokio::test]
async fn of_what_a_new_key_says_everything_is_checked() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;

    for (lie, says) in lies(true) {
        let made = scene.make_saying(&half, &Authenticator::new(), &says).await;
        assert!(is_unmade(&made), "{lie}: {made:?}");
    }

    assert_eq!(scene.passkeys(&ann).await, []);
    scene.make_saying(&half, &Authenticator::new(), &Says::default()).await.unwrap();
}

/// WA-02, WA-05, WA-06: nor does it prove anything, alone or for somebody known.
#[tokio::test]
async fn of_what_an_answer_says_everything_is_checked() {
    let scene = Scene::new();
    let (ann, mut authenticator, token) = scene.ann_with(&Says::default()).await;

    for (lie, says) in lies(false) {
        let alone = scene.sign_in_saying(&mut authenticator, &ann, &says).await;
        assert!(is_refused(&alone), "{lie}: {alone:?}");
        let known = scene.step_up_saying(&token, &mut authenticator, &ann, &says).await;
        assert!(is_refused(&known), "{lie}: {known:?}");
    }

    scene.sign_in_saying(&mut authenticator, &ann, &Says::default()).await.unwrap();
    scene.step_up_saying(&token, &mut authenticator, &ann, &Says::default()).await.unwrap();
}

/// WA-06: whether a key may be copied is said when it is made, and never otherwise after that.
#[tokio::test]
async fn a_key_that_could_not_be_copied_never_can() {
    let (bound, synced) = (PRESENT | VERIFIED, PRESENT | VERIFIED | MAY_BE_COPIED);
    for (before, after) in [(bound, synced), (synced, bound), (bound, synced | COPIED)] {
        let (before, after) = (Says { flags: before, ..Says::default() }, Says { flags: after, ..Says::default() });
        let scene = Scene::new();
        let (ann, mut authenticator, token) = scene.ann_with(&before).await;
        let kept = scene.passkeys(&ann).await.remove(0).credential;

        let alone = scene.sign_in_saying(&mut authenticator, &ann, &after).await;
        assert!(is_refused(&alone), "{alone:?}");
        let known = scene.step_up_saying(&token, &mut authenticator, &ann, &after).await;
        assert!(is_refused(&known), "{known:?}");

        assert_eq!(scene.passkeys(&ann).await[0].credential, kept, "what was refused is not written down");
        scene.step_up_saying(&token, &mut authenticator, &ann, &before).await.unwrap();
    }
    // One that may be copied is, some day.
    let scene = Scene::new();
    let (ann, mut authenticator, _) = scene.ann_with(&Says { flags: synced, ..Says::default() }).await;
    let copied = Says { flags: synced | COPIED, ..Says::default() };
    scene.sign_in_saying(&mut authenticator, &ann, &copied).await.unwrap();
}

/// WA-08: a key signs in one of the ways that were offered.
#[tokio::test]
async fn a_key_of_an_algorithm_that_was_not_offered_is_refused() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;
    // Ed25519 in COSE: a point, and nothing wrong with it but that nobody asked for one.
    let ed25519 = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".to_vec(), vec![9; 32]].concat();
    let mut authenticator = Authenticator::new();
    authenticator.shown_key = Some(ed25519);

    let made = scene.make_saying(&half, &authenticator, &Says::default()).await;

    assert!(is_unmade(&made), "{made:?}");
    assert_eq!(scene.passkeys(&ann).await, []);
}

/// WA-08: a key's name has at most 1 023 bytes.
#[tokio::test]
async fn the_name_of_a_key_is_bounded() {
    for (bytes, is_made) in [(1023, true), (1024, false)] {
        let scene = Scene::new();
        let ann = scene.add(ANN).await;
        let half = scene.half(&anywhere()).await;
        let mut authenticator = Authenticator::new();
        authenticator.id = vec![7; bytes];

        let made = scene.make_saying(&half, &authenticator, &Says::default()).await;

        assert_eq!(made.is_ok(), is_made, "{bytes}: {made:?}");
        assert_eq!(scene.passkeys(&ann).await.len(), usize::from(is_made), "{bytes}");
    }
}

/// WA-08: one key is one account's.
#[tokio::test]
async fn a_key_of_somebody_elses_is_not_taken_over() {
    let scene = Scene::new();
    let (ann, mut authenticator, _) = scene.ann_with(&Says::default()).await;
    let bob = scene.add("bob").await;
    let Ok(Outcome::Enrol(half)) = scene.password("bob", PASSWORD, &anywhere()).await else { panic!() };

    let taken = scene.make_saying(&half, &authenticator, &Says::default()).await;

    assert!(matches!(taken, Err(ChangeError::Challenge(ChallengeError::Wrong))), "{taken:?}");
    assert_eq!(scene.passkeys(&bob).await, []);
    scene.sign_in_saying(&mut authenticator, &ann, &Says::default()).await.unwrap();
}

/// Whoever is locked out while their passkey is being looked at is locked out.
#[tokio::test]
async fn an_account_that_is_disabled_during_a_sign_in_is_left_without_a_session() {
    let login_id = LoginId::parse(ANN).unwrap();
    let mut outcomes = [0; 2];
    for turns in 0..30 {
        let scene = Scene::gated();
        let (ann, mut authenticator, _) = scene.ann_with(&Says::default()).await;
        let disabling = async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            administer::set_disabled(&scene.world, &login_id, true).await.unwrap();
        };
        let says = Says::default();
        let (opened, ()) = tokio::join!(scene.sign_in_saying(&mut authenticator, &ann, &says), disabling);
        outcomes[usize::from(opened.is_ok())] += 1;

        // A session that was left behind would show once the account is back.
        administer::set_disabled(&scene.world, &login_id, false).await.unwrap();
        assert!(scene.world.store.sessions(Some(ann.id)).await.unwrap().is_empty(), "after {turns} turns");
    }
    assert!(outcomes.iter().all(|count| *count > 0), "it happened before and after: {outcomes:?}");
}
