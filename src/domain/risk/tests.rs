use super::*;
use proptest::{collection::vec, prelude::*, sample::select, sample::subsequence};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const HERS: TokenHash = TokenHash::from_bytes([1; 32]);
const HOUR: Duration = Duration::from_hours(1);

fn weights() -> Weights {
    let weigh = |(at, signal): (u8, &Signal)| (*signal, Score(10 * at));
    Weights((1..).zip(Signal::ALL).map(weigh).collect())
}

fn at(address: &str) -> Subnet {
    Subnet::of(address.parse().unwrap())
}

fn whereabouts(country: &str, latitude: f64, longitude: f64) -> Whereabouts {
    let coordinates = Coordinates::near(latitude, longitude);
    Whereabouts { country: Country::parse(country).unwrap(), coordinates }
}

fn london() -> Whereabouts {
    whereabouts("GB", 51.5, -0.1)
}

fn milton() -> Whereabouts {
    whereabouts("US", 47.3, -122.3)
}

/// Somebody who signed in from London an hour ago.
fn past() -> Past {
    let (subnet, whereabouts, at) = (at("81.2.69.160"), Some(london()), NOON - HOUR);
    let trace = Trace { browser: HERS, subnet, whereabouts, at, counts_from: at };
    Past { traces: vec![trace], password_changed_at: Some(NOON - 300 * HOUR), ..Past::default() }
}

/// The same again.
fn now() -> Now {
    Now { at: NOON, browser: Some(HERS), subnet: at("81.2.69.7"), whereabouts: Some(london()), is_listed: false }
}

fn shown(past: &Past, now: &Now) -> Vec<Signal> {
    assess(past, now, &weights()).signals
}

#[test]
fn who_comes_as_ever_shows_nothing() {
    assert_eq!(assess(&past(), &now(), &weights()), Assessment::default());
}

#[test]
fn each_signal_shows_alone() {
    let elsewhere_in_britain = Now { subnet: at("2.125.160.216"), ..now() };
    let tries = |count: usize, age| Past { wrong_tries: vec![NOON - age; count], ..past() };
    let changed = |at| Past { password_changed_at: Some(at), ..past() };
    let long_ago = Past { traces: vec![Trace { at: NOON - 30 * HOUR, ..past().traces.remove(0) }], ..past() };
    let nobody_knows_where = Now { whereabouts: None, ..now() };

    assert_eq!(shown(&past(), &Now { browser: None, ..now() }), [Signal::NewDevice]);
    assert_eq!(shown(&past(), &elsewhere_in_britain), [Signal::NewNetwork]);
    assert_eq!(shown(&long_ago, &Now { whereabouts: Some(milton()), ..now() }), [Signal::NewCountry]);
    assert_eq!(
        shown(&past(), &Now { whereabouts: Some(milton()), ..now() }),
        [Signal::NewCountry, Signal::ImpossibleTravel]
    );
    assert_eq!(shown(&past(), &Now { is_listed: true, ..now() }), [Signal::ListedAddress]);
    assert_eq!(shown(&changed(NOON - HOUR / 2), &now()), [Signal::PasswordChanged]);
    assert_eq!(shown(&changed(NOON - HOUR), &now()), [], "they have signed in with it since");
    assert_eq!(shown(&tries(FAILURES_MANY, FAILURES_WITHIN), &now()), [Signal::RecentFailures]);
    assert_eq!(shown(&tries(FAILURES_MANY - 1, HOUR), &now()), []);
    assert_eq!(shown(&tries(FAILURES_MANY, 2 * HOUR), &now()), []);
    assert_eq!(shown(&past(), &nobody_knows_where), []);
}

#[test]
fn what_was_done_in_doubt_is_no_past_until_the_doubt_is_over() {
    let doubted = |counts_from| {
        let (subnet, whereabouts, at) = (at("216.160.83.56"), Some(milton()), NOON - 30 * HOUR);
        let trace = Trace { browser: TokenHash::from_bytes([2; 32]), subnet, whereabouts, at, counts_from };
        Past { traces: vec![past().traces.remove(0), trace], ..past() }
    };
    let elsewhere = Now { subnet: at("216.160.83.56"), whereabouts: Some(milton()), ..now() };
    let again = Now { browser: Some(TokenHash::from_bytes([2; 32])), at: NOON + 30 * HOUR, ..elsewhere };

    let new = [Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork];
    assert_eq!(shown(&doubted(NOON + 31 * HOUR), &again), new);
    assert_eq!(shown(&doubted(NOON + 30 * HOUR), &again), []);
}

