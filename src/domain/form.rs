//! What a form is called by its fields.
//!
//! The names are shown to whoever is asked whether a form should be sent; the values never are, and never leave here. Bodies
//! are read as they come, part by part, so nothing here has to hold one.

/// Names that are kept; a page shows no more.
pub const NAMES_MAX: usize = 40;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 64;

/// Bytes of a line of a multipart body that are looked at.
const LINE_BYTES_MAX: usize = 1024;

/// Collects the names of a form's fields while its body passes.
#[derive(Debug)]
pub struct FieldNames {
    names: Vec<String>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// `application/x-www-form-urlencoded`: the name that is being read, or `None` within a value.
    Urlencoded(Option<Vec<u8>>),
    /// `multipart/form-data`.
    Multipart(Lines),
    /// Anything else has no names.
    Opaque,
}

/// A multipart body, line by line.
#[derive(Debug)]
struct Lines {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    /// As much of the present line as is looked at.
    line: Vec<u8>,
    /// Whether it stands in the head of a part.
    in_head: bool,
}

impl FieldNames {
    /// For a body of this `Content-Type`.
    pub fn of(content_type: &str) -> Self {
        let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let kind = kind.trim();
        let body = if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Body::Urlencoded(Some(Vec::new()))
        } else if kind.eq_ignore_ascii_case("multipart/form-data")
            && let Some(boundary) = parameter(parameters, "boundary")
        {
            let delimiter = [b"--", boundary.as_bytes()].concat();
            Body::Multipart(Lines { delimiter, line: Vec::new(), in_head: false })
        } else {
            Body::Opaque
        };
        Self { names: Vec::new(), body }
    }

    /// Reads the next part of the body.
    pub fn read(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Body::Opaque => {}
            Body::Urlencoded(name) => {
                for &byte in bytes {
                    match (byte, name.as_mut()) {
                        (b'&', _) => {
                            note(&mut self.names, name.take().map(|name| urldecoded(&name)));
                            *name = Some(Vec::new());
                        }
                        (b'=', Some(_)) => note(&mut self.names, name.take().map(|name| urldecoded(&name))),
                        (_, Some(name)) if name.len() < LINE_BYTES_MAX => name.push(byte),
                        _ => {}
                    }
                }
            }
            Body::Multipart(lines) => {
                for &byte in bytes {
                    if byte == b'\n' {
                        note(&mut self.names, lines.end_line());
                    } else if lines.line.len() < LINE_BYTES_MAX {
                        lines.line.push(byte);
                    }
                }
            }
        }
    }

    /// The names, in the order of the form, each once.
    pub fn into_names(mut self) -> Vec<String> {
        if let Body::Urlencoded(name) = self.body {
            note(&mut self.names, name.map(|name| urldecoded(&name)));
        }
        self.names
    }
}

impl Lines {
    /// The name that the line which just ended says.
    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line == self.delimiter {
            self.in_head = true;
            return None;
        }
        if !self.in_head {
            return None;
        }
        self.in_head = !line.is_empty();
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case("content-disposition").then(|| parameter(value, "name")).flatten()
    }
}

/// The value of a parameter, quoted or not. What browsers escape in names (HTML 4.10.21.8) is undone.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = key.trim().eq_ignore_ascii_case(name).then(|| value.trim())?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Some(value.replace("%22", "\"").replace("%0D", " ").replace("%0A", " "))
    })
}

fn urldecoded(name: &[u8]) -> String {
    let decoded = url::form_urlencoded::parse(name).next();
    decoded.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn note(names: &mut Vec<String>, name: Option<String>) {
    let Some(name) = name else { return };
    let end = name.char_indices().map(|(at, _)| at).find(|at| *at >= NAME_BYTES_MAX).unwrap_or(name.len());
    let name: String = name.get(..end).unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    if !name.is_empty() && names.len() < NAMES_MAX && !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MULTIPART: &str = "multipart/form-data; boundary=----x7";
    const UPLOAD: &[u8] = b"------x7\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n12\r\n\
        ------x7\r\nContent-Disposition: form-data; name=\"receipt %22a%22\"; filename=\"name=b.pdf\"\r\n\
        Content-Type: application/pdf\r\n\r\n\x00\xff\nContent-Disposition: form-data; name=\"inside\"\r\n\r\n------x7--\r\n";

    /// The names, where the body comes in parts of this length.
    fn names(content_type: &str, body: &[u8], length: usize) -> Vec<String> {
        let mut names = FieldNames::of(content_type);
        for part in body.chunks(length) {
            names.read(part);
        }
        names.into_names()
    }

    #[test]
    fn names_are_read_and_values_are_not() {
        let urlencoded = "application/x-www-form-urlencoded; charset=UTF-8";

        assert_eq!(
            names(urlencoded, b"to=bo&pass%77ord=hunter2=x&to=again&&a+b=&last", 64),
            ["to", "password", "a b", "last"]
        );
        assert_eq!(names(MULTIPART, UPLOAD, 64), ["amount", "receipt \"a\""]);
        for opaque in ["text/plain", "multipart/form-data", "", "application/json"] {
            assert_eq!(names(opaque, b"a=b&c=d", 64), [""; 0], "{opaque}");
        }
    }

    #[test]
    fn names_are_few_and_short() {
        let many: String =
            (0..1000).flat_map(|number| ["n".to_owned(), number.to_string(), "=x&".to_owned()]).collect();
        let long = format!("{}=x", "é".repeat(5000));

        assert_eq!(names("application/x-www-form-urlencoded", many.as_bytes(), 64).len(), NAMES_MAX);
        let names = names("application/x-www-form-urlencoded", long.as_bytes(), 64);
        assert!(names.iter().all(|name| name.len() <= NAME_BYTES_MAX + 4), "{names:?}");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_a_body_is_cut(length in 1usize..300) {
            prop_assert_eq!(names(MULTIPART, UPLOAD, length), names(MULTIPART, UPLOAD, 1000));
        }

        #[test]
        fn no_body_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..500)) {
            names(MULTIPART, &body, 7);
            names("application/x-www-form-urlencoded", &body, 7);
        }
    }
}
