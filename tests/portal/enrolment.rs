//! Who must have a second step, how they come to it, and what an operator does to it: over the real gateway.

use crate::house::{APP, rules, upstream};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use std::{fs, path::Path};
use support::{
    gateway::{Gateway, PORTAL, Site},
    outbox::{Outbox, cargo},
    person::{PASSWORD, Page, Person, visit},
};

const ADDRESS: &str = "ann@example.com";

/// A site whose `[mfa]` says this, and whose apps are as `rules` has them but for what `changed` makes of them.
async fn site(mfa: &str, changed: impl FnOnce(String) -> String) -> Site {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("[mfa]\nrequirement = \"optional\"", &format!("[mfa]\n{mfa}"));
    site.configure(&[site.preamble(), changed(rules), Outbox::of(&site).section()].concat());
    site
}

async fn at(gateway: &Gateway, client: &Client, path: &str) -> Page {
    visit(client, &gateway.url(PORTAL, path)).await
}

/// Follows the link of this page that begins so.
async fn follow(client: &Client, page: &Page, link: &str) -> Page {
    let (_, rest) = page.text.split_once(&format!("href=\"{link}")).unwrap_or_else(|| panic!("no {link}: {page:?}"));
    let link = format!("{link}{}", rest.split('"').next().unwrap()).replace("&#61;", "=");
    visit(client, page.url.join(&link).unwrap().as_str()).await
}

/// Sets up the authenticator app that this page shows the key of.
async fn set_up(client: &Client, page: &Page, person: &mut Person) -> Page {
    let (_, key) = page.text.split_once("<code class=\"key\">").unwrap_or_else(|| panic!("no key: {page:?}"));
    person.set_up_app(key.split('<').next().unwrap());
    page.submit(client, "/enroll/totp", &[("code", &person.code())]).await
}

fn shown(site: &Site, login_id: &str) -> Value {
    let told = site.run(&["user", "show", login_id, "--json"], "");
    serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"))
}

fn operator(site: &Site, verb: &[&str], input: &str) {
    let done = site.run(verb, input);
    assert!(done.status.success(), "{verb:?}: {done:?}");
}

