//! Fields that end here: those of one connection (ID-06, RFC 9110 7.6.1), and what else may not pass.

use http::{HeaderMap, HeaderName, header};

use super::fold::fold;

/// Fields that belong to one connection, whether `Connection` names them or not. Folded.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields of the message that policy or the application's framework decides on, and that clients must therefore spell in one
/// way. What a server would fold into one of them is removed: policy has read the other one. Folded.
const SPELLED_ONE_WAY: &[&str] = &["content-disposition", "content-encoding", "content-length", "content-type"];

/// Fields of the message, which no connection may take back: who names one of them in `Connection` has the gateway decide on
/// one request, and the application read another.
const NEVER_NOMINATED: &[HeaderName] = &[
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::ORIGIN,
];

/// Whether `Connection` names a field of the message.
pub fn nominates_the_message(headers: &HeaderMap) -> bool {
    nominated(headers).any(|name| NEVER_NOMINATED.contains(&name))
}

/// Removes what `Connection` names, every field that belongs to one connection, and those whose folded name `also` is
/// to go: one walk for all of them.
///
/// Spellings that application servers fold into one of them, or into `Content-Type` and its kin, go too. Gateway fields
/// are added afterwards, so no nomination can remove them.
pub fn remove(headers: &mut HeaderMap, also: impl Fn(&str) -> bool) {
    for name in doomed(headers, also) {
        headers.remove(name);
    }
}

/// What [`remove`] removes.
pub fn doomed(headers: &HeaderMap, also: impl Fn(&str) -> bool) -> Vec<HeaderName> {
    let mut doomed: Vec<_> = nominated(headers).collect();
    let ends_here = |name: &&HeaderName| {
        let folded = fold(name.as_str());
        is_of_connection(&folded) || (folded != name.as_str() && SPELLED_ONE_WAY.contains(&&*folded)) || also(&folded)
    };
    doomed.extend(headers.keys().filter(ends_here).cloned());
    doomed
}

/// Whether a field of this [folded](fold) name belongs to one connection.
pub fn is_of_connection(folded: &str) -> bool {
    HOP_BY_HOP.contains(&folded)
}

/// The fields that `Connection` names.
fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        // The two that everybody sends: one is no field, and the other goes anyway.
        .filter(|option| !option.eq_ignore_ascii_case(b"close") && !option.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|option| HeaderName::from_bytes(option).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(fields: &[(&str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        remove(&mut headers, |folded| folded == "remote-user");
        headers.keys().map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn what_belongs_to_the_connection_stays_behind() {
        for name in HOP_BY_HOP {
            assert_eq!(left(&[(name, "x"), (name, "y"), ("accept", "*/*")]), ["accept"], "{name}");
        }
        assert_eq!(left(&[("transfer_encoding", "chunked"), ("Content_Length", "5")]), Vec::<String>::new());
        assert_eq!(left(&[("content-length", "5"), ("teapot", "1")]), ["content-length", "teapot"]);
    }

    #[test]
    fn what_policy_reads_has_one_spelling() {
        for other in ["content_type", "content.type", "Content_Encoding", "content_disposition", "content~length"] {
            assert_eq!(left(&[(other, "x"), ("accept", "*/*")]), ["accept"], "{other}");
        }
        assert_eq!(left(&[("content-type", "x"), ("content-encoding", "x")]), ["content-type", "content-encoding"]);
    }

    #[test]
    fn a_connection_takes_nothing_of_the_message_back() {
        let nominates = |value: &str| {
            let headers = [(header::CONNECTION, value.parse().unwrap())].into_iter().collect();
            nominates_the_message(&headers)
        };
        for value in ["Content-Type", "close, COOKIE", "authorization", "x-other,origin", "host", "content-length"] {
            assert!(nominates(value), "{value}");
        }
        for value in ["close", "keep-alive", "upgrade", "x-other", "te, trailers", ""] {
            assert!(!nominates(value), "{value}");
        }
    }

    #[test]
    fn every_line_and_spelling_of_what_else_is_to_go_goes() {
        let fields = [("remote_user", "root"), ("remote_user", "ann"), ("Remote-User", "ann"), ("accept", "*/*")];
        assert_eq!(left(&fields), ["accept"]);
    }

    #[test]
    fn every_nominated_field_goes() {
        let fields = [
            ("connection", "close, X-One ,x-two"),
            ("connection", ",X-Three,, bad name,\tx-four"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("x-four", "4"),
            ("x-five", "5"),
        ];
        assert_eq!(left(&fields), ["x-five"]);
    }
}
