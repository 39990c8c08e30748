//! Connections that come in over TLS or without it, one after the other on a few threads, and then say nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Threads that connect.
const THREADS: usize = 8;
/// Patience with a server that says nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// The end of a welcome, with a message of the day or without one.
const WELCOMED: [&str; 2] = [" 376 ", " 422 "];

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// Connections that are in.
pub(crate) struct Idle {
    /// Held open.
    _streams: Vec<BufReader<Box<dyn Stream>>>,
    pub(crate) came_in: Duration,
}

/// How a connection is made.
#[derive(Clone)]
pub(crate) struct Way {
    address: SocketAddr,
    config: Option<Arc<ClientConfig>>,
}

impl Way {
    pub(crate) const fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            config: None,
        }
    }

    /// Over TLS, with a server that this authority has certified.
    pub(crate) fn tls(address: SocketAddr, authority: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(authority)
            .map_err(|error| anyhow!("the authority's certificate: {error}"))?;
        roots.add(authority)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Each is somebody else's: none takes up the session of another.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            address,
            config: Some(Arc::new(config)),
        })
    }

    fn connect(&self, says: &str) -> anyhow::Result<BufReader<Box<dyn Stream>>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut stream: Box<dyn Stream> = match &self.config {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let session = ClientConnection::new(Arc::clone(config), name)?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        stream.write_all(says.as_bytes())?;
        stream.flush()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while !WELCOMED.iter().any(|numeric| line.contains(numeric)) {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                bail!("the server has ended the connection before its welcome");
            }
        }
        Ok(reader)
    }
}

impl Idle {
    /// Connects one for each of these texts, which it says at once; it is in when it is welcome.
    pub(crate) fn connect(way: &Way, says: &[String]) -> anyhow::Result<Self> {
        let started = Instant::now();
        let streams = std::thread::scope(|scope| {
            let each = says.len().div_ceil(THREADS).max(1);
            let threads: Vec<_> = says
                .chunks(each)
                .map(|says| {
                    scope.spawn(move || -> anyhow::Result<Vec<_>> {
                        says.iter().map(|says| way.connect(says)).collect()
                    })
                })
                .collect();
            let mut streams = Vec::new();
            for thread in threads {
                streams.extend(
                    thread
                        .join()
                        .map_err(|_panic| anyhow!("a thread panicked"))??,
                );
            }
            anyhow::Ok(streams)
        })?;
        Ok(Self {
            _streams: streams,
            came_in: started.elapsed(),
        })
    }
}
