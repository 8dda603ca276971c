use super::{DemoState, ledger::Cents, router};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tempfile::TempDir;
use tower::ServiceExt;

async fn app(folder: &TempDir) -> Router {
    router(DemoState::open(folder.path().join("transfers.json")).await.unwrap())
}

/// A request as the gateway forwards it.
fn from_ann(method: &str, path: &str) -> axum::http::request::Builder {
    let claims = br#"{"sub":"ann","authentications":[{"method":"password"},{"method":"totp"}]}"#;
    let assertion = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
    Request::builder()
        .method(method)
        .uri(path)
        .header("Remote-User", "ann")
        .header("Remote-Name", "Ann <Example>")
        .header("Doorward-Assertion", assertion)
}

fn transfer(form: &'static str) -> Request<Body> {
    let request = from_ann("POST", "/transfers/new");
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form)).unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> (StatusCode, String) {
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn read(app: &Router, path: &str) -> (StatusCode, String) {
    ask(app, from_ann("GET", path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_transfer_outlives_the_process() {
    let folder = TempDir::new().unwrap();
    let first = app(&folder).await;

    let made = first.clone().oneshot(transfer("payee=Bo+%26+Sons&amount=1%2C250.50&memo=rent")).await.unwrap();
    assert_eq!(made.status(), StatusCode::SEE_OTHER);
    assert_eq!(made.headers()[header::LOCATION], "/transfers/1");

    let second = app(&folder).await;
    let (status, page) = read(&second, "/transfers/1").await;
    assert_eq!(status, StatusCode::OK);
    for text in ["Bo &#38; Sons", "1,250.50", "rent", "ann, proven with password, totp"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(read(&second, "/").await.1.contains("248,749.50"));
}

#[tokio::test]
async fn a_refused_draft_keeps_what_was_typed_and_moves_no_money() {
    let folder = TempDir::new().unwrap();
    let app = app(&folder).await;

    for (form, problem) in [
        ("payee=Bo&amount=ten", "Enter an amount above zero"),
        ("payee=Bo&amount=250000.01", "The account holds only 250,000.00."),
        ("payee=+&amount=10&memo=Bo", "Enter who is paid"),
    ] {
        let (status, page) = ask(&app, transfer(form)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains(problem) && page.contains("Bo"), "{page}");
    }
    assert!(read(&app, "/transfers").await.1.contains("No transfers yet."));
}

#[tokio::test]
async fn only_whom_the_gateway_names_gets_in() {
    let folder = TempDir::new().unwrap();
    let app = app(&folder).await;

    let anonymous = |path: &str| Request::get(path).header("X-Remote-User", "ann").body(Body::empty()).unwrap();
    for path in ["/", "/transfers", "/whoami", "/events", "/nowhere"] {
        assert_eq!(ask(&app, anonymous(path)).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let twice = from_ann("GET", "/").header("Remote-User", "bo").body(Body::empty()).unwrap();
    assert_eq!(ask(&app, twice).await.0, StatusCode::UNAUTHORIZED);

    for path in ["/healthz", "/static/app.css"] {
        assert_eq!(ask(&app, anonymous(path)).await.0, StatusCode::OK, "{path}");
    }
    assert_eq!(read(&app, "/nowhere").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoami_shows_the_headers_and_what_the_assertion_says() {
    let folder = TempDir::new().unwrap();

    let (_, page) = read(&app(&folder).await, "/whoami").await;

    for text in ["remote-name", "Ann &#60;Example&#62;", "&#34;method&#34;: &#34;totp&#34;"] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[tokio::test]
async fn an_upload_is_counted_and_hashed_as_it_came() {
    let folder = TempDir::new().unwrap();

    let (_, answer) = ask(&app(&folder).await, from_ann("POST", "/files").body(Body::from("abc")).unwrap()).await;

    assert_eq!(answer, "bytes 3\nsha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
}

#[tokio::test(start_paused = true)]
async fn events_tick_once_a_second() {
    let folder = TempDir::new().unwrap();
    let answer = app(&folder).await.oneshot(from_ann("GET", "/events").body(Body::empty()).unwrap()).await.unwrap();

    let mut body = answer.into_body().into_data_stream();
    for tick in 0..3 {
        let event = futures_util::StreamExt::next(&mut body).await.unwrap().unwrap();
        assert_eq!(event, format!("event: tick\ndata: {tick}\n\n"));
    }
}

#[test]
fn amounts_are_read_to_the_cent_or_not_at_all() {
    for (typed, shown) in [("7", "7.00"), ("1,250.50", "1,250.50"), (" 1234567.89 ", "1,234,567.89")] {
        assert_eq!(typed.parse::<Cents>().unwrap().to_string(), shown);
    }
    for typed in ["", "0", "-1", "1.5", "1.234", ".50", "1e3", "٣", "99999999999999999999"] {
        typed.parse::<Cents>().unwrap_err();
    }
}
