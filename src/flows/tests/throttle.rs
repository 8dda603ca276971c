//! How often one may guess.

use super::{
    ANN, MINUTE, PASSWORD, Requirement, SECOND, STEP, Scene, anywhere, codes::other_than, from, gated::Gated,
    just_before, passkeys::part,
};
use crate::{
    adapters::store::MemoryStore,
    domain::{
        contact::Kind,
        enrolment::FirstFactor,
        factor::Method,
        secret::Token,
        throttle::{ACCOUNT, ADDRESS, CEREMONIES, Closed, KNOWN_BROWSERS, Lane, SENDS, VERIFICATION_TRIES},
        user::LoginId,
    },
    flows::{
        BROWSER_KNOWN_FOR, Caller, administer,
        challenge::{ChallengeError, answer_password},
        codes,
        contacts::{self, ContactError},
        enroll,
        factors::ChangeError,
        first_factor, passkeys,
        sign_in::{Opened, Outcome, SignInError},
    },
    ports::store::SentCode,
};
use futures_util::future::join_all;
use std::sync::atomic::Ordering;

/// Somebody who comes from another network each time.
fn elsewhere(number: u32) -> Caller {
    from(&format!("2001:db8:{:x}:{:x}::1", number >> 16, number & 0xffff))
}

/// Wrong passwords for a name, from all over the world, until one is not looked at; how many were.
async fn guesses_allowed(scene: &Scene, name: &str) -> u32 {
    for tries in 0..100 {
        match scene.password(name, "wrong", &elsewhere(tries)).await {
            Err(SignInError::Mismatch) => {}
            Err(SignInError::Throttled(_)) => return tries,
            other => panic!("{other:?}"),
        }
    }
    panic!("nothing stopped it")
}

impl Scene {
    /// Signs Ann in, and has her show this, in this order.
    async fn show(&self, methods: &[Method], caller: &Caller) -> Opened {
        let mut opened = match self.password(ANN, PASSWORD, caller).await.unwrap() {
            Outcome::Done(opened) => opened,
            Outcome::SecondFactor(token) => Opened { token, browser: None },
            other => panic!("{other:?}"),
        };
        for method in &methods[1..] {
            let caller = Caller { browser: opened.browser.clone(), ..caller.clone() };
            let shown = match method {
                Method::Password => {
                    let bearer = self.bearer(&opened.token).await;
                    answer_password(&self.world, &bearer, PASSWORD, &caller).await.unwrap()
                }
                _ => self.prove_mail(&opened.token, &caller).await,
            };
            opened = Opened { browser: shown.browser.or(opened.browser), ..shown };
        }
        opened
    }

    /// Has a code sent by mail, and brings it.
    async fn prove_mail(&self, token: &Token, caller: &Caller) -> Opened {
        let (bearer, method) = (self.bearer(token).await, Method::EmailCode);
        codes::send(&self.world, &bearer, method, None, token, caller).await.unwrap();
        codes::verify(&self.world, &bearer, method, &self.last_code(), token, caller).await.unwrap()
    }
}

fn closed_until(outcome: Result<Outcome, SignInError>) -> Closed {
    match outcome {
        Err(SignInError::Throttled(closed)) => closed,
        other => panic!("not throttled: {other:?}"),
    }
}

#[tokio::test]
async fn ten_guesses_are_free_then_each_wait_is_longer_until_only_an_operator_helps() {
    let scene = Scene::new();
    scene.add(ANN).await;
    assert_eq!(guesses_allowed(&scene, ANN).await, ACCOUNT.free);

    let mut failures = ACCOUNT.free;
    let mut last_wait = std::time::Duration::ZERO;
    loop {
        let until = match closed_until(scene.password(ANN, PASSWORD, &elsewhere(failures)).await) {
            Closed::Until(until) => until,
            Closed::UntilUnlocked => break,
        };
        let wait = scene.now().age(until).unwrap();
        assert!(wait >= last_wait && wait <= ACCOUNT.delay_max, "{failures}: {wait:?}");
        last_wait = wait;
        scene.wait(wait.saturating_sub(SECOND));
        closed_until(scene.password(ANN, PASSWORD, &elsewhere(failures)).await);
        scene.wait(SECOND);
        let guess = scene.password(ANN, "wrong", &elsewhere(failures)).await;
        assert!(matches!(guess, Err(SignInError::Mismatch)), "{guess:?}");
        failures += 1;
    }

    assert_eq!((failures, last_wait), (ACCOUNT.locked_at, ACCOUNT.delay_max));
    // Not even time opens it, only an operator.
    scene.wait(2 * ACCOUNT.forgotten_after);
    closed_until(scene.password(ANN, PASSWORD, &anywhere()).await);
    administer::unlock(&scene.world, &LoginId::parse(ANN).unwrap()).await.unwrap();
    assert_eq!(guesses_allowed(&scene, ANN).await, ACCOUNT.free);
}

