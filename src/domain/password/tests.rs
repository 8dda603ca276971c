//! What may be chosen and what not.

use super::*;
use proptest::prelude::*;

const POLICY: Policy = Policy { chars_min: 8, chars_min_alone: 15, score_min: Score(2) };

fn typed(text: &str) -> Typed {
    Typed::read(text).unwrap()
}

fn about_ann() -> Words {
    Words::in_texts(["ann.smith@example.com", "Ann Smith", "Example Corp", "Payroll"])
}

fn judged(text: &str) -> Result<(), Refusal> {
    POLICY.check(&typed(text), Role::OneOfTwo, &about_ann())
}

#[test]
fn a_password_that_stands_alone_is_longer() {
    let nobody = Words::in_texts([]);
    for (text, role, expected) in [
        ("zq7-wx1", Role::OneOfTwo, Err(Refusal::TooShort { chars_min: 8 })),
        ("zq7-wx1k", Role::OneOfTwo, Ok(())),
        ("zq7-wx1k-pl4-vb", Role::Alone, Ok(())),
        ("zq7-wx1k-pl4-v", Role::Alone, Err(Refusal::TooShort { chars_min: 15 })),
        // Eight code points, whatever they take in bytes.
        ("пароль-ж", Role::OneOfTwo, Ok(())),
        ("\u{1f511}\u{1f511}\u{1f511}\u{1f511}", Role::OneOfTwo, Err(Refusal::TooShort { chars_min: 8 })),
    ] {
        assert_eq!(POLICY.check(&typed(text), role, &nobody), expected, "{text}");
    }
}

#[test]
fn a_password_is_read_whole_and_in_one_normal_form() {
    assert!(Typed::read(&"x".repeat(CHARS_MAX)).is_some());
    assert!(Typed::read(&"x".repeat(CHARS_MAX + 1)).is_none());
    // One character that is eighteen in the normal form: what counts is what is hashed.
    assert!(Typed::read(&"\u{fdfa}".repeat(CHARS_MAX / 18 + 1)).is_none());
    assert_eq!(typed("gr\u{fc}\u{df}e").expose(), typed("gru\u{308}\u{df}e").expose());
    assert_eq!(typed("  Spaces and CASE stay ").expose(), "  Spaces and CASE stay ");
    assert_eq!(format!("{:?}", typed("hunter2")), "Typed(…)");
}

#[test]
fn the_list_of_common_passwords_can_be_searched() {
    assert!(COMMON.len() >= 10_000, "{}", COMMON.len());
    assert!(COMMON.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
    for word in COMMON.iter() {
        assert!(word.chars().count() >= CHARS_FLOOR && folded(word).as_str() == *word, "{word}");
    }

    let (first, last) = (COMMON[0], COMMON[COMMON.len() - 1]);
    for common in
        [first, last, "password1", "iloveyou1", "PassWord1", "ｐａｓｓｗｏｒｄ1", "Passw0rd2026!", "123baseball!"]
    {
        assert_eq!(judged(common), Err(Refusal::Common), "{common}");
    }
    for absent in ["baseball-8391748", "pass word1 is none", "zq7-wx1k"] {
        assert_eq!(judged(absent), Ok(()), "{absent}");
    }
}

#[test]
fn what_others_know_is_not_what_makes_a_password() {
    for personal in [
        "annsmith",
        "ANN.Smith2026",
        "ann.smith@example.com",
        "AnnSmith!!",
        "Example Corp 26",
        "payroll-ann-1",
        "smithsmithsmith",
        "ｅｘａｍｐｌｅ2026",
    ] {
        assert_eq!(judged(personal), Err(Refusal::Personal), "{personal}");
    }
    for good in ["ann likes tall ships", "83920174651892", "my payroll of 77 otters"] {
        assert_eq!(judged(good), Ok(()), "{good}");
    }
}

#[test]
fn words_are_taken_whole_and_in_parts() {
    let words = Words::in_texts(["Ann.Smith@mail.example", "Jo Ng"]);

    let words: Vec<&str> = words.iter().collect();

    assert_eq!(words, ["ann.smith@mail.example", "ann.smith", "jo ng", "smith", "jong", "ann"]);
}

#[test]
fn score_and_theft_are_weighed() {
    for (score, exposure, expected) in [
        (1, Exposure::Unknown, Err(Refusal::Guessable)),
        (2, Exposure::Unknown, Ok(())),
        (9, Exposure::Unknown, Ok(())),
        (4, Exposure::Breached, Err(Refusal::Breached)),
    ] {
        assert_eq!(POLICY.weigh(Score::new(score), exposure), expected, "{score} {exposure:?}");
    }
}

#[test]
fn every_refusal_is_a_plain_sentence() {
    let refusals = [
        Refusal::TooShort { chars_min: 8 },
        Refusal::TooLong,
        Refusal::Common,
        Refusal::Personal,
        Refusal::Guessable,
        Refusal::Breached,
    ];

    let said = refusals.map(|refusal| refusal.to_string());

    insta::assert_snapshot!(said.join("\n"));
}

proptest! {
    #[test]
    fn the_normal_form_is_normal(text in "\\PC{0,40}") {
        let once = typed(&text);
        let twice = typed(once.expose());
        prop_assert_eq!(twice.expose(), once.expose());
    }

    #[test]
    fn a_longer_minimum_never_lets_more_through(text in "\\PC{0,30}", shorter in 8usize..20, more in 0usize..10) {
        let judge = |chars_min| Policy { chars_min, ..POLICY }.check(&typed(&text), Role::OneOfTwo, &about_ann());
        if judge(shorter).is_err() {
            prop_assert!(judge(shorter + more).is_err());
        }
    }

    #[test]
    fn no_spelling_of_a_common_password_is_chosen(at in 0usize..10_000, upper in prop::collection::vec(any::<bool>(), 64)) {
        let spelled: String = COMMON[at]
            .chars()
            .zip(upper.iter().cycle())
            .map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c })
            .collect();
        prop_assert_eq!(judged(&spelled), Err(Refusal::Common));
    }

    #[test]
    fn what_surrounds_a_known_word_must_stand_by_itself(before in "[0-9]{0,4}", after in "[0-9!]{0,3}") {
        let text = format!("{before}AnnSmith{after}");
        prop_assert_eq!(judged(&text), Err(Refusal::Personal));
    }

    #[test]
    fn length_is_all_that_strange_characters_need(text in "[\u{400}-\u{44f}]{15,40}") {
        prop_assert_eq!(POLICY.check(&typed(&text), Role::Alone, &Words::in_texts([])), Ok(()));
    }
}
