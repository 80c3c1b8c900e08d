//! What httpd knows of each directive: where it may stand, how its arguments are taken, which modules have it.
//! Knows nothing of any configuration.

use super::other_modules::MODULES;
use crate::syntax::{Directive, NameId};
use crate::tree::apache::Modules;

pub use super::directive_table::FORMS;
pub use Args::*;

/// Where a directive may stand, and where its module refuses it: the bits of httpd's command tables and of its check
/// of a command's context.
pub type Places = u32;

/// Nowhere.
pub const OR_NONE: Places = 0;
/// The classes of `AllowOverride`. All but `OR_LIMIT` and `OR_AUTHCFG` may also stand outside directory sections.
pub const OR_LIMIT: Places = 1;
pub const OR_OPTIONS: Places = 1 << 1;
pub const OR_FILEINFO: Places = 1 << 2;
pub const OR_AUTHCFG: Places = 1 << 3;
pub const OR_INDEXES: Places = 1 << 4;
pub const OR_ALL: Places = OR_LIMIT | OR_OPTIONS | OR_FILEINFO | OR_AUTHCFG | OR_INDEXES;
/// In directory sections of the server's files, not in `.htaccess`.
pub const ACCESS_CONF: Places = 1 << 6;
/// Outside directory sections.
pub const RSRC_CONF: Places = 1 << 7;
/// Carried out while the files are read, before any section is known.
pub const EXEC_ON_READ: Places = 1 << 8;
/// In `<Proxy>`.
pub const PROXY_CONF: Places = 1 << 11;

pub const NOT_IN_VIRTUALHOST: Places = 1 << 16;
pub const NOT_IN_LIMIT: Places = 1 << 17;
pub const NOT_IN_DIRECTORY: Places = 1 << 18;
pub const NOT_IN_LOCATION: Places = 1 << 19;
/// In `<Files>` and in `<If>`.
pub const NOT_IN_FILES: Places = 1 << 20;
pub const NOT_IN_HTACCESS: Places = 1 << 21;
pub const NOT_IN_PROXY: Places = 1 << 22;
pub const NOT_IN_DIR_LOC_FILE: Places = NOT_IN_DIRECTORY | NOT_IN_LOCATION | NOT_IN_FILES;
pub const NOT_IN_DIR_CONTEXT: Places = NOT_IN_LIMIT | NOT_IN_DIR_LOC_FILE | NOT_IN_PROXY;
pub const GLOBAL_ONLY: Places = NOT_IN_VIRTUALHOST | NOT_IN_DIR_CONTEXT;

/// How the arguments are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Args {
    /// The directive reads its line itself.
    Raw,
    /// The directive is given all words.
    Argv,
    Take1,
    Take2,
    Take3,
    Take12,
    Take13,
    Take23,
    Take123,
    /// `On` or `Off`; what follows is ignored.
    Flag,
    /// One or more, each for itself.
    Iterate,
    /// One, and one or more that belong to it.
    Iterate2,
    /// Nothing is known of it.
    Opaque,
}

/// A directive as the server's command table has it.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// As the server's messages spell it, a section with its bracket; empty where the form stands for all directives
    /// of a module.
    pub name: &'static str,
    /// The source files of the modules that have it, as `<IfModule>` names them; one of them is enough.
    pub modules: &'static [&'static str],
    pub places: Places,
    pub args: Args,
}

impl Form {
    pub fn is_section(&self) -> bool {
        self.name.starts_with('<')
    }

    pub fn is_opaque(&self) -> bool {
        self.args == Opaque
    }

    /// Whether the server carries it out while it reads the files.
    pub fn exec_on_read(&self) -> bool {
        self.places & EXEC_ON_READ != 0
    }
}

pub const fn entry(name: &'static str, modules: &'static [&'static str], places: Places, args: Args) -> Form {
    Form { name, modules, places, args }
}

/// A section that other directives stand in. Those that dissolve while the files are read (`<IfModule>` and the like,
/// `<Macro>`) enclose nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// The server's files outside all sections.
    Main,
    /// A `.htaccess` file outside all sections.
    Htaccess,
    VirtualHost,
    Directory,
    DirectoryMatch,
    Files,
    FilesMatch,
    Location,
    LocationMatch,
    If,
    ElseIf,
    Else,
    Proxy,
    ProxyMatch,
    Limit,
    LimitExcept,
    RequireAll,
    RequireAny,
    RequireNone,
    AuthnProviderAlias,
    AuthzProviderAlias,
    MDomainSet,
    /// One of which nothing is known.
    Other,
}

