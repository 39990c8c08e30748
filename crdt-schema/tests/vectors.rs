//! Golden vectors: the committed files in `vectors/` are exactly what this code produces.
//!
//! Everything is made from fixed seeds, so any change of a wire format shows as a difference here.
//! `ALLOQUY_WRITE_VECTORS=1 cargo test -p alloquy-schema --test vectors` writes the files again: a change of
//! an existing vector is a change of the protocol. `tests/vectors.py` reads the same files independently.

#![expect(
    clippy::disallowed_methods,
    reason = "a test that reads the committed files fails when it can not"
)]

#[path = "vectors/accounts.rs"]
mod accounts;
#[path = "vectors/authority.rs"]
mod authority;
#[path = "vectors/content.rs"]
mod content;
#[path = "vectors/direct.rs"]
mod direct;
#[path = "vectors/encoding.rs"]
mod encoding;
#[path = "vectors/epochs.rs"]
mod epochs;
#[path = "vectors/events.rs"]
mod events;
#[path = "vectors/identities.rs"]
mod identities;
#[path = "vectors/ranges.rs"]
mod ranges;

use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::Value;

/// Compares a file of vectors with what the code makes now, or writes it.
fn golden(name: &str, vectors: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(name);
    let text = serde_json::to_string_pretty(vectors).expect("plain values") + "\n";
    if std::env::var_os("ALLOQUY_WRITE_VECTORS").is_some() {
        std::fs::write(&path, text).expect("the vectors can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("the vectors are committed");
    let differs = committed
        .lines()
        .zip(text.lines())
        .find(|(old, new)| old != new);
    assert!(
        committed == text,
        "{name} differs from what the code makes, first here: {differs:#?}"
    );
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

/// 32 bytes that a reader can recompute: BLAKE3 of a name.
fn seed(name: &str) -> [u8; 32] {
    alloquy_schema::hash::plain(name.as_bytes())
}
