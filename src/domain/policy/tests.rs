use super::{strength::tests::any_strength, *};
use crate::domain::{
    factor::FactorId,
    place::Place,
    risk::{Assessment, Score, Signal},
    session::{Activity, Session, SessionId},
    user::{LoginId, User, UserId},
};
use proptest::prelude::*;
use uuid::Uuid;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

fn proof(method: Method, at: Timestamp) -> Authentication {
    Authentication { method, factor: FactorId(Uuid::nil()), at }
}

fn visitor(proofs: &[Authentication]) -> Visitor {
    locked_visitor(proofs, None)
}

fn locked_visitor(proofs: &[Authentication], locked_at: Option<Timestamp>) -> Visitor {
    visitor_after(Activity::begun(NOON), proofs, locked_at)
}

/// Somebody whose session was last used so.
fn visitor_after(activity: Activity, proofs: &[Authentication], locked_at: Option<Timestamp>) -> Visitor {
    any_visitor(activity, proofs, locked_at, scored(50))
}

fn risky_visitor(proofs: &[Authentication], locked_at: Option<Timestamp>, risk: u8) -> Visitor {
    any_visitor(Activity::begun(NOON), proofs, locked_at, scored(risk))
}

/// Somebody whose sign-in took all its steps.
fn unspared(visitor: Visitor) -> Visitor {
    let Visitor::SignedIn(mut identity) = visitor else { panic!("nobody is there") };
    Arc::make_mut(&mut identity).session.spared = false;
    Visitor::SignedIn(identity)
}

fn visitor_of_risk(proofs: &[Authentication], risk: Assessment) -> Visitor {
    any_visitor(Activity::begun(NOON), proofs, None, risk)
}

fn scored(risk: u8) -> Assessment {
    Assessment { score: score(risk), signals: vec![] }
}

fn any_visitor(
    activity: Activity,
    proofs: &[Authentication],
    locked_at: Option<Timestamp>,
    risk: Assessment,
) -> Visitor {
    let user = UserId(Uuid::nil());
    Visitor::SignedIn(Arc::new(Identity {
        user: User {
            id: user,
            login_id: LoginId::parse("ann").unwrap(),
            name: "Ann".into(),
            email: None,
            groups: vec!["finance".into()],
            language: None,
            disabled: false,
            created_at: NOON,
        },
        session: Session {
            id: SessionId(Uuid::nil()),
            user,
            authentications: proofs.to_vec(),
            started_at: NOON,
            seen_at: NOON,
            activity,
            locked_at,
            spared: true,
            place: Place::default(),
            risk,
        },
    }))
}

fn score(score: u8) -> Score {
    Score::new(score).unwrap()
}

fn requires(requirement: Requirement) -> Policy {
    Policy::new("test", Access::Require(requirement))
}

fn policy(level: Level, groups: &[&str]) -> Policy {
    let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
    requires(Requirement { who: (!groups.is_empty()).then_some(Who::Groups(groups)), ..Requirement::at(level) })
}

fn fresh(any: &[Method], within: impl Into<Within>) -> Freshness {
    Freshness { any: any.to_vec(), within: within.into() }
}

fn step_up() -> Policy {
    requires(Requirement { fresh: vec![fresh(&[Method::Totp], 2 * MINUTE)], ..Requirement::at(Level::Mfa) })
}

fn admits(policy: &Policy, proofs: &[Authentication], now: Timestamp) -> bool {
    admits_locked(policy, proofs, None, now)
}

fn admits_locked(policy: &Policy, proofs: &[Authentication], locked_at: Option<Timestamp>, now: Timestamp) -> bool {
    matches!(policy.decide(&locked_visitor(proofs, locked_at), now), Decision::Admit(_))
}

#[test]
fn a_fresh_code_passes_and_a_stale_one_is_asked_for_again() {
    let with_code_from = |age| [proof(Method::Password, NOON - 30 * MINUTE), proof(Method::Totp, NOON - age)];

    assert!(admits(&step_up(), &with_code_from(2 * MINUTE), NOON));
    let Decision::StepUp(missing) = step_up().decide(&visitor(&with_code_from(12 * MINUTE)), NOON) else { panic!() };
    let Missing::Fresh { latest, .. } = missing else { panic!() };
    assert_eq!(latest, Some((Method::Totp, 12 * MINUTE)));
}

