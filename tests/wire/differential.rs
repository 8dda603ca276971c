//! What the guard passes, hyper reads as the same requests.

#[path = "../../fuzz/harness/wire.rs"]
mod harness;

use proptest::prelude::*;

/// Parts of a head, honest and not.
fn any_head() -> impl Strategy<Value = String> {
    let method =
        prop_oneof![8 => Just("GET"), 4 => Just("POST"), 1 => Just("get"), 1 => Just("X-~!"), 1 => Just("TRACE")];
    let target = prop_oneof![
        1 => "/[!-~]{0,12}",
        8 => "/[a-z/%{}|']{0,6}(\\?[a-z`^|]{0,9})?",
        1 => Just("http://a/b?c".to_owned()),
        1 => Just("HTTPS://A/".to_owned()),
        1 => Just("*".to_owned()),
        1 => "//[a-z@:]{0,5}",
    ];
    let version = prop_oneof![9 => Just("1.1"), 1 => Just("1.0"), 1 => Just("2.0")];
    let field = prop_oneof![
        1 => "[!-~]{0,6}:[ -~]{0,9}",
        12 => "X-[A-Z]{1,3}:[ \t]{0,2}[ -~\u{80}-\u{2ff}]{0,9}[ \t]{0,2}",
        1 => Just("Content-Length: 0".to_owned()),
        1 => Just("content-length: 3".to_owned()),
        2 => Just("Transfer-Encoding: chunked".to_owned()),
        1 => Just("Transfer-Encoding : chunked".to_owned()),
        1 => Just("Expect: 100-continue".to_owned()),
        1 => Just("Upgrade: websocket".to_owned()),
        1 => Just("Connection: keep-alive, x".to_owned()),
        1 => Just("Connection: close".to_owned()),
        1 => Just("Host: b".to_owned()),
        1 => Just(" folded".to_owned()),
    ];
    let end = || prop_oneof![200 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n")];
    let fields = prop::collection::vec((field, end()), 0..5);
    (method, target, version, fields, end()).prop_map(|(method, target, version, fields, end)| {
        let fields: String = fields.into_iter().flat_map(|(field, end)| [field, end.to_owned()]).collect();
        format!("{method} {target} HTTP/{version}{end}Host: a\r\n{fields}\r\n")
    })
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        3 => Just(String::new()),
        2 => "[a-z]{3}",
        2 => "(1;?[a-z]{0,2}\r\n[a-z]\r\n|3\r\n\r\n\r\r\n){0,2}0\r\n(X: [a-z]\r\n)?\r\n",
        1 => "[0-9a-f+ ]{0,3}\r?\n[a-z\r\n]{0,9}",
    ];
    prop::collection::vec((any_head(), body), 1..4).prop_map(|messages| {
        messages.into_iter().flat_map(|(head, body)| [head, body]).collect::<String>().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn hyper_reads_what_the_guard_passed(stream in any_stream(), size in 1_usize..200) {
        harness::compare(&stream, size);
    }
}

#[test]
fn the_harness_reads_requests_at_all() {
    let stream = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nX: y\r\n\r\nGET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n";

    let read = harness::by_hyper(stream, 7);

    assert_eq!(read, harness::by_guard(stream));
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].body.as_slice(), read[1].target.as_str()), (&b"hi"[..], "http://a/b?c"));
}
