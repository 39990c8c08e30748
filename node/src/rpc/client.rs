//! A client's end of the socket: blocking, with bounds, and without a runtime.
//!
//! A thread reads responses as they come, so that a node that ends or is killed in mid-request is noticed at
//! once. Calls are made one at a time; events that come meanwhile are kept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use alloquy_api::rpc::{
    DoctorReport, RESPONSE_LINE_BYTES_MAX, RPC_VERSION, Request, Response, StatusReport,
};
use alloquy_api::{
    Busy, Client, Command, CommandError, CommandId, ErrorCode, Event, Reply, Snapshot,
};
use alloquy_ids::AccountId;

use super::lines::{self, LineError};
use super::socket::{self, Listener};
use crate::client::EVENTS_MAX;
use crate::data_dir::DataDir;

/// Responses read ahead of the caller; the node keeps the rest.
const RESPONSES_MAX: usize = 64;
/// How long a node may take to say hello: it does nothing for it.
const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// How long a snapshot may take.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(5);

/// A client of a node that another process runs. Blocking calls with a bound; needs no runtime.
///
/// A stale socket, a node that ends and a node that was killed in mid-request are `not_running` at once.
/// Events besides outcomes of own commands come from the first call on that asks for events.
#[derive(Debug)]
pub struct RpcClient {
    /// [`Client::snapshot`] takes `&self` and must ask the node.
    line: RefCell<Line>,
    account: AccountId,
    command_last: u64,
    subscribed: bool,
}

impl RpcClient {
    /// Connects to the node of a data directory.
    ///
    /// # Errors
    /// `not_running`; `version` when the node speaks another version; `storage` when the socket may not be opened.
    pub fn connect(data_dir: &Path) -> Result<Self, CommandError> {
        Self::connect_told(data_dir, || ())
    }

    /// The same; `told` is called after each response and when the node has gone, on a thread of the client's own.
    ///
    /// # Errors
    /// As [`RpcClient::connect`].
    pub fn connect_told(
        data_dir: &Path,
        told: impl Fn() + Send + 'static,
    ) -> Result<Self, CommandError> {
        let stream = socket::find(&DataDir::new(data_dir), Listener::Node)
            .and_then(UnixStream::connect)
            .map_err(|error| unreachable_node(data_dir, &error))?;
        let mut line = Line::new(stream, data_dir, told)
            .map_err(|error| unreachable_node(data_dir, &error))?;
        let hello = line.ask(
            &Request::Hello {
                version: RPC_VERSION,
            },
            HELLO_LIMIT,
            |response| match response {
                Response::Hello { account, .. } => Picked::It(account),
                other => Picked::Other(Box::new(other)),
            },
        );
        Ok(Self {
            account: hello?,
            line: RefCell::new(line),
            command_last: 0,
            subscribed: false,
        })
    }

    /// The account that commands act for.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Hands `command` in and waits for its outcome; other events are kept for [`RpcClient::wait_event`].
    ///
    /// # Errors
    /// The command's own; `timeout` after `wait`; `not_running`.
    pub fn call(&mut self, command: Command, wait: Duration) -> Result<Reply, CommandError> {
        let id = self.next_id();
        let line = self.line.get_mut();
        // What the command changed is in the next snapshot, even if the node has not said so yet.
        line.stale = true;
        line.ask(
            &Request::Submit { id, command },
            wait,
            |response| match response {
                Response::Event(Event::Done { id: done, result }) if done == id => {
                    Picked::It(result)
                }
                other => Picked::Other(Box::new(other)),
            },
        )?
    }

    /// The node's state.
    ///
    /// # Errors
    /// `timeout` after `wait`; `not_running`.
    pub fn status(&mut self, wait: Duration) -> Result<StatusReport, CommandError> {
        self.line
            .get_mut()
            .ask(&Request::Status, wait, |response| match response {
                Response::Status(report) => Picked::It(report),
                other => Picked::Other(Box::new(other)),
            })
    }

    /// What only the running node can check.
    ///
    /// # Errors
    /// `timeout` after `wait`; `not_running`.
    pub fn doctor(&mut self, wait: Duration) -> Result<DoctorReport, CommandError> {
        self.line
            .get_mut()
            .ask(&Request::Doctor, wait, |response| match response {
                Response::Doctor(report) => Picked::It(report),
                other => Picked::Other(Box::new(other)),
            })
    }

