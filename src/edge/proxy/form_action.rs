//! Where an application lets its forms lead, for a form that must lead to the portal first.
//!
//! Chromium holds the `form-action` of a page against every redirect that follows a form of it (CSP 3, 6.4.2): behind an
//! application that says `'self'`, a form that is held would leave its sender on the page, without a word. So the portal's
//! origin is added to what the page allows, as its author would for any other provider of sign-in. No directive is added or
//! removed, and no source but this one.
//!
//! A policy in a `<meta>` element passes as it is: bodies are not looked into.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, Entry},
};

/// Lets forms lead to the origin `portal`.
pub(super) fn open(headers: &mut HeaderMap, portal: &str) {
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        return;
    }
    if let Entry::Occupied(mut policies) = headers.entry(CONTENT_SECURITY_POLICY) {
        for value in policies.iter_mut() {
            let opened = value.to_str().ok().and_then(|text| opened(text, portal));
            if let Some(opened) = opened.and_then(|text| HeaderValue::try_from(text).ok()) {
                *value = opened;
            }
        }
    }
}

/// These policies, where that changes one of them.
fn opened(text: &str, portal: &str) -> Option<String> {
    // Policies are told apart by commas, directives by semicolons; of two with one name the first counts.
    let policies: Vec<_> = text
        .split(',')
        .map(|policy| {
            let mut directives: Vec<_> = policy.split(';').map(str::to_owned).collect();
            if let Some(directive) = directives.iter_mut().find(|directive| is_form_action(directive))
                && keeps_from(directive, portal)
            {
                *directive = format!("{} {portal}", directive.trim_end());
            }
            directives.join(";")
        })
        .collect();
    let opened = policies.join(",");
    (opened != text).then_some(opened)
}

fn is_form_action(directive: &str) -> bool {
    directive.split_ascii_whitespace().next().is_some_and(|name| name.eq_ignore_ascii_case("form-action"))
}

/// Whether forms that it lets go anywhere at all can't go to `portal`.
fn keeps_from(directive: &str, portal: &str) -> bool {
    let sources = || directive.split_ascii_whitespace().skip(1);
    let lets_go = |source: &str| !source.eq_ignore_ascii_case("'none'");
    let leads_there =
        |source: &str| source == "*" || [portal, "https:"].iter().any(|one| source.eq_ignore_ascii_case(one));
    sources().any(lets_go) && !sources().any(leads_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTAL: &str = "https://auth.example.com:8443";

    fn sent(policies: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for policy in policies {
            headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        open(&mut headers, PORTAL);
        headers.get_all(CONTENT_SECURITY_POLICY).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_form_may_lead_to_the_portal_and_nowhere_else_anew() {
        assert_eq!(
            sent(&["default-src 'self'; form-action 'self' ; img-src *", "Form-Action https://pay.example.com"]),
            [
                "default-src 'self'; form-action 'self' https://auth.example.com:8443; img-src *",
                "Form-Action https://pay.example.com https://auth.example.com:8443",
            ]
        );
        assert_eq!(
            sent(&["img-src *, form-action 'self';form-action 'none'"]),
            ["img-src *, form-action 'self' https://auth.example.com:8443;form-action 'none'"]
        );
    }

    #[test]
    fn what_needs_no_change_is_passed_byte_for_byte() {
        for policy in [
            "default-src 'self' ;; script-src 'self' 'nonce-form-action'",
            "form-action 'none'",
            "form-action",
            "form-action  *",
            "form-action 'self' HTTPS:",
            "form-action 'self'  https://auth.example.com:8443 ;",
            "",
        ] {
            assert_eq!(sent(&[policy]), [policy]);
        }
        assert!(sent(&[]).is_empty());
    }
}
