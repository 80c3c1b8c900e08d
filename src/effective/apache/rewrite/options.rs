//! What `RewriteOptions` and `RewriteBase` say, and which rules of the outside hold inside. Knows no rule.

/// `RewriteOptions`, all lines of a section together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub inherit: bool,
    pub inherit_before: bool,
    pub inherit_down: bool,
    pub inherit_down_before: bool,
    pub ignore_inherit: bool,
    pub allow_no_slash: bool,
    pub allow_any_uri: bool,
    pub merge_base: bool,
    pub ignore_context_info: bool,
    pub legacy_prefix_docroot: bool,
    pub unsafe_prefix_stat: bool,
}

/// Which of the outer section's rules hold in the inner one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inheritance {
    None,
    /// Behind the inner ones.
    After,
    Before,
}

impl Options {
    /// Adds one argument.
    ///
    /// # Errors
    /// In the server's words.
    pub fn add(&mut self, word: &[u8]) -> Result<(), String> {
        match word.to_ascii_lowercase().as_slice() {
            b"inherit" => self.inherit = true,
            b"inheritbefore" => self.inherit_before = true,
            b"inheritdown" => self.inherit_down = true,
            b"inheritdownbefore" => self.inherit_down_before = true,
            b"ignoreinherit" => self.ignore_inherit = true,
            b"allownoslash" => self.allow_no_slash = true,
            b"allowanyuri" => self.allow_any_uri = true,
            b"mergebase" => self.merge_base = true,
            b"ignorecontextinfo" => self.ignore_context_info = true,
            b"legacyprefixdocroot" => self.legacy_prefix_docroot = true,
            b"unsafeprefixstat" => self.unsafe_prefix_stat = true,
            // Warned of, and without effect since LimitInternalRecursion.
            other if other.starts_with(b"maxredirects=") => {}
            _ => {
                let shown = String::from_utf8_lossy(word);
                return Err(format!("RewriteOptions: unknown option '{shown}'"));
            }
        }
        Ok(())
    }

    /// The options in force in an inner section, and which rules it takes over; `own` is None where it has no
    /// `RewriteOptions` (`config_server_merge`, `config_perdir_merge`).
    pub fn merged(outer: Self, own: Option<Self>) -> (Self, Inheritance) {
        let options = own.unwrap_or(outer);
        let down = !options.ignore_inherit;
        let inheritance = if options.inherit || (outer.inherit_down && down) {
            Inheritance::After
        } else if options.inherit_before || (outer.inherit_down_before && down) {
            Inheritance::Before
        } else {
            Inheritance::None
        };
        (options, inheritance)
    }
}

/// The URL that `RewriteBase` names.
///
/// # Errors
/// In the server's words.
pub fn base(word: &[u8]) -> Result<&[u8], String> {
    match word {
        [] => Err("RewriteBase: empty URL not allowed".to_string()),
        [b'/', ..] => Ok(word),
        _ => Err("RewriteBase: argument is not a valid URL".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str) -> Options {
        let mut options = Options::default();
        for word in words.split_whitespace() {
            options.add(word.as_bytes()).expect("known");
        }
        options
    }

    #[test]
    fn rules_are_taken_over_as_either_side_wishes() {
        let inherited = |outer: &str, own: Option<&str>| Options::merged(options(outer), own.map(options)).1;
        assert_eq!(inherited("", None), Inheritance::None);
        assert_eq!(inherited("", Some("Inherit")), Inheritance::After);
        assert_eq!(inherited("", Some("InheritBefore")), Inheritance::Before);
        assert_eq!(inherited("InheritDown", None), Inheritance::After);
        assert_eq!(inherited("InheritDownBefore", Some("AllowAnyURI")), Inheritance::Before);
        assert_eq!(inherited("InheritDown", Some("IgnoreInherit")), Inheritance::None);
        assert_eq!(
            Options::default().add(b"Inherits"),
            Err("RewriteOptions: unknown option 'Inherits'".to_string())
        );
    }

    #[test]
    fn a_base_is_a_path() {
        assert_eq!(base(b"/app/"), Ok(&b"/app/"[..]));
        assert_eq!(base(b"app"), Err("RewriteBase: argument is not a valid URL".to_string()));
        assert_eq!(base(b""), Err("RewriteBase: empty URL not allowed".to_string()));
    }
}
