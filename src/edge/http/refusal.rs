//! What the gateway says where an application would have answered, and wherever a request gets no page of its own.

use crate::edge::http::{page::Frame, words::Upcoming};
use askama::Template;
use http::StatusCode;

/// A request that was not served, and what can be done about it.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/refusal.html")]
pub struct RefusalPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What happened.
    pub refusal: Refusal<'a>,
    /// Who is signed in, where that is known and matters.
    pub login_id: Option<&'a str>,
    /// Where to go from here.
    pub way_out: Option<WayOut<'a>>,
    /// What the log line of this request carries.
    pub reference: &'a str,
    /// Whether it is shown in a frame, which its links lead out of.
    pub is_framed: bool,
}

/// A link that leads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WayOut<'a> {
    /// What it says: "Go to Payroll".
    pub label: &'a str,
    /// Where it leads.
    pub url: &'a str,
}

/// Why a request was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// No proof would help.
    NotAllowed {
        /// The application's title.
        app: &'a str,
        /// What the operator says to those whom the policy keeps out.
        message: Option<&'a str>,
    },
    /// The sign-in was too unlike earlier ones, and no proof would help.
    TooUnusual {
        /// The application's title.
        app: &'a str,
    },
    /// A page or form in a frame needs a sign-in or a fresh proof first, which no frame has room for.
    ConfirmFirst {
        /// The application's title.
        app: &'a str,
        /// Where to sign in or prove.
        confirm: &'a str,
        /// Whether it was a form, and waits.
        is_held: bool,
    },
    /// A form arrived that needs a sign-in or a fresh proof first. It was not passed on.
    NotSent {
        /// The application's title.
        app: &'a str,
        /// Where to sign in or prove.
        confirm: &'a str,
    },
    /// A form arrived that needs a sign-in or a fresh proof first, and is too large to be kept meanwhile.
    TooLargeToKeep {
        /// The application's title.
        app: &'a str,
        /// Where to sign in or prove.
        confirm: &'a str,
    },
    /// The session ended while the application was at work.
    CutOff {
        /// The application's title.
        app: &'a str,
    },
    /// A sign-in came back that this browser did not set out for, or for the second time.
    LostOnTheWay,
    /// No app, no route, no page.
    NotFound,
    /// The target or its framing can be read in two ways.
    Malformed,
    /// The page does not know this method.
    MethodNotAllowed,
    /// The body is larger than the app takes.
    TooLarge,
    /// The body stopped coming.
    TooSlow,
    /// The connection was opened for another host.
    Misdirected,
    /// Too many header fields, or too long ones: mostly cookies.
    HeadersTooLarge,
    /// Too many requests.
    TooMany {
        /// When there is room again, where that is known.
        again: Option<Upcoming>,
    },
    /// Something of ours failed.
    OurFault,
    /// The application can't be reached.
    UpstreamDown {
        /// Its title.
        app: &'a str,
    },
    /// The store can't say who is there.
    Unavailable,
    /// The application took too long.
    UpstreamSlow {
        /// Its title.
        app: &'a str,
    },
}

