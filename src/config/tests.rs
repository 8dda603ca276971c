use super::{
    settings::{Assertion, StoreUrl},
    *,
};
use crate::domain::{
    enrolment::{FirstFactor, Requirements, SignUp},
    factor::Method,
    password::Policy as PasswordPolicy,
    policy::{Access, Policy},
    session::Level,
};
use proptest::prelude::*;
use std::{collections::HashMap, path::PathBuf, time::Duration};

/// Variables and files that exist only here.
#[derive(Default)]
struct Pretend {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<PathBuf, &'static str>,
}

impl Environment for Pretend {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(ToString::to_string)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).map(ToString::to_string).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const SHIPPED: &str = include_str!("../../config.toml");

fn read_with(text: &str, environment: &Pretend) -> Result<Reading, Problems> {
    read(&Source::new("config.toml", text), Path::new("/etc/doorward"), environment)
}

fn read_text(text: &str) -> Result<Reading, Problems> {
    read_with(text, &Pretend::default())
}

#[test]
fn the_shipped_file_is_right_and_its_tests_hold() {
    let reading = read_text(SHIPPED).unwrap_or_else(|problems| panic!("{problems}"));

    assert!(reading.warnings.is_empty(), "{}", reading.warnings);
    reading.run_tests().unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn a_path_that_servers_read_in_two_ways_is_explained_as_refused() {
    let routes = "policy = \"open\", allow_in_path = [\";\"], route = [{ path = \"/admin/**\", policy = \"deny\" }]";
    let text = [&LEAST.replace("policy = \"deny\"", routes), "[policy.open]\nlevel = \"public\"\n"].concat();
    let settings = read_text(&text).unwrap_or_else(|problems| panic!("{problems}")).settings;
    let told = |path: &str| {
        let request = explain::Request::parse(&format!("GET https://payroll.example.com{path}")).unwrap();
        explain::explain(&settings, &request, None, &[], None, crate::domain::time::Timestamp::from_millis(0))
    };

    assert_eq!(told("/shop;x=1").outcome, explain::Outcome::Forward);
    for path in ["/admin;x=1/users", "/x/;/admin"] {
        let told = told(path);
        assert_eq!(told.outcome, explain::Outcome::Refuse, "{told}");
        assert!(told.way.tries.iter().all(|tried| !tried.decides), "{told}");
    }
    insta::assert_snapshot!(told("/admin;x=1/users").why, @"servers would read its path in two ways, and not the same policy holds for both");
}

#[test]
fn a_reading_of_the_path_that_is_unclear_takes_the_decision_from_the_route_that_fits() {
    let routes = "policy = \"open\", allow_in_path = [\";\"], route = [{ path = \"/admin\", query = { a = \"b\" }, policy = \"deny\" }, \
                  { path = \"/**\", policy = \"open\", overlap = \"intended\" }]";
    let text = [&LEAST.replace("policy = \"deny\"", routes), "[policy.open]\nlevel = \"public\"\n"].concat();
    let settings = read_text(&text).unwrap_or_else(|problems| panic!("{problems}")).settings;
    let request = explain::Request::parse("GET https://payroll.example.com/admin;x=1?A=b").unwrap();

    let told = explain::explain(&settings, &request, None, &[], None, crate::domain::time::Timestamp::from_millis(0));

    assert_eq!((told.outcome, told.way.tries[1].part), (explain::Outcome::Refuse, Some("unclear")), "{told}");
    assert!(told.way.tries.iter().all(|tried| !tried.decides), "{told}");
    insta::assert_snapshot!(told.way.tries[1].mismatch.as_deref().unwrap(), @"it fits the path as it is written; for another reading of it, servers would read in two ways what route 1 asks for");
}

#[test]
fn a_test_that_expects_a_refusal_by_a_route_fails_for_no_route_refuses() {
    let case = "[[test]]\nname = \"by the first route\"\nrequest = \"get https://payroll.example.com/admin\"\n\
                expect = \"refuse\"\nroute = \"/admin\"\n";
    let routes = "route = [{ path = \"/admin\", policy = \"deny\" }]";
    let text = [&LEAST.replace("policy = \"deny\"", routes), case].concat();

    let problems = read_text(&text).unwrap().run_tests().unwrap_err().to_string();

    assert!(problems.contains("another route decides, or none"), "{problems}");
}

#[test]
fn a_network_with_nobody_in_it_is_told() {
    let text = [LEAST, "[networks]\nnobody = [\"file:nobody.txt\"]\n"].concat();
    let files = [(PathBuf::from("/etc/doorward/nobody.txt"), "# nobody yet\n\n")].into();

    let warnings = read_with(&text, &Pretend { files, ..Pretend::default() }).unwrap().warnings;

    assert!(warnings.to_string().contains("no address is in the network `nobody`"), "{warnings}");
}

/// The least that can be written.
const LEAST: &str = r#"
tls.certificates = [{ cert = "a.pem", key = "/keys/a.key" }]
portal.url = "https://auth.example.com:8443"
app = [{ name = "payroll", host = "payroll.example.com", upstream = ["http://127.0.0.1:9000"], policy = "deny" }]
"#;

#[test]
fn what_is_not_written_has_its_default() {
    let settings = read_text(LEAST).unwrap().settings;
    let Settings {
        server,
        tls,
        portal,
        store,
        session,
        mfa,
        risk,
        hold,
        sign_up,
        password,
        mail,
        sms,
        voice,
        records,
        policies,
        apps,
    } = settings;

    assert_eq!(server.listen, ["0.0.0.0:8443".parse().unwrap()]);
    assert_eq!(server.admin, Some("127.0.0.1:9443".parse().unwrap()));
    assert_eq!((server.redirect, server.trusted_proxies, server.workers), (vec![], vec![], None));
    assert_eq!((server.body_max, server.drain), (100 << 20, Duration::from_secs(30)));
    assert_eq!(tls.certificates[0].cert, Path::new("/etc/doorward/a.pem"));
    assert_eq!(tls.certificates[0].key, Path::new("/keys/a.key"));
    assert_eq!(portal.url.to_string(), "https://auth.example.com:8443");
    assert_eq!(portal.accent.to_string(), "#14634f");
    assert!(matches!(store.url, StoreUrl::Sqlite(path) if path == Path::new("/etc/doorward/doorward.db")));
    assert_eq!((session.lifetime, session.idle), (Duration::from_hours(12), Duration::from_mins(30)));
    assert_eq!((hold.body_max, hold.total_max), (10 << 20, 1 << 30));
    assert_eq!(
        (mfa.requirements, mfa.methods),
        (Requirements::default(), vec![Method::Passkey, Method::SecurityKey, Method::Totp])
    );
    assert_eq!(mfa.first_factor, FirstFactor::Operator);
    assert_eq!(mfa.remember, Some(Duration::from_hours(30 * 24)));
    assert_eq!(sign_up.mode, SignUp::Closed);
    assert!(risk.is_none());
    assert!(mail.is_none() && sms.is_none() && voice.is_none() && records.is_none());
    assert_eq!((password.policy, password.breached), (PasswordPolicy::default(), None));
    assert_eq!(policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), ["public", "deny"]);
    assert_eq!(apps[0].app.title, "Payroll");
    assert_eq!(apps[0].upstreams[0].to_string(), "http://127.0.0.1:9000");
    assert_eq!(apps[0].identity.user, "remote-user");
    assert_eq!(apps[0].identity.assertion, Assertion::Sent);
}

