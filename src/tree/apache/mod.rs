//! How httpd's configuration is laid out and read. Knows where directives stand, not what they mean.

pub mod envvars;
pub mod layout;
