//! Devices of PulseAudio's sound server, or of PipeWire's stand-in for it, by its own protocol.
//!
//! Each stream has a connection of its own, and a thread that waits for nothing but its socket: a fragment of the
//! microphone is pushed into a ring as it comes, a request of the loudspeaker is answered out of one. The server
//! converts to 48 kHz, mono. Closing a stream closes its socket, which no server can hold up.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::{BufReader, Cursor, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    self, AuthParams, AuthReply, ChannelMap, Command, CommandReply, CreatePlaybackStreamReply,
    CreateRecordStreamReply, Descriptor, DescriptorFlags, PlaybackStreamParams, Prop, Props,
    ProtocolError, RecordStreamParams, SampleFormat, SampleSpec, ServerInfo, SetClientNameReply,
    SinkInfoList, SourceInfoList, TagStructReader,
};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::card::{FromRing, ToRing, Way};
use crate::limits::RATE;
use crate::priority;

/// How long the server may take to answer, and to take what is played.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Bytes of the secret by which servers know those who may use them. Without one it is zeros, and the account decides.
const COOKIE_BYTES: usize = 256;
/// A message of the server is never longer: it sends fragments of milliseconds, and lists of devices.
const MESSAGE_BYTES_MAX: u32 = 1 << 20;
/// The channel of what is no sound.
const COMMANDS: u32 = u32::MAX;
/// Bytes of a sample.
const SAMPLE: usize = size_of::<f32>();
/// Bytes of a millisecond.
const MILLISECOND: u32 = RATE / 1_000 * SAMPLE as u32;
/// What a microphone gives at once.
const FRAGMENT: u32 = 5 * MILLISECOND;
/// What a loudspeaker asks for at once.
const REQUEST: u32 = 5 * MILLISECOND;
/// What waits at the server in all; a part of it is the sound card's own.
const WAITING: u32 = 15 * MILLISECOND;

/// A server that answers.
pub(super) struct Server(Connection);

/// A device: what the server calls it, and what people do.
struct Named {
    name: CString,
    title: String,
    /// Of a loudspeaker's sound, not of a microphone.
    monitor: bool,
}

/// A stream. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Stream {
    socket: UnixStream,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The device's name, as people know it.
    pub(super) title: String,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // It may be closed already, by the other side.
        let _gone = self.socket.shutdown(Shutdown::Both).is_err();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread of a sound device ended badly");
        }
    }
}

impl Server {
    /// The server of this session; `None`: there is none that answers, or it is on another machine.
    pub(super) fn here() -> Option<Self> {
        let path = socket_path(|name| std::env::var(name).ok())?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let connection = Connection::open(&path, cookie.unwrap_or_default());
        let told = |error: &_| tracing::debug!(%error, ?path, "the sound server does not serve");
        connection.inspect_err(told).ok().map(Self)
    }

    /// The names of the devices of a direction as people know them; microphones without the monitors of loudspeakers.
    pub(super) fn titles(&mut self, way: Way) -> Result<Vec<String>, ProtocolError> {
        let devices = self.0.devices(way)?;
        let shown = devices.into_iter().filter(|device| !device.monitor);
        Ok(shown.map(|device| device.title).collect())
    }

    /// Records from a device, known by either of its names, or from the server's default one.
    pub(super) fn record(
        self,
        wanted: Option<&str>,
        mut ring: ToRing,
        faults: SyncSender<String>,
    ) -> Result<Stream, String> {
        let mut connection = self.0;
        let (name, title) = connection.find(Way::In, wanted)?;
        let opened: CreateRecordStreamReply = connection
            .ask(&Command::CreateRecordStream(RecordStreamParams {
                sample_spec: SOUND,
                channel_map: ChannelMap::mono(),
                source_name: name,
                buffer_attr: BufferAttr {
                    fragment_size: FRAGMENT,
                    ..BufferAttr::default()
                },
                flags: flags(),
                props: props(),
                ..RecordStreamParams::default()
            }))
            .map_err(told)?;
        let obey = move |message: Message<'_>, _: &mut Vec<u8>| match message {
            Message::Sound { channel, bytes } if channel == opened.channel => {
                let (samples, _) = bytes.as_chunks::<SAMPLE>();
                ring.push(samples.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                Ok(())
            }
            Message::Told(Command::RecordStreamKilled(_)) => Err(GONE.to_owned()),
            _ => Ok(()),
        };
        connection.run(title, faults, Vec::new(), obey)
    }

