//! One link: negotiation with the other device, and how far it is.
//!
//! Negotiation is "perfect negotiation" (WebRTC 1.0, 10.7): the side that offers first is impolite and passes over
//! offers that cross its own; the other one is polite and takes its own back. Candidates trickle (RFC 8838).

use std::sync::Arc;
use std::time::Duration;

use alloquy_api::voice::{IceServer, LinkStage, LinkView, MediaLink, MediaSignal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use webrtc::error::Error;
use webrtc::peer_connection::{
    RTCIceCandidateInit, RTCIceConnectionState, RTCPeerConnectionState, RTCSessionDescription,
};

use super::connection::{Connection, ConnectionEvent, Parts};
use super::limits::{
    CANDIDATES_MAX, LINK_EVENTS_MAX, OPEN_WITHIN, RENEW_PAUSE, RESTART_PAUSE, SECURE_WITHIN,
};
use super::outgoing::Outgoing;
use super::sdp::{Description, PayloadTypes, SdpError, check_candidate, first_mid, ice_ufrag};
use super::servers::Servers;
use super::sink::Sink;
use super::tap::Formats;
use crate::transport::TransportEvent;

/// How often a link looks whether its path has changed and whether it is late.
const LOOK: Duration = Duration::from_secs(1);

/// What a link is asked to do. When nobody can ask any more, it closes.
#[derive(Debug)]
pub(crate) enum LinkTask {
    /// A step of the other side.
    Signal(MediaSignal),
    /// Other servers; candidates are renewed.
    Ice(Vec<IceServer>),
}

/// Runs a link until `tasks` ends.
pub(crate) async fn run(
    parts: Parts,
    offers: bool,
    ice: Vec<IceServer>,
    (ssrc, outgoing): (u32, Arc<Outgoing>),
    mut tasks: mpsc::Receiver<LinkTask>,
) {
    let (told, mut events) = mpsc::channel(LINK_EVENTS_MAX);
    let (id, sink) = (parts.link, Arc::clone(&parts.sink));
    let (servers, formats) = (Arc::clone(&parts.servers), Arc::clone(&parts.formats));
    let connection = match Connection::open(parts, &ice, ssrc, &outgoing, told).await {
        Ok(connection) => connection,
        Err(error) => return sink.control(cannot_open(id, &error)),
    };
    let mut link = Link::new(
        id,
        !offers,
        connection,
        Local {
            servers,
            formats,
            outgoing,
            sink,
        },
    );
    link.begin().await;
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            task = tasks.recv() => match task {
                Some(task) => link.task(task).await,
                None => break,
            },
            Some(event) = events.recv() => link.event(event).await,
            _ = look.tick() => link.look().await,
        }
    }
    link.close().await;
}

fn cannot_open(id: MediaLink, error: &Error) -> TransportEvent {
    let reason = Some(format!(
        "no connection can be opened on this machine: {error}"
    ));
    TransportEvent::Link(
        id,
        LinkView {
            stage: LinkStage::Failed,
            reason,
            path: None,
        },
    )
}

/// What a link shares with its connection and with the transport.
struct Local {
    servers: Arc<Servers>,
    formats: Arc<Formats>,
    outgoing: Arc<Outgoing>,
    sink: Arc<Sink>,
}

struct Link {
    id: MediaLink,
    polite: bool,
    connection: Connection,
    local: Local,
    view: LinkView,
    /// An own offer is out.
    offered: bool,
    /// An offer of the other side was passed over; its candidates are as well.
    passed_over: bool,
    /// Candidates are to be renewed as soon as no negotiation is under way.
    restart: bool,
    restarted: Option<Instant>,
    /// Until when the polite side waits for the other one to renew the candidates.
    renew_at: Option<Instant>,
    /// The certificate that the other side announced.
    announced: Option<String>,
    described: Option<Instant>,
    /// From when on the time runs in which the link must open: since the last interruption or renewal of the
    /// candidates, while it is not open; `None`: since the descriptions.
    late_from: Option<Instant>,
    /// Since when a pair of addresses works, while keys are still to be agreed on.
    paired: Option<Instant>,
    /// Keys were agreed on.
    secured: bool,
    ufrag: Option<String>,
    mid: String,
    waiting: Vec<RTCIceCandidateInit>,
    candidates_here: usize,
    candidates_there: usize,
}

