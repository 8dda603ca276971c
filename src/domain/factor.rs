//! Ways to prove who one is, and what each is worth.

pub mod recovery;
pub mod totp;

use uuid::Uuid;

/// One enrolled instance of a method: Ann's phone, Ann's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactorId(pub Uuid);

/// A way to authenticate. The names are what config files, pages and programs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// A memorised secret.
    Password,
    /// A code from an authenticator app (RFC 6238).
    Totp,
    /// One of a list of codes that are kept for the day when nothing else is at hand (SP 800-63B 3.1.2).
    RecoveryCode,
}

/// What a method shows. Two methods of one class are not two factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorClass {
    /// Something one knows.
    Knowledge,
    /// Something one has.
    Possession,
}

impl Method {
    /// Every method, strongest first: the order in which pages offer them. Recovery codes come last: they are
    /// for when nothing else is at hand.
    pub const ALL: &[Self] = &[Self::Totp, Self::Password, Self::RecoveryCode];

    /// The name in config files, on the command line and in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
        }
    }

    /// The method of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }

    /// What it shows.
    pub const fn class(self) -> FactorClass {
        match self {
            Self::Password => FactorClass::Knowledge,
            // A look-up secret is a sheet of paper that somebody has, not something they remember.
            Self::Totp | Self::RecoveryCode => FactorClass::Possession,
        }
    }

    /// Its Authentication Method Reference (RFC 8176 2).
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            // No value is registered for look-up secrets; a password that works once is what they are.
            Self::Totp | Self::RecoveryCode => "otp",
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