const SECTIONS: [(Section, &str); 20] = [
    (Section::VirtualHost, "<VirtualHost"),
    (Section::Directory, "<Directory"),
    (Section::DirectoryMatch, "<DirectoryMatch"),
    (Section::Files, "<Files"),
    (Section::FilesMatch, "<FilesMatch"),
    (Section::Location, "<Location"),
    (Section::LocationMatch, "<LocationMatch"),
    (Section::If, "<If"),
    (Section::ElseIf, "<ElseIf"),
    (Section::Else, "<Else"),
    (Section::Proxy, "<Proxy"),
    (Section::ProxyMatch, "<ProxyMatch"),
    (Section::Limit, "<Limit"),
    (Section::LimitExcept, "<LimitExcept"),
    (Section::RequireAll, "<RequireAll"),
    (Section::RequireAny, "<RequireAny"),
    (Section::RequireNone, "<RequireNone"),
    (Section::AuthnProviderAlias, "<AuthnProviderAlias"),
    (Section::AuthzProviderAlias, "<AuthzProviderAlias"),
    (Section::MDomainSet, "<MDomainSet"),
];

impl Section {
    /// The section that a directive opens, where it opens one that stays.
    pub fn opened_by(name: NameId) -> Option<Self> {
        let form = form(name)?;
        if !form.is_section() || form.exec_on_read() {
            return None;
        }
        let found = SECTIONS.iter().find(|(_, written)| *written == form.name);
        Some(found.map_or(Self::Other, |(section, _)| *section))
    }

    /// Its name with the bracket that opens it; empty where there is none.
    pub fn name(self) -> &'static str {
        SECTIONS.iter().find(|(section, _)| *section == self).map_or("", |(_, name)| name)
    }

    /// Whether settings in it are kept for a part of the URLs or files, so that the server says there is a path.
    pub fn is_directory_context(self) -> bool {
        use Section::*;
        matches!(
            self,
            Htaccess
                | Directory
                | DirectoryMatch
                | Files
                | FilesMatch
                | Location
                | LocationMatch
                | If
                | ElseIf
                | Else
                | Proxy
                | ProxyMatch
        )
    }
}

