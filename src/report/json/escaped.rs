//! Values as JSON, indented, that may be shown in a terminal. Knows no field.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::report::safe::is_unsafe;

/// What a terminal must not have is escaped even where JSON lets it stand; a line feed ends the document.
pub fn print(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Escaping(PrettyFormatter::new()));
    value.serialize(&mut serializer)?;
    writeln!(out)
}

struct Escaping(PrettyFormatter<'static>);

/// A method that PrettyFormatter has of its own.
macro_rules! as_pretty {
    ($($method:ident($($argument:ident: $type:ty)?);)*) => {
        $(fn $method<W: ?Sized + Write>(&mut self, out: &mut W $(, $argument: $type)?) -> io::Result<()> {
            self.0.$method(out $(, $argument)?)
        })*
    };
}

impl Formatter for Escaping {
    as_pretty! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, found)) = rest.char_indices().find(|&(_, c)| is_unsafe(c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in found.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + found.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_must_not_have_is_escaped_and_comes_back() {
        let hostile = ["\x1b\x7f\u{9b}\u{202e}\u{2028}\u{e0041}\"\\\n", "grüße"];
        let mut out = Vec::new();
        print(&hostile, &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        let first = "\\u001b\\u007f\\u009b\\u202e\\u2028\\udb40\\udc41\\\"\\\\\\n";
        assert_eq!(text, format!("[\n  \"{first}\",\n  \"grüße\"\n]\n"));
        assert_eq!(serde_json::from_str::<[String; 2]>(&text).expect("JSON"), hostile);
    }
}
