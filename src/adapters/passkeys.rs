//! Passkeys and security keys, by webauthn-rs.

use crate::{
    domain::{factor::KeyKind, user::UserId},
    ports::passkeys::{Begun, Claim, Made, PasskeyError, PasskeyVerifier},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use webauthn_rs::prelude::{
    AuthenticationResult, AuthenticatorAttachment, CreationChallengeResponse, Credential, DiscoverableAuthentication,
    Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    RequestChallengeResponse, SecurityKey, SecurityKeyAuthentication, SecurityKeyRegistration, Url, Webauthn,
    WebauthnBuilder, WebauthnError,
};
use webauthn_rs_proto::ResidentKeyRequirement;

/// Longest name of a credential, in bytes (WA-08).
const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

/// The verifier of one portal.
///
/// Where the portal has no name but an address, or anything else that browsers make no passkeys for, every ceremony
/// fails and says why.
pub struct Passkeys(Result<Webauthn, PasskeyError>);

/// What a registration began with.
#[derive(Serialize, Deserialize)]
enum Making {
    Passkey(PasskeyRegistration),
    SecurityKey(SecurityKeyRegistration),
}

/// What an authentication began with.
#[derive(Serialize, Deserialize)]
enum Expected {
    /// One of the passkeys of somebody known.
    Known(PasskeyAuthentication),
    /// One of the security keys of somebody known.
    SecurityKey(SecurityKeyAuthentication),
    /// Whoever comes, with a passkey.
    Anybody(DiscoverableAuthentication),
}

impl Passkeys {
    /// For the portal at `origin`, exactly, with keys that are bound to `host` and shown under `organisation`.
    pub fn new(host: &str, origin: &str, organisation: &str) -> Self {
        let built = Url::parse(origin).map_err(|error| PasskeyError::Unavailable(error.to_string())).and_then(|url| {
            WebauthnBuilder::new(host, &url)
                // A security key comes after the password: a PIN would be a second thing to know. The library calls this a
                // danger because such a key alone is one factor, and one factor is what it counts as here.
                .map(|builder| builder.danger_set_user_presence_only_security_keys(true))
                .and_then(|builder| builder.rp_name(organisation).build())
                .map_err(|error| PasskeyError::Unavailable(format!("{origin}: {error}")))
        });
        Self(built)
    }

    fn portal(&self) -> Result<&Webauthn, PasskeyError> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

impl PasskeyVerifier for Passkeys {
    fn begin_registration(
        &self,
        kind: KeyKind,
        user: UserId,
        login_id: &str,
        known: &[Vec<u8>],
    ) -> Result<Begun, PasskeyError> {
        let known = known.to_vec();
        let (asked, making) = match kind {
            KeyKind::Passkey => {
                let (mut asked, state) = self
                    .portal()?
                    .start_passkey_registration(user.0, login_id, login_id, Some(known))
                    .map_err(refused)?;
                // The library asks for less: without this, a passkey could not say whose it is, and nobody could begin
                // with it.
                if let Some(selection) = &mut asked.public_key.authenticator_selection {
                    selection.resident_key = Some(ResidentKeyRequirement::Required);
                    selection.require_resident_key = true;
                }
                (asked, Making::Passkey(state))
            }
            KeyKind::SecurityKey => {
                let portable = Some(AuthenticatorAttachment::CrossPlatform);
                let (asked, state) = self
                    .portal()?
                    .start_securitykey_registration(user.0, login_id, login_id, Some(known), None, portable)
                    .map_err(refused)?;
                (asked, Making::SecurityKey(state))
            }
        };
        let CreationChallengeResponse { public_key } = asked;
        begun(&public_key, &making)
    }

    fn finish_registration(&self, state: &str, answer: &str) -> Result<Made, PasskeyError> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        refuse_frames(&answer.response.client_data_json)?;
        let made = match read(state)? {
            Making::Passkey(state) => {
                let passkey = self.portal()?.finish_passkey_registration(&answer, &state).map_err(refused)?;
                Made { credential_id: passkey.cred_id().clone(), credential: write(&passkey)? }
            }
            Making::SecurityKey(state) => {
                let key = self.portal()?.finish_securitykey_registration(&answer, &state).map_err(refused)?;
                Made { credential_id: key.cred_id().clone(), credential: write(&key)? }
            }
        };
        if made.credential_id.len() > CREDENTIAL_ID_BYTES_MAX {
            return Err(PasskeyError::Refused("its name is too long".to_owned()));
        }
        Ok(made)
    }

    fn begin_discovery(&self) -> Result<Begun, PasskeyError> {
        let (asked, state) = self.portal()?.start_discoverable_authentication().map_err(refused)?;
        asking(asked, &Expected::Anybody(state))
    }

    fn begin_authentication(&self, kind: KeyKind, credentials: &[String]) -> Result<Begun, PasskeyError> {
        if credentials.is_empty() {
            return Err(PasskeyError::Refused("there is no credential to ask for".to_owned()));
        }
        let portal = self.portal()?;
        match kind {
            KeyKind::Passkey => {
                let (asked, state) = portal.start_passkey_authentication(&read_all(credentials)?).map_err(refused)?;
                asking(asked, &Expected::Known(state))
            }
            KeyKind::SecurityKey => {
                let (asked, state) =
                    portal.start_securitykey_authentication(&read_all(credentials)?).map_err(refused)?;
                asking(asked, &Expected::SecurityKey(state))
            }
        }
    }

    fn claim(&self, answer: &str) -> Result<Claim, PasskeyError> {
        let answer: PublicKeyCredential = read(answer)?;
        let user = answer.get_user_unique_id().map(|handle| {
            uuid::Uuid::from_slice(handle)
                .map(UserId)
                .map_err(|_| PasskeyError::Refused("its user handle is none of ours".to_owned()))
        });
        Ok(Claim { user: user.transpose()?, credential_id: answer.get_credential_id().to_vec() })
    }

    fn finish_authentication(&self, state: &str, answer: &str, credential: &str) -> Result<String, PasskeyError> {
        let portal = self.portal()?;
        let answer: PublicKeyCredential = read(answer)?;
        refuse_frames(&answer.response.client_data_json)?;
        let proven = match read(state)? {
            Expected::SecurityKey(state) => {
                let mut key: SecurityKey = read(credential)?;
                let proven = portal.finish_securitykey_authentication(&answer, &state).map_err(refused)?;
                let changed = key.update_credential(&proven);
                return used(&key, changed, &proven);
            }
            Expected::Known(state) => portal.finish_passkey_authentication(&answer, &state),
            Expected::Anybody(state) => {
                let passkey: Passkey = read(credential)?;
                portal.finish_discoverable_authentication_v2(&answer, state, &passkey)
            }
        };
        let proven = proven.map_err(refused)?;
        if !proven.user_verified() {
            return Err(PasskeyError::Refused("its device did not verify its user".to_owned()));
        }
        let mut passkey: Passkey = read(credential)?;
        // The library lets it become one that can be copied, and would write that down (WA-06).
        if proven.backup_eligible() != Credential::from(passkey.clone()).backup_eligible {
            return Err(PasskeyError::Refused("whether it can be copied has changed".to_owned()));
        }
        let changed = passkey.update_credential(&proven);
        used(&passkey, changed, &proven)
    }
}

/// What a browser says of the page that asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<serde_json::Value>,
}

