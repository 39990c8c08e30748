//! Every maximum of the machine, with its unit and its reason (invariant I7).

/// Bytes of one stream frame: a range of 8 MiB and its envelope.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024 + 4096;
/// Bytes of one gossip frame before sealing (docs/protocol.md, "Gossip").
pub const GOSSIP_BYTES_MAX: usize = 64 * 1024;
