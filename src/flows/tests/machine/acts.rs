//! What people, programs and clocks do.

use super::{BROWSERS, NAMES, book::Book};
use crate::{
    domain::time::Timestamp,
    flows::{
        sessions::{lock, sign_out},
        tests::is_nobody,
    },
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(super) enum Act {
    /// The present password of somebody, an older one, or a wrong one.
    Password {
        browser: usize,
        user: usize,
        age: usize,
    },
    PasswordAgain {
        browser: usize,
        right: bool,
    },
    /// The code that somebody's phone shows, showed or will show.
    Code {
        browser: usize,
        user: usize,
        nth: usize,
        steps_ago: i64,
    },
    /// A code that was typed before.
    Replay {
        browser: usize,
        nth: usize,
    },
    /// Somebody's passkey, alone or as one more proof.
    Passkey {
        browser: usize,
        user: usize,
        nth: usize,
        alone: bool,
    },
    /// One of the codes that somebody was shown last, or before.
    Recover {
        browser: usize,
        user: usize,
        nth: usize,
    },
    /// Has a code or link sent to whoever is there.
    Ask {
        browser: usize,
        method: usize,
    },
    /// Brings back something that was sent, whoever asked for it.
    TypeSent {
        browser: usize,
        nth: usize,
        end: End,
    },
    /// Has a code sent to one's mailbox that opens setting up the first second factor.
    AskMailbox {
        browser: usize,
    },
    /// A phone of the visitor's own, as a second step.
    GivePhone {
        browser: usize,
        is_called: bool,
    },
    /// An authenticator app of the visitor's own.
    Enrol {
        browser: usize,
    },
    /// A passkey of the visitor's own.
    MakePasskey {
        browser: usize,
    },
    /// A security key of the visitor's own.
    MakeKey {
        browser: usize,
    },
    /// Somebody's security key, as one more proof.
    Touch {
        browser: usize,
        user: usize,
        nth: usize,
    },
    /// Another password, chosen by somebody who types the one they have, or not.
    ChangePassword {
        browser: usize,
        right: bool,
        ends: bool,
    },
    MakeCodes {
        browser: usize,
    },
    /// A factor of somebody's, who may be somebody else.
    Remove {
        browser: usize,
        user: usize,
        nth: usize,
    },
    Rename {
        browser: usize,
        nth: usize,
    },
    /// Has a factor asked for first, or an address, of somebody's who may be somebody else.
    SetPrimary {
        browser: usize,
        user: usize,
        nth: usize,
    },
    GiveAddress {
        browser: usize,
        phone: bool,
    },
    DropAddress {
        browser: usize,
        phone: bool,
    },
    Remember {
        browser: usize,
    },
    ForgetDevices {
        browser: usize,
    },
    Forgot {
        user: usize,
    },
    /// A link to choose a new password, of whoever's and however old.
    Reset {
        nth: usize,
    },
    /// An operator invites Carol.
    Invite,
    /// Dora wants an account, or says so who has one.
    AskToJoin,
    /// A link that makes an account.
    Join {
        browser: usize,
        nth: usize,
    },
    Lock {
        browser: usize,
    },
    SignOut {
        browser: usize,
    },
    EndOthers {
        browser: usize,
    },
    ThrowOut {
        user: usize,
        how: Out,
    },
    /// A link from the notice of a new browser.
    Undo {
        nth: usize,
    },
    /// A token that was given up.
    Return {
        browser: usize,
        nth: usize,
    },
    Time {
        seconds: i64,
    },
}

/// What somebody types in again what was sent for.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// As one more proof.
    Proof,
    /// To have an address, on the account's page.
    Address,
    /// To have a phone, as a second step.
    Phone,
    /// To set up the first second factor.
    SetUp,
}

