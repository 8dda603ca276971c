//! What is said of a password while it is typed, and to whom.

use super::{ANN, BREACHED, GUESSABLE, MINUTE, PASSWORD, Requirement, SECOND, Scene, anywhere, from};
use crate::{
    adapters::store::MemoryStore,
    domain::{password::Refusal, throttle::Closed},
    flows::{
        judgement::{NotJudged, judge},
        password,
        sessions::Bearer,
        sign_up,
    },
    ports::messages::Content,
};

const MAIL: &str = "ann@example.com";
const FINE: &str = "otters under quiet ice";

impl Scene {
    async fn judged(&self, bearer: &Bearer, token: &str, typed: &str) -> Result<Result<(), Refusal>, NotJudged> {
        judge(&self.world, bearer, token, "", typed, &anywhere()).await
    }

    /// The token of the link that was sent last.
    fn token_in_link(&self) -> String {
        let Content::Link { url, .. } = self.last_message().content else { panic!("no link") };
        url.split_once("token=").unwrap().1.split('&').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn what_is_said_is_what_choosing_it_would_say() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let bearer = scene.bearer(&opened.token).await;

    assert_eq!(scene.judged(&bearer, "", FINE).await.unwrap(), Ok(()));
    for (typed, why) in [
        ("short", Refusal::TooShort { chars_min: 8 }),
        ("password", Refusal::Common),
        ("ann payroll", Refusal::Personal),
        (GUESSABLE, Refusal::Guessable),
        (BREACHED, Refusal::Breached),
    ] {
        assert_eq!(scene.judged(&bearer, "", typed).await.unwrap(), Err(why), "{typed}");
    }
    assert!(scene.password(ANN, PASSWORD, &anywhere()).await.is_ok(), "nothing was changed");
}

#[tokio::test]
async fn nothing_is_said_to_those_who_can_choose_none() {
    let scene = Scene::new();
    let (_, phone) = scene.add_with_phone(ANN).await;
    let opened = scene.sign_in(&phone, &anywhere()).await;
    let half = scene.half(&from("192.0.2.9")).await;
    scene.wait(6 * MINUTE);

    let stale = scene.bearer(&opened.token).await;
    let half = scene.bearer(&half).await;
    let nobody = scene.bearer(&scene.world.entropy.token()).await;
    for bearer in [&stale, &half, &nobody] {
        for token in ["", "x", &*scene.world.entropy.token().to_text()] {
            let answer = scene.judged(bearer, token, FINE).await;
            assert!(matches!(answer, Err(NotJudged::Gone)), "{token}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_link_is_looked_at_and_not_used_up_and_its_owner_s_name_is_known() {
    let scene = Scene::with(Requirement::Required, MemoryStore::default());
    let ann = scene.add(ANN).await;
    scene.reach(&ann, MAIL).await;
    password::request_reset(&scene.world, ANN, None, &anywhere()).await.unwrap();
    let reset = scene.token_in_link();
    sign_up::request(&scene.world, "bob@example.net", None, &anywhere()).await.unwrap();
    let invitation = scene.token_in_link();
    let nobody = scene.bearer(&scene.world.entropy.token()).await;

    for (token, own) in [(&reset, "ann@example.com1"), (&invitation, "bob@example.net1")] {
        assert_eq!(scene.judged(&nobody, token, own).await.unwrap(), Err(Refusal::Personal), "{own}");
        assert_eq!(scene.judged(&nobody, token, FINE).await.unwrap(), Ok(()));
    }
    let named = judge(&scene.world, &nobody, &invitation, "Roberta Example", "roberta example", &anywhere()).await;
    assert_eq!(named.unwrap(), Err(Refusal::Personal));
    password::reset(&scene.world, &reset, FINE, &anywhere()).await.unwrap();
    let over = scene.judged(&nobody, &reset, FINE).await;
    assert!(matches!(over, Err(NotJudged::Gone)), "{over:?}");
}

#[tokio::test]
async fn one_address_has_so_many_judged_and_no_more() {
    let scene = Scene::new();
    let nobody = scene.bearer(&scene.world.entropy.token()).await;
    for _ in 0..120 {
        assert!(matches!(scene.judged(&nobody, "", FINE).await, Err(NotJudged::Gone)));
    }
    let closed = scene.judged(&nobody, "", FINE).await;
    assert!(matches!(closed, Err(NotJudged::Throttled(Closed::Until(at))) if at == scene.now() + 2 * SECOND));
    let elsewhere = judge(&scene.world, &nobody, "", "", FINE, &from("198.51.100.7")).await;
    assert!(matches!(elsewhere, Err(NotJudged::Gone)), "{elsewhere:?}");
}
