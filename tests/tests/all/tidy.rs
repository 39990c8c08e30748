//! The tree's own manners: sizes, unfinished places, and whether README.md tells the truth.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Lines of a source file at most; about 500 is the aim.
const FILE_LINES_MAX: usize = 800;

fn sources() -> Vec<PathBuf> {
    alloquy_tests::sources(alloquy_tests::workspace())
}

#[test]
fn no_source_file_gathers_more_than_it_should() {
    let sources = sources();
    assert!(sources.len() > 20, "the walk found the tree");
    for path in sources {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{}: {lines} lines, at most {FILE_LINES_MAX}",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_to_be_written() {
    // Put together here so that this file does not hold them.
    let unfinished = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore]"),
    ];
    for path in sources() {
        // What a test starts as a process of its own is no test by itself.
        let child = concat!("#[ign", "ore = \"the child process of the crash test\"]");
        let text = std::fs::read_to_string(&path).unwrap().replace(child, "");
        for mark in unfinished {
            assert!(!text.contains(mark), "{}: {mark}", path.display());
        }
    }
}

#[test]
fn modules_lie_beside_their_folder_and_have_names_of_the_field() {
    for path in sources() {
        let stem = path.file_stem().unwrap().to_string_lossy();
        for bad in [
            "mod", "utils", "util", "manager", "helper", "helpers", "common", "misc",
        ] {
            assert_ne!(stem, bad, "{}", path.display());
        }
    }
}

/// Words between backticks, outside of code blocks.
fn quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut code_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            code_block = !code_block;
        } else if !code_block {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

fn looks_like_a_path(word: &str) -> bool {
    let bare = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    // `DIR/file` and `FILE` stand for what somebody else chooses.
    let chosen = word.split('/').any(|part| {
        !part.contains('.') && part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase())
    });
    bare && !chosen
        && !word.starts_with('/')
        && (word.contains('/')
            || [".md", ".toml", ".rs", ".py"]
                .iter()
                .any(|end| word.ends_with(end)))
}

/// Whether a document may name this: a path from the root, or the bare name of some file.
fn exists(word: &str, names: &BTreeSet<String>) -> bool {
    names.contains(word) || alloquy_tests::workspace().join(word).exists()
}

#[test]
fn files_that_the_documents_name_exist() {
    let names: BTreeSet<String> = alloquy_tests::files(alloquy_tests::workspace())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut checked = 0;
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/acceptance.md",
    ] {
        let text = std::fs::read_to_string(alloquy_tests::workspace().join(document)).unwrap();
        for word in quoted(&text).iter().filter(|word| looks_like_a_path(word)) {
            assert!(
                exists(word, &names),
                "{document} names {word}, which does not exist"
            );
            checked += 1;
        }
    }
    assert!(checked > 5, "the documents name files");
}

#[test]
fn commands_and_flags_of_the_readme_exist() {
    let root = alloquy_tests::workspace();
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let words: BTreeSet<&str> = text
        .split(|c: char| c.is_whitespace() || "`,.;:()".contains(c) && c != '.')
        .collect();
    let scripts: Vec<&&str> = words.iter().filter(|word| word.starts_with("./")).collect();
    assert!(
        scripts.len() >= 2,
        "the readme names its commands: {words:?}"
    );
    for script in scripts {
        let mode = std::fs::metadata(root.join(script))
            .unwrap_or_else(|error| panic!("{script}: {error}"))
            .permissions()
            .mode();
        assert!(mode & 0o111 == 0o111, "{script} can be run");
    }
    let arguments: String = [
        "node/headless/src/args.rs",
        "simulations/src/main.rs",
        "run",
        "test",
    ]
    .map(|file| std::fs::read_to_string(root.join(file)).unwrap())
    .concat();
    for flag in words
        .iter()
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|flag| !flag.is_empty())
    {
        let field = format!("{}:", flag.replace('-', "_"));
        assert!(
            arguments.contains(&field) || arguments.contains(&format!("--{flag}")),
            "--{flag} is no flag"
        );
    }
}

/// Links of Markdown to files of the tree: `[text](file)`.
fn linked(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = alloquy_tests::workspace();
    let mut documents: Vec<PathBuf> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    documents.extend(
        std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for document in documents
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
    {
        let text = std::fs::read_to_string(document).unwrap();
        for target in linked(&text) {
            let file = target.split('#').next().unwrap();
            let path = document.parent().unwrap_or(Path::new("")).join(file);
            assert!(path.exists(), "{} links to {target}", document.display());
        }
    }
}