#[test]
fn a_password_alone_is_not_mfa() {
    let proofs = [proof(Method::Password, NOON)];

    let Decision::StepUp(missing) = step_up().decide(&visitor(&proofs), NOON) else { panic!() };
    assert_eq!(
        missing,
        Missing::Level { reached: Some(Level::Login), wanted: Level::Mfa.into(), max_age: None, risk: None }
    );
    assert!(missing.helped_by(Method::Totp, &proofs, NOON) && !missing.helped_by(Method::Password, &proofs, NOON));
}

#[test]
fn a_proof_from_the_future_is_none() {
    let proofs = [proof(Method::Password, NOON), proof(Method::Totp, NOON + MINUTE)];

    assert!(!admits(&step_up(), &proofs, NOON));
    assert!(matches!(
        policy(Level::Login, &[]).decide(&visitor(&[proof(Method::Password, NOON + MINUTE)]), NOON),
        Decision::SignIn(_)
    ));
}

#[test]
fn a_lock_ends_freshness_at_once_and_a_proof_since_brings_it_back() {
    let mut proofs = vec![proof(Method::Password, NOON), proof(Method::Totp, NOON)];
    let locked_at = Some(NOON + MINUTE);
    let now = NOON + MINUTE;

    let Decision::StepUp(missing) = step_up().decide(&locked_visitor(&proofs, locked_at), now) else { panic!() };
    let Missing::Fresh { latest, .. } = missing else { panic!() };
    assert_eq!(latest, None, "the one before the lock would count no more");
    assert!(admits_locked(&policy(Level::Mfa, &[]), &proofs, locked_at, now), "the level stays");

    proofs.push(proof(Method::Totp, now + Duration::from_millis(1)));
    assert!(admits_locked(&step_up(), &proofs, locked_at, now + MINUTE));
}

#[test]
fn no_proof_helps_outside_the_groups_or_against_deny() {
    let proofs = [proof(Method::Password, NOON), proof(Method::Totp, NOON)];

    assert!(admits(&policy(Level::Mfa, &["finance", "board"]), &proofs, NOON));
    let elsewhere = policy(Level::Mfa, &["board"]);
    assert!(matches!(elsewhere.decide(&visitor(&proofs), NOON), Decision::Deny(WhyDenied::Who)));
    let nobody = Policy::new("deny", Access::Deny);
    assert!(matches!(nobody.decide(&visitor(&proofs), NOON), Decision::Deny(WhyDenied::Policy)));
}

#[test]
fn who_was_away_is_asked_for_and_no_later_use_makes_good_for_it() {
    let policy = requires(Requirement { idle: Some(10 * MINUTE), ..Requirement::at(Level::Mfa) });
    let proofs = |age| [proof(Method::Password, NOON - 60 * MINUTE), proof(Method::Totp, NOON - age)];
    let decided = |quiet, age| {
        let activity = Activity { at: NOON - MINUTE, quiet_max: quiet };
        policy.decide(&visitor_after(activity, &proofs(age), None), NOON)
    };

    assert!(matches!(decided(10 * MINUTE, 60 * MINUTE), Decision::Admit(_)));
    let Decision::StepUp(missing) = decided(11 * MINUTE, 60 * MINUTE) else { panic!() };
    assert_eq!(missing, Missing::Idle { max: 10 * MINUTE, quiet: 11 * MINUTE });
    assert!(missing.helped_by(Method::Password, &[], NOON) && !missing.helped_by(Method::RecoveryCode, &[], NOON));
    assert!(matches!(decided(11 * MINUTE, MINUTE), Decision::Admit(_)), "whoever was asked for has come");
    let long_ago = Activity::begun(NOON - 11 * MINUTE);
    let now = policy.decide(&visitor_after(long_ago, &proofs(60 * MINUTE), None), NOON);
    assert!(matches!(now, Decision::StepUp(Missing::Idle { .. })));
}