    /// Plays to a device, known by either of its names, or to the server's default one.
    pub(super) fn play(
        self,
        wanted: Option<&str>,
        mut ring: FromRing,
        faults: SyncSender<String>,
    ) -> Result<Stream, String> {
        let mut connection = self.0;
        let (name, title) = connection.find(Way::Out, wanted)?;
        let opened: CreatePlaybackStreamReply = connection
            .ask(&Command::CreatePlaybackStream(PlaybackStreamParams {
                sample_spec: SOUND,
                channel_map: ChannelMap::mono(),
                sink_name: name,
                buffer_attr: BufferAttr {
                    target_length: WAITING,
                    minimum_request_length: REQUEST,
                    // Who ran out goes on with what comes next, and does not wait until all of it is there again.
                    pre_buffering: 0,
                    ..BufferAttr::default()
                },
                flags: flags(),
                props: props(),
                ..PlaybackStreamParams::default()
            }))
            .map_err(told)?;
        let channel = opened.channel;
        let mut give = move |bytes: u32, out: &mut Vec<u8>| {
            let length = bytes.min(MESSAGE_BYTES_MAX) / SAMPLE as u32 * SAMPLE as u32;
            if length == 0 {
                return Ok(());
            }
            let head = Descriptor {
                length,
                channel,
                offset: 0,
                flags: DescriptorFlags::empty(),
            };
            protocol::write_descriptor(out, &head).map_err(told)?;
            ring.pop(length as usize / SAMPLE, |sample| {
                out.extend(sample.to_le_bytes());
            });
            Ok(())
        };
        let mut first = Vec::new();
        give(opened.requested_bytes, &mut first)?;
        let obey = move |message: Message<'_>, out: &mut Vec<u8>| match message {
            Message::Told(Command::Request(request)) if request.channel == channel => {
                give(request.length, out)
            }
            Message::Told(Command::PlaybackStreamKilled(_)) => Err(GONE.to_owned()),
            _ => Ok(()),
        };
        connection.run(title, faults, first, obey)
    }
}

/// Where the server of these variables listens; `None`: on another machine, or nowhere.
fn socket_path(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(server) = set("PULSE_SERVER") {
        // `{id of the machine}address`, and addresses that are tried in turn.
        let first = server.split_whitespace().next()?;
        let address = first.split_once('}').map_or(first, |(_, address)| address);
        let path = address.strip_prefix("unix:").unwrap_or(address);
        return path.starts_with('/').then(|| path.into());
    }
    let runtime = set("PULSE_RUNTIME_PATH").map(PathBuf::from);
    let runtime = runtime.or_else(|| Some(PathBuf::from(set("XDG_RUNTIME_DIR")?).join("pulse")));
    Some(runtime?.join("native"))
}

const SOUND: SampleSpec = SampleSpec {
    format: SampleFormat::Float32Le,
    channels: 1,
    sample_rate: RATE,
};
const GONE: &str = "the sound server has closed it";

fn flags() -> StreamFlags {
    StreamFlags {
        adjust_latency: true,
        ..StreamFlags::default()
    }
}

fn props() -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, c"Voice");
    props
}

fn told(error: impl ToString) -> String {
    error.to_string()
}

/// What the server says of its own accord.
enum Message<'a> {
    Sound { channel: u32, bytes: &'a [u8] },
    Told(&'a Command),
}

/// A socket that waits for nothing longer than [`ANSWER_WITHIN`]: neither to be taken by a server that stands still.
fn connected(path: &Path) -> std::io::Result<UnixStream> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    for timeout in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, timeout, Some(ANSWER_WITHIN))?;
    }
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// A connection on which answers come in turn.
struct Connection {
    socket: BufReader<UnixStream>,
    version: u16,
    asked: u32,
    /// The last message of the server, without its head.
    message: Vec<u8>,
}

impl Connection {
    fn open(path: &Path, mut cookie: Vec<u8>) -> Result<Self, ProtocolError> {
        let mut connection = Self {
            socket: BufReader::new(connected(path)?),
            version: protocol::MAX_VERSION,
            asked: 0,
            message: Vec::new(),
        };
        cookie.resize(COOKIE_BYTES, 0);
        let auth: AuthReply = connection.ask(&Command::Auth(AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie,
        }))?;
        connection.version = auth.version.min(protocol::MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Alloquy");
        let _: SetClientNameReply = connection.ask(&Command::SetClientName(props))?;
        Ok(connection)
    }