/// Why a step of the other side is refused.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error("the description names another certificate than the first one did")]
    OtherCertificate,
    #[error("{0}")]
    Library(#[from] Error),
}

impl Link {
    fn new(id: MediaLink, polite: bool, connection: Connection, local: Local) -> Self {
        Self {
            id,
            polite,
            connection,
            local,
            view: LinkView::default(),
            offered: false,
            passed_over: false,
            restart: false,
            restarted: None,
            renew_at: None,
            announced: None,
            described: None,
            late_from: None,
            paired: None,
            secured: false,
            ufrag: None,
            mid: "0".to_owned(),
            waiting: Vec::new(),
            candidates_here: 0,
            candidates_there: 0,
        }
    }

    async fn begin(&mut self) {
        self.tell();
        if !self.polite {
            self.offer().await;
        }
    }

    async fn task(&mut self, task: LinkTask) {
        match task {
            LinkTask::Ice(servers) => self.renew(&servers).await,
            LinkTask::Signal(_) if self.view.stage == LinkStage::Failed => {}
            LinkTask::Signal(MediaSignal::Offer { sdp }) => {
                let taken = self.take_offer(sdp).await;
                self.refused(taken, "offer");
            }
            LinkTask::Signal(MediaSignal::Answer { sdp }) => {
                let taken = self.take_answer(sdp).await;
                self.refused(taken, "answer");
            }
            LinkTask::Signal(MediaSignal::Candidate { candidate, mid }) => {
                self.take_candidate(candidate, mid).await
            }
        }
        self.offer_if_free().await;
    }

    /// Renews the candidates when that is wanted and no negotiation is under way.
    async fn offer_if_free(&mut self) {
        if self.restart
            && !self.offered
            && self.described.is_some()
            && self.view.stage != LinkStage::Failed
        {
            self.offer().await;
        }
    }

    /// Makes an offer, with new candidates when they are to be renewed.
    async fn offer(&mut self) {
        let restart = std::mem::take(&mut self.restart);
        if let Err(error) = self.try_offer(restart).await {
            self.fail(format!("no offer can be made: {error}"));
        }
    }

    async fn try_offer(&mut self, ice_restart: bool) -> Result<(), Error> {
        if ice_restart {
            self.restarted = Some(Instant::now());
            self.late_from = self.restarted;
        }
        let options = rtc::peer_connection::configuration::RTCOfferOptions { ice_restart };
        let offer = self.connection.inner.create_offer(Some(options)).await?;
        let sdp = self.describe(offer).await?;
        self.offered = true;
        self.signal(MediaSignal::Offer { sdp });
        Ok(())
    }

    /// Applies an own description and gives its text.
    async fn describe(&mut self, description: RTCSessionDescription) -> Result<String, Error> {
        let sdp = description.sdp.clone();
        // Before it is applied: packets may come as soon as it is.
        self.local
            .formats
            .set(PayloadTypes::of(&sdp).unwrap_or_default());
        first_mid(&sdp).unwrap_or("0").clone_into(&mut self.mid);
        self.connection
            .inner
            .set_local_description(description)
            .await?;
        Ok(sdp)
    }

    async fn take_offer(&mut self, sdp: String) -> Result<(), StepError> {
        let description = self.check(&sdp)?;
        self.passed_over = self.offered && !self.polite;
        if self.passed_over {
            return Ok(());
        }
        if self.offered {
            self.take_back(&sdp).await?;
        }
        let offer = RTCSessionDescription::offer(description.sdp.clone())?;
        self.connection.inner.set_remote_description(offer).await?;
        self.apply(description).await;
        let answer = self.connection.inner.create_answer(None).await?;
        let sdp = self.describe(answer).await?;
        self.signal(MediaSignal::Answer { sdp });
        Ok(())
    }

