//! What goes through the mail: codes, links and notices, from the form that asks for them to what they open.

use crate::house::{APP, rules};
use axum::{Router, extract::Request};
use reqwest::{Client, StatusCode};
use std::{fs, time::Duration};
use support::{
    certificates::Authority,
    gateway::{Gateway, PORTAL, Site},
    mail_server::MailServer,
    outbox::{self, Outbox, cargo},
    person::{PASSWORD, Page, Person, visit},
    process::free_port,
};
use tokio::{net::TcpListener, time::timeout};

const ADDRESS: &str = "ann@example.com";
const MASKED: &str = "a…@example.com";
const NEW: &str = "otters under quiet ice";

/// Longer than the gateway waits for a mail server, and shorter than anybody at a page would.
const BOUND: Duration = Duration::from_secs(8);

/// An application that says who is there, and what their address is.
async fn upstream() -> String {
    let app = Router::new().fallback(async |request: Request| {
        let field = |name| request.headers().get(name).map_or("nobody", |value| value.to_str().unwrap());
        format!("{} at {}", field("remote-user"), field("remote-email"))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A site whose letters leave as this section says.
async fn configured(mail: impl FnOnce(&Site) -> String) -> Site {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let methods = "[mfa]\nmethods = [\"totp\", \"email-code\", \"email-link\"]";
    let rules = rules(&[APP], &upstream().await).replace("[mfa]", methods);
    site.configure(&[site.preamble(), rules, mail(&site)].concat());
    site
}

async fn house<T>(people: impl FnOnce(&Site) -> T) -> (Gateway, Outbox, T) {
    let site = configured(|site| Outbox::of(site).section()).await;
    let (outbox, people) = (Outbox::of(&site), people(&site));
    (site.start().await, outbox, people)
}

/// Ann has an address, and no other second step.
async fn house_of_ann() -> (Gateway, Outbox, Person) {
    house(|site| Person::add_with_mail(site, "ann", ADDRESS)).await
}

async fn at(gateway: &Gateway, client: &Client, path: &str) -> Page {
    visit(client, &gateway.url(PORTAL, path)).await
}

/// Has a code or link sent, on the way to the app.
async fn asked(gateway: &Gateway, client: &Client, ann: &Person, method: &str) -> Page {
    let page = visit(client, &gateway.url(APP, "/page")).await;
    let page = if page.is_at("/login") { ann.type_password(client, &page).await } else { page };
    let path = format!("/challenge/{method}");
    let page = visit(client, page.url.join(&format!("{path}?{}", page.url.query().unwrap())).unwrap().as_str()).await;
    assert!(page.is_at(&path), "{page:?}");
    page.submit(client, &format!("{path}/send"), &[]).await
}

/// How the application answers a program that has this client's cookies.
async fn app(gateway: &Gateway, client: &Client) -> (u16, String) {
    let answer = client.get(gateway.url(APP, "/page")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn sign_out(gateway: &Gateway, client: &Client) {
    at(gateway, client, "/logout").await.submit(client, "/logout", &[]).await;
}

fn another_code(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Row 4: what the operator has to say is below each letter.
#[tokio::test]
async fn a_letter_ends_with_the_operators_own_line() {
    let site = configured(|site| Outbox::of(site).section() + "note = \"Questions? Call 020 7946 0000.\"\n").await;
    let (outbox, _) = (Outbox::of(&site), Person::add_with_mail(&site, "ann", ADDRESS));
    let gateway = site.start().await;
    let client = gateway.client();

    at(&gateway, &client, "/forgot").await.submit(&client, "/forgot", &[("login_id", "ann")]).await;

    let letter = outbox.take(ADDRESS, "password").await;
    assert!(letter.trim_end().ends_with("Questions? Call 020 7946 0000."), "{letter}");
}

/// Row 4: a code by mail, once; another within limits.
#[tokio::test]
async fn a_mailed_code_is_the_second_step_of_a_sign_in_once() {
    let (gateway, outbox, ann) = house_of_ann().await;
    let client = gateway.client();
    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/page")).await).await;
    assert!(page.is_at("/challenge/email-code"), "{page:?}");
    assert!(page.text.contains(&format!(">{MASKED}<")) && !page.text.contains(ADDRESS), "{}", page.text);
    assert_eq!(outbox.subjects(), [""; 0], "nothing goes out unasked");

    let page = page.submit(&client, "/challenge/email-code/send", &[]).await;
    assert!(page.text.contains("We sent a code to") && page.text.contains(MASKED), "{}", page.text);
    assert!(!page.text.contains(ADDRESS), "{}", page.text);
    let letter = outbox.take(ADDRESS, "your code").await;
    let code = cargo(&letter);
    assert!(letter.contains("only on auth.localhost"), "{letter}");

    // Once more within the minute: when, and the code that is out stays good.
    let soon = page.submit(&client, "/challenge/email-code/send", &[]).await;
    assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(soon.text.contains("Another can be sent in ") && soon.text.contains(" UTC)"), "{}", soon.text);
    assert_eq!(outbox.subjects(), [""; 0]);
    let wrong = soon.submit(&client, "/challenge/email-code", &[("code", &another_code(code))]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.text.contains("That code didn&#39;t work."), "{}", wrong.text);
    assert_eq!(app(&gateway, &client).await.0, 401);

    let page = wrong.submit(&client, "/challenge/email-code", &[("code", code)]).await;
    assert_eq!((page.url.as_str(), page.text.as_str()), (&*gateway.url(APP, "/page"), "ann at ann@example.com"));
    let activity = at(&gateway, &client, "/account/activity").await;
    assert!(activity.text.contains("A wrong code sent by e-mail was tried"), "{}", activity.text);
    sign_out(&gateway, &client).await;
    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/page")).await).await;
    let again = page.submit(&client, "/challenge/email-code", &[("code", code)]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.text.contains("That one doesn't work here"), "{}", again.text);
    assert_eq!(app(&gateway, &client).await.0, 401);
    assert!(!gateway.log().contains(code) && !gateway.log().contains(ADDRESS), "{}", gateway.log());
}

/// Row 4: through a mail server.
#[tokio::test]
async fn a_code_comes_through_a_mail_server() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let server = MailServer::start("tls", &site.authority, Some(["doorward", "hunter2", "PLAIN"])).await;
    let ca = site.folder().join("mail-ca.pem");
    fs::write(&ca, site.authority.pem()).unwrap();
    let mail = format!(
        "\n[mail]\nfrom = \"no-reply@example.com\"\nurl = \"smtps://localhost:{}\"\nca = \"{}\"\nuser = \"doorward\"\n\
         password = \"hunter2\"\n",
        server.port,
        ca.display()
    );
    let rules = rules(&[APP], &upstream().await).replace("[mfa]", "[mfa]\nmethods = [\"email-code\"]");
    site.configure(&[site.preamble(), rules, mail].concat());
    let ann = Person::add_with_mail(&site, "ann", ADDRESS);
    let gateway = site.start().await;
    let client = gateway.client();

    let page = asked(&gateway, &client, &ann, "email-code").await;

    // It was taken before the page said so.
    let [letter] = server.letters().try_into().unwrap();
    assert_eq!((&letter["to"][0], &letter["login"]), (&ADDRESS.into(), &"doorward".into()));
    let letter = outbox::text(letter["content"].as_str().unwrap());
    let page = page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");
}

/// Row 4: a link by mail, in the browser that asked.
#[tokio::test]
async fn a_mailed_link_signs_in_the_browser_that_asked_and_no_other() {
    let (gateway, outbox, ann) = house_of_ann().await;
    let (client, stranger, laptop) = (gateway.client(), gateway.client(), gateway.client());
    let page = asked(&gateway, &client, &ann, "email-link").await;
    assert!(page.text.contains("We sent a link to") && page.text.contains(MASKED), "{}", page.text);
    let letter = outbox.take(ADDRESS, "your sign-in link").await;
    let link = cargo(&letter);
    assert!(link.starts_with(&gateway.url(PORTAL, "/challenge/email-link?link=")), "{link}");

    let elsewhere = visit(&stranger, link).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    assert!(elsewhere.text.contains("Open this link where you asked for it"), "{}", elsewhere.text);
    ann.type_password(&laptop, &visit(&laptop, &gateway.url(APP, "/page")).await).await;
    let elsewhere = visit(&laptop, link).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    assert!(elsewhere.text.contains("or another browser asked for it."), "{}", elsewhere.text);
    let mut page = page;
    for _ in 0..3 {
        page = visit(&client, link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("nothing has happened yet"), "{}", page.text);
    }
    assert_eq!(app(&gateway, &client).await.0, 401);
    let token = page.hidden("code").unwrap();
    let stolen = elsewhere.submit(&laptop, "/challenge/email-link", &[("code", token)]).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN, "{stolen:?}");

    let there = page.submit(&client, "/challenge/email-link", &[("code", token)]).await;
    assert_eq!(there.url.as_str(), gateway.url(APP, "/page"), "the link knew where they were heading: {there:?}");
    sign_out(&gateway, &client).await;
    ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    let again = visit(&client, link).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert_eq!(again.hidden("code"), None, "{}", again.text);
    assert!(!gateway.log().contains(token), "{}", gateway.log());
}

/// Row 2: reset by a link to a verified mailbox, once.
#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_nobody_is_signed_in_by_it() {
    let (gateway, outbox, ann) = house(|site| Person::add_with_mail(site, "ann", ADDRESS).with_app(site)).await;
    let (laptop, client) = (gateway.client(), gateway.client());
    ann.visit(&laptop, &gateway.url(APP, "/page")).await;
    assert_eq!(app(&gateway, &laptop).await, (200, "ann at ann@example.com".to_owned()));
    let page = at(&gateway, &client, "/login").await;
    assert!(page.text.contains("href=\"/forgot"), "{}", page.text);
    let page = at(&gateway, &client, "/forgot").await;
    page.submit(&client, "/forgot", &[("login_id", "ann")]).await;
    let letter = outbox.take(ADDRESS, "choose a new password").await;
    let link = cargo(&letter);
    assert!(link.starts_with(&gateway.url(PORTAL, "/reset?token=")), "{link}");

    let mut page = page;
    for _ in 0..3 {
        page = visit(&client, link).await;
        assert!(page.status == 200 && page.text.contains("for <strong>ann</strong>"), "{page:?}");
    }
    assert_eq!(app(&gateway, &laptop).await.0, 200, "looking changes nothing");
    let token = page.hidden("token").unwrap().to_owned();
    let judged = page.submit(&client, "/password/judgement", &[("token", &token), ("password", NEW)]).await;
    assert!(judged.status == 200 && judged.text.contains("\"fits\":true"), "while it is typed: {judged:?}");
    let weak = page.submit(&client, "/reset", &[("token", &token), ("password", "password")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY, "and a refused one spends nothing");
    let done = weak.submit(&client, "/reset", &[("token", &token), ("password", NEW)]).await;
    assert!(done.status == 200 && done.text.contains("Sign in with the new password"), "{done:?}");

    assert!(at(&gateway, &client, "/account").await.is_at("/login"), "nobody is signed in by it");
    assert_eq!(app(&gateway, &laptop).await.0, 401, "who was, is not any more");
    outbox.take(ADDRESS, "your password was reset").await;
    let login = at(&gateway, &client, "/login").await;
    let old = login.submit(&client, "/login", &[("login_id", "ann"), ("password", PASSWORD)]).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
    let new = login.submit(&client, "/login", &[("login_id", "ann"), ("password", NEW)]).await;
    assert!(new.is_at("/challenge/totp"), "{new:?}");
    let over = visit(&client, link).await;
    assert_eq!(over.status, StatusCode::GONE);
    let forgot = at(&gateway, &client, "/forgot").await;
    let over = forgot.submit(&client, "/reset", &[("token", &token), ("password", "herons over loud rivers")]).await;
    assert_eq!(over.status, StatusCode::GONE);
    let page = login.submit(&gateway.client(), "/login", &[("login_id", "ann"), ("password", NEW)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "a form of another browser's");
    assert!(!gateway.log().contains(&token), "{}", gateway.log());
}

/// Row 21: so is one that asks for a link.
#[tokio::test]
async fn who_asks_for_a_link_learns_of_no_account() {
    let (gateway, outbox, _) = house(|site| {
        Person::add_with_mail(site, "ann", ADDRESS);
        Person::add_without_app(site, "bob", &[])
    })
    .await;
    let client = gateway.client();
    let form = at(&gateway, &client, "/forgot").await;
    let ask = async |login_id: &str| {
        let page = form.submit(&client, "/forgot", &[("login_id", login_id)]).await;
        let names: Vec<_> = page.headers.keys().map(ToString::to_string).collect();
        // Each form is sealed anew.
        let text = page.hidden("csrf").map_or(page.text.clone(), |sealed| page.text.replace(sealed, ""));
        (page.status, names, page.text.len(), text)
    };

    let answers = [ask("ann").await, ask("bob").await, ask("nobody").await, ask("").await, ask("ann").await];

    assert_eq!(answers[0].0, StatusCode::OK);
    assert!(answers[0].3.contains("a link is on its way"), "{}", answers[0].3);
    for answer in &answers[1..] {
        assert_eq!(*answer, answers[0]);
    }
    outbox.take(ADDRESS, "choose a new password").await;
    assert_eq!(outbox.subjects(), [""; 0], "one letter, to the one who has an address");
    let too_many = form.submit(&client, "/forgot", &[("login_id", "ann")]).await;
    assert_eq!(too_many.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(too_many.text.contains("value=\"ann\""), "what was typed is still there: {}", too_many.text);
}

#[tokio::test]
async fn a_sign_in_from_a_new_browser_is_told_and_can_be_ended_from_the_letter() {
    let (gateway, outbox, ann) = house(|site| Person::add_with_mail(site, "ann", ADDRESS).with_app(site)).await;
    let (client, reader) = (gateway.client(), gateway.client());
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let letter = outbox.take(ADDRESS, "a new sign-in").await;
    let link = cargo(&letter);
    assert!(letter.contains("IP address: 127.0.0.1"), "{letter}");

    let mut page = visit(&reader, link).await;
    page = visit(&reader, page.url.as_str()).await;
    assert_eq!((page.status, app(&gateway, &client).await.0), (StatusCode::OK, 200), "{page:?}");
    let token = page.hidden("link").unwrap().to_owned();
    let done = page.submit(&reader, "/not-me", &[("link", &token)]).await;

    assert!(done.status == 200 && done.text.contains("Whoever it was is signed out"), "{done:?}");
    assert_eq!(app(&gateway, &client).await.0, 401);
    assert!(at(&gateway, &client, "/account").await.is_at("/login"));
    assert!(at(&gateway, &reader, "/account").await.is_at("/login"), "and signs nobody in");
    let again = page.submit(&reader, "/not-me", &[("link", &token)]).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(!gateway.log().contains(&token), "{}", gateway.log());
}

/// Row 14: an address counts once its code is back.
#[tokio::test]
async fn an_address_counts_once_its_code_is_back_and_old_and_new_are_told() {
    let (gateway, outbox, mut ann) = house(|site| Person::add_with_mail(site, "ann", ADDRESS).with_app(site)).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;
    let page = at(&gateway, &client, "/account").await.submit(&client, "/account/lock", &[]).await;
    assert!(page.is_at("/account"), "{page:?}");
    ann = ann.with_app(&gateway.site);
    let page = at(&gateway, &client, "/account/email").await;
    assert!(page.is_at("/challenge/totp"), "a change takes a fresh proof: {page:?}");
    let page = ann.type_code(&client, &page).await;
    assert!(page.is_at("/account/email") && page.text.contains(ADDRESS), "{page:?}");

    let page = page.submit(&client, "/account/email", &[("address", "ann@new.example")]).await;
    assert!(page.text.contains("Until it comes back, the old one stays."), "{page:?}");
    assert_eq!(app(&gateway, &client).await.1, "ann at ann@example.com");
    let letter = outbox.take("ann@new.example", "confirm this address").await;
    let code = cargo(&letter);
    let wrong = page.submit(&client, "/account/email/confirm", &[("code", &another_code(code))]).await;
    assert_eq!((wrong.status, &*app(&gateway, &client).await.1), (StatusCode::FORBIDDEN, "ann at ann@example.com"));
    let page = wrong.submit(&client, "/account/email/confirm", &[("code", code)]).await;

    assert!(page.is_at("/account"), "{page:?}");
    assert_eq!(app(&gateway, &client).await.1, "ann at ann@new.example");
    for address in [ADDRESS, "ann@new.example"] {
        let letter = outbox.take(address, "an address was changed").await;
        assert!(letter.contains("now go to a…@new.example") && !letter.contains("ann@new.example"), "{letter}");
    }
}

/// Row 14: nobody else hears of it before.
#[tokio::test]
async fn applications_hear_of_no_address_that_is_not_known_to_be_somebodys() {
    let (gateway, outbox, bob) = house(|site| Person::add_without_app(site, "bob", &[])).await;
    let client = gateway.client();
    bob.visit(&client, &gateway.url(APP, "/page")).await;
    assert_eq!(app(&gateway, &client).await.1, "bob at nobody");
    let page = at(&gateway, &client, "/account/email").await;

    for typed in ["bob", "bob@example.com, eve@example.com", "bob@example.com\r\nBcc: eve@example.com"] {
        let page = page.submit(&client, "/account/email", &[("address", typed)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
    }
    let page = page.submit(&client, "/account/email", &[("address", "bob@example.com")]).await;
    let letter = outbox.take("bob@example.com", "confirm this address").await;
    assert_eq!(app(&gateway, &client).await.1, "bob at nobody");
    let elsewhere = gateway.client();
    bob.visit(&elsewhere, &gateway.url(APP, "/page")).await;
    let page = page.submit(&client, "/account/email/confirm", &[("code", cargo(&letter))]).await;
    assert!(page.is_at("/account/changed"), "the other session may be ended (EN-03): {page:?}");
    assert!(page.text.contains("You are signed in on one other browser."), "{}", page.text);

    assert_eq!(app(&gateway, &client).await.1, "bob at bob@example.com");
    outbox.take("bob@example.com", "an address was changed").await;
}

/// Row 14: a phone number takes a verified mailbox first.
#[tokio::test]
async fn a_phone_number_takes_a_verified_mailbox_first() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("[mfa]", "[mfa]\nmethods = [\"totp\", \"sms-code\"]");
    let texts = site.folder().join("texts");
    let sms = format!("\n[sms]\nurl = \"outbox:{}\"\ncountries = [\"+44\"]\n", texts.display());
    site.configure(&[site.preamble(), rules, Outbox::of(&site).section(), sms].concat());
    let (outbox, bob) = (Outbox::of(&site), Person::add_without_app(&site, "bob", &[]));
    let gateway = site.start().await;
    let client = gateway.client();
    bob.visit(&client, &gateway.url(APP, "/page")).await;
    let number = [("address", "+442079460000")];

    let page = at(&gateway, &client, "/account/phone").await;
    assert!(page.text.contains("e-mail") && !page.text.contains("name=\"address\""), "{}", page.text);
    let form = at(&gateway, &client, "/account/email").await;
    form.submit(&client, "/account/phone", &number).await;
    assert!(fs::read_dir(&texts).map_or(0, Iterator::count) == 0, "nothing is sent there");

    let page = form.submit(&client, "/account/email", &[("address", "bob@example.com")]).await;
    let letter = outbox.take("bob@example.com", "confirm this address").await;
    page.submit(&client, "/account/email/confirm", &[("code", cargo(&letter))]).await;
    let page = at(&gateway, &client, "/account/phone").await;
    assert!(page.text.contains("name=\"address\""), "{}", page.text);
}

/// Row 15: whoever has a mailbox beside the password passes where one factor is enough, and where two are asked for they don't.
#[tokio::test]
async fn a_password_and_a_mailbox_are_no_two_factors() {
    let (gateway, outbox, ann) = house_of_ann().await;
    let client = gateway.client();
    let page = asked(&gateway, &client, &ann, "email-code").await;
    let letter = outbox.take(ADDRESS, "your code").await;
    page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await;
    assert_eq!(app(&gateway, &client).await.0, 200);

    let answer = client.get(gateway.url(APP, "/strong/page")).send().await.unwrap();

    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let told = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(told.contains("insufficient_user_authentication") && told.contains("acr_values=\"mfa\""), "{told}");
}

/// What happens at pages that send, while nothing can be sent to this port.
async fn nothing_goes_out(port: u16) {
    let mail = "\n[mail]\nfrom = \"no-reply@example.com\"\ntimeout = \"1s\"\n";
    let site = configured(|_| format!("{mail}url = \"smtp+plain://127.0.0.1:{port}\"\n")).await;
    let ann = Person::add_with_mail(&site, "ann", ADDRESS).with_app(&site);
    let gateway = site.start().await;
    let client = gateway.client();
    for _ in 0..2 {
        let page = timeout(BOUND, asked(&gateway, &client, &ann, "email-code")).await.unwrap();
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "at once, and no second later is too soon: {page:?}");
        assert!(page.text.contains("The message couldn't be sent just now."), "{}", page.text);
        assert!(page.text.contains("Use your authenticator app instead"), "{}", page.text);
        assert!(!page.text.contains("We sent"), "{}", page.text);
    }
    let stranger = gateway.client();
    let form = at(&gateway, &stranger, "/forgot").await;
    let sent = timeout(BOUND, form.submit(&stranger, "/forgot", &[("login_id", "ann")])).await.unwrap();
    assert!(sent.status == 200 && sent.text.contains("a link is on its way"), "nothing tells of an account: {sent:?}");

    let page = timeout(BOUND, ann.visit(&client, &gateway.url(APP, "/page"))).await.unwrap();
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "a notice holds nobody up: {page:?}");
}

/// Row 4: a server that is slow is waited for, and the page says that the letter is out once it is; one that refuses an address
/// is repeated on the page, and another way is offered.
#[tokio::test]
async fn the_page_says_what_the_mail_server_says() {
    let server = MailServer::start("plain", &Authority::default(), None).await;
    let mail = format!("\n[mail]\nfrom = \"no-reply@example.com\"\nurl = \"smtp+plain://127.0.0.1:{}\"\n", server.port);
    let site = configured(|_| mail).await;
    let slow = Person::add_with_mail(&site, "slow", "slow@example.com");
    let nobody = Person::add_with_mail(&site, "nobody", "nobody@example.com").with_app(&site);
    let gateway = site.start().await;

    let client = gateway.client();
    let page = asked(&gateway, &client, &slow, "email-code").await;
    assert!(page.text.contains("We sent a code to"), "{}", page.text);
    let [letter] = server.letters().try_into().unwrap();
    let letter = outbox::text(letter["content"].as_str().unwrap());
    let page = page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");

    let client = gateway.client();
    let page = asked(&gateway, &client, &nobody, "email-code").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{page:?}");
    assert!(page.text.contains("The message was refused at the other end."), "{}", page.text);
    assert!(
        page.text.contains("Use your authenticator app instead") && !page.text.contains("We sent"),
        "{}",
        page.text
    );
    assert_eq!(nobody.visit(&client, &gateway.url(APP, "/page")).await.url.as_str(), gateway.url(APP, "/page"));
}

/// Row 10: also where one of them fails.
#[tokio::test]
async fn where_no_mail_server_listens_the_page_says_so_and_offers_another_way() {
    nothing_goes_out(free_port()).await;
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_is_waited_for_only_so_long() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    nothing_goes_out(silent.local_addr().unwrap().port()).await;
}

#[tokio::test]
async fn every_change_to_how_somebody_signs_in_is_told_by_mail() {
    let (gateway, outbox, mut ann) = house(|site| Person::add_with_mail(site, "ann", ADDRESS).with_app(site)).await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(PORTAL, "/account")).await;
    let account = at(&gateway, &client, "/account").await;
    let (_, rest) = account.text.split_once("href=\"/account/factors/").unwrap();
    let first = format!("/account/factors/{}", rest.split('"').next().unwrap());

    let page = at(&gateway, &client, "/enroll/totp").await;
    let (_, key) = page.text.split_once("<code class=\"key\">").unwrap();
    ann.set_up_app(key.split('<').next().unwrap());
    let page = page.submit(&client, "/enroll/totp", &[("code", &ann.code()), ("name", "Tablet")]).await;
    let letter = outbox.take(ADDRESS, "a way to sign in was added").await;
    assert!(
        letter.contains("The authenticator app “Tablet” can now be used to sign in to the account ann."),
        "{letter}"
    );
    outbox.take(ADDRESS, "new recovery codes").await;
    let codes = page.hidden("codes").unwrap();

    at(&gateway, &client, &first).await.submit(&client, &format!("{first}/remove"), &[]).await;
    let letter = outbox.take(ADDRESS, "a way to sign in was removed").await;
    assert!(letter.contains("can no longer be used to sign in to the account ann."), "{letter}");

    sign_out(&gateway, &client).await;
    let page = ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    let code = codes.split(' ').next().unwrap();
    page.submit(&client, "/challenge/recovery-code", &[("code", code)]).await;
    let letter = outbox.take(ADDRESS, "a recovery code was used").await;
    assert!(letter.contains("A recovery code of the account ann was used. 9 are left."), "{letter}");
}

/// Row 4: what is sent is in the language of whoever reads it.
#[tokio::test]
async fn letters_are_in_the_language_that_their_readers_browser_asks_for() {
    let (gateway, outbox, ann) = house_of_ann().await;
    let client = gateway.client_that_reads("de-AT,de;q=0.9,en;q=0.5");

    let page = asked(&gateway, &client, &ann, "email-code").await;
    let letter = outbox.take(ADDRESS, "Ihr Code").await;
    assert!(letter.contains("Mit diesem Code bestätigen Sie bei Doorward, dass Sie es sind:"), "{letter}");
    page.submit(&client, "/challenge/email-code", &[("code", cargo(&letter))]).await;
    // From now on it is known, whatever browser asks.
    let elsewhere = gateway.client();
    at(&gateway, &elsewhere, "/forgot").await.submit(&elsewhere, "/forgot", &[("login_id", "ann")]).await;
    let letter = outbox.take(ADDRESS, "Neues").await;
    assert!(letter.contains("öffnen Sie diesen Link:"), "{letter}");
}
