//! gRPC through the gateway: real calls of another implementation, and what those get that may not pass.

use crate::world::{APP, app, site};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use reqwest::cookie::{CookieStore as _, Jar};
use serde_json::Value;
use std::sync::Arc;
use support::{
    client,
    gateway::Gateway,
    grpc::{Call, GrpcApp},
    person::Person,
};

const UNARY: &str = "/test.Echo/Unary";

/// A gateway in front of a gRPC server, and somebody who may call it.
async fn gateway(server: &GrpcApp) -> (Gateway, Person) {
    let site = site();
    let policies = "\n[policy.standard]\nlevel = \"mfa\"\n\n\
        [policy.recent]\nlevel = \"mfa\"\nfresh = { any = [\"passkey\"], within = \"5m\" }\n\n\
        [policy.others]\nlevel = \"mfa\"\ngroups = [\"others\"]\nmessage = \"Ask the others.\"\n";
    let mut app = app("app", server.url()) + "upstream_http = \"2\"\nbearer = true\n";
    if server.url().starts_with("https") {
        app = format!("{app}upstream_ca = \"{}\"\n", server.authority().display());
    }
    let routes = "\n[[app.route]]\npath = \"/grpc.health.v1.Health/**\"\npolicy = \"public\"\n\
        \n[[app.route]]\npath = \"/test.Echo/Recent\"\npolicy = \"recent\"\n\
        \n[[app.route]]\npath = \"/test.Echo/Others\"\npolicy = \"others\"\n";
    site.configure(&[&site.preamble(), policies, &app, routes].concat());
    let ann = Person::add(&site, "ann", &["finance"]);
    (site.start().await, ann)
}

/// Somebody's cookies after signing in. There is no page to arrive at: the server takes calls alone.
async fn cookie_of(gateway: &Gateway, person: &Person) -> String {
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = person.visit(&client, &gateway.url(APP, "/arrived")).await;
    assert!(page.is_at("/arrived"), "{page:?}");
    jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned()
}

async fn call(gateway: &Gateway, method: &str, shape: &str, metadata: &[(&str, &str)], messages: &[&str]) -> Value {
    Call::begin(gateway, APP, method, shape, metadata, messages).outcome().await
}