    /// Takes the own offer back; candidates that it would have renewed are renewed later, unless the other side's
    /// offer does so now.
    async fn take_back(&mut self, theirs: &str) -> Result<(), StepError> {
        self.connection
            .inner
            .set_local_description(RTCSessionDescription::rollback(None)?)
            .await?;
        self.offered = false;
        let renewed = self.ufrag.as_deref() != ice_ufrag(theirs);
        self.restart = self.described.is_some() && !renewed;
        Ok(())
    }

    async fn take_answer(&mut self, sdp: String) -> Result<(), StepError> {
        if !self.offered {
            tracing::debug!("an answer to nothing");
            return Ok(());
        }
        let description = self.check(&sdp)?;
        self.connection
            .inner
            .set_remote_description(RTCSessionDescription::answer(description.sdp.clone())?)
            .await?;
        (self.offered, self.passed_over) = (false, false);
        self.apply(description).await;
        Ok(())
    }

    fn check(&self, sdp: &str) -> Result<Description, StepError> {
        let description = Description::check(sdp)?;
        match &self.announced {
            Some(first) if *first != description.fingerprint => Err(StepError::OtherCertificate),
            _ => Ok(description),
        }
    }

    /// The other side's description is in force.
    async fn apply(&mut self, description: Description) {
        let sdp = description.sdp.as_str();
        self.local.outgoing.set_types(description.payload_types);
        if self.ufrag.as_deref() != ice_ufrag(sdp) {
            (self.candidates_there, self.renew_at) = (0, None);
            self.late_from = Some(Instant::now());
        }
        self.candidates_there += description.candidates;
        self.ufrag = ice_ufrag(sdp).map(ToOwned::to_owned);
        self.announced = Some(description.fingerprint);
        self.described.get_or_insert_with(Instant::now);
        for candidate in std::mem::take(&mut self.waiting) {
            self.add(candidate).await;
        }
        if self.view.stage == LinkStage::Signalling {
            self.reach(LinkStage::Connecting);
        }
    }

    async fn take_candidate(&mut self, candidate: String, mid: String) {
        // Empty: no more will come, which ICE does not need to know.
        if candidate.is_empty() || self.passed_over || !is_udp(&candidate) {
            return;
        }
        if let Err(error) = check_candidate(&candidate) {
            return tracing::debug!(%error, "a candidate of the other side is dropped");
        }
        self.candidates_there += 1;
        if self.candidates_there > CANDIDATES_MAX {
            return tracing::debug!(CANDIDATES_MAX, "the other side sends too many candidates");
        }
        let candidate = RTCIceCandidateInit {
            candidate,
            sdp_mid: Some(mid),
            ..Default::default()
        };
        match self.described {
            Some(_) => self.add(candidate).await,
            None => self.waiting.push(candidate),
        }
    }

    async fn add(&self, candidate: RTCIceCandidateInit) {
        if let Err(error) = self.connection.inner.add_ice_candidate(candidate).await {
            tracing::debug!(%error, "a candidate of the other side cannot be used");
        }
    }

    /// Tells when a step was refused: a link that stands goes on, another one has failed.
    fn refused(&mut self, taken: Result<(), StepError>, what: &str) {
        let Err(error) = taken else { return };
        let reason = format!("the other side's {what} cannot be used: {error}");
        match self.view.stage {
            LinkStage::Open | LinkStage::Audio => {
                self.view.reason = Some(reason);
                self.tell();
            }
            _ => self.fail(reason),
        }
    }

    async fn renew(&mut self, servers: &[IceServer]) {
        if let Err(error) = self.connection.set_servers(servers).await {
            return tracing::warn!(%error, "the servers cannot be changed");
        }
        // New credentials come to both sides at once; the polite one leaves it to the other to begin, so that offers
        // seldom cross (the library asks a relay twice when they do).
        match self.polite {
            true => self.renew_at = self.described.map(|_| Instant::now() + RENEW_PAUSE),
            false => self.restart = self.described.is_some() || self.offered,
        }
    }

