//! The way in: from a page of an application through the portal and back to that page.

use crate::house::{
    House, PAYROLL, REPORTS, answer, heading, house, key, look, press, says, shown, sign_in, type_into, until_stale,
    url,
};
use support::{
    browser::Scripts,
    person::{PASSWORD, Person},
};
use thirtyfour::{By, WebDriver, prelude::ElementQueryable as _};

fn ann(site: &support::gateway::Site) -> Person {
    Person::add(site, "ann", &[])
}

/// Goes to a page as somebody who must sign in first, and arrives there.
async fn arrive(page: &WebDriver, person: &Person, target: &str) {
    page.goto(target).await.unwrap();
    sign_in(page, &person.login_id, PASSWORD).await;
    answer(page, &person.code()).await;
    assert_eq!(url(page).await, target);
}

async fn first_visit(house: &House, ann: &mut Person, page: &WebDriver) {
    let target = house.url(PAYROLL, "/transfers?month=11&sort=payee");
    page.goto(&target).await.unwrap();
    assert!(url(page).await.starts_with(&house.portal("/login?to=")));
    says(page, "to go on to Payroll").await;

    sign_in(page, "ann", "wrong").await;
    says(page, "That name and password don't match.").await;
    type_into(page, "password", PASSWORD).await;
    press(page, "Sign in").await;
    assert_eq!(heading(page).await, "Enter your code");
    answer(page, "000000").await;
    says(page, "That code didn't work. Check the time on your phone, or use the next code.").await;
    let code = ann.code();
    answer(page, &code).await;
    assert_eq!(url(page).await, target);
    assert_eq!(heading(page).await, "Transfers");

    // The other application does not ask again.
    page.goto(house.url(REPORTS, "/whoami")).await.unwrap();
    assert_eq!(url(page).await, house.url(REPORTS, "/whoami"));
    says(page, "ann").await;

    // A fresh proof is asked for, and the code that signed her in is none.
    let new = house.url(PAYROLL, "/transfers/new");
    until_stale(page, &new).await;
    says(page, "Payroll asks for a recent code before transfers. Your last one was").await;
    says(page, "A new one counts for 4 seconds.").await;
    answer(page, &code).await;
    says(page, "That code was already used. Wait for the next one.").await;
    house.new_app(ann);
    answer(page, &ann.code()).await;
    assert_eq!(url(page).await, new);

    // One button closes both.
    page.goto(house.url(PAYROLL, "/.doorward/logout")).await.unwrap();
    assert_eq!(heading(page).await, "Sign out?");
    press(page, "Sign out").await;
    assert_eq!(heading(page).await, "You're signed out");
    for host in [PAYROLL, REPORTS] {
        page.goto(house.url(host, "/")).await.unwrap();
        assert_eq!(heading(page).await, "Sign in", "{host}");
    }
}

/// Row 1, row 7: signing in on the way to a page leads to that page.
#[tokio::test]
async fn a_visit_goes_through_the_portal_to_the_page_that_was_asked_for() {
    let (house, mut ann) = house(ann).await;
    house.open(Scripts::On, "first-visit", async |page| first_visit(&house, &mut ann, page).await).await;
}

#[tokio::test]
async fn the_whole_way_needs_no_script() {
    let (house, mut ann) = house(ann).await;
    house.open(Scripts::Off, "first-visit-no-script", async |page| first_visit(&house, &mut ann, page).await).await;
}

