//! What httpd refuses of a directive by its table: place, number of arguments, flags, what a section is given.
//! Words it as the server does; knows neither the rules that report it nor which modules are loaded.

use std::borrow::Cow;

use super::directives::*;
use super::names;
use super::values;
use crate::syntax::NameId;

/// What the server says of the directive, if it refuses it. `words` are the arguments as it stores them, for a section
/// those before the line's last `>`.
pub fn refusal(name: NameId, words: &[Cow<[u8]>], around: &Around) -> Option<String> {
    let form = form(name)?;
    if form.is_opaque() {
        return None;
    }
    not_allowed(form, around)
        .or_else(|| wrong_count(form, words))
        .or_else(|| wrong_context(form, forbidden(name, form, words), around))
        .or_else(|| wrong_section_words(name, form, words))
        .or_else(|| values::refused_value(name, looked_at(form, words), &around.sections))
}

/// The sections around a directive from the outermost in, and what they mean for it: asked once for all in them.
#[derive(Default)]
pub struct Around {
    pub sections: Vec<Section>,
    /// None where a section is not known.
    allowed: Option<Places>,
    /// The marks of forms that may forbid them here.
    watched: Places,
}

impl Around {
    pub fn enter(&mut self, section: Section) {
        self.sections.push(section);
        self.look();
    }

    pub fn leave(&mut self) {
        self.sections.pop();
        self.look();
    }

    fn look(&mut self) {
        self.allowed = allowed_in(&self.sections);
        self.watched = self.sections.iter().fold(0, |watched, &section| watched | watched_in(section));
    }
}

fn watched_in(section: Section) -> Places {
    use Section::*;
    match section {
        VirtualHost => NOT_IN_VIRTUALHOST,
        Htaccess => NOT_IN_HTACCESS | NOT_IN_DIR_LOC_FILE,
        Limit | LimitExcept | RequireAll | RequireAny | RequireNone => NOT_IN_DIR_CONTEXT,
        Proxy | ProxyMatch => NOT_IN_PROXY | NOT_IN_DIR_LOC_FILE,
        section if section.is_directory_context() => NOT_IN_DIR_LOC_FILE,
        _ => 0,
    }
}

