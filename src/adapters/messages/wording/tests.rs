use super::*;
use crate::{
    adapters::{
        messages::{
            letter::{self, Html, Plain},
            settings::{Mail, MailRoute},
        },
        system::SystemEntropy,
    },
    domain::{contact::EmailAddress, factor::Method, time::Timestamp},
    ports::messages::{CodePurpose, OwnAct},
};
use askama::Template as _;
use lettre::message::Mailbox;
use proptest::prelude::*;
use std::{fmt::Write as _, fs, path::Path, time::Duration};

fn settings() -> Settings {
    Settings {
        organisation: "Smith & Sons".to_owned(),
        host: "auth.example.com".to_owned(),
        mail: None,
        sms: None,
        voice: None,
        pauses: vec![],
    }
}

fn somebody() -> Asked {
    Asked {
        browser: Some("Firefox on Linux".to_owned()),
        address: Some("192.0.2.7".parse().unwrap()),
        at: Timestamp::from_millis(1_795_356_000_000),
    }
}

fn english(content: &Content) -> Words {
    Words::of(content, Language::English, &settings())
}

/// Every message in every language.
fn every_wording() -> impl Iterator<Item = (String, Words)> {
    Language::ALL.iter().flat_map(|language| {
        let worded =
            |(name, content)| (format!("{name}, {}", language.tag()), Words::of(&content, *language, &settings()));
        every_content().into_iter().map(worded)
    })
}

fn code(purpose: CodePurpose) -> Content {
    let code = Zeroizing::new("084213".to_owned());
    Content::Code { code, purpose, lifetime: Duration::from_mins(10), asked: somebody() }
}

fn link_for(purpose: LinkPurpose) -> Content {
    let url = Zeroizing::new("https://auth.example.com/l?a=1&t=5f2d".to_owned());
    Content::Link { url, purpose, lifetime: Duration::from_hours(1), asked: somebody() }
}

fn notice(notice: Notice) -> Content {
    let undo = Some(Zeroizing::new("https://auth.example.com/undo?t=5f2d".to_owned()));
    Content::Notice { notice, login_id: "ann".to_owned(), asked: somebody(), undo }
}

fn every_content() -> Vec<(&'static str, Content)> {
    let passkey = || (Method::Passkey, "Work <laptop>".to_owned());
    let (added, removed, renamed, first) = (passkey(), passkey(), passkey(), passkey());
    let nobody = Asked { browser: None, address: None, at: somebody().at };
    vec![
        ("code_to_prove", code(CodePurpose::Prove)),
        ("code_to_verify", code(CodePurpose::Verify)),
        ("link_to_sign_in", link_for(LinkPurpose::SignIn)),
        ("link_to_reset", link_for(LinkPurpose::ResetPassword)),
        ("link_of_invitation", link_for(LinkPurpose::Invitation)),
        ("link_to_sign_up", link_for(LinkPurpose::SignUp)),
        ("link_to_what_is_there", link_for(LinkPurpose::AlreadyThere)),
        ("password_changed", notice(Notice::PasswordChanged)),
        ("password_reset", notice(Notice::PasswordReset)),
        ("factor_added", notice(Notice::FactorAdded { method: added.0, name: added.1 })),
        ("factor_removed", notice(Notice::FactorRemoved { method: removed.0, name: removed.1 })),
        (
            "factor_renamed",
            notice(Notice::OfOwner(OwnAct::FactorRenamed {
                method: renamed.0,
                from: renamed.1,
                to: "Old \u{2028}laptop".to_owned(),
            })),
        ),
        ("factor_first", notice(Notice::OfOwner(OwnAct::FactorFirst { method: first.0, name: first.1 }))),
        ("session_ended", notice(Notice::OfOwner(OwnAct::SessionsEnded { count: 1 }))),
        ("sessions_ended", notice(Notice::OfOwner(OwnAct::SessionsEnded { count: 3 }))),
        ("browser_renamed", notice(Notice::OfOwner(OwnAct::BrowserRenamed { to: "Kitchen laptop".to_owned() }))),
        ("browser_forgotten", notice(Notice::OfOwner(OwnAct::BrowsersForgotten { count: 1 }))),
        ("browsers_forgotten", notice(Notice::OfOwner(OwnAct::BrowsersForgotten { count: 2 }))),
        ("recovery_codes_replaced", notice(Notice::RecoveryCodesReplaced)),
        ("recovery_code_used", notice(Notice::RecoveryCodeUsed { left: 9 })),
        ("recovery_code_used_but_one", notice(Notice::RecoveryCodeUsed { left: 1 })),
        ("recovery_code_used_last", notice(Notice::RecoveryCodeUsed { left: 0 })),
        ("contact_changed", notice(Notice::ContactChanged { to: Some("b…@example.com".to_owned()) })),
        ("contact_removed", notice(Notice::ContactChanged { to: None })),
        ("new_browser", notice(Notice::NewBrowser)),
        ("password_set", notice(Notice::OfOperator(OperatorAct::PasswordSet))),
        (
            "app_handed_out",
            notice(Notice::OfOperator(OperatorAct::AppHandedOut { name: "Authenticator app".to_owned() })),
        ),
        ("second_factors_reset", notice(Notice::OfOperator(OperatorAct::SecondFactorsReset))),
        (
            "notice_without_undo",
            Content::Notice { notice: Notice::NewBrowser, login_id: "ann".to_owned(), asked: somebody(), undo: None },
        ),
        ("trial", Content::Trial { asked: nobody }),
    ]
}

