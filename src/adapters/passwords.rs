//! What the world knows about passwords: zxcvbn's lists and patterns, and the operator's file of breached ones.
//!
//! Both take their time, so they run on the threads for slow work. A password of up to `LOOKED_AT_CHARS` takes zxcvbn some
//! milliseconds; its lists are unpacked at the first call.

mod breached;

use crate::{
    domain::password::{Exposure, Score, Typed, Words, folded},
    ports::{LoreError, PasswordLore},
};
use async_trait::async_trait;
use breached::Breached;
use std::{io, path::Path, sync::Arc};

/// zxcvbn's effort grows faster than the password; what comes after so many characters adds to nobody's doubts.
const LOOKED_AT_CHARS: usize = 64;

/// What is known about passwords.
#[derive(Debug, Default)]
pub struct KnownPasswords {
    breached: Option<Arc<Breached>>,
}

impl KnownPasswords {
    /// With a file of breached ones, if the operator has one.
    pub fn open(breached: Option<&Path>) -> io::Result<Self> {
        Ok(Self { breached: breached.map(Breached::open).transpose()?.map(Arc::new) })
    }
}

#[async_trait]
impl PasswordLore for KnownPasswords {
    async fn assess(&self, password: &Typed, words: &Words) -> Result<(Score, Exposure), LoreError> {
        let (password, words, breached) = (password.clone(), words.clone(), self.breached.clone());
        let assessing = tokio::task::spawn_blocking(move || {
            let exposure = match &breached {
                Some(breached) if breached.holds(password.expose())? => Exposure::Breached,
                Some(_) | None => Exposure::Unknown,
            };
            Ok((score(&password, &words), exposure))
        });
        let assessed = assessing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        assessed.map_err(|error: io::Error| LoreError(error.to_string()))
    }
}

/// The lower of two scores: of the password as it stands, and of what is left of it without the words that others know,
/// which zxcvbn alone rates too high once something stands between them.
fn score(password: &Typed, words: &Words) -> Score {
    let known: Vec<&str> = words.iter().collect();
    let head: String = password.expose().chars().take(LOOKED_AT_CHARS).collect();
    let whole = zxcvbn::zxcvbn(&head, &known).score();
    let folded = folded(&head);
    let rest = words.taken_out_of(&folded);
    let without = if rest.len() == folded.len() { whole } else { zxcvbn::zxcvbn(&rest, &[]).score() };
    Score::new(whole.min(without).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn assessed(known: &KnownPasswords, text: &str, about: &[&str]) -> (Score, Exposure) {
        known.assess(&Typed::read(text).unwrap(), &Words::in_texts(about.iter().copied())).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_easily_guessed_scores_low() {
        let known = KnownPasswords::default();
        let ann = ["ann", "Ann Example", "Example Corp"];
        for weak in
            ["aaaaaaaaaaaaaaa", "qwertyuiop123", "Passw0rd!", "12345678901234567", "annexample2026", "ann1ann2ann3ann4"]
        {
            assert!(assessed(&known, weak, &ann).await.0 < Score::new(2), "{weak}");
        }
        for strong in ["correct horse", "vexed-Mango-tumbler-81", "zq7-wx1k-pl4", "пять-старых-выдр"] {
            assert!(assessed(&known, strong, &ann).await.0 >= Score::new(2), "{strong}");
        }
    }

    #[tokio::test]
    async fn the_longest_password_is_scored_like_any_other() {
        let longest: String = ('a'..='z').cycle().step_by(7).take(1024).collect();

        assert_eq!(assessed(&KnownPasswords::default(), &longest, &[]).await, (Score::MAX, Exposure::Unknown));
    }

    #[tokio::test]
    async fn a_breached_password_is_found_and_a_broken_list_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.txt");
        // SHA-1 of "correct horse".
        std::fs::write(&path, "2F9E53523B62ABC141A2B4D6019D23CBA835DBD0:1\n").unwrap();
        let known = KnownPasswords::open(Some(&path)).unwrap();
        assert_eq!(assessed(&known, "correct horse", &[]).await.1, Exposure::Breached);
        assert_eq!(assessed(&known, "incorrect horse", &[]).await.1, Exposure::Unknown);

        std::fs::write(&path, "x".repeat(1000)).unwrap();
        let known = KnownPasswords::open(Some(&path)).unwrap();
        let password = Typed::read("correct horse").unwrap();
        known.assess(&password, &Words::in_texts([])).await.unwrap_err();
        KnownPasswords::open(Some(folder.path())).map(drop).unwrap_err();
    }
}
