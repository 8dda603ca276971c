//! Our cookies: read strictly, kept from applications, written one way (CK-01 to CK-04, FR-22, ID-11, ID-12).
//!
//! Reading compares names byte for byte and never trims, unquotes or decodes. Removing is generous the other way round:
//! whatever an application could take for one of ours is ours.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// What the names of all our cookies begin with.
pub const PREFIX: &str = "__Host-doorward";

/// No cookie lives longer: browsers cut there anyway (RFC 6265bis 5.5).
pub const LIFE_MAX: Duration = Duration::from_hours(400 * 24);

/// Name and value of a cookie together; browsers drop longer ones (RFC 6265bis 5.6).
pub const BYTES_MAX: usize = 4096;

/// One of our cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The sign-in, on the portal.
    SignIn,
    /// A remembered device, on the portal.
    Device,
    /// The child session, on an app host.
    App,
    /// Binds an outgoing sign-in to the browser that began it, on an app host.
    Flow,
}

impl Name {
    /// The name as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "__Host-doorward",
            Self::Device => "__Host-doorward-device",
            Self::App => "__Host-doorward-app",
            Self::Flow => "__Host-doorward-flow",
        }
    }
}

/// What a request says about one cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// It is not there.
    None,
    /// It is there once.
    One(&'a str),
    /// It is there twice, or holds a byte that no value of ours has. Nobody can say which one is meant.
    Ambiguous,
}

/// Why a value can't be put into a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACookie {
    /// A byte outside the cookie octets of RFC 6265: a control, a space, `"`, `,`, `;` or `\`.
    #[error("the value holds a byte that no cookie value may hold")]
    Byte,
    /// Browsers would drop it.
    #[error("name and value are longer than {BYTES_MAX} bytes together")]
    TooLong,
}

/// Looks for one of our cookies in all `Cookie` fields of a request.
pub fn find(headers: &HeaderMap, name: Name) -> Found<'_> {
    let mut found = Found::None;
    for pair in headers.get_all(header::COOKIE).iter().flat_map(pairs) {
        let Some(value) = pair.strip_prefix(name.as_str().as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) else {
            continue;
        };
        found = match (found, std::str::from_utf8(value)) {
            (Found::None, Ok(value)) if value.bytes().all(is_cookie_octet) => Found::One(value),
            _ => return Found::Ambiguous,
        };
    }
    found
}

/// Removes our cookies from a request, and every lookalike, and joins what is left into one field (RFC 9113 8.2.3).
///
/// The application's cookies pass byte for byte.
pub fn remove_ours(headers: &mut HeaderMap) {
    let fields = headers.get_all(header::COOKIE);
    let mut untouched = fields.iter().nth(1).is_none();
    let mut theirs = Vec::new();
    for pair in fields.iter().flat_map(pairs) {
        if could_be_ours(pair) {
            untouched = false;
        } else {
            theirs.extend_from_slice(b"; ");
            theirs.extend_from_slice(pair);
        }
    }
    if untouched {
        return;
    }
    match HeaderValue::from_bytes(theirs.strip_prefix(b"; ").unwrap_or_default()) {
        Ok(value) if !value.is_empty() => {
            headers.insert(header::COOKIE, value);
        }
        // Parts of valid values, joined, are a valid value; so this is the empty one.
        _ => {
            headers.remove(header::COOKIE);
        }
    }
}

/// A `Set-Cookie` value for one of our cookies.
pub fn set(name: Name, value: &str, life: Duration) -> Result<HeaderValue, NotACookie> {
    if name.as_str().len() + value.len() > BYTES_MAX {
        return Err(NotACookie::TooLong);
    }
    if !value.bytes().all(is_cookie_octet) {
        return Err(NotACookie::Byte);
    }
    let seconds = life.min(LIFE_MAX).as_secs();
    let text = format!("{}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax", name.as_str());
    HeaderValue::try_from(text).map_err(|_| NotACookie::Byte)
}

