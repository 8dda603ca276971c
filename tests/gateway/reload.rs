//! OP-04: a config file that is changed under a running gateway is served whole or not at all.

use crate::{
    recorder::Recorder,
    world::{APP, ROUTES, app, ask, config, cookie_of, site},
};
use http::{StatusCode, header};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::{
    gateway::{Gateway, Site},
    person::{Person, visit},
    process::{Signal, free_port},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the management API asks for, here.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// The same configuration, with a key for the management API.
pub(crate) fn keyed(config: &str) -> String {
    config.replacen("[server]\n", &format!("[server]\nadmin_key = \"{KEY}\"\n"), 1)
}

/// Puts a file in the place of another, as editors do.
pub(crate) fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// What the gateway answers a program that wants the file to be read again.
pub(crate) async fn reload(gateway: &Gateway, client: &reqwest::Client, key: Option<&str>) -> (StatusCode, Value) {
    let url = format!("http://127.0.0.1:{}/api/v1/config/reload", gateway.site.admin);
    let request = client.post(url);
    let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
    let answer = request.send().await.unwrap();
    let is_problem = answer.headers()[header::CONTENT_TYPE] == "application/problem+json";
    assert_eq!(is_problem, !answer.status().is_success());
    (answer.status(), answer.json().await.unwrap())
}

/// A page of the admin listener.
pub(crate) async fn told(gateway: &Gateway, path: &str) -> String {
    let answer = gateway.client().get(format!("http://127.0.0.1:{}{path}", gateway.site.admin)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

/// Waits until `/readyz` says something about the file; a probe goes on seeing 200 all the time.
async fn until_remarked(gateway: &mut Gateway, what: &str) {
    let (client, url) = (gateway.client(), format!("http://127.0.0.1:{}/readyz", gateway.site.admin));
    let remarked = async || {
        let answer = client.get(&url).send().await.ok()?;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.ok().filter(|text| text.contains(what))
    };
    gateway.until(&format!("for {what:?} in /readyz"), remarked).await;
}

/// Waits until what was public asks for a sign-in, or the other way round.
async fn until_public(gateway: &mut Gateway, status: u16) {
    let (client, url) = (gateway.client(), gateway.url(APP, "/public/"));
    let asked = async || client.get(&url).send().await.ok().filter(|answer| answer.status() == status);
    gateway.until(&format!("for {status} on /public/"), asked).await;
}

/// A configuration in which the public corner is not public any more.
fn closed(config: &str) -> String {
    assert!(config.contains(ROUTES));
    config.replace(ROUTES, "")
}

async fn gateway() -> (Gateway, Recorder, String) {
    let (app, site) = (Recorder::start().await, site());
    let config = keyed(&config(&site, &app.url()));
    site.configure(&config);
    (site.start().await, app, config)
}

#[tokio::test]
async fn a_hangup_has_the_file_read_again() {
    let (mut gateway, _app, config) = gateway().await;
    gateway.site.configure(&closed(&config));

    gateway.signal(Signal::Hangup);

    gateway.until_logged("by=Signal").await;
    until_public(&mut gateway, 401).await;
    assert_eq!(told(&gateway, "/readyz").await, "ready\n");
    assert!(told(&gateway, "/metrics").await.contains("doorward_config_stale 0"));
}

#[tokio::test]
async fn however_the_file_is_changed_it_is_read_again_by_itself() {
    let (mut gateway, _app, config) = gateway().await;
    let path = gateway.site.config_path();

    gateway.site.configure(&closed(&config));
    until_public(&mut gateway, 401).await;
    replace(&path, &config);
    until_public(&mut gateway, 200).await;

    assert!(gateway.log().contains("by=File"), "{}", gateway.log());
}

/// As Kubernetes brings it: the file is a link into a folder that is a link, and that one is turned.
#[tokio::test]
async fn a_link_that_is_turned_elsewhere_is_a_change() {
    let (app, site) = (Recorder::start().await, site());
    let open = config(&site, &app.url());
    let at = |name: &str| site.folder().join(name);
    for (version, text) in [("v1", &open), ("v2", &closed(&open))] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("config.toml"), text).unwrap();
    }
    symlink("v1", at("..data")).unwrap();
    symlink("..data/config.toml", site.config_path()).unwrap();
    let mut gateway = site.start().await;
    until_public(&mut gateway, 200).await;

    symlink("v2", gateway.site.folder().join("..next")).unwrap();
    fs::rename(gateway.site.folder().join("..next"), gateway.site.folder().join("..data")).unwrap();

    until_public(&mut gateway, 401).await;
}

#[tokio::test]
async fn a_file_that_the_config_names_is_watched_too() {
    let (app, site) = (Recorder::start().await, site());
    let lists = site.folder().join("lists");
    fs::create_dir(&lists).unwrap();
    fs::write(lists.join("office.txt"), "127.0.0.0/8\n").unwrap();
    let route = "\n[[app.route]]\npath = \"/public/**\"\nnetworks = [\"office\"]\npolicy = \"public\"\n";
    let networks = format!("\n[networks]\noffice = [\"file:{}/office.txt\"]\n", lists.display());
    site.configure(&(config(&site, &app.url()).replace(ROUTES, route) + networks.as_str()));
    let mut gateway = site.start().await;
    until_public(&mut gateway, 200).await;

    replace(&lists.join("office.txt"), "192.0.2.0/24\n");
    until_public(&mut gateway, 401).await;
    replace(&lists.join("office.txt"), "no network\n");
    until_remarked(&mut gateway, "line 1 of this file is no network").await;
    replace(&lists.join("office.txt"), "127.0.0.0/8\n");
    until_public(&mut gateway, 200).await;

    assert_eq!(told(&gateway, "/readyz").await, "ready\n");
}

#[tokio::test]
async fn a_file_that_is_wrong_changes_nothing_and_says_why_until_it_is_right_again() {
    let (mut gateway, _app, config) = gateway().await;
    let client = gateway.client();
    let failing = "\n[[test]]\nname = \"the corner is closed\"\nrequest = \"GET https://app.localhost/public/\"\nexpect = \"sign-in\"\n";
    for (broken, why) in [
        (closed(&config).replace("level = \"mfa\"", "levle = \"mfa\""), "levle"),
        (format!("{config}{failing}"), "the corner is closed"),
        (closed(&config).replace("site.pem", "gone.pem"), "can't be opened"),
        (closed(&config) + "\n[[", "not TOML"),
        (closed(&config).replace("https://auth.localhost", "https://login.localhost"), "[portal] url"),
    ] {
        replace(&gateway.site.config_path(), &broken);

        let (status, problem) = reload(&gateway, &client, Some(KEY)).await;

        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
        assert!(told(&gateway, "/readyz").await.contains(why));
        assert!(gateway.log().contains(why), "{}", gateway.log());
        assert!(told(&gateway, "/metrics").await.contains("doorward_config_stale 1"));
        assert_eq!(visit(&client, &gateway.url(APP, "/public/")).await.status, StatusCode::OK, "{why}");
    }
    fs::remove_file(gateway.site.config_path()).unwrap();
    until_remarked(&mut gateway, "can't read").await;

    gateway.site.configure(&closed(&config));
    until_public(&mut gateway, 401).await;

    until_remarked(&mut gateway, "ready\n").await;
    assert_eq!(told(&gateway, "/readyz").await, "ready\n");
    let metrics = told(&gateway, "/metrics").await;
    assert!(metrics.contains("doorward_config_stale 0"), "{metrics}");
    assert!(!metrics.contains("doorward_config_reloads_total{result=\"refused\"} 0"), "{metrics}");
}

/// Certificates that are not there yet: the file is served as soon as they are.
#[tokio::test]
async fn what_a_refused_file_names_is_waited_for() {
    let (mut gateway, _app, config) = gateway().await;
    replace(
        &gateway.site.config_path(),
        &closed(&config).replace("site.pem", "new.pem").replace("site.key", "new.key"),
    );
    until_remarked(&mut gateway, "can't be opened").await;

    for (old, new) in [("site.key", "new.key"), ("site.pem", "new.pem")] {
        fs::copy(gateway.site.folder().join(old), gateway.site.folder().join(new)).unwrap();
    }

    until_public(&mut gateway, 401).await;
}

#[tokio::test]
async fn the_api_is_for_whoever_has_the_key() {
    let (gateway, _app, config) = gateway().await;
    let client = gateway.client();
    for key in [None, Some(""), Some("wrong"), Some(&KEY[1..]), Some(&format!("{KEY}0"))] {
        let (status, problem) = reload(&gateway, &client, key).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &"admin_key_required".into()), "{key:?}");
    }
    let url = format!("http://127.0.0.1:{}/api/v1/config/reload", gateway.site.admin);
    let from_page = client.post(&url).bearer_auth(KEY).header(header::ORIGIN, "https://evil.example").send().await;
    assert_eq!(from_page.unwrap().status(), StatusCode::FORBIDDEN, "OP-03");
    assert_eq!(client.get(&url).bearer_auth(KEY).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);

    replace(&gateway.site.config_path(), &closed(&config).replace(KEY, &KEY.to_uppercase()));
    let (status, answer) = reload(&gateway, &client, Some(KEY)).await;

    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer["generation"].as_u64() >= Some(2) && answer["restart_needed"] == Value::Array(vec![]), "{answer}");
    assert_eq!(answer["warnings"][0]["code"], "C0103", "the key stands in the file: {answer}");
    let at_once = ask(&gateway, APP, "GET /public/", "").await;
    assert!(at_once.starts_with("HTTP/1.1 401"), "whoever is told so finds it so: {at_once}");
    assert_eq!(reload(&gateway, &client, Some(KEY)).await.0, StatusCode::UNAUTHORIZED, "the key was changed as well");
    let (status, _) = reload(&gateway, &client, Some(&KEY.to_uppercase())).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!gateway.log().to_lowercase().contains(KEY), "{}", gateway.log());
}

