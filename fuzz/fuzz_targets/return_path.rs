//! A way back never leads to another host, by the parser that browsers have (WHATWG URL).
#![no_main]

use doorward::domain::target::ReturnPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    if let Ok(path) = raw.parse::<ReturnPath>() {
        let base = url::Url::parse("https://app.example.com:8443/somewhere").expect("a URL");
        let joined = base.join(path.as_str()).expect("a browser can read it");
        assert_eq!(joined.origin(), base.origin());
    }
});
