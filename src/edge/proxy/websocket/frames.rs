//! Where one frame of a WebSocket ends and the next begins (RFC 6455 5.2). Nothing is unmasked, checked or changed.

/// The longest head of a frame: two bytes, eight of length, four of the mask.
const HEAD_BYTES_MAX: usize = 14;

/// Follows the frames in one direction.
#[derive(Debug, Default)]
pub struct Frames {
    head: [u8; HEAD_BYTES_MAX],
    /// Bytes of the present head that are there.
    have: usize,
    /// Bytes of the present payload that are still to come.
    left: u64,
}

impl Frames {
    /// Whether the next byte begins a frame: only there another may be put in.
    pub const fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Follows these bytes.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let passed = self.pass_frame(bytes);
            bytes = bytes.get(passed..).unwrap_or_default();
        }
    }

    /// Follows these bytes to the end of the present frame. Returns how many belong to it.
    pub fn pass_frame(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while self.left == 0 {
            let Some((&byte, slot)) = bytes.get(passed).zip(self.head.get_mut(self.have)) else { return passed };
            *slot = byte;
            self.have += 1;
            passed += 1;
            if let Some(length) = self.payload() {
                (self.have, self.left) = (0, length);
                break;
            }
        }
        let rest = bytes.len().saturating_sub(passed);
        let now = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest);
        self.left -= u64::try_from(now).unwrap_or(self.left);
        passed + now
    }

    /// The length of the payload, once the head is whole.
    fn payload(&self) -> Option<u64> {
        let [_, second, long @ ..] = self.head;
        let number = |bytes: Option<&[u8]>| {
            bytes.unwrap_or_default().iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        let (length_bytes, length) = match second & 0x7f {
            126 => (2, number(long.get(..2))),
            127 => (8, number(long.get(..8))),
            short => (0, u64::from(short)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        (self.have == 2 + length_bytes + mask).then_some(length)
    }
}

/// A close frame with this code and reason; masked where it goes to a server.
pub fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    // A control frame carries at most 125 bytes.
    let payload: Vec<u8> = code.to_be_bytes().into_iter().chain(reason.bytes().take(123)).collect();
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![0x88, length | if mask.is_some() { 0x80 } else { 0 }];
    frame.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame with a payload of this length.
    fn frame(length: usize, is_masked: bool) -> Vec<u8> {
        let flag = if is_masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        match length {
            0..126 => frame.push(flag | u8::try_from(length).unwrap()),
            126..65536 => {
                frame.push(flag | 0x7e);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(flag | 0x7f);
                frame.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        frame.extend(vec![0x88; length + if is_masked { 4 } else { 0 }]);
        frame
    }

    #[test]
    fn a_close_frame_is_what_the_protocol_says() {
        assert_eq!(close(4401, "hi", None), [0x88, 4, 0x11, 0x31, b'h', b'i']);
        assert_eq!(close(4401, "", Some([1, 2, 3, 4])), [0x88, 0x82, 1, 2, 3, 4, 0x10, 0x33]);
        let mut frames = Frames::default();
        frames.pass(&close(4401, &"x".repeat(500), Some([0; 4])));
        assert!(frames.is_between());
    }

    proptest! {
        #[test]
        fn frames_are_told_apart_however_they_are_cut(
            lengths in prop::collection::vec((prop_oneof![0usize..200, 60_000usize..70_000], any::<bool>()), 1..6),
            cut in 1usize..5000,
        ) {
            let (mut ends, mut stream) = (vec![0], Vec::new());
            for (length, is_masked) in lengths {
                stream.extend(frame(length, is_masked));
                ends.push(stream.len());
            }
            let (mut frames, mut at) = (Frames::default(), 0);
            for part in stream.chunks(cut) {
                frames.pass(part);
                at += part.len();
                prop_assert_eq!(frames.is_between(), ends.contains(&at), "at {}", at);
            }
            let mut single = Frames::default();
            let found: Vec<usize> = std::iter::successors(Some(0), |&at| {
                (at < stream.len()).then(|| at + single.pass_frame(&stream[at..]))
            }).collect();
            prop_assert_eq!(found, ends);
        }
    }
}
