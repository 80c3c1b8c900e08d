//! Expressions cut into tokens, as httpd's scanner does. Knows no grammar.

/// Bytes that a string or a regular expression may have.
const MAX_STRING: usize = 8192;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    True,
    False,
    Digits(Vec<u8>),
    Name(String),
    Text(Vec<u8>),
    Regex {
        pattern: Vec<u8>,
        caseless: bool,
    },
    Group(u8),
    /// `-f` and its like, without the dash.
    Unary(u8),
    /// `-strmatch` and its like, without the dash.
    Binary(String),
    TextBegin,
    TextEnd,
    VariableBegin,
    VariableEnd,
    Compare(Comparison),
    In,
    Match,
    NoMatch,
    Concat,
    Or,
    And,
    Not,
    /// One of `(){},:`.
    Mark(u8),
    /// What the scanner refuses; `Scanner::problem` says why.
    Error,
    End,
}

/// A comparison of two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub order: Order,
    /// As whole numbers, not as strings.
    pub numeric: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub fn holds(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => found.is_eq(),
            Self::NotEqual => found.is_ne(),
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

impl Token {
    /// The name that the server's messages use.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::True => "T_TRUE",
            Self::False => "T_FALSE",
            Self::Digits(_) => "T_DIGIT",
            Self::Name(_) => "T_ID",
            Self::Text(_) => "T_STRING",
            Self::Regex { caseless: false, .. } => "T_REGEX",
            Self::Regex { caseless: true, .. } => "T_REGEX_I",
            Self::Group(_) => "T_REGEX_BACKREF",
            Self::Unary(_) => "T_OP_UNARY",
            Self::Binary(_) => "T_OP_BINARY",
            Self::TextBegin => "T_STR_BEGIN",
            Self::TextEnd => "T_STR_END",
            Self::VariableBegin => "T_VAR_BEGIN",
            Self::VariableEnd => "T_VAR_END",
            Self::Compare(Comparison { order, numeric }) => match (order, numeric) {
                (Order::Equal, true) => "T_OP_EQ",
                (Order::NotEqual, true) => "T_OP_NE",
                (Order::Less, true) => "T_OP_LT",
                (Order::LessOrEqual, true) => "T_OP_LE",
                (Order::Greater, true) => "T_OP_GT",
                (Order::GreaterOrEqual, true) => "T_OP_GE",
                (Order::Equal, false) => "T_OP_STR_EQ",
                (Order::NotEqual, false) => "T_OP_STR_NE",
                (Order::Less, false) => "T_OP_STR_LT",
                (Order::LessOrEqual, false) => "T_OP_STR_LE",
                (Order::Greater, false) => "T_OP_STR_GT",
                (Order::GreaterOrEqual, false) => "T_OP_STR_GE",
            },
            Self::In => "T_OP_IN",
            Self::Match => "T_OP_REG",
            Self::NoMatch => "T_OP_NRE",
            Self::Concat => "T_OP_CONCAT",
            Self::Or => "T_OP_OR",
            Self::And => "T_OP_AND",
            Self::Not => "T_OP_NOT",
            Self::Mark(b'(') => "'('",
            Self::Mark(b')') => "')'",
            Self::Mark(b'{') => "'{'",
            Self::Mark(b'}') => "'}'",
            Self::Mark(b',') => "','",
            Self::Mark(_) => "':'",
            Self::Error => "T_ERROR",
            Self::End => "$end",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    /// Inside quotes, or in an expression that is one string, where no quote ends it.
    Text(Option<u8>),
    Variable,
    /// Behind the colon of `%{function:...}`.
    Argument,
}

/// Where the server's scanner gives up and takes the whole server with it.
const JAMMED: &str = "flex scanner jammed";

pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    states: Vec<State>,
    collected: Vec<u8>,
    /// Why the last `Error` is one, in the server's words.
    pub(super) problem: Option<String>,
}

impl<'a> Scanner<'a> {
    pub(super) fn condition(text: &'a [u8]) -> Self {
        Self { text, at: 0, states: vec![State::Plain], collected: Vec::new(), problem: None }
    }

    /// For an expression whose value is a string.
    pub(super) fn string(text: &'a [u8]) -> Self {
        Self { states: vec![State::Text(None)], ..Self::condition(text) }
    }

