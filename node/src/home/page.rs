//! The local page of a home node: its state for its owner, and figures in the Prometheus text format.
//!
//! Answers `GET /` and `GET /metrics` to this machine, and only under the name of this machine: a page of somebody
//! else in the same browser can not read it. Nothing can be changed here.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use alloquy_api::Client;
use alloquy_api::personal::{HomeStatusView, LinkingView};
use alloquy_core::limits::FULL_SLACK_BYTES;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use qrcode::{EcLevel, QrCode};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};

use super::{shown_code, status};
use crate::client::NodeHandle;
use crate::network::NetworkState;
use crate::node::Facts;

/// Requests at once: a browser and a collector of figures.
const REQUESTS_MAX: usize = 4;

/// What the page is made of.
struct Seen {
    home: HomeStatusView,
    linking: Option<Arc<LinkingView>>,
    network: NetworkState,
    store_bytes: u64,
}

/// Serves the page for ever.
pub(super) async fn serve(listener: TcpListener, handle: NodeHandle, facts: Arc<Facts>) {
    let handle = Arc::new(Mutex::new(handle));
    let room = Arc::new(Semaphore::new(REQUESTS_MAX));
    let at = listener.local_addr().ok();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: whoever asks again finds some.
            tokio::task::yield_now().await;
            continue;
        };
        let (handle, facts) = (Arc::clone(&handle), Arc::clone(&facts));
        tokio::spawn(async move {
            let _permit = permit;
            let answer = service_fn(move |request| {
                let (handle, facts) = (Arc::clone(&handle), Arc::clone(&facts));
                async move { Ok::<_, Infallible>(answer(&request, at, &handle, &facts).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.keep_alive(false);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
                tracing::debug!(%error, "a request for the page failed");
            }
        });
    }
}

async fn answer(
    request: &Request<Incoming>,
    at: Option<SocketAddr>,
    handle: &Mutex<NodeHandle>,
    facts: &Facts,
) -> Response<Full<Bytes>> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    if !at.is_some_and(|at| names_this_machine(host, at)) {
        let text = "this page answers to 127.0.0.1, [::1] and localhost with its own port only\n";
        return plain(StatusCode::MISDIRECTED_REQUEST, text);
    }
    if request.method() != Method::GET {
        return plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "this page can only be read\n",
        );
    }
    let wanted = request.uri().path();
    if !matches!(wanted, "/" | "/metrics") {
        return plain(StatusCode::NOT_FOUND, "there are / and /metrics\n");
    }
    let Some(seen) = look(handle, facts).await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the node is busy\n");
    };
    if wanted == "/" {
        return page(StatusCode::OK, "text/html; charset=utf-8", html(&seen));
    }
    page(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        metrics(&seen),
    )
}

async fn look(handle: &Mutex<NodeHandle>, facts: &Facts) -> Option<Seen> {
    let mut handle = handle.lock().await;
    let home = status(&mut handle).await?;
    // Events are for faces: they are not kept for this one.
    while handle.next_event().is_some() {}
    let linking = handle.snapshot().linking.clone();
    Some(Seen {
        home,
        linking,
        network: facts.network(),
        store_bytes: facts.store_bytes(),
    })
}

/// Whether a request was meant for this page, by the name that it was asked by.
fn names_this_machine(host: Option<&str>, at: SocketAddr) -> bool {
    let port = at.port();
    let names = ["127.0.0.1", "localhost", "[::1]"];
    let own = at.ip().to_string();
    let mut names = names.into_iter().chain([own.as_str()]);
    host.is_some_and(|host| names.any(|name| host == format!("{name}:{port}")))
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    page(status, "text/plain; charset=utf-8", text.to_owned())
}