/// The number of a directive's name, in any case, or `NameId::UNKNOWN`. All directives of a module that is not httpd's
/// own share one.
pub fn name_id(name: &[u8]) -> NameId {
    let mut slot = hash(name) & (SLOTS - 1);
    loop {
        let Some(&(known, id)) = NAMES.get(INDEX[slot] as usize) else {
            return NameId::UNKNOWN;
        };
        // Most are written as the server writes them.
        if known.as_bytes() == name || known.as_bytes().eq_ignore_ascii_case(name) {
            return NameId(id);
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
}

/// httpd's modules without a directive of their own.
const WITHOUT_DIRECTIVES: [&str; 24] = [
    "mod_asis.c",
    "mod_authz_host.c",
    "mod_authz_owner.c",
    "mod_authz_user.c",
    "mod_bucketeer.c",
    "mod_data.c",
    "mod_info.c",
    "mod_lbmethod_bybusyness.c",
    "mod_lbmethod_byrequests.c",
    "mod_lbmethod_bytraffic.c",
    "mod_ldap.c",
    "mod_proxy_ajp.c",
    "mod_proxy_balancer.c",
    "mod_proxy_fdpass.c",
    "mod_proxy_http.c",
    "mod_proxy_http2.c",
    "mod_proxy_uwsgi.c",
    "mod_ratelimit.c",
    "mod_slotmem_plain.c",
    "mod_slotmem_shm.c",
    "mod_socache_dbm.c",
    "mod_socache_shmcb.c",
    "mod_status.c",
    "mod_unique_id.c",
];

/// Whether all directives of a module, named by its source file, are in the table.
pub fn has_module(module: &str) -> bool {
    WITHOUT_DIRECTIVES.binary_search(&module).is_ok()
        || FORMS.iter().any(|form| form.modules.contains(&module))
        || MODULES.iter().any(|(known, _)| *known == module)
}

/// The number of a name that is known to be in the table; otherwise the build fails.
pub const fn known(name: &str) -> NameId {
    let mut i = 0;
    while i < FORMS.len() {
        if equal(FORMS[i].name.as_bytes(), name.as_bytes()) {
            return NameId(i as u16);
        }
        i += 1;
    }
    panic!("no such directive")
}

/// What is known of a directive; None for an unknown one.
pub fn form(name: NameId) -> Option<&'static Form> {
    let id = name.0 as usize;
    FORMS.get(id).or_else(|| OTHER_FORMS.get(id.checked_sub(FORMS.len())?))
}

/// How many numbers of names there are, that of unknown ones not counted.
pub fn count() -> usize {
    FORMS.len() + OTHER_FORMS.len()
}

/// Modules by what `Require` may ask for.
const PROVIDERS: [(&str, &str); 14] = [
    ("dbm-file-group", "mod_authz_dbm.c"),
    ("dbm-group", "mod_authz_dbm.c"),
    ("file-group", "mod_authz_groupfile.c"),
    ("file-owner", "mod_authz_owner.c"),
    ("forward-dns", "mod_authz_host.c"),
    ("group", "mod_authz_groupfile.c"),
    ("host", "mod_authz_host.c"),
    ("ip", "mod_authz_host.c"),
    ("ldap-group", "mod_authnz_ldap.c"),
    ("ldap-user", "mod_authnz_ldap.c"),
    ("local", "mod_authz_host.c"),
    ("ssl", "mod_ssl.c"),
    ("user", "mod_authz_user.c"),
    ("valid-user", "mod_authz_user.c"),
];

/// What a `Require` line asks for of a module that is not loaded, and the module.
pub fn unknown_provider(require: Directive, modules: &Modules) -> Option<(&'static str, &'static str)> {
    let negated = require.arg(0)?.value().eq_ignore_ascii_case(b"not");
    let asked = require.arg(usize::from(negated))?.value();
    let known = PROVIDERS.iter().find(|(provider, _)| provider.as_bytes() == &*asked);
    known.copied().filter(|(_, module)| modules.is_missing(module))
}

static OTHER_FORMS: [Form; MODULES.len()] = {
    let mut forms = [entry("", &[], OR_ALL | ACCESS_CONF | RSRC_CONF, Opaque); MODULES.len()];
    let mut i = 0;
    while i < MODULES.len() {
        forms[i].modules = std::slice::from_ref(&MODULES[i].0);
        i += 1;
    }
    forms
};

const fn count_others() -> usize {
    let mut count = 0;
    let mut i = 0;
    while i < MODULES.len() {
        count += MODULES[i].1.len();
        i += 1;
    }
    count
}

/// Every known name with its number.
static NAMES: [(&str, u16); FORMS.len() + count_others()] = {
    let mut names = [("", 0); FORMS.len() + count_others()];
    let mut i = 0;
    while i < FORMS.len() {
        names[i] = (FORMS[i].name, i as u16);
        i += 1;
    }
    let mut module = 0;
    while module < MODULES.len() {
        let mut j = 0;
        while j < MODULES[module].1.len() {
            names[i] = (MODULES[module].1[j], (FORMS.len() + module) as u16);
            i += 1;
            j += 1;
        }
        module += 1;
    }
    names
};

const SLOTS: usize = 4096;

/// By hash, the place of a name in `NAMES`.
static INDEX: [u16; SLOTS] = {
    let mut index = [u16::MAX; SLOTS];
    let mut i = 0;
    while i < NAMES.len() {
        let mut slot = hash(NAMES[i].0.as_bytes()) & (SLOTS - 1);
        while index[slot] != u16::MAX {
            slot = (slot + 1) & (SLOTS - 1);
        }
        index[slot] = i as u16;
        i += 1;
    }
    index
};

/// Of the name's length and its first and last bytes without regard to case: names that begin alike end differently.
const fn hash(name: &[u8]) -> usize {
    let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => {
            let mut all = 0;
            let mut i = 0;
            while i < name.len() {
                all = all << 8 | name[i] as u64;
                i += 1;
            }
            (all, 0)
        }
    };
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mixed = ((head | CASE) ^ (tail | CASE).rotate_left(23) ^ name.len() as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_is_found_by_its_name_in_any_case_and_nothing_else_is() {
        for (index, form) in FORMS.iter().enumerate() {
            assert_eq!(name_id(form.name.as_bytes()), NameId(index as u16), "{}", form.name);
            assert_eq!(
                name_id(form.name.to_ascii_uppercase().as_bytes()),
                NameId(index as u16),
                "{}",
                form.name
            );
        }
        for unknown in ["", "ProxyWebsocketIdleTimeout", "ProxyTimeout=5", "<Location>", "\u{feff}ServerRoot"]
        {
            assert_eq!(name_id(unknown.as_bytes()), NameId::UNKNOWN, "{unknown}");
        }
    }

    #[test]
    fn directives_of_other_modules_are_known_by_their_module_and_nothing_more() {
        for (module, names) in &MODULES {
            for name in *names {
                let form = form(name_id(name.as_bytes())).expect("a form");
                assert!(form.is_opaque() && form.modules == [*module], "{name}");
            }
        }
        assert!(form(NameId::UNKNOWN).is_none());
        assert!(form(NameId((FORMS.len() + MODULES.len()) as u16)).is_none());
    }

    #[test]
    fn the_tables_are_sorted_so_that_a_new_line_has_one_place() {
        assert!(FORMS.is_sorted_by(|a, b| a.name.to_ascii_lowercase() < b.name.to_ascii_lowercase()));
        assert!(MODULES.is_sorted_by(|a, b| a.0 < b.0));
        for (module, names) in &MODULES {
            assert!(names.is_sorted_by(|a, b| a.to_ascii_lowercase() < b.to_ascii_lowercase()), "{module}");
        }
    }

    #[test]
    fn every_section_that_is_named_is_in_the_table() {
        for (section, name) in SECTIONS {
            assert_eq!(Section::opened_by(name_id(name.as_bytes())), Some(section), "{name}");
            assert_eq!(section.name(), name);
        }
        assert_eq!(Section::opened_by(name_id(b"<MDomain")), Some(Section::Other));
        assert_eq!(Section::opened_by(name_id(b"<IfModule")), None);
        assert_eq!(Section::opened_by(name_id(b"ProxyPass")), None);
    }
}
