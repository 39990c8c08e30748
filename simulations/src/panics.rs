//! A panic of the core as a value: where and what, instead of a dead run.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`; a panic in it becomes `Err` with place and message.
///
/// What `work` was changing may be left half done: the caller throws it away.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install();
    let outer = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    result.map_err(|_payload| LAST.take())
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                LAST.replace(info.to_string().replace('\n', " "));
            } else {
                default(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let error = caught(|| panic!("no {}", "luck")).unwrap_err();
        assert!(
            error.contains("no luck") && error.contains("panics.rs"),
            "{error}"
        );
        assert_eq!(caught(|| 5), Ok(5));
    }
}
