//! What a relay counts, and the local page that shows it in the Prometheus text format.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use libp2p::relay;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::limits::PAGE_REQUESTS_MAX;
use crate::quota::Quota;
use crate::show::Shown;
use crate::turn::Counts;

/// Counts since the start, and what stands now.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) connections: AtomicU64,
    reservations_taken: AtomicU64,
    reservations_refused: AtomicU64,
    reservations_ended: AtomicU64,
    circuits_taken: AtomicU64,
    circuits_refused: AtomicU64,
    circuits_ended: AtomicU64,
    circuits_cut: AtomicU64,
    pub(crate) shown: Arc<Shown>,
    quota: Quota,
    turn: Option<Arc<Counts>>,
}

/// Name, explanation, value, and whether it only rises.
type Figure = (&'static str, &'static str, u64, bool);

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Figures {
    pub(crate) fn new(quota: Quota, turn: Option<Arc<Counts>>) -> Self {
        Self {
            connections: AtomicU64::default(),
            reservations_taken: AtomicU64::default(),
            reservations_refused: AtomicU64::default(),
            reservations_ended: AtomicU64::default(),
            circuits_taken: AtomicU64::default(),
            circuits_refused: AtomicU64::default(),
            circuits_ended: AtomicU64::default(),
            circuits_cut: AtomicU64::default(),
            shown: Arc::default(),
            quota,
            turn,
        }
    }

    pub(crate) fn count(&self, event: &relay::Event) {
        match event {
            relay::Event::ReservationReqAccepted { renewed: false, .. } => {
                add(&self.reservations_taken);
            }
            relay::Event::ReservationReqDenied { .. } => add(&self.reservations_refused),
            relay::Event::ReservationClosed { .. } | relay::Event::ReservationTimedOut { .. } => {
                add(&self.reservations_ended);
            }
            relay::Event::CircuitReqAccepted { .. } => add(&self.circuits_taken),
            relay::Event::CircuitReqDenied { .. } => add(&self.circuits_refused),
            relay::Event::CircuitClosed { error, .. } => {
                add(&self.circuits_ended);
                if error.is_some() {
                    add(&self.circuits_cut);
                }
            }
            _ => {}
        }
    }

    /// Of the TURN server that is looked after, if there is one.
    fn of_turn(&self) -> Vec<Figure> {
        let Some(turn) = &self.turn else {
            return Vec::new();
        };
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        vec![
            (
                "turn_up",
                "Whether the TURN server answers",
                now(&turn.up),
                false,
            ),
            (
                "turn_up_since_seconds",
                "Unix time since when the TURN server answers, 0 while it does not",
                now(&turn.up_since),
                false,
            ),
            (
                "turn_restarts",
                "Times that the TURN server was started again",
                now(&turn.restarts),
                true,
            ),
            (
                "turn_rotations",
                "New secrets of the TURN server",
                now(&turn.rotations),
                true,
            ),
            (
                "turn_credentials",
                "TURN credentials given",
                now(&turn.granted),
                true,
            ),
            (
                "turn_refused",
                "Requests for a TURN credential by who is not admitted",
                now(&turn.refused),
                true,
            ),
        ]
    }

    fn of_relay(&self) -> [Figure; 12] {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let stand = |taken: &AtomicU64, ended: &AtomicU64| now(taken).saturating_sub(now(ended));
        let reservations = stand(&self.reservations_taken, &self.reservations_ended);
        let circuits = stand(&self.circuits_taken, &self.circuits_ended);
        [
            (
                "connections",
                "Connections now",
                now(&self.connections),
                false,
            ),
            ("reservations", "Reservations now", reservations, false),
            (
                "reservations_taken",
                "Reservations given, renewals not counted",
                now(&self.reservations_taken),
                true,
            ),
            (
                "reservations_refused",
                "Reservations refused",
                now(&self.reservations_refused),
                true,
            ),
            ("circuits", "Circuits now", circuits, false),
            (
                "circuits_taken",
                "Circuits given",
                now(&self.circuits_taken),
                true,
            ),
            (
                "circuits_refused",
                "Circuits refused",
                now(&self.circuits_refused),
                true,
            ),
            (
                "circuits_cut",
                "Circuits that ended by a limit or a lost connection",
                now(&self.circuits_cut),
                true,
            ),
            (
                "read_bytes",
                "Bytes read from peers",
                self.quota.carried(),
                true,
            ),
            (
                "streams_cut",
                "Streams cut because a quota was spent",
                self.quota.cuts(),
                true,
            ),
            ("passes_taken", "Passes taken", now(&self.shown.taken), true),
            (
                "passes_refused",
                "Passes refused",
                now(&self.shown.refused),
                true,
            ),
        ]
    }
}

#[derive(Debug)]
struct Source(Arc<Figures>);

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = self.0.of_relay().into_iter().chain(self.0.of_turn());
        for (name, help, value, rises) in all {
            if rises {
                let kind = MetricType::Counter;
                let line = encoder.encode_descriptor(name, help, None, kind)?;
                ConstCounter::new(value).encode(line)?;
            } else {
                let kind = MetricType::Gauge;
                let line = encoder.encode_descriptor(name, help, None, kind)?;
                ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(line)?;
            }
        }
        Ok(())
    }
}

/// Serves the page to this machine for ever.
pub(crate) async fn serve(listener: TcpListener, figures: Arc<Figures>) {
    let mut registry = Registry::with_prefix("alloquy_relay");
    registry.register_collector(Box::new(Source(figures)));
    let registry = Arc::new(registry);
    let room = Arc::new(Semaphore::new(PAGE_REQUESTS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: whoever asks again finds some.
            tokio::task::yield_now().await;
            continue;
        };
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            let _permit = permit;
            let answer = service_fn(move |request| {
                let page = page(&request, &registry);
                async move { Ok::<_, Infallible>(page) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.keep_alive(false);
            let served = http.serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a request for figures failed");
            }
        });
    }
}

fn page(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let found = request.method() == Method::GET && request.uri().path() == "/metrics";
    let mut body = String::new();
    if !found || text::encode(&mut body, registry).is_err() {
        let mut response = Response::new(Full::from("GET /metrics is all that is here\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::from(body));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether figures may be shown there: to programs of this machine only.
pub(crate) fn is_of_this_machine(address: &SocketAddr) -> bool {
    address.ip().is_loopback()
}
