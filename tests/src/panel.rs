//! A desktop's panel beside a window: Xfce's, which shows the signs of running programs (StatusNotifierItem).

use std::process::{Child, Command, Stdio};

use crate::bus::{Bus, session};
use crate::program::end;
use crate::{Screen, eventually};

/// A panel with nothing on it but signs.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="30"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray"/>
  </property>
</channel>
"#;
/// Who keeps the list of signs.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";

/// The panel, and the bus that it made.
#[derive(Debug)]
pub struct Panel {
    panel: Child,
    bus: Bus,
}

impl Panel {
    /// A panel for those windows that are opened on this screen from now on.
    ///
    /// # Errors
    /// What is not installed here.
    ///
    /// # Panics
    /// When everything is installed and does not work.
    pub fn beside(screen: &mut Screen) -> Result<Self, String> {
        let bus = Bus::of(screen)?;
        let settings = bus.folder.path().join("xfce4/xfconf/xfce-perchannel-xml");
        std::fs::create_dir_all(&settings).expect("a folder can be made");
        std::fs::write(settings.join("xfce4-panel.xml"), SETTINGS).expect("a file can be written");
        let panel = session(screen, Command::new("xfce4-panel"), bus.folder.path())
            .arg("--disable-wm-check")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("xfce4-panel can not be started (package xfce4-panel): {error}")
            })?;
        let panel = Self { panel, bus };
        eventually("the panel shows signs", || {
            let told = panel.property(screen, "IsStatusNotifierHostRegistered")?;
            told.contains("boolean true").then_some(())
        });
        Ok(panel)
    }

    /// The bus name and the object of every sign that it shows.
    #[must_use]
    pub fn signs(&self, screen: &Screen) -> Vec<(String, String)> {
        let told = self.property(screen, "RegisteredStatusNotifierItems");
        let told = told.unwrap_or_default();
        let quoted = told.split('"').skip(1).step_by(2);
        let parted = quoted.filter_map(|sign| {
            let (name, object) = sign.split_once('/')?;
            Some((name.to_owned(), format!("/{object}")))
        });
        parted.collect()
    }

    /// Does to a sign what the panel does when it is clicked.
    ///
    /// # Panics
    /// When whoever put it up does not answer.
    pub fn click(&self, screen: &Screen, (name, object): &(String, String)) {
        let click = [
            &format!("--dest={name}"),
            object,
            "org.kde.StatusNotifierItem.Activate",
            "int32:0",
            "int32:0",
        ];
        self.send(screen, &click).expect("the sign can be clicked");
    }

    fn property(&self, screen: &Screen, name: &str) -> Option<String> {
        let get = [
            &format!("--dest={WATCHER}"),
            "/StatusNotifierWatcher",
            "org.freedesktop.DBus.Properties.Get",
            &format!("string:{WATCHER}"),
            &format!("string:{name}"),
        ];
        self.send(screen, &get)
    }

    /// What is answered; `None` where nobody does.
    fn send(&self, screen: &Screen, arguments: &[&str]) -> Option<String> {
        let sent = session(screen, Command::new("dbus-send"), self.bus.folder.path())
            .args(["--session", "--print-reply", "--reply-timeout=10000"])
            .args(arguments)
            .stderr(Stdio::null())
            .output()
            .expect("dbus-send is there where dbus-daemon is");
        let told = String::from_utf8(sent.stdout).expect("it answers in text");
        sent.status.success().then_some(told)
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        end(&mut self.panel);
    }
}
