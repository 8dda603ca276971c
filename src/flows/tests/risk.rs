//! Sign-ins that are unlike earlier ones.

use super::{ANN, MINUTE, PASSWORD, Requirement, STEP, Scene, from, gated::Gated};
use crate::{
    adapters::{geography::MaxMind, store::MemoryStore},
    domain::{
        contact::EmailAddress,
        event::What,
        policy::call::Network,
        risk::{Act, Assessment, FAILURES_MANY, Rules, Score, Signal, Subnet, Trace, Weights},
        secret::Token,
        throttle::SENDS,
        user::{LoginId, User},
    },
    flows::{
        Caller, administer,
        challenge::ChallengeError,
        devices, risk, sessions,
        sign_in::{Opened, Outcome, SignInError},
    },
    ports::{
        Store,
        messages::{Content, Notice},
        store::PasswordFactor,
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

const LONDON: &str = "81.2.69.160";
const BOXFORD: &str = "2.125.160.216";
const MILTON: &str = "216.160.83.56";
const LISTED: &str = "192.0.2.1";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Ten for each signal, and all that an operator could want from certain scores on.
pub(super) fn rules(from: &[(Act, u8)]) -> Rules {
    let ten = |signal: &Signal| (*signal, Score::new(10).unwrap());
    Rules {
        weights: Weights(Signal::ALL.iter().map(ten).collect()),
        from: from.iter().map(|(act, score)| (*act, Score::new(*score).unwrap())).collect(),
        on: BTreeMap::new(),
    }
}

impl Scene {
    /// A scene where sign-ins are assessed by these rules.
    pub(super) fn watchful(requirement: Requirement, store: impl Store + 'static, rules: Rules) -> Self {
        let mut scene = Self::with(requirement, store);
        let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/GeoLite2-City-Test.mmdb");
        scene.world.geography = Arc::new(MaxMind::open(&map).unwrap());
        let listed = vec![Network {
            name: "tor".into(),
            nets: Arc::new(["192.0.2.0/24".parse().unwrap()].into_iter().collect()),
        }];
        scene.world.settings.risk = Some(risk::Settings { rules, listed });
        scene
    }

    /// Signs Ann in with her password alone, and returns what her browser holds then.
    pub(super) async fn enter(&self, caller: &Caller) -> (Opened, Caller) {
        match self.password(ANN, PASSWORD, caller).await.unwrap() {
            Outcome::Done(opened) => {
                let browser = opened.browser.clone();
                (opened, Caller { browser, ..caller.clone() })
            }
            other => panic!("{other:?}"),
        }
    }

    /// What Ann's sign-ins showed, the latest first.
    async fn unusual(&self, user: &User) -> Vec<(u8, Vec<Signal>, Vec<Act>)> {
        let events = self.world.store.recent_events(user.id, 100).await.unwrap();
        let unusual = events.into_iter().filter_map(|event| match event.what {
            What::UnusualSignIn { score, signals, acts } => Some((score.into(), signals, acts)),
            _ => None,
        });
        unusual.collect()
    }

    async fn traces(&self, user: &User) -> Vec<Trace> {
        self.world.store.traces(user.id).await.unwrap()
    }

    /// The notices that were sent.
    pub(super) fn notices_sent(&self) -> Vec<Notice> {
        let sent = self.inbox.0.lock().unwrap();
        let notices = sent.iter().filter_map(|message| match &message.content {
            Content::Notice { notice, .. } => Some(notice.clone()),
            _ => None,
        });
        notices.collect()
    }

    async fn add_reachable(&self) -> User {
        let new = administer::NewUser {
            login_id: LoginId::parse(ANN).unwrap(),
            name: None,
            email: Some(EmailAddress::parse("ann@example.com").unwrap()),
            phone: None,
            groups: Vec::new(),
        };
        administer::add_user(&self.world, new, Some(PASSWORD)).await.unwrap()
    }
}

fn at(address: &str, caller: &Caller) -> Caller {
    Caller { address: address.parse().unwrap(), ..caller.clone() }
}

#[tokio::test]
async fn the_first_sign_in_is_like_no_other_and_not_unusual() {
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[]));
    let ann = scene.add(ANN).await;

    let (opened, _) = scene.enter(&from(LONDON)).await;

    assert_eq!(scene.session(&opened.token).await.risk, Assessment::default());
    assert_eq!(scene.unusual(&ann).await, []);
    let trace = scene.traces(&ann).await.remove(0);
    assert_eq!((trace.subnet, trace.at), (Subnet::of(LONDON.parse().unwrap()), scene.now()));
    assert_eq!(trace.whereabouts.unwrap().country.as_str(), "GB");
}

