//! Writes configurations of Apache httpd at random, most of which it loads.
//! Must not know what httpd or wslint make of them.

mod lines;
mod sections;

use super::random::Random;
use lines::*;

/// A configuration with the files beside it, placeholders and all.
pub struct Config {
    pub main: String,
    /// Path and text.
    pub files: Vec<(&'static str, String)>,
    /// It listens on `@PORT2@` too.
    pub second_port: bool,
    /// Some requests may go to one backend or the other, in turn.
    pub several: bool,
}

/// A main file and what belongs to it.
pub fn configuration(random: &mut Random) -> Config {
    let mut writer = Writer::new(random);
    let second_port = writer.random.once_in(3);
    writer.head(second_port);
    for _ in 0..writer.random.below(3) {
        writer.part(0, 2);
    }
    if writer.random.once_in(6) {
        let lines = writer.apart(|writer| writer.part(0, 2));
        writer.files.push(("extra.conf", lines));
        writer.line(0, &["Include extra.conf", "IncludeOptional \"@DIR@/extr*.conf\""]);
    }
    for _ in 0..writer.random.below(4) {
        writer.virtual_host(second_port);
    }
    if writer.random.once_in(12) {
        writer.access_file();
    }
    if writer.random.once_in(30) {
        writer.forget_a_module();
    }
    writer.files.push(("users", "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n".to_owned()));
    writer.files.push(("known.txt", "room ws/room\nws chat\n".to_owned()));
    let Writer { out, files, several, .. } = writer;
    Config { main: out, files, second_port, several }
}

/// Modules that stand in every configuration.
const ALWAYS: [&str; 3] = ["mpm_event", "authz_core", "proxy"];
/// Others, each in `1 - 1 / n` of the configurations.
const MOSTLY: [(&str, usize); 16] = [
    ("proxy_http", 10),
    ("rewrite", 5),
    ("headers", 5),
    ("alias", 5),
    ("dir", 3),
    ("proxy_wstunnel", 2),
    ("setenvif", 3),
    ("env", 2),
    ("macro", 2),
    ("authz_host", 2),
    ("access_compat", 3),
    ("allowmethods", 3),
    ("authn_core", 3),
    ("auth_basic", 3),
    ("authn_file", 3),
    ("authz_user", 3),
];

struct Writer<'a> {
    random: &'a mut Random,
    modules: Vec<&'static str>,
    files: Vec<(&'static str, String)>,
    several: bool,
    /// What all members of balancers are: whose turn it is nobody can tell.
    member: &'static str,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(random: &'a mut Random) -> Self {
        let mut modules = ALWAYS.to_vec();
        modules.extend(MOSTLY.iter().filter(|(_, n)| !random.once_in(*n)).map(|(name, _)| name));
        if random.once_in(2) {
            modules.extend(["proxy_balancer", "slotmem_shm", "lbmethod_byrequests"]);
            if random.once_in(12) {
                modules.pop();
            }
        }
        let members = [
            "ws://@",
            "ws://@",
            "http://@ upgrade=websocket",
            "http://@ upgrade=websocket",
            "http://@",
            "http://@/",
        ];
        let member = members[random.below(members.len())];
        Self { random, modules, files: Vec::new(), several: false, member, out: String::new() }
    }

    fn has(&self, module: &str) -> bool {
        self.modules.contains(&module)
    }

    fn line(&mut self, depth: usize, choices: &[&str]) {
        let line = self.random.pick(choices).to_owned();
        self.write(depth, &line);
    }

    fn write(&mut self, depth: usize, line: &str) {
        for line in line.lines() {
            self.out += &"    ".repeat(depth);
            self.out += line;
            self.out.push('\n');
        }
    }