/// The words that the directive is given: one that is repeated for each word ends at an empty one.
fn looked_at<'a>(form: &Form, words: &'a [Cow<'a, [u8]>]) -> &'a [Cow<'a, [u8]>] {
    let end = match form.args {
        Iterate | Iterate2 => words.iter().position(|word| word.is_empty()).unwrap_or(words.len()),
        _ => words.len(),
    };
    &words[..end]
}

/// The `override` of the server: what may stand directly in the innermost section. None where a section is not known.
fn allowed_in(within: &[Section]) -> Option<Places> {
    use Section::*;
    let mut allowed = RSRC_CONF | OR_OPTIONS | OR_FILEINFO | OR_INDEXES;
    let mut path = false;
    for section in within {
        match section {
            Main | VirtualHost | Limit | LimitExcept | MDomainSet => {}
            // What `AllowOverride` grants is not known here.
            Htaccess => allowed = OR_ALL,
            Directory | DirectoryMatch | Location | LocationMatch => allowed = OR_ALL | ACCESS_CONF,
            Files | FilesMatch | If | ElseIf | Else if !path => allowed = OR_ALL | ACCESS_CONF,
            Files | FilesMatch | If | ElseIf | Else => {}
            Proxy | ProxyMatch => allowed = OR_ALL | ACCESS_CONF | PROXY_CONF,
            RequireAll | RequireAny | RequireNone => allowed = OR_AUTHCFG,
            AuthnProviderAlias | AuthzProviderAlias => allowed = OR_AUTHCFG | ACCESS_CONF,
            Other => return None,
        }
        path |= section.is_directory_context();
    }
    Some(allowed)
}

fn not_allowed(form: &Form, around: &Around) -> Option<String> {
    if form.places & around.allowed? != 0 {
        return None;
    }
    let within = &around.sections;
    let htaccess = within.contains(&Section::Htaccess);
    // Outside `.htaccess` such a directive is carried out before the server knows in which section it stands.
    if form.exec_on_read() && !htaccess {
        return None;
    }
    let parent = within.last().map_or("", |section| section.name());
    if parent.is_empty() || form.exec_on_read() {
        return Some(format!("{} not allowed here", form.name));
    }
    Some(format!("{} not allowed in {parent}> context", form.name))
}

fn wrong_count(form: &Form, words: &[Cow<[u8]>]) -> Option<String> {
    // A word that is empty counts as one that is missing.
    let has = |index: usize| words.get(index).is_some_and(|word| !word.is_empty());
    let count = words.len();
    let (taken, wanted) = match form.args {
        Raw | Argv | Opaque => return None,
        Take1 => (has(0) && count == 1, "takes one argument"),
        Take2 => (has(0) && has(1) && count == 2, "takes two arguments"),
        Take3 => (has(0) && has(1) && has(2) && count == 3, "takes three arguments"),
        Take12 => (has(0) && count <= 2, "takes 1-2 arguments"),
        Take13 => (has(0) && count <= 3 && (count == 3 || !has(1)), "takes one or three arguments"),
        Take23 => (has(0) && has(1) && count <= 3, "takes two or three arguments"),
        // The bracket that closes it counts as an argument of its own behind a quoted one.
        Take123 if form.is_section() => (count <= 3, "takes one, two or three arguments"),
        Take123 => (has(0) && count <= 3, "takes one, two or three arguments"),
        Iterate => (has(0), "requires at least one argument"),
        Iterate2 => (has(0) && count >= 2, "requires at least two arguments"),
        Flag => (words.first().is_some_and(|word| is_flag(word)), "must be On or Off"),
    };
    (!taken).then(|| format!("{} {wanted}", form.name))
}

fn is_flag(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"on") || word.eq_ignore_ascii_case(b"off")
}

/// Where the directive's handler refuses it. That of aliases asks for more if there are two arguments.
fn forbidden(name: NameId, form: &Form, words: &[Cow<[u8]>]) -> Places {
    let alias = matches!(name, names::ALIAS | names::SCRIPT_ALIAS);
    if alias && words.get(1).is_some_and(|word| !word.is_empty()) {
        return NOT_IN_DIR_CONTEXT;
    }
    form.places
}

/// The server's check of a command's context, which its handler asks for.
fn wrong_context(form: &Form, forbidden: Places, around: &Around) -> Option<String> {
    use Section::*;
    if forbidden & around.watched == 0 {
        return None;
    }
    let within = &around.sections;
    if within.contains(&Other) || (form.exec_on_read() && !within.contains(&Htaccess)) {
        return None;
    }
    let bracket = if form.is_section() { ">" } else { "" };
    let refused = |words: &str| Some(format!("{}{bracket} {words}", form.name));
    if forbidden & NOT_IN_VIRTUALHOST != 0 && within.contains(&VirtualHost) {
        return refused("cannot occur within <VirtualHost> section");
    }
    let limits = [Limit, LimitExcept, RequireAll, RequireAny, RequireNone];
    // Any of these bits makes the server look for `<Limit>`.
    if forbidden & NOT_IN_DIR_CONTEXT != 0 && within.iter().any(|section| limits.contains(section)) {
        return refused("cannot occur within <Limit> or <LimitExcept> section");
    }
    if forbidden & NOT_IN_HTACCESS != 0 && within.contains(&Htaccess) {
        return refused("cannot occur within htaccess files");
    }
    if forbidden & NOT_IN_DIR_LOC_FILE == NOT_IN_DIR_LOC_FILE
        && within.iter().any(|section| section.is_directory_context())
    {
        return refused("cannot occur within directory context");
    }
    let forbidding: [(Places, &[Section]); 4] = [
        (NOT_IN_DIRECTORY, &[Directory, DirectoryMatch]),
        (NOT_IN_LOCATION, &[Location, LocationMatch]),
        (NOT_IN_FILES, &[Files, FilesMatch, If, ElseIf, Else]),
        (NOT_IN_PROXY, &[Proxy, ProxyMatch]),
    ];
    let mut asked = forbidding.iter().filter(|(place, _)| forbidden & place != 0);
    let found = asked.find_map(|(_, sections)| sections.iter().find(|section| within.contains(section)))?;
    refused(&format!("cannot occur within {}> section", found.name()))
}