#[tokio::test]
async fn without_a_key_the_api_says_which_one_to_set() {
    let (app, site) = (Recorder::start().await, site());
    site.configure(&config(&site, &app.url()));
    let gateway = site.start().await;

    let (status, problem) = reload(&gateway, &gateway.client(), Some(KEY)).await;

    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &"admin_key_not_set".into()));
    assert!(problem["detail"].as_str().unwrap().contains("`admin_key` in `[server]`"), "{problem}");
}

#[tokio::test]
async fn a_program_is_shown_every_problem_where_it_stands() {
    let (gateway, _app, config) = gateway().await;
    let broken = config.replace("level = \"mfa\"", "levle = \"mfa\"").replace("name = \"other\"", "name = \"Other!\"");
    replace(&gateway.site.config_path(), &broken);

    let (_, problem) = reload(&gateway, &gateway.client(), Some(KEY)).await;

    assert_eq!(problem["code"], "config_wrong");
    let problems = problem["problems"].as_array().unwrap();
    assert_eq!(problems.iter().map(|one| &one["code"]).collect::<Vec<_>>(), ["C0002", "C0005"], "{problem}");
    assert!(problem["drawing"].as_str().unwrap().contains("did you mean `level`"), "{problem}");
    assert!(!problem.to_string().contains(KEY), "{problem}");
}