#[test]
fn public_admits_anybody_as_nobody() {
    let public = Policy::new("public", Access::Public);

    for who in [Visitor::Anonymous(WhyAnonymous::BadCookie), visitor(&[proof(Method::Password, NOON)])] {
        let Decision::Admit(admission) = public.decide(&who, NOON) else { panic!() };
        assert!(admission.identity().is_none());
    }
}

fn any_proof() -> impl Strategy<Value = Authentication> {
    (prop::sample::select(Method::ALL), -7_200_000i64..600_000)
        .prop_map(|(method, offset)| proof(method, Timestamp::from_millis(NOON.as_millis() + offset)))
}

fn any_lock() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of((-7_200_000i64..600_000).prop_map(|offset| Timestamp::from_millis(NOON.as_millis() + offset)))
}

fn any_freshness() -> impl Strategy<Value = Freshness> {
    let age = || (0u64..7200).prop_map(Duration::from_secs);
    let within = prop_oneof![Just(Within::Session), age().prop_map(Within::Age), age().prop_map(Within::Once)];
    let any = prop::sample::subsequence(Method::ALL, 1..=Method::ALL.len());
    (any, within).prop_map(|(any, within)| Freshness { any, within })
}

fn any_activity() -> impl Strategy<Value = Activity> {
    (0i64..7_200_000, 0u64..7200).prop_map(|(ago, quiet)| Activity {
        at: Timestamp::from_millis(NOON.as_millis() - ago),
        quiet_max: Duration::from_secs(quiet),
    })
}

/// Whether all is met but what each request pays for itself.
fn meets(policy: &Policy, activity: Activity, proofs: &[Authentication], now: Timestamp) -> bool {
    matches!(policy.decide(&visitor_after(activity, proofs, None), now), Decision::Admit(_) | Decision::Pay(_))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let max_age = prop::option::of((0u64..7200).prop_map(Duration::from_secs));
    let idle = prop::option::of((0u64..7200).prop_map(Duration::from_secs));
    let fresh = prop::collection::vec(any_freshness(), 0..3);
    (any_strength(), max_age, fresh, idle, any::<bool>(), prop::option::of(any_ceiling())).prop_map(
        |(level, max_age, fresh, idle, remember, risk)| {
            requires(Requirement { level, max_age, fresh, idle, remember, who: None, risk })
        },
    )
}

fn any_ceiling() -> impl Strategy<Value = Ceiling> {
    let threshold = || prop::option::of((1u8..=100).prop_map(score));
    let signals = || any_signals().prop_map(|signals| signals.into_iter().collect());
    (threshold(), prop::sample::select(Level::ALL), threshold(), signals(), signals())
        .prop_map(|(ask, level, deny, ask_on, deny_on)| Ceiling { ask, level, deny, ask_on, deny_on })
}

fn any_signals() -> impl Strategy<Value = Vec<Signal>> {
    prop::sample::subsequence(Signal::ALL, 0..=Signal::ALL.len())
}

/// From these scores on.
fn ceiling(ask: u8, deny: Option<u8>) -> Ceiling {
    let (ask_on, deny_on) = Default::default();
    Ceiling { ask: Some(score(ask)), level: Level::Mfa, deny: deny.map(score), ask_on, deny_on }
}

