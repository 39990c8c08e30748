//! A client in the node's own process, and the queues between clients and the driver.
//!
//! A client hands commands in through the driver's one bounded channel and has an event queue of its own.
//! Outcomes of its own commands are never left out (there are at most [`COMMANDS_MAX`] of them); other events are,
//! when the client is too slow, and `Lagged` stands where they are missing. A face that passes on what it is told can
//! have all of it only when it is durable.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloquy_api::rpc::StatusReport;
use alloquy_api::{
    Busy, Client, Command, CommandError, CommandId, ErrorCode, Event, Reply, Snapshot,
};
use alloquy_core::{Origin, Snapshots, TaskId};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Commands of one client under way: a script that does not wait for outcomes is told to.
pub const COMMANDS_MAX: usize = 256;
/// Events that wait for one client: a burst of catching up, some 1 MiB of messages.
pub const EVENTS_MAX: usize = 4096;

/// What comes to the driver from clients.
#[derive(Debug)]
pub(crate) enum Message {
    /// A command.
    Command(Origin, Command),
    /// A question about the node itself.
    Status(oneshot::Sender<StatusReport>),
}

/// A client of a node in this process; several may exist, each sees the outcomes of its own commands.
#[derive(Debug)]
pub struct NodeHandle {
    id: u64,
    door: Door,
    queue: Arc<Queue>,
    command_last: u64,
    /// Events that came while an outcome was waited for.
    kept: VecDeque<Event>,
    changes: Changes,
}

/// Tells when there is something new for a face: an event of one client, or another snapshot.
#[derive(Clone, Debug)]
pub struct Changes {
    client: u64,
    snapshot: watch::Receiver<Arc<Snapshots>>,
    /// Version of the snapshot that was told of.
    told: u64,
    events: watch::Receiver<()>,
}

impl Changes {
    /// Waits until an event or another snapshot has come since the last time; `false` when the node has ended and
    /// nothing will come any more. May be dropped without loss.
    pub async fn next(&mut self) -> bool {
        let Self {
            client,
            snapshot,
            told,
            events,
        } = self;
        tokio::select! {
            version = next_version(snapshot, *client, *told) => match version {
                Some(version) => {
                    *told = version;
                    true
                }
                None => false,
            },
            changed = events.changed() => changed.is_ok(),
        }
    }
}

/// The version of what a client is shown, once it is another one than `told`; `None` when the node has ended. What
/// only other clients are shown is passed over. May be dropped without loss.
pub(crate) async fn next_version(
    snapshot: &mut watch::Receiver<Arc<Snapshots>>,
    client: u64,
    told: u64,
) -> Option<u64> {
    let shown = snapshot.wait_for(|shown| shown.of(client).version != told);
    shown.await.ok().map(|shown| shown.of(client).version)
}

impl NodeHandle {
    /// The next event, as soon as there is one; `None` when the node has ended. May be dropped without loss.
    pub async fn event(&mut self) -> Option<Event> {
        match self.kept.pop_front() {
            Some(event) => Some(event),
            None => self.queue.next().await,
        }
    }

    /// Waits until an event or another snapshot has come since the last time; `false` when the node has ended and
    /// nothing will come any more. May be dropped without loss.
    pub async fn changed(&mut self) -> bool {
        self.changes.next().await
    }

    /// The same as a value of its own, for a task that wakes whoever holds the handle.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Hands `command` in and waits for its outcome; other events are kept for [`NodeHandle::event`].
    ///
    /// # Errors
    /// The command's own; `busy`; `timeout` after `wait`; `not_running` when the node has ended.
    pub async fn call(&mut self, command: Command, wait: Duration) -> Result<Reply, CommandError> {
        let id = self
            .submit(command)
            .map_err(|busy| CommandError::new(ErrorCode::Busy, busy.to_string()))?;
        let outcome = async {
            loop {
                match self.queue.next().await {
                    Some(Event::Done { id: done, result }) if done == id => return result,
                    Some(event) if self.kept.len() < EVENTS_MAX => self.kept.push_back(event),
                    Some(_) => {}
                    None => return Err(self.queue.lock().ended.clone().unwrap_or_else(ended)),
                }
            }
        };
        tokio::time::timeout(wait, outcome)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(CommandError::new(
                    ErrorCode::Timeout,
                    format!("no outcome within {} s", wait.as_secs_f32()),
                ))
            })
    }

    /// Hands a command in under a number of the caller's own.
    pub(crate) fn submit_as(&self, id: CommandId, command: Command) -> Result<(), Busy> {
        let waiting = self.queue.begin().map_err(|waiting| Busy { waiting })?;
        let origin = Origin {
            client: self.id,
            command: id,
        };
        match self
            .door
            .messages
            .try_send(Message::Command(origin, command))
        {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.queue.cancel();
                Err(Busy { waiting })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                let result = Err(ended());
                self.queue.push_own(Event::Done { id, result }, None);
                Ok(())
            }
        }
    }

    /// From now on what comes waits until everything that the node was told before is durable: for a face that passes
    /// it on to somebody who would be told again after a power cut. Costs each event a commit of the store.
    #[must_use]
    pub fn told_when_durable(self) -> Self {
        self.queue.lock().patient = true;
        self
    }

    /// The client's number.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Whether events of the account come, besides outcomes of own commands.
    pub(crate) fn subscribe(&self, subscribed: bool) {
        self.queue.lock().subscribed = subscribed;
    }
}

