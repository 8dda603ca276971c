//! How the same name is written in several ways: domains and phone numbers, brought into the one form that is kept.

/// The domain of an e-mail address: in lower case and ASCII (IDNA), without the dot that may end it; `None` for what is no
/// domain, an IP address among it.
pub(super) fn domain(written: &str) -> Option<String> {
    match url::Host::parse(written.strip_suffix('.').unwrap_or(written)) {
        Ok(url::Host::Domain(domain)) if !domain.is_empty() && !domain.ends_with('.') => Some(domain),
        Ok(_) | Err(_) => None,
    }
}

/// The digits of a phone number that is written with its country, as the whole world dials it (ITU-T E.164), behind a `+`;
/// spaces, hyphens, dots, slashes and brackets are how people write numbers.
pub(super) fn number(written: &str) -> Option<String> {
    let digits: String = written.strip_prefix('+')?.chars().filter(|c| !" -–.()/\u{a0}".contains(*c)).collect();
    let is_dialable = (8..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    (is_dialable && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_written_in_one_way() {
        for written in ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "bücher。example"] {
            assert_eq!(domain(written).as_deref(), Some("xn--bcher-kva.example"), "{written}");
        }
        for none in ["", ".", "exa mple.com", "192.0.2.1", "[::1]", "example.com..", "a/b"] {
            assert_eq!(domain(none), None, "{none}");
        }
    }

    #[test]
    fn a_number_is_written_in_one_way() {
        for written in ["+442079460000", "+44 (20) 7946-0000", "+44.20/7946\u{a0}0000"] {
            assert_eq!(number(written).as_deref(), Some("+442079460000"), "{written}");
        }
        for none in ["442079460000", "00442079460000", "+0442079460000", "+44", "+44207CALLME", "+44207946000012345"] {
            assert_eq!(number(none), None, "{none}");
        }
    }
}
