//! A WebSocket client that sends what a browser sends and checks what RFC 6455 has a client check.
//! Must not know what it talks to, nor which answer anybody expected.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::wire::{self, Frame, Head};

/// How long the client waits for any byte of an answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub enum Outcome {
    /// 101, sound, and data flowed in both directions.
    Upgraded(Tunnel),
    /// 101, but the client must fail the connection, because of this.
    ClientRejects(String),
    Status(u16),
    /// No HTTP answer, or a tunnel through which no data flows.
    NoAnswer(String),
}

/// An open WebSocket.
pub struct Tunnel {
    reader: BufReader<TcpStream>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data flowed both ways")
    }
}

/// Performs a handshake on a loopback port and sends data both ways. `host` is the Host without port.
pub fn handshake(port: u16, host: Option<&str>, path: &str) -> Outcome {
    handshake_with(port, host, path, &[])
}

/// Performs a handshake in which each of `changes` replaces a header, `Name: value`, or takes it away, `Name:`.
pub fn handshake_with(port: u16, host: Option<&str>, path: &str, changes: &[&str]) -> Outcome {
    let host = host.unwrap_or("127.0.0.1");
    let key = wire::fresh_key();
    let mut headers = vec![
        ("Host", format!("{host}:{port}")),
        ("Connection", "Upgrade".to_owned()),
        ("Upgrade", "websocket".to_owned()),
        ("Origin", format!("http://{host}:{port}")),
        ("Sec-WebSocket-Version", "13".to_owned()),
        ("Sec-WebSocket-Key", key.clone()),
    ];
    for (name, value) in changes.iter().filter_map(|change| change.split_once(':')) {
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            headers.push((name, value.trim().to_owned()));
        }
    }
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
    let (head, mut tunnel) = match ask(port, &request) {
        Ok(answer) => answer,
        Err(error) => return Outcome::NoAnswer(error.to_string()),
    };
    match status(&head) {
        Some(101) => {}
        Some(status) => return Outcome::Status(status),
        None => return Outcome::NoAnswer(format!("`{}` is no HTTP answer", head.line)),
    }
    if let Some(why) = rejection(&head, &key) {
        return Outcome::ClientRejects(why.to_owned());
    }
    match tunnel.exchange() {
        Ok(()) => Outcome::Upgraded(tunnel),
        Err(error) => Outcome::NoAnswer(format!("101, but no data flows: {error}")),
    }
}

/// Sends `request` as it is; the answer's head, and the connection.
pub fn ask(port: u16, request: &str) -> io::Result<(Head, Tunnel)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let head = Head::read(&mut reader)?;
    Ok((head, Tunnel { reader }))
}

pub fn status(head: &Head) -> Option<u16> {
    head.line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// Why RFC 6455, 4.1 has a client fail the connection over this 101.
fn rejection(head: &Head, key: &str) -> Option<&'static str> {
    let demands = [
        (head.values("Upgrade").concat().eq_ignore_ascii_case("websocket"), "Upgrade is not `websocket`"),
        (head.tokens("Connection", "upgrade") > 0, "no token `upgrade` in Connection"),
        (
            head.values("Sec-WebSocket-Accept") == [wire::accept(key)],
            "Sec-WebSocket-Accept does not answer the key",
        ),
        (head.values("Sec-WebSocket-Extensions").is_empty(), "an extension nobody asked for"),
        (head.values("Sec-WebSocket-Protocol").is_empty(), "a subprotocol nobody asked for"),
    ];
    demands.into_iter().find(|(met, _)| !met).map(|(_, why)| why)
}

impl Tunnel {
    /// A short text and 100 kB of binary go out and must come back.
    fn exchange(&mut self) -> io::Result<()> {
        let binary: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        for (opcode, payload) in [(1, "hello".as_bytes()), (2, &binary)] {
            Frame::new(opcode, true, payload).write(self.reader.get_mut())?;
            if Frame::read(&mut self.reader)? != Frame::new(opcode, false, payload) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the echo differs"));
            }
        }
        Ok(())
    }

    /// Keeps silent for `limit`: after how long the other end closed, `None` if it did not.
    pub fn closed_after(mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        loop {
            let left = limit.checked_sub(start.elapsed()).filter(|left| !left.is_zero())?;
            self.reader.get_mut().set_read_timeout(Some(left)).unwrap();
            match self.reader.read(&mut [0; 4096]) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Ok(0) | Err(_) => return Some(start.elapsed()),
            }
        }
    }
}
