//! What happened to an account: for its owner to look over, and for whoever audits (LO-01).

use crate::domain::{
    contact::Kind,
    enrolment::Inviter,
    factor::Method,
    place::Place,
    risk::{Act, Score, Signal},
    time::Timestamp,
    user::UserId,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long events are kept.
pub const KEPT_FOR: Duration = Duration::from_hours(90 * 24);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// To whose account; `None` where a sign-in named nobody's. That is kept too, so that a wrong name takes no less
    /// time than a wrong password (EE-01).
    pub user: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// From where.
    pub place: Place,
}

/// What happened. The names that serde gives the variants and fields are in tables and logs: they never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A session was opened.
    SignedIn {
        /// By the proof that completed it.
        #[serde(with = "by_name")]
        method: Method,
    },
    /// The first proof of a sign-in was right, and the sign-in is unlike earlier ones.
    UnusualSignIn {
        /// How much so.
        score: Score,
        /// In what.
        signals: Vec<Signal>,
        /// What that called for.
        acts: Vec<Act>,
    },
    /// A session gained a proof.
    SteppedUp {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
    },
    /// A proof was tried, and is none.
    WrongTry {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
    },
    /// A budget closed: for a while, or until an operator helps, no such proof is looked at. Written down once each time.
    TriesRefused {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
    },
    /// A code or link was sent to one of the account's addresses, or to one that is to become that.
    CodeSent {
        /// By which it counts when it comes back.
        #[serde(with = "by_name")]
        method: Method,
    },
    /// There is one more factor.
    FactorAdded {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
        /// What it is called.
        name: String,
    },
    /// A factor is called something else.
    FactorRenamed {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
        /// What it was called.
        from: String,
        /// What it is called now.
        to: String,
    },
    /// A factor is gone.
    FactorRemoved {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
        /// What it was called.
        name: String,
    },
    /// A factor is asked for first from now on.
    PrimaryChosen {
        /// Which kind.
        #[serde(with = "by_name")]
        method: Method,
        /// What it is called.
        name: String,
    },
    /// A code from the account's mailbox opened setting up the first second factor.
    SetUpOpened,
    /// There are new recovery codes, and the old ones are void.
    RecoveryCodesReplaced,
    /// A recovery code was used.
    RecoveryCodeUsed {
        /// How many are left.
        left: u64,
    },
    /// A link to choose a new password was asked for, by whoever it was.
    ResetRequested,
    /// The password is another one.
    PasswordChanged,
    /// The account is reached by another address. Of what was written down before there were kinds, only that is known.
    ContactChanged {
        /// What kind of address.
        kind: Option<Kind>,
        /// What became of it.
        #[serde(default)]
        fate: Fate,
    },
    /// The account was made by its owner.
    Joined {
        /// On whose word.
        inviter: Inviter,
    },
    /// A session was ended in its own browser.
    SignedOut,
    /// A sign-in was ended by the link in a message about it.
    SignInDisowned,
    /// A browser is remembered from now on.
    DeviceRemembered,
    /// A remembered browser is called something else.
    DeviceRenamed {
        /// What it was called, if anything.
        from: Option<String>,
        /// What it is called now.
        to: String,
    },
    /// Browsers are remembered no more, as their owner wished.
    DevicesForgotten {
        /// How many.
        count: u64,
    },
    /// Sessions in other browsers were ended by their owner.
    SessionsEnded {
        /// How many.
        count: u64,
    },
    /// A session was locked: what was proven in it is fresh no more.
    Locked,
    /// An operator did something to the account, not its owner.
    Operator(Intervention),
}

/// What became of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is the first of its kind.
    Added,
    /// Another took its place.
    #[default]
    Changed,
    /// It is gone.
    Removed,
}

/// What an operator did to an account. Written down for its owner like [`What`], by names that never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Intervention {
    /// They made the account.
    Added,
    /// They set its password, which ended its sessions.
    PasswordSet,
    /// They gave it an authenticator app.
    AppAdded {
        /// What it is called.
        name: String,
    },
    /// They took its second factors and recovery codes away, which ended its sessions, and let its owner set up new ones.
    SecondFactorsReset {
        /// How many second factors there were.
        removed: u64,
    },
    /// They ended sessions.
    SessionsEnded {
        /// How many.
        count: u64,
    },
    /// They had remembered browsers forgotten.
    DevicesForgotten {
        /// How many.
        count: u64,
    },
    /// They keep its owner out, which ended its sessions.
    Disabled,
    /// They let its owner in again.
    Enabled,
    /// They had its failed tries forgotten.
    Unlocked,
}

