//! The part of a desktop's portal that gives programs keys (org.freedesktop.portal.GlobalShortcuts, version 1), on a bus
//! of its own: the desktops that have it run on no screen without a monitor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;
use zbus::message::Header;
use zbus::names::BusName;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, connection, fdo, interface};

use crate::Screen;
use crate::bus::Bus;

const NAME: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";

type Options = HashMap<String, OwnedValue>;

/// A key that a program has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    session: OwnedObjectPath,
    id: String,
    /// What is to be pressed for it, where the person does not choose something else.
    pub trigger: String,
}

/// The portal. Its bus ends with it.
#[derive(Debug)]
pub struct KeyPortal {
    runtime: Runtime,
    connection: Connection,
    wanted: Arc<Mutex<Option<Wanted>>>,
    _bus: Bus,
}

impl KeyPortal {
    /// A portal for whoever is lent this screen from now on; it tells programs that `trigger` is what is to be pressed.
    ///
    /// # Errors
    /// What is not installed here.
    ///
    /// # Panics
    /// When the bus does not serve.
    pub fn beside(screen: &mut Screen, trigger: &str) -> Result<Self, String> {
        let bus = Bus::of(screen)?;
        let address = screen.bus().expect("the screen has the bus").to_owned();
        let runtime = Runtime::new().expect("a runtime can be made");
        let wanted = Arc::new(Mutex::new(None));
        let shortcuts = Shortcuts {
            wanted: Arc::clone(&wanted),
            trigger: trigger.to_owned(),
        };
        let connection = runtime.block_on(async {
            connection::Builder::address(address.as_str())?
                .serve_at(PATH, shortcuts)?
                .name(NAME)?
                .build()
                .await
        });
        Ok(Self {
            runtime,
            connection: connection.expect("the bus serves"),
            wanted,
            _bus: bus,
        })
    }

    /// The key that is asked for now; `None`: no program wants one.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = wanted.clone()?;
        // A program that has gone from the bus wants nothing any more.
        let owner = wanted.session.as_str().split('/').nth_back(1)?;
        let owner = format!(":{}", owner.replace('_', "."));
        let owner = BusName::try_from(owner).expect("the session names its owner");
        let there = self.runtime.block_on(async {
            let bus = fdo::DBusProxy::new(&self.connection).await?;
            bus.name_has_owner(owner).await
        });
        there.expect("the bus answers").then_some(wanted)
    }

    /// The key goes down or up, whatever has the focus.
    ///
    /// # Panics
    /// When no program wants it.
    pub fn press(&self, down: bool) {
        let wanted = self.wanted().expect("a program wants a key");
        let name = if down { "Activated" } else { "Deactivated" };
        let body = (wanted.session, wanted.id, 0_u64, Options::new());
        let interface = "org.freedesktop.portal.GlobalShortcuts";
        let told = self
            .connection
            .emit_signal(None::<&str>, PATH, interface, name, &body);
        self.runtime.block_on(told).expect("the bus serves");
    }
}

struct Shortcuts {
    wanted: Arc<Mutex<Option<Wanted>>>,
    trigger: String,
}

/// The object that a portal makes for a caller, by the token that it gave.
fn made_for(
    header: &Header<'_>,
    kind: &str,
    options: &Options,
    token: &str,
) -> fdo::Result<OwnedObjectPath> {
    let sender = header
        .sender()
        .map(|sender| sender.trim_start_matches(':').replace('.', "_"));
    let token = options
        .get(token)
        .and_then(|token| token.downcast_ref::<String>().ok());
    let (Some(sender), Some(token)) = (sender, token) else {
        return Err(fdo::Error::InvalidArgs("a sender and a token".to_owned()));
    };
    let path = ObjectPath::try_from(format!("{PATH}/{kind}/{sender}/{token}"));
    Ok(path
        .map_err(|error| fdo::Error::InvalidArgs(error.to_string()))?
        .into())
}

async fn answer(
    emitter: &SignalEmitter<'_>,
    header: &Header<'_>,
    request: &OwnedObjectPath,
    results: HashMap<&str, Value<'_>>,
) -> fdo::Result<()> {
    let interface = "org.freedesktop.portal.Request";
    let sender = header.sender().cloned();
    let body = (0_u32, results);
    let connection = emitter.connection();
    let told = connection.emit_signal(sender, request, interface, "Response", &body);
    Ok(told.await?)
}

#[interface(name = "org.freedesktop.portal.GlobalShortcuts")]
impl Shortcuts {
    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        1
    }

    async fn create_session(
        &self,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        let request = made_for(&header, "request", &options, "handle_token")?;
        let session = made_for(&header, "session", &options, "session_handle_token")?;
        let results = HashMap::from([("session_handle", Value::from(session.as_str()))]);
        answer(&emitter, &header, &request, results).await?;
        Ok(request)
    }

    async fn bind_shortcuts(
        &self,
        session: OwnedObjectPath,
        shortcuts: Vec<(String, Options)>,
        _parent: String,
        options: Options,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<OwnedObjectPath> {
        let request = made_for(&header, "request", &options, "handle_token")?;
        let Some((id, about)) = shortcuts.into_iter().next() else {
            return Err(fdo::Error::InvalidArgs("no shortcut".to_owned()));
        };
        let text = |name: &str| {
            let value = about.get(name).map(|value| value.downcast_ref::<String>());
            value.and_then(Result::ok).unwrap_or_default()
        };
        let told = HashMap::from([
            ("description", Value::from(text("description"))),
            ("trigger_description", Value::from(self.trigger.clone())),
        ]);
        let bound = vec![(id.clone(), told)];
        let trigger = text("preferred_trigger");
        let wanted = Wanted {
            session,
            id,
            trigger,
        };
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted);
        let results = HashMap::from([("shortcuts", Value::from(bound))]);
        answer(&emitter, &header, &request, results).await?;
        Ok(request)
    }
}
