//! `doorward demo`, as somebody meets it who has just built it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop there")]

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};
use support::process::{Process, Signal, free_port};
use tempfile::TempDir;

fn demo(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(["demo", "--port", &port.to_string(), "--dir"]).arg(folder.join("state"));
    command
}

/// What one start printed, which Ctrl-C then ended.
async fn leaflet(folder: &Path, port: u16) -> String {
    let mut process = Process::start(&mut demo(folder, port), &folder.join("log"));
    let log = folder.join("log");
    let said = process
        .until("for it to say how it ends", async || {
            fs::read_to_string(&log).ok().filter(|text| text.contains("Ctrl-C ends the demo"))
        })
        .await;
    process.until_listening(port).await;
    process.signal(Signal::Interrupt);
    assert!(process.ended().await.success(), "{}", process.log());
    said
}

/// What stands behind a label of the leaflet.
fn told<'a>(leaflet: &'a str, label: &str) -> &'a str {
    leaflet.lines().find_map(|line| line.trim_start().strip_prefix(label)).unwrap().trim()
}

#[tokio::test]
async fn a_second_start_finds_the_same_account() {
    let folder = TempDir::new().unwrap();
    let port = free_port();

    let first = leaflet(folder.path(), port).await;
    let authority = fs::read(folder.path().join("state/ca.pem")).unwrap();
    let second = leaflet(folder.path(), port).await;

    assert!(first.contains(&format!("https://app.localhost:{port}/")), "{first}");
    assert!(first.contains(&format!("become files in {}", folder.path().join("state/outbox").display())), "{first}");
    assert_eq!(told(&first, "Login"), "ann");
    assert_eq!(told(&first, "Password").split('-').count(), 5);
    assert_eq!(told(&first, "TOTP key").replace(' ', "").len(), 32);
    assert_eq!(first, second);
    assert_eq!(fs::read(folder.path().join("state/ca.pem")).unwrap(), authority);
}

#[tokio::test]
async fn what_is_secret_is_its_owners_only() {
    let folder = TempDir::new().unwrap();

    leaflet(folder.path(), free_port()).await;

    let state = folder.path().join("state");
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["ca.key", "localhost.key", "doorward.key", "doorward.db", "ann.json", "config.toml"] {
        assert_eq!(fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn an_account_without_its_file_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let port = free_port();

    let first = leaflet(folder.path(), port).await;
    fs::remove_file(folder.path().join("state/ann.json")).unwrap();
    let second = leaflet(folder.path(), port).await;

    assert_ne!(told(&first, "TOTP key"), told(&second, "TOTP key"));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();

    let output = demo(folder.path(), port).output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        error.trim_end(),
        format!("error: port {port} is in use, perhaps by another demo: choose a different one with --port")
    );
    assert!(!folder.path().join("state").exists());
}
