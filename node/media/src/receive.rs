//! What comes from one link: from packets to one tick of sound.
//!
//! [`delay`] says how long sound has to wait, [`stretch`] makes it wait less or more without a gap, [`playout`] puts
//! packets in order and decodes, repairs or conceals them, [`stats`] counts.

pub(crate) mod delay;
pub(crate) mod playout;
pub(crate) mod stats;
pub(crate) mod stretch;
