//! What a stream goes on being asked for while it is open: what its request would be asked for if it came now.

use super::{
    fields::Left,
    serve::{Arrival, Proxy, Served},
};
use crate::domain::{
    policy::{
        Access, Decision, Missing, Policy, Requirement, Visitor,
        call::{Call, Form},
        route::ByHost,
    },
    session::Identity,
    target::{CanonicalPath, Host},
    time::Timestamp,
};
use arc_swap::ArcSwap;
use http::{HeaderMap, Method, request::Parts};
use std::{net::IpAddr, sync::Arc};

/// Every app of the latest generation, by host.
pub type Latest = Arc<ArcSwap<ByHost<Arc<Served>>>>;

/// A request that was let through, and the policy that goes on holding for it. Where the config changes, its route is looked
/// for again.
#[derive(Clone)]
pub struct Obedience {
    latest: Latest,
    /// Where its policy was found.
    apps: Arc<ByHost<Arc<Served>>>,
    policy: Arc<Policy>,
    host: Host,
    method: Method,
    path: String,
    query: Option<String>,
    fields: HeaderMap,
    client: IpAddr,
}

/// What somebody lacks who was let through once.
#[derive(Debug, PartialEq, Eq)]
pub struct Lacking {
    pub(super) identity: Arc<Identity>,
    pub(super) missing: Missing,
    pub(super) requirement: Requirement,
}

impl<U> Proxy<U> {
    /// What holds for a request that `policy` let through.
    pub(super) fn obedience(
        &self,
        policy: &Arc<Policy>,
        path: &CanonicalPath<'_>,
        parts: &Parts,
        arrival: &Arrival<'_>,
    ) -> Box<Obedience> {
        Box::new(Obedience {
            latest: Arc::clone(&self.latest),
            apps: Arc::clone(&self.apps),
            policy: Arc::clone(policy),
            host: arrival.authority.host.clone(),
            method: parts.method.clone(),
            path: path.as_str().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            fields: parts.headers.clone(),
            client: arrival.client,
        })
    }
}

impl Obedience {
    /// Whether the request would be let through now; if not, what is missing, where a proof would help.
    pub fn admits(&mut self, visitor: &Visitor, now: Timestamp) -> Result<(), Option<Arc<Lacking>>> {
        let latest = self.latest.load_full();
        if !Arc::ptr_eq(&latest, &self.apps) {
            self.policy = self.find(&latest, visitor, now).ok_or(None)?;
            self.apps = latest;
        }
        let missing = match self.policy.decide(visitor, now) {
            // What was paid for once is paid for as long as it lasts.
            Decision::Admit(_) | Decision::Pay(_) => return Ok(()),
            Decision::StepUp(missing) => missing,
            Decision::SignIn(_) | Decision::Deny(_) => return Err(None),
        };
        let (Visitor::SignedIn(identity), Access::Require(requirement)) = (visitor, &self.policy.access) else {
            return Err(None);
        };
        let (identity, requirement) = (Arc::clone(identity), requirement.clone());
        Err(Some(Arc::new(Lacking { identity, missing, requirement })))
    }

    /// The policy of its route. A request that has none any more is not let through.
    fn find(&self, apps: &ByHost<Arc<Served>>, visitor: &Visitor, now: Timestamp) -> Option<Arc<Policy>> {
        let served = apps.find(&self.host)?;
        let app = &served.app;
        let path = CanonicalPath::parse(&self.path, app.allowed).ok()?;
        let call = Call {
            method: self.method.as_str(),
            path: &path,
            query: self.query.as_deref(),
            fields: &Left::of(&self.fields, &served.names),
            client: Some(self.client),
            // Nobody knows any more: what depends on it is not let through.
            form: Form::Unread,
            visitor: Some(visitor),
            now,
        };
        app.matched(&call).ok()?.map(|matched| Arc::clone(matched.policy))
    }
}
