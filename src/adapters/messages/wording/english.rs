//! Messages in English.

use super::tongue::{About, Labels, Span, Tongue, month};
use crate::{
    domain::factor::Method,
    ports::messages::{CodePurpose, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use jiff::civil::DateTime;
use std::time::Duration;

const MONTHS: &str = "January February March April May June July August September October November December";

pub(super) struct English;

impl Tongue for English {
    fn code(&self, purpose: CodePurpose, organisation: &str) -> About {
        match purpose {
            CodePurpose::Prove => About {
                matter: "your code",
                opening: format!("To show {organisation} that it is you, type this code:"),
                otherwise:
                    "If this was not you, give the code to nobody. Somebody may know your password: choose a new one."
                        .to_owned(),
            },
            CodePurpose::Verify => About {
                matter: "confirm this address",
                opening: format!("To confirm to {organisation} that this is yours, type this code:"),
                otherwise: "If this was not you, do nothing: without the code nothing happens.".to_owned(),
            },
        }
    }

    fn code_terms(&self, lifetime: Duration, host: &str, organisation: &str) -> String {
        let lifetime = span(lifetime);
        format!(
            "It works once, for {lifetime}, and only on {host}. Nobody who works for {organisation} will ask you for it."
        )
    }

    fn code_texted(&self, organisation: &str, code: &str) -> String {
        format!("{organisation}: {code} is your code. Give it to nobody.")
    }

    fn link(&self, purpose: LinkPurpose, organisation: &str) -> (About, &'static str) {
        let (matter, opening, otherwise, label) = match purpose {
            LinkPurpose::SignIn => (
                "your sign-in link",
                format!("To sign in to {organisation}, open this link:"),
                "If this was not you, do nothing: without the link nobody gets in.".to_owned(),
                "Sign in",
            ),
            LinkPurpose::ResetPassword => (
                "choose a new password",
                format!("To choose a new password for {organisation}, open this link:"),
                "If this was not you, do nothing: your password stays as it is.".to_owned(),
                "Choose a new password",
            ),
            LinkPurpose::Invitation => (
                "your invitation",
                format!("You are invited to {organisation}. To make your account, open this link:"),
                format!("If you know nothing of {organisation}, do nothing: no account is made."),
                "Make your account",
            ),
            LinkPurpose::SignUp => (
                "complete your account",
                format!("To complete your account at {organisation}, open this link:"),
                "If this was not you, do nothing: no account is made.".to_owned(),
                "Complete your account",
            ),
            LinkPurpose::AlreadyThere => (
                "you have an account",
                format!(
                    "Somebody wants to make an account at {organisation} with this address, and you have one. \
                     To sign in, open this link:"
                ),
                "If this was not you, do nothing: your account stays as it is.".to_owned(),
                "Sign in",
            ),
        };
        (About { matter, opening, otherwise }, label)
    }

    fn link_terms(&self, lifetime: Duration) -> String {
        format!("It works once, for {}.", span(lifetime))
    }

    fn forgotten(&self) -> &'static str {
        "If you forgot your password, that page helps you on."
    }

    fn notice(&self, notice: &Notice, login_id: &str) -> (&'static str, String) {
        let account = format!("the account {login_id}");
        match notice {
            Notice::PasswordChanged => ("your password was changed", format!("The password of {account} was changed.")),
            Notice::PasswordReset => (
                "your password was reset",
                format!("The password of {account} was reset with a link from a message. All its sessions have ended."),
            ),
            Notice::FactorAdded { method, name } => (
                "a way to sign in was added",
                format!("{} can now be used to sign in to {account}.", self.named(*method, name)),
            ),
            Notice::FactorRemoved { method, name } => (
                "a way to sign in was removed",
                format!("{} can no longer be used to sign in to {account}.", self.named(*method, name)),
            ),
            Notice::RecoveryCodesReplaced => (
                "new recovery codes",
                format!("New recovery codes were made for {account}. The old ones no longer work."),
            ),
            Notice::RecoveryCodeUsed { left } => (
                "a recovery code was used",
                match left {
                    0 => format!("The last recovery code of {account} was used."),
                    1 => format!("A recovery code of {account} was used. One is left."),
                    left => format!("A recovery code of {account} was used. {left} are left."),
                },
            ),
            Notice::ContactChanged { to: Some(to) } => {
                ("an address was changed", format!("Messages about {account} now go to {to}."))
            }
            Notice::ContactChanged { to: None } => {
                ("an address was removed", format!("An address of {account} was removed: it gets no more messages."))
            }
            Notice::NewBrowser => {
                ("a new sign-in", format!("Somebody signed in to {account} with a browser that was not used before."))
            }
            Notice::OfOperator(act) => self.operator_act(act, login_id),
            Notice::OfOwner(act) => self.own_act(act, login_id),
            Notice::UnusualSignIn => (
                "an unusual sign-in",
                format!(
                    "Somebody signed in to {account}, and not as usual: from another place, or with another browser."
                ),
            ),
            Notice::SignInRefused => (
                "a sign-in was refused",
                format!(
                    "Somebody knew how to sign in to {account}, but so unlike you that they were kept out: from another \
                     place, or with another browser."
                ),
            ),
        }
    }

    fn was_asked_for(&self) -> &'static str {
        "If you asked for this, there is nothing to do."
    }

    fn was_not_asked_for(&self, organisation: &str) -> String {
        format!("If you did not ask for this, tell those who look after accounts at {organisation}.")
    }

    fn own_act(&self, act: &OwnAct, login_id: &str) -> (&'static str, String) {
        let account = format!("the account {login_id}");
        match act {
            OwnAct::FactorRenamed { method, from, to } => (
                "a way to sign in was renamed",
                format!("{} of {account} is now called “{to}”.", self.named(*method, from)),
            ),
            OwnAct::FactorFirst { method, name } => (
                "another way to sign in comes first",
                format!("{} is now asked for first when somebody signs in to {account}.", self.named(*method, name)),
            ),
            OwnAct::SessionsEnded { count } => (
                "sessions were ended",
                match count {
                    1 => format!("A session of {account} was ended on its account page."),
                    count => format!("{count} sessions of {account} were ended on its account page."),
                },
            ),
            OwnAct::BrowserRenamed { to } => {
                ("a browser was renamed", format!("A remembered browser of {account} is now called “{to}”."))
            }
            OwnAct::BrowsersForgotten { count } => (
                "a browser was forgotten",
                match count {
                    1 => format!(
                        "A remembered browser of {account} was forgotten: signing in there takes the second step again."
                    ),
                    count => format!(
                        "{count} remembered browsers of {account} were forgotten: signing in there takes the second step again."
                    ),
                },
            ),
        }
    }

    fn operator_act(&self, act: &OperatorAct, login_id: &str) -> (&'static str, String) {
        let account = format!("the account {login_id}");
        match act {
            OperatorAct::PasswordSet => (
                "your password was set",
                format!("An operator set a new password for {account}. All its sessions have ended."),
            ),
            OperatorAct::AppHandedOut { name } => (
                "an authenticator app was set up",
                format!("An operator set up an authenticator app, “{name}”, for {account}."),
            ),
            OperatorAct::SecondFactorsReset => (
                "your second step was reset",
                format!(
                    "An operator removed every second step and the recovery codes of {account}. All its sessions have ended. \
                     A new second step can be set up within a day."
                ),
            ),
        }
    }

    fn was_you(&self) -> &'static str {
        "If this was you, there is nothing to do."
    }

    fn was_you_recovering(&self) -> &'static str {
        "If this was you and you lost something that you sign in with, replace it on your account page."
    }

    fn was_not_you(&self, organisation: &str) -> String {
        format!("If this was not you, choose a new password, and tell those who look after accounts at {organisation}.")
    }

    fn undo(&self) -> &'static str {
        "If this was not you, open this link. It asks before it changes anything:"
    }

    fn trial(&self, organisation: &str) -> (About, String) {
        let about = About {
            matter: "a trial message",
            opening: format!("Messages from {organisation} arrive here."),
            otherwise: String::new(),
        };
        (about, "Whoever runs it wanted to know. There is nothing to do.".to_owned())
    }

    fn named(&self, method: Method, name: &str) -> String {
        let kind = match method {
            Method::Password => "password",
            Method::Totp => "authenticator app",
            Method::RecoveryCode => "set of recovery codes",
            Method::Passkey => "passkey",
            Method::SecurityKey => "security key",
            Method::EmailCode | Method::EmailLink => "e-mail address",
            Method::SmsCode | Method::VoiceCode => "phone number",
        };
        format!("The {kind} “{name}”")
    }

    fn labels(&self) -> Labels {
        Labels { browser: "Browser", address: "IP address", time: "Time" }
    }

    fn browser(&self, name: &str, system: &str) -> String {
        format!("{name} on {system}")
    }

    fn time(&self, at: DateTime) -> String {
        let month = month(at, MONTHS);
        format!("{} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
    }

    fn hello(&self, organisation: &str) -> String {
        format!("Hello. This is {organisation}.")
    }

    fn code_said(&self, digits: &str) -> [String; 2] {
        [format!("Your code is: {digits}."), format!("Once more, your code is: {digits}.")]
    }

    fn keep_it(&self) -> &'static str {
        "Give it to nobody."
    }

    fn voice(&self) -> &'static str {
        "en-US"
    }
}

/// "10 minutes", "1 hour", "3 days".
fn span(length: Duration) -> String {
    Span::of(length).said(["day", "days"], ["hour", "hours"], ["minute", "minutes"], ["second", "seconds"])
}
