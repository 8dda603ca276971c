//! From a template to an answer: the frame around every page, and the headers that no page may lack.

use crate::{
    domain::target::host::HostPattern,
    edge::http::assets::{self, Asset, Base},
};
use askama::Template;
use http::{HeaderValue, Response, StatusCode, header};
use std::fmt::Write as _;

/// Whose front door this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// The organisation's name.
    pub name: String,
    /// The organisation's colour, where it is not Doorward's own.
    pub theme: Option<Asset>,
    /// The organisation's mark, where it is not Doorward's own.
    pub mark: Option<Asset>,
    /// Where people find help.
    pub support_url: Option<String>,
    /// What is done with their data.
    pub privacy_url: Option<String>,
    /// One line below every page.
    pub footer: Option<String>,
}

impl Brand {
    /// The files that are the organisation's own.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.theme.iter().chain(&self.mark)
    }
}

/// What stands around the content of every page.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Whose page it is.
    pub brand: &'a Brand,
    /// On what kind of host it is shown.
    pub base: Base,
}

impl Frame<'_> {
    /// Where the style sheet is.
    pub fn style_url(&self) -> String {
        assets::STYLE.url(self.base)
    }

    /// Where the organisation's colour is.
    pub fn theme_url(&self) -> Option<String> {
        self.brand.theme.as_ref().map(|theme| theme.url(self.base))
    }

    /// Where the script is that makes and uses passkeys.
    pub fn script_url(&self) -> String {
        assets::SCRIPT.url(self.base)
    }

    /// Where the script is that sends a form that was kept.
    pub fn send_script_url(&self) -> String {
        assets::SEND.url(self.base)
    }

    /// Where the script is that says that a step-up is done.
    pub fn done_script_url(&self) -> String {
        assets::DONE.url(self.base)
    }

    /// Where the script is that shows what is typed as a password.
    pub fn password_script_url(&self) -> String {
        assets::PASSWORD_SCRIPT.url(self.base)
    }

    /// Where the script is that copies and prints recovery codes.
    pub fn codes_script_url(&self) -> String {
        assets::CODES_SCRIPT.url(self.base)
    }

    /// Where the script is that counts down to the next code.
    pub fn resend_script_url(&self) -> String {
        assets::RESEND_SCRIPT.url(self.base)
    }

    /// Where the organisation's mark is, if it has one of its own.
    pub fn mark_url(&self) -> Option<String> {
        self.brand.mark.as_ref().map(|mark| mark.url(self.base))
    }

    /// The tab's icon.
    fn icon(&self) -> &Asset {
        self.brand.mark.as_ref().unwrap_or(&assets::ICON)
    }

    /// Where the tab's icon is.
    pub fn icon_url(&self) -> String {
        self.icon().url(self.base)
    }

    /// What kind of picture it is.
    pub fn icon_type(&self) -> &'static str {
        self.icon().content_type()
    }
}

/// What each form of the portal carries unseen.
#[derive(Debug, Clone, Copy)]
pub struct Hidden<'a> {
    /// Proves that the form was ours (CS-02).
    pub csrf: &'a str,
    /// Where its sender was heading, sealed.
    pub to: Option<&'a str>,
}

/// The `Content-Security-Policy` of a host's pages: nothing inline, nothing foreign, no script (BR-01, BR-03).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPolicy(HeaderValue);

impl ContentPolicy {
    const BASICS: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

    /// For pages whose forms lead nowhere else.
    pub const fn strict() -> Self {
        Self(HeaderValue::from_static(Self::BASICS))
    }