#[test]
fn a_signal_does_what_the_policy_says_whatever_it_weighs() {
    let on = |signal| std::collections::BTreeSet::from([signal]);
    let risk =
        Ceiling { ask: None, ask_on: on(Signal::NewDevice), deny_on: on(Signal::NewCountry), ..ceiling(1, None) };
    let policy = requires(Requirement { risk: Some(risk), ..Requirement::at(Level::Login) });
    let decided = |methods: &[Method], signals: &[Signal]| {
        let proofs: Vec<_> = methods.iter().map(|method| proof(*method, NOON)).collect();
        policy.decide(&visitor_of_risk(&proofs, Assessment { score: score(0), signals: signals.to_vec() }), NOON)
    };
    let (alone, both) = (&[Method::Password][..], &[Method::Password, Method::Totp][..]);

    assert!(matches!(decided(alone, &[Signal::NewNetwork]), Decision::Admit(_)));
    assert!(matches!(
        decided(alone, &[Signal::NewNetwork, Signal::NewDevice]),
        Decision::StepUp(Missing::Level { risk: Some(_), .. })
    ));
    assert!(matches!(decided(both, &[Signal::NewDevice]), Decision::Admit(_)));
    assert!(matches!(decided(both, &[Signal::NewDevice, Signal::NewCountry]), Decision::Deny(WhyDenied::Risk)));
}

#[test]
fn a_second_step_that_was_spared_is_made_up_for_by_any_proof_but_a_password_where_that_is_asked() {
    let password = proof(Method::Password, NOON - MINUTE);
    let asks = requires(Requirement { remember: false, ..Requirement::at(Level::Login) });

    assert!(matches!(asks.decide(&visitor(&[password]), NOON), Decision::StepUp(Missing::SecondStep)));
    assert!(!admits(&asks, &[password, proof(Method::Password, NOON)], NOON), "the password once more is none");
    for method in Missing::SecondStep.needs(&[password], NOON) {
        let made = [password, proof(method, NOON - MINUTE)];
        assert!(admits(&asks, &made, NOON), "{method}");
        assert!(admits_locked(&asks, &made, Some(NOON), NOON), "{method}: a lock takes nothing from it");
    }
    assert!(matches!(asks.decide(&unspared(visitor(&[password])), NOON), Decision::Admit(_)), "it was not spared");
    assert!(admits(&policy(Level::Login, &[]), &[password], NOON), "it is not asked");
}

#[test]
fn a_risky_sign_in_takes_a_second_factor_and_a_riskier_one_is_refused() {
    let risk = Some(ceiling(40, Some(80)));
    let policy = requires(Requirement { risk, ..Requirement::at(Level::Login) });
    let decided = |methods: &[Method], risk| {
        let proofs: Vec<_> = methods.iter().map(|method| proof(*method, NOON)).collect();
        policy.decide(&risky_visitor(&proofs, None, risk), NOON)
    };

    assert!(matches!(decided(&[Method::Password], 39), Decision::Admit(_)));
    let Decision::StepUp(missing) = decided(&[Method::Password], 40) else { panic!() };
    assert_eq!(
        missing,
        Missing::Level { reached: Some(Level::Login), wanted: Level::Mfa.into(), max_age: None, risk: Some(score(40)) }
    );
    // A mailbox resets the password, so it answers nothing.
    assert!(matches!(decided(&[Method::Password, Method::EmailCode], 79), Decision::StepUp(_)));
    assert!(matches!(decided(&[Method::Password, Method::Totp], 79), Decision::Admit(_)));
    assert!(matches!(decided(&[Method::Passkey], 79), Decision::Admit(_)));
    assert!(matches!(decided(&[Method::Passkey], 80), Decision::Deny(WhyDenied::Risk)));
}

#[test]
fn what_is_too_old_to_count_answers_no_risk() {
    let risk = Some(ceiling(40, None));
    let policy = requires(Requirement { risk, max_age: Some(60 * MINUTE), ..Requirement::at(Level::Login) });
    let proofs = |age| [proof(Method::Password, NOON), proof(Method::Totp, NOON - age)];

    assert!(admits(&policy, &proofs(60 * MINUTE), NOON));
    assert!(!admits(&policy, &proofs(61 * MINUTE), NOON));
}

