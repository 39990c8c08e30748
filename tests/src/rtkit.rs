//! The service that gives threads their priority (org.freedesktop.RealtimeKit1), on a bus of its own: the system's has
//! none where nobody sits in front of a screen.

use rustix::process::{Pid, setpriority_process};
use tokio::runtime::Runtime;
use zbus::{Connection, connection, fdo, interface};

use crate::bus::Bus;

const NAME: &str = "org.freedesktop.RealtimeKit1";
const PATH: &str = "/org/freedesktop/RealtimeKit1";

/// The service. Its bus ends with it.
#[derive(Debug)]
pub struct Rtkit {
    _connection: Connection,
    _runtime: Runtime,
    _bus: Bus,
    address: String,
}

impl Rtkit {
    /// Starts it.
    ///
    /// # Errors
    /// What is not installed here.
    ///
    /// # Panics
    /// When the bus does not serve.
    pub fn start() -> Result<Self, String> {
        let (bus, address) = Bus::alone()?;
        let runtime = Runtime::new().expect("a runtime can be made");
        let connection = runtime.block_on(async {
            connection::Builder::address(address.as_str())?
                .serve_at(PATH, Priorities)?
                .name(NAME)?
                .build()
                .await
        });
        Ok(Self {
            _connection: connection.expect("the bus serves"),
            _runtime: runtime,
            _bus: bus,
            address,
        })
    }

    /// Where its bus listens: a value of `DBUS_SYSTEM_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

struct Priorities;

#[interface(name = "org.freedesktop.RealtimeKit1")]
impl Priorities {
    #[expect(clippy::unused_self, reason = "the interface asks for it")]
    fn make_thread_high_priority(&self, thread: u64, priority: i32) -> fdo::Result<()> {
        let thread = i32::try_from(thread).ok().and_then(Pid::from_raw);
        let thread = thread.ok_or_else(|| fdo::Error::InvalidArgs("no thread".to_owned()))?;
        // Linux takes a thread's number too, and means that thread alone.
        setpriority_process(Some(thread), priority)
            .map_err(|error| fdo::Error::AccessDenied(error.to_string()))
    }
}
