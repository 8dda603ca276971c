//! From a request to the policy that holds for it: host, then the app's routes in order, first match.

use super::{
    CustomLevel, Mode, Policy, Strength,
    call::{Call, Conditions, Mismatch, Read},
    demand::{Demand, Wish},
    glob::{Compare, PathGlob},
    index::Index,
};
use crate::domain::{
    session::Level,
    target::{Allowed, Host, HostPattern},
};
use std::{collections::HashMap, ops::Deref, sync::Arc};

/// Something for each of many hosts. A host that is named exactly wins over a wildcard.
#[derive(Debug, Clone)]
pub struct ByHost<T> {
    exact: HashMap<Host, T>,
    /// By what stands behind the star.
    wildcard: HashMap<Host, T>,
}

impl<T> Default for ByHost<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new() }
    }
}

impl<T> FromIterator<(HostPattern, T)> for ByHost<T> {
    /// Where two name the same pattern the first has it; the config refuses that before.
    fn from_iter<I: IntoIterator<Item = (HostPattern, T)>>(hosts: I) -> Self {
        let mut table = Self::default();
        for (pattern, value) in hosts {
            match pattern {
                HostPattern::Exact(host) => table.exact.entry(host).or_insert(value),
                HostPattern::Wildcard(parent) => table.wildcard.entry(parent).or_insert(value),
            };
        }
        table
    }
}

impl<T> ByHost<T> {
    /// What there is for `host`.
    pub fn find(&self, host: &Host) -> Option<&T> {
        self.exact.get(host).or_else(|| self.wildcard.get(host.as_str().split_once('.')?.1))
    }
}

/// Every protected application, by host.
#[derive(Debug, Default)]
pub struct Apps {
    by_host: ByHost<Arc<App>>,
}

/// One protected application.
#[derive(Debug)]
pub struct App {
    /// Its name in the config file; `aud` in assertions.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The hosts it answers on; never empty, the first that is no wildcard is where people are sent.
    pub hosts: Vec<HostPattern>,
    /// Tried in order.
    pub routes: Routes,
    /// Where no route matches; without it such a request is not found.
    pub fallback: Option<Arc<Policy>>,
    /// What its paths may hold beyond the safe set.
    pub allowed: Allowed,
    /// The levels of the operator's own, which it may ask for itself.
    pub levels: Vec<Arc<CustomLevel>>,
}

/// Routes in order, and an index over them.
#[derive(Debug, Default)]
pub struct Routes {
    list: Vec<Route>,
    index: Index,
    /// Places of those that would take more if they were enforced.
    on_trial: Vec<usize>,
}

impl From<Vec<Route>> for Routes {
    fn from(list: Vec<Route>) -> Self {
        let mut index = Index::default();
        for (place, route) in list.iter().enumerate() {
            index.add(place, &route.path, &route.conditions);
        }
        let on_trial =
            list.iter().enumerate().filter(|(_, route)| route.is_on_trial()).map(|(place, _)| place).collect();
        Self { list, index, on_trial }
    }
}

impl Deref for Routes {
    type Target = [Route];

    fn deref(&self) -> &[Route] {
        &self.list
    }
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
    /// What it asks for beside method and path.
    pub conditions: Conditions,
    /// What holds there.
    pub policy: Arc<Policy>,
    /// What is asked of a stream once it is open.
    pub streams: Streams,
    /// Whose requests these are.
    pub traffic: Traffic,
}

/// Whether requests say that somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Traffic {
    /// A person asks.
    #[default]
    Person,
    /// A page asks by itself, again and again. Nobody stays signed in by that.
    Background,
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

/// Where a request was matched.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'a> {
    /// The route, by its place in the app; `None` where only the app's own policy holds.
    pub route: Option<(usize, &'a Route)>,
    /// What holds.
    pub policy: &'a Arc<Policy>,
}

