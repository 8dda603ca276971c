//! What people are told, and how often.

use super::{ANN, Scene, anywhere};
use crate::{
    domain::{
        contact::Channel,
        event::What,
        factor::Method,
        throttle::{OWN_ACTS, SENDS_TO_PHONE},
        user::User,
    },
    flows::{factors, notices},
    ports::messages::{Content, Notice},
};
use std::time::Duration;

const MAIL: &str = "ann@example.com";
const PHONE: &str = "+442079460123";

impl Scene {
    /// How many notices went out by this channel.
    fn notices_by(&self, channel: Channel) -> usize {
        let sent = self.inbox.0.lock().unwrap();
        let is_notice = |content: &Content| matches!(content, Content::Notice { .. });
        sent.iter().filter(|message| message.channel == channel && is_notice(&message.content)).count()
    }

    async fn happenings(&self, user: &User, is_it: impl Fn(&What) -> bool) -> usize {
        let events = self.world.store.recent_events(user.id, 1000).await.unwrap();
        events.iter().filter(|event| is_it(&event.what)).count()
    }
}

#[tokio::test]
async fn who_changes_the_order_a_hundred_times_is_told_ten_times_and_all_of_it_is_written_down() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (ann, app) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, MAIL).await;
    let phone = scene.reach(&ann, PHONE).await.id;
    let token = scene.sign_in(&app, &anywhere()).await.token;
    let (full, totp) = (scene.full(&token).await, scene.world.store.totp_factors(ann.id).await.unwrap().remove(0).id);
    let chosen = |what: &What| matches!(what, What::PrimaryChosen { .. });
    let renamed = |what: &What| matches!(what, What::FactorRenamed { .. });
    scene.inbox.0.lock().unwrap().clear();

    for turn in 0..100 {
        let first = if turn % 2 == 0 { phone } else { totp };
        // The second time changes nothing, and is no news.
        for _ in 0..2 {
            factors::set_primary(&scene.world, &full, first, &anywhere()).await.unwrap();
        }
        factors::rename(&scene.world, &full, totp, &format!("App {turn}"), &anywhere()).await.unwrap();
    }

    let most = usize::try_from(OWN_ACTS.free).unwrap();
    assert_eq!((scene.notices_by(Channel::Email), scene.notices_by(Channel::Sms)), (most, most));
    assert_eq!((scene.happenings(&ann, chosen).await, scene.happenings(&ann, renamed).await), (100, 100));
}

#[tokio::test]
async fn what_a_number_does_not_pay_for_is_not_texted_and_mailed_all_the_same() {
    let scene = Scene::offering(&[Method::SmsCode]);
    let (ann, _) = scene.add_with_phone(ANN).await;
    scene.reach(&ann, MAIL).await;
    scene.reach(&ann, PHONE).await;
    let told = async |times: usize, per_hour: u32| {
        let mut world = scene.world.clone();
        world.settings.per_hour = [(Channel::Sms, per_hour)].into();
        scene.inbox.0.lock().unwrap().clear();
        for _ in 0..times {
            notices::tell(&world, &ann, Notice::PasswordChanged, &anywhere()).await.unwrap();
        }
        (scene.notices_by(Channel::Email), scene.notices_by(Channel::Sms))
    };

    assert_eq!(told(30, 1000).await, (30, usize::try_from(SENDS_TO_PHONE.free).unwrap()));
    scene.wait(Duration::from_hours(3));
    assert_eq!(told(30, 5).await, (30, 5), "nor what its country does not");
}
