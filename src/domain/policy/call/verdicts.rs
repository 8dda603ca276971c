//! What conditions said of a form: all that is kept of one (LO-03).
//!
//! # Invariants
//!
//! - Every condition on forms that was known when they were kept says the same again.
//! - No text of a form is kept, only whether it was the one that a condition wants.

use super::{Form, Named, Read, Said, Wanted};
use crate::domain::policy::route::App;
use serde::{Deserialize, Serialize};

/// One for each condition on forms that the routes of an app have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verdicts(Vec<Verdict>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    name: String,
    /// The text that is wanted; none where any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    said: Said,
}

impl Verdicts {
    /// What the routes of `app` make of this form, which came with this query. Nothing, where nobody looked into it.
    pub fn of(app: &App, form: Form<'_>, query: Option<&str>) -> Self {
        let (mut verdicts, read) = (Self::default(), Read::new(query, form));
        for named in app.routes.iter().flat_map(|route| &route.conditions.form) {
            if let (None, Some(said)) = (verdicts.said(named), named.said_by_form(form, &read)) {
                let wanted = wanted_of(named).map(str::to_owned);
                verdicts.0.push(Verdict { name: named.name.clone(), wanted, said });
            }
        }
        verdicts
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn said(&self, named: &Named) -> Option<Said> {
        let is_its = |verdict: &&Verdict| verdict.name == named.name && verdict.wanted.as_deref() == wanted_of(named);
        self.0.iter().find(is_its).map(|verdict| verdict.said)
    }
}

fn wanted_of(named: &Named) -> Option<&str> {
    match &named.wanted {
        Wanted::Anything => None,
        Wanted::Text(text) => Some(text),
    }
}
