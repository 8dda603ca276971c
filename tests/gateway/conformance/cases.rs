//! What a client sends in each case, and the code that a server closes with.

use std::iter::repeat_n;

/// One conversation.
pub(super) struct Case {
    /// Its number in the suite; where it is none of the suite's, a name.
    pub(super) number: String,
    /// Fields of the handshake.
    pub(super) offers: String,
    pub(super) steps: Vec<Step>,
    /// The code in the server's close frame, if there is one in it.
    pub(super) closed_with: Option<u16>,
}

pub(super) enum Step {
    /// These bytes are sent at once.
    Say(Vec<u8>),
    /// So many frames are waited for.
    Hear(usize),
    /// Nothing more is sent.
    HangUp,
}

use Step::{HangUp, Hear, Say};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The first bit of a frame that ends a message.
const FIN: u8 = 0x80;
/// The bit of a compressed message.
const RSV1: u8 = 0x40;
const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;

/// A masked frame that begins with this byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(FIN | u8::try_from(length).unwrap()),
        length @ 126..65536 => {
            frame.push(FIN | 0x7e);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(FIN | 0x7f);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn text(payload: &[u8]) -> Vec<u8> {
    frame(FIN | TEXT, payload)
}

fn ping(payload: &[u8]) -> Vec<u8> {
    frame(FIN | PING, payload)
}

/// A close frame with this code and reason.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// The same bytes, a few at a time.
fn chopped(bytes: &[u8], size: usize) -> Vec<Step> {
    bytes.chunks(size).map(|part| Say(part.to_vec())).collect()
}

/// A message in fragments of this size, each a frame of its own.
fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let last = payload.len().div_ceil(size).max(1) - 1;
    let parts = payload.chunks(size).chain(repeat_n(&[][..], usize::from(payload.is_empty())));
    let first = |at| if at == 0 { opcode } else { 0 } | if at == last { FIN } else { 0 };
    parts.enumerate().map(|(at, part)| frame(first(at), part)).collect()
}

/// A conversation that the client ends well.
fn ends(number: impl Into<String>, mut steps: Vec<Step>) -> Case {
    steps.push(Say(close(NORMAL, b"")));
    Case { number: number.into(), offers: String::new(), steps, closed_with: Some(NORMAL) }
}

/// A conversation that the server ends because of what the client said.
fn fails(number: impl Into<String>, steps: Vec<Step>, code: u16) -> Case {
    Case { number: number.into(), offers: String::new(), steps, closed_with: Some(code) }
}

/// Every case of a few frames: families 1 to 7, and connections that end in the middle.
pub(super) fn small() -> Vec<Case> {
    [framing(), pings(), reserved_bits(), opcodes(), fragmentation(), utf_8(), closing(), hanging_up()]
        .into_iter()
        .flatten()
        .collect()
}

fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (family, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (number, length) in [0, 125, 126, 127, 128, 65535, 65536].into_iter().enumerate() {
            let said = frame(FIN | opcode, &vec![byte; length]);
            cases.push(ends(format!("1.{family}.{}", number + 1), vec![Say(said), Hear(1)]));
        }
        let mut steps = chopped(&frame(FIN | opcode, &vec![byte; 65536]), 997);
        steps.push(Hear(1));
        cases.push(ends(format!("1.{family}.8"), steps));
    }
    cases
}

fn pings() -> Vec<Case> {
    let answered = |number, payload: &[u8]| ends(number, vec![Say(ping(payload)), Hear(1)]);
    let pong = |payload: &[u8]| frame(FIN | PONG, payload);
    let ten: Vec<u8> = (0..10).flat_map(|number| ping(format!("payload-{number}").as_bytes())).collect();
    let and_ten = |mut steps: Vec<Step>| {
        steps.push(Hear(10));
        steps
    };
    let mut slowly = chopped(&ping(&[0xfe; 125]), 1);
    slowly.push(Hear(1));
    vec![
        answered("2.1", b""),
        answered("2.2", b"Hello, world!"),
        answered("2.3", &[0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff]),
        answered("2.4", &[0xfe; 125]),
        fails("2.5", vec![Say(ping(&[0xfe; 126]))], PROTOCOL_ERROR),
        ends("2.6", slowly),
        ends("2.7", vec![Say(pong(b""))]),
        ends("2.8", vec![Say(pong(b"unsolicited pong payload"))]),
        ends("2.9", vec![Say([pong(b"unsolicited"), ping(b"ping payload")].concat()), Hear(1)]),
        ends("2.10", and_ten(vec![Say(ten.clone())])),
        ends("2.11", and_ten(chopped(&ten, 1))),
    ]
}

