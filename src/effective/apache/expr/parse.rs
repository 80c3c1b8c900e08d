//! The grammar of expressions. Knows no request.

use super::scan::{Scanner, Token};
use super::subnet::Subnet;
use super::{List, Pattern, Test, Word};
use crate::effective::apache::request::{Asker, is_variable};
use crate::effective::regex::{self, NotCompiled};

/// Parentheses, functions and lookups inside one another that are followed.
const MAX_DEPTH: usize = 64;

/// Functions that give a string, in lower case; mod_ssl's and mod_proxy_hcheck's too.
const FUNCTIONS: &[&str] = &[
    "base64",
    "env",
    "escape",
    "file",
    "filesize",
    "hc",
    "http",
    "ldap",
    "md5",
    "note",
    "osenv",
    "req",
    "req_novary",
    "reqenv",
    "resp",
    "sha1",
    "ssl",
    "tolower",
    "toupper",
    "unbase64",
    "unescape",
];

/// Why there is no tree.
pub(super) enum Stop {
    /// The server refuses it, in these words.
    Refused(String),
    /// It is sound as far as it was read, but nested deeper than is followed.
    TooDeep,
}

type Parsed<T> = Result<T, Stop>;

pub(super) fn condition(text: &[u8]) -> Parsed<Test> {
    let mut parser = Parser::new(Scanner::condition(text))?;
    let test = parser.any(0)?;
    parser.finish(test)
}

pub(super) fn string(text: &[u8]) -> Parsed<Word> {
    let mut parser = Parser::new(Scanner::string(text))?;
    let word = parser.string(0)?;
    parser.finish(word)
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    next: Token,
    /// What a name or an argument was refused for; the server reads on, and tells the last one.
    refused: Option<String>,
}

impl<'a> Parser<'a> {
    fn new(scanner: Scanner<'a>) -> Parsed<Self> {
        let mut parser = Self { scanner, next: Token::End, refused: None };
        parser.advance()?;
        Ok(parser)
    }

