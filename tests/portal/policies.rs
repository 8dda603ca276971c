//! What routes ask of a request beside method and path, and what policies say to people, over the real gateway.

use crate::house::{APP, upstream};
use http::StatusCode;
use reqwest::{Client, Method, header};
use support::{
    gateway::{Gateway, Site},
    person::{Person, arrive, navigation, visit},
};

const RULES: &str = r#"
[mfa]
requirement = "optional"

[networks]
here = ["127.0.0.0/8"]

[policy.standard]
level = "login"

[policy.wire]
level = "login"
fresh = { any = ["totp"], within = "5m" }

[policy.audit]
level = "login"
groups = ["audit"]
message = "The auditors' desk is in room 4."

[policy.trial]
level = "mfa"
mode = "report"

[[app]]
name = "app"
hosts = ["app.localhost", "*.tenants.localhost"]
upstream = ["UPSTREAM"]
policy = "standard"

  [[app.route]]
  methods = ["POST"]
  path = "/transfers"
  policy = "wire"
  label = "transfers"

  [[app.route]]
  path = "/transfers/new"
  before = "POST /transfers"

  [[app.route]]
  path = "/index.php"
  query = { action = "wire" }
  policy = "wire"

  [[app.route]]
  path = "/index.php"
  query = { wire_to = "1" }
  policy = "wire"

  [[app.route]]
  methods = ["POST"]
  path = "/form.php"
  form = { action = "wire" }
  policy = "wire"

  [[app.route]]
  path = "/near"
  networks = ["here"]
  policy = "public"

  [[app.route]]
  path = "/team"
  groups = ["staff"]
  policy = "audit"

  [[app.route]]
  path = "/audit"
  policy = "audit"

  [[app.route]]
  path = "/trial"
  policy = "trial"

[[app]]
name = "bare"
hosts = ["bare.localhost"]
upstream = ["UPSTREAM"]

  [[app.route]]
  methods = ["GET"]
  path = "/trial"
  policy = "trial"
"#;

/// A gateway with these rules, and Ann, who is signed in.
async fn with_ann() -> (Gateway, Client) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP, "one.tenants.localhost", "bare.localhost"]);
    site.configure(&[site.preamble(), RULES.replace("UPSTREAM", &upstream().await)].concat());
    let ann = Person::add(&site, "ann", &["staff"]);
    let gateway = site.start().await;
    let client = gateway.client();
    let page = ann.visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(page.text, "GET / for ann", "{}", gateway.log());
    (gateway, client)
}

/// A gateway with these rules, and Bob, who has nothing but his password.
async fn with_bob() -> (Gateway, Person) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP, "bare.localhost"]);
    site.configure(&[site.preamble(), RULES.replace("UPSTREAM", &upstream().await)].concat());
    let bob = Person::add_without_app(&site, "bob", &[]);
    (site.start().await, bob)
}