    async fn event(&mut self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Candidate(candidate) => {
                self.candidates_here += 1;
                let mid = self.mid.clone();
                self.signal(MediaSignal::Candidate { candidate, mid });
            }
            ConnectionEvent::Gathered => self.gathered(),
            _ if self.view.stage == LinkStage::Failed => {}
            ConnectionEvent::Ice(
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed,
            ) => {
                if !self.secured {
                    self.paired.get_or_insert_with(Instant::now);
                    self.reach(LinkStage::Securing);
                }
            }
            ConnectionEvent::Ice(RTCIceConnectionState::Disconnected) if self.secured => {
                self.interrupted().await
            }
            ConnectionEvent::State(RTCPeerConnectionState::Connected) => self.opened().await,
            ConnectionEvent::State(RTCPeerConnectionState::Failed) => self.failed(),
            ConnectionEvent::Ice(_) | ConnectionEvent::State(_) => {}
        }
    }

    fn gathered(&mut self) {
        let (candidate, mid) = (String::new(), self.mid.clone());
        self.signal(MediaSignal::Candidate { candidate, mid });
        if self.candidates_here == 0 && self.view.stage != LinkStage::Failed {
            self.fail(self.no_way());
        }
    }

    async fn opened(&mut self) {
        self.view.path = self.connection.path().await;
        self.local.outgoing.set_open(true);
        self.secured = true;
        self.late_from = None;
        self.reach(LinkStage::Open);
    }

    /// Nothing has come for a while: the side that offers looks for another path.
    async fn interrupted(&mut self) {
        self.late_from = Some(Instant::now());
        self.view.stage = LinkStage::Connecting;
        self.view.reason =
            Some("the connection is interrupted; another path is looked for".to_owned());
        self.tell();
        let paused = self
            .restarted
            .is_none_or(|restarted| restarted.elapsed() > RESTART_PAUSE);
        if !self.polite && !self.offered && paused {
            self.restart = true;
            self.offer().await;
        }
    }

    fn failed(&mut self) {
        // The library neither tells that it refused a certificate nor shows the one that it refused.
        let no_keys = "a path was found, but no keys could be agreed on: the other side's certificate is not the one \
                       that its device announced, or the handshake (DTLS) does not get through";
        match self.paired.is_some() && !self.secured {
            true => self.fail(no_keys.to_owned()),
            false => self.fail(self.no_way()),
        }
    }

    /// Why no pair of addresses works, in words.
    fn no_way(&self) -> String {
        let (here, there) = (self.candidates_here, self.candidates_there);
        let mut reason =
            format!("no way to the other side: {here} addresses here and {there} there were tried");
        match self.local.servers.troubles() {
            troubles if !troubles.is_empty() => {
                reason = format!("{reason}; {}", troubles.join("; "))
            }
            _ if !self.local.servers.has_relay() => {
                reason.push_str("; there is no relay (TURN) to go through")
            }
            _ => {}
        }
        reason
    }

    /// Looks whether the path has changed, or the link is late.
    async fn look(&mut self) {
        if self.renew_at.is_some_and(|at| at <= Instant::now())
            && self.view.stage != LinkStage::Failed
        {
            (self.renew_at, self.restart) = (None, true);
            self.offer_if_free().await;
        }
        match self.view.stage {
            LinkStage::Open => {
                let path = self.connection.path().await;
                if path.is_some() && path != self.view.path {
                    self.view.path = path;
                    self.tell();
                }
            }
            LinkStage::Connecting | LinkStage::Securing if self.is_late() => self.failed(),
            _ => {}
        }
    }

    fn is_late(&self) -> bool {
        let past =
            |since: Option<Instant>, limit| since.is_some_and(|since| since.elapsed() > limit);
        past(self.late_from.or(self.described), OPEN_WITHIN)
            || !self.secured && past(self.paired, SECURE_WITHIN)
    }

    fn reach(&mut self, stage: LinkStage) {
        self.view.stage = stage;
        self.view.reason = None;
        self.tell();
    }

    fn fail(&mut self, reason: String) {
        self.local.outgoing.set_open(false);
        self.view = LinkView {
            stage: LinkStage::Failed,
            reason: Some(reason),
            path: self.view.path.take(),
        };
        self.tell();
    }

    fn tell(&self) {
        self.local
            .sink
            .control(TransportEvent::Link(self.id, self.view.clone()));
    }

    fn signal(&self, signal: MediaSignal) {
        self.local
            .sink
            .control(TransportEvent::Signal(self.id, signal));
    }

    async fn close(self) {
        self.local.outgoing.set_open(false);
        if let Err(error) = self.connection.inner.close().await {
            tracing::warn!(%error, "a connection did not close as it should");
        }
    }
}

