//! Codes that come by text message and by call, from the form that asks for them to the application.

use crate::house::{APP, rules, upstream};
use reqwest::StatusCode;
use serde_json::Value;
use support::{
    gateway::{Gateway, PORTAL, Site},
    outbox::Outbox,
    person::{Person, visit},
    phone_service::PhoneService,
};

const NUMBER: &str = "+442079460123";

/// A house whose phones are called and sent no text.
async fn house_of_calls() -> (Site, PhoneService) {
    let service = PhoneService::start().await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let mfa = "[mfa]\nrequirement = \"optional\"\nmethods = [\"totp\", \"voice-code\"]";
    let rules = rules(&[APP], &upstream().await).replace("[mfa]\nrequirement = \"optional\"", mfa);
    let sections = service.sections();
    let (_, voice) = sections.split_once("\n[voice]").unwrap();
    site.configure(&[site.preamble(), rules, Outbox::of(&site).section(), format!("\n[voice]{voice}")].concat());
    (site, service)
}

/// A house that requires one of these methods as the second step, and Ann, who has a phone.
async fn house_of_ann(methods: &str) -> (PhoneService, Person, Gateway) {
    let service = PhoneService::start().await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let mfa = format!("[mfa]\nrequirement = \"required\"\nmethods = {methods}");
    let rules = rules(&[APP], &upstream().await).replace("[mfa]\nrequirement = \"optional\"", &mfa);
    site.configure(&[site.preamble(), rules, Outbox::of(&site).section(), service.sections()].concat());
    let ann = Person::add_with_phone(&site, "ann", "ann@example.com", NUMBER);
    (service, ann, site.start().await)
}

/// The digits of a sentence that reads them out.
fn read_out(text: &str) -> String {
    let (_, code) = text.split_once("Your code is: ").unwrap();
    code.split('.').next().unwrap().replace(", ", "")
}

fn code(message: &Value) -> &str {
    message["code"].as_str().unwrap()
}

/// Row 4: a code by text message is the second step of a sign-in, and reaches `mfa` with the password.
#[tokio::test]
async fn a_code_in_a_text_message_is_the_second_step_of_a_sign_in() {
    let (service, ann, gateway) = house_of_ann(r#"["sms-code", "voice-code"]"#).await;
    let client = gateway.client();

    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/strong/page")).await).await;
    assert!(page.is_at("/challenge/sms-code"), "{page:?}");
    assert!(page.text.contains(">+44 … 123<") && !page.text.contains(NUMBER), "{}", page.text);
    assert!(page.text.contains("Get a code by phone call instead"), "{}", page.text);
    assert!(page.text.contains("This sign-in is over in 10 minutes ("), "{}", page.text);
    let page = page.submit(&client, "/challenge/sms-code/send", &[]).await;
    let message = service.take("sms").await;
    assert_eq!(message["to"], NUMBER);
    assert!(message["text"].as_str().unwrap().ends_with(&format!("\n\n@{PORTAL} #{}", code(&message))), "{message}");
    // One a minute to one number, whichever way (OB-03): a call has to wait as well.
    let soon = page.submit(&client, "/challenge/voice-code/send", &[]).await;
    assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS, "{soon:?}");
    let wrong = if code(&message) == "000000" { "000001" } else { "000000" };
    let page = page.submit(&client, "/challenge/sms-code", &[("code", wrong)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let there = page.submit(&client, "/challenge/sms-code", &[("code", code(&message))]).await;
    assert_eq!(there.text, "GET /strong/page for ann", "{there:?}");
    assert!(!gateway.log().contains(NUMBER), "{}", gateway.log());
}

/// Row 4: so does one that a machine reads out.
#[tokio::test]
async fn a_code_that_is_read_out_is_the_second_step_too() {
    let (service, ann, gateway) = house_of_ann(r#"["voice-code"]"#).await;
    let client = gateway.client();

    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/strong/page")).await).await;
    assert!(page.is_at("/challenge/voice-code"), "{page:?}");
    let page = page.submit(&client, "/challenge/voice-code/send", &[]).await;
    assert!(page.text.contains("We called <strong>+44 … 123</strong> with a code."), "{}", page.text);
    let call = service.take("voice").await;
    let said = read_out(call["text"].as_str().unwrap());
    assert_eq!(said, code(&call));

    let there = page.submit(&client, "/challenge/voice-code", &[("code", &said)]).await;
    assert_eq!(there.text, "GET /strong/page for ann", "{there:?}");
}

/// Row 14: the page of a number says that it was called, where nothing is texted.
#[tokio::test]
async fn a_number_that_is_only_called_is_not_said_to_be_sent_anything() {
    let (site, service) = house_of_calls().await;
    let ann = Person::add_with_mail(&site, "ann", "ann@example.com");
    let gateway = site.start().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(APP, "/page")).await;

    let page = visit(&client, &gateway.url(PORTAL, "/account/phone")).await;
    assert!(page.text.contains("Call me with a code"), "{}", page.text);
    let page = page.submit(&client, "/account/phone", &[("address", NUMBER)]).await;
    assert!(page.text.contains("We called <strong>+442079460123</strong> with a code."), "{}", page.text);
    let call = service.take("voice").await;
    page.submit(&client, "/account/phone/confirm", &[("code", code(&call))]).await;

    let account = visit(&client, &gateway.url(PORTAL, "/account")).await;
    assert!(account.text.contains("weaker than the others"), "{}", account.text);
}
