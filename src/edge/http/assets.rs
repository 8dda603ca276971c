//! Static files: embedded in the binary, named by their content, so that browsers may keep them for ever.

use crate::domain::secret::sha256;
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
#[derive(Debug)]
pub struct Asset {
    name: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// The one style sheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", include_bytes!("../../../static/style.css"))
});

/// What browsers show in a tab.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../../../static/icon.svg")));

/// The file that a request's path on such a host names.
pub fn find(base: Base, path: &str) -> Option<&'static Asset> {
    let name = path.strip_prefix(base.prefix())?;
    [&*STYLE, &*ICON].into_iter().find(|asset| asset.name == name)
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest = sha256(bytes).iter().take(8).fold(0_u64, |digest, &byte| digest << 8 | u64::from(byte));
        Self { name: format!("{stem}.{digest:016x}.{extension}"), content_type, bytes }
    }

    /// Where a page on such a host finds it.
    pub fn url(&self, base: Base) -> String {
        format!("{}{}", base.prefix(), self.name)
    }

    /// The answer to a request for it.
    pub fn response(&self) -> Response<&'static [u8]> {
        let mut response = Response::new(self.bytes);
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
            let found = find(base, &STYLE.url(base)).unwrap().response();

            assert_eq!(found.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
            assert_eq!(*found.body(), include_bytes!("../../../static/style.css"));
        }
        assert!(find(Base::App, &STYLE.url(Base::Portal)).is_none());
        assert!(find(Base::Portal, "/static/style.css").is_none());
    }

    #[test]
    fn a_name_changes_with_its_content() {
        let [one, two] = [b"a", b"b"].map(|bytes| Asset::new("style", "css", "text/css", bytes).url(Base::Portal));

        assert_eq!(one, "/static/style.ca978112ca1bbdca.css");
        assert_ne!(one, two);
    }
}
