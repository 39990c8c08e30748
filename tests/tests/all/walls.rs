//! The table of ARCHITECTURE.md as data, held against what cargo resolved.
//!
//! "May depend on" is closed for crates of the workspace and for heavy packages (a runtime, network, store,
//! automerge, window or media package); "must never name" is about the whole normal dependency tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One row of the table.
struct Row {
    name: &'static str,
    folder: &'static str,
    /// Crates of the workspace that it may depend on.
    ours: &'static [&'static str],
    /// Heavy packages that it may depend on directly.
    heavy: &'static [&'static str],
    /// Packages that must not be anywhere in its normal dependency tree; a name ending in `*` is a prefix.
    never: &'static [&'static str],
    /// Whether it is L0, L1 or L2: no clock, disk, network or threads.
    pure: bool,
}

const IDS: &str = "alloquy-ids";
const SCHEMA: &str = "alloquy-schema";
const API: &str = "alloquy-api";
const CORE: &str = "alloquy-core";
const MEDIA: &str = "alloquy-media";
const RELAY: &str = "alloquy-relay";
const DIRECTORY: &str = "alloquy-directory";
const LISTENER: &str = "alloquy-irc-listener";
const NODE: &str = "alloquy-node";
const UI: &str = "alloquy-ui";
const IRC: &str = "alloquy-irc";

const NETWORK: &[&str] = &["libp2p*", "iroh*"];

const TABLE: &[Row] = &[
    Row {
        name: IDS,
        folder: "crdt-schema/ids",
        ours: &[],
        heavy: &[],
        never: &[
            "tokio*",
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "egui*",
            "webrtc*",
            "opus",
        ],
        pure: true,
    },
    Row {
        name: SCHEMA,
        folder: "crdt-schema",
        ours: &[IDS],
        heavy: &["automerge"],
        never: &[
            "tokio*", "libp2p*", "iroh*", API, "redb", "egui*", "webrtc*", "opus",
        ],
        pure: true,
    },
    Row {
        name: API,
        folder: "node/api",
        ours: &[IDS],
        heavy: &[],
        never: &[
            "automerge",
            "tokio*",
            "egui*",
            "libp2p*",
            "iroh*",
            "redb",
            SCHEMA,
        ],
        pure: true,
    },
    Row {
        name: CORE,
        folder: "node/core",
        ours: &[IDS, SCHEMA, API],
        heavy: &[],
        never: &["tokio*", "libp2p*", "iroh*", "webrtc*", "redb", "egui*"],
        pure: true,
    },
    Row {
        name: MEDIA,
        folder: "node/media",
        ours: &[IDS, API],
        heavy: &[
            "tokio",
            "tokio-rustls",
            "rustls",
            "rustls-native-certs",
            "webrtc",
            "opusic-sys",
            "cpal",
        ],
        never: &[
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "egui*",
            "eframe",
            SCHEMA,
            CORE,
            NODE,
        ],
        pure: false,
    },
    Row {
        name: RELAY,
        folder: "relay",
        ours: &[IDS],
        heavy: &[
            "tokio",
            "libp2p",
            "libp2p-stream",
            "hyper",
            "hyper-util",
            "rusqlite",
        ],
        never: &[
            "automerge",
            "redb",
            "egui*",
            "eframe",
            "webrtc*",
            "opus",
            SCHEMA,
            API,
            CORE,
            NODE,
        ],
        pure: false,
    },
    Row {
        name: IRC,
        folder: "rendezvous/irc",
        ours: &[IDS, API],
        heavy: &[],
        never: &[
            "tokio*",
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "egui*",
            "webrtc*",
            "opus",
            SCHEMA,
            CORE,
            NODE,
        ],
        pure: true,
    },
    Row {
        name: DIRECTORY,
        folder: "rendezvous/directory",
        ours: &[IDS],
        heavy: &[],
        never: &[
            "tokio*",
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "rusqlite",
            "egui*",
            SCHEMA,
            CORE,
            NODE,
        ],
        pure: true,
    },
    Row {
        name: LISTENER,
        folder: "rendezvous/listener",
        ours: &[IDS, API, IRC],
        heavy: &["tokio", "tokio-rustls", "tokio-tungstenite", "rustls"],
        never: &[
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "rusqlite",
            "egui*",
            SCHEMA,
            CORE,
            NODE,
        ],
        pure: false,
    },
    Row {
        name: NODE,
        folder: "node",
        ours: &[IDS, SCHEMA, API, CORE, RELAY],
        heavy: &[
            "tokio",
            "tokio-util",
            "libp2p",
            "libp2p-stream",
            "redb",
            "hyper",
            "hyper-util",
        ],
        never: &["egui*", "eframe", "webrtc*", "opus"],
        pure: false,
    },
    Row {
        name: "alloquy-rendezvous",
        folder: "rendezvous",
        ours: &[IDS, API, DIRECTORY, IRC, LISTENER, NODE],
        heavy: &["tokio", "rusqlite", "hyper", "hyper-util"],
        never: &["egui*", "eframe", "webrtc*", "opus"],
        pure: false,
    },
    Row {
        name: "alloquy-headless",
        folder: "node/headless",
        ours: &[IDS, API, IRC, LISTENER, MEDIA, NODE],
        heavy: &["tokio"],
        never: &["egui*", "eframe"],
        pure: false,
    },
    Row {
        name: UI,
        folder: "ui",
        ours: &[IDS, API],
        heavy: &["egui"],
        never: &[
            "tokio*",
            "libp2p*",
            "iroh*",
            "automerge",
            "redb",
            "eframe",
            "winit",
            SCHEMA,
            CORE,
            NODE,
            "webrtc*",
            "opus",
        ],
        pure: false,
    },
    Row {
        name: "alloquy",
        folder: "ui/app",
        ours: &[IDS, API, LISTENER, MEDIA, NODE, UI],
        heavy: &["tokio", "eframe"],
        never: &[],
        pure: false,
    },
    Row {
        name: "alloquy-sim",
        folder: "simulations",
        ours: &[IDS, SCHEMA, API, CORE, IRC],
        heavy: &[],
        never: &["tokio*", "libp2p*", "iroh*", "redb", "egui*"],
        pure: false,
    },
    Row {
        name: "alloquy-tests",
        folder: "tests",
        ours: &[
            IDS,
            SCHEMA,
            API,
            CORE,
            MEDIA,
            RELAY,
            NODE,
            IRC,
            "alloquy-headless",
            "alloquy-sim",
            UI,
        ],
        heavy: &[
            "tokio",
            "redb",
            "rustls",
            "libp2p",
            "libp2p-stream",
            "automerge",
            "egui",
        ],
        never: &[],
        pure: false,
    },
];

