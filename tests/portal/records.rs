//! From a page that asks to the reason why, and to what a change would have asked: over files that the real gateway made.

use crate::house::{APP, upstream};
use http::StatusCode;
use serde_json::{Value, json};
use std::{fs, process::Command};
use support::{
    gateway::{Gateway, Site},
    person::{Page, Person, visit},
};

const RULES: &str = r#"
[mfa]
requirement = "optional"

[records]
file = "decisions.jsonl"

[policy.standard]
level = "login"

[policy.wire]
level = "login"
fresh = { any = ["totp"], within = "5m" }

[policy.audit]
level = "login"
groups = ["audit"]

[[app]]
name = "app"
title = "Payroll"
host = "app.localhost"
upstream = ["UPSTREAM"]
policy = "standard"

  [[app.route]]
  path = "/transfers/**"
  policy = "wire"
  label = "transfers"

  [[app.route]]
  path = "/audit"
  policy = "audit"

  [[app.route]]
  path = "/index.php"
  query = { action = "wire" }
  policy = "wire"

  [[app.route]]
  path = "/forms.php"
  form = { op = "erase" }
  policy = "deny"
"#;

/// A gateway with these rules, and Carol, who signed in with her password and set up an app since.
async fn with_carol() -> (Gateway, Person, reqwest::Client) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    site.configure(&[site.preamble(), RULES.replace("UPSTREAM", &upstream().await)].concat());
    let carol = Person::add_without_app(&site, "carol", &[]);
    let gateway = site.start().await;
    let client = gateway.client();
    let page = carol.visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(page.text, "GET / for carol", "{}", gateway.log());
    let carol = carol.with_app(&gateway.site);
    (gateway, carol, client)
}

/// The record of this request, once it is written.
async fn recorded(gateway: &mut Gateway, id: &str) -> Value {
    let file = gateway.site.folder().join("decisions.jsonl");
    let look = async || {
        let text = fs::read_to_string(&file).ok()?;
        let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.into_iter().find(|record| record["id"] == id)
    };
    gateway.until("for the decision to be recorded", look).await
}

fn reference(page: &Page) -> String {
    let (_, rest) = page.text.split_once("Reference <code>").unwrap_or_else(|| panic!("{}", page.text));
    rest.split_once('<').unwrap().0.to_owned()
}

