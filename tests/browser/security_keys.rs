//! Security keys in Chromium: what one plugs in and touches.

use crate::house::{PAYROLL, answer, follow, heading, house, look, press, says, sign_in, type_into, until_stale, url};
use std::time::Duration;
use support::{
    browser::{Scripts, Speech, VirtualAuthenticator},
    gateway::{PORTAL, Site},
    person::{PASSWORD, Person},
};
use thirtyfour::{By, prelude::ElementQueryable as _};

async fn a_key(speech: Speech, name: &str) {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::On, name, async |page| {
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;

            let key = VirtualAuthenticator::plug_in_key(page, speech).await;
            page.find(By::PartialLinkText("Add a security key")).await.unwrap().click().await.unwrap();
            assert_eq!(heading(page).await, "Set up a security key");
            look(page, "enroll-security-key").await;
            type_into(page, "name", "Key ring").await;
            press(page, "Set up").await;
            assert_eq!(url(page).await, house.portal("/account"));
            says(page, "Key ring").await;
            look(page, "account-security-key").await;
            assert_eq!(key.credentials().await.len(), 1);
            press(page, "Sign out").await;

            // It is the second step, and no first one.
            page.goto(house.portal("/login")).await.unwrap();
            let button = page.find(By::XPath("//button[normalize-space()='Sign in with a passkey']")).await.unwrap();
            button.click().await.unwrap();
            let fault = page.query(By::Css(".fault:not(:empty)"));
            fault.wait(Duration::from_secs(10), Duration::from_millis(10)).first().await.unwrap();
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            assert_eq!(heading(page).await, "Touch your security key");
            look(page, "challenge-security-key").await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, house.portal("/account"));

            // A route that wants it touched within the last second, and one that wants a passkey.
            let whoami = house.url(PAYROLL, "/whoami");
            until_stale(page, &whoami).await;
            says(page, "Payroll asks for your security key once more before that page. You last used it").await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, whoami);
            page.goto(house.url(PAYROLL, "/reports")).await.unwrap();
            assert_eq!(heading(page).await, "One thing to set up first");

            // A copy that has not counted along is refused (WA-07).
            let mut credential = key.credentials().await.remove(0);
            // Old keys don't know where they belong.
            credential["rpId"] = PORTAL.into();
            key.unplug().await;
            let copy = VirtualAuthenticator::plug_in_key(page, speech).await;
            let mut older = credential.clone();
            older["signCount"] = 0.into();
            copy.hold(older).await;
            until_stale(page, &whoami).await;
            press(page, "Continue").await;
            says(page, "That didn't work. Try again or use another way.").await;
            copy.unplug().await;
            let key = VirtualAuthenticator::plug_in_key(page, speech).await;
            key.hold(credential).await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, whoami);

            // What was removed is not asked for.
            page.goto(house.portal("/account")).await.unwrap();
            follow(page, "Key ring").await;
            if heading(page).await == "Touch your security key" {
                press(page, "Continue").await;
            }
            press(page, "Remove").await;
            page.goto(house.portal("/account")).await.unwrap();
            press(page, "Sign out").await;
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            assert_eq!(heading(page).await, "Enter your code");
        })
        .await;
}

#[tokio::test]
async fn a_key_of_today_is_set_up_and_used() {
    a_key(Speech::Ctap2, "security-key").await;
}

#[tokio::test]
async fn an_old_key_is_set_up_and_used() {
    a_key(Speech::U2f, "security-key-u2f").await;
}

#[tokio::test]
async fn somebody_elses_key_is_no_key() {
    let people = |site: &Site| (Person::add(site, "ann", &[]), Person::add(site, "bo", &[]));
    let (house, (ann, bo)) = house(people).await;
    house
        .open(Scripts::On, "security-key-of-another", async |page| {
            let mut held = Vec::new();
            for person in [&bo, &ann] {
                page.goto(house.portal("/account")).await.unwrap();
                sign_in(page, &person.login_id, PASSWORD).await;
                answer(page, &person.code()).await;
                let key = VirtualAuthenticator::plug_in_key(page, Speech::Ctap2).await;
                page.goto(house.portal("/enroll/security-key")).await.unwrap();
                press(page, "Set up").await;
                press(page, "Sign out").await;
                held.push(key.credentials().await.remove(0));
                key.unplug().await;
            }
            // Bo's key, under the name of Ann's: the browser believes it, we don't.
            let (mut bos, anns) = (held.remove(0), held.remove(0));
            bos["credentialId"] = anns["credentialId"].clone();
            bos["signCount"] = 99.into();
            let key = VirtualAuthenticator::plug_in_key(page, Speech::Ctap2).await;
            key.hold(bos).await;
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            press(page, "Continue").await;
            says(page, "That didn't work. Try again or use another way.").await;
            key.unplug().await;

            let key = VirtualAuthenticator::plug_in_key(page, Speech::Ctap2).await;
            key.hold(anns).await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, house.portal("/account"));
        })
        .await;
}
