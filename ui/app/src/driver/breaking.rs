//! For tests: a fault in the node's own task.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use alloquy_node::Changes;

/// The bell of the node that this process serves; there is one window in a process, and one node behind it.
static SERVING: Mutex<Option<Changes>> = Mutex::new(None);

/// Remembers a node that begins to serve.
pub(crate) fn may_break(changes: Changes) {
    *SERVING.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes);
}

/// Whoever rings for it panics.
struct Breaks;

impl Wake for Breaks {
    fn wake(self: Arc<Self>) {
        // A second panic while the first one unwinds would end the process, which no fault of a task does.
        if !std::thread::panicking() {
            panic!("a test asked for this");
        }
    }
}

/// Waits for the node's next news in a way that makes its task panic when it tells them: the node has no hook for
/// this, it only rings whoever listens.
pub(super) fn break_node() -> Result<(), String> {
    let serving = SERVING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let mut changes = serving.ok_or("no node serves in this process")?;
    // Never freed: it is to be there when the node rings, whenever that is.
    let next = Box::leak(Box::new(Box::pin(
        async move { while changes.next().await {} },
    )));
    match next
        .as_mut()
        .poll(&mut Context::from_waker(&Waker::from(Arc::new(Breaks))))
    {
        Poll::Pending => Ok(()),
        Poll::Ready(()) => Err("the node has ended".to_owned()),
    }
}
