//! Codes to a phone, as people meet them: set up in the middle of a sign-in, texted, and read out by a call.

use crate::house::{
    PATIENCE, PAYROLL, POLL, comes_to_say, follow, heading, house_with, look, look_with, press, says, sign_in,
    type_into, url,
};
use support::{
    browser::Scripts,
    gateway::Site,
    outbox::Outbox,
    person::{PASSWORD, Person},
    phone_service::PhoneService,
};
use thirtyfour::{By, WebDriver, prelude::ElementWaitable as _, stringmatch::StringMatchable as _};

const METHODS: &str = "\n[mfa]\nrequirement = \"required\"\nmethods = [\"totp\", \"sms-code\", \"voice-code\"]\n";

async fn from_the_login_page_to_the_app(scripts: Scripts, channel: &str, name: &str) {
    let service = PhoneService::start().await;
    let sections = |site: &Site| [METHODS, &Outbox::of(site).section(), &service.sections()].concat();
    let add = |site: &Site| Person::add_with_phone(site, "ann", "ann@example.com", "+442079460123");
    let (house, _) = house_with(sections, add).await;
    let test = async |page: &WebDriver| {
        let target = house.url(PAYROLL, "/transfers");
        page.goto(&target).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        assert_eq!(heading(page).await, "Get a code by text message");
        let (button, sent) = if channel == "sms" {
            ("Send a code to +44 … 123", "We sent a code to +44 … 123.")
        } else {
            follow(page, "Get a code by phone call instead").await;
            ("Call +44 … 123 with a code", "We called +44 … 123 with a code.")
        };
        says(page, "This sign-in is over in 10 minutes").await;
        press(page, button).await;
        says(page, sent).await;
        let message = service.take(channel).await;
        look_with(scripts, page, name).await;
        type_into(page, "code", message["code"].as_str().unwrap()).await;
        press(page, "Continue").await;
        assert_eq!(url(page).await, target);
    };
    house.open(scripts, name, test).await;
}

/// Row 4: a text message in a browser.
#[tokio::test]
async fn a_text_message_leads_from_the_login_page_to_the_app() {
    from_the_login_page_to_the_app(Scripts::On, "sms", "phone-text").await;
}

#[tokio::test]
async fn a_text_message_leads_there_without_script() {
    from_the_login_page_to_the_app(Scripts::Off, "sms", "phone-text-no-script").await;
}

/// Row 4: a call in a browser.
#[tokio::test]
async fn a_call_leads_from_the_login_page_to_the_app() {
    from_the_login_page_to_the_app(Scripts::On, "voice", "phone-call").await;
}

/// Row 14: a number is set up in the middle of a sign-in, and another code can be sent when the page has counted down.
#[tokio::test]
async fn a_phone_is_set_up_on_the_way_to_the_app() {
    let service = PhoneService::start().await;
    let sections = |site: &Site| [METHODS, &Outbox::of(site).section(), &service.sections()].concat();
    let (house, _) = house_with(sections, |site| Person::add_with_mail(site, "ann", "ann@example.com")).await;
    let test = async |page: &WebDriver| {
        let target = house.url(PAYROLL, "/transfers");
        page.goto(&target).await.unwrap();
        sign_in(page, "ann", PASSWORD).await;
        assert_eq!(heading(page).await, "Set up a second step");
        look(page, "phone-choose").await;
        page.find(By::PartialLinkText("Text message")).await.unwrap().click().await.unwrap();
        says(page, "A phone number is the weakest second step").await;
        look(page, "phone-set-up").await;
        type_into(page, "address", "+44 20 7946 0000").await;
        press(page, "Send a code there").await;
        look(page, "phone-set-up-sent").await;
        let again = page.find(By::Css("button[data-wait]")).await.unwrap();
        assert!(!again.is_enabled().await.unwrap());
        let back = "const now = Date.now; Date.now = () => now() - 330_000";
        page.execute(back, Vec::new()).await.unwrap();
        let minutes = "Send another code (6:".match_partial();
        again.wait_until().wait(PATIENCE, POLL).has_text(minutes).await.unwrap();
        let leap = "const then = Date.now; Date.now = () => then() + 391_000";
        page.execute(leap, Vec::new()).await.unwrap();
        comes_to_say(page, ".wait", "Another can be sent now.").await;
        assert!(again.is_enabled().await.unwrap());
        assert_eq!(again.text().await.unwrap(), "Send another code");
        let message = service.take("sms").await;
        type_into(page, "code", message["code"].as_str().unwrap()).await;
        press(page, "Continue").await;
        assert_eq!(heading(page).await, "Keep these recovery codes");
        follow(page, "I've kept them").await;
        assert_eq!(url(page).await, target);
    };
    house.open(Scripts::On, "phone-set-up", test).await;
}
