//! `/account/activity`: what happened to the account lately.

use crate::{
    domain::{
        contact::Kind,
        enrolment::Inviter,
        event::{Event, Fate, Intervention, What},
        factor::Method,
        place::Place,
        risk::{Act, Signal},
        time::Timestamp,
    },
    edge::http::{
        page::Frame,
        words::{Somewhere, filters, method_means, method_name, method_proof},
    },
    flows::factors::unnamed,
};
use askama::Template;
use std::{num::NonZeroUsize, time::Duration};

/// `GET /account/activity`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/account/activity.html")]
pub struct ActivityPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What happened, the latest first.
    pub rows: &'a [ActivityRow],
}

/// One thing that happened, or the same thing several times in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRow {
    what: What,
    place: Place,
    times: NonZeroUsize,
    /// How long ago, the last time.
    pub(super) age: Duration,
}

impl ActivityRow {
    /// What happened, as at most `most` rows. What happened several times in a row from one place is one of them: a
    /// hundred wrong passwords must not hide the day they began.
    pub fn of(events: &[Event], most: usize, now: Timestamp) -> Vec<Self> {
        let alike = events.chunk_by(|one, other| one.what == other.what && one.place == other.place);
        let row = |alike: &[Event]| {
            let (latest, times) = (alike.first()?, NonZeroUsize::new(alike.len())?);
            let age = latest.at.age(now).unwrap_or_default();
            Some(Self { what: latest.what.clone(), place: latest.place.clone(), times, age })
        };
        alike.filter_map(row).take(most).collect()
    }

    /// What happened, in a sentence.
    pub(super) fn sentence(&self) -> String {
        let named = |method: &Method, name: &str| {
            let kind = method_name(*method);
            if name == unnamed(*method) { kind.to_owned() } else { format!("{kind} “{name}”") }
        };
        match &self.what {
            What::SignedIn { method } => format!("Signed in with {}", method_means(*method)),
            What::UnusualSignIn { signals, acts, .. } => unusual(signals, acts),
            What::SteppedUp { method } => format!("Confirmed that it's you with {}", method_means(*method)),
            What::WrongTry { method } => match self.times.get() {
                1 => format!("A wrong {} was tried", method_proof(*method)),
                times => format!("A wrong {} was tried {times} times", method_proof(*method)),
            },
            What::TriesRefused { method } => {
                format!("Too many tries: for a while no {} was looked at", method_proof(*method))
            }
            What::CodeSent { method } => format!("A {} was asked for", method_proof(*method)),
            What::FactorAdded { method, name } => format!("{} added", named(method, name)),
            What::FactorRenamed { method, from, to } => format!("{} is now called “{to}”", named(method, from)),
            What::FactorRemoved { method, name } => format!("{} removed", named(method, name)),
            What::PrimaryChosen { method, name } => format!("{} is asked for first now", named(method, name)),
            What::SetUpOpened => "A code from your mailbox opened setting up the second step".to_owned(),
            What::RecoveryCodesReplaced => "New recovery codes made".to_owned(),
            What::RecoveryCodeUsed { left: 1 } => "A recovery code was used; 1 is left".to_owned(),
            What::RecoveryCodeUsed { left } => format!("A recovery code was used; {left} are left"),
            What::ResetRequested => "A link to choose a new password was asked for".to_owned(),
            What::PasswordChanged => "Password changed".to_owned(),
            What::ContactChanged { kind, fate } => {
                let what = match kind {
                    Some(Kind::Email) => "E-mail address",
                    Some(Kind::Phone) => "Phone number",
                    None => "E-mail or phone",
                };
                let became = match fate {
                    Fate::Added => "added",
                    Fate::Changed => "changed",
                    Fate::Removed => "removed",
                };
                format!("{what} {became}")
            }
            What::Joined { inviter: Inviter::Operator } => "Account made by invitation".to_owned(),
            What::Joined { inviter: Inviter::Oneself } => "Account made by signing up".to_owned(),
            What::SignedOut => "Signed out".to_owned(),
            What::SignInDisowned => "A sign-in was ended because it wasn't you".to_owned(),
            What::DeviceRemembered => "This browser was remembered".to_owned(),
            What::DeviceRenamed { from: Some(from), to } => {
                format!("Remembered browser “{from}” is now called “{to}”")
            }
            What::DeviceRenamed { from: None, to } => format!("A remembered browser is now called “{to}”"),
            What::DevicesForgotten { count: 1 } => "1 remembered browser forgotten".to_owned(),
            What::DevicesForgotten { count } => format!("{count} remembered browsers forgotten"),
            What::SessionsEnded { count: 1 } => "1 session ended".to_owned(),
            What::SessionsEnded { count } => format!("{count} sessions ended"),
            What::Locked => "Locked".to_owned(),
            What::Operator(act) => intervention(act),
        }
    }

    /// From where.
    pub(super) fn place(&self) -> String {
        match self.what {
            What::Operator(_) => "not in a browser".to_owned(),
            _ => Somewhere(&self.place).to_string(),
        }
    }
}

fn intervention(act: &Intervention) -> String {
    let did = match act {
        Intervention::Added => "made this account",
        Intervention::PasswordSet => "set a new password and ended all sessions",
        Intervention::AppAdded { name } if name == unnamed(Method::Totp) => "added an authenticator app",
        Intervention::AppAdded { name } => return format!("An operator added the authenticator app “{name}”"),
        Intervention::SecondFactorsReset { removed: 0 } => "let you set up a second step and ended all sessions",
        Intervention::SecondFactorsReset { .. } => "removed every second step and ended all sessions",
        Intervention::SessionsEnded { count: 1 } => "ended 1 session",
        Intervention::SessionsEnded { count } => return format!("An operator ended {count} sessions"),
        Intervention::DevicesForgotten { .. } => "had the remembered browsers forgotten",
        Intervention::Disabled => "disabled this account",
        Intervention::Enabled => "enabled this account again",
        Intervention::Unlocked => "had failed tries forgotten",
    };
    format!("An operator {did}")
}

