//! What policy says of a request, and what it takes to have it say so: for most who sends it and the time, for one that a
//! proof has to pay for the whole of it.

use super::{Asked, Proxy, body::RequestBody, deliver::Brought, records::Stuck, visitors::Seen};
use crate::{
    domain::{
        policy::{Decision, Policy, Visitor, WhyAnonymous, once::Fingerprint},
        target::CanonicalPath,
        time::Timestamp,
    },
    flows::receipts,
    ports::upstream::Upstream,
};

/// Stands for a visitor where a public route did not ask who it is.
const NOT_ASKED: WhyAnonymous = WhyAnonymous::NoCookie;

/// A decision, and what it was made on.
pub(super) struct Ruling {
    pub(super) decision: Decision,
    /// Who sends it, where that was asked.
    pub(super) seen: Option<Seen>,
    pub(super) visitor: Visitor,
    /// Which request it is, where a proof pays for each.
    pub(super) pays: Option<Fingerprint>,
    pub(super) now: Timestamp,
}

impl Ruling {
    pub(super) fn of(policy: &Policy, seen: Option<Seen>, now: Timestamp) -> Self {
        let visitor = seen.as_ref().map_or(Visitor::Anonymous(NOT_ASKED), Seen::visitor);
        Self { decision: policy.decide(&visitor, now), seen, visitor, pays: None, now }
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// What `policy` says. Where a proof pays for each request, the receipt for this one is spent.
    pub(super) async fn rule(
        &self,
        asked: &Asked<'_>,
        (path, query): (&CanonicalPath<'_>, Option<&str>),
        policy: &Policy,
        seen: Option<Seen>,
        brought: &mut Brought,
    ) -> Result<Ruling, Box<Stuck>> {
        let ruling = Ruling::of(policy, seen, self.world.clock.now());
        if policy.once().is_none() || !matches!(ruling.decision, Decision::StepUp(_) | Decision::Pay(_)) {
            return Ok(ruling);
        }
        let pays = self.fingerprint(asked, path, query, brought).await?;
        // The body may have been long in coming: who was signed in when it began may not be any more.
        let seen = self.look(asked).await?;
        let ruling = Ruling { pays, ..Ruling::of(policy, Some(seen), self.world.clock.now()) };
        match (ruling.decision, pays) {
            (Decision::Pay(unpaid), Some(request)) => {
                let world = self.world.clone();
                let decided = self.on_slow(async move { receipts::pay(&world, unpaid, request).await }).await;
                let decision = decided.map_err(|error| self.stuck_on_store(asked, &error))?;
                if matches!(decision, Decision::Admit(_)) {
                    tracing::info!(request.id = %asked.id, app = asked.app.name, policy = policy.name, "a proof is spent");
                }
                Ok(Ruling { decision, ..ruling })
            }
            (decision, _) => Ok(Ruling { decision, ..ruling }),
        }
    }
}
