//! Who may know whom: a layer names only those before it.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. `lib`, `fix`, `cli` and `main` stand on top and may name all.
const LAYERS: [&str; 11] = [
    "parallel",
    "source",
    "finding",
    "syntax",
    "tree",
    "effective",
    "routes",
    "handshake",
    "engine",
    "rules",
    "report",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("src can be listed") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The layer a file belongs to: its folder or its own name below `src`.
fn layer(path: &Path, src: &Path) -> String {
    let below = path.strip_prefix(src).expect("below src");
    let first = below.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_string()
}

/// The modules that a file names through `crate::`, also inside braces.
fn named(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.match_indices("crate::").map(|(at, found)| word(&text[at + found.len()..])).collect()
}

#[test]
fn a_layer_names_only_the_layers_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in files {
        let layer = layer(&path, &src);
        let Some(rank) = LAYERS.iter().position(|known| *known == layer) else {
            assert!(
                ["lib", "fix", "cli", "main"].contains(&layer.as_str()),
                "{} is in no layer",
                path.display()
            );
            continue;
        };
        seen += 1;
        for name in named(&fs::read_to_string(&path).expect("UTF-8")) {
            let allowed = LAYERS[..=rank].contains(&name.as_str());
            if !allowed {
                wrong.push(format!("{} names crate::{name}", path.display()));
            }
        }
    }
    assert!(seen > 30, "only {seen} files were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_first_what_it_knows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for path in files {
        let text = fs::read_to_string(&path).expect("UTF-8");
        assert!(text.starts_with("//! "), "{} does not begin with //!", path.display());
        assert!(!text.contains("To be written"), "{} is a stub", path.display());
    }
}

#[test]
fn unsafe_code_is_forbidden_in_the_library_and_the_program() {
    for name in ["lib.rs", "main.rs"] {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).expect("UTF-8");
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "src/{name}");
    }
}
