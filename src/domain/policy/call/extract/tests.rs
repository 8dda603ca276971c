use super::*;
use proptest::prelude::*;

fn named(name: &str, wanted: &str) -> Named {
    let wanted = if wanted == "*" { Wanted::Anything } else { Wanted::Text(wanted.into()) };
    Named { name: name.into(), wanted }
}

fn said(named: &Named, query: &str) -> crate::domain::policy::call::Said {
    named.said_by_query(&crate::domain::policy::call::query::Query::of(Some(query)))
}

fn reads(query: &[&Named], fields: &[&Named]) -> Arc<Reads> {
    let owned = |named: &[&Named]| named.iter().map(|&named| named.clone()).collect();
    let mut reads = Reads::default();
    reads.add(&Conditions { query: owned(query), fields: owned(fields), ..Conditions::default() });
    Arc::new(reads)
}

fn sent(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn values_are_kept_that_are_compared_and_names_that_are_words() {
    let reads = reads(&[&named("action", "wire"), &named("token", "*")], &[]);
    let shown = |query| reads.extract(Some(query), &crate::domain::policy::call::NoFields).shown();

    assert_eq!(shown("action=wire&token=s3cret&page=2&q="), "?action=wire&token=…&page=…&q=…");
    assert_eq!(shown("dGhpcyBpcyBhIHRva2Vu"), "?…", "a token where names stand");
    assert_eq!(shown("dG9rZW4="), "?…", "and a padded one");
    assert_eq!(shown("9f8e7d=1&anextremelylongparameter=2&s%20p=3"), "?…");
    assert_eq!(shown("Action=s3cret;x=s3cret"), "?Action;=…&…");
    assert_eq!(shown("a#b"), "?…");
    assert_eq!(shown(""), "");
}

#[test]
fn what_opens_doors_is_never_kept() {
    let (key, agent) = (named("authorization", "Basic Zm9v"), named("x-agent", "*"));
    let extract = reads(&[], &[&key, &agent])
        .extract(None, &sent(&[("Authorization", "Basic Zm9v"), ("X-Agent", "s3cret"), ("Accept", "*/*")]));

    let text = format!("{extract:?}");
    assert!(!text.contains("Zm9v") && !text.contains("s3cret") && !text.contains("ccept"), "{text}");
    let ask = |named: &Named| extract.untold(&Conditions { fields: vec![named.clone()], ..Conditions::default() });
    assert_eq!(ask(&key), Some(Untold::Field("authorization".into())));
    assert_eq!((ask(&agent), ask(&named("authorization", "*"))), (None, None));
    assert_eq!(ask(&named("accept", "*")), Some(Untold::Field("accept".into())), "nobody looked");
}

#[test]
fn what_is_not_there_is_told_and_what_is_left_out_is_not() {
    let reads = reads(&[&named("action", "wire")], &[]);
    let untold = |query: &str, asked: &Named| {
        let conditions = Conditions { query: vec![asked.clone()], ..Conditions::default() };
        reads.extract(Some(query), &crate::domain::policy::call::NoFields).untold(&conditions)
    };
    let op = named("op", "delete");

    assert_eq!(untold("", &op), None);
    assert_eq!(untold("action=wire&page=2", &op), None);
    assert_eq!(untold("op=delete", &op), Some(Untold::Parameter("op".into())));
    assert_eq!(untold("op=delete", &named("op", "*")), None);
    assert_eq!(untold("0p=delete", &op), Some(Untold::Parameter("op".into())), "it may be what was left out");
    assert_eq!(untold("0p=delete", &named("action", "view")), None, "that was looked for");
}

#[test]
fn the_names_in_files_stay_as_they_are() {
    let reads = reads(&[&named("action", "wire"), &named("token", "*")], &[&named("x-a", "1"), &named("x-b", "*")]);
    let sent = sent(&[("x-a", "1"), ("x-b", "s3cret")]);

    let line = serde_json::to_string(&reads.extract(Some("action=wire&token=s3cret&0=1"), &sent)).unwrap();

    insta::assert_snapshot!(line, @r#"{"query":"action=wire","names":["token"],"more":1,"fields":[{"name":"x-a","value":"1"},{"name":"x-b","hidden":true}],"reads":{"query":[{"name":"action","compared":true},{"name":"token"}],"fields":[{"name":"x-a","compared":true},{"name":"x-b"}]}}"#);
    assert_eq!(
        serde_json::from_str::<Extract>(&line).unwrap(),
        reads.extract(Some("action=wire&token=s3cret&0=1"), &sent)
    );
    assert!(Arc::new(Reads::default()).extract(None, &crate::domain::policy::call::NoFields).is_empty());
}

const WORDS: [&str; 13] = [
    "action",
    "Action",
    "action[]",
    "[action]",
    "action%5D",
    "to[ken",
    "to_ken",
    "token",
    "x",
    "%zz",
    "a%63tion",
    "",
    "page",
];

fn any_query() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    let value = prop::sample::select(&["=wire", "=WIRE", "=view", "", "=", "=%zz", "=wire;action=x", ";token"][..]);
    let part = (word, value).prop_map(|(word, value)| format!("{word}{value}"));
    prop_oneof![
        prop::collection::vec(part, 0..4).prop_map(|parts| parts.join("&")),
        "[ -~]{0,24}".prop_filter("a query", |query| check_query(query).is_ok()),
    ]
}

proptest! {
    #[test]
    fn every_condition_says_of_the_extract_what_it_says_of_the_query(query in any_query()) {
        let conditions = [named("action", "wire"), named("action", "view"), named("token", "*")];
        let reads = reads(&conditions.each_ref(), &[]);
        let extract = reads.extract(Some(&query), &crate::domain::policy::call::NoFields);
        for named in &conditions {
            let (whole, kept) = (said(named, &query), said(named, &extract.query()));
            prop_assert_eq!(whole, kept, "{}: {:?}", query, extract);
            let asked = Conditions { query: vec![named.clone()], ..Conditions::default() };
            prop_assert_eq!(extract.untold(&asked), None);
        }
    }

    /// A condition that nobody knew of is answered as the request would have answered it, or not at all.
    #[test]
    fn a_new_condition_is_never_answered_wrongly(
        query in any_query(),
        known in prop::sample::select(&["token", "to[ken", "to_ken", "to"][..]),
        name in prop::sample::select(&["action", "to[ken", "to_ken", "token"][..]),
        wanted in prop::sample::select(&["*", "wire"][..]),
    ) {
        let reads = reads(&[&named(known, "*")], &[]);
        let (extract, asked) = (reads.extract(Some(&query), &crate::domain::policy::call::NoFields), named(name, wanted));
        let conditions = Conditions { query: vec![asked.clone()], ..Conditions::default() };
        if extract.untold(&conditions).is_none() {
            prop_assert_eq!(said(&asked, &query), said(&asked, &extract.query()), "{:?}", extract);
        }
    }

    #[test]
    fn the_same_holds_for_fields(
        fields in prop::collection::vec(
            (prop::sample::select(&["x-a", "X_A", "x-b", "cookie"][..]), prop::sample::select(&["1", "2", " 1"][..])),
            0..4,
        ),
    ) {
        let conditions = [named("x-a", "1"), named("x-b", "*"), named("cookie", "*")];
        let extract = reads(&[], &conditions.each_ref()).extract(None, &sent(&fields));
        for named in &conditions {
            prop_assert_eq!(named.said_by_fields(&sent(&fields)), named.said_by_fields(&extract), "{:?}", extract);
        }
    }
}
