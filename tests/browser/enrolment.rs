//! The way to a first second step: reminded while grace lasts, led there by an application, or told whom to ask.

use crate::house::{
    PAYROLL, REPORTS, follow, heading, house_with, look, look_with, press, says, set_up_app, sign_in, type_into, url,
};
use sqlx::{Connection as _, SqliteConnection};
use support::{
    browser::Scripts,
    gateway::Site,
    outbox::{Outbox, cargo},
    person::{PASSWORD, Person},
};
use thirtyfour::WebDriver;

/// A second factor is required, there is a week for it, and the staff may set up nothing by themselves.
fn with_grace(site: &Site) -> String {
    let mfa = "[mfa]\ngrace = \"7d\"\nmethods = [\"passkey\", \"totp\", \"sms-code\"]\n\
               group_methods = { staff = [\"sms-code\"] }\n\n[sms]\nurl = \"outbox:texts\"\ncountries = [\"+44\"]\n";
    [mfa, &Outbox::of(site).section()].concat()
}

async fn from_grace_to_an_app_that_asks_for_more(scripts: Scripts, name: &str) {
    let add = |site: &Site| Person::add_without_app(site, "ann", &[]);
    let (house, mut ann) = house_with(with_grace, add).await;
    let test = async |page: &WebDriver| {
        page.goto(house.url(REPORTS, "/whoami")).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        assert_eq!(heading(page).await, "Set up a second step");
        says(page, "You have 7 days left to set up a second step.").await;
        look_with(scripts, page, "grace-reminder").await;
        follow(page, "Later").await;
        assert_eq!(url(page).await, house.url(REPORTS, "/whoami"));
        page.goto(house.portal("/account")).await.unwrap();
        says(page, "You have 7 days left to set up a second step.").await;
        look_with(scripts, page, "grace-account").await;

        page.goto(house.url(PAYROLL, "/")).await.unwrap();
        assert_eq!(heading(page).await, "One thing to set up first");
        says(page, "Payroll asks for more than your account has yet.").await;
        look_with(scripts, page, "enroll-asked").await;
        follow(page, "Authenticator app").await;
        set_up_app(page, &mut ann).await;
        follow(page, "I've kept them").await;
        assert_eq!(url(page).await, house.url(PAYROLL, "/"));
    };
    house.open(scripts, name, test).await;
}

#[tokio::test]
async fn somebody_in_grace_sets_up_what_an_application_asks_for() {
    from_grace_to_an_app_that_asks_for_more(Scripts::On, "grace").await;
}

#[tokio::test]
async fn somebody_in_grace_does_so_without_script() {
    from_grace_to_an_app_that_asks_for_more(Scripts::Off, "grace-no-script").await;
}

#[tokio::test]
async fn who_can_set_nothing_up_is_told_whom_to_ask() {
    let (house, _) = house_with(with_grace, |site| Person::add_without_app(site, "eve", &["staff"])).await;
    let test = async |page: &WebDriver| {
        page.goto(house.portal("/login")).await.unwrap();
        sign_in(page, "eve", PASSWORD).await;
        says(page, "to open the set-up for you").await;
        look(page, "grace-reminder-with-help").await;
        follow(page, "Later").await;
        assert_eq!(heading(page).await, "Your account");

        page.goto(house.url(PAYROLL, "/")).await.unwrap();
        assert_eq!(heading(page).await, "Your account isn't set up for this yet");
        says(page, "to set this up with you").await;
        look(page, "dead-end").await;
    };
    house.open(Scripts::On, "grace-help", test).await;
}

#[tokio::test]
async fn a_phone_is_offered_behind_what_is_stronger_and_listed_as_weaker() {
    let add = |site: &Site| Person::add_with_mail(site, "ann", "ann@example.com").with_app(site);
    let (house, ann) = house_with(with_grace, add).await;
    let test = async |page: &WebDriver| {
        page.goto(house.portal("/login")).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        type_into(page, "code", &ann.code()).await;
        press(page, "Continue").await;
        look(page, "account-ways").await;
        follow(page, "Phone").await;
        says(page, "A phone number is the weakest second step").await;
        look(page, "phone-weaker").await;
        follow(page, "Set up a passkey").await;
        assert_eq!(heading(page).await, "Set up a passkey");
    };
    house.open(Scripts::On, "phone-weaker", test).await;
}

/// Required, and a mailbox opens the first set-up.
fn with_mailbox(site: &Site) -> String {
    let mfa = "[mfa]\nrequirement = \"required\"\nmethods = [\"totp\"]\nfirst_factor = \"mailbox\"\n";
    [mfa, &Outbox::of(site).section()].concat()
}

async fn from_a_password_by_the_mailbox_to_the_app(scripts: Scripts, name: &str) {
    let add = |site: &Site| (Outbox::of(site), Person::add_with_mail(site, "ann", "ann@example.com"));
    let (house, (outbox, mut ann)) = house_with(with_mailbox, add).await;
    let store = format!("sqlite:{}/doorward.db", house.gateway.site.folder().display());
    let mut store = SqliteConnection::connect(&store).await.unwrap();
    sqlx::query("UPDATE accounts SET enrol_until = 1").execute(&mut store).await.unwrap();
    let test = async |page: &WebDriver| {
        page.goto(house.url(REPORTS, "/whoami")).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        assert_eq!(heading(page).await, "Confirm that you read your mail");
        look_with(scripts, page, "enroll-mailbox").await;
        press(page, "Send a code to a…@example.com").await;
        says(page, "Another can be sent in").await;
        look_with(scripts, page, "enroll-mailbox-sent").await;
        let letter = outbox.take("ann@example.com", "your code").await;
        let code = cargo(&letter);
        type_into(page, "code", if code == "000000" { "000001" } else { "000000" }).await;
        press(page, "Continue").await;
        says(page, "That code didn't work.").await;
        look_with(scripts, page, "enroll-mailbox-wrong").await;
        type_into(page, "code", code).await;
        press(page, "Continue").await;
        set_up_app(page, &mut ann).await;
        follow(page, "I've kept them").await;
        assert_eq!(url(page).await, house.url(REPORTS, "/whoami"));
    };
    house.open(scripts, name, test).await;
}

/// Row 8: a mailbox opens the first set-up, in a browser.
#[tokio::test]
async fn a_mailbox_opens_the_first_set_up() {
    from_a_password_by_the_mailbox_to_the_app(Scripts::On, "mailbox").await;
}

#[tokio::test]
async fn a_mailbox_opens_it_without_script() {
    from_a_password_by_the_mailbox_to_the_app(Scripts::Off, "mailbox-no-script").await;
}
