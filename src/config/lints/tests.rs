use crate::{
    config::{Problems, ProcessEnvironment, Reading, Source, problem::Code, read},
    domain::{
        policy::{
            Visitor, WhyAnonymous,
            call::{Call, Form},
        },
        target::CanonicalPath,
        time::Timestamp,
    },
};
use proptest::prelude::*;
use std::path::Path;

const BEFORE: &str = r#"
tls.certificates = [{ cert = "a.pem", key = "a.key" }]
portal.url = "https://auth.example.com"

[networks]
office = ["10.0.0.0/8"]
home = ["192.0.2.0/24"]

[policy.standard]
level = "mfa"

[policy.payments]
level = "login"

[[app]]
name = "payroll"
host = "payroll.example.com"
upstream = ["http://127.0.0.1:9000"]
policy = "standard"
"#;

fn reading(routes: &str) -> Result<Reading, Problems> {
    read(&Source::new("config.toml", &[BEFORE, routes].concat()), Path::new("/"), &ProcessEnvironment)
}

/// The places of routes that are called unreachable.
fn unreachable(reading: &Reading, text: &str) -> Vec<usize> {
    let place = |at: usize| text[..at - BEFORE.len()].matches("[[app.route]]").count() - 1;
    let found = reading.warnings.iter().filter(|problem| problem.code == Code::UnreachableRoute);
    found.map(|problem| place(problem.at.start)).collect()
}

fn any_route() -> impl Strategy<Value = String> {
    let of = |values: &'static [&'static str]| prop::sample::select(values);
    let path = of(&["/a", "/a/**", "/a/*", "/*", "/**", "/a/b", "/**/b", "/*.css", "/a;x", "/a%2Fb", "/A/"]);
    let policy = of(&["standard", "payments", "deny", "public"]);
    let query = of(&["", "", "query = { op = \"x\" }", "query = { op = \"*\" }", "query = { op = \"x\", to = \"*\" }"]);
    let form = of(&["", "", "form = { op = \"x\" }", "headers = { x-mode = \"1\" }", "users = [\"ann\"]"]);
    let networks = of(&["", "", "networks = [\"office\"]", "networks = [\"home\", \"office\"]"]);
    let methods = of(&["", "methods = [\"GET\"]", "methods = [\"POST\", \"GET\"]", "methods = [\"POST\"]"]);
    (path, policy, query, form, networks, methods, any::<bool>()).prop_map(|(path, policy, query, form, networks, methods, exact)| {
        // What opens something must be anchored, and would be an error before other routes.
        let policy = if path.contains('*') && !path.ends_with("/**") || path == "/**/b" { "deny" } else { policy };
        let overlap = if policy == "public" { "overlap = \"intended\"" } else { "" };
        format!(
            "[[app.route]]\npath = \"{path}\"\npolicy = \"{policy}\"\ncase_sensitive = {exact}\n{overlap}\n{query}\n{form}\n{networks}\n{methods}\n"
        )
    })
}

/// So many routes of one kind, in a file.
fn many(count: usize, route: fn(usize) -> String) -> String {
    (0..count).map(|at| ["[[app.route]]\n", &route(at), "\n"].concat()).collect()
}

/// Sixteen times as many take about sixteen times as long. Four times that is let pass, for machines are busy; what grows with
/// the square of them takes sixteen times that.
#[test]
#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn reading_takes_no_longer_a_route_where_there_are_many() {
    const KINDS: [fn(usize) -> String; 7] = [
        |at| format!("policy = \"standard\"\npath = \"/api/v{at}/**\""),
        |at| format!("policy = \"standard\"\npath = \"/*/reports/v{at}\""),
        |at| {
            format!(
                "policy = \"standard\"\npath = \"/index.php\"\nquery = {{ action = \"a{at}\" }}\nmethods = [\"POST\"]"
            )
        },
        |at| format!("policy = \"standard\"\npath = \"/index.php\"\nquery = {{ a{at} = \"*\" }}"),
        |at| format!("policy = \"standard\"\npath = \"/**/x{at}\""),
        |at| match at % 2 {
            0 => format!("policy = \"public\"\npath = \"/open/p{at}\""),
            _ => format!("policy = \"standard\"\npath = \"/**/x{at}\""),
        },
        |at| match at % 2 {
            0 => format!("policy = \"public\"\npath = \"/p{at}/**\""),
            _ => format!("policy = \"standard\"\npath = \"/q{at}/**/x{at}\""),
        },
    ];
    for kind in KINDS {
        let lasts = |count| {
            let text = many(count, kind);
            let once = || {
                let begun = std::time::Instant::now();
                assert!(reading(&text).unwrap().settings.apps[0].app.routes.len() == count);
                begun.elapsed()
            };
            (0..3).map(|_| once()).min().unwrap()
        };
        let (few, lots) = (lasts(500), lasts(8_000));
        assert!(lots < few * 16 * 4, "{}: {few:?} for 500, {lots:?} for 8,000", kind(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn check_never_calls_a_route_unreachable_that_a_request_reaches(
        routes in prop::collection::vec(any_route(), 2..7),
        lenient: bool,
        path in prop::sample::select(&["/a", "/A", "/a/", "/a/b", "/x.css", "/a;x", "/a%2Fb", "/", "/b/b"][..]),
        method in prop::sample::select(&["GET", "POST", "HEAD", "OPTIONS"][..]),
        query in prop::sample::select(&["", "op=x", "op=x&to=1", "op=y"][..]),
        form in prop::sample::select(&["", "op=x"][..]),
        (mode, client) in (any::<bool>(), prop::sample::select(&["10.0.0.1", "192.0.2.1", "203.0.113.1"][..])),
    ) {
        let text = [if lenient { "allow_in_path = [\";\", \"%2F\"]\n" } else { "" }, &routes.concat()].concat();
        let reading = reading(&text).unwrap();
        let never = unreachable(&reading, &text);
        let app = &reading.settings.apps[0].app;
        let Ok(path) = CanonicalPath::parse(path, app.allowed) else { return Ok(()) };
        let fields: Vec<_> = mode.then(|| ("x-mode".to_owned(), "1".to_owned())).into_iter().collect();
        let stranger = Visitor::Anonymous(WhyAnonymous::NoCookie);
        let form = if form.is_empty() { Form::Empty } else { Form::Fields(form) };
        let (query, fields, client, visitor, now) =
            (Some(query), &fields, client.parse().ok(), Some(&stranger), Timestamp::from_millis(0));
        let call = Call { method, path: &path, query, fields, client, form, visitor, now };
        if let Ok(Some(matched)) = app.matched(&call) && let Some((place, _)) = matched.route {
            prop_assert!(!never.contains(&place), "{}", reading.warnings);
        }
    }
}
