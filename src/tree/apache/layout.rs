//! placeholder
use crate::source::files::Files;
use crate::tree::PathMap;
use std::path::{Path, PathBuf};

pub struct Root {
    pub directory: PathBuf,
    pub maps: Vec<PathMap>,
}

pub fn server_root(_: &dyn Files, main: &Path, declared: Option<&Path>, _: &[PathBuf]) -> Root {
    let own = main.parent().unwrap_or(main).to_owned();
    Root { directory: declared.map_or(own, Path::to_owned), maps: Vec::new() }
}

pub fn envvars(_: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    Vec::new()
}
