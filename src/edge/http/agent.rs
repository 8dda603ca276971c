//! What a browser calls itself, in words that its owner recognises.
//!
//! Only words from here come out, whatever goes in: they are kept, shown and mailed. They tell one's own browsers apart and
//! prove nothing, for anybody can claim to be any of them.

/// As much of the field as is looked at; no browser's is longer.
const BYTES_MAX: usize = 512;

/// What marks a browser, and its name. Browsers claim to be those that came before them, so the latest stands first.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// The same for what it runs on.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Words for a `User-Agent`: "Firefox on Linux"; `None` if it says nothing that we know.
pub fn describe(user_agent: &str) -> Option<String> {
    let text = user_agent.get(..BYTES_MAX).unwrap_or(user_agent);
    let known =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    match (known(BROWSERS), known(SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(browser), None) => Some(browser.to_owned()),
        (None, Some(system)) => Some(format!("A browser on {system}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn browsers_are_called_what_their_owners_call_them() {
        for (user_agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            ("Mozilla/5.0 (Android 16; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", "Firefox on Android"),
            (
                "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            ("curl/8.16.0", "curl"),
            ("Lynx/2.9 (Linux)", "A browser on Linux"),
        ] {
            assert_eq!(describe(user_agent).as_deref(), Some(words), "{user_agent}");
        }
        for nothing in ["", "-", "Mozilla/5.0", "<script>alert(1)</script>"] {
            assert_eq!(describe(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_what_a_client_wrote_comes_out(user_agent in "\\PC{0,600}") {
            let known: Vec<_> = BROWSERS.iter().chain(SYSTEMS).flat_map(|(_, name)| name.split(' ')).collect();
            for word in describe(&user_agent).iter().flat_map(|words| words.split(' ')) {
                prop_assert!(known.contains(&word) || ["A", "browser", "on"].contains(&word), "{}", word);
            }
        }
    }
}
