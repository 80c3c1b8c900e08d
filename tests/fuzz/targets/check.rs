//! All rules and all reports on any tree; the input's form is that of `tests/support/case.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wslint_fuzz::{case::Case, invariants};

fuzz_target!(|bytes: &[u8]| invariants::check(&Case::parse(bytes)));
