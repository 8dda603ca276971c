//! Messages in German.

use super::tongue::{About, Labels, Span, Tongue, month};
use crate::{
    domain::factor::Method,
    ports::messages::{CodePurpose, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use jiff::civil::DateTime;
use std::time::Duration;

const MONTHS: &str = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember";

pub(super) struct German;

impl Tongue for German {
    fn code(&self, purpose: CodePurpose, organisation: &str) -> About {
        match purpose {
            CodePurpose::Prove => About {
                matter: "Ihr Code",
                opening: format!("Mit diesem Code bestätigen Sie bei {organisation}, dass Sie es sind:"),
                otherwise:
                    "Wenn Sie das nicht waren, geben Sie den Code an niemanden weiter. Möglicherweise kennt jemand Ihr \
                            Passwort: Wählen Sie ein neues."
                        .to_owned(),
            },
            CodePurpose::Verify => About {
                matter: "Adresse bestätigen",
                opening: format!("Mit diesem Code bestätigen Sie bei {organisation}, dass Sie hier erreichbar sind:"),
                otherwise: "Wenn Sie das nicht waren, müssen Sie nichts tun: Ohne den Code geschieht nichts."
                    .to_owned(),
            },
        }
    }

    fn code_terms(&self, lifetime: Duration, host: &str, organisation: &str) -> String {
        let lifetime = span(lifetime);
        format!(
            "Er gilt einmal, {lifetime} lang, und nur auf {host}. Niemand, der für {organisation} arbeitet, wird Sie danach fragen."
        )
    }

    fn code_texted(&self, organisation: &str, code: &str) -> String {
        format!("{organisation}: {code} ist Ihr Code. Geben Sie ihn an niemanden weiter.")
    }

    fn link(&self, purpose: LinkPurpose, organisation: &str) -> (About, &'static str) {
        let (matter, opening, otherwise, label) = match purpose {
            LinkPurpose::SignIn => (
                "Ihr Anmeldelink",
                format!("Um sich bei {organisation} anzumelden, öffnen Sie diesen Link:"),
                "Wenn Sie das nicht waren, müssen Sie nichts tun: Ohne den Link kommt niemand hinein.".to_owned(),
                "Anmelden",
            ),
            LinkPurpose::ResetPassword => (
                "Neues Passwort wählen",
                format!("Um ein neues Passwort für {organisation} zu wählen, öffnen Sie diesen Link:"),
                "Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.".to_owned(),
                "Neues Passwort wählen",
            ),
            LinkPurpose::Invitation => (
                "Ihre Einladung",
                format!("Sie sind zu {organisation} eingeladen. Um Ihr Konto anzulegen, öffnen Sie diesen Link:"),
                format!("Wenn Ihnen {organisation} nichts sagt, müssen Sie nichts tun: Es wird kein Konto angelegt."),
                "Konto anlegen",
            ),
            LinkPurpose::SignUp => (
                "Konto fertigstellen",
                format!("Um Ihr Konto bei {organisation} fertigzustellen, öffnen Sie diesen Link:"),
                "Wenn Sie das nicht waren, müssen Sie nichts tun: Es wird kein Konto angelegt.".to_owned(),
                "Konto fertigstellen",
            ),
            LinkPurpose::AlreadyThere => (
                "Sie haben bereits ein Konto",
                format!(
                    "Jemand möchte mit dieser Adresse ein Konto bei {organisation} anlegen, und Sie haben bereits eines. \
                     Um sich anzumelden, öffnen Sie diesen Link:"
                ),
                "Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Konto bleibt, wie es ist.".to_owned(),
                "Anmelden",
            ),
        };
        (About { matter, opening, otherwise }, label)
    }

    fn link_terms(&self, lifetime: Duration) -> String {
        format!("Er gilt einmal, {} lang.", span(lifetime))
    }

    fn forgotten(&self) -> &'static str {
        "Falls Sie Ihr Passwort vergessen haben, hilft Ihnen diese Seite weiter."
    }

    fn notice(&self, notice: &Notice, login_id: &str) -> (&'static str, String) {
        let account = format!("Konto {login_id}");
        let its = format!("des Kontos {login_id}");
        match notice {
            Notice::PasswordChanged => ("Ihr Passwort wurde geändert", format!("Das Passwort {its} wurde geändert.")),
            Notice::PasswordReset => (
                "Ihr Passwort wurde zurückgesetzt",
                format!(
                    "Das Passwort {its} wurde mit einem Link aus einer Nachricht zurückgesetzt. Alle Sitzungen sind beendet."
                ),
            ),
            Notice::FactorAdded { method, name } => (
                "Neue Anmeldemöglichkeit",
                format!("{} kann jetzt zur Anmeldung beim {account} verwendet werden.", self.named(*method, name)),
            ),
            Notice::FactorRemoved { method, name } => (
                "Anmeldemöglichkeit entfernt",
                format!("{} kann nicht mehr zur Anmeldung beim {account} verwendet werden.", self.named(*method, name)),
            ),
            Notice::RecoveryCodesReplaced => (
                "Neue Wiederherstellungscodes",
                format!("Für das {account} wurden neue Wiederherstellungscodes erstellt. Die alten gelten nicht mehr."),
            ),
            Notice::RecoveryCodeUsed { left } => (
                "Wiederherstellungscode verwendet",
                match left {
                    0 => format!("Der letzte Wiederherstellungscode {its} wurde verwendet."),
                    1 => format!("Ein Wiederherstellungscode {its} wurde verwendet. Einer ist noch übrig."),
                    left => format!("Ein Wiederherstellungscode {its} wurde verwendet. {left} sind noch übrig."),
                },
            ),
            Notice::ContactChanged { to: Some(to) } => {
                ("Adresse geändert", format!("Nachrichten zum {account} gehen ab jetzt an {to}."))
            }
            Notice::ContactChanged { to: None } => {
                ("Adresse entfernt", format!("Eine Adresse {its} wurde entfernt: Sie erhält keine Nachrichten mehr."))
            }
            Notice::NewBrowser => (
                "Neue Anmeldung",
                format!(
                    "Jemand hat sich beim {account} mit einem Browser angemeldet, der zuvor nicht verwendet wurde."
                ),
            ),
            Notice::OfOperator(act) => self.operator_act(act, login_id),
            Notice::OfOwner(act) => self.own_act(act, login_id),
            Notice::UnusualSignIn => (
                "Ungewöhnliche Anmeldung",
                format!(
                    "Jemand hat sich beim {account} angemeldet, und anders als sonst: von einem anderen Ort oder mit einem \
                     anderen Browser."
                ),
            ),
            Notice::SignInRefused => (
                "Anmeldung abgewiesen",
                format!(
                    "Jemand hatte, was die Anmeldung beim {account} verlangt, wurde aber abgewiesen, weil zu vieles anders \
                     war als sonst: ein anderer Ort oder ein anderer Browser."
                ),
            ),
        }
    }

    fn was_asked_for(&self) -> &'static str {
        "Wenn Sie darum gebeten haben, müssen Sie nichts tun."
    }

    fn was_not_asked_for(&self, organisation: &str) -> String {
        format!(
            "Wenn Sie nicht darum gebeten haben, geben Sie denen Bescheid, die bei {organisation} die Konten betreuen."
        )
    }

    fn own_act(&self, act: &OwnAct, login_id: &str) -> (&'static str, String) {
        let account = format!("Konto {login_id}");
        let its = format!("des Kontos {login_id}");
        match act {
            OwnAct::FactorRenamed { method, from, to } => {
                ("Anmeldemöglichkeit umbenannt", format!("{} {its} heißt jetzt „{to}“.", self.named(*method, from)))
            }
            OwnAct::FactorFirst { method, name } => (
                "Andere Anmeldemöglichkeit zuerst",
                format!("{} wird bei der Anmeldung beim {account} jetzt zuerst verlangt.", self.named(*method, name)),
            ),
            OwnAct::SessionsEnded { count } => (
                "Sitzungen beendet",
                match count {
                    1 => format!("Eine Sitzung {its} wurde auf der Kontoseite beendet."),
                    count => format!("{count} Sitzungen {its} wurden auf der Kontoseite beendet."),
                },
            ),
            OwnAct::BrowserRenamed { to } => {
                ("Browser umbenannt", format!("Ein gemerkter Browser {its} heißt jetzt „{to}“."))
            }
            OwnAct::BrowsersForgotten { count } => (
                "Browser nicht mehr gemerkt",
                match count {
                    1 => format!(
                        "Ein Browser {its} ist nicht mehr gemerkt: Die Anmeldung dort verlangt wieder den zweiten Schritt."
                    ),
                    count => format!(
                        "{count} Browser {its} sind nicht mehr gemerkt: Die Anmeldung dort verlangt wieder den zweiten Schritt."
                    ),
                },
            ),
        }
    }

    fn operator_act(&self, act: &OperatorAct, login_id: &str) -> (&'static str, String) {
        let account = format!("Konto {login_id}");
        let its = format!("des Kontos {login_id}");
        match act {
            OperatorAct::PasswordSet => (
                "Ihr Passwort wurde neu gesetzt",
                format!(
                    "Die Verwaltung hat für das {account} ein neues Passwort gesetzt. Alle Sitzungen sind beendet."
                ),
            ),
            OperatorAct::AppHandedOut { name } => (
                "Authenticator-App eingerichtet",
                format!("Die Verwaltung hat für das {account} eine Authenticator-App eingerichtet: „{name}“."),
            ),
            OperatorAct::SecondFactorsReset => (
                "Ihr zweiter Schritt wurde zurückgesetzt",
                format!(
                    "Die Verwaltung hat alle zweiten Schritte und die Wiederherstellungscodes {its} entfernt. Alle Sitzungen \
                     sind beendet. Ein neuer zweiter Schritt kann innerhalb eines Tages eingerichtet werden."
                ),
            ),
        }
    }

    fn was_you(&self) -> &'static str {
        "Wenn Sie das waren, müssen Sie nichts tun."
    }

    fn was_you_recovering(&self) -> &'static str {
        "Wenn Sie das waren und etwas verloren haben, womit Sie sich anmelden, ersetzen Sie es auf Ihrer Kontoseite."
    }

    fn was_not_you(&self, organisation: &str) -> String {
        format!(
            "Wenn Sie das nicht waren, wählen Sie ein neues Passwort und geben Sie denen Bescheid, die bei {organisation} die \
             Konten betreuen."
        )
    }

    fn undo(&self) -> &'static str {
        "Wenn Sie das nicht waren, öffnen Sie diesen Link. Bevor sich etwas ändert, werden Sie gefragt:"
    }

    fn trial(&self, organisation: &str) -> (About, String) {
        let about = About {
            matter: "Testnachricht",
            opening: format!("Nachrichten von {organisation} kommen hier an."),
            otherwise: String::new(),
        };
        (about, "Die Verantwortlichen wollten das wissen. Sie müssen nichts tun.".to_owned())
    }

    fn named(&self, method: Method, name: &str) -> String {
        let kind = match method {
            Method::Password => "Das Passwort",
            Method::Totp => "Die Authenticator-App",
            Method::RecoveryCode => "Der Satz Wiederherstellungscodes",
            Method::Passkey => "Der Passkey",
            Method::SecurityKey => "Der Sicherheitsschlüssel",
            Method::EmailCode | Method::EmailLink => "Die E-Mail-Adresse",
            Method::SmsCode | Method::VoiceCode => "Die Telefonnummer",
        };
        format!("{kind} „{name}“")
    }

    fn labels(&self) -> Labels {
        Labels { browser: "Browser", address: "IP-Adresse", time: "Zeit" }
    }

    fn browser(&self, name: &str, system: &str) -> String {
        format!("{name} unter {system}")
    }

    fn time(&self, at: DateTime) -> String {
        let month = month(at, MONTHS);
        format!("{}. {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
    }

    fn hello(&self, organisation: &str) -> String {
        format!("Guten Tag. Hier ist {organisation}.")
    }

    fn code_said(&self, digits: &str) -> [String; 2] {
        [format!("Ihr Code lautet: {digits}."), format!("Noch einmal, Ihr Code lautet: {digits}.")]
    }

    fn keep_it(&self) -> &'static str {
        "Geben Sie ihn an niemanden weiter."
    }

    fn voice(&self) -> &'static str {
        "de-DE"
    }
}

fn span(length: Duration) -> String {
    Span::of(length).said(["Tag", "Tage"], ["Stunde", "Stunden"], ["Minute", "Minuten"], ["Sekunde", "Sekunden"])
}
