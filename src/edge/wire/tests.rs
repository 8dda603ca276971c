//! A corpus of what passes and what does not, whole and cut at every byte; and the law that cutting changes nothing.

use proptest::prelude::*;

use super::*;

/// Feeds `pieces` one after the other. Gives back what passed, and the refusal that ended it.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<Refusal>) {
    let mut guard = Guard::new(Limits::default());
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match guard.step(&held) {
                Step::Head(len) | Step::Body(len) => passed.extend(held.drain(..len)),
                Step::More | Step::Wait => break,
                Step::RefuseHead(refusal) | Step::RefuseBody(refusal) => return (passed, Some(refusal)),
            }
        }
    }
    (passed, None)
}

/// The verdict on `bytes`, which must not depend on how they are cut.
fn verdict(bytes: &[u8]) -> (Vec<u8>, Option<Refusal>) {
    let whole = feed([bytes]);
    for cut in 1..bytes.len() {
        let (front, back) = bytes.split_at(cut);
        assert_eq!(feed([front, back]), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    assert_eq!(feed(bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    whole
}

fn head(line: &str, fields: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

#[track_caller]
fn passes(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let (passed, refusal) = verdict(bytes);
    assert_eq!((passed.escape_ascii().to_string(), refusal), (bytes.escape_ascii().to_string(), None));
}

/// The bytes are one head, and nothing of it passes.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, why: Refusal) {
    let bytes = bytes.as_ref();
    assert_eq!(verdict(bytes), (Vec::new(), Some(why)), "{}", bytes.escape_ascii());
}

#[test]
fn ordinary_requests_pass() {
    for line in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.0",
        "get /a?b=c&d=`{|}^ HTTP/1.1",
        "PROPFIND /a%20b;c=d//e/../f HTTP/1.1",
        "M-SEARCH!#$%&'*+.^_`|~0 / HTTP/1.1",
        "GET http://a/b HTTP/1.1",
        "GET HTTPS://A./ HTTP/1.1",
        "OPTIONS /* HTTP/1.1",
        "GET //a HTTP/1.1",
    ] {
        passes(head(line, ""));
    }
    for fields in [
        "A:\r\nB: \r\nC:  x\t\r\n",
        "X: caf\u{e9} \u{1f600}\r\n",
        "X: a\tb\r\n",
        "Content-Length: 0\r\n",
        "content-length:\t0 \r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "X_Y: 1\r\nX.Y: 2\r\n!#$%&'*+-.^_`|~: 3\r\n",
        "Hosts: b\r\nX-Host: c\r\n",
    ] {
        passes(head("GET / HTTP/1.1", fields));
    }
    passes("GET / HTTP/1.1\r\nhOST:\t[::1]:8443 \r\n\r\n");
}

#[test]
fn bodies_pass_and_the_next_head_is_found_behind_them() {
    let next = head("GET /next HTTP/1.1", "");
    let post = |fields: &str, body: &str| [head("POST / HTTP/1.1", fields), body.into(), next.clone()].concat();

    passes(post("Content-Length: 5\r\n", "hello"));
    passes(post("Content-Length: 005\r\n", "\r\n\0\n\r"));
    for body in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "00000000000000aB\r\n0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789A\r\n0\r\n\r\n",
        "2;a=b;c=\"d e\"\r\n\r\n\r\n0;x\r\n\r\n",
        "0\r\nX-Sum: 1\r\nY:\r\n\r\n",
    ] {
        passes(post("Transfer-Encoding: Chunked\r\n", body));
    }
}

#[test]
fn a_request_line_is_never_repaired() {
    use Refusal::*;
    for (line, why) in [
        ("", RequestLine),
        ("GET", RequestLine),
        ("GET /", RequestLine),
        ("GET  / HTTP/1.1", RequestLine),
        ("GET /  HTTP/1.1", RequestLine),
        ("GET / HTTP/1.1 ", RequestLine),
        (" GET / HTTP/1.1", RequestLine),
        ("GET /a b HTTP/1.1", RequestLine),
        ("GET\t/\tHTTP/1.1", RequestLine),
        ("GET / http/1.1", RequestLine),
        ("GET / HTTP/1.1x", RequestLine),
        ("GET / HTTP/1", RequestLine),
        ("GET / HTTP/x.y", RequestLine),
        ("GET / HTTP/0.9", Version),
        ("GET / HTTP/1.2", Version),
        ("GET / HTTP/2.0", Version),
        ("PRI * HTTP/2.0", Version),
        ("G\0T / HTTP/1.1", Method),
        ("G(T / HTTP/1.1", Method),
        ("GÉT / HTTP/1.1", Method),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", Method),
        ("CONNECT a:443 HTTP/1.1", MethodNotAllowed),
        ("TRACE / HTTP/1.1", MethodNotAllowed),
        ("track / HTTP/1.1", MethodNotAllowed),
        ("GET\r/ HTTP/1.1", LineEnd),
        ("GET / HTTP/1.1\r", LineEnd),
    ] {
        refused(head(line, ""), why);
    }
    refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestLine);
    refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", LineEnd);
    refused("GET / HTTP/1.1\nHost: a\n\n", LineEnd);
}

#[test]
fn a_target_is_a_path_or_this_host_s_url() {
    use Refusal::*;
    for (target, why) in [
        ("*", TargetForm),
        ("a", TargetForm),
        ("?a", TargetForm),
        ("a:443", TargetForm),
        ("ftp://a/", TargetForm),
        ("http:/a", TargetForm),
        ("http://a", TargetForm),
        ("http://a?b", TargetForm),
        ("http:///b", TargetForm),
        ("http://u@a/", TargetForm),
        ("http://u:p@a/", TargetForm),
        ("http://a%2e/", TargetForm),
        ("http://b/", HostMismatch),
        ("http://a:80/", HostMismatch),
        ("/a#b", TargetByte),
        ("/a\\b", TargetByte),
        ("/a\tb", TargetByte),
        ("/a\0b", TargetByte),
        ("/a\u{7f}b", TargetByte),
        ("/é", TargetByte),
        ("/a\"b", TargetByte),
        ("/<a>", TargetByte),
        ("/a`b", TargetByte),
        ("/?a#b", TargetByte),
    ] {
        refused(head(&format!("GET {target} HTTP/1.1"), ""), why);
    }
}

#[test]
fn there_is_exactly_one_valid_host() {
    use Refusal::*;
    for version in ["1.1", "1.0"] {
        let with = |fields: &str| format!("GET / HTTP/{version}\r\n{fields}\r\n");
        refused(with(""), HostMissing);
        refused(with("Host: a\r\nHost: a\r\n"), HostRepeated);
        refused(with("Host: a\r\nhost: b\r\n"), HostRepeated);
        for host in [
            "", " ", "a b", "a, b", "a,b", "u@a", "a/b", "a?b", "a%00", "é", "a:", "a:x", "a:0", "http://a", "::1",
            "a..b",
        ] {
            refused(with(&format!("Host: {host}\r\n")), HostInvalid);
        }
    }
}

#[test]
fn a_body_is_framed_in_one_way() {
    use Refusal::*;
    for (fields, why) in [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Framing),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Framing),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Framing),
        ("Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n", Framing),
        ("Transfer-Encoding: identity\r\n", TransferCoding),
        ("Transfer-Encoding: gzip, chunked\r\n", TransferCoding),
        ("Transfer-Encoding: chunked, chunked\r\n", TransferCoding),
        ("Transfer-Encoding: ,chunked\r\n", TransferCoding),
        ("Transfer-Encoding: \"chunked\"\r\n", TransferCoding),
        ("Transfer-Encoding: chunked;q=1\r\n", TransferCoding),
        ("Transfer-Encoding:\r\n", TransferCoding),
        ("Transfer-Encoding: \u{b}chunked\r\n", FieldValue),
        ("Transfer_Encoding: chunked\r\n", FramingLookalike),
        ("Content.Length: 1\r\n", FramingLookalike),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", ContentLength),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", ContentLength),
        ("Content-Length: 1, 1\r\n", ContentLength),
        ("Content-Length:\r\n", ContentLength),
        ("Content-Length: +1\r\n", ContentLength),
        ("Content-Length: -1\r\n", ContentLength),
        ("Content-Length: 1 2\r\n", ContentLength),
        ("Content-Length: 0x1\r\n", ContentLength),
        ("Content-Length: 1.0\r\n", ContentLength),
        ("Content-Length: ١\r\n", ContentLength),
        ("Content-Length: 9223372036854775808\r\n", BodyTooLarge),
        ("Content-Length: 99999999999999999999999\r\n", BodyTooLarge),
        ("Upgrade: websocket\r\nContent-Length: 1\r\n", UpgradeWithBody),
        ("Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n", UpgradeWithBody),
    ] {
        refused(head("POST / HTTP/1.1", fields), why);
    }
    refused(head("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), Framing);
    passes(head("POST / HTTP/1.1", "Content-Length: 9223372036854775807\r\n"));
}

#[test]
fn a_field_is_a_token_a_colon_and_a_value_on_one_line() {
    use Refusal::*;
    for (field, why) in [
        ("X", FieldName),
        (": x", FieldName),
        ("X : x", FieldName),
        ("X\t: x", FieldName),
        ("X Y: x", FieldName),
        ("X\0Y: x", FieldName),
        ("X\u{1}: x", FieldName),
        ("Xé: x", FieldName),
        ("X(: x", FieldName),
        ("X\"Y: x", FieldName),
        (" X: x", Folding),
        ("\tX: x", Folding),
        ("A: x\r\n folded", Folding),
        ("A: x\r\n\tfolded: y", Folding),
        ("X: a\0b", FieldValue),
        ("X: a\u{b}b", FieldValue),
        ("X: a\u{1b}b", FieldValue),
        ("X: a\u{7f}b", FieldValue),
        ("X: a\rb", LineEnd),
        ("X: a\r", LineEnd),
        ("X: a\nY: b", LineEnd),
        ("\n", LineEnd),
        ("\r", FieldName),
    ] {
        refused(head("GET / HTTP/1.1", &format!("{field}\r\n")), why);
    }
}

#[test]
fn heads_are_bounded() {
    use Refusal::*;
    let whole = |bytes: Vec<u8>| {
        assert_eq!(feed(bytes.chunks(7)), feed([&bytes[..]]));
        feed([&bytes[..]]).1
    };
    let target = |len: usize| head(&format!("GET /{} HTTP/1.1", "a".repeat(len - 1)), "");
    let fields = |count: usize| head("GET / HTTP/1.1", &"X: y\r\n".repeat(count - 1));
    let padded = |total: usize| {
        let bare = head("GET / HTTP/1.1", "X: \r\n").len();
        head("GET / HTTP/1.1", &format!("X: {}\r\n", "y".repeat(total - bare)))
    };

    assert_eq!(whole(target(8192)), None);
    assert_eq!(whole(target(8193)), Some(TargetTooLong));
    assert_eq!(whole(vec![b'a'; 9000]), Some(TargetTooLong));
    assert_eq!(whole(fields(100)), None);
    assert_eq!(whole(fields(101)), Some(FieldsTooLarge));
    assert_eq!(whole(padded(32 * 1024)), None);
    assert_eq!(whole(padded(32 * 1024 + 1)), Some(FieldsTooLarge));
    assert_eq!(whole([head("GET / HTTP/1.1", "")[..25].to_vec(), vec![b'y'; 33_000]].concat()), Some(FieldsTooLarge));
}

#[test]
fn a_malformed_chunk_ends_the_body_where_it_stands() {
    use Refusal::*;
    for (good, bad, why) in [
        ("", "\r\n", Chunk),
        ("", ";x\r\n", Chunk),
        ("", "+1\r\n", Chunk),
        ("", "-1\r\n", Chunk),
        ("", " 1\r\n", Chunk),
        ("", "g\r\n", Chunk),
        ("0", "x1\r\n", Chunk),
        ("1", " \r\n", Chunk),
        ("1", " ;x\r\n", Chunk),
        ("1", "\n", Chunk),
        ("1\r", "a", LineEnd),
        ("0000000000000001", "0\r\n", Chunk),
        ("7fffffffffffffff", "0\r\n", Chunk),
        ("800000000000000", "0\r\n", BodyTooLarge),
        ("1;a", "\n", ChunkExtension),
        ("1;a", "\0", ChunkExtension),
        ("1;a", "\tb", ChunkExtension),
        ("1;a\r", "b", LineEnd),
        ("1\r\na", "b", Chunk),
        ("1\r\na", "\n", Chunk),
        ("1\r\na\r", "1", LineEnd),
        ("1\r\na\r\n", "\r\n", Chunk),
        ("0\r\n", "X\r\n", FieldName),
        ("0\r\n", "X : y\r\n", FieldName),
        ("0\r\n", " X: y\r\n", Folding),
        ("0\r\n", "X: y\n", LineEnd),
        ("0\r\n", "\n", LineEnd),
        ("0\r\n", "X: a\0\r\n", FieldValue),
        ("0\r\nX: y\r\n", "Content-Length: 5\r\n", TrailerName),
        ("0\r\n", "transfer_encoding: chunked\r\n", TrailerName),
        ("0\r\n", "HOST: b\r\n", TrailerName),
    ] {
        let (passed, refusal) = verdict(&chunked(&format!("{good}{bad}")));
        let passed = String::from_utf8(passed).unwrap();
        assert_eq!((passed.as_bytes(), refusal), (&chunked(good)[..], Some(why)), "{good:?} then {bad:?}");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let refusal = |body: String| {
        let bytes = chunked(&body);
        assert_eq!(feed(bytes.chunks(5)).1, feed([&bytes[..]]).1);
        feed([&bytes[..]]).1
    };
    let extension = |len: usize| format!("1;{}\r\na\r\n", "x".repeat(len));

    assert_eq!(refusal(extension(4096)), None);
    assert_eq!(refusal(extension(4097)), Some(Refusal::ChunkExtension));
    assert_eq!(refusal(extension(2048) + extension(2049).as_str()), Some(Refusal::ChunkExtension));
    assert_eq!(refusal(format!("0\r\nX: {}\r\n\r\n", "x".repeat(16_000))), None);
    assert_eq!(refusal(format!("0\r\nX: {}\r\n\r\n", "x".repeat(17_000))), Some(Refusal::FieldsTooLarge));
    assert_eq!(refusal(format!("0\r\n{}", "X: y\r\n".repeat(101))), Some(Refusal::FieldsTooLarge));
}

#[test]
fn nothing_passes_behind_an_upgrade_before_the_verdict() {
    let upgrade = head("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n");
    let at_upgrade = || {
        let mut guard = Guard::new(Limits::default());
        assert_eq!(guard.step(&upgrade), Step::Head(upgrade.len()));
        assert_eq!(guard.step(b"\x81\x00"), Step::Wait);
        guard
    };

    let mut granted = at_upgrade();
    granted.upgrade();
    assert_eq!(granted.step(b"\x81\x00"), Step::Body(2));

    let mut denied = at_upgrade();
    denied.resume();
    assert_eq!(denied.step(&upgrade), Step::Head(upgrade.len()));

    let mut never_asked = Guard::new(Limits::default());
    never_asked.upgrade();
    assert_eq!(never_asked.step(b"\x81\x00\r\n"), Step::RefuseHead(Refusal::RequestLine));
}

#[test]
fn every_refusal_has_its_own_word_and_an_error_status() {
    let words = [Refusal::RequestLine, Refusal::Framing, Refusal::HeadTimeout].map(Refusal::word);
    assert_eq!(words, ["request-line", "framing", "head-timeout"]);
    assert_eq!(Refusal::HeadTimeout.status(), 408);
    assert_eq!(Refusal::FieldsTooLarge.status(), 431);
    assert_eq!(Refusal::Version.status(), 505);
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 1..40);
    let chunks = prop::collection::vec((body.clone(), "(;[a-z]{1,5})?"), 0..4);
    let fields = "(X-[a-z]{1,5}: [ -~]{0,20}\r\n){0,4}";
    let bare = fields.prop_map(|fields| head("GET /a?b HTTP/1.1", &fields));
    let sized = (fields, body).prop_map(|(fields, body)| {
        [head("PUT /a HTTP/1.1", &format!("{fields}Content-Length: {}\r\n", body.len())), body].concat()
    });
    let chunked = (chunks, "(Y: [a-z]{0,9}\r\n){0,2}").prop_map(|(chunks, trailers)| {
        let mut bytes = chunked("");
        for (data, extension) in chunks {
            bytes.extend(format!("{:x}{extension}\r\n", data.len()).into_bytes());
            bytes.extend(data);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("0\r\n{trailers}\r\n").into_bytes());
        bytes
    });
    prop_oneof![bare, sized, chunked]
}

proptest! {
    #[test]
    fn a_valid_stream_passes_whole_however_it_is_cut(
        messages in prop::collection::vec(any_message(), 1..5),
        sizes in prop::collection::vec(1_usize..50, 1..30),
    ) {
        let stream = messages.concat();
        let (mut pieces, mut rest) = (Vec::new(), &stream[..]);
        for size in sizes.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(feed(pieces), (stream.clone(), None));
    }

    #[test]
    fn noise_has_one_verdict_however_it_is_cut(noise in "(GET|POST|[A-Z ]{1,4}) /?[a-z]{0,3} HTTP/1.[01]\r?\n([A-Za-z: \t]{0,9}\r?\n|Host: a\r\n|Transfer-Encoding: chunked\r\n|\r\n|[0-9a-f]{1,2}\r?\n){0,8}") {
        verdict(noise.as_bytes());
    }
}
