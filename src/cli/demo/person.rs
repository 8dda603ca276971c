//! Ann, who tries it out: her account, and a file that says how to sign in as her.

use super::state::{PERSON, StateFolder};
use crate::{
    cli::Failure,
    domain::{contact::EmailAddress, user::LoginId},
    flows::{
        World,
        administer::{self, AdministerError, NewUser},
    },
    ports::Entropy,
};
use serde::{Deserialize, Serialize};

/// How to sign in. It is kept in the clear because it must be shown at each start, and opens nothing but a demo.
#[derive(Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) login_id: String,
    pub(super) password: String,
    pub(super) totp_key: String,
    pub(super) totp_uri: String,
}

/// Finds Ann as an earlier start left her, or makes her anew where account or file are gone.
pub(super) async fn settle(world: &World, folder: &StateFolder, entropy: &dyn Entropy) -> Result<Person, Failure> {
    let login_id = LoginId::parse("ann").map_err(Failure::refused)?;
    let known = folder.read(PERSON).map_err(Failure::refused)?.and_then(|text| serde_json::from_str(&text).ok());
    let found = match administer::account(world, &login_id).await {
        Ok(_) => true,
        Err(AdministerError::NoSuchUser(_)) => false,
        Err(error) => return Err(Failure::refused(error)),
    };
    match known {
        Some(person) if found => Ok(person),
        _ => make(world, folder, entropy, login_id).await,
    }
}

async fn make(
    world: &World,
    folder: &StateFolder,
    entropy: &dyn Entropy,
    login_id: LoginId,
) -> Result<Person, Failure> {
    let password = memorable(entropy);
    match administer::delete_user(world, &login_id).await {
        Ok(()) | Err(AdministerError::NoSuchUser(_)) => {}
        Err(error) => return Err(Failure::refused(error)),
    }
    let new = NewUser {
        login_id: login_id.clone(),
        name: Some("Ann Example".to_owned()),
        email: EmailAddress::parse("ann@example.com").ok(),
        phone: None,
        groups: vec!["finance".to_owned()],
    };
    administer::add_user(world, new, Some(&password)).await.map_err(Failure::refused)?;
    let key = administer::enroll_totp(world, &login_id).await.map_err(Failure::refused)?;
    let totp_uri = key.to_uri().ok_or_else(|| Failure::refused("the key has no URI"))?;
    let person = Person { login_id: login_id.to_string(), password, totp_key: key.to_base32(), totp_uri };
    // Last: a start that is cut short before this makes her anew.
    let text = serde_json::to_string_pretty(&person).map_err(Failure::refused)?;
    folder.write(PERSON, &text).map_err(Failure::refused)?;
    Ok(person)
}

/// 64 words, so that six bits choose one.
const WORDS: &str = "acorn amber anchor apple autumn bamboo basil beacon birch bison bramble breeze candle canyon cedar \
    cherry cliff clover cobalt copper coral cotton crater dahlia delta ember falcon fern fjord garnet ginger glacier \
    hazel heron indigo island ivory jasmine juniper kettle lagoon lantern laurel lemon linen lotus maple meadow mango \
    nectar nutmeg ocean olive orchid otter pebble pepper plum quartz raven saffron thistle violet willow";

/// Five words: 30 bits, behind a throttle, on the loopback.
fn memorable(entropy: &dyn Entropy) -> String {
    let mut chance = [0; 5];
    entropy.fill(&mut chance);
    let words: Vec<_> = WORDS.split_whitespace().collect();
    let chosen: Vec<_> = chance.iter().filter_map(|byte| words.get(usize::from(byte % 64)).copied()).collect();
    chosen.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_word_is_there_once() {
        assert_eq!(WORDS.split_whitespace().collect::<BTreeSet<_>>().len(), 64);
    }
}
