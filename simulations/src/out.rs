//! The one place that writes to standard output.

use std::io::Write;

/// Prints text as it is.
pub(crate) fn print(text: &str) {
    // Whoever reads may have gone (`| head`): that is no fault of the run.
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// Prints one line.
pub(crate) fn line(text: &str) {
    print(&format!("{text}\n"));
}
