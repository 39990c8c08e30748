//! What waits to leave the machine, and what is to happen when a storage task has ended.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::command::ProfileChange;
use alloquy_api::nearby::Announce;
use alloquy_api::{Event, Reply};
use alloquy_ids::{ChannelId, CommunityId, EpochId, EventId, NetworkKey};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::templates::Blueprint;
use bytes::Bytes;

use crate::io::{Fault, Origin, Output, TaskId, Write};
use crate::record::Key;
use crate::unwritten::Acks;
use crate::wire::Frame;
use crate::wire::letter::LetterAnswer;

/// What is done when a storage task has succeeded.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// Nothing: the records only speed up the next start.
    Nothing,
    /// Own events are durable: answer, show, publish.
    Own(Own),
    /// Others' events are durable: tell their authors.
    Received {
        community: CommunityId,
        events: Vec<EventId>,
    },
    /// A blind copy's wraps of a key are durable: tell authors of what is sealed under it.
    Wraps {
        community: CommunityId,
        epoch: EpochId,
    },
    /// What was refused at first is durable: tell authors.
    Confirm(Acks),
    /// What came before it in a community that was joined is durable, if nothing of it was refused: answer.
    Joined(CommunityId),
    /// A change without events is durable: answer.
    Answer(Origin, Reply),
    /// What a conversation begins with is durable: answer, unless something of it was refused.
    Opened(Origin, CommunityId),
    /// A change of the own profile is durable: it counts from now on, and is answered.
    Profile(Origin, ProfileChange),
    /// What a face keeps is durable: shown, answered.
    Kept(Origin, String, String),
    /// A template is durable, or gone: shown, answered.
    TemplateKept(Origin, String, Option<Box<Blueprint>>),
    /// A community is announced on the local network, or is so no more: answered.
    Announced(Origin, CommunityId, Announce),
    /// A new device stands in the stored identity log: it is told so.
    DeviceTaken,
    /// A home node of this account is in the stored identity log.
    HomeTaken,
    /// What a letter brought is durable: the home node that brought it is told.
    LetterTaken(NetworkKey, LetterAnswer),
    /// The recovery words are gone from the store.
    RecoveryWiped(Origin),
    /// Own events that rest on some that could not be stored: refuse, and remove them.
    TakenBack(Option<Origin>),
}

/// Own events of one command.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) community: CommunityId,
    pub(crate) events: Vec<EventId>,
    /// What a deletion among the events emptied, as it was: given back if the deletion can not be stored,
    /// removed from the store when it is durable.
    pub(crate) emptied: Vec<VerifiedEvent>,
    pub(crate) answer: Option<(Origin, Reply)>,
}

/// A storage task that has not ended.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) writes: Vec<Write>,
    pub(crate) after: After,
}

/// Outputs in order, and unfinished storage tasks.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    next_task: u64,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
}

impl Outbox {
    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(crate) fn send(&mut self, peer: NetworkKey, frame: &Frame) {
        self.push(Output::Send(peer, frame.to_bytes().into()));
    }

    /// Tells every face.
    pub(crate) fn tell(&mut self, event: Event) {
        self.push(Output::Event(None, event));
    }

    /// Answers the command's client.
    pub(crate) fn done(
        &mut self,
        origin: Origin,
        result: Result<Reply, alloquy_api::CommandError>,
    ) {
        self.push(Output::Event(
            Some(origin.client),
            Event::Done {
                id: origin.command,
                result,
            },
        ));
    }

    pub(crate) fn store(&mut self, writes: Vec<Write>, after: After) -> TaskId {
        self.next_task += 1;
        let task = TaskId(self.next_task);
        self.push(Output::Store(task, writes.clone()));
        self.tasks.insert(task, Task { writes, after });
        task
    }

    /// The last task that was begun.
    pub(crate) fn last_task(&self) -> TaskId {
        TaskId(self.next_task)
    }

    pub(crate) fn penalize(&mut self, peer: NetworkKey, reason: impl Into<String>) {
        self.push(Output::Penalize(
            peer,
            Fault {
                reason: reason.into(),
            },
        ));
    }
}

/// A record to write.
pub(crate) fn put(key: &Key, value: &impl Canonical) -> Write {
    Write::Put(key.to_key(), Bytes::from(value.to_bytes()))
}

/// A record of plain bytes to write.
pub(crate) fn put_bytes(key: &Key, value: Vec<u8>) -> Write {
    Write::Put(key.to_key(), value.into())
}

/// A channel's read marker: how many arrivals were read.
pub(crate) fn read_marker(community: CommunityId, channel: ChannelId, count: u64) -> Write {
    put_bytes(&Key::Read(community, channel), count.to_le_bytes().to_vec())
}
