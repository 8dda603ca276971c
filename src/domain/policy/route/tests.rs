use super::*;
use crate::domain::{
    policy::{
        Access, Requirement, Visitor, Who, WhyAnonymous,
        call::{Form, Named, NoFields, Wanted},
    },
    session::{Activity, Identity, Level, Session, SessionId},
    target::CanonicalPath,
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use proptest::prelude::*;
use uuid::Uuid;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn policy(name: &str, access: Access) -> Arc<Policy> {
    Arc::new(Policy::new(name, access))
}

fn protecting(name: &str) -> Arc<Policy> {
    policy(name, Access::Require(Requirement::at(Level::Mfa)))
}

fn call<'a>(method: &'a str, path: &'a CanonicalPath<'a>) -> Call<'a> {
    Call { method, path, query: None, fields: &NoFields, client: None, form: Form::Unread, visitor: None, now: NOON }
}

fn route(methods: &[&str], path: &str, policy: &Arc<Policy>) -> Route {
    Route {
        label: None,
        methods: methods.iter().map(ToString::to_string).collect(),
        path: PathGlob::parse(path).unwrap(),
        case_sensitive: false,
        conditions: Conditions::default(),
        policy: Arc::clone(policy),
        streams: Streams::Session,
        traffic: Traffic::Person,
    }
}

fn app(routes: Vec<Route>, fallback: Option<Arc<Policy>>) -> App {
    let (hosts, routes) = (vec![HostPattern::parse("app.example.com").unwrap()], routes.into());
    App {
        name: "app".into(),
        title: "App".into(),
        hosts,
        routes,
        fallback,
        allowed: Allowed::default(),
        levels: Vec::new(),
    }
}

fn policy_of(app: &App, method: &str, path: &str) -> Option<String> {
    let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
    app.matched(&call(method, &path)).unwrap().map(|matched| matched.policy.name.clone())
}

fn payroll() -> App {
    let public = policy("public", Access::Public);
    app(
        vec![
            route(&["GET"], "/healthz", &public),
            route(&["POST", "PUT"], "/transfers/**", &protecting("payments")),
            route(&["GET"], "/reports/**", &protecting("reports")),
        ],
        Some(protecting("standard")),
    )
}

#[test]
fn the_first_match_decides_and_the_app_has_the_last_word() {
    let policy = |method, path| policy_of(&payroll(), method, path);

    assert_eq!(policy("POST", "/transfers/42").as_deref(), Some("payments"));
    assert_eq!(policy("POST", "/TRANSFERS").as_deref(), Some("payments"));
    assert_eq!(policy("GET", "/transfers/42").as_deref(), Some("standard"));
    assert_eq!(policy("GET", "/healthz").as_deref(), Some("public"));
}

#[test]
fn a_method_never_lowers_protection() {
    let policy = |method, path| policy_of(&payroll(), method, path);

    for method in ["GET", "HEAD", "OPTIONS", "FROBNICATE"] {
        assert_eq!(policy(method, "/reports/1").as_deref(), Some("reports"), "{method}");
    }
    assert_eq!(policy("HEAD", "/healthz").as_deref(), Some("public"));
    for (method, path) in [("OPTIONS", "/healthz"), ("POST", "/healthz"), ("GET", "/Healthz"), ("GET", "/healthz/")] {
        assert_eq!(policy(method, path).as_deref(), Some("standard"), "{method} {path}");
    }
}

#[test]
fn a_method_in_another_letter_case_is_refused() {
    let app = payroll();
    for (method, path) in [("post", "/transfers/1"), ("Put", "/transfers/1"), ("get", "/healthz"), ("patcH", "/x")] {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        assert_eq!(app.matched(&call(method, &path)).unwrap_err(), Unsettled::Method, "{method}");
    }
}

const LENIENT: Allowed = Allowed { semicolon: true, encoded_slash: true };

