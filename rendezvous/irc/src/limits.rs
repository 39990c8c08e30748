//! Every maximum of the IRC side, with its unit and its reason (invariant I7).

/// Bytes of one line without its tags, with CR LF: RFC 1459.
pub const BODY_BYTES_MAX: usize = 512;
/// Bytes of the tags that a client sends, with `@` and the space: message-tags.
pub const CLIENT_TAGS_BYTES_MAX: usize = 4096;
/// Bytes of the tags' data of one line from the server, and of what is kept of a client's.
pub const TAG_DATA_BYTES_MAX: usize = 4094;
/// Bytes of one line with its tags and CR LF: message-tags.
pub const LINE_BYTES_MAX: usize = 8191;
/// Bytes of an AUTHENTICATE or REGISTER line: 400 characters of a chunk and its command, or a long e-mail address.
pub const AUTHENTICATE_LINE_BYTES_MAX: usize = 1024;
/// Milliseconds within which a connection must have registered.
pub const REGISTRATION_MS_MAX: u64 = 60_000;
/// Bytes that a connection may send before it has registered.
pub const REGISTRATION_BYTES_MAX: usize = 64 * 1024;
/// Lines that a connection may send before it has registered.
pub const REGISTRATION_LINES_MAX: u32 = 1024;
