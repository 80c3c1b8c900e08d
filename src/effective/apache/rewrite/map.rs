//! What a `RewriteMap` says. Knows no file.

/// One `RewriteMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub name: Vec<u8>,
    pub kind: MapKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapKind {
    ToLower,
    ToUpper,
    Escape,
    Unescape,
    /// Something outside the configuration answers; this file (a text, a database, a program) as far as one is named,
    /// relative to the server's root.
    Elsewhere(Option<Vec<u8>>),
}

impl Map {
    /// What the words say, quotes gone (`cmd_rewritemap`).
    ///
    /// # Errors
    /// In the server's words.
    pub fn parse(name: &[u8], source: &[u8]) -> Result<Self, String> {
        let below = |prefix: &str| {
            let head = source.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix.as_bytes()).then(|| &source[prefix.len()..])
        };
        let kind = if let Some(function) = below("int:") {
            match function {
                b"tolower" => MapKind::ToLower,
                b"toupper" => MapKind::ToUpper,
                b"escape" => MapKind::Escape,
                b"unescape" => MapKind::Unescape,
                _ => {
                    let shown = String::from_utf8_lossy(function);
                    return Err(format!("RewriteMap: internal map not found:{shown}"));
                }
            }
        } else if below("dbd:").or_else(|| below("fastdbd:")).is_some() {
            MapKind::Elsewhere(None)
        } else if let Some(database) = below("dbm") {
            let file = match database {
                [b':', file @ ..] => Some(file),
                [b'=', rest @ ..] => memchr::memchr(b':', rest).map(|colon| &rest[colon + 1..]),
                _ => None,
            };
            let shown = String::from_utf8_lossy(source);
            MapKind::Elsewhere(Some(file.ok_or_else(|| format!("RewriteMap: bad map:{shown}"))?.to_vec()))
        } else if let Some(program) = below("prg:") {
            let program = program.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
            MapKind::Elsewhere(program.map(<[u8]>::to_vec))
        } else {
            let file = below("txt:").or_else(|| below("rnd:")).unwrap_or(source);
            MapKind::Elsewhere(Some(file.to_vec()))
        };
        Ok(Self { name: name.to_vec(), kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let kind = |source: &str| Map::parse(b"m", source.as_bytes()).map(|map| map.kind);
        let file = |path: &str| Ok(MapKind::Elsewhere(Some(path.into())));
        assert_eq!(kind("int:tolower"), Ok(MapKind::ToLower));
        assert_eq!(kind("INT:escape"), Ok(MapKind::Escape));
        assert_eq!(kind("int:ToLower"), Err("RewriteMap: internal map not found:ToLower".to_string()));
        assert_eq!(kind("txt:/etc/map"), file("/etc/map"));
        assert_eq!(kind("conf/map"), file("conf/map"));
        assert_eq!(kind("prg:/bin/map -x"), file("/bin/map"));
        assert_eq!(kind("dbm=sdbm:/etc/map"), file("/etc/map"));
        assert_eq!(kind("dbm"), Err("RewriteMap: bad map:dbm".to_string()));
        assert_eq!(kind("dbd:SELECT x"), Ok(MapKind::Elsewhere(None)));
    }
}
