//! What a form is for. Its token is sealed for that too, so that one that leaked from one page opens nothing on another
//! (CS-02).

/// A part of the portal, whose forms belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signing in and up, and what mailed links lead to.
    SignIn,
    /// One more proof.
    Prove,
    /// Setting something up.
    Enrol,
    /// Changing something about the account.
    Account,
    /// What any page may ask for: it gives something up, or keeps nothing.
    Any,
}

impl Purpose {
    /// Those that pages are for.
    pub(super) const OF_PAGES: [Self; 4] = [Self::SignIn, Self::Prove, Self::Enrol, Self::Account];

    /// The one of this path. What is not named here is of the strictest kind.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/logout" | "/passkey/options" | "/password/judgement" | "/recovery-codes.txt" => return Self::Any,
            _ => {}
        }
        match path.split('/').nth(1) {
            Some("login" | "sign-up" | "invite" | "forgot" | "reset" | "not-me") => Self::SignIn,
            Some("challenge") => Self::Prove,
            Some("enroll") => Self::Enrol,
            _ => Self::Account,
        }
    }

    /// What its tokens are sealed for.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Prove => "prove",
            Self::Enrol => "enrol",
            Self::Account => "account",
            Self::Any => "any",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_belong_together_have_one_purpose() {
        let of = |paths: &[&str]| paths.iter().map(|path| Purpose::of(path)).collect::<Vec<_>>();

        assert_eq!(of(&["/login", "/login/passkey", "/reset", "/not-me"]), [Purpose::SignIn; 4]);
        assert_eq!(of(&["/challenge/totp", "/challenge/email-code/send"]), [Purpose::Prove; 2]);
        assert_eq!(of(&["/enroll/totp", "/enroll/passkey"]), [Purpose::Enrol; 2]);
        assert_eq!(of(&["/account/lock", "/recovery-codes", "/", "/made-up"]), [Purpose::Account; 4]);
        let any = ["/logout", "/passkey/options", "/password/judgement", "/recovery-codes.txt"];
        assert_eq!(of(&any), [Purpose::Any; 4]);
    }
}