impl Matched<'_> {
    /// Whose requests these are.
    pub fn traffic(&self) -> Traffic {
        self.route.map_or(Traffic::Person, |(_, route)| route.traffic)
    }

    fn streams(&self) -> Streams {
        self.route.map_or(Streams::default(), |(_, route)| route.streams)
    }

    /// Whether it makes no difference which of the two a request is for.
    fn is_as_good_as(&self, other: &Matched<'_>) -> bool {
        self.policy == other.policy && self.traffic() == other.traffic() && self.streams() == other.streams()
    }
}

/// Why nobody can say yet which route a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// It depends on who sends it, and nobody has looked.
    #[error("nobody looked who sends it")]
    Unasked,
    /// It depends on the form in its body, and nobody has looked into that.
    #[error("nobody looked into its body")]
    Unread,
    /// A parameter or field that this route names can be read in two ways. Such a request is refused, never guessed.
    #[error("servers would read in two ways what route {} asks for", route + 1)]
    Unclear {
        /// The route's place in the app.
        route: usize,
    },
    /// Its path can be read in two ways, and not the same holds for both.
    #[error("servers would read its path in two ways, and not the same policy holds for both")]
    Path,
    /// Servers that raise its method to capital letters would see another one than routes name.
    #[error("its method is not in capital letters")]
    Method,
}

impl Matched<'_> {
    /// The path of the route, as it is written; `None` where only the app's own policy holds.
    pub fn path(&self) -> Option<&str> {
        self.route.map(|(_, route)| route.path.as_str())
    }
}

impl Apps {
    /// A table of these apps.
    pub fn new(apps: Vec<Arc<App>>) -> Self {
        let hosts = |app: Arc<App>| app.hosts.clone().into_iter().map(move |host| (host, Arc::clone(&app)));
        Self { by_host: apps.into_iter().flat_map(hosts).collect() }
    }

    /// The app that answers on `host`.
    pub fn find(&self, host: &Host) -> Option<&Arc<App>> {
        self.by_host.find(host)
    }
}

