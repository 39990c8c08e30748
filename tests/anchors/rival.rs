//! What a general document store needs for the same: automerge's own sync, at its best. One map entry per
//! message under a short key, the sync state of the last meeting kept on both sides; neither signed nor
//! encrypted.

use anyhow::{bail, ensure};
use automerge::sync::{State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ObjType, ROOT};

/// Messages that an exchange takes at most; more is a loop.
const MESSAGES_MAX: usize = 1_000;

/// What went over the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exchanged {
    pub(crate) bytes: usize,
    /// Two are a round trip.
    pub(crate) turns: usize,
}

/// Two copies of a document, and what each remembers of the other.
struct Pair {
    docs: [AutoCommit; 2],
    states: [State; 2],
}

impl Pair {
    fn new(doc: &mut AutoCommit) -> Self {
        let other = doc.fork();
        Self {
            docs: [doc.clone(), other],
            states: [State::new(), State::new()],
        }
    }

    /// Both speak at once, turn by turn, until neither has anything to say.
    fn sync(&mut self) -> anyhow::Result<Exchanged> {
        let mut exchanged = Exchanged::default();
        for _ in 0..MESSAGES_MAX {
            let [a, b] = [0, 1].map(|side: usize| {
                let state = &mut self.states[side];
                self.docs[side].sync().generate_sync_message(state)
            });
            if a.is_none() && b.is_none() {
                return Ok(exchanged);
            }
            exchanged.turns += 1;
            for (side, message) in [(1, a), (0, b)] {
                if let Some(message) = message {
                    exchanged.bytes += message.clone().encode().len();
                    let state = &mut self.states[side];
                    self.docs[side]
                        .sync()
                        .receive_sync_message(state, message)?;
                }
            }
        }
        bail!("automerge's sync did not end")
    }

    /// The connection ends; both keep what they store of a sync state.
    fn part(&mut self) -> anyhow::Result<()> {
        for state in &mut self.states {
            *state = State::decode(&state.encode())?;
        }
        Ok(())
    }
}

fn actor(number: usize) -> ActorId {
    let mut bytes = [0x5a; 16];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    ActorId::from(bytes)
}

/// One of two copies gets the texts after the first `before`; each text is a change of its writer.
pub(crate) fn messages(
    texts: &[String],
    writers: &[usize],
    before: usize,
) -> anyhow::Result<Exchanged> {
    let mut doc = AutoCommit::new().with_actor(actor(0));
    let messages = doc.put_object(ROOT, "messages", ObjType::Map)?;
    let say = |doc: &mut AutoCommit, number: usize| -> anyhow::Result<()> {
        doc.set_actor(actor(writers[number]));
        doc.put(&messages, number.to_string(), texts[number].as_str())?;
        let time = 1_790_000_000 + number as i64;
        doc.commit_with(CommitOptions::default().with_time(time));
        Ok(())
    };
    for number in 0..before {
        say(&mut doc, number)?;
    }
    let mut pair = Pair::new(&mut doc);
    pair.sync()?;
    pair.part()?;
    for number in before..texts.len() {
        say(&mut pair.docs[0], number)?;
    }
    let exchanged = pair.sync()?;
    let heads = pair.docs.each_mut().map(AutoCommit::get_heads);
    ensure!(heads[0] == heads[1], "automerge's copies differ");
    Ok(exchanged)
}

/// Two copies of each of many documents meet again and are equal.
pub(crate) fn nothing_new(documents: usize) -> anyhow::Result<Exchanged> {
    let mut all = Exchanged::default();
    for number in 0..documents {
        let mut doc = AutoCommit::new().with_actor(actor(number));
        doc.put(ROOT, "0", "hello")?;
        let mut pair = Pair::new(&mut doc);
        pair.sync()?;
        pair.part()?;
        let exchanged = pair.sync()?;
        all.bytes += exchanged.bytes;
        // The documents are compared side by side.
        all.turns = all.turns.max(exchanged.turns);
    }
    Ok(all)
}
