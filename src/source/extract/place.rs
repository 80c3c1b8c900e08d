//! Where in a configuration's grammar a byte stands, as far as a template's tags ask: between directives or inside one, in
//! a comment, in quotes, how many blocks deep. Knows no directive, and no tag.

use crate::source::discover::Server;

/// A place in a text that was read byte by byte.
#[derive(Clone, Debug)]
pub struct Place {
    server: Server,
    state: State,
    /// Blocks or sections that are open; below 0 where more were closed.
    pub depth: i32,
    /// The least that it was.
    pub lowest: i32,
    /// nginx: the last byte belongs to a word without quotes.
    in_word: bool,
    last: u8,
    /// The first word of the directive, as far as it matters.
    name: Vec<u8>,
    in_name: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next word begins a directive.
    Start,
    Inside,
    /// To the end of the line; whether a directive goes on behind it.
    Comment {
        inside: bool,
    },
    Quote(u8),
    /// Behind a backslash, in this quote or none.
    Escaped(u8),
    /// Braces open in a block of Lua, and the quote that is open.
    Lua(u32, u8),
    /// httpd: behind the `<` that begins a line.
    Bracket,
}

/// What ends the name of a directive whose block is no nginx.
const LUA: &[u8] = b"_by_lua_block";

impl Place {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            state: State::Start,
            depth: 0,
            lowest: 0,
            in_word: false,
            last: b'\n',
            name: Vec::new(),
            in_name: false,
        }
    }

    /// Between directives.
    pub fn is_start(&self) -> bool {
        self.state == State::Start
    }

    pub fn in_comment(&self) -> bool {
        matches!(self.state, State::Comment { .. })
    }

    pub fn in_quotes(&self) -> bool {
        matches!(self.state, State::Quote(_) | State::Escaped(b'"' | b'\''))
    }

    pub fn in_lua(&self) -> bool {
        matches!(self.state, State::Lua(..))
    }

    pub fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match self.server {
                Server::Nginx => self.nginx(byte),
                Server::Apache => self.apache(byte),
            }
            self.last = byte;
        }
    }

    fn nginx(&mut self, byte: u8) {
        match self.state {
            State::Comment { inside } if byte == b'\n' => {
                self.state = if inside { State::Inside } else { State::Start };
            }
            State::Comment { .. } => {}
            State::Quote(quote) if byte == quote => self.state = State::Inside,
            State::Quote(quote) if byte == b'\\' => self.state = State::Escaped(quote),
            State::Quote(_) => {}
            State::Escaped(0) => self.state = State::Inside,
            State::Escaped(quote) => self.state = State::Quote(quote),
            State::Lua(depth, quote) => self.state = self.lua(depth, quote, byte),
            State::Start | State::Inside | State::Bracket => self.nginx_open(byte),
        }
    }

    fn nginx_open(&mut self, byte: u8) {
        let inside = self.state == State::Inside;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.in_word = false;
                self.in_name &= !inside;
            }
            b'#' if !self.in_word => self.state = State::Comment { inside },
            b'"' | b'\'' if !self.in_word => self.state = State::Quote(byte),
            b';' => self.begin(State::Start),
            b'{' if self.in_word && self.last == b'$' => {}
            b'{' if self.name.ends_with(LUA) => self.begin(State::Lua(1, 0)),
            b'{' => {
                self.depth += 1;
                self.begin(State::Start);
            }
            b'}' if !self.in_word => {
                self.depth -= 1;
                self.lowest = self.lowest.min(self.depth);
                self.begin(State::Start);
            }
            b'\\' => {
                self.in_word = true;
                self.state = State::Escaped(0);
            }
            _ => {
                if !inside {
                    self.name.clear();
                    self.in_name = true;
                }
                if self.in_name && self.name.len() < 64 {
                    self.name.push(byte);
                }
                self.in_word = true;
                self.state = State::Inside;
            }
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.in_word = false;
        self.in_name = false;
        self.name.clear();
    }

    /// Lua's strings and line comments, whose braces do not count.
    fn lua(&mut self, depth: u32, quote: u8, byte: u8) -> State {
        match (quote, byte) {
            (b'-', b'\n') => State::Lua(depth, 0),
            (b'"' | b'\'', _) if byte == quote && self.last != b'\\' => State::Lua(depth, 0),
            (b'"' | b'\'', b'\n') => State::Lua(depth, 0),
            (0, b'"' | b'\'') => State::Lua(depth, byte),
            (0, b'-') if self.last == b'-' => State::Lua(depth, b'-'),
            (0, b'{') => State::Lua(depth + 1, 0),
            (0, b'}') if depth == 1 => State::Start,
            (0, b'}') => State::Lua(depth - 1, 0),
            _ => State::Lua(depth, quote),
        }
    }

    fn apache(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (state, b'\n') if self.last == b'\\' => state,
            (_, b'\n') => State::Start,
            (State::Start, b' ' | b'\t' | b'\r') => State::Start,
            (State::Start, b'#') => State::Comment { inside: false },
            (State::Start, b'<') => State::Bracket,
            (State::Start, _) => State::Inside,
            (State::Bracket, b'/') => {
                self.depth -= 1;
                self.lowest = self.lowest.min(self.depth);
                State::Inside
            }
            (State::Bracket, _) => {
                self.depth += i32::from(byte.is_ascii_alphabetic());
                State::Inside
            }
            (State::Inside, b'"') if self.last != b'\\' => State::Quote(b'"'),
            (State::Quote(_), b'"') if self.last != b'\\' => State::Inside,
            (state, _) => state,
        };
    }
}
