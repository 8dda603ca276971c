//! What becomes of a config file, right or wrong.

use super::{APP, PROGRAM, done, errors, file, json, out, refused, site, without_config};
use std::fs;
use support::gateway::Site;

#[test]
fn a_good_config_is_counted() {
    let site = site();
    let name = site.config_path().display().to_string();

    let said = done(&site, &["check"], "");
    assert_eq!(said, format!("{name}: 1 app, 1 route, 2 policies, 1 test passed\n"));

    let told = json(&done(&site, &["check", "--json"], ""));
    let transfers = serde_json::json!({ "app": "payroll", "route": "POST /transfers/**" });
    assert_eq!(
        told,
        serde_json::json!({
            "apps": 1, "routes": 1, "policies": 2, "tests": 1, "untested": [transfers],
            "errors": 0, "warnings": 0, "problems": [],
        })
    );
    let coverage = done(&site, &["check", "--coverage"], "");
    assert!(coverage.ends_with("\nno test touches payroll: POST /transfers/**\n"), "{coverage}");
}

#[test]
fn warnings_are_told_and_stop_nothing() {
    let site = site();
    site.configure(&format!("{}{APP}\n[policy.spare]\nlevel = \"login\"\n", site.preamble()));

    let output = site.run(&["check"], "");

    assert_eq!(output.status.code(), Some(0));
    assert!(errors(&output).starts_with("warning[C0101]"), "{}", errors(&output));
    assert!(out(&output).ends_with("1 test passed; 1 warning\n"), "{}", out(&output));
}

#[test]
fn a_strict_check_ends_differently_for_a_clean_file_for_warnings_and_for_errors() {
    let site = site();
    assert_eq!(done(&site, &["check", "--strict", "--json"], ""), done(&site, &["check", "--json"], ""));
    site.configure(&format!("{}{APP}\n[policy.spare]\nlevel = \"login\"\n", site.preamble()));

    let (code, error) = refused(&site, &["check", "--strict"], "");
    assert_eq!(code, Some(3));
    assert!(error.ends_with("error: the config file has 1 warning, and --strict lets none pass"), "{error}");
    let output = site.run(&["check", "--strict", "--json"], "");
    assert_eq!((output.status.code(), errors(&output).as_str()), (Some(3), ""));
    let problem = &json(&out(&output))["problems"][0];
    assert_eq!((&problem["severity"], &problem["code"]), (&"warning".into(), &"C0101".into()));

    site.configure(&format!("{}{APP}\n[policy.spare]\nlevel = \"logn\"\n", site.preamble()));
    assert_eq!(refused(&site, &["check", "--strict"], "").0, Some(1));
    assert_eq!(site.run(&["check", "--strict", "--json"], "").status.code(), Some(1));
}

