//! A node in another process, as a client that never blocks.
//!
//! The socket's client blocks; it lives on a thread of its own, which sleeps until the node says something or the
//! keeper hands a command in. What it hears waits here.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Snapshot};
use alloquy_node::RpcClient;
use tokio::sync::Notify;

/// Commands on their way to the thread, and its own wakes.
const CALLS_MAX: usize = 1024;

/// What the thread is called for.
enum Call {
    /// A command, which gets the next number.
    Submit(Command),
    /// The node said something.
    Hear,
}

/// The client.
pub(super) struct Attached {
    calls: SyncSender<Call>,
    heard: Arc<Heard>,
    command_last: u64,
}

#[derive(Default)]
struct Heard {
    lying: Mutex<Lying>,
    changed: Notify,
}

#[derive(Default)]
struct Lying {
    events: VecDeque<Event>,
    snapshot: Arc<Snapshot>,
    ended: Option<CommandError>,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    /// Connects, and has the first snapshot.
    pub(super) async fn connect(data_dir: PathBuf) -> Result<Self, CommandError> {
        let (calls, inbox) = sync_channel(CALLS_MAX);
        let wake = calls.clone();
        let connected = tokio::task::spawn_blocking(move || {
            let mut client = RpcClient::connect_told(&data_dir, move || {
                // A full queue is looked at anyway, and an empty one has no reader any more.
                drop(wake.try_send(Call::Hear));
            })?;
            client.subscribe()?;
            Ok(client)
        });
        let client = connected
            .await
            .unwrap_or_else(|_panic| Err(super::ended()))?;
        let heard = Arc::new(Heard::default());
        let told = Arc::clone(&heard);
        let (ready, first) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("attached-node".to_owned())
            .spawn(move || {
                let mut talk = Talk {
                    client,
                    heard: told,
                };
                talk.hear();
                if ready.send(()).is_ok() {
                    talk.serve(&inbox);
                }
            })
            .map_err(|_none| super::ended())?;
        // An error is the thread's end, which `ended` tells.
        drop(first.await);
        Ok(Self {
            calls,
            heard,
            command_last: 0,
        })
    }

    /// Resolves when there may be something new.
    pub(super) async fn changed(&self) {
        self.heard.changed.notified().await;
    }
}

impl Client for Attached {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        let id = CommandId(self.command_last + 1);
        match self.calls.try_send(Call::Submit(command)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Busy { waiting: CALLS_MAX }),
            Err(TrySendError::Disconnected(_)) => {
                let mut lying = self.heard.lock();
                let error = lying.ended.get_or_insert_with(super::ended).clone();
                let result = Err(error);
                lying.events.push_back(Event::Done { id, result });
                drop(lying);
                self.heard.changed.notify_one();
            }
        }
        self.command_last += 1;
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.heard.lock().events.pop_front()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.heard.lock().snapshot)
    }

    fn ended(&self) -> Option<CommandError> {
        self.heard.lock().ended.clone()
    }
}

/// The thread's side.
struct Talk {
    client: RpcClient,
    heard: Arc<Heard>,
}

impl Talk {
    /// Until the node or the window has gone.
    fn serve(&mut self, calls: &Receiver<Call>) {
        while self.client.ended().is_none()
            && let Ok(call) = calls.recv()
        {
            if let Call::Submit(command) = call {
                // Numbers rise by one on both sides; the socket's client is never busy.
                if let Err(busy) = self.client.submit(command) {
                    tracing::error!(%busy, "a command got no number");
                }
            }
            self.hear();
        }
    }

    /// Brings over what the node has said.
    fn hear(&mut self) {
        let mut events = VecDeque::new();
        while let Some(event) = self.client.next_event() {
            events.push_back(event);
        }
        let snapshot = self.client.snapshot();
        let ended = self.client.ended();
        let mut lying = self.heard.lock();
        lying.events.append(&mut events);
        lying.snapshot = snapshot;
        lying.ended = ended;
        drop(lying);
        self.heard.changed.notify_one();
    }
}
