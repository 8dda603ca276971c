//! Mail, as people meet it: the code that signs them in, and the link to a new password.

use crate::house::{REPORTS, follow, heading, house_with, look_with, press, says, shown, sign_in, type_into, url};
use support::{
    browser::Scripts,
    gateway::Site,
    outbox::{Outbox, cargo},
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver};

const ADDRESS: &str = "ann@example.com";
const NEW: &str = "otters under quiet ice";

const METHODS: &str = "\n[mfa]\nmethods = [\"totp\", \"email-code\", \"email-link\"]\n";

fn with_mail(site: &Site) -> String {
    [METHODS, &Outbox::of(site).section()].concat()
}

async fn from_login_to_the_app(scripts: Scripts, name: &str) {
    let add = |site: &Site| (Outbox::of(site), Person::add_with_mail(site, "ann", ADDRESS));
    let (house, (outbox, _)) = house_with(with_mail, add).await;
    let test = async |page: &WebDriver| {
        page.goto(house.url(REPORTS, "/whoami")).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        assert_eq!(heading(page).await, "Get a code by e-mail");
        look_with(scripts, page, "mail-code-unasked").await;
        press(page, "Send a code to a…@example.com").await;
        says(page, "We sent a code to a…@example.com.").await;
        look_with(scripts, page, "mail-code-sent").await;
        says(page, "Another can be sent in").await;
        if scripts == Scripts::On {
            let again = page.find(By::Css("button[data-wait]")).await.unwrap();
            assert!(!again.is_enabled().await.unwrap(), "it counts down first");
            assert!(again.text().await.unwrap().starts_with("Send another code ("), "{:?}", again.text().await);
        } else {
            press(page, "Send another code").await;
            says(page, "Another can be sent in").await;
        }
        type_into(page, "code", "000000").await;
        press(page, "Continue").await;
        says(page, "That code didn't work.").await;
        let letter = outbox.take(ADDRESS, "your code").await;
        type_into(page, "code", cargo(&letter)).await;
        press(page, "Continue").await;
        assert_eq!(url(page).await, house.url(REPORTS, "/whoami"));

        page.goto(house.portal("/account")).await.unwrap();
        look_with(scripts, page, "mail-account").await;
        page.goto(house.portal("/account/email")).await.unwrap();
        look_with(scripts, page, "mail-address").await;
    };
    house.open(scripts, name, test).await;
}

async fn from_the_letter_to_the_app(scripts: Scripts, name: &str) {
    let add = |site: &Site| (Outbox::of(site), Person::add_with_mail(site, "ann", ADDRESS));
    let (house, (outbox, _)) = house_with(with_mail, add).await;
    let test = async |page: &WebDriver| {
        page.goto(house.url(REPORTS, "/whoami")).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        follow(page, "Get a link by e-mail instead").await;
        press(page, "Send a link to a…@example.com").await;
        says(page, "Open it in this browser").await;
        look_with(scripts, page, "mail-link-sent").await;
        let letter = outbox.take(ADDRESS, "your sign-in link").await;
        // As from a mail program: in a window of its own.
        page.new_tab().await.unwrap();
        let windows = page.windows().await.unwrap();
        page.switch_to_window(windows[1].clone()).await.unwrap();
        page.goto(cargo(&letter)).await.unwrap();
        assert_eq!(heading(page).await, "Go on in this browser?");
        look_with(scripts, page, "mail-link-opened").await;
        press(page, "Yes, sign me in").await;
        assert_eq!(url(page).await, house.url(REPORTS, "/whoami"));
    };
    house.open(scripts, name, test).await;
}

async fn from_forgot_to_a_new_password(scripts: Scripts, name: &str) {
    let add = |site: &Site| (Outbox::of(site), Person::add_with_mail(site, "ann", ADDRESS).with_app(site));
    let (house, (outbox, _)) = house_with(with_mail, add).await;
    let test = async |page: &WebDriver| {
        page.goto(house.portal("/login")).await.unwrap();
        look_with(scripts, page, "mail-login").await;
        page.goto(house.portal("/forgot")).await.unwrap();
        look_with(scripts, page, "mail-forgot").await;
        type_into(page, "login_id", "ann").await;
        press(page, "Send the link").await;
        says(page, "a link is on its way").await;
        look_with(scripts, page, "mail-forgot-sent").await;
        let letter = outbox.take(ADDRESS, "choose a new password").await;
        page.goto(cargo(&letter)).await.unwrap();
        assert!(shown(page).await.contains("for ann."), "{}", shown(page).await);
        look_with(scripts, page, "mail-reset").await;
        type_into(page, "password", "annexample2026").await;
        press(page, "Set password").await;
        look_with(scripts, page, "mail-reset-refused").await;
        type_into(page, "password", NEW).await;
        press(page, "Set password").await;
        says(page, "Sign in with the new password").await;
        look_with(scripts, page, "mail-reset-done").await;
        page.goto(cargo(&letter)).await.unwrap();
        says(page, "It works once, and not for long.").await;
        page.goto(house.portal("/login")).await.unwrap();
        sign_in(page, "ann", NEW).await;
        assert_eq!(heading(page).await, "Enter your code");
        let letter = outbox.take(ADDRESS, "your password was reset").await;
        assert!(letter.contains("All its sessions have ended."), "{letter}");
    };
    house.open(scripts, name, test).await;
}

#[tokio::test]
async fn a_mailed_code_leads_from_the_login_page_to_the_app() {
    from_login_to_the_app(Scripts::On, "mail-code").await;
}

#[tokio::test]
async fn a_mailed_code_leads_there_without_script() {
    from_login_to_the_app(Scripts::Off, "mail-code-no-script").await;
}

/// Row 4: a mailed link in a browser.
#[tokio::test]
async fn a_mailed_link_leads_from_the_letter_to_the_app() {
    from_the_letter_to_the_app(Scripts::On, "mail-link").await;
}

#[tokio::test]
async fn a_mailed_link_leads_there_without_script() {
    from_the_letter_to_the_app(Scripts::Off, "mail-link-no-script").await;
}

/// Row 2: the same in a browser.
#[tokio::test]
async fn a_forgotten_password_is_replaced_from_a_letter() {
    from_forgot_to_a_new_password(Scripts::On, "mail-forgot").await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_without_script() {
    from_forgot_to_a_new_password(Scripts::Off, "mail-forgot-no-script").await;
}
