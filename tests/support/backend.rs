//! A WebSocket backend as strict as RFC 6455 lets it be, which remembers what it was asked.
//! Must not know what stands before it, nor what anybody expected of the request.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::wire::{self, Frame, Head};

/// Accepts connections until it is dropped; each carries one request.
pub struct Backend {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

/// A request the backend received, and why it refused it, if it did.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: Head,
    pub refusal: Option<String>,
}

impl Backend {
    pub fn start() -> Self {
        let listener = super::listener();
        let backend = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            stopped: Arc::default(),
        };
        let (requests, stopped) = (Arc::clone(&backend.requests), Arc::clone(&backend.stopped));
        thread::spawn(move || serve(&listener, &requests, &stopped));
        backend
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was received so far, in order. Bytes that are no HTTP request are not among them.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listening thread; if this fails, it isn't listening any more.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, requests: &Arc<Mutex<Vec<Request>>>, stopped: &AtomicBool) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let requests = Arc::clone(requests);
        // A connection that breaks is the client's business: it sees no answer.
        thread::spawn(move || answer(&stream, &requests));
    }
}

fn answer(stream: &TcpStream, requests: &Mutex<Vec<Request>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut writer = stream;
    let mut reader = BufReader::new(stream);
    let head = match Head::read(&mut reader) {
        Ok(head) => head,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return refuse(stream, "not HTTP"),
        Err(error) => return Err(error),
    };
    let refusal = refusal(&head);
    let key = head.values("Sec-WebSocket-Key").concat();
    requests.lock().unwrap().push(Request { head, refusal: refusal.map(str::to_owned) });
    if let Some(why) = refusal {
        return refuse(stream, why);
    }
    let accept = wire::accept(&key);
    write!(
        writer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nX-Backend: strict\r\n\r\n"
    )?;
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    echo(&mut reader, &mut writer)
}

/// What RFC 6455, 4.2.1 and RFC 9110 demand of a handshake and `head` lacks.
fn refusal(head: &Head) -> Option<&'static str> {
    let demands = [
        (head.line.starts_with("GET "), "the method is not GET"),
        (head.line.ends_with(" HTTP/1.1"), "the version is not HTTP/1.1"),
        (!head.malformed, "a header line is malformed"),
        (head.values("Host").len() == 1, "not exactly one Host"),
        (head.tokens("Connection", "upgrade") > 0, "no token `upgrade` in Connection"),
        (head.values("Upgrade").len() == 1, "not exactly one Upgrade"),
        (head.tokens("Upgrade", "websocket") == 1, "no token `websocket` in Upgrade"),
        (head.values("Sec-WebSocket-Key").len() == 1, "not exactly one Sec-WebSocket-Key"),
        (head.values("Sec-WebSocket-Key").iter().all(|key| wire::is_key(key)), "the key is not 16 bytes"),
        (head.values("Sec-WebSocket-Version") == ["13"], "the version is not 13"),
    ];
    demands.into_iter().find(|(met, _)| !met).map(|(_, why)| why)
}

fn refuse(mut stream: &TcpStream, why: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n\
         X-Backend: strict\r\nX-Refused: {why}\r\nContent-Length: 0\r\n\r\n"
    )?;
    // Closing over unread bytes would reset the connection, and the answer could be lost.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    while stream.read(&mut [0; 4096])? > 0 {}
    Ok(())
}

/// Returns when the client closes, or sends what RFC 6455, 5.1 forbids.
fn echo(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<()> {
    loop {
        let frame = Frame::read(reader)?;
        if !frame.masked {
            return Frame::new(wire::CLOSE, false, &1002_u16.to_be_bytes()).write(writer);
        }
        match frame.opcode() {
            wire::CLOSE => return Frame::new(wire::CLOSE, false, &frame.payload).write(writer),
            wire::PING => Frame::new(wire::PONG, false, &frame.payload).write(writer)?,
            wire::PONG => {}
            _ => Frame { masked: false, ..frame }.write(writer)?,
        }
    }
}
