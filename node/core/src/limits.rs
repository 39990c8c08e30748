//! Every maximum of the machine, with its unit and its reason (invariant I7).

/// Bytes of one stream frame: a range of 8 MiB and its envelope.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024 + 4096;
/// Bytes of one gossip frame after sealing: an event of the greatest size, an `Admit` and the seal fit.
pub const GOSSIP_BYTES_MAX: usize = 128 * 1024;
/// Scopes named in one frame: communities of up to 2,000 channels.
pub(crate) const SCOPES_MAX: usize = 2_048;
/// Logs of one scope in one frame: 10,000 members with two devices each, and some incarnations.
pub(crate) const HEIGHTS_MAX: usize = 32_768;
/// Heads asked for by name at once; forks are rare.
pub(crate) const WANTED_MAX: usize = 256;
/// Lost bodies asked for by name at once, of one scope: more are asked for at the next comparison.
pub(crate) const BODIES_ASKED_MAX: usize = 64;
/// Ranges in one frame; the frame's bytes limit them further.
pub(crate) const RANGES_PER_FRAME_MAX: usize = 256;
/// Bytes of ranges sent before the peer must say again where it stands: bounds the queue to one peer.
pub(crate) const CATCH_UP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Length of a proof: admissions from a newcomer up to a member that everybody knows.
pub(crate) const ADMIT_CHAIN_MAX: usize = 32;
/// Prekey records in one frame.
pub(crate) const PREKEYS_MAX: usize = 10_000;
/// Epochs asked for at once.
pub(crate) const EPOCHS_ASKED_MAX: usize = 256;
/// Wraps of one epoch: 10,000 devices.
pub(crate) const WRAPS_MAX: usize = 20_000;
/// Live events in one gossip frame.
pub(crate) const LIVE_EVENTS_MAX: usize = 16;
/// Bytes of a status line.
pub(crate) const STATUS_BYTES_MAX: usize = 256;
/// Events that wait for parents, per community: a burst of gossip before catch-up has answered.
pub(crate) const WAITING_MAX: usize = 4_096;
/// Bytes of these, bodies and plaintexts counted: a few hundred of the greatest size.
pub(crate) const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Of these, what one author's device, or one peer for devices that nobody knows, may have waiting.
pub(crate) const WAITING_SHARE: usize = 1_024;
/// The same in bytes: a quarter of all, so that three others find room beside the fullest.
pub(crate) const WAITING_SHARE_BYTES: usize = 4 * 1024 * 1024;
/// Milliseconds that an event waits for parents; catch-up brings it again with them.
pub(crate) const WAITING_MS: u64 = 10 * 60 * 1000;
/// Records that the store refused and that wait to be written again: what a full disk costs in memory.
pub(crate) const UNWRITTEN_MAX: usize = 4_096;
/// Bytes of these: some answers of catch-up.
pub(crate) const UNWRITTEN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Newcomers whose admission waits for the first answer of a peer after a start, one per connection.
pub(crate) const HELD_JOINS_MAX: usize = 64;
/// Commands that wait for the store or for the first answer of a peer.
pub(crate) const DEFERRED_MAX: usize = 1_024;
/// Addresses kept of one peer, and carried by an invite for each.
pub(crate) const ADDRESSES_MAX: usize = 8;
/// Bytes of one address in text form.
pub(crate) const ADDRESS_BYTES_MAX: usize = 256;
/// Addresses that an invite carries of each member beside its maker: one of each kind, and the link stays a QR code.
pub(crate) const INVITE_OTHERS_ADDRESSES_MAX: usize = 4;
/// Peers named in an invite.
pub(crate) const INVITE_PEERS_MAX: usize = 4;
/// Bytes of an invite link, decoded.
pub(crate) const INVITE_BYTES_MAX: usize = 16 * 1024;
/// Co-members that a node keeps connections to; gossip needs no more, and sockets are finite.
pub(crate) const KEPT_PEERS_MAX: usize = 32;
/// A join that nobody answered is given up after this many milliseconds.
pub(crate) const JOIN_TIMEOUT_MS: u64 = 10 * 60 * 1000;
/// Milliseconds in which a new invite reaches all members that are online: gossip and one comparison of copies.
pub(crate) const INVITE_SPREAD_MS: u64 = 5_000;
/// Milliseconds before a join is offered to the next reachable member.
pub(crate) const JOIN_RETRY_MS: u64 = 3_000;
/// Communities of one account.
pub(crate) const COMMUNITIES_MAX: usize = 256;
/// Live events taken per account by gossip: bucket size, and refill per second (docs/protocol.md, "Limits").
pub(crate) const LIVE_BURST: u32 = 30;
/// See [`LIVE_BURST`].
pub(crate) const LIVE_PER_SECOND: u32 = 5;
/// Milliseconds between two presence signals of a device; three may be lost before it counts as gone.
pub(crate) const PRESENCE_EVERY_MS: u64 = 15_000;
/// Milliseconds without a signal after which a device that is not connected counts as gone.
pub(crate) const PRESENCE_LAPSE_MS: u64 = 50_000;
/// Milliseconds that "is typing" stands.
pub(crate) const TYPING_LAPSE_MS: u64 = 8_000;
/// Milliseconds between comparisons with a connected peer when nothing else causes one.
pub(crate) const COMPARE_EVERY_MS: u64 = 10_000;
/// Of so many comparisons without a cause one is with any peer, the others with one whose copy differs.
pub(crate) const SWEEPS_BY_ALL: u32 = 4;
/// Milliseconds between two comparisons with one peer: a burst of changes is compared once.
pub(crate) const COMPARE_GAP_MS: u64 = 250;
/// Milliseconds that the topics of an epoch are kept after the next one.
pub(crate) const TOPIC_OVERLAP_MS: u64 = 60_000;
/// Milliseconds that a body stays after somebody else has deleted it: 7 days, in which the deletion may fall.
pub(crate) const DELETED_KEPT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Milliseconds after which it is looked again whether that time is over: clocks are set while a node runs.
pub(crate) const DELETED_LOOK_EVERY_MS: u64 = 3600 * 1000;
/// Milliseconds after which a prekey is replaced, and for which the private part of the one before is kept: 30 days.
pub(crate) const PREKEY_KEPT_MS: u64 = 30 * 24 * 3600 * 1000;
/// Milliseconds between two looks at the prekey's age: clocks are set while a node runs.
pub(crate) const PREKEY_LOOK_EVERY_MS: u64 = 3600 * 1000;
/// Milliseconds within which what was read is told together.
pub(crate) const RECEIPTS_EVERY_MS: u64 = 2_000;
/// Arrivals that are looked at to tell how far an author was read: what is older was told before.
pub(crate) const RECEIPT_WALK_MAX: usize = 4_096;
/// Milliseconds between two writings of a draft for own devices: nobody reads along letter by letter.
pub(crate) const DRAFTS_EVERY_MS: u64 = 5_000;
/// Milliseconds within which other changes for own devices are written together.
pub(crate) const OWN_DOCUMENT_EVERY_MS: u64 = 1_000;
/// Peers that the self document names of a community: with eight addresses of the greatest length each they fit.
pub(crate) const BOOTSTRAP_PEERS_MAX: usize = 4;
/// Milliseconds between two requests for the same epoch's key.
pub(crate) const KEY_REQUEST_EVERY_MS: u64 = 2_000;
/// Longest pause between two requests for the same key, milliseconds: whoever connects is asked at once anyway.
pub(crate) const KEY_REQUEST_PAUSE_MAX_MS: u64 = 5 * 60 * 1000;
/// Members asked for a key at once: any one of them that holds it will do.
pub(crate) const KEY_PEERS_ASKED_MAX: usize = 8;
/// Peers that are remembered to have asked for one key that was not here: others ask again.
pub(crate) const KEYS_OWED_MAX: usize = 64;
/// Accounts named to faces that can help with a key that is missing: a sentence holds no more.
pub(crate) const KEY_HOLDERS_NAMED_MAX: usize = 8;
/// Milliseconds after which an epoch's tip whose key nobody gave is passed over by writers.
pub(crate) const KEY_PATIENCE_MS: u64 = 5_000;
/// Milliseconds within which those who are let in under `since join` begin with one epoch.
pub(crate) const ADMITTED_TOGETHER_MS: u64 = 1_000;
/// An epoch older than this is replaced by the next writer: 7 days.
pub(crate) const EPOCH_AGE_MAX_MS: u64 = 7 * 24 * 3600 * 1000;
/// Milliseconds between attempts to write again what the store refused.
pub(crate) const STORE_RETRY_MS: u64 = 1_000;
/// Messages of one `history` reply; the command line pages beyond it.
pub(crate) const HISTORY_MAX: u32 = 100_000;
/// Messages of one watched window.
pub(crate) const WINDOW_MAX: u32 = 1_000;
/// Milliseconds by which a member's clock may be ahead before what it writes is held back where a rule about times
/// stands: machines that set their clocks by the network differ by less.
pub(crate) const CLOCK_AHEAD_MS: u64 = 5_000;
/// Milliseconds by which the time of an admission may be ahead and count for the limit of joins: 5 minutes, for
/// clocks that nobody has set.
pub(crate) const ADMITTED_AHEAD_MS: u64 = 5 * 60 * 1000;
/// Milliseconds after which a message counts as arrived later.
pub(crate) const ARRIVED_LATER_MS: u64 = 10 * 60 * 1000;
/// Milliseconds that the first write after a start waits for a connected peer to tell what it knows.
pub(crate) const FIRST_WRITE_WAIT_MS: u64 = 2_000;
/// Windows that one client watches at once.
pub(crate) const WINDOWS_MAX: usize = 64;
/// Milliseconds after an own event before peers that did not confirm it are compared with.
pub(crate) const OWN_COMPARE_MS: u64 = 1_000;
/// Milliseconds after joining during which a member shows its admission to peers at once.
pub(crate) const NEWCOMER_MS: u64 = 10 * 60 * 1000;
/// Milliseconds of silence after which a peer is shown a proof of membership.
pub(crate) const PROVE_AFTER_MS: u64 = 1_500;
/// Proofs shown over one connection to a peer that stays silent: a minute of lost frames; then it is no member.
pub(crate) const PROOFS_MAX: u32 = 6;
/// Gossip frames of unknown devices that wait, and for how many milliseconds.
pub(crate) const HELD_GOSSIP_MAX: usize = 64;
/// See [`HELD_GOSSIP_MAX`].
pub(crate) const HELD_GOSSIP_MS: u64 = 10_000;
/// Logs named in one `Heights` frame: 20,000 of about 76 bytes stay below 2 MiB.
pub(crate) const HEIGHTS_PER_FRAME: usize = 20_000;
/// Bytes that an event takes in a range besides its body, at most, for budgets: references, times, signatures.
pub(crate) const EVENT_OVERHEAD_BYTES: usize = 128;
/// Milliseconds between two makings of a community's lists for faces, when only names or presence changed.
pub(crate) const LISTS_EVERY_MS: u64 = 250;
/// Accounts that one `remove-branch` removes; their operations are stored as one.
pub(crate) const REMOVED_AT_ONCE_MAX: usize = 512;
/// Events that one `undo` hides: 16 deletions of the greatest size.
pub(crate) const UNDONE_AT_ONCE_MAX: usize = 8_192;
/// Reasons of operations in one content event: of the greatest size they fit.
pub(crate) const REASONS_PER_EVENT: usize = 64;
/// Bytes of events in one gossip frame, apart from the last one: a frame of deletions stays below its limit.
pub(crate) const LIVE_BYTES: usize = 64 * 1024;
/// Owner sets that are shown as open to vote on, those with the most votes first: an owner may propose any number.
pub(crate) const PROPOSALS_SHOWN_MAX: usize = 16;
/// Communities that one node announces on the local network, and takes of one neighbour: people hold few for others.
pub(crate) const ANNOUNCED_MAX: usize = 8;
/// Communities of others on the local network that are held, copies counted: more than a list is read for.
pub(crate) const CARDS_MAX: usize = 64;
/// Milliseconds between two looks at whether what is announced has changed: others are to see it within 5 seconds.
pub(crate) const NEARBY_EVERY_MS: u64 = 2_000;
/// Milliseconds between two questions to one neighbour; changes are told unasked.
pub(crate) const NEARBY_ASK_MS: u64 = 30_000;
/// Milliseconds between two answers to one neighbour's questions.
pub(crate) const NEARBY_ANSWER_MS: u64 = 1_000;
/// Answers that are taken of one neighbour within [`CARD_FRAMES_MS`]: twice what changes every 2 seconds make.
pub(crate) const CARD_FRAMES_MAX: u32 = 60;
/// Milliseconds within which answers of one neighbour are counted.
pub(crate) const CARD_FRAMES_MS: u64 = 60_000;
/// Newcomers that wait to be let into a community.
pub(crate) const REQUESTS_MAX: usize = 64;
/// Accounts that were not let in and are remembered, so that they do not stand in the list again at once.
pub(crate) const REFUSED_MAX: usize = 1_024;
/// Milliseconds between two questions of a newcomer whom a member must let in.
pub(crate) const REQUEST_EVERY_MS: u64 = 30_000;
/// Milliseconds between two tellings of one waiting newcomer to those who may decide: some may have started anew.
pub(crate) const REQUEST_PASS_EVERY_MS: u64 = 5 * 60 * 1000;
/// Milliseconds after which a newcomer that was not let in gives up: a week.
pub(crate) const REQUEST_TIMEOUT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Templates kept on a device.
pub(crate) const TEMPLATES_MAX: usize = 64;
/// Fields that one event of a new community sets: with the longest topics they fit.
pub(crate) const FIELDS_PER_EVENT: usize = 32;
/// Own events of one log that are looked at for messages that nobody else holds.
pub(crate) const WAITING_WALK_MAX: usize = 1_000;
/// Rows of events of one community, ever: a thousand a second for 8,900 years. The numbers of a damaged store end here.
pub(crate) const ROWS_MAX: u64 = 1 << 48;
/// Communities and conversations that one home node keeps: some hundred for each of some people.
pub(crate) const KEPT_MAX: usize = 2_048;
/// Bytes that a home node keeps unless its owner says otherwise: 20 GiB.
pub const HOME_QUOTA_BYTES: u64 = 20 * 1024 * 1024 * 1024;
/// A home node with less room than this counts as full, and asks for no more: a long message with its row.
pub const FULL_SLACK_BYTES: u64 = 1_024;
/// Home nodes whose addresses members tell each other of, of one community.
pub(crate) const HOMES_TOLD_MAX: usize = 256;
/// Of them, those kept per member and community that are nobody's home node yet, as far as is known here: what makes
/// them one may come after their addresses.
pub(crate) const HOMES_EARLY_MAX: usize = 8;
/// Wraps of one epoch that a home node asks for at once: making one costs about 0.1 ms.
pub(crate) const WRAPS_ASKED_MAX: usize = 256;
/// Epochs whose wraps a home node asks one member for at once.
pub(crate) const WRAP_REQUESTS_MAX: usize = 16;
/// Wraps for one prekey of one epoch that a home node keeps: a member may have made a wrong one, on purpose.
pub(crate) const WRAPS_EACH_MAX: usize = 3;
/// Rows of single events after which a home node packs them into one: enough of each log for small ranges.
pub(crate) const LOOSE_ROWS_MAX: usize = 1_024;
/// Ciphertexts of one event that a home node keeps beside the first: somebody may have given it a wrong one.
pub(crate) const OTHER_CARRIERS_MAX: usize = 2;
/// Wrong ciphertexts that a member remembers home nodes to have given, of one community.
pub(crate) const WRONG_BODIES_MAX: usize = 1_024;
/// Of these of one home node: the others have their share.
pub(crate) const WRONG_BODIES_EACH_MAX: usize = 256;
/// Milliseconds by which a clock may part from the machine's own count of time before it counts as having jumped, and
/// that it is to run steadily after that: a day, in which limits are counted.
pub(crate) const CLOCK_JUMP_MS: u64 = 24 * 3600 * 1000;
/// Milliseconds after which fewer days to keep messages take effect: devices with an older setting hear of it by then.
pub(crate) const FEWER_DAYS_AFTER_MS: u64 = 24 * 3600 * 1000;
/// Milliseconds between two looks at the age of what a home node keeps for a number of days.
pub(crate) const AGES_LOOK_EVERY_MS: u64 = 3600 * 1000;
/// Milliseconds between two tellings of a home node's state to those whom it serves.
pub(crate) const HOME_STATUS_EVERY_MS: u64 = 10_000;
/// Milliseconds between two answers to one who says what is to be kept.
pub(crate) const HOME_ANSWER_EVERY_MS: u64 = 1_000;
/// How often the wait doubles before a home node is told again to keep what it says not to keep: 11 minutes at most.
pub(crate) const HOME_ASKED_DOUBLINGS_MAX: u32 = 6;
/// Pause before a device brings in what another device of its account has changed: that one does so at once.
pub(crate) const EMBED_AFTER_MS: u64 = 2_000;
/// Spread of that pause over an account's devices, so that seldom two bring in the same.
pub(crate) const EMBED_SPREAD_MS: u64 = 8_000;
/// Bytes of a pairing link, decoded: a key, a secret and eight addresses.
pub(crate) const LINK_BYTES_MAX: usize = 4 * 1024;
/// Milliseconds that a pairing code stands.
pub(crate) const LINK_OFFER_MS: u64 = 10 * 60 * 1000;
/// Milliseconds that a guest looks for who shows its code: mDNS answers within seconds, a dial within half a minute.
pub(crate) const LINK_SEARCH_MS: u64 = 60 * 1000;
/// Milliseconds that two sides that know a code may take for the rest.
pub(crate) const LINK_TALK_MS: u64 = 60 * 1000;
/// Milliseconds by which the two clocks may part while a code stands: a clock that is kept by the network moves less.
pub(crate) const LINK_CLOCK_SLACK_MS: u64 = 10 * 60 * 1000;
/// How often one peer may ask for one code: it may have lost its connection twice.
pub(crate) const LINK_ASKS_MAX: u32 = 3;
/// Guests that were answered and have not confirmed, at once: most peers of a local network ask nobody.
pub(crate) const LINK_PENDING_MAX: usize = 8;
/// Peers that a guest asks for one code at once: those of a large local network.
pub(crate) const LINK_GUEST_PEERS_MAX: usize = 64;
/// Bytes of one sealed message: a chain of identity events and the bootstraps of all communities.
pub(crate) const LINK_PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Signing keys that one set of recovery words is shown to have: one for each time that it was used.
pub(crate) const RECOVERY_PROOFS_MAX: usize = 16;
/// How often one peer may ask by recovery words over one connection.
pub(crate) const RESTORE_ASKS_MAX: u32 = 3;
/// Milliseconds that a newcomer looks for somebody who knows the account of its recovery words.
pub(crate) const RESTORE_SEARCH_MS: u64 = 60 * 1000;
/// Milliseconds after an answer that gives the account, that a newcomer waits for others who were named or are found on
/// the local network: each may know of more devices and conversations, or of another account.
pub(crate) const RESTORE_OTHERS_MS: u64 = 3_000;
/// Milliseconds after an answer that does not know the account, that a newcomer waits for others who were named: one
/// behind relays may take so long to be reached.
pub(crate) const RESTORE_UNKNOWN_MS: u64 = 10_000;
/// Peers by which a device finds one community.
pub(crate) const ARRIVE_PEERS_MAX: usize = 8;
/// Keys of epochs that the recovery words open, of one community: each opens all before it.
pub(crate) const ARRIVE_KEYS_MAX: usize = 1_024;
/// Direct conversations and groups of one account: some thousand people is more than anybody writes to.
pub(crate) const CONVERSATIONS_MAX: usize = 2_048;
/// Accounts of one group conversation: a call among all of them is still a mesh.
pub(crate) const GROUP_MEMBERS_MAX: usize = 32;
/// Requests of accounts that are not known here, one of each; further ones are dropped.
pub(crate) const DM_REQUESTS_MAX: usize = 64;
/// Bytes of the first message that a request shows: enough to say who one is.
pub(crate) const DM_REQUEST_BYTES_MAX: usize = 256;
/// Bytes of a letter that is left at a home node: an identity log of some ten changes, and the sealed words.
pub(crate) const LETTER_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the sealed words of a letter: a name, the text, and where two home nodes are reached.
pub(crate) const LETTER_SEALED_BYTES_MAX: usize = 4 * 1024;
/// Home nodes of its writer that a letter names.
pub(crate) const LETTER_HOMES_MAX: usize = 2;
/// Letters that a home node keeps for one account, as many as that account's device keeps requests.
pub(crate) const LETTERS_EACH_MAX: usize = DM_REQUESTS_MAX;
/// Letters that a home node takes of one peer over one connection.
pub(crate) const LETTERS_LEFT_MAX: u32 = 16;
/// Letters that a home node takes of one account on one day, over however many connections: a line that breaks often
/// brings the same one again and again.
pub(crate) const LETTERS_DAILY_MAX: u32 = 64;
/// Accounts whose letters a home node counts on one day: half an hour's work of one processor, a megabyte.
pub(crate) const LETTER_WRITERS_MAX: usize = 16_384;
/// Milliseconds that a home node keeps a letter: 30 days, as long as the prekey that opens it is kept.
pub(crate) const LETTER_KEPT_MS: u64 = 30 * 24 * 3600 * 1000;
/// Milliseconds between two looks at the age of letters.
pub(crate) const LETTERS_LOOK_EVERY_MS: u64 = 3600 * 1000;
/// Milliseconds before a letter that was not kept is offered to the same home node again.
pub(crate) const LETTER_AGAIN_MS: u64 = 10 * 60 * 1000;
/// Leading zero bits of a stranger's proof of work, for one recipient and day: about a tenth of a second of one
/// processor, an hour for thirty thousand recipients.
pub(crate) const DM_WORK_BITS: u32 = 18;
/// Days by which the day of a proof of work may differ from the recipient's: clocks around midnight.
pub(crate) const DM_WORK_DAYS: u32 = 1;
/// Bytes of a contact link, decoded: a full identity chain, and addresses.
pub(crate) const CONTACT_BYTES_MAX: usize = 32 * 1024;
/// Devices whose prekeys and addresses a contact link names.
pub(crate) const CONTACT_DEVICES_MAX: usize = 8;
/// Messages of a channel that come before everything else: a window and a half of them on a large screen.
pub(crate) const NEWEST_MESSAGES: usize = 50;
/// Events that are given for them: each with its edits, reactions and what threads got meanwhile.
pub(crate) const NEWEST_EVENTS_MAX: usize = 512;
/// Events of a channel that are shown before their past: those that were given, and as many written since.
pub(crate) const NEWEST_SHOWN_MAX: usize = 2 * NEWEST_EVENTS_MAX;
/// Bytes of them: what one answer may hold, and as much written since.
pub(crate) const NEWEST_SHOWN_BYTES_MAX: usize = 2 * CATCH_UP_BYTES_MAX;
/// Milliseconds for which they are shown though nothing of their past comes.
pub(crate) const NEWEST_STILL_MS: u64 = 60_000;
/// Times for which a peer is given them over one connection: once, and once more when the key of a channel has come.
pub(crate) const NEWEST_TIMES_MAX: u8 = 2;
/// Events lacking of a community from which the newest messages are asked for first: less is here as soon as they.
pub(crate) const NEWEST_FROM: u64 = 256;
/// Milliseconds for which a message waits until what was before it is here.
pub(crate) const NEWEST_WRITE_WAIT_MS: u64 = 5_000;
/// Messages in one page of a history whose text is not here yet, beside those that count: the page stays small.
pub(crate) const PAGE_WAITING_MAX: usize = 100;

