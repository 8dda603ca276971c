//! An application that writes down, byte for byte, what reaches it.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What it answers, unless it is told otherwise.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Request line and fields, the empty line included.
    pub(crate) head: String,
    /// The body, still as it was framed.
    pub(crate) body: Vec<u8>,
}

/// The application. It lives as long as the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    port: u16,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Seen>,
    bytes: Vec<u8>,
}

impl Recorder {
    /// Answers everything with [`OK`].
    pub(crate) async fn start() -> Self {
        Self::answering(|_| OK.into()).await
    }

    /// Answers everything with [`OK`] on this port.
    pub(crate) async fn start_on(port: u16) -> Self {
        Self::listening(TcpListener::bind(("127.0.0.1", port)).await.unwrap(), |_| OK.into())
    }

    /// Answers what the function says.
    pub(crate) async fn answering(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    fn listening(listener: TcpListener, answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let recorder = Self { port: listener.local_addr().unwrap().port(), book: Arc::default() };
        let (book, answer) = (Arc::clone(&recorder.book), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (book, answer) = (Arc::clone(&book), Arc::clone(&answer));
                tokio::spawn(async move { converse(stream, &book, &*answer).await });
            }
        });
        recorder
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// That not one byte reached it. Connections do: the gateway looks whether it is there.
    pub(crate) fn is_untouched(&self) -> bool {
        self.book.lock().unwrap().bytes.is_empty()
    }

    /// Every whole request that reached it.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.book.lock().unwrap().requests.clone()
    }

    /// Every byte that reached it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.book.lock().unwrap().bytes.clone()
    }

    /// The one request that reached it last.
    pub(crate) fn last(&self) -> Seen {
        self.requests().pop().expect("a request reached the application")
    }
}

impl Seen {
    /// `METHOD target`.
    pub(crate) fn line(&self) -> &str {
        self.head.split(" HTTP/1.1\r\n").next().unwrap()
    }

    /// The values of a field, in any letter case.
    pub(crate) fn field(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

async fn converse(mut stream: TcpStream, book: &Mutex<Book>, answer: &(dyn Fn(&Seen) -> Vec<u8> + Sync)) {
    let mut ahead = Vec::new();
    loop {
        let Some(head) = until(&mut stream, &mut ahead, book, |ahead| end_of(ahead, b"\r\n\r\n")).await else { return };
        let mut seen = Seen { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
        let length = seen.field("content-length").first().map(|length| length.parse::<usize>().unwrap());
        let is_chunked = !seen.field("transfer-encoding").is_empty();
        let whole = |ahead: &[u8]| match length {
            Some(length) => (ahead.len() >= length).then_some(length),
            None if is_chunked && ahead.starts_with(b"0\r\n\r\n") => Some(5),
            None if is_chunked => end_of(ahead, b"\r\n0\r\n\r\n"),
            None => Some(0),
        };
        let Some(body) = until(&mut stream, &mut ahead, book, whole).await else { return };
        seen.body = body;
        let bytes = answer(&seen);
        book.lock().unwrap().requests.push(seen);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn until(
    stream: &mut TcpStream,
    ahead: &mut Vec<u8>,
    book: &Mutex<Book>,
    whole: impl Fn(&[u8]) -> Option<usize>,
) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = whole(ahead) {
            return Some(ahead.drain(..end).collect());
        }
        let before = ahead.len();
        if stream.read_buf(ahead).await.unwrap_or(0) == 0 {
            return None;
        }
        book.lock().unwrap().bytes.extend_from_slice(&ahead[before..]);
    }
}

fn end_of(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle).map(|at| at + needle.len())
}