/// TCP candidates make the library connect to whatever address they name; we offer none and take none. What is not
/// surely UDP is dropped: the library parses more leniently than RFC 8839 (5.1) allows.
fn is_udp(candidate: &str) -> bool {
    candidate
        .split_whitespace()
        .nth(2)
        .is_some_and(|transport| transport.eq_ignore_ascii_case("udp"))
}

#[cfg(test)]
mod tests {
    use alloquy_ids::DeviceId;

    use super::*;
    use crate::tls::TlsRoots;
    use crate::webrtc::resolve::Resolver;
    use crate::webrtc::sockets::LocalAddresses;

    /// The polite side of a call that was described this long ago and is open.
    async fn open_link(ago: Duration) -> Link {
        let id = MediaLink {
            device: DeviceId([1; 32]),
            attempt: 1,
        };
        let (events, _) = std::sync::mpsc::sync_channel(64);
        let (told, _) = mpsc::channel(64);
        let local = Local {
            servers: Arc::new(Servers::new(
                Arc::new(Resolver::default()),
                TlsRoots::load(&[]).unwrap(),
            )),
            formats: Arc::default(),
            outgoing: Arc::new(Outgoing::new(1)),
            sink: Arc::new(Sink::new(events)),
        };
        let parts = Parts {
            link: id,
            addresses: LocalAddresses::Only(vec![std::net::Ipv4Addr::LOCALHOST.into()]),
            relay_only: false,
            servers: Arc::clone(&local.servers),
            formats: Arc::clone(&local.formats),
            sink: Arc::clone(&local.sink),
        };
        let connection = Connection::open(parts, &[], 1, &local.outgoing, told)
            .await
            .unwrap();
        let mut link = Link::new(id, true, connection, local);
        link.described = Instant::now().checked_sub(ago);
        assert!(
            link.described.is_some(),
            "the clock is younger than {ago:?}"
        );
        link.opened().await;
        link
    }

    #[tokio::test]
    async fn an_interruption_of_an_old_call_has_the_whole_time() {
        let mut link = open_link(2 * OPEN_WITHIN).await;
        link.interrupted().await;
        link.look().await;
        assert_eq!(link.view.stage, LinkStage::Connecting);
        link.late_from = Instant::now().checked_sub(2 * OPEN_WITHIN);
        link.look().await;
        assert_eq!(link.view.stage, LinkStage::Failed, "it lasts for ever");
    }

    #[tokio::test]
    async fn each_interruption_has_its_own_time() {
        let mut link = open_link(2 * OPEN_WITHIN).await;
        link.late_from = link.described;
        link.opened().await;
        assert_eq!(link.late_from, None);
        link.interrupted().await;
        assert!(!link.is_late());
        link.close().await;
    }

    #[test]
    fn only_candidates_of_udp_are_taken() {
        for good in ["udp", "UDP", "Udp"] {
            let candidate = format!("candidate:1 1 {good} 2130706431 10.0.0.1 5000 typ host");
            assert!(is_udp(&candidate), "{candidate}");
        }
        for bad in [
            "candidate:1 1 tcp 2105458943 10.0.0.1 22 typ host tcptype passive",
            "candidate:1  1 tcp 2105458943 10.0.0.1 22 typ host tcptype passive",
            "candidate:1 1  TCP 2105458943 10.0.0.1 22 typ host tcptype passive",
            "candidate:1\t1\ttcp 2105458943 10.0.0.1 22 typ host",
            "candidate:1 1 tcpx 2105458943 10.0.0.1 22 typ host",
            "candidate:1 1 ssltcp 2105458943 10.0.0.1 22 typ host",
            " candidate:1 1 tcp 2105458943 10.0.0.1 22 typ host",
            "candidate:1 1",
            "",
        ] {
            assert!(!is_udp(bad), "{bad:?}");
        }
    }
}