#[test]
fn every_freshness_must_hold_and_the_first_that_fails_is_asked_for() {
    let clauses = vec![fresh(&[Method::Passkey], 5 * MINUTE), fresh(&[Method::Password], 60 * MINUTE)];
    let policy = requires(Requirement { fresh: clauses.clone(), ..Requirement::at(Level::Login) });
    let asked = |proofs: &[Authentication]| match policy.decide(&visitor(proofs), NOON) {
        Decision::StepUp(Missing::Fresh { wanted, .. }) => Some(wanted),
        _ => None,
    };
    let (passkey, password) = (proof(Method::Passkey, NOON), proof(Method::Password, NOON));

    assert_eq!(asked(&[proof(Method::Totp, NOON)]).as_ref(), Some(&clauses[0]));
    assert_eq!(asked(&[passkey, proof(Method::Password, NOON - 61 * MINUTE)]).as_ref(), Some(&clauses[1]));
    assert_eq!(asked(&[password]).as_ref(), Some(&clauses[0]));
    assert!(admits(&policy, &[passkey, password], NOON));
}

#[test]
fn within_the_session_any_age_will_do() {
    let clause = fresh(&[Method::Passkey], Within::Session);
    let policy = requires(Requirement { fresh: vec![clause], ..Requirement::at(Level::Login) });
    let password = proof(Method::Password, NOON);

    assert!(admits(&policy, &[proof(Method::Passkey, NOON - 600 * MINUTE), password], NOON));
    assert!(!admits(&policy, &[password], NOON));
}

#[test]
fn what_is_older_than_the_policy_allows_counts_for_nothing() {
    let policy = requires(Requirement { max_age: Some(60 * MINUTE), ..Requirement::at(Level::Mfa) });
    let proofs = [proof(Method::Password, NOON - 90 * MINUTE), proof(Method::Totp, NOON - 70 * MINUTE)];

    let Decision::StepUp(missing) = policy.decide(&visitor(&proofs), NOON) else { panic!() };
    assert!(matches!(missing, Missing::Level { reached: None, .. }));
    // One after the other they lead back in: the first is no dead end.
    assert!(missing.helped_by(Method::Password, &proofs, NOON) && missing.helped_by(Method::Totp, &proofs, NOON));
    assert!(admits(&policy, &[proof(Method::Password, NOON), proof(Method::Totp, NOON - 60 * MINUTE)], NOON));
}

#[test]
fn a_policy_that_only_reports_forwards_and_says_what_it_would_have_done() {
    let reported = Policy { mode: Mode::Report, ..step_up() };
    let stale = visitor(&[proof(Method::Password, NOON)]);
    let admission = |policy: &Policy, visitor: &Visitor| match policy.decide(visitor, NOON) {
        Decision::Admit(admission) => admission,
        other => panic!("{other:?}"),
    };

    let let_through = admission(&reported, &stale);
    assert!(matches!(let_through.instead(), Some(Decision::StepUp(_))) && let_through.identity().is_some());
    let stranger = admission(&reported, &Visitor::Anonymous(WhyAnonymous::NoCookie));
    assert!(matches!(stranger.instead(), Some(Decision::SignIn(_))) && stranger.identity().is_none());
    let good = visitor(&[proof(Method::Password, NOON), proof(Method::Totp, NOON)]);
    assert!(admission(&reported, &good).instead().is_none());
}

#[test]
fn a_custom_level_is_named_only_where_it_was_reached() {
    let vault = strength::tests::custom(Level::Login, &[&[Method::Passkey], &[Method::Password]]);
    let policy = requires(Requirement::at(vault));
    let both = visitor(&[proof(Method::Password, NOON), proof(Method::Passkey, NOON)]);

    let Decision::Admit(admission) = policy.decide(&both, NOON) else { panic!() };
    assert_eq!(admission.custom_level(), Some("vault"));
    assert!(!admits(&policy, &[proof(Method::Passkey, NOON)], NOON));
}

