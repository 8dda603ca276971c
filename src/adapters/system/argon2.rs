//! Password hashing: Argon2id on threads that serve no request.
//!
//! As many hashes run at once as there are cores, 19 MiB each; a bounded number waits; the rest is refused at once, so
//! that a storm of sign-ins costs neither memory nor the requests of people who are signed in.

use crate::{
    domain::secret::Secret,
    ports::{HasherBusy, PasswordHasher},
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use async_trait::async_trait;
use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};
use tokio::sync::Semaphore;

/// Hashes that may wait for a core. At a tenth of a second each, the last of them waits for a few seconds.
const QUEUE_MAX: usize = 64;

/// The hash of a password that nobody knows, with the parameters of new ones: what an unknown name is checked against.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1ubw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id with the parameters OWASP asks for: 19 MiB, two passes, one lane.
pub struct Argon2Hasher {
    /// Running and waiting.
    places: Arc<Semaphore>,
    /// Running.
    cores: Arc<Semaphore>,
}

impl Argon2Hasher {
    /// A hasher that uses every core, and lets a bounded number wait.
    pub fn new() -> Self {
        Self::with(available_parallelism().map_or(1, NonZeroUsize::get), QUEUE_MAX)
    }

    fn with(cores: usize, queue_max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(cores + queue_max)), cores: Arc::new(Semaphore::new(cores)) }
    }

    /// Runs slow work when a core is free. Its place is held until it ends, even if nobody waits for the result.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HasherBusy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| HasherBusy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| HasherBusy)?;
        let task = tokio::task::spawn_blocking(move || {
            let _held = (place, core);
            work()
        });
        task.await.map_err(|_| HasherBusy)
    }
}

impl Default for Argon2Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    /// # Panics
    ///
    /// If the system gives no random bytes for the salt.
    async fn hash(&self, password: Secret) -> Result<String, HasherBusy> {
        // The only other error is a password of 4 GiB.
        let hashed = self.run(move || Argon2::default().hash_password(password.expose())).await?;
        Ok(hashed.unwrap_or_else(|error| panic!("no password can be hashed: {error}")).to_string())
    }

    async fn verify(&self, password: Secret, phc: Option<String>) -> Result<bool, HasherBusy> {
        self.run(move || {
            // A hash that can't be read takes as long as any, and matches nothing.
            let known = phc.as_deref().and_then(|phc| PasswordHash::new(phc).ok());
            let somebody = known.is_some();
            let Some(hash) = known.or_else(|| PasswordHash::new(NOBODY).ok()) else { return false };
            Argon2::default().verify_password(password.expose(), &hash).is_ok() && somebody
        })
        .await
    }

    fn is_outdated(&self, phc: &str) -> bool {
        let made = |phc| PasswordHash::new(phc).ok().map(|hash| (hash.algorithm, hash.version, hash.params));
        made(phc) != made(NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn the_right_password_passes_and_no_other() {
        let hasher = Argon2Hasher::new();

        let phc = hasher.hash(secret("correct horse")).await.unwrap();

        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, hasher.hash(secret("correct horse")).await.unwrap());
        assert_eq!(hasher.verify(secret("correct horse"), Some(phc.clone())).await, Ok(true));
        assert_eq!(hasher.verify(secret("correct horse "), Some(phc)).await, Ok(false));
        assert_eq!(hasher.verify(secret("correct horse"), None).await, Ok(false));
        assert_eq!(hasher.verify(secret(""), Some("no hash".into())).await, Ok(false));
    }

    #[test]
    fn an_unknown_name_costs_what_a_known_one_does() {
        let fresh = Argon2::default().hash_password(b"x").unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();

        assert_eq!((nobody.algorithm, nobody.version, &nobody.params), (fresh.algorithm, fresh.version, &fresh.params));
        assert_eq!(nobody.hash.unwrap().len(), fresh.hash.unwrap().len());
        assert_eq!(nobody.salt.unwrap().len(), fresh.salt.unwrap().len());
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_outdated() {
        let hasher = Argon2Hasher::new();
        let phc = hasher.hash(secret("correct horse")).await.unwrap();

        assert!(!hasher.is_outdated(&phc));
        for (from, to) in [("m=19456", "m=8192"), ("t=2", "t=3"), ("argon2id", "argon2i"), ("$v=19", "$v=16")] {
            assert!(hasher.is_outdated(&phc.replace(from, to)), "{to}");
        }
    }

    #[tokio::test]
    async fn a_storm_is_refused_beyond_the_queue() {
        let hasher = Argon2Hasher::with(1, 2);

        let answers = join_all((0..8).map(|_| hasher.verify(secret("x"), None))).await;

        assert_eq!(answers.iter().filter(|answer| **answer == Ok(false)).count(), 3);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(HasherBusy)).count(), 5);
        assert_eq!(hasher.verify(secret("x"), None).await, Ok(false), "it recovers");
    }
}
