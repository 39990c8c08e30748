//! Streams of frames on connections that we choose: the behaviour below `frames`.
//!
//! A peer may be connected more than once, through a relay and directly. Whoever opens a stream says on which
//! connection, and whoever gets one is told where it came from.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandlerInEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use tokio::sync::oneshot;

use super::frames::PROTOCOL;

/// A stream, or why there is none.
pub(super) type Opened = io::Result<Stream>;

/// Asks one connection for a stream.
#[derive(Debug)]
pub(super) struct Open(oneshot::Sender<Opened>);

/// A stream that a peer opened.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) stream: Stream,
}

/// The behaviour.
#[derive(Debug, Default)]
pub(super) struct Behaviour {
    events: VecDeque<ToSwarm<Incoming, Open>>,
}

impl Behaviour {
    /// Opens a stream on a connection; what is received is an error if the connection goes first.
    pub(super) fn open(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
    ) -> oneshot::Receiver<Opened> {
        let (sender, receiver) = oneshot::channel();
        self.events.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event: Open(sender),
        });
        receiver
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Incoming;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        stream: Stream,
    ) {
        let incoming = Incoming {
            peer,
            connection,
            stream,
        };
        self.events.push_back(ToSwarm::GenerateEvent(incoming));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Events come from the task that polls the swarm, or from handlers, which wake it.
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// One connection's part.
#[derive(Debug, Default)]
pub(super) struct Handler {
    wanted: VecDeque<oneshot::Sender<Opened>>,
    arrived: VecDeque<Stream>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Stream;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Opened>;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, ()> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, Open(sender): Open) {
        self.wanted.push_back(sender);
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Stream>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        if let Some(sender) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), sender);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            (),
            Self::OutboundOpenInfo,
        >,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: stream,
                ..
            }) => self.arrived.push_back(stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: sender,
            }) => give(sender, Ok(stream)),
            ConnectionEvent::DialUpgradeError(DialUpgradeError {
                info: sender,
                error,
            }) => give(sender, Err(reason(error))),
            _ => {}
        }
    }
}

fn give(to: oneshot::Sender<Opened>, opened: Opened) {
    if to.send(opened).is_err() {
        tracing::trace!("a stream came after its session had ended");
    }
}

fn reason(error: StreamUpgradeError<Infallible>) -> io::Error {
    match error {
        StreamUpgradeError::Timeout => io::ErrorKind::TimedOut.into(),
        StreamUpgradeError::Apply(never) => match never {},
        StreamUpgradeError::NegotiationFailed => io::Error::new(
            io::ErrorKind::Unsupported,
            "the peer does not speak our protocol",
        ),
        StreamUpgradeError::Io(error) => error,
    }
}
