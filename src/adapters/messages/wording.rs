//! What messages say: the one place that words them, with a file for each language.
//!
//! A message is worded once, as [`Words`]; letters, text messages and calls are only ways to write them down, so none of
//! them can say something else than the others.

mod english;
mod french;
mod german;
mod spanish;
mod tongue;

use super::settings::Settings;
use crate::{
    domain::language::Language,
    ports::messages::{Asked, Content, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use tongue::{About, Tongue};
use zeroize::Zeroizing;

/// A message in words. There is no `Debug`: it holds what nobody may log.
pub(super) struct Words {
    language: Language,
    tongue: &'static dyn Tongue,
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
    /// What the operator has to say below every letter.
    pub note: Option<String>,
}

/// What a message carries.
pub(super) enum Cargo {
    /// Digits to type, and the host where to type them.
    Code { code: Zeroizing<String>, host: String },
    /// A link to open, and what it does.
    Link { url: Zeroizing<String>, label: &'static str },
}

impl Words {
    pub(super) fn of(content: &Content, language: Language, settings: &Settings) -> Self {
        let tongue = tongue::of(language);
        let blank = Self {
            language,
            tongue,
            organisation: one_line(&settings.organisation),
            matter: "",
            opening: String::new(),
            cargo: None,
            remark: String::new(),
            asked: asked(content.asked(), tongue),
            otherwise: String::new(),
            undo: None,
            note: settings.mail.as_ref().and_then(|mail| mail.note.clone()),
        };
        let organisation = blank.organisation.clone();
        match content {
            Content::Code { code, purpose, lifetime, .. } => {
                let (code, host) = (code.clone(), settings.host.clone());
                let remark = tongue.code_terms(*lifetime, &host, &organisation);
                let about = tongue.code(*purpose, &organisation);
                Self { cargo: Some(Cargo::Code { code, host }), remark, ..blank.about(about) }
            }
            Content::Link { url, purpose, lifetime, .. } => {
                let (about, label) = tongue.link(*purpose, &organisation);
                let remark = match purpose {
                    LinkPurpose::AlreadyThere => tongue.forgotten().to_owned(),
                    LinkPurpose::SignIn
                    | LinkPurpose::ResetPassword
                    | LinkPurpose::Invitation
                    | LinkPurpose::SignUp => tongue.link_terms(*lifetime),
                };
                Self { cargo: Some(Cargo::Link { url: url.clone(), label }), remark, ..blank.about(about) }
            }
            Content::Notice { notice, login_id, undo, .. } => blank.around_notice(notice, login_id, undo.clone()),
            Content::Trial { .. } => {
                let (about, remark) = tongue.trial(&organisation);
                Self { remark, ..blank.about(about) }
            }
        }
    }

    fn about(self, about: About) -> Self {
        let About { matter, opening, otherwise } = about;
        Self { matter, opening, otherwise, ..self }
    }

    fn around_notice(self, notice: &Notice, login_id: &str, undo: Option<Zeroizing<String>>) -> Self {
        let tongue = self.tongue;
        let (matter, opening) = tongue.notice(&named_in_one_line(notice), &one_line(login_id));
        let otherwise = if undo.is_some() {
            tongue.undo().to_owned()
        } else if matches!(notice, Notice::OfOperator(_)) {
            tongue.was_not_asked_for(&self.organisation)
        } else {
            tongue.was_not_you(&self.organisation)
        };
        let remark = match notice {
            Notice::RecoveryCodeUsed { .. } => tongue.was_you_recovering(),
            Notice::OfOperator(_) => tongue.was_asked_for(),
            _ => tongue.was_you(),
        };
        Self { remark: remark.to_owned(), undo, ..self.about(About { matter, opening, otherwise }) }
    }

    /// The subject of a letter.
    pub(super) fn subject(&self) -> String {
        self.tongue.subject(&self.organisation, self.matter)
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
        let Self { opening, otherwise, .. } = self;
        let notice = self.tongue.subject(&self.organisation, opening);
        Zeroizing::new(match (&self.cargo, &self.undo) {
            (Some(Cargo::Code { code, host }), _) => {
                let text = self.tongue.code_texted(&self.organisation, code);
                format!("{}\n\n@{host} #{}", plain_marks(&text), **code)
            }
            (Some(Cargo::Link { url, .. }), _) => format!("{}\n{}", plain_marks(opening), **url),
            (None, Some(undo)) => format!("{}\n{}", plain_marks(&format!("{notice} {otherwise}")), **undo),
            (None, None) => plain_marks(&format!("{notice} {otherwise}")).trim_end().to_owned(),
        })
    }

    /// As sentences to be read out, one after another with a pause between; `None` for what nobody could write down.
    pub(super) fn spoken(&self) -> Option<Vec<Zeroizing<String>>> {
        let say = |sentence: &str| Zeroizing::new(sentence.to_owned());
        let hello = say(&self.tongue.hello(&self.organisation));
        match &self.cargo {
            Some(Cargo::Code { code, .. }) => {
                let digits = Zeroizing::new(code.chars().map(String::from).collect::<Vec<_>>().join(", "));
                let [once, again] = self.tongue.code_said(&digits).map(Zeroizing::new);
                Some(vec![hello, once, again, say(self.tongue.keep_it())])
            }
            Some(Cargo::Link { .. }) => None,
            None if self.undo.is_some() => None,
            None => Some(vec![hello, say(&self.opening), say(&self.otherwise)]),
        }
    }

    /// The language it is in, as HTML says it.
    pub(super) const fn lang(&self) -> &'static str {
        self.language.tag()
    }

    /// The voice that reads it out (BCP 47).
    pub(super) fn voice(&self) -> &'static str {
        self.tongue.voice()
    }
}

fn asked(Asked { browser, address, at }: &Asked, tongue: &dyn Tongue) -> Vec<(&'static str, String)> {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let labels = tongue.labels();
    let browser = browser.as_deref().map(|browser| match browser.split_once(" on ") {
        Some((name, system)) => tongue.browser(&one_line(name), &one_line(system)),
        None => one_line(browser),
    });
    let browser = browser.map(|browser| (labels.browser, browser));
    let address = address.map(|address| (labels.address, address.to_string()));
    let time = (labels.time, tongue.time(time.to_zoned(jiff::tz::TimeZone::UTC).datetime()));
    browser.into_iter().chain(address).chain([time]).collect()
}

/// The same, with what people chose in it on one line.
fn named_in_one_line(notice: &Notice) -> Notice {
    match notice {
        Notice::FactorAdded { method, name } => Notice::FactorAdded { method: *method, name: one_line(name) },
        Notice::FactorRemoved { method, name } => Notice::FactorRemoved { method: *method, name: one_line(name) },
        Notice::OfOwner(OwnAct::FactorRenamed { method, from, to }) => {
            Notice::OfOwner(OwnAct::FactorRenamed { method: *method, from: one_line(from), to: one_line(to) })
        }
        Notice::OfOwner(OwnAct::FactorFirst { method, name }) => {
            Notice::OfOwner(OwnAct::FactorFirst { method: *method, name: one_line(name) })
        }
        Notice::OfOwner(OwnAct::BrowserRenamed { to }) => Notice::OfOwner(OwnAct::BrowserRenamed { to: one_line(to) }),
        Notice::ContactChanged { to: Some(to) } => Notice::ContactChanged { to: Some(one_line(to)) },
        Notice::OfOperator(OperatorAct::AppHandedOut { name }) => {
            Notice::OfOperator(OperatorAct::AppHandedOut { name: one_line(name) })
        }
        Notice::PasswordChanged
        | Notice::PasswordReset
        | Notice::OfOperator(OperatorAct::PasswordSet | OperatorAct::SecondFactorsReset)
        | Notice::UnusualSignIn
        | Notice::SignInRefused
        | Notice::OfOwner(OwnAct::SessionsEnded { .. } | OwnAct::BrowsersForgotten { .. })
        | Notice::RecoveryCodesReplaced
        | Notice::RecoveryCodeUsed { .. }
        | Notice::ContactChanged { to: None }
        | Notice::NewBrowser => notice.clone(),
    }
}

/// Names are chosen by people, and not all people mean well: what they chose stays inside its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c) { ' ' } else { c }).collect()
}

/// With marks that every phone has (GSM 03.38): one that it has not halves what fits into a text message.
fn plain_marks(text: &str) -> String {
    let text = text.replace("«\u{a0}", "\"").replace("\u{a0}»", "\"");
    let plain = |c| match c {
        '“' | '”' | '„' | '«' | '»' => '"',
        '’' => '\'',
        '\u{a0}' => ' ',
        other => other,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests;
