//! Where an Apache configuration's server root lies, on the machine itself or in a checkout. Knows paths, not what the
//! files say.

use std::path::{Component, Path, PathBuf};

use crate::source::files::{Files, Found, normal};
use crate::source::pattern;
use crate::tree::PathMap;

/// How many directories are tried: the main file's own, and those above it.
const MAX_LEVELS: usize = 4;

/// What relative paths are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub directory: PathBuf,
    /// Where what is written with the declared root's path lies here. Relative paths go through these, too, when
    /// `directory` has been put before them.
    pub maps: Vec<PathMap>,
    /// Something lies where it should. Otherwise a relative path that leads nowhere was perhaps never looked for in the
    /// right place.
    pub known: bool,
}

/// The server root of the configuration whose main file is `main`. `declared` is what `ServerRoot` says,
/// `first_relative` the relative paths of the first `Include` and `LoadModule` directives, as they are written.
///
/// A declared root holds where the main file lies below it. Elsewhere the configuration was probably copied off its
/// machine: the root is then the directory nearest to the main file from which one of `first_relative` leads somewhere.
pub fn server_root(
    files: &dyn Files,
    main: &Path,
    declared: Option<&Path>,
    first_relative: &[PathBuf],
) -> Root {
    let declared = declared.map(normal).filter(|root| root.is_absolute() || has_drive(root));
    let declared = declared.or_else(|| compiled_root(main));
    let own = main.parent().unwrap_or(main);
    if let Some(root) = &declared
        && lies_below(files, main, root)
    {
        return Root { directory: root.clone(), maps: Vec::new(), known: true };
    }
    let parts: Vec<PathBuf> = first_relative.iter().filter_map(|path| fixed_part(path)).collect();
    // The root directory has too many directories of too common names.
    let levels = own.ancestors().take(MAX_LEVELS).filter(|level| *level == own || level.parent().is_some());
    for level in levels {
        if parts.iter().any(|part| files.look(&level.join(part)).is_there()) {
            let map =
                declared.filter(|root| root != level).map(|from| PathMap { from, to: level.to_owned() });
            return Root { directory: level.to_owned(), maps: map.into_iter().collect(), known: true };
        }
    }
    let Some(root) = declared else {
        let is_conf = own.file_name().is_some_and(|name| name == "conf");
        let directory = own.parent().filter(|_| is_conf).unwrap_or(own).to_owned();
        return Root { directory, maps: Vec::new(), known: false };
    };
    if let Some(place) = parts.iter().find_map(|part| place_of(files, own, part)) {
        let map = PathMap { from: root.join(place), to: own.to_owned() };
        return Root { directory: root, maps: vec![map], known: true };
    }
    let known = root.is_absolute() && files.look(&root) == Found::Directory;
    Root { directory: root, maps: Vec::new(), known }
}

/// What a server was built with, where its main file's name tells: Debian's has no `ServerRoot`.
fn compiled_root(main: &Path) -> Option<PathBuf> {
    main.file_name().is_some_and(|name| name == "apache2.conf").then(|| PathBuf::from("/etc/apache2"))
}

fn lies_below(files: &dyn Files, main: &Path, root: &Path) -> bool {
    let canonical = || Some(files.canonical(main).ok()?.starts_with(files.canonical(root).ok()?));
    main.starts_with(root) || (root.is_absolute() && canonical() == Some(true))
}

