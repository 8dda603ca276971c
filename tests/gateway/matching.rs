//! What a route is matched on is what the application gets, and nothing that it would read otherwise.

use crate::{
    recorder::Recorder,
    world::{APP, app, ask, site},
};
use support::gateway::Gateway;

const ROUTES: &str = r#"
allow_in_path = [";", "%2F"]

[[app.route]]
methods = ["POST"]
path = "/transfers/**"
policy = "deny"

[[app.route]]
path = "/admin/**"
policy = "deny"

[[app.route]]
path = "/files/**"
headers = { x-readonly = "1" }
policy = "public"
overlap = "intended"

[[app.route]]
path = "/files/**"
policy = "deny"

[[app.route]]
path = "/**"
policy = "public"
"#;

async fn gateway(recorder: &Recorder) -> Gateway {
    let site = site();
    site.configure(
        &[&site.preamble(), &app("app", &recorder.url()).replace("policy = \"standard\"\n", ""), ROUTES].concat(),
    );
    site.start().await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

/// PA-12, PA-03: neither a method in small letters nor a character that servers cut at gets past a route.
#[tokio::test]
async fn what_servers_may_read_in_two_ways_gets_past_no_route() {
    let recorder = Recorder::start().await;
    let gateway = gateway(&recorder).await;

    for (line, expected) in [
        ("POST /transfers/1", "403"),
        ("post /transfers/1", "400"),
        ("Post /transfers/1", "400"),
        ("GET /admin/users", "403"),
        ("GET /admin;x=1/users", "400"),
        ("GET /admin%2Fusers", "400"),
        ("GET /admin%3Bx/users", "400"),
        ("GET /x/..%2Fadmin", "400"),
        ("GET /x;/..;/admin", "400"),
        ("GET /.doorward%2Fwhoami", "400"),
    ] {
        assert_eq!(status(&ask(&gateway, APP, line, "Content-Length: 0\r\n").await), expected, "{line}");
    }
    assert!(recorder.is_untouched());
    assert_eq!(status(&ask(&gateway, APP, "GET /shop;v=1/a%2Fb", "").await), "200");
    assert_eq!(recorder.last().line(), "GET /shop;v=1/a%2Fb", "what no route tells apart goes on as it came");
}

/// PA-08: what stands behind a question mark or a hash names no path.
#[tokio::test]
async fn pa_08_a_query_or_fragment_leads_to_no_other_route() {
    let recorder = Recorder::start().await;
    let gateway = gateway(&recorder).await;

    for (line, expected) in [
        ("GET /admin?/files/1", "403"),
        ("GET /admin?x=/public&y=%2Fpublic", "403"),
        ("GET /admin/?", "403"),
        ("GET /shop?/admin", "200"),
        ("GET /shop?path=/../admin/", "200"),
        ("GET /shop#/admin", "400"),
        ("GET /admin#/shop", "400"),
        ("GET /shop%3F/admin", "400"),
        ("GET /shop%23/admin", "400"),
    ] {
        assert_eq!(status(&ask(&gateway, APP, line, "").await), expected, "{line}");
    }
}

/// PA-14: what a client calls itself opens nothing.
#[tokio::test]
async fn pa_14_a_probe_is_known_by_its_path_and_never_by_its_user_agent() {
    let recorder = Recorder::start().await;
    let gateway = gateway(&recorder).await;

    for agent in ["kube-probe/1.30", "ELB-HealthChecker/2.0", "GoogleHC/1.0", "letsencrypt validation server", ""] {
        for path in ["/admin/healthz", "/files/.well-known/acme-challenge/x"] {
            let said = ask(&gateway, APP, &format!("GET {path}"), &format!("User-Agent: {agent}\r\n")).await;
            assert_eq!(status(&said), "403", "{agent} {path}");
        }
    }
    assert!(recorder.is_untouched());
    assert_eq!(status(&ask(&gateway, APP, "GET /healthz", "User-Agent: curl\r\n").await), "200");
}

/// ID-06: a field that the application will not get decides nothing.
#[tokio::test]
async fn a_field_that_is_nominated_away_decides_nothing() {
    let recorder = Recorder::start().await;
    let gateway = gateway(&recorder).await;
    let files = async |fields| status(&ask(&gateway, APP, "GET /files/1", fields).await).to_owned();

    assert_eq!(files("X-Readonly: 1\r\n").await, "200");
    assert_eq!(files("Connection: X-Readonly\r\nX-Readonly: 1\r\n").await, "403");
    assert_eq!(files("").await, "403");
    assert_eq!(recorder.requests().len(), 1);
    assert_eq!(recorder.last().field("x-readonly"), ["1"]);
}
