//! Ways to prove who one is, and what each is worth.

pub mod recovery;
pub mod sent;
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
    /// A key pair that a device or password manager keeps, and uses only once it knows its user (`WebAuthn`).
    Passkey,
    /// A key pair that a token keeps, and uses for whoever touches it (`WebAuthn` without user verification).
    SecurityKey,
    /// A code in a letter to an e-mail address.
    EmailCode,
    /// A link in a letter to an e-mail address, opened in the browser that asked for it.
    EmailLink,
    /// A code in a text message. NIST calls it restricted: whoever takes over the number takes over the code
    /// (SP 800-63B 3.2.9).
    SmsCode,
    /// A code that a call reads out; restricted likewise.
    VoiceCode,
}

/// The two ways in which one key pair proves something.
///
/// They are enrolled apart and never stand in for each other: what was made to be touched has not promised to know who
/// touches it (WA-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// [`Method::Passkey`].
    Passkey,
    /// [`Method::SecurityKey`].
    SecurityKey,
}

impl KeyKind {
    /// Both.
    pub const ALL: &[Self] = &[Self::Passkey, Self::SecurityKey];

    /// The method it proves by.
    pub const fn method(self) -> Method {
        match self {
            Self::Passkey => Method::Passkey,
            Self::SecurityKey => Method::SecurityKey,
        }
    }

    /// The kind whose method has this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.method().name() == name)
    }
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
    pub const ALL: &[Self] = &[
        Self::Passkey,
        Self::SecurityKey,
        Self::Totp,
        Self::SmsCode,
        Self::VoiceCode,
        Self::EmailCode,
        Self::EmailLink,
        Self::Password,
        Self::RecoveryCode,
    ];

    /// The name in config files, on the command line and in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
            Self::Passkey => "passkey",
            Self::SecurityKey => "security-key",
            Self::EmailCode => "email-code",
            Self::EmailLink => "email-link",
            Self::SmsCode => "sms-code",
            Self::VoiceCode => "voice-code",
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
            Self::Totp
            | Self::RecoveryCode
            | Self::Passkey
            | Self::SecurityKey
            | Self::EmailCode
            | Self::EmailLink
            | Self::SmsCode
            | Self::VoiceCode => FactorClass::Possession,
        }
    }

    /// Whether a proof by it says that somebody is there now. A mailbox says so as well as a password does, for it resets
    /// one; who types a recovery code has lost what they sign in with.
    pub const fn shows_presence(self) -> bool {
        match self {
            Self::Password
            | Self::Totp
            | Self::Passkey
            | Self::SecurityKey
            | Self::EmailCode
            | Self::EmailLink
            | Self::SmsCode
            | Self::VoiceCode => true,
            Self::RecoveryCode => false,
        }
    }

    /// Whether what it shows is a mailbox. A mailbox resets a password, so beside one it is no second factor, and a code
    /// and a link are the same proof (OB-04).
    pub const fn is_mail(self) -> bool {
        match self {
            Self::EmailCode | Self::EmailLink => true,
            Self::Password
            | Self::Totp
            | Self::RecoveryCode
            | Self::Passkey
            | Self::SecurityKey
            | Self::SmsCode
            | Self::VoiceCode => false,
        }
    }

    /// Whether it alone is two factors, and nothing that a look-alike page could pass on: the device must know its user
    /// before it signs, and it signs for one origin only. A security key resists such pages too, but alone it is one
    /// factor, and beside a password the pair counts as `mfa`: who asks for more asks for a device that knows its user.
    pub const fn resists_phishing(self) -> bool {
        match self {
            Self::Password
            | Self::Totp
            | Self::RecoveryCode
            | Self::SecurityKey
            | Self::EmailCode
            | Self::EmailLink
            | Self::SmsCode
            | Self::VoiceCode => false,
            Self::Passkey => true,
        }
    }

    /// Its Authentication Method References (RFC 8176 2). A passkey may be in hardware or be synchronised, and does not
    /// say which, nor does a security key that nobody vouches for: all that is known is that the key was used, by
    /// somebody present.
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            // No value is registered for look-up secrets or for mail; a password that works once is what both are.
            Self::Totp | Self::RecoveryCode | Self::EmailCode | Self::EmailLink => &["otp"],
            Self::Passkey => &["pop", "user"],
            Self::SecurityKey => &["pop"],
            Self::SmsCode => &["sms"],
            Self::VoiceCode => &["tel"],
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
