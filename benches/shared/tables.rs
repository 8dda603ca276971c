//! Ten thousand routes of one kind, and how long it may take to read them and to find one.

use super::stopwatch::takes_less_than;
use doorward::{
    config::{self, ProcessEnvironment, Reading, Source},
    domain::{
        policy::{
            call::{Call, Form, NoFields},
            route::App,
        },
        target::{Allowed, CanonicalPath},
        time::Timestamp,
    },
};
use std::{hint::black_box, path::Path, time::Duration};

const COUNT: usize = 10_000;
const READ_MAX: Duration = Duration::from_secs(1);
const FOUND_MAX: Duration = Duration::from_micros(20);

const BEFORE: &str = r#"
tls.certificates = [{ cert = "a.pem", key = "a.key" }]
portal.url = "https://auth.example.com"
[policy.standard]
level = "mfa"
[[app]]
name = "payroll"
host = "payroll.example.com"
upstream = ["http://127.0.0.1:9000"]
policy = "deny"
"#;

/// So many routes of one kind; a request for one of the last, and one for none of them.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    route: fn(usize) -> String,
    pub(crate) hit: (&'static str, &'static str),
    pub(crate) miss: (&'static str, &'static str),
}

pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "a_path_each",
        route: |at| match at % 4 {
            0 => format!("policy = \"standard\"\npath = \"/api/v{at}/**\""),
            1 => format!("policy = \"standard\"\npath = \"/api/v{at}/*\""),
            2 => format!("policy = \"standard\"\npath = \"/api/v{at}/*.csv\""),
            _ => format!("policy = \"standard\"\npath = \"/api/v{at}\""),
        },
        hit: ("/api/v9998/2026.csv", ""),
        miss: ("/api/v9998x/2026.csv", ""),
    },
    Table {
        name: "a_parameter_each",
        route: |at| {
            format!(
                "policy = \"standard\"\npath = \"/index.php\"\nmethods = [\"GET\", \"POST\"]\n\
                 query = {{ action = \"a{at}\" }}\nlabel = \"{at}\""
            )
        },
        hit: ("/index.php", "page=2&action=a9998&sort=name"),
        miss: ("/index.php", "page=2&action=view&sort=name"),
    },
    Table {
        name: "a_path_each_below_a_star",
        route: |at| format!("policy = \"standard\"\npath = \"/*/reports/v{at}/**\""),
        hit: ("/eu/reports/v9998/2026.csv", ""),
        miss: ("/eu/reports/v9998x/2026.csv", ""),
    },
    Table {
        name: "an_end_each_at_any_depth",
        route: |at| format!("policy = \"standard\"\npath = \"/**/x{at}\""),
        hit: ("/eu/reports/x9998", ""),
        miss: ("/eu/reports/y9998", ""),
    },
    Table {
        name: "half_of_them_public",
        route: |at| match at % 2 {
            0 => format!("policy = \"public\"\npath = \"/open/p{at}\""),
            _ => format!("policy = \"standard\"\npath = \"/**/x{at}\""),
        },
        hit: ("/open/p9998", ""),
        miss: ("/open/q9998", ""),
    },
    Table {
        name: "half_of_them_public_to_read",
        route: |at| match at % 2 {
            0 => format!("policy = \"public\"\npath = \"/p{at}/**\"\nmethods = [\"GET\"]"),
            _ => format!("policy = \"standard\"\npath = \"/**/x{at}\"\nmethods = [\"POST\"]"),
        },
        hit: ("/p9998/a/b", ""),
        miss: ("/q9998/a/b", ""),
    },
];

impl Table {
    pub(crate) fn reading(&self) -> Reading {
        let routes = (0..COUNT).map(|at| format!("[[app.route]]\n{}\n", (self.route)(at)));
        let source = Source::new("config.toml", &[BEFORE, &routes.collect::<String>()].concat());
        config::read(&source, Path::new("/"), &ProcessEnvironment).unwrap()
    }

    /// Reads the file, and finds one route and none, each as fast as it must be where everything is so many times slower.
    pub(crate) fn is_fast_enough(&self, slower: u32) -> Reading {
        let reading = self.reading();
        let app = &reading.settings.apps.first().unwrap().app;
        let place = |request| found(app, request);
        assert_eq!((place(self.hit), place(self.miss)), (Some(9998), None), "{}", self.name);
        takes_less_than(READ_MAX * slower, 3, &format!("{}: reading", self.name), || drop(self.reading()));
        for request in [self.hit, self.miss] {
            takes_less_than(FOUND_MAX * 100 * slower, 10, &format!("{}: finding a hundred", self.name), || {
                (0..100).for_each(|_| _ = black_box(found(app, black_box(request))));
            });
        }
        reading
    }
}

/// The place of the route that decides.
pub(crate) fn found(app: &App, (path, query): (&str, &str)) -> Option<usize> {
    let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
    let (method, query, fields, form) = ("GET", Some(query), &NoFields, Form::Unread);
    let call =
        Call { method, path: &path, query, fields, client: None, form, visitor: None, now: Timestamp::from_millis(0) };
    app.matched(&call).unwrap().unwrap().route.map(|(place, _)| place)
}