/// A method by its own name.
pub(in crate::domain) mod by_name {
    use super::Method;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    pub(in crate::domain) fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.name())
    }

    pub(in crate::domain) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Method::by_name(&name).ok_or_else(|| D::Error::custom("no such method"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_written_as(written: impl IntoIterator<Item = (What, &'static str)>) {
        for (what, text) in written {
            assert_eq!(serde_json::to_string(&what).unwrap(), text);
            assert_eq!(serde_json::from_str::<What>(text).unwrap(), what);
        }
    }

    #[test]
    fn the_names_in_tables_and_logs_stay_as_they_are() {
        let (method, name) = (Method::Totp, || "Phone".to_owned());
        is_written_as([
            (What::SignedIn { method }, r#"{"event":"signed-in","method":"totp"}"#),
            (
                What::UnusualSignIn {
                    score: Score::MAX,
                    signals: vec![Signal::NewDevice, Signal::NewCountry],
                    acts: vec![Act::Notify],
                },
                r#"{"event":"unusual-sign-in","score":100,"signals":["new-device","new-country"],"acts":["notify"]}"#,
            ),
            (What::SteppedUp { method }, r#"{"event":"stepped-up","method":"totp"}"#),
            (What::WrongTry { method: Method::RecoveryCode }, r#"{"event":"wrong-try","method":"recovery-code"}"#),
            (What::TriesRefused { method }, r#"{"event":"tries-refused","method":"totp"}"#),
            (What::CodeSent { method: Method::SmsCode }, r#"{"event":"code-sent","method":"sms-code"}"#),
            (What::FactorAdded { method, name: name() }, r#"{"event":"factor-added","method":"totp","name":"Phone"}"#),
            (
                What::FactorRenamed { method, from: name(), to: "Old".to_owned() },
                r#"{"event":"factor-renamed","method":"totp","from":"Phone","to":"Old"}"#,
            ),
            (
                What::FactorRemoved { method, name: name() },
                r#"{"event":"factor-removed","method":"totp","name":"Phone"}"#,
            ),
            (
                What::PrimaryChosen { method, name: name() },
                r#"{"event":"primary-chosen","method":"totp","name":"Phone"}"#,
            ),
            (What::SetUpOpened, r#"{"event":"set-up-opened"}"#),
            (What::RecoveryCodesReplaced, r#"{"event":"recovery-codes-replaced"}"#),
            (What::RecoveryCodeUsed { left: 9 }, r#"{"event":"recovery-code-used","left":9}"#),
            (What::ResetRequested, r#"{"event":"reset-requested"}"#),
            (What::PasswordChanged, r#"{"event":"password-changed"}"#),
            (
                What::ContactChanged { kind: Some(Kind::Phone), fate: Fate::Added },
                r#"{"event":"contact-changed","kind":"phone","fate":"added"}"#,
            ),
            (
                What::ContactChanged { kind: Some(Kind::Email), fate: Fate::Removed },
                r#"{"event":"contact-changed","kind":"email","fate":"removed"}"#,
            ),
            (What::Joined { inviter: Inviter::Operator }, r#"{"event":"joined","inviter":"operator"}"#),
            (What::Joined { inviter: Inviter::Oneself }, r#"{"event":"joined","inviter":"oneself"}"#),
            (What::SignedOut, r#"{"event":"signed-out"}"#),
            (What::SignInDisowned, r#"{"event":"sign-in-disowned"}"#),
            (What::DeviceRemembered, r#"{"event":"device-remembered"}"#),
            (What::DeviceRenamed { from: None, to: name() }, r#"{"event":"device-renamed","from":null,"to":"Phone"}"#),
            (What::DevicesForgotten { count: 2 }, r#"{"event":"devices-forgotten","count":2}"#),
            (What::SessionsEnded { count: 2 }, r#"{"event":"sessions-ended","count":2}"#),
            (What::Locked, r#"{"event":"locked"}"#),
        ]);
        assert!(serde_json::from_str::<What>(r#"{"event":"signed-in","method":"pigeon"}"#).is_err());
    }

    #[test]
    fn a_change_of_an_address_from_before_there_were_kinds_is_read() {
        let older = What::ContactChanged { kind: None, fate: Fate::Changed };
        assert_eq!(serde_json::from_str::<What>(r#"{"event":"contact-changed"}"#).unwrap(), older);
    }

    #[test]
    fn the_names_of_what_operators_do_stay_as_they_are() {
        let name = || "Phone".to_owned();
        is_written_as([
            (What::Operator(Intervention::Added), r#"{"event":"operator","act":"added"}"#),
            (What::Operator(Intervention::PasswordSet), r#"{"event":"operator","act":"password-set"}"#),
            (
                What::Operator(Intervention::AppAdded { name: name() }),
                r#"{"event":"operator","act":"app-added","name":"Phone"}"#,
            ),
            (
                What::Operator(Intervention::SecondFactorsReset { removed: 2 }),
                r#"{"event":"operator","act":"second-factors-reset","removed":2}"#,
            ),
            (
                What::Operator(Intervention::SessionsEnded { count: 2 }),
                r#"{"event":"operator","act":"sessions-ended","count":2}"#,
            ),
            (
                What::Operator(Intervention::DevicesForgotten { count: 1 }),
                r#"{"event":"operator","act":"devices-forgotten","count":1}"#,
            ),
            (What::Operator(Intervention::Disabled), r#"{"event":"operator","act":"disabled"}"#),
            (What::Operator(Intervention::Enabled), r#"{"event":"operator","act":"enabled"}"#),
            (What::Operator(Intervention::Unlocked), r#"{"event":"operator","act":"unlocked"}"#),
        ]);
    }
}
