//! Static files: embedded in the binary, named by their content, so that browsers may keep them for ever.

use crate::domain::secret::sha256;
use bytes::Bytes;
use http::{Response, header};
use std::sync::LazyLock;

/// Where the gateway's own files are served on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The portal, which has the whole host.
    Portal,
    /// An app host, where everything outside `/.doorward/` belongs to the application.
    App,
}

impl Base {
    /// What the paths of its static files begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Portal => "/static/",
            Self::App => "/.doorward/static/",
        }
    }
}

/// One static file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    name: String,
    content_type: &'static str,
    bytes: Bytes,
}

/// The one style sheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/style.css"));
    Asset::new("style", "css", "text/css; charset=utf-8", bytes)
});

/// What makes and uses passkeys. Only pages that need it name it.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/passkey.js"));
    Asset::new("passkey", "js", "text/javascript; charset=utf-8", bytes)
});

/// What sends a form that was kept.
pub static SEND: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/send.js"));
    Asset::new("send", "js", "text/javascript; charset=utf-8", bytes)
});

/// What says that a step-up is done, to the page that waits for it.
pub static DONE: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/done.js"));
    Asset::new("done", "js", "text/javascript; charset=utf-8", bytes)
});

/// What applications may include. Its address is fixed, so browsers ask for it again now and then.
pub const CLIENT: &str = include_str!("../../../static/client.js");

/// What shows typed passwords, and says of new ones what they lack. All that it does can be done without.
pub static PASSWORD_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/password.js"));
    Asset::new("password", "js", "text/javascript; charset=utf-8", bytes)
});

/// What copies and prints recovery codes.
pub static CODES_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/codes.js"));
    Asset::new("codes", "js", "text/javascript; charset=utf-8", bytes)
});

/// What counts down to when another code can be sent.
pub static RESEND_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/resend.js"));
    Asset::new("resend", "js", "text/javascript; charset=utf-8", bytes)
});

/// What browsers show in a tab.
pub static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let bytes = Bytes::from_static(include_bytes!("../../../static/icon.svg"));
    Asset::new("icon", "svg", "image/svg+xml", bytes)
});

/// Longest picture that may stand on every page, in bytes.
pub const MARK_BYTES_MAX: usize = 64 * 1024;

/// The file that a request's path on such a host names: one of ours, or of the operator's `own`.
pub fn find<'a>(base: Base, path: &str, own: impl IntoIterator<Item = &'a Asset>) -> Option<&'a Asset> {
    let name = path.strip_prefix(base.prefix())?;
    let ours = [&*STYLE, &*SCRIPT, &*PASSWORD_SCRIPT, &*CODES_SCRIPT, &*RESEND_SCRIPT, &*SEND, &*DONE, &*ICON];
    ours.into_iter().chain(own).find(|asset| asset.name == name)
}

/// Why a file can't be the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMark {
    /// Every page would wait for it.
    #[error("it is larger than 64 KiB")]
    TooLarge,
    /// Browsers would be told what it isn't.
    #[error("it is neither SVG nor PNG")]
    UnknownKind,
}

impl Asset {
    /// A style sheet that gives the pages this colour. In the dark it is mixed with white, so that it can be read there.
    pub fn theme([red, green, blue]: [u8; 3]) -> Self {
        let accent = format!("#{red:02x}{green:02x}{blue:02x}");
        let mixed = |with: &str, part: u8| format!("color-mix(in oklab, {accent}, {with} {part}%)");
        let css = format!(
            ":root {{ --accent: {accent}; --accent-strong: {}; --on-accent: #fff; }}\n\
             @media (prefers-color-scheme: dark) {{\n\
             :root {{ --accent: {}; --accent-strong: {}; --on-accent: #0b100e; }}\n}}\n",
            mixed("#000", 20),
            mixed("#fff", 60),
            mixed("#fff", 75),
        );
        Self::new("theme", "css", "text/css; charset=utf-8", Bytes::from(css))
    }

    /// The operator's mark. What it is called says nothing: what it begins with does.
    pub fn mark(bytes: Vec<u8>) -> Result<Self, NotAMark> {
        if bytes.len() > MARK_BYTES_MAX {
            return Err(NotAMark::TooLarge);
        }
        let text = bytes.trim_ascii_start();
        let (extension, content_type) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            ("png", "image/png")
        } else if text.starts_with(b"<svg") || text.starts_with(b"<?xml") {
            ("svg", "image/svg+xml")
        } else {
            return Err(NotAMark::UnknownKind);
        };
        Ok(Self::new("mark", extension, content_type, Bytes::from(bytes)))
    }

    /// What it is.
    pub const fn content_type(&self) -> &'static str {
        self.content_type
    }

    fn new(stem: &str, extension: &str, content_type: &'static str, bytes: Bytes) -> Self {
        let digest = sha256(&bytes).iter().take(8).fold(0_u64, |digest, &byte| digest << 8 | u64::from(byte));
        Self { name: format!("{stem}.{digest:016x}.{extension}"), content_type, bytes }
    }

    /// Where a page on such a host finds it.
    pub fn url(&self, base: Base) -> String {
        format!("{}{}", base.prefix(), self.name)
    }

    /// The answer to a request for it.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.bytes.clone());
        for (name, value) in [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // An SVG opened on its own is a document.
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        ] {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_where_its_url_says_and_nowhere_else() {
        for base in [Base::Portal, Base::App] {
            let found = find(base, &STYLE.url(base), []).unwrap().response();

            assert_eq!(found.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
            assert_eq!(found.body().as_ref(), include_bytes!("../../../static/style.css"));
        }
        assert!(find(Base::App, &STYLE.url(Base::Portal), []).is_none());
        assert!(find(Base::Portal, "/static/style.css", []).is_none());
    }

    /// Applications load it before everything else.
    #[test]
    fn the_script_for_applications_is_a_few_kilobytes_and_no_more() {
        assert!(CLIENT.len() < 5 * 1024, "{}", CLIENT.len());
    }

    #[test]
    fn a_name_changes_with_its_content() {
        let [one, two] = ["a", "b"].map(|text| Asset::new("style", "css", "text/css", text.into()).url(Base::Portal));

        assert_eq!(one, "/static/style.ca978112ca1bbdca.css");
        assert_ne!(one, two);
    }

    #[test]
    fn a_theme_is_found_under_its_own_name_and_on_its_own_site() {
        let theme = Asset::theme([0x1d, 0x4e, 0xd8]);

        let found = find(Base::App, &theme.url(Base::App), [&theme]).unwrap();

        assert!(String::from_utf8_lossy(found.response().body()).starts_with(":root { --accent: #1d4ed8;"));
        assert!(find(Base::App, &theme.url(Base::App), []).is_none());
    }

    #[test]
    fn a_mark_is_what_it_begins_with() {
        let kind = |bytes: &[u8]| Asset::mark(bytes.to_vec()).map(|mark| mark.content_type());

        assert_eq!(kind(b"\n<svg xmlns='http://www.w3.org/2000/svg'/>"), Ok("image/svg+xml"));
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n"), Ok("image/png"));
        assert_eq!(kind(b"<html><script>"), Err(NotAMark::UnknownKind));
        assert_eq!(kind(&vec![b' '; MARK_BYTES_MAX + 1]), Err(NotAMark::TooLarge));
    }
}
