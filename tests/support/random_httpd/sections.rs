//! Sections for paths, directories and conditions, and what may stand in them.
//! Must not know what httpd or wslint make of them.

use super::Writer;
use super::lines::*;

impl Writer<'_> {
    pub fn location(&mut self, depth: usize) {
        let argument = self.random.pick(&LOCATIONS);
        let is_match = argument.starts_with("Match");
        self.write(depth, &format!("<Location{argument}>"));
        if is_match && self.random.once_in(2) {
            let target = self.random.pick(&MATCH_TARGETS);
            let target = self.target_words(target);
            self.write(depth + 1, &format!("ProxyPassMatch {target}"));
        } else if !self.random.once_in(3) {
            let target = self.target(argument.ends_with(['/', '"']));
            let target = self.target_words(&target);
            self.write(depth + 1, &format!("ProxyPass {target}"));
        }
        for _ in 0..self.random.below(3) {
            self.per_directory(depth + 1);
        }
        self.write(
            depth,
            "</Location>".replace("Location", if is_match { "LocationMatch" } else { "Location" }).as_str(),
        );
    }

    /// A line or section that may stand in `<Location>`, `<Directory>`, `<If>` and `.htaccess`.
    pub fn per_directory(&mut self, depth: usize) {
        match self.random.below(18) {
            12 if self.has("authn_file")
                && self.has("auth_basic")
                && self.has("authn_core")
                && self.has("authz_user") =>
            {
                self.line(depth, &LOGIN_LINES)
            }
            13 if self.has("access_compat") => self.line(depth, &OLD_ACCESS_LINES),
            14 if self.has("allowmethods") => {
                self.line(depth, &["AllowMethods GET", "AllowMethods POST", "AllowMethods reset"])
            }
            15 if self.has("dir") => self.line(depth, &DIR_LINES),
            16 if self.has("setenvif") => self.line(depth, &SET_ENV_IF),
            17 => self
                .line(depth, &["UseCanonicalName On", "ErrorDocument 403 /ws", "ErrorDocument 404 /ws/room"]),
            0 if self.has("authz_host") => {
                self.line(depth, &["Require ip 127.0.0.1", "Require not ip 10.0.0.0/8", "Require local"])
            }
            0..3 => self.line(depth, &ACCESS_LINES),
            3 if self.has("alias") => self.line(depth, &LOCATION_REDIRECTS),
            4 | 5 if self.has("headers") => self.line(depth, &HEADER_LINES),
            6 => self.line(
                depth,
                &[
                    "SetHandler \"proxy:ws://@BACKEND@\"",
                    "SetHandler proxy:http://@BACKEND@",
                    "SetHandler none",
                ],
            ),
            7 if self.has("dir") => {
                self.line(depth, &["FallbackResource /index.html", "FallbackResource /ws"])
            }
            8 | 9 if self.has("rewrite") => self.rewrite(depth, false),
            10 if self.has("env") => self.line(
                depth,
                &["SetEnv no-proxy 1", "SetEnv force-proxy-request-1.0 1", "SetEnv chat y", "UnsetEnv chat"],
            ),
            _ => {
                self.line(depth, &["ProxyPreserveHost On", "ProxyPreserveHost Off", "Options FollowSymLinks"])
            }
        }
    }

    pub fn directory(&mut self, depth: usize) {
        let opening = self.random.pick(&DIRECTORIES);
        self.write(depth, opening);
        self.line(depth + 1, &["AllowOverride None", "AllowOverride All", "AllowOverride FileInfo"]);
        for _ in 0..1 + self.random.below(2) {
            self.per_directory(depth + 1);
        }
        let name = if opening.starts_with("<DirectoryMatch") { "DirectoryMatch" } else { "Directory" };
        self.write(depth, &format!("</{name}>"));
    }

    pub fn if_section(&mut self, depth: usize, rest: usize) {
        let condition = self.random.pick(&EXPRESSIONS);
        self.write(depth, &format!("<If \"{condition}\">"));
        self.per_directory(depth + 1);
        if rest > 1 && self.random.once_in(5) {
            self.if_section(depth + 1, 0);
        }
        self.write(depth, "</If>");
        if self.random.once_in(3) {
            let condition = self.random.pick(&EXPRESSIONS);
            self.write(depth, &format!("<ElseIf \"{condition}\">"));
            self.per_directory(depth + 1);
            self.write(depth, "</ElseIf>");
        }
        if self.random.once_in(3) {
            self.write(depth, "<Else>");
            self.per_directory(depth + 1);
            self.write(depth, "</Else>");
        }
    }
}
