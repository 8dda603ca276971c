//! Signs assertions with ES256 (RFC 7518 3.4), and publishes the keys to verify them with (RFC 7517).

use crate::{
    domain::{
        assertion::{Claims, bearer},
        time::Timestamp,
    },
    ports::{
        SignError, Signer, Store, StoreError, Vault,
        store::{Added, SealedKey},
    },
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use std::collections::HashMap;

/// The newest key signs; all are published.
pub struct JwtSigner {
    header: Header,
    session_header: Header,
    key: EncodingKey,
    published: JwkSet,
    /// The same, ready to verify with, by their ids.
    known: HashMap<String, DecodingKey>,
}

/// Why there is nothing to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key file is not the one that these keys were sealed with.
    #[error("the signing key {0} can't be unsealed: the key file is not the one it was sealed with")]
    Sealed(String),
    /// A key could not be made or read.
    #[error("a signing key can't be used: {0}")]
    Unusable(String),
}

impl JwtSigner {
    /// Reads the keys from the store; makes the first one.
    pub async fn open(store: &dyn Store, vault: &dyn Vault, now: Timestamp) -> Result<Self, KeyError> {
        let mut sealed = store.signing_keys().await?;
        if sealed.is_empty() {
            let (id, pkcs8) = generate()?;
            let key = SealedKey { sealed: vault.seal(&purpose(&id), &pkcs8), id, created_at: now };
            // Where another node was faster, its key is the one.
            let _: Added = store.add_signing_key(&key, Timestamp::from_millis(0)).await?;
            sealed = store.signing_keys().await?;
        }
        Self::of(&sealed, vault)
    }

    fn of(sealed: &[SealedKey], vault: &dyn Vault) -> Result<Self, KeyError> {
        let mut keys = Vec::with_capacity(sealed.len());
        for SealedKey { id, sealed, .. } in sealed {
            let pkcs8 = vault.open(&purpose(id), sealed).ok_or_else(|| KeyError::Sealed(id.clone()))?;
            let key = EncodingKey::from_ec_der(pkcs8.expose());
            keys.push((key.clone(), jwk(&key)?));
        }
        let published = JwkSet { keys: keys.iter().map(|(_, jwk)| jwk.clone()).collect() };
        let (key, jwk) = keys.into_iter().next().ok_or_else(|| KeyError::Unusable("there is none".to_owned()))?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = jwk.common.key_id;
        let session_header = Header { typ: Some(bearer::TYPE.to_owned()), ..header.clone() };
        let mut known = HashMap::new();
        for jwk in &published.keys {
            let id = jwk.common.key_id.clone().unwrap_or_default();
            known.insert(id, DecodingKey::from_jwk(jwk).map_err(|error| KeyError::Unusable(error.to_string()))?);
        }
        Ok(Self { header, session_header, key, published, known })
    }

    /// The public keys, as `/.well-known/jwks.json` serves them.
    pub fn jwks(&self) -> String {
        serde_json::to_string(&self.published).unwrap_or_default()
    }
}

impl Signer for JwtSigner {
    fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(|error| SignError(error.to_string()))
    }

    fn sign_session(&self, claims: &bearer::Claims) -> Result<String, SignError> {
        jsonwebtoken::encode(&self.session_header, claims, &self.key).map_err(|error| SignError(error.to_string()))
    }

    fn read_session(&self, token: &str) -> Option<bearer::Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(bearer::TYPE) {
            return None;
        }
        // Only keys of ours, only their algorithm: what else a header says of keys is not looked at (ID-09).
        let key = self.known.get(header.kid.as_ref()?)?;
        let mut rules = Validation::new(Algorithm::ES256);
        // That would ask the machine for the time; whoever calls knows it.
        rules.validate_exp = false;
        rules.validate_aud = false;
        Some(jsonwebtoken::decode(token, key, &rules).ok()?.claims)
    }
}

fn purpose(id: &str) -> String {
    format!("signing_keys/sealed/{id}")
}

fn generate() -> Result<(String, Vec<u8>), KeyError> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|error| KeyError::Unusable(error.to_string()))?;
    let id = jwk(&EncodingKey::from_ec_der(pkcs8.as_ref()))?.common.key_id.unwrap_or_default();
    Ok((id, pkcs8.as_ref().to_vec()))
}