    /// Asks for every event of the account from now on; done by the first call that waits for one, too.
    ///
    /// # Errors
    /// `not_running`.
    pub fn subscribe(&mut self) -> Result<(), CommandError> {
        if !self.subscribed {
            self.line.get_mut().ask(
                &Request::Subscribe,
                HELLO_LIMIT,
                |response| match response {
                    Response::Subscribed => Picked::It(()),
                    other => Picked::Other(Box::new(other)),
                },
            )?;
            self.subscribed = true;
        }
        Ok(())
    }

    /// Waits for the next event at most `wait`; `Ok(None)` when none came.
    ///
    /// # Errors
    /// `not_running` when the node has gone.
    pub fn wait_event(&mut self, wait: Duration) -> Result<Option<Event>, CommandError> {
        self.subscribe()?;
        self.line.get_mut().event(wait)
    }

    /// Waits at most `wait` until an event or another snapshot has come; `false` when none did.
    ///
    /// # Errors
    /// `not_running` when the node has gone.
    pub fn wait_changed(&mut self, wait: Duration) -> Result<bool, CommandError> {
        self.subscribe()?;
        self.line.get_mut().changed(wait)
    }

    fn next_id(&mut self) -> CommandId {
        self.command_last += 1;
        CommandId(self.command_last)
    }
}

impl Client for RpcClient {
    /// A node that has gone is told by [`Client::next_event`] as the outcome of the command.
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        let id = self.next_id();
        let line = self.line.get_mut();
        if let Err(error) = line.write(&Request::Submit { id, command }) {
            line.kept.push_back(Event::Done {
                id,
                result: Err(error),
            });
        }
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.wait_event(Duration::ZERO).ok().flatten()
    }

    /// Asks the node, which takes at most some seconds, unless it says of itself when there is another snapshot and
    /// has not. The last one when the node has gone.
    fn snapshot(&self) -> Arc<Snapshot> {
        let mut line = self.line.borrow_mut();
        line.read_ahead();
        if self.subscribed && !line.stale {
            return Arc::clone(&line.snapshot);
        }
        line.stale = false;
        let asked = line.ask(
            &Request::Snapshot,
            SNAPSHOT_LIMIT,
            |response| match response {
                Response::Snapshot(snapshot) => Picked::It(Arc::new(*snapshot)),
                other => Picked::Other(Box::new(other)),
            },
        );
        match asked {
            Ok(snapshot) => line.snapshot = snapshot,
            Err(_) => line.stale = true,
        }
        Arc::clone(&line.snapshot)
    }

    fn ended(&self) -> Option<CommandError> {
        let line = self.line.borrow();
        line.fault.clone().or_else(|| {
            line.reader_ended
                .load(Ordering::Acquire)
                .then(|| line.gone())
        })
    }
}

/// Whether a response is the one that was waited for.
enum Picked<T> {
    It(T),
    Other(Box<Response>),
}

/// The connection.
#[derive(Debug)]
struct Line {
    stream: UnixStream,
    responses: Receiver<Result<Response, CommandError>>,
    kept: VecDeque<Event>,
    data_dir: PathBuf,
    /// The last snapshot, and whether there may be another one: the node said so, or told of an event.
    snapshot: Arc<Snapshot>,
    stale: bool,
    /// What the node said before it ended the connection.
    fault: Option<CommandError>,
    reader_ended: Arc<AtomicBool>,
}

