use crate::{BOUND, CODE, PATIENCE, call, keeps_quiet, senders, service::Service, with_phone};
use doorward::{
    adapters::messages::settings::{BodyKind, HttpTemplate, PhoneRoute, Twilio},
    domain::{contact::Channel, secret::Secret},
    ports::{Messenger as _, NotSent},
};
use http::{HeaderName, HeaderValue, Method};
use std::{collections::HashMap, time::Duration};
use support::{certificates::Authority, process::free_port};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};
use url::{Url, form_urlencoded};

const ANN: &str = "+442079460000";

fn twilio(url: &str) -> PhoneRoute {
    PhoneRoute::Twilio(Twilio {
        url: Url::parse(url).unwrap(),
        account: "AC123".to_owned(),
        token: Secret::new(b"hunter2".to_vec()),
        from: "+441632960000".to_owned(),
    })
}

fn template(url: String, content: BodyKind, body: &str) -> HttpTemplate {
    let headers = vec![(HeaderName::from_static("x-key"), HeaderValue::from_static("hunter2"))];
    HttpTemplate { url, method: Method::PUT, headers, content, body: body.to_owned() }
}

fn form(body: &str) -> HashMap<String, String> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// Row 4: a text message through Twilio.
#[tokio::test]
async fn twilio_is_asked_for_a_text_message() {
    let service = Service::start(&[(201, "{}")]).await;

    assert_eq!(senders(with_phone(twilio(&service.url("")))).send(call(Channel::Sms, ANN)).await, Ok(()));

    let asked = &service.asked()[0];
    assert_eq!((&asked.method, asked.path.as_str()), (&Method::POST, "/2010-04-01/Accounts/AC123/Messages.json"));
    // AC123:hunter2
    assert_eq!(asked.headers["authorization"], "Basic QUMxMjM6aHVudGVyMg==");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers["host"], format!("127.0.0.1:{}", service.port));
    let form = form(&asked.body);
    assert_eq!((form["To"].as_str(), form["From"].as_str()), (ANN, "+441632960000"));
    let text = "Example Corp: 084213 is your code. Give it to nobody.\n\n@auth.example.com #084213";
    assert_eq!(form["Body"], text);
}

/// Row 4: a call through Twilio.
#[tokio::test]
async fn twilio_is_asked_for_a_call_that_says_each_digit() {
    let service = Service::start(&[(201, "{}")]).await;

    assert_eq!(senders(with_phone(twilio(&service.url("/")))).send(call(Channel::Voice, ANN)).await, Ok(()));

    let asked = &service.asked()[0];
    assert_eq!(asked.path, "/2010-04-01/Accounts/AC123/Calls.json");
    let twiml = &form(&asked.body)["Twiml"];
    assert!(
        twiml.starts_with("<Response><Say language=\"en-US\">Hello. This is Example Corp.</Say><Pause length=\"1\"/>"),
        "{twiml}"
    );
    assert_eq!(twiml.matches("0, 8, 4, 2, 1, 3.").count(), 2, "{twiml}");
}

