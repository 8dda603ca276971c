//! How many wrong answers are allowed, and how long to wait after them.
//!
//! A budget is charged *before* an answer is checked, by one conditional statement of the store, so that parallel
//! guesses are all counted (TH-03). This module says what a charge costs; the store decides who may charge.

use crate::domain::{
    contact::{Address, Channel, Kind, PhoneNumber},
    secret::{TokenHash, sha256},
    time::Timestamp,
    user::{LoginId, UserId},
};
use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// Failures and waits for one kind of budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Failures without any wait.
    pub free: u32,
    /// The wait after the first failure beyond [`free`](Self::free); it doubles with each further one.
    pub delay_first: Duration,
    /// The longest wait.
    pub delay_max: Duration,
    /// From this many failures on only an operator reopens the budget.
    pub locked_at: u32,
    /// A budget untouched for this long starts anew.
    pub forgotten_after: Duration,
}

/// Tries against one account with one kind of proof (TH-01, TH-02).
pub const ACCOUNT: Schedule = Schedule {
    free: 10,
    delay_first: Duration::from_secs(30),
    delay_max: Duration::from_hours(1),
    locked_at: 50,
    forgotten_after: Duration::from_hours(720),
};

/// Tries from one address, whoever they are aimed at (TH-06). Many people share one, so it never locks.
pub const ADDRESS: Schedule = Schedule {
    free: 100,
    delay_first: Duration::from_secs(30),
    delay_max: Duration::from_hours(1),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_hours(1),
};

/// Wrong codes of those that go to an account's new addresses, to all of them together: each address has a budget of its own, and
/// there are as many as one likes, also in one mailbox (TH-01). A right one gives its own try back and no other, and nothing
/// locks: whoever has got this far may give an address.
pub const VERIFICATION_TRIES: Schedule = Schedule { free: 30, locked_at: u32::MAX, ..ACCOUNT };

/// Challenges to passkeys that one address may ask for: each is kept until it is answered or too old, and asking costs
/// nothing else. A page asks for one whenever it is opened and the office next door shares the address, so beyond the free
/// ones there is one a second.
pub const CEREMONIES: Schedule = Schedule {
    free: 300,
    delay_first: Duration::from_secs(1),
    delay_max: Duration::from_secs(1),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_mins(10),
};

/// What is written down once about a budget that closed, for as long as anybody may go on trying.
pub const CLOSINGS: Schedule = Schedule {
    free: 1,
    delay_first: ACCOUNT.forgotten_after,
    delay_max: ACCOUNT.forgotten_after,
    locked_at: u32::MAX,
    forgotten_after: ACCOUNT.forgotten_after,
};

/// Passwords that one address may have judged while they are typed. Each takes some work, and who types fast asks often.
pub const JUDGEMENTS: Schedule = Schedule {
    free: 120,
    delay_first: Duration::from_secs(2),
    delay_max: Duration::from_secs(2),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_mins(10),
};

/// Forms of visitors who are not signed in that are kept for one address: each is written down as it comes, whatever becomes of
/// it. Many people share one, so it never locks.
pub const HOLDS: Schedule = Schedule {
    free: 64,
    delay_first: Duration::from_secs(10),
    delay_max: Duration::from_secs(10),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_mins(10),
};

/// Codes and links to one account, and to one address: one a minute (OB-03).
pub const SEND_PACE: Schedule = Schedule {
    free: 1,
    delay_first: Duration::from_mins(1),
    delay_max: Duration::from_mins(1),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_mins(1),
};

/// The same: five an hour.
pub const SENDS: Schedule = Schedule {
    free: 5,
    delay_first: Duration::from_hours(1),
    delay_max: Duration::from_hours(1),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_hours(1),
};

/// Sets of recovery codes for one account: each costs as many slow hashes as it has codes, and a letter to every address.
pub const CODE_SETS: Schedule = SENDS;

/// Codes and links that nobody has typed in or opened, asked for from one network, or going to one country: what a robot
/// leaves behind that is paid by the message. Many people share both, so what arrived is taken back.
pub const SENDS_LOST: Schedule = Schedule {
    free: 50,
    delay_first: Duration::from_mins(1),
    delay_max: Duration::from_hours(1),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_hours(1),
};

/// Messages to one phone, whoever asks for them in which browser: each of its owner's known browsers has [`SENDS`] of its own,
/// and whoever collects browsers has as many. Strangers reach half of it, by asking for codes to sign in with and for codes
/// that make the number theirs; the rest is its owner's (TH-06).
pub const SENDS_TO_PHONE: Schedule = Schedule { free: 20, ..SENDS };