#[test]
fn who_was_away_for_too_long_to_compare_shows_all_that_is_new() {
    let new = [Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork];
    let changed = [new.as_slice(), &[Signal::PasswordChanged]].concat();
    let left = |at| Trace { whereabouts: None, at, counts_from: at, ..past().traces.remove(0) };
    let kept = |at| Past { traces: vec![left(at)], ..Past::default() };
    let swept = |at| Past { last_forgotten: Some(at), ..Past::default() };
    let long_ago = NOON - Trace::KEPT_FOR - HOUR;

    for past in [kept(long_ago), swept(long_ago)] {
        let with_password_of = |at| Past { password_changed_at: Some(at), ..past.clone() };
        assert_eq!(shown(&past, &now()), new, "as they were then, or not");
        assert_eq!(shown(&with_password_of(long_ago), &now()), new, "they signed in with that password");
        assert_eq!(shown(&with_password_of(long_ago + HOUR), &now()), changed);
        let nobody_knows_where = Now { whereabouts: None, ..now() };
        assert_eq!(shown(&past, &nobody_knows_where), [Signal::NewDevice, Signal::NewNetwork]);
    }
    assert_eq!(shown(&kept(NOON - Trace::KEPT_FOR), &now()), [], "still compared");

    // What is done in doubt after that makes nobody usual, nor does it hide that the password was changed.
    let in_doubt = Trace { counts_from: NOON + HOUR, ..left(NOON - HOUR) };
    let again = Past { traces: vec![in_doubt], password_changed_at: Some(long_ago + HOUR), ..swept(long_ago) };
    assert_eq!(shown(&again, &now()), changed);
    assert_eq!(shown(&again, &Now { at: NOON + HOUR, ..now() }), [], "nor does the past keep anybody from it for ever");
}

#[test]
fn a_country_is_news_only_where_another_was_known() {
    let unplaced = Past { traces: vec![Trace { whereabouts: None, ..past().traces.remove(0) }], ..past() };

    assert_eq!(shown(&unplaced, &now()), []);
}

#[test]
fn travel_begins_at_the_last_sign_in_wherever_the_others_were() {
    let milton_first = Trace {
        subnet: at("216.160.83.56"),
        whereabouts: Some(milton()),
        at: NOON - 30 * HOUR,
        counts_from: NOON - 30 * HOUR,
        ..past().traces.remove(0)
    };
    let traces = vec![past().traces.remove(0), milton_first];

    let back_in_milton = Now { subnet: at("216.160.83.56"), whereabouts: Some(milton()), ..now() };
    assert_eq!(shown(&Past { traces: traces.clone(), ..past() }, &back_in_milton), [Signal::ImpossibleTravel]);
    assert_eq!(shown(&Past { traces, ..past() }, &now()), []);
}

#[test]
fn a_score_is_a_sum_and_never_more_than_a_hundred() {
    let score = |signals: &[Signal]| weights().of(signals);

    assert_eq!(score(&[]), Score(0));
    assert_eq!(score(&[Signal::NewDevice, Signal::NewNetwork]), Score(40));
    assert_eq!(score(Signal::ALL), Score::MAX);
    assert_eq!((Score::new(100), Score::new(101)), (Some(Score::MAX), None));
}

#[test]
fn a_score_or_a_signal_calls_for_something() {
    let rules = Rules {
        weights: weights(),
        from: BTreeMap::from([(Act::Notify, Score(30)), (Act::Require, Score(40))]),
        on: BTreeMap::from([(Signal::ListedAddress, Act::Deny), (Signal::NewDevice, Act::Notify)]),
    };
    let acts = |signals: &[Signal]| rules.acts(&Assessment::of(signals.to_vec(), &rules.weights));

    assert_eq!(acts(&[]), []);
    assert_eq!(acts(&[Signal::NewCountry]), []);
    assert_eq!(acts(&[Signal::NewDevice]), [Act::Notify], "whatever it weighs");
    assert_eq!(acts(&[Signal::NewNetwork]), [Act::Notify]);
    assert_eq!(acts(&[Signal::ImpossibleTravel]), [Act::Notify, Act::Require]);
    assert_eq!(acts(&[Signal::ListedAddress]), [Act::Notify, Act::Require, Act::Deny]);
    assert!(rules.ever_call_for(Act::Deny) && !Rules::default().ever_call_for(Act::Notify));
}

