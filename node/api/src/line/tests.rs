//! The grammar, by examples and by properties.
