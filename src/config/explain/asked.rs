//! What is asked of `explain`: a request, who sends it, what they have proven.

use crate::{
    config::{
        Settings,
        duration::{self, NotADuration},
        suggest::either,
    },
    domain::{
        factor::Method,
        risk::{Assessment, Score, Signal},
        time::Timestamp,
        user::LoginId,
    },
    edge::proxy::beforehand::{ReadForm, is_urlencoded},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, header::CONTENT_TYPE};
use std::{fmt, net::IpAddr, time::Duration};

/// A request as a browser would send it. Host and path are kept as written: whether they are any good is part of the
/// explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: Verb,
    /// Host and port.
    pub authority: String,
    /// From the first slash to the question mark.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// Its header fields.
    pub fields: HeaderMap,
    /// The form in its body; there is none where it has no fields.
    pub form: Vec<(String, String)>,
    /// For whom it is made; nobody knows where it is not said.
    pub client: Option<IpAddr>,
    /// For how long nobody had used the browser before it.
    pub idle: Duration,
    /// Whether a remembered browser spared the second step of their sign-in.
    pub remembered: bool,
    /// A proof that was made for this very request.
    pub paid: Option<Did>,
}

/// Why a text is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARequest {
    /// There is no space in it.
    #[error("expected a method, a space and a URL")]
    NoUrl,
    /// No method could be spelled so.
    #[error("the method is not made of letters")]
    Method,
    /// The gateway serves nothing else.
    #[error("expected a URL that begins with https://")]
    NotHttps,
}

impl Request {
    /// Reads `METHOD https://host/path?query`.
    pub fn parse(line: &str) -> Result<Self, NotARequest> {
        let (method, url) = line.trim().split_once(' ').ok_or(NotARequest::NoUrl)?;
        let method = Verb::from_bytes(method.as_bytes()).map_err(|_| NotARequest::Method)?;
        let rest = url.trim_start().strip_prefix("https://").ok_or(NotARequest::NotHttps)?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        // A browser writes the slash where people leave it out.
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self {
            method,
            authority: authority.to_owned(),
            path: path.to_owned(),
            query,
            fields: HeaderMap::new(),
            form: Vec::new(),
            client: None,
            idle: Duration::ZERO,
            remembered: false,
            paid: None,
        })
    }

    /// The form in its body, as the data plane reads it, and the header fields that go with it. Where nobody says what the
    /// body is, a form says so itself, as browsers do; and what says that it is something else has something in it.
    pub(super) fn sent(&self) -> (HeaderMap, ReadForm) {
        let mut fields = self.fields.clone();
        if self.form.is_empty() {
            let is_other = fields.contains_key(CONTENT_TYPE) && !is_urlencoded(&fields);
            return (fields, if is_other { ReadForm::Opaque } else { ReadForm::Empty });
        }
        fields.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.form).finish();
        let form = ReadForm::of(&fields, body.into_bytes());
        (fields, form)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = if self.query.is_some() { "?" } else { "" };
        let query = self.query.as_deref().unwrap_or_default();
        write!(f, "{} https://{}{}{question}{query}", self.method, self.authority, self.path)
    }
}

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a date, a time and a zone: 2026-02-06T09:00:00Z or 2026-02-06T09:00[Europe/Berlin]")]
pub struct NotAMoment;

/// Reads `2026-02-06T09:00:00Z` or `2026-02-06T09:00[Europe/Berlin]`.
pub fn moment(text: &str) -> Result<Timestamp, NotAMoment> {
    let zoned = || text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| zoned()).map_err(|_| NotAMoment)?;
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

/// Why a text is no header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a name, a colon and a value: `Accept: text/html`")]
pub struct NotAField;

/// Reads `Name: value`.
pub fn field(text: &str) -> Result<(HeaderName, HeaderValue), NotAField> {
    let (name, value) = text.split_once(':').ok_or(NotAField)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotAField)?;
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| NotAField)?))
}

/// Why a text is no field of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a name, an equals sign and a value: `op=transfer`")]
pub struct NotAFormField;

/// Reads `name=value`.
pub fn form_field(text: &str) -> Result<(String, String), NotAFormField> {
    let (name, value) = text.split_once('=').ok_or(NotAFormField)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// One proof and its age: `totp 10m ago`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Did {
    /// How it was proven.
    pub method: Method,
    /// How long before the request.
    pub ago: Duration,
}

/// Why a text is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADid {
    /// Nothing of the kind.
    #[error("expected a method, an age and `ago`")]
    Form,
    /// No method is called so.
    #[error("expected {} as the method", either(Method::ALL.iter().map(|method| method.name())))]
    Method,
    /// The age is none.
    #[error(transparent)]
    Age(#[from] NotADuration),
}

impl Did {
    /// Reads `totp 10m ago`; `totp now` has no age.
    pub fn parse(text: &str) -> Result<Self, NotADid> {
        let (method, age) = text.trim().split_once(' ').ok_or(NotADid::Form)?;
        let method = Method::by_name(method).ok_or(NotADid::Method)?;
        let ago = match age.trim() {
            "now" => Duration::ZERO,
            age => duration::parse(age.strip_suffix("ago").ok_or(NotADid::Form)?)?,
        };
        Ok(Self { method, ago })
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ago {
            Duration::ZERO => write!(f, "{} now", self.method),
            ago => write!(f, "{} {} ago", self.method, duration::spell(ago)),
        }
    }
}

/// How risky the sign-in of a session was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Risk {
    /// So much, for whatever reasons.
    Score(Score),
    /// As much as these weigh in `[risk]`.
    Signals(Vec<Signal>),
}

/// Why a text is no risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a score of at most 100, or signals: {}", either(Signal::ALL.iter().map(|signal| signal.name())))]
pub struct NotARisk;

impl Risk {
    /// Reads `40`, or `new-device,new-country`.
    pub fn parse(text: &str) -> Result<Self, NotARisk> {
        if let Ok(score) = text.trim().parse() {
            return Score::new(score).map(Self::Score).ok_or(NotARisk);
        }
        let signals = text.split(',').map(|name| Signal::by_name(name.trim()));
        signals.collect::<Option<_>>().map(Self::Signals).ok_or(NotARisk)
    }

    /// What the sign-in was assessed as; nothing weighs anything where there is no `[risk]`.
    pub(super) fn assessed(&self, settings: &Settings) -> Assessment {
        match self {
            Self::Score(score) => Assessment { score: *score, signals: Vec::new() },
            Self::Signals(signals) => {
                let weights = settings.risk.as_ref().map(|risk| risk.rules.weights.clone()).unwrap_or_default();
                Assessment::of(signals.clone(), &weights)
            }
        }
    }
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Their login id.
    pub name: LoginId,
    /// Their groups.
    pub groups: Vec<String>,
}