    /// Reads the server's next message; its channel, [`u32::MAX`] where it is a command.
    fn read(&mut self) -> Result<u32, ProtocolError> {
        let head = protocol::read_descriptor(&mut self.socket)?;
        if head.length > MESSAGE_BYTES_MAX {
            let length = head.length;
            return Err(ProtocolError::Invalid(format!(
                "{length} bytes at once, {MESSAGE_BYTES_MAX} are the most"
            )));
        }
        self.message.resize(head.length as usize, 0);
        self.socket.read_exact(&mut self.message)?;
        Ok(head.channel)
    }

    /// Asks, and waits for the answer. What the server says of its own accord before it is for nobody.
    fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, ProtocolError> {
        let number = self.asked;
        self.asked += 1;
        protocol::write_command_message(self.socket.get_mut(), number, command, self.version)?;
        loop {
            if self.read()? != COMMANDS {
                continue;
            }
            let mut message = Cursor::new(&self.message);
            match Command::read_tag_prefixed(&mut message, self.version) {
                Ok((answered, Command::Reply)) if answered == number => {
                    return TagStructReader::new(&mut message, self.version).read();
                }
                Ok((answered, Command::Error(error))) if answered == number => {
                    return Err(ProtocolError::ServerError(error));
                }
                // Events, also of later versions.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn devices(&mut self, way: Way) -> Result<Vec<Named>, ProtocolError> {
        let named = |name: CString, title: Option<CString>, monitor| Named {
            title: title.as_ref().unwrap_or(&name).to_string_lossy().into(),
            monitor,
            name,
        };
        match way {
            Way::In => {
                let sources: SourceInfoList = self.ask(&Command::GetSourceInfoList)?;
                let named = sources.into_iter().map(|source| {
                    let monitor = source.monitor_of_sink_index.is_some();
                    named(source.name, source.description, monitor)
                });
                Ok(named.collect())
            }
            Way::Out => {
                let sinks: SinkInfoList = self.ask(&Command::GetSinkInfoList)?;
                let sinks = sinks.into_iter();
                Ok(sinks
                    .map(|sink| named(sink.name, sink.description, false))
                    .collect())
            }
        }
    }

    /// The device that is wanted, by either of its names: what the server calls it, and what people do. Without a wish
    /// the server is not told which, so that the stream follows when another one becomes the default.
    fn find(
        &mut self,
        way: Way,
        wanted: Option<&str>,
    ) -> Result<(Option<CString>, String), String> {
        // A device that the protocol's library can not read takes the whole list with it.
        let devices = self.devices(way).unwrap_or_else(|error| {
            tracing::debug!(%error, "the sound server's devices can not be read");
            Vec::new()
        });
        let Some(wanted) = wanted else {
            let server: ServerInfo = self.ask(&Command::GetServerInfo).map_err(told)?;
            let default = match way {
                Way::In => server.default_source_name,
                Way::Out => server.default_sink_name,
            };
            let default = default.ok_or_else(|| "the sound server has no device".to_owned())?;
            let found = devices.into_iter().find(|device| device.name == default);
            if found.as_ref().is_some_and(|device| device.monitor) {
                return Err("there is no microphone".to_owned());
            }
            let title = found.map(|device| device.title);
            return Ok((
                None,
                title.unwrap_or_else(|| default.to_string_lossy().into()),
            ));
        };
        let is =
            |device: &Named| device.title == wanted || device.name.as_bytes() == wanted.as_bytes();
        let found = devices.into_iter().find(is);
        found
            .map(|device| (Some(device.name), device.title))
            .ok_or_else(|| "there is no such device".to_owned())
    }

    /// Writes what is to be written first; then, on a thread of its own, hands over what comes and writes what is
    /// answered, until either side closes.
    fn run(
        mut self,
        title: String,
        faults: SyncSender<String>,
        first: Vec<u8>,
        mut obey: impl FnMut(Message<'_>, &mut Vec<u8>) -> Result<(), String> + Send + 'static,
    ) -> Result<Stream, String> {
        let socket = self.socket.get_ref().try_clone().map_err(told)?;
        socket.set_read_timeout(None).map_err(told)?;
        let closing = Arc::new(AtomicBool::new(false));
        let closes = Arc::clone(&closing);
        let thread = std::thread::Builder::new()
            .name("audio-pulse".to_owned())
            .spawn(move || {
                priority::raise();
                let Err(error) = self.serve(first, &mut obey);
                if !closes.load(Ordering::Relaxed) {
                    // Full: the first fault is enough.
                    let _full = faults.try_send(error).is_err();
                }
            })
            .map_err(told)?;
        Ok(Stream {
            socket,
            closing,
            thread: Some(thread),
            title,
        })
    }

    /// Ends with the connection.
    fn serve(
        &mut self,
        mut out: Vec<u8>,
        obey: &mut impl FnMut(Message<'_>, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<Infallible, String> {
        loop {
            self.socket.get_ref().write_all(&out).map_err(told)?;
            out.clear();
            let channel = self.read().map_err(told)?;
            let bytes = &self.message;
            if channel == COMMANDS {
                let told = Command::read_tag_prefixed(&mut Cursor::new(bytes), self.version);
                // Else an event of a later version.
                if let Ok((_, command)) = told {
                    obey(Message::Told(&command), &mut out)?;
                }
            } else {
                obey(Message::Sound { channel, bytes }, &mut out)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::sync_channel;

    use pulseaudio::protocol::{PulseError, SinkInfo};

    use super::*;
    use crate::device::card::loudspeaker;

    /// A server for one connection.
    fn served<T: Send + 'static>(
        serve: impl FnOnce(BufReader<UnixStream>) -> T + Send + 'static,
    ) -> (tempfile::TempDir, PathBuf, JoinHandle<T>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("native");
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            serve(BufReader::new(socket))
        });
        (folder, path, thread)
    }

    const VERSION: u16 = protocol::MAX_VERSION;

    fn asked(socket: &mut BufReader<UnixStream>) -> (u32, Command) {
        protocol::read_command_message(socket, VERSION).unwrap()
    }

    /// Answers the two commands that every connection begins with.
    fn greeted(socket: &mut BufReader<UnixStream>) {
        let auth = AuthReply {
            version: VERSION,
            use_memfd: false,
            use_shm: false,
        };
        let (number, Command::Auth(shown)) = asked(socket) else {
            panic!("another command");
        };
        assert_eq!(shown.cookie.len(), 256, "servers take no other length");
        protocol::write_reply_message(socket.get_mut(), number, &auth, VERSION).unwrap();
        let (number, _) = asked(socket);
        let name = SetClientNameReply { client_id: 1 };
        protocol::write_reply_message(socket.get_mut(), number, &name, VERSION).unwrap();
    }

    fn head(length: u32, channel: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let head = Descriptor {
            length,
            channel,
            offset: 0,
            flags: DescriptorFlags::empty(),
        };
        protocol::write_descriptor(&mut bytes, &head).unwrap();
        bytes
    }

    #[test]
    fn what_a_sound_server_answers_wrong_is_told() {
        type Serve = fn(BufReader<UnixStream>);
        let cases: [(Serve, &str); 4] = [
            (
                |mut socket| {
                    asked(&mut socket);
                    let (refused, socket) = (PulseError::AccessDenied, socket.get_mut());
                    protocol::write_error(socket, 0, &refused).unwrap();
                },
                "AccessDenied",
            ),
            (
                |mut socket| {
                    asked(&mut socket);
                    let long = head(MESSAGE_BYTES_MAX + 1, COMMANDS);
                    socket.get_mut().write_all(&long).unwrap();
                },
                "1048577 bytes at once, 1048576 are the most",
            ),
            (
                |mut socket| {
                    greeted(&mut socket);
                    asked(&mut socket);
                    let mut message = head(14, COMMANDS);
                    // A reply to the third command, whose list of devices is none.
                    message.extend(b"L\0\0\0\x02L\0\0\0\x02\xff\xff\xff\xff");
                    socket.get_mut().write_all(&message).unwrap();
                },
                "invalid",
            ),
            (drop, "IO error"),
        ];
        for (serve, expected) in cases {
            let (_folder, path, thread) = served(serve);
            let opened = Connection::open(&path, Vec::new());
            let titles = opened.and_then(|connection| Server(connection).titles(Way::Out));
            let told = titles.unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_server_that_asks_for_nonsense_gets_silence_and_its_end_is_told() {
        let (_folder, path, thread) = served(|mut socket| {
            greeted(&mut socket);
            let (number, _) = asked(&mut socket);
            let sink = SinkInfo {
                name: c"card".to_owned(),
                description: Some(c"A card".to_owned()),
                sample_spec: SOUND,
                channel_map: ChannelMap::mono(),
                ..SinkInfo::new_dummy(1)
            };
            let sinks: SinkInfoList = vec![sink];
            protocol::write_reply_message(socket.get_mut(), number, &sinks, VERSION).unwrap();
            let (number, Command::CreatePlaybackStream(wanted)) = asked(&mut socket) else {
                panic!("another command");
            };
            assert_eq!(wanted.sink_name.as_deref(), Some(c"card"));
            let opened = CreatePlaybackStreamReply {
                channel: 7,
                requested_bytes: 10,
                sample_spec: SOUND,
                ..CreatePlaybackStreamReply::default()
            };
            protocol::write_reply_message(socket.get_mut(), number, &opened, VERSION).unwrap();
            // Sound that nobody wanted, an event of no known kind, and a request for four gigabytes.
            let mut bytes = head(7, 9);
            bytes.extend([1; 7]);
            bytes.extend(head(5, COMMANDS));
            bytes.extend(b"L\0\0\xff\xff");
            socket.get_mut().write_all(&bytes).unwrap();
            let length = u32::MAX;
            let request = Command::Request(protocol::Request { channel: 7, length });
            protocol::write_command_message(socket.get_mut(), COMMANDS, &request, VERSION).unwrap();
            [(); 2].map(|()| {
                let given = protocol::read_descriptor(&mut socket).unwrap();
                let mut sound = vec![1; given.length as usize];
                socket.read_exact(&mut sound).unwrap();
                assert!(sound.iter().all(|byte| *byte == 0));
                (given.channel, given.length)
            })
        });
        let (ring, _sink) = loudspeaker(RATE).unwrap();
        let (faults, told) = sync_channel(1);
        let server = Server(Connection::open(&path, Vec::new()).unwrap());
        let stream = server.play(Some("A card"), ring, faults).unwrap();
        assert_eq!(stream.title, "A card");
        let given = thread.join().unwrap();
        assert_eq!(given, [(7, 8), (7, MESSAGE_BYTES_MAX)]);
        let fault = told.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(fault.contains("IO error"), "{fault}");
    }

    #[test]
    fn the_server_is_found_by_its_variables_and_not_taken_for_one_elsewhere() {
        let found = |set: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = set.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let path = socket_path(value);
            path.map(|path| path.display().to_string())
                .unwrap_or_default()
        };
        let session = ("XDG_RUNTIME_DIR", "/run/user/1000");
        assert_eq!(found(&[]), "");
        assert_eq!(found(&[session]), "/run/user/1000/pulse/native");
        assert_eq!(found(&[session, ("PULSE_RUNTIME_PATH", "/p")]), "/p/native");
        assert_eq!(
            found(&[session, ("PULSE_SERVER", "")]),
            "/run/user/1000/pulse/native"
        );
        for (server, path) in [
            ("unix:/tmp/native", "/tmp/native"),
            ("/tmp/native", "/tmp/native"),
            ("{0123abcd}unix:/tmp/native tcp:desk:4713", "/tmp/native"),
            ("tcp:desk:4713", ""),
            ("desk", ""),
            ("unix:relative", ""),
        ] {
            assert_eq!(
                found(&[session, ("PULSE_SERVER", server)]),
                path,
                "{server}"
            );
        }
    }

    #[test]
    fn a_server_that_stands_still_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("native");
        let _deaf = UnixListener::bind(&path).unwrap();
        let error = Connection::open(&path, Vec::new()).err().unwrap();
        assert!(error.to_string().contains("IO error"), "{error}");
    }

    #[test]
    fn a_device_that_is_not_there_is_told_by_a_server_that_has_others() {
        let (_folder, path, thread) = served(|mut socket| {
            greeted(&mut socket);
            let (number, _) = asked(&mut socket);
            let none: SinkInfoList = Vec::new();
            protocol::write_reply_message(socket.get_mut(), number, &none, VERSION).unwrap();
        });
        let (ring, _sink) = loudspeaker(RATE).unwrap();
        let (faults, _told) = sync_channel(1);
        let server = Server(Connection::open(&path, Vec::new()).unwrap());
        let told = server.play(Some("card"), ring, faults).unwrap_err();
        assert_eq!(told, "there is no such device");
        thread.join().unwrap();
    }
}