#[test]
fn every_signal_goes_by_its_name() {
    for signal in Signal::ALL {
        assert_eq!(Signal::by_name(signal.name()), Some(*signal));
        assert_eq!(serde_json::to_string(signal).unwrap(), format!("\"{signal}\""));
    }
    assert!(Signal::ALL.is_sorted() && Act::ALL.is_sorted());
    for act in Act::ALL {
        assert_eq!(serde_json::to_string(act).unwrap(), format!("\"{}\"", act.name()));
    }
    assert!(serde_json::from_str::<Score>("101").is_err());
}

fn any_signals() -> impl Strategy<Value = Vec<Signal>> {
    subsequence(Signal::ALL, 0..=Signal::ALL.len())
}

fn any_weights() -> impl Strategy<Value = Weights> {
    vec(0u8..=100, Signal::ALL.len()).prop_map(|weights| {
        let weights = weights.into_iter().map(Score);
        Weights(Signal::ALL.iter().copied().zip(weights).collect())
    })
}

fn any_now() -> impl Strategy<Value = Now> {
    let whereabouts = proptest::option::of(select(vec![london(), milton()]));
    let addresses = select(vec!["81.2.69.160", "216.160.83.56", "2001:218::1"]);
    let browser = proptest::option::of(Just(HERS));
    (whereabouts, addresses, browser, any::<bool>()).prop_map(|(whereabouts, address, browser, is_listed)| Now {
        at: NOON,
        browser,
        subnet: at(address),
        whereabouts,
        is_listed,
    })
}

proptest! {
    #[test]
    fn more_signals_never_score_less(
        signals in any_signals(),
        more in select(Signal::ALL),
        weights in any_weights(),
    ) {
        let with_more: Vec<_> =
            Signal::ALL.iter().copied().filter(|signal| *signal == more || signals.contains(signal)).collect();
        prop_assert!(weights.of(&with_more) >= weights.of(&signals));
    }

    #[test]
    fn a_higher_score_never_calls_for_less(
        low in any_signals(),
        high in 0u8..=100,
        from in proptest::collection::btree_map(select(Act::ALL), (1u8..=100).prop_map(Score), 0..3),
        weights in any_weights(),
    ) {
        let rules = Rules { weights, from, on: BTreeMap::new() };
        let lower = Assessment::of(low, &rules.weights);
        let higher = Assessment { score: Score(high).max(lower.score), ..lower.clone() };
        prop_assert!(rules.acts(&lower).iter().all(|act| rules.call_for(*act, &higher)));
    }

    #[test]
    fn where_nothing_is_known_of_the_past_nothing_is_new(now in any_now(), changed in proptest::option::of(0u64..100)) {
        let password_changed_at = changed.map(|hours| NOON - Duration::from_hours(hours));
        let first = Past { password_changed_at, ..Past::default() };
        prop_assert!(shown(&first, &now).iter().all(|signal| *signal == Signal::ListedAddress));
    }

    #[test]
    fn being_away_never_hides_what_is_new(now in any_now(), hours in 0u64..5000, changed in proptest::option::of(0u64..5000)) {
        let password_changed_at = changed.map(|hours| NOON - Duration::from_hours(hours));
        let new = [Signal::NewDevice, Signal::NewCountry, Signal::NewNetwork, Signal::PasswordChanged];
        let news = |past: &Past| shown(past, &now).into_iter().filter(|signal| new.contains(signal)).collect::<Vec<_>>();
        let left = |at| Trace { at, counts_from: at, ..past().traces.remove(0) };
        let after = |at| Past { traces: vec![left(at)], password_changed_at, ..past() };
        let earlier = news(&after(NOON - Duration::from_hours(hours)));
        let later = news(&after(NOON - Duration::from_hours(hours + 24)));
        prop_assert!(earlier.iter().all(|signal| later.contains(signal)), "{earlier:?} {later:?}");
    }
}
