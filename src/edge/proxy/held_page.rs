//! `/.doorward/send`: where a form that was kept goes on, or what became of it.

use crate::edge::http::{page::Frame, words::filters};
use askama::Template;
use std::time::Duration;

/// `GET /.doorward/send`, and whatever else there is to say about a kept form.
///
/// The form on it is sent to where the first one went, as `text/plain`, with nothing but its one-time token.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/held.html")]
pub struct HeldPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// The application's title.
    pub app: &'a str,
    /// Who is signed in.
    pub login_id: Option<&'a str>,
    /// What there is to say.
    pub state: HeldState<'a>,
    /// The page the form was on.
    pub page: &'a str,
}

/// What became of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState<'a> {
    /// It goes on by itself.
    Sending(Ticket<'a>),
    /// It was filled in while nobody was signed in: only who sees it can say whether it is theirs.
    Review {
        /// How it goes on.
        ticket: Ticket<'a>,
        /// How long ago it came.
        age: Duration,
        /// What its fields are called.
        fields: &'a [String],
        /// The way here, for whoever throws it away.
        to: &'a str,
    },
    /// Nothing of it was sent: it waits on.
    Unsent(Ticket<'a>, Unsent),
    /// It was on its way, and nothing came back: whether it arrived, only the application knows.
    Unclear(Unclear),
    /// Somebody else came back.
    OtherUser,
    /// It went on before.
    Sent,
    /// Nothing is kept any more.
    Gone,
    /// It was thrown away, as asked.
    Discarded,
}

/// Why nothing of a form was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The application could not be reached.
    Unreached,
    /// Something of ours failed.
    Unready,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// The application stopped answering.
    Broken,
    /// We lost a part of it.
    Lost,
    /// Its sender's session ended.
    SignedOut,
    /// Its sender's proof became stale.
    Stale,
}

/// What sends a kept form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// Where it goes.
    pub target: &'a str,
    /// The one-time token.
    pub token: &'a str,
}

impl HeldState<'_> {
    const fn heading(&self) -> &'static str {
        match self {
            Self::Sending(_) => "Sending your form",
            Self::Review { .. } => "Send this form?",
            Self::Unsent(..) => "Your form wasn't sent yet",
            Self::Unclear(_) => "Your form may have arrived",
            Self::OtherUser => "Nothing was sent",
            Self::Sent => "This form was sent already",
            Self::Gone => "This form isn't kept any more",
            Self::Discarded => "The form was thrown away",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let fields = ["to", "amount", "receipt <b>"].map(str::to_owned);
        let ticket = Ticket { target: "/transfers?draft=1&x=\"", token: "t0ken" };
        let review = HeldState::Review { ticket, age: Duration::from_mins(3), fields: &fields, to: "s3aled" };
        let page = |state| HeldPage {
            frame: gallery::frame(Base::App),
            app: "Payroll",
            login_id: Some(gallery::ANN),
            state,
            page: "/transfers/new",
        };
        let states = vec![
            ("sending", page(HeldState::Sending(ticket))),
            ("review", page(review)),
            (
                "review_of_no_names",
                page(HeldState::Review { ticket, age: Duration::from_secs(3), fields: &[], to: "s3aled" }),
            ),
            ("unsent", page(HeldState::Unsent(ticket, Unsent::Unreached))),
            ("unready", page(HeldState::Unsent(ticket, Unsent::Unready))),
            ("unclear", page(HeldState::Unclear(Unclear::Broken))),
            ("unclear_lost", page(HeldState::Unclear(Unclear::Lost))),
            ("unclear_signed_out", HeldPage { login_id: None, ..page(HeldState::Unclear(Unclear::SignedOut)) }),
            ("unclear_stale", page(HeldState::Unclear(Unclear::Stale))),
            ("other_user", page(HeldState::OtherUser)),
            ("sent", page(HeldState::Sent)),
            ("gone", HeldPage { login_id: None, ..page(HeldState::Gone) }),
            ("discarded", page(HeldState::Discarded)),
        ];

        for (state, shown) in gallery::exhibit("held", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
