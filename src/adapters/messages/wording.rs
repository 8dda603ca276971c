//! What messages say, in plain English: the one place that words them.
//!
//! A message is worded once, as [`Words`]; letters, text messages and calls are only ways to write them down, so none of
//! them can say something else than the others.

use super::settings::Settings;
use crate::{
    domain::factor::Method,
    ports::messages::{Asked, CodePurpose, Content, LinkPurpose, Notice},
};
use std::time::Duration;
use zeroize::Zeroizing;

/// A message in words. There is no `Debug`: it holds what nobody may log.
pub(super) struct Words {
    /// Whose message it is.
    pub organisation: String,
    /// The matter, in a few words.
    pub matter: &'static str,
    /// What it is about.
    pub opening: String,
    /// What it carries.
    pub cargo: Option<Cargo>,
    /// What else there is to know.
    pub remark: String,
    /// From where it was asked for: a label and what stands behind it.
    pub asked: Vec<(&'static str, String)>,
    /// What to do if that was somebody else.
    pub otherwise: String,
    /// Where to do it.
    pub undo: Option<Zeroizing<String>>,
}

/// What a message carries.
pub(super) enum Cargo {
    /// Digits to type, and the host where to type them.
    Code { code: Zeroizing<String>, host: String },
    /// A link to open, and what it does.
    Link { url: Zeroizing<String>, label: &'static str },
}

impl Words {
    pub(super) fn of(content: &Content, settings: &Settings) -> Self {
        let organisation = one_line(&settings.organisation);
        let blank = Self {
            matter: "",
            opening: String::new(),
            cargo: None,
            remark: String::new(),
            asked: asked(content.asked()),
            otherwise: String::new(),
            undo: None,
            organisation,
        };
        match content {
            Content::Code { code, purpose, lifetime, .. } => {
                blank.around_code(code, *purpose, *lifetime, &settings.host)
            }
            Content::Link { url, purpose, lifetime, .. } => blank.around_link(url, *purpose, *lifetime),
            Content::Notice { notice, login_id, undo, .. } => blank.around_notice(notice, login_id, undo.clone()),
            Content::Trial { .. } => Self {
                matter: "a trial message",
                opening: format!("Messages from {} arrive here.", blank.organisation),
                remark: "Whoever runs it wanted to know. There is nothing to do.".to_owned(),
                ..blank
            },
        }
    }

    fn around_code(self, code: &Zeroizing<String>, purpose: CodePurpose, lifetime: Duration, host: &str) -> Self {
        let cargo = Some(Cargo::Code { code: code.clone(), host: host.to_owned() });
        let (organisation, lifetime) = (&self.organisation, span(lifetime));
        let (matter, opening, otherwise) = match purpose {
            CodePurpose::Prove => (
                "your code",
                format!("To show {organisation} that it is you, type this code:"),
                "If this was not you, give the code to nobody. Somebody may know your password: choose a new one.",
            ),
            CodePurpose::Verify => (
                "confirm this address",
                format!("To confirm to {organisation} that this is yours, type this code:"),
                "If this was not you, do nothing: without the code nothing happens.",
            ),
        };
        let remark = format!(
            "It works once, for {lifetime}, and only on {host}. Nobody who works for {organisation} will ask you for it."
        );
        Self { matter, opening, cargo, remark, otherwise: otherwise.to_owned(), ..self }
    }

    fn around_link(self, url: &Zeroizing<String>, purpose: LinkPurpose, lifetime: Duration) -> Self {
        let (matter, opening, label, otherwise) = link(purpose, &self.organisation);
        let remark = match purpose {
            LinkPurpose::AlreadyThere => "If you forgot your password, that page helps you on.".to_owned(),
            LinkPurpose::SignIn | LinkPurpose::ResetPassword | LinkPurpose::Invitation | LinkPurpose::SignUp => {
                format!("It works once, for {}.", span(lifetime))
            }
        };
        let cargo = Some(Cargo::Link { url: url.clone(), label });
        Self { matter, opening, cargo, remark, otherwise, ..self }
    }