#[test]
fn an_app_may_ask_for_more_than_its_policies_say() {
    let text = format!(
        r#"{LEAST}
[policy.open]
level = "public"

[policy.staff]
level = "login"
groups = ["staff"]

[policy.keys]
level = "phishing-resistant"
"#
    );
    let app = r#"policy = "staff", mfa = "required", route = [
        { path = "/logo.png", policy = "open" }, { path = "/keys", policy = "keys" }, { path = "/x", policy = "deny" },
    ] }"#;
    let apps =
        read_text(&text.replace(r#"policy = "deny" }"#, app)).unwrap_or_else(|wrong| panic!("{wrong}")).settings.apps;

    let level = |policy: &Policy| match &policy.access {
        Access::Require(requirement) => Some(requirement.level.floor()),
        Access::Public | Access::Deny => None,
    };
    let routes: Vec<_> = apps[0].app.routes.iter().map(|route| level(&route.policy)).collect();
    assert_eq!(routes, [None, Some(Level::PhishingResistant), None]);
    let fallback = apps[0].app.fallback.as_ref().unwrap();
    assert_eq!((fallback.name.as_str(), level(fallback)), ("staff", Some(Level::Mfa)));
    assert!(matches!(&fallback.access, Access::Require(requirement) if requirement.who.is_some()));
}

#[test]
fn the_environment_fills_in_texts_and_secrets_may_stand_in_files() {
    let text = format!("store.url = \"file:secrets/url\"\nportal.name = \"${{NAME}} & $${{NAME}}\"\n{LEAST}");
    let environment = Pretend {
        variables: HashMap::from([("NAME", "Example")]),
        files: HashMap::from([("/etc/doorward/secrets/url".into(), "postgres://ann:pw@db/doorward\n")]),
    };

    let settings = read_with(&text, &environment).unwrap_or_else(|problems| panic!("{problems}")).settings;

    assert_eq!(settings.portal.name, "Example & ${NAME}");
    assert!(matches!(&settings.store.url, StoreUrl::Postgres(url) if url.matches(b"postgres://ann:pw@db/doorward")));
    assert!(!format!("{settings:?}").contains("pw@db"));
}

#[test]
fn messages_leave_as_they_are_told_to() {
    use crate::adapters::{
        messages::settings::{BodyKind, MailRoute, PhoneRoute, Security},
        upstream::Trust,
    };
    let text = format!(
        r#"
        mail = {{ from = "Example <no-reply@example.com>", url = "smtp://[::1]:2525", user = "ann", password = "file:pw", ca = "ca.pem", timeout = "3s" }}
        sms = {{ preset = "twilio", account = "AC1", token = "${{TOKEN}}", from = "+441632960000", countries = ["+44"] }}
        voice = {{ url = "https://calls.example.com/?n={{to}}", headers = ["X-Key: file"], content_type = "form", body = "say={{text}}", countries = ["+44"] }}
        {LEAST}"#
    );
    let environment = Pretend {
        variables: HashMap::from([("TOKEN", "hunter2")]),
        files: HashMap::from([("/etc/doorward/pw".into(), "hunter3\n")]),
    };

    let settings = read_with(&text, &environment).unwrap_or_else(|problems| panic!("{problems}")).settings;

    assert!(!format!("{settings:?}").contains("hunter"), "{settings:?}");
    let (mail, sms, voice) = (settings.mail.unwrap(), settings.sms.unwrap(), settings.voice.unwrap());
    assert_eq!((mail.from.to_string().as_str(), mail.timeout.as_secs()), ("Example <no-reply@example.com>", 3));
    let MailRoute::Smtp(server) = mail.route else { panic!("no server") };
    assert_eq!((server.host.as_str(), server.port, server.security), ("[::1]", 2525, Security::StartTls));
    assert_eq!(server.trust, Trust::Authorities("/etc/doorward/ca.pem".into()));
    assert!(server.login.unwrap().password.matches(b"hunter3"));
    let PhoneRoute::Twilio(twilio) = sms.route else { panic!("not Twilio") };
    assert_eq!(twilio.url.as_str(), "https://api.twilio.com/");
    assert!(twilio.token.matches(b"hunter2"));
    let PhoneRoute::Http(template) = voice.route else { panic!("not our own") };
    assert_eq!((template.url.as_str(), template.content), ("https://calls.example.com/?n={to}", BodyKind::Form));
    assert_eq!((template.method.as_str(), template.headers.len(), voice.timeout.as_secs()), ("POST", 1, 10));
}

#[test]
fn the_password_of_a_store_is_never_repeated() {
    let text = format!("store.url = '''mysql://ann:hunter2\n@db'''\nportal.nam = \"x\"\n{LEAST}");
    let problems = read_text(&text).unwrap_err();

    assert!(!problems.to_string().contains("hunter2") && !format!("{problems:?}").contains("hunter2"), "{problems}");
}

/// Every key is written as a date, which none takes, and so must be answered where it stands.
#[test]
fn every_key_of_the_list_is_read() {
    for shape in keys::ALL.iter().filter(|shape| !shape.header.is_empty()) {
        for key in shape.keys {
            let inside = format!("{} = 2001-01-01\n", key.name);
            let file = match shape.header {
                "certificates = [{ … }]" => format!("[tls]\ncertificates = [{{ {} }}]\n", inside.trim()),
                "headers = { … }" => format!("[[app]]\nheaders = {{ {} }}\n", inside.trim()),
                "cors = { … }" => format!("[[app]]\ncors = {{ {} }}\n", inside.trim()),
                "health = { … }" => format!("[[app]]\nhealth = {{ {} }}\n", inside.trim()),
                "fresh = { … }" => format!("[policy.x]\nfresh = {{ {} }}\n", inside.trim()),
                "allow = { … }" => format!("[policy.x]\nallow = {{ {} }}\n", inside.trim()),
                "all_of = [{ … }]" => format!("[level.x]\nall_of = [{{ {} }}]\n", inside.trim()),
                "[level.NAME]" => format!("[level.x]\n{inside}"),
                "hours = { … }" => format!("[[app]]\n[[app.route]]\nhours = {{ {} }}\n", inside.trim()),
                "user = { … }" => format!("[[test]]\nuser = {{ {} }}\n", inside.trim()),
                "[[app.route]]" => format!("[[app]]\n[[app.route]]\n{inside}"),
                "[policy.NAME]" => format!("[policy.x]\n{inside}"),
                "[policy.NAME.risk]" => format!("[policy.x.risk]\n{inside}"),
                header => format!("{header}\n{inside}"),
            };
            let problems = read_text(&file).unwrap_err();
            assert!(problems.iter().any(|problem| problem.code == Code::WrongType), "{file}\n{problems}");
            assert!(problems.iter().all(|problem| problem.code != Code::UnknownKey), "{file}\n{problems}");
        }
    }
}

#[test]
fn a_missing_certificate_is_told_apart_from_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    let text = LEAST.replace("/keys/a.key", "a.key").replace("a.pem", ".");

    let reading = read(&Source::new("config.toml", &text), folder.path(), &Pretend::default()).unwrap();
    let problems = reading.check().unwrap_err();

    let found: Vec<_> = problems.iter().map(|problem| (problem.code, problems.position(problem))).collect();
    assert_eq!(found, [(Code::MissingFile, (2, 30)), (Code::MissingFile, (2, 41))], "{problems}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let problems = read_text("").unwrap_err();
    let coloured = problems.coloured();

    assert!(coloured.contains('\u{1b}'));
    assert_eq!(without_colours(&coloured), problems.to_string());
}

fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split('\u{1b}') {
        let styled = part.starts_with('[');
        plain.push_str(if styled { part.split_once('m').unwrap().1 } else { part });
    }
    plain
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");

    std::fs::write(&path, b"a = 1\nb = \"\xe9\"\n").unwrap();
    assert!(Source::load(&path).unwrap_err().to_string().contains("config.toml:2:6: not UTF-8"));
    std::fs::write(&path, vec![b' '; (8 << 20) + 1]).unwrap();
    assert!(matches!(Source::load(&path), Err(Unreadable::TooLarge { .. })));
    assert!(matches!(Source::load(folder.path()), Err(Unreadable::Io { .. })));
}

