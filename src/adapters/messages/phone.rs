//! Text messages and calls, by a service that is asked over HTTP.

use super::{
    http::{Answer, Client, Question},
    outbox,
    settings::{BodyKind, HttpTemplate, Phone, PhoneRoute, Twilio},
    wording::Words,
};
use crate::{
    adapters::upstream::NotTrusted,
    domain::{
        contact::{Channel, PhoneNumber},
        time::Timestamp,
    },
    ports::{Entropy, NotSent},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use std::fmt::Write as _;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

/// What reaches phones by one channel.
pub(super) struct Caller {
    channel: Channel,
    phone: Phone,
    client: Client,
}

impl Caller {
    pub(super) fn new(channel: Channel, phone: Phone) -> Result<Self, NotTrusted> {
        let client = Client::new(phone.timeout)?;
        Ok(Self { channel, phone, client })
    }

    pub(super) async fn send(
        &self,
        words: &Words,
        to: &PhoneNumber,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), NotSent> {
        if !self.phone.countries.iter().any(|prefix| prefix.covers(to)) {
            return Err(NotSent::Refused(format!("the config's [{}] names no country of this number", self.channel)));
        }
        let said = Said::of(words, self.channel)?;
        let question = match &self.phone.route {
            PhoneRoute::Outbox(folder) => {
                let file = format!("To: {to}\n\n{}\n", *said.text).into_bytes();
                let extension = if self.channel == Channel::Voice { "voice.txt" } else { "sms.txt" };
                return outbox::put(folder, extension, at, file, entropy).await;
            }
            PhoneRoute::Twilio(twilio) => twilio_question(twilio, self.channel, to, &said),
            PhoneRoute::Http(template) => own_question(template, to, &said),
        };
        let question = question.ok_or_else(|| NotSent::Unavailable("the request can't be written".to_owned()))?;
        let answer = self.client.ask(question).await.map_err(|error| NotSent::Unavailable(error.to_string()))?;
        verdict(&answer)
    }
}

/// A message as a phone gets it.
struct Said {
    text: Zeroizing<String>,
    /// One by one, if it is read out.
    sentences: Vec<Zeroizing<String>>,
    voice: &'static str,
    code: Zeroizing<String>,
}

impl Said {
    fn of(words: &Words, channel: Channel) -> Result<Self, NotSent> {
        let code = Zeroizing::new(words.code().unwrap_or_default().to_owned());
        if channel != Channel::Voice {
            return Ok(Self { text: words.texted(), sentences: Vec::new(), voice: words.voice(), code });
        }
        let sentences =
            words.spoken().ok_or_else(|| NotSent::Refused("a link can't be read out over the phone".to_owned()))?;
        let all: Vec<&str> = sentences.iter().map(|sentence| sentence.as_str()).collect();
        Ok(Self { text: Zeroizing::new(all.join(" ")), sentences, voice: words.voice(), code })
    }
}

fn twilio_question(twilio: &Twilio, channel: Channel, to: &PhoneNumber, said: &Said) -> Option<Question> {
    let (resource, field, content) = match channel {
        Channel::Voice => ("Calls.json", "Twiml", twiml(said)),
        _ => ("Messages.json", "Body", said.text.clone()),
    };
    let mut url = twilio.url.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(["2010-04-01", "Accounts", &twilio.account, resource]);
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("To", to.as_str())
        .append_pair("From", &twilio.from)
        .append_pair(field, &content)
        .finish();
    let mut login = Zeroizing::new(format!("{}:", twilio.account).into_bytes());
    login.extend_from_slice(twilio.token.expose());
    let mut login = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(&*login))).ok()?;
    login.set_sensitive(true);
    let kind = HeaderValue::from_static(BodyKind::Form.media_type());
    let headers = vec![(header::AUTHORIZATION, login), (header::CONTENT_TYPE, kind)];
    Some(Question { url, method: Method::POST, headers, body: Bytes::from(body) })
}