/// `C:/Apache24`, which is no absolute path here.
fn has_drive(path: &Path) -> bool {
    matches!(path.as_os_str().as_encoded_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A relative path up to its first pattern.
fn fixed_part(path: &Path) -> Option<PathBuf> {
    if has_drive(path) {
        return None;
    }
    let is_plain = |part: &Component| match part {
        Component::Normal(part) => !pattern::is_pattern(part.as_encoded_bytes()),
        _ => false,
    };
    let normal = normal(path);
    let fixed: PathBuf = normal.components().take_while(is_plain).collect();
    (!fixed.as_os_str().is_empty()).then_some(fixed)
}

/// Where below its root the main file's directory is from, when it was taken out alone: FreeBSD's `etc/apache24`,
/// elsewhere `conf`.
fn place_of(files: &dyn Files, own: &Path, part: &Path) -> Option<PathBuf> {
    let is_own = |place: &Path| {
        let name = place.file_name();
        name.is_some_and(|name| name == "conf" || Some(name) == own.file_name())
    };
    let leads =
        |place: &Path| part.strip_prefix(place).is_ok_and(|rest| files.look(&own.join(rest)).is_there());
    part.ancestors().skip(1).find(|place| is_own(place) && leads(place)).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::files::Memory;

    fn disk(paths: &[&str]) -> Memory {
        paths.iter().fold(Memory::default(), |disk, path| disk.with(*path, ""))
    }

    fn root(present: &[&str], main: &str, declared: Option<&str>, relative: &[&str]) -> Root {
        let relative: Vec<PathBuf> = relative.iter().map(PathBuf::from).collect();
        server_root(&disk(present), Path::new(main), declared.map(Path::new), &relative)
    }

    fn known(directory: &str, maps: &[(&str, &str)]) -> Root {
        let maps = maps.iter().map(|(from, to)| PathMap { from: from.into(), to: to.into() }).collect();
        Root { directory: directory.into(), maps, known: true }
    }

    const RHEL: [&str; 2] = ["conf.modules.d/*.conf", "conf.d/*.conf"];

    #[test]
    fn a_declared_root_above_the_main_file_holds() {
        let main = "/etc/httpd/conf/httpd.conf";
        assert_eq!(root(&[main], main, Some("/etc/httpd/"), &RHEL), known("/etc/httpd", &[]));
        let main = "/usr/local/etc/apache24/httpd.conf";
        let include = ["etc/apache24/Includes/*.conf"];
        assert_eq!(root(&[main], main, Some("/usr/local"), &include), known("/usr/local", &[]));
    }

    #[test]
    fn a_checkout_is_rooted_where_its_includes_lead_somewhere() {
        let present =
            ["/w/web/conf/httpd.conf", "/w/web/conf.d/a.conf", "/w/conf.modules.d/x", "/etc/httpd/x"];
        let expected = known("/w/web", &[("/etc/httpd", "/w/web")]);
        assert_eq!(root(&present, "/w/web/conf/httpd.conf", Some("/etc/httpd"), &RHEL), expected);
        let present = ["/w/etc/apache24/httpd.conf", "/w/etc/apache24/Includes/a.conf"];
        let include = ["libexec/apache24/mod_proxy.so", "etc/apache24/Includes/*.conf"];
        let expected = known("/w", &[("/usr/local", "/w")]);
        assert_eq!(root(&present, "/w/etc/apache24/httpd.conf", Some("/usr/local"), &include), expected);
    }

    #[test]
    fn debian_declares_no_root() {
        let includes = ["mods-enabled/*.load", "ports.conf"];
        let host = ["/etc/apache2/apache2.conf", "/etc/apache2/ports.conf"];
        assert_eq!(root(&host, "/etc/apache2/apache2.conf", None, &includes), known("/etc/apache2", &[]));
        let checkout = ["/w/a/apache2.conf", "/w/a/ports.conf", "/etc/apache2/ports.conf"];
        let expected = known("/w/a", &[("/etc/apache2", "/w/a")]);
        assert_eq!(root(&checkout, "/w/a/apache2.conf", None, &includes), expected);
        let alone = root(&["/w/apache2.conf"], "/w/apache2.conf", None, &includes);
        assert_eq!((alone.directory, alone.known), ("/etc/apache2".into(), false));
    }

    #[test]
    fn a_directory_taken_out_alone_is_put_back_in_its_place() {
        let present = ["/w/apache24/httpd.conf", "/w/apache24/Includes/a.conf"];
        let expected = known("/usr/local", &[("/usr/local/etc/apache24", "/w/apache24")]);
        let include = ["etc/apache24/Includes/*.conf"];
        assert_eq!(root(&present, "/w/apache24/httpd.conf", Some("/usr/local"), &include), expected);
        let present = ["/w/web/httpd.conf", "/w/web/extra/ssl.conf"];
        let expected = known("/srv/httpd", &[("/srv/httpd/conf", "/w/web")]);
        assert_eq!(
            root(&present, "/w/web/httpd.conf", Some("/srv/httpd"), &["conf/extra/ssl.conf"]),
            expected
        );
        // What lies beside the main file wasn't there for that: `conf.d/*.conf` would hold the main file.
        let present = ["/w/web/httpd.conf", "/w/web/ssl.conf"];
        assert!(!root(&present, "/w/web/httpd.conf", Some("/srv/httpd"), &["conf.d/ssl.conf"]).known);
    }

    #[test]
    fn a_root_elsewhere_holds_where_nothing_else_fits() {
        let present = ["/etc/apache2/httpd.conf", "/usr/lib64/apache2/modules/mod_proxy.so", "/modules/x"];
        let modules = ["modules/mod_proxy.so", "modules/*"];
        let main = "/etc/apache2/httpd.conf";
        assert_eq!(
            root(&present, main, Some("/usr/lib64/apache2"), &modules),
            known("/usr/lib64/apache2", &[])
        );
        let gone = root(&present[..1], main, Some("/usr/lib64/apache2"), &modules);
        assert_eq!((gone.directory, gone.known), ("/usr/lib64/apache2".into(), false));
    }

    #[test]
    fn a_root_with_a_drive_is_rooted_anew() {
        let present = ["/w/apache/conf/httpd.conf", "/w/apache/conf/extra/a.conf"];
        let expected = known("/w/apache", &[("c:/Apache24", "/w/apache")]);
        let include = ["conf/extra/a.conf"];
        assert_eq!(root(&present, "/w/apache/conf/httpd.conf", Some("c:/Apache24"), &include), expected);
    }

    #[test]
    fn without_a_declared_root_conf_lies_below_it() {
        let present = ["/w/conf/httpd.conf"];
        let guess = root(&present, "/w/conf/httpd.conf", None, &["conf.d/*.conf"]);
        assert_eq!((guess.directory, guess.known), ("/w".into(), false));
        let relative = root(&present, "/w/conf/httpd.conf", Some("."), &[]);
        assert_eq!((relative.directory, relative.known), ("/w".into(), false));
    }
}
