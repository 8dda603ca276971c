//! What an app's routes, seen together, do not say to the eye.

mod openings;

use super::{
    levels::Minimum,
    problem::{Code, Problem},
    reader::{Reader, Value},
    routes::{Overlap, Written},
    settings::{Scheme, Upstream},
};
use crate::domain::{
    policy::{Access, Policy, index::Index, route::Route},
    target::{Allowed, CanonicalPath},
};
use openings::Openings;
use std::{net::IpAddr, ops::Range, sync::Arc};

/// Names that never leave a machine, a cluster or a house.
const INTERNAL: &[&str] = &["localhost", "local", "internal", "lan", "home.arpa", "test", "svc", "cluster.local"];

/// Warns of a server that is spoken to in the clear across a network that others may share.
pub(super) fn upstream(upstream: &Upstream, value: &Value<'_>) {
    let host = upstream.host.as_str();
    let is_internal = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => !host.contains('.') || INTERNAL.iter().any(|end| host.ends_with(&format!(".{end}"))),
    };
    if upstream.scheme == Scheme::Http && !is_internal {
        let title = "requests to this server go in the clear";
        let problem =
            Problem::new(Code::Lax, title, value.at.clone(), "identities and sessions can be read on the way");
        value.reader.note(problem.help("write `https://`; with `upstream_ca` where its authority is your own"));
    }
}

/// Complains of each place whose policy goes below one of these.
pub(super) fn minimums<'a>(
    places: impl Iterator<Item = (Arc<Policy>, &'a Range<usize>)>,
    floors: &[&Minimum],
    reader: &Reader<'_>,
) {
    for (policy, at) in places {
        let undercut = floors.iter().find_map(|floor| Some((floor, floor.undercut_by(&policy)?)));
        let Some((floor, why)) = undercut else { continue };
        let problem = Problem::new(Code::BelowMinimum, "this goes below the minimum", at.clone(), why);
        let help = if policy.is_public() {
            "where some public routes are meant, write `public = true` beside the minimum's level"
        } else {
            "choose a stronger policy here, or lower the minimum"
        };
        reader.note(problem.also(floor.at.clone(), "the minimum").help(help));
    }
}

/// Compares each route with the earlier ones, and with where requests go that it lets by.
///
/// Indexes find those few that can matter to it, however many there are.
pub(super) fn routes(
    routes: &[Written],
    allowed: Allowed,
    fallback: Option<(&Arc<Policy>, &Range<usize>)>,
    reader: &Reader<'_>,
) {
    let (mut taking, mut opening) = (Index::default(), Openings::default());
    for (position, later) in routes.iter().enumerate() {
        let own = &later.route;
        let earlier = Earlier { routes, taking: &taking, opening: &opening };
        if let Err(why) = CanonicalPath::parse(own.path.as_str(), allowed) {
            let title = "no request reaches this route";
            let problem = Problem::new(Code::UnreachableRoute, title, later.at.clone(), why.to_string());
            reader.note(problem.help("such requests get 400, unless the app says `allow_in_path`"));
        } else {
            earlier.overlaps(later, reader);
        }
        taking.add(position, &own.path, &own.conditions);
        if own.policy.opens() && later.overlap == Overlap::Mistake {
            opening.add(position, own);
        }
        tells_of_its_mode(later, reader);
        tells_of_its_form(later, reader);
    }
    let mut catching = Index::default();
    for (position, route) in routes.iter().enumerate().rev() {
        let own = &route.route;
        if own.conditions.is_empty() {
            catching.add(position, &own.path, &own.conditions);
            continue;
        }
        let mut after: Vec<usize> = Vec::new();
        catching.above(&own.path, &own.conditions, &mut |places| after.extend(places));
        let after = after.into_iter().filter_map(|place| Some((place, routes.get(place)?)));
        let next = after.filter(|(_, next)| next.route.catches(own)).min_by_key(|(place, _)| *place);
        let next = next.map(|(_, next)| (&next.route.policy, &next.at, next.overlap));
        lets_by(route, next.or(fallback.map(|(policy, at)| (policy, at, Overlap::Mistake))), reader);
    }
}

/// The routes before one.
struct Earlier<'a> {
    routes: &'a [Written],
    /// All of them.
    taking: &'a Index,
    /// Those that open something and don't say that they mean to.
    opening: &'a Openings,
}

