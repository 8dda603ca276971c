//! What the tests of pages share: one example brand, and a look at every state of every page.
//!
//! Each page that is exhibited is also left in `target/pages`, for eyes and for tools that read pages.

use crate::{
    domain::time::Timestamp,
    edge::http::{
        assets::{self, Asset, Base},
        page::{Brand, Frame, Hidden},
        words::Upcoming,
    },
};
use askama::Template;
use std::{collections::HashSet, fs, path::Path, sync::LazyLock, time::Duration};

/// A page that is to arrive within the first round trips, style sheet included.
const BYTES_MAX: usize = 30 * 1024;

const VOID: &[&str] = &["!doctype", "meta", "link", "input", "br"];

static BRAND: LazyLock<Brand> = LazyLock::new(|| Brand {
    name: "Example Corp".to_owned(),
    theme: None,
    mark: None,
    support_url: Some("https://help.example.com/".to_owned()),
    privacy_url: Some("https://www.example.com/privacy".to_owned()),
    footer: None,
});

/// Signed-in people see this account.
pub(in crate::edge) const ANN: &str = "ann@example.com";

/// What forms carry here.
pub(in crate::edge) const HIDDEN: Hidden<'_> = Hidden { csrf: "c5rf", to: Some("s3aled") };

/// The frame of the example brand.
pub(in crate::edge) fn frame(base: Base) -> Frame<'static> {
    Frame { brand: &BRAND, base }
}

/// Five minutes from 14:00 UTC.
pub(in crate::edge) fn in_five_minutes() -> Upcoming {
    let now = Timestamp::from_millis(1_795_356_000_000);
    Upcoming { at: now + Duration::from_mins(5), now }
}

/// Every script of ours, and where its pages are.
static SCRIPTS: [(&LazyLock<Asset>, Base); 6] = [
    (&assets::SCRIPT, Base::Portal),
    (&assets::PASSWORD_SCRIPT, Base::Portal),
    (&assets::CODES_SCRIPT, Base::Portal),
    (&assets::RESEND_SCRIPT, Base::Portal),
    (&assets::SEND, Base::App),
    (&assets::DONE, Base::App),
];

/// Looks at each state of a page, and returns what a snapshot should hold: its title and its content.
pub(in crate::edge) fn exhibit<T: Template>(page: &str, states: Vec<(&'static str, T)>) -> Vec<(&'static str, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    let scripts = SCRIPTS.iter().map(|(script, _)| &***script);
    for asset in scripts.chain([&*assets::STYLE, &*assets::ICON]) {
        for base in [Base::Portal, Base::App] {
            let path = folder.join(asset.url(base).trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, asset.response().body()).unwrap();
        }
    }
    let look = |(state, template): (&'static str, T)| {
        let html = template.render().unwrap();
        fs::write(folder.join(format!("{page}.{state}.html")), &html).unwrap();
        inspect(&html);
        let main: Vec<&str> = between(&html, "<main>", "</main>").lines().filter(|line| !line.is_empty()).collect();
        (
            state,
            format!(
                "{}
{}",
                between(&html, "<title>", "</title>"),
                main.join(
                    "
"
                )
            ),
        )
    };
    states.into_iter().map(look).collect()
}

fn between<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    html.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// What must hold for every page: well-formed, named, labelled, inert, small.
fn inspect(html: &str) {
    let tags = tags(html);
    let values = |name: &str| tags.iter().filter_map(move |tag| tag.value(name)).collect::<Vec<_>>();

    let ids = values("id");
    assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len(), "an id stands twice: {ids:?}");
    for reference in ["for", "aria-describedby", "aria-labelledby"].iter().flat_map(|name| values(name)) {
        for id in reference.split(' ') {
            assert!(ids.contains(&id), "nothing has the id {id}");
        }
    }
    for input in tags.iter().filter(|tag| tag.name == "input") {
        let unseen = input.value("type") == Some("hidden") || input.value("aria-hidden").is_some();
        assert!(unseen || input.value("id").is_some_and(|id| values("for").contains(&id)), "{input:?} has no label");
    }
    assert!(tags.iter().filter(|tag| tag.value("autofocus").is_some()).count() <= 1);

    let heading = between(html, "<h1>", "</h1>");
    assert_eq!(html.matches("<h1").count(), 1);
    assert!(between(html, "<title>", "</title>").contains(heading), "the title is the heading");
    assert_eq!(html.contains("role=\"alert\""), html.contains("<title>Error: "), "errors show in the title");

    for tag in &tags {
        let is_ours = tag.value("src").is_some_and(|src| SCRIPTS.iter().any(|(script, base)| src == script.url(*base)));
        assert!(tag.name != "script" || is_ours, "{tag:?} would break the content policy");
        assert!(!matches!(tag.name, "style" | "iframe" | "base"), "{tag:?} would break the content policy");
        let foreign = tag.attributes.iter().find(|(name, _)| *name == "style" || name.starts_with("on"));
        assert_eq!(foreign, None, "{tag:?} would break the content policy");
        assert!(tag.name != "form" || tag.value("method") == Some("post"), "{tag:?} would show what it carries");
    }
    let named = SCRIPTS.iter().filter(|(script, base)| html.contains(&script.url(*base)));
    let script: usize = named.map(|(script, _)| script.response().body().len()).sum();
    assert!(!html.contains("<script") || html.contains("defer></script>"), "nothing stands in a script");
    assert!(html.len() + script + assets::STYLE.response().body().len() < BYTES_MAX, "{} bytes", html.len());
}

#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }
}

/// Every start tag, in order. Panics where a tag is not closed, or closed by another.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (inside, after) = after.split_once('>').expect("a tag ends");
        assert!(!inside.contains('<'), "a tag ends before the next: <{inside}");
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes what is open");
            continue;
        }
        let (inside, is_closed) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
        if !is_closed && !VOID.contains(&name) {
            open.push(name);
        }
        found.push(Tag { name, attributes: read_attributes(attributes) });
    }
    assert!(open.is_empty(), "{open:?} are never closed");
    found
}

fn read_attributes(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if let Some(quoted) = after.strip_prefix("=\"") {
            let (value, after) = quoted.split_once('"').expect("a value ends");
            found.push((name, value));
            rest = after.trim_start();
        } else {
            assert!(!after.starts_with('='), "{name} has a value without quotes");
            found.push((name, ""));
            rest = after.trim_start();
        }
    }
    found
}