    /// For pages that a page of the same host may show in a frame.
    pub const fn framed() -> Self {
        Self(HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'self'; form-action 'self'",
        ))
    }

    /// Whether browsers that don't read this may show the page in a frame.
    fn frame_options(&self) -> HeaderValue {
        HeaderValue::from_static(if *self == Self::framed() { "SAMEORIGIN" } else { "DENY" })
    }

    /// The same for a page that needs our own script, which talks to nobody but us.
    #[must_use]
    pub fn with_script(&self) -> Self {
        let text = self.0.to_str().unwrap_or(Self::BASICS);
        let text = format!("{text}; script-src 'self'; connect-src 'self'");
        // As above: without the two, the page only lacks what its script does.
        HeaderValue::try_from(text).map_or_else(|_| self.clone(), Self)
    }

    /// For the page that sends an application's own form: what answers it may lead to any other site, as it might have
    /// from the application's page.
    pub fn for_sending() -> Self {
        Self(HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
             form-action https:; script-src 'self'",
        ))
    }

    /// For pages whose forms may be answered with a redirect to one of `hosts`, at the port that browsers see.
    ///
    /// Chromium holds `form-action` against every redirect that follows a form: without the app hosts, a
    /// sign-in would end on a blank page.
    pub fn with_form_targets<'a>(hosts: impl IntoIterator<Item = &'a HostPattern>, port: Option<u16>) -> Self {
        let mut text = Self::BASICS.to_owned();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        for pattern in hosts {
            let (label, host) = match pattern {
                HostPattern::Exact(host) => ("", host),
                HostPattern::Wildcard(host) => ("*.", host),
            };
            // Writing to a string does not fail.
            let _ = write!(text, " https://{label}{host}{port}");
        }
        // A host holds nothing that a header may not; without the header's list, forms would lead nowhere else.
        HeaderValue::try_from(text).map_or_else(|_| Self::strict(), Self)
    }
}

/// Answers with `page`.
///
/// A page that can't be rendered becomes a bare line and a 500: an error page would need a template, too.
pub fn respond(status: StatusCode, page: &impl Template, policy: &ContentPolicy) -> Response<String> {
    let mut response = match page.render() {
        Ok(html) => {
            let mut response = Response::new(html);
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let mut response = Response::new("Something on our side isn't working.\n".to_owned());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            response
        }
    };
    protect(response.headers_mut(), policy);
    response
}

/// Adds what keeps a page ours alone: unframed, uncached, unsniffed (BR-01, CK-05). HSTS is the listener's.
pub fn protect(headers: &mut http::HeaderMap, policy: &ContentPolicy) {
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.0.clone());
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), \
             publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
        // Not `no-referrer`: under it browsers send `Origin: null` with our own forms (Fetch 3.2), and a form from
        // anywhere else could no longer be told apart by its Origin (CS-01). Other origins learn nothing either way.
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::X_FRAME_OPTIONS, policy.frame_options());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<p>{{ text }}</p>", ext = "html")]
    struct Note<'a> {
        text: &'a str,
    }

    #[test]
    fn no_page_goes_out_unprotected() {
        let response = respond(StatusCode::FORBIDDEN, &Note { text: "<b>" }, &ContentPolicy::strict());
        let headers: Vec<_> = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();

        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.body(), "<p>&#60;b&#62;</p>");
        insta::assert_snapshot!(headers.join("\n"));
    }

    #[test]
    fn only_a_page_that_needs_our_script_may_run_it() {
        let strict = ContentPolicy::strict();

        assert!(!strict.0.to_str().unwrap().contains("script-src"));
        assert!(strict.with_script().0.to_str().unwrap().ends_with("; script-src 'self'; connect-src 'self'"));
    }

    #[test]
    fn a_form_may_be_redirected_to_the_listed_hosts_and_no_others() {
        let hosts = ["payroll.example.com", "*.dev.example.com"].map(|raw| HostPattern::parse(raw).unwrap());

        let policy = ContentPolicy::with_form_targets(&hosts, Some(8443));

        let text = policy.0.to_str().unwrap();
        assert!(
            text.ends_with("; form-action 'self' https://payroll.example.com:8443 https://*.dev.example.com:8443"),
            "{text}"
        );
        assert_eq!(ContentPolicy::with_form_targets([], None), ContentPolicy::strict());
    }
}
