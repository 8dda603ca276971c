//! What operators may want of a sign-in, and what a password alone may then lead to.

use super::book::Book;
use crate::{
    domain::{
        contact::{Channel, NumberPrefix},
        enrolment::Requirement,
        factor::Method,
        risk::{Act as Answer, Rules, Signal, Trace},
        secret::TokenHash,
        user::UserId,
    },
    flows::{Settings, risk},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

/// How long grace lasts here: some acts long.
const GRACE: Duration = Duration::from_mins(12);

/// What an operator chose.
#[derive(Debug, Clone, Copy)]
pub(super) enum House {
    Required,
    /// Required, after a time of grace.
    Graceful,
    Optional,
    Disabled,
    /// Required of new browsers only.
    Watchful,
}

pub(super) fn house() -> impl Strategy<Value = House> {
    prop_oneof![
        4 => Just(House::Required),
        1 => Just(House::Graceful),
        1 => Just(House::Optional),
        1 => Just(House::Disabled),
        1 => Just(House::Watchful),
    ]
}

impl House {
    pub(super) const fn requirement(self) -> Requirement {
        match self {
            Self::Required | Self::Graceful => Requirement::Required,
            Self::Optional => Requirement::Optional,
            Self::Disabled => Requirement::Disabled,
            Self::Watchful => Requirement::RiskBased,
        }
    }

    pub(super) fn furnish(self, settings: &mut Settings) {
        settings.methods.extend([Method::EmailCode, Method::EmailLink, Method::SmsCode, Method::VoiceCode]);
        settings.countries.extend(NumberPrefix::parse("+44").map(|prefix| (Channel::Voice, prefix)));
        settings.grace = matches!(self, Self::Graceful).then_some(GRACE);
        let rules = Rules { on: BTreeMap::from([(Signal::NewDevice, Answer::Require)]), ..Rules::default() };
        settings.risk = matches!(self, Self::Watchful).then_some(risk::Settings { rules, listed: Vec::new() });
    }
}

/// What is known of a user when their password turns out to be right.
pub(super) struct Before {
    /// Whether they have a second factor.
    is_enrolled: bool,
    /// Whether anything is kept that this sign-in would be compared with.
    is_known: bool,
}

impl Before {
    /// Of somebody who has just come.
    pub(super) const NOTHING: Self = Self { is_enrolled: false, is_known: false };
}

impl Book {
    pub(super) async fn before(&self, user: UserId) -> Before {
        let (world, now) = (&self.scene.world, self.scene.now());
        let traces = world.store.traces(user, now - Trace::KEPT_FOR).await.unwrap();
        Before {
            is_enrolled: world.has_second_factor(user).await.unwrap(),
            is_known: traces.iter().any(|trace| trace.counts_from <= now),
        }
    }

    /// A password alone opened a session: the operator wants no more, or the browser spared the rest.
    pub(super) fn may_be_alone(&self, mark: Option<TokenHash>, user: UserId, before: &Before) -> bool {
        let is_remembered = mark.is_some_and(|mark| self.remembered.contains(&(mark, user)));
        match self.house {
            House::Required | House::Graceful => is_remembered,
            House::Optional => is_remembered || !before.is_enrolled,
            House::Disabled => true,
            House::Watchful => !before.is_known || mark.is_some_and(|mark| self.met.contains(&(mark, user))),
        }
    }

    /// It did for as long as the operator lets that pass.
    pub(super) fn may_be_let_pass(&self, user: UserId, before: &Before) -> bool {
        let began = self.graces.get(&user).copied().unwrap_or(self.scene.now());
        let lasts = began.age(self.scene.now()).is_some_and(|age| age < GRACE);
        matches!(self.house, House::Graceful) && !before.is_enrolled && lasts
    }
}
