//! What people, programs and clocks do.

use super::{BROWSERS, NAMES, book::Book};
use crate::{
    domain::time::Timestamp,
    flows::{sessions::sign_out, tests::is_nobody},
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(super) enum Act {
    Password {
        browser: usize,
        user: usize,
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
    /// An authenticator app of the visitor's own.
    Enrol {
        browser: usize,
    },
    /// A passkey of the visitor's own.
    MakePasskey {
        browser: usize,
    },
    /// Somebody's passkey, alone or as one more proof.
    Passkey {
        browser: usize,
        user: usize,
        nth: usize,
        alone: bool,
    },
    MakeCodes {
        browser: usize,
    },
    /// One of the codes that somebody was shown last, or before.
    Recover {
        browser: usize,
        user: usize,
        nth: usize,
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
    Lock {
        browser: usize,
    },
    PasswordAgain {
        browser: usize,
        right: bool,
    },
    SignOut {
        browser: usize,
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

pub(super) fn act() -> impl Strategy<Value = Act> {
    let (browser, user) = (0..BROWSERS, 0..NAMES.len());
    prop_oneof![
        5 => (browser.clone(), user.clone(), prop::bool::weighted(0.8))
            .prop_map(|(browser, user, right)| Act::Password { browser, user, right }),
        6 => (browser.clone(), user.clone(), 0usize..3, -1i64..3)
            .prop_map(|(browser, user, nth, steps_ago)| Act::Code { browser, user, nth, steps_ago }),
        3 => browser.clone().prop_map(|browser| Act::MakePasskey { browser }),
        4 => (browser.clone(), user.clone(), 0usize..3, any::<bool>())
            .prop_map(|(browser, user, nth, alone)| Act::Passkey { browser, user, nth, alone }),
        1 => browser.clone().prop_map(|browser| Act::MakeCodes { browser }),
        2 => (browser.clone(), user.clone(), 0usize..12).prop_map(|(browser, user, nth)| Act::Recover { browser, user, nth }),
        2 => (browser.clone(), user, 0usize..3).prop_map(|(browser, user, nth)| Act::Remove { browser, user, nth }),
        1 => (browser.clone(), 0usize..3).prop_map(|(browser, nth)| Act::Rename { browser, nth }),
        1 => browser.clone().prop_map(|browser| Act::Lock { browser }),
        2 => (browser.clone(), 0usize..20).prop_map(|(browser, nth)| Act::Replay { browser, nth }),
        3 => browser.clone().prop_map(|browser| Act::Enrol { browser }),
        2 => (browser.clone(), any::<bool>()).prop_map(|(browser, right)| Act::PasswordAgain { browser, right }),
        1 => browser.clone().prop_map(|browser| Act::SignOut { browser }),
        1 => (browser, 0usize..20).prop_map(|(browser, nth)| Act::Return { browser, nth }),
        4 => prop_oneof![-90i64..90, Just(30), 0i64..2000].prop_map(|seconds| Act::Time { seconds }),
    ]
}

impl Book {
    pub(super) async fn perform(&mut self, act: &Act) {
        match *act {
            Act::Password { browser, user, right } => self.password(browser, user, right).await,
            Act::Code { browser, user, nth, steps_ago } => {
                let Some((_, phone)) = self.phones.get(&self.users[user]).and_then(|phones| phones.get(nth)) else {
                    return;
                };
                let at = Timestamp::from_millis(self.scene.now().as_millis() - 30_000 * steps_ago);
                self.code(browser, phone.key.code_shown(at)).await;
            }
            Act::Replay { browser, nth } => {
                if let Some(code) = self.typed.get(nth).cloned() {
                    self.code(browser, code).await;
                }
            }
            Act::Enrol { browser } => self.enrol(browser).await,
            Act::MakePasskey { browser } => self.make_passkey(browser).await,
            Act::Passkey { browser, user, nth, alone } => self.passkey(browser, user, nth, alone).await,
            Act::MakeCodes { browser } => self.make_codes(browser).await,
            Act::Recover { browser, user, nth } => self.recover(browser, user, nth).await,
            Act::Remove { browser, user, nth } => self.remove(browser, user, nth).await,
            Act::Rename { browser, nth } => self.rename(browser, nth).await,
            Act::Lock { browser } => self.lock(browser).await,
            Act::PasswordAgain { browser, right } => self.password_again(browser, right).await,
            Act::SignOut { browser } => {
                if let Some(token) = &self.tokens[browser] {
                    sign_out(&self.scene.world, token).await.unwrap();
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
