//! What messages to phones cost at most.

use super::{ANN, MINUTE, Scene, from};
use crate::{
    domain::{
        contact::{Channel, NumberPrefix},
        factor::Method,
        secret::Token,
        throttle::SENDS_TO_PHONE,
        time::Timestamp,
        user::User,
    },
    flows::{
        Caller,
        challenge::ChallengeError,
        codes::{self, SendError},
    },
};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

impl Scene {
    /// A house that texts the whole world, so many times an hour to one country.
    fn texting_everywhere(per_hour: u32) -> Self {
        let mut scene = Self::offering(&[Method::SmsCode, Method::EmailCode]);
        scene.world.settings.countries = vec![(Channel::Sms, NumberPrefix::parse("+").unwrap())];
        scene.world.settings.per_hour = [(Channel::Sms, per_hour)].into();
        scene.set(Timestamp::from_millis((scene.now().as_millis() / 3_600_000 + 1) * 3_600_000));
        scene
    }

    async fn mail_code(&self, half: &Token, caller: &Caller) -> Result<(), SendError> {
        codes::send(&self.world, &self.bearer(half).await, Method::EmailCode, None, half, caller).await
    }

    /// Somebody with this number, and their half session.
    async fn with_number(&self, name: &str, number: &str) -> (User, Token) {
        let user = self.add(name).await;
        self.reach(&user, number).await;
        let Ok(crate::flows::sign_in::Outcome::SecondFactor(half)) =
            self.password(name, super::PASSWORD, &from("192.0.2.1")).await
        else {
            panic!("{name} is asked for no code")
        };
        (user, half)
    }

    async fn text(&self, half: &Token, caller: &Caller) -> Result<(), SendError> {
        codes::send(&self.world, &self.bearer(half).await, Method::SmsCode, None, half, caller).await
    }

    async fn type_back(&self, half: &Token, caller: &Caller) -> Result<(), ChallengeError> {
        let (bearer, code) = (self.bearer(half).await, self.last_code());
        codes::verify(&self.world, &bearer, Method::SmsCode, &code, half, caller).await.map(drop)
    }
}

#[tokio::test]
async fn codes_that_come_back_are_paid_for_all_the_same() {
    let scene = Scene::texting_everywhere(3);
    // A fraudster has as many accounts, numbers and networks as they like.
    for place in 0..3 {
        let caller = from(&format!("198.51.{place}.1"));
        let (_, half) = scene.with_number(&format!("eve{place}"), &format!("+2217712345{place:02}")).await;
        scene.text(&half, &caller).await.unwrap();
        scene.type_back(&half, &caller).await.unwrap();
    }
    let (_, half) = scene.with_number("eve", "+221771234599").await;
    let refused = scene.text(&half, &from("203.0.113.1")).await;
    assert!(matches!(refused, Err(SendError::TooSoon(_))), "{refused:?}");

    // Nobody else pays for it: other countries go on, and the next hour does.
    let (_, ann) = scene.with_number(ANN, "+442079460123").await;
    scene.text(&ann, &from("192.0.2.1")).await.unwrap();
    scene.wait(HOUR);
    let (_, half) = scene.with_number("eve-later", "+221771234598").await;
    scene.text(&half, &from("203.0.113.1")).await.unwrap();
}

#[tokio::test]
async fn the_hour_after_next_begins_anew_under_traffic_that_never_stops() {
    let scene = Scene::texting_everywhere(2);
    for hour in 0..4 {
        for place in 0..2 {
            let number = format!("+22177123{hour}{place}00");
            let (_, half) = scene.with_number(&format!("eve{hour}{place}"), &number).await;
            scene.text(&half, &from("203.0.113.1")).await.unwrap();
            scene.wait(29 * MINUTE);
        }
        let (_, half) = scene.with_number(&format!("eve{hour}x"), &format!("+22177123{hour}900")).await;
        assert!(matches!(scene.text(&half, &from("203.0.113.1")).await, Err(SendError::TooSoon(_))), "hour {hour}");
        scene.wait(2 * MINUTE);
    }
}

#[tokio::test]
async fn one_country_that_a_robot_asks_for_closes_no_other() {
    let scene = Scene::texting_everywhere(1000);
    for place in 0..50 {
        let caller = from(&format!("198.51.{place}.1"));
        let (_, half) = scene.with_number(&format!("eve{place}"), &format!("+2217712345{place:02}")).await;
        scene.text(&half, &caller).await.unwrap();
    }
    let (_, half) = scene.with_number("eve", "+221771234599").await;
    let refused = scene.text(&half, &from("203.0.113.1")).await;
    assert!(matches!(refused, Err(SendError::TooSoon(_))), "{refused:?}");

    let (_, ann) = scene.with_number(ANN, "+442079460123").await;
    scene.text(&ann, &from("192.0.2.1")).await.unwrap();
}

/// TH-06, OB-03: every known browser has a lane of its own, and all of them together a limit.
#[tokio::test]
async fn a_phone_gets_twenty_messages_an_hour_from_however_many_browsers() {
    let scene = Scene::texting_everywhere(1000);
    let (ann, _) = scene.with_number(ANN, "+442079460123").await;
    let mut sent = 0;
    for place in 0..6 {
        let browser = scene.world.entropy.token();
        scene.world.store.know_browser(browser.hash(), ann.id, scene.now()).await.unwrap();
        let caller = Caller { browser: Some(browser), ..from(&format!("198.51.{place}.1")) };
        let half = scene.half(&caller).await;
        for _ in 0..5 {
            sent += u32::from(scene.text(&half, &caller).await.is_ok());
            scene.wait(MINUTE);
        }
    }
    assert_eq!(sent, SENDS_TO_PHONE.free);

    scene.wait(HOUR);
    let half = scene.half(&from("192.0.2.1")).await;
    scene.text(&half, &from("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn a_message_that_one_budget_refuses_costs_the_others_nothing() {
    let scene = Scene::texting_everywhere(26);
    let network = from("203.0.113.1");
    // Half of them to each of two countries, so that the network is closed and neither country is.
    for place in 0..50 {
        let number = if place % 2 == 0 { format!("+2217712345{place:02}") } else { format!("+2267012345{place:02}") };
        let (_, half) = scene.with_number(&format!("eve{place}"), &number).await;
        scene.text(&half, &network).await.unwrap();
    }
    let (ann, half) = scene.with_number(ANN, "+221771234599").await;
    scene.reach(&ann, "ann@example.com").await;
    for _ in 0..3 {
        assert!(matches!(scene.text(&half, &network).await, Err(SendError::TooSoon(_))));
    }

    // Neither the hour of the country nor Ann has paid for what was refused.
    scene.text(&half, &from("192.0.2.1")).await.unwrap();
    scene.wait(MINUTE);
    let over = scene.text(&half, &from("192.0.2.1")).await;
    assert!(matches!(over, Err(SendError::TooSoon(_))), "the hour is used up: {over:?}");
    scene.mail_code(&half, &from("192.0.2.1")).await.unwrap();
}