/// Packages that decide what a crate is: a direct dependency on one must stand in the crate's row.
const HEAVY: &[&str] = &[
    "tokio*",
    "async-std",
    "smol",
    "libp2p*",
    "iroh*",
    "quinn*",
    "hyper*",
    "reqwest",
    "axum*",
    "rustls*",
    "redb",
    "rusqlite",
    "sled",
    "automerge",
    "webrtc*",
    "opus*",
    "cpal",
    "egui*",
    "eframe",
    "winit",
];

/// What clippy must refuse in a pure crate.
const REFUSED: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::spawn",
    "std::thread::sleep",
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::fs::read",
    "std::fs::write",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env::var",
];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => {
            name == prefix
                || name.starts_with(&format!("{prefix}-"))
                || name.starts_with(&format!("{prefix}_"))
        }
        None => name == pattern,
    }
}

fn any_matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

/// The workspace as cargo resolved it.
struct Resolved {
    /// Package id to name.
    names: BTreeMap<String, String>,
    /// Package id to the ids of its normal dependencies.
    normal: BTreeMap<String, Vec<String>>,
    /// Name to id, of the workspace's own packages.
    members: BTreeMap<String, String>,
}

impl Resolved {
    fn load() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--offline",
                "--filter-platform",
                &host(),
            ])
            .current_dir(alloquy_tests::workspace())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let members: BTreeSet<&str> = list(&metadata["workspace_members"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|p| (text(&p["id"]), text(&p["name"])))
            .collect();
        let normal = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                (
                    text(&node["id"]),
                    list(&node["deps"])
                        .iter()
                        .filter(|dep| is_normal(dep))
                        .map(|dep| text(&dep["pkg"]))
                        .collect(),
                )
            })
            .collect();
        let members = names
            .iter()
            .filter(|(id, _)| members.contains(id.as_str()))
            .map(|(id, name)| (name.clone(), id.clone()))
            .collect();
        Self {
            names,
            normal,
            members,
        }
    }

    fn direct(&self, member: &str) -> BTreeSet<&str> {
        self.normal[&self.members[member]]
            .iter()
            .map(|id| self.names[id].as_str())
            .collect()
    }

    /// Every package in the normal dependency tree, each with the way to it.
    fn tree(&self, member: &str) -> BTreeMap<&str, String> {
        let mut ways = BTreeMap::new();
        let mut open = vec![(self.members[member].as_str(), member.to_owned())];
        while let Some((id, way)) = open.pop() {
            for dependency in &self.normal[id] {
                let name = self.names[dependency].as_str();
                if ways.contains_key(name) {
                    continue;
                }
                let way = format!("{way} -> {name}");
                ways.insert(name, way.clone());
                open.push((dependency, way));
            }
        }
        ways
    }
}