/// What is in the details of a status: text enough to find the parts in.
fn details(outcome: &Value) -> String {
    let hex = outcome["trailers"]["grpc-status-details-bin"].as_str().unwrap_or_else(|| panic!("{outcome}"));
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn every_kind_of_call_passes(server: GrpcApp) {
    let (gateway, ann) = gateway(&server).await;
    let cookie = cookie_of(&gateway, &ann).await;
    let forged = [
        ("cookie", &*cookie),
        ("remote-user", "root"),
        ("doorward-assertion", "forged"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-own", "kept"),
    ];

    let unary = call(&gateway, UNARY, "unary-unary", &forged, &["hello"]).await;
    assert_eq!(unary["code"], "OK", "{unary}\n{}", gateway.log());
    let heard: Value = serde_json::from_str(unary["replies"][0].as_str().unwrap()).unwrap();
    let metadata = &heard["metadata"];
    assert_eq!((&heard["said"], &metadata["remote-user"]), (&"hello".into(), &"ann".into()));
    assert_eq!((&metadata["x-own"], &metadata["x-forwarded-for"]), (&"kept".into(), &"127.0.0.1".into()));
    assert!(metadata["doorward-assertion"].as_str().unwrap().split('.').count() == 3);
    assert!(!heard.to_string().contains("__Host-doorward"), "ID-11: {heard}");
    // FR-11: what the application says of itself passes, the gateway's names do not.
    assert_eq!(
        (&unary["trailers"]["x-own-trailer"], &unary["trailers"]["x-own-bin"]),
        (&"kept".into(), &"00ff".into())
    );
    assert_eq!(unary["trailers"]["doorward-forged"], Value::Null);

    let cookie = [("cookie", &*cookie)];
    let failed = call(&gateway, "/test.Echo/Fail", "unary-unary", &cookie, &[""]).await;
    assert_eq!((&failed["code"], &failed["message"]), (&"NOT_FOUND".into(), &"no such thing: 50 %, née".into()));
    assert_eq!(failed["trailers"]["x-own-trailer"], "kept");
    let unknown = call(&gateway, "/test.Echo/Unheard", "unary-unary", &cookie, &[""]).await;
    assert_eq!(unknown["code"], "UNIMPLEMENTED");

    let down = call(&gateway, "/test.Echo/ServerStream", "unary-stream", &cookie, &["500"]).await;
    assert_eq!((&down["code"], down["replies"].as_array().unwrap().len()), (&"OK".into(), 500));
    let large = "x".repeat(100_000);
    let up = call(&gateway, "/test.Echo/ClientStream", "stream-unary", &cookie, &[&large]).await;
    assert_eq!((&up["code"], &up["replies"][0]), (&"OK".into(), &"100000".into()));
    let both = call(&gateway, "/test.Echo/Bidi", "stream-stream", &cookie, &["a", "b", "c"]).await;
    assert_eq!((&both["code"], &both["replies"]), (&"OK".into(), &serde_json::json!(["A", "B", "C"])));

    let health = call(&gateway, "/grpc.health.v1.Health/Check", "unary-unary", &[], &[""]).await;
    assert_eq!(health["code"], "OK", "a public route");
}

#[tokio::test]
async fn calls_of_every_kind_pass_without_tls_to_the_server() {
    every_kind_of_call_passes(GrpcApp::start().await).await;
}

#[tokio::test]
async fn calls_of_every_kind_pass_over_tls_to_the_server() {
    every_kind_of_call_passes(GrpcApp::with_tls(&support::certificates::Authority::default()).await).await;
}

#[tokio::test]
async fn a_call_that_may_not_pass_is_told_so_in_its_own_words_and_reaches_nobody() {
    let server = GrpcApp::start().await;
    let (gateway, ann) = gateway(&server).await;

    let stranger = call(&gateway, UNARY, "unary-unary", &[], &["hello"]).await;
    assert_eq!(stranger["code"], "UNAUTHENTICATED", "{stranger}");
    assert_eq!(stranger["message"], "Signing in is required. There is no live session.");
    let detail = details(&stranger);
    for part in ["type.googleapis.com/google.rpc.ErrorInfo", "SIGN_IN_REQUIRED", "doorward", "/.doorward/step-up?to="] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // Long before its own side is over.
    let streaming = call(&gateway, "/test.Echo/Bidi", "held-stream", &[], &["a"]).await;
    assert_eq!(streaming["code"], "UNAUTHENTICATED", "{streaming}");

    let cookie = cookie_of(&gateway, &ann).await;
    let cookie = [("cookie", &*cookie)];
    let stale = call(&gateway, "/test.Echo/Recent", "unary-unary", &cookie, &["hello"]).await;
    assert_eq!(stale["code"], "UNAUTHENTICATED", "{stale}");
    let detail = details(&stale);
    for part in ["STEP_UP_REQUIRED", "acr_values", "mfa", "max_age", "300", "step_up_url", "/.doorward/step-up?to="] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    let denied = call(&gateway, "/test.Echo/Others", "unary-unary", &cookie, &["hello"]).await;
    assert_eq!((&denied["code"], &denied["message"]), (&"PERMISSION_DENIED".into(), &"Ask the others.".into()));
    assert!(details(&denied).contains("NOT_ALLOWED"));
    for bad in ["Bearer doorward_nonsense", "Bearer doorward_", "Basic doorward_x"] {
        let refused = call(&gateway, UNARY, "unary-unary", &[("authorization", bad)], &["hello"]).await;
        assert!(["UNAUTHENTICATED", "INVALID_ARGUMENT"].contains(&refused["code"].as_str().unwrap()), "{refused}");
    }

    assert!(server.calls().is_empty(), "{:?}", server.calls());
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let server = GrpcApp::start().await;
    let (gateway, ann) = gateway(&server).await;
    let cookie = cookie_of(&gateway, &ann).await;
    drop(server);

    let outcome = call(&gateway, UNARY, "unary-unary", &[("cookie", &*cookie)], &["hello"]).await;

    assert_eq!(outcome["code"], "UNAVAILABLE", "{outcome}");
}

/// SE-05, row 29: a stream ends with its session, whichever side was talking.
#[tokio::test]
async fn se_05_a_revoked_session_cuts_its_calls() {
    let mut server = GrpcApp::start().await;
    let (gateway, ann) = gateway(&server).await;
    let cookie = cookie_of(&gateway, &ann).await;
    let cookie = [("cookie", &*cookie)];
    let mut talking = Call::begin(&gateway, APP, "/test.Echo/Bidi", "held-stream", &cookie, &["a"]);
    let listening = Call::begin(&gateway, APP, "/test.Echo/Silent", "held-stream", &cookie, &["a"]);
    talking.until_heard("A").await;
    server.until_logged("/test.Echo/Silent").await;

    assert!(gateway.site.run(&["session", "revoke", "--user", "ann"], "").status.success());

    let (talking, listening) = tokio::join!(talking.outcome(), listening.outcome());
    for (outcome, message) in
        [(&talking, "the session is over"), (&listening, "Signing in is required. There is no live session.")]
    {
        assert_eq!((&outcome["code"], &outcome["message"]), (&"UNAUTHENTICATED".into(), &message.into()));
        assert!(details(outcome).contains("SIGN_IN_REQUIRED"), "{outcome}");
    }
    assert!(
        details(&listening).contains("/.doorward/step-up?to="),
        "it had no answer yet, and is told where to sign in"
    );
    // The server was told too.
    server.until_logged("\"ended\": \"bidi\"").await;
    server.until_logged("\"ended\": \"silent\"").await;
    let after = call(&gateway, UNARY, "unary-unary", &cookie, &["hello"]).await;
    assert_eq!(after["code"], "UNAUTHENTICATED");
}

/// Row 20: a program without a cookie jar calls with a token.
#[tokio::test]
async fn a_token_calls_as_well_as_a_cookie_and_stays_here() {
    let server = GrpcApp::start().await;
    let (gateway, ann) = gateway(&server).await;
    let cookie = cookie_of(&gateway, &ann).await;
    let value = cookie.split("; ").find_map(|pair| pair.strip_prefix("__Host-doorward-app=")).unwrap();
    let token = format!("Bearer doorward_{value}");

    let outcome = call(&gateway, UNARY, "unary-unary", &[("authorization", &token)], &["hello"]).await;

    assert_eq!(outcome["code"], "OK", "{outcome}");
    let seen = server.calls().pop().unwrap();
    assert_eq!(seen["metadata"]["remote-user"], "ann");
    assert!(!seen.to_string().contains("doorward_"), "{seen}");
}

/// A call that is none by HTTP's rules gets an answer all the same, and reaches nobody.
#[tokio::test]
async fn what_only_looks_like_a_call_passes_no_better() {
    let server = GrpcApp::start().await;
    let (gateway, _) = gateway(&server).await;
    let client = gateway.client();

    let web = client.post(gateway.url(APP, UNARY)).header("content-type", "application/grpc-web").send().await.unwrap();
    let call = client.post(gateway.url(APP, UNARY)).header("content-type", "application/grpc").send().await.unwrap();

    assert_eq!(web.status(), 401);
    assert_eq!((call.status().as_u16(), &call.headers()["grpc-status"]), (200, &"16".parse().unwrap()));
    assert!(BASE64_STANDARD_NO_PAD.decode(call.headers()["grpc-status-details-bin"].as_bytes()).is_ok());
    assert!(server.calls().is_empty());
}
