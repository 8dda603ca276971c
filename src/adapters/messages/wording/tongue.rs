//! What a language must have words for. A text that is missing does not compile.

use crate::{
    domain::{factor::Method, language::Language},
    ports::messages::{CodePurpose, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use jiff::civil::DateTime;
use std::time::Duration;

/// What a message is about.
pub(super) struct About {
    /// The matter, in a few words: it follows the organisation's name in the subject.
    pub(super) matter: &'static str,
    /// What it is about.
    pub(super) opening: String,
    /// What to do if that was somebody else.
    pub(super) otherwise: String,
}

/// What stands before the facts of where a message was asked for.
pub(super) struct Labels {
    pub(super) browser: &'static str,
    pub(super) address: &'static str,
    pub(super) time: &'static str,
}

/// One language. Names that come from outside are on one line already.
pub(super) trait Tongue: Sync {
    /// The subject of a letter.
    fn subject(&self, organisation: &str, matter: &str) -> String {
        format!("{organisation}: {matter}")
    }

    /// A letter with a code.
    fn code(&self, purpose: CodePurpose, organisation: &str) -> About;

    /// How long a code works, and where, and who never asks for it.
    fn code_terms(&self, lifetime: Duration, host: &str, organisation: &str) -> String;

    /// A code as a text message, in letters that every phone has (GSM 03.38): others halve what fits in.
    fn code_texted(&self, organisation: &str, code: &str) -> String;

    /// A letter with a link, and what the link does.
    fn link(&self, purpose: LinkPurpose, organisation: &str) -> (About, &'static str);

    /// How long a link works.
    fn link_terms(&self, lifetime: Duration) -> String;

    /// What to do with a forgotten password.
    fn forgotten(&self) -> &'static str;

    /// The matter of a notice, and what happened.
    fn notice(&self, notice: &Notice, login_id: &str) -> (&'static str, String);

    /// The same of what somebody did on their account page.
    fn own_act(&self, act: &OwnAct, login_id: &str) -> (&'static str, String);

    /// The same of what an operator did.
    fn operator_act(&self, act: &OperatorAct, login_id: &str) -> (&'static str, String);

    /// What to do if a notice is about oneself.
    fn was_you(&self) -> &'static str;

    /// The same where a recovery code was used: it leads to a replacement (RC-03).
    fn was_you_recovering(&self) -> &'static str;

    /// What to do if it is not.
    fn was_not_you(&self, organisation: &str) -> String;

    /// What to do if one asked an operator for it.
    fn was_asked_for(&self) -> &'static str;

    /// What to do if one did not.
    fn was_not_asked_for(&self, organisation: &str) -> String;

    /// What to do if it was not oneself, where a link follows.
    fn undo(&self) -> &'static str;

    /// A letter to see whether letters arrive, and what to do about it.
    fn trial(&self, organisation: &str) -> (About, String);

    /// `The passkey “Laptop”`.
    fn named(&self, method: Method, name: &str) -> String;

    /// Labels of what is known about whoever asked.
    fn labels(&self) -> Labels;

    /// "Firefox on Linux".
    fn browser(&self, name: &str, system: &str) -> String;

    /// A time, in UTC.
    fn time(&self, at: DateTime) -> String;

    /// A call's first words.
    fn hello(&self, organisation: &str) -> String;

    /// The code, and the code once more.
    fn code_said(&self, digits: &str) -> [String; 2];

    /// That a code is for nobody else.
    fn keep_it(&self) -> &'static str;

    /// The voice that reads it out (BCP 47).
    fn voice(&self) -> &'static str;
}

/// The words of this language.
pub(super) fn of(language: Language) -> &'static dyn Tongue {
    match language {
        Language::English => &super::english::English,
        Language::German => &super::german::German,
        Language::French => &super::french::French,
        Language::Spanish => &super::spanish::Spanish,
    }
}

/// A length of time in the largest unit that it is whole in.
pub(super) enum Span {
    Days(u64),
    Hours(u64),
    Minutes(u64),
    Seconds(u64),
}

impl Span {
    pub(super) fn of(length: Duration) -> Self {
        let seconds = length.as_secs();
        let whole = |unit: u64| seconds >= unit && seconds.is_multiple_of(unit);
        match seconds {
            _ if whole(86_400) => Self::Days(seconds / 86_400),
            _ if whole(3_600) => Self::Hours(seconds / 3_600),
            _ if whole(60) => Self::Minutes(seconds / 60),
            _ => Self::Seconds(seconds),
        }
    }

    /// With the words for each unit, of one and of several.
    pub(super) fn said(&self, days: [&str; 2], hours: [&str; 2], minutes: [&str; 2], seconds: [&str; 2]) -> String {
        let (count, [one, several]) = match self {
            Self::Days(count) => (count, days),
            Self::Hours(count) => (count, hours),
            Self::Minutes(count) => (count, minutes),
            Self::Seconds(count) => (count, seconds),
        };
        format!("{count} {}", if *count == 1 { one } else { several })
    }
}

/// The month of a date, of the names of all, one after another.
pub(super) fn month(at: DateTime, names: &'static str) -> &'static str {
    usize::try_from(at.month() - 1).ok().and_then(|before| names.split(' ').nth(before)).unwrap_or_default()
}