fn page(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

fn html(seen: &Seen) -> String {
    let Seen { home, network, .. } = seen;
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"15\">\
         <title>Alloquy home node</title></head><body><h1>Alloquy home node</h1>",
    );
    let code = seen.linking.as_deref().and_then(shown_code);
    let mut put = |text: std::fmt::Arguments<'_>| {
        page.write_fmt(text)
            .expect("writing to a text does not fail");
    };
    match home.owner {
        None => put(format_args!(
            "<p>Nobody has paired with it yet. On a device of yours: <code>home pair CODE</code></p>"
        )),
        Some(owner) => put(format_args!(
            "<p>It keeps ciphertext for account <code>{owner}</code>.</p>"
        )),
    }
    if let Some((code, link)) = code {
        put(format_args!(
            "<p>Code: <strong>{}</strong></p>",
            escaped(code)
        ));
        put(format_args!(
            "{}<p><code>{}</code></p>",
            svg(link),
            escaped(link)
        ));
    }
    put(format_args!(
        "<table><tr><th>Device<td><code>{}</code><tr><th>Kept<td>{} of {}<tr><th>Store file<td>{}\
         <tr><th>Letters that wait<td>{}<tr><th>Peers<td>{}\
         <tr><th>Traffic since the start<td>{} in, {} out</table>",
        home.device,
        size(home.bytes),
        size(home.quota),
        size(seen.store_bytes),
        home.letters,
        home.peers,
        size(network.counters.bytes_in),
        size(network.counters.bytes_out),
    ));
    if home.bytes.saturating_add(FULL_SLACK_BYTES) > home.quota {
        put(format_args!(
            "<p><strong>The quota is used up: nothing new is taken, what is here is still given out.</strong></p>"
        ));
    }
    put(format_args!(
        "<h2>Kept</h2><table><tr><th>Community<th>For<th>Events<th>Size<th>Limit<th>Days\
         <th>Behind<th>Only here"
    ));
    for kept in &home.keeps {
        let lag = kept
            .lag
            .map_or_else(|| "nobody connected".to_owned(), |lag| lag.to_string());
        put(format_args!(
            "<tr><td><code>{}</code><td>{}<td>{}<td>{}<td>{}<td>{}<td>{lag}<td>{}",
            kept.community,
            kept.accounts.len(),
            kept.events,
            size(kept.bytes),
            kept.limit.map(size).unwrap_or_default(),
            kept.days.map(|days| days.to_string()).unwrap_or_default(),
            kept.alone,
        ));
    }
    put(format_args!(
        "</table><h2>Peers</h2><table><tr><th>Peer<th>Address"
    ));
    for (peer, addresses) in &network.peers {
        let first = addresses.first().map(String::as_str).unwrap_or_default();
        put(format_args!(
            "<tr><td><code>{peer}</code><td><code>{}</code>",
            escaped(first)
        ));
    }
    put(format_args!("</table></body></html>"));
    page
}