/// "Unusual sign-in: a new browser, a new country; a second step was asked for".
fn unusual(signals: &[Signal], acts: &[Act]) -> String {
    let signals: Vec<_> = signals.iter().map(|signal| in_words(*signal)).collect();
    let outcome = if acts.contains(&Act::Deny) {
        "; it was refused"
    } else if acts.contains(&Act::Require) {
        "; a second step was asked for"
    } else {
        ""
    };
    format!("Unusual sign-in: {}{outcome}", signals.join(", "))
}

const fn in_words(signal: Signal) -> &'static str {
    match signal {
        Signal::NewDevice => "a new browser",
        Signal::NewCountry => "a new country",
        Signal::NewNetwork => "a new network",
        Signal::ImpossibleTravel => "too far from the last sign-in",
        Signal::ListedAddress => "an address that is watched",
        Signal::PasswordChanged => "the first since the password was changed",
        Signal::RecentFailures => "many wrong tries before",
    }
}

#[cfg(test)]
pub(in crate::edge::portal) mod tests {
    use super::*;
    use crate::{
        domain::{risk::Score, user::UserId},
        edge::http::{assets::Base, gallery},
    };
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_795_356_000_000);

    /// One of each, each an hour older than the one before.
    pub(in crate::edge::portal) fn rows() -> Vec<ActivityRow> {
        let (method, name) = (Method::Passkey, || "Work laptop".to_owned());
        let unusual = |signals: &[Signal], acts: &[Act]| What::UnusualSignIn {
            score: Score::MAX,
            signals: signals.to_vec(),
            acts: acts.to_vec(),
        };
        let whats = [
            What::SteppedUp { method },
            What::SignedIn { method: Method::Totp },
            unusual(Signal::ALL, &[]),
            unusual(&[Signal::NewDevice], &[Act::Notify, Act::Require]),
            unusual(&[Signal::ImpossibleTravel], &[Act::Deny]),
            What::WrongTry { method: Method::Password },
            What::WrongTry { method: Method::Password },
            What::WrongTry { method: Method::Totp },
            What::TriesRefused { method: Method::Password },
            What::CodeSent { method: Method::SmsCode },
            What::FactorAdded { method, name: name() },
            What::FactorAdded { method: Method::Totp, name: "Authenticator app".to_owned() },
            What::FactorRenamed { method, from: name(), to: "Old laptop".to_owned() },
            What::FactorRemoved { method, name: "Old laptop".to_owned() },
            What::PrimaryChosen { method, name: name() },
            What::SetUpOpened,
            What::RecoveryCodesReplaced,
            What::RecoveryCodeUsed { left: 9 },
            What::RecoveryCodeUsed { left: 1 },
            What::ResetRequested,
            What::PasswordChanged,
            What::ContactChanged { kind: Some(Kind::Phone), fate: Fate::Added },
            What::ContactChanged { kind: Some(Kind::Email), fate: Fate::Changed },
            What::ContactChanged { kind: Some(Kind::Phone), fate: Fate::Removed },
            What::ContactChanged { kind: None, fate: Fate::Changed },
            What::Joined { inviter: Inviter::Operator },
            What::Joined { inviter: Inviter::Oneself },
            What::SignedOut,
            What::SignInDisowned,
            What::DeviceRemembered,
            What::DeviceRenamed { from: Some("Firefox on Linux".to_owned()), to: "Kitchen laptop".to_owned() },
            What::DeviceRenamed { from: None, to: "Kitchen laptop".to_owned() },
            What::DevicesForgotten { count: 1 },
            What::DevicesForgotten { count: 2 },
            What::SessionsEnded { count: 1 },
            What::SessionsEnded { count: 3 },
            What::Locked,
            What::Operator(Intervention::PasswordSet),
            What::Operator(Intervention::AppAdded { name: "Authenticator app".to_owned() }),
            What::Operator(Intervention::AppAdded { name: "Desk phone".to_owned() }),
            What::Operator(Intervention::SecondFactorsReset { removed: 0 }),
            What::Operator(Intervention::SecondFactorsReset { removed: 2 }),
            What::Operator(Intervention::SessionsEnded { count: 1 }),
            What::Operator(Intervention::SessionsEnded { count: 3 }),
            What::Operator(Intervention::DevicesForgotten { count: 2 }),
            What::Operator(Intervention::Disabled),
            What::Operator(Intervention::Enabled),
            What::Operator(Intervention::Unlocked),
            What::Operator(Intervention::Added),
        ];
        let place = Place { browser: Some("Firefox on Linux".to_owned()), address: Some([192, 0, 2, 7].into()) };
        let mut at = NOON;
        let events: Vec<_> = whats
            .into_iter()
            .map(|what| {
                at = at - Duration::from_hours(1);
                let user = Some(UserId(Uuid::nil()));
                Event { user, at, what, place: place.clone() }
            })
            .collect();
        ActivityRow::of(&events, 50, NOON)
    }

    #[test]
    fn every_state_is_worded() {
        let (frame, rows) = (gallery::frame(Base::Portal), rows());
        let states =
            vec![("one_of_each", ActivityPage { frame, rows: &rows }), ("empty", ActivityPage { frame, rows: &[] })];

        for (state, shown) in gallery::exhibit("account.activity", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