/// Browsers that become known of one account: each has guesses of its own, and whoever knows a password where that is all there
/// is to show, or holds a session, could make as many as they like (TH-01). Then there is one a day.
pub const KNOWN_BROWSERS: Schedule = Schedule {
    free: 10,
    delay_first: Duration::from_hours(24),
    delay_max: Duration::from_hours(24),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_hours(24 * 30),
};

/// What somebody's account is told in an hour of what they tidied up in it: names and orders are changed as often as one likes.
pub const OWN_ACTS: Schedule = Schedule { free: 10, ..SENDS };

/// Messages to the phones of one country in one hour of the clock, whatever becomes of them: whoever owns the numbers types
/// the codes in, too.
pub const fn sends_in_an_hour(most: u32) -> Schedule {
    Schedule {
        free: most,
        delay_first: Duration::from_hours(1),
        delay_max: Duration::from_hours(1),
        locked_at: u32::MAX,
        forgotten_after: Duration::from_hours(1),
    }
}

/// Links to one account, whoever asks for them: five in any hour (OB-03). Nobody waits for longer than a link works, so that
/// whoever asks early and often keeps none from its owner (TH-06).
pub const LINKS: Schedule = Schedule {
    free: 1,
    delay_first: Duration::from_mins(5),
    delay_max: Duration::from_mins(15),
    locked_at: u32::MAX,
    forgotten_after: Duration::from_hours(1),
};

/// Links that one address asks for, whoever they are for. Many people share one.
pub const LINKS_BY_ADDRESS: Schedule =
    Schedule { free: 5, delay_first: Duration::from_mins(1), delay_max: Duration::from_hours(1), ..LINKS };

/// Until when a budget is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It opens again by itself.
    Until(Timestamp),
    /// Only an operator opens it.
    UntilUnlocked,
}

/// What `blocked_until` holds where only an operator opens a budget.
pub const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

impl Closed {
    /// What a budget's `blocked_until` means.
    pub fn at(blocked_until: Timestamp) -> Self {
        if blocked_until == NEVER { Self::UntilUnlocked } else { Self::Until(blocked_until) }
    }
}

impl Schedule {
    /// Until when a budget is closed once it holds `failures`; `now` itself means it is open.
    pub fn blocked_until(&self, failures: u32, now: Timestamp) -> Timestamp {
        if failures >= self.locked_at {
            return NEVER;
        }
        match failures.checked_sub(self.free) {
            None => now,
            Some(beyond) => now + self.delay_first.saturating_mul(1 << beyond.min(16)).min(self.delay_max),
        }
    }
}

/// What a budget is counted by.
///
/// A browser in which this user signed in before has a lane of its own, so that a stranger's tries can't lock the
/// owner out (TH-06).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BudgetKey {
    text: String,
    owner: Option<UserId>,
}

/// Whose browser the tries come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Any browser.
    Stranger,
    /// A browser this user signed in with before.
    Known(TokenHash),
}

impl BudgetKey {
    /// Wrong passwords for an account.
    pub fn password(user: UserId, lane: Lane) -> Self {
        Self::of_account("password", user, lane)
    }

    /// Wrong passwords for a name nobody has: counted alike, so that it tells nothing.
    pub fn password_of_nobody(login_id: &LoginId) -> Self {
        Self { text: format!("nobody:{}", hex(&sha256(login_id.as_str().as_bytes()))), owner: None }
    }

    /// Wrong codes of apps and wrong recovery codes, for an account. A right password does not reset it (TH-04).
    pub fn second_factor(user: UserId, lane: Lane) -> Self {
        Self::of_account("second", user, lane)
    }

    /// Sets of recovery codes made for an account.
    pub fn code_sets(user: UserId) -> Self {
        Self::of_account("code-sets", user, Lane::Stranger)
    }

    /// Wrong codes of those that were sent to an account's addresses of this kind. They are counted apart: whoever reads its
    /// mail can always bring a right one, which must not make room for more guesses at an app.
    pub fn sent_codes(user: UserId, kind: Kind, lane: Lane) -> Self {
        Self::of_account(&format!("sent-{}", kind.name()), user, lane)
    }

    /// Wrong codes of those that were sent to an address to give an account something new: that address, or its first second
    /// factor. Each purpose and address is counted apart: whoever reads one mailbox always has a right code, which must not
    /// make room for guesses at another's.
    pub fn openings(user: UserId, purpose: &str, address: &Address) -> Self {
        Self::of_account(&format!("opening-{purpose}-{}", spelt_once(address)), user, Lane::Stranger)
    }

    /// Wrong codes of those that were sent to an account's new addresses, against [`VERIFICATION_TRIES`].
    pub fn verification_tries(user: UserId) -> Self {
        Self::of_account("verify-tries", user, Lane::Stranger)
    }

