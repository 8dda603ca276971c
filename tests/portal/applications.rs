//! Real applications behind the gateway, as they are found in the field.

use reqwest::{Client, Method, StatusCode, header};
use serde_json::Value;
use support::{
    applications::Application,
    gateway::{Gateway, PORTAL, Site},
    person::{Person, navigation, visit},
};

const HOST: &str = "app.localhost";

async fn before(app: &Application, headers: &str) -> (Gateway, Person) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[HOST]);
    site.configure(&format!(
        r#"{}
[policy.standard]
level = "mfa"

[[app]]
name = "app"
host = "{HOST}"
upstream = ["{}"]
policy = "standard"
{headers}
"#,
        site.preamble(),
        app.url()
    ));
    let ann = Person::add(&site, "ann", &["staff"]);
    (site.start().await, ann)
}

async fn calendar() -> (Application, Gateway, Person) {
    let radicale = Application::radicale().await;
    let names = r#"headers = { user = "X-Remote-User", name = "X-Remote-Name", email = "X-Remote-Email", groups = "X-Remote-Groups" }"#;
    let (gateway, ann) = before(&radicale, names).await;
    (radicale, gateway, ann)
}

/// Asks the calendar server whose calendars these are.
async fn principal(gateway: &Gateway, client: &Client, forged: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = client.request(Method::from_bytes(b"PROPFIND").unwrap(), gateway.url(HOST, "/"));
    for (name, value) in forged {
        request = request.header(*name, *value);
    }
    let question = r#"<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>"#;
    let answer = request.header("depth", "0").body(question).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_calendar_server_knows_who_signed_in_at_the_gateway() {
    let (_radicale, gateway, ann) = calendar().await;
    let client = gateway.client();

    let page = visit(&client, &gateway.url(HOST, "/.web/")).await;
    assert_eq!(page.url.host_str(), Some(PORTAL), "a person is asked to sign in");
    let page = ann.visit(&client, &gateway.url(HOST, "/.web/")).await;
    assert_eq!(page.url.as_str(), gateway.url(HOST, "/.web/"));
    assert!(page.text.contains("Radicale"), "{}", page.text);

    for forged in [&[][..], &[("X-Remote-User", "bo")], &[("x_remote_user", "bo")], &[("X.Remote-User", "bo")]] {
        let (status, text) = principal(&gateway, &client, forged).await;
        assert_eq!(status, 207, "{forged:?}: {text}");
        assert!(text.contains("<href>/ann/</href>") && !text.contains("/bo/"), "{forged:?}: {text}");
    }
}

#[tokio::test]
async fn a_calendar_client_keeps_its_events_behind_the_gateway() {
    let (_radicale, gateway, ann) = calendar().await;
    let client = gateway.client();
    ann.visit(&client, &gateway.url(HOST, "/.web/")).await;
    let send = async |method: &str, path: &str, body: &'static str| {
        let request = client.request(method.parse().unwrap(), gateway.url(HOST, path)).body(body);
        request.header(header::CONTENT_TYPE, "text/calendar").send().await.unwrap()
    };
    let event = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n\
                 DTSTART:20260102T100000Z\r\nSUMMARY:Door day\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    assert_eq!(send("MKCALENDAR", "/ann/work/", "").await.status(), 201);
    assert_eq!(send("PUT", "/ann/work/1.ics", event).await.status(), 201);
    let kept = send("GET", "/ann/work/1.ics", "").await.text().await.unwrap();
    assert!(kept.contains("SUMMARY:Door day"), "{kept}");
    assert_eq!(send("MKCALENDAR", "/bo/work/", "").await.status(), 403, "the server's own rules hold for Ann");
}

#[tokio::test]
async fn a_calendar_client_without_a_session_is_told_so_in_its_own_words() {
    let (radicale, gateway, _) = calendar().await;
    let client = gateway.client();
    let before = radicale.log();

    let (status, text) = principal(&gateway, &client, &[("X-Remote-User", "ann")]).await;

    assert_eq!(status, 401);
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], "sign_in_required");
    assert_eq!(radicale.log(), before, "the calendar server was never asked");
}

#[tokio::test]
async fn an_application_gets_the_body_its_cookies_and_who_it_is() {
    let httpbin = Application::httpbin().await;
    let (gateway, ann) = before(&httpbin, "").await;
    let client = gateway.client();
    let url = gateway.url(HOST, "/anything/report?year=2026&q=a%20b");
    ann.visit(&client, &url).await;
    // The application sets a cookie of its own, which the client keeps from now on.
    navigation(client.get(gateway.url(HOST, "/cookies/set?theirs=1"))).send().await.unwrap();

    let body = "line\r\n\u{fc}".repeat(20_000);
    let request =
        client.put(&url).header("Remote-User", "root").header("Remote_Groups", "admin").header("X-Theirs", "kept");
    let answer = request.header(header::CONTENT_TYPE, "text/plain").body(body.clone()).send().await.unwrap();
    let echo: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();

    assert_eq!((&echo["method"], &echo["data"]), (&Value::from("PUT"), &Value::from(body)));
    assert_eq!(echo["args"], serde_json::json!({ "year": "2026", "q": "a b" }));
    let sent = &echo["headers"];
    assert_eq!((&sent["Remote-User"], &sent["Remote-Groups"]), (&Value::from("ann"), &Value::from("staff")), "{sent}");
    assert_eq!((&sent["X-Theirs"], &sent["Cookie"]), (&Value::from("kept"), &Value::from("theirs=1")), "{sent}");
    assert!(sent["Doorward-Assertion"].as_str().is_some_and(|token| token.split('.').count() == 3), "{sent}");
    assert!(!sent.to_string().contains("__Host-") && !sent.to_string().contains("root"), "{sent}");
}