#[tokio::test]
async fn each_signal_shows_is_written_down_and_stays_with_the_session() {
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[]));
    let ann = scene.add(ANN).await;
    let (_, home) = scene.enter(&from(LONDON)).await;
    let mut seen = Vec::new();
    let shown = async |caller: &Caller| {
        let (opened, _) = scene.enter(caller).await;
        scene.session(&opened.token).await.risk.signals
    };

    scene.wait(HOUR);
    assert_eq!(shown(&home).await, [], "as ever");
    for (caller, expected) in [
        (from(LONDON), vec![Signal::NewDevice]),
        (at(BOXFORD, &home), vec![Signal::NewNetwork]),
        (at(MILTON, &home), vec![Signal::NewCountry, Signal::NewNetwork, Signal::ImpossibleTravel]),
        (at(LISTED, &home), vec![Signal::NewNetwork, Signal::ListedAddress]),
    ] {
        scene.wait(HOUR);
        assert_eq!(shown(&caller).await, expected);
        seen.insert(0, (u8::try_from(10 * expected.len()).unwrap(), expected, vec![]));
    }
    scene.wait(2 * DAY);
    for _ in 0..FAILURES_MANY {
        let _ = scene.password(ANN, "wrong", &home).await;
    }
    assert_eq!(shown(&home).await, [Signal::RecentFailures]);
    seen.insert(0, (10, vec![Signal::RecentFailures], vec![]));
    scene.wait(HOUR + MINUTE);
    let account = scene.world.store.account(ann.id).await.unwrap().unwrap();
    let password = account.password.map(|password| PasswordFactor { changed_at: scene.now(), ..password });
    scene.world.store.set_password(ann.id, &password.unwrap()).await.unwrap();
    assert_eq!(shown(&home).await, [Signal::PasswordChanged]);
    seen.insert(0, (10, vec![Signal::PasswordChanged], vec![]));
    scene.wait(HOUR);
    assert_eq!(shown(&home).await, [], "once is enough");
    assert_eq!(scene.unusual(&ann).await, seen);
}

#[tokio::test]
async fn a_risky_sign_in_takes_a_second_factor_wherever_the_choice_was_left() {
    for (requirement, enrolled, risky, expected) in [
        (Requirement::RiskBased, true, false, "done"),
        (Requirement::RiskBased, true, true, "second factor"),
        (Requirement::RiskBased, false, false, "done"),
        (Requirement::RiskBased, false, true, "enrol"),
        (Requirement::Optional, false, true, "enrol"),
        (Requirement::Optional, true, true, "second factor"),
        (Requirement::Required, true, true, "second factor"),
        (Requirement::Disabled, true, true, "done"),
    ] {
        let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[(Act::Require, 20)]));
        let mut scene = scene;
        if enrolled {
            scene.add_with_phone(ANN).await;
        } else {
            scene.add(ANN).await;
        }
        let (_, home) = scene.enter(&from(LONDON)).await;
        scene.world.settings.requirements.everybody = requirement;
        scene.wait(HOUR);
        let caller = if risky { at(MILTON, &home) } else { home };

        let word = match scene.password(ANN, PASSWORD, &caller).await.unwrap() {
            Outcome::Done(_) | Outcome::Grace(_) => "done",
            Outcome::SecondFactor(_) => "second factor",
            Outcome::Enrol(_) => "enrol",
        };

        assert_eq!(word, expected, "{requirement:?}, enrolled: {enrolled}, risky: {risky}");
    }
}

#[tokio::test]
async fn who_may_not_enrol_on_a_password_is_kept_out_where_it_is_risky() {
    let scene = Scene::watchful(Requirement::RiskBased, MemoryStore::default(), rules(&[(Act::Require, 20)]));
    scene.add(ANN).await;
    scene.enter(&from(LONDON)).await;
    scene.wait(administer::ENROL_WITHIN);

    let outcome = scene.password(ANN, PASSWORD, &from(MILTON)).await;

    assert!(matches!(outcome, Err(SignInError::EnrolmentClosed)), "{outcome:?}");
}

#[tokio::test]
async fn a_remembered_browser_spares_nothing_where_it_is_risky() {
    let scene = Scene::watchful(Requirement::Required, MemoryStore::default(), rules(&[(Act::Require, 20)]));
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &from(LONDON)).await;
    let browser = devices::remember(&scene.world, &opened, &from(LONDON)).await.unwrap();
    let home = Caller { browser, ..from(LONDON) };
    scene.wait(HOUR);
    assert!(matches!(scene.password(ANN, PASSWORD, &home).await, Ok(Outcome::Done(_))));
    scene.wait(HOUR);

    let away = at(MILTON, &home);
    let outcome = scene.password(ANN, PASSWORD, &away).await;

    let Ok(Outcome::SecondFactor(half)) = outcome else { panic!("{outcome:?}") };
    let whole = scene.code(&half, &phone.code(), &away).await.unwrap();
    let risk = scene.session(&whole.token).await.risk;
    assert_eq!(risk.signals, [Signal::NewCountry, Signal::NewNetwork, Signal::ImpossibleTravel]);
    scene.wait(STEP);
    let later = scene.code(&whole.token, &phone.code(), &away).await.unwrap();
    assert_eq!(scene.session(&later.token).await.risk, risk, "it is that of the sign-in");
}