/// Each message in every form. The HTML is left in `target/mail` too, for eyes.
#[test]
fn every_message_in_every_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mail");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in every_content() {
        let words = english(&content);
        let html = Html { words: &words }.render().unwrap();
        fs::write(folder.join(format!("{name}.html")), &html).unwrap();
        let page = said(&words);
        let (head, rest) = page.split_once("---- sms\n").unwrap();
        insta::assert_snapshot!(name, format!("{head}---- html\n{html}\n---- sms\n{rest}"));
    }
}

/// All that a message says, as it is read and heard.
fn said(words: &Words) -> String {
    let plain = Plain { words }.render().unwrap();
    let mut page = format!("Subject: {}\n\n{plain}\n---- sms\n", words.subject());
    let _ = writeln!(page, "{}", *words.texted());
    if let Some(sentences) = words.spoken() {
        let spoken: Vec<_> = sentences.iter().map(|sentence| sentence.as_str()).collect();
        let _ = writeln!(page, "---- voice\n{}", spoken.join("\n"));
    }
    page
}

/// The other languages say the same in the same form: a page of all messages for each.
#[test]
fn every_message_in_every_language() {
    for language in Language::ALL.iter().filter(|language| **language != Language::English) {
        let mut page = String::new();
        for (name, content) in every_content() {
            let words = Words::of(&content, *language, &settings());
            let _ = writeln!(page, "======== {name}\n{}", said(&words));
        }
        insta::assert_snapshot!(language.tag(), page);
    }
}

/// What every kind of factor is called, in a letter that says that one is new.
#[test]
fn every_kind_of_factor_has_a_name_in_every_language() {
    let mut page = String::new();
    for language in Language::ALL {
        for method in Method::ALL {
            let named = notice(Notice::FactorAdded { method: *method, name: "Ann".to_owned() });
            let _ = writeln!(page, "{}", Words::of(&named, *language, &settings()).opening);
        }
    }
    insta::assert_snapshot!("factors", page);
}

/// What a phone takes 160 letters of in one text message (GSM 03.38, 6.2.1), without those that count twice.
const EVERY_PHONE_HAS: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

#[test]
fn a_code_fits_into_one_text_message_in_every_language() {
    for (name, words) in every_wording().filter(|(_, words)| words.code().is_some()) {
        let text = words.texted();
        let foreign: Vec<char> = text.chars().filter(|c| !EVERY_PHONE_HAS.contains(*c)).collect();
        assert!(foreign.is_empty() && text.chars().count() <= 160, "{name}: {foreign:?} in {:?}", *text);
    }
}

