//! What is in force in a block of httpd's. Knows httpd's directives, not what is proxied.

pub mod versions;
