//! The beginning of a file as statements of nginx's: first words, and what ends them. Knows comments, quotes and braces
//! and the expressions of template languages, as far as it takes to pass over them.

/// What a statement ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Semicolon,
    Brace,
    /// A `}` that ends its block before it has ended itself.
    Closed,
}

#[derive(Debug)]
pub struct Statement<'h> {
    /// The first two words, empty where there are fewer.
    pub words: [&'h [u8]; 2],
    pub end: End,
    /// How many blocks it stands in.
    pub depth: usize,
}

/// Statements in the order in which they end. What the end of the text cuts off is left out.
pub struct Statements<'h> {
    text: &'h [u8],
    at: usize,
    depth: usize,
}

/// What template languages put in between.
const EXPRESSIONS: [(&[u8], &[u8]); 3] = [(b"{{", b"}}"), (b"{%", b"%}"), (b"<%", b"%>")];

impl<'h> Statements<'h> {
    pub fn new(text: &'h [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Where an expression that begins here ends.
    fn after_expression(&self) -> Option<usize> {
        let rest = &self.text[self.at..];
        let (open, close) = EXPRESSIONS.iter().find(|(open, _)| rest.starts_with(open))?;
        let length = memchr::memmem::find(&rest[open.len()..], close)?;
        Some(self.at + open.len() + length + close.len())
    }

    /// Past a quoted word's last byte.
    fn after_quotes(&self, quote: u8) -> usize {
        let mut at = self.at + 1;
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\\' => at += 2,
                _ if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        self.text.len()
    }

    /// Past the `}` that pairs with a `{` before here: scripts are no statements.
    fn after_script(&self) -> usize {
        let mut open = 1;
        for (offset, byte) in self.text[self.at..].iter().enumerate() {
            match byte {
                b'{' => open += 1,
                b'}' if open == 1 => return self.at + offset + 1,
                b'}' => open -= 1,
                _ => {}
            }
        }
        self.text.len()
    }

    fn word(&mut self) -> &'h [u8] {
        let start = self.at;
        if let quote @ (b'"' | b'\'') = self.text[start] {
            self.at = self.after_quotes(quote);
            return &self.text[start..self.at.min(self.text.len())];
        }
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                b'{' | b'<' if self.after_expression().is_some() => {
                    self.at = self.after_expression().unwrap_or(self.text.len());
                    continue;
                }
                b'{' if self.at > start && self.text[self.at - 1] == b'$' => {}
                b'}' if self.text[start..self.at].contains(&b'{') => {}
                b';' | b'{' | b'}' => break,
                _ if byte.is_ascii_whitespace() => break,
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.at.min(self.text.len());
        &self.text[start..self.at]
    }
}

impl<'h> Iterator for Statements<'h> {
    type Item = Statement<'h>;

    fn next(&mut self) -> Option<Statement<'h>> {
        let mut words: [&[u8]; 2] = [b"", b""];
        let mut count = 0;
        loop {
            let byte = *self.text.get(self.at)?;
            let depth = self.depth;
            match byte {
                _ if byte.is_ascii_whitespace() => self.at += 1,
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                // An expression alone on its place may be anything.
                b'{' | b'<' if count == 0 && self.after_expression().is_some() => {
                    self.at = self.after_expression().unwrap_or(self.text.len());
                }
                b';' => {
                    self.at += 1;
                    return Some(Statement { words, end: End::Semicolon, depth });
                }
                b'{' if self.after_expression().is_none() => {
                    self.at += 1;
                    if words[0].ends_with(b"_by_lua_block") {
                        self.at = self.after_script();
                    } else {
                        self.depth += 1;
                    }
                    return Some(Statement { words, end: End::Brace, depth });
                }
                b'}' => {
                    self.at += 1;
                    self.depth = self.depth.saturating_sub(1);
                    if count > 0 || depth == 0 {
                        return Some(Statement { words, end: End::Closed, depth });
                    }
                }
                _ => {
                    let word = self.word();
                    if let Some(place) = words.get_mut(count) {
                        *place = word;
                    }
                    count += 1;
                }
            }
        }
    }
}
