//! Messages in Spanish.

use super::tongue::{About, Labels, Span, Tongue, month};
use crate::{
    domain::factor::Method,
    ports::messages::{CodePurpose, LinkPurpose, Notice, OperatorAct, OwnAct},
};
use jiff::civil::DateTime;
use std::time::Duration;

const MONTHS: &str = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre";

pub(super) struct Spanish;

impl Tongue for Spanish {
    fn code(&self, purpose: CodePurpose, organisation: &str) -> About {
        match purpose {
            CodePurpose::Prove => About {
                matter: "su código",
                opening: format!("Para confirmar a {organisation} que es usted, escriba este código:"),
                otherwise: "Si no ha sido usted, no dé este código a nadie. Puede que alguien conozca su contraseña: elija una \
                            nueva."
                    .to_owned(),
            },
            CodePurpose::Verify => About {
                matter: "confirme esta dirección",
                opening: format!("Para confirmar a {organisation} que recibe mensajes aquí, escriba este código:"),
                otherwise: "Si no ha sido usted, no tiene que hacer nada: sin el código no ocurre nada.".to_owned(),
            },
        }
    }

    fn code_terms(&self, lifetime: Duration, host: &str, organisation: &str) -> String {
        let lifetime = span(lifetime);
        format!(
            "Sirve una sola vez, durante {lifetime}, y solo en {host}. Nadie que trabaje para {organisation} se lo pedirá."
        )
    }

    fn code_texted(&self, organisation: &str, code: &str) -> String {
        format!("{organisation}: su clave es {code}. No se la dé a nadie.")
    }

    fn link(&self, purpose: LinkPurpose, organisation: &str) -> (About, &'static str) {
        let (matter, opening, otherwise, label) = match purpose {
            LinkPurpose::SignIn => (
                "su enlace para iniciar sesión",
                format!("Para iniciar sesión en {organisation}, abra este enlace:"),
                "Si no ha sido usted, no tiene que hacer nada: sin el enlace no entra nadie.".to_owned(),
                "Iniciar sesión",
            ),
            LinkPurpose::ResetPassword => (
                "elija una contraseña nueva",
                format!("Para elegir una contraseña nueva para {organisation}, abra este enlace:"),
                "Si no ha sido usted, no tiene que hacer nada: su contraseña sigue siendo la misma.".to_owned(),
                "Elegir una contraseña nueva",
            ),
            LinkPurpose::Invitation => (
                "su invitación",
                format!("{organisation} le envía una invitación. Para crear su cuenta, abra este enlace:"),
                format!("Si no conoce {organisation}, no tiene que hacer nada: no se creará ninguna cuenta."),
                "Crear su cuenta",
            ),
            LinkPurpose::SignUp => (
                "complete su cuenta",
                format!("Para completar su cuenta en {organisation}, abra este enlace:"),
                "Si no ha sido usted, no tiene que hacer nada: no se creará ninguna cuenta.".to_owned(),
                "Completar su cuenta",
            ),
            LinkPurpose::AlreadyThere => (
                "ya tiene una cuenta",
                format!(
                    "Alguien quiere crear una cuenta en {organisation} con esta dirección, y usted ya tiene una. Para iniciar \
                     sesión, abra este enlace:"
                ),
                "Si no ha sido usted, no tiene que hacer nada: su cuenta sigue igual.".to_owned(),
                "Iniciar sesión",
            ),
        };
        (About { matter, opening, otherwise }, label)
    }

    fn link_terms(&self, lifetime: Duration) -> String {
        format!("Sirve una sola vez, durante {}.", span(lifetime))
    }