fn reserved_bits() -> Vec<Case> {
    let hello = || vec![Say(text(b"Hello, world!")), Hear(1)];
    let reserved = |bits: u8, opcode: u8| frame(FIN | bits << 4 | opcode, b"Hello, world!");
    let mut cases = vec![fails("3.1", vec![Say(reserved(1, TEXT))], PROTOCOL_ERROR)];
    for (number, bits, opcode) in
        [("3.2", 2, TEXT), ("3.3", 3, TEXT), ("3.5", 5, BINARY), ("3.6", 6, PING), ("3.7", 7, CLOSE)]
    {
        let said = [reserved(bits, opcode), ping(b"")].concat();
        cases.push(fails(number, hello().into_iter().chain([Say(said)]).collect(), PROTOCOL_ERROR));
    }
    let slowly = chopped(&[reserved(4, TEXT), ping(b"")].concat(), 1);
    cases.push(fails("3.4", hello().into_iter().chain(slowly).collect(), PROTOCOL_ERROR));
    cases
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (family, opcodes) in [(1, 3..=7), (2, 11..=15)] {
        for (number, opcode) in opcodes.enumerate() {
            let unknown = frame(FIN | opcode, b"reserved opcode payload");
            let steps = vec![Say(text(b"Hello, world!")), Hear(1), Say([unknown, ping(b"")].concat())];
            cases.push(fails(format!("4.{family}.{}", number + 1), steps, PROTOCOL_ERROR));
        }
    }
    cases
}

fn fragmentation() -> Vec<Case> {
    let [first, last] = [frame(TEXT, b"fragment1"), frame(FIN, b"fragment2")];
    let more = frame(0, b"fragment1");
    let mut cases = Vec::new();
    for (number, opcode) in [("5.1", PING), ("5.2", PONG)] {
        cases.push(fails(number, vec![Say([frame(opcode, b"fragment1"), last.clone()].concat())], PROTOCOL_ERROR));
    }
    // All at once, frame by frame, and byte by byte.
    let told = |number: usize, frames: &[Vec<u8>], tell: &dyn Fn(String, Vec<Step>) -> Case| {
        let whole = frames.concat();
        [vec![Say(whole.clone())], frames.iter().cloned().map(Say).collect(), chopped(&whole, 1)]
            .into_iter()
            .zip(number..)
            .map(|(steps, number)| tell(format!("5.{number}"), steps))
            .collect::<Vec<_>>()
    };
    let heard = |frames| {
        move |number: String, mut steps: Vec<Step>| {
            steps.push(Hear(frames));
            ends(number, steps)
        }
    };
    let refused = |number: String, steps| fails(number, steps, PROTOCOL_ERROR);
    cases.extend(told(3, &[first.clone(), last.clone()], &heard(1)));
    cases.extend(told(6, &[first.clone(), ping(b"ping payload"), last.clone()], &heard(2)));
    cases.extend(told(9, &[last.clone(), text(b"Hello, world!")], &refused));
    cases.extend(told(12, &[more.clone(), text(b"Hello, world!")], &refused));
    let whole = || vec![Say([first.clone(), last.clone()].concat()), Hear(1)];
    for (number, stray) in [("5.15", &more), ("5.16", &more), ("5.17", &last)] {
        let steps = whole().into_iter().chain([Say([stray.clone(), first.clone(), last.clone()].concat())]).collect();
        cases.push(fails(number, steps, PROTOCOL_ERROR));
    }
    cases.push(fails("5.18", vec![Say([first.clone(), text(b"fragment2")].concat())], PROTOCOL_ERROR));
    let (one, other) = (ping(b"pongme 1!"), ping(b"pongme 2!"));
    let frames = [first, more.clone(), one, more.clone(), more, other, last];
    let (half, rest) = (frames[..3].concat(), frames[3..].concat());
    cases.push(ends("5.19", vec![Say(half), Hear(1), Say(rest), Hear(2)]));
    cases.push(heard(3)("5.20".to_owned(), frames.into_iter().map(Say).collect()));
    cases
}

