//! Messages in French. What stands before a colon or inside guillemets is a space that breaks no line.

use super::tongue::{About, Labels, Span, Tongue, month};
use crate::{
    domain::factor::Method,
    ports::messages::{CodePurpose, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use jiff::civil::DateTime;
use std::time::Duration;

const MONTHS: &str = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre";

pub(super) struct French;

impl Tongue for French {
    fn subject(&self, organisation: &str, matter: &str) -> String {
        format!("{organisation}\u{a0}: {matter}")
    }

    fn code(&self, purpose: CodePurpose, organisation: &str) -> About {
        match purpose {
            CodePurpose::Prove => About {
                matter: "votre code",
                opening: format!("Pour confirmer à {organisation} que c'est bien vous, saisissez ce code\u{a0}:"),
                otherwise:
                    "Si ce n'était pas vous, ne donnez ce code à personne. Quelqu'un connaît peut-être votre mot de \
                            passe\u{a0}: choisissez-en un nouveau."
                        .to_owned(),
            },
            CodePurpose::Verify => About {
                matter: "confirmez cette adresse",
                opening: format!(
                    "Pour confirmer à {organisation} que l'on peut vous joindre ici, saisissez ce code\u{a0}:"
                ),
                otherwise: "Si ce n'était pas vous, vous n'avez rien à faire\u{a0}: sans le code, rien ne se passe."
                    .to_owned(),
            },
        }
    }

    fn code_terms(&self, lifetime: Duration, host: &str, organisation: &str) -> String {
        let lifetime = span(lifetime);
        format!(
            "Il fonctionne une seule fois, pendant {lifetime}, et uniquement sur {host}. Personne chez {organisation} ne vous \
             le demandera."
        )
    }

    fn code_texted(&self, organisation: &str, code: &str) -> String {
        format!("{organisation} : votre code est {code}. Ne le donnez à personne.")
    }

    fn link(&self, purpose: LinkPurpose, organisation: &str) -> (About, &'static str) {
        let (matter, opening, otherwise, label) = match purpose {
            LinkPurpose::SignIn => (
                "votre lien de connexion",
                format!("Pour vous connecter à {organisation}, ouvrez ce lien\u{a0}:"),
                "Si ce n'était pas vous, vous n'avez rien à faire\u{a0}: sans le lien, personne n'entre.".to_owned(),
                "Se connecter",
            ),
            LinkPurpose::ResetPassword => (
                "choisissez un nouveau mot de passe",
                format!("Pour choisir un nouveau mot de passe pour {organisation}, ouvrez ce lien\u{a0}:"),
                "Si ce n'était pas vous, vous n'avez rien à faire\u{a0}: votre mot de passe reste le même.".to_owned(),
                "Choisir un nouveau mot de passe",
            ),
            LinkPurpose::Invitation => (
                "votre invitation",
                format!("{organisation} vous invite. Pour créer votre compte, ouvrez ce lien\u{a0}:"),
                format!(
                    "Si vous ne connaissez pas {organisation}, vous n'avez rien à faire\u{a0}: aucun compte ne sera créé."
                ),
                "Créer votre compte",
            ),
            LinkPurpose::SignUp => (
                "terminez la création de votre compte",
                format!("Pour terminer la création de votre compte chez {organisation}, ouvrez ce lien\u{a0}:"),
                "Si ce n'était pas vous, vous n'avez rien à faire\u{a0}: aucun compte ne sera créé.".to_owned(),
                "Terminer la création",
            ),
            LinkPurpose::AlreadyThere => (
                "vous avez déjà un compte",
                format!(
                    "Quelqu'un veut créer un compte chez {organisation} avec cette adresse, et vous en avez déjà un. Pour vous \
                     connecter, ouvrez ce lien\u{a0}:"
                ),
                "Si ce n'était pas vous, vous n'avez rien à faire\u{a0}: votre compte reste tel quel.".to_owned(),
                "Se connecter",
            ),
        };
        (About { matter, opening, otherwise }, label)
    }

    fn link_terms(&self, lifetime: Duration) -> String {
        format!("Il fonctionne une seule fois, pendant {}.", span(lifetime))
    }

    fn forgotten(&self) -> &'static str {
        "Si vous avez oublié votre mot de passe, cette page vous aidera."
    }

    fn notice(&self, notice: &Notice, login_id: &str) -> (&'static str, String) {
        let account = format!("compte {login_id}");
        match notice {
            Notice::PasswordChanged => {
                ("votre mot de passe a été modifié", format!("Le mot de passe du {account} a été modifié."))
            }
            Notice::PasswordReset => (
                "votre mot de passe a été réinitialisé",
                format!(
                    "Le mot de passe du {account} a été réinitialisé au moyen d'un lien envoyé par message. Toutes ses \
                     sessions sont terminées."
                ),
            ),
            Notice::FactorAdded { method, name } => (
                "un moyen de connexion a été ajouté",
                format!("{} peut désormais servir à se connecter au {account}.", self.named(*method, name)),
            ),
            Notice::FactorRemoved { method, name } => (
                "un moyen de connexion a été supprimé",
                format!("{} ne peut plus servir à se connecter au {account}.", self.named(*method, name)),
            ),
            Notice::RecoveryCodesReplaced => (
                "nouveaux codes de secours",
                format!(
                    "De nouveaux codes de secours ont été créés pour le {account}. Les anciens ne fonctionnent plus."
                ),
            ),
            Notice::RecoveryCodeUsed { left } => (
                "un code de secours a été utilisé",
                match left {
                    0 => format!("Le dernier code de secours du {account} a été utilisé."),
                    1 => format!("Un code de secours du {account} a été utilisé. Il en reste un."),
                    left => format!("Un code de secours du {account} a été utilisé. Il en reste {left}."),
                },
            ),
            Notice::ContactChanged { to: Some(to) } => (
                "une adresse a été modifiée",
                format!("Les messages au sujet du {account} sont désormais envoyés à {to}."),
            ),
            Notice::ContactChanged { to: None } => (
                "une adresse a été supprimée",
                format!("Une adresse du {account} a été supprimée\u{a0}: plus aucun message n'y sera envoyé."),
            ),
            Notice::NewBrowser => (
                "une nouvelle connexion",
                format!("Quelqu'un s'est connecté au {account} avec un navigateur jamais utilisé auparavant."),
            ),
            Notice::OfOperator(act) => self.operator_act(act, login_id),
            Notice::OfOwner(act) => self.own_act(act, login_id),
            Notice::UnusualSignIn => (
                "une connexion inhabituelle",
                format!(
                    "Quelqu'un s'est connecté au {account}, mais pas comme d'habitude\u{a0}: depuis un autre lieu ou avec un \
                     autre navigateur."
                ),
            ),
            Notice::SignInRefused => (
                "une connexion a été refusée",
                format!(
                    "Quelqu'un disposait de quoi se connecter au {account}, mais la connexion a été refusée, car trop \
                     inhabituelle\u{a0}: un autre lieu ou un autre navigateur."
                ),
            ),
        }
    }

    fn was_asked_for(&self) -> &'static str {
        "Si vous l'avez demandé, vous n'avez rien à faire."
    }

    fn was_not_asked_for(&self, organisation: &str) -> String {
        format!("Si vous ne l'avez pas demandé, prévenez les personnes qui gèrent les comptes chez {organisation}.")
    }

    fn own_act(&self, act: &OwnAct, login_id: &str) -> (&'static str, String) {
        let account = format!("compte {login_id}");
        match act {
            OwnAct::FactorRenamed { method, from, to } => (
                "un moyen de connexion a été renommé",
                format!("{} du {account} s'appelle désormais «\u{a0}{to}\u{a0}».", self.named(*method, from)),
            ),
            OwnAct::FactorFirst { method, name } => (
                "un autre moyen de connexion passe en premier",
                format!(
                    "Désormais, la connexion au {account} demande d'abord ceci\u{a0}: {}.",
                    self.named(*method, name)
                ),
            ),
            OwnAct::SessionsEnded { count } => (
                "des sessions ont été fermées",
                match count {
                    1 => format!("Une session du {account} a été fermée depuis la page du compte."),
                    count => format!("{count} sessions du {account} ont été fermées depuis la page du compte."),
                },
            ),
            OwnAct::BrowserRenamed { to } => (
                "un navigateur a été renommé",
                format!("Un navigateur mémorisé du {account} s'appelle désormais «\u{a0}{to}\u{a0}»."),
            ),
            OwnAct::BrowsersForgotten { count } => (
                "un navigateur n'est plus mémorisé",
                match count {
                    1 => format!(
                        "Un navigateur du {account} n'est plus mémorisé\u{a0}: s'y connecter demande de nouveau la seconde étape."
                    ),
                    count => format!(
                        "{count} navigateurs du {account} ne sont plus mémorisés\u{a0}: s'y connecter demande de nouveau la \
                         seconde étape."
                    ),
                },
            ),
        }
    }

    fn operator_act(&self, act: &OperatorAct, login_id: &str) -> (&'static str, String) {
        let account = format!("compte {login_id}");
        match act {
            OperatorAct::PasswordSet => (
                "un nouveau mot de passe a été défini",
                format!(
                    "Un administrateur a défini un nouveau mot de passe pour le {account}. Toutes ses sessions sont terminées."
                ),
            ),
            OperatorAct::AppHandedOut { name } => (
                "une application d'authentification a été configurée",
                format!(
                    "Un administrateur a configuré une application d'authentification, «\u{a0}{name}\u{a0}», pour le {account}."
                ),
            ),
            OperatorAct::SecondFactorsReset => (
                "votre deuxième étape a été réinitialisée",
                format!(
                    "Un administrateur a supprimé toutes les deuxièmes étapes et les codes de secours du {account}. Toutes \
                     ses sessions sont terminées. Une nouvelle deuxième étape peut être configurée dans un délai d'un jour."
                ),
            ),
        }
    }

    fn was_you(&self) -> &'static str {
        "Si c'était vous, vous n'avez rien à faire."
    }

    fn was_you_recovering(&self) -> &'static str {
        "Si c'était vous et que vous avez perdu un moyen de connexion, remplacez-le sur la page de votre compte."
    }

    fn was_not_you(&self, organisation: &str) -> String {
        format!(
            "Si ce n'était pas vous, choisissez un nouveau mot de passe et prévenez les personnes qui gèrent les comptes chez \
             {organisation}."
        )
    }

    fn undo(&self) -> &'static str {
        "Si ce n'était pas vous, ouvrez ce lien. Rien ne sera modifié sans votre confirmation\u{a0}:"
    }

    fn trial(&self, organisation: &str) -> (About, String) {
        let about = About {
            matter: "message d'essai",
            opening: format!("Les messages de {organisation} arrivent bien ici."),
            otherwise: String::new(),
        };
        (about, "Les responsables voulaient s'en assurer. Vous n'avez rien à faire.".to_owned())
    }

    fn named(&self, method: Method, name: &str) -> String {
        let kind = match method {
            Method::Password => "Le mot de passe",
            Method::Totp => "L'application d'authentification",
            Method::RecoveryCode => "La liste de codes de secours",
            Method::Passkey => "La clé d'accès",
            Method::SecurityKey => "La clé de sécurité",
            Method::EmailCode | Method::EmailLink => "L'adresse e-mail",
            Method::SmsCode | Method::VoiceCode => "Le numéro de téléphone",
        };
        format!("{kind} «\u{a0}{name}\u{a0}»")
    }

    fn labels(&self) -> Labels {
        Labels { browser: "Navigateur\u{a0}", address: "Adresse IP\u{a0}", time: "Date\u{a0}" }
    }

    fn browser(&self, name: &str, system: &str) -> String {
        format!("{name} sous {system}")
    }

    fn time(&self, at: DateTime) -> String {
        let month = month(at, MONTHS);
        let first = if at.day() == 1 { "er" } else { "" };
        format!("{}{first} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
    }

    fn hello(&self, organisation: &str) -> String {
        format!("Bonjour. Ici {organisation}.")
    }

    fn code_said(&self, digits: &str) -> [String; 2] {
        [format!("Votre code est : {digits}."), format!("Je répète, votre code est : {digits}.")]
    }

    fn keep_it(&self) -> &'static str {
        "Ne le donnez à personne."
    }

    fn voice(&self) -> &'static str {
        "fr-FR"
    }
}

fn span(length: Duration) -> String {
    Span::of(length).said(["jour", "jours"], ["heure", "heures"], ["minute", "minutes"], ["seconde", "secondes"])
}