    /// # Errors
    /// Where the server's own scanner would end the server.
    pub(super) fn next(&mut self) -> Result<Token, &'static str> {
        match self.states.last().copied().unwrap_or(State::Plain) {
            State::Plain => Ok(self.plain()),
            State::Variable => Ok(self.variable()),
            state => self.text(state),
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// What was collected, up to a zero byte, which ends a string for the server.
    fn collected(&mut self) -> Token {
        let mut text = std::mem::take(&mut self.collected);
        text.truncate(memchr::memchr(0, &text).unwrap_or(text.len()));
        Token::Text(text)
    }

    fn begin(&mut self, state: State) {
        if let Some(top) = self.states.last_mut() {
            *top = state;
        }
    }

    fn refuse(&mut self, problem: impl Into<String>) -> Token {
        self.problem = Some(problem.into());
        Token::Error
    }

    fn plain(&mut self) -> Token {
        while let [b' ' | b'\t' | b'\n', ..] = self.rest() {
            self.at += 1;
        }
        let (token, used) = match self.rest() {
            [] => (Token::End, 0),
            [quote @ (b'"' | b'\''), ..] => {
                self.begin(State::Text(Some(*quote)));
                (Token::TextBegin, 1)
            }
            [b'%', b'{', ..] => {
                self.states.push(State::Variable);
                (Token::VariableBegin, 2)
            }
            [b'$', digit @ b'0'..=b'9', ..] => (Token::Group(digit - b'0'), 2),
            [b'/', ..] => return self.regex(1),
            [b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..] => {
                let digits = self.rest()[1..].iter().take_while(|byte| byte.is_ascii_digit()).count() + 1;
                (Token::Digits(self.rest()[..digits].to_vec()), digits)
            }
            [b'-', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
                let name = word(&self.rest()[1..]);
                (dashed(name), name.len() + 1)
            }
            [b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let name = word(self.rest());
                let delimiter = self.rest().get(1).is_some_and(|next| b"/#$%^,;:_?|^-!.'\"".contains(next));
                if self.rest()[0] == b'm' && delimiter && name.len() <= 2 {
                    return self.regex(2);
                }
                (bare(name), name.len())
            }
            rest => match operator(rest) {
                Some(found) => found,
                None => {
                    let problem = format!("Parse error near '{}'", char::from(rest[0]));
                    self.at += 1;
                    return self.refuse(problem);
                }
            },
        };
        self.at += used;
        token
    }

    /// A regular expression, whose delimiter is the last of so many bytes.
    fn regex(&mut self, opening: usize) -> Token {
        let delimiter = self.rest()[opening - 1];
        let body = &self.rest()[opening..];
        let Some(end) = memchr::memchr(delimiter, &body[..body.len().min(MAX_STRING)]) else {
            self.at = self.text.len();
            return if body.len() < MAX_STRING { Token::End } else { self.refuse("Regexp too long") };
        };
        let caseless = body.get(end + 1) == Some(&b'i');
        self.at += opening + end + 1 + usize::from(caseless);
        Token::Regex { pattern: body[..end].to_vec(), caseless }
    }

    fn variable(&mut self) -> Token {
        let (token, used) = match self.rest() {
            [] => return self.refuse("Unterminated string or variable"),
            [b'\n', ..] => return self.refuse("Unterminated string or variable"),
            [b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let name = word(self.rest());
                (Token::Name(String::from_utf8_lossy(name).into_owned()), name.len())
            }
            [b'}', ..] => {
                self.states.pop();
                (Token::VariableEnd, 1)
            }
            [b':', ..] => {
                self.begin(State::Argument);
                (Token::Mark(b':'), 1)
            }
            [other, ..] => {
                let problem = format!("Invalid character in variable name '{}'", char::from(*other));
                return self.refuse(problem);
            }
        };
        self.at += used;
        token
    }

    fn text(&mut self, state: State) -> Result<Token, &'static str> {
        loop {
            let (bytes, used): (&[u8], usize) = match self.rest() {
                [] if state == State::Text(None) => {
                    self.begin(State::Plain);
                    return Ok(self.collected());
                }
                [] | [b'\n', ..] => return Ok(self.refuse("Unterminated string or variable")),
                [b'\\', b'0'..=b'9', ..] => {
                    let digits = self.rest()[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let octal = self.rest()[1..]
                        .iter()
                        .take(3)
                        .take_while(|byte| (b'0'..=b'7').contains(byte))
                        .count();
                    if digits > octal {
                        return Ok(self.refuse("Bad escape sequence"));
                    }
                    let value = self.rest()[1..=octal]
                        .iter()
                        .fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                    let Ok(value) = u8::try_from(value) else {
                        return Ok(self.refuse("Escape sequence out of bound"));
                    };
                    (&[value], octal + 1)
                }
                [b'\\', escaped, ..] => {
                    let meant: &[u8] = match escaped {
                        b'n' => b"\n",
                        b'r' => b"\r",
                        b't' => b"\t",
                        b'b' => b"\x08",
                        b'f' => b"\x0c",
                        _ => std::slice::from_ref(escaped),
                    };
                    (meant, 2)
                }
                [b'\\'] => return Err(JAMMED),
                rest @ ([b'$', b'0'..=b'9', ..] | [b'%', b'{', ..]) => {
                    if !self.collected.is_empty() {
                        return Ok(self.collected());
                    }
                    self.at += 2;
                    if rest[0] == b'%' {
                        self.states.push(State::Variable);
                        return Ok(Token::VariableBegin);
                    }
                    return Ok(Token::Group(rest[1] - b'0'));
                }
                [b'"' | b'\'', ..] if state == State::Argument => return Err(JAMMED),
                [byte, ..]
                    if state == State::Text(Some(*byte)) || (*byte == b'}' && state == State::Argument) =>
                {
                    if !self.collected.is_empty() {
                        return Ok(self.collected());
                    }
                    self.at += 1;
                    if state == State::Argument {
                        self.states.pop();
                        return Ok(Token::VariableEnd);
                    }
                    self.begin(State::Plain);
                    return Ok(Token::TextEnd);
                }
                [byte, ..] => (std::slice::from_ref(byte), 1),
            };
            self.collected.extend_from_slice(bytes);
            self.at += used;
            if self.collected.len() >= MAX_STRING {
                return Ok(self.refuse("String too long"));
            }
        }
    }
}

fn word(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    &text[..len]
}

fn compare(order: Order, numeric: bool) -> Token {
    Token::Compare(Comparison { order, numeric })
}

/// A name behind a dash.
fn dashed(name: &[u8]) -> Token {
    match name {
        b"in" => Token::In,
        b"eq" => compare(Order::Equal, true),
        b"ne" => compare(Order::NotEqual, true),
        b"ge" => compare(Order::GreaterOrEqual, true),
        b"le" => compare(Order::LessOrEqual, true),
        b"gt" => compare(Order::Greater, true),
        b"lt" => compare(Order::Less, true),
        [letter] => Token::Unary(*letter),
        _ => Token::Binary(String::from_utf8_lossy(name).into_owned()),
    }
}

/// A name that stands alone: a word of the language, or of nothing yet.
fn bare(name: &[u8]) -> Token {
    match name {
        b"and" => Token::And,
        b"or" => Token::Or,
        b"not" => Token::Not,
        b"true" => Token::True,
        b"false" => Token::False,
        b"in" | b"eq" | b"ne" | b"ge" | b"le" | b"gt" | b"lt" => dashed(name),
        _ => Token::Name(String::from_utf8_lossy(name).into_owned()),
    }
}

fn operator(text: &[u8]) -> Option<(Token, usize)> {
    Some(match text {
        [b'=', b'~', ..] => (Token::Match, 2),
        [b'=', b'=', ..] => (compare(Order::Equal, false), 2),
        [b'=', ..] => (compare(Order::Equal, false), 1),
        [b'!', b'=', ..] => (compare(Order::NotEqual, false), 2),
        [b'!', b'~', ..] => (Token::NoMatch, 2),
        [b'!', ..] => (Token::Not, 1),
        [b'<', b'=', ..] => (compare(Order::LessOrEqual, false), 2),
        [b'<', ..] => (compare(Order::Less, false), 1),
        [b'>', b'=', ..] => (compare(Order::GreaterOrEqual, false), 2),
        [b'>', ..] => (compare(Order::Greater, false), 1),
        [b'&', b'&', ..] => (Token::And, 2),
        [b'|', b'|', ..] => (Token::Or, 2),
        [b'.', ..] => (Token::Concat, 1),
        [mark @ (b'(' | b')' | b'{' | b'}' | b',' | b':'), ..] => (Token::Mark(*mark), 1),
        _ => return None,
    })
}