/// Row 8: an enrolment grace period, for those of whom a second factor is required.
#[tokio::test]
async fn while_grace_lasts_a_password_opens_what_it_is_worth_and_is_reminded() {
    let site = site("requirement = \"required\"\ngrace = \"7d\"", |rules| rules).await;
    let mut ann = Person::add_without_app(&site, "ann", &[]);
    assert_eq!(shown(&site, "ann")["grace"]["state"], "ahead");
    let gateway = site.start().await;
    let client = gateway.client();

    let login = visit(&client, &gateway.url(APP, "/page")).await;
    let reminder = ann.type_password(&client, &login).await;
    assert!(reminder.is_at("/enroll/reminder"), "{reminder:?}");
    assert!(reminder.text.contains("You have 7 days left to set up a second step."), "{}", reminder.text);
    let later = follow(&client, &reminder, "/login?to=").await;
    assert_eq!((later.url.as_str(), &*later.text), (&*gateway.url(APP, "/page"), "GET /page for ann"));
    let account = at(&gateway, &client, "/account").await;
    assert!(account.text.contains("You have 7 days left to set up a second step."), "{}", account.text);
    let told = shown(&gateway.site, "ann");
    assert_eq!((&told["requirement"], &told["grace"]["state"]), (&"required".into(), &"running".into()));

    // It makes nothing stronger.
    let strong = visit(&client, &gateway.url(APP, "/strong/page")).await;
    assert!(strong.is_at("/enroll") && strong.text.contains("asks for more than your account has yet"), "{strong:?}");
    assert_eq!(client.get(gateway.url(APP, "/strong/page")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let codes = set_up(&client, &follow(&client, &strong, "/enroll/totp?to=").await, &mut ann).await;
    assert!(codes.text.contains("<h1>Keep these recovery codes</h1>"), "{codes:?}");
    let there = visit(&client, &gateway.url(APP, "/strong/page")).await;
    assert_eq!(there.text, "GET /strong/page for ann");
    assert!(!at(&gateway, &client, "/account").await.text.contains("left to set up"));

    // A reset gives no new grace: the next sign-in leads to enrolment, and nowhere else.
    operator(&gateway.site, &["user", "reset-mfa", "ann"], "");
    assert_eq!(shown(&gateway.site, "ann")["grace"]["state"], "over");
    let login = at(&gateway, &client, "/account").await;
    let enrolment = ann.type_password(&client, &login).await;
    assert!(enrolment.is_at("/enroll"), "{enrolment:?}");
    assert!(!enrolment.text.contains("Not now"), "{}", enrolment.text);
    assert!(at(&gateway, &client, "/account").await.is_at("/enroll"));
}

/// Row 8: a requirement for an app.
#[tokio::test]
async fn who_lacks_the_second_step_that_an_app_requires_sets_it_up_and_arrives() {
    let site = site("requirement = \"optional\"", |rules| {
        rules.replace("policy = \"standard\"\n", "policy = \"standard\"\nmfa = \"required\"\n")
    })
    .await;
    let mut bob = Person::add_without_app(&site, "bob", &[]);
    let gateway = site.start().await;
    let client = gateway.client();

    let page = bob.type_password(&client, &visit(&client, &gateway.url(APP, "/page?x=1")).await).await;
    assert!(page.is_at("/enroll") && page.text.contains("asks for more than your account has yet"), "{page:?}");
    let page = set_up(&client, &follow(&client, &page, "/enroll/totp?to=").await, &mut bob).await;
    let onward = follow(&client, &page, "/login?to=").await;

    assert_eq!((onward.url.as_str(), &*onward.text), (&*gateway.url(APP, "/page?x=1"), "GET /page?x=1 for bob"));
}

/// Row 8: allowed methods, for everybody and for a group.
#[tokio::test]
async fn who_may_set_up_nothing_that_would_do_is_told_whom_to_ask() {
    let mfa = "requirement = \"optional\"\nmethods = [\"totp\", \"email-code\"]\ngroup_methods = { staff = [\"email-code\"] }";
    let site = site(mfa, |rules| rules).await;
    let eve = Person::add_without_app(&site, "eve", &["staff"]);
    let gateway = site.start().await;
    let client = gateway.client();

    let page = eve.type_password(&client, &visit(&client, &gateway.url(APP, "/fresh/page")).await).await;

    assert_eq!((page.status, page.url.path()), (StatusCode::FORBIDDEN, "/challenge"), "{page:?}");
    assert!(page.text.contains("Ask the people who run sign-in at Doorward to set this up with you."), "{}", page.text);
    let refused = at(&gateway, &client, "/enroll/totp").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("isn&#39;t used here"), "{}", refused.text);
}

/// Row 8, row 15: the mailbox opens the set-up where the operator says so, and is no second factor itself.
#[tokio::test]
async fn a_mailbox_opens_the_first_set_up_and_the_way_back_is_kept() {
    let mfa = "requirement = \"optional\"\nmethods = [\"totp\", \"email-code\"]\nfirst_factor = \"mailbox\"";
    let site = site(mfa, |rules| rules).await;
    let (outbox, mut ann) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS));
    let gateway = site.start().await;
    let client = gateway.client();
    let code = async |page: &Page| {
        let page = page.submit(&client, "/challenge/email-code/send", &[]).await;
        let letter = outbox.take(ADDRESS, "your code").await;
        page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await
    };
    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/strong/page")).await).await;
    assert!(page.is_at("/challenge/email-code"), "{page:?}");

    // Password and mailbox are both proven, and are not `mfa`.
    let page = code(&page).await;
    assert!(page.is_at("/enroll"), "{page:?}");
    assert_eq!(client.get(gateway.url(APP, "/strong/page")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let page = set_up(&client, &follow(&client, &page, "/enroll/totp?to=").await, &mut ann).await;
    let onward = follow(&client, &page, "/login?to=").await;

    assert_eq!((onward.url.as_str(), &*onward.text), (&*gateway.url(APP, "/strong/page"), "GET /strong/page for ann"));
}

/// Ends the day in which a new account may set up its first second step.
async fn the_day_is_over(site: &Site) {
    let url = format!("sqlite:{}/doorward.db", site.folder().display());
    let mut store = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE accounts SET enrol_until = 1").execute(&mut store).await.unwrap();
}

/// Row 8: the mailbox opens the set-up though mail is no way to sign in here; what it opens is used up.
#[tokio::test]
async fn a_code_from_the_mailbox_comes_before_the_first_second_step() {
    let site = site("requirement = \"required\"\nfirst_factor = \"mailbox\"\ngrace = \"7d\"", |rules| rules).await;
    let (outbox, mut ann) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS));
    the_day_is_over(&site).await;
    let gateway = site.start().await;
    let client = gateway.client();

    let reminder = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/strong/page")).await).await;
    assert!(reminder.is_at("/enroll"), "{reminder:?}");
    let page = follow(&client, &reminder, "/enroll/totp?to=").await;
    assert!(page.is_at("/enroll/mailbox") && page.text.contains(">a…@example.com<"), "{page:?}");
    let page = page.submit(&client, "/enroll/mailbox/send", &[]).await;
    let letter = outbox.take(ADDRESS, "your code").await;
    let code = cargo(&letter);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let page = page.submit(&client, "/enroll/mailbox", &[("code", wrong)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(at(&gateway, &client, "/enroll/totp").await.is_at("/enroll/mailbox"), "a wrong one opens nothing");
    let page = page.submit(&client, "/enroll/mailbox", &[("code", code)]).await;
    assert!(page.is_at("/enroll"), "{page:?}");
    let page = set_up(&client, &follow(&client, &page, "/enroll/totp?to=").await, &mut ann).await;
    let onward = follow(&client, &page, "/login?to=").await;

    assert_eq!((onward.url.as_str(), &*onward.text), (&*gateway.url(APP, "/strong/page"), "GET /strong/page for ann"));
    assert!(outbox.take(ADDRESS, "a way to sign in was added").await.contains("authenticator app"));
    let activity = at(&gateway, &client, "/account/activity").await;
    assert!(activity.text.contains("A code from your mailbox opened setting up the second step"), "{}", activity.text);
}

/// Row 8: an address that could open the set-up is not changed on a password, and the way to it is kept.
#[tokio::test]
async fn a_code_from_the_mailbox_comes_before_another_address() {
    let site =
        site("requirement = \"optional\"\nmethods = [\"totp\"]\nfirst_factor = \"mailbox\"", |rules| rules).await;
    let (outbox, ann) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS));
    the_day_is_over(&site).await;
    let gateway = site.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;

    let page = at(&gateway, &client, "/account/email").await;
    assert!(page.is_at("/enroll/mailbox"), "{page:?}");
    assert!(page.text.contains("A password alone can't change your e-mail address"), "{}", page.text);
    let page = page.submit(&client, "/enroll/mailbox/send", &[]).await;
    let letter = outbox.take(ADDRESS, "your code").await;
    let page = page.submit(&client, "/enroll/mailbox", &[("code", cargo(&letter))]).await;

    assert!(page.is_at("/account/email") && page.text.contains("New e-mail address"), "{page:?}");
}