    fn around_notice(self, notice: &Notice, login_id: &str, undo: Option<Zeroizing<String>>) -> Self {
        let (matter, opening) = happened(notice, login_id);
        let otherwise = if undo.is_some() {
            "If this was not you, open this link. It asks before it changes anything:".to_owned()
        } else if notice.is_of_operator() {
            format!("If you did not ask for this, tell those who look after accounts at {}.", self.organisation)
        } else {
            format!(
                "If this was not you, choose a new password, and tell those who look after accounts at {}.",
                self.organisation
            )
        };
        let remark = "If this was you, there is nothing to do.".to_owned();
        Self { matter, opening, remark, otherwise, undo, ..self }
    }

    /// The subject of a letter.
    pub(super) fn subject(&self) -> String {
        format!("{}: {}", self.organisation, self.matter)
    }

    /// The digits, if it carries some.
    pub(super) fn code(&self) -> Option<&str> {
        match &self.cargo {
            Some(Cargo::Code { code, .. }) => Some(code),
            _ => None,
        }
    }

    /// As a text message. A code stands in the last line once more, bound to our host, so that a phone fills it in
    /// there and nowhere else.
    pub(super) fn texted(&self) -> Zeroizing<String> {
        let Self { organisation, opening, .. } = self;
        Zeroizing::new(match (&self.cargo, &self.undo) {
            (Some(Cargo::Code { code, host }), _) => {
                format!("{organisation}: {} is your code. Give it to nobody.\n\n@{host} #{}", **code, **code)
            }
            (Some(Cargo::Link { url, .. }), _) => format!("{opening}\n{}", **url),
            (None, Some(undo)) => format!("{organisation}: {opening} {}\n{}", self.otherwise, **undo),
            (None, None) => format!("{organisation}: {opening} {}", self.otherwise).trim_end().to_owned(),
        })
    }