#[tokio::test]
async fn what_only_a_start_can_change_waits_and_is_named() {
    let (gateway, _app, config) = gateway().await;
    let client = gateway.client();
    let moved = closed(&config).replace(&gateway.site.https.to_string(), &free_port().to_string());
    let moved = moved.replacen("[server]\n", "[server]\nworkers = 1\n", 1);
    let url = format!("https://auth.localhost:{}", gateway.site.https);
    let (before, after) = moved.split_once("url = \"https://auth.localhost:").unwrap();
    let moved = format!("{before}url = \"{url}{}", &after[after.find('"').unwrap()..]);
    replace(&gateway.site.config_path(), &moved);

    let (status, answer) = reload(&gateway, &client, Some(KEY)).await;

    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["restart_needed"].to_string(), r#"["server.listen","server.workers"]"#);
    assert!(ask(&gateway, APP, "GET /public/", "").await.starts_with("HTTP/1.1 401"), "the rest is served");
    let remarks = told(&gateway, "/readyz").await;
    assert_eq!(remarks, "ready\nconfig: a restart is needed for server.listen, server.workers\n");
    assert!(told(&gateway, "/metrics").await.contains("doorward_config_restart_needed 1"));
    replace(&gateway.site.config_path(), &config);
    reload(&gateway, &client, Some(KEY)).await;
    assert_eq!(told(&gateway, "/readyz").await, "ready\n");
}

