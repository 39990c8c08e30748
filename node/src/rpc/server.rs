//! The node's end of the socket.
//!
//! Each connection is a client of its own: one task reads requests, another answers and passes events on. A
//! connection that does not read is left to fill its own event queue and then misses events.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::limits::CHANGES_PER_SECOND;
use alloquy_api::rpc::{REQUEST_LINE_BYTES_MAX, RPC_VERSION, Request, Response};
use alloquy_api::{Client, CommandError, ErrorCode, Event};
use alloquy_core::Snapshots;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::lines::{self, LineError};
use super::socket::{self, Listener};
use crate::client::{Door, Message, NodeHandle, next_version};
use crate::data_dir::DataDir;
use crate::doctor;
use crate::error::RunError;
use crate::node::Facts;

/// Connections at once: windows, bots and scripts of one person.
const CONNECTIONS_MAX: usize = 128;
/// Requests of one connection that are read ahead.
const REQUESTS_MAX: usize = 16;
/// Between two lines that say that the snapshot is another one.
const CHANGE_PAUSE: Duration = Duration::from_millis(1000 / CHANGES_PER_SECOND as u64);
/// How long a client may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// The listening socket; closed and removed when dropped.
#[derive(Debug)]
pub(crate) struct RpcServer {
    path: PathBuf,
    task: AbortHandle,
}

impl RpcServer {
    /// Opens the socket of a directory whose lock is held.
    pub(crate) fn open(dir: &DataDir, door: Door, facts: Arc<Facts>) -> Result<Self, RunError> {
        let (listener, path) = socket::listen(dir, Listener::Node)
            .map_err(|(path, error)| RunError::Socket { path, error })?;
        let failed = |error| RunError::Socket {
            path: path.clone(),
            error,
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        let task = tokio::spawn(accept(listener, door, facts)).abort_handle();
        Ok(Self { path, task })
    }

    /// Takes no more connections and ends those that are open.
    pub(crate) fn close(&self) {
        self.task.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the socket's file was gone already");
        }
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(listener: UnixListener, door: Door, facts: Arc<Facts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, door.clone(), Arc::clone(&facts)));
                }
                Err(error) => {
                    // Out of file descriptors, say: others may be closed meanwhile.
                    tracing::warn!(%error, "the local socket can not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "a local connection ended");
                }
            }
        }
    }
}

async fn serve(stream: UnixStream, door: Door, facts: Arc<Facts>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let hello =
        tokio::time::timeout(HELLO_LIMIT, lines::read(&mut read, REQUEST_LINE_BYTES_MAX)).await?;
    match hello {
        Ok(Some(Request::Hello {
            version: RPC_VERSION,
        })) => {}
        Ok(Some(Request::Hello { version })) => {
            let message = format!(
                "the node speaks version {RPC_VERSION} of the local protocol, the client version {version}"
            );
            return refuse(&mut write, CommandError::new(ErrorCode::Version, message)).await;
        }
        Ok(Some(_)) => {
            return refuse(
                &mut write,
                CommandError::new(ErrorCode::Parse, "the first line must say hello"),
            )
            .await;
        }
        Ok(None) => return Ok(()),
        Err(LineError::Bad(error)) => return refuse(&mut write, error).await,
        Err(LineError::Io(error)) => return Err(error),
    }
    let hello = Response::Hello {
        version: RPC_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        account: facts.account(),
        pid: std::process::id(),
    };
    lines::write(&mut write, &hello).await?;
    let handle = door.handle();
    handle.subscribe(false);
    let (requests_tx, requests) = mpsc::channel(REQUESTS_MAX);
    let connection = Connection {
        write,
        handle,
        subscribed: false,
        snapshot: door.snapshot.clone(),
        told: Told {
            at: Instant::now(),
            version: 0,
        },
        door,
        facts,
    };
    // The reader ends with the connection: its channel is closed then.
    let mut tasks = JoinSet::new();
    tasks.spawn(read_requests(read, requests_tx));
    connection.answer(requests).await
}