#[test]
fn a_path_that_servers_read_in_two_ways_is_refused_where_that_matters() {
    let public = policy("public", Access::Public);
    let admin = protecting("admin");
    let app = app(
        vec![
            route(&[], "/admin/**", &admin),
            Route { streams: Streams::Obey, ..route(&[], "/feed/**", &protecting("standard")) },
            route(&[], "/assets/**", &public),
        ],
        Some(protecting("standard")),
    );
    let decided = |path: &str| {
        let path = CanonicalPath::parse(path, LENIENT).unwrap();
        app.matched(&call("GET", &path)).map(|matched| matched.unwrap().policy.name.clone())
    };

    for path in ["/admin;x=1/users", "/admin%2Fusers", "/admin%3Bx", "/Admin;/x", "/assets%2Fapp.js"] {
        assert_eq!(decided(path), Err(Unsettled::Path), "{path}");
    }
    assert_eq!(decided("/feed;v=1"), Err(Unsettled::Path), "the policy is the same, what holds of streams is not");
    for path in ["/x;/admin", "/x%2F;/admin"] {
        assert_eq!(decided(path).as_deref(), Ok("standard"), "{path}");
    }
    assert_eq!(decided("/admin/x;v=1/a%2Fb").as_deref(), Ok("admin"));
    assert_eq!(decided("/orders;v=1/a%2Fb").as_deref(), Ok("standard"));
    assert_eq!(decided("/assets/app.js;jsessionid=1").as_deref(), Ok("public"));
}

#[test]
fn no_route_and_no_fallback_is_nothing() {
    assert_eq!(policy_of(&app(vec![], None), "GET", "/"), None);
}

#[test]
fn an_opening_route_that_hides_a_protecting_one_is_told() {
    let public = policy("public", Access::Public);
    let open = route(&[], "/api/**", &public);

    assert!(open.hides(&route(&[], "/api/admin", &protecting("p"))));
    assert!(open.hides(&route(&["POST"], "/api/admin", &protecting("p"))));
    assert!(!route(&["GET"], "/api/**", &public).hides(&route(&[], "/api/admin", &protecting("p"))));
    assert!(!open.hides(&route(&[], "/**", &protecting("p"))) && !open.hides(&route(&[], "/api/x", &public)));
}