/// No page of ours asks from within somebody else's (WA-02). The library looks at the one word where a key is made, and at
/// neither where it is used.
fn refuse_frames(client_data: &[u8]) -> Result<(), PasskeyError> {
    let page: Page = serde_json::from_slice(client_data).map_err(|error| PasskeyError::Refused(error.to_string()))?;
    if page.cross_origin == Some(true) || page.top_origin.is_some() {
        return Err(PasskeyError::Refused("the page that asked was within another site's".to_owned()));
    }
    Ok(())
}

/// What a credential is after this use, if it is the one that was used and its counter grew (WA-07).
fn used(
    credential: &impl Serialize,
    changed: Option<bool>,
    proven: &AuthenticationResult,
) -> Result<String, PasskeyError> {
    match changed {
        None => Err(PasskeyError::Refused("another passkey answered".to_owned())),
        // The challenge may be older than the credential: a counter that has not grown since is a copy's.
        Some(false) if proven.counter() > 0 => Err(PasskeyError::Copied),
        Some(_) => write(credential),
    }
}

/// Whether the browser offers it at once or on a button is for the page to say.
fn asking(asked: RequestChallengeResponse, expected: &Expected) -> Result<Begun, PasskeyError> {
    let RequestChallengeResponse { public_key, .. } = asked;
    begun(&public_key, expected)
}

fn read_all<T: DeserializeOwned>(credentials: &[String]) -> Result<Vec<T>, PasskeyError> {
    credentials.iter().map(|credential| read(credential)).collect()
}

fn begun(options: &impl Serialize, state: &impl Serialize) -> Result<Begun, PasskeyError> {
    Ok(Begun { options: write(options)?, state: write(state)? })
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(text).map_err(|error| PasskeyError::Refused(error.to_string()))
}

fn write(value: &impl Serialize) -> Result<String, PasskeyError> {
    serde_json::to_string(value).map_err(|error| PasskeyError::Unavailable(error.to_string()))
}

fn refused(error: WebauthnError) -> PasskeyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => PasskeyError::Copied,
        other => PasskeyError::Refused(other.to_string()),
    }
}
