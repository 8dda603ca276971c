use crate::{BOUND, CODE, PATIENCE, keeps_quiet, letter, senders, smtp, with_mail};
use doorward::{
    adapters::{
        messages::{
            Senders,
            settings::{MailRoute, Security},
        },
        upstream::Trust,
    },
    ports::{Messenger as _, NotSent},
};
use serde_json::Value;
use std::{fs, time::Duration};
use support::{certificates::Authority, mail_server::MailServer, process::free_port};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};

const ANN: &str = "ann@example.com";

/// A server, and senders that know its authority.
async fn server(security: &str, login: Option<[&str; 3]>) -> (MailServer, TempDir, Trust) {
    let (authority, folder) = (Authority::default(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    (MailServer::start(security, &authority, login).await, folder, Trust::Authorities(ca))
}

fn speaking(security: Security, port: u16, trust: Trust, login: Option<(&str, &str)>) -> Senders {
    senders(with_mail(MailRoute::Smtp(smtp(security, port, trust, login))))
}

/// The only letter of a server.
fn only(server: &MailServer) -> Value {
    let mut letters = server.letters();
    assert_eq!(letters.len(), 1, "{letters:?}\n{}", server.log());
    letters.remove(0)
}

#[tokio::test]
async fn a_letter_arrives_by_tls_from_the_start() {
    let (server, _folder, trust) = server("tls", Some(["doorward", "hunter2", "PLAIN"])).await;
    let senders = speaking(Security::Tls, server.port, trust, Some(("doorward", "hunter2")));

    assert_eq!(senders.send(letter(ANN)).await, Ok(()));

    let letter = only(&server);
    assert_eq!((&letter["encrypted"], &letter["login"]), (&true.into(), &"doorward".into()));
    assert_eq!((&letter["from"], &letter["to"][0]), (&"no-reply@example.com".into(), &ANN.into()));
    assert_eq!(letter["greeted_as"], "auth.example.com");
    let content = letter["content"].as_str().unwrap();
    for line in [
        "From: \"Example Corp\" <no-reply@example.com>",
        "To: ann@example.com",
        "Subject: Example Corp: your code",
        "Date: Sun, 22 Nov 2026 14:00:00 +0000",
        "Auto-Submitted: auto-generated",
        &format!("    {CODE}"),
    ] {
        assert!(content.contains(&format!("\r\n{line}\r\n")) || content.starts_with(line), "{line}\n{content}");
    }
}

#[tokio::test]
async fn a_letter_arrives_after_starttls() {
    let (server, _folder, trust) = server("starttls", Some(["doorward", "hunter2", "LOGIN"])).await;
    let senders = speaking(Security::StartTls, server.port, trust, Some(("doorward", "hunter2")));

    assert_eq!(senders.send(letter(ANN)).await, Ok(()));

    let letter = only(&server);
    assert_eq!((&letter["encrypted"], &letter["login"]), (&true.into(), &"doorward".into()));
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_login_and_no_letter() {
    let (server, _folder, trust) = server("plain", None).await;
    let senders = speaking(Security::StartTls, server.port, trust, Some(("doorward", "hunter2")));

    let error = senders.send(letter(ANN)).await.unwrap_err();

    assert!(matches!(&error, NotSent::Unavailable(why) if why.contains("STARTTLS")), "{error}");
    assert!(server.letters().is_empty());
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    for (spoken, security) in [("tls", Security::Tls), ("starttls", Security::StartTls)] {
        let (server, folder, _) = server(spoken, None).await;
        let stranger = folder.path().join("stranger.pem");
        fs::write(&stranger, Authority::default().pem()).unwrap();
        for trust in [Trust::System, Trust::Authorities(stranger)] {
            let error = speaking(security, server.port, trust, None).send(letter(ANN)).await.unwrap_err();
            assert!(matches!(error, NotSent::Unavailable(_)), "{spoken}: {error}");
        }
        assert!(server.letters().is_empty(), "{spoken}");
    }
}

#[tokio::test]
async fn a_wrong_login_is_no_fault_of_the_address() {
    let (server, _folder, trust) = server("tls", Some(["doorward", "hunter2", "PLAIN"])).await;

    let error = speaking(Security::Tls, server.port, trust, Some(("doorward", "wrong"))).send(letter(ANN)).await;

    assert!(matches!(&error, Err(NotSent::Unavailable(why)) if why.contains("535")), "{error:?}");
    assert!(server.letters().is_empty());
}

#[tokio::test]
async fn a_connection_serves_one_letter_after_another() {
    let (server, _folder, trust) = server("tls", None).await;
    let senders = speaking(Security::Tls, server.port, trust, None);

    for _ in 0..3 {
        assert_eq!(senders.send(letter(ANN)).await, Ok(()));
    }

    let peers: Vec<_> = server.letters().iter().map(|letter| letter["peer"].clone()).collect();
    assert_eq!(peers, vec![peers[0].clone(); 3]);
}

#[tokio::test]
async fn what_a_server_says_for_good_is_told_apart_from_what_it_says_for_now() {
    let (server, _folder, trust) = server("plain", None).await;
    let senders = speaking(Security::Plain, server.port, trust, None);

    let refused = senders.send(letter("nobody@example.com")).await.unwrap_err();
    let later = senders.send(letter("later@example.com")).await.unwrap_err();

    assert_eq!(refused, NotSent::Refused("the mail server answered 550 5.1.1".to_owned()));
    assert_eq!(later, NotSent::Unavailable("the mail server answered 451 4.7.1".to_owned()));
    keeps_quiet(&refused, "nobody@");
    // A connection that brought a refusal is not used again for others.
    assert_eq!(senders.send(letter(ANN)).await, Ok(()));
    assert_eq!(only(&server)["to"][0], ANN);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so_at_once() {
    let error = speaking(Security::Plain, free_port(), Trust::System, None).send(letter(ANN)).await.unwrap_err();

    assert!(matches!(error, NotSent::Unavailable(_)), "{error}");
    keeps_quiet(&error, ANN);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for security in [Security::Plain, Security::StartTls, Security::Tls] {
        let senders = speaking(security, port, Trust::System, None);
        let error = timeout(BOUND, senders.send(letter(ANN))).await.expect("an end").unwrap_err();
        assert_eq!(error, NotSent::Unavailable(format!("the mail server took longer than {PATIENCE:?}")));
    }
}

/// A server that stops in the middle of a letter: whatever comes later on that connection belongs to no other letter.
#[tokio::test]
async fn a_connection_that_stalled_is_never_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 mail\r\n").await.unwrap();
            let mut buffer = vec![0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let stalls = said.starts_with("MAIL");
                seen.push(said);
                if stalls {
                    break;
                }
                stream.write_all(b"250 OK\r\n").await.unwrap();
            }
            // Kept open until the client leaves.
            tokio::spawn(async move { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} });
        }
        seen
    });
    let senders = speaking(Security::Plain, port, Trust::System, None);

    for _ in 0..2 {
        assert!(matches!(senders.send(letter(ANN)).await, Err(NotSent::Unavailable(_))));
    }

    let seen = timeout(Duration::from_secs(5), server).await.unwrap().unwrap();
    let verbs: Vec<_> = seen.iter().map(|said| said.split_whitespace().next().unwrap()).collect();
    assert_eq!(verbs, ["EHLO", "MAIL", "EHLO", "MAIL"]);
}