#[test]
fn times_and_lengths_are_said_as_people_say_them() {
    let at = |year, month, day| jiff::civil::date(year, month, day).at(9, 5, 0, 0);
    let said = |language: Language| {
        let tongue = tongue::of(language);
        let terms = [1, 60, 120, 3600, 7200, 86_400, 259_200, 90]
            .map(|seconds| tongue.link_terms(Duration::from_secs(seconds)));
        (tongue.time(at(2026, 1, 1)), tongue.time(at(2027, 12, 31)), terms.join(" "))
    };
    for language in Language::ALL {
        let (first, last, terms) = said(*language);
        insta::assert_snapshot!(format!("times_{}", language.tag()), format!("{first}\n{last}\n{terms}"));
    }
}

/// Tags and entities taken out, white space levelled.
fn read_aloud(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1;
    let mut text = String::new();
    for part in body.split('<') {
        text.push(' ');
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&").replace("&#39;", "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn text_and_html_say_the_same() {
    for (name, words) in every_wording() {
        let html = read_aloud(&Html { words: &words }.render().unwrap());
        let plain = Plain { words: &words }.render().unwrap();
        for line in plain.lines().filter(|line| !line.trim().is_empty()) {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(html.contains(&line), "{name}: {line:?} is not in {html:?}");
        }
    }
}

#[test]
fn what_the_operator_has_to_say_is_below_every_letter_and_in_no_text() {
    let (from, route) = ("no-reply@example.com".parse().unwrap(), MailRoute::Outbox("outbox".into()));
    let mail = Mail { from, route, note: Some("Fish & chips?".to_owned()), timeout: Duration::from_secs(10) };
    let settings = Settings { mail: Some(mail), ..settings() };
    for (name, content) in every_content() {
        let words = Words::of(&content, Language::English, &settings);
        let (plain, html) = (Plain { words: &words }.render().unwrap(), Html { words: &words }.render().unwrap());
        assert!(plain.ends_with("\n\nFish & chips?\n"), "{name}: {plain}");
        assert!(read_aloud(&html).ends_with(" Fish & chips?"), "{name}: {html}");
        assert!(!words.texted().contains("Fish"), "{name}");
    }
}

#[test]
fn html_fetches_nothing_and_its_code_stands_alone() {
    for (name, words) in every_wording() {
        let html = Html { words: &words }.render().unwrap();
        assert!(html.contains(&format!("<html lang=\"{}\">", words.lang())), "{name}");
        for foreign in ["<img", "<link", "<style", "<script", "src=", "url(", "@import"] {
            assert!(!html.contains(foreign), "{name}: {foreign}");
        }
        if let Some(code) = words.code() {
            let plain = Plain { words: &words }.render().unwrap();
            assert!(plain.lines().any(|line| line.trim() == code), "{name}: {plain}");
            assert!(html.contains(&format!(">{code}<")), "{name}");
            assert!(!words.subject().contains(code), "{name}: a subject is read on locked screens");
            assert!(words.texted().ends_with(&format!("\n@auth.example.com #{code}")), "{name}");
        }
    }
}

proptest! {
    /// Names that people choose end up in letters: none may begin a header, a line of its own or a tag.
    #[test]
    fn no_name_breaks_out_of_its_place(
        organisation in "(\\PC|\r|\n|\t){1,60}",
        name in "[a-z]{0,5}(\r\n|\n|\r)(Bcc: eve@example.com|\\.\r\n|<b>)(\\PC|\n){0,20}",
    ) {
        let content = notice(Notice::FactorAdded { method: Method::Passkey, name });
        let words = Words::of(&content, Language::English, &Settings { organisation, ..settings() });
        let from: Mailbox = "no-reply@example.com".parse().unwrap();
        let to = EmailAddress::parse("ann@example.com").unwrap();

        let letter = letter::write(&words, &from, &to, somebody().at, &SystemEntropy).unwrap();

        let text = String::from_utf8(letter.formatted()).unwrap();
        let head = text.split_once("\r\n\r\n").unwrap().0;
        let known = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
        for line in head.split("\r\n") {
            let is_known = line.split_once(": ").is_some_and(|(name, _)| known.contains(&name));
            prop_assert!(is_known || line.starts_with([' ', '\t']), "{line:?}");
            prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
        }
        prop_assert!(!words.opening.contains(['\r', '\n']));
        let html = Html { words: &words }.render().unwrap();
        prop_assert!(!html.contains("<b>"));
    }
}
