//! Programs that people use, set up for a rendezvous: each in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Terminal, WeeChat, end, installed};
use crate::rendezvous::Rendezvous;
use crate::wait::eventually;

/// A program with one channel before its person.
pub trait Face {
    /// Types into the channel.
    fn types(&self, text: &str);

    /// Waits until it shows a text.
    fn shows(&self, text: &str);

    /// All that it shows of the channel.
    fn all(&self) -> String;
}

impl Face for Terminal {
    fn types(&self, text: &str) {
        Self::types(self, text);
    }

    fn shows(&self, text: &str) {
        Self::shows(self, text);
    }

    fn all(&self) -> String {
        self.screen()
    }
}

/// WeeChat, and the name of the channel.
impl Face for (WeeChat, &str) {
    fn types(&self, text: &str) {
        self.0.types(&format!("irc.own.{}", self.1), text);
    }

    fn shows(&self, text: &str) {
        let log = format!("irc.own.{}", self.1.replace('/', "_"));
        let _line = self.0.shows(&log, text);
    }

    fn all(&self) -> String {
        self.0.log(&format!("irc.own.{}", self.1.replace('/', "_")))
    }
}

/// How a client logs in.
#[derive(Clone, Copy, Debug)]
pub enum LogIn<'a> {
    /// By an account's password.
    Password(&'a str),
    /// By the certificate in this file.
    Certificate(&'a Path),
    /// By a password, with the certificate in this file shown.
    Both(&'a str, &'a Path),
}

fn folder_of(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the settings can be written");
}

/// The first of these programs that is not installed.
#[must_use]
pub fn lacks<'a>(programs: &[&'a str]) -> Option<&'a str> {
    programs.iter().copied().find(|program| !installed(program))
}

/// EPIC5, which knows RFC 1459 and little else, without TLS.
#[must_use]
pub fn epic5(root: &Path, rendezvous: &Rendezvous, nick: &str) -> Terminal {
    let folder = folder_of(root, "epic5");
    let (host, port) = ("127.0.0.1", Rendezvous::port(&rendezvous.plain));
    let home = folder.display();
    Terminal::run(
        &folder,
        &format!("env HOME={home} epic5 -q -n {nick} {host}:{port}"),
    )
}

