//! What the tests over real processes are made of: nodes of `alloquy-node` in temporary folders on free ports,
//! waiting with a deadline, and saying why a test can not run here.
//!
//! Every process is ended by its own id, also when a test fails. Nothing here knows any rule of the product.

mod bus;
mod coturn;
pub mod irc;
mod netlab;
mod notices;
mod panel;
mod peer;
mod portal;
mod program;
mod reader;
mod relay;
mod rendezvous;
mod router;
mod rtkit;
pub mod sound;
mod wait;
mod window;

pub use coturn::Coturn;
pub use netlab::{Family, Host, Lab, Line, Nat, run_slow_line};
pub use notices::Notices;
pub use panel::Panel;
pub use peer::{LOOPBACK, Peer};
pub use portal::{KeyPortal, Wanted};
pub use program::{Ended, Told, node_program, run_node, signal};
pub use reader::Reader;
pub use relay::Relay;
pub use rendezvous::{Rendezvous, certify, client_certificate, rendezvous_program};
pub use router::{Grants, Router};
pub use rtkit::Rtkit;
pub use wait::{DEADLINE, Lines, eventually, skip};
pub use window::{Driven, Screen, Window, driven_program, window_program};

use std::path::{Path, PathBuf};

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in a folder of the workspace")
}

/// All files below a folder, sorted; what was built and what is hidden are left out.
///
/// # Panics
/// When the folder can not be read.
#[must_use]
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("the folder can be read to its end").path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if name == "target" || name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                open.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}

/// All Rust source files below a folder, sorted.
#[must_use]
pub fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = files(root);
    found.retain(|path| path.extension().is_some_and(|end| end == "rs"));
    found
}
