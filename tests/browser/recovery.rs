//! The day the phone is gone: codes shown once, used once, and a way to a new app.

use crate::house::{
    House, PAYROLL, answer, comes_to_say, follow, heading, house, look, look_with, press, says, sign_in, type_into, url,
};
use serde_json::json;
use support::{
    browser::{Scripts, VirtualAuthenticator},
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver};

/// Sets up the app that the open page offers, and returns the codes that come of it.
async fn set_up_app(page: &WebDriver, ann: &mut Person) -> Vec<String> {
    crate::house::set_up_app(page, ann).await;
    codes(page).await
}

async fn codes(page: &WebDriver) -> Vec<String> {
    assert_eq!(heading(page).await, "Keep these recovery codes");
    let mut codes = Vec::new();
    for code in page.find_all(By::Css(".codes code")).await.unwrap() {
        codes.push(code.text().await.unwrap());
    }
    assert_eq!(codes.len(), 10);
    codes
}

async fn sign_out(house: &House, page: &WebDriver) {
    page.goto(house.portal("/logout")).await.unwrap();
    press(page, "Sign out").await;
}

/// Goes to a page of the application with the password and a code that is not the phone's.
async fn recover(house: &House, page: &WebDriver, code: &str) {
    page.goto(house.url(PAYROLL, "/transfers")).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(heading(page).await, "Enter your code");
    follow(page, "Use a recovery code").await;
    assert_eq!(heading(page).await, "Use a recovery code");
    answer(page, code).await;
}

/// Takes the codes along in every way that the page offers: to the clipboard, on paper, or as the browser can by itself.
async fn taken_along(page: &WebDriver, codes: &[String], has_script: bool) {
    let offered = async |button: &str| {
        let found = page.find(By::XPath(format!("//button[normalize-space()='{button}']"))).await.unwrap();
        found.is_displayed().await.unwrap()
    };
    assert_eq!((offered("Copy").await, offered("Print").await), (has_script, has_script));
    assert!(offered("Download as a text file").await);
    let tools = page.cdp();
    tools.send_raw("Emulation.setEmulatedMedia", json!({ "media": "print" })).await.unwrap();
    let printed = page.find(By::Css("body")).await.unwrap().text().await.unwrap();
    let lines: Vec<_> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines[1], "Keep these recovery codes", "below the organisation's name");
    assert_eq!(lines[2..], *codes);
    tools.send_raw("Emulation.setEmulatedMedia", json!({ "media": "" })).await.unwrap();
    if !has_script {
        return;
    }
    let permission = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    tools.send_raw("Browser.grantPermissions", permission).await.unwrap();
    page.find(By::XPath("//button[normalize-space()='Copy']")).await.unwrap().click().await.unwrap();
    comes_to_say(page, ".tools > .hint", "Copied. Paste them where you keep them.").await;
    let read = page.execute_async("navigator.clipboard.readText().then(arguments[0])", Vec::new()).await.unwrap();
    assert_eq!(read.json().as_str().unwrap(), codes.join("\n"));
    page.execute("window.print = () => document.body.dataset.printed = 'yes'", Vec::new()).await.unwrap();
    page.find(By::XPath("//button[normalize-space()='Print']")).await.unwrap().click().await.unwrap();
    let body = page.find(By::Css("body")).await.unwrap();
    assert_eq!(body.attr("data-printed").await.unwrap().as_deref(), Some("yes"));
}

async fn lost_phone(house: &House, page: &WebDriver, ann: &mut Person, scripts: Scripts) {
    let look = async |name: &str| look_with(scripts, page, name).await;
    let target = house.url(PAYROLL, "/transfers");
    page.goto(&target).await.unwrap();
    sign_in(page, "ann", PASSWORD).await;
    assert_eq!(heading(page).await, "Set up a second step");
    look("enroll-choose").await;
    page.find(By::PartialLinkText("Authenticator app")).await.unwrap().click().await.unwrap();
    let old = set_up_app(page, ann).await;
    look("recovery-codes").await;
    taken_along(page, &old, scripts == Scripts::On).await;
    follow(page, "I've kept them").await;
    assert_eq!(url(page).await, target);
    // Never again: there can only be others.
    page.goto(house.portal("/recovery-codes")).await.unwrap();
    assert_eq!(heading(page).await, "Make new recovery codes?");
    look("recovery-codes-make").await;
    follow(page, "Keep the ones that you have").await;
    assert_eq!(heading(page).await, "Your account");
    says(page, "You have 10 left.").await;

    sign_out(house, page).await;
    let typed = old[0].to_lowercase().replace('-', " ");
    recover(house, page, "0000 0000 0000 0000").await;
    says(page, "That code didn't work.").await;
    look("recovery-code-wrong").await;
    answer(page, &typed).await;
    assert_eq!(url(page).await, target);

    sign_out(house, page).await;
    recover(house, page, &typed).await;
    says(page, "That code was already used.").await;
    answer(page, &old[1]).await;
    assert_eq!(url(page).await, target);

    // The account says what is to be done, and the new app comes with new codes.
    page.goto(house.portal("/account")).await.unwrap();
    says(page, "You used a recovery code.").await;
    says(page, "You have 8 left.").await;
    look("account-recovered").await;
    follow(page, "set up something new").await;
    follow(page, "Authenticator app").await;
    let new = set_up_app(page, ann).await;
    follow(page, "I've kept them").await;
    assert_eq!(heading(page).await, "Your account");
    says(page, "You have 10 left.").await;
    sign_out(house, page).await;
    recover(house, page, &old[2]).await;
    says(page, "That code didn't work.").await;
    answer(page, &new[0]).await;
    assert_eq!(url(page).await, target);

    // For more codes the app is asked: a recovery code is no fresh proof.
    page.goto(house.portal("/account")).await.unwrap();
    press(page, "Make new ones").await;
    assert_eq!(heading(page).await, "Enter your code");
    says(page, "A change to how you sign in needs a recent code.").await;
    look("recovery-codes-confirm").await;
    house.new_app(ann);
    answer(page, "000000").await;
    says(page, "That code didn't work.").await;
    answer(page, &ann.code()).await;
    press(page, "Make new codes").await;
    codes(page).await;
    follow(page, "I've kept them").await;
    press(page, "Make new ones").await;
    codes(page).await;
}

