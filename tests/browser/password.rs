//! A new password, typed and seen.

use crate::house::{
    House, PAYROLL, answer, comes_to_say, heading, house, look, look_with, press, says, sign_in, type_into, url,
};
use support::{
    browser::Scripts,
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver};

const NEW: &str = "otters under quiet ice";

async fn kind(page: &WebDriver, id: &str) -> String {
    page.find(By::Id(id)).await.unwrap().prop("type").await.unwrap().unwrap()
}

async fn to_the_form(house: &House, page: &WebDriver, ann: &Person) {
    page.goto(house.portal("/login")).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    answer(page, &ann.code()).await;
    page.goto(house.portal("/.well-known/change-password")).await.unwrap();
    assert_eq!(heading(page).await, "Change your password");
}

async fn fill_in(page: &WebDriver, present: &str, new: &str) {
    type_into(page, "present", present).await;
    type_into(page, "password", new).await;
    press(page, "Change password").await;
}

async fn changed(house: &House, page: &WebDriver, scripts: Scripts) {
    fill_in(page, "not it", NEW).await;
    says(page, "That isn't the password you have now.").await;
    fill_in(page, PASSWORD, "annpayroll2026").await;
    says(page, "That is mostly your name").await;
    look_with(scripts, page, "password-refused").await;
    fill_in(page, PASSWORD, NEW).await;
    assert_eq!(heading(page).await, "Your account");
    says(page, "Your password is changed.").await;
    look_with(scripts, page, "password-changed").await;

    page.goto(house.portal("/logout")).await.unwrap();
    press(page, "Sign out").await;
    page.goto(house.url(PAYROLL, "/transfers")).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    says(page, "That name and password don't match.").await;
    sign_in(page, "ann", NEW).await;
    assert_eq!(heading(page).await, "Enter your code");
}

#[tokio::test]
async fn a_password_is_changed_and_can_be_seen_while_it_is_typed() {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let test = async |page: &WebDriver| {
        page.goto(house.portal("/login")).await.unwrap();
        look(page, "login-with-show").await;
        to_the_form(&house, page, &ann).await;
        look(page, "password-change").await;

        type_into(page, "password", "otters").await;
        says(page, "2 more characters").await;
        let field = page.find(By::Id("password")).await.unwrap();
        field.send_keys(" under").await.unwrap();
        comes_to_say(page, ".verdict", "Long enough, and hard to guess.").await;
        type_into(page, "password", "annpayroll2026").await;
        let why =
            "That is mostly your name, or the name of something you sign in to. Choose one that others can't know.";
        comes_to_say(page, ".verdict", why).await;
        look(page, "password-judged").await;
        type_into(page, "password", NEW).await;
        comes_to_say(page, ".verdict", "Long enough, and hard to guess.").await;
        let show = page.find(By::Css("#password + button")).await.unwrap();
        assert_eq!((kind(page, "password").await, show.text().await.unwrap()), ("password".into(), "Show".into()));
        show.click().await.unwrap();
        assert_eq!((kind(page, "password").await, show.text().await.unwrap()), ("text".into(), "Hide".into()));
        assert_eq!(kind(page, "present").await, "password", "each field has its own");
        look(page, "password-shown").await;

        changed(&house, page, Scripts::On).await;
    };
    house.open(Scripts::On, "password", test).await;
}

#[tokio::test]
async fn a_password_is_changed_without_script() {
    let (house, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let test = async |page: &WebDriver| {
        to_the_form(&house, page, &ann).await;
        assert!(page.find(By::Css("#password + button")).await.is_err(), "no button that does nothing");
        changed(&house, page, Scripts::Off).await;
        assert!(url(page).await.starts_with(&house.portal("/challenge/totp")));
    };
    house.open(Scripts::Off, "password-no-script", test).await;
}

#[tokio::test]
async fn pages_that_need_no_account_have_no_barriers() {
    let (house, ()) = house(|_| ()).await;
    let test = async |page: &WebDriver| {
        for (path, says, name) in [
            ("/forgot", "Forgot your password?", "password-forgot-no-mail"),
            ("/reset?token=x", "This link no longer works", "password-reset-over"),
        ] {
            page.goto(house.portal(path)).await.unwrap();
            assert_eq!(heading(page).await, says);
            look(page, name).await;
        }
    };
    house.open(Scripts::On, "password-pages", test).await;
}