/// Row 8: where a second factor is nobody's duty, a password from a moment ago adds the first; nowhere else.
#[tokio::test]
async fn a_password_adds_the_first_second_step_where_nothing_asks_for_one() {
    let without_routes = |rules: String| rules.split("  [[app.route]]").next().unwrap().to_owned();
    let open = site("requirement = \"optional\"", without_routes).await;
    let mut ann = Person::add_with_mail(&open, "ann", ADDRESS);
    the_day_is_over(&open).await;
    let outbox = Outbox::of(&open);
    let gateway = open.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let page = set_up(&client, &at(&gateway, &client, "/enroll/totp").await, &mut ann).await;
    assert!(page.text.contains("<h1>Keep these recovery codes</h1>"), "{page:?}");
    assert!(outbox.take(ADDRESS, "a way to sign in was added").await.contains("authenticator app"));

    let strict = site("requirement = \"optional\"", |rules| rules).await;
    let bob = Person::add_without_app(&strict, "bob", &[]);
    the_day_is_over(&strict).await;
    let gateway = strict.start().await;
    let client = gateway.client();
    bob.visit(&client, &gateway.url(APP, "/page")).await;
    let refused = at(&gateway, &client, "/enroll/totp").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "an app asks for more: {refused:?}");
    assert!(refused.text.contains("A password alone isn"), "{}", refused.text);
}

