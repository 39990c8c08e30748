//! The page for this machine: whether all is well, and figures in the Prometheus text format.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use alloquy_irc_listener::Figures;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::accounts::Ledger;
use crate::homes::Homes;
use crate::nodes::Nodes;

/// Requests at once: a scraper and a person.
const REQUESTS_MAX: usize = 16;

/// What the page tells of.
pub(crate) struct Told {
    pub(crate) figures: Arc<Figures>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) homes: Arc<Homes>,
    pub(crate) ledger: Arc<Ledger>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told(..)")
    }
}

impl Told {
    /// Name, explanation, value, and whether it only rises.
    fn all(&self) -> [(&'static str, &'static str, u64, bool); 14] {
        let irc = &self.figures;
        let count = |count: usize| count as u64;
        [
            (
                "irc_connections",
                "Connections now",
                irc.connections.get(),
                false,
            ),
            (
                "irc_accepted",
                "Connections that came in",
                irc.accepted.get(),
                true,
            ),
            (
                "irc_refused",
                "Connections refused for their number",
                irc.refused.get(),
                true,
            ),
            (
                "irc_handshakes_failed",
                "Handshakes of TLS or WebSocket that failed",
                irc.handshakes_failed.get(),
                true,
            ),
            (
                "irc_slow_readers",
                "Connections closed because they did not read",
                irc.slow_readers.get(),
                true,
            ),
            (
                "irc_streams",
                "Streams of alloquy.chat/e2ee that are open",
                irc.streams.get(),
                false,
            ),
            ("irc_checks", "Credentials checked", irc.checks.get(), true),
            (
                "irc_denied",
                "Credentials that were wrong",
                irc.denied.get(),
                true,
            ),
            (
                "irc_read_bytes",
                "Bytes read from clients",
                irc.read_bytes.get(),
                true,
            ),
            (
                "irc_written_bytes",
                "Bytes given to clients",
                irc.written_bytes.get(),
                true,
            ),
            (
                "irc_turns",
                "Turns of the server's task",
                irc.turns.get(),
                true,
            ),
            ("accounts", "Accounts", count(self.ledger.count()), false),
            (
                "nodes",
                "Nodes of accounts that run",
                count(self.nodes.running()),
                false,
            ),
            (
                "home_nodes",
                "Home nodes of accounts that run",
                count(self.homes.count()),
                false,
            ),
        ]
    }
}

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value, rises) in self.all() {
            if rises {
                let line = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                ConstCounter::new(value).encode(line)?;
            } else {
                let line = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(line)?;
            }
        }
        Ok(())
    }
}

/// Serves the page for ever.
pub(crate) async fn serve(listener: TcpListener, told: Told) {
    let mut registry = Registry::with_prefix("alloquy_rendezvous");
    registry.register_collector(Box::new(told));
    let registry = Arc::new(registry);
    let room = Arc::new(Semaphore::new(REQUESTS_MAX));
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
                tracing::debug!(%error, "a request for the page failed");
            }
        });
    }
}

fn page(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let path = (request.method() == Method::GET).then(|| request.uri().path());
    let mut body = String::new();
    let kind = match path {
        Some("/health") => {
            body.push_str("ok\n");
            "text/plain; charset=utf-8"
        }
        Some("/metrics") if text::encode(&mut body, registry).is_ok() => {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
        _ => {
            let mut response = Response::new(Full::from("GET /health and GET /metrics are here\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
    };
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