fn told(gateway: &Gateway, verb: &[&str]) -> String {
    let output = gateway.site.run(verb, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Row 27: policies are explained request by request.
#[tokio::test]
async fn the_reference_on_a_page_leads_to_the_reason() {
    let (mut gateway, carol, client) = with_carol().await;

    let page = visit(&client, &gateway.url(APP, "/transfers/42")).await;

    assert!(page.is_at("/challenge/totp"), "{page:?}");
    for words in ["<strong>Payroll</strong>", "before transfers", "You haven&#39;t given one lately.", "5 minutes"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let id = reference(&page);
    let record = recorded(&mut gateway, &id).await;
    assert_eq!((&record["outcome"], &record["policy"]), (&json!("step-up"), &json!("wire")));
    let why = told(&gateway, &["explain", "--id", &id]);
    assert!(why.contains("  missing totp within 5m; saw none\n"), "{why}");
    assert!(
        why.ends_with("Decided the same then: step-up, by the route /transfers/** and the policy `wire`.\n"),
        "{why}"
    );
    let line = gateway.log().lines().find(|line| line.contains(&id)).unwrap().to_owned();
    assert!(["/transfers/**", "wire", "step-up"].iter().all(|word| line.contains(word)), "{line}");

    // The page that comes after a wrong code has it still, and the request that passes has one of its own.
    let again = page.submit(&client, "/challenge/totp", &[("code", "000000")]).await;
    assert_eq!((again.status, reference(&again)), (StatusCode::FORBIDDEN, id));
    let passed = again.submit(&client, "/challenge/totp", &[("code", &carol.code())]).await;
    assert_eq!(passed.text, "GET /transfers/42 for carol");
}

#[tokio::test]
async fn programs_and_those_who_are_kept_out_have_a_reference_too() {
    let (mut gateway, _, client) = with_carol().await;

    let asked = client.get(gateway.url(APP, "/transfers/42")).send().await.unwrap().json::<Value>().await.unwrap();
    let stepped = recorded(&mut gateway, asked["request_id"].as_str().unwrap()).await;
    assert_eq!(stepped["outcome"], "step-up");

    let page = visit(&client, &gateway.url(APP, "/audit")).await;
    let (_, rest) = page.text.split_once("<dt>Reference</dt><dd><code>").unwrap();
    let denied = recorded(&mut gateway, rest.split_once('<').unwrap().0).await;
    assert_eq!((&denied["outcome"], &denied["sender"]["signed-in"]["user"]), (&json!("deny"), &json!("carol")));

    let asked = client.get(gateway.url(APP, "/a/..%2fb")).send().await.unwrap().json::<Value>().await.unwrap();
    let refused = recorded(&mut gateway, asked["request_id"].as_str().unwrap()).await;
    assert_eq!((&refused["outcome"], &refused["path"]), (&json!("refuse"), &json!("/a/..%2fb")));
}

/// What is said of a request whose answer shows this id.
async fn why(gateway: &mut Gateway, id: &str) -> String {
    recorded(gateway, id).await;
    told(gateway, &["explain", "--id", id])
}

#[tokio::test]
async fn a_form_is_recorded_by_what_routes_made_of_it() {
    let (mut gateway, _, client) = with_carol().await;
    let post = async |body: String| {
        let request = client.post(gateway.url(APP, "/forms.php")).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap().json::<Value>().await.unwrap()["request_id"].as_str().unwrap().to_owned()
    };
    let (denied, large) = (post("op=erase&pin=s3cret".into()).await, post("x".repeat(65_537)).await);

    let record = recorded(&mut gateway, &denied).await;
    assert_eq!(record["form"], json!([{ "name": "op", "wanted": "erase", "said": "yes" }]));
    assert!(!record.to_string().contains("s3cret"), "{record}");
    let told = why(&mut gateway, &denied).await;
    assert!(told.contains("form op=erase: fits, and decides"), "{told}");
    assert!(told.ends_with("Decided the same then: deny, by the route /forms.php and the policy `deny`.\n"), "{told}");
    let told = why(&mut gateway, &large).await;
    assert!(told.contains("form op=erase: nobody can say: its path fits; nobody looked into the body\n"), "{told}");
    let end = "Not decided then: its body was too large, and the request was refused. No config can decide it now.\n";
    assert!(told.ends_with(end), "{told}");
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_recorded_and_the_token_is_not() {
    let (mut gateway, _, client) = with_carol().await;
    let request = client.get(gateway.url(APP, "/")).header("authorization", "Bearer doorward_s3cret");

    let id = request.send().await.unwrap().json::<Value>().await.unwrap()["request_id"].as_str().unwrap().to_owned();

    let record = recorded(&mut gateway, &id).await;
    assert_eq!((&record["outcome"], &record["hitch"]), (&json!("refuse"), &json!("token")));
    assert!(!record.to_string().contains("s3cret"), "{record}");
    assert!(why(&mut gateway, &id).await.contains("Not decided then: its token was not taken,"));
}

#[tokio::test]
async fn no_record_holds_what_opens_doors() {
    let (mut gateway, _, client) = with_carol().await;
    let url = gateway.url(APP, "/index.php?action=view&reset=s3cret&t0kens3cret");

    let request = client.get(url).header("authorization", "Bearer s3cret").header("x-key", "s3cret");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    let last = client.get(gateway.url(APP, "/audit")).send().await.unwrap().json::<Value>().await.unwrap();
    recorded(&mut gateway, last["request_id"].as_str().unwrap()).await;

    let text = fs::read_to_string(gateway.site.folder().join("decisions.jsonl")).unwrap();
    assert!(text.contains(r#""extract":{"query":"action=view","names":["reset"],"more":1,"#), "{text}");
    assert!(!text.contains("s3cret") && !text.to_lowercase().contains("cookie\":"), "{text}");
}

/// Row 27: a change is tried on traffic that was, before it is live.
#[tokio::test]
async fn a_stricter_config_is_tried_on_what_was_recorded() {
    let (mut gateway, _, client) = with_carol().await;
    for _ in 0..3 {
        visit(&client, &gateway.url(APP, "/reports")).await;
    }
    let last = client.get(gateway.url(APP, "/audit")).send().await.unwrap().json::<Value>().await.unwrap();
    recorded(&mut gateway, last["request_id"].as_str().unwrap()).await;
    let new = gateway.site.folder().join("new.toml");
    let config = fs::read_to_string(gateway.site.config_path()).unwrap();
    fs::write(&new, config.replace("policy = \"standard\"\n\n  [[app", "policy = \"wire\"\n\n  [[app")).unwrap();

    let records = gateway.site.folder().join("decisions.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args([&"replay".into(), &records, &"--json".into(), &"--with".into(), &new])
        .output()
        .unwrap();

    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    // Carol's first page would have asked, and her answer would have served the rest.
    assert_eq!(told["step_ups"], json!({ "before": 0, "after": 1 }), "{told:#}");
    assert_eq!(told["by_person"][0]["user"], "carol");
    assert_eq!(told["broken_lines"], 0);
}