/// Addresses of one TURN server: three transports over both families, and as many again.
pub const TURN_URLS_MAX: usize = 12;
/// Bytes of an address of a TURN server: those of a DNS name, and what stands around it.
pub const TURN_URL_BYTES_MAX: usize = 300;
/// Bytes of a TURN username or password: a time and an id of ours, a keyed hash.
pub const TURN_TEXT_BYTES_MAX: usize = 128;
/// The longest that a TURN credential is taken for: an hour, and a clock that is as much behind.
pub const TURN_LIFE_MS_MAX: u64 = 2 * 60 * 60 * 1000;
/// TURN servers of others' home nodes that a call uses beside the own ones.
pub(crate) const TURN_OTHERS_MAX: usize = 3;
/// After a connection begins: what brings a community up comes first.
pub const TURN_ASK_AFTER_MS: u64 = 2_000;
/// A home node that gave no credential has no TURN server; it may have one later.
pub const TURN_ASK_AGAIN_MS: u64 = 10 * 60 * 1000;
/// A home node answers a peer no more often: nobody needs a second credential so soon.
pub const TURN_ANSWER_EVERY_MS: u64 = 30_000;
/// Devices in one voice room: in a mesh each sends its voice to each other one, 64 kb/s seven times are what a home's
/// uplink bears. More of them need a forwarder.
pub const VOICE_ROOM_MAX: usize = 8;
/// Devices that are shown in one room: several that come at once see too late that it is full.
pub(crate) const VOICE_SHOWN_MAX: usize = 4 * VOICE_ROOM_MAX;
/// Milliseconds between two words over streams to those in the same room: three fit into a lease.
pub(crate) const VOICE_ROOM_EVERY_MS: u64 = 1_500;
/// Milliseconds for which a word stands among those in the same room: a crash shows within 5 s.
pub(crate) const VOICE_ROOM_LEASE_MS: u64 = 4_500;
/// Milliseconds by which a node looks late at what has lapsed when it was away itself: it slept, or had no time.
pub(crate) const VOICE_AWAY_MS: u64 = 500;
/// Milliseconds between two words by gossip, for who looks on. In a community of 2,000 with 25 in voice that is a frame
/// of about 330 B each 0.6 s: with six neighbours in the mesh and each frame coming twice on average about 1 KiB/s for
/// everybody, and 1.7 signatures a second. Every 1.5 s it were ten times that. A crash is told by those in the room.
pub(crate) const VOICE_GOSSIP_EVERY_MS: u64 = 15_000;
/// Milliseconds for which such a word stands: one may be lost.
pub(crate) const VOICE_GOSSIP_LEASE_MS: u64 = 40_000;
/// The same for who is alone in a room, since nobody could tell of a crash: 25 of them are 2 KiB/s for everybody.
pub(crate) const VOICE_ALONE_EVERY_MS: u64 = 3_000;
/// See [`VOICE_ALONE_EVERY_MS`]: two may be lost.
pub(crate) const VOICE_ALONE_LEASE_MS: u64 = 10_000;
/// Greatest lease that a word may name, milliseconds.
pub(crate) const VOICE_LEASE_MAX_MS: u64 = 60_000;
/// Milliseconds in which changes (muted, hand) are gathered before all are told: clicking does not fill gossip.
pub(crate) const VOICE_GATHER_MS: u64 = 500;
/// Milliseconds for which each further one in the room leaves it to the one before to tell of a crash.
pub(crate) const VOICE_TELL_STEP_MS: u64 = 400;
/// Words and steps of one device over streams: how many at once, with the candidates of seven links ..
pub(crate) const VOICE_BURST: u32 = 256;
/// .. and how many a second on.
pub(crate) const VOICE_PER_SECOND: u32 = 20;
/// Steps of one attempt that are taken of a device: descriptions, candidates, and ICE restarts of a long call.
pub(crate) const MEDIA_STEPS_MAX: u64 = 4_096;
/// Steps that wait for a connection to the other device, or for the description before them.
pub(crate) const MEDIA_WAITING_MAX: usize = 64;
/// Bytes of the name of a media section: those that WebRTC makes are numbers.
pub(crate) const MEDIA_MID_BYTES_MAX: usize = 32;
/// Milliseconds after which an attempt that is not open is given up: ICE itself gives up after about as long.
pub(crate) const MEDIA_PATIENCE_MS: u64 = 15_000;
/// Milliseconds after which the side that does not offer asks for an offer: one round trip, and a connection to be made.
pub(crate) const MEDIA_ASK_MS: u64 = 3_000;
/// Milliseconds before the next attempt; doubled with each that fails.
pub(crate) const MEDIA_RETRY_MS: u64 = 500;
/// Greatest wait between two attempts, milliseconds.
pub(crate) const MEDIA_RETRY_MAX_MS: u64 = 15_000;
/// ICE servers that a node may be given: each is asked by each link.
pub const ICE_SERVERS_MAX: usize = 8;