    /// Codes and links that an account is sent to prove something with, against [`SEND_PACE`] and [`SENDS`]. Whoever has its
    /// password can ask for them, and is not to keep them from its owner.
    pub fn sends_to(user: UserId, lane: Lane) -> [Self; 2] {
        ["pace", "sends"].map(|kind| Self::of_account(kind, user, lane))
    }

    /// The same by the address that they go to, whosever it is.
    pub fn sends_to_address(address: &Address, lane: Lane) -> [Self; 2] {
        let lane = lane.suffix();
        ["pace", "sends"].map(|kind| Self { text: format!("{kind}:to:{}{lane}", spelt_once(address)), owner: None })
    }

    /// Whatever is sent to a phone, against [`SENDS_TO_PHONE`].
    pub fn sends_to_phone(number: &PhoneNumber) -> Self {
        Self { text: format!("sends:phone:{}", hex(&sha256(number.as_str().as_bytes()))), owner: None }
    }

    /// Browsers that become known of an account, against [`KNOWN_BROWSERS`].
    pub fn known_browsers(user: UserId) -> Self {
        Self::of_account("known-browsers", user, Lane::Stranger)
    }

    /// What an account is told of its owner's own acts, against [`OWN_ACTS`].
    pub fn own_acts(user: UserId) -> Self {
        Self::of_account("own-acts", user, Lane::Stranger)
    }

    /// Codes by which an account verifies new addresses; likewise.
    pub fn verifications_by(user: UserId) -> [Self; 2] {
        ["verify-pace", "verify-sends"].map(|kind| Self::of_account(kind, user, Lane::Stranger))
    }

    /// The same by the address that they go to. It may be anybody's: apart from what its owner is sent to sign in with, or
    /// whoever has an account could keep that from them (TH-06).
    pub fn verifications_at(address: &Address) -> [Self; 2] {
        let key = |kind| Self { text: format!("{kind}:to:{}", spelt_once(address)), owner: None };
        ["verify-pace", "verify-sends"].map(key)
    }

    /// Codes and links asked for from one network.
    pub fn sends_from(address: IpAddr) -> Self {
        Self { text: format!("sends:from:{}", network(address)), owner: None }
    }

    /// Codes sent to one country.
    pub fn sends_to_country(number: &PhoneNumber) -> Self {
        Self { text: format!("sends:country:{}", number.calling_code()), owner: None }
    }

    /// Messages sent to one country in this hour of the clock, against [`sends_in_an_hour`]. Two keys take turns: the one of
    /// the hour before last has been left alone for an hour, and begins anew.
    pub fn sends_of_the_hour(channel: Channel, number: &PhoneNumber, now: Timestamp) -> Self {
        let turn = now.as_secs() / 3600 % 2;
        Self { text: format!("sends:hour:{channel}:{}:{turn}", number.calling_code()), owner: None }
    }

    /// Wrong answers from an address.
    pub fn address(address: IpAddr) -> Self {
        Self { text: format!("address:{}", network(address)), owner: None }
    }

    /// Challenges to passkeys that an address asked for.
    pub fn ceremonies(address: IpAddr) -> Self {
        Self { text: format!("ceremonies:{}", network(address)), owner: None }
    }

    /// Passwords that an address has judged.
    pub fn judgements(address: IpAddr) -> Self {
        Self { text: format!("judgements:{}", network(address)), owner: None }
    }

    /// Forms that are kept for an address.
    pub fn holds(address: IpAddr) -> Self {
        Self { text: format!("holds:{}", network(address)), owner: None }
    }

    /// Links to choose a new password, for an account.
    pub fn reset(user: UserId, lane: Lane) -> Self {
        Self::of_account("reset", user, lane)
    }

    /// The same, of all browsers together that are known of an account, against [`SENDS`]: each of them has a budget of its own.
    pub fn resets_by_known(user: UserId) -> Self {
        Self::of_account("reset-known", user, Lane::Stranger)
    }

    /// The same for a name nobody has: counted alike, so that it tells nothing.
    pub fn reset_of_nobody(login_id: &LoginId) -> Self {
        Self { text: format!("reset-nobody:{}", hex(&sha256(login_id.as_str().as_bytes()))), owner: None }
    }

    /// Links to choose a new password that an address asks for.
    pub fn resets_from(address: IpAddr) -> Self {
        Self { text: format!("resets-from:{}", network(address)), owner: None }
    }

    /// Links to make an account with this login id. Nobody owns them: the account may not be there.
    pub fn sign_up(login_id: &LoginId) -> Self {
        Self { text: format!("sign-up:{}", hex(&sha256(login_id.as_str().as_bytes()))), owner: None }
    }