#[tokio::test]
async fn who_is_refused_gets_nothing_and_the_owner_hears_of_it_now_and_then() {
    let acts = [(Act::Deny, 30), (Act::Notify, 30)];
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&acts));
    let ann = scene.add_reachable().await;
    scene.enter(&from(LONDON)).await;
    scene.inbox.0.lock().unwrap().clear();
    scene.wait(HOUR);

    for _ in 0..10 {
        let outcome = scene.password(ANN, PASSWORD, &from(MILTON)).await;
        assert!(matches!(outcome, Err(SignInError::TooUnusual(_))), "{outcome:?}");
    }

    assert_eq!(scene.world.store.sessions(Some(ann.id)).await.unwrap().len(), 1, "the one from London");
    assert_eq!(scene.traces(&ann).await.len(), 1, "nor is it ever usual");
    assert_eq!(scene.unusual(&ann).await.len(), 10);
    assert_eq!(scene.unusual(&ann).await[0].2, [Act::Notify, Act::Deny]);
    assert_eq!(scene.notices_sent(), vec![Notice::SignInRefused; SENDS.free as usize]);
}

#[tokio::test]
async fn a_passkey_is_assessed_like_a_password() {
    let scene = Scene::watchful(Requirement::Required, MemoryStore::default(), rules(&[]));
    let (ann, mut laptop, _) = scene.add_with_passkey().await;
    let mut scene = scene;
    scene.wait(MINUTE);
    let opened = scene.sign_in_with_passkey(&mut laptop, &ann).await.unwrap();
    let signals = [Signal::NewDevice, Signal::ListedAddress];
    assert_eq!(scene.session(&opened.token).await.risk.signals, signals);

    let on = BTreeMap::from([(Signal::ListedAddress, Act::Deny)]);
    scene.world.settings.risk.as_mut().unwrap().rules.on = on;
    scene.wait(MINUTE);
    let refused = scene.sign_in_with_passkey(&mut laptop, &ann).await;

    assert!(matches!(refused, Err(ChallengeError::TooUnusual(_))), "{refused:?}");
    assert_eq!(scene.unusual(&ann).await[0], (20, signals.to_vec(), vec![Act::Deny]));
}

#[tokio::test]
async fn word_of_an_unusual_sign_in_undoes_it_and_what_it_taught() {
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[(Act::Notify, 20)]));
    let ann = scene.add_reachable().await;
    let (_, home) = scene.enter(&from(LONDON)).await;
    scene.inbox.0.lock().unwrap().clear();
    scene.wait(HOUR);

    let (opened, _) = scene.enter(&at(MILTON, &home)).await;

    assert_eq!(
        scene.notices_sent(),
        [Notice::UnusualSignIn],
        "in place of the word about a new browser, where there is one"
    );
    assert_eq!(scene.traces(&ann).await.len(), 2);
    let link = {
        let sent = scene.inbox.0.lock().unwrap();
        let Content::Notice { undo: Some(undo), .. } = &sent[0].content else { panic!("it has no link") };
        Token::parse(undo.split_once('=').unwrap().1).unwrap()
    };
    devices::undo(&scene.world, &link, &from(LONDON)).await.unwrap().unwrap();
    assert!(matches!(scene.bearer(&opened.token).await, sessions::Bearer::Nobody(_)));
    assert_eq!(scene.traces(&ann).await.len(), 1, "Milton is as new as before");
}

#[tokio::test]
async fn nobody_becomes_usual_by_signing_in_twice() {
    let scene = Scene::watchful(Requirement::RiskBased, MemoryStore::default(), rules(&[]));
    let (_, phone) = scene.add_with_phone(ANN).await;
    scene.enter(&from(LONDON)).await;
    scene.wait(DAY);
    let new = [Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork];
    let shown = async |caller: &Caller| {
        let (opened, caller) = scene.enter(caller).await;
        (scene.session(&opened.token).await.risk.signals, opened, caller)
    };

    let (signals, _, away) = shown(&from(MILTON)).await;
    assert_eq!(signals, new);
    scene.wait(MINUTE);
    let (signals, opened, away) = shown(&away).await;
    assert_eq!(signals, new, "the password was known the first time, too");

    scene.code(&opened.token, &phone.code(), &away).await.unwrap();
    scene.wait(MINUTE);
    let (signals, ..) = shown(&away).await;
    assert_eq!(signals, [], "a second factor ends the doubt");

    let (signals, _, elsewhere) = shown(&from(BOXFORD)).await;
    assert!(signals.contains(&Signal::NewDevice), "{signals:?}");
    scene.wait(Trace::DOUBTED_FOR);
    let (signals, ..) = shown(&elsewhere).await;
    assert_eq!(signals, [], "and so does a week in which nobody said that it wasn't them");
}