impl Refusal<'_> {
    /// The status that goes with it.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotAllowed { .. } | Self::TooUnusual { .. } | Self::NotSent { .. } | Self::LostOnTheWay => {
                StatusCode::FORBIDDEN
            }
            Self::CutOff { .. } | Self::ConfirmFirst { .. } => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge | Self::TooLargeToKeep { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::OurFault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UpstreamDown { .. } => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamSlow { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn heading(&self) -> String {
        match self {
            Self::NotAllowed { .. } => "Your account can't open this page".to_owned(),
            Self::TooUnusual { .. } => "This sign-in can't open this page".to_owned(),
            Self::NotSent { .. } | Self::TooLargeToKeep { .. } => "Nothing was sent".to_owned(),
            Self::ConfirmFirst { .. } => "Confirm it's you".to_owned(),
            Self::CutOff { .. } => "This stopped halfway".to_owned(),
            Self::LostOnTheWay => "This sign-in didn't arrive".to_owned(),
            Self::NotFound => "There is no page here".to_owned(),
            Self::Malformed => "This address can't be read safely".to_owned(),
            Self::MethodNotAllowed => "This page can't be used that way".to_owned(),
            Self::TooLarge => "This is too large to send".to_owned(),
            Self::TooSlow => "This stopped on its way".to_owned(),
            Self::Misdirected => "This connection belongs to another site".to_owned(),
            Self::HeadersTooLarge => "Your browser sent more than we can take".to_owned(),
            Self::TooMany { .. } => "Too many requests".to_owned(),
            Self::OurFault => "Something on our side isn't working".to_owned(),
            Self::UpstreamDown { app } => format!("{app} isn't answering"),
            Self::Unavailable => "We can't check your sign-in right now".to_owned(),
            Self::UpstreamSlow { app } => format!("{app} took too long to answer"),
        }
    }

    /// Where its sender can prove who they are, beside the page that they will send again from.
    const fn confirm(&self) -> Option<&str> {
        match self {
            Self::NotSent { confirm, .. } | Self::TooLargeToKeep { confirm, .. } => Some(confirm),
            _ => None,
        }
    }

    /// Whether the same request may well succeed in a moment.
    const fn passes_by_itself(&self) -> bool {
        matches!(
            self,
            Self::CutOff { .. }
                | Self::Misdirected
                | Self::TooMany { .. }
                | Self::OurFault
                | Self::UpstreamDown { .. }
                | Self::Unavailable
                | Self::UpstreamSlow { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let app = "Payroll";
        let page = |refusal| RefusalPage {
            frame: gallery::frame(Base::App),
            refusal,
            login_id: None,
            way_out: Some(WayOut { label: "Go to the start of Payroll", url: "/" }),
            reference: "7F3K-9Q",
            is_framed: false,
        };
        let confirm = "https://auth.example.com/challenge?to=s3aled";
        let states = vec![
            (
                "not_allowed",
                RefusalPage { login_id: Some(gallery::ANN), ..page(Refusal::NotAllowed { app, message: None }) },
            ),
            (
                "not_allowed_with_words",
                page(Refusal::NotAllowed {
                    app,
                    message: Some("Transfers are for the treasury. Its desk is in room 4."),
                }),
            ),
            ("too_unusual", RefusalPage { login_id: Some(gallery::ANN), ..page(Refusal::TooUnusual { app }) }),
            ("not_sent", page(Refusal::NotSent { app, confirm })),
            (
                "form_in_a_frame",
                RefusalPage { is_framed: true, ..page(Refusal::ConfirmFirst { app, confirm, is_held: true }) },
            ),
            (
                "page_in_a_frame",
                RefusalPage { is_framed: true, ..page(Refusal::ConfirmFirst { app, confirm, is_held: false }) },
            ),
            ("too_large_to_keep", page(Refusal::TooLargeToKeep { app, confirm })),
            ("not_found", page(Refusal::NotFound)),
            ("malformed", RefusalPage { way_out: None, ..page(Refusal::Malformed) }),
            ("method_not_allowed", page(Refusal::MethodNotAllowed)),
            ("too_large", page(Refusal::TooLarge)),
            ("cut_off", page(Refusal::CutOff { app })),
            ("lost_on_the_way", page(Refusal::LostOnTheWay)),
            ("too_slow", page(Refusal::TooSlow)),
            ("misdirected", page(Refusal::Misdirected)),
            ("headers_too_large", page(Refusal::HeadersTooLarge)),
            ("too_many", page(Refusal::TooMany { again: Some(gallery::in_five_minutes()) })),
            ("too_many_for_now", page(Refusal::TooMany { again: None })),
            ("our_fault", page(Refusal::OurFault)),
            ("upstream_down", RefusalPage { login_id: Some(gallery::ANN), ..page(Refusal::UpstreamDown { app }) }),
            ("upstream_down_for_anybody", page(Refusal::UpstreamDown { app })),
            ("unavailable", page(Refusal::Unavailable)),
            ("upstream_slow", RefusalPage { login_id: Some(gallery::ANN), ..page(Refusal::UpstreamSlow { app }) }),
        ];

        for (state, shown) in gallery::exhibit("refusal", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
