//! An authenticator in software that says whatever a test wants, and signs it.

use super::ORIGIN;
use crate::domain::{secret::sha256, user::User};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

/// Somebody was there.
pub(super) const PRESENT: u8 = 1;
/// Its user was verified.
pub(super) const VERIFIED: u8 = 4;
/// It may be copied (BE).
pub(super) const MAY_BE_COPIED: u8 = 8;
/// It was copied (BS).
pub(super) const COPIED: u8 = 16;
/// A key comes with it.
const WITH_KEY: u8 = 64;

const MAKE: &str = "webauthn.create";
const USE: &str = "webauthn.get";

/// What authenticator and browser say.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) flags: u8,
    pub(super) rp: &'static str,
    /// Fields of the client data, in place of the right ones or beside them.
    pub(super) client: Value,
}

impl Default for Says {
    fn default() -> Self {
        Self { flags: PRESENT | VERIFIED, rp: "auth.example.com", client: json!({}) }
    }
}

/// The same with one thing changed, for every thing that is the site's to check (WA-02). What is wrong comes first.
pub(super) fn lies(is_made: bool) -> Vec<(&'static str, Says)> {
    let client = |field: &str, value: Value| Says { client: json!({ field: value }), ..Says::default() };
    vec![
        ("another site's key", Says { rp: "example.com", ..Says::default() }),
        ("nobody was there", Says { flags: VERIFIED, ..Says::default() }),
        ("its user was not verified", Says { flags: PRESENT, ..Says::default() }),
        ("copied, and may not be", Says { flags: PRESENT | VERIFIED | COPIED, ..Says::default() }),
        ("made for something else", client("type", json!(if is_made { USE } else { MAKE }))),
        ("another challenge", client("challenge", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))),
        ("another port", client("origin", json!("https://auth.example.com:8443"))),
        ("no TLS", client("origin", json!("http://auth.example.com"))),
        ("a host below", client("origin", json!("https://evil.auth.example.com"))),
        ("within another page", client("crossOrigin", json!(true))),
        ("within a page of another site", client("topOrigin", json!("https://evil.example"))),
    ]
}

/// One that holds one key.
pub(super) struct Authenticator {
    key: EcdsaKeyPair,
    /// The key as registrations carry it, in place of the one that signs.
    pub(super) shown_key: Option<Vec<u8>>,
    pub(super) id: Vec<u8>,
    counter: u32,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id = key.public_key().as_ref()[1..33].to_vec();
        Self { key, shown_key: None, id, counter: 0 }
    }

    /// Makes a key, without attestation.
    pub(super) fn make(&self, options: &str, says: &Says) -> Value {
        let client = client_data(MAKE, options, says);
        let mut data = authenticator_data(says, WITH_KEY, 0);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.shown_key.clone().unwrap_or_else(|| self.cose_key()));
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let response = json!({ "attestationObject": base64(&object), "clientDataJSON": base64(&client) });
        json!({ "id": base64(&self.id), "rawId": base64(&self.id), "type": "public-key", "response": response })
    }

    /// Uses it, and says whose it is.
    pub(super) fn answer(&mut self, options: &str, owner: &User, says: &Says) -> Value {
        self.counter += 1;
        let client = client_data(USE, options, says);
        let data = authenticator_data(says, 0, self.counter);
        let signed = [data.clone(), sha256(&client).to_vec()].concat();
        let response = json!({
            "authenticatorData": base64(&data),
            "clientDataJSON": base64(&client),
            "signature": base64(self.key.sign(&SystemRandom::new(), &signed).unwrap().as_ref()),
            "userHandle": base64(owner.id.0.as_bytes()),
        });
        json!({ "id": base64(&self.id), "rawId": base64(&self.id), "type": "public-key", "response": response })
    }

    /// ES256 in COSE (RFC 9053 7.1.1).
    fn cose_key(&self) -> Vec<u8> {
        let point = &self.key.public_key().as_ref()[1..];
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &point[..32], b"\x22\x58\x20", &point[32..]].concat()
    }
}

fn client_data(kind: &str, options: &str, says: &Says) -> Vec<u8> {
    let asked: Value = serde_json::from_str(options).unwrap();
    let mut client = json!({ "type": kind, "challenge": asked["challenge"], "origin": ORIGIN, "crossOrigin": false });
    for (field, value) in says.client.as_object().unwrap() {
        client[field] = value.clone();
    }
    client.to_string().into_bytes()
}

fn authenticator_data(says: &Says, more: u8, counter: u32) -> Vec<u8> {
    let mut data = sha256(says.rp.as_bytes()).to_vec();
    data.push(says.flags | more);
    data.extend(counter.to_be_bytes());
    data
}

fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