    /// As sentences to be read out, one after another with a pause between; `None` for what nobody could write down.
    pub(super) fn spoken(&self) -> Option<Vec<Zeroizing<String>>> {
        let say = |sentence: &str| Zeroizing::new(sentence.to_owned());
        let hello = say(&format!("Hello. This is {}.", self.organisation));
        match &self.cargo {
            Some(Cargo::Code { code, .. }) => {
                let digits = Zeroizing::new(code.chars().map(String::from).collect::<Vec<_>>().join(". "));
                let told = |before: &str| say(&format!("{before} {}.", *digits));
                Some(vec![hello, told("Your code is:"), told("Once more, your code is:"), say("Give it to nobody.")])
            }
            Some(Cargo::Link { .. }) => None,
            None if self.undo.is_some() => None,
            None => Some(vec![hello, say(&self.opening), say(&self.otherwise)]),
        }
    }
}

fn link(purpose: LinkPurpose, organisation: &str) -> (&'static str, String, &'static str, String) {
    match purpose {
        LinkPurpose::SignIn => (
            "your sign-in link",
            format!("To sign in to {organisation}, open this link:"),
            "Sign in",
            "If this was not you, do nothing: without the link nobody gets in.".to_owned(),
        ),
        LinkPurpose::ResetPassword => (
            "choose a new password",
            format!("To choose a new password for {organisation}, open this link:"),
            "Choose a new password",
            "If this was not you, do nothing: your password stays as it is.".to_owned(),
        ),
        LinkPurpose::Invitation => (
            "your invitation",
            format!("You are invited to {organisation}. To make your account, open this link:"),
            "Make your account",
            format!("If you know nothing of {organisation}, do nothing: no account is made."),
        ),
        LinkPurpose::SignUp => (
            "complete your account",
            format!("To complete your account at {organisation}, open this link:"),
            "Complete your account",
            "If this was not you, do nothing: no account is made.".to_owned(),
        ),
        LinkPurpose::AlreadyThere => (
            "you have an account",
            format!(
                "Somebody wants to make an account at {organisation} with this address, and you have one. To sign in, open this link:"
            ),
            "Sign in",
            "If this was not you, do nothing: your account stays as it is.".to_owned(),
        ),
    }
}

/// The matter, and what happened.
fn happened(notice: &Notice, login_id: &str) -> (&'static str, String) {
    let account = format!("the account {}", one_line(login_id));
    match notice {
        Notice::PasswordChanged => ("your password was changed", format!("The password of {account} was changed.")),
        Notice::PasswordReset => (
            "your password was reset",
            format!("The password of {account} was reset with a link from a message. All its sessions have ended."),
        ),
        Notice::FactorAdded { method, name } => {
            ("a way to sign in was added", format!("{} can now be used to sign in to {account}.", named(*method, name)))
        }
        Notice::FactorRemoved { method, name } => (
            "a way to sign in was removed",
            format!("{} can no longer be used to sign in to {account}.", named(*method, name)),
        ),
        Notice::RecoveryCodesReplaced => {
            ("new recovery codes", format!("New recovery codes were made for {account}. The old ones no longer work."))
        }
        Notice::RecoveryCodeUsed { left } => (
            "a recovery code was used",
            match left {
                0 => format!("The last recovery code of {account} was used."),
                1 => format!("A recovery code of {account} was used. One is left."),
                left => format!("A recovery code of {account} was used. {left} are left."),
            },
        ),
        Notice::ContactChanged { to: Some(to) } => {
            ("an address was changed", format!("Messages about {account} now go to {}.", one_line(to)))
        }
        Notice::ContactChanged { to: None } => {
            ("an address was removed", format!("An address of {account} was removed: it gets no more messages."))
        }
        Notice::NewBrowser => {
            ("a new sign-in", format!("Somebody signed in to {account} with a browser that was not used before."))
        }
        Notice::PasswordSet => (
            "your password was set",
            format!("An operator set a new password for {account}. All its sessions have ended."),
        ),
        Notice::AppHandedOut { name } => (
            "an authenticator app was set up",
            format!("An operator set up an authenticator app, “{}”, for {account}.", one_line(name)),
        ),
        Notice::SecondFactorsReset => (
            "your second step was reset",
            format!(
                "An operator removed every second step and the recovery codes of {account}. All its sessions have ended. A new \
                 second step can be set up within a day."
            ),
        ),
        Notice::UnusualSignIn => (
            "an unusual sign-in",
            format!("Somebody signed in to {account}, and not as usual: from another place, or with another browser."),
        ),
        Notice::SignInRefused => (
            "a sign-in was refused",
            format!(
                "Somebody knew how to sign in to {account}, but so unlike you that they were kept out: from another place, or with another browser."
            ),
        ),
    }
}

/// `The passkey “Laptop”`.
fn named(method: Method, name: &str) -> String {
    let kind = match method {
        Method::Password => "password",
        Method::Totp => "authenticator app",
        Method::RecoveryCode => "set of recovery codes",
        Method::Passkey => "passkey",
        Method::SecurityKey => "security key",
        Method::EmailCode | Method::EmailLink => "e-mail address",
        Method::SmsCode | Method::VoiceCode => "phone number",
    };
    format!("The {kind} “{}”", one_line(name))
}

fn asked(Asked { browser, address, at }: &Asked) -> Vec<(&'static str, String)> {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let browser = browser.as_ref().map(|browser| ("Browser", one_line(browser)));
    let address = address.map(|address| ("IP address", address.to_string()));
    let time = ("Time", time.strftime("%-d %B %Y, %H:%M UTC").to_string());
    browser.into_iter().chain(address).chain([time]).collect()
}

/// Names are chosen by people, and not all people mean well: what they chose stays inside its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c) { ' ' } else { c }).collect()
}

/// "10 minutes", "1 hour", "3 days".
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