    /// Links to make an account that an address asks for.
    pub fn sign_ups_from(address: IpAddr) -> Self {
        Self { text: format!("sign-ups-from:{}", network(address)), owner: None }
    }

    /// Warnings that a sign-in was refused, to the owner of an account.
    pub fn warnings(user: UserId) -> Self {
        Self::of_account("warnings", user, Lane::Stranger)
    }

    /// That this budget is closed until then.
    #[must_use]
    pub fn closing(&self, closed: Closed) -> Self {
        let until = match closed {
            Closed::Until(at) => at,
            Closed::UntilUnlocked => NEVER,
        };
        Self { text: format!("closing:{}:{}", self.text, until.as_millis()), owner: self.owner }
    }

    /// The text the store keeps.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account whose budget it is; an operator who unlocks the account clears all of its budgets.
    pub fn owner(&self) -> Option<UserId> {
        self.owner
    }

    fn of_account(kind: &str, user: UserId, lane: Lane) -> Self {
        Self { text: format!("{kind}:{}{}", user.0, lane.suffix()), owner: Some(user) }
    }
}

impl Lane {
    fn suffix(self) -> String {
        match self {
            Self::Stranger => String::new(),
            Self::Known(browser) => format!(":{}", hex(browser.as_bytes())),
        }
    }
}

fn spelt_once(address: &Address) -> String {
    hex(&sha256(address.as_str().to_lowercase().as_bytes()))
}

/// What one customer holds: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
        text.extend([digit(byte >> 4), digit(byte & 15)]);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn ten_tries_are_free_then_each_wait_is_twice_the_last() {
        let wait = |failures| ACCOUNT.blocked_until(failures, NOON).as_millis() - NOON.as_millis();

        assert_eq!(
            [9, 10, 11, 12, 16, 17, 49].map(wait),
            [0, 30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000]
        );
        assert_eq!(ACCOUNT.blocked_until(50, NOON), NEVER);
    }

    #[test]
    fn links_are_one_in_a_minute_and_five_in_an_hour() {
        let mut asked = vec![NOON];
        for failures in 1..12 {
            asked.push(LINKS.blocked_until(failures, asked[asked.len() - 1]));
        }

        for window in asked.windows(2) {
            assert!(window[0].age(window[1]).unwrap() >= Duration::from_mins(1));
        }
        for window in asked.windows(6) {
            assert!(window[0].age(window[5]).unwrap() >= Duration::from_hours(1));
        }
    }

    #[test]
    fn a_known_browser_has_its_own_lane() {
        let ann = UserId(uuid::Uuid::from_u128(1));
        let known = Lane::Known(TokenHash::from_bytes([1; 32]));

        assert_ne!(BudgetKey::password(ann, Lane::Stranger), BudgetKey::password(ann, known));
        assert_ne!(BudgetKey::password(ann, known), BudgetKey::second_factor(ann, known));
        assert_ne!(BudgetKey::sends_to(ann, known), BudgetKey::sends_to(ann, Lane::Stranger));
        assert_eq!(BudgetKey::password(ann, known).owner(), Some(ann));
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let key = |text: &str| BudgetKey::address(text.parse().unwrap());

        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_message_a_minute_and_five_an_hour() {
        let wait = |schedule: Schedule, sent| schedule.blocked_until(sent, NOON).as_millis() - NOON.as_millis();

        assert_eq!([1, 2, 9].map(|sent| wait(SEND_PACE, sent)), [60_000; 3]);
        assert_eq!([1, 4, 5, 6].map(|sent| wait(SENDS, sent)), [0, 0, 3_600_000, 3_600_000]);
    }

    #[test]
    fn every_spelling_of_an_address_is_one_budget() {
        let address = |typed| Address::parse(Kind::Email, typed).unwrap();
        let proofs = |typed| BudgetKey::sends_to_address(&address(typed), Lane::Stranger);
        let verifications = |typed| BudgetKey::verifications_at(&address(typed));

        assert_eq!(proofs("Ann@example.com"), proofs("ann@EXAMPLE.com"));
        assert_ne!(proofs("ann@example.com"), proofs("ann@example.org"));
        assert_eq!(verifications("Ann@example.com"), verifications("ann@EXAMPLE.com"));
        assert_ne!(verifications("ann@example.com"), verifications("ann@example.org"));
    }

    proptest! {
        #[test]
        fn more_failures_never_wait_less(failures in 0u32..100) {
            prop_assert!(ACCOUNT.blocked_until(failures + 1, NOON) >= ACCOUNT.blocked_until(failures, NOON));
        }
    }
}