    fn advance(&mut self) -> Parsed<Token> {
        let next = self.scanner.next().map_err(|jammed| Stop::Refused(jammed.to_string()))?;
        if next == Token::Error {
            self.refused = self.scanner.problem.take();
        }
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn finish<T>(&mut self, tree: T) -> Parsed<T> {
        self.expect(&Token::End)?;
        match self.refused.take() {
            Some(refused) => Err(Stop::Refused(refused)),
            None => Ok(tree),
        }
    }

    fn expect(&mut self, token: &Token) -> Parsed<()> {
        if self.next != *token {
            return Err(self.unexpected());
        }
        if *token != Token::End {
            self.advance()?;
        }
        Ok(())
    }

    fn unexpected(&mut self) -> Stop {
        let syntax = format!("syntax error, unexpected {}", self.next.name());
        Stop::Refused(match self.refused.take() {
            Some(refused) => format!("{syntax}: {refused}"),
            None => syntax,
        })
    }

    /// What the server says where a condition or a string could begin and the scanner refuses: its reason alone.
    fn unreadable(&mut self) -> Stop {
        Stop::Refused(self.refused.take().unwrap_or_default())
    }

    fn any(&mut self, depth: usize) -> Parsed<Test> {
        let mut tests = vec![self.all(depth)?];
        while self.next == Token::Or {
            self.advance()?;
            tests.push(self.all(depth)?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    fn all(&mut self, depth: usize) -> Parsed<Test> {
        let mut tests = vec![self.not(depth)?];
        while self.next == Token::And {
            self.advance()?;
            tests.push(self.not(depth)?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    fn not(&mut self, depth: usize) -> Parsed<Test> {
        let mut negated = false;
        while self.next == Token::Not {
            self.advance()?;
            negated = !negated;
        }
        let test = self.one(depth)?;
        Ok(if negated { Test::Not(Box::new(test)) } else { test })
    }

    fn one(&mut self, depth: usize) -> Parsed<Test> {
        if depth > MAX_DEPTH {
            return Err(Stop::TooDeep);
        }
        match self.next.clone() {
            Token::Error => Err(self.unreadable()),
            Token::True | Token::False => Ok(Test::Constant(self.advance()? == Token::True)),
            Token::Mark(b'(') => {
                self.advance()?;
                let test = self.any(depth + 1)?;
                self.expect(&Token::Mark(b')'))?;
                Ok(test)
            }
            Token::Unary(operator) => {
                self.advance()?;
                let word = self.word(depth)?;
                let subnet = match operator {
                    b'R' => self.subnet("R", &word),
                    _ if b"nzTdefsLhxFUA".contains(&operator) => None,
                    _ => {
                        let name = char::from(operator);
                        self.refused = Some(format!("Unary operator '-{name}' does not exist"));
                        None
                    }
                };
                Ok(Test::Unary { operator, word, subnet })
            }
            _ => {
                let left = self.word(depth)?;
                self.comparison(left, depth)
            }
        }
    }

    fn comparison(&mut self, left: Word, depth: usize) -> Parsed<Test> {
        match self.next.clone() {
            Token::Compare(comparison) => {
                self.advance()?;
                Ok(Test::Compare { left, comparison, right: self.word(depth)? })
            }
            Token::In => {
                self.advance()?;
                Ok(Test::In { word: left, list: self.list(depth)? })
            }
            Token::Match | Token::NoMatch => {
                let negated = self.advance()? == Token::NoMatch;
                let Token::Regex { pattern, caseless } = self.next.clone() else {
                    return Err(self.unexpected());
                };
                let pattern = match regex::Pattern::httpd(&pattern, caseless) {
                    Ok(pattern) => Pattern(Some(pattern)),
                    Err(NotCompiled::Unreadable) => Pattern(None),
                    Err(NotCompiled::Invalid) => {
                        let refused = "Failed to compile regular expression";
                        return Err(Stop::Refused(refused.to_string()));
                    }
                };
                self.advance()?;
                Ok(Test::Match { word: left, pattern, negated })
            }
            Token::Binary(name) => {
                self.advance()?;
                let right = self.word(depth)?;
                let operator = name.to_ascii_lowercase();
                let subnet = match operator.as_str() {
                    "ipmatch" => self.subnet("ipmatch", &right),
                    "fnmatch" | "strmatch" | "strcmatch" => None,
                    _ => {
                        self.refused = Some(format!("Binary operator '-{name}' does not exist"));
                        None
                    }
                };
                Ok(Test::Binary { operator, left, right, subnet })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A network, which must be a constant. The server repeats the operator's name as it was written, we as it is.
    fn subnet(&mut self, operator: &str, word: &Word) -> Option<Subnet> {
        let Word::Text(text) = word else {
            self.refused = Some(format!("-{operator} requires subnet/netmask as constant argument"));
            return None;
        };
        let subnet = Subnet::parse(text);
        if subnet.is_none() {
            self.refused = Some("parsing of subnet/netmask failed".to_string());
        }
        subnet
    }

    fn list(&mut self, depth: usize) -> Parsed<List> {
        match self.next.clone() {
            Token::Mark(b'{') => {
                self.advance()?;
                let mut words = vec![self.word(depth)?];
                while self.next == Token::Mark(b',') {
                    self.advance()?;
                    words.push(self.word(depth)?);
                }
                self.expect(&Token::Mark(b'}'))?;
                Ok(List::Words(words))
            }
            Token::Name(name) => {
                self.advance()?;
                self.parenthesized(depth)?;
                if !name.eq_ignore_ascii_case("PeerExtList") {
                    self.refused = Some(format!("List-returning function '{name}' does not exist"));
                }
                Ok(List::Function(name))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A function's argument.
    fn parenthesized(&mut self, depth: usize) -> Parsed<Word> {
        self.expect(&Token::Mark(b'('))?;
        let word = self.word(depth + 1)?;
        self.expect(&Token::Mark(b')'))?;
        Ok(word)
    }

    fn word(&mut self, depth: usize) -> Parsed<Word> {
        let mut words = vec![self.single(depth)?];
        while self.next == Token::Concat {
            self.advance()?;
            words.push(self.single(depth)?);
        }
        Ok(joined(words))
    }

    fn single(&mut self, depth: usize) -> Parsed<Word> {
        if depth > MAX_DEPTH {
            return Err(Stop::TooDeep);
        }
        match self.next.clone() {
            Token::Digits(digits) => {
                self.advance()?;
                Ok(Word::Digits(digits))
            }
            Token::Group(number) => {
                self.advance()?;
                Ok(Word::Group(number))
            }
            Token::VariableBegin => self.variable(depth),
            Token::Name(name) => {
                self.advance()?;
                let argument = self.parenthesized(depth)?;
                Ok(self.call(&name, argument))
            }
            Token::TextBegin => {
                self.advance()?;
                let word = match self.next {
                    Token::TextEnd => Word::Text(Vec::new()),
                    _ => self.string(depth)?,
                };
                self.expect(&Token::TextEnd)?;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The pieces between quotes, or of an expression that is one string.
    fn string(&mut self, depth: usize) -> Parsed<Word> {
        let mut words = Vec::new();
        loop {
            words.push(match self.next.clone() {
                Token::Text(text) => {
                    self.advance()?;
                    Word::Text(text)
                }
                Token::Group(number) => {
                    self.advance()?;
                    Word::Group(number)
                }
                Token::VariableBegin => self.variable(depth)?,
                Token::Error if words.is_empty() => return Err(self.unreadable()),
                _ if words.is_empty() => return Err(self.unexpected()),
                _ => return Ok(joined(words)),
            });
        }
    }

    fn variable(&mut self, depth: usize) -> Parsed<Word> {
        if depth > MAX_DEPTH {
            return Err(Stop::TooDeep);
        }
        self.advance()?;
        let Token::Name(name) = self.next.clone() else { return Err(self.unexpected()) };
        self.advance()?;
        if self.next == Token::Mark(b':') {
            self.advance()?;
            let argument = self.string(depth + 1)?;
            self.expect(&Token::VariableEnd)?;
            return Ok(self.call(&name, argument));
        }
        self.expect(&Token::VariableEnd)?;
        let upper = name.to_ascii_uppercase();
        let modules = upper.starts_with("SSL_") || upper.starts_with("HC_");
        if !modules && !is_variable(&name, Asker::Expression) {
            self.refused = Some(format!("Variable '{name}' does not exist"));
        }
        Ok(Word::Variable(upper))
    }

    fn call(&mut self, name: &str, argument: Word) -> Word {
        let function = name.to_ascii_lowercase();
        if !FUNCTIONS.contains(&function.as_str()) {
            self.refused = Some(format!("Function '{name}' does not exist"));
        }
        Word::Call { function, argument: Box::new(argument) }
    }
}

fn joined(mut words: Vec<Word>) -> Word {
    if words.len() == 1 { words.remove(0) } else { Word::Joined(words) }
}
