//! Every action can be reached without a mouse, and docs/shortcuts.md says how. `ALLOQUY_WRITE_DOCS=1` writes
//! it anew.

use std::fmt::Write as _;
use std::path::Path;

use alloquy_ui::action::{ActionKind, Reach};

/// What stands before the table.
const HEAD: &str = "# Shortcuts\n\n\
    Everything that can be done in the window, and how without a mouse. On macOS Ctrl is Command. The same \
    list is in the window under Ctrl+/ and in the settings. This page is made from the table of actions \
    (`ALLOQUY_WRITE_DOCS=1 cargo test -p alloquy-ui --test all`).\n\n\
    | What | How |\n|---|---|\n";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in ActionKind::ALL {
        let ways: Vec<String> = kind.reach().iter().map(way).collect();
        writeln!(page, "| {} | {} |", kind.label(), ways.join("<br>")).unwrap();
    }
    page
}

fn way(reach: &Reach) -> String {
    let keys = reach.keys();
    match reach {
        Reach::Shortcut("", _) => format!("`{keys}`"),
        Reach::Shortcut(which, _) => format!("`{keys}` ({which})"),
        Reach::MessageKey(_) => format!("on a message: {keys}"),
        Reach::ComposerKey(_) => format!("while writing: {keys}"),
        Reach::Focus(_) => keys,
    }
}

#[test]
fn every_action_has_a_name_and_a_way_without_a_mouse() {
    for kind in ActionKind::ALL {
        assert!(!kind.label().is_empty(), "{kind:?}");
        let ways = kind.reach();
        assert!(!ways.is_empty(), "{kind:?} is reached by the mouse only");
        for way in ways {
            assert!(!way.keys().is_empty(), "{kind:?}: {way:?}");
        }
    }
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/shortcuts.md");
    let page = page();
    if std::env::var_os("ALLOQUY_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/shortcuts.md is not what the table says; ALLOQUY_WRITE_DOCS=1 writes it anew"
    );
}