/// What Twilio reads out: each sentence, and a second to write something down.
fn twiml(Said { sentences, voice, .. }: &Said) -> Zeroizing<String> {
    let mut text = Zeroizing::new("<Response>".to_owned());
    for sentence in sentences {
        let escaped = sentence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Writing to a String can't fail.
        let _ = write!(text, "<Say language=\"{voice}\">{escaped}</Say><Pause length=\"1\"/>");
    }
    text.push_str("</Response>");
    text
}

fn own_question(template: &HttpTemplate, to: &PhoneNumber, said: &Said) -> Option<Question> {
    let places = [("{to}", to.as_str()), ("{text}", &said.text), ("{code}", &said.code)];
    let url = Url::parse(&fill(&template.url, &places, in_url)).ok()?;
    let body = match template.content {
        BodyKind::Json => fill(&template.body, &places, in_json),
        BodyKind::Form => fill(&template.body, &places, in_form),
        BodyKind::Plain => fill(&template.body, &places, ToOwned::to_owned),
    };
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(template.content.media_type()))];
    headers.extend(template.headers.iter().cloned());
    Some(Question { url, method: template.method.clone(), headers, body: Bytes::from(body) })
}

/// Fills in values. What is filled in is not looked at again: a name may hold a place.
fn fill(template: &str, places: &[(&str, &str)], escape: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, tail) = rest.split_at(at);
        filled.push_str(before);
        let place = places.iter().find_map(|(place, value)| Some((tail.strip_prefix(place)?, *value)));
        rest = if let Some((after, value)) = place {
            filled.push_str(&escape(value));
            after
        } else {
            filled.push('{');
            tail.get(1..).unwrap_or_default()
        };
    }
    filled.push_str(rest);
    filled
}

/// As it stands inside quotes.
fn in_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

fn in_form(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

/// A space is `+` in forms only.
fn in_url(value: &str) -> String {
    in_form(value).replace('+', "%20")
}

fn verdict(Answer { status, body, .. }: &Answer) -> Result<(), NotSent> {
    if status.is_success() {
        return Ok(());
    }
    let told = match error_number(body) {
        Some(number) => format!("the service answered {} with error {number}", status.as_u16()),
        None => format!("the service answered {}", status.as_u16()),
    };
    // These are about us, not about the number.
    let ours =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    let refused = status.is_client_error() && !ours.contains(status);
    Err(if refused { NotSent::Refused(told) } else { NotSent::Unavailable(told) })
}

/// The number under which Twilio explains an error. Nothing else of an answer is repeated: services echo what they got.
fn error_number(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(body).ok()?.get("code")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_filled_into_json_comes_out_again(value in "\\PC*|.*", other in "[{}a-z]*") {
            let places = [("{to}", other.as_str()), ("{text}", value.as_str()), ("{code}", "123456")];
            let filled = fill(r#"{"a":["{text}",{"b":"{to}"}],"c":"{code}"}"#, &places, in_json);
            let read: serde_json::Value = serde_json::from_str(&filled).unwrap();
            prop_assert_eq!(&read["a"][0], &value);
            prop_assert_eq!(&read["a"][1]["b"], &other);
            prop_assert_eq!(&read["c"], "123456");
        }

        #[test]
        fn what_is_filled_into_forms_and_urls_comes_out_again(value in "\\PC*|.*") {
            let places = [("{text}", value.as_str())];
            let filled = fill("a=1&text={text}&b={x}", &places, in_form);
            let read: Vec<_> = form_urlencoded::parse(filled.as_bytes()).into_owned().collect();
            prop_assert_eq!(&read[1], &("text".to_owned(), value.clone()));
            let url = Url::parse(&fill("https://sms.example.com/x?text={text}&b=2", &places, in_url)).unwrap();
            let read: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(&read[0], &("text".to_owned(), value.clone()));
            prop_assert_eq!(read.len(), 2);
        }
    }

    #[test]
    fn what_twilio_reads_out_is_text() {
        let sentences = vec![Zeroizing::new("Smith & Sons <b>".to_owned())];
        let said = Said { text: Zeroizing::default(), sentences, voice: "de-DE", code: Zeroizing::default() };
        assert_eq!(
            *twiml(&said),
            "<Response><Say language=\"de-DE\">Smith &amp; Sons &lt;b&gt;</Say><Pause length=\"1\"/></Response>"
        );
    }
}
