//! After removal no cookie of ours is found under any name, and removing twice is removing once.
#![no_main]

use doorward::edge::http::cookies::{Found, Name, find, remove_ours};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|fields: Vec<&[u8]>| {
    let mut headers = HeaderMap::new();
    for value in fields.iter().filter_map(|field| HeaderValue::from_bytes(field).ok()) {
        headers.append(header::COOKIE, value);
    }

    remove_ours(&mut headers);

    for name in [Name::SignIn, Name::Device, Name::App, Name::Flow] {
        assert_eq!(find(&headers, name), Found::None);
    }
    assert!(headers.get_all(header::COOKIE).iter().count() <= 1);
    let left = headers.get(header::COOKIE).map_or(&b""[..], HeaderValue::as_bytes).to_ascii_lowercase();
    for pair in left.split(|&byte| byte == b';') {
        assert!(!pair.trim_ascii().starts_with(b"__host-doorward"), "{}", pair.escape_ascii());
    }
    let once = headers.clone();
    remove_ours(&mut headers);
    assert_eq!(headers, once);
});