/// Row 15: the checker says so to whoever writes the config.
#[tokio::test]
async fn a_config_whose_second_step_is_a_mailbox_is_warned_of() {
    let site = site("requirement = \"required\"\nmethods = [\"email-code\"]", |rules| rules).await;

    let told = site.run(&["check"], "");

    let warnings = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.success());
    assert!(warnings.contains("a password and a mailbox are no two factors"), "{warnings}");
    assert!(warnings.contains("nobody can meet the policy `strong`"), "{warnings}");
}

/// Row 13: an operator resets factors, unlocks, revokes sessions and sees how an account stands; its owner reads of it all.
#[tokio::test]
async fn what_an_operator_does_to_an_account_its_owner_reads() {
    let site = site("requirement = \"required\"", |rules| rules).await;
    let (outbox, ann) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS).with_app(&site));
    let letter = outbox.take(ADDRESS, "an authenticator app was set up").await;
    assert!(letter.contains("An operator set up an authenticator app"), "{letter}");
    let gateway = site.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let before = shown(&gateway.site, "ann");
    assert_eq!((&before["disabled"], &before["second_factors"]), (&false.into(), &1.into()));
    assert_eq!((&before["recovery_codes_left"], &before["grace"]), (&0.into(), &Value::Null));
    assert_eq!(before["sessions"].as_array().unwrap().len(), 1);

    operator(&gateway.site, &["session", "revoke", "--user", "ann"], "");
    assert!(at(&gateway, &client, "/account").await.is_at("/login"));
    operator(&gateway.site, &["user", "set-password", "ann"], &format!("{}\n", support::person::PASSWORD));
    assert!(outbox.take(ADDRESS, "your password was set").await.contains("An operator set a new password"));
    operator(&gateway.site, &["user", "unlock", "ann"], "");
    operator(&gateway.site, &["user", "disable", "ann"], "");
    operator(&gateway.site, &["user", "enable", "ann"], "");
    operator(&gateway.site, &["user", "reset-mfa", "ann"], "");
    let letter = outbox.take(ADDRESS, "your second step was reset").await;
    assert!(letter.contains("removed every second step and the recovery codes of the account ann"), "{letter}");
    assert!(letter.contains("If you did not ask for this, tell those"), "{letter}");
    assert_eq!(shown(&gateway.site, "ann")["second_factors"], 0);

    let mut ann = ann;
    let page = ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    set_up(&client, &follow(&client, &page, "/enroll/totp").await, &mut ann).await;
    let activity = at(&gateway, &client, "/account/activity").await;
    for act in [
        "made this account",
        "added an authenticator app",
        "ended 1 session",
        "set a new password and ended all sessions",
        "had failed tries forgotten",
        "disabled this account",
        "enabled this account again",
        "removed every second step and ended all sessions",
    ] {
        assert!(activity.text.contains(&format!("An operator {act}")), "{act}: {}", activity.text);
    }
}