/// A `Set-Cookie` value that removes one of our cookies.
pub fn unset(name: Name) -> HeaderValue {
    HeaderValue::from_static(match name {
        Name::SignIn => "__Host-doorward=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
        Name::Device => "__Host-doorward-device=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
        Name::App => "__Host-doorward-app=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
        Name::Flow => "__Host-doorward-flow=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
    })
}

/// Takes from an application's response what would set, shadow or delete our cookies.
///
/// `Clear-Site-Data` with `"cookies"` or `"*"` is dropped as a whole: browsers apply it to the whole registrable domain,
/// the portal included.
pub fn protect_ours(response: &mut HeaderMap) {
    if response.get_all(header::SET_COOKIE).iter().any(|value| could_be_ours(value.as_bytes())) {
        let theirs: Vec<HeaderValue> = response
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|value| !could_be_ours(value.as_bytes()))
            .cloned()
            .collect();
        response.remove(header::SET_COOKIE);
        for value in theirs {
            response.append(header::SET_COOKIE, value);
        }
    }
    if response.get_all(CLEAR_SITE_DATA).iter().any(clears_cookies) {
        response.remove(CLEAR_SITE_DATA);
    }
}

fn clears_cookies(value: &HeaderValue) -> bool {
    let value = value.as_bytes().to_ascii_lowercase();
    value
        .split(|&byte| byte == b',')
        .any(|kind| matches!(kind.trim_ascii(), b"\"cookies\"" | b"\"*\"" | b"cookies" | b"*"))
}

/// The pairs of one `Cookie` field: between `;`, and without the one space that follows it.
fn pairs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field
        .as_bytes()
        .split(|&byte| byte == b';')
        .enumerate()
        .map(|(at, pair)| if at == 0 { pair } else { pair.strip_prefix(b" ").unwrap_or(pair) })
}

