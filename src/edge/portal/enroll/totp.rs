//! `/enroll/totp`: setting up an authenticator app.

use crate::{
    domain::factor::Method,
    edge::{
        http::{
            page::{Frame, Hidden},
            words::filters,
        },
        portal::challenge::{ProofNotice, WhyNotSent},
    },
};
use askama::Template;
use qrcode::{QrCode, render::svg, types::QrError};

/// `GET /enroll/totp`, and `POST` when the first code did not work. Posts `code` to `/enroll/totp`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/totp.html")]
pub struct EnrollTotpPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Whose app it will be.
    pub login_id: &'a str,
    /// The key, sealed, to come back with the code.
    pub offer: &'a str,
    /// The key as a picture.
    pub qr: &'a QrPicture,
    /// The key for typing: Base32, without spaces or padding.
    pub key: &'a str,
    /// The provisioning URI, `otpauth://…`.
    pub uri: &'a str,
    /// What they can set up instead.
    pub other: Option<Method>,
    /// What they call it, kept across a failed try.
    pub name: &'a str,
    /// What was wrong with the last code.
    pub notice: Option<ProofNotice>,
}

/// A QR code as SVG: the only markup that a template takes as it is, so it can only be made here.
#[derive(Clone)]
pub struct QrPicture(String);

impl QrPicture {
    /// Draws `text`, a unit a square: the style sheet says how large, and small numbers are few bytes. Dark on light in every
    /// colour scheme: not every camera reads the inverse.
    pub fn of(text: &str) -> Result<Self, QrError> {
        let drawn = QrCode::new(text)?.render::<svg::Color<'_>>().module_dimensions(1, 1).build();
        // What stands before is the XML declaration, which HTML does not have.
        Ok(Self(drawn.find("<svg").and_then(|start| drawn.get(start..)).unwrap_or_default().to_owned()))
    }
}

impl std::fmt::Debug for QrPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QrPicture(…)")
    }
}

impl EnrollTotpPage<'_> {
    /// The key in groups of four, which people can read out and type.
    fn key_groups(&self) -> String {
        let letters: Vec<char> = self.key.chars().collect();
        letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    const URI: &str =
        "otpauth://totp/Example%20Corp:ann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example%20Corp";

    #[test]
    fn every_state_is_worded() {
        let qr = QrPicture::of(URI).unwrap();
        let empty = EnrollTotpPage {
            offer: "b2ZmZXI",
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            qr: &qr,
            key: KEY,
            uri: URI,
            other: None,
            name: "",
            notice: None,
        };
        let failed = |notice| EnrollTotpPage { name: "My “own”", notice: Some(notice), ..empty };
        let states = vec![
            ("empty", empty),
            ("with_another_way", EnrollTotpPage { other: Some(Method::Passkey), ..empty }),
            ("wrong", failed(ProofNotice::Wrong)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("enroll.totp", states) {
            insta::assert_snapshot!(state, shown.replace(&qr.0, "(the QR code)"));
        }
    }

    #[test]
    fn a_key_is_shown_in_groups_of_four() {
        let qr = QrPicture::of(URI).unwrap();
        let page = EnrollTotpPage {
            offer: "b2ZmZXI",
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            qr: &qr,
            key: "ABCDEFGHIJ",
            uri: URI,
            other: None,
            name: "",
            notice: None,
        };

        assert_eq!(page.key_groups(), "ABCD EFGH IJ");
        assert_eq!(format!("{:?}", page.qr), "QrPicture(…)");
    }
}
