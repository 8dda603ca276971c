//! What routes look at in a request, and what they may ask of it beside method and path.

pub mod extract;
mod network;
pub mod query;
pub mod verdicts;

pub use network::{Nets, Network};

use self::{query::Query, verdicts::Verdicts};
use super::{Visitor, hours::Hours, who::Who};
use crate::domain::{target::CanonicalPath, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One request, as routes see it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a CanonicalPath<'a>,
    /// What follows the question mark, as it was sent.
    pub query: Option<&'a str>,
    /// Its header fields, as the application gets them.
    pub fields: &'a dyn Fields,
    /// For whom it is made, where that is known.
    pub client: Option<IpAddr>,
    /// What its body says.
    pub form: Form<'a>,
    /// Who sends it; `None` until somebody has looked.
    pub visitor: Option<&'a Visitor>,
    /// When.
    pub now: Timestamp,
}

/// What a request's body says, as a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// Nobody has looked yet.
    Unread,
    /// Nothing: there is no body.
    Empty,
    /// These fields, as they were sent: `application/x-www-form-urlencoded`.
    Fields(&'a str),
    /// Something that is no such form, and that an application may all the same find fields in.
    Opaque,
    /// It was judged, and is gone.
    Judged(&'a Verdicts),
}

/// Header fields, in whatever form they came.
pub trait Fields {
    /// Shows each field: its name and its value.
    fn each(&self, see: &mut dyn FnMut(&str, &[u8]));
}

/// None at all.
#[derive(Debug, Clone, Copy)]
pub struct NoFields;

impl Fields for NoFields {
    fn each(&self, _: &mut dyn FnMut(&str, &[u8])) {}
}

impl Fields for Vec<(String, String)> {
    fn each(&self, see: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self {
            see(name, value.as_bytes());
        }
    }
}

/// What conditions read of a call, once for all of them.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub(super) query: Query<'a>,
    /// Empty where nobody looked into it, or where it is no form.
    form: Query<'a>,
}

impl<'a> Read<'a> {
    pub(super) fn of(call: &Call<'a>) -> Self {
        Self::new(call.query, call.form)
    }

    fn new(query: Option<&'a str>, form: Form<'a>) -> Self {
        let form = match form {
            Form::Fields(text) => Some(text),
            Form::Unread | Form::Empty | Form::Opaque | Form::Judged(_) => None,
        };
        Self { query: Query::of(query), form: Query::of(form) }
    }
}

/// What a route asks of a request beside method and path. All of it must hold; nothing is asked where it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Parameters of the query.
    pub query: Vec<Named>,
    /// Header fields, their names in lower case.
    pub fields: Vec<Named>,
    /// Fields of the form in its body.
    pub form: Vec<Named>,
    /// Networks of which the client must be in one; any where there is none.
    pub networks: Vec<Network>,
    /// When.
    pub hours: Option<Hours>,
    /// Whose requests.
    pub who: Option<Who>,
}

/// Something with a name and the value that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What it must hold.
    pub wanted: Wanted,
}

/// What something must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Whatever it likes, but it must be there.
    Anything,
    /// Exactly this.
    Text(String),
}

/// Which part of a route did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// Its methods.
    Method,
    /// Its path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header field.
    Field,
    /// A field of the form in its body.
    Form,
    /// The networks it is for.
    Network,
    /// The hours it is for.
    Hours,
    /// The people it is for.
    Who,
    /// Nothing yet; but it is for certain people, and nobody has looked who sends the request.
    Unasked,
    /// Nothing yet; but it is for certain forms, and nobody has looked into the body.
    Unread,
    /// Nothing else; but a parameter or field that it names can be read in two ways.
    Unclear,
}

/// What a request says of one parameter or field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Said {
    Yes,
    No,
    /// One server would read yes, another no.
    Unclear,
}

impl Conditions {
    /// Whether anything is asked at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether whatever meets `other` meets these. May say no where it is so, never the reverse.
    pub fn ask_no_more_than(&self, other: &Self) -> bool {
        let within = |own: &[Named], asked: &[Named]| {
            let is_met_by = |own: &Named, asked: &Named| {
                own.name == asked.name && (own.wanted == Wanted::Anything || own.wanted == asked.wanted)
            };
            own.iter().all(|own| asked.iter().any(|asked| is_met_by(own, asked)))
        };
        let are_its_networks = self.networks.is_empty()
            || (!other.networks.is_empty() && other.networks.iter().all(|network| self.networks.contains(network)));
        within(&self.query, &other.query)
            && within(&self.fields, &other.fields)
            && within(&self.form, &other.form)
            && are_its_networks
            && (self.hours.is_none() || self.hours == other.hours)
            && (self.who.is_none() || self.who == other.who)
    }

    /// Whether nothing meets both: they ask for different values of one thing. May say no where it is so, never the reverse.
    pub fn exclude(&self, other: &Self) -> bool {
        let differ = |own: &[Named], others: &[Named]| {
            let differs = |own: &Named, other: &Named| {
                matches!((&own.wanted, &other.wanted), (Wanted::Text(own), Wanted::Text(other)) if own != other)
                    && own.name == other.name
            };
            own.iter().any(|own| others.iter().any(|other| differs(own, other)))
        };
        differ(&self.query, &other.query) || differ(&self.fields, &other.fields) || differ(&self.form, &other.form)
    }

    /// Whether `call` is what is asked for.
    ///
    /// What can be read in two ways is neither yes nor no, and comes last: a route that does not fit for any other reason
    /// needs no answer to it.
    pub fn fit(&self, call: &Call<'_>) -> Result<(), Mismatch> {
        self.fit_read(call, &Read::of(call))
    }