/// Row 4: through any other service.
#[tokio::test]
async fn any_other_service_is_asked_as_the_operator_words_it() {
    let service = Service::start(&[(200, "thanks")]).await;
    let url = service.url("/send?to={to}");
    let body = r#"{ "message": "{text}", "code": "{code}", "kind": {"a": 1} }"#;

    let json = senders(with_phone(PhoneRoute::Http(template(url.clone(), BodyKind::Json, body))));
    assert_eq!(json.send(call(Channel::Sms, ANN)).await, Ok(()));
    let form_route = PhoneRoute::Http(template(url, BodyKind::Form, "number={to}&message={text}"));
    assert_eq!(senders(with_phone(form_route)).send(call(Channel::Sms, ANN)).await, Ok(()));

    let asked = service.asked();
    assert_eq!((&asked[0].method, asked[0].path.as_str()), (&Method::PUT, "/send?to=%2B442079460000"));
    assert_eq!(
        (&asked[0].headers["x-key"], &asked[0].headers["content-type"]),
        (&"hunter2".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let read: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert!(read["message"].as_str().unwrap().ends_with("\n\n@auth.example.com #084213"));
    assert_eq!((&read["code"], &read["kind"]["a"]), (&CODE.into(), &1.into()));
    assert_eq!(form(&asked[1].body)["number"], ANN);
}

#[tokio::test]
async fn an_answer_says_whose_fault_it_is() {
    for (answer, refused) in [
        ((400, r#"{"code": 21211, "message": "+442079460000 is not valid"}"#), true),
        ((404, ""), true),
        ((401, ""), false),
        ((429, ""), false),
        ((500, "084213"), false),
        ((302, ""), false),
    ] {
        let service = Service::start(&[answer]).await;
        let error = senders(with_phone(twilio(&service.url("")))).send(call(Channel::Sms, ANN)).await.unwrap_err();
        assert_eq!(matches!(error, NotSent::Refused(_)), refused, "{answer:?} {error}");
        assert!(error.to_string().contains(&answer.0.to_string()), "{error}");
        keeps_quiet(&error, ANN);
        // Redirects are not followed, and what may have been sent is not sent again.
        assert_eq!(service.asked().len(), 1, "{answer:?}");
    }
}

/// Row 4: a service that has too much to do is asked again while somebody waits for the code, and nothing is sent twice.
#[tokio::test]
async fn a_service_that_did_nothing_is_asked_again_within_the_time_there_is() {
    let send =
        async |service: &Service| senders(with_phone(twilio(&service.url("")))).send(call(Channel::Sms, ANN)).await;

    for busy in [429, 503] {
        let service = Service::asking_to_wait(&[(busy, ""), (busy, ""), (201, "{}")], "0").await;
        assert_eq!(send(&service).await, Ok(()), "{busy}");
        let asked = service.asked();
        assert_eq!(asked.len(), 3);
        assert!(asked.iter().all(|one| one.body == asked[0].body), "the very same message");
    }
    for (answers, seconds, tries) in [
        (&[(503, "")][..], "0", 3),
        (&[(429, ""), (201, "{}")], "3", 1),
        (&[(429, ""), (201, "{}")], "Wed, 21 Oct 2026 07:28:00 GMT", 1),
        (&[(500, ""), (201, "{}")], "0", 1),
        (&[(504, ""), (201, "{}")], "0", 1),
    ] {
        let service = Service::asking_to_wait(answers, seconds).await;
        let error = send(&service).await.unwrap_err();
        assert!(matches!(&error, NotSent::Unavailable(told) if told.contains(&answers[0].0.to_string())), "{error}");
        assert_eq!(service.asked().len(), tries, "{answers:?}");
    }
}

#[tokio::test]
async fn twilios_number_of_an_error_is_kept() {
    let service = Service::start(&[(400, r#"{"code": 21211, "message": "…"}"#)]).await;

    let error = senders(with_phone(twilio(&service.url("")))).send(call(Channel::Sms, ANN)).await;

    assert_eq!(error, Err(NotSent::Refused("the service answered 400 with error 21211".to_owned())));
}

#[tokio::test]
async fn a_country_that_is_not_named_is_never_asked_for() {
    let service = Service::start(&[(200, "")]).await;

    let error = senders(with_phone(twilio(&service.url("")))).send(call(Channel::Sms, "+12025550123")).await;

    assert!(matches!(error, Err(NotSent::Refused(_))), "{error:?}");
    assert!(service.asked().is_empty());
}

#[tokio::test]
async fn a_service_that_is_slow_or_gone_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("http://{}", listener.local_addr().unwrap());
    for (url, why) in
        [(slow, format!("{PATIENCE:?}")), (format!("http://127.0.0.1:{}", free_port()), "reached".to_owned())]
    {
        let sending = timeout(BOUND, senders(with_phone(twilio(&url))).send(call(Channel::Sms, ANN))).await;
        let error = sending.expect("an end").unwrap_err();
        assert!(matches!(&error, NotSent::Unavailable(told) if told.contains(&why)), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });

    let error = timeout(Duration::from_secs(1), senders(with_phone(twilio(&url))).send(call(Channel::Sms, ANN))).await;

    assert_eq!(error.unwrap(), Err(NotSent::Unavailable("the service's answer can't be read".to_owned())));
}

#[tokio::test]
async fn a_service_that_nobody_vouches_for_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(
        Authority::default().issue(&["localhost"]).server_config(),
    ));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_err()
    });

    let error = senders(with_phone(twilio(&url))).send(call(Channel::Sms, ANN)).await;

    assert!(matches!(error, Err(NotSent::Unavailable(_))), "{error:?}");
    assert!(server.await.unwrap());
}
