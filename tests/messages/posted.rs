use crate::{BOUND, call, letter, senders, service::Service, smtp, with_mail, with_phone};
use doorward::{
    adapters::{
        messages::{
            Settings,
            settings::{BodyKind, HttpTemplate, MailRoute, PhoneRoute, Security},
        },
        upstream::Trust,
    },
    domain::contact::Channel,
    ports::Messenger as _,
};
use http::Method;
use std::{
    fs, io,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{certificates::Authority, mail_server::MailServer};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const ANN: &str = "+442079460000";

fn asking(service: &Service) -> Settings {
    let body = "{to} {text}".to_owned();
    let (url, headers) = (service.url("/"), vec![]);
    with_phone(PhoneRoute::Http(HttpTemplate { url, method: Method::POST, headers, content: BodyKind::Plain, body }))
}

/// Waits until the service was asked that often.
async fn until_asked(service: &Service, times: usize) {
    let waiting = async {
        while service.asked().len() < times {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BOUND, waiting).await.unwrap_or_else(|_| panic!("{:?}", service.asked()));
}

#[tokio::test]
async fn a_posted_message_is_tried_until_it_goes_out() {
    let service = Service::start(&[(500, ""), (503, ""), (200, "")]).await;
    let senders = senders(asking(&service));

    senders.post(call(Channel::Sms, ANN));

    until_asked(&service, 3).await;
    senders.settle(BOUND).await;
    assert_eq!(service.asked().len(), 3);
}

#[tokio::test]
async fn what_was_refused_for_good_is_tried_once() {
    let service = Service::start(&[(400, ""), (200, "")]).await;
    let senders = senders(asking(&service));

    senders.post(call(Channel::Sms, ANN));

    senders.settle(BOUND).await;
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_message_is_given_up_after_the_last_pause() {
    let service = Service::start(&[(500, "")]).await;
    let senders = senders(asking(&service));

    senders.post(call(Channel::Sms, ANN));

    until_asked(&service, 4).await;
    senders.settle(BOUND).await;
    assert_eq!(service.asked().len(), 4);
}

#[tokio::test]
async fn a_code_is_not_sent_when_it_is_void() {
    let service = Service::start(&[(500, "")]).await;
    let senders = senders(Settings { pauses: vec![Duration::from_mins(10)], ..asking(&service) });

    senders.post(call(Channel::Sms, ANN));

    until_asked(&service, 1).await;
    senders.settle(BOUND).await;
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn the_end_waits_for_no_pause_but_tries_once_more() {
    let service = Service::start(&[(500, ""), (200, "")]).await;
    let senders = senders(Settings { pauses: vec![Duration::from_mins(2)], ..asking(&service) });

    senders.post(call(Channel::Sms, ANN));
    until_asked(&service, 1).await;

    timeout(BOUND, senders.settle(Duration::from_mins(1))).await.unwrap();
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn what_was_posted_is_out_when_the_end_has_come() {
    let folder = TempDir::new().unwrap();
    let senders = senders(with_mail(MailRoute::Outbox(folder.path().to_owned())));

    for _ in 0..50 {
        senders.post(letter("ann@example.com"));
    }
    senders.settle(BOUND).await;

    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 50);
}

/// None of them is on its way yet while this test holds the only thread.
#[tokio::test]
async fn a_queue_that_is_full_takes_no_more() {
    let folder = TempDir::new().unwrap();
    let senders = senders(with_mail(MailRoute::Outbox(folder.path().to_owned())));

    for _ in 0..1010 {
        senders.post(letter("ann@example.com"));
    }
    senders.settle(BOUND).await;

    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1000);
}

/// What is logged, however much.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// LO-03.
#[tokio::test]
async fn no_log_holds_a_code_a_login_or_an_address() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let service = Service::start(&[(500, "084213 +442079460000 hunter2")]).await;
    let mail_server = MailServer::start("plain", &Authority::default(), Some(["doorward", "hunter2", "PLAIN"])).await;
    let server = smtp(Security::Plain, mail_server.port, Trust::System, Some(("doorward", "hunter2")));
    let senders = senders(Settings { mail: with_mail(MailRoute::Smtp(server)).mail, ..asking(&service) });

    senders.post(call(Channel::Sms, ANN));
    senders.post(letter("nobody@example.com"));
    until_asked(&service, 4).await;
    senders.settle(BOUND).await;
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("a message was given up").count(), 2, "{log}");
    assert!(log.contains("+44 … 000") && log.contains("n…@example.com"), "{log}");
    for secret in ["084213", "hunter2", "442079460000", "nobody@", "aHVudGVyMg", "b29yd2FyZ"] {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
}