    /// The same where others have read of the call what it takes.
    pub(super) fn fit_read(&self, call: &Call<'_>, read: &Read<'_>) -> Result<(), Mismatch> {
        let query = self.query.iter().map(|named| (named.said_by_query(&read.query), Mismatch::Query));
        let fields = self.fields.iter().map(|named| (named.said_by_fields(call.fields), Mismatch::Field));
        let mut is_unclear = false;
        for (said, mismatch) in query.chain(fields) {
            match said {
                Said::Yes => {}
                Said::No => return Err(mismatch),
                Said::Unclear => is_unclear = true,
            }
        }
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.has(call.client)) {
            return Err(Mismatch::Network);
        }
        if self.hours.as_ref().is_some_and(|hours| !hours.include(call.now)) {
            return Err(Mismatch::Hours);
        }
        match (&self.who, call.visitor) {
            (None, _) => {}
            (Some(_), None) => return Err(Mismatch::Unasked),
            (Some(who), Some(Visitor::SignedIn(identity))) if who.includes(&identity.user) => {}
            (Some(_), Some(_)) => return Err(Mismatch::Who),
        }
        for named in &self.form {
            match named.said_by_form(call.form, read).ok_or(Mismatch::Unread)? {
                Said::Yes => {}
                Said::No => return Err(Mismatch::Form),
                Said::Unclear => is_unclear = true,
            }
        }
        if is_unclear { Err(Mismatch::Unclear) } else { Ok(()) }
    }
}

impl Named {
    /// What a form says of this field; `None` where nobody has looked into it. Most application servers throw the fields of
    /// a form and the parameters of a query together, so what stands in both must say the same in both, and what stands in
    /// the query alone must not be what is asked for.
    fn said_by_form(&self, form: Form<'_>, read: &Read<'_>) -> Option<Said> {
        let by_form = match form {
            Form::Unread => return None,
            Form::Empty => Said::No,
            Form::Fields(_) => self.said_by_query(&read.form),
            Form::Opaque => Said::Unclear,
            Form::Judged(verdicts) => return verdicts.said(self),
        };
        let by_query = self.said_by_query(&read.query);
        let any = Self { name: self.name.clone(), wanted: Wanted::Anything };
        let is_in_query = any.said_by_query(&read.query) != Said::No;
        Some(if is_in_query && by_query != by_form { Said::Unclear } else { by_form })
    }

    /// What header fields say of this one. CGI and its heirs read `X_A` as `X-A`.
    fn said_by_fields(&self, fields: &dyn Fields) -> Said {
        let (mut sure, mut other, mut is_unclear) = (false, false, false);
        fields.each(&mut |name, value| {
            if !folds_to_same(name, &self.name) {
                return;
            }
            let value = std::str::from_utf8(value).ok();
            let is = name.eq_ignore_ascii_case(&self.name) && value.is_some_and(|value| self.wanted.is(value));
            (sure, other) = (sure || is, other || !is);
            is_unclear |= !is && value.is_none_or(|value| self.wanted.may_be(value));
        });
        verdict(sure, other, is_unclear)
    }
}

fn verdict(sure: bool, other: bool, is_unclear: bool) -> Said {
    match (sure, other) {
        _ if is_unclear => Said::Unclear,
        (true, true) => Said::Unclear,
        (true, false) => Said::Yes,
        (false, _) => Said::No,
    }
}

fn folds_to_same(name: &str, wanted: &str) -> bool {
    let fold = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.len() == wanted.len() && name.bytes().map(fold).eq(wanted.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, wanted: &str) -> Named {
        Named { name: name.into(), wanted: Wanted::Text(wanted.into()) }
    }

    #[test]
    fn a_field_is_read_as_application_servers_fold_it() {
        use Said::*;
        let ajax = named("x-requested-with", "XMLHttpRequest");
        let said = |fields: &[(&str, &str)]| {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            ajax.said_by_fields(&fields)
        };

        assert_eq!(said(&[("X-Requested-With", "XMLHttpRequest")]), Yes);
        assert_eq!(said(&[("accept", "*/*")]), No);
        assert_eq!(said(&[("x-requested-with", "fetch")]), No);
        assert_eq!(said(&[("x_requested_with", "XMLHttpRequest")]), Unclear);
        assert_eq!(said(&[("x-requested-with", "xmlhttprequest")]), Unclear);
        assert_eq!(said(&[("x-requested-with", "XMLHttpRequest"), ("x-requested-with", "fetch")]), Unclear);
    }

    #[test]
    fn a_form_is_read_like_a_query_and_with_it() {
        use Said::*;
        let transfer = named("op", "transfer");
        let said = |form, query| transfer.said_by_form(form, &Read::new(query, form));

        for (form, query, expected) in [
            (Form::Fields("op=transfer&to=bo"), None, Yes),
            (Form::Fields("op=transfer"), Some("page=2"), Yes),
            (Form::Fields("op=transfer"), Some("op=transfer"), Yes),
            (Form::Fields("op=view"), Some("op=view"), No),
            (Form::Fields("op=view"), Some("op=list"), No),
            (Form::Fields("op=view"), None, No),
            (Form::Empty, None, No),
            (Form::Fields("op=view&op=transfer"), None, Unclear),
            (Form::Fields("OP=transfer"), None, Unclear),
            (Form::Fields("op=view"), Some("op=transfer"), Unclear),
            (Form::Fields("op=transfer"), Some("op=view"), Unclear),
            (Form::Empty, Some("op=transfer"), Unclear),
            (Form::Empty, Some("Op=transfer"), Unclear),
            (Form::Opaque, None, Unclear),
        ] {
            assert_eq!(said(form, query), Some(expected), "{form:?} {query:?}");
        }
        assert_eq!(said(Form::Unread, Some("op=transfer")), None);
    }
}
