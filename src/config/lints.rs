//! What an app's routes, seen together, do not say to the eye.

use super::{
    levels::Minimum,
    problem::{Code, Problem},
    reader::{Reader, Value},
    routes::{Overlap, Written},
    settings::{Scheme, Upstream},
};
use crate::domain::policy::{Access, Policy, index::Index, route::Route};
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
    places: impl Iterator<Item = (&'a Arc<Policy>, &'a Range<usize>)>,
    floors: &[&Minimum],
    reader: &Reader<'_>,
) {
    for (policy, at) in places {
        let undercut = floors.iter().find_map(|floor| Some((floor, floor.undercut_by(policy)?)));
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
/// Only a glob of one piece can cover another, and only one that begins like it: so few are compared, however many there are.
pub(super) fn routes(routes: &[Written], fallback: Option<(&Arc<Policy>, &Range<usize>)>, reader: &Reader<'_>) {
    let mut covering = Index::default();
    for (position, later) in routes.iter().enumerate() {
        let mut above: Vec<_> = covering.above(&later.route.path).flatten().copied().collect();
        above.sort_unstable();
        overlaps(later, || above.iter().filter_map(|&place| routes.get(place)), reader);
        if later.route.path.is_anchored() {
            covering.add(position, &later.route.path);
        }
        tells_of_its_mode(later, reader);
        tells_of_its_form(later, reader);
    }
    let mut catching = Index::default();
    for (position, route) in routes.iter().enumerate().rev() {
        let own = &route.route;
        if own.conditions.is_empty() && own.path.is_anchored() {
            catching.add(position, &own.path);
        } else if !own.conditions.is_empty() {
            let after = catching.above(&own.path).flatten().filter_map(|&place| Some((place, routes.get(place)?)));
            let next = after.filter(|(_, next)| next.route.path.covers(&own.path)).min_by_key(|(place, _)| *place);
            let next = next.map(|(_, next)| (&next.route.policy, &next.at, next.overlap));
            lets_by(route, next.or(fallback.map(|(policy, at)| (policy, at, Overlap::Mistake))), reader);
        }
    }
}

fn overlaps<'a, I: Iterator<Item = &'a Written>>(later: &Written, earlier: impl Fn() -> I, reader: &Reader<'_>) {
    let hides = |earlier: &&Written| earlier.overlap == Overlap::Mistake && earlier.route.hides(&later.route);
    if let Some(hiding) = earlier().filter(|earlier| earlier.route.conditions.is_empty()).find(hides) {
        let only_reports = !hiding.route.policy.is_public();
        let what = if only_reports { "a route that only reports" } else { "a public route" };
        let code = if only_reports { Code::HiddenForSome } else { Code::Hidden };
        let problem =
            Problem::new(code, format!("{what} hides one that protects"), later.at.clone(), "anybody gets in here");
        let first = if only_reports { "this route comes first" } else { "this public route comes first" };
        reader.note(
            problem
                .also(hiding.at.clone(), first)
                .help("put the protecting route first, or write `overlap = \"intended\"` in the public one"),
        );
    } else if let Some(taking) = earlier().find(|earlier| earlier.route.takes_all(&later.route)) {
        let title = "no request reaches this route";
        let problem = Problem::new(Code::UnreachableRoute, title, later.at.clone(), "never decides");
        reader.note(
            problem
                .also(taking.at.clone(), "everything there is taken by this route")
                .help("the first match decides: put the narrower route first"),
        );
    } else if let Some(hiding) = earlier().find(hides) {
        let title = "some requests get past a route that protects";
        let problem = Problem::new(Code::HiddenForSome, title, later.at.clone(), "not everybody is asked here");
        reader.note(
            problem
                .also(hiding.at.clone(), "this public route takes those that meet its conditions")
                .help("put the protecting route first, or write `overlap = \"intended\"` in the public one"),
        );
    }
}

/// Warns of a route where nothing is enforced.
fn tells_of_its_mode(written: &Written, reader: &Reader<'_>) {
    if let Some(at) = &written.mode_at {
        let title = "this route lets everybody pass and only reports";
        let problem = Problem::new(Code::Reports, title, at.clone(), "nothing is enforced");
        reader.note(problem.help("leave `mode` out once the log and `doorward_reported_total` show no surprise"));
    }
}

/// Warns of a form that is looked for where none is sent.
fn tells_of_its_form(written: &Written, reader: &Reader<'_>) {
    let Route { methods, conditions, .. } = &written.route;
    let is_read_only = !methods.is_empty() && methods.iter().all(|method| matches!(method.as_str(), "GET" | "HEAD"));
    if is_read_only && !conditions.form.is_empty() {
        let title = "no request reaches this route";
        let problem = Problem::new(Code::UnreachableRoute, title, written.at.clone(), "GET brings no form");
        reader.note(problem.help("what a form sends with GET is its `query`"));
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
        (Access::Require(own), Access::Require(asked)) => {
            !own.level.is_at_least(&asked.level)
                || asked.fresh.iter().any(|fresh| !own.fresh.contains(fresh))
                || asked.idle.is_some_and(|max| own.idle.is_none_or(|own| own > max))
                || asked.risk.is_some_and(|ceiling| own.risk != Some(ceiling))
        }
        (Access::Require(_), Access::Deny) => true,
        (Access::Deny | Access::Public, _) | (_, Access::Public) => false,
    }
}