#[tokio::test]
async fn a_right_password_empties_its_budget_and_not_that_of_codes() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;

    for number in 0..ACCOUNT.free {
        // Nine wrong passwords in between each time: a right one forgives them.
        for _ in 1..ACCOUNT.free {
            let _ = scene.password(ANN, "wrong", &elsewhere(number)).await;
        }
        let half = scene.half(&elsewhere(number)).await;
        let answer = scene.code(&half, &phone.wrong_code(), &elsewhere(number)).await;
        assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
    }

    let half = scene.half(&anywhere()).await;
    let answer = scene.code(&half, &phone.code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Throttled(_))), "{answer:?}");
    // After the wait the right code gets in, and forgives.
    scene.wait(ACCOUNT.delay_first);
    scene.code(&half, &phone.code(), &anywhere()).await.unwrap();
    scene.wait(STEP);
    let half = scene.half(&anywhere()).await;
    let answer = scene.code(&half, &phone.wrong_code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Wrong)), "{answer:?}");
}

#[tokio::test]
async fn a_used_code_is_a_try_too() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;

    for _ in 0..ACCOUNT.free {
        let answer = scene.code(&token, &phone.code(), &anywhere()).await;
        assert!(matches!(answer, Err(ChallengeError::AlreadyUsed)), "{answer:?}");
    }
    let answer = scene.code(&token, &phone.code(), &anywhere()).await;
    assert!(matches!(answer, Err(ChallengeError::Throttled(_))), "{answer:?}");
}

#[tokio::test]
async fn all_spellings_of_a_name_are_one_budget() {
    let scene = Scene::new();
    scene.add(ANN).await;
    let spellings = ["ann", "ANN", "Ann", " ann", "ann ", "Ａｎｎ", "ａｎｎ", "aNN", "\tann", "ann\n"];
    for (number, name) in (0..).zip(spellings) {
        let guess = scene.password(name, "wrong", &elsewhere(number)).await;
        assert!(matches!(guess, Err(SignInError::Mismatch)), "{name:?}: {guess:?}");
    }
    closed_until(scene.password("anN", PASSWORD, &anywhere()).await);
}

#[tokio::test]
async fn a_name_nobody_has_is_counted_alike() {
    let scene = Scene::new();
    assert_eq!(guesses_allowed(&scene, "nobody").await, ACCOUNT.free);
    closed_until(scene.password("NOBODY", PASSWORD, &anywhere()).await);
    assert_eq!(guesses_allowed(&scene, "nobody-else").await, ACCOUNT.free);
}

#[tokio::test]
async fn signing_in_and_confirming_share_the_budget_of_the_password() {
    let scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    scene.add(ANN).await;
    let Ok(Outcome::Done(opened)) = scene.password(ANN, PASSWORD, &anywhere()).await else { panic!() };
    let bearer = scene.bearer(&opened.token).await;

    for number in 0..ACCOUNT.free / 2 {
        let _ = scene.password(ANN, "wrong", &elsewhere(number)).await;
        let _ = answer_password(&scene.world, &bearer, "wrong", &elsewhere(number)).await;
    }

    closed_until(scene.password(ANN, PASSWORD, &anywhere()).await);
    let again = answer_password(&scene.world, &bearer, PASSWORD, &anywhere()).await;
    assert!(matches!(again, Err(ChallengeError::Throttled(_))), "{again:?}");
}

