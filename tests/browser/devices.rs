//! A browser that is remembered, and forgotten.

use crate::house::{House, PAYROLL, REPORTS, answer, heading, house, look_with, press, says, sign_in, type_into, url};
use support::{
    browser::Scripts,
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver};

async fn tick(page: &WebDriver) {
    let tick = page.find(By::XPath("//label[normalize-space()='Remember this browser for 30 days']")).await.unwrap();
    tick.click().await.unwrap();
}

async fn sign_out(house: &House, page: &WebDriver) {
    page.goto(house.portal("/logout")).await.unwrap();
    press(page, "Sign out").await;
}

async fn remembered(house: &House, page: &WebDriver, ann: &mut Person, scripts: Scripts) {
    let look = async |name: &str| look_with(scripts, page, name).await;
    // A page that the password alone opens, and one that it does not.
    let (plain, guarded) = (house.url(REPORTS, "/whoami"), house.url(PAYROLL, "/"));
    page.goto(&plain).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(heading(page).await, "Enter your code");
    look("code-rememberable").await;
    tick(page).await;
    answer(page, "000000").await;
    says(page, "That code didn't work.").await;
    assert!(page.find(By::Id("remember")).await.unwrap().is_selected().await.unwrap(), "the choice is kept");
    look("code-rememberable-wrong").await;
    answer(page, &ann.code()).await;
    assert_eq!(url(page).await, plain);

    sign_out(house, page).await;
    page.goto(&plain).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(url(page).await, plain, "no second step");

    // It proves nothing: what asks for a second factor still gets one.
    page.goto(&guarded).await.unwrap();
    assert_eq!(heading(page).await, "Enter your code");
    says(page, "Payroll asks for a second step").await;
    assert!(page.find(By::Id("remember")).await.is_err(), "this is no sign-in");
    house.new_app(ann);
    answer(page, &ann.code()).await;
    assert_eq!(url(page).await, guarded);

    // A new app forgets what was remembered with the old one.
    page.goto(house.portal("/account/devices")).await.unwrap();
    says(page, "None is remembered.").await;
    sign_out(house, page).await;
    house.new_app(ann);
    page.goto(&plain).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(heading(page).await, "Enter your code");
    tick(page).await;
    answer(page, &ann.code()).await;
    page.goto(house.portal("/account")).await.unwrap();
    page.find(By::LinkText("Remembered browsers")).await.unwrap().click().await.unwrap();
    says(page, "Chrome on Linux").await;
    says(page, "this one").await;
    look("devices").await;
    page.find(By::Css(".row summary")).await.unwrap().click().await.unwrap();
    look("devices-rename").await;
    type_into(page, "name-1", "Kitchen laptop").await;
    press(page, "Save the name").await;
    says(page, "Kitchen laptop").await;
    press(page, "Forget Kitchen laptop").await;
    says(page, "None is remembered.").await;
    sign_out(house, page).await;
    page.goto(&plain).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(heading(page).await, "Enter your code");
}

/// Row 12: in a browser.
#[tokio::test]
async fn a_browser_is_remembered_for_sign_ins_and_nothing_else() {
    let (house, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    house.open(Scripts::On, "devices", async |page| remembered(&house, page, &mut ann, Scripts::On).await).await;
}

#[tokio::test]
async fn remembering_needs_no_script() {
    let (house, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::Off, "devices-no-script", async |page| remembered(&house, page, &mut ann, Scripts::Off).await)
        .await;
}