impl Client for NodeHandle {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        let id = CommandId(self.command_last + 1);
        self.submit_as(id, command)?;
        self.command_last += 1;
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.kept.pop_front().or_else(|| self.queue.lock().pop())
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.door.snapshot.borrow().of(self.id))
    }

    fn ended(&self) -> Option<CommandError> {
        self.queue.lock().ended.clone()
    }
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        let mut clients = self.door.clients.lock();
        clients.queues.remove(&self.id);
        if clients.ended.is_none() {
            clients.gone.push(self.id);
        }
        drop(clients);
        self.door.clients.parted.notify_one();
    }
}

/// The outcome of a command to a node that has ended.
pub(crate) fn ended() -> CommandError {
    CommandError::new(ErrorCode::NotRunning, "the node has ended")
}

/// The way in for clients.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshots>>,
    pub(crate) clients: Clients,
}

impl Door {
    /// A new client; sees all events unless told otherwise.
    pub(crate) fn handle(&self) -> NodeHandle {
        let queue = Arc::new(Queue::default());
        let mut clients = self.clients.lock();
        clients.last += 1;
        let id = clients.last;
        queue.lock().subscribed = true;
        queue.lock().ended.clone_from(&clients.ended);
        clients.queues.insert(id, Arc::clone(&queue));
        drop(clients);
        let changes = Changes {
            client: id,
            told: self.snapshot.borrow().of(id).version,
            snapshot: self.snapshot.clone(),
            events: queue.stirred.subscribe(),
        };
        NodeHandle {
            id,
            door: self.clone(),
            changes,
            queue,
            command_last: 0,
            kept: VecDeque::new(),
        }
    }
}

/// All clients' queues, as the driver reaches them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    registry: Arc<Mutex<Registry>>,
    /// A client went.
    parted: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Registry {
    last: u64,
    queues: BTreeMap<u64, Arc<Queue>>,
    /// Clients that went and of which the node does not know yet.
    gone: Vec<u64>,
    /// Why no event comes any more, once none does.
    ended: Option<CommandError>,
}

impl Clients {
    /// Gives an event to one client, or to all that listen. `under_way`: the last task of the store that has not ended.
    pub(crate) fn tell(&self, client: Option<u64>, event: &Event, under_way: Option<TaskId>) {
        let registry = self.lock();
        match client {
            Some(client) => {
                if let Some(queue) = registry.queues.get(&client) {
                    queue.push_own(event.clone(), under_way);
                }
            }
            None => {
                for queue in registry.queues.values() {
                    queue.push(event, under_way);
                }
            }
        }
    }

    /// A task of the store has ended, and all before it: what waited for it is told.
    pub(crate) fn stored(&self, task: TaskId) {
        let registry = self.lock();
        registry
            .queues
            .values()
            .for_each(|queue| queue.release(task));
    }

    /// The next client that went. May be dropped without loss.
    pub(crate) async fn gone(&self) -> u64 {
        loop {
            if let Some(client) = self.lock().gone.pop() {
                return client;
            }
            self.parted.notified().await;
        }
    }

    pub(crate) fn knows(&self, client: u64) -> bool {
        self.lock().queues.contains_key(&client)
    }

    /// No event comes any more. What [`Self::fail`] said stands.
    pub(crate) fn close(&self) {
        self.end_with(ended());
    }

    /// No event comes any more, because of a fault.
    pub(crate) fn fail(&self, reason: &dyn std::fmt::Display) {
        let text = format!("the node has ended: {reason}");
        self.end_with(CommandError::new(ErrorCode::NotRunning, text));
    }

