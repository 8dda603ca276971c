//! What a query, or a form, says of the parameters that routes name.
//!
//! Sure is only what each server reads alike: one spelling of the name, one value, however often it is repeated. Servers
//! differ on letter case, on `;`, on `name[]`, on `.` and `_`, on escapes that are none, and on which of two values counts.

use super::{Named, Said, Wanted, verdict};
use std::cell::OnceCell;

/// The parameters of one query, taken apart when a route first asks for one, and once for all of them.
#[derive(Debug, Default)]
pub struct Query<'a> {
    text: &'a str,
    parts: OnceCell<Vec<Part>>,
}

/// What stands between two `&`.
#[derive(Debug)]
pub(in crate::domain::policy) enum Part {
    /// A name and a value, decoded where they can be.
    Pair(Option<String>, Option<String>),
    /// The names in something that some servers take apart at its semicolons.
    Names(Vec<Option<String>>),
}

impl<'a> Query<'a> {
    /// A query without its question mark, or a form.
    pub fn of(text: Option<&'a str>) -> Self {
        Self { text: text.unwrap_or_default(), parts: OnceCell::new() }
    }

    pub(in crate::domain::policy) fn parts(&self) -> &[Part] {
        self.parts.get_or_init(|| self.text.split('&').map(Part::of).collect())
    }
}

impl Part {
    fn of(text: &str) -> Self {
        if text.contains(';') {
            let names = text.split(';').map(|piece| decoded(piece.split('=').next().unwrap_or_default()));
            return Self::Names(names.collect());
        }
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Self::Pair(decoded(name), decoded(value))
    }
}

impl Wanted {
    pub(super) fn is(&self, value: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Text(text) => text == value,
        }
    }

    /// Whether some server would take `value` for it: letter case and space around it aside.
    pub(super) fn may_be(&self, value: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Text(text) => text.trim().eq_ignore_ascii_case(value.trim()),
        }
    }
}

impl Named {
    /// What a query says of this parameter.
    pub(super) fn said_by_query(&self, query: &Query<'_>) -> Said {
        let (mut sure, mut other, mut is_unclear) = (false, false, false);
        for part in query.parts() {
            match part {
                Part::Names(names) => {
                    is_unclear |=
                        names.iter().any(|name| name.as_ref().is_none_or(|name| loosely_same(name, &self.name)));
                }
                Part::Pair(None, _) => is_unclear = true,
                Part::Pair(Some(name), Some(value)) if *name == self.name => {
                    let is = self.wanted.is(value);
                    (sure, other) = (sure || is, other || !is);
                    is_unclear |= !is && self.wanted.may_be(value);
                }
                Part::Pair(Some(name), None) if *name == self.name && self.wanted == Wanted::Anything => sure = true,
                Part::Pair(Some(name), _) => is_unclear |= loosely_same(name, &self.name),
            }
        }
        verdict(sure, other, is_unclear && !(sure && self.wanted == Wanted::Anything))
    }
}

/// A name or value of a query, decoded once. `None` where it holds what servers read differently: an escape that is none,
/// text that is not UTF-8, a control character.
pub(super) fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit()? << 4 | digit()?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

/// Whether some server takes `name` for `wanted`.
pub(super) fn loosely_same(name: &str, wanted: &str) -> bool {
    folded(name).eq(folded(wanted))
}

/// What is left of a name where servers fold it: PHP reads `a.b` as `a_b` and `a[]` as `a`, ASP.NET knows no case.
pub(in crate::domain::policy) fn folded(name: &str) -> impl Iterator<Item = char> {
    let base = name.trim().split('[').next().unwrap_or_default().trim();
    base.chars().map(|c| if matches!(c, '.' | ' ') { '_' } else { c.to_ascii_lowercase() })
}

/// The same for a value, which servers leave alone but for letter case and the space around it.
pub(in crate::domain::policy) fn folded_value(value: &str) -> String {
    value.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str, wanted: &str) -> Named {
        let wanted = if wanted == "*" { Wanted::Anything } else { Wanted::Text(wanted.into()) };
        Named { name: name.into(), wanted }
    }

    fn said(named: &Named, query: &str) -> Said {
        named.said_by_query(&Query::of(Some(query)))
    }

    #[test]
    fn a_parameter_is_there_or_not_or_nobody_can_say() {
        use Said::*;
        let delete = named("action", "delete");
        for (query, expected) in [
            ("action=delete", Yes),
            ("x=1&action=delete&y", Yes),
            ("action=delete&action=delete", Yes),
            ("%61ction=dele%74e", Yes),
            ("", No),
            ("action", No),
            ("action=view", No),
            ("reaction=delete", No),
            ("q=action=delete", No),
            ("q=%E9", No),
            ("action=view&action=delete", Unclear),
            ("Action=delete", Unclear),
            ("action=DELETE", Unclear),
            ("action=delete+", Unclear),
            ("action[]=delete", Unclear),
            ("action%5B0%5D=x", Unclear),
            ("action=delet%", Unclear),
            ("action=delet%E9", Unclear),
            ("action=delete%00", Unclear),
            ("%zz=1", Unclear),
            ("x=1;action=delete", Unclear),
            ("action=delete;x", Unclear),
            ("x=1;y=2", No),
        ] {
            assert_eq!(said(&delete, query), expected, "{query}");
        }
        let any = named("token", "*");
        for (query, expected) in
            [("token", Yes), ("token=1&token=2", Yes), ("token=%", Yes), ("Token=1", Unclear), ("t", No)]
        {
            assert_eq!(said(&any, query), expected, "{query}");
        }
        assert_eq!(said(&named("a.b", "1"), "a_b=1"), Unclear);
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "[ -~]{0,24}") {
            let _ = said(&named("action", "delete"), &query);
        }

        /// Whatever stands beside it, a wanted parameter is never read as surely absent.
        #[test]
        fn what_is_there_is_never_denied(before in "[ -~]{0,12}", after in "[ -~]{0,12}") {
            prop_assert_ne!(said(&named("action", "delete"), &format!("{before}&action=delete&{after}")), Said::No);
        }
    }
}
