//! Every maximum of the formats, with its unit and its reason (invariant I7).

/// Causal references of one event (`deps`). More heads than this are joined by a `merge` first.
pub const DEPS_MAX: usize = 16;
/// Authority heads named by one event (`auth`).
pub const AUTH_HEADS_MAX: usize = 8;
/// Greatest Lamport time: 2^48 - 1, so that a lie leaves room for every honest event after it.
pub const LAMPORT_MAX: u64 = (1 << 48) - 1;
/// Bytes of UTF-8 in the text of one message: fits a gossip frame with room to spare.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Previews of addresses in one message: whoever lists more writes an article.
pub const EMBEDS_MAX: usize = 3;
/// Bytes of an address in a preview: what servers and browsers take everywhere is not much longer.
pub const EMBED_URL_BYTES_MAX: usize = 1024;
/// Bytes of a preview's title: two lines of a wide window.
pub const EMBED_TITLE_BYTES_MAX: usize = 256;
/// Bytes of a preview's description: with address and title it fits, escaped, the tags of one IRC line.
pub const EMBED_DESCRIPTION_BYTES_MAX: usize = 512;
/// Bytes of one content event's body: gossip frames are capped at 64 KiB.
pub const CONTENT_BYTES_MAX: usize = 48 * 1024;
/// Operations in one content event; the shortest takes three bytes, so the size of the body bounds more.
pub const CONTENT_OPS_MAX: usize = 4096;
/// Bytes of any event body as carried, sealed or clear: a content event padded to 56 KiB, and room for its tag.
pub const BODY_BYTES_MAX: usize = 60 * 1024;
/// Bytes of the smallest padded body: "ok" and a sentence look alike.
pub const PADDED_BYTES_MIN: usize = 32;
/// Padded bodies double in size up to here; the next power of two would not fit a gossip frame of 64 KiB.
pub const PADDING_DOUBLES_UP_TO: usize = 32 * 1024;
/// Above that, padded bodies are multiples of this many bytes.
pub const PADDING_STEP_BYTES: usize = 8 * 1024;
/// Bytes of the body of one authority operation: an identity chain of 64 events (30 KiB) beside 512 ids (16 KiB).
pub const AUTHORITY_BODY_BYTES_MAX: usize = 48 * 1024;
/// Ids listed by one operation (accepted ends, reaffirmed operations, deleted messages).
pub const IDS_LISTED_MAX: usize = 512;
/// Identity events embedded in one operation: genesis, devices, revocations of one account. A device added takes
/// some 460 bytes, so that a whole chain fits an operation.
pub const IDENTITY_CHAIN_MAX: usize = 64;
/// Bytes of the body of one identity operation: a genesis has 177; a whole chain must fit one operation.
pub const IDENTITY_BODY_BYTES_MAX: usize = 1024;
/// Devices that one recovery revokes: they fit the body beside everything else.
pub const RECOVER_REVOKED_MAX: usize = 20;
/// Events between two signatures of one log in a range.
pub const RANGE_SIGNATURE_SPACING_MAX: usize = 64;
/// Events in one range.
pub const RANGE_EVENTS_MAX: usize = 4096;
/// Epochs whose bodies one range holds: concurrent writers may use several.
pub const RANGE_EPOCHS_MAX: usize = 64;
/// Bytes of one range before decompression is trusted, and of what it declares to hold.
pub const RANGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a name of a community, channel, category, role or member.
pub const NAME_BYTES_MAX: usize = 100;
/// Bytes of a topic.
pub const TOPIC_BYTES_MAX: usize = 1024;
/// Bytes of an icon (PNG or WebP).
pub const ICON_BYTES_MAX: usize = 32 * 1024;
/// Pixels of an icon on each side.
pub const ICON_SIDE_MAX: usize = 512;
/// Bytes of an emoji: the longest sequences in Unicode's lists stay below this.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Bytes of the shared note, far below the content document's target of 1 MiB.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a moderation reason.
pub const REASON_BYTES_MAX: usize = 512;
/// Words or phrases in one word rule: the longest list still fits an operation (256 of 64 bytes are 17 KiB).
pub const RULE_WORDS_MAX: usize = 256;
/// Bytes of one word or phrase of a word rule.
pub const RULE_WORD_BYTES_MAX: usize = 64;
/// Channels of a kept template, its roles, and its rules.
pub const TEMPLATE_PARTS_MAX: usize = 256;
/// Parent epochs of one epoch announcement.
pub const EPOCH_PARENTS_MAX: usize = 8;
/// Bytes of a profile's about text.
pub const ABOUT_BYTES_MAX: usize = 2048;
/// Bytes of one account's events in one scope that are kept although they do not count: some 2,000 messages.
pub const LATE_BYTES_MAX: u64 = 1024 * 1024;
/// Owners in one proposal: every one of them can be asked for a signature by hand.
pub const OWNERS_MAX: usize = 64;
/// Signatures in one owners' certificate: two devices for each owner.
pub const OWNER_SIGNATURES_MAX: usize = 2 * OWNERS_MAX;
/// Bytes of one sealed link between epochs: nonce, 33 bytes of key material, tag, and room for a hybrid suite.
pub const EPOCH_LINK_BYTES_MAX: usize = 256;
/// Bytes of an operation of a kind that this release does not know; it is kept and relayed.
pub const UNKNOWN_OP_BYTES_MAX: usize = AUTHORITY_BODY_BYTES_MAX;
/// Bytes of what the self document keeps of a community that the account is in: four peers with addresses.
pub const BOOTSTRAP_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the name of something that follows the account: a word, an id, and another.
pub const KEPT_NAME_BYTES_MAX: usize = 80;
/// Bytes of something that follows the account: a draft of the longest message.
pub const KEPT_VALUE_BYTES_MAX: usize = TEXT_BYTES_MAX;
/// Bytes of what the self document keeps of a contact: a whole identity chain, a name and addresses.
pub const CONTACT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a read marker: an event's id as text.
pub const READ_MARK_BYTES_MAX: usize = 52;
/// The greatest level of rules that this release applies.
pub const LEVEL_SUPPORTED: u16 = 1;
