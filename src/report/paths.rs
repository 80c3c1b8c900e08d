//! Paths as they are shown. Touches no file system.

use std::path::Path;

/// Relative to `directory` inside it, else as it is; bytes that are not UTF-8 replaced.
pub fn shown(path: &Path, directory: &Path) -> String {
    let relative = path.strip_prefix(directory).ok().filter(|rest| !rest.as_os_str().is_empty());
    relative.unwrap_or(path).to_string_lossy().into_owned()
}