/// An application that answers with the number of the connection that was asked over.
async fn numbered() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let accepted = Arc::new(AtomicUsize::new(0));
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, accepted.fetch_add(1, Ordering::Relaxed)));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, number: usize) {
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{number:08}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn connections_and_sessions_outlive_a_reload() {
    let site = site();
    let config = keyed(&config(&site, &numbered().await));
    site.configure(&config);
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let (client, cookie) = (gateway.client(), cookie_of(&gateway, &ann, APP).await);
    // One connection, so one core.
    let mut connection = gateway.connect(APP).await;
    let mut number = async || {
        connection.send(format!("GET / HTTP/1.1\r\nHost: {APP}\r\nCookie: {cookie}\r\n\r\n")).await;
        let head = connection.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        String::from_utf8(connection.bytes(8).await).unwrap()
    };
    let first = number().await;
    assert_eq!(number().await, first, "kept alive");

    let (status, _) = replaced(&gateway, &client, &closed(&config)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(number().await, first, "neither the browser's connection nor the application's was closed");

    let (status, _) = replaced(
        &gateway,
        &client,
        &config.replace("policy = \"standard\"\n", "policy = \"standard\"\nresponse_timeout = \"9s\"\n"),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(number().await, first, "reached in another way, it is another");
}

/// SE-04: nobody stays signed in longer than the file says, whoever is remembered.
#[tokio::test]
async fn a_shorter_lifetime_holds_for_those_who_are_signed_in() {
    let (app, site) = (Recorder::start().await, site());
    let config = keyed(&config(&site, &app.url()));
    site.configure(&config);
    let ann = Person::add(&site, "ann", &[]);
    let mut gateway = site.start().await;
    let (client, cookie) = (gateway.client(), cookie_of(&gateway, &ann, APP).await);
    let url = gateway.url(APP, "/");
    let asked = async || client.get(&url).header(header::COOKIE, &cookie).send().await.unwrap().status();
    assert_eq!(asked().await, StatusCode::OK);

    let (status, answer) = replaced(&gateway, &client, &format!("{config}\n[session]\nlifetime = \"1s\"\n")).await;

    assert_eq!(status, StatusCode::OK, "{answer}");
    let over = async || Some(asked().await).filter(|status| *status == StatusCode::UNAUTHORIZED);
    gateway.until("for the session to be over", over).await;
}

#[tokio::test]
async fn an_app_comes_with_its_certificate_and_its_redirect() {
    const NEW: &str = "new.localhost";
    let (gateway, _app, config) = gateway().await;
    let (client, folder) = (gateway.client(), gateway.site.folder());
    let leaf = gateway.site.authority.issue(&[NEW]);
    fs::write(folder.join("new.pem"), leaf.chain_pem).unwrap();
    fs::write(folder.join("new.key"), leaf.key_pem).unwrap();
    let more = format!("site.key\" }}, {{ cert = \"{0}/new.pem\", key = \"{0}/new.key\" }}]", folder.display());
    let with_app = config.replace("site.key\" }]", &more) + app("new", "http://127.0.0.1:9").as_str();

    let (status, answer) = replaced(&gateway, &client, &with_app).await;

    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(ask(&gateway, NEW, "GET /", "").await.starts_with("HTTP/1.1 401"));
    let plain = client.get(format!("http://{NEW}:{}/x", gateway.site.redirect)).send().await.unwrap();
    assert_eq!(plain.headers()[header::LOCATION], gateway.url(NEW, "/x").as_str());
    let other = gateway.site.authority.issue(&[NEW]);
    fs::write(gateway.site.folder().join("other.key"), other.key_pem).unwrap();
    let (status, problem) = replaced(&gateway, &client, &with_app.replace("new.key", "other.key")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &"config_unusable".into()), "{problem}");
}

async fn replaced(gateway: &Gateway, client: &reqwest::Client, config: &str) -> (StatusCode, Value) {
    replace(&gateway.site.config_path(), config);
    reload(gateway, client, Some(KEY)).await
}

/// An application that says when it is asked, and answers once it is told to.
async fn slow() -> (String, Arc<Notify>, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (asking, told) = (Arc::clone(&asked), Arc::clone(&go_on));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asking, told) = (Arc::clone(&asking), Arc::clone(&told));
            tokio::spawn(async move {
                if stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                    asking.notify_one();
                    told.notified().await;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    (url, asked, go_on)
}

#[tokio::test]
async fn hangups_while_it_stops_harm_nothing() {
    let (url, asked, go_on) = slow().await;
    let site: Site = site();
    site.configure(&config(&site, &url));
    let mut gateway = site.start().await;
    let mut connection = gateway.connect(APP).await;
    connection.send(format!("GET /public/ HTTP/1.1\r\nHost: {APP}\r\n\r\n")).await;
    // Nothing would keep it from stopping before that.
    asked.notified().await;
    gateway.signal(Signal::Terminate);
    gateway.until_logged("stopping").await;

    for _ in 0..5 {
        gateway.signal(Signal::Hangup);
    }
    gateway.until_logged("by=Signal").await;
    go_on.notify_one();

    assert!(connection.head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}