#[tokio::test]
async fn a_new_phone_is_confirmed_on_the_budget_of_codes() {
    let scene = Scene::new();
    scene.add(ANN).await;
    let half = scene.half(&anywhere()).await;
    let bearer = scene.bearer(&half).await;
    let offer = enroll::offer(&scene.world, &bearer).await.unwrap();
    let right = offer.key.code_shown(scene.now());
    let wrong = other_than(&right);

    for number in 0..ACCOUNT.free {
        let answer = enroll::confirm(&scene.world, &bearer, &offer.sealed, wrong, "", &elsewhere(number)).await;
        assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Wrong))), "{answer:?}");
    }
    let answer = enroll::confirm(&scene.world, &bearer, &offer.sealed, &right, "", &anywhere()).await;
    assert!(matches!(answer, Err(ChangeError::Challenge(ChallengeError::Throttled(_)))), "{answer:?}");
}

#[tokio::test]
async fn strangers_lock_nobody_out_of_a_browser_they_used_before() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    scene.add_with_phone("bob").await;
    let known = scene.sign_in(&phone, &anywhere()).await.browser.expect("a first sign-in marks its browser");
    let owner = Caller { browser: Some(known), ..anywhere() };
    scene.wait(STEP);
    guesses_allowed(&scene, ANN).await;
    for number in 0..ACCOUNT.free {
        let bearer = scene.bearer(&scene.half(&owner).await).await;
        let code = phone.wrong_code();
        let _ = crate::flows::challenge::answer_totp(&scene.world, &bearer, &code, &elsewhere(number)).await;
    }
    // Nor does whoever shares their address.
    for number in 0..ADDRESS.free {
        let guess = scene.password(&format!("user{number}"), "wrong", &anywhere()).await;
        assert!(matches!(guess, Err(SignInError::Mismatch)), "{number}: {guess:?}");
    }

    closed_until(scene.password(ANN, PASSWORD, &anywhere()).await);
    closed_until(scene.password("bob", PASSWORD, &anywhere()).await);
    let opened = scene.sign_in(&phone, &owner).await;
    assert_eq!(opened.browser.as_ref().map(Token::hash), owner.browser.as_ref().map(Token::hash));

    // Its lane is for Ann alone, ends as every budget does, and is forgotten.
    guesses_allowed(&scene, "bob").await;
    closed_until(scene.password("bob", PASSWORD, &owner).await);
    for _ in 0..ACCOUNT.free {
        let guess = scene.password(ANN, "wrong", &owner).await;
        assert!(matches!(guess, Err(SignInError::Mismatch)), "{guess:?}");
    }
    closed_until(scene.password(ANN, PASSWORD, &owner).await);
}

/// TH-06: nor by passkey, which only the address is charged for.
#[tokio::test]
async fn a_closed_address_keeps_no_passkey_from_a_known_browser() {
    let scene = Scene::new();
    let (ann, mut laptop, opened) = scene.add_with_passkey().await;
    for number in 0..ADDRESS.free {
        let _ = scene.password(&format!("user{number}"), "wrong", &anywhere()).await;
    }
    let stranger = scene.sign_in_with_passkey(&mut laptop, &ann).await;
    assert!(matches!(stranger, Err(ChallengeError::Throttled(_))), "{stranger:?}");

    let (owner, browser) = (Caller { browser: opened.browser, ..anywhere() }, scene.world.entropy.token());
    let challenge = scene.ask(&browser).await;
    let (token, answer) = (challenge.token.to_text(), laptop.answer(&challenge.options, &ann).to_string());
    passkeys::sign_in(&scene.world, part(&token, &answer, &browser), &owner).await.unwrap();
}

