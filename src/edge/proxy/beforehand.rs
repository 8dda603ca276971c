//! What is read of a body before anything is decided: a form, where routes ask for its fields; all of it, where a proof pays
//! for this very request. Whatever was read goes on byte for byte.

use super::{
    Asked, Proxy,
    answer::{self, Refused},
    body::{BodyError, RequestBody},
    challenge::form_page,
    deliver::Brought,
    head::Head,
    hold::refusal_for,
    kind::Kind,
    pace::{Pace, drain},
    records::Stuck,
    shelf::{Place, Shelf},
};
use crate::{
    domain::{
        policy::{
            call::Form,
            once::{Fingerprint, Traits},
        },
        record::Hitch,
        secret::sha256,
        target::CanonicalPath,
    },
    edge::http::refusal::{Refusal, WayOut},
    flows::hold::{self, Found, LostPart},
    ports::{StoreError, upstream::Upstream},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body as _;

/// Longest form that is looked into.
pub const FORM_BYTES_MAX: u64 = 64 * 1024;

/// A form that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadForm {
    /// There is no body.
    Empty,
    /// Its fields, as they were sent.
    Fields(String),
    /// Something that is no such form.
    Opaque,
}

impl ReadForm {
    /// The form of these bytes, which an application would read by these header fields.
    pub fn of(headers: &HeaderMap, body: Vec<u8>) -> Self {
        match String::from_utf8(body) {
            Ok(text) if text.is_empty() => Self::Empty,
            Ok(text) if is_urlencoded(headers) => Self::Fields(text),
            Ok(_) | Err(_) => Self::Opaque,
        }
    }

    /// What routes see of it; of one that nobody looked into, that.
    pub fn seen(form: Option<&Self>) -> Form<'_> {
        match form {
            None => Form::Unread,
            Some(Self::Empty) => Form::Empty,
            Some(Self::Fields(text)) => Form::Fields(text),
            Some(Self::Opaque) => Form::Opaque,
        }
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// The form that a request brings.
    pub(super) async fn form_in(&self, asked: &Asked<'_>, brought: &mut Brought) -> Result<ReadForm, Box<Stuck>> {
        match brought {
            Brought::Body(body) if body.is_end_stream() => Ok(ReadForm::Empty),
            Brought::Body(_) if !is_urlencoded(asked.headers) => Ok(ReadForm::Opaque),
            Brought::Body(body) => {
                let read = self.read_whole(asked, body, FORM_BYTES_MAX).await?;
                Ok(ReadForm::of(asked.headers, read.to_vec()))
            }
            Brought::Form(_, Found::Waiting(waiting)) if waiting.size > FORM_BYTES_MAX => {
                Err(Stuck::on_body(&BodyError::TooLarge, self.refuse(asked, Refusal::TooLarge, None)))
            }
            Brought::Form(token, Found::Waiting(waiting)) => {
                let (world, token, waiting) = (self.world.clone(), token.clone(), waiting.clone());
                let read = self.on_slow(async move {
                    match hold::look_into(&world, &token, &waiting).await {
                        Ok(body) => Ok(Some(body)),
                        Err(LostPart::Gone) => Ok(None),
                        Err(LostPart::Store(error)) => Err::<_, StoreError>(error),
                    }
                });
                match read.await {
                    Ok(Some(body)) => Ok(ReadForm::of(asked.headers, body)),
                    Ok(None) => {
                        let own = self.refuse(asked, Refusal::OurFault, None);
                        Err(Box::new(Stuck { own, hitch: Hitch::BrokenOff }))
                    }
                    Err(error) => Err(self.stuck_on_store(asked, &error)),
                }
            }
            // Nothing goes to the application any more: all that is left is to say so.
            Brought::Form(_, Found::Sent | Found::Gone) => Ok(ReadForm::Empty),
        }
    }

    /// Which request this is, where a proof can pay for it.
    pub(super) async fn fingerprint(
        &self,
        asked: &Asked<'_>,
        path: &CanonicalPath<'_>,
        query: Option<&str>,
        brought: &mut Brought,
    ) -> Result<Option<Fingerprint>, Box<Stuck>> {
        let content_type = asked.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        let body = match brought {
            _ if !Head::from(asked).is_payable() => return Ok(None),
            Brought::Body(body) => sha256(&self.read_whole(asked, body, self.world.settings.hold.body_max).await?),
            Brought::Form(_, Found::Waiting(waiting)) => waiting.digest,
            Brought::Form(_, Found::Sent | Found::Gone) => return Ok(None),
        };
        let (method, host) = (asked.method.as_str(), &asked.authority.host);
        Ok(Some(Fingerprint::of(&Traits { method, host, path: path.as_str(), query, content_type, body })))
    }

