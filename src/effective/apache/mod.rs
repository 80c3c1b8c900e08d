//! What is in force in each section of an Apache httpd configuration. Knows httpd's laws, not what they do to a
//! WebSocket.

pub mod check;
mod directive_table;
pub mod directives;
pub mod names;
mod other_modules;
pub mod values;
