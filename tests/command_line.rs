//! The real program, as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop there")]

#[path = "command_line/check.rs"]
mod check;

use insta::assert_snapshot;
use std::{fs, process::Output};
use support::gateway::Site;

const PROGRAM: &str = env!("CARGO_BIN_EXE_doorward");

const APP: &str = r#"
[policy.standard]
level = "mfa"

[policy.payments]
level = "mfa"
fresh = { any = ["totp"], within = "5m" }
groups = ["finance"]

[[app]]
name = "payroll"
host = "payroll.localhost"
upstream = ["http://127.0.0.1:9"]
policy = "standard"

  [[app.route]]
  methods = ["POST"]
  path = "/transfers/**"
  policy = "payments"

[[test]]
name = "strangers sign in first"
request = "GET https://payroll.localhost/"
expect = "sign-in"
"#;

fn site() -> Site {
    let site = Site::new(PROGRAM, &["payroll.localhost"]);
    site.configure(&format!("{}{APP}", site.preamble()));
    site
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a verb prints that must be done.
fn done(site: &Site, verb: &[&str], input: &str) -> String {
    let output = site.run(verb, input);
    assert_eq!(output.status.code(), Some(0), "{verb:?}: {}", errors(&output));
    out(&output)
}

/// Exit code and error of a verb that must not be.
fn refused(site: &Site, verb: &[&str], input: &str) -> (Option<i32>, String) {
    let output = site.run(verb, input);
    assert_eq!(out(&output), "", "{verb:?}");
    (output.status.code(), errors(&output).trim_end().to_owned())
}

fn file(site: &Site, name: &str) -> std::path::PathBuf {
    site.config_path().with_file_name(name)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn without_config(arguments: &[&str]) -> Output {
    std::process::Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[test]
fn a_trial_message_shows_whether_messages_arrive() {
    let site = site();
    let mail = "\n[mail]\nfrom = \"no-reply@example.com\"\nurl = \"outbox:letters\"\n";
    site.configure(&format!("{}{mail}{APP}", site.preamble()));

    assert_eq!(done(&site, &["message", "ann@example.com"], ""), "email: handed over for ann@example.com\n");

    let letters: Vec<_> = fs::read_dir(file(&site, "letters")).unwrap().collect();
    assert_eq!(letters.len(), 1);
    let no_phone = refused(&site, &["message", "+44 20 7946 0000"], "");
    assert_eq!(no_phone, (Some(1), "error: no sender is set up for sms".to_owned()));
    let no_address = refused(&site, &["message", "ann@localhost"], "");
    assert_eq!(no_address, (Some(2), "error: an e-mail address looks like ann@example.com".to_owned()));
    let no_call = refused(&site, &["message", "ann@example.com", "--call"], "");
    assert_eq!(no_call, (Some(2), "error: only phone numbers can be called".to_owned()));
}

#[test]
fn help_is_short_enough_to_read() {
    let help: Vec<_> = [
        &["--help"][..],
        &["user", "-h"],
        &["session", "-h"],
        &["explain", "--help"],
        &["replay", "--help"],
        &["demo", "-h"],
    ]
    .iter()
    .map(|arguments| out(&without_config(arguments)))
    .collect();

    assert_snapshot!(help.join("\n---\n\n"));
}

#[test]
fn what_is_asked_wrongly_ends_with_2() {
    let site = site();

    for verb in [
        &["frobnicate"][..],
        &["user"],
        &["user", "add"],
        &["user", "add", "ann smith"],
        &["user", "set-password", "ann", "hunter2"],
        &["session", "revoke"],
        &["session", "revoke", "not-an-id"],
        &["explain", "GET", "http://payroll.localhost/"],
        &["explain", "GET", "https://payroll.localhost/", "--did", "totp yesterday"],
        &["explain", "GET", "https://payroll.localhost/", "--user", "ann"],
        &["explain", "--id", "7F3K-9QXA-2MT4"],
        &["explain", "--id", "7F3K-9QXA-2MT4", "GET", "https://payroll.localhost/"],
        &["replay", "--with", "new.toml"],
        &["replay", "decisions.jsonl"],
    ] {
        let (code, error) = refused(&site, verb, "");
        assert_eq!(code, Some(2), "{verb:?}: {error}");
        assert!(error.starts_with("error: "), "{verb:?}: {error}");
    }
    assert_eq!(without_config(&[]).status.code(), Some(2));
    assert_eq!(without_config(&["--version"]).status.code(), Some(0));
}

/// Row 27: a decision is explained.
#[test]
fn a_decision_is_explained() {
    let site = site();
    let asked = ["explain", "POST", "https://payroll.localhost/transfers/42", "--user", "ann", "--group", "finance"];
    let stale = [&asked[..], &["--did", "password 3h ago", "--did", "totp 10m ago"]].concat();
    let sales = ["explain", "POST", "https://payroll.localhost/Transfers", "--user", "bob", "--did", "totp now"];
    let trick = ["explain", "GET", "https://payroll.localhost/a/..%2ftransfers"];

    let told: Vec<_> = [&stale[..], &sales, &trick].iter().map(|verb| done(&site, verb, "")).collect();

    assert_snapshot!(told.join("\n"));
    let fields = json(&done(&site, &[&stale[..], &["--json"]].concat(), ""));
    assert_eq!((&fields["outcome"], &fields["policy"]), (&"step-up".into(), &"payments".into()));
}

/// A line of a file of records: what somebody did on a day, so many minutes after nine.
fn recorded(id: &str, minute: u32, request: &str, user: &str, totp: Option<u32>, outcome: &str) -> String {
    let at = |minute: u32| format!("2026-02-06T09:{minute:02}:00.000Z");
    let proofs = [Some(("password", 0)), totp.map(|minute| ("totp", minute))].into_iter().flatten();
    let proofs: Vec<_> =
        proofs.map(|(method, minute)| serde_json::json!({ "method": method, "at": at(minute) })).collect();
    let person = serde_json::json!({ "user": user, "groups": ["finance"], "since": at(0), "proofs": proofs });
    let (method, path) = request.split_once(' ').unwrap();
    let is_transfer = path.starts_with("/transfers");
    let (route, policy) = if is_transfer { (Some("/transfers/**"), "payments") } else { (None, "standard") };
    let line = serde_json::json!({
        "id": id, "at": at(minute), "app": "payroll", "host": "payroll.localhost", "method": method, "path": path,
        "extract": { "names": ["page"] }, "client": "192.0.2.7", "sender": { "signed-in": person },
        "outcome": outcome, "route": route, "policy": policy,
    });
    format!("{line}\n")
}

#[test]
fn a_recorded_decision_is_explained() {
    let site = site();
    site.configure(&format!("{}[records]\nfile = \"decisions.jsonl\"\n{APP}", site.preamble()));
    let old = recorded("0000-0000-0001", 30, "POST /transfers/42", "ann", Some(12), "step-up");
    let new = [
        recorded("0000-0000-0002", 31, "POST /transfers/42", "ann", Some(12), "forward"),
        recorded("0000-0000-0003", 32, "GET /index.php", "bob", None, "step-up"),
    ];
    fs::write(file(&site, "decisions.jsonl.1"), old).unwrap();
    fs::write(file(&site, "decisions.jsonl"), new.concat()).unwrap();
    let told = |id| done(&site, &["explain", "--id", id], "");

    assert_snapshot!(["0000-0000-0001", " 0000-0000-0002 ", "0000-0000-0003"].map(told).join("\n---\n\n"));

    let fields = json(&done(&site, &["explain", "--id", "0000-0000-0002", "--json"], ""));
    assert_eq!((&fields["record"]["outcome"], &fields["same"]), (&"forward".into(), &false.into()));
    assert_eq!(fields["explanation"]["outcome"], "step-up");
    let unknown = refused(&site, &["explain", "--id", "0000-0000-0009"], "");
    let file = file(&site, "decisions.jsonl").display().to_string();
    let why = "has no record of 0000-0000-0009; only requests to applications are recorded, and the log says what else was refused";
    assert_eq!(unknown, (Some(1), format!("error: {file} {why}")));
}

#[test]
fn what_a_condition_wants_to_know_and_nobody_wrote_down_is_named() {
    let site = site();
    let asks = "\n  [[app.route]]\n  path = \"/index.php\"\n  query = { page = \"wire\" }\n  policy = \"payments\"\n";
    site.configure(&format!("{}{}", site.preamble(), APP.replace("\n[[test]]", &format!("{asks}\n[[test]]"))));
    let records = file(&site, "yesterday.jsonl").display().to_string();
    fs::write(&records, recorded("0000-0000-0003", 32, "GET /index.php", "bob", None, "step-up")).unwrap();

    assert_snapshot!(done(&site, &["explain", "--id", "0000-0000-0003", "--records", &records], ""));
}

#[test]
fn a_changed_config_is_tried_on_recorded_traffic() {
    let site = site();
    let (records, new) = (file(&site, "yesterday.jsonl"), file(&site, "new.toml"));
    let stricter =
        APP.replace("[[test]]", "  [[app.route]]\n  path = \"/reports/**\"\n  policy = \"payments\"\n\n[[test]]");
    let asks =
        "  [[app.route]]\n  path = \"/index.php\"\n  query = { page = \"wire\" }\n  policy = \"payments\"\n\n[[test]]";
    fs::write(&new, format!("{}{}", site.preamble(), stricter.replace("[[test]]", asks))).unwrap();
    let forward = |minute, path: &str, user: &str, totp| recorded("x", minute, path, user, Some(totp), "forward");
    let mut lines: Vec<_> = (0..30).map(|minute| forward(minute, "GET /reports/q3", "ann", 0)).collect();
    lines.extend((0..9).map(|minute| forward(minute, "GET /", "bob", 0)));
    lines.push(recorded("x", 40, "GET /reports/q3", "bob", None, "step-up"));
    lines.push("{\"id\":\"half\n".to_owned());
    lines.extend((30..34).map(|minute| forward(minute, "GET /index.php", "bob", 0)));
    fs::write(&records, lines.concat()).unwrap();
    let (records, new) = (records.display().to_string(), new.display().to_string());
    let replay = |more: &[&str]| {
        let verb = [&["replay", &records, "--with", &new][..], more].concat();
        let output = without_config(&verb);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        out(&output)
    };

    let told = replay(&[]).replace(&records, "yesterday.jsonl").replace(&new, "new.toml");

    assert_snapshot!(told);
    let told = json(&replay(&["--json"]));
    assert_eq!(told["step_ups"], serde_json::json!({ "before": 1, "after": 5 }));
    assert_eq!((&told["broken_lines"], &told["requests"]), (&1.into(), &44.into()));
    // Compared with itself, a config changes nothing.
    let same = json(&replay(&["--json", "-c", &new]));
    assert_eq!(same["step_ups"], serde_json::json!({ "before": 5, "after": 5 }));
    // Ann must sign in at 10 and 20, Bob at 30; what Bob signs in with is not what reports take at 40.
    fs::write(&new, format!("{}[session]\nlifetime = \"10m\"\n{stricter}", site.preamble())).unwrap();
    let shorter = replay(&[]);
    assert!(shorter.contains("0 further sign-ins before, 4 after: 4 more.\n1 step-up before, "), "{shorter}");
    fs::write(file(&site, "yesterday.jsonl"), "GET / 200\n").unwrap();
    let none = without_config(&["replay", &records, "--with", &new]);
    assert_eq!((none.status.code(), errors(&none)), (Some(1), format!("error: no line is a record in {records}\n")));
}

/// Row 13: what an account has, reset, unlocked, ended.
#[test]
fn an_account_lives_from_add_to_delete() {
    let site = site();
    let add = ["user", "add", "Ann", "--name", "Ann Example", "--email", "ann@example.com", "--group", "finance"];

    let added = site.run(&add, "correct horse\n");
    assert_eq!(out(&added), "added ann: a second factor can be set up at the first sign-in, within a day\n");
    assert!(errors(&added).contains("a new key file was made"), "{}", errors(&added));
    assert_eq!(refused(&site, &add, "another one"), (Some(1), "error: there is already an account `ann`".into()));
    done(&site, &["user", "add", "bob", "--no-password"], "");

    let list = json(&done(&site, &["user", "list", "--json"], ""));
    let logins: Vec<_> = list.as_array().unwrap().iter().map(|user| &user["login_id"]).collect();
    assert_eq!(logins, ["ann", "bob"]);
    assert_eq!(list[0]["groups"], serde_json::json!(["finance"]));
    assert_eq!(list[1]["password_changed_at"], serde_json::Value::Null);

    assert_eq!(done(&site, &["user", "disable", "ANN"], ""), "disabled ann\n");
    assert_eq!(json(&done(&site, &["user", "show", "ann", "--json"], ""))["disabled"], true);
    assert_eq!(done(&site, &["user", "enable", "ann"], ""), "enabled ann\n");
    assert_eq!(done(&site, &["user", "unlock", "ann"], ""), "unlocked ann\n");

    let unconfirmed = refused(&site, &["user", "delete", "bob"], "y\n");
    assert_eq!(unconfirmed, (Some(2), "error: nobody is there to confirm it; add --yes".into()));
    assert_eq!(done(&site, &["user", "delete", "bob", "--yes"], ""), "deleted bob\n");
    assert_eq!(refused(&site, &["user", "show", "bob"], ""), (Some(1), "error: there is no account `bob`".into()));
}

#[test]
fn an_invitation_is_a_link_that_somebody_hands_out() {
    let site = site();
    done(&site, &["user", "list"], "");
    let closed = refused(&site, &["user", "invite", "ann@example.com"], "");
    let hint = "`sign_up.mode` is \"closed\", so no link makes an account; write \"invite\" in the config";
    assert_eq!(closed, (Some(1), format!("error: {hint}")));
    site.configure(&format!("{}\n[sign_up]\nmode = \"invite\"\n{APP}", site.preamble()));

    let told = done(&site, &["user", "invite", "ann@example.com", "--group", "finance"], "");

    let (said, link) = told.trim_end().split_once('\n').unwrap();
    assert!(said.starts_with("invited ann@example.com until ") && said.ends_with("; give them this link"), "{said}");
    let token = link.strip_prefix(&format!("https://auth.localhost:{}/invite?token=", site.https)).unwrap();
    assert_eq!(token.len(), 43);
    assert!(!fs::read(file(&site, "doorward.db")).unwrap().windows(43).any(|bytes| bytes == token.as_bytes()));
    assert_eq!(json(&done(&site, &["user", "list", "--json"], "")), json("[]"), "nobody has an account yet");
    let told = json(&done(&site, &["user", "invite", "bob", "--json"], ""));
    assert_eq!((told["login_id"].as_str(), told["mailed_to"].as_str()), (Some("bob"), None));
    done(&site, &["user", "add", "eve"], "correct horse\n");
    let known = refused(&site, &["user", "invite", "EVE"], "");
    assert_eq!(known, (Some(1), "error: there is already an account `eve`".into()));
}

/// Row 14: a phone comes after a mailbox, whoever vouches for it.
#[test]
fn nobody_vouches_for_a_phone_without_an_e_mail_address() {
    let site = site();
    site.configure(&format!("{}\n[sign_up]\nmode = \"invite\"\n{APP}", site.preamble()));
    let why = "error: a phone number takes an e-mail address beside it: give one with `--email`";
    let number = ["--phone", "+442079460123"];
    assert_eq!(done(&site, &["user", "invitations"], "").lines().last(), Some("nobody is invited"));
    for verb in ["add", "invite"] {
        let alone = refused(&site, &[&["user", verb, "ann"][..], &number].concat(), "");
        assert_eq!(alone, (Some(1), why.into()), "{verb}");
    }
    assert_eq!(done(&site, &["user", "invitations"], "").lines().last(), Some("nobody is invited"));

    let both = [&["user", "add", "ann", "--no-password", "--email", "ann@example.com"][..], &number].concat();
    done(&site, &both, "");
    // Who signs in by an address is written to there.
    done(&site, &[&["user", "invite", "bob@example.com"][..], &number].concat(), "");
}

#[test]
fn an_invitation_is_listed_and_taken_back() {
    let site = site();
    site.configure(&format!("{}\n[sign_up]\nmode = \"invite\"\n{APP}", site.preamble()));
    assert_eq!(done(&site, &["user", "invitations"], "").lines().last(), Some("nobody is invited"));
    done(&site, &["user", "invite", "ann@example.com", "--group", "finance"], "");
    done(&site, &["user", "invite", "bob", "--name", "Bob"], "");

    let open = json(&done(&site, &["user", "invitations", "--json"], ""));
    let logins: Vec<_> = open.as_array().unwrap().iter().map(|invitation| &invitation["login_id"]).collect();
    assert_eq!(logins, ["ann@example.com", "bob"]);
    assert_eq!((&open[0]["groups"], &open[1]["email"]), (&serde_json::json!(["finance"]), &serde_json::Value::Null));

    let said = done(&site, &["user", "withdraw", "ANN@example.com"], "");
    assert_eq!(said, "took back the invitation of ann@example.com; its link no longer works\n");
    let table = done(&site, &["user", "invitations"], "");
    assert!(table.starts_with("LOGIN ID  NAME  MAILED TO  GROUPS  ENDS\nbob       Bob   -"), "{table}");
    let nobody = refused(&site, &["user", "withdraw", "ann@example.com"], "");
    assert_eq!(nobody, (Some(1), "error: nobody is invited as `ann@example.com`".into()));
}

/// Row 13: how an account stands.
#[test]
fn an_account_shows_what_is_required_and_what_is_left() {
    let site = site();
    site.configure(&format!("{}\n[mfa]\ngrace = \"7d\"\n{APP}", site.preamble()));
    done(&site, &["user", "add", "ann"], "correct horse battery staple\n");

    let ahead = done(&site, &["user", "show", "ann"], "");
    assert!(ahead.contains("State     enabled\n"), "{ahead}");
    assert!(ahead.contains("Required  required; grace begins with the next sign-in\n"), "{ahead}");
    done(&site, &["user", "enroll-totp", "ann"], "");
    let has_one = done(&site, &["user", "show", "ann"], "");
    assert!(has_one.contains("Required  required\n"), "{has_one}");
    done(&site, &["user", "reset-mfa", "ann"], "");
    let over = done(&site, &["user", "show", "ann"], "");
    assert!(over.contains("Required  required; no grace: the next sign-in takes a second factor\n"), "{over}");
    let told = json(&done(&site, &["user", "show", "ann", "--json"], ""));
    assert_eq!(told["grace"], serde_json::json!({ "state": "over" }));
    assert_eq!((&told["requirement"], &told["recovery_codes_left"]), (&"required".into(), &0.into()));
}

#[test]
fn columns_of_a_list_are_aligned() {
    let site = site();
    done(&site, &["user", "add", "ann", "--name", "Ann Example", "--group", "finance"], "correct horse\n");
    done(&site, &["user", "add", "bartholomew@example.com", "--no-password"], "");

    let list = done(&site, &["user", "list"], "");
    // The times of day differ.
    let added = list.find("ADDED").unwrap();

    let table: Vec<_> = list.lines().map(|line| line[..added].trim_end()).collect();
    assert_snapshot!(table.join("\n"));
}

#[test]
fn a_password_is_a_line_of_standard_input() {
    let site = site();
    done(&site, &["user", "add", "ann"], "correct horse\r\n");

    let said = done(&site, &["user", "set-password", "ann"], "battery staple");
    assert_eq!(said, "set the password of ann; their sessions ended\n");

    let (refusal, overlong) =
        (|input: &str| refused(&site, &["user", "set-password", "ann"], input).1, "x".repeat(1025));
    assert_eq!(refusal(""), "error: there is no password on standard input");
    assert_eq!(refusal("\ncorrect horse\n"), "error: there is no password on standard input");
    assert_eq!(refusal("short\n"), "error: a password needs at least 8 characters");
    assert_eq!(refusal(&overlong), "error: a password has at most 1024 characters");
    assert_eq!(refusal("iloveyou1\n"), "error: that password is one of the most used");
    let nobody = refused(&site, &["user", "set-password", "eve"], "correct horse\n");
    assert_eq!(nobody, (Some(1), "error: there is no account `eve`".into()));
}

#[test]
fn a_totp_key_is_what_an_authenticator_app_takes() {
    let site = site();
    done(&site, &["user", "add", "ann"], "correct horse\n");

    let told = json(&done(&site, &["user", "enroll-totp", "ann", "--json"], ""));
    let (key, uri) = (told["key"].as_str().unwrap(), told["uri"].as_str().unwrap());
    // As independent a reader of these URIs as there is here.
    let read = totp_rs::Totp::from_url(uri).unwrap();
    assert_eq!(read.secret().to_base32(), key);

    let text = done(&site, &["user", "enroll-totp", "ann"], "");
    assert!(text.starts_with("Key  ") && text.contains("\nURI  otpauth://totp/"), "{text}");
    assert!(!text.contains('█'), "{text}");
    assert!(done(&site, &["user", "enroll-totp", "ann", "--qr"], "").contains('█'));

    assert_eq!(json(&done(&site, &["user", "show", "ann", "--json"], ""))["second_factors"], 3);
    let reset = done(&site, &["user", "reset-mfa", "ann"], "");
    assert!(reset.starts_with("removed 3 second factors of ann;"), "{reset}");
    let shown = done(&site, &["user", "show", "ann"], "");
    assert!(shown.contains("Factor    none; the first can be set up until "), "{shown}");
    assert!(shown.contains("Recovery  0 codes left\n"), "{shown}");
}

#[test]
fn nobody_is_signed_in_yet() {
    let site = site();
    done(&site, &["user", "add", "ann"], "correct horse\n");

    assert_eq!(done(&site, &["session", "list"], ""), "");
    assert_eq!(done(&site, &["session", "list", "--user", "ann", "--json"], ""), "[]\n");
    assert_eq!(done(&site, &["session", "revoke", "--user", "ann"], ""), "ended 0 sessions\n");
    let unknown = "018f0000-0000-7000-8000-000000000000";
    let refusal = refused(&site, &["session", "revoke", unknown], "");
    assert_eq!(refusal, (Some(1), format!("error: there is no session {unknown}")));
}

#[test]
fn a_key_file_that_is_open_to_others_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = site();
    done(&site, &["user", "list"], "");
    let key = file(&site, "doorward.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();

    let (code, error) = refused(&site, &["user", "list"], "");

    let key = key.display();
    assert_eq!(code, Some(1));
    assert_eq!(error, format!("error: the key file {key} can be read by others (mode 0644); run: chmod 600 {key}"));
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let site = site();
    fs::write(file(&site, "doorward.db"), "no database ".repeat(1000)).unwrap();

    let (code, error) = refused(&site, &["user", "list"], "");

    assert_eq!(code, Some(1));
    let database = file(&site, "doorward.db").display().to_string();
    assert_eq!(error, format!("error: the store does not answer: {database} is not a SQLite database"));
}