impl Line {
    fn new(
        stream: UnixStream,
        data_dir: &Path,
        told: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let read = stream.try_clone()?;
        let (tx, responses) = sync_channel(RESPONSES_MAX);
        let reader_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&reader_ended);
        std::thread::Builder::new()
            .name("rpc-client".to_owned())
            .spawn(move || {
                read_responses(read, &tx, &told);
                ended.store(true, Ordering::Release);
                told();
            })?;
        Ok(Self {
            stream,
            responses,
            kept: VecDeque::new(),
            data_dir: data_dir.to_owned(),
            snapshot: Arc::default(),
            stale: true,
            fault: None,
            reader_ended,
        })
    }

    fn write(&mut self, request: &Request) -> Result<(), CommandError> {
        let line = lines::to_line(request)
            .map_err(|error| CommandError::new(ErrorCode::Internal, error.to_string()))?;
        self.stream
            .write_all(&line)
            .map_err(|error| unreachable_node(&self.data_dir, &error))
    }

    /// Writes a request and waits for the response that `pick` takes; events meanwhile are kept.
    fn ask<T>(
        &mut self,
        request: &Request,
        wait: Duration,
        pick: impl Fn(Response) -> Picked<T>,
    ) -> Result<T, CommandError> {
        let until = Instant::now().checked_add(wait);
        self.write(request)?;
        loop {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            let Some(response) = self.receive(left)? else {
                return Err(CommandError::new(
                    ErrorCode::Timeout,
                    format!("no answer within {} s", wait.as_secs_f32()),
                ));
            };
            let other = match pick(response) {
                Picked::It(picked) => return Ok(picked),
                Picked::Other(other) => *other,
            };
            self.set_aside(other)?;
        }
    }

    /// Takes what nobody waits for now.
    fn set_aside(&mut self, response: Response) -> Result<(), CommandError> {
        match response {
            Response::Event(event) => {
                self.stale = true;
                if self.kept.len() < EVENTS_MAX {
                    self.kept.push_back(event);
                }
            }
            // What an event told of may be shown already.
            Response::Changed { version } => self.stale |= version > self.snapshot.version,
            Response::Error(error) => {
                self.fault = Some(error.clone());
                return Err(error);
            }
            // What came too late for an earlier question.
            _ => {}
        }
        Ok(())
    }

    /// Takes what is there already, without waiting. What ends the connection is told by the next call.
    fn read_ahead(&mut self) {
        while self.kept.len() < EVENTS_MAX
            && let Ok(Ok(response)) = self.responses.try_recv()
        {
            if self.set_aside(response).is_err() {
                return;
            }
        }
    }

    fn changed(&mut self, wait: Duration) -> Result<bool, CommandError> {
        let until = Instant::now().checked_add(wait);
        self.read_ahead();
        loop {
            if !self.kept.is_empty() || self.stale {
                return Ok(true);
            }
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match self.receive(left)? {
                Some(response) => self.set_aside(response)?,
                None => return Ok(false),
            }
        }
    }

    fn event(&mut self, wait: Duration) -> Result<Option<Event>, CommandError> {
        if let Some(event) = self.kept.pop_front() {
            return Ok(Some(event));
        }
        let until = Instant::now().checked_add(wait);
        loop {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match self.receive(left)? {
                Some(Response::Event(event)) => {
                    self.stale = true;
                    return Ok(Some(event));
                }
                Some(response) => self.set_aside(response)?,
                None => return Ok(None),
            }
        }
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<Response>, CommandError> {
        let received = match self.responses.try_recv() {
            Ok(received) => received,
            Err(TryRecvError::Empty) => match self.responses.recv_timeout(wait) {
                Ok(received) => received,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
            },
            Err(TryRecvError::Disconnected) => return Err(self.gone()),
        };
        received.map(Some)
    }

    fn gone(&self) -> CommandError {
        CommandError::new(
            ErrorCode::NotRunning,
            format!("the node of {} has ended", self.data_dir.display()),
        )
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Ends the reading thread too.
        if let Err(error) = self.stream.shutdown(std::net::Shutdown::Both) {
            tracing::trace!(%error, "the connection was gone already");
        }
    }
}

fn read_responses(
    stream: UnixStream,
    responses: &SyncSender<Result<Response, CommandError>>,
    told: &impl Fn(),
) {
    let mut read = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(RESPONSE_LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let whole = (&mut read).take(limit).read_until(b'\n', &mut line).is_ok()
            && line.pop() == Some(b'\n');
        if !whole {
            return;
        }
        let response = lines::parse(&line).map_err(|error| match error {
            LineError::Bad(error) => CommandError::new(
                ErrorCode::Version,
                format!("the node's answer is not understood: {}", error.message),
            ),
            LineError::Io(error) => CommandError::new(ErrorCode::Internal, error.to_string()),
        });
        if responses.send(response).is_err() {
            return;
        }
        told();
    }
}

fn unreachable_node(data_dir: &Path, error: &io::Error) -> CommandError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => CommandError::new(
            ErrorCode::Storage,
            format!(
                "the socket of the node in {} can not be opened: {error}",
                data_dir.display()
            ),
        ),
        _ => CommandError::new(
            ErrorCode::NotRunning,
            format!("no node runs on {}", data_dir.display()),
        ),
    }
}