/// EN-01: whoever has both is asked for the passkey, and not only for the phone.
#[tokio::test]
async fn new_codes_take_the_strongest_of_several_factors() {
    let (house, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    house
        .open(Scripts::On, "codes-by-passkey", async |page| {
            let laptop = VirtualAuthenticator::plug_in(page).await;
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            answer(page, &ann.code()).await;
            page.goto(house.portal("/enroll/passkey")).await.unwrap();
            press(page, "Set up").await;
            press(page, "Sign out").await;
            house.new_app(&mut ann);
            // It would pick itself where passkeys are offered beside the name.
            laptop.verifies(false).await;
            page.goto(house.portal("/account")).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            follow(page, "authenticator app").await;
            answer(page, &ann.code()).await;

            press(page, "Make new ones").await;

            assert_eq!(heading(page).await, "Use your passkey");
            says(page, "A change to how you sign in needs").await;
            laptop.verifies(true).await;
            press(page, "Continue").await;
            assert_eq!(heading(page).await, "Make new recovery codes?");
            press(page, "Make new codes").await;
            codes(page).await;
        })
        .await;
}

/// Row 6: shown once, good once, counted, and replaced as a set.
#[tokio::test]
async fn a_lost_phone_is_not_a_lost_account() {
    let (house, mut ann) = house(|site| Person::add_without_app(site, "ann", &[])).await;
    house.open(Scripts::On, "lost-phone", async |page| lost_phone(&house, page, &mut ann, Scripts::On).await).await;
}

#[tokio::test]
async fn a_lost_phone_needs_no_script_either() {
    let (house, mut ann) = house(|site| Person::add_without_app(site, "ann", &[])).await;
    house
        .open(Scripts::Off, "lost-phone-no-script", async |page| lost_phone(&house, page, &mut ann, Scripts::Off).await)
        .await;
}

/// Row 6, row 11: whoever lost the passkey that is all they have gets in, replaces it, and throws out whoever found it.
#[tokio::test]
async fn a_lost_passkey_is_not_a_lost_account() {
    let (house, _) = house(|site| Person::add_without_app(site, "ann", &[])).await;
    house
        .open(Scripts::On, "lost-passkey", async |page| {
            let target = house.url(PAYROLL, "/transfers");
            let lost = VirtualAuthenticator::plug_in(page).await;
            page.goto(&target).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            follow(page, "Passkey").await;
            press(page, "Set up").await;
            let old = codes(page).await;
            // The phone is gone with the passkey on it, signed in.
            lost.unplug().await;
            page.delete_all_cookies().await.unwrap();

            page.goto(&target).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            assert_eq!(heading(page).await, "Use your passkey");
            page.find(By::Css("details summary")).await.unwrap().click().await.unwrap();
            says(page, "It lets you set up something new and remove what you lost.").await;
            look(page, "challenge-lost-passkey").await;
            follow(page, "Use a recovery code").await;
            answer(page, &old[0]).await;
            assert_eq!(url(page).await, target);

            // It is the only one, so it stays until there is another.
            page.goto(house.portal("/account")).await.unwrap();
            says(page, "If you lost what you sign in with").await;
            follow(page, "Passkey").await;
            says(page, "this is the only one you have").await;
            let found = VirtualAuthenticator::plug_in(page).await;
            page.goto(house.portal("/account")).await.unwrap();
            follow(page, "set up something new").await;
            look(page, "enroll-after-loss").await;
            follow(page, "Passkey").await;
            type_into(page, "name", "New phone").await;
            press(page, "Set up").await;
            let new = codes(page).await;
            assert!(new.iter().all(|code| !old.contains(code)), "the used set is over");
            follow(page, "I've kept them").await;

            assert_eq!(heading(page).await, "End your other sessions?");
            press(page, "End it").await;
            look(page, "account-after-loss").await;
            let first = page.find(By::Css("a[href^='/account/factors/']")).await.unwrap();
            assert!(!first.text().await.unwrap().contains("New phone"), "the older comes first");
            first.click().await.unwrap();
            press(page, "Remove").await;
            assert_eq!(url(page).await, house.portal("/account"));
            let kept = page.find_all(By::Css("a[href^='/account/factors/']")).await.unwrap();
            assert_eq!(kept.len(), 1);
            says(page, "New phone").await;

            press(page, "Sign out").await;
            // It would pick itself where passkeys are offered beside the name.
            found.verifies(false).await;
            page.goto(&target).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            found.verifies(true).await;
            press(page, "Continue").await;
            assert_eq!(url(page).await, target);
        })
        .await;
}
