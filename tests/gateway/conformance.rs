//! The cases of Autobahn's WebSocket test suite: through the gateway a server says what it says without it.
//!
//! The suite itself runs on Python 2 alone. Its cases are told here, under its numbers, as the frames that a client sends;
//! each is played against a strict server twice. What comes back is compared frame by frame, in two lines of its own: when
//! a server answers a ping beside a message is up to its scheduler.

mod cases;

use crate::world::{APP, gateway};
use cases::{Case, Step, big, compressed, small};
use futures_util::{StreamExt as _, stream};
use std::{fmt, time::Duration};
use support::{applications::Application, gateway::Gateway, raw::tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long a server may be silent that has something to say.
const PATIENCE: Duration = Duration::from_secs(20);
/// Cases that are played at once.
const AT_ONCE: usize = 4;

/// What a client heard.
#[derive(PartialEq, Eq)]
struct Heard {
    /// The status line, and what the handshake agreed on.
    head: Vec<String>,
    /// Frames of messages, as they came.
    messages: Vec<Vec<u8>>,
    /// Pings, pongs and closes.
    control: Vec<Vec<u8>>,
    /// What came that is no whole frame.
    rest: Vec<u8>,
    ended: Ended,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    HungUp,
    FellSilent,
}

impl Heard {
    /// The code of the last close frame.
    fn close_code(&self) -> Option<u16> {
        let close = self.control.iter().rfind(|frame| frame[0] == 0x88)?;
        Some(u16::from_be_bytes([*close.get(2)?, *close.get(3)?]))
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |frames: &[Vec<u8>]| {
            let start =
                |frame: &Vec<u8>| format!("{} bytes {}", frame.len(), frame[..frame.len().min(40)].escape_ascii());
            frames.iter().map(start).collect::<Vec<_>>()
        };
        let Self { head, messages, control, rest, ended } = self;
        write!(f, "{head:?} {:?} {:?} {} {ended:?}", shown(messages), shown(control), rest.escape_ascii())
    }
}

/// One end of a WebSocket.
struct Client<S> {
    stream: S,
    ahead: Vec<u8>,
    heard: Heard,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Plays a case to its end.
    async fn play(stream: S, case: &Case) -> Heard {
        let heard = Heard {
            head: Vec::new(),
            messages: Vec::new(),
            control: Vec::new(),
            rest: Vec::new(),
            ended: Ended::HungUp,
        };
        let mut client = Self { stream, ahead: Vec::new(), heard };
        client.shake_hands(&case.offers).await;
        for step in &case.steps {
            match step {
                Step::Say(bytes) => client.say(bytes).await,
                Step::Hear(count) => {
                    for _ in 0..*count {
                        client.hear().await;
                    }
                }
                Step::HangUp => client.stream.shutdown().await.unwrap(),
            }
        }
        while client.hear().await {}
        client.heard.rest = client.ahead;
        client.heard
    }

    async fn shake_hands(&mut self, offers: &str) {
        let head = format!(
            "GET /public/echo HTTP/1.1\r\nHost: {APP}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offers}\r\n"
        );
        self.say(head.as_bytes()).await;
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read().await, "{}", self.ahead.escape_ascii());
        };
        let head = String::from_utf8(self.ahead.drain(..end).collect()).unwrap();
        let mut agreed: Vec<_> = head
            .lines()
            .filter(|line| line.starts_with("HTTP/") || line.to_lowercase().starts_with("sec-websocket-"))
            .map(str::to_lowercase)
            .collect();
        assert!(agreed[0].contains(" 101 "), "{head}");
        agreed.sort();
        self.heard.head = agreed;
    }

    /// Sends bytes. A server that has hung up already has said all that it will.
    async fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// Reads the next frame, if one comes.
    async fn hear(&mut self) -> bool {
        loop {
            if let Some(end) = whole_frame(&self.ahead) {
                let frame: Vec<_> = self.ahead.drain(..end).collect();
                let is_control = frame[0] & 0x08 != 0;
                if is_control { &mut self.heard.control } else { &mut self.heard.messages }.push(frame);
                return true;
            }
            if !self.read().await {
                return false;
            }
        }
    }

    /// Reads what has come. A reset is an end too.
    async fn read(&mut self) -> bool {
        let Ok(read) = timeout(PATIENCE, self.stream.read_buf(&mut self.ahead)).await else {
            self.heard.ended = Ended::FellSilent;
            return false;
        };
        read.unwrap_or(0) > 0
    }
}

/// The length of the first frame of a server, once it is whole.
fn whole_frame(bytes: &[u8]) -> Option<usize> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte));
    let end = match bytes.get(1)? {
        126 => 4 + number(bytes.get(2..4)?),
        127 => 10 + number(bytes.get(2..10)?),
        short => 2 + usize::from(*short),
    };
    (bytes.len() >= end).then_some(end)
}

async fn compare(app: &Application, gateway: &Gateway, case: Case) {
    let direct = TcpStream::connect(("127.0.0.1", app.port())).await.unwrap();
    direct.set_nodelay(true).unwrap();
    let through = tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await.unwrap();
    let (direct, through) = tokio::join!(Client::play(direct, &case), Client::play(through, &case));

    assert_eq!(direct.close_code(), case.closed_with, "case {} against the server itself: {direct:?}", case.number);
    assert!(direct == through, "case {}:\n{direct:?}\nthrough the gateway:\n{through:?}", case.number);
}

async fn compare_all(cases: Vec<Case>) {
    let app = Application::websocket_echo().await;
    let gateway = gateway(&app.url()).await;
    let mut played = stream::iter(cases).map(|case| compare(&app, &gateway, case)).buffer_unordered(AT_ONCE);
    while played.next().await.is_some() {}
}

#[tokio::test]
async fn frames_fragments_utf_8_and_closes_mean_the_same_through_the_gateway() {
    compare_all(small()).await;
}

#[tokio::test]
async fn long_messages_and_many_pass_the_gateway_unchanged() {
    compare_all(big()).await;
}

#[tokio::test]
async fn compression_is_between_the_two_ends() {
    compare_all(compressed()).await;
}
