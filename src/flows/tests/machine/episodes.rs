//! What people do in one go. Acts by chance alone rarely get far: most of what can go wrong needs somebody who is signed in,
//! has codes in the drawer, or was sent something a moment ago.

use super::{
    BROWSERS, NAMES,
    acts::{Act, End, Out, act},
};
use proptest::prelude::*;

/// A life of one or two people: most have set up what they can before anything else happens.
pub(super) fn life() -> impl Strategy<Value = Vec<Act>> {
    let settled = prop_oneof![3 => Just(true), 1 => Just(false)];
    (settled, prop::collection::vec(episode(), 1..25)).prop_map(|(settled, episodes)| {
        let before = if settled { vec![set_up(0), set_up(1)] } else { Vec::new() };
        before.into_iter().chain(episodes).flatten().collect()
    })
}

/// Ann sets up an app, once her mailbox says so where it must, and Bob uses his; both make recovery codes.
fn set_up(user: usize) -> Vec<Act> {
    let browser = user % BROWSERS;
    let proof = if user == 0 {
        vec![Act::AskMailbox { browser }, Act::TypeSent { browser, nth: 0, end: End::SetUp }, Act::Enrol { browser }]
    } else {
        vec![Act::Code { browser, user, nth: 0, steps_ago: 0 }]
    };
    [vec![Act::Password { browser, user, age: 0 }], proof, vec![Act::MakeCodes { browser }]].concat()
}

fn episode() -> impl Strategy<Value = Vec<Act>> {
    let who = (0..BROWSERS, 0..NAMES.len(), 0usize..4);
    let told = (
        0usize..30,
        0usize..4,
        any::<bool>(),
        prop::sample::select(vec![Out::Everywhere, Out::Revoked, Out::Disabled]),
    );
    prop_oneof![
        3 => act().prop_map(|act| vec![act]),
        4 => (who, told).prop_map(|((browser, user, nth), (which, method, phone, how))| {
            let password = Act::Password { browser, user, age: 0 };
            let later = Act::Time { seconds: 70 };
            let sign_in = [later.clone(), password.clone(), Act::Code { browser, user, nth: 0, steps_ago: 0 }];
            let recover = Act::Recover { browser, user, nth: which };
            let bring = |end| Act::TypeSent { browser, nth: 0, end };
            match which {
                0..4 => sign_in.to_vec(),
                4..7 => vec![password, recover],
                // A sheet of codes that somebody finds, in a session that they find open.
                7 => vec![Act::Time { seconds: 301 }, recover, Act::EndOthers { browser }],
                8 => vec![password, recover, Act::Remember { browser }],
                9 => vec![password, recover, Act::GiveAddress { browser, phone }],
                10 => vec![later, password, Act::Ask { browser, method }, bring(End::Proof), bring(End::Proof)],
                11 => vec![later, Act::GiveAddress { browser, phone }, bring(End::Address), bring(End::Address)],
                12 => vec![Act::Remember { browser }, Act::SignOut { browser }, password],
                13 => vec![Act::Remember { browser }, Act::Enrol { browser }, password],
                14 => vec![Act::Remember { browser }, Act::ThrowOut { user, how }, password],
                15 => vec![Act::Forgot { user }, Act::Reset { nth: 0 }, Act::Reset { nth: 0 }, password],
                16 => vec![Act::Undo { nth }, Act::Undo { nth }],
                17 => vec![Act::AskToJoin, Act::Join { browser, nth: 0 }, Act::Join { browser, nth: 0 }],
                18 => vec![Act::Invite, Act::Join { browser, nth: 0 }, Act::Join { browser, nth: 0 }],
                19 => vec![Act::MakeKey { browser }, later, password, Act::Touch { browser, user, nth }],
                20 => vec![Act::Remember { browser }, Act::ChangePassword { browser, right: true, ends: phone }, password],
                21 => vec![password, Act::ChangePassword { browser, right: true, ends: phone }],
                22 => vec![password, Act::GivePhone { browser, is_called: phone }, bring(End::Phone), bring(End::Phone)],
                23 => vec![password, Act::AskMailbox { browser }, bring(End::SetUp), Act::Enrol { browser }],
                // The password, known to somebody in another browser than the one where the mailbox opened the set-up.
                24..28 => vec![
                    password,
                    Act::AskMailbox { browser },
                    bring(End::SetUp),
                    Act::Password { browser: BROWSERS - 1 - browser, user, age: 0 },
                    Act::Enrol { browser: BROWSERS - 1 - browser },
                ],
                // A code that takes its time, longer than the proof before it counts.
                28 => {
                    vec![password, Act::GiveAddress { browser, phone }, Act::Time { seconds: 301 }, bring(End::Address)]
                }
                _ => vec![Act::MakePasskey { browser }, Act::Passkey { browser, user, nth, alone: phone }],
            }
        }),
    ]
}