    fn forgotten(&self) -> &'static str {
        "Si ha olvidado su contraseña, esa página le ayudará."
    }

    fn notice(&self, notice: &Notice, login_id: &str) -> (&'static str, String) {
        let account = format!("la cuenta {login_id}");
        match notice {
            Notice::PasswordChanged => {
                ("se ha cambiado su contraseña", format!("Se ha cambiado la contraseña de {account}."))
            }
            Notice::PasswordReset => (
                "se ha restablecido su contraseña",
                format!(
                    "Se ha restablecido la contraseña de {account} con un enlace enviado por mensaje. Todas sus sesiones han \
                     terminado."
                ),
            ),
            Notice::FactorAdded { method, name } => (
                "se ha añadido una forma de entrar",
                format!("{} ya sirve para entrar en {account}.", self.named(*method, name)),
            ),
            Notice::FactorRemoved { method, name } => (
                "se ha eliminado una forma de entrar",
                format!("{} ya no sirve para entrar en {account}.", self.named(*method, name)),
            ),
            Notice::RecoveryCodesReplaced => (
                "nuevos códigos de recuperación",
                format!("Se han creado nuevos códigos de recuperación para {account}. Los anteriores ya no sirven."),
            ),
            Notice::RecoveryCodeUsed { left } => (
                "se ha usado un código de recuperación",
                match left {
                    0 => format!("Se ha usado el último código de recuperación de {account}."),
                    1 => format!("Se ha usado un código de recuperación de {account}. Queda uno."),
                    left => format!("Se ha usado un código de recuperación de {account}. Quedan {left}."),
                },
            ),
            Notice::ContactChanged { to: Some(to) } => {
                ("se ha cambiado una dirección", format!("Los mensajes sobre {account} se envían ahora a {to}."))
            }
            Notice::ContactChanged { to: None } => (
                "se ha eliminado una dirección",
                format!("Se ha eliminado una dirección de {account}: ya no recibe mensajes."),
            ),
            Notice::NewBrowser => (
                "un nuevo inicio de sesión",
                format!("Alguien ha entrado en {account} con un navegador que no se había usado antes."),
            ),
            Notice::OfOperator(act) => self.operator_act(act, login_id),
            Notice::OfOwner(act) => self.own_act(act, login_id),
            Notice::UnusualSignIn => (
                "un inicio de sesión inusual",
                format!(
                    "Alguien ha entrado en {account}, y no como de costumbre: desde otro lugar o con otro navegador."
                ),
            ),
            Notice::SignInRefused => (
                "se ha rechazado un inicio de sesión",
                format!(
                    "Alguien tenía lo necesario para entrar en {account}, pero se le ha rechazado por ser muy distinto de lo \
                     habitual: otro lugar u otro navegador."
                ),
            ),
        }
    }

    fn was_asked_for(&self) -> &'static str {
        "Si usted lo ha pedido, no tiene que hacer nada."
    }

    fn was_not_asked_for(&self, organisation: &str) -> String {
        format!("Si no lo ha pedido, avise a quienes gestionan las cuentas en {organisation}.")
    }

    fn own_act(&self, act: &OwnAct, login_id: &str) -> (&'static str, String) {
        let account = format!("la cuenta {login_id}");
        match act {
            OwnAct::FactorRenamed { method, from, to } => (
                "se ha cambiado el nombre de una forma de entrar",
                format!("{} de {account} se llama ahora «{to}».", self.named(*method, from)),
            ),
            OwnAct::FactorFirst { method, name } => (
                "otra forma de entrar va primero",
                format!("Para entrar en {account} se pide ahora primero lo siguiente: {}.", self.named(*method, name)),
            ),
            OwnAct::SessionsEnded { count } => (
                "se han cerrado sesiones",
                match count {
                    1 => format!("Se ha cerrado una sesión de {account} desde la página de la cuenta."),
                    count => format!("Se han cerrado {count} sesiones de {account} desde la página de la cuenta."),
                },
            ),
            OwnAct::BrowserRenamed { to } => (
                "se ha cambiado el nombre de un navegador",
                format!("Un navegador recordado de {account} se llama ahora «{to}»."),
            ),
            OwnAct::BrowsersForgotten { count } => (
                "ya no se recuerda un navegador",
                match count {
                    1 => format!(
                        "Ya no se recuerda un navegador de {account}: entrar desde él requiere de nuevo el segundo paso."
                    ),
                    count => format!(
                        "Ya no se recuerdan {count} navegadores de {account}: entrar desde ellos requiere de nuevo el segundo \
                         paso."
                    ),
                },
            ),
        }
    }

    fn operator_act(&self, act: &OperatorAct, login_id: &str) -> (&'static str, String) {
        let account = format!("la cuenta {login_id}");
        match act {
            OperatorAct::PasswordSet => (
                "se ha asignado una contraseña nueva",
                format!(
                    "Un administrador ha asignado una contraseña nueva a {account}. Todas sus sesiones han terminado."
                ),
            ),
            OperatorAct::AppHandedOut { name } => (
                "se ha configurado una aplicación de autenticación",
                format!("Un administrador ha configurado una aplicación de autenticación, «{name}», para {account}."),
            ),
            OperatorAct::SecondFactorsReset => (
                "se ha restablecido su segundo paso",
                format!(
                    "Un administrador ha eliminado todos los segundos pasos y los códigos de recuperación de {account}. Todas \
                     sus sesiones han terminado. Se puede configurar un segundo paso nuevo en el plazo de un día."
                ),
            ),
        }
    }

    fn was_you(&self) -> &'static str {
        "Si ha sido usted, no tiene que hacer nada."
    }

    fn was_you_recovering(&self) -> &'static str {
        "Si ha sido usted y ha perdido algo con lo que entra, sustitúyalo en la página de su cuenta."
    }

    fn was_not_you(&self, organisation: &str) -> String {
        format!(
            "Si no ha sido usted, elija una contraseña nueva y avise a quienes gestionan las cuentas en {organisation}."
        )
    }

    fn undo(&self) -> &'static str {
        "Si no ha sido usted, abra este enlace. Se le preguntará antes de cambiar nada:"
    }

    fn trial(&self, organisation: &str) -> (About, String) {
        let about = About {
            matter: "mensaje de prueba",
            opening: format!("Los mensajes de {organisation} llegan aquí."),
            otherwise: String::new(),
        };
        (about, "Los responsables querían comprobarlo. No tiene que hacer nada.".to_owned())
    }

    fn named(&self, method: Method, name: &str) -> String {
        let kind = match method {
            Method::Password => "La contraseña",
            Method::Totp => "La aplicación de autenticación",
            Method::RecoveryCode => "El juego de códigos de recuperación",
            Method::Passkey => "La llave de acceso",
            Method::SecurityKey => "La llave de seguridad",
            Method::EmailCode | Method::EmailLink => "La dirección de correo",
            Method::SmsCode | Method::VoiceCode => "El número de teléfono",
        };
        format!("{kind} «{name}»")
    }

    fn labels(&self) -> Labels {
        Labels { browser: "Navegador", address: "Dirección IP", time: "Fecha" }
    }

    fn browser(&self, name: &str, system: &str) -> String {
        format!("{name} en {system}")
    }

    fn time(&self, at: DateTime) -> String {
        let month = month(at, MONTHS);
        format!("{} de {month} de {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
    }

    fn hello(&self, organisation: &str) -> String {
        format!("Hola. Le llama {organisation}.")
    }

    fn code_said(&self, digits: &str) -> [String; 2] {
        [format!("Su código es: {digits}."), format!("Repito, su código es: {digits}.")]
    }

    fn keep_it(&self) -> &'static str {
        "No se lo dé a nadie."
    }

    fn voice(&self) -> &'static str {
        "es-ES"
    }
}

fn span(length: Duration) -> String {
    Span::of(length).said(["día", "días"], ["hora", "horas"], ["minuto", "minutos"], ["segundo", "segundos"])
}
