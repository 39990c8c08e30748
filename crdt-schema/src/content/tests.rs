//! Content from signed events over a real authority log.
