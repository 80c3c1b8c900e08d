//! What the fuzz targets share with the tests. Must not hold a check of its own: what holds for every input is in
//! `tests/support/invariants.rs`.

#[path = "../support/case.rs"]
pub mod case;
#[path = "../support/filled.rs"]
pub mod filled;
#[path = "../support/invariants.rs"]
pub mod invariants;
#[path = "../support/seeds.rs"]
pub mod seeds;
