//! What a query, or a form, says of the parameters that routes name.
//!
//! Sure is only what each server reads alike: one spelling of the name, one value, however often it is repeated. Servers
//! differ on letter case, on `;`, on brackets, on `.` and `_`, on escapes that are none, and on which of two values counts.

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
            Self::Text(text) => folded_value(text).eq(folded_value(value)),
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
    readings(wanted).any(|wanted| is_read_as(name, wanted))
}

/// Whether `reading` is what some server makes of `name`.
pub(super) fn is_read_as(name: &str, reading: &str) -> bool {
    readings(name).any(|own| folded(own).eq(folded(reading)))
}

/// What servers make of a name, but for what they [fold](folded): all of it, and where there are brackets also the word before
/// or in the first of them, since `a[x]`, `[a]` and `a]` are all `a` to one of PHP, Express and Rack.
pub(in crate::domain::policy) fn readings(name: &str) -> impl Iterator<Item = &str> {
    let is_outside = |c: char| c.is_whitespace() || BRACKETS.contains(&c);
    let has_brackets = name.bytes().any(|byte| matches!(byte, b'[' | b']'));
    let word = has_brackets.then(|| name.trim_start_matches(is_outside).split(BRACKETS).next()).flatten();
    word.filter(|word| !word.is_empty()).into_iter().chain([name])
}

const BRACKETS: [char; 2] = ['[', ']'];

/// What is left of a reading where servers fold it: PHP makes `a_b` of `a.b`, `a b` and `a[b`, ASP.NET makes `a.b` of `a[b]` and
/// `ab` of `a[]b`, and knows no case. Such signs do not count where they are last, as spaces do not where they are first.
pub(in crate::domain::policy) fn folded(reading: &str) -> impl Iterator<Item = char> {
    let name = reading.trim();
    let base = name.trim_end_matches(['.', ' ', '_', '[', ']']);
    // A name may be nothing else.
    let base = if base.is_empty() && !name.is_empty() { "_" } else { base };
    base.split("[]")
        .flat_map(caseless)
        .filter(|c| *c != ']')
        .map(|c| if matches!(c, '.' | ' ' | '[') { '_' } else { c })
}

/// The same for a value, which servers leave alone but for letter case and the space around it.
pub(in crate::domain::policy) fn folded_value(value: &str) -> impl Iterator<Item = char> {
    caseless(value.trim())
}

/// One spelling for what is the same to a server that raises all letters, or lowers them, those of every script.
fn caseless(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
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
            ("%5Baction%5D=delete", Unclear),
            ("[action=delete", Unclear),
            ("[[action]]=delete", Unclear),
            ("action%5D=delete", Unclear),
            ("]+action+[=delete", Unclear),
            ("x;[action]=delete", Unclear),
            ("x[action]=delete", No),
            ("[x]=action", No),
            ("[]=delete", No),
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
        for (wanted, name) in [
            ("a.b", "a_b"),
            ("a_b", "a[b"),
            ("a_b", "+a+b"),
            ("a_b.c", "a[b[c"),
            ("a_", "a+"),
            ("__", ".+"),
            ("a.b", "a[b]"),
            ("ab", "a[]b"),
            ("a[b]", "a.b"),
            ("a[b]", "[a][b]"),
            ("\u{e9}", "%C3%89"),
            ("link", "lin%E2%84%AA"),
        ] {
            assert_eq!(said(&named(wanted, "1"), &format!("{name}=1")), Unclear, "{wanted} {name}");
        }
        assert_eq!(said(&named("op", "link"), "op=lin%E2%84%AA"), Unclear, "a value in another letter case");
        assert_eq!(said(&named("a[b]", "1"), "a[b]=1"), Yes);
        assert_eq!((said(&named("_", "*"), ""), said(&named("a", "1"), "a_b=1")), (No, No));
    }

    /// What servers are known to make of a name: under which one an application finds the value.
    const SERVERS: &[fn(&str) -> String] = &[str::to_lowercase, str::to_uppercase, by_php, by_rack, by_qs, by_asp_net];

    /// `php_register_variable_ex`.
    fn by_php(name: &str) -> String {
        let name = name.trim_start_matches(' ');
        let mangled = |text: &str| text.replace([' ', '.', '['], "_");
        match name.split_once('[') {
            Some((array, index)) if array.is_empty() || index.contains(']') => mangled(array),
            _ => mangled(name),
        }
    }

    /// Rack 2: `%r(\A[\[\]]*([^\[\]]+)\]*)`.
    fn by_rack(name: &str) -> String {
        let is_bracket = |c: &char| ['[', ']'].contains(c);
        name.chars().skip_while(is_bracket).take_while(|c| !is_bracket(c)).collect()
    }

    /// `qs`, in Express 4: a parent, or what the first pair of brackets holds.
    fn by_qs(name: &str) -> String {
        let pair = name.match_indices('[').find_map(|(at, _)| {
            let inside = name[at + 1..].split(['[', ']']).next()?;
            name[at + 1 + inside.len()..].starts_with(']').then_some((at, inside))
        });
        match pair {
            Some((0, inside)) => inside.to_owned(),
            Some((at, _)) => name[..at].to_owned(),
            None => name.to_owned(),
        }
    }

    /// What jQuery writes with brackets has dots here.
    fn by_asp_net(name: &str) -> String {
        name.replace("[]", "").replace('[', ".").replace(']', "").to_lowercase()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_some_server_takes_for_the_wanted_name_is_never_denied(
            name in r"[aAb\[\]._ ]{1,6}",
            wanted in r"(a|b|_a|a_|a_b|a\.b|a\[b)(\[[ab]\])?(\[\])?",
        ) {
            let sent = name.replace(' ', "+");
            for read in SERVERS {
                let (read, is_said) = (read(&name), read(&wanted));
                if read == is_said && !read.is_empty() {
                    prop_assert_ne!(said(&named(&wanted, "1"), &format!("{sent}=1")), Said::No, "{}", read);
                }
            }
        }
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
