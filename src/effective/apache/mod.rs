//! What is in force in each section of an Apache configuration. Knows httpd's laws, not what they do to a
//! WebSocket.

pub mod escape;
pub mod expr;
pub mod fnmatch;
pub mod request;
pub mod rewrite;
