//! A desktop's notifications beside a window: dunst, which shows them for many desktops without one of their own.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::bus::{Bus, session};
use crate::program::end;
use crate::{Screen, eventually};

/// The program that shows them, and the bus that it is asked over.
#[derive(Debug)]
pub struct Notices {
    dunst: Child,
    bus: Bus,
}

impl Notices {
    /// Shows those of windows that are opened on this screen from now on.
    ///
    /// # Errors
    /// What is not installed here.
    ///
    /// # Panics
    /// When everything is installed and does not work.
    pub fn beside(screen: &mut Screen) -> Result<Self, String> {
        let bus = Bus::of(screen)?;
        // They stay until somebody closes them.
        let settings = bus.folder.path().join("dunstrc");
        let stay = "[urgency_low]\ntimeout = 0\n[urgency_normal]\ntimeout = 0\n";
        std::fs::write(&settings, stay).expect("a file can be written");
        let dunst = session(screen, Command::new("dunst"), bus.folder.path())
            .arg("-conf")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("dunst can not be started (package dunst): {error}"))?;
        let notices = Self { dunst, bus };
        eventually("dunst answers", || notices.ask(screen, &["count"]));
        Ok(notices)
    }

    /// How many are shown now.
    ///
    /// # Panics
    /// When dunst does not answer.
    #[must_use]
    pub fn shown(&self, screen: &Screen) -> usize {
        let count = self.ask(screen, &["count", "displayed"]);
        let count = count.and_then(|count| count.trim().parse().ok());
        count.expect("dunst counts them")
    }

    /// Does to the newest what a click on it does.
    ///
    /// # Panics
    /// When dunst does not answer.
    pub fn choose(&self, screen: &Screen) {
        self.ask(screen, &["action", "0"])
            .expect("it can be chosen");
    }

    /// Closes those that are shown.
    ///
    /// # Panics
    /// When dunst does not answer.
    pub fn close(&self, screen: &Screen) {
        self.ask(screen, &["close-all"])
            .expect("they can be closed");
    }

    /// The name of the program, the title and the text of those that were closed, the newest first.
    ///
    /// # Panics
    /// When dunst does not answer.
    #[must_use]
    pub fn closed(&self, screen: &Screen) -> Vec<[String; 3]> {
        let told = self.ask(screen, &["history"]).expect("dunst knows them");
        let told: Value = serde_json::from_str(&told).expect("it tells them in JSON");
        let all = told["data"][0].as_array().cloned().unwrap_or_default();
        let field = |notice: &Value, name: &str| {
            let text = notice[name]["data"].as_str();
            text.unwrap_or_default().to_owned()
        };
        all.iter()
            .map(|notice| ["appname", "summary", "body"].map(|name| field(notice, name)))
            .collect()
    }

    /// What is answered; `None` where nobody does.
    fn ask(&self, screen: &Screen, words: &[&str]) -> Option<String> {
        let asked = session(screen, Command::new("dunstctl"), self.bus.folder.path())
            .args(words)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let told = String::from_utf8_lossy(&asked.stdout).into_owned();
        asked.status.success().then_some(told)
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        end(&mut self.dunst);
    }
}
