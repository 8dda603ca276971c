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
use uuid::Uuid;

mod meaning;

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
fn what_only_reports_keeps_nobody_out_and_opens_nothing_that_another_refuses() {
    let trial = Arc::new(Policy { mode: Mode::Report, ..Policy::clone(&protecting("trial")) });
    let routes = || vec![route(&["GET"], "/reports", &trial), route(&["POST"], "/**", &protecting("strict"))];
    let alone = app(routes(), None);
    for (method, path) in [("GET", "/reports"), ("GET", "/reports/"), ("HEAD", "/Reports"), ("OPTIONS", "/reports")] {
        assert_eq!(policy_of(&alone, method, path).as_deref(), Some("trial"), "{method} {path}");
    }
    for method in ["DELETE", "MOVE"] {
        assert_eq!(policy_of(&alone, method, "/reports"), None);
    }
    assert_eq!(policy_of(&alone, "POST", "/Reports").as_deref(), Some("strict"));

    let app = app(routes(), Some(protecting("own")));
    for (method, path, told) in [
        ("GET", "/Reports", true),
        ("OPTIONS", "/reports", true),
        ("POST", "/reports", false),
        ("DELETE", "/reports", false),
        ("GET", "/other", false),
    ] {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let call = call(method, &path);
        let found = app.matched(&call).unwrap().unwrap();
        assert_ne!(found.policy.name, "trial", "{method} {path:?}");
        let on_trial = app.on_trial(&call, &found);
        assert_eq!(on_trial.map(|trial| trial.policy.name.as_str()), told.then_some("trial"), "{method} {path:?}");
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
    let hides = |open: (&[&str], &str), protects: (&[&str], &str)| {
        route(open.0, open.1, &public).hides(&route(protects.0, protects.1, &protecting("p")))
    };

    for (open, protects) in [
        ((&[][..], "/api/**"), (&[][..], "/api/admin")),
        ((&[], "/api/**"), (&["POST"], "/api/admin")),
        ((&["GET"], "/api/**"), (&[], "/api/admin")),
        ((&["GET"], "/admin/**"), (&[], "/admin/**")),
        ((&["GET"], "/admin/**"), (&["HEAD"], "/admin/**")),
        ((&[], "/api/**"), (&[], "/*/admin/**")),
        ((&[], "/api/**"), (&[], "/**/admin")),
    ] {
        assert!(hides(open, protects), "{open:?} {protects:?}");
    }
    for (open, protects) in [
        ((&[][..], "/healthz"), (&[][..], "/**")),
        ((&[], "/admin/help/**"), (&[], "/admin/**")),
        ((&["GET"], "/posts/**"), (&["POST", "DELETE"], "/posts/**")),
        ((&[], "/api/**"), (&[], "/*.php")),
    ] {
        assert!(!hides(open, protects), "{open:?} {protects:?}");
    }
    assert!(!route(&[], "/api/**", &public).hides(&route(&[], "/api/x", &public)));
    let by = |action, policy: &Arc<Policy>| Route { conditions: by_action(action), ..route(&[], "/index.php", policy) };
    assert!(!by("view", &public).hides(&by("delete", &protecting("p"))), "no request is for both");
    assert!(by("view", &public).hides(&by("view", &protecting("p"))));
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
    somebody("ann", groups)
}

fn somebody(name: &str, groups: &[&str]) -> Visitor {
    let (id, login_id) = (UserId(Uuid::nil()), LoginId::parse(name).unwrap());
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
            spared: false,
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
fn a_route_takes_what_asks_for_no_less() {
    let wide = Route { conditions: by_action("delete"), ..route(&[], "/api/**", &protecting("wide")) };
    let narrow = |conditions| Route { conditions, ..route(&[], "/api/x", &protecting("narrow")) };

    let both = Conditions { fields: by_form("x").form, ..by_action("delete") };
    assert!(!wide.takes_all(&narrow(Conditions::default())) && wide.takes_all(&narrow(by_action("delete"))));
    assert!(!wide.takes_all(&narrow(by_action("view"))) && wide.takes_all(&narrow(both)));
    assert!(route(&[], "/users/*", &protecting("p")).takes_all(&route(&[], "/users/new", &protecting("q"))));
    assert!(route(&[], "/**/x", &protecting("p")).takes_all(&route(&[], "/a/b/x", &protecting("q"))));
}
