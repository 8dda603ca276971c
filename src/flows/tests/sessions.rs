//! Sign-ins on their way to app hosts, and their end.

use super::{ANN, LIMITS, Phone, STEP, Scene, anywhere, gated::Gated, host, is_nobody, just_before};
use crate::{
    domain::{
        enrolment::Requirement,
        policy::{Visitor, WhyAnonymous},
        secret::Token,
        user::{LoginId, User},
    },
    flows::{
        administer,
        sessions::{self, hand_off, redeem},
    },
    ports::store::Handoff,
};
use futures_util::future::join_all;
use std::time::Duration;

const PAYROLL: &str = "payroll.localhost";
const WIKI: &str = "wiki.localhost";

/// Ann, signed in on the portal, and the browser cookie that set out from an app.
async fn signed_in(scene: &Scene) -> (User, Phone, Token, Token) {
    let (ann, phone) = scene.add_with_phone(ANN).await;
    let token = scene.sign_in(&phone, &anywhere()).await.token;
    (ann, phone, token, scene.world.entropy.token())
}

async fn code_for(scene: &Scene, token: &Token, name: &str, browser: &Token) -> Token {
    let session = scene.session(token).await;
    hand_off(&scene.world, session.id, &host(name), browser.hash()).await.unwrap()
}

async fn child(scene: &Scene, token: &Token, name: &str) -> Token {
    let browser = scene.world.entropy.token();
    let code = code_for(scene, token, name, &browser).await;
    redeem(&scene.world, &code, &host(name), &browser).await.unwrap().unwrap()
}

async fn visitor(scene: &Scene, child: &Token, name: &str) -> Visitor {
    sessions::visitor(&scene.world, child.hash(), &host(name)).await.unwrap()
}

async fn is_ann(scene: &Scene, child: &Token, name: &str) -> bool {
    matches!(visitor(scene, child, name).await, Visitor::SignedIn(identity) if identity.user.login_id.as_str() == ANN)
}

#[tokio::test]
async fn a_handoff_is_for_one_host_one_browser_and_one_time() {
    let scene = Scene::new();
    let (_, _, token, browser) = signed_in(&scene).await;
    let other = scene.world.entropy.token();

    let code = code_for(&scene, &token, PAYROLL, &browser).await;
    let got = redeem(&scene.world, &code, &host(PAYROLL), &browser).await.unwrap().unwrap();
    assert!(is_ann(&scene, &got, PAYROLL).await);
    assert!(redeem(&scene.world, &code, &host(PAYROLL), &browser).await.unwrap().is_none(), "a second time");

    let code = code_for(&scene, &token, PAYROLL, &browser).await;
    assert!(redeem(&scene.world, &code, &host(PAYROLL), &other).await.unwrap().is_none(), "another browser");
    assert!(redeem(&scene.world, &code, &host(PAYROLL), &browser).await.unwrap().is_none(), "after a wrong one");

    let code = code_for(&scene, &token, PAYROLL, &browser).await;
    assert!(redeem(&scene.world, &code, &host(WIKI), &browser).await.unwrap().is_none(), "another host");

    let code = code_for(&scene, &token, PAYROLL, &browser).await;
    scene.wait(Handoff::LIFETIME);
    assert!(redeem(&scene.world, &code, &host(PAYROLL), &browser).await.unwrap().is_none(), "too late");
    assert!(redeem(&scene.world, &other, &host(PAYROLL), &browser).await.unwrap().is_none(), "made up");
}

#[tokio::test]
async fn of_many_who_bring_one_link_at_once_one_gets_in() {
    let scene = Scene::with(Requirement::Required, Gated::default());
    let (_, _, token, browser) = signed_in(&scene).await;
    let (code, payroll) = (code_for(&scene, &token, PAYROLL, &browser).await, host(PAYROLL));

    let redeemed = join_all((0..64).map(|_| redeem(&scene.world, &code, &payroll, &browser))).await;

    assert_eq!(redeemed.into_iter().filter(|child| matches!(child, Ok(Some(_)))).count(), 1);
}

#[tokio::test]
async fn a_child_counts_on_its_host_only_and_the_portals_token_on_none() {
    let scene = Scene::new();
    let (_, _, token, _) = signed_in(&scene).await;
    let payroll = child(&scene, &token, PAYROLL).await;

    assert!(is_ann(&scene, &payroll, PAYROLL).await);
    assert!(!is_ann(&scene, &payroll, WIKI).await);
    assert!(!is_ann(&scene, &token, PAYROLL).await);
    assert!(is_nobody(&scene.bearer(&payroll).await), "a child's token is no portal token");
}

