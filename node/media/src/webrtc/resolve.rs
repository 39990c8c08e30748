//! Names of servers, looked up without holding up a connection.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::limits::RESOLVE_WAIT;

/// Names that are remembered: those of a few changes of servers.
const NAMES_MAX: usize = 64;
/// After this time a name is looked up anew.
const REMEMBERED: Duration = Duration::from_secs(300);

/// Looks names up and remembers what it found, for all links.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    names: Mutex<BTreeMap<(String, u16), LookUp>>,
}

#[derive(Clone, Debug)]
struct LookUp {
    begun: Instant,
    found: watch::Receiver<Option<Vec<SocketAddr>>>,
}

impl Resolver {
    /// Begins to look a name up, unless that has been done.
    pub(crate) fn begin(&self, host: &str, port: u16) {
        if address(host).is_none() {
            self.look_up(host, port);
        }
    }

    /// The addresses of a name; none when they are not found soon. A look-up that is late serves the next one who asks.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        if let Some(ip) = address(host) {
            return vec![SocketAddr::new(ip, port)];
        }
        let mut look_up = self.look_up(host, port);
        let found = look_up.found.wait_for(Option::is_some);
        match tokio::time::timeout_at(look_up.begun + RESOLVE_WAIT, found).await {
            Ok(Ok(addresses)) => addresses.clone().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn look_up(&self, host: &str, port: u16) -> LookUp {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.to_owned(), port);
        if let Some(look_up) = names.get(&key).filter(|look_up| look_up.is_good()) {
            return look_up.clone();
        }
        if names.len() == NAMES_MAX {
            names.clear();
        }
        let look_up = LookUp::begin(key.clone());
        names.insert(key, look_up.clone());
        look_up
    }
}

impl LookUp {
    fn begin((host, port): (String, u16)) -> Self {
        let (told, found) = watch::channel(None);
        tokio::spawn(async move {
            let addresses = tokio::net::lookup_host((host.as_str(), port)).await;
            if let Err(error) = &addresses {
                tracing::info!(%error, "the name of an ICE server leads nowhere");
            }
            told.send_replace(Some(
                addresses.map_or_else(|_| Vec::new(), Iterator::collect),
            ));
        });
        Self {
            begun: Instant::now(),
            found,
        }
    }

    /// Under way, or found not long ago; what was not found is tried again by the next one who asks.
    fn is_good(&self) -> bool {
        let fresh = self.begun.elapsed() < REMEMBERED;
        match self.found.borrow().as_deref() {
            None => fresh,
            Some([]) => self.begun.elapsed() < RESOLVE_WAIT,
            Some(_) => fresh,
        }
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_look_up_and_names_without_one_cost_little() {
        let resolver = Resolver::default();
        assert_eq!(
            resolver.resolve("::1", 5).await,
            [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 5))]
        );
        assert!(resolver.resolve("nobody.invalid", 5).await.is_empty());
        assert!(
            resolver
                .resolve("localhost", 5)
                .await
                .iter()
                .all(|found| found.ip().is_loopback())
        );
    }
}
