//! httpd's grammar on any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wslint_fuzz::invariants;

fuzz_target!(|bytes: &[u8]| invariants::apache_grammar(bytes));
