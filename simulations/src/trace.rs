//! The record of a run: a hash over everything that went in and came out, and lines for a reader.

use alloquy_api::Event;
use alloquy_core::{Input, Output, Write};
use bytes::Bytes;

/// Where the lines of a replay go.
pub type Sink = Box<dyn FnMut(String)>;

/// Hash and, if wanted, lines.
#[derive(Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    sink: Option<Sink>,
    entries: u64,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl Trace {
    /// A trace that also writes lines.
    #[must_use]
    pub fn with_sink(sink: Sink) -> Self {
        Self {
            sink: Some(sink),
            ..Self::default()
        }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// Inputs and outputs so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Something that the simulation itself does.
    pub fn note(&mut self, at: u64, text: &str) {
        self.absorb(at, usize::MAX, 0, &[text.as_bytes()]);
        self.line(at, "--", || text.to_owned());
    }

    /// A node was given an input.
    pub fn input(&mut self, at: u64, seat: usize, name: &str, input: &Input) {
        let debug = match input {
            Input::Frame(..) | Input::Gossip(..) => String::new(),
            other => format!("{other:?}"),
        };
        match input {
            Input::Frame(key, bytes) => self.absorb(at, seat, 1, &[&key.0, bytes]),
            Input::Gossip(id, topic, key, bytes) => {
                self.absorb(at, seat, 2, &[&id.0.to_le_bytes(), &topic.0, &key.0, bytes]);
            }
            _ => self.absorb(at, seat, 3, &[debug.as_bytes()]),
        }
        self.line(at, name, || format!("<- {}", input_text(input, &debug)));
    }

    /// A node gave an output.
    pub fn output(&mut self, at: u64, seat: usize, name: &str, output: &Output) {
        let debug = match output {
            Output::Send(..) | Output::Publish(..) | Output::Store(..) => String::new(),
            other => format!("{other:?}"),
        };
        match output {
            Output::Send(key, bytes) => self.absorb(at, seat, 4, &[&key.0, bytes]),
            Output::Publish(topic, bytes) => self.absorb(at, seat, 5, &[&topic.0, bytes]),
            Output::Store(task, writes) => {
                self.absorb(at, seat, 6, &[&task.0.to_le_bytes()]);
                for write in writes {
                    match write {
                        Write::Put(key, value) => self.absorb(at, seat, 7, &[key, value]),
                        Write::Delete(key) => self.absorb(at, seat, 8, &[key]),
                    }
                }
            }
            _ => self.absorb(at, seat, 9, &[debug.as_bytes()]),
        }
        self.line(at, name, || format!("-> {}", output_text(output, &debug)));
    }

    fn absorb(&mut self, at: u64, seat: usize, tag: u8, parts: &[&[u8]]) {
        self.entries += 1;
        self.hasher.update(&at.to_le_bytes());
        self.hasher.update(&(seat as u64).to_le_bytes());
        self.hasher.update(&[tag]);
        for part in parts {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }

    fn line(&mut self, at: u64, name: &str, text: impl FnOnce() -> String) {
        if let Some(sink) = &mut self.sink {
            sink(format!("{:>9.3} {name:<5} {}", Seconds(at), text()));
        }
    }
}

/// Milliseconds, shown as seconds.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        write!(f, "{text:>width$}", width = f.width().unwrap_or(0))
    }
}

fn frame_text(bytes: &Bytes) -> String {
    let hash = blake3::hash(bytes);
    let first: String = bytes
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} B, {} {first}..", bytes.len(), &hash.to_hex()[..8])
}

fn input_text(input: &Input, debug: &str) -> String {
    match input {
        Input::Frame(key, bytes) => format!("frame {} {}", key.short(), frame_text(bytes)),
        Input::Gossip(id, _, key, bytes) => {
            format!("gossip {} {} {}", id.0, key.short(), frame_text(bytes))
        }
        Input::Command(origin, command) => {
            format!("command {}.{} {command:?}", origin.client, origin.command.0)
        }
        _ => debug.to_owned(),
    }
}

fn output_text(output: &Output, debug: &str) -> String {
    match output {
        Output::Send(key, bytes) => format!("send {} {}", key.short(), frame_text(bytes)),
        Output::Publish(_, bytes) => format!("publish {}", frame_text(bytes)),
        Output::Store(task, writes) => {
            let bytes: usize = writes.iter().map(write_bytes).sum();
            format!("store {}: {} writes, {bytes} B", task.0, writes.len())
        }
        Output::Event(_, Event::Done { id, result }) => format!("done {} {result:?}", id.0),
        _ => debug.to_owned(),
    }
}

fn write_bytes(write: &Write) -> usize {
    match write {
        Write::Put(key, value) => key.len() + value.len(),
        Write::Delete(key) => key.len(),
    }
}
