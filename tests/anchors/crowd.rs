//! A community of many devices that talk in one channel, a few at a time, as people come and go.

use alloquy_api::command::ChannelRef;
use alloquy_api::{Command, Reply};
use anyhow::{bail, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::corpus;
use crate::table::Table;

/// Table time between two messages: below the rate at which live frames of one account are put off.
const BETWEEN_MS: u64 = 250;
/// Messages after which those who are there count them as read.
const READ_EVERY: usize = 32;
/// The founder's seat. It is always there, admits everybody, and says nothing.
const FOUNDER: usize = 0;

/// How much is said, by how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Accounts with one device each that write.
    pub(crate) devices: usize,
    /// How many of them are online at once; the sets take turns.
    pub(crate) together: usize,
    /// Messages that the reader holds.
    pub(crate) before: usize,
    /// Messages that it misses.
    pub(crate) missed: usize,
}

/// The table after everything was said, nobody but the founder awake.
pub(crate) struct Crowd {
    pub(crate) table: Table,
    pub(crate) texts: Vec<String>,
    /// Which device wrote each text.
    pub(crate) writers: Vec<usize>,
    /// Holds everything.
    pub(crate) founder: usize,
    /// Holds all but the missed messages.
    pub(crate) reader: usize,
    /// Is a member as long as everybody else and holds no message.
    pub(crate) latecomer: usize,
}

impl Crowd {
    /// Everybody joins, the devices talk, the reader leaves before the last `missed` messages.
    pub(crate) fn talk(size: Size) -> anyhow::Result<Self> {
        let (reader, latecomer) = (size.devices + 1, size.devices + 2);
        let mut crowd = Self {
            table: Table::new(size.devices + 3)?,
            texts: corpus::sentences(size.before + size.missed)?,
            writers: Vec::new(),
            founder: FOUNDER,
            reader,
            latecomer,
        };
        crowd.join()?;
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        crowd.round(size, 0, size.before, &mut rng)?;
        crowd.catch_up(reader)?;
        crowd.round(size, size.before, size.missed, &mut rng)?;
        let shown = crowd.table.shown(FOUNDER);
        ensure!(
            shown == crowd.texts.len(),
            "the founder holds {shown} of {} messages",
            crowd.texts.len()
        );
        Ok(crowd)
    }

    fn join(&mut self) -> anyhow::Result<()> {
        let table = &mut self.table;
        table.line(FOUNDER, "create-community Home")?;
        table.line(FOUNDER, "create-channel Home text general")?;
        let Reply::Invite { invite, .. } = table.line(FOUNDER, "invite Home")? else {
            bail!("an invite was expected")
        };
        for seat in 1..=self.latecomer {
            table.connect(FOUNDER, seat);
            table.line(seat, &format!("join {invite}"))?;
            table.pass(1_000)?;
            table.sleep(seat);
        }
        // The latecomer and the reader know every member before anything is said.
        for seat in [self.reader, self.latecomer] {
            table.connect(FOUNDER, seat);
            table.pass(20_000)?;
            table.sleep(seat);
        }
        // Nobody counts as a newcomer any more.
        table.pass(15 * 60_000)
    }

    /// Each set of devices comes online in turn and says its part.
    fn round(
        &mut self,
        size: Size,
        from: usize,
        count: usize,
        rng: &mut ChaCha20Rng,
    ) -> anyhow::Result<()> {
        let seats: Vec<usize> = (1..=size.devices).collect();
        let sets = seats.chunks(size.together);
        let each = count.div_ceil(sets.len());
        for (number, set) in sets.enumerate() {
            let first = from + (number * each).min(count);
            let last = from + ((number + 1) * each).min(count);
            self.come_online(set)?;
            for at in first..last {
                // Everybody says something; beyond that, who does is chance.
                let writer = match at - first {
                    place if place < set.len() => set[place],
                    _ => set[rng.next_u32() as usize % set.len()],
                };
                self.say(writer, at)?;
                if at % READ_EVERY == 0 {
                    self.mark_read(set)?;
                }
            }
            self.table.pass(5_000)?;
            self.mark_read(set)?;
            for seat in set {
                self.table.sleep(*seat);
            }
        }
        Ok(())
    }

    fn come_online(&mut self, set: &[usize]) -> anyhow::Result<()> {
        for seat in set {
            self.table.connect(FOUNDER, *seat);
        }
        self.table.pass(2_000)?;
        for (place, seat) in set.iter().enumerate() {
            for other in &set[place + 1..] {
                self.table.connect(*seat, *other);
            }
        }
        self.table.pass(2_000)?;
        self.mark_read(set)
    }

    fn say(&mut self, seat: usize, at: usize) -> anyhow::Result<()> {
        let text = self.texts[at].clone();
        let channel = ChannelRef("Home/general".to_owned());
        self.table.tell(
            seat,
            Command::Send {
                channel,
                text,
                embeds: Vec::new(),
            },
        )?;
        self.writers.push(seat);
        self.table.pass(BETWEEN_MS)
    }

    fn mark_read(&mut self, set: &[usize]) -> anyhow::Result<()> {
        for seat in set.iter().chain([&FOUNDER]) {
            self.table.line(*seat, "mark-read Home/general")?;
        }
        Ok(())
    }

    /// The seat comes, holds everything, and goes.
    fn catch_up(&mut self, seat: usize) -> anyhow::Result<()> {
        self.table.connect(FOUNDER, seat);
        self.table.pass(20_000)?;
        let (shown, said) = (self.table.shown(seat), self.writers.len());
        ensure!(
            shown == said,
            "seat {seat} holds {shown} of {said} messages"
        );
        self.table.line(seat, "mark-read Home/general")?;
        self.table.sleep(seat);
        Ok(())
    }
}
