//! Words on their way to people: codes, links and notices, by mail, text message or call.

use crate::domain::{
    contact::{Address, Channel},
    factor::Method,
    language::Language,
    time::Timestamp,
};
use async_trait::async_trait;
use std::{net::IpAddr, time::Duration};
use zeroize::Zeroizing;

/// One message to one person.
#[derive(Debug, Clone)]
pub struct Message {
    /// By which way.
    pub channel: Channel,
    /// Where to. It [takes](Address::takes) the channel.
    pub to: Address,
    /// In which language.
    pub language: Language,
    /// What it says.
    pub content: Content,
}

/// What a message says. The sender words it.
#[derive(Debug, Clone)]
pub enum Content {
    /// A code to type into the page that asked for it.
    Code {
        /// The digits.
        code: Zeroizing<String>,
        /// What it is for.
        purpose: CodePurpose,
        /// How long it works.
        lifetime: Duration,
        /// Who asked.
        asked: Asked,
    },
    /// A link that does something once.
    Link {
        /// The link. Its host comes from the configuration (OB-06).
        url: Zeroizing<String>,
        /// What it does.
        purpose: LinkPurpose,
        /// How long it works.
        lifetime: Duration,
        /// Who asked.
        asked: Asked,
    },
    /// What happened to an account, to everybody who might own it (EN-02).
    Notice {
        /// What.
        notice: Notice,
        /// Whose account, as they type it.
        login_id: String,
        /// From where.
        asked: Asked,
        /// Where its owner can undo it; a link of our own, to a page that asks before it does anything.
        undo: Option<Zeroizing<String>>,
    },
    /// Nothing: its sender wants to know whether messages arrive.
    Trial {
        /// Who asked.
        asked: Asked,
    },
}

impl Content {
    /// Who asked.
    pub const fn asked(&self) -> &Asked {
        match self {
            Self::Code { asked, .. }
            | Self::Link { asked, .. }
            | Self::Notice { asked, .. }
            | Self::Trial { asked } => asked,
        }
    }

    /// How long it is worth anything.
    pub const fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::Code { lifetime, .. } | Self::Link { lifetime, .. } => Some(*lifetime),
            Self::Notice { .. } | Self::Trial { .. } => None,
        }
    }
}

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// To sign in, or to prove once more who is there.
    Prove,
    /// To show that an address is theirs.
    Verify,
}

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Proves who is there.
    SignIn,
    /// Lets somebody choose a new password.
    ResetPassword,
    /// Lets somebody make the account they were invited to.
    Invitation,
    /// Completes an account somebody began to make.
    SignUp,
    /// Leads to the sign-in page somebody who wanted to make an account they have.
    AlreadyThere,
}

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Its password is another one.
    PasswordChanged,
    /// Its password was reset by a mailed link, and all its sessions ended.
    PasswordReset,
    /// It has one more way to prove who is there.
    FactorAdded {
        /// Which kind.
        method: Method,
        /// What its owner calls it.
        name: String,
    },
    /// It has one way fewer.
    FactorRemoved {
        /// Which kind.
        method: Method,
        /// What its owner called it.
        name: String,
    },
    /// It has new recovery codes; the old ones are void.
    RecoveryCodesReplaced,
    /// Somebody used a recovery code (RC-03).
    RecoveryCodeUsed {
        /// How many are left.
        left: u64,
    },
    /// It is reached by another address from now on; told to the old one and the new.
    ContactChanged {
        /// The new address, masked; `None` if it was removed.
        to: Option<String>,
    },
    /// Somebody signed in on a browser that nobody knows.
    NewBrowser,
    /// An operator did something to it.
    OfOperator(OperatorAct),
    /// Whoever is signed in to it tidied it up.
    OfOwner(OwnAct),
    /// Somebody signed in as its owner never did before: from elsewhere, with something new.
    UnusualSignIn,
    /// Somebody knew the password and was kept out, for the same reason.
    SignInRefused,
}

/// What somebody did on their account page that adds no way to sign in and takes none away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnAct {
    /// One of its ways is called something else.
    FactorRenamed {
        /// Which kind.
        method: Method,
        /// What its owner called it.
        from: String,
        /// What they call it now.
        to: String,
    },
    /// One of its ways is asked for first from now on.
    FactorFirst {
        /// Which kind.
        method: Method,
        /// What its owner calls it.
        name: String,
    },
    /// Sessions were ended.
    SessionsEnded {
        /// How many.
        count: u64,
    },
    /// A browser that spares the second step is called something else.
    BrowserRenamed {
        /// What it is called now.
        to: String,
    },
    /// Browsers that spared the second step do so no longer.
    BrowsersForgotten {
        /// How many.
        count: u64,
    },
}

/// What an operator did to an account, that its owner is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorAct {
    /// An operator set its password, and all its sessions ended.
    PasswordSet,
    /// An operator gave it an authenticator app.
    AppHandedOut {
        /// What it is called.
        name: String,
    },
    /// An operator took its second factors and recovery codes away, and all its sessions ended.
    SecondFactorsReset,
}

/// From where somebody asked for a message, for its reader to compare with what they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The browser, in words: "Firefox on Linux"; `None` where it does not say.
    pub browser: Option<String>,
    /// The address.
    pub address: Option<IpAddr>,
    /// When.
    pub at: Timestamp,
}

/// Brings messages to people.
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Whether the operator has set this channel up.
    fn reaches(&self, channel: Channel) -> bool;

    /// Sends, and waits until the next server took it over, some seconds at most: somebody sits before a page that
    /// says whether it went out.
    async fn send(&self, message: Message) -> Result<(), NotSent>;

    /// Sends without waiting, and tries again for a while if that fails. For notices, and wherever the time that
    /// sending takes would tell a stranger something (EE-01).
    fn post(&self, message: Message);

    /// Waits until what was posted has gone out or was given up, so long at most. Nothing waits for another try
    /// any more.
    async fn settle(&self, _patience: Duration) {}
}

/// Why a message is not on its way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The operator has not set this channel up.
    #[error("no sender is set up for {0}")]
    NoChannel(Channel),
    /// The server said no for good: this address takes no messages from us.
    #[error("the server refused the message: {0}")]
    Refused(String),
    /// The server can't be reached, is too slow, or said to come back later.
    #[error("the message could not be sent now: {0}")]
    Unavailable(String),
}
