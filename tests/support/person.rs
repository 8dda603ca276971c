//! Somebody with an account, and what they do at the portal: as a browser would, form by form.

use crate::gateway::Site;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, RequestBuilder, Url};
use std::time::{Duration, SystemTime};

/// What everybody's password is.
pub const PASSWORD: &str = "correct horse battery staple";

/// How long one code of an authenticator app counts.
const STEP: Duration = Duration::from_secs(30);

/// More redirects than any way through the portal has.
const REDIRECTS_MAX: usize = 10;

/// Somebody with an account.
pub struct Person {
    /// What they type to sign in.
    pub login_id: String,
    /// What their authenticator app was given; empty where they have none.
    key: Vec<u8>,
}

impl Person {
    /// Adds an account with a password and an authenticator app, as an operator would.
    pub fn add(site: &Site, login_id: &str, groups: &[&str]) -> Self {
        Self::add_without_app(site, login_id, groups).with_app(site)
    }

    /// Adds an account that has nothing but its password.
    pub fn add_without_app(site: &Site, login_id: &str, groups: &[&str]) -> Self {
        let groups: Vec<_> = groups.iter().flat_map(|group| ["--group", group]).collect();
        Self::add_as(site, login_id, &groups)
    }

    /// Adds an account with a password and an e-mail address that the operator vouches for.
    pub fn add_with_mail(site: &Site, login_id: &str, address: &str) -> Self {
        Self::add_as(site, login_id, &["--email", address])
    }

    /// Adds an account with a password, and an e-mail address and a phone number that the operator vouches for.
    pub fn add_with_phone(site: &Site, login_id: &str, address: &str, number: &str) -> Self {
        Self::add_as(site, login_id, &["--email", address, "--phone", number])
    }

    fn add_as(site: &Site, login_id: &str, options: &[&str]) -> Self {
        told(site, &[&["user", "add", login_id, "--json"], options].concat(), &format!("{PASSWORD}\n"));
        Self { login_id: login_id.to_owned(), key: Vec::new() }
    }

    /// Somebody who made their account themselves.
    pub fn known(login_id: &str) -> Self {
        Self { login_id: login_id.to_owned(), key: Vec::new() }
    }

    /// The same person, with one more authenticator app.
    #[must_use]
    pub fn with_app(mut self, site: &Site) -> Self {
        let told = told(site, &["user", "enroll-totp", &self.login_id, "--json"], "");
        self.set_up_app(told["key"].as_str().unwrap());
        self
    }

    /// Takes over the key that a page shows.
    pub fn set_up_app(&mut self, key: &str) {
        self.key = base32(key);
    }

    /// The code that their app shows now. It opens one door, once.
    pub fn code(&self) -> String {
        self.code_of_step(now().as_secs() / STEP.as_secs())
    }

    /// The code that their app showed until a moment ago. It still counts, where no later one was used.
    pub fn last_code(&self) -> String {
        self.code_of_step(now().as_secs() / STEP.as_secs() - 1)
    }

    /// RFC 6238, with the defaults that all apps have.
    fn code_of_step(&self, step: u64) -> String {
        let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.key), &step.to_be_bytes());
        let bytes = tag.as_ref();
        let at = usize::from(bytes[19] & 15);
        let number = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// Goes to a page, answers whatever the portal asks on the way with password and code, and arrives somewhere.
    pub async fn visit(&self, client: &Client, url: &str) -> Page {
        let page = visit(client, url).await;
        let page = if page.is_at("/login") { self.type_password(client, &page).await } else { page };
        if page.is_at("/challenge/totp") { self.type_code(client, &page).await } else { page }
    }

    /// Fills in the form at `/login`, and goes where that leads.
    pub async fn type_password(&self, client: &Client, page: &Page) -> Page {
        page.submit(client, "/login", &[("login_id", &self.login_id), ("password", PASSWORD)]).await
    }

    /// Fills in the form at `/challenge/totp`, and goes where that leads.
    pub async fn type_code(&self, client: &Client, page: &Page) -> Page {
        page.submit(client, "/challenge/totp", &[("code", &self.code())]).await
    }
}

/// A page that somebody has arrived at.
#[derive(Debug)]
pub struct Page {
    /// Where it is.
    pub url: Url,
    /// How it was answered.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// What is on it.
    pub text: String,
}

impl Page {
    /// Whether it has this path.
    pub fn is_at(&self, path: &str) -> bool {
        self.url.path() == path
    }

    /// What the first hidden field of this name holds.
    pub fn hidden(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("type=\"hidden\" name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }

    /// Sends a form of this page, its hidden fields too, and goes where the answer leads.
    pub async fn submit(&self, client: &Client, action: &str, fields: &[(&str, &str)]) -> Self {
        arrive(client, self.submission(client, action, fields)).await
    }

    /// The same, not sent yet.
    pub fn submission(&self, client: &Client, action: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let hidden = ["csrf", "to", "offer"].map(|name| self.hidden(name).map(|value| (name, value)));
        let fields: Vec<_> = hidden.into_iter().flatten().chain(fields.iter().copied()).collect();
        let request = navigation(client.post(self.url.join(action).unwrap()));
        request.header(header::ORIGIN, self.url.origin().ascii_serialization()).form(&fields)
    }
}

/// Goes to a page, wherever that leads.
pub async fn visit(client: &Client, url: &str) -> Page {
    arrive(client, navigation(client.get(url))).await
}

/// What a browser says of a request that a person makes in its window.
pub fn navigation(request: RequestBuilder) -> RequestBuilder {
    let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    request.header("sec-fetch-site", "same-origin").header(header::ACCEPT, "text/html")
}

/// Sends a request and follows where it leads.
pub async fn arrive(client: &Client, request: RequestBuilder) -> Page {
    let mut answer = request.send().await.unwrap();
    for _ in 0..REDIRECTS_MAX {
        let url = answer.url().clone();
        let Some(location) = answer.headers().get(header::LOCATION).filter(|_| answer.status().is_redirection()) else {
            let (status, headers) = (answer.status(), answer.headers().clone());
            return Page { url, status, headers, text: answer.text().await.unwrap() };
        };
        let next = url.join(location.to_str().unwrap()).unwrap();
        answer = navigation(client.get(next)).send().await.unwrap();
    }
    panic!("redirected for ever, last from {}", answer.url());
}

/// What a verb of the command line answers.
fn told(site: &Site, verb: &[&str], input: &str) -> serde_json::Value {
    let output = site.run(verb, input);
    assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn base32(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(u8::is_ascii_alphanumeric).map(|digit| match digit {
        b'2'..=b'7' => digit - b'2' + 26,
        _ => digit.to_ascii_uppercase() - b'A',
    });
    let bits: Vec<u8> = digits.flat_map(|digit| (0..5).rev().map(move |at| (digit >> at) & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| (sum << 1) | bit)).collect()
}

#[expect(clippy::disallowed_methods, reason = "an authenticator app asks the machine")]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let key = base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let person = Person { login_id: String::new(), key };

        assert_eq!(person.key, b"12345678901234567890");
        assert_eq!([1, 37_037_036].map(|step| person.code_of_step(step)), ["287082", "081804"]);
    }
}
