//! One handshake followed through an Apache configuration. Knows no rule.

pub mod rewrite;