proptest! {
    /// What decides whether a password may set up the first second factor, and whether the last one stays.
    #[test]
    fn whoever_is_asked_for_nothing_more_passes_with_a_password_and_nobody_else(policy in any_policy(), risk in 0u8..=100) {
        let visitor = unspared(risky_visitor(&[proof(Method::Password, NOON)], None, risk));
        let Visitor::SignedIn(identity) = &visitor else { unreachable!() };
        let asks = policy.asks_for_more_than_a_password(&identity.user, Some(&identity.session.risk));

        match policy.decide(&visitor, NOON) {
            Decision::Admit(_) => prop_assert!(!asks),
            Decision::StepUp(_) => prop_assert!(asks),
            Decision::Pay(_) | Decision::Deny(_) | Decision::SignIn(_) => {}
        }
        prop_assert!(policy.may_ask_for_more_than_a_password() || !asks);
        let somebody_else = requires(Requirement { who: Some(Who::Groups(vec!["board".into()])), ..Requirement::at(Level::Mfa) });
        prop_assert!(!somebody_else.asks_for_more_than_a_password(&identity.user, None), "it is not for them");
        let reports = Policy { mode: Mode::Report, ..policy };
        prop_assert!(!reports.may_ask_for_more_than_a_password());
    }

    #[test]
    fn more_proof_never_admits_less(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        extra in any_proof(),
        lock in any_lock(),
    ) {
        let before = admits_locked(&policy, &proofs, lock, NOON);
        let mut more = proofs;
        more.push(extra);
        prop_assert!(!before || admits_locked(&policy, &more, lock, NOON));
    }

    #[test]
    fn who_was_away_gets_in_by_more_proof_and_never_by_an_older_one_by_waiting_or_by_being_away_longer(
        policy in any_policy(),
        activity in any_activity(),
        proofs in prop::collection::vec(any_proof(), 1..6),
        extra in any_proof(),
        which: prop::sample::Index,
        by_seconds in 0u64..7200,
    ) {
        let by = Duration::from_secs(by_seconds);
        let mut more = proofs.clone();
        more.push(extra);
        prop_assert!(!meets(&policy, activity, &proofs, NOON) || meets(&policy, activity, &more, NOON));

        let proofs: Vec<_> = proofs.into_iter().filter(|proof| proof.at <= NOON).collect();
        prop_assume!(!proofs.is_empty());
        let mut older = proofs.clone();
        let aged = which.index(older.len());
        older[aged].at = older[aged].at - by;
        let is_met = meets(&policy, activity, &proofs, NOON);
        prop_assert!(!meets(&policy, activity, &older, NOON) || is_met);
        prop_assert!(!meets(&policy, activity, &proofs, NOON + by) || is_met);
        let longer = Activity { quiet_max: activity.quiet_max + by, ..activity };
        prop_assert!(!meets(&policy, longer, &proofs, NOON) || is_met);
    }

    #[test]
    fn what_each_request_pays_for_is_never_admitted_by_proofs_alone(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
    ) {
        let decision = policy.decide(&visitor(&proofs), NOON);
        prop_assert!(policy.once().is_none() || !matches!(decision, Decision::Admit(_)));
        prop_assert!(policy.once().is_some() || !matches!(decision, Decision::Pay(_)));
    }

    #[test]
    fn a_lock_never_admits_more_and_a_later_one_not_either(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        lock in any_lock(),
        later_by_seconds in 0u64..7200,
    ) {
        let later = lock.map(|lock| lock + Duration::from_secs(later_by_seconds));
        let (never, once, again) = (
            admits(&policy, &proofs, NOON),
            admits_locked(&policy, &proofs, lock, NOON),
            admits_locked(&policy, &proofs, later, NOON),
        );
        prop_assert!(never >= once && once >= again);
    }

    #[test]
    fn a_riskier_sign_in_never_admits_more(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        (risk, more) in (0u8..=100, 0u8..=100),
        (signals, others) in (any_signals(), any_signals()),
    ) {
        let decided = |risk| policy.decide(&visitor_of_risk(&proofs, risk), NOON);
        let admits = |score, signals| matches!(decided(Assessment { score, signals }), Decision::Admit(_));
        let all = [signals.clone(), others].concat();
        prop_assert!(admits(score(risk.min(more)), signals) >= admits(score(risk.max(more)), all));
    }

    #[test]
    fn a_lock_takes_nothing_from_the_level(
        level in prop::sample::select(Level::ALL),
        proofs in prop::collection::vec(any_proof(), 0..6),
        lock in any_lock(),
    ) {
        let policy = policy(level, &[]);
        prop_assert_eq!(admits(&policy, &proofs, NOON), admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn an_older_proof_never_admits_more(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 1..6),
        which: prop::sample::Index,
        older_by_seconds in 0u64..7200,
        lock in any_lock(),
    ) {
        // Ageing a proof from the future would make it one, so only those of the past are aged.
        let proofs: Vec<_> = proofs.into_iter().filter(|proof| proof.at <= NOON).collect();
        prop_assume!(!proofs.is_empty());
        let mut older = proofs.clone();
        let aged = which.index(older.len());
        older[aged].at = older[aged].at - Duration::from_secs(older_by_seconds);
        prop_assert!(!admits_locked(&policy, &older, lock, NOON) || admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn waiting_never_turns_a_refusal_into_an_admission(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        wait in 0u64..7200,
        lock in any_lock(),
    ) {
        let proofs: Vec<_> = proofs.into_iter().filter(|proof| proof.at <= NOON).collect();
        let later = NOON + Duration::from_secs(wait);
        prop_assert!(!admits_locked(&policy, &proofs, lock, later) || admits_locked(&policy, &proofs, lock, NOON));
    }

    #[test]
    fn whoever_meets_a_policy_that_asks_for_no_less_meets_the_other(
        asked in any_policy(),
        own in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
        activity in any_activity(),
        which: prop::sample::Index,
    ) {
        let (Access::Require(asked), Access::Require(own)) = (asked.access, own.access) else { unreachable!() };
        // Whatever else it asks for, and what two policies that are drawn by themselves have in common only now and then.
        let both = Requirement {
            level: if own.level.is_at_least(&asked.level) { own.level.clone() } else { asked.level.clone() },
            remember: own.remember && asked.remember,
            max_age: own.max_age.into_iter().chain(asked.max_age).min(),
            fresh: [asked.fresh.clone(), own.fresh.clone()].concat(),
            idle: own.idle.into_iter().chain(asked.idle).min(),
            ..asked.clone()
        };
        prop_assert!(both.is_at_least(&asked));
        for stricter in [both, own] {
            let is_at_least = stricter.is_at_least(&asked);
            // What a request pays with is proven in the session like anything else.
            let pays = |clause: &Freshness| {
                let pays = matches!(clause.within, Within::Once(_)) && !clause.any.is_empty();
                pays.then(|| proof(*which.get(&clause.any), NOON))
            };
            let paid: Vec<_> = proofs.iter().copied().chain(stricter.fresh.iter().filter_map(pays)).collect();
            let is_met = meets(&requires(stricter), activity, &proofs, NOON);
            prop_assert!(!is_at_least || !is_met || meets(&requires(asked.clone()), activity, &paid, NOON));
        }
    }

    #[test]
    fn reporting_refuses_nobody_and_enforcing_is_what_it_reports(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 0..6),
    ) {
        let reported = Policy { mode: Mode::Report, ..policy.clone() };
        let Decision::Admit(admission) = reported.decide(&visitor(&proofs), NOON) else { panic!("it refused") };
        prop_assert_eq!(admission.instead().is_none(), admits(&policy, &proofs, NOON));
    }

    #[test]
    fn what_helps_does_help(
        policy in any_policy(),
        proofs in prop::collection::vec(any_proof(), 1..6),
        lock in any_lock(),
    ) {
        // In the very instant of a lock nothing is fresh.
        let lock = lock.filter(|lock| *lock < NOON);
        // Somebody who gives every proof that is said to help gets through, each method once and one to begin with.
        let mut proofs = proofs;
        for _ in 0..=Method::ALL.len() {
            if let Decision::StepUp(missing) = policy.decide(&locked_visitor(&proofs, lock), NOON) {
                let helper = Method::ALL.iter().find(|method| missing.helped_by(**method, &proofs, NOON));
                proofs.push(proof(*helper.expect("some method helps"), NOON));
            }
        }
        prop_assert!(!matches!(policy.decide(&locked_visitor(&proofs, lock), NOON), Decision::StepUp(_)));
    }
}