/// The platform built for: the packages of others need not have been fetched.
fn host() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap()
        .to_owned()
}

fn is_normal(dependency: &Value) -> bool {
    list(&dependency["dep_kinds"])
        .iter()
        .any(|kind| kind["kind"].is_null())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn every_crate_has_its_row_and_its_folder() {
    let resolved = Resolved::load();
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    let members: BTreeSet<&str> = resolved.members.keys().map(String::as_str).collect();
    assert_eq!(
        rows, members,
        "the table and the workspace name the same crates"
    );
    for row in TABLE {
        let manifest = std::fs::read_to_string(folder(row).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"{}\"", row.name)),
            "{} is not in {}",
            row.name,
            row.folder
        );
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            row.name
        );
    }
}

#[test]
fn a_crate_depends_on_nothing_above_it_and_on_no_heavy_package_outside_its_row() {
    let resolved = Resolved::load();
    for row in TABLE {
        for name in resolved.direct(row.name) {
            let allowed = if resolved.members.contains_key(name) {
                row.ours.contains(&name)
            } else {
                !any_matches(HEAVY, name) || row.heavy.contains(&name)
            };
            assert!(allowed, "{} may not depend on {name}", row.name);
        }
    }
}

#[test]
fn what_a_crate_must_never_name_is_nowhere_in_its_tree() {
    let resolved = Resolved::load();
    for row in TABLE {
        for (name, way) in resolved.tree(row.name) {
            assert!(
                !any_matches(row.never, name),
                "{} reaches {name}: {way}",
                row.name
            );
        }
    }
}

#[test]
fn the_walk_over_the_tree_reaches_what_is_known_to_be_there() {
    let resolved = Resolved::load();
    assert!(
        resolved.tree(CORE).contains_key("automerge"),
        "core holds automerge by way of schema"
    );
    let headless = resolved.tree("alloquy-headless");
    for deep in ["libp2p-gossipsub", "redb", IDS] {
        assert!(headless.contains_key(deep), "{deep}");
    }
    assert!(
        any_matches(NETWORK, "libp2p-swarm")
            && any_matches(NETWORK, "iroh")
            && !any_matches(NETWORK, "irohs")
    );
}

#[test]
fn pure_crates_refuse_clocks_disks_networks_threads_and_hash_order() {
    for row in TABLE.iter().filter(|row| row.pure) {
        let path = folder(row).join("clippy.toml");
        let lints = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for refused in REFUSED {
            assert!(
                lints.contains(&format!("path = \"{refused}\"")),
                "{} does not refuse {refused}",
                path.display()
            );
        }
    }
}

#[test]
fn unsafe_code_is_denied_and_pure_crates_make_no_exception() {
    let workspace = std::fs::read_to_string(alloquy_tests::workspace().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"deny\""));
    for row in TABLE.iter().filter(|row| row.pure) {
        for path in alloquy_tests::sources(&folder(row).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains("unsafe_code"),
                "{} makes an exception",
                path.display()
            );
        }
    }
}

#[test]
fn what_people_run_is_built_without_the_driver() {
    let read = |file: &str| {
        let path = alloquy_tests::workspace().join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let manifest = read("ui/app/Cargo.toml");
    assert!(manifest.contains("\ndriver = ["), "the feature is there");
    let default = manifest.lines().find(|line| line.starts_with("default"));
    assert!(default.is_none_or(|line| !line.contains("driver")));
    assert!(manifest.contains("required-features = [\"driver\"]"));
    for script in ["run", "bench"] {
        let text = read(script);
        for word in ["--features", "--all-features", "alloquy-driven"] {
            assert!(!text.contains(word), "{script} names {word}");
        }
    }
    // Nothing above the window's crate switches it on for everybody.
    for path in alloquy_tests::files(alloquy_tests::workspace()) {
        let is_manifest = path.file_name().is_some_and(|name| name == "Cargo.toml");
        if is_manifest && !path.ends_with("ui/app/Cargo.toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("\"driver\""), "{}", path.display());
        }
    }
    let resolved = Resolved::load();
    assert!(!resolved.tree("alloquy").contains_key("egui_inspection"));
    assert!(!resolved.direct("alloquy").contains("accesskit_consumer"));
}

#[test]
fn no_toolchain_is_fetched_behind_the_person_who_builds() {
    for file in ["rust-toolchain.toml", "rust-toolchain"] {
        assert!(
            !alloquy_tests::workspace().join(file).exists(),
            "{file} makes rustup fetch a toolchain"
        );
    }
    let manifest = std::fs::read_to_string(alloquy_tests::workspace().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("rust-version = \"1.95\""));
}

fn folder(row: &Row) -> PathBuf {
    Path::new(alloquy_tests::workspace()).join(row.folder)
}
