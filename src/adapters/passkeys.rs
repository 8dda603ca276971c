//! Passkeys, by webauthn-rs.

use crate::{
    domain::user::UserId,
    ports::passkeys::{Begun, Claim, Made, PasskeyError, PasskeyVerifier},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};
use webauthn_rs_proto::ResidentKeyRequirement;

/// Longest name of a credential, in bytes (WA-08).
const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

/// The verifier of one portal.
///
/// Where the portal has no name but an address, or anything else that browsers make no passkeys for, every ceremony
/// fails and says why.
pub struct Passkeys(Result<Webauthn, PasskeyError>);

/// What an authentication began with.
#[derive(Serialize, Deserialize)]
enum Expected {
    /// One of the passkeys of somebody known.
    Known(PasskeyAuthentication),
    /// Whoever comes.
    Anybody(DiscoverableAuthentication),
}

impl Passkeys {
    /// For the portal at `origin`, exactly, with passkeys that are bound to `host` and shown under `organisation`.
    pub fn new(host: &str, origin: &str, organisation: &str) -> Self {
        let built = Url::parse(origin).map_err(|error| PasskeyError::Unavailable(error.to_string())).and_then(|url| {
            WebauthnBuilder::new(host, &url)
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
    fn begin_registration(&self, user: UserId, login_id: &str, known: &[Vec<u8>]) -> Result<Begun, PasskeyError> {
        let known = known.to_vec();
        let (mut asked, state) =
            self.portal()?.start_passkey_registration(user.0, login_id, login_id, Some(known)).map_err(refused)?;
        // The library asks for less: without this, a passkey could not say whose it is, and nobody could begin with it.
        if let Some(selection) = &mut asked.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        let CreationChallengeResponse { public_key } = asked;
        begun(&public_key, &state)
    }

    fn finish_registration(&self, state: &str, answer: &str) -> Result<Made, PasskeyError> {
        let state: PasskeyRegistration = read(state)?;
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let passkey = self.portal()?.finish_passkey_registration(&answer, &state).map_err(refused)?;
        if passkey.cred_id().len() > CREDENTIAL_ID_BYTES_MAX {
            return Err(PasskeyError::Refused("its name is too long".to_owned()));
        }
        Ok(Made { credential_id: passkey.cred_id().clone(), credential: write(&passkey)? })
    }

    fn begin_authentication(&self, credentials: &[String]) -> Result<Begun, PasskeyError> {
        let portal = self.portal()?;
        let known = credentials.iter().map(|credential| read(credential)).collect::<Result<Vec<Passkey>, _>>()?;
        let (asked, expected) = if known.is_empty() {
            let (asked, state) = portal.start_discoverable_authentication().map_err(refused)?;
            (asked, Expected::Anybody(state))
        } else {
            let (asked, state) = portal.start_passkey_authentication(&known).map_err(refused)?;
            (asked, Expected::Known(state))
        };
        // Whether the browser offers it at once or on a button is for the page to say.
        let RequestChallengeResponse { public_key, .. } = asked;
        begun(&public_key, &expected)
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
        let mut passkey: Passkey = read(credential)?;
        let proven = match read(state)? {
            Expected::Known(state) => portal.finish_passkey_authentication(&answer, &state),
            Expected::Anybody(state) => portal.finish_discoverable_authentication_v2(&answer, state, &passkey),
        };
        let proven = proven.map_err(refused)?;
        if !proven.user_verified() {
            return Err(PasskeyError::Refused("its device did not verify its user".to_owned()));
        }
        match passkey.update_credential(&proven) {
            None => Err(PasskeyError::Refused("another passkey answered".to_owned())),
            // The challenge may be older than the credential: a counter that has not grown since is a copy's.
            Some(false) if proven.counter() > 0 => Err(PasskeyError::Copied),
            Some(_) => write(&passkey),
        }
    }
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