/// Row 11: factors are listed with what they are good for and when they were used; the last that is required stays.
#[tokio::test]
async fn the_account_lists_every_way_to_sign_in() {
    let mfa = "requirement = \"required\"\nmethods = [\"totp\", \"email-code\"]";
    let site = site(mfa, |rules| rules).await;
    let (outbox, ann) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS).with_app(&site));
    let gateway = site.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;

    let account = at(&gateway, &client, "/account").await;
    let (_, ways) = account.text.split_once("<h2 id=\"ways\">").unwrap();
    let (ways, reach) = ways.split_once("<h2 id=\"contacts\">").unwrap();
    assert!(ways.contains("Authenticator app") && ways.contains("Second step · added"), "{ways}");
    assert!(
        ways.contains("E-mail code") && ways.contains("Second step of a sign-in, nothing more · not used"),
        "{ways}"
    );
    assert!(reach.contains("ann@example.com · also a way to sign in"), "{reach}");
    let (_, factor) = ways.split_once("href=\"/account/factors/").unwrap();
    let factor = format!("/account/factors/{}", factor.split('"').next().unwrap());
    let kept = at(&gateway, &client, &factor).await.submit(&client, &format!("{factor}/remove"), &[]).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "mail is not enough to be left with");

    at(&gateway, &client, "/logout").await.submit(&client, "/logout", &[]).await;
    ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    let page = at(&gateway, &client, "/challenge/email-code").await;
    let page = page.submit(&client, "/challenge/email-code/send", &[]).await;
    let letter = outbox.take(ADDRESS, "your code").await;
    page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await;
    let account = at(&gateway, &client, "/account").await;
    assert!(account.text.contains("Second step of a sign-in, nothing more · last used just now"), "{}", account.text);
}

/// The same rules where text messages are put into a folder.
fn texting(rules: String) -> String {
    rules + "\n[sms]\ncountries = [\"+44\"]\nurl = \"outbox:texts\"\n"
}

/// The code in the one text message that was put into this folder.
fn texted_code(folder: &Path) -> String {
    let text = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let text: String = text.collect();
    text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned()
}

/// Row 14: nothing is sent to an address before its owner has shown that it is theirs, and a phone comes after the mailbox.
#[tokio::test]
async fn a_phone_takes_a_mailbox_that_is_known_and_counts_once_its_code_is_back() {
    let mfa = "requirement = \"optional\"\nmethods = [\"totp\", \"sms-code\"]";
    let site = site(mfa, texting).await;
    let texts = site.folder().join("texts");
    let (bob, ann) = (Person::add_without_app(&site, "bob", &[]), Person::add_with_mail(&site, "ann", ADDRESS));
    let gateway = site.start().await;
    let client = gateway.client();
    bob.visit(&client, &gateway.url(APP, "/page")).await;

    let phone = at(&gateway, &client, "/account/phone").await;
    assert_eq!(phone.status, StatusCode::CONFLICT);
    assert!(phone.text.contains("Before a phone number, we need an e-mail address"), "{}", phone.text);
    let mail = at(&gateway, &client, "/account/email").await;
    mail.submit(&client, "/account/email", &[("address", "bob@example.com")]).await;
    let pending = at(&gateway, &client, "/account/phone").await;
    assert_eq!(pending.status, StatusCode::CONFLICT, "one that is not verified yet does not do");

    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let phone = at(&gateway, &client, "/account/phone").await;
    assert!(
        phone.text.contains("A phone number is the weakest second step")
            && phone.text.contains("href=\"/enroll/totp\""),
        "{phone:?}"
    );
    let phone = phone.submit(&client, "/account/phone", &[("address", "+44 20 7946 0000")]).await;
    let account = at(&gateway, &client, "/account").await;
    assert!(!account.text.contains("also a way to sign in"), "{}", account.text);
    phone.submit(&client, "/account/phone/confirm", &[("code", &texted_code(&texts))]).await;

    let account = at(&gateway, &client, "/account").await;
    assert!(account.text.contains("Second step, weaker than the others"), "{}", account.text);
    assert!(account.text.contains("<h2 id=\"recovery-codes\">"), "whose only second step is a phone may have codes");
}

