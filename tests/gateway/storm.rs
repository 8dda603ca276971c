//! A thousand reloads under load, half of them of files that are wrong: no request fails, and none is served by two files.

use crate::{
    reload::{KEY, keyed, reload, replace, told},
    world::{APP, app, cookie_of, site},
};
use http::StatusCode;
use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    person::{Person, navigation},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Readings of the file.
const RELOADS: usize = 1000;
/// After so many the gateway is as large as it gets.
const WARM: usize = 300;
/// What it may grow by from then on.
const GROWTH_MAX_KIB: u64 = 16 * 1024;
/// As long as all may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// One of the two files that take turns. Whatever they say differs, and says whose it is.
fn config(site: &Site, letter: &str, upstream: &str) -> String {
    let (server, portal) = (site.preamble(), format!("name = \"House {letter}\"\naccent = \"#{letter}00000\"\n"));
    let preamble = keyed(&server).replace("\n[store]", &format!("{portal}\n[store]"));
    let other = if letter == "a" { "b" } else { "a" };
    let policies = format!(
        "\n[policy.standard]\nlevel = \"mfa\"\n\n\
         [policy.closed]\nlevel = \"mfa\"\ngroups = [\"nobody-{letter}\"]\nmessage = \"closed by {letter}\"\n"
    );
    let names = ["user", "name", "email", "groups"].map(|name| format!("{name} = \"{name}-{letter}\"")).join(", ");
    let routes = format!(
        "headers = {{ {names} }}\n\
         \n[[app.route]]\npath = \"/only-{letter}\"\npolicy = \"public\"\n\
         \n[[app.route]]\npath = \"/only-{other}\"\npolicy = \"closed\"\n\
         \n[[app.route]]\npath = \"/closed\"\npolicy = \"closed\"\n\
         \n[[test]]\nname = \"its own\"\nrequest = \"GET https://{APP}/only-{letter}\"\nexpect = \"forward\"\n"
    );
    [&preamble, &policies, &app("app", upstream), &*routes].concat()
}

/// An application that answers with its own letter, and with that of the field that says who is there.
async fn lettered(letter: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, letter));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, letter: &str) {
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap().to_lowercase();
            let seen =
                |of: &str| if text.contains(&format!("\r\nuser-{of}: ")) { of.to_owned() } else { "-".to_owned() };
            let body = format!("{letter}{}{}", seen("a"), seen("b"));
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// What clients share.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    /// Answers by file: `a`, then `b`.
    answers: [AtomicUsize; 2],
}

impl Load {
    fn count(&self, letter: char) {
        self.answers[usize::from(letter == 'b')].fetch_add(1, Ordering::Relaxed);
    }

    /// Asks until the storm is over.
    async fn run(&self, mut once: impl AsyncFnMut() -> char) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.count(once().await);
        }
    }
}

/// The letter after `words`, wherever a page has them: always the same.
fn letter_after(page: &str, words: &str) -> char {
    let letters: Vec<_> = page.split(words).skip(1).filter_map(|rest| rest.chars().next()).collect();
    let first = *letters.first().unwrap_or_else(|| panic!("no {words:?} in {page}"));
    assert!(letters.iter().all(|letter| *letter == first), "{page}");
    first
}

