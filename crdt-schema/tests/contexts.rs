//! Every context string has one use, and stands in the table of docs/protocol.md.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that reads the sources fails when it can not"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Contexts that stand in the code more than once for one purpose.
///
/// An id is hashed from a header, and again from the bytes of one that a range has rebuilt. A scope's digest is
/// that of the authority log's heads in the machine, and of counting events in timelines.
const SHARED: [(&str, usize); 2] = [("alloquy event id v1", 2), ("alloquy scope digest v1", 2)];

/// Rust files below a folder, without tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !test {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !test {
                found.push(path);
            }
        }
    }
    found
}

/// Literals like `"alloquy event id v1"` in the code of a file, with the file's name.
fn contexts(path: &Path) -> Vec<(String, String)> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).unwrap();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|literal| {
            literal.to_lowercase().starts_with("alloquy ") && literal.ends_with(" v1")
        })
        .map(|literal| (literal.to_owned(), name.clone()))
        .collect()
}

#[test]
fn each_context_has_one_use_and_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protocol = std::fs::read_to_string(root.join("../docs/protocol.md")).unwrap();
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in [root.join("src"), root.join("../node/core/src")] {
        for path in sources(&folder) {
            for (context, file) in contexts(&path) {
                uses.entry(context).or_default().push(file);
            }
        }
    }
    assert!(uses.len() > 15, "the sources were found: {uses:?}");
    for (context, files) in &uses {
        assert!(
            protocol.contains(&format!("`{context}`")),
            "docs/protocol.md does not list {context:?} of {files:?}"
        );
        let limit = SHARED
            .iter()
            .find(|(shared, _)| shared == context)
            .map_or(1, |(_, uses)| *uses);
        assert!(files.len() <= limit, "{context:?} is used in {files:?}");
    }
}
