//! Passkeys in Chromium, with an authenticator that it believes is built in.

use crate::house::{PAYROLL, answer, follow, heading, house, look, press, says, sign_in, type_into, until_stale, url};
use std::time::Duration;
use support::{
    browser::{Scripts, VirtualAuthenticator},
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver, prelude::ElementQueryable as _};

/// Presses a button that asks the browser for a passkey, and waits until it says that there is none.
async fn press_in_vain(page: &WebDriver, button: &str) {
    page.find(By::XPath(format!("//button[normalize-space()='{button}']"))).await.unwrap().click().await.unwrap();
    let fault = page.query(By::Css(".fault:not(:empty)")).wait(Duration::from_secs(10), Duration::from_millis(10));
    let fault = fault.first().await.unwrap().text().await.unwrap();
    assert_eq!(fault, "That didn't work. Try again or use another way.");
}

/// Row 5, row 18: a passkey is the whole sign-in, and a proof from the last second where a route asks.
#[tokio::test]
async fn a_passkey_is_set_up_signs_in_alone_and_steps_up() {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::On, "passkeys", async |page| {
            page.goto(house.portal("/account")).await.unwrap();
            look(page, "login").await;
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;

            // Setting it up from the account page.
            let authenticator = VirtualAuthenticator::plug_in(page).await;
            page.goto(house.portal("/enroll/passkey")).await.unwrap();
            assert_eq!(heading(page).await, "Set up a passkey");
            look(page, "enroll-passkey").await;
            type_into(page, "name", "Work laptop").await;
            press(page, "Set up").await;
            assert_eq!(url(page).await, house.portal("/account"));
            says(page, "Work laptop").await;
            look(page, "account-passkey").await;
            assert_eq!(authenticator.credentials().await.len(), 1);

            // Signing in with it and nothing else, on the way to an application.
            press(page, "Sign out").await;
            let target = house.url(PAYROLL, "/transfers");
            // It would pick itself where passkeys are offered beside the name: this one is never asked which.
            authenticator.verifies(false).await;
            page.goto(&target).await.unwrap();
            press_in_vain(page, "Sign in with a passkey").await;
            authenticator.verifies(true).await;
            press(page, "Sign in with a passkey").await;
            assert_eq!(url(page).await, target);

            // A route that wants it used within the last second.
            let reports = house.url(PAYROLL, "/reports");
            until_stale(page, &reports).await;
            assert_eq!(heading(page).await, "Use your passkey");
            says(page, "Payroll asks for your passkey once more before reports. You last used it").await;
            look(page, "challenge-passkey").await;
            authenticator.verifies(false).await;
            press_in_vain(page, "Continue").await;
            authenticator.verifies(true).await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, reports);

            // What was removed opens nothing.
            page.goto(house.portal("/account")).await.unwrap();
            follow(page, "Work laptop").await;
            press(page, "Remove").await;
            assert_eq!(url(page).await, house.portal("/account"));
            press(page, "Sign out").await;
            authenticator.verifies(false).await;
            page.goto(&target).await.unwrap();
            press_in_vain(page, "Sign in with a passkey").await;
            authenticator.verifies(true).await;
            press(page, "Sign in with a passkey").await;
            says(page, "That passkey didn't work. Try again or use another way.").await;
        })
        .await;
}

/// Makes the browser ask every authenticator for less than we do: any key that it holds, whoever it knows.
const ASK_FOR_LESS: &str = "
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) => {
        options.publicKey.allowCredentials = [];
        options.publicKey.userVerification = 'discouraged';
        return get(options);
    };";

/// Goes to a page that asks for a passkey, in a browser that asks for less, and hears that it did not do.
async fn give_less(page: &WebDriver, target: &str) {
    until_stale(page, target).await;
    page.execute(ASK_FOR_LESS, Vec::new()).await.unwrap();
    press(page, "Continue").await;
    says(page, "That didn't work. Try again or use another way.").await;
}

#[tokio::test]
async fn what_a_browser_lets_pass_we_do_not() {
    let (house, (ann, bo)) = house(|site| (Person::add(site, "ann", &[]), Person::add(site, "bo", &[]))).await;
    house
        .open(Scripts::On, "passkeys-less", async |page| {
            let enrolled = async |person: &Person| {
                page.goto(house.portal("/account")).await.unwrap();
                sign_in(page, &person.login_id, PASSWORD).await;
                answer(page, &person.code()).await;
                page.goto(house.portal("/enroll/passkey")).await.unwrap();
                press(page, "Set up").await;
            };
            let bos = VirtualAuthenticator::plug_in(page).await;
            enrolled(&bo).await;
            let bos_passkey = bos.credentials().await.remove(0);
            bos.unplug().await;
            press(page, "Sign out").await;
            let authenticator = VirtualAuthenticator::plug_in(page).await;
            enrolled(&ann).await;
            let passkey = authenticator.credentials().await.remove(0);
            let reports = house.url(PAYROLL, "/reports");

            // A device that does not know its user (WA-05).
            authenticator.verifies(false).await;
            give_less(page, &reports).await;
            authenticator.verifies(true).await;
            until_stale(page, &reports).await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, reports);
            authenticator.unplug().await;

            // A copy, which has not counted along (WA-07).
            let copy = VirtualAuthenticator::plug_in(page).await;
            let mut older = passkey.clone();
            older["signCount"] = 0.into();
            copy.hold(older).await;
            give_less(page, &reports).await;
            copy.unplug().await;

            // Somebody else's (WA-03).
            let other = VirtualAuthenticator::plug_in(page).await;
            other.hold(bos_passkey).await;
            give_less(page, &reports).await;
            page.goto(house.portal("/account")).await.unwrap();
            says(page, "ann").await;
        })
        .await;
}

#[tokio::test]
async fn a_passkey_is_offered_where_the_name_is_typed() {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::On, "passkeys-autofill", async |page| {
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;
            let _authenticator = VirtualAuthenticator::plug_in(page).await;
            page.goto(house.portal("/enroll/passkey")).await.unwrap();
            press(page, "Set up").await;
            press(page, "Sign out").await;

            page.goto(house.url(PAYROLL, "/transfers")).await.unwrap();

            // The authenticator picks at once what a person would pick from the list.
            let heading = page.query(By::XPath("//h1[normalize-space()='Transfers']"));
            heading.wait(Duration::from_secs(10), Duration::from_millis(10)).first().await.unwrap();
        })
        .await;
}

/// Row 10: the other methods are one click away.
#[tokio::test]
async fn without_a_script_other_ways_are_offered() {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::Off, "passkeys-no-script", async |page| {
            page.goto(house.portal("/account")).await.unwrap();
            let button = page.find(By::XPath("//button[normalize-space()='Sign in with a passkey']")).await.unwrap();
            assert!(!button.is_displayed().await.unwrap());
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;
            page.goto(house.portal("/enroll/passkey")).await.unwrap();
            says(page, "Passkeys need JavaScript and a browser that knows them.").await;
        })
        .await;
}
