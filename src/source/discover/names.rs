//! What files and directories are called that hold configurations, and those that never do. Data only, but for how a name
//! is looked up.

use std::path::Path;

use super::Server;

/// Main configurations that are taken for one by their place alone, the more telling first.
pub const USUAL: [&str; 7] = [
    "nginx.conf",
    "conf/nginx.conf",
    "etc/nginx/nginx.conf",
    "apache2.conf",
    "httpd.conf",
    "conf/apache2.conf",
    "conf/httpd.conf",
];

/// What main configurations are called, the more telling first: Debian's old `httpd.conf` is a part of `apache2.conf`.
pub const MAINS: [(&str, Server); 3] =
    [("nginx.conf", Server::Nginx), ("apache2.conf", Server::Apache), ("httpd.conf", Server::Apache)];

/// Directories that hold no configuration to deploy: foreign code, and the files as they were shipped.
pub const SKIPPED: [&str; 5] = [".git", "conf.default", "node_modules", "target", "vendor"];

/// Directories of Apache's that hold parts of a configuration.
pub const PARTS: [&str; 16] = [
    "Includes",
    "conf-available",
    "conf-enabled",
    "conf.d",
    "conf.modules.d",
    "extra",
    "mods-available",
    "mods-enabled",
    "modules.d",
    "other",
    "sites-available",
    "sites-enabled",
    "sysconfig.d",
    "users",
    "vhosts",
    "vhosts.d",
];

/// Directories whose files are often called like the site, and `example.pl` is no script there.
const SITES: [&str; 7] =
    ["conf.d", "servers", "sites", "sites-available", "sites-enabled", "vhosts", "vhosts.d"];

/// Endings of templates: what stands before them is what the file will be called.
const TEMPLATES: [&str; 10] =
    ["erb", "gotmpl", "hbs", "in", "j2", "jinja", "jinja2", "liquid", "template", "tmpl"];

/// Endings of copies that nobody deploys.
const BACKUPS: [&str; 13] = [
    "bak",
    "backup",
    "dpkg-dist",
    "dpkg-new",
    "dpkg-old",
    "old",
    "orig",
    "rej",
    "rpmnew",
    "rpmsave",
    "save",
    "swp",
    "ucf-dist",
];

/// Endings of files that are something else, whatever they quote: they are not opened.
#[rustfmt::skip]
const FOREIGN: [&str; 132] = [
    "7z", "a", "adoc", "asm", "avi", "bash", "bat", "bin", "bmp", "bz2", "c", "cc", "cer", "class", "cljs",
    "cmake", "cpp", "crt", "cs", "css", "csv", "d", "dart", "db", "deb", "der", "diff", "dll", "doc", "docx",
    "eot", "ex", "exe", "exs", "fish", "gif", "go", "gpg", "gradle", "groovy", "gz", "h", "hcl", "hpp", "hs",
    "htm", "html", "ico", "ini", "ipynb", "jar", "java", "jpeg", "jpg", "js", "json", "json5", "jsonl", "jsx",
    "key", "kt", "kts", "less", "lock", "log", "lua", "m4", "map", "markdown", "md", "mdx", "mjs", "mk", "mov",
    "mp3", "mp4", "nix", "o", "otf", "patch", "pdf", "pem", "php", "pl", "plist", "pm", "png", "po", "pot", "pp",
    "proto", "ps1", "py", "pyc", "rb", "rego", "rpm", "rs", "rst", "s", "scala", "scss", "sh", "snap", "so",
    "sql", "sqlite", "svelte", "svg", "swift", "tar", "tcl", "tex", "tf", "tfvars", "tgz", "toml", "ts", "tsx",
    "ttf", "vcl", "vim", "vue", "wasm", "webp", "woff", "woff2", "xml", "xz", "yaml", "yml", "zip",
];

/// The place of a main configuration's name among those, whatever template it is.
pub fn main_rank(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_str()?;
    let name = without_template_ending(name);
    MAINS.iter().position(|(known, _)| *known == name)
}

/// Whether a file has a main configuration's name, or the ending that most configurations have.
pub fn is_called_configuration(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| without_template_ending(&name).ends_with(".conf"))
}

pub fn is_template(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| without_template_ending(name) != name)
}

fn without_template_ending(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((before, ending)) if !before.is_empty() && TEMPLATES.contains(&ending) => before,
        _ => name,
    }
}

/// Whether a file may hold a configuration, by its name.
pub fn may_hold(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let directory = path.parent().and_then(Path::file_name);
    if directory.is_some_and(|directory| SITES.iter().any(|known| directory == *known)) {
        return true;
    }
    let name = name.to_string_lossy();
    let ending = ending(without_template_ending(&name));
    !FOREIGN.iter().any(|foreign| ending.eq_ignore_ascii_case(foreign))
}

pub fn is_backup(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let name = name.to_string_lossy();
    name.ends_with('~') || name.starts_with('#') || BACKUPS.contains(&ending(&name))
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').filter(|(before, _)| !before.is_empty()).map_or("", |(_, ending)| ending)
}
