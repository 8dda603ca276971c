//! Where a person can be reached: e-mail addresses and phone numbers, and what becomes of codes sent there.
//!
//! An address proves nothing until something that was sent to it came back, or an operator vouched for it.

mod calling_code;

use crate::domain::{
    factor::{FactorId, Method},
    spelling,
    time::Timestamp,
    user::UserId,
};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// A way by which words reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A letter to an e-mail address.
    Email,
    /// A text message to a phone.
    Sms,
    /// A call to a phone, in which a machine reads the words out.
    Voice,
}

impl Channel {
    /// Every channel.
    pub const ALL: &[Self] = &[Self::Email, Self::Sms, Self::Voice];

    /// The name in tables, logs and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }
}

/// What kind of address. Serde knows them by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl Kind {
    /// Both.
    pub const ALL: &[Self] = &[Self::Email, Self::Phone];

    /// The name in tables, links and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl Channel {
    /// What kind of address it ends at.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Email => Kind::Email,
            Self::Sms | Self::Voice => Kind::Phone,
        }
    }
}

impl Method {
    /// The way by which its codes and links come, where they are sent at all.
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::EmailCode | Self::EmailLink => Some(Channel::Email),
            Self::SmsCode => Some(Channel::Sms),
            Self::VoiceCode => Some(Channel::Voice),
            Self::Password | Self::Totp | Self::RecoveryCode | Self::Passkey | Self::SecurityKey => None,
        }
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An e-mail address as it is written on letters: the local part as its owner spells it, the domain in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// A phone number as the whole world dials it (ITU-T E.164): `+` and at most fifteen digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// A text is no address of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// It is no e-mail address.
    #[error("an e-mail address looks like ann@example.com")]
    Email,
    /// It is no phone number, or it leaves the country out.
    #[error("a phone number begins with + and the country, like +44 20 7946 0000")]
    Phone,
}

impl EmailAddress {
    /// Longest address, in bytes (RFC 5321 4.5.3.1.3, without the angle brackets).
    pub const BYTES_MAX: usize = 254;

    /// Reads what was typed: trimmed and composed (NFC). What no mail server on the internet would take is refused; quoted
    /// local parts and address literals are too.
    pub fn parse(typed: &str) -> Result<Self, NotAnAddress> {
        let typed: String = typed.trim().nfc().collect();
        let (local, domain) = typed.rsplit_once('@').ok_or(NotAnAddress::Email)?;
        let domain = spelling::domain(domain).ok_or(NotAnAddress::Email)?;
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !r#""(),:;<>@[\]"#.contains(c);
        let dots_inside = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let sound = !local.is_empty() && local.len() <= 64 && local.chars().all(plain) && dots_inside;
        let address = format!("{local}@{domain}");
        // A domain without a dot is a host of somebody's own network, or a slip.
        if sound && domain.contains('.') && address.len() <= Self::BYTES_MAX {
            Ok(Self(address))
        } else {
            Err(NotAnAddress::Email)
        }
    }

    /// As it is written on a letter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `a…@example.com`: enough for its owner to know it again.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        format!("{}…@{domain}", local.chars().next().unwrap_or_default())
    }
}

impl PhoneNumber {
    /// Reads what was typed; spaces, hyphens, dots, brackets and a leading `00` are how people write numbers.
    pub fn parse(typed: &str) -> Result<Self, NotAnAddress> {
        let written: String = typed.trim().nfkc().collect();
        let written = written.strip_prefix("00").map_or_else(|| written.clone(), |digits| format!("+{digits}"));
        spelling::number(&written).map(Self).ok_or(NotAnAddress::Phone)
    }

    /// `+442079460000`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `+44 … 000`: enough for its owner to know it again.
    pub fn masked(&self) -> String {
        let (head, tail) = (self.0.get(..3).unwrap_or_default(), self.0.get(self.0.len() - 3..).unwrap_or_default());
        format!("{head} … {tail}")
    }
}

/// How phone numbers of some countries begin: `+44`. Messages to numbers that nobody expects cost money, and to some of
/// them that is the purpose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NumberPrefix(String);

impl NumberPrefix {
    /// Reads `+44`, or `+` alone for the whole world.
    pub fn parse(written: &str) -> Option<Self> {
        let digits = written.strip_prefix('+')?;
        let dialable = digits.len() <= 14 && digits.bytes().all(|digit| digit.is_ascii_digit());
        (dialable && !digits.starts_with('0')).then(|| Self(written.to_owned()))
    }

