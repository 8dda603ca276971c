//! Any sequence of what people, programs and clocks do, against a book of what was truly proven.

mod acts;
mod book;
mod changing;
mod proving;

use super::{ANN, from};
use crate::{
    domain::factor::Method,
    flows::{Caller, factors},
};
use acts::{Act, act};
use book::Book;
use proptest::prelude::*;

const NAMES: [&str; 2] = [ANN, "bob"];
const BROWSERS: usize = 2;

fn caller(browser: usize) -> Caller {
    from(&format!("192.0.2.{}", browser + 1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_acts_opens_more_than_was_proven(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut book = Book::new().await;
            for act in &acts {
                book.perform(act).await;
                book.audit().await;
            }
        });
    }
}

#[tokio::test]
async fn the_machine_gets_somewhere() {
    let mut book = Book::new().await;
    for act in [
        Act::Password { browser: 0, user: 0, right: true },
        Act::Enrol { browser: 0 },
        Act::Password { browser: 1, user: 1, right: true },
        Act::Code { browser: 1, user: 1, nth: 0, steps_ago: 0 },
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
        Act::MakeCodes { browser: 1 },
        Act::Password { browser: 1, user: 1, right: true },
        Act::Recover { browser: 1, user: 1, nth: 0 },
        Act::Enrol { browser: 1 },
    ] {
        book.perform(&act).await;
        book.audit().await;
    }

    assert_eq!(book.scene.world.store.sessions(None).await.unwrap().len(), 2);
    assert_eq!(book.taken.len(), 5);
    assert_eq!((book.codes.len(), book.used.len()), (2, 1));
    let factors = factors::second_factors(&book.scene.world, book.users[0]).await.unwrap();
    let names: Vec<_> = factors.iter().map(|factor| (factor.method, factor.name.as_str())).collect();
    assert_eq!(names, [(Method::Passkey, "Ours"), (Method::Totp, "Authenticator app")], "one app was removed");
}