/// Row 3, row 10: the account is complete once the first code is right.
#[tokio::test]
async fn somebody_new_sets_up_an_app_on_the_way() {
    for (scripts, name) in [(Scripts::On, "enrolment"), (Scripts::Off, "enrolment-no-script")] {
        let (house, mut ann) = house(|site| Person::add_without_app(site, "ann", &[])).await;
        house
            .open(scripts, name, async |page| {
                let target = house.url(PAYROLL, "/transfers");
                page.goto(&target).await.unwrap();
                sign_in(page, "ann", PASSWORD).await;
                page.find(By::PartialLinkText("Authenticator app")).await.unwrap().click().await.unwrap();
                assert_eq!(heading(page).await, "Set up your authenticator app");
                let first_key = key(page).await;
                ann.set_up_app(&first_key);
                let wrong = if ann.code() == "000000" { "000001" } else { "000000" };
                type_into(page, "code", wrong).await;
                press(page, "Finish").await;
                says(page, "That code didn't work.").await;
                // The key is the same: who scanned it need not scan again.
                type_into(page, "code", &ann.code()).await;
                press(page, "Finish").await;
                assert_eq!(heading(page).await, "Keep these recovery codes");
                page.find(By::LinkText("I've kept them")).await.unwrap().click().await.unwrap();
                assert_eq!(url(page).await, target);

                // A further one is offered as well, with a key of its own.
                page.goto(house.portal("/enroll/totp")).await.unwrap();
                assert_ne!(key(page).await, first_key);
            })
            .await;
    }
}

#[tokio::test]
async fn going_back_after_the_sign_in_shows_no_form_again() {
    let (house, ann) = house(ann).await;
    house
        .open(Scripts::On, "back-button", async |page| {
            let target = house.url(PAYROLL, "/transfers");
            arrive(page, &ann, &target).await;

            for _ in 0..2 {
                page.back().await.unwrap();
                assert_eq!(url(page).await, target);
            }
        })
        .await;
}

#[tokio::test]
async fn of_two_tabs_each_finds_its_way() {
    let (house, ann) = house(ann).await;
    house
        .open(Scripts::On, "two-tabs", async |page| {
            let (here, there) = (house.url(PAYROLL, "/transfers"), house.url(REPORTS, "/whoami"));
            page.goto(&here).await.unwrap();
            let first = page.window().await.unwrap();
            let second = page.new_tab().await.unwrap();
            page.switch_to_window(second.clone()).await.unwrap();
            arrive(page, &ann, &there).await;

            // The form in the first tab is that of a browser nobody had signed in with yet.
            page.switch_to_window(first).await.unwrap();
            sign_in(page, "ann", PASSWORD).await;
            assert_eq!(heading(page).await, "This page was open too long");
            page.find(By::LinkText("Start again")).await.unwrap().click().await.unwrap();
            page.goto(&here).await.unwrap();
            assert_eq!(url(page).await, here);

            // Signed out in one, neither shows anything more.
            page.goto(house.portal("/logout")).await.unwrap();
            press(page, "Sign out everywhere").await;
            page.switch_to_window(second).await.unwrap();
            page.refresh().await.unwrap();
            assert_eq!(heading(page).await, "Sign in");
        })
        .await;
}

#[tokio::test]
async fn a_form_that_comes_too_late_waits_for_its_sender() {
    let (house, mut ann) = house(ann).await;
    house
        .open(Scripts::On, "stale-form", async |page| {
            let new = house.url(PAYROLL, "/transfers/new");
            arrive(page, &ann, &house.url(PAYROLL, "/transfers")).await;
            house.new_app(&mut ann);
            until_stale(page, &new).await;
            answer(page, &ann.code()).await;
            assert_eq!(url(page).await, new);
            for (field, text) in [("payee", "Bo & Sons"), ("amount", "12.50"), ("memo", "rent")] {
                type_into(page, field, text).await;
            }

            // Elsewhere, until the proof is stale.
            let first = page.window().await.unwrap();
            let second = page.new_tab().await.unwrap();
            page.switch_to_window(second).await.unwrap();
            until_stale(page, &new).await;
            page.switch_to_window(first).await.unwrap();
            press(page, "Send").await;
            says(page, "We kept what you typed.").await;
            house.new_app(&mut ann);
            answer(page, &ann.code()).await;
            page.query(By::XPath("//*[contains(text(), 'Transfer 1')]")).first().await.unwrap();
            says(page, "Transfer 1").await;
        })
        .await;
}