async fn read_requests(
    mut read: BufReader<OwnedReadHalf>,
    requests: mpsc::Sender<Result<Request, CommandError>>,
) {
    loop {
        let request = match lines::read(&mut read, REQUEST_LINE_BYTES_MAX).await {
            Ok(Some(request)) => Ok(request),
            Err(LineError::Bad(error)) => Err(error),
            Ok(None) | Err(LineError::Io(_)) => return,
        };
        let last = request.is_err();
        if requests.send(request).await.is_err() || last {
            return;
        }
    }
}

async fn refuse(write: &mut OwnedWriteHalf, error: CommandError) -> io::Result<()> {
    lines::write(write, &Response::Error(error)).await
}

struct Connection {
    write: OwnedWriteHalf,
    handle: NodeHandle,
    subscribed: bool,
    snapshot: watch::Receiver<Arc<Snapshots>>,
    told: Told,
    door: Door,
    facts: Arc<Facts>,
}

/// When the client may be told of another snapshot, and of which it was told.
struct Told {
    at: Instant,
    version: u64,
}

impl Told {
    /// The version of the next snapshot, when it may be told; never when the node has ended. May be dropped without
    /// loss.
    async fn next(&self, snapshot: &mut watch::Receiver<Arc<Snapshots>>, client: u64) -> u64 {
        sleep_until(self.at + CHANGE_PAUSE).await;
        match next_version(snapshot, client, self.version).await {
            Some(version) => version,
            None => std::future::pending().await,
        }
    }
}

impl Connection {
    async fn answer(
        mut self,
        mut requests: mpsc::Receiver<Result<Request, CommandError>>,
    ) -> io::Result<()> {
        let client = self.handle.id();
        loop {
            let response = tokio::select! {
                request = requests.recv() => match request {
                    Some(Ok(request)) => self.request(request).await,
                    Some(Err(error)) => return refuse(&mut self.write, error).await,
                    None => return Ok(()),
                },
                event = self.handle.event() => match event {
                    Some(event) => Some(Response::Event(event)),
                    None => return Ok(()),
                },
                version = self.told.next(&mut self.snapshot, client), if self.subscribed => {
                    self.told = Told { at: Instant::now(), version };
                    Some(Response::Changed { version })
                }
            };
            if let Some(response) = response {
                lines::write(&mut self.write, &response).await?;
            }
        }
    }

    async fn request(&mut self, request: Request) -> Option<Response> {
        match request {
            Request::Hello { .. } => Some(Response::Error(CommandError::new(
                ErrorCode::Parse,
                "hello was said already",
            ))),
            Request::Submit { id, command } => {
                let busy = self.handle.submit_as(id, command).err()?;
                let error = CommandError::new(ErrorCode::Busy, busy.to_string());
                Some(Response::Event(Event::Done {
                    id,
                    result: Err(error),
                }))
            }
            Request::Subscribe => {
                self.handle.subscribe(true);
                self.told.version = self.handle.snapshot().version;
                self.subscribed = true;
                Some(Response::Subscribed)
            }
            Request::Status => Some(self.status().await),
            Request::Doctor => {
                let facts = Arc::clone(&self.facts);
                let snapshot = Arc::clone(&self.snapshot.borrow().common);
                let look = move || doctor::of_running(&facts, &snapshot);
                let report = tokio::task::spawn_blocking(look).await;
                Some(match report {
                    Ok(report) => Response::Doctor(report),
                    Err(error) => {
                        Response::Error(CommandError::new(ErrorCode::Internal, error.to_string()))
                    }
                })
            }
            Request::Snapshot => Some(Response::Snapshot(Box::new(
                self.handle.snapshot().as_ref().clone(),
            ))),
        }
    }

    async fn status(&self) -> Response {
        let (answer, report) = oneshot::channel();
        let asked = self.door.messages.send(Message::Status(answer)).await;
        match (asked, report.await) {
            (Ok(()), Ok(report)) => Response::Status(report),
            _ => Response::Error(crate::client::ended()),
        }
    }
}
