//! Every maximum of the text grammar and the local socket, with its unit and its reason (invariant I7).
//!
//! Sizes of texts are those of the formats (docs/protocol.md, "Limits"): a line that no event could hold is
//! refused where it is typed. The formats check again, because a line is not the only way to make a command.

/// Bytes of one command line: an icon of 32 KiB in base64, or a text of 16 KiB whose every character is
/// escaped, and its command.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Words of one command line: 512 ids (the most that one operation lists) and their command.
pub const WORDS_MAX: usize = 520;
/// Bytes of UTF-8 in the text of one message.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Previews of addresses in one message.
pub const EMBEDS_MAX: usize = 3;
/// Bytes of an address in a preview.
pub const EMBED_URL_BYTES_MAX: usize = 1024;
/// Bytes of a preview's title.
pub const EMBED_TITLE_BYTES_MAX: usize = 256;
/// Bytes of a preview's description.
pub const EMBED_DESCRIPTION_BYTES_MAX: usize = 512;
/// Bytes of a name of a community, channel, category, role or member.
pub const NAME_BYTES_MAX: usize = 100;
/// Bytes of a reference: two names and the slash between them.
pub const REFERENCE_BYTES_MAX: usize = 2 * NAME_BYTES_MAX + 1;
/// Bytes of a topic.
pub const TOPIC_BYTES_MAX: usize = 1024;
/// Bytes of an emoji: the longest sequences in Unicode's lists stay below this.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Bytes of a moderation reason.
pub const REASON_BYTES_MAX: usize = 512;
/// Bytes of a profile's "about".
pub const ABOUT_BYTES_MAX: usize = 2048;
/// Bytes of a profile's status line.
pub const STATUS_BYTES_MAX: usize = 256;
/// Characters of an icon in base64: 32 KiB of PNG or WebP.
pub const ICON_BASE64_MAX: usize = 43_692;
/// Bytes of what one change inserts into the shared note: one content event, and one line when all is escaped.
pub const NOTE_INSERT_BYTES_MAX: usize = 24 * 1024;
/// Scalar values of the shared note, as a bound for positions in it.
pub const NOTE_POSITION_MAX: u64 = 256 * 1024;
/// Bytes of an invite link: ids, a secret and the addresses in it, with room to spare.
pub const LINK_BYTES_MAX: usize = 8 * 1024;
/// Ids listed by one operation.
pub const IDS_LISTED_MAX: usize = 512;
/// Messages of one `history` and operations of one `audit`.
pub const LAST_MAX: u64 = 1_000_000;
/// Messages of `history` and operations of `audit` when `--last` is not given.
pub const LAST_DEFAULT: u32 = 50;
/// Messages that a client asks for at once; a greater `--last` is read page by page
/// ([`crate::pages`]), so that no response line comes near its limit.
pub const HISTORY_PAGE: u32 = 500;
/// Uses of one invite.
pub const INVITE_USES_MAX: u64 = 1_000_000;
/// Milliseconds of the longest duration in a line: ten years of 366 days.
pub const DURATION_MS_MAX: u64 = 10 * 366 * 24 * 3_600_000;
/// The strongest rank that a role may have.
pub const RANK_MAX: u64 = 1_000_000;
/// The last position of a channel in its list: far more than a community has.
pub const POSITION_MAX: u64 = 100_000;
/// Bytes of one request line: a command line, its text in the worst case of JSON escaping (`\u0000`).
pub const REQUEST_LINE_BYTES_MAX: usize = 6 * LINE_BYTES_MAX + 4096;
/// Bytes of one response line: a page of the longest messages in the worst case of JSON escaping.
pub const RESPONSE_LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of the text of a quoted message: one line of a wide window.
pub const QUOTE_BYTES_MAX: usize = 240;
/// Bytes of the name of something that a face keeps: a word and an id.
pub const KEPT_NAME_BYTES_MAX: usize = 80;
/// Bytes of something that a face keeps: a draft of the longest message.
pub const KEPT_VALUE_BYTES_MAX: usize = TEXT_BYTES_MAX;
/// Contacts, blocked accounts and declined ones that are remembered.
pub const CONTACTS_MAX: usize = 4_096;
/// Things that faces keep: drafts of a thousand places, and settings.
pub const KEPT_MAX: usize = 1024;
/// Recovery words of an account: 128 bits and a checksum.
pub const RECOVERY_WORDS: usize = 12;
/// Bytes of one recovery word: the longest of BIP-39's English list has 8.
pub const RECOVERY_WORD_BYTES_MAX: usize = 8;
/// Bytes of a list of words for a rule, as typed.
pub const WORDS_BYTES_MAX: usize = 8 * 1024;
/// Joins that a raid limit may name.
pub const JOINS_MAX: u64 = 1_000_000;
/// How often a second a face is told of another snapshot: more pictures a second nobody needs.
pub const CHANGES_PER_SECOND: u32 = 30;
/// Accounts of a group besides the one that makes it: a call among all of them is still a mesh.
pub const GROUP_OTHERS_MAX: usize = 31;
/// Bytes of all recovery words, with a space after each.
pub const RECOVERY_PHRASE_BYTES_MAX: usize = RECOVERY_WORDS * (RECOVERY_WORD_BYTES_MAX + 1);
/// Greatest limit of one community at a home node, MiB: a tebibyte.
pub const HOME_MIB_MAX: u64 = 1024 * 1024;
/// Greatest number of days after which a home node drops messages: a century.
pub const HOME_DAYS_MAX: u64 = 36_500;
/// Bytes of a session description: one audio and a few video sections with a hundred candidates.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one candidate line.
pub const CANDIDATE_BYTES_MAX: usize = 512;
/// Bytes of a text that is spoken into a call.
pub const SPOKEN_BYTES_MAX: usize = 4_096;
/// Bytes of a sound device's name in text: names of PulseAudio are shorter than 128.
pub const DEVICE_NAME_BYTES_MAX: usize = 512;
/// Bytes of a sound device as text: the longest form is a text that is spoken, or a path.
pub const DEVICE_TEXT_BYTES_MAX: usize = 4_200;
/// Greatest volume of a member, percent: twice as loud as it comes, 6 dB.
pub const VOLUME_PERCENT_MAX: u32 = 200;
