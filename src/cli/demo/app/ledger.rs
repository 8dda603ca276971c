//! The transfers, in memory and in one JSON file.

use super::visitor::Visitor;
use serde::{Deserialize, Serialize};
use std::{fmt, io, path::PathBuf, str::FromStr};
use thiserror::Error;
use tokio::{fs, sync::Mutex};

/// What the account held before the first transfer.
const OPENING: Cents = Cents(25_000_000);

const TEXT_MAX: usize = 2_000;

#[derive(Debug)]
pub(super) struct Ledger {
    file: PathBuf,
    transfers: Mutex<Vec<Transfer>>,
}

/// Money that has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub(super) id: u64,
    pub(super) payee: String,
    pub(super) amount: Cents,
    pub(super) memo: String,
    /// The login id of who sent it.
    pub(super) by: String,
    /// What they had proven, as the gateway said.
    pub(super) methods: Vec<String>,
}

/// A transfer as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Draft {
    #[serde(default)]
    pub(super) payee: String,
    #[serde(default)]
    pub(super) amount: String,
    #[serde(default)]
    pub(super) memo: String,
}

/// Why a draft is no transfer, worded for the person who typed it.
#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("Enter who is paid, in at most {TEXT_MAX} characters.")]
    Payee,
    #[error("Enter a memo of at most {TEXT_MAX} characters.")]
    Memo,
    #[error(transparent)]
    Amount(#[from] NotAnAmount),
    #[error("The account holds only {0}.")]
    TooMuch(Cents),
    #[error("The transfer could not be saved: {0}.")]
    Unsaved(#[from] io::Error),
}

impl Ledger {
    pub(super) async fn open(file: PathBuf) -> io::Result<Self> {
        let transfers = match fs::read(&file).await {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file, transfers: Mutex::new(transfers) })
    }

    /// The newest first.
    pub(super) async fn latest(&self, count: usize) -> Vec<Transfer> {
        self.transfers.lock().await.iter().rev().take(count).cloned().collect()
    }

    pub(super) async fn find(&self, id: u64) -> Option<Transfer> {
        self.transfers.lock().await.iter().find(|transfer| transfer.id == id).cloned()
    }

    pub(super) async fn balance(&self) -> Cents {
        balance(&self.transfers.lock().await)
    }

    /// Makes a transfer of a draft, and returns its number. It counts only once it is in the file.
    pub(super) async fn record(&self, draft: &Draft, visitor: &Visitor) -> Result<u64, Problem> {
        let (payee, memo) = (draft.payee.trim(), draft.memo.trim());
        if payee.is_empty() || payee.len() > TEXT_MAX {
            return Err(Problem::Payee);
        }
        if memo.len() > TEXT_MAX {
            return Err(Problem::Memo);
        }
        let amount: Cents = draft.amount.parse()?;
        let mut transfers = self.transfers.lock().await;
        let held = balance(&transfers);
        if amount > held {
            return Err(Problem::TooMuch(held));
        }
        let id = transfers.last().map_or(1, |last| last.id + 1);
        let transfer = Transfer {
            id,
            payee: payee.to_owned(),
            amount,
            memo: memo.to_owned(),
            by: visitor.user.clone(),
            methods: visitor.methods.clone(),
        };
        let all = [transfers.as_slice(), &[transfer]].concat();
        self.save(&all).await?;
        *transfers = all;
        Ok(id)
    }

    /// Replaces the file whole, so that a crash leaves the old one.
    async fn save(&self, transfers: &[Transfer]) -> io::Result<()> {
        let draft = self.file.with_extension("new");
        fs::write(&draft, serde_json::to_vec_pretty(transfers)?).await?;
        fs::rename(&draft, &self.file).await
    }
}

fn balance(transfers: &[Transfer]) -> Cents {
    Cents(transfers.iter().fold(OPENING.0, |left, transfer| left.saturating_sub(transfer.amount.0)))
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Cents(u64);

#[derive(Debug, PartialEq, Eq, Error)]
#[error("Enter an amount above zero, such as 1,250.50.")]
pub(super) struct NotAnAmount;

impl FromStr for Cents {
    type Err = NotAnAmount;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let plain = typed.trim().replace(',', "");
        let (whole, part) = plain.split_once('.').unwrap_or((&plain, "00"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() != 2 {
            return Err(NotAnAmount);
        }
        match format!("{whole}{part}").parse() {
            Ok(cents) if cents > 0 => Ok(Self(cents)),
            _ => Err(NotAnAmount),
        }
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = (self.0 / 100).to_string();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.write_str(",")?;
            }
            write!(out, "{digit}")?;
        }
        write!(out, ".{:02}", self.0 % 100)
    }
}