/// Somebody signed in: where their request went, under which name they were announced there, and on whose word they are
/// kept out elsewhere.
async fn known(load: &Load, client: &reqwest::Client, gateway: &Gateway, cookie: &str) {
    load.run(async || {
        let ask = |path| client.get(gateway.url(APP, path)).header("cookie", cookie);
        let answer = ask("/").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", failures(gateway));
        let body = answer.text().await.unwrap();
        assert!(matches!(&*body, "aa-" | "b-b"), "a mixture: {body}");

        let answer = navigation(ask("/closed")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let page = answer.text().await.unwrap();
        assert_eq!(letter_after(&page, "closed by "), letter_after(&page, "House "), "a mixture");
        body.chars().next().unwrap()
    })
    .await;
}

/// A stranger: one file lets them through to its own application, the other does not.
async fn stranger(load: &Load, client: &reqwest::Client, gateway: &Gateway) {
    load.run(async || {
        for (path, letter) in [("/only-a", 'a'), ("/only-b", 'b')] {
            let answer = client.get(gateway.url(APP, path)).send().await.unwrap();
            match answer.status() {
                StatusCode::OK => assert_eq!(answer.text().await.unwrap(), format!("{letter}--"), "a mixture"),
                status => assert_eq!(status, StatusCode::UNAUTHORIZED, "{}", failures(gateway)),
            }
        }
        let url = gateway.url(PORTAL, "/login");
        let page = client.get(url).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        letter_after(&page.text().await.unwrap(), "House ")
    })
    .await;
}

/// What the gateway says of requests that failed.
fn failures(gateway: &Gateway) -> String {
    let log = gateway.log();
    let lines = log.lines().filter(|line| line.contains("could not be asked") || line.contains("fails its probes"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What the gateway holds of the machine's memory, in KiB.
fn resident(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Writes one file after the other and has each read: `a`, a wrong one, `b`, a wrong one. Says how large the gateway was
/// once it was warm.
async fn storm(gateway: &Gateway, files: [&str; 4]) -> u64 {
    let (client, path) = (gateway.client(), gateway.site.config_path());
    let mut warm = 0;
    for (number, file) in files.iter().cycle().take(RELOADS).enumerate() {
        if number == WARM {
            warm = resident(gateway);
        }
        replace(&path, file);
        let (status, answer) = reload(gateway, &client, Some(KEY)).await;
        let wanted = if number % 2 == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(status, wanted, "{answer}");
    }
    warm
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it says how long it took")]
async fn op_04_a_thousand_reloads_half_of_them_wrong_fail_no_request_and_mix_nothing() {
    let site = site();
    let (a, b) = (config(&site, "a", &lettered("a").await), config(&site, "b", &lettered("b").await));
    let misspelt = a.replace("level = \"mfa\"", "levle = \"mfa\"");
    let failing = b.replace("expect = \"forward\"", "expect = \"deny\"");
    site.configure(&a);
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let load = Load::default();
    let [first, second, third, fourth] = [true, true, false, false].map(|speaks_http1| {
        let builder = client::builder(&gateway.site.authority);
        if speaks_http1 { builder.http1_only() } else { builder }.build().unwrap()
    });

    let begun = Instant::now();
    let storming = async {
        let storming = timeout(PATIENCE, storm(&gateway, [&a, &misspelt, &b, &failing])).await;
        load.is_over.store(true, Ordering::Relaxed);
        (storming.expect("a thousand reloads in time"), begun.elapsed())
    };
    let ((warm, took), ..) = tokio::join!(
        storming,
        known(&load, &first, &gateway, &cookie),
        stranger(&load, &second, &gateway),
        known(&load, &third, &gateway, &cookie),
        stranger(&load, &fourth, &gateway),
    );

    let answers = [&load.answers[0], &load.answers[1]].map(|count| count.load(Ordering::Relaxed));
    let grown = resident(&gateway).saturating_sub(warm);
    println!("{RELOADS} reloads in {took:?}; rounds by file {answers:?}; {warm} KiB, then {grown} KiB more");
    assert!(answers.iter().all(|count| *count >= 20), "both files were served: {answers:?}");
    assert!(grown < GROWTH_MAX_KIB, "it grew by {grown} KiB");
    let metrics = told(&gateway, "/metrics").await;
    let refused =
        metrics.lines().find_map(|line| line.strip_prefix("doorward_config_reloads_total{result=\"refused\"} "));
    assert!(refused.unwrap().parse::<usize>().unwrap() >= RELOADS / 2, "{metrics}");
    assert!(!gateway.log().contains("panicked"));
}
