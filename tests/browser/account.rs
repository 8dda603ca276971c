//! The account page: ways to sign in, sessions, the lock, what happened.

use crate::house::{House, answer, follow, heading, house, key, look, look_with, press, says, sign_in, type_into, url};
use support::{
    browser::{Scripts, VirtualAuthenticator},
    client,
    person::{PASSWORD, Person},
};
use thirtyfour::WebDriver;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
    Version/26.0 Mobile/15E148 Safari/604.1";

/// Somebody signs in with another browser, and stays.
async fn elsewhere(house: &House, ann: &mut Person) {
    house.new_app(ann);
    let client = client::builder(&house.gateway.site.authority).user_agent(IPHONE).build().unwrap();
    let page = ann.visit(&client, &house.portal("/account")).await;
    assert!(page.is_at("/account"), "{page:?}");
}

/// Adds an app, renames it, has it asked for first, and removes the one before.
async fn apps(house: &House, page: &WebDriver, ann: &mut Person, scripts: Scripts) {
    page.goto(house.portal("/account")).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    answer(page, &ann.code()).await;
    assert_eq!(heading(page).await, "Your account");
    follow(page, "Add an authenticator app").await;
    ann.set_up_app(&key(page).await);
    type_into(page, "code", &ann.code()).await;
    type_into(page, "name", "Tablet").await;
    look_with(scripts, page, "enroll-totp-further").await;
    press(page, "Finish").await;
    follow(page, "I've kept them").await;

    follow(page, "· Tablet").await;
    assert_eq!(heading(page).await, "Tablet");
    look_with(scripts, page, "account-factor").await;
    type_into(page, "name", "Old tablet").await;
    press(page, "Save the name").await;
    follow(page, "Old tablet").await;
    press(page, "Ask for it first").await;
    says(page, "asked for first · added just now").await;
    follow(page, "Authenticator app").await;
    assert_eq!(heading(page).await, "Authenticator app");
    press(page, "Remove").await;
    assert_eq!(heading(page).await, "Your account");

    // The last one stays.
    follow(page, "Old tablet").await;
    says(page, "asks for a second step, and this is the only one you have.").await;
    follow(page, "Back to your account").await;

    // What somebody leaves behind is locked at once, and a change asks and comes back.
    press(page, "Lock now").await;
    says(page, "Locked just now").await;
    house.new_app(ann);
    follow(page, "Old tablet").await;
    assert_eq!(heading(page).await, "Enter your code");
    says(page, "A change to how you sign in needs a recent code.").await;
    answer(page, &ann.code()).await;
    assert_eq!(heading(page).await, "Old tablet");
}

/// Row 11: in a browser.
#[tokio::test]
async fn people_look_after_their_account() {
    let (house, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::On, "account", async |page| {
            apps(&house, page, &mut ann, Scripts::On).await;

            // A way to sign in that is added while somebody is signed in elsewhere.
            elsewhere(&house, &mut ann).await;
            let _authenticator = VirtualAuthenticator::plug_in(page).await;
            page.goto(house.portal("/enroll/passkey")).await.unwrap();
            press(page, "Set up").await;
            assert_eq!(heading(page).await, "End your other sessions?");
            says(page, "Safari on iPhone").await;
            look(page, "account-changed").await;
            follow(page, "Leave it signed in").await;
            says(page, "this browser").await;
            look(page, "account").await;
            press(page, "End all others").await;
            assert_eq!(url(page).await, house.portal("/account#sessions"));
            assert!(!crate::house::shown(page).await.contains("Safari on iPhone ·"));

            follow(page, "See more").await;
            assert_eq!(heading(page).await, "Activity");
            says(page, "1 session ended").await;
            says(page, "Authenticator app “Tablet” is now called “Old tablet”").await;
            look(page, "account-activity").await;
        })
        .await;
}

#[tokio::test]
async fn the_account_page_needs_no_script() {
    let (house, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::Off, "account-no-script", async |page| {
            apps(&house, page, &mut ann, Scripts::Off).await;
            elsewhere(&house, &mut ann).await;
            page.goto(house.portal("/account")).await.unwrap();
            press(page, "End the session of Safari on iPhone, signed in just now").await;
            assert!(!crate::house::shown(page).await.contains("End all others"));
        })
        .await;
}
