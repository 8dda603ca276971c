//! Times, places and methods in plain English: the one place that words them.

use crate::domain::{factor::Method, place::Place, time::Timestamp};
use std::{
    fmt::{Display, Formatter, Result},
    time::Duration,
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// A length of time that somebody chose, said exactly: "30 minutes", "90 minutes", "12 hours".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs();
        let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")];
        let largest = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
        let (unit, name) = largest.unwrap_or((1, "second"));
        write_count(f, seconds / unit, name)
    }
}

/// How long ago something was, in one unit and rounded down: "just now", "12 minutes ago", "3 months ago".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ago(pub Duration);

impl Display for Ago {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs();
        let (unit, name) = match seconds {
            0..MINUTE => return f.write_str("just now"),
            MINUTE..HOUR => (MINUTE, "minute"),
            HOUR..DAY => (HOUR, "hour"),
            DAY..MONTH => (DAY, "day"),
            MONTH..YEAR => (MONTH, "month"),
            _ => (YEAR, "year"),
        };
        write_count(f, seconds / unit, name)?;
        f.write_str(" ago")
    }
}

/// How long something lasted, in one unit and rounded down: "12 minutes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasted(pub Duration);

impl Display for Lasted {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs();
        let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")];
        let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "second"));
        write_count(f, seconds / unit, name)
    }
}

fn write_count(f: &mut Formatter<'_>, count: u64, unit: &str) -> Result {
    write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// When something can be done again: "in 5 minutes (14:05 UTC)".
///
/// Both, because a page may stay open for a while, and because few people live in UTC. The clock is rounded up to
/// the minute, so that nobody who waits for it comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upcoming {
    /// When.
    pub at: Timestamp,
    /// When the page was made.
    pub now: Timestamp,
}

impl Upcoming {
    /// In how many seconds, for a script that counts them.
    pub fn seconds(self) -> u64 {
        self.now.age(self.at).unwrap_or_default().as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
    }
}

impl Display for Upcoming {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let wait = self.now.age(self.at).unwrap_or_default();
        let clock = self.at.as_secs().next_multiple_of(MINUTE) % DAY;
        write!(f, "in {} ({:02}:{:02} UTC)", rounded_up(wait), clock / HOUR, clock % HOUR / MINUTE)
    }
}

/// In one unit, never too short.
fn rounded_up(wait: Duration) -> Span {
    let seconds = wait.as_secs();
    Span(Duration::from_secs(match seconds {
        0..MINUTE => seconds.max(1),
        MINUTE..HOUR => seconds.next_multiple_of(MINUTE),
        HOUR..DAY => seconds.next_multiple_of(HOUR),
        _ => seconds.next_multiple_of(DAY),
    }))
}

/// Until when something can be done: "5 days", and "29 November, 14:05 UTC".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Until when.
    pub at: Timestamp,
    /// When the page was made.
    pub now: Timestamp,
}

impl Deadline {
    /// How long that is: the day or hour that has begun counts.
    pub fn left(self) -> impl Display {
        rounded_up(self.now.age(self.at).unwrap_or_default())
    }

    /// When that is, to the minute before.
    pub fn moment(self) -> impl Display {
        // Only the ends of time are out of range.
        let at = jiff::Timestamp::from_millisecond(self.at.as_millis()).unwrap_or_default();
        at.strftime("%-d %B, %H:%M UTC").to_string()
    }
}

/// A place: "Firefox on Linux · 192.0.2.7".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Somewhere<'a>(pub &'a Place);

impl<'a> Somewhere<'a> {
    /// The browser, or what stands for one that says nothing we know.
    pub fn browser(self) -> &'a str {
        self.0.browser.as_deref().unwrap_or("An unknown browser")
    }
}

impl Display for Somewhere<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.browser())?;
        self.0.address.map_or(Ok(()), |address| write!(f, " · {address}"))
    }
}

/// The name of a method in a list of what somebody has: "Authenticator app".
pub const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Password => "Password",
        Method::Totp => "Authenticator app",
        Method::RecoveryCode => "Recovery code",
        Method::Passkey => "Passkey",
        Method::SecurityKey => "Security key",
        Method::EmailCode => "E-mail code",
        Method::EmailLink => "E-mail link",
        Method::SmsCode => "Text message",
        Method::VoiceCode => "Phone call",
    }
}

/// What a method asks for, to stand in a sentence: "code from your authenticator app".
pub const fn method_proof(method: Method) -> &'static str {
    match method {
        Method::Password => "password",
        Method::Totp => "code from your authenticator app",
        Method::RecoveryCode => "recovery code",
        Method::Passkey => "passkey",
        Method::SecurityKey => "security key",
        Method::EmailCode => "code sent by e-mail",
        Method::EmailLink => "link sent by e-mail",
        Method::SmsCode => "code sent by text message",
        Method::VoiceCode => "code from a phone call",
    }
}

/// With what somebody proved who they are, to stand after "with": "a code from your authenticator app".
pub const fn method_means(method: Method) -> &'static str {
    match method {
        Method::Password => "your password",
        Method::Totp => "a code from your authenticator app",
        Method::RecoveryCode => "a recovery code",
        Method::Passkey => "your passkey",
        Method::SecurityKey => "your security key",
        Method::EmailCode => "a code sent by e-mail",
        Method::EmailLink => "a link sent by e-mail",
        Method::SmsCode => "a code sent by text message",
        Method::VoiceCode => "a code from a phone call",
    }
}