#[test]
fn a_test_says_which_signal_showed_and_explain_says_what_that_does() {
    let policy = "[risk]\ngeo = \"map\"\n[policy.careful]\nlevel = \"login\"\n\
                  risk = { deny = 90, on = { new-country = \"deny\", new-device = \"require\" } }\n";
    let case = |signal: &str, did: &str, expect: &str| {
        format!(
            "[[test]]\nname = \"{signal}: {expect}\"\nrequest = \"GET https://payroll.example.com/\"\n\
             risk = [\"{signal}\"]\ndid = [{did}]\nexpect = \"{expect}\"\n"
        )
    };
    let (alone, both) = ("\"password 1m ago\"", "\"password 1m ago\", \"totp 1m ago\"");
    let cases = [
        case("new-network", alone, "forward"),
        case("new-device", alone, "step-up"),
        case("new-device", both, "forward"),
        case("new-country", both, "deny"),
    ];
    let text = [&LEAST.replace("policy = \"deny\"", "policy = \"careful\""), policy, &cases.concat()].concat();

    let reading = read_text(&text).unwrap_or_else(|problems| panic!("{problems}"));

    reading.run_tests().unwrap_or_else(|problems| panic!("{problems}"));
    let case = reading.cases.last().unwrap();
    let told = explain::explain(&reading.settings, &case.request, None, &case.did, case.risk.as_ref(), case.now);
    insta::assert_snapshot!(told.clauses.last().unwrap().demands, @"no new-device, or level mfa; risk below 90, whatever is proven; no new-country, whatever is proven");
}