/// TH-01, TH-05: signing in again buys no guesses, neither with the password alone nor with the mailbox that resets it.
#[tokio::test]
async fn what_shows_less_than_an_account_has_makes_no_browser_known() {
    let mail = Method::EmailCode;
    for shown in [&[Method::Password][..], &[Method::Password, Method::Password], &[Method::Password, mail]] {
        let requirement = if shown.contains(&mail) { Requirement::Required } else { Requirement::Disabled };
        let mut scene = Scene::with(requirement, MemoryStore::default());
        scene.world.settings.methods.push(mail);
        let (ann, phone) = scene.add_with_phone(ANN).await;
        scene.reach(&ann, "ann@example.com").await;
        let mut looked_at = 0;
        for number in 0..4 {
            let thief = elsewhere(number);
            let opened = scene.show(shown, &thief).await;
            let thief = Caller { browser: opened.browser, ..thief };
            for _ in 0..ACCOUNT.free {
                match scene.code(&opened.token, &phone.wrong_code(), &thief).await {
                    Err(ChallengeError::Wrong) => looked_at += 1,
                    Err(ChallengeError::Throttled(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            scene.wait(MINUTE);
        }
        assert!(looked_at <= ACCOUNT.free + 3, "{looked_at} after {shown:?}: a minute buys one and no more");
    }
}

/// TH-05, EN-04: where a password is all there is to show, each sign-in makes a browser known, and none of them buys guesses at
/// the mailbox that opens the set-up of a second factor.
#[tokio::test]
async fn known_browsers_buy_no_guesses_at_the_code_that_opens_a_set_up() {
    let mut scene = Scene::with(Requirement::Optional, MemoryStore::default()).asked_for_more();
    scene.world.settings.first_factor = FirstFactor::Mailbox;
    let ann = scene.add(ANN).await;
    scene.reach(&ann, "ann@example.com").await;
    scene.world.store.set_enrol_until(ann.id, None).await.unwrap();
    let mut thieves = Vec::new();
    for number in 0..6 {
        let opened = scene.show(&[Method::Password], &elsewhere(number)).await;
        thieves.push((opened.token, Caller { browser: opened.browser, ..elsewhere(number) }));
    }
    let token = &thieves[0].0;
    let send = async || first_factor::send(&scene.world, &scene.bearer(token).await, token, &thieves[0].1).await;
    let guess = async |caller: &Caller| {
        let wrong = other_than(&scene.last_code());
        first_factor::open(&scene.world, &scene.bearer(token).await, wrong, token, caller).await
    };

    send().await.unwrap();
    let mut looked_at = 0;
    for (_, caller) in &thieves {
        for _ in 0..ACCOUNT.free {
            looked_at += u32::from(matches!(guess(caller).await, Err(ChallengeError::Wrong)));
        }
    }
    assert_eq!(looked_at, SentCode::GUESSES);
    scene.wait(MINUTE);
    let over = guess(&thieves[1].1).await;
    assert!(matches!(over, Err(ChallengeError::Over)), "that code is guessed at no more: {over:?}");

    send().await.unwrap();
    let one_more = guess(&thieves[2].1).await;
    assert!(matches!(one_more, Err(ChallengeError::Wrong)), "{one_more:?}");
    let refused = guess(&thieves[3].1).await;
    assert!(matches!(refused, Err(ChallengeError::Throttled(_))), "a new code is no new budget: {refused:?}");
}

/// TH-01, TH-05: each of them has guesses of its own, so only so many become known, however often somebody signs in.
#[tokio::test]
async fn whoever_signs_in_in_a_hundred_browsers_makes_few_of_them_known() {
    let scene = Scene::with(Requirement::Optional, MemoryStore::default());
    let ann = scene.add(ANN).await;
    let known = async |number| {
        let opened = scene.show(&[Method::Password], &elsewhere(number)).await;
        let caller = Caller { browser: opened.browser, ..elsewhere(number) };
        scene.world.lane(&caller, ann.id).await.unwrap() != Lane::Stranger
    };

    let mut count = 0;
    for number in 0..100 {
        count += u32::from(known(number).await);
    }
    assert_eq!(count, KNOWN_BROWSERS.free);
    scene.wait(KNOWN_BROWSERS.delay_max);
    assert!(known(100).await, "a day later there may be another");
    assert!(!known(101).await);
}

/// TH-05: nor does a mailbox of one's own, where somebody gives another's address as theirs.
#[tokio::test]
async fn a_right_code_from_ones_own_mailbox_makes_no_room_for_guesses_at_anothers() {
    let scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    let eve = scene.add(ANN).await;
    let mut looked_at = 0;
    for number in 0..6 {
        let opened = scene.show(&[Method::Password], &elsewhere(number)).await;
        let (token, caller) = (opened.token, Caller { browser: opened.browser, ..elsewhere(number) });
        let give = async |address: &str| {
            let full = scene.full(&token).await;
            contacts::begin(&scene.world, &full, Kind::Email, address, &token, &caller).await.unwrap();
        };
        let bring = async |code: &str| {
            contacts::confirm(&scene.world, &scene.full(&token).await, Kind::Email, code, &token, &caller).await
        };
        give("victim@example.com").await;
        let wrong = other_than(&scene.last_code());
        for _ in 1..ACCOUNT.free {
            match bring(wrong).await {
                Err(ContactError::Challenge(ChallengeError::Wrong)) => looked_at += 1,
                Err(ContactError::Challenge(ChallengeError::Throttled(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        scene.wait(MINUTE);
        give("eve@example.com").await;
        bring(&scene.last_code()).await.unwrap();
        scene.wait(SENDS.forgotten_after);
    }
    assert!(looked_at <= ACCOUNT.free + 5, "{looked_at}: an hour buys one and no more");
    assert_eq!(scene.world.store.contacts(eve.id).await.unwrap()[0].address.as_str(), "eve@example.com");
}

/// TH-01: nor do other addresses, of which one mailbox has as many as one likes.
#[tokio::test]
async fn guesses_at_codes_to_new_addresses_are_counted_whichever_they_go_to() {
    let scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    scene.add(ANN).await;
    let mut looked_at = 0;
    for number in 0..5 {
        let opened = scene.show(&[Method::Password], &elsewhere(number)).await;
        let (token, caller) = (opened.token, Caller { browser: opened.browser, ..elsewhere(number) });
        let full = scene.full(&token).await;
        let address = format!("victim+{number}@example.com");
        contacts::begin(&scene.world, &full, Kind::Email, &address, &token, &caller).await.unwrap();
        let right = scene.last_code();
        let bring = async |code: &str| contacts::confirm(&scene.world, &full, Kind::Email, code, &token, &caller).await;
        for _ in 1..ACCOUNT.free {
            looked_at += u32::from(matches!(
                bring(other_than(&right)).await,
                Err(ContactError::Challenge(ChallengeError::Wrong))
            ));
        }
        if number == 0 {
            bring(&right).await.unwrap();
        }
        scene.wait(MINUTE);
    }
    // One more wherever a wait was over.
    assert!((VERIFICATION_TRIES.free..=VERIFICATION_TRIES.free + 2).contains(&looked_at), "{looked_at}");
}

/// TH-06: what everything was shown in is known, and stays so while less is shown there.
#[tokio::test]
async fn a_known_browser_stays_known_where_the_password_is_enough() {
    let mut scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let owner = Caller { browser: scene.sign_in(&phone, &anywhere()).await.browser, ..anywhere() };
    scene.world.settings.requirements.everybody = Requirement::Disabled;
    for _ in 0..3 {
        scene.wait(just_before(BROWSER_KNOWN_FOR));
        scene.show(&[Method::Password], &owner).await;
    }
    guesses_allowed(&scene, ANN).await;

    scene.show(&[Method::Password], &owner).await;
}

/// TH-01: whoever reads somebody's mail gets no more guesses at their app by bringing right codes from there.
#[tokio::test]
async fn a_right_code_by_mail_makes_no_room_for_guesses_at_an_app() {
    let scene = Scene::offering(&[Method::EmailCode]);
    let (ann, phone) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, "ann@example.com").await;
    let mut looked_at = 0;
    for number in 0..3 {
        let thief = elsewhere(number);
        let half = scene.half(&thief).await;
        for _ in 1..ACCOUNT.free {
            match scene.code(&half, &phone.wrong_code(), &thief).await {
                Err(ChallengeError::Wrong) => looked_at += 1,
                Err(ChallengeError::Throttled(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        scene.prove_mail(&half, &thief).await;
        scene.wait(MINUTE);
    }
    assert!(looked_at <= ACCOUNT.free + 2, "{looked_at}: a minute buys one and no more");
}

#[tokio::test]
async fn a_browser_unused_for_a_month_is_a_strangers() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let known = scene.sign_in(&phone, &anywhere()).await.browser;
    let owner = Caller { browser: known, ..anywhere() };

    scene.wait(BROWSER_KNOWN_FOR + MINUTE);
    guesses_allowed(&scene, ANN).await;

    closed_until(scene.password(ANN, PASSWORD, &owner).await);
}

#[tokio::test]
async fn a_made_up_browser_token_opens_no_lane() {
    let scene = Scene::new();
    scene.add_with_phone(ANN).await;
    for _ in 0..ACCOUNT.free {
        let caller = Caller { browser: Some(scene.world.entropy.token()), ..anywhere() };
        let _ = scene.password(ANN, "wrong", &caller).await;
    }
    let caller = Caller { browser: Some(scene.world.entropy.token()), ..anywhere() };
    closed_until(scene.password(ANN, PASSWORD, &caller).await);
}

#[tokio::test]
async fn of_sixty_four_guesses_at_once_ten_are_looked_at() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    scene.add(ANN).await;
    let callers: Vec<_> = (0..64).map(elsewhere).collect();

    let guesses = join_all(callers.iter().map(|caller| scene.password(ANN, "wrong", caller))).await;

    let looked_at = guesses.iter().filter(|guess| matches!(guess, Err(SignInError::Mismatch))).count();
    let refused = guesses.iter().filter(|guess| matches!(guess, Err(SignInError::Throttled(_)))).count();
    assert_eq!((looked_at, refused), (10, 54));
    assert_eq!(scene.hasher.verified.load(Ordering::SeqCst), 10, "what is refused costs no hash");
}

#[tokio::test]
async fn of_sixty_four_codes_at_once_ten_are_looked_at() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (_, phone) = scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;
    let (wrong, callers) = (phone.wrong_code(), (0..64).map(elsewhere).collect::<Vec<_>>());

    let answers = join_all(callers.iter().map(|caller| scene.code(&half, &wrong, caller))).await;

    let looked_at = answers.iter().filter(|answer| matches!(answer, Err(ChallengeError::Wrong))).count();
    let refused = answers.iter().filter(|answer| matches!(answer, Err(ChallengeError::Throttled(_)))).count();
    assert_eq!((looked_at, refused), (10, 54));
}

#[tokio::test]
async fn an_address_that_guesses_at_everybody_is_stopped_and_no_other() {
    let scene = Scene::new();
    scene.add(ANN).await;
    for number in 0..ADDRESS.free {
        let guess = scene.password(&format!("user{number}"), "wrong", &anywhere()).await;
        assert!(matches!(guess, Err(SignInError::Mismatch)), "{number}: {guess:?}");
    }

    closed_until(scene.password(ANN, PASSWORD, &anywhere()).await);
    scene.half(&elsewhere(1)).await;
    scene.wait(ADDRESS.delay_first);
    scene.half(&anywhere()).await;
}

#[tokio::test]
async fn those_who_are_right_use_up_nothing_of_their_address() {
    let scene = Scene::new();
    scene.add(ANN).await;
    for _ in 0..3 * ADDRESS.free {
        scene.half(&anywhere()).await;
    }
}

#[tokio::test]
async fn challenges_to_passkeys_are_rationed_by_address_and_one_a_second_is_left() {
    let scene = Scene::new();
    let browser = scene.world.entropy.token();
    let ask = async |caller: &Caller| passkeys::begin_sign_in(&scene.world, &browser, caller).await;
    for _ in 0..CEREMONIES.free {
        ask(&anywhere()).await.unwrap();
    }

    for _ in 0..3 {
        let refused = ask(&anywhere()).await;
        assert!(matches!(refused, Err(ChallengeError::Throttled(_))), "{refused:?}");
        ask(&elsewhere(1)).await.unwrap();
        scene.wait(SECOND);
        ask(&anywhere()).await.unwrap();
    }
    // It is no budget of tries: signing in goes on.
    scene.add(ANN).await;
    scene.half(&anywhere()).await;
    scene.wait(CEREMONIES.forgotten_after);
    ask(&anywhere()).await.unwrap();
    ask(&anywhere()).await.unwrap();
}
