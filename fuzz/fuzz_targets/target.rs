//! Canonical forms are canonical, and never name what the sender did not write.
#![no_main]

use doorward::domain::target::{Allowed, Authority, CanonicalPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, bool, bool)| {
    let (raw, semicolon, encoded_slash) = input;
    if let Ok(authority) = Authority::parse(raw) {
        let canonical = authority.to_string();
        assert_eq!(Authority::parse(&canonical), Ok(authority));
        assert!(canonical.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
    let allowed = Allowed { semicolon, encoded_slash };
    if let Ok(path) = CanonicalPath::parse(raw, allowed) {
        assert_eq!(CanonicalPath::parse(path.as_str(), allowed).as_ref(), Ok(&path));
        assert!(path.as_str().split('/').all(|segment| !matches!(segment, "." | "..")));
        assert!(path.as_str().starts_with('/') && !path.as_str().starts_with("//"));
    }
});
