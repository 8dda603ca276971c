//! Where a sign-in leads.

use super::{MINUTE, Scene, host, vault};
use crate::{
    adapters::system::FileVault,
    domain::{
        policy::{demand::Wish, once::Fingerprint},
        secret::{Token, TokenHash},
        target::ReturnPath,
    },
    flows::{
        World,
        journey::{Asks, Journey},
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use proptest::prelude::*;
use std::sync::Arc;

fn journey() -> Journey {
    Journey {
        host: host("payroll.localhost"),
        path: "/transfers/new?for=bo".parse().unwrap(),
        method: "GET".to_owned(),
        browser: TokenHash::from_bytes([7; 32]),
        held: None,
        back: None,
        demand: None,
        request: None,
        asks: Some(Asks { policy: "payments".to_owned(), label: Some("transfers \"ü\"".to_owned()), pays: None }),
    }
}

#[test]
fn a_journey_comes_back_as_it_was() {
    let world = Scene::new().world;

    let with_form = Journey {
        method: "POST".to_owned(),
        held: Some(Token::from_random([8; 32])),
        back: Some("/new".parse().unwrap()),
        demand: Some(Wish { level: Some("vault".to_owned()), within: Some(MINUTE) }),
        request: Some("7F3K-9QXA-2MT4".to_owned()),
        ..journey()
    };
    let pays = Some(Fingerprint::from_bytes([9; 32]));
    let paying = Journey { asks: Some(Asks { policy: "once".to_owned(), label: None, pays }), ..journey() };
    for journey in [journey(), with_form, paying] {
        assert_eq!(Journey::open(&world, &journey.seal(&world)), Some(journey));
    }
}

#[test]
fn the_longest_paths_make_a_link_that_a_target_can_hold() {
    let world = Scene::new().world;
    let long = |head: &str| format!("{head}{}", "\"".repeat(ReturnPath::LENGTH_MAX - head.len())).parse().unwrap();
    for (path, back, end) in [
        (long("/search?q="), None, "/search"),
        (long("/search/"), None, "/"),
        ("/transfers".parse().unwrap(), Some(long("/new?draft=")), "/new"),
        (long("/transfers/"), Some(long("/new/")), "/"),
    ] {
        let link = Journey { path, back, ..journey() }.seal(&world);

        assert!(link.len() <= Journey::LINK_MAX, "{} characters", link.len());
        assert_eq!(Journey::open(&world, &link).unwrap().end().as_str(), end);
    }
    let fits: ReturnPath = format!("/search?q={}", "x".repeat(4086)).parse().unwrap();
    let link = Journey { path: fits.clone(), ..journey() }.seal(&world);
    assert_eq!(*Journey::open(&world, &link).unwrap().end(), fits);
}

#[test]
fn no_character_of_a_link_can_be_changed() {
    let world = Scene::new().world;
    let link = journey().seal(&world);
    for at in 0..link.len() {
        for other in ["A", "_", "=", "%"] {
            let mut forged = link.clone();
            forged.replace_range(at..=at, other);
            assert!(forged == link || Journey::open(&world, &forged).is_none(), "{at}: {forged}");
        }
    }
    assert!(Journey::open(&world, &link[..link.len() - 1]).is_none());
    assert!(Journey::open(&world, &format!("{link}A")).is_none());
}

#[test]
fn what_was_sealed_for_something_else_is_no_journey() {
    let world = Scene::new().world;
    let plain = br#"{"h":"evil.example","p":"/","m":"GET","b":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#;
    let sealed = |purpose: &str| BASE64_URL_SAFE_NO_PAD.encode(vault().seal(purpose, plain));

    assert!(Journey::open(&world, &sealed("journey")).is_some(), "the plain text is well formed");
    for purpose in ["", "form/x", "offer/totp/x", "journey/"] {
        assert!(Journey::open(&world, &sealed(purpose)).is_none(), "{purpose}");
    }
}

#[test]
fn a_link_of_another_gateway_leads_nowhere() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let foreign = FileVault::create(&folder.path().join("key"), &*scene.world.entropy).unwrap();
    let elsewhere = World { vault: Arc::new(foreign), ..scene.world.clone() };

    assert!(Journey::open(&scene.world, &journey().seal(&elsewhere)).is_none());
}

#[test]
fn even_a_sealed_journey_leads_to_a_path_of_a_host() {
    let world = Scene::new().world;
    let sealed = |host: &str, path: &str| {
        let browser = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
        let plain = serde_json::json!({ "h": host, "p": path, "m": "GET", "b": browser }).to_string();
        BASE64_URL_SAFE_NO_PAD.encode(vault().seal("journey", plain.as_bytes()))
    };
    assert!(Journey::open(&world, &sealed("payroll.localhost", "/")).is_some());
    for (host, path) in [
        ("payroll.localhost", "//evil.example/"),
        ("payroll.localhost", "/\\evil.example/"),
        ("payroll.localhost", "https://evil.example/"),
        ("payroll.localhost", "/\r\nSet-Cookie: a=b"),
        ("payroll.localhost@evil.example", "/"),
        ("payroll.localhost/evil", "/"),
        ("", "/"),
    ] {
        assert!(Journey::open(&world, &sealed(host, path)).is_none(), "{host} {path}");
    }
}

proptest! {
    #[test]
    fn whatever_a_stranger_writes_is_no_journey(text in "[A-Za-z0-9_-]{0,400}") {
        prop_assert!(Journey::open(&Scene::new().world, &text).is_none());
    }
}