/// Sequences of Markus Kuhn's decoder stress test, as the suite has them, by family.
const SEQUENCES: [(u8, &[&str]); 19] = [
    (5, &["cebae1bdb9cf83cebcceb5"]),
    (7, &["00", "c280", "e0a080", "f0908080"]),
    (8, &["f888808080", "fc8480808080"]),
    (9, &["7f", "dfbf", "efbfbf", "f48fbfbf"]),
    (10, &["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]),
    (11, &["ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"]),
    (12, &["80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf"]),
    (13, &["c020c120c220df20", "e020e120ef20", "f020f120f720", "f820f920fb20", "fc20fd20"]),
    (14, &["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"]),
    (15, &["c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"]),
    (16, &["fe", "ff", "fefeffff"]),
    (17, &["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]),
    (18, &["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]),
    (19, &["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]),
    (20, &["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]),
    (21, &["eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edae80edb080", "edafbfedbfbf"]),
    (22, &["efbfbe", "efbfbf", "f09fbfbe", "f09fbfbf", "f0afbfbe", "f3bfbfbf", "f48fbfbe", "f48fbfbf"]),
    (23, &["efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"]),
    (3, &["cebae1bdb9cf83cebcceb5eda080656469746564"]),
];

fn utf_8() -> Vec<Case> {
    let judged = |number: String, payload: &[u8], mut steps: Vec<Step>| {
        if std::str::from_utf8(payload).is_err() {
            return fails(number, steps, INVALID_DATA);
        }
        steps.push(Hear(1));
        ends(number, steps)
    };
    let mut cases = Vec::new();
    for (number, parts) in [["", "", ""], ["", "middle frame payload", ""]].into_iter().enumerate() {
        let frames = [frame(TEXT, parts[0].as_bytes()), frame(0, parts[1].as_bytes()), frame(FIN, parts[2].as_bytes())];
        cases.push(ends(format!("6.1.{}", number + 2), vec![Say(frames.concat()), Hear(1)]));
    }
    let hello = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    for (number, size) in [hello.len(), 12, 1].into_iter().enumerate() {
        cases.push(ends(format!("6.2.{}", number + 1), vec![Say(fragments(TEXT, hello, size).concat()), Hear(1)]));
    }
    let greek = "κόσμε".as_bytes();
    for length in 1..=greek.len() {
        cases.push(judged(format!("6.6.{length}"), &greek[..length], vec![Say(text(&greek[..length]))]));
    }
    for (family, sequences) in SEQUENCES {
        for (number, sequence) in sequences.iter().enumerate() {
            let digits = sequence.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            let bytes: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
            let number = format!("6.{family}.{}", number + 1);
            cases.push(judged(number.clone(), &bytes, vec![Say(text(&bytes))]));
            let slowly = fragments(TEXT, &bytes, 1).into_iter().map(Say).collect();
            cases.push(judged(format!("{number}, in fragments"), &bytes, slowly));
        }
    }
    let doomed = vec![Say(frame(TEXT, greek)), Say(frame(0, &[0xf4, 0x90, 0x80, 0x80])), Say(frame(FIN, b"edited"))];
    cases.push(fails("6.4.1", doomed, INVALID_DATA));
    cases
}

fn closing() -> Vec<Case> {
    let normal = || close(NORMAL, b"");
    // The server calls it a fault to close in the middle of a message.
    let unfinished = [frame(TEXT, b"fragment1"), normal(), frame(FIN, b"fragment2")].concat();
    let ended = |number: &str, said: Vec<u8>, closed_with| Case {
        number: number.to_owned(),
        offers: String::new(),
        steps: vec![Say(said)],
        closed_with,
    };
    let mut cases = vec![
        ends("7.1.1", vec![Say(text(b"Hello World!")), Hear(1)]),
        ended("7.1.2", [normal(), normal()].concat(), Some(NORMAL)),
        ended("7.1.3", [normal(), ping(b"")].concat(), Some(NORMAL)),
        ended("7.1.4", [normal(), text(b"Hello World!")].concat(), Some(NORMAL)),
        ended("7.1.5", unfinished, Some(PROTOCOL_ERROR)),
        ends("7.1.6", vec![Say(text(&vec![b'B'; 256 * 1024])), Hear(1), Say([normal(), ping(b"")].concat())]),
        ended("7.3.1", frame(FIN | CLOSE, b""), None),
        ended("7.3.2", frame(FIN | CLOSE, b"a"), Some(PROTOCOL_ERROR)),
        ended("7.3.3", normal(), Some(NORMAL)),
        ended("7.3.4", close(NORMAL, b"Hello World!"), Some(NORMAL)),
        ended("7.3.5", close(NORMAL, &[b'*'; 123]), Some(NORMAL)),
        ended("7.3.6", close(NORMAL, &[b'*'; 124]), Some(PROTOCOL_ERROR)),
        ended("7.5.1", close(NORMAL, &[0xce, 0xba, 0xed, 0xa0, 0x80]), Some(INVALID_DATA)),
    ];
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (number, code) in codes.into_iter().enumerate() {
        cases.push(ended(&format!("7.7.{}", number + 1), close(code, b"reason"), Some(code)));
    }
    for (number, code) in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535].into_iter().enumerate() {
        cases.push(ended(&format!("7.9.{}", number + 1), close(code, b""), Some(PROTOCOL_ERROR)));
    }
    cases
}

/// Clients that say no more, after a message and in the middle of one, and go on listening.
fn hanging_up() -> Vec<Case> {
    let said = text(b"Hello, world!");
    let case =
        |number: &str, steps| Case { number: number.to_owned(), offers: String::new(), steps, closed_with: None };
    let unfinished = said[..9].to_vec();
    vec![
        case("half-closed", vec![Say(said.clone()), Hear(1), HangUp]),
        case("half-closed in a frame", vec![Say(said.clone()), Hear(1), Say(unfinished), HangUp]),
        case("half-closed in a head", vec![Say(said), Hear(1), Say(vec![FIN | TEXT, FIN | 0x7e, 0]), HangUp]),
        case("half-closed in a message", vec![Say(frame(TEXT, b"fragment1")), HangUp]),
    ]
}

/// Long messages, in one piece, in fragments and a little at a time; and many short ones (families 9 and 10).
pub(super) fn big() -> Vec<Case> {
    const KIB: usize = 1024;
    // The server takes no message that is torn further.
    const FRAGMENTS_MAX: usize = 1000;
    let mut cases = Vec::new();
    for (family, opcode) in [(1, TEXT), (2, BINARY)] {
        for (number, kib) in [64, 256, 1024, 4096, 8192, 16384].into_iter().enumerate() {
            let said = frame(FIN | opcode, &vec![b'*'; kib * KIB]);
            cases.push(ends(format!("9.{family}.{}", number + 1), vec![Say(said), Hear(1)]));
        }
        let message = vec![b'*'; 1024 * KIB];
        for (number, size) in [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB].into_iter().enumerate() {
            let length = message.len().min(size * FRAGMENTS_MAX);
            let said = fragments(opcode, &message[..length], size).concat();
            cases.push(ends(format!("9.{}.{}", family + 2, number + 1), vec![Say(said), Hear(1)]));
        }
        for (number, size) in [64, 128, 256, 512, KIB, 2 * KIB].into_iter().enumerate() {
            let mut steps = chopped(&frame(FIN | opcode, &message[..256 * KIB]), size);
            steps.push(Hear(1));
            cases.push(ends(format!("9.{}.{}", family + 4, number + 1), steps));
        }
        for (number, length) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let steps = (0..100).flat_map(|_| [Say(frame(FIN | opcode, &message[..length])), Hear(1)]).collect();
            cases.push(ends(format!("9.{}.{}", family + 6, number + 1), steps));
        }
    }
    cases.push(ends("10.1.1", vec![Say(fragments(TEXT, &[b'*'; 64 * KIB], 1300).concat()), Hear(1)]));
    cases
}

/// Messages with what was agreed on in the handshake (families 12 and 13), and what is not agreed on.
pub(super) fn compressed() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, offers) in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=15; client_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=9; mystery, permessage-deflate; client_max_window_bits",
    ]
    .into_iter()
    .enumerate()
    {
        let offers = format!("Sec-WebSocket-Extensions: {offers}\r\n");
        for (size, length) in [16, 64, 256, 1024, 4096, 32 * 1024, 128 * 1024].into_iter().enumerate() {
            let message: Vec<u8> = (0..length).map(|at: u64| b'a' + u8::try_from(at * at % 7).unwrap()).collect();
            let whole = frame(FIN | RSV1 | TEXT, &deflated(&message));
            // Only the first fragment of a compressed message says that it is one.
            let parts = fragments(RSV1 | TEXT, &deflated(&message), 1000).concat();
            let plain = text(&message);
            let steps = [whole, parts, plain].into_iter().flat_map(|said| [Say(said), Hear(1)]).collect();
            let case = ends(format!("13.{}.{}", number + 1, size + 1), steps);
            cases.push(Case { offers: offers.clone(), ..case });
        }
    }
    for (name, offers) in [
        ("unknown extension", "Sec-WebSocket-Extensions: x-webkit-deflate-frame, mystery; a=\"1\"\r\n"),
        ("one protocol", "Sec-WebSocket-Protocol: chat\r\n"),
        ("two protocols", "Sec-WebSocket-Protocol: soap, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
    ] {
        cases.push(Case { offers: offers.to_owned(), ..ends(name, vec![Say(text(b"Hello, world!")), Hear(1)]) });
    }
    cases
}

/// A message as `permessage-deflate` has it (RFC 7692 7.2.1), in blocks that are only stored.
fn deflated(message: &[u8]) -> Vec<u8> {
    let block = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap();
        [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), part].concat()
    };
    // The head of the empty block that ends it; the rest of that is not sent.
    message.chunks(65535).flat_map(block).chain([0]).collect()
}
