//! Files that wslint writes: whole or not at all. Knows no content.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// Puts what `write` writes in the place of a file; a symbolic link is followed, and the mode stays. Where it fails, the
/// file is as it was.
///
/// # Errors
/// Where the directory does not take a new file, or `write` fails.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = fs::metadata(&target).map(|metadata| metadata.permissions());
    if target.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What the process's mask leaves of this is what a new file gets.
    let mut file = Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(directory)?;
    let mut out = BufWriter::new(&mut file);
    write(&mut out)?;
    out.flush()?;
    drop(out);
    if let Ok(permissions) = known {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}