/// The public half, named by its thumbprint (RFC 7638).
fn jwk(key: &EncodingKey) -> Result<Jwk, KeyError> {
    let unusable = |error: jsonwebtoken::errors::Error| KeyError::Unusable(error.to_string());
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).map_err(unusable)?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adapters::{
            store::MemoryStore,
            system::{FileVault, SystemEntropy},
        },
        domain::{
            assertion::claims,
            factor::{FactorId, Method},
            place::Place,
            risk::Assessment,
            session::{Activity, Authentication, Identity, Limits, Session, SessionId},
            user::{LoginId, User, UserId},
        },
    };
    use jsonwebtoken::{decode, decode_header};
    use std::time::Duration;
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn ann() -> Identity {
        let id = UserId(Uuid::from_u128(1));
        let proof = |method| Authentication { method, factor: FactorId(Uuid::nil()), at: NOON };
        Identity {
            user: User {
                id,
                login_id: LoginId::parse("ann").unwrap(),
                name: "Ann".into(),
                email: None,
                groups: vec!["finance".into()],
                language: None,
                disabled: false,
                created_at: NOON,
            },
            session: Session {
                id: SessionId(Uuid::from_u128(2)),
                user: id,
                authentications: vec![proof(Method::Password), proof(Method::Totp)],
                started_at: NOON,
                seen_at: NOON,
                activity: Activity::begun(NOON),
                locked_at: None,
                spared: false,
                place: Place::default(),
                risk: Assessment::default(),
            },
        }
    }

    #[tokio::test]
    async fn what_is_signed_verifies_against_what_is_published_and_for_that_app_alone() {
        let folder = tempfile::tempdir().unwrap();
        let vault = FileVault::create(&folder.path().join("key"), &SystemEntropy).unwrap();
        let store = MemoryStore::default();
        let signer = JwtSigner::open(&store, &vault, NOON).await.unwrap();
        let again = JwtSigner::open(&store, &vault, NOON).await.unwrap();
        assert_eq!(signer.jwks(), again.jwks());
        assert!(!signer.jwks().contains("\"d\""), "no private part");

        let claims = claims(&ann(), "https://auth.example.com", "payroll", "/**", None, Uuid::nil(), NOON).unwrap();
        let token = signer.sign(&claims).unwrap();

        let keys: JwkSet = serde_json::from_str(&again.jwks()).unwrap();
        let key = keys.find(&decode_header(&token).unwrap().kid.unwrap()).unwrap();
        let verify = |audience: &str| {
            let mut rules = Validation::new(Algorithm::ES256);
            rules.set_audience(&[audience]);
            rules.set_issuer(&["https://auth.example.com"]);
            rules.validate_exp = false;
            decode::<serde_json::Value>(&token, &DecodingKey::from_jwk(key).unwrap(), &rules)
        };
        let told = verify("payroll").unwrap().claims;
        assert_eq!(told["amr"], serde_json::json!(["mfa", "otp", "pwd"]));
        assert_eq!((told["acr"].as_str(), told["exp"].as_u64()), (Some("mfa"), Some(NOON.as_secs() + 60)));
        assert!(verify("wiki").is_err());
    }

    #[tokio::test]
    async fn a_session_jwt_and_an_assertion_never_stand_for_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let vault = FileVault::create(&folder.path().join("key"), &SystemEntropy).unwrap();
        let signer = JwtSigner::open(&MemoryStore::default(), &vault, NOON).await.unwrap();
        let strangers = JwtSigner::open(&MemoryStore::default(), &vault, NOON).await.unwrap();
        let limits = Limits { lifetime: Duration::from_hours(1), idle: Duration::from_mins(10) };
        let made = bearer::claims(&ann(), "https://auth", "https://app".into(), limits, Uuid::nil(), NOON).unwrap();
        let asserted = claims(&ann(), "https://auth", "https://app", "*", None, Uuid::nil(), NOON).unwrap();

        let token = signer.sign_session(&made).unwrap();

        assert_eq!(signer.read_session(&token), Some(made.clone()));
        assert_eq!(signer.read_session(&signer.sign(&asserted).unwrap()), None, "an assertion is no session JWT");
        assert_eq!(strangers.read_session(&token), None, "signed by nobody we know");
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("doorward-session+jwt"));
        // An application that demands the type of an assertion, as RFC 8725 3.11 wants, refuses it.
        assert_ne!(header.typ, jsonwebtoken::decode_header(signer.sign(&asserted).unwrap()).unwrap().typ);
        let (head, rest) = token.split_once('.').unwrap();
        let (body, _) = rest.split_once('.').unwrap();
        for forged in [
            format!("{head}.{body}."),
            format!("{head}.{body}"),
            token.replacen(body, &body.to_ascii_lowercase(), 1),
            [&token, "A"].concat(),
        ] {
            assert_eq!(signer.read_session(&forged), None, "{forged}");
        }
        let unsigned = Header { typ: Some(bearer::TYPE.to_owned()), kid: header.kid.clone(), ..Header::default() };
        let symmetric =
            jsonwebtoken::encode(&unsigned, &made, &EncodingKey::from_secret(signer.jwks().as_bytes())).unwrap();
        assert_eq!(signer.read_session(&symmetric), None, "ID-09");
    }
}