#[tokio::test]
async fn a_form_of_another_site_is_not_read() {
    let (house, _) = house(ann).await;
    house
        .open(Scripts::On, "foreign-form", async |page| {
            page.goto(house.portal("/login")).await.unwrap();
            let csrf = page.find(By::Name("csrf")).await.unwrap().prop("value").await.unwrap().unwrap();
            let form = format!(
                "<form method=post action='{}'><input name=login_id value=ann><input name=csrf value='{csrf}'>\
                 <input name=password value='{PASSWORD}'><button>Win</button></form>",
                house.portal("/login")
            );
            page.goto(format!("data:text/html,{}", form.replace(' ', "%20"))).await.unwrap();
            press(page, "Win").await;

            assert_eq!(heading(page).await, "This form came from somewhere else");
            look(page, "foreign-form").await;
            page.goto(house.portal("/account")).await.unwrap();
            assert_eq!(heading(page).await, "Sign in");
        })
        .await;
}

/// Row 21: too many tries, and when there may be more.
#[tokio::test]
async fn too_many_tries_are_told_with_when_to_come_back() {
    let (house, _) = house(ann).await;
    house
        .open(Scripts::On, "too-many-tries", async |page| {
            page.goto(house.portal("/login")).await.unwrap();
            for _ in 0..10 {
                sign_in(page, "ann", "wrong").await;
                says(page, "That name and password don't match.").await;
            }
            sign_in(page, "ann", PASSWORD).await;
            says(page, "Too many tries. You can try again ").await;
            says(page, "Someone else's tries don't lock you out of a browser you've used before.").await;
            assert!(page.title().await.unwrap().starts_with("Error: "));
            look(page, "too-many-tries").await;
        })
        .await;
}

#[tokio::test]
async fn every_page_on_the_way_is_free_of_barriers() {
    let add = |site: &support::gateway::Site| (ann(site), Person::add_without_app(site, "bo", &[]));
    let (house, (mut ann, bo)) = house(add).await;
    house
        .open(Scripts::On, "pages", async |page| {
            page.goto(house.url(PAYROLL, "/")).await.unwrap();
            look(page, "login").await;
            sign_in(page, "ann", "wrong").await;
            look(page, "login-wrong").await;
            sign_in(page, "ann", PASSWORD).await;
            look(page, "code").await;
            answer(page, "000000").await;
            look(page, "code-wrong").await;
            answer(page, &ann.code()).await;
            assert_eq!(url(page).await, house.url(PAYROLL, "/"));

            page.goto(house.url(PAYROLL, "/files")).await.unwrap();
            assert_eq!(heading(page).await, "Your account can't open this page");
            says(page, "Signed in as").await;
            look(page, "not-allowed").await;
            page.find(By::LinkText("Go to your account")).await.unwrap().click().await.unwrap();
            assert_eq!(heading(page).await, "Your account");
            assert!(!shown(page).await.contains("not used yet"), "both factors have just been used");
            look(page, "account").await;
            page.goto(house.portal("/nowhere")).await.unwrap();
            look(page, "not-found").await;
            until_stale(page, &house.url(PAYROLL, "/transfers/new")).await;
            look(page, "step-up").await;
            house.new_app(&mut ann);
            answer(page, &ann.code()).await;
            page.goto(house.portal("/enroll/totp")).await.unwrap();
            look(page, "already-set-up").await;
            page.goto(house.portal("/logout")).await.unwrap();
            look(page, "sign-out").await;
            press(page, "Sign out").await;
            look(page, "signed-out").await;

            page.goto(house.portal("/login")).await.unwrap();
            sign_in(page, &bo.login_id, PASSWORD).await;
            let scrolled = page.execute("return window.scrollY", Vec::new()).await.unwrap();
            assert_eq!(scrolled.json(), 0, "what to scan comes first");
            look(page, "set-up").await;
        })
        .await;
}