fn by_action(action: &str) -> Conditions {
    let query = vec![Named { name: "action".into(), wanted: Wanted::Text(action.into()) }];
    Conditions { query, ..Conditions::default() }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_where_a_route_names_it() {
    let delete = Route { conditions: by_action("delete"), ..route(&[], "/index.php", &protecting("strict")) };
    let app = app(vec![route(&["GET"], "/static/**", &protecting("static")), delete], Some(protecting("standard")));
    let decided = |path: &str, query| {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let matched = app.matched(&Call { query, ..call("GET", &path) })?;
        Ok(matched.map(|matched| matched.policy.name.clone()).unwrap())
    };

    assert_eq!(decided("/index.php", Some("action=delete")).as_deref(), Ok("strict"));
    assert_eq!(decided("/index.php", Some("action=view")).as_deref(), Ok("standard"));
    assert_eq!(decided("/index.php", Some("action=view&action=delete")), Err(Unsettled::Unclear { route: 1 }));
    // Elsewhere nobody minds.
    assert_eq!(decided("/static/a", Some("action=view&action=delete")).as_deref(), Ok("static"));
    assert_eq!(decided("/other", Some("action=view&Action=delete")).as_deref(), Ok("standard"));
}

fn ann(groups: &[&str]) -> Visitor {
    let (id, login_id) = (UserId(Uuid::nil()), LoginId::parse("ann").unwrap());
    let groups = groups.iter().map(ToString::to_string).collect();
    Visitor::SignedIn(Arc::new(Identity {
        user: User {
            id,
            login_id,
            name: "Ann".into(),
            email: None,
            groups,
            language: None,
            disabled: false,
            created_at: NOON,
        },
        session: Session {
            id: SessionId(Uuid::nil()),
            user: id,
            authentications: vec![],
            started_at: NOON,
            seen_at: NOON,
            activity: Activity::begun(NOON),
            locked_at: None,
            place: crate::domain::place::Place::default(),
            risk: crate::domain::risk::Assessment::default(),
        },
    }))
}

#[test]
fn who_sends_it_is_asked_only_where_it_matters() {
    let conditions = Conditions { who: Some(Who::Groups(vec!["contractors".into()])), ..Conditions::default() };
    let public = policy("public", Access::Public);
    let app = app(
        vec![route(&[], "/healthz", &public), Route { conditions, ..route(&[], "/**", &protecting("strict")) }],
        Some(protecting("standard")),
    );
    let decided = |path: &str, visitor: Option<&Visitor>| {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let matched = app.matched(&Call { visitor, ..call("GET", &path) })?;
        Ok(matched.map(|matched| matched.policy.name.clone()).unwrap())
    };

    assert_eq!(decided("/healthz", None).as_deref(), Ok("public"));
    assert_eq!(decided("/x", None), Err(Unsettled::Unasked));
    assert_eq!(decided("/x", Some(&ann(&["contractors"]))).as_deref(), Ok("strict"));
    assert_eq!(decided("/x", Some(&ann(&["staff"]))).as_deref(), Ok("standard"));
    assert_eq!(decided("/x", Some(&Visitor::Anonymous(WhyAnonymous::NoCookie))).as_deref(), Ok("standard"));
}

fn by_form(op: &str) -> Conditions {
    let form = vec![Named { name: "op".into(), wanted: Wanted::Text(op.into()) }];
    Conditions { form, ..Conditions::default() }
}

#[test]
fn a_body_is_looked_into_only_where_nothing_else_decides() {
    let conditions = Conditions { query: by_action("wire").query, ..by_form("transfer") };
    let public = policy("public", Access::Public);
    let app = app(
        vec![
            route(&["GET"], "/index.php", &public),
            Route { conditions, ..route(&["POST"], "/index.php", &protecting("strict")) },
        ],
        Some(protecting("standard")),
    );
    let decided = |method: &str, query, form| {
        let path = CanonicalPath::parse("/index.php", Allowed::default()).unwrap();
        let matched = app.matched(&Call { query, form, ..call(method, &path) })?;
        Ok(matched.map(|matched| matched.policy.name.clone()).unwrap())
    };
    let wire = Some("action=wire");

    assert_eq!(decided("GET", wire, Form::Unread).as_deref(), Ok("public"));
    assert_eq!(decided("POST", None, Form::Unread).as_deref(), Ok("standard"));
    assert_eq!(decided("POST", wire, Form::Unread), Err(Unsettled::Unread));
    assert_eq!(decided("POST", wire, Form::Fields("op=transfer")).as_deref(), Ok("strict"));
    assert_eq!(decided("POST", wire, Form::Fields("op=view")).as_deref(), Ok("standard"));
    assert_eq!(decided("POST", wire, Form::Empty).as_deref(), Ok("standard"));
    assert_eq!(decided("POST", wire, Form::Opaque), Err(Unsettled::Unclear { route: 1 }));
    // What can be read in two ways in the query is settled by a form that is surely another.
    let both = Some("action=wire&action=view");
    assert_eq!(decided("POST", both, Form::Fields("op=view")).as_deref(), Ok("standard"));
    assert_eq!(decided("POST", both, Form::Fields("op=transfer")), Err(Unsettled::Unclear { route: 1 }));
}

#[test]
fn an_exact_host_wins_over_a_wildcard() {
    let pattern = |raw| HostPattern::parse(raw).unwrap();
    let table: ByHost<&str> =
        [(pattern("*.example.com"), "any"), (pattern("app.example.com"), "app")].into_iter().collect();
    let find = |raw| table.find(&Host::parse(raw).unwrap()).copied();

    assert_eq!((find("app.example.com"), find("wiki.example.com")), (Some("app"), Some("any")));
    assert_eq!((find("example.com"), find("a.b.example.com"), find("[::1]")), (None, None, None));
}

#[test]
fn a_condition_keeps_a_route_from_taking_everything() {
    let wide = Route { conditions: by_action("delete"), ..route(&[], "/api/**", &protecting("wide")) };
    let narrow = |conditions| Route { conditions, ..route(&[], "/api/x", &protecting("narrow")) };

    assert!(!wide.takes_all(&narrow(Conditions::default())) && wide.takes_all(&narrow(by_action("delete"))));
    assert!(!wide.takes_all(&narrow(by_action("view"))));
}

/// What stands for a route in random tables: methods, glob, whether it opens, whether its spelling counts, and its
/// condition.
type Row = (&'static [&'static str], &'static str, bool, bool, u8);

const METHODS: &[&[&str]] = &[&[], &["GET"], &["POST"], &["GET", "POST"]];

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let methods = prop::sample::select(METHODS);
    let globs = &["/a", "/a/**", "/*", "/b/*", "/**", "/A", "/a/b", "/a/", "/**/b", "/a/*/c", "/"][..];
    prop::collection::vec((methods, prop::sample::select(globs), any::<bool>(), any::<bool>(), 0u8..4), 0..8)
}