/// What a section's own handler says of the words between its name and the closing bracket.
fn wrong_section_words(name: NameId, form: &Form, words: &[Cow<[u8]>]) -> Option<String> {
    if !form.is_section() {
        return None;
    }
    let written = form.name;
    let missing = || Some(format!("{written}> directive requires additional arguments"));
    let several = || Some(format!("Multiple {written}> arguments not (yet) supported."));
    let count = words.len();
    match name {
        names::VIRTUAL_HOST | names::LIMIT | names::LIMIT_EXCEPT if count == 0 => missing(),
        names::AUTHN_PROVIDER_ALIAS | names::AUTHZ_PROVIDER_ALIAS if count < 2 => missing(),
        names::DIRECTORY | names::LOCATION | names::FILES => match words {
            [] => missing(),
            // `~` stands before a regular expression.
            [tilde, _, _, ..] if **tilde == *b"~" => several(),
            [first, _, ..] if **first != *b"~" => several(),
            _ => None,
        },
        names::DIRECTORY_MATCH | names::LOCATION_MATCH | names::FILES_MATCH => match count {
            0 => missing(),
            1 => None,
            _ => several(),
        },
        names::IF | names::ELSE_IF => match count {
            0 => missing(),
            1 => None,
            _ => Some(format!("Multiple {written}> arguments not supported.")),
        },
        names::ELSE if count > 0 => Some("<Else> does not take an argument".to_string()),
        names::LIMIT if words.iter().any(|word| **word == *b"TRACE") => {
            Some("TRACE cannot be controlled by <Limit>, see TraceEnable".to_string())
        }
        names::PROXY_MATCH if count > 1 => several(),
        names::REQUIRE_ALL | names::REQUIRE_ANY | names::REQUIRE_NONE if count > 0 => {
            Some(format!("{written}> directive doesn't take additional arguments"))
        }
        names::IF_MODULE | names::IF_DEFINE | names::IF_FILE | names::IF_DIRECTIVE | names::IF_SECTION
            if words.is_empty() || *words[0] == *b"" || (count == 1 && *words[0] == *b"!") =>
        {
            missing()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Section::*;
    use super::*;

    fn said_of(line: &str, within: &[Section]) -> Option<String> {
        let mut words = line.split(' ');
        let name = name_id(words.next().expect("a name").as_bytes());
        let words: Vec<Cow<[u8]>> = words.map(|word| Cow::Borrowed(word.as_bytes())).collect();
        let mut around = Around { sections: within.to_vec(), ..Around::default() };
        around.look();
        refusal(name, &words, &around)
    }

    #[test]
    fn a_directive_in_the_wrong_place_is_refused_in_the_servers_words() {
        let cases: [(&str, &[Section], &str); 14] = [
            ("Timeout 5", &[Location], "Timeout not allowed in <Location> context"),
            ("ProxyTimeout 5", &[VirtualHost, Proxy], "ProxyTimeout not allowed in <Proxy> context"),
            ("KeptBodySize 1000", &[], "KeptBodySize not allowed here"),
            ("Require user a", &[VirtualHost], "Require not allowed in <VirtualHost> context"),
            ("Listen 80", &[VirtualHost], "Listen cannot occur within <VirtualHost> section"),
            ("ProxyPass /a http://b", &[Location, If], "ProxyPass cannot occur within <If> section"),
            ("ProxyPass /a http://b", &[Directory], "ProxyPass cannot occur within <Directory> section"),
            ("Timeout 5", &[Limit], "Timeout cannot occur within <Limit> or <LimitExcept> section"),
            ("<VirtualHost *", &[VirtualHost], "<VirtualHost> cannot occur within <VirtualHost> section"),
            ("<Location /a", &[Location], "<Location not allowed in <Location> context"),
            ("<Files a", &[LocationMatch], "<Files> cannot occur within <LocationMatch> section"),
            ("Alias /a /b", &[Location], "Alias cannot occur within directory context"),
            ("ProxyPass http://b", &[Htaccess], "ProxyPass not allowed here"),
            ("Define a", &[Htaccess, Files], "Define not allowed here"),
        ];
        for (line, within, message) in cases {
            assert_eq!(said_of(line, within).as_deref(), Some(message), "{line} in {within:?}");
        }
    }

    #[test]
    fn what_is_read_early_may_stand_in_every_section() {
        for line in ["ServerRoot /a", "LoadModule a b", "Define a", "<IfModule a"] {
            assert_eq!(said_of(line, &[VirtualHost, Location, Limit]), None, "{line}");
        }
    }

    #[test]
    fn nothing_is_said_of_places_in_a_section_that_is_not_known() {
        assert_eq!(said_of("Timeout 5", &[Other, Location]), None);
        assert_eq!(said_of("Listen 80", &[VirtualHost, Other]), None);
        assert_eq!(said_of("SecRuleEngine On Off x", &[Location]), None);
        assert_eq!(said_of("Timeout", &[Other]).as_deref(), Some("Timeout takes one argument"));
    }

    #[test]
    fn arguments_are_counted_as_the_server_counts_them() {
        // Empty words count as missing, flags ignore what follows, and a repeated directive ends at an empty word.
        let taken =
            ["ProxyPreserveHost ON # x", "ProxyBlock a #", "ProxyErrorOverride On  404x", "RewriteMap a b "];
        for line in taken {
            assert_eq!(said_of(line, &[]), None, "{line}");
        }
        let refused = [
            ("ProxyTimeout 5# five", "ProxyTimeout takes one argument"),
            ("ProxyTimeout ", "ProxyTimeout takes one argument"),
            ("ProxyPreserveHost yes", "ProxyPreserveHost must be On or Off"),
            ("LoadModule a", "LoadModule takes two arguments"),
            ("ServerAlias", "ServerAlias only used in <VirtualHost>"),
            ("Redirect a b c d", "Redirect takes one, two or three arguments"),
            ("ProxyBlock", "ProxyBlock requires at least one argument"),
            ("AddType a", "AddType requires at least two arguments"),
        ];
        for (line, message) in refused {
            assert_eq!(said_of(line, &[]).as_deref(), Some(message), "{line}");
        }
    }

    #[test]
    fn sections_look_at_their_own_words() {
        let refused = [
            ("<VirtualHost", "<VirtualHost> directive requires additional arguments"),
            ("<Location /a /b", "Multiple <Location> arguments not (yet) supported."),
            ("<If a b", "Multiple <If> arguments not supported."),
            ("<Proxy * a=b", "<Proxy> arguments are not supported for wildchar url."),
            ("<IfModule !", "<IfModule> directive requires additional arguments"),
        ];
        for (line, message) in refused {
            assert_eq!(said_of(line, &[]).as_deref(), Some(message), "{line}");
        }
        for line in ["<Location ~ /a", "<VirtualHost a:1 b:2", "<Proxy *", "<IfModule ! a", "<Else"] {
            assert_eq!(said_of(line, &[]), None, "{line}");
        }
        let limit = said_of("<Limit TRACE", &[Location]);
        assert_eq!(limit.as_deref(), Some("TRACE cannot be controlled by <Limit>, see TraceEnable"));
    }
}
