//! "Did you mean …?", and lists of what could have been meant.

/// The candidate that is nearest to what was typed, if any is near enough to be what was meant.
pub(super) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('_', "-");
    let edits_max = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "and")
}

/// `a`, `b` or `c`, each in backticks.
pub(super) fn either<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "or")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, last_by: &str) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} {last_by} {last}", rest.join(", ")),
    }
}

/// Letters to insert, drop, replace or swap with their neighbour (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut last = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut edits = (cell(&above, column + 1) + 1)
                .min(cell(&current, column) + 1)
                .min(cell(&above, column) + usize::from(letter != *other));
            let swapped = column.checked_sub(1).filter(|left| last == Some(*other) && to.get(*left) == Some(&letter));
            if let Some(left) = swapped {
                edits = edits.min(cell(&before, left) + 1);
            }
            current.push(edits);
        }
        before = std::mem::replace(&mut above, current);
        last = Some(letter);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["upstream", "host", "hosts", "response_timeout"];

        assert_eq!(nearest("upstrem", keys), Some("upstream"));
        assert_eq!(nearest("hsot", keys), Some("host"));
        assert_eq!(nearest("response-timeout", keys), Some("response_timeout"));
        assert_eq!(nearest("Host", keys), Some("host"));
        assert_eq!(nearest("backend", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