fn table(rows: &[Row]) -> App {
    let public = policy("public", Access::Public);
    let row = |(methods, glob, opens, case_sensitive, condition): &Row| Route {
        case_sensitive: *case_sensitive,
        conditions: match condition {
            0 => by_action("delete"),
            1 => by_action("view"),
            _ => Conditions::default(),
        },
        ..route(methods, glob, if *opens { &public } else { &PROTECTING })
    };
    app(rows.iter().map(row).collect(), None)
}

static PROTECTING: std::sync::LazyLock<Arc<Policy>> = std::sync::LazyLock::new(|| protecting("p"));

/// What a table means, written for clarity: each route in order, nothing left out.
fn naive(app: &App, call: &Call<'_>) -> Result<Option<usize>, Unsettled> {
    for (place, route) in app.routes.iter().enumerate() {
        match route.fits(call) {
            Ok(()) => return Ok(Some(place)),
            Err(Mismatch::Unasked) => return Err(Unsettled::Unasked),
            Err(Mismatch::Unclear) => return Err(Unsettled::Unclear { route: place }),
            Err(_) => {}
        }
    }
    Ok(None)
}

fn any_call() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let method = prop::sample::select(&["GET", "POST", "HEAD", "OPTIONS", "FROB"][..]);
    let path = &["/", "/a", "/A", "/a/", "/a/b", "/a/x/c", "/b/c", "/B/c/", "/c", "/%61", "/a/b/"][..];
    let query = &["", "action=delete", "action=view", "x=1", "action=view&action=delete"][..];
    (method, prop::sample::select(path), prop::sample::select(query))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn routing_agrees_with_the_naive_meaning(rows in any_rows(), (method, path, query) in any_call()) {
        let app = table(&rows);
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let call = Call { query: Some(query), ..call(method, &path) };
        let matched = app.matched(&call).map(|matched| matched.and_then(|matched| matched.route.map(|(at, _)| at)));
        prop_assert_eq!(matched, naive(&app, &call));
        // What `explain` prints is the same walk.
        let first = app.tries(&call).find(|(.., fit)| fit.is_ok()).map(|(at, ..)| at);
        prop_assert!(matched.is_err() || matched == Ok(first));
    }

    #[test]
    fn a_route_that_can_be_reached_is_never_called_unreachable(rows in any_rows(), (method, path, query) in any_call()) {
        let app = table(&rows);
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let Ok(Some(reached)) = naive(&app, &Call { query: Some(query), ..call(method, &path) }) else { return Ok(()) };
        prop_assert!(!app.routes[..reached].iter().any(|earlier| earlier.takes_all(&app.routes[reached])));
    }
}
