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
use std::path::PathBuf;
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

use super::card::{FromRing, ToRing, Way};
use crate::limits::RATE;
use crate::priority;

/// How long the server may take to answer, and to take what is played.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
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

/// Where the server is, and what it knows us by.
#[derive(Debug)]
pub(super) struct Server {
    path: PathBuf,
    cookie: Vec<u8>,
}

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
    /// The server of this session; `None`: there is none, or it is on another machine.
    pub(super) fn here() -> Option<Self> {
        let path = pulseaudio::socket_path_from_env()?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let cookie = cookie.unwrap_or_default();
        Some(Self { path, cookie })
    }

    /// The names of the devices of a direction as people know them; microphones without the monitors of loudspeakers.
    pub(super) fn titles(&self, way: Way) -> Result<Vec<String>, ProtocolError> {
        let devices = self.connect()?.devices(way)?;
        let shown = devices.into_iter().filter(|device| !device.monitor);
        Ok(shown.map(|device| device.title).collect())
    }

    /// Records from a device, known by either of its names, or from the server's default one.
    pub(super) fn record(
        &self,
        wanted: Option<&str>,
        mut ring: ToRing,
        faults: SyncSender<String>,
    ) -> Result<Stream, String> {
        let mut connection = self.connect().map_err(told)?;
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
        &self,
        wanted: Option<&str>,
        mut ring: FromRing,
        faults: SyncSender<String>,
    ) -> Result<Stream, String> {
        let mut connection = self.connect().map_err(told)?;
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

    fn connect(&self) -> Result<Connection, ProtocolError> {
        let socket = UnixStream::connect(&self.path)?;
        socket.set_read_timeout(Some(ANSWER_WITHIN))?;
        socket.set_write_timeout(Some(ANSWER_WITHIN))?;
        let mut connection = Connection {
            socket: BufReader::new(socket),
            version: protocol::MAX_VERSION,
            asked: 0,
            message: Vec::new(),
        };
        let auth: AuthReply = connection.ask(&Command::Auth(AuthParams {
            version: protocol::MAX_VERSION,
            supports_shm: false,
            supports_memfd: false,
            cookie: self.cookie.clone(),
        }))?;
        connection.version = auth.version.min(protocol::MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Alloquy");
        let _: SetClientNameReply = connection.ask(&Command::SetClientName(props))?;
        Ok(connection)
    }
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
    Told(Command),
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
        let devices = self.devices(way).map_err(told)?;
        let Some(wanted) = wanted else {
            let server: ServerInfo = self.ask(&Command::GetServerInfo).map_err(told)?;
            let default = match way {
                Way::In => server.default_source_name,
                Way::Out => server.default_sink_name,
            };
            let default = default.ok_or_else(|| "the sound server has no device".to_owned())?;
            let found = devices.into_iter().find(|device| device.name == default);
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
            let message = if channel == COMMANDS {
                match Command::read_tag_prefixed(&mut Cursor::new(&self.message), self.version) {
                    Ok((_, command)) => Message::Told(command),
                    // An event of a later version.
                    Err(_) => continue,
                }
            } else {
                let bytes = &self.message;
                Message::Sound { channel, bytes }
            };
            obey(message, &mut out)?;
        }
    }
}
