//! Any sequence of what people, programs and clocks do, against a book of what was truly proven.
//!
//! # Invariants
//!
//! - No sequence reaches `mfa` without proofs of two classes, or `phishing-resistant` without a passkey.
//! - No code, link, invitation or token works twice, for somebody else, or in another browser than it was for.
//! - A half session opens the next step and nothing else.
//! - A password alone opens what the operator wants no more for, and makes no session stronger; a remembered browser spares a
//!   step and proves nothing; a reset signs nobody in.
//! - No change to how somebody signs in is made without a fresh proof by the strongest they have, or after a loss. Where a
//!   password is not enough, the first takes an operator's word, or the mailbox's in the browser that brought it.
//! - Whoever is thrown out is out.

mod acts;
mod book;
mod changing;
mod ending;
mod episodes;
mod houses;
mod joining;
mod posting;
mod proving;

use super::ANN;
use acts::{Act, End, Out};
use book::Book;
use episodes::life;
use houses::{House, house};
use proptest::prelude::*;

/// Two have accounts; an operator may invite one more, and one may sign up.
const NAMES: [&str; 4] = [ANN, "bob", "carol", "dora@example.com"];
const BROWSERS: usize = 2;

async fn perform(house: House, acts: &[Act]) -> Book {
    let mut book = Book::new(house).await;
    for act in acts {
        book.perform(act).await;
        book.audit().await;
    }
    book
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_acts_opens_more_than_was_proven(house in house(), acts in life()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(perform(house, &acts));
    }
}

/// What acts come to, by its name.
const EVERYTHING: &[&str] = &[
    "address dropped",
    "address given",
    "address proven",
    "app added",
    "app replaced",
    "asked for first",
    "browser remembered",
    "code by app",
    "code sent",
    "codes made",
    "factor removed",
    "factor renamed",
    "joined",
    "key made",
    "key touched",
    "let pass",
    "opened by mail",
    "others ended",
    "passkey alone",
    "passkey made",
    "passkey proven",
    "password again",
    "password alone",
    "password changed",
    "password reset",
    "phone added",
    "proven by what was sent",
    "recovery code",
    "remembered",
    "sign-in undone",
    "thrown out",
];

/// The machine would find nothing where its acts came to nothing.
#[tokio::test]
async fn the_machine_gets_somewhere() {
    let required = [
        Act::Password { browser: 0, user: 0, age: 0 },
        Act::Enrol { browser: 0 },
        Act::Remember { browser: 0 },
        Act::SignOut { browser: 0 },
        Act::Password { browser: 0, user: 0, age: 0 },
        Act::Time { seconds: 60 },
        Act::Code { browser: 0, user: 0, nth: 0, steps_ago: 1 },
        Act::PasswordAgain { browser: 0, right: true },
        Act::MakeCodes { browser: 0 },
        Act::Enrol { browser: 0 },
        Act::MakePasskey { browser: 0 },
        Act::Rename { browser: 0, nth: 0 },
        Act::Remove { browser: 0, user: 0, nth: 1 },
        Act::Lock { browser: 0 },
        Act::Remove { browser: 0, user: 0, nth: 1 },
        Act::Passkey { browser: 0, user: 0, nth: 0, alone: false },
        Act::Passkey { browser: 0, user: 0, nth: 0, alone: true },
        Act::MakeKey { browser: 0 },
        Act::Touch { browser: 0, user: 0, nth: 0 },
        Act::ChangePassword { browser: 0, right: true, ends: true },
        Act::GiveAddress { browser: 0, phone: true },
        Act::TypeSent { browser: 0, nth: 0, end: End::Address },
        Act::Time { seconds: 120 },
        Act::Ask { browser: 0, method: 2 },
        Act::TypeSent { browser: 0, nth: 0, end: End::Proof },
        Act::DropAddress { browser: 0, phone: true },
        // Bob loses his phone.
        Act::Password { browser: 1, user: 1, age: 0 },
        Act::Code { browser: 1, user: 1, nth: 0, steps_ago: 0 },
        Act::MakeCodes { browser: 1 },
        Act::Time { seconds: 400 },
        Act::Password { browser: 1, user: 1, age: 0 },
        Act::Recover { browser: 1, user: 1, nth: 0 },
        Act::Enrol { browser: 1 },
        Act::EndOthers { browser: 1 },
        Act::ThrowOut { user: 1, how: Out::Revoked },
        // Ann forgets her password.
        Act::Forgot { user: 0 },
        Act::Reset { nth: 0 },
        Act::Password { browser: 0, user: 0, age: 0 },
        Act::Passkey { browser: 0, user: 0, nth: 0, alone: false },
        Act::Undo { nth: 0 },
        Act::Invite,
        Act::Join { browser: 1, nth: 0 },
        Act::AskToJoin,
        Act::Join { browser: 1, nth: 0 },
    ];
    // Carol has nothing but a password.
    let alone = [Act::Invite, Act::Join { browser: 0, nth: 0 }];

    // Ann's mailbox opens her first set-up, and an application asks for one where the house does not.
    let mailbox = [
        Act::Password { browser: 0, user: 0, age: 0 },
        Act::AskMailbox { browser: 0 },
        Act::TypeSent { browser: 0, nth: 0, end: End::SetUp },
        Act::GivePhone { browser: 0, is_called: true },
        Act::TypeSent { browser: 0, nth: 0, end: End::Phone },
    ];
    let asked = [
        Act::Password { browser: 0, user: 0, age: 0 },
        Act::Enrol { browser: 0 },
        Act::SetPrimary { browser: 0, user: 0, nth: 1 },
    ];

    let mut done = perform(House::Required, &required).await.done;
    done.extend(perform(House::Mailbox, &mailbox).await.done);
    done.extend(perform(House::Asked, &asked).await.done);
    done.extend(perform(House::Graceful, &alone).await.done);
    done.extend(perform(House::Optional, &alone).await.done);
    assert_eq!(done.into_iter().collect::<Vec<_>>(), EVERYTHING);
}