impl App {
    /// The first route that fits, or the app's own policy. `None` is "not found": nothing goes upstream.
    ///
    /// Where servers differ on what the path is, the same must hold for whatever they make of it.
    pub fn matched<'a>(&'a self, call: &Call<'_>) -> Result<Option<Matched<'a>>, Unsettled> {
        if call.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(Unsettled::Method);
        }
        let Some(matched) = self.first_fit(call)? else { return Ok(None) };
        for reading in call.path.readings() {
            let other = self.first_fit(&Call { path: &reading, ..*call })?;
            if !other.is_some_and(|other| matched.is_as_good_as(&other)) {
                return Err(Unsettled::Path);
            }
        }
        Ok(Some(matched))
    }

    fn first_fit<'a>(&'a self, call: &Call<'_>) -> Result<Option<Matched<'a>>, Unsettled> {
        let read = Read::of(call);
        let mut first: Option<(usize, &Route, Result<(), Mismatch>)> = None;
        self.routes.index.propose(call.path, &read.query, &mut |places| {
            let nearer = places.iter().take_while(|place| first.is_none_or(|(first, ..)| **place < first));
            let tried = nearer.filter_map(|&place| self.routes.get(place).map(|route| (place, route)));
            let mut fits = tried.map(|(place, route)| (place, route, route.fits_read(call, &read)));
            first = fits.find(|(.., fit)| settles(*fit)).or(first);
        });
        match first.or_else(|| self.last_tries(call).find(|(.., fit)| settles(*fit))) {
            Some((_, _, Err(Mismatch::Unasked))) => Err(Unsettled::Unasked),
            Some((_, _, Err(Mismatch::Unread))) => Err(Unsettled::Unread),
            Some((route, _, Err(_))) => Err(Unsettled::Unclear { route }),
            Some((place, route, Ok(()))) => Ok(Some(Matched { route: Some((place, route)), policy: &route.policy })),
            None => Ok(self.fallback.as_ref().map(|policy| Matched { route: None, policy })),
        }
    }

    /// Every route in order with its verdict, then once more those that stand in where there is nothing else. The first that
    /// fits is what [`matched`](Self::matched) finds.
    pub fn tries<'a>(&'a self, call: &Call<'_>) -> impl Iterator<Item = (usize, &'a Route, Result<(), Mismatch>)> {
        let read = Read::of(call);
        let tries = self.routes.iter().enumerate().map(move |(at, route)| (at, route, route.fits_read(call, &read)));
        tries.chain(self.last_tries(call))
    }

    /// What only reports takes what is for no other route as it will once it is enforced, for that keeps nobody out: an app
    /// without a policy of its own has nothing else for it. Methods that it does not name, and that may change something, it does
    /// not open to everybody.
    fn last_tries<'a>(&'a self, call: &Call<'_>) -> impl Iterator<Item = (usize, &'a Route, Result<(), Mismatch>)> {
        let method = call.method;
        let may_stand_in = move |route: &Route| {
            route.methods.is_empty() || route.lists(method) || matches!(method, "HEAD" | "OPTIONS")
        };
        let tries = self.fallback.is_none().then(|| self.enforced_tries(call));
        tries.into_iter().flatten().filter(move |(_, route, _)| may_stand_in(route))
    }

    /// Whether those that only report would take a request if they were enforced: then they open nothing.
    fn enforced_tries<'a>(&'a self, call: &Call<'_>) -> impl Iterator<Item = (usize, &'a Route, Result<(), Mismatch>)> {
        let read = Read::of(call);
        let on_trial = self.routes.on_trial.iter().filter_map(|&place| Some((place, self.routes.get(place)?)));
        on_trial.map(move |(place, route)| (place, route, route.fits_where(false, call, &read)))
    }

    /// The route before the one that was found that only reports, and would take the request if it were enforced; or may take
    /// it, where nobody has looked who sends it.
    pub fn on_trial<'a>(&'a self, call: &Call<'_>, found: &Matched<'_>) -> Option<Matched<'a>> {
        let is_before = |place: usize| found.route.is_none_or(|(found, _)| place < found);
        let mut tries = self.enforced_tries(call).take_while(|(place, ..)| is_before(*place));
        let (place, route, _) = tries.find(|(.., fit)| matches!(fit, Ok(()) | Err(Mismatch::Unasked)))?;
        Some(Matched { route: Some((place, route)), policy: &route.policy })
    }

    /// The policy of that name, if this app enforces it anywhere. Where one route asks early for what another wants, theirs
    /// differ in what is paid once: then it is the whole of it.
    pub fn enforced(&self, name: &str) -> Option<&Arc<Policy>> {
        let policies = self.routes.iter().map(|route| &route.policy).chain(&self.fallback);
        let named = policies.filter(|policy| policy.name == name && policy.mode == Mode::Enforce);
        named.max_by_key(|policy| policy.once().is_some())
    }

    /// What it asks for itself, where a level that is named is one that exists.
    pub fn demand(&self, wish: &Wish) -> Option<Demand> {
        Demand::new(wish.level.as_deref().and_then(|name| self.level(name)), wish.within)
    }

    /// The level of that name.
    pub fn level(&self, name: &str) -> Option<Strength> {
        let own =
            || self.levels.iter().find(|level| level.name == name).map(|level| Strength::Custom(Arc::clone(level)));
        Level::ALL.iter().find(|level| level.name() == name).map(|level| Strength::Level(*level)).or_else(own)
    }

    /// Where people are sent who want this app.
    pub fn front_door(&self) -> Option<&Host> {
        self.hosts.iter().find_map(HostPattern::exact)
    }
}

impl Route {
    /// Whether this route is for such a request.
    pub fn fits(&self, call: &Call<'_>) -> Result<(), Mismatch> {
        self.fits_read(call, &Read::of(call))
    }

    fn fits_read(&self, call: &Call<'_>, read: &Read<'_>) -> Result<(), Mismatch> {
        self.fits_where(self.policy.opens(), call, read)
    }

