//! `/challenge`: one more proof, and why.

pub mod dead_end;
pub mod passkey;
pub mod password;
pub mod recovery_code;
pub mod totp;

use crate::{domain::factor::Method, edge::http::words::Upcoming};
use std::time::Duration;

/// Why somebody is asked for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Signing in takes two steps, and this is the second.
    SecondStep,
    /// An application asks for more than this session has proven.
    Level {
        /// Its title.
        app: &'a str,
    },
    /// An application asks for a recent proof.
    Fresh {
        /// Its title.
        app: &'a str,
        /// What it guards in this way, to stand after "before": "transfers".
        before: Option<&'a str>,
        /// How old a proof may be.
        within: Duration,
        /// The latest proof that would have counted, and its age.
        latest: Option<(Method, Duration)>,
    },
    /// The portal asks for a recent proof before a change to the account.
    Change,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofNotice {
    /// It is not the right one.
    Wrong,
    /// It was right, and is used up.
    AlreadyUsed,
    /// The budget is closed for a while.
    TooMany {
        /// When it opens.
        again: Upcoming,
    },
    /// The budget is closed until an operator opens it.
    Locked,
    /// Something of ours failed. Nothing was checked.
    OurFault,
}

/// Who answers, and how they can step aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answerer<'a> {
    /// Their login id.
    pub login_id: &'a str,
    /// Where they can go instead of answering; the page they came from, if it is safe to show.
    pub back: Option<&'a str>,
    /// Other methods of theirs that would do, strongest first.
    pub others: &'a [Method],
    /// What waits for the answer.
    pub kept: Kept,
}

/// What is kept while somebody proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A form that they sent.
    Form,
}

impl Kept {
    /// Whether there is something to go on with.
    pub fn is_form(self) -> bool {
        self == Self::Form
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::gallery;

    pub(super) const ANSWERER: Answerer<'_> =
        Answerer { login_id: gallery::ANN, back: None, others: &[], kept: Kept::Nothing };

    pub(super) fn fresh(latest: Option<(Method, Duration)>) -> Reason<'static> {
        Reason::Fresh { app: "Payroll", before: Some("transfers"), within: Duration::from_mins(5), latest }
    }
}