/// Row 8, row 14: a house whose only second step is a text message leads somebody to it in the middle of their sign-in.
#[tokio::test]
async fn a_phone_is_set_up_in_the_middle_of_a_sign_in() {
    let mfa =
        "requirement = \"required\"\nmethods = [\"totp\", \"sms-code\"]\ngroup_methods = { field = [\"sms-code\"] }";
    let site = site(mfa, texting).await;
    let texts = site.folder().join("texts");
    operator(&site, &["user", "add", "ann", "--email", ADDRESS, "--group", "field"], &format!("{PASSWORD}\n"));
    let bob = Person::add_without_app(&site, "bob", &["field"]);
    let gateway = site.start().await;
    let client = gateway.client();
    let ann = Person::known("ann");

    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/strong/page")).await).await;
    assert!(page.is_at("/enroll/sms-code"), "{page:?}");
    let page = page.submit(&client, "/enroll/sms-code", &[("address", "020 7946 0000")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page:?}");
    let page = page.submit(&client, "/enroll/sms-code", &[("address", "+44 20 7946 0000")]).await;
    let code = texted_code(&texts);
    let page = page.submit(&client, "/enroll/sms-code/confirm", &[("code", &code)]).await;
    assert!(page.text.contains("<h1>Keep these recovery codes</h1>"), "{page:?}");
    let onward = follow(&client, &page, "/login?to=").await;
    assert_eq!((onward.url.as_str(), &*onward.text), (&*gateway.url(APP, "/strong/page"), "GET /strong/page for ann"));

    // Who has no mailbox is told what is missing, and whom to ask.
    let client = gateway.client();
    let page = bob.type_password(&client, &visit(&client, &gateway.url(APP, "/page")).await).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::FORBIDDEN, "/enroll/sms-code"));
    assert!(page.text.contains("<h1>An e-mail address comes first</h1>"), "{}", page.text);
    assert!(page.text.contains("The people who run sign-in at Doorward can add it."), "{}", page.text);
}

/// Row 11: what is sent to a phone can be asked for first, too.
#[tokio::test]
async fn a_phone_can_be_asked_for_before_an_app() {
    let site = site("requirement = \"required\"\nmethods = [\"totp\", \"sms-code\"]", texting).await;
    let (outbox, texts) = (Outbox::of(&site), site.folder().join("texts"));
    let ann = Person::add_with_mail(&site, "ann", ADDRESS).with_app(&site);
    let gateway = site.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let page = at(&gateway, &client, "/enroll/sms-code").await;
    let page = page.submit(&client, "/enroll/sms-code", &[("address", "+44 20 7946 0000")]).await;
    page.submit(&client, "/enroll/sms-code/confirm", &[("code", &texted_code(&texts))]).await;

    let phone = at(&gateway, &client, "/account/phone").await;
    let (_, form) = phone.text.split_once("action=\"/account/factors/").unwrap();
    let form = format!("/account/factors/{}", form.split('"').next().unwrap());
    let account = phone.submit(&client, &form, &[]).await;
    assert!(account.text.contains("weaker than the others · asked for first"), "{}", account.text);
    assert!(outbox.take(ADDRESS, "another way to sign in comes first").await.contains("phone number"));
    // Nor does the app have to stay beside it, though a second step is required.
    let (_, app) = account.text.split_once("href=\"/account/factors/").unwrap();
    let app = format!("/account/factors/{}", app.split('"').next().unwrap());
    let account = at(&gateway, &client, &app).await.submit(&client, &format!("{app}/remove"), &[]).await;
    assert!(account.is_at("/account") && !account.text.contains(&app), "{account:?}");
    let phone = at(&gateway, &client, "/account/phone").await.submit(&client, "/account/phone/remove", &[]).await;
    assert!(phone.text.contains("It stays: it is the only second step you have"), "{phone:?}");
    let client = gateway.client();
    let page = ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    assert!(page.is_at("/challenge/sms-code"), "{page:?}");
}