#[test]
fn an_intended_overlap_is_no_mistake() {
    let routes = |overlap: &str| {
        let opening = format!("{{ path = \"/api/**\", policy = \"public\"{overlap} }}");
        let route = format!("policy = \"deny\", route = [{opening}, {{ path = \"/api/admin\", policy = \"deny\" }}]");
        read_text(&LEAST.replace("policy = \"deny\"", &route))
    };

    assert!(routes("").unwrap_err().iter().any(|problem| problem.code == Code::Hidden));
    assert!(routes(", overlap = \"intended\"").is_ok());
}

proptest! {
    /// Lines of the shipped file in any order, with any text between: no panic, and each position inside the file.
    #[test]
    fn reading_never_panics(
        lines in prop::collection::vec(prop::sample::select(SHIPPED.lines().collect::<Vec<_>>()), 0..40),
        noise in "\\PC{0,12}",
        at in 0usize..40,
    ) {
        let mut lines = lines;
        lines.insert(at.min(lines.len()), &noise);
        let text = lines.join("\n");
        if let Err(problems) = read_text(&text) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| problem.at.end <= text.len()));
            let _ = problems.to_string();
        }
    }

    #[test]
    fn a_value_of_any_kind_never_panics(value in "[-\"'\\[\\]{}$a-z0-9:/.,= é]{0,16}", key in 0usize..60) {
        let keys: Vec<_> = keys::ALL.iter().flat_map(|shape| shape.keys).collect();
        let name = keys[key % keys.len()].name;
        let text = format!("[server]\n{name} = {value}\n[[app]]\n{name} = \"{value}\"\n[[test]]\n{name} = [\"{value}\"]\n");
        prop_assert!(!read_text(&text).unwrap_err().to_string().is_empty());
    }
}