/// catgirl, which speaks TLS alone and trusts the authority of the rendezvous.
#[must_use]
pub fn catgirl(root: &Path, rendezvous: &Rendezvous, (nick, by): (&str, LogIn<'_>)) -> Terminal {
    let folder = folder_of(root, "catgirl");
    let log_in = match by {
        LogIn::Password(password) => format!("-a {nick}:{password}"),
        LogIn::Certificate(path) => format!("-e -c {}", path.display()),
        LogIn::Both(password, path) => format!("-a {nick}:{password} -c {}", path.display()),
    };
    let command = format!(
        "env HOME={} catgirl -h localhost -p {} -t {} -n {nick} {log_in} -j '#club/general'",
        folder.display(),
        Rendezvous::port(&rendezvous.tls),
        rendezvous.authority().display(),
    );
    Terminal::run(&folder, &command)
}

/// finch, with libpurple and its SASL.
#[must_use]
pub fn finch(root: &Path, rendezvous: &Rendezvous, (account, password): (&str, &str)) -> Terminal {
    let folder = folder_of(root, "finch");
    let settings = folder_of(&folder, ".purple");
    let port = Rendezvous::port(&rendezvous.plain);
    write(
        &settings.join("accounts.xml"),
        &format!(
            "<?xml version='1.0' encoding='UTF-8' ?>\n<account version='1.0'><account>\
             <protocol>prpl-irc</protocol><name>{account}@127.0.0.1</name><password>{password}</password>\
             <settings><setting name='port' type='int'>{port}</setting><setting name='ssl' type='bool'>0</setting>\
             <setting name='sasl' type='bool'>1</setting><setting name='auth_plain_in_clear' type='bool'>1</setting>\
             <setting name='encoding' type='string'>UTF-8</setting></settings>\
             <settings ui='gnt-purple'><setting name='auto-login' type='bool'>1</setting></settings>\
             </account></account>\n"
        ),
    );
    write(
        &settings.join("blist.xml"),
        &format!(
            "<?xml version='1.0' encoding='UTF-8' ?>\n<purple version='1.0'><blist><group name='Chats'>\
             <chat proto='prpl-irc' account='{account}@127.0.0.1'><component name='channel'>#club/general</component>\
             <setting name='gnt-autojoin' type='bool'>1</setting></chat></group></blist></purple>\n"
        ),
    );
    Terminal::run(&folder, &format!("env HOME={} finch", folder.display()))
}

/// irssi, over TLS that it checks, with SASL.
#[must_use]
pub fn irssi(root: &Path, rendezvous: &Rendezvous, (account, password): (&str, &str)) -> Terminal {
    let folder = folder_of(root, "irssi");
    write(
        &folder.join("config"),
        &format!(
            "servers = ( {{ address = \"localhost\"; chatnet = \"own\"; port = \"{}\"; use_tls = \"yes\"; \
             tls_verify = \"yes\"; tls_cafile = \"{}\"; autoconnect = \"yes\"; }} );\n\
             chatnets = {{ own = {{ type = \"IRC\"; nick = \"{account}\"; sasl_mechanism = \"PLAIN\"; \
             sasl_username = \"{account}\"; sasl_password = \"{password}\"; }}; }};\n\
             channels = ( {{ name = \"#club/general\"; chatnet = \"own\"; autojoin = \"yes\"; }} );\n",
            Rendezvous::port(&rendezvous.tls),
            rendezvous.authority().display(),
        ),
    );
    Terminal::run(&folder, &format!("irssi --home={}", folder.display()))
}

/// Limnoria, a bot, with SASL. Without TLS: of a welcome in one TLS record it reads 1,024 bytes and waits for more
/// from the network, as its driver does not ask what the TLS library still holds.
#[derive(Debug)]
pub struct Limnoria {
    log: PathBuf,
    child: Child,
}

impl Limnoria {
    /// Starts it; it joins the channel and answers to `@`.
    ///
    /// # Panics
    /// When it can not be started.
    #[must_use]
    pub fn start(root: &Path, rendezvous: &Rendezvous, (account, password): (&str, &str)) -> Self {
        let folder = folder_of(root, "limnoria");
        let place = folder.display();
        let settings = folder.join("bot.conf");
        write(
            &settings,
            &format!(
                "supybot.nick: {account}\nsupybot.ident: bot\nsupybot.user: bot\nsupybot.networks: own\n\
                 supybot.networks.own.servers: {}\nsupybot.networks.own.ssl: False\n\
                 supybot.networks.own.channels: #club/general\nsupybot.networks.own.sasl.username: {account}\n\
                 supybot.networks.own.sasl.password: {password}\nsupybot.directories.conf: {place}/conf\n\
                 supybot.directories.data: {place}/data\nsupybot.directories.log: {place}/logs\n\
                 supybot.directories.backup: {place}/backup\nsupybot.reply.whenAddressedBy.chars: @\n\
                 supybot.plugins: Utilities Misc\nsupybot.plugins.Utilities: True\nsupybot.plugins.Misc: True\n\
                 supybot.log.stdout: True\n",
                rendezvous.plain,
            ),
        );
        let log = folder.join("output");
        let output = std::fs::File::create(&log).expect("a file can be made");
        let child = Command::new("supybot")
            .args(["--allow-root"])
            .arg(settings)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("supybot can be started");
        Self { log, child }
    }

    /// Waits until its log tells something so many times.
    pub fn tells(&self, text: &str, times: usize) {
        eventually(&format!("Limnoria tells {text:?}"), || {
            let told = std::fs::read_to_string(&self.log).ok()?;
            (told.matches(text).count() >= times).then_some(())
        });
    }
}

impl Drop for Limnoria {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