#[tokio::test]
async fn nothing_is_kept_that_nobody_asked_for_nor_for_longer_than_it_is_compared() {
    let scene = Scene::with(Requirement::Disabled, MemoryStore::default());
    let ann = scene.add(ANN).await;
    scene.enter(&from(LONDON)).await;
    assert_eq!(scene.traces(&ann).await, []);

    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[]));
    let ann = scene.add(ANN).await;
    scene.enter(&from(LONDON)).await;
    scene.wait(Trace::KEPT_FOR);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.traces(&ann).await.len(), 1);
    scene.wait(MINUTE);
    sessions::sweep(&scene.world).await.unwrap();
    assert_eq!(scene.traces(&ann).await, []);
}

#[tokio::test]
async fn who_was_away_for_longer_than_traces_are_kept_is_no_newcomer() {
    for is_swept in [false, true] {
        let scene = Scene::watchful(Requirement::RiskBased, MemoryStore::default(), rules(&[(Act::Require, 30)]));
        let (ann, phone) = scene.add_with_phone(ANN).await;
        let (_, home) = scene.enter(&from(LONDON)).await;
        scene.wait(91 * DAY);
        if is_swept {
            sessions::sweep(&scene.world).await.unwrap();
            assert_eq!(scene.traces(&ann).await, []);
        }
        let new = vec![Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork];

        // With the right password alone nobody comes in, however often they try.
        for caller in [from(MILTON), from(MILTON), home.clone()] {
            let outcome = scene.password(ANN, PASSWORD, &caller).await.unwrap();
            assert!(matches!(outcome, Outcome::SecondFactor(_)), "{outcome:?}");
            assert_eq!(scene.unusual(&ann).await[0], (30, new.clone(), vec![Act::Require]));
        }

        let Outcome::SecondFactor(half) = scene.password(ANN, PASSWORD, &home).await.unwrap() else { panic!() };
        scene.code(&half, &phone.code(), &home).await.unwrap();
        scene.wait(DAY);
        let (opened, _) = scene.enter(&home).await;
        assert_eq!(scene.session(&opened.token).await.risk, Assessment::default(), "they are back");
    }
}

#[tokio::test]
async fn nobody_who_was_away_becomes_usual_by_signing_in_twice() {
    let scene = Scene::watchful(Requirement::Disabled, MemoryStore::default(), rules(&[(Act::Notify, 10)]));
    let ann = scene.add_reachable().await;
    scene.enter(&from(LONDON)).await;
    scene.wait(91 * DAY);
    sessions::sweep(&scene.world).await.unwrap();
    let new = [Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork];

    let (_, away) = scene.enter(&from(MILTON)).await;
    scene.wait(MINUTE);
    let (opened, _) = scene.enter(&away).await;

    assert_eq!(scene.session(&opened.token).await.risk.signals, new);
    let sent = scene.inbox.0.lock().unwrap().iter().rev().find_map(|message| match &message.content {
        Content::Notice { undo, .. } => undo.clone(),
        _ => None,
    });
    let link = Token::parse(sent.unwrap().split_once('=').unwrap().1).unwrap();
    devices::undo(&scene.world, &link, &from(LONDON)).await.unwrap().unwrap();
    let (opened, _) = scene.enter(&from(MILTON)).await;
    assert_eq!(scene.session(&opened.token).await.risk.signals, new, "nor a newcomer once that is undone");
    assert_eq!(scene.unusual(&ann).await.len(), 3);
}

#[tokio::test]
async fn nothing_is_opened_while_any_part_of_an_assessment_fails() {
    for number in 1.. {
        let store = Gated::default();
        let gate = Arc::clone(&store.gate);
        let scene = Scene::watchful(Requirement::Disabled, store, rules(&[(Act::Deny, 20)]));
        let ann = scene.add_reachable().await;
        scene.enter(&from(LONDON)).await;
        scene.wait(HOUR);
        gate.fail(number);

        let outcome = scene.password(ANN, PASSWORD, &from(MILTON)).await;

        let has_failed = gate.heal();
        assert_eq!(scene.world.store.sessions(Some(ann.id)).await.unwrap().len(), 1, "{number}");
        match outcome {
            Err(SignInError::TooUnusual(_)) if !has_failed => return,
            Err(SignInError::Store(_)) if has_failed => {}
            other => panic!("{number}: {other:?}"),
        }
    }
}
