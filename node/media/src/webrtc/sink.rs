//! Where events go: to the engine, which takes them on its own clock and is never waited for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use alloquy_api::voice::MediaLink;

use super::limits::BACKLOG_MAX;
use crate::transport::{Feedback, TransportEvent, VoicePacket};

/// What a transport has dropped and why; each grows only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Packets of others that the engine had no room for.
    pub packets_in: u64,
    /// Packets of others that are neither Opus nor RED, or too long.
    pub malformed: u64,
    /// Own packets that a link had no room for.
    pub packets_out: u64,
    /// Signals and states that neither the engine nor the backlog had room for.
    pub events: u64,
    /// Tasks of the engine that the transport had no room for.
    pub tasks: u64,
}

/// The engine's end of the transport.
#[derive(Debug)]
pub(crate) struct Sink {
    events: SyncSender<TransportEvent>,
    backlog: Mutex<VecDeque<TransportEvent>>,
    packets_in: AtomicU64,
    malformed: AtomicU64,
    packets_out: AtomicU64,
    lost_events: AtomicU64,
    lost_tasks: AtomicU64,
}

impl Sink {
    pub(crate) fn new(events: SyncSender<TransportEvent>) -> Self {
        Self {
            events,
            backlog: Mutex::default(),
            packets_in: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            packets_out: AtomicU64::new(0),
            lost_events: AtomicU64::new(0),
            lost_tasks: AtomicU64::new(0),
        }
    }

    /// Gives a packet to the engine, or counts it: late sound is of no use.
    pub(crate) fn packet(&self, link: MediaLink, packet: VoicePacket, arrival: Instant) {
        if self
            .events
            .try_send(TransportEvent::Packet(link, packet, arrival))
            .is_err()
        {
            count(&self.packets_in);
        }
    }

    /// Gives a report to the engine, or drops it: the next one says more.
    pub(crate) fn feedback(&self, link: MediaLink, feedback: Feedback) {
        let event = TransportEvent::Feedback(link, feedback);
        if self.events.try_send(event).is_err() {
            tracing::trace!("the engine has no room for a report");
        }
    }

    /// Gives the engine something that must not be lost; keeps it while there is no room.
    pub(crate) fn control(&self, event: TransportEvent) {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if backlog.len() == BACKLOG_MAX {
            count(&self.lost_events);
            let lost = self.lost_events.load(Ordering::Relaxed);
            // At 1, 2, 4, 8 and so on, since a flood of events is no reason for a flood of lines.
            if lost.is_power_of_two() {
                tracing::error!(lost, "the engine takes no events; some are lost");
            }
            return;
        }
        backlog.push_back(event);
        self.send_from(&mut backlog);
    }

    /// Tries again what there was no room for.
    pub(crate) fn flush(&self) {
        self.send_from(&mut self.backlog.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether there is something to try again.
    pub(crate) fn is_behind(&self) -> bool {
        !self
            .backlog
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    pub(crate) fn malformed(&self) {
        count(&self.malformed);
    }

    pub(crate) fn dropped_outgoing(&self) {
        count(&self.packets_out);
    }

    pub(crate) fn dropped_task(&self) {
        count(&self.lost_tasks);
    }

    pub(crate) fn drops(&self) -> Drops {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Drops {
            packets_in: read(&self.packets_in),
            malformed: read(&self.malformed),
            packets_out: read(&self.packets_out),
            events: read(&self.lost_events),
            tasks: read(&self.lost_tasks),
        }
    }

    fn send_from(&self, backlog: &mut VecDeque<TransportEvent>) {
        while let Some(event) = backlog.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => return backlog.push_front(event),
                // The engine has ended; nobody is left to be told.
                Err(TrySendError::Disconnected(_)) => return backlog.clear(),
            }
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use alloquy_api::voice::LinkView;
    use alloquy_ids::DeviceId;

    use super::*;

    #[test]
    fn packets_are_counted_and_states_are_kept() {
        let (events, engine) = std::sync::mpsc::sync_channel(1);
        let sink = Sink::new(events);
        let link = MediaLink {
            device: DeviceId([1; 32]),
            attempt: 1,
        };
        let report = Feedback {
            round_trip_ms: None,
            lost: 0.1,
        };
        let state = |text: &str| {
            let view = LinkView {
                reason: Some(text.to_owned()),
                ..LinkView::default()
            };
            TransportEvent::Link(link, view)
        };
        sink.control(state("first"));
        sink.control(state("second"));
        sink.feedback(link, report);
        let payload = bytes::Bytes::new();
        let packet = VoicePacket {
            sequence: 1,
            timestamp: 0,
            marker: false,
            red: false,
            payload,
        };
        sink.packet(link, packet, Instant::now());
        assert_eq!(
            sink.drops(),
            Drops {
                packets_in: 1,
                ..Drops::default()
            }
        );
        assert_eq!(engine.recv(), Ok(state("first")));
        sink.flush();
        assert_eq!(engine.recv(), Ok(state("second")));
        sink.feedback(link, report);
        assert_eq!(engine.recv(), Ok(TransportEvent::Feedback(link, report)));
        sink.flush();
        assert!(
            engine.try_recv().is_err(),
            "a dropped report came after all"
        );
    }
}