/// How somebody is thrown out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Out {
    Everywhere,
    Revoked,
    Disabled,
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let (browser, user, nth) = (0..BROWSERS, 0..NAMES.len(), 0usize..4);
    let (place, whose) = ((browser.clone(), nth.clone()), (browser.clone(), user.clone(), nth.clone()));
    let end = prop::sample::select(vec![End::Proof, End::Address, End::Phone, End::SetUp]);
    let proving = prop_oneof![
        6 => (browser.clone(), user.clone(), prop_oneof![6 => Just(0), 1 => 1usize..3])
            .prop_map(|(browser, user, age)| Act::Password { browser, user, age }),
        6 => (whose.clone(), -1i64..3)
            .prop_map(|((browser, user, nth), steps_ago)| Act::Code { browser, user, nth, steps_ago }),
        2 => (browser.clone(), 0usize..20).prop_map(|(browser, nth)| Act::Replay { browser, nth }),
        4 => (whose.clone(), any::<bool>())
            .prop_map(|((browser, user, nth), alone)| Act::Passkey { browser, user, nth, alone }),
        3 => (browser.clone(), user.clone(), 0usize..12).prop_map(|(browser, user, nth)| Act::Recover { browser, user, nth }),
        2 => (browser.clone(), any::<bool>()).prop_map(|(browser, right)| Act::PasswordAgain { browser, right }),
        3 => (browser.clone(), 0usize..4).prop_map(|(browser, method)| Act::Ask { browser, method }),
        3 => whose.clone().prop_map(|(browser, user, nth)| Act::Touch { browser, user, nth }),
        5 => (place.clone(), end).prop_map(|((browser, nth), end)| Act::TypeSent { browser, nth, end }),
    ];
    let changing = prop_oneof![
        4 => browser.clone().prop_map(|browser| Act::Enrol { browser }),
        3 => browser.clone().prop_map(|browser| Act::MakePasskey { browser }),
        2 => browser.clone().prop_map(|browser| Act::MakeKey { browser }),
        2 => browser.clone().prop_map(|browser| Act::AskMailbox { browser }),
        3 => (browser.clone(), any::<bool>()).prop_map(|(browser, is_called)| Act::GivePhone { browser, is_called }),
        2 => (browser.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(browser, right, ends)| Act::ChangePassword { browser, right, ends }),
        2 => browser.clone().prop_map(|browser| Act::MakeCodes { browser }),
        1 => whose.clone().prop_map(|(browser, user, nth)| Act::SetPrimary { browser, user, nth }),
        3 => whose.prop_map(|(browser, user, nth)| Act::Remove { browser, user, nth }),
        1 => place.clone().prop_map(|(browser, nth)| Act::Rename { browser, nth }),
        3 => (browser.clone(), any::<bool>()).prop_map(|(browser, phone)| Act::GiveAddress { browser, phone }),
        1 => (browser.clone(), any::<bool>()).prop_map(|(browser, phone)| Act::DropAddress { browser, phone }),
        3 => browser.clone().prop_map(|browser| Act::Remember { browser }),
        1 => browser.clone().prop_map(|browser| Act::ForgetDevices { browser }),
        1 => user.clone().prop_map(|user| Act::Forgot { user }),
        2 => nth.clone().prop_map(|nth| Act::Reset { nth }),
        1 => Just(Act::Invite),
        1 => Just(Act::AskToJoin),
        2 => place.prop_map(|(browser, nth)| Act::Join { browser, nth }),
    ];
    let how = prop::sample::select(vec![Out::Everywhere, Out::Revoked, Out::Disabled]);
    let ending = prop_oneof![
        1 => browser.clone().prop_map(|browser| Act::Lock { browser }),
        1 => browser.clone().prop_map(|browser| Act::SignOut { browser }),
        1 => browser.clone().prop_map(|browser| Act::EndOthers { browser }),
        1 => (user, how).prop_map(|(user, how)| Act::ThrowOut { user, how }),
        1 => nth.prop_map(|nth| Act::Undo { nth }),
        1 => (browser, 0usize..20).prop_map(|(browser, nth)| Act::Return { browser, nth }),
    ];
    // Over the limits of a code, a half session, a mailbox's word, an idle session, a whole one, an operator's word; and back.
    let leap = prop::sample::select(vec![30, 70, 301, 601, 901, 1801, 43_201, 86_401]);
    let time = prop_oneof![3 => -90i64..90, 2 => 0i64..2000, 3 => leap].prop_map(|seconds| Act::Time { seconds });
    prop_oneof![12 => proving, 9 => changing, 2 => ending, 3 => time]
}