    /// What `write` writes, not in its place.
    fn apart(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.out);
        write(self);
        std::mem::replace(&mut self.out, before)
    }

    fn head(&mut self, second_port: bool) {
        self.write(0, "ServerRoot \"@DIR@\"");
        self.line(0, &["ServerName main.test", "ServerName main.test", "ServerName http://main.test:@PORT@"]);
        self.write(0, "Listen 127.0.0.1:@PORT@");
        if second_port {
            self.write(0, "Listen 127.0.0.1:@PORT2@");
        }
        for module in self.modules.clone() {
            self.write(0, &format!("LoadModule {module}_module @MODDIR@/mod_{module}.so"));
        }
        self.line(0, &["DocumentRoot \"@DIR@/html\"", "DocumentRoot html"]);
        self.write(0, "Define backend @BACKEND@");
        self.line(0, &["Define scheme ws", "Define scheme http", "Define SCHEME \"ws\""]);
        if self.random.once_in(2) {
            self.write(0, "Define CHAT");
        }
        if self.has("macro") {
            self.write(0, "<Macro Chat $path $backend>");
            self.line(
                1,
                &[
                    "ProxyPass $path ws://$backend",
                    "ProxyPass \"$path\" \"http://$backend/ws\" upgrade=websocket",
                    "<Location $path>\n    ProxyPass ws://$backend/\n</Location>",
                ],
            );
            self.write(0, "</Macro>");
        }
        if self.has("proxy_balancer") || self.random.once_in(30) {
            self.balancer(0);
        }
    }

    fn balancer(&mut self, depth: usize) {
        self.line(
            depth,
            &["<Proxy \"balancer://chat\">", "<Proxy balancer://chat/>", "<Proxy balancer://Chat>"],
        );
        let member = self.member;
        self.write(depth + 1, &format!("BalancerMember {}", member.replace('@', "@BACKEND@")));
        if self.random.once_in(2) {
            self.several = true;
            self.write(depth + 1, &format!("BalancerMember {} route=2", member.replace('@', "@BACKEND2@")));
        }
        if self.random.once_in(4) {
            self.line(
                depth + 1,
                &["ProxySet lbmethod=byrequests", "ProxySet stickysession=ROUTEID timeout=5"],
            );
        }
        self.write(depth, "</Proxy>");
    }

    fn virtual_host(&mut self, second_port: bool) {
        let addresses = [
            "*:@PORT@",
            "*:@PORT@",
            "*:@PORT@",
            "127.0.0.1:@PORT@",
            "127.0.0.1",
            "127.0.0.1:*",
            "127.0.0.2:*",
            "127.0.0.2:@PORT@ *:@PORT@",
            "_default_:@PORT@",
            "_default_:*",
            "localhost:@PORT@",
            "[::1]:@PORT@ 127.0.0.1:@PORT2@",
            "*",
        ];
        let address =
            if second_port && self.random.once_in(3) { "*:@PORT2@" } else { self.random.pick(&addresses) };
        self.write(0, &format!("<VirtualHost {address}>"));
        if !self.random.once_in(6) {
            self.line(
                1,
                &[
                    "ServerName a.test",
                    "ServerName A.Test",
                    "ServerName b.test",
                    "ServerName c1.test:8080",
                    "ServerName http://d.test:@PORT@",
                ],
            );
        }
        if self.random.once_in(3) {
            self.line(
                1,
                &[
                    "ServerAlias *.a.test",
                    "ServerAlias *.TEST",
                    "ServerAlias other.* 127.*",
                    "ServerAlias x.a.test c?.test",
                    "ServerAlias b.test",
                    "ServerAlias *",
                ],
            );
        }
        if self.random.once_in(5) {
            self.line(1, &["DocumentRoot \"@DIR@/html\"", "DocumentRoot none"]);
        }
        for _ in 0..1 + self.random.below(4) {
            self.part(1, 2);
        }
        if self.random.once_in(2) {
            // Otherwise too much would end at a file that isn't there.
            self.proxy_pass_from(1, "/");
        }
        self.write(0, "</VirtualHost>");
    }

    /// One thing that may stand in the main server or in a virtual host; `rest` conditions may still be put around it.
    fn part(&mut self, depth: usize, rest: usize) {
        match self.random.below(32) {
            28 if self.has("proxy_balancer") => self.balancer(depth),
            29 => self.line(depth, &FILE_SECTIONS),
            30 if self.has("dir") => self.line(depth, &DIR_LINES),
            31 if self.has("alias") => self.line(depth, &ALIASES),
            0..8 => self.proxy_pass(depth),
            8 => self.proxy_pass_match(depth),
            9..14 => self.location(depth),
            14..18 if self.has("rewrite") => self.rewrite(depth, true),
            18 if self.has("alias") => self.line(depth, &REDIRECTS),
            19 if self.has("headers") => self.line(depth, &HEADER_LINES),
            20 | 21 => self.line(depth, &SERVER_LINES),
            22 => self.directory(depth),
            23 => self.if_section(depth, rest),
            24 => self.worker(depth),
            _ if self.has("setenvif") && self.random.once_in(8) => self.line(depth, &SET_ENV_IF),
            25 if self.has("macro") => {
                self.line(depth, &["Use Chat /ws @BACKEND@", "Use chat /api \"@BACKEND2@\""])
            }
            26 | 27 if rest > 0 => self.conditional(depth, rest - 1),
            _ => self.proxy_pass(depth),
        }
    }

    fn conditional(&mut self, depth: usize, rest: usize) {
        let opening = self.random.pick(&CONDITIONALS);
        self.write(depth, opening);
        self.part(depth + 1, rest);
        let name = opening.split_whitespace().next().unwrap_or_default();
        self.write(depth, &format!("</{}>", &name[1..]));
    }

    fn proxy_pass(&mut self, depth: usize) {
        let prefix = self.random.pick(&PREFIXES);
        self.proxy_pass_from(depth, prefix);
    }

    fn proxy_pass_from(&mut self, depth: usize, prefix: &str) {
        let target = if self.random.once_in(9) { "!".to_owned() } else { self.target(prefix.ends_with('/')) };
        let name = self.random.pick(&["ProxyPass", "ProxyPass", "ProxyPass", "proxypass"]);
        let (prefix, target) = (self.quoted(prefix), self.target_words(&target));
        self.write(depth, &format!("{name} {prefix} {target}"));
    }

    fn proxy_pass_match(&mut self, depth: usize) {
        let pattern = self.random.pick(&PATTERNS);
        let target = self.random.pick(&MATCH_TARGETS);
        let (pattern, target) = (self.quoted(pattern), self.target_words(target));
        self.write(depth, &format!("ProxyPassMatch {pattern} {target}"));
    }

    /// Where to proxy to, and how; `slash`: the path it stands for ends with one.
    fn target(&mut self, slash: bool) -> String {
        let slash = slash != self.random.once_in(8);
        let path = match (slash, self.random.below(3)) {
            (true, 0 | 1) => "/",
            (true, _) => "/base/",
            (false, 0) => "",
            (false, 1) => "/ws",
            (false, _) => "/base/ws",
        };
        let backend = self.random.pick(&["@BACKEND@", "@BACKEND@", "@BACKEND@", "@BACKEND2@", "${backend}"]);
        if self.has("proxy_balancer") && self.random.once_in(3) || self.random.once_in(40) {
            return format!("balancer://{}{path}", self.random.pick(&["chat", "chat", "chta"]));
        }
        match self.random.below(11) {
            0..5 => format!("ws://{backend}{path}{}", self.random.pick(&WS_PARAMETERS)),
            5 => format!("${{scheme}}://{backend}{path}"),
            _ => format!("http://{backend}{path}{}", self.random.pick(&HTTP_PARAMETERS)),
        }
    }

    /// The URL in any quotes, what follows as it is.
    fn target_words(&mut self, target: &str) -> String {
        let (url, rest) = target.find(' ').map_or((target, ""), |space| target.split_at(space));
        self.quoted(url) + rest
    }

    fn quoted(&mut self, word: &str) -> String {
        match self.random.below(4) {
            0 | 1 => format!("\"{word}\""),
            2 => format!("'{word}'"),
            _ => word.to_owned(),
        }
    }

    /// What is set for all requests to a backend.
    fn worker(&mut self, depth: usize) {
        let url = self.random.pick(&[
            "http://@BACKEND@",
            "http://@BACKEND@/",
            "http://@BACKEND@/ws",
            "ws://@BACKEND@/",
            "ws://@BACKEND@ timeout=20",
            "*",
        ]);
        let (url, rest) = url.split_once(' ').unwrap_or((url, ""));
        self.write(depth, &format!("<Proxy \"{url}\" {rest}>"));
        let lines: &[&str] = if url == "*" {
            &["Require all granted", "Require all denied", "Require method GET"]
        } else {
            &[
                "ProxySet upgrade=websocket",
                "ProxySet upgrade=ANY timeout=30",
                "ProxySet keepalive=On",
                "Require all denied",
            ]
        };
        self.line(depth + 1, lines);
        self.write(depth, "</Proxy>");
    }

    /// `server`: in the main server or a virtual host, where patterns see the leading slash.
    fn rewrite(&mut self, depth: usize, server: bool) {
        if !self.random.once_in(10) {
            self.write(depth, "RewriteEngine On");
        }
        if self.random.once_in(8) {
            self.line(
                depth,
                &[
                    "RewriteOptions Inherit",
                    "RewriteOptions InheritDown",
                    "RewriteOptions InheritBefore",
                    "RewriteOptions InheritDownBefore",
                    "RewriteOptions IgnoreInherit",
                    "RewriteOptions AllowNoSlash MergeBase",
                    "RewriteEngine Off",
                ],
            );
        }
        if server && self.random.once_in(6) {
            self.write(depth, "RewriteMap lower int:tolower\nRewriteMap known \"txt:@DIR@/known.txt\"");
        }
        if !server && self.random.once_in(6) {
            self.line(depth, &["RewriteBase /", "RewriteBase /ws/"]);
        }
        for _ in 0..1 + self.random.below(2) {
            for _ in 0..self.random.below(3) {
                self.line(depth, &CONDITIONS);
            }
            let pattern = self.random.pick(if server { &SERVER_PATTERNS } else { &DIRECTORY_PATTERNS });
            let substitution = self.random.pick(&SUBSTITUTIONS);
            self.write(depth, &format!("RewriteRule {pattern} {substitution}"));
        }
    }

    fn access_file(&mut self) {
        let lines = self.apart(|writer| writer.per_directory(0));
        self.files.push(("html/.htaccess", lines));
    }

    fn forget_a_module(&mut self) {
        // Whoever runs it gives it the first two, if it hasn't them.
        let index = 2 + self.random.below(self.modules.len() - 2);
        let line = format!("LoadModule {}_module", self.modules[index]);
        self.out = self.out.replacen(&line, &format!("#{line}"), 1);
    }
}