    /// Whether it is the beginning of this number.
    pub fn covers(&self, number: &PhoneNumber) -> bool {
        number.as_str().starts_with(&self.0)
    }

    /// `+44`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the beginning of every number.
    pub fn is_everywhere(&self) -> bool {
        self.0 == "+"
    }
}

impl std::fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address of either kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// For letters.
    Email(EmailAddress),
    /// For text messages and calls.
    Phone(PhoneNumber),
}

impl Address {
    /// Reads what was typed as an address of this kind.
    pub fn parse(kind: Kind, typed: &str) -> Result<Self, NotAnAddress> {
        match kind {
            Kind::Email => EmailAddress::parse(typed).map(Self::Email),
            Kind::Phone => PhoneNumber::parse(typed).map(Self::Phone),
        }
    }

    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Email(_) => Kind::Email,
            Self::Phone(_) => Kind::Phone,
        }
    }

    /// Whether this channel ends there.
    pub const fn takes(&self, channel: Channel) -> bool {
        match self {
            Self::Email(_) => matches!(channel, Channel::Email),
            Self::Phone(_) => matches!(channel, Channel::Sms | Channel::Voice),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }

    /// Enough of it for its owner to know it again.
    pub fn masked(&self) -> String {
        match self {
            Self::Email(address) => address.masked(),
            Self::Phone(number) => number.masked(),
        }
    }
}

/// An address of somebody's. Each account has at most one of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its name in authentications.
    pub id: FactorId,
    /// Whose it is.
    pub user: UserId,
    /// The address.
    pub address: Address,
    /// Since when it is known to be theirs; `None` until then, and until then it serves nothing.
    pub verified_at: Option<Timestamp>,
    /// When something that was sent there last proved who is there.
    pub used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_an_e_mail_address() {
        let read = |typed| EmailAddress::parse(typed).map(|address| address.as_str().to_owned());

        assert_eq!(read(" Ann.Smith+x@Example.COM "), Ok("Ann.Smith+x@example.com".into()));
        assert_eq!(read("ann@bücher.example"), Ok("ann@xn--bcher-kva.example".into()));
        for wrong in ["", "ann", "ann@", "@example.com", "ann@localhost", "a b@example.com", "ann@exa mple.com"] {
            assert_eq!(read(wrong), Err(NotAnAddress::Email), "{wrong}");
        }
        for hostile in
            ["a\r\nBcc: eve@example.com", "ann@example.com\nTo: x@y.example", "<ann@example.com>", ".a@b.example"]
        {
            assert_eq!(read(hostile), Err(NotAnAddress::Email), "{hostile}");
        }
    }

    #[test]
    fn what_is_a_phone_number() {
        let read = |typed| PhoneNumber::parse(typed).map(|number| number.as_str().to_owned());

        for typed in ["+44 20 7946-0000", "0044 (20) 79460000", "+442079460000"] {
            assert_eq!(read(typed), Ok("+442079460000".into()), "{typed}");
        }
        for wrong in ["020 7946 0000", "+44", "+0123456789", "+44207946000012345", "+44 207 CALLME", ""] {
            assert_eq!(read(wrong), Err(NotAnAddress::Phone), "{wrong}");
        }
    }

    #[test]
    fn a_masked_address_tells_its_owner_which_one_it_is() {
        assert_eq!(EmailAddress::parse("ann@example.com").unwrap().masked(), "a…@example.com");
        assert_eq!(PhoneNumber::parse("+442079460123").unwrap().masked(), "+44 … 123");
    }

    #[test]
    fn a_prefix_covers_the_numbers_that_begin_with_it() {
        let number = PhoneNumber::parse("+442079460000").unwrap();
        let covers = |written| NumberPrefix::parse(written).map(|prefix| prefix.covers(&number));

        assert_eq!((covers("+44"), covers("+4420"), covers("+")), (Some(true), Some(true), Some(true)));
        assert_eq!((covers("+1"), covers("+4421")), (Some(false), Some(false)));
        assert_eq!((covers("44"), covers("+0"), covers("+44 20"), covers("")), (None, None, None, None));
    }

    proptest! {
        #[test]
        fn a_read_address_reads_as_itself(typed in "[a-z.+]{1,8}@[a-zü]{1,8}\\.(com|example)") {
            if let Ok(address) = EmailAddress::parse(&typed) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
        }
    }
}