impl Book {
    pub(super) async fn perform(&mut self, act: &Act) {
        match *act {
            Act::Password { browser, user, age } => self.password(browser, user, age).await,
            Act::PasswordAgain { browser, right } => self.password_again(browser, right).await,
            Act::Code { browser, user, nth, steps_ago } => {
                let at = Timestamp::from_millis(self.scene.now().as_millis() - 30_000 * steps_ago);
                if let Some(code) = self.shown_by_phone(user, nth, at) {
                    self.code(browser, code).await;
                }
            }
            Act::Replay { browser, nth } => {
                if let Some(code) = self.typed.get(nth).cloned() {
                    self.code(browser, code).await;
                }
            }
            Act::Passkey { browser, user, nth, alone } => self.passkey(browser, user, nth, alone).await,
            Act::Recover { browser, user, nth } => self.recover(browser, user, nth).await,
            Act::Ask { browser, method } => self.ask(browser, method).await,
            Act::TypeSent { browser, nth, end } => self.type_sent(browser, nth, end).await,
            Act::AskMailbox { browser } => self.ask_mailbox(browser).await,
            Act::GivePhone { browser, is_called } => self.give_phone(browser, is_called).await,
            Act::Enrol { browser } => self.enrol(browser).await,
            Act::MakePasskey { browser } => self.make_passkey(browser).await,
            Act::MakeKey { browser } => self.make_key(browser).await,
            Act::Touch { browser, user, nth } => self.touch(browser, user, nth).await,
            Act::ChangePassword { browser, right, ends } => self.change_password(browser, right, ends).await,
            Act::MakeCodes { browser } => self.make_codes(browser).await,
            Act::Remove { browser, user, nth } => self.remove(browser, user, nth).await,
            Act::Rename { browser, nth } => self.rename(browser, nth).await,
            Act::SetPrimary { browser, user, nth } => self.set_primary(browser, user, nth).await,
            Act::GiveAddress { browser, phone } => self.give_address(browser, phone).await,
            Act::DropAddress { browser, phone } => self.drop_address(browser, phone).await,
            Act::Remember { browser } => self.remember(browser).await,
            Act::ForgetDevices { browser } => self.forget_devices(browser).await,
            Act::Forgot { user } => self.forgot(user).await,
            Act::Reset { nth } => self.reset(nth).await,
            Act::Invite => self.invite().await,
            Act::AskToJoin => self.ask_to_join().await,
            Act::Join { browser, nth } => self.join(browser, nth).await,
            Act::EndOthers { browser } => self.end_others(browser).await,
            Act::ThrowOut { user, how } => self.throw_out(user, how).await,
            Act::Undo { nth } => self.undo(nth).await,
            Act::Lock { browser } => {
                let Some(full) = self.full(browser).await else { return };
                lock(&self.scene.world, &full, &self.caller(browser)).await.unwrap();
                self.locked[browser] = self.locked[browser].max(Some(self.scene.now()));
            }
            Act::SignOut { browser } => {
                if let Some(token) = &self.tokens[browser] {
                    sign_out(&self.scene.world, token, &self.caller(browser)).await.unwrap();
                }
                self.hold(browser, None);
                self.begin(browser, Vec::new());
            }
            Act::Return { browser, nth } => {
                // Whoever found it in an old log: it must be worth nothing.
                if let Some(token) = self.given_up.get(nth) {
                    let bearer = self.scene.bearer(token).await;
                    assert!(
                        is_nobody(&bearer),
                        "browser {browser} came back with a token that was given up: {bearer:?}"
                    );
                }
            }
            Act::Time { seconds } => {
                let now = self.scene.now().as_millis() + 1000 * seconds;
                self.scene.set(Timestamp::from_millis(now));
            }
        }
    }
}
