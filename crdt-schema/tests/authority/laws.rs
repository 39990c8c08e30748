//! Laws of the evaluator.