fn metrics(seen: &Seen) -> String {
    let Seen { home, network, .. } = seen;
    let mut text = String::new();
    let mut one = |name: &str, help: &str, kind: &str, value: u64| {
        write!(
            text,
            "# HELP alloquy_home_{name} {help}\n# TYPE alloquy_home_{name} {kind}\nalloquy_home_{name} {value}\n"
        )
        .expect("writing to a text does not fail");
    };
    let paired = u64::from(home.owner.is_some());
    one("paired", "Whether it has an owner", "gauge", paired);
    one("kept_bytes", "Bytes kept", "gauge", home.bytes);
    one(
        "quota_bytes",
        "The most bytes that are kept",
        "gauge",
        home.quota,
    );
    one(
        "store_bytes",
        "Bytes of the store file",
        "gauge",
        seen.store_bytes,
    );
    one(
        "peers",
        "Peers connected now",
        "gauge",
        u64::from(home.peers),
    );
    one(
        "letters",
        "Letters that wait for those whom it serves",
        "gauge",
        u64::from(home.letters),
    );
    let counters = network.counters;
    one(
        "frames_in_total",
        "Frames read",
        "counter",
        counters.frames_in,
    );
    one(
        "frames_out_total",
        "Frames written",
        "counter",
        counters.frames_out,
    );
    one(
        "bytes_in_total",
        "Bytes of frames and gossip read",
        "counter",
        counters.bytes_in,
    );
    one(
        "bytes_out_total",
        "Bytes of frames and gossip written",
        "counter",
        counters.bytes_out,
    );
    one(
        "faults_total",
        "Faults of peers",
        "counter",
        counters.faults,
    );
    for (name, help) in [
        ("community_events", "Events kept of a community"),
        ("community_bytes", "Bytes kept of a community"),
        (
            "community_alone_events",
            "Events that nobody else may hold: they came since somebody was last found to hold all",
        ),
        (
            "community_lag_events",
            "Events by which a connected member is ahead",
        ),
    ] {
        write!(
            text,
            "# HELP alloquy_home_{name} {help}\n# TYPE alloquy_home_{name} gauge\n"
        )
        .expect("writing to a text does not fail");
        for kept in &home.keeps {
            let value = match name {
                "community_events" => Some(kept.events),
                "community_bytes" => Some(kept.bytes),
                "community_alone_events" => Some(kept.alone),
                _ => kept.lag,
            };
            if let Some(value) = value {
                let id = kept.community;
                writeln!(text, "alloquy_home_{name}{{community=\"{id}\"}} {value}")
                    .expect("writing to a text does not fail");
            }
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 10 * 1024 && unit + 1 < UNITS.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole} {}", UNITS[unit])
}

/// Modules of a side of the code of a text, and which are dark; `None`: it is too long for any code.
fn modules(text: &str) -> Option<(usize, Vec<bool>)> {
    // The lowest level of correction: on a screen nothing is scratched, and the link is long.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let colors = code.to_colors().into_iter();
    let dark = colors.map(|color| color == qrcode::Color::Dark).collect();
    Some((code.width(), dark))
}

/// Width of the light frame around a code, in modules, without which readers do not find it.
const QUIET: usize = 4;

fn svg(text: &str) -> String {
    let Some((width, dark)) = modules(text) else {
        return String::new();
    };
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (at, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
        let (x, y) = (at % width + QUIET, at / width + QUIET);
        write!(path, "M{x} {y}h1v1h-1z").expect("writing to a text does not fail");
    }
    format!(
        "<svg role=\"img\" aria-label=\"QR code of the link\" width=\"320\" height=\"320\" viewBox=\"0 0 {side} {side}\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

/// A text as a code of half blocks for a terminal, dark on light; empty when it is too long for any code.
#[must_use]
pub fn qr_lines(text: &str) -> String {
    let Some((width, dark)) = modules(text) else {
        return String::new();
    };
    let side = width + 2 * QUIET;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (QUIET..QUIET + width).contains(&at);
        inside(x) && inside(y) && dark[(y - QUIET) * width + x - QUIET]
    };
    let mut lines = String::new();
    for y in (0..side).step_by(2) {
        for x in 0..side {
            // Light is drawn: most terminals have a dark ground.
            lines.push(match (is_dark(x, y), is_dark(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_by_the_name_of_this_machine_are_answered() {
        let at: SocketAddr = "127.0.0.1:9180".parse().expect("an address");
        for good in ["127.0.0.1:9180", "localhost:9180", "[::1]:9180"] {
            assert!(names_this_machine(Some(good), at), "{good}");
        }
        for bad in [
            "evil.example:9180",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost.evil:9180",
            "",
        ] {
            assert!(!names_this_machine(Some(bad), at), "{bad}");
        }
        assert!(!names_this_machine(None, at));
    }

    #[test]
    fn a_code_for_a_terminal_is_a_square_with_a_light_frame() {
        let lines = qr_lines("alloquy://link/aaaaaaaa");
        let rows: Vec<Vec<char>> = lines.lines().map(|line| line.chars().collect()).collect();
        let side = rows[0].len();
        assert_eq!(rows.len(), side.div_ceil(2));
        assert!(rows.iter().all(|row| row.len() == side));
        assert!(rows[..2].iter().flatten().all(|block| *block == '█'));
        assert!(lines.contains('▄') && lines.contains(' '));
        assert_eq!(qr_lines(&"x".repeat(10_000)), "");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(10 * 1024 - 1), "10239 B");
        assert_eq!(size(20 << 30), "20 GiB");
    }
}
