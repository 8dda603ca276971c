//! What conditions said of a form: all that is kept of one (LO-03).
//!
//! # Invariants
//!
//! - Every condition on forms that was known when they were kept says the same again.
//! - No text of a form is kept, only whether it was the one that a condition wants.

use super::{Form, Named, Read, Said, Wanted};
use crate::domain::policy::route::App;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

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

/// The conditions on forms that the routes of an app have, each once.
#[derive(Debug, Clone, Default)]
pub struct Forms(Vec<Named>);

impl Forms {
    /// Those of `app`.
    pub fn of(app: &App) -> Self {
        let mut known = HashSet::new();
        let all = app.routes.iter().flat_map(|route| &route.conditions.form);
        Self(all.filter(|named| known.insert(*named)).cloned().collect())
    }

    /// What they make of this form, which came with this query. Nothing, where nobody looked into it.
    pub fn judge(&self, form: Form<'_>, query: Option<&str>) -> Verdicts {
        if form == Form::Unread {
            return Verdicts::default();
        }
        let read = Read::new(query, form);
        let verdict = |named: &Named| {
            let said = named.said_by_form(form, &read)?;
            Some(Verdict { name: named.name.clone(), wanted: wanted_of(named).map(str::to_owned), said })
        };
        Verdicts(self.0.iter().filter_map(verdict).collect())
    }
}

impl Verdicts {
    /// What a form is of which this is known.
    pub fn as_form(&self) -> Form<'_> {
        if self.is_empty() { Form::Unread } else { Form::Judged(self) }
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
