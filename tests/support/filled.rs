//! Card examples as they would stand on a machine. Knows the placeholders of cards, not what is made of the text.

use wslint::engine::card::{Example, Server};

/// An example with something for every placeholder; `nested` stands for blocks inside one another.
pub fn filled(example: &Example, nested: &str) -> String {
    example
        .body
        .replace("@PORT@", "8080")
        .replace("@PORT2@", "8081")
        .replace("@BACKEND@", "127.0.0.1:9000")
        .replace("@BACKEND2@", "127.0.0.1:9001")
        .replace("@DEAD@", "127.0.0.1:9")
        .replace("@DIR@", directory(example.server))
        .replace("@MODDIR@", "/usr/lib/apache2/modules")
        .replace("@NESTED@", nested)
}

/// Where the server's configuration usually lies.
pub fn directory(server: Server) -> &'static str {
    match server {
        Server::Nginx => "/etc/nginx",
        Server::Apache => "/etc/apache2",
    }
}