/// Whether anybody could read this pair as one of our cookies.
///
/// A browser sends a nameless cookie `=__Host-doorward=x` as `__Host-doorward=x`, so a leading `=` hides nothing; nor do
/// blanks, quotes, other case, or bytes that some parsers trim.
fn could_be_ours(pair: impl AsRef<[u8]>) -> bool {
    let pair = pair.as_ref();
    let name_at = pair.iter().position(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'"' | b'\''));
    let from_name = name_at.and_then(|at| pair.get(at..)).unwrap_or_default();
    from_name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// RFC 6265 4.1.1.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_cookies(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::COOKIE, HeaderValue::from_str(field).unwrap());
        }
        headers
    }

    fn left(fields: &[&str]) -> Vec<String> {
        let mut headers = with_cookies(fields);
        remove_ours(&mut headers);
        headers.get_all(header::COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_cookie_is_found_in_any_field_and_only_under_its_own_name() {
        let find = |fields: &[&str]| match super::find(&with_cookies(fields), Name::SignIn) {
            Found::None => "none".to_owned(),
            Found::One(value) => format!("one {value}"),
            Found::Ambiguous => "ambiguous".to_owned(),
        };

        for (fields, expected) in [
            (&[][..], "none"),
            (&["__Host-doorward=a"], "one a"),
            (&["x=1; __Host-doorward=a; y=2"], "one a"),
            (&["x=1", "__Host-doorward=a"], "one a"),
            (&["__Host-doorward=a=b"], "one a=b"),
            (&["__Host-doorward="], "one "),
            (&["__Host-doorward-app=a"], "none"),
            (&["__host-doorward=a"], "none"),
            (&[" __Host-doorward=a"], "none"),
            (&["x=1;  __Host-doorward=a"], "none"),
            (&["x=1;\t__Host-doorward=a"], "none"),
            (&["__Host-doorward =a"], "none"),
            (&["\"__Host-doorward\"=a"], "none"),
            (&["%5F_Host-doorward=a"], "none"),
            (&["$Version=1; __Host-doorward"], "none"),
            (&["__Host-doorward=a; __Host-doorward=a"], "ambiguous"),
            (&["__Host-doorward=a", "__Host-doorward=b"], "ambiguous"),
            (&["__Host-doorward=\"a\""], "ambiguous"),
            (&["__Host-doorward=a b"], "ambiguous"),
            (&["__Host-doorward=a,b"], "ambiguous"),
        ] {
            assert_eq!(find(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn no_lookalike_reaches_the_application() {
        for ours in [
            "__Host-doorward=a",
            "__Host-doorward-app=a",
            "__Host-doorward-anything-new=a",
            "__HOST-Doorward=a",
            "=__Host-doorward=a",
            "\"__Host-doorward\"=a",
            " \t__Host-doorward=a",
            "__Host-doorward",
        ] {
            assert_eq!(left(&[ours]), Vec::<String>::new(), "{ours:?}");
            assert_eq!(left(&[&format!("x=1; {ours}; y=2")]), ["x=1; y=2"], "{ours:?}");
            assert_eq!(left(&[&format!("x=1;{ours};y=2")]), ["x=1; y=2"], "{ours:?}");
        }
    }

    #[test]
    fn crumbs_are_joined_in_order() {
        assert_eq!(left(&["a=1", "__Host-doorward-app=t", "b=\"2 3\"; c"]), ["a=1; b=\"2 3\"; c"]);
        assert_eq!(left(&["a=1 ;b=2;"]), ["a=1 ;b=2;"], "a field without ours stays as it is");
    }

    #[test]
    fn ours_are_host_only_secure_and_bounded() {
        let set =
            |value: &str, life| super::set(Name::App, value, life).map(|value| value.to_str().unwrap().to_owned());

        assert_eq!(
            set("t", Duration::from_hours(1)).as_deref(),
            Ok("__Host-doorward-app=t; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax"),
        );
        assert!(set("t", Duration::from_hours(24 * 1000)).unwrap().contains("Max-Age=34560000;"));
        assert_eq!(set("a;b", Duration::ZERO), Err(NotACookie::Byte));
        assert_eq!(set("a\r\nb", Duration::ZERO), Err(NotACookie::Byte));
        assert_eq!(set(&"x".repeat(4080), Duration::ZERO), Err(NotACookie::TooLong));
        for name in [Name::SignIn, Name::Device, Name::App, Name::Flow] {
            assert!(name.as_str().starts_with(PREFIX));
            assert!(
                unset(name).to_str().unwrap().starts_with(&format!("{}=; Max-Age=0; Path=/; Secure", name.as_str()))
            );
        }
    }

    #[test]
    fn an_application_cannot_set_shadow_or_clear_ours() {
        let mut response = HeaderMap::new();
        for value in ["a=1; Path=/", "__Host-doorward=x", "=__host-DOORWARD-app=x; Path=/deep", "b=2"] {
            response.append(header::SET_COOKIE, HeaderValue::from_static(value));
        }
        response.append("clear-site-data", HeaderValue::from_static("\"cache\", \"cookies\""));

        protect_ours(&mut response);

        assert_eq!(response.get_all(header::SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
        assert!(!response.contains_key("clear-site-data"));
    }

    proptest! {
        #[test]
        fn nothing_of_ours_is_left_and_nothing_of_theirs_is_lost(
            fields in prop::collection::vec("([a-z]=[a-z0-9]{0,3}|__[hH]ost-doorward(-app)?=[a-z]{0,3})(; [a-z]=[ -:]{0,3}|; __Host-doorward=[a-z])*", 0..4),
        ) {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let theirs: Vec<String> = fields.iter()
                .flat_map(|field| field.split(';').map(|pair| pair.strip_prefix(' ').unwrap_or(pair)))
                .filter(|pair| !pair.to_ascii_lowercase().starts_with("__host-doorward"))
                .map(str::to_owned).collect();
            let left = left(&fields);
            prop_assert!(left.len() <= 1);
            prop_assert_eq!(left.concat(), theirs.join("; "));
        }
    }
}
