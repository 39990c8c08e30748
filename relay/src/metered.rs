//! Connections whose streams are counted, and cut when a quota is spent.
//!
//! libp2p's relay bounds each circuit, but does not tell how much one carries; so bytes are counted below it,
//! where a connection becomes streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox};

use crate::limits::SMALL_STREAM_BYTES;
use crate::quota::Meter;

/// A connection.
pub(crate) struct Metered {
    inner: StreamMuxerBox,
    meter: Meter,
}

impl Metered {
    pub(crate) fn new(inner: StreamMuxerBox, meter: Meter) -> Self {
        Self { inner, meter }
    }

    fn stream(&self, inner: SubstreamBox) -> MeteredStream {
        MeteredStream {
            inner,
            meter: self.meter.clone(),
            carried: 0,
            spent: false,
        }
    }
}

impl StreamMuxer for Metered {
    type Substream = MeteredStream;
    type Error = io::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<MeteredStream, io::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_inbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<MeteredStream, io::Error>> {
        let stream = ready!(Pin::new(&mut self.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

/// One stream of it.
pub(crate) struct MeteredStream {
    inner: SubstreamBox,
    meter: Meter,
    carried: u64,
    spent: bool,
}

impl AsyncRead for MeteredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.spent && self.carried > SMALL_STREAM_BYTES {
            self.meter.cut();
            return Poll::Ready(Err(io::Error::other("the peer's quota is spent")));
        }
        let bytes = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.carried = self.carried.saturating_add(bytes as u64);
        self.spent = !self.meter.spend(bytes);
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
