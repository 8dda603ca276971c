//! `/challenge/{method}`: one more proof, and why.

pub mod dead_end;

use crate::{
    domain::{factor::Method, session::Level},
    edge::http::{
        page::{Frame, Hidden},
        words::{Upcoming, filters},
    },
};
use askama::Template;
use std::time::Duration;

/// `GET /challenge/{method}`, and `POST` when it did not work. Posts to `action` what the method takes: `code`,
/// `password`, or `challenge` and `credential`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge.html")]
pub struct ChallengePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// What is asked for.
    pub method: Method,
    /// Where the form goes: to `/challenge/{method}`, or to the change that waits for the proof.
    pub action: &'a str,
    /// Why it is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// Where a code or link goes, for methods that send one.
    pub delivery: Option<Delivery<'a>>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
    /// Whether their browser may be remembered, which posts `remember`.
    pub remember: Option<Tick>,
    /// When the sign-in that this is the second step of is over.
    pub ends: Option<Upcoming>,
}

/// The choice to have a browser remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// For how long.
    pub lasts: Duration,
    /// Whether it was made with an answer that did not work.
    pub made: bool,
}

impl ChallengePage<'_> {
    const fn needs_script(&self) -> bool {
        matches!(self.method, Method::Passkey | Method::SecurityKey)
    }

    /// Whether a script counts down to the next code or link.
    pub(in crate::edge::portal) fn counts(&self) -> bool {
        self.delivery.and_then(|delivery| delivery.sent).is_some_and(OnItsWay::waits) && !self.is_opened()
    }

    const fn asks_password(&self) -> bool {
        matches!(self.method, Method::Password)
    }
}

impl ChallengePage<'_> {
    /// Whether a link was opened, and only a word is missing.
    fn is_opened(&self) -> bool {
        self.delivery.is_some_and(|delivery| delivery.opened.is_some())
    }
}

/// Where a code or link goes, and whether one is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The address, masked.
    pub to: &'a str,
    /// Where the form goes that has one sent.
    pub send: &'a str,
    /// The one that was sent, while its time lasts.
    pub sent: Option<OnItsWay>,
    /// The token of the link that was opened, if it is that one.
    pub opened: Option<&'a str>,
}

/// A code or link that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnItsWay {
    /// When its time is over.
    pub ends: Upcoming,
    /// When another can be sent; `None` if that is now.
    pub again: Option<Upcoming>,
}

impl OnItsWay {
    /// Whether another can't be sent yet.
    pub(in crate::edge::portal) const fn waits(self) -> bool {
        self.again.is_some()
    }
}

/// Why somebody is asked for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Signing in takes two steps, and this is the second.
    SecondStep,
    /// An application asks.
    App(Asking<'a>),
    /// The portal asks for a recent proof before a change to the account.
    Change,
}

/// What an application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking<'a> {
    /// Its title.
    pub app: &'a str,
    /// What it guards in this way, to stand after "before": "transfers".
    pub before: Option<&'a str>,
    /// What of its policy is not met.
    pub clause: Clause,
}

/// What of a policy is not met. The latest proof comes with its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// It takes more than this session has proven.
    Level {
        /// What that amounts to.
        reached: Option<Level>,
        /// The latest of it.
        latest: Option<(Method, Duration)>,
    },
    /// It takes more, because the sign-in was unlike earlier ones.
    Risk {
        /// What this session amounts to.
        reached: Option<Level>,
        /// The latest proof.
        latest: Option<(Method, Duration)>,
    },
    /// It takes everything anew: what was proven is older than it allows.
    TooOld {
        /// How old a proof may be there.
        max_age: Duration,
        /// The latest proof.
        latest: Option<(Method, Duration)>,
    },
    /// It takes the second step too, which a remembered browser spared.
    SecondStep,
    /// It takes a recent proof.
    Fresh {
        /// How old a proof may be; `None` where any of this session will do.
        within: Option<Duration>,
        /// The latest proof that would have counted.
        latest: Option<(Method, Duration)>,
    },
    /// It takes a proof for each such request, and for this one now.
    Once {
        /// The latest proof that would have counted, had it been made for this.
        latest: Option<(Method, Duration)>,
    },
    /// It takes somebody who is there, after a while in which nobody was.
    Idle {
        /// How long that was.
        quiet: Duration,
    },
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
    /// Nothing is waiting for it any more, or yet.
    Over,
    /// Nothing was sent.
    NotSent(WhyNotSent),
    /// Something of ours failed. Nothing was checked.
    OurFault,
}

impl ProofNotice {
    /// Whether it says when another code or link can be sent.
    pub(super) const fn says_when(self) -> bool {
        matches!(self, Self::NotSent(WhyNotSent::TooSoon { .. }))
    }
}

/// Why no code or link was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNotSent {
    /// One was sent a moment ago, or often enough.
    TooSoon {
        /// When another can be.
        again: Upcoming,
    },
    /// The operator sends nothing to numbers of that country.
    Country,
    /// The other end does not take it.
    Refused,
    /// It can't be sent just now.
    Unavailable,
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
    /// The request that led here, for `doorward explain --id`.
    pub reference: Option<&'a str>,
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
mod tests;
