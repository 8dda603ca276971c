//! Making an account by a link, on the way to the application.

use crate::house::{
    House, PAYROLL, heading, house_with, look, look_with, press, says, set_up_app, shown, type_into, url,
};
use support::{
    browser::Scripts,
    gateway::Site,
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver};

const EVE: &str = "eve@example.com";

/// A gateway that sends mail.
async fn open_house(mode: &str) -> House {
    let extra = |site: &Site| format!("[sign_up]\nmode = \"{mode}\"\n\n{}\n", site.mail());
    house_with(extra, |_| ()).await.0
}

/// Fills in the form that a link leads to, and sets up the app that comes next.
async fn make_account(page: &WebDriver, name: &str, scripts: Scripts) {
    assert_eq!(heading(page).await, "Make your account");
    look_with(scripts, page, &format!("{name}-form")).await;
    type_into(page, "name", "Eve Example").await;
    type_into(page, "password", "eve@example").await;
    press(page, "Make account").await;
    says(page, "That is mostly your name").await;
    look_with(scripts, page, &format!("{name}-refused")).await;
    type_into(page, "password", PASSWORD).await;
    press(page, "Make account").await;
    page.find(By::PartialLinkText("Authenticator app")).await.unwrap().click().await.unwrap();
    set_up_app(page, &mut Person::known(EVE)).await;
}

async fn from_invitation_to_app(scripts: Scripts, name: &str) {
    let house = open_house("invite").await;
    assert!(house.gateway.site.run(&["user", "invite", EVE], "").status.success());
    let link = house.gateway.mailed(EVE, "/invite").await;
    let test = async |page: &WebDriver| {
        page.goto(&link).await.unwrap();
        make_account(page, "invite", scripts).await;
        page.goto(house.url(PAYROLL, "/transfers")).await.unwrap();
        assert_eq!(url(page).await, house.url(PAYROLL, "/transfers"));
        page.goto(&link).await.unwrap();
        assert_eq!(heading(page).await, "This link no longer works");
        if scripts == Scripts::On {
            look(page, "invite-over").await;
            page.goto(house.portal("/sign-up")).await.unwrap();
            look(page, "sign-up-by-invitation").await;
        }
    };
    house.open(scripts, name, test).await;
}

#[tokio::test]
async fn an_invitation_leads_to_an_account_and_the_app() {
    from_invitation_to_app(Scripts::On, "invite").await;
}

#[tokio::test]
async fn an_invitation_leads_there_without_script() {
    from_invitation_to_app(Scripts::Off, "invite-no-script").await;
}

async fn from_sign_up_to_app(scripts: Scripts, name: &str) {
    let house = open_house("open").await;
    let target = house.url(PAYROLL, "/transfers");
    let test = async |page: &WebDriver| {
        page.goto(&target).await.unwrap();
        page.find(By::LinkText("Create an account")).await.unwrap().click().await.unwrap();
        assert_eq!(heading(page).await, "Create an account");
        look_with(scripts, page, "sign-up").await;
        type_into(page, "email", EVE).await;
        press(page, "Send the link").await;
        assert_eq!(heading(page).await, "Look into your mailbox");
        assert!(shown(page).await.contains(EVE));
        look_with(scripts, page, "sign-up-sent").await;
        page.goto(house.gateway.mailed(EVE, "/invite").await).await.unwrap();
        make_account(page, "sign-up", scripts).await;
        page.find(By::LinkText("I've kept them")).await.unwrap().click().await.unwrap();
        assert_eq!(url(page).await, target);
    };
    house.open(scripts, name, test).await;
}

/// Row 1: in a browser, from the page that was asked for and back to it.
#[tokio::test]
async fn open_sign_up_leads_to_the_page_that_was_asked_for() {
    from_sign_up_to_app(Scripts::On, "sign-up").await;
}

#[tokio::test]
async fn open_sign_up_leads_there_without_script() {
    from_sign_up_to_app(Scripts::Off, "sign-up-no-script").await;
}
