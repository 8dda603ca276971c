//! What operators may want of a sign-in, and what a password alone may then lead to.

use super::book::Book;
use crate::{
    domain::{
        contact::{Channel, NumberPrefix},
        enrolment::{FirstFactor, Requirement},
        factor::Method,
        risk::{Act as Answer, Rules, Signal},
        secret::TokenHash,
        user::UserId,
    },
    flows::{
        Settings, risk,
        tests::{Scene, first_factor::asking_for_more},
    },
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
    /// Required, and the first is set up once a code came back from the mailbox, which is no second step itself.
    Mailbox,
    /// Asked for by an application, and not at the sign-in.
    Asked,
}

pub(super) fn house() -> impl Strategy<Value = House> {
    prop_oneof![
        4 => Just(House::Required),
        1 => Just(House::Graceful),
        1 => Just(House::Optional),
        1 => Just(House::Disabled),
        1 => Just(House::Watchful),
        2 => Just(House::Mailbox),
        1 => Just(House::Asked),
    ]
}

impl House {
    pub(super) const fn requirement(self) -> Requirement {
        match self {
            Self::Required | Self::Graceful | Self::Mailbox => Requirement::Required,
            Self::Optional | Self::Asked => Requirement::Optional,
            Self::Disabled => Requirement::Disabled,
            Self::Watchful => Requirement::RiskBased,
        }
    }

    pub(super) fn furnish(self, settings: &mut Settings) {
        settings.methods.extend([Method::SmsCode, Method::VoiceCode]);
        match self {
            Self::Mailbox => settings.first_factor = FirstFactor::Mailbox,
            _ => settings.methods.extend([Method::EmailCode, Method::EmailLink]),
        }
        if matches!(self, Self::Asked) {
            settings.asking = vec![asking_for_more(None)];
        }
        settings.countries.extend(NumberPrefix::parse("+44").map(|prefix| (Channel::Voice, prefix)));
        settings.grace = matches!(self, Self::Graceful).then_some(GRACE);
        let rules = Rules { on: BTreeMap::from([(Signal::NewDevice, Answer::Require)]), ..Rules::default() };
        settings.risk = matches!(self, Self::Watchful).then_some(risk::Settings { rules, listed: Vec::new() });
    }

    /// Before anybody comes: where a mailbox's word opens the first set-up, Ann has none of an operator's.
    pub(super) async fn settle(self, scene: &Scene, ann: UserId) {
        if matches!(self, Self::Mailbox) {
            scene.world.store.set_enrol_until(ann, None).await.unwrap();
        }
    }

    /// Whether somebody wants more of everybody here than a password: none sets up the first second factor, or removes the last.
    pub(super) const fn asks_for_more(self) -> bool {
        match self {
            Self::Required | Self::Graceful | Self::Mailbox | Self::Asked => true,
            Self::Optional | Self::Disabled | Self::Watchful => false,
        }
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
        let traces = world.store.traces(user).await.unwrap();
        let has_forgotten = world.store.last_forgotten(user).await.unwrap().is_some();
        Before {
            is_enrolled: world.has_second_factor(user).await.unwrap(),
            is_known: has_forgotten || traces.iter().any(|trace| trace.counts_from <= now),
        }
    }

    /// A password alone opened a session: the operator wants no more, or the browser spared the rest.
    pub(super) fn may_be_alone(&self, mark: Option<TokenHash>, user: UserId, before: &Before) -> bool {
        let is_remembered = mark.is_some_and(|mark| self.remembered.contains(&(mark, user)));
        match self.house {
            House::Required | House::Graceful | House::Mailbox => is_remembered,
            House::Optional | House::Asked => is_remembered || !before.is_enrolled,
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
