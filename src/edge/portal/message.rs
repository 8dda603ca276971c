//! What stands in the way of a form, and nothing else to show.

use crate::edge::http::page::Frame;
use askama::Template;

/// One message, one way on.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/message.html")]
pub struct MessagePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What happened.
    pub message: Message,
    /// Where to start again.
    pub again: &'a str,
    /// What the log line of this request carries, where there is more to say to those who read it.
    pub reference: Option<&'a str>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The form is older than its token, or its token belongs to another sign-in.
    StaleForm,
    /// The browser sent back none of our cookies.
    NoCookies,
    /// The link or the sign-in under way is too old, or was used before.
    StaleFlow,
    /// The form was not sent from our own pages.
    ForeignForm,
    /// The link belongs to another browser, or to a sign-in that is over.
    LinkElsewhere,
    /// The sign-in is too unlike earlier ones.
    TooUnusual,
}

impl Message {
    const fn heading(self) -> &'static str {
        match self {
            Self::StaleForm => "This page was open too long",
            Self::NoCookies => "Your browser didn't keep our cookie",
            Self::StaleFlow => "This sign-in is no longer under way",
            Self::ForeignForm => "This form came from somewhere else",
            Self::LinkElsewhere => "Open this link where you asked for it",
            Self::TooUnusual => "We didn't sign you in",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let page =
            |message| MessagePage { frame: gallery::frame(Base::Portal), message, again: "/login", reference: None };
        let states = vec![
            ("stale_form", page(Message::StaleForm)),
            ("no_cookies", page(Message::NoCookies)),
            ("stale_flow", page(Message::StaleFlow)),
            ("foreign_form", page(Message::ForeignForm)),
            ("link_elsewhere", page(Message::LinkElsewhere)),
            ("too_unusual", MessagePage { reference: Some("7F3K-9QXA-2MT4"), ..page(Message::TooUnusual) }),
        ];

        for (state, shown) in gallery::exhibit("message", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
