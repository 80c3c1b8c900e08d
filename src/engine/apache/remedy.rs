//! Lines that several rules about httpd tell to write. Knows the lines, not when.

/// The condition that keeps a rewrite rule from handshakes for a path.
pub fn unless_path(path: &str) -> String {
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "RewriteCond %{HTTP:Upgrade} !=websocket [NC]".to_string(),
        bare => format!("RewriteCond %{{REQUEST_URI}} !^{}", bare.replace('.', "\\.")),
    }
}
