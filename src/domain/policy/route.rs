//! From a request to the policy that holds for it: host, then the app's routes in order, first match.

use super::{
    Policy,
    glob::{Compare, PathGlob},
};
use crate::domain::target::{Allowed, CanonicalPath, Host};
use std::{collections::HashMap, sync::Arc};

/// Every protected application, by host.
#[derive(Debug, Default)]
pub struct Apps {
    by_host: HashMap<Host, Arc<App>>,
}

/// One protected application.
#[derive(Debug)]
pub struct App {
    /// Its name in the config file; `aud` in assertions.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The hosts it answers on; never empty, the first is where people are sent.
    pub hosts: Vec<Host>,
    /// Tried in order.
    pub routes: Vec<Route>,
    /// Where no route matches; without it such a request is not found.
    pub fallback: Option<Arc<Policy>>,
    /// What its paths may hold beyond the safe set.
    pub allowed: Allowed,
}

/// A match inside an app, with the policy that holds there.
#[derive(Debug)]
pub struct Route {
    /// What people are told they are stepping up for ("transfers").
    pub label: Option<String>,
    /// Methods it is for; all where it is empty.
    pub methods: Vec<String>,
    /// Paths it is for.
    pub path: PathGlob,
    /// Whether the application tells `/Admin` from `/admin`.
    pub case_sensitive: bool,
    /// What holds there.
    pub policy: Arc<Policy>,
    /// What is asked of a stream once it is open.
    pub streams: Streams,
}

/// What a stream that was let through must go on to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Streams {
    /// A live session.
    #[default]
    Session,
    /// All that the policy asks for: what goes stale is cut.
    Obey,
}

/// Which part of a route did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Its methods.
    Method,
    /// Its path.
    Path,
}

/// Where a request was matched.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'a> {
    /// The route, by its place in the app; `None` where only the app's own policy holds.
    pub route: Option<(usize, &'a Route)>,
    /// What holds.
    pub policy: &'a Arc<Policy>,
}

impl Apps {
    /// A table of these apps. A host that two of them name goes to the first; the config refuses that before.
    pub fn new(apps: Vec<Arc<App>>) -> Self {
        let mut by_host = HashMap::new();
        for app in apps {
            for host in &app.hosts {
                by_host.entry(host.clone()).or_insert_with(|| Arc::clone(&app));
            }
        }
        Self { by_host }
    }

    /// The app that answers on `host`.
    pub fn find(&self, host: &Host) -> Option<&Arc<App>> {
        self.by_host.get(host)
    }
}

impl App {
    /// The first route that fits, or the app's own policy. `None` is "not found": nothing goes upstream.
    pub fn matched<'a>(&'a self, method: &str, path: &CanonicalPath<'_>) -> Option<Matched<'a>> {
        self.tries(method, path)
            .find_map(|(at, route, fit)| {
                fit.is_ok().then_some(Matched { route: Some((at, route)), policy: &route.policy })
            })
            .or_else(|| self.fallback.as_ref().map(|policy| Matched { route: None, policy }))
    }

    /// Every route in order with its verdict: what [`matched`](Self::matched) decides by, and `explain` prints.
    pub fn tries<'a, 'r>(
        &'a self,
        method: &'r str,
        path: &'r CanonicalPath<'r>,
    ) -> impl Iterator<Item = (usize, &'a Route, Result<(), Mismatch>)> + use<'a, 'r> {
        self.routes.iter().enumerate().map(move |(at, route)| (at, route, route.fits(method, path)))
    }
}

impl Route {
    /// Whether this route is for such a request.
    pub fn fits(&self, method: &str, path: &CanonicalPath<'_>) -> Result<(), Mismatch> {
        let compare = if self.policy.is_public() || self.case_sensitive { Compare::Exactly } else { Compare::Loosely };
        if !self.path.matches(path, compare) {
            return Err(Mismatch::Path);
        }
        if self.methods.is_empty() || self.lists(method) || (self.lists("GET") && self.judged_like_get(method)) {
            Ok(())
        } else {
            Err(Mismatch::Method)
        }
    }

    /// Whether this route opens all of what the later `other` would protect (PA-10).
    pub fn hides(&self, other: &Self) -> bool {
        self.policy.is_public()
            && !other.policy.is_public()
            && self.path.covers(&other.path)
            && (self.methods.is_empty()
                || (!other.methods.is_empty() && other.methods.iter().all(|method| self.lists(method))))
    }

    fn lists(&self, method: &str) -> bool {
        self.methods.iter().any(|listed| listed == method)
    }

    /// HEAD is GET without a body. OPTIONS and methods nobody has heard of must not slip past a rule that protects
    /// GET (PA-12); a rule that opens GET opens no more than that.
    fn judged_like_get(&self, method: &str) -> bool {
        match method {
            "HEAD" => true,
            "POST" | "PUT" | "PATCH" | "DELETE" => false,
            _ => !self.policy.is_public(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        policy::{Access, Requirement},
        session::Level,
    };
    use proptest::prelude::*;

    fn policy(name: &str, access: Access) -> Arc<Policy> {
        Arc::new(Policy { name: name.into(), access })
    }

    fn protecting(name: &str) -> Arc<Policy> {
        policy(name, Access::Require(Requirement { level: Level::Mfa, fresh: None, groups: vec![] }))
    }

    fn route(methods: &[&str], path: &str, policy: &Arc<Policy>) -> Route {
        Route {
            label: None,
            methods: methods.iter().map(ToString::to_string).collect(),
            path: PathGlob::parse(path).unwrap(),
            case_sensitive: false,
            policy: Arc::clone(policy),
            streams: Streams::Session,
        }
    }

    fn app(routes: Vec<Route>, fallback: Option<Arc<Policy>>) -> App {
        let hosts = vec![Host::parse("app.example.com").unwrap()];
        App { name: "app".into(), title: "App".into(), hosts, routes, fallback, allowed: Allowed::default() }
    }

    fn policy_of(app: &App, method: &str, path: &str) -> Option<String> {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        app.matched(method, &path).map(|matched| matched.policy.name.clone())
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

        for method in ["GET", "HEAD", "OPTIONS", "FROBNICATE", "get"] {
            assert_eq!(policy(method, "/reports/1").as_deref(), Some("reports"), "{method}");
        }
        assert_eq!(policy("HEAD", "/healthz").as_deref(), Some("public"));
        for (method, path) in [("OPTIONS", "/healthz"), ("POST", "/healthz"), ("GET", "/Healthz"), ("GET", "/healthz/")]
        {
            assert_eq!(policy(method, path).as_deref(), Some("standard"), "{method} {path}");
        }
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

    proptest! {
        #[test]
        fn explain_and_the_data_plane_agree(
            globs in prop::collection::vec(prop::sample::select(&["/a", "/a/**", "/*", "/b/*", "/**"][..]), 0..5),
            path in prop::sample::select(&["/", "/a", "/a/b", "/b/c", "/B/c/", "/c"][..]),
            method in prop::sample::select(&["GET", "POST", "HEAD"][..]),
        ) {
            let app = app(globs.iter().map(|glob| route(&["GET"], glob, &protecting(glob))).collect(), None);
            let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
            let first = app.tries(method, &path).find(|(_, _, fit)| fit.is_ok()).map(|(at, ..)| at);
            prop_assert_eq!(app.matched(method, &path).and_then(|matched| matched.route.map(|(at, _)| at)), first);
        }
    }
}
