//! Ten thousand routes: each table must be read in a second, and one of its routes found in twenty microseconds, or the bench
//! fails.
#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to measure")]

use criterion::{Criterion, criterion_group, criterion_main};
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
use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

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
struct Table {
    name: &'static str,
    route: fn(usize) -> String,
    hit: (&'static str, &'static str),
    miss: (&'static str, &'static str),
}

const TABLES: &[Table] = &[
    Table {
        name: "a_path_each",
        route: |at| match at % 4 {
            0 => format!("path = \"/api/v{at}/**\""),
            1 => format!("path = \"/api/v{at}/*\""),
            2 => format!("path = \"/api/v{at}/*.csv\""),
            _ => format!("path = \"/api/v{at}\""),
        },
        hit: ("/api/v9998/2026.csv", ""),
        miss: ("/api/v9998x/2026.csv", ""),
    },
    Table {
        name: "a_parameter_each",
        route: |at| {
            format!(
                "path = \"/index.php\"\nmethods = [\"GET\", \"POST\"]\nquery = {{ action = \"a{at}\" }}\nlabel = \"{at}\""
            )
        },
        hit: ("/index.php", "page=2&action=a9998&sort=name"),
        miss: ("/index.php", "page=2&action=view&sort=name"),
    },
    Table {
        name: "a_path_each_below_a_star",
        route: |at| format!("path = \"/*/reports/v{at}/**\""),
        hit: ("/eu/reports/v9998/2026.csv", ""),
        miss: ("/eu/reports/v9998x/2026.csv", ""),
    },
];

impl Table {
    fn reading(&self) -> Reading {
        let routes = (0..COUNT).map(|at| format!("[[app.route]]\n{}\npolicy = \"standard\"\n", (self.route)(at)));
        let source = Source::new("config.toml", &[BEFORE, &routes.collect::<String>()].concat());
        config::read(&source, Path::new("/"), &ProcessEnvironment).unwrap()
    }

    fn bench(&self, c: &mut Criterion) {
        let reading = self.reading();
        let app = &reading.settings.apps.first().unwrap().app;
        let place = |request| found(app, request);
        assert_eq!((place(self.hit), place(self.miss)), (Some(9998), None), "{}", self.name);
        let read = shortest(3, || drop(self.reading()));
        assert!(read < READ_MAX, "{}: read in {read:?}", self.name);
        for request in [self.hit, self.miss] {
            let thousand = shortest(10, || (0..1000).for_each(|_| _ = black_box(found(app, black_box(request)))));
            assert!(thousand / 1000 < FOUND_MAX, "{}: a thousand found in {thousand:?}", self.name);
        }

        let mut group = c.benchmark_group(self.name);
        group.bench_function("hit", |b| b.iter(|| found(app, black_box(self.hit))));
        group.bench_function("miss", |b| b.iter(|| found(app, black_box(self.miss))));
        group.sample_size(10).bench_function("read", |b| b.iter(|| black_box(self.reading())));
        group.finish();
    }
}

/// The place of the route that decides.
fn found(app: &App, (path, query): (&str, &str)) -> Option<usize> {
    let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
    let (method, query, fields, form) = ("GET", Some(query), &NoFields, Form::Unread);
    let call =
        Call { method, path: &path, query, fields, client: None, form, visitor: None, now: Timestamp::from_millis(0) };
    app.matched(&call).unwrap().unwrap().route.map(|(place, _)| place)
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn shortest(times: usize, act: impl Fn()) -> Duration {
    let time = || {
        let began = Instant::now();
        act();
        began.elapsed()
    };
    (0..times).map(|_| time()).min().unwrap()
}

fn ten_thousand_routes(c: &mut Criterion) {
    for table in TABLES {
        table.bench(c);
    }
}

criterion_group!(benches, ten_thousand_routes);
criterion_main!(benches);