    /// All of a body, at most `bytes_max` of it; it is put back as it was.
    async fn read_whole(&self, asked: &Asked<'_>, body: &mut RequestBody, bytes_max: u64) -> Result<Bytes, Box<Stuck>> {
        match whole(body, bytes_max, &self.shelf).await {
            Ok((read, place)) => {
                *body = RequestBody::shelved(read.clone(), place);
                Ok(read)
            }
            Err(error) => {
                let is_form = matches!(asked.kind, Kind::Form | Kind::Framed);
                if is_form && matches!(error, BodyError::TooLarge | BodyError::NoRoom) {
                    drain(body).await;
                }
                let form = form_page(asked);
                let way_out = is_form.then_some(WayOut { label: "Back to the form", url: form.as_str() });
                let refused = Refused { refusal: refusal_for(&error), login_id: None, way_out, id: asked.id };
                Err(Stuck::on_body(&error, answer::refuse(asked.kind, &self.brand, &refused)))
            }
        }
    }
}

/// All of a body, and the room that it takes. One that can't be read takes none.
async fn whole(body: &mut RequestBody, bytes_max: u64, shelf: &Shelf) -> Result<(Bytes, Place), BodyError> {
    if body.size_hint().lower() > bytes_max {
        return Err(BodyError::TooLarge);
    }
    let (mut coming, mut read, mut place) = (Pace::begin(), BytesMut::new(), shelf.place());
    while let Some(data) = coming.next(body).await? {
        read.extend(data);
        if u64::try_from(read.len()).unwrap_or(u64::MAX) > bytes_max {
            return Err(BodyError::TooLarge);
        }
        // Forms that routes look into are short, and room for the rest must not hang on theirs.
        if bytes_max > FORM_BYTES_MAX {
            place.cover(read.len())?;
        }
    }
    Ok((read.freeze(), place))
}

/// Whether every application reads such a body as a form with fields, and in one way.
pub fn is_urlencoded(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else { return false };
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let is_plain =
        ["", "charset=utf-8", "charset=\"utf-8\""].iter().any(|one| parameters.trim().eq_ignore_ascii_case(one));
    let is_form = kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    is_form && is_plain && !headers.contains_key(header::CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::proxy::shelf::Shelf;
    use http::HeaderValue;
    use tokio::sync::mpsc;

    /// All the room that there is.
    const SHELF: usize = 64 * 1024 * 1024;

    fn headers(fields: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_what_everybody_reads_alike_is_a_form() {
        let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (fields, expected) in [
            (&[form.clone()][..], true),
            (&[(header::CONTENT_TYPE, "Application/X-WWW-Form-Urlencoded; charset=UTF-8")], true),
            (&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-16")], false),
            (&[(header::CONTENT_TYPE, "multipart/form-data; boundary=x")], false),
            (&[(header::CONTENT_TYPE, "text/plain")], false),
            (&[form.clone(), form.clone()], false),
            (&[form.clone(), (header::CONTENT_ENCODING, "gzip")], false),
            (&[], false),
        ] {
            assert_eq!(is_urlencoded(&headers(fields)), expected, "{fields:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let (body, shelf) = (|| RequestBody::held(Bytes::from_static(b"op=transfer")), Shelf::default());

        assert_eq!(whole(&mut body(), 11, &shelf).await.unwrap().0, "op=transfer");
        assert!(matches!(whole(&mut body(), 10, &shelf).await, Err(BodyError::TooLarge)));
    }

    #[tokio::test]
    async fn a_body_that_turns_out_to_be_too_long_takes_no_room_any_more() {
        let (sender, coming) = mpsc::channel(2);
        for _ in 0..2 {
            sender.send(Ok(vec![0; SHELF / 2].into())).await.unwrap();
        }
        let (shelf, max) = (Shelf::default(), u64::try_from(SHELF).unwrap() - 1);
        // It does not say how long it is.
        let mut body = RequestBody::kept(coming, 0);

        assert!(matches!(whole(&mut body, max, &shelf).await, Err(BodyError::TooLarge)));

        assert_eq!(shelf.place().cover(SHELF), Ok(()), "while its rest is still drained");
    }
}
