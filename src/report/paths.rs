//! Paths as they are shown, and as URIs. Touches no file system.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Relative to `directory` inside it, else as it is; bytes that are not UTF-8 replaced.
pub fn shown(path: &Path, directory: &Path) -> String {
    below(path, directory).unwrap_or(path).to_string_lossy().into_owned()
}

/// What stands for itself in a path of a URI (RFC 3986); a colon might end a scheme.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A URI reference, relative to `directory` inside it, else of the scheme `file`; every byte survives.
pub fn uri(path: &Path, directory: &Path) -> String {
    let encode = |path: &Path| percent_encode(path.as_os_str().as_encoded_bytes(), &ESCAPED).to_string();
    match below(path, directory) {
        Some(relative) => encode(relative),
        None if path.is_absolute() => format!("file://{}", encode(path)),
        None => encode(path),
    }
}

fn below<'a>(path: &'a Path, directory: &Path) -> Option<&'a Path> {
    path.strip_prefix(directory).ok().filter(|rest| !rest.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_relative_inside_the_directory_and_escapes_what_is_not_of_a_path() {
        let here = Path::new("/srv/deploy");
        for (path, expected) in [
            ("/srv/deploy/sites/chat.conf", "sites/chat.conf"),
            ("/srv/deploy/a b%#?:é\n.conf", "a%20b%25%23%3F%3A%C3%A9%0A.conf"),
            ("/etc/nginx/my site.conf", "file:///etc/nginx/my%20site.conf"),
            ("/srv/deploy", "file:///srv/deploy"),
            ("-", "-"),
        ] {
            assert_eq!(uri(Path::new(path), here), expected);
        }
    }
}