    fn fits_where(&self, opens: bool, call: &Call<'_>, read: &Read<'_>) -> Result<(), Mismatch> {
        if !self.path.matches(call.path, self.compare_where(opens)) {
            return Err(Mismatch::Path);
        }
        let method = call.method;
        if self.methods.is_empty() || self.lists(method) || (self.lists("GET") && is_judged_like_get(method, opens)) {
            self.conditions.fit_read(call, read)
        } else {
            Err(Mismatch::Method)
        }
    }

    fn is_on_trial(&self) -> bool {
        self.policy.opens() && !self.policy.is_public()
    }

    /// Whether this route opens what the later `other` would protect, for some requests at least, and is no exception to it: one
    /// for paths that are few of the other's (PA-10).
    pub fn hides(&self, other: &Self) -> bool {
        self.policy.opens()
            && !other.policy.opens()
            && self.shares_methods_with(other)
            && !self.conditions.exclude(&other.conditions)
            && (self.covers(other) || !other.path.covers(other.compare(), &self.path, self.compare()))
            && self.path.meets(self.compare(), &other.path, other.compare())
    }

    /// Whether this later route may be where requests go that miss the conditions of `other`.
    pub fn catches(&self, other: &Self) -> bool {
        self.covers(other) && self.shares_methods_with(other)
    }

    /// Whether it has all of another's paths, but for their spelling.
    pub fn covers(&self, other: &Self) -> bool {
        self.path.covers(Compare::Loosely, &other.path, Compare::Loosely)
    }

    /// Whether no request gets past this route to the later `other`. May say no where it is so, never the reverse.
    pub fn takes_all(&self, other: &Self) -> bool {
        let covers = |opens: bool, others_opens: bool| {
            // A rule that opens GET leaves OPTIONS to a later one that protects GET (PA-12).
            (!opens || others_opens)
                && self.path.covers(self.compare_where(opens), &other.path, other.compare_where(others_opens))
        };
        self.has_methods_of(other)
            && self.conditions.ask_no_more_than(&other.conditions)
            && covers(self.policy.opens(), other.policy.opens())
            // What only reports may stand in where there is nothing else.
            && (!other.is_on_trial() || covers(self.policy.is_public(), false))
    }

    fn compare(&self) -> Compare {
        self.compare_where(self.policy.opens())
    }

    fn compare_where(&self, opens: bool) -> Compare {
        if opens || self.case_sensitive { Compare::Exactly } else { Compare::Loosely }
    }

    /// Whether it names all methods that another is for.
    pub fn has_methods_of(&self, other: &Self) -> bool {
        self.methods.is_empty() || (!other.methods.is_empty() && other.methods.iter().all(|method| self.lists(method)))
    }

    fn shares_methods_with(&self, other: &Self) -> bool {
        let has = |method: &str| self.lists(method) || (method == "HEAD" && self.lists("GET"));
        self.methods.is_empty()
            || other.methods.is_empty()
            || other.methods.iter().any(|method| has(method))
            || self.methods.iter().any(|method| method == "HEAD" && other.lists("GET"))
    }

    fn lists(&self, method: &str) -> bool {
        self.methods.iter().any(|listed| listed == method)
    }
}

/// HEAD is GET without a body. OPTIONS and methods nobody has heard of must not slip past a rule that protects GET (PA-12); a
/// rule that opens GET opens no more than that.
fn is_judged_like_get(method: &str, opens: bool) -> bool {
    match method {
        "HEAD" => true,
        "POST" | "PUT" | "PATCH" | "DELETE" => false,
        _ => !opens,
    }
}

/// Whether no later route is asked.
fn settles(fit: Result<(), Mismatch>) -> bool {
    matches!(fit, Ok(()) | Err(Mismatch::Unasked | Mismatch::Unread | Mismatch::Unclear))
}

#[cfg(test)]
mod tests;
