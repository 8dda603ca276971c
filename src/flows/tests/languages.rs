//! In which language people are written to.

use super::{ANN, PASSWORD, STEP, Scene, anywhere, just_before};
use crate::{
    domain::{
        factor::Method,
        language::Language::{self, English, French, German, Spanish},
        secret::Token,
    },
    flows::{BROWSER_KNOWN_FOR, Caller, codes, password, sign_up},
    ports::messages::{Content, Notice},
};

const MAIL: &str = "ann@example.com";

fn who_reads(language: Language) -> Caller {
    Caller { language: Some(language), ..anywhere() }
}

/// The same, in a browser that this account has used.
fn at(browser: &Token, language: Language) -> Caller {
    Caller { browser: Some(browser.clone()), ..who_reads(language) }
}

impl Scene {
    /// The language of what was sent last.
    fn last_language(&self) -> Language {
        self.inbox.0.lock().unwrap().last().expect("something was sent").language
    }

    async fn language_of_ann(&self) -> Option<Language> {
        let accounts = self.world.store.accounts().await.unwrap();
        accounts.into_iter().find(|account| account.user.login_id.as_str() == ANN).unwrap().user.language
    }
}

#[tokio::test]
async fn a_browser_says_what_its_owner_reads_and_changes_it_where_it_is_known() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    scene.sign_in(&phone, &anywhere()).await;
    assert_eq!(scene.language_of_ann().await, None, "a browser that asks for none of ours");

    scene.wait(STEP);
    let browser = scene.sign_in(&phone, &who_reads(German)).await.browser.unwrap();
    assert_eq!(scene.language_of_ann().await, Some(German));

    scene.wait(STEP);
    scene.sign_in(&phone, &who_reads(Spanish)).await;
    assert_eq!(scene.language_of_ann().await, Some(German), "a browser that nobody knows decides nothing any more");

    scene.wait(STEP);
    scene.sign_in(&phone, &at(&browser, French)).await;
    assert_eq!(scene.language_of_ann().await, Some(French));
    scene.wait(BROWSER_KNOWN_FOR);
    scene.sign_in(&phone, &at(&browser, German)).await;
    assert_eq!(scene.language_of_ann().await, Some(German));
    scene.wait(just_before(BROWSER_KNOWN_FOR));
    scene.sign_in(&phone, &Caller { browser: Some(browser), ..anywhere() }).await;
    assert_eq!(scene.language_of_ann().await, Some(German), "a browser that says nothing takes nothing away");
}

#[tokio::test]
async fn the_notice_of_a_new_browser_is_in_its_readers_language_not_in_the_browsers() {
    let scene = Scene::new();
    let (ann, phone) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, MAIL).await;
    scene.sign_in(&phone, &who_reads(German)).await;
    scene.wait(STEP);

    scene.sign_in(&phone, &who_reads(Spanish)).await;

    let last = scene.inbox.0.lock().unwrap().last().unwrap().clone();
    assert!(matches!(last.content, Content::Notice { notice: Notice::NewBrowser, .. }), "{last:?}");
    assert_eq!(last.language, German);
}

#[tokio::test]
async fn a_code_is_in_the_readers_language_else_in_that_of_whoever_waits_for_it_else_in_the_operators() {
    let mut scene = Scene::offering(&[Method::EmailCode]);
    scene.world.settings.language = Spanish;
    let ann = scene.add(ANN).await;
    scene.reach(&ann, MAIL).await;
    let send = async |caller: &Caller| {
        let half = scene.half(caller).await;
        codes::send(&scene.world, &scene.bearer(&half).await, Method::EmailCode, None, &half, caller).await.unwrap();
        scene.wait(super::MINUTE * 15);
        scene.last_language()
    };

    assert_eq!(send(&anywhere()).await, Spanish);
    assert_eq!(send(&who_reads(French)).await, French);
    scene.world.store.set_language(ann.id, German).await.unwrap();
    assert_eq!(send(&who_reads(French)).await, German);
}

#[tokio::test]
async fn a_stranger_does_not_choose_the_language_of_a_reset_letter() {
    let scene = Scene::new();
    let ann = scene.add(ANN).await;
    scene.reach(&ann, MAIL).await;
    let ask = async || password::request_reset(&scene.world, ANN, None, &who_reads(French)).await.unwrap();

    ask().await;
    assert_eq!(scene.last_language(), English);
    scene.wait(super::MINUTE * 60);
    scene.world.store.set_language(ann.id, German).await.unwrap();
    ask().await;
    assert_eq!(scene.last_language(), German);
}

#[tokio::test]
async fn whoever_signs_up_is_written_to_as_their_browser_asks_from_the_first_letter() {
    let scene = Scene::new();
    sign_up::request(&scene.world, MAIL, None, &who_reads(French)).await.unwrap();
    assert_eq!(scene.last_language(), French);
    let Content::Link { url, .. } = scene.last_message().content else { panic!() };
    let token = url.split_once("token=").unwrap().1;

    let made = sign_up::redeem(&scene.world, token, "Ann", PASSWORD, &who_reads(German)).await.unwrap();

    drop(made);
    let account = scene.world.store.accounts().await.unwrap().remove(0);
    assert_eq!(account.user.language, Some(German));
}