impl<'a> Earlier<'a> {
    /// The first of these places, which are in order, where there is such a route.
    fn first(&self, places: &[usize], is_it: impl Fn(&Route) -> bool) -> Option<&'a Written> {
        places.iter().filter_map(|place| self.routes.get(*place)).find(|written| is_it(&written.route))
    }

    fn overlaps(&self, later: &Written, reader: &Reader<'_>) {
        let own = &later.route;
        let mut above: Vec<usize> = Vec::new();
        self.taking.above(&own.path, &own.conditions, &mut |places| above.extend(places));
        above.sort_unstable();
        let around = if own.policy.opens() { Vec::new() } else { self.opening.around(&own.path) };
        let for_all = |earlier: &Route| earlier.conditions.is_empty() && earlier.hides(own);
        if let Some(hiding) = self.first(&around, for_all) {
            reader.note(hidden(later, hiding));
        } else if let Some(taking) = self.first(&above, |earlier| earlier.takes_all(own)) {
            let title = "no request reaches this route";
            let problem = Problem::new(Code::UnreachableRoute, title, later.at.clone(), "never decides");
            reader.note(
                problem
                    .also(taking.at.clone(), "everything there is taken by this route")
                    .help("the first match decides: put the narrower route first"),
            );
        } else if let Some(hiding) = self.first(&around, |earlier| earlier.hides(own)) {
            let title = "some requests get past a route that protects";
            let problem = Problem::new(Code::HiddenForSome, title, later.at.clone(), "not everybody is asked here");
            reader.note(
                problem
                    .also(hiding.at.clone(), "this public route takes those that meet its conditions")
                    .help("put the protecting route first, or write `overlap = \"intended\"` in the public one"),
            );
        }
    }
}

/// Says of a route that an earlier one opens all of it, or some of its paths or methods.
fn hidden(later: &Written, hiding: &Written) -> Problem {
    let only_reports = !hiding.route.policy.is_public();
    let code = if only_reports { Code::HiddenForSome } else { Code::Hidden };
    let (what, first) = if only_reports {
        ("a route that only reports", "this route comes first")
    } else {
        ("a public route", "this public route comes first")
    };
    let (hides, label) = if hiding.route.covers(&later.route) && hiding.route.has_methods_of(&later.route) {
        ("hides one that protects", "anybody gets in here")
    } else {
        ("hides a part of one that protects", "anybody gets in where both fit")
    };
    Problem::new(code, format!("{what} {hides}"), later.at.clone(), label)
        .also(hiding.at.clone(), first)
        .help("put the protecting route first, or write `overlap = \"intended\"` in the public one")
}

/// Warns of a route where nothing is enforced.
fn tells_of_its_mode(written: &Written, reader: &Reader<'_>) {
    if let Some(at) = &written.mode_at {
        let title = "this route lets everybody pass and only reports";
        let problem = Problem::new(Code::Reports, title, at.clone(), "nothing is enforced");
        let help = "leave `mode` out once the log and `doorward_reported_total` show no surprise; \
                    they show other spellings of its path, too";
        reader.note(problem.help(help));
    }
}

/// Warns of a form that is looked for where no browser sends one. Other clients may.
fn tells_of_its_form(written: &Written, reader: &Reader<'_>) {
    let Route { methods, conditions, .. } = &written.route;
    let is_read_only = !methods.is_empty() && methods.iter().all(|method| matches!(method.as_str(), "GET" | "HEAD"));
    if is_read_only && !conditions.form.is_empty() {
        let title = "no browser sends a form like that";
        let problem = Problem::new(Code::Lax, title, written.at.clone(), "with GET its fields are in the query");
        reader.note(problem.help("ask for them by `query`, or name the method that sends the form"));
    }
}

/// A route with conditions lets requests by that don't meet them. Where those go into the open, whoever wants in need only
/// miss the conditions.
fn lets_by(written: &Written, next: Option<(&Arc<Policy>, &Range<usize>, Overlap)>, reader: &Reader<'_>) {
    let route = &written.route;
    let Some((policy, at, overlap)) = next else { return };
    if policy.opens() && !route.policy.opens() && overlap == Overlap::Mistake {
        let title = "what does not meet the conditions of this route is open to everybody";
        let problem = Problem::new(Code::LetsBy, title, written.at.clone(), "protects only what meets them");
        reader.note(
            problem
                .also(at.clone(), "the others go here")
                .help("protect the path itself below, or write `overlap = \"intended\"` in the public route"),
        );
    }
    if !route.conditions.fields.is_empty() && asks_less(&route.policy, policy) {
        let title = "a header lowers what is asked for";
        let problem = Problem::new(Code::Lax, title, written.at.clone(), "any client can send it");
        let problem = problem.also(at.clone(), "without it more is asked for");
        reader.note(problem.help("ask for a network instead, or for a sign-in"));
    }
}

/// Whether somebody may meet the one policy and not the other.
fn asks_less(policy: &Policy, other: &Policy) -> bool {
    match (&policy.access, &other.access) {
        _ if policy.opens() || other.opens() => !other.opens(),
        (Access::Require(own), Access::Require(asked)) => !own.is_at_least(asked),
        (Access::Require(_), Access::Deny) => true,
        (Access::Deny | Access::Public, _) | (_, Access::Public) => false,
    }
}

#[cfg(test)]
mod tests;
