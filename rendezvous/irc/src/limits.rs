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
/// Parameters of a line, its command among them; more stand in the last one. RFC 1459.
pub const PARAMS_MAX: usize = 15;
/// Tags of one line that are looked at: far more than any client sends.
pub const TAGS_MAX: usize = 64;
/// Bytes of a multiline message: the longest text that a message may have.
pub const MULTILINE_BYTES_MAX: usize = alloquy_api::limits::TEXT_BYTES_MAX;
/// Lines of a multiline message: a long listing of code; each costs the reader a line of his window.
pub const MULTILINE_LINES_MAX: usize = 400;
/// Lines in which one message is given to a client that knows no multiline; the rest is told of in one more.
pub const SPLIT_LINES_MAX: usize = 20;
/// Bytes of text in one line: 510 without `:nick!user@host PRIVMSG #target :`, the longest names taken for granted.
pub const TEXT_LINE_BYTES: usize = 350;
/// Bytes of the tags of previews in one line: the longest one when all of it is escaped, and what is left of
/// [`TAG_DATA_BYTES_MAX`] has room for time, id, account and label.
pub const EMBED_TAGS_BYTES_MAX: usize = 3_640;
/// Bytes of a nick.
pub const NICK_BYTES_MAX: usize = 32;
/// Bytes of a community's part of a channel's name.
pub const SLUG_BYTES_MAX: usize = 24;
/// Bytes of a channel's name with its community: the name of a channel here has at most 100, more are cut off.
pub const CHANNEL_BYTES_MAX: usize = 64;
/// Bytes of a topic told in 005; longer ones are cut off in the line that shows them.
pub const TOPIC_BYTES_MAX: usize = 390;
/// Bytes of a reason for a kick.
pub const KICK_BYTES_MAX: usize = 255;
/// Bytes of a text for being away.
pub const AWAY_BYTES_MAX: usize = 200;
/// Targets of one JOIN, KICK, PRIVMSG, NOTICE or TAGMSG.
pub const TARGETS_MAX: usize = 8;
/// Milliseconds for which `MODE +b ~m:` keeps an account from writing: the longest time-out that there is, for who asks by
/// this says no end.
pub const MUTE_MS: u64 = 28 * 24 * 60 * 60 * 1000;
/// Nicks that one connection monitors.
pub const MONITOR_MAX: usize = 200;
/// Channels that one connection is in.
pub const CHANNELS_MAX: usize = 250;
/// Messages of one CHATHISTORY: more are read by the next one.
pub const HISTORY_MAX: u32 = 200;
/// Edges of pages of one history that a connection may go on from by their time: a client reads in one or two directions
/// at once, and each page has two of each kind.
pub const EDGES_MAX: usize = 8;
/// Messages of a room of which the latest time counts for CHATHISTORY TARGETS: the last one's clock may be behind.
pub const TARGET_TIMES: u32 = 20;
/// Keys of METADATA that a profile has: name, status and words about oneself.
pub const METADATA_KEYS: usize = 3;
/// Keys of METADATA that a connection is told of.
pub const METADATA_SUBS_MAX: usize = 50;
/// Bytes of a key of METADATA: longer than any that is known.
pub const METADATA_KEY_BYTES_MAX: usize = 64;
/// Bytes of a value of METADATA: it stands in one line with a channel's name and a key.
pub const METADATA_VALUE_BYTES_MAX: usize = 256;
/// Bytes of METADATA SYNC after which the next one waits: with the longest one of a room (600 KB) they fit what waits for
/// one reader.
pub const METADATA_SYNC_BYTES: usize = 64 * 1024;
/// Bytes of METADATA SYNC a second, beyond these: half a megabit, as of a poor line.
pub const METADATA_SYNC_BYTES_A_SECOND: u64 = 64 * 1024;
/// Changes of an account's profile by METADATA, SETNAME and AWAY within [`PROFILE_SET_MS`]: each is signed for every
/// community.
pub const PROFILE_SETS_MAX: usize = 10;
/// Milliseconds in which so many changes are made.
pub const PROFILE_SET_MS: u64 = 60_000;
/// Messages of a room that a client is given which can not ask for them and was never seen before: enough to know what
/// is talked about.
pub const PLAYED_FIRST: u32 = 30;
/// Bytes of lines that are given of one room: what eight rooms of one JOIN have fits a connection's queue.
pub const PLAYED_BYTES_MAX: usize = 64 * 1024;
/// Conversations, the latest first, that are looked at for what was missed in them.
pub const PLAYED_DIRECTS: usize = 64;
/// Messages of one room of which it is known that a client has them: twice a page, for late ones come between.
pub const HAS_MAX: usize = 2 * HISTORY_MAX as usize;
/// Of these, those kept over a restart where there are many rooms: a page of what a room holds is filled up from them.
pub const KEPT_IDS_MIN: usize = 48;
/// Milliseconds after which a change of what a client has is kept, up to twice as many, so that not all are at once: one
/// write for a burst of lines.
pub const SIGHT_KEPT_MS: u64 = 30_000;
/// Clients that have gone and are known again when they come back; the one that left first is forgotten.
pub const SIGHTS_MAX: usize = 1024;
/// Those of one account.
pub const SIGHTS_OF_ONE_MAX: usize = 16;
/// Ids that are kept for all of them, of 8 bytes.
pub const SIGHT_IDS_MAX: usize = 1 << 20;
/// Lines that wait for their turn of one connection; more close it.
pub const INBOX_LINES_MAX: usize = 600;
/// Bytes that wait for their turn of one connection.
pub const INBOX_BYTES_MAX: usize = 256 * 1024;
/// Lines that a connection may send at once.
pub const FLOOD_BURST: u64 = 5;
/// Milliseconds after which it may send another one: two a second.
pub const FLOOD_MS: u64 = 500;
/// Milliseconds of silence after which a connection is asked whether it is there, and as long again to answer.
pub const PING_MS: u64 = 120_000;
/// Failed log-ins of one connection before it is closed.
pub const FAILURES_MAX: u32 = 3;
/// Milliseconds that the check after a failed one waits; doubled by each further failure.
pub const FAILURE_DELAY_MS: u64 = 250;
/// Milliseconds that a check waits at most: a person who mistypes must not be locked out by a stranger who guesses.
pub const FAILURE_DELAY_MS_MAX: u64 = 4_000;
/// Bytes of one SASL exchange: three strings of at most 255 bytes in base64, with room.
pub const SASL_BYTES_MAX: usize = 4096;
/// Bytes of a chunk of AUTHENTICATE.
pub const SASL_CHUNK: usize = 400;
/// Messages whose text and reactions are remembered, so that a change of them can be told as what it is.
pub const SEEN_MAX: usize = 8192;
/// Messages read of a history of which the same is remembered: some pages of several clients.
pub const RECALLED_MAX: usize = 2048;
/// Milliseconds that an edit waits for another one before it is told to clients that know no edits.
pub const EDIT_MS: u64 = 3_000;
/// Members that NAMES, WHO and their like list of one channel: those online first.
pub const MEMBERS_LISTED_MAX: usize = 500;
/// Seconds for which clients keep to TLS after they were told: a month, told anew with each connection.
pub const STS_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Bytes of a label of labeled-response.
pub const LABEL_BYTES_MAX: usize = 64;
/// Milliseconds between two `+typing=active` that are passed on for one channel.
pub const TYPING_MS: u64 = 3_000;
/// Members of one community that may be another way in one snapshot and are told of one by one: more are a crowd that
/// comes at once or is away at once, which a client would show as a wall of lines; NAMES and WHO tell how it is then. New
/// nicks and modes, and the going of those whom a client was told as there, are told of any number.
pub const STIR_MAX: usize = 64;
/// Reactions of one message in a page of history: with 200 messages they still fit what waits for one reader.
pub const REACTIONS_SHOWN_MAX: usize = 16;
/// Bytes of one stream of E2EE, in each direction, that may be under way without an ACK: at 50 ms of delay 1.3 MB a second.
pub const E2EE_WINDOW_BYTES: usize = 64 * 1024;
/// Streams of E2EE of one connection: its home node and the members that it talks to at once.
pub const E2EE_STREAMS_MAX: usize = 32;
/// Bytes of one E2EE DATA: 4,000 characters of base64url, which the data of tags ([`TAG_DATA_BYTES_MAX`]) have room for
/// beside the tag's name and a label.
pub const E2EE_DATA_BYTES_MAX: usize = 3_000;
/// Bytes without an ACK towards one client, of all its streams together. As lines they are 350 KB: with the longest answer
/// that there is (METADATA SYNC, 600 KB) they fit what waits for one reader.
pub const E2EE_UNACKED_BYTES_MAX: usize = 256 * 1024;
/// Lines without an ACK towards one client: a peer that sends byte by byte makes a line of 70 bytes of each.
pub const E2EE_UNACKED_LINES_MAX: usize = 512;
/// Streams that a connection opens within [`E2EE_OPENS_MS`]: each is a connection to somebody else's address.
pub const E2EE_OPENS_MAX: usize = 64;
/// Milliseconds in which so many streams are opened.
pub const E2EE_OPENS_MS: u64 = 60_000;
/// Lines about streams that a connection may send at once: the windows of all its streams, two thirds full.
pub const E2EE_FLOOD_BURST: u64 = 512;
/// Milliseconds after which it may send another one: 500 a second, at most 1.5 MB.
pub const E2EE_FLOOD_MS: u64 = 2;
/// Bytes of lines about streams that wait for their turn; whoever has sent more is not read from until fewer wait.
pub const E2EE_BEHIND_BYTES: usize = 64 * 1024;
/// Lines about streams that wait likewise.
pub const E2EE_BEHIND_LINES: usize = 256;
/// Lines about streams that wait of one connection; more close it. What is read at once of one that is behind makes a few
/// hundred.
pub const E2EE_INBOX_LINES_MAX: usize = 1_024;
