//! Letters that the gateway puts into a folder instead of sending them.

use crate::{
    gateway::Site,
    process::{PATIENCE, POLL},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::time::{sleep, timeout};

/// The folder where the letters of a site are put.
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// That of this site, once its configuration has [`section`](Self::section).
    pub fn of(site: &Site) -> Self {
        Self { folder: site.folder().join("outbox") }
    }

    /// What a configuration says to have letters put there.
    pub fn section(&self) -> String {
        format!("\n[mail]\nfrom = \"no-reply@example.com\"\nurl = \"outbox:{}\"\n", self.folder.display())
    }

    /// The text of a letter to this address whose subject holds `about`, once there is one. It is gone from the folder then.
    pub async fn take(&self, to: &str, about: &str) -> String {
        let waiting = async {
            loop {
                if let Some((path, text)) = self.find(to, about) {
                    fs::remove_file(path).unwrap();
                    return text;
                }
                sleep(POLL).await;
            }
        };
        let taken = timeout(PATIENCE, waiting).await;
        taken.unwrap_or_else(|_| panic!("no letter to {to} about {about}, only {:?}", self.subjects()))
    }

    /// The subjects of all letters that are there now, the oldest first.
    pub fn subjects(&self) -> Vec<String> {
        self.letters().into_iter().map(|(_, letter)| field(&letter, "Subject").to_owned()).collect()
    }

    fn find(&self, to: &str, about: &str) -> Option<(PathBuf, String)> {
        let mut letters = self.letters().into_iter();
        let (path, letter) =
            letters.find(|(_, letter)| field(letter, "To") == to && field(letter, "Subject").contains(about))?;
        Some((path, text(&letter)))
    }

    fn letters(&self) -> Vec<(PathBuf, String)> {
        letters_in(&self.folder)
    }
}

/// The letters in a folder, the oldest first. What is still being written there has another name.
pub fn letters_in(folder: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == "eml")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The plain text of a letter.
pub fn text(letter: &str) -> String {
    let (_, part) = letter.split_once("Content-Type: text/plain").unwrap();
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    let body = body.split("\r\n--").next().unwrap();
    let bytes = match field(head, "Content-Transfer-Encoding") {
        "quoted-printable" => unquoted(body),
        "base64" => BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).unwrap()
}

/// What a letter asks for: the code or link that stands in a line of its own.
pub fn cargo(text: &str) -> &str {
    let line = text.lines().find_map(|line| line.strip_prefix("    "));
    line.unwrap_or_else(|| panic!("nothing to type or open in {text}")).trim()
}

fn field<'a>(letter: &'a str, name: &str) -> &'a str {
    let mut fields = letter.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name).map_or("", |(_, value)| value)
}

/// RFC 2045, section 6.7.
fn unquoted(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    let (first, rest) = body.split_once('=').map_or((&*body, None), |(first, rest)| (first, Some(rest)));
    let mut bytes = first.as_bytes().to_vec();
    for part in rest.into_iter().flat_map(|rest| rest.split('=')) {
        let (hex, plain) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend_from_slice(plain.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_letters_quote_is_read() {
        assert_eq!(unquoted("a=3Db=\r\nc =E2=80=9Cd"), "a=bc “d".as_bytes());
        let letter = "Subject: x\r\n\r\n--1\r\nContent-Type: text/plain; charset=utf-8\r\n\
                      Content-Transfer-Encoding: quoted-printable\r\n\r\nType:\r\n\r\n    12=\r\n3456\r\n\r\n--1--";
        assert_eq!(cargo(&text(letter)), "123456");
    }
}
