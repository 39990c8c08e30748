//! Whether coturn answers: a STUN Binding request (RFC 8489) over UDP, as any client sends it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long an answer may take on this machine.
const ANSWER: Duration = Duration::from_secs(2);
/// The cookie of each STUN message, RFC 8489 section 5.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Binding request, and its success response.
const REQUEST: [u8; 2] = [0x00, 0x01];
const RESPONSE: [u8; 2] = [0x01, 0x01];

/// Whether it answers at this address now.
pub(super) async fn answers(at: SocketAddr) -> bool {
    matches!(timeout(ANSWER, ask(at)).await, Ok(Ok(true)))
}

async fn ask(at: SocketAddr) -> std::io::Result<bool> {
    let any: IpAddr = match at {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(at).await?;
    let mut request = [0; 20];
    request[..2].copy_from_slice(&REQUEST);
    request[4..8].copy_from_slice(&COOKIE);
    getrandom::fill(&mut request[8..]).map_err(std::io::Error::other)?;
    socket.send(&request).await?;
    let mut answer = [0; 576];
    let read = socket.recv(&mut answer).await?;
    Ok(read >= 20 && answer[..2] == RESPONSE && answer[4..20] == request[4..20])
}