#[test]
fn a_program_is_told_each_problem_and_where_it_stands() {
    let site = site();
    site.configure(&format!("{}{APP}\n[sesion]\nidle = \"2h\"\n", site.preamble()));

    let output = site.run(&["check", "--json"], "");

    let told = json(&out(&output));
    let line = fs::read_to_string(site.config_path()).unwrap().lines().position(|line| line == "[sesion]").unwrap() + 1;
    assert_eq!((output.status.code(), &told["errors"]), (Some(1), &1.into()));
    let problem = &told["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&line.into(), &2.into()), "{told}");
    assert_eq!(problem["help"], "did you mean `session`?");
}

/// A CI machine has no certificates, and wants to know about the tests all the same.
#[test]
fn a_missing_file_hides_no_failing_test() {
    let site = site();
    site.configure(&format!("{}{}", site.preamble(), APP.replace("\"sign-in\"", "\"forward\"")));
    fs::remove_file(file(&site, "site.pem")).unwrap();

    for verb in ["check", "serve"] {
        let (code, error) = refused(&site, &[verb], "");
        assert_eq!(code, Some(1));
        assert!(error.contains("error[C0012]: this file can't be opened"), "{error}");
        assert!(error.contains("error[C0013]: the test \"strangers sign in first\" fails"), "{error}");
        assert!(error.ends_with("\nerror: the config file has 2 errors"), "{error}");
    }
}

#[test]
fn what_passes_a_check_is_not_refused_for_what_its_files_hold() {
    let site = site();
    let broken = |name: &str, text: &str| {
        let before = fs::read(file(&site, name)).ok();
        fs::write(file(&site, name), text).unwrap();
        let (code, error) = refused(&site, &["check"], "");
        assert_eq!(code, Some(1), "{name}");
        let title = error.lines().find(|line| line.starts_with("error[C0015]: this file can't be used: "));
        let title = title.unwrap_or_else(|| panic!("{name}: {error}")).to_owned();
        if let Some(before) = before {
            fs::write(file(&site, name), before).unwrap();
        }
        title
    };
    let other = Site::new(PROGRAM, &["payroll.localhost"]);
    let others_key = fs::read_to_string(other.folder().join("site.key")).unwrap();

    assert!(broken("site.key", &others_key).contains("is not the key of this certificate"));
    assert!(broken("site.key", "no key").contains("site.key"));
    assert!(broken("site.pem", "no certificate").ends_with("site.pem holds no certificate for a host"));
    done(&site, &["check"], "");
    let risk = format!("[risk]\ngeo = \"{}\"\n", file(&site, "map.mmdb").display());
    site.configure(&format!("{}{risk}{APP}", site.preamble()));
    broken("map.mmdb", "no map");
    let ca = APP.replace("http://127.0.0.1:9\"]", "https://127.0.0.1:9\"]\nupstream_ca = \"ca.pem\"");
    site.configure(&format!("{}{ca}", site.preamble()));
    assert!(broken("ca.pem", "nobody").contains("no certificate authority"));
}

#[test]
fn a_program_is_told_too_of_a_file_that_can_not_be_read() {
    let site = site();
    let told = |bytes: Option<&[u8]>| {
        let path = site.config_path();
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let output = site.run(&["check", "--json"], "");
        assert_eq!((output.status.code(), errors(&output).as_str()), (Some(1), ""));
        let told = json(&out(&output));
        assert_eq!((&told["errors"], &told["problems"][0]["code"]), (&1.into(), &"C0016".into()), "{told}");
        (told["problems"][0]["line"].clone(), told["problems"][0]["title"].as_str().unwrap().to_owned())
    };

    let (line, title) = told(Some(b"[portal]\nname = \"\xe9\"\n"));
    assert!(line == 2 && title.contains("not UTF-8"), "{title}");
    assert!(told(Some(&vec![b'#'; 10 << 20])).1.contains("larger than 8 MiB"));
    assert!(told(None).1.contains("No such file"));
}

#[test]
fn the_schema_is_printed_without_a_config() {
    let schema = json(&out(&without_config(&["schema"])));

    assert_eq!(schema["$defs"]["app"]["properties"]["name"]["type"], "string");
}

#[test]
fn every_verb_refuses_a_wrong_config() {
    let site = site();
    site.configure(&format!("{}{APP}\n[sesion]\nidle = \"2h\"\n", site.preamble()));

    for verb in [&["check"][..], &["serve"], &["user", "list"], &["explain", "GET", "https://payroll.localhost/"]] {
        let (code, error) = refused(&site, verb, "");
        assert_eq!(code, Some(1), "{error}");
        assert!(error.starts_with("error[C0002]"), "{error}");
        assert!(error.ends_with("\nerror: the config file has 1 error"), "{error}");
    }
}

/// Row 27: tests stand in the file.
#[test]
fn a_config_whose_test_fails_is_not_served() {
    let site = site();
    site.configure(&format!("{}{}", site.preamble(), APP.replace("\"sign-in\"", "\"forward\"")));

    for verb in ["check", "serve"] {
        let (code, error) = refused(&site, &[verb], "");
        assert_eq!(code, Some(1));
        assert!(error.contains("the test \"strangers sign in first\" fails"), "{error}");
    }
}

#[test]
fn a_gateway_that_can_not_record_does_not_start() {
    let site = site();
    site.configure(&format!("{}[records]\nfile = \"nowhere/decisions.jsonl\"\n{APP}", site.preamble()));

    let nowhere = file(&site, "nowhere/decisions.jsonl").display().to_string();
    let why = format!("error: decisions can't be recorded in {nowhere}: No such file or directory (os error 2)");
    assert_eq!(refused(&site, &["serve"], ""), (Some(1), why));
}

#[test]
fn a_config_that_is_not_there_is_named() {
    let site = site();
    fs::remove_file(site.config_path()).unwrap();

    let (code, error) = refused(&site, &["check"], "");

    assert_eq!(code, Some(1));
    let name = site.config_path().display().to_string();
    assert_eq!(
        error,
        format!("error: can't read {name}: No such file or directory (os error 2); name the config file with -c")
    );
}