/// What a method is good for, in a list of what somebody has.
pub const fn method_worth(method: Method) -> &'static str {
    match method {
        Method::Passkey => "Signs you in by itself",
        Method::SecurityKey | Method::Totp => "Second step",
        Method::SmsCode | Method::VoiceCode => "Second step, weaker than the others",
        Method::EmailCode | Method::EmailLink => "Second step of a sign-in, nothing more",
        Method::Password => "First step",
        Method::RecoveryCode => "Second step, once",
    }
}

/// The same for templates: `{{ age|ago }}`.
#[expect(missing_docs, clippy::inline_always, reason = "what askama writes for each filter")]
pub mod filters {
    use super::{
        Ago, Lasted, Span, method_means as means, method_name as name, method_proof as proof, method_worth as worth,
    };
    use crate::domain::factor::Method;
    use askama::{Result, Values, filter_fn};
    use std::time::Duration;

    /// [`Ago`].
    #[filter_fn]
    pub fn ago(age: &Duration, _: &dyn Values) -> Result<Ago> {
        Ok(Ago(*age))
    }

    /// [`Lasted`].
    #[filter_fn]
    pub fn lasted(time: &Duration, _: &dyn Values) -> Result<Lasted> {
        Ok(Lasted(*time))
    }

    /// [`Span`].
    #[filter_fn]
    pub fn span(length: &Duration, _: &dyn Values) -> Result<Span> {
        Ok(Span(*length))
    }

    /// [`method_name`](name).
    #[filter_fn]
    pub fn method_name(method: &Method, _: &dyn Values) -> Result<&'static str> {
        Ok(name(*method))
    }

    /// [`method_means`](means).
    #[filter_fn]
    pub fn method_means(method: &Method, _: &dyn Values) -> Result<&'static str> {
        Ok(means(*method))
    }

    /// [`method_worth`](worth).
    #[filter_fn]
    pub fn method_worth(method: &Method, _: &dyn Values) -> Result<&'static str> {
        Ok(worth(*method))
    }

    /// [`method_proof`](proof).
    #[filter_fn]
    pub fn method_proof(method: &Method, _: &dyn Values) -> Result<&'static str> {
        Ok(proof(*method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_length_is_said_exactly() {
        let said = |seconds| Span(Duration::from_secs(seconds)).to_string();

        assert_eq!(said(0), "0 seconds");
        assert_eq!(said(45), "45 seconds");
        assert_eq!(said(MINUTE), "1 minute");
        assert_eq!(said(90 * MINUTE), "90 minutes");
        assert_eq!(said(12 * HOUR), "12 hours");
        assert_eq!(said(90 * DAY), "90 days");
    }

    #[test]
    fn an_age_is_said_in_one_unit() {
        let said = |seconds| Ago(Duration::from_secs(seconds)).to_string();

        assert_eq!(said(59), "just now");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(12 * MINUTE + 59), "12 minutes ago");
        assert_eq!(said(3 * HOUR + 1), "3 hours ago");
        assert_eq!(said(47 * HOUR), "1 day ago");
        assert_eq!(said(100 * DAY), "3 months ago");
        assert_eq!(said(400 * DAY), "1 year ago");
    }

    #[test]
    fn a_place_is_said_as_far_as_it_is_known() {
        let place = |browser: Option<&str>, address: Option<[u8; 4]>| {
            let place = Place { browser: browser.map(ToOwned::to_owned), address: address.map(Into::into) };
            Somewhere(&place).to_string()
        };

        assert_eq!(place(Some("Firefox on Linux"), Some([192, 0, 2, 7])), "Firefox on Linux · 192.0.2.7");
        assert_eq!(place(None, Some([192, 0, 2, 7])), "An unknown browser · 192.0.2.7");
        assert_eq!(place(None, None), "An unknown browser");
    }

    #[test]
    fn a_deadline_counts_the_day_that_has_begun() {
        let now = Timestamp::from_millis(1_700_000_000_000); // 14 November 2023, 22:13:20 UTC
        let left = |seconds| Deadline { at: now + Duration::from_secs(seconds), now }.left().to_string();

        assert_eq!(left(7 * DAY), "7 days");
        assert_eq!(left(7 * DAY - 1), "7 days");
        assert_eq!(left(DAY + 1), "2 days");
        assert_eq!(left(DAY - 1), "1 day");
        assert_eq!(left(HOUR + 1), "2 hours");
        assert_eq!(left(61), "2 minutes");
        let moment = Deadline { at: now + Duration::from_secs(DAY), now }.moment().to_string();
        assert_eq!(moment, "15 November, 22:13 UTC");
    }

    #[test]
    fn nobody_who_waits_comes_too_early() {
        let now = Timestamp::from_millis(1_700_000_000_000); // 22:13:20 UTC
        let upcoming = |seconds| Upcoming { at: now + Duration::from_secs(seconds), now }.to_string();

        assert_eq!(upcoming(30), "in 30 seconds (22:14 UTC)");
        assert_eq!(upcoming(61), "in 2 minutes (22:15 UTC)");
        assert_eq!(upcoming(3600), "in 1 hour (23:14 UTC)");
        assert_eq!(upcoming(2 * HOUR - 780), "in 2 hours (00:01 UTC)");
        assert_eq!(Upcoming { at: now, now: now + Duration::from_secs(9) }.to_string(), "in 1 second (22:14 UTC)");
    }
}
