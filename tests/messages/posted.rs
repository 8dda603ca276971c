use crate::{BOUND, call, letter, senders, service::Service, with_mail, with_phone};
use doorward::{
    adapters::messages::{
        Settings,
        settings::{BodyKind, HttpTemplate, MailRoute, PhoneRoute},
    },
    domain::contact::Channel,
    ports::Messenger as _,
};
use http::Method;
use std::{fs, time::Duration};
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
