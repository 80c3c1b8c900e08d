//! What goes over the wire in a handshake and after it: message heads, keys, WebSocket frames (RFC 6455).
//! Must not know which end it serves, nor what either end accepts.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read, Write};

/// The first line of an HTTP message and its header lines, names and values as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub line: String,
    pub headers: Vec<(String, String)>,
    /// Header lines that are none: no colon, or something else than a token before it.
    pub malformed: bool,
}

impl Head {
    /// Errors on the end of the stream, and at once on what does not start like an HTTP message or a PROXY line.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "not HTTP");
        let start = loop {
            match reader.fill_buf() {
                // Unlike the other reads, this one leaves it to the caller to go on after a signal.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                bytes => break bytes?.first().copied(),
            }
        };
        match start {
            Some(byte) if byte.is_ascii_alphabetic() => {}
            Some(_) => return Err(odd()),
            None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without a byte")),
        }
        let line = read_line(reader)?;
        if !line.contains("HTTP/") && !line.starts_with("PROXY ") {
            return Err(odd());
        }
        let mut head = Self { line, headers: Vec::new(), malformed: false };
        loop {
            let line = read_line(reader)?;
            if line.is_empty() {
                return Ok(head);
            }
            match line.split_once(':') {
                Some((name, value)) if is_token(name) => {
                    head.headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
                }
                _ => head.malformed = true,
            }
        }
    }

    /// The values of every line of that name, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// How often `token` stands in the lists of that name.
    pub fn tokens(&self, name: &str, token: &str) -> usize {
        let values = self.values(name);
        let all = values.iter().flat_map(|value| value.split(','));
        all.filter(|one| one.trim_matches([' ', '\t']).eq_ignore_ascii_case(token)).count()
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(64 * 1024).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the head ends in the middle"));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

/// A frame of a WebSocket, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// The final bit, reserved bits and opcode.
    pub first: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

impl Frame {
    /// An unfragmented one.
    pub fn new(opcode: u8, masked: bool, payload: &[u8]) -> Self {
        Self { first: 0x80 | opcode, masked, payload: payload.to_vec() }
    }

    pub fn opcode(&self) -> u8 {
        self.first & 0x0F
    }

    /// Errors on payloads above 16 MiB.
    pub fn read(reader: &mut impl Read) -> io::Result<Self> {
        let [first, second] = read_bytes(reader)?;
        let length = match second & 0x7F {
            126 => u64::from(u16::from_be_bytes(read_bytes(reader)?)),
            127 => u64::from_be_bytes(read_bytes(reader)?),
            short => u64::from(short),
        };
        if length > 16 << 20 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
        }
        let masked = second & 0x80 != 0;
        let mask = if masked { read_bytes(reader)? } else { [0; 4] };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        reader.read_exact(&mut payload)?;
        apply(mask, &mut payload);
        Ok(Self { first, masked, payload })
    }

    pub fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            length @ 0..126 => bytes.push(bit | u8::try_from(length).unwrap()),
            length => match u16::try_from(length) {
                Ok(length) => {
                    bytes.push(bit | 126);
                    bytes.extend(length.to_be_bytes());
                }
                Err(_) => {
                    bytes.push(bit | 127);
                    bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
                }
            },
        }
        let start = bytes.len();
        if self.masked {
            let mask: [u8; 4] = random()[..4].try_into().unwrap();
            bytes.extend(mask);
            bytes.extend(&self.payload);
            apply(mask, &mut bytes[start + 4..]);
        } else {
            bytes.extend(&self.payload);
        }
        writer.write_all(&bytes)
    }
}

fn read_bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// A new `Sec-WebSocket-Key`.
pub fn fresh_key() -> String {
    base64(&random())
}

/// It is base64 of 16 bytes.
pub fn is_key(key: &str) -> bool {
    let Some(digits) = key.strip_suffix("==") else { return false };
    // The last digit carries two bits of the sixteenth byte, its other four are zero.
    digits.len() == 22
        && digits.bytes().all(|digit| DIGITS.contains(&digit))
        && digits.ends_with(['A', 'Q', 'g', 'w'])
}

/// The `Sec-WebSocket-Accept` that answers a key.
pub fn accept(key: &str) -> String {
    base64(&sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()))
}

fn random() -> [u8; 16] {
    let half = || RandomState::new().hash_one(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half());
    bytes[8..].copy_from_slice(&half());
    bytes
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0, |group, index| group << 8 | chunk.get(index).map_or(0, |&byte| usize::from(byte)));
        for index in 0..4 {
            let digit = char::from(DIGITS[group >> (18 - 6 * index) & 0x3F]);
            text.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

/// FIPS 180-4, 6.1.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut hash: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().unwrap());
        }
        for t in 16..80 {
            words[t] = (words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (t, word) in words.into_iter().enumerate() {
            let (f, k) = match t {
                0..20 => (b & c | !b & d, 0x5A82_7999),
                20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
                40..60 => (b & c | b & d | c & d, 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (sum, word) in hash.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut bytes = [0; 20];
    for (four, word) in bytes.chunks_exact_mut(4).zip(hash) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}