    fn end_with(&self, error: CommandError) {
        let mut registry = self.lock();
        let error = registry.ended.get_or_insert(error).clone();
        for queue in registry.queues.values() {
            let mut waiting = queue.lock();
            waiting.ended = Some(error.clone());
            // What is not durable by now may never be.
            waiting.held.clear();
            drop(waiting);
            queue.stir();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events that wait for one client. The lock is held for a push or a pop only.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    /// For those who only want to know that something came.
    stirred: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    left_out: u64,
    under_way: usize,
    subscribed: bool,
    /// What comes is held until it is durable.
    patient: bool,
    /// What is held, behind `events`, each with the task of the store that it waits for.
    held: VecDeque<(TaskId, Event)>,
    ended: Option<CommandError>,
}

impl Waiting {
    fn put(&mut self, event: Event, under_way: Option<TaskId>) {
        let last = self.held.back().map(|(task, _)| *task);
        match under_way.or(last).filter(|_| self.patient) {
            Some(task) => self.held.push_back((task, event)),
            None => self.events.push_back(event),
        }
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() && self.left_out > 0 && self.held.is_empty() {
            return Some(Event::Lagged {
                count: std::mem::take(&mut self.left_out),
            });
        }
        event
    }

    /// Marks the place where events are missing, before the next one that is not.
    fn mark_gap(&mut self, under_way: Option<TaskId>) {
        if self.left_out > 0 {
            let count = std::mem::take(&mut self.left_out);
            self.put(Event::Lagged { count }, under_way);
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a command in; `Err` with the number under way when there are too many.
    fn begin(&self) -> Result<usize, usize> {
        let mut waiting = self.lock();
        if waiting.under_way >= COMMANDS_MAX {
            return Err(waiting.under_way);
        }
        waiting.under_way += 1;
        Ok(waiting.under_way)
    }

    /// Wakes whoever waits.
    fn stir(&self) {
        self.changed.notify_one();
        self.stirred.send_replace(());
    }

    fn cancel(&self) {
        self.lock().under_way -= 1;
    }

    fn push(&self, event: &Event, under_way: Option<TaskId>) {
        let mut waiting = self.lock();
        if !waiting.subscribed {
            return;
        }
        if waiting.events.len() + waiting.held.len() >= EVENTS_MAX {
            waiting.left_out += 1;
        } else {
            waiting.mark_gap(under_way);
            waiting.put(event.clone(), under_way);
        }
        drop(waiting);
        self.stir();
    }

    fn push_own(&self, event: Event, under_way: Option<TaskId>) {
        let mut waiting = self.lock();
        if matches!(event, Event::Done { .. }) {
            waiting.under_way = waiting.under_way.saturating_sub(1);
        }
        waiting.mark_gap(under_way);
        waiting.put(event, under_way);
        drop(waiting);
        self.stir();
    }

    fn release(&self, task: TaskId) {
        let mut waiting = self.lock();
        let done = waiting.held.partition_point(|(of, _)| *of <= task);
        if done == 0 {
            return;
        }
        let Waiting { events, held, .. } = &mut *waiting;
        events.extend(held.drain(..done).map(|(_, event)| event));
        drop(waiting);
        self.stir();
    }

    async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(event) = waiting.pop() {
                    return Some(event);
                }
                if waiting.ended.is_some() {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> (Door, mpsc::Receiver<Message>, watch::Sender<Arc<Snapshots>>) {
        let (messages, inbox) = mpsc::channel(COMMANDS_MAX * 2);
        let (tx, snapshot) = watch::channel(Arc::default());
        (
            Door {
                messages,
                snapshot,
                clients: Clients::default(),
            },
            inbox,
            tx,
        )
    }

    fn lagged(count: u64) -> Event {
        Event::Lagged { count }
    }

    fn notice(n: u32) -> Event {
        Event::StorageFailed {
            message: n.to_string(),
        }
    }

    #[tokio::test]
    async fn a_slow_client_misses_events_is_told_so_and_never_misses_an_outcome() {
        let (door, mut inbox, _snapshot) = door();
        let mut handle = door.handle();
        let id = handle.submit(Command::Communities).unwrap();
        let Some(Message::Command(origin, _)) = inbox.recv().await else {
            panic!("the command is there")
        };
        for n in 0..(EVENTS_MAX as u32 + 3) {
            door.clients.tell(None, &notice(n), None);
        }
        door.clients.tell(
            Some(origin.client),
            &Event::Done {
                id,
                result: Ok(Reply::Ok { ok: true }),
            },
            None,
        );
        for n in 0..EVENTS_MAX as u32 {
            assert_eq!(handle.event().await, Some(notice(n)));
        }
        assert_eq!(handle.event().await, Some(lagged(3)));
        assert!(matches!(handle.event().await, Some(Event::Done { .. })));
        assert_eq!(handle.next_event(), None);
        door.clients.close();
        assert_eq!(handle.event().await, None);
    }

    #[tokio::test]
    async fn a_patient_client_is_told_in_order_and_only_of_what_is_durable() {
        let (door, mut inbox, _snapshot) = door();
        let mut patient = door.handle().told_when_durable();
        let mut other = door.handle();
        let id = patient.submit(Command::Communities).unwrap();
        let Some(Message::Command(origin, _)) = inbox.recv().await else {
            panic!("the command is there")
        };
        door.clients.tell(None, &notice(1), None);
        door.clients.tell(None, &notice(2), Some(TaskId(7)));
        let done = Event::Done {
            id,
            result: Ok(Reply::Ok { ok: true }),
        };
        door.clients
            .tell(Some(origin.client), &done, Some(TaskId(8)));
        // The store is idle again, but its outcomes were not told yet.
        door.clients.tell(None, &notice(3), None);
        for n in 1..4 {
            assert_eq!(other.next_event(), Some(notice(n)));
        }
        assert_eq!(patient.next_event(), Some(notice(1)));
        door.clients.stored(TaskId(6));
        assert_eq!(patient.next_event(), None);
        door.clients.stored(TaskId(7));
        assert_eq!(patient.next_event(), Some(notice(2)));
        assert_eq!(patient.next_event(), None);
        door.clients.stored(TaskId(8));
        assert_eq!(patient.next_event(), Some(done));
        assert_eq!(patient.next_event(), Some(notice(3)));
        // What is not durable at the end is told to nobody who waits for that; all others have it.
        door.clients.tell(None, &notice(4), Some(TaskId(9)));
        door.clients.close();
        assert_eq!(patient.event().await, None);
        assert_eq!(other.next_event(), Some(notice(4)));
    }

    #[tokio::test]
    async fn a_fault_that_ends_the_node_is_told_to_every_client() {
        let (door, _inbox, _snapshot) = door();
        let mut early = door.handle();
        assert_eq!(early.ended(), None);
        door.clients.fail(&"the disk has gone");
        door.clients.close();
        let late = door.handle();
        for handle in [&early, &late] {
            let ended = handle.ended().expect("it has ended");
            assert_eq!(ended.code, ErrorCode::NotRunning);
            assert!(ended.message.contains("the disk has gone"), "{ended:?}");
        }
        assert!(early.changed().await, "woken once to see it");
        assert_eq!(early.event().await, None);
    }

    #[tokio::test]
    async fn a_handle_wakes_for_each_event_and_snapshot_once() {
        let (door, _inbox, snapshot) = door();
        let mut handle = door.handle();
        let nothing = |handle: &mut NodeHandle| {
            let changed = handle.changed();
            let waited = tokio::time::timeout(Duration::from_millis(20), changed);
            futures::executor::block_on(futures::future::poll_immediate(waited)).is_none()
        };
        assert!(nothing(&mut handle));
        door.clients.tell(None, &notice(1), None);
        assert!(handle.changed().await);
        assert!(
            nothing(&mut handle),
            "told once, though the event still waits"
        );
        let next = Snapshot {
            version: 1,
            ..Snapshot::default()
        };
        snapshot.send_replace(Arc::new(Snapshots {
            common: Arc::new(next),
            ..Snapshots::default()
        }));
        assert!(handle.changed().await);
        assert!(nothing(&mut handle));
    }

    #[tokio::test]
    async fn too_many_commands_are_busy_and_a_node_that_ended_answers_at_once() {
        let (door, mut inbox, _snapshot) = door();
        let mut handle = door.handle();
        for _ in 0..COMMANDS_MAX {
            handle.submit(Command::Communities).unwrap();
        }
        assert_eq!(
            handle.submit(Command::Communities),
            Err(Busy {
                waiting: COMMANDS_MAX
            })
        );
        let Some(Message::Command(origin, _)) = inbox.recv().await else {
            panic!("the command is there")
        };
        let result = Ok(Reply::Ok { ok: true });
        door.clients.tell(
            Some(origin.client),
            &Event::Done {
                id: origin.command,
                result,
            },
            None,
        );
        handle.submit(Command::Communities).unwrap();

        let mut other = door.handle();
        drop(inbox);
        let error = other
            .call(Command::Communities, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::NotRunning);
    }

    #[tokio::test]
    async fn an_outcome_goes_to_its_client_alone_and_a_wait_ends() {
        let (door, mut inbox, _snapshot) = door();
        let (mut one, mut two) = (door.handle(), door.handle());
        let answer = async {
            let Some(Message::Command(origin, _)) = inbox.recv().await else {
                panic!("the command is there")
            };
            door.clients.tell(None, &notice(1), None);
            let result = Ok(Reply::Ok { ok: true });
            door.clients.tell(
                Some(origin.client),
                &Event::Done {
                    id: origin.command,
                    result,
                },
                None,
            );
        };
        let (reply, ()) = tokio::join!(
            one.call(Command::Communities, Duration::from_secs(5)),
            answer
        );
        assert_eq!(reply, Ok(Reply::Ok { ok: true }));
        assert_eq!(
            one.event().await,
            Some(notice(1)),
            "kept while the outcome was waited for"
        );
        assert_eq!(two.event().await, Some(notice(1)));
        assert_eq!(two.next_event(), None);
        let error = two
            .call(Command::Communities, Duration::from_millis(1))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::Timeout);
    }
}
