//! Remarks in comments: one by itself, and all of a tree; the input's form is that of `tests/support/case.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wslint_fuzz::invariants;

fuzz_target!(|bytes: &[u8]| invariants::remarks(bytes));