/// Row 28: parameters and fields too.
#[tokio::test]
async fn what_servers_would_read_in_two_ways_is_refused() {
    let (gateway, client) = with_ann().await;
    let status = async |path: &str| navigation(client.get(gateway.url(APP, path))).send().await.unwrap().status();

    for (query, expected) in [
        ("action=view", StatusCode::OK),
        ("action=view&action=wire", StatusCode::BAD_REQUEST),
        ("Action=wire", StatusCode::BAD_REQUEST),
        ("%5Baction%5D=wire", StatusCode::BAD_REQUEST),
        ("action%5D=wire", StatusCode::BAD_REQUEST),
        ("action%5B=wire", StatusCode::BAD_REQUEST),
        ("x%5Baction%5D=wire", StatusCode::OK),
        ("wire%5Bto=1", StatusCode::BAD_REQUEST),
        ("x=1;action=wire", StatusCode::BAD_REQUEST),
        ("%zz", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(status(&format!("/index.php?{query}")).await, expected, "{query}");
    }
    assert_eq!(status("/other.php?action=view&action=wire").await, StatusCode::OK, "nobody asks there");

    for (name, expected) in
        [("x", StatusCode::OK), ("[action]", StatusCode::BAD_REQUEST), ("action]", StatusCode::BAD_REQUEST)]
    {
        let posted = client.post(gateway.url(APP, "/form.php")).form(&[(name, "wire")]);
        assert_eq!(posted.send().await.unwrap().status(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_network_and_a_wildcard_host_open_and_answer() {
    let (gateway, _) = with_ann().await;
    let stranger = gateway.client();

    let near = stranger.get(gateway.url(APP, "/near")).send().await.unwrap();
    assert_eq!(near.text().await.unwrap(), "GET /near for nobody");
    let tenant = stranger.get(gateway.url("one.tenants.localhost", "/near")).send().await.unwrap();
    assert_eq!(tenant.text().await.unwrap(), "GET /near for nobody");
}

#[tokio::test]
async fn who_is_kept_out_reads_what_the_operator_says() {
    let (gateway, client) = with_ann().await;

    for path in ["/audit", "/team"] {
        let page = visit(&client, &gateway.url(APP, path)).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert!(page.text.contains("The auditors&#39; desk is in room 4."), "{}", page.text);
    }
    let told = client.get(gateway.url(APP, "/audit")).send().await.unwrap().json::<serde_json::Value>().await.unwrap();
    assert_eq!(told["detail"], "The auditors' desk is in room 4.");
}

/// Row 27: a policy may only report.
#[tokio::test]
async fn what_only_reports_forwards_and_is_counted() {
    let (gateway, _) = with_ann().await;

    let stranger = gateway.client().get(gateway.url(APP, "/trial")).send().await.unwrap();
    assert_eq!(stranger.text().await.unwrap(), "GET /trial for nobody");

    let metrics = format!("http://127.0.0.1:{}/metrics", gateway.site.admin);
    let counted = gateway.client().get(metrics).send().await.unwrap().text().await.unwrap();
    let line = r#"doorward_reported_total{app="app",policy="trial",instead="sign-in"} 1"#;
    assert!(counted.contains(line), "{counted}");
    assert!(gateway.log().contains("the policy only reports"), "{}", gateway.log());
}

/// Row 27: and shows before it is enforced whom that will hit, whatever takes them until then.
#[tokio::test]
async fn what_only_reports_counts_what_it_will_take_once_it_is_enforced_and_keeps_nobody_out() {
    let (gateway, bob) = with_bob().await;
    let client = gateway.client();
    let login = visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(bob.type_password(&client, &login).await.text, "GET / for bob");
    let said = async |client: &Client, method: Method, host: &str, path: &str| {
        let answer = navigation(client.request(method, gateway.url(host, path))).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let stranger = gateway.client();

    // The app's own policy has these until then, and lets Bob pass.
    assert_eq!(said(&client, Method::GET, APP, "/Trial").await, "GET /Trial for bob");
    assert_eq!(said(&client, Method::GET, APP, "/trial/").await, "GET /trial/ for bob");
    let kept_out = navigation(stranger.get(gateway.url(APP, "/Trial"))).send().await.unwrap();
    assert_eq!(kept_out.status(), StatusCode::FOUND, "it opens nothing that others protect");
    // Elsewhere nothing else has them.
    assert_eq!(said(&stranger, Method::GET, "bare.localhost", "/Trial/").await, "GET /Trial/ for nobody");
    assert_eq!(said(&stranger, Method::OPTIONS, "bare.localhost", "/trial").await, "OPTIONS /trial for nobody");

    let metrics = format!("http://127.0.0.1:{}/metrics", gateway.site.admin);
    let counted = gateway.client().get(metrics).send().await.unwrap().text().await.unwrap();
    for (app, instead, times) in [("app", "step-up", 2), ("bare", "sign-in", 2)] {
        let line = format!(r#"doorward_reported_total{{app="{app}",policy="trial",instead="{instead}"}} {times}"#);
        assert!(counted.contains(&line), "{line} {counted}");
    }
}

#[tokio::test]
async fn a_form_whose_page_asks_for_nothing_still_leads_to_the_proof_it_needs() {
    let (gateway, bob) = with_bob().await;
    let client = gateway.client();
    let login = visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(bob.type_password(&client, &login).await.text, "GET / for bob");
    let posted = navigation(client.post(gateway.url(APP, "/transfers")))
        .header(header::REFERER, gateway.url(APP, "/somewhere"))
        .form(&[("amount", "1")]);

    let page = arrive(&client, posted).await;

    assert!(page.is_at("/enroll") && page.text.contains("before transfers"), "{page:?}");
}

/// Row 18: asked before the form is filled in.
#[tokio::test]
async fn who_opens_a_form_is_asked_before_it_is_filled_in() {
    let (gateway, bob) = with_bob().await;
    let client = gateway.client();
    let login = visit(&client, &gateway.url(APP, "/transfers/new")).await;

    let page = bob.type_password(&client, &login).await;

    // Bob has no app: he learns so, and sets one up, before he types anything into the form.
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/enroll"), "{}", page.text);
    assert!(page.text.contains("before transfers"), "{}", page.text);
}