#[tokio::test]
async fn signing_out_ends_every_app_and_every_link() {
    let scene = Scene::new();
    let (_, _, token, browser) = signed_in(&scene).await;
    let (payroll, wiki) = (child(&scene, &token, PAYROLL).await, child(&scene, &token, WIKI).await);
    let code = code_for(&scene, &token, PAYROLL, &browser).await;

    assert!(sessions::sign_out(&scene.world, &token, &anywhere()).await.unwrap().is_some());

    assert!(is_nobody(&scene.bearer(&token).await));
    assert!(!is_ann(&scene, &payroll, PAYROLL).await);
    assert!(!is_ann(&scene, &wiki, WIKI).await);
    assert!(redeem(&scene.world, &code, &host(PAYROLL), &browser).await.unwrap().is_none());
    assert!(
        sessions::sign_out(&scene.world, &token, &anywhere()).await.unwrap().is_none(),
        "there is nothing left to end"
    );
}

#[tokio::test]
async fn signing_out_of_one_browser_leaves_the_other() {
    let scene = Scene::new();
    let (ann, phone, token, _) = signed_in(&scene).await;
    scene.wait(STEP);
    let laptop = scene.sign_in(&phone, &anywhere()).await.token;
    let on_laptop = child(&scene, &laptop, PAYROLL).await;

    sessions::sign_out(&scene.world, &token, &anywhere()).await.unwrap();
    assert!(is_ann(&scene, &on_laptop, PAYROLL).await);

    assert_eq!(sessions::sign_out_everywhere(&scene.world, ann.id, &anywhere()).await.unwrap(), 1);
    assert!(!is_ann(&scene, &on_laptop, PAYROLL).await);
}

#[tokio::test]
async fn giving_up_halfway_ends_the_half_session() {
    let scene = Scene::new();
    scene.add_with_phone(ANN).await;
    let half = scene.half(&anywhere()).await;

    assert!(sessions::sign_out(&scene.world, &half, &anywhere()).await.unwrap().is_none());

    assert!(is_nobody(&scene.bearer(&half).await));
}

#[tokio::test]
async fn what_an_operator_does_ends_the_apps_too() {
    for act in ["disable", "delete", "password", "reset", "revoke"] {
        let scene = Scene::new();
        let (_, _, token, _) = signed_in(&scene).await;
        let payroll = child(&scene, &token, PAYROLL).await;
        let (world, ann) = (&scene.world, LoginId::parse(ANN).unwrap());
        match act {
            "disable" => administer::set_disabled(world, &ann, true).await.unwrap(),
            "delete" => administer::delete_user(world, &ann).await.unwrap(),
            "password" => administer::set_password(world, &ann, "another horse").await.unwrap(),
            "reset" => drop(administer::reset_mfa(world, &ann).await.unwrap()),
            _ => drop(administer::revoke_sessions_of(world, &ann).await.unwrap()),
        }
        assert!(!is_ann(&scene, &payroll, PAYROLL).await, "{act}");
        assert!(is_nobody(&scene.bearer(&token).await), "{act}");
    }
}

#[tokio::test]
async fn a_child_shows_what_its_sign_in_proved_since() {
    let scene = Scene::new();
    let (_, phone, token, _) = signed_in(&scene).await;
    let payroll = child(&scene, &token, PAYROLL).await;

    scene.wait(STEP);
    scene.code(&token, &phone.code(), &anywhere()).await.unwrap();

    let Visitor::SignedIn(identity) = visitor(&scene, &payroll, PAYROLL).await else { panic!("signed out") };
    assert!(
        identity.session.authentications.iter().any(|proof| proof.at == scene.now()),
        "one step-up serves all apps"
    );
}

#[tokio::test]
async fn a_child_is_over_with_its_sign_in() {
    let scene = Scene::new();
    let (_, _, token, _) = signed_in(&scene).await;
    let payroll = child(&scene, &token, PAYROLL).await;

    scene.wait(just_before(LIMITS.idle));
    let Visitor::SignedIn(identity) = visitor(&scene, &payroll, PAYROLL).await else { panic!("idle too early") };
    sessions::touch(&scene.world, &identity).await.unwrap();
    scene.wait(LIMITS.idle + Duration::from_millis(1));

    let over = visitor(&scene, &payroll, PAYROLL).await;
    assert!(matches!(over, Visitor::Anonymous(WhyAnonymous::Idle)), "{over:?}");
    sessions::sweep(&scene.world).await.unwrap();
    let swept = visitor(&scene, &payroll, PAYROLL).await;
    assert!(matches!(swept, Visitor::Anonymous(WhyAnonymous::Unknown)), "{swept:?}");
    assert!(scene.world.store.sessions(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn sweeping_takes_nothing_that_lives() {
    let scene = Scene::new();
    let (_, _, token, _) = signed_in(&scene).await;
    let payroll = child(&scene, &token, PAYROLL).await;

    scene.wait(just_before(LIMITS.idle));
    sessions::sweep(&scene.world).await.unwrap();

    assert!(is_ann(&scene, &payroll, PAYROLL).await);
}
