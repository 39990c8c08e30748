//! A rendezvous, with a certificate of an authority made for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustix::process::Signal;

use crate::irc::Irc;
use crate::peer::Peer;
use crate::program::{Program, end, signal};
use crate::wait::{Lines, eventually};

/// Where the binary `alloquy-rendezvous` is: `ALLOQUY_RENDEZVOUS_BIN`, else where cargo built it beside this test, else
/// built now.
///
/// # Panics
/// When it can not be built.
pub fn rendezvous_program() -> &'static Path {
    static RENDEZVOUS: Program = Program::new(
        "alloquy-rendezvous",
        "ALLOQUY_RENDEZVOUS_BIN",
        &["-p", "alloquy-rendezvous"],
    );
    RENDEZVOUS.path()
}

/// A rendezvous, while it runs. Dropped: the process is killed.
#[derive(Debug)]
pub struct Rendezvous {
    folder: PathBuf,
    child: Option<Child>,
    /// `127.0.0.1:PORT` without TLS.
    pub plain: String,
    /// The same with TLS.
    pub tls: String,
    /// Read for as long as it may write.
    lines: Option<Lines>,
}

impl Rendezvous {
    /// Starts one in a folder that is not there yet: accounts are made by whoever comes, `lobby` is its lobby.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, "")
    }

    /// The same with further lines of the part `irc` of its settings.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start_with(folder: &Path, further: &str) -> Self {
        std::fs::create_dir(folder).expect("the folder is new");
        certify(folder);
        let settings = "server_name = \"irc.example.org\"\ndata_dir = \"data\"\n[irc]\nnetwork = \"Example\"\n\
            open_registration = true\nsasl = [\"PLAIN\", \"EXTERNAL\", \"SCRAM-SHA-256\"]\nlobby = true\n\
            tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";
        let mut ports = Vec::new();
        for _ in 0..2 {
            // Kept until both are known, so that they differ; clients come back to the same ones after a restart.
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            ports.push(free);
        }
        let at = |at: usize| ports[at].local_addr().expect("it is bound").to_string();
        let doors = format!(
            "listen_plain = [\"{}\"]\nlisten_tls = [\"{}\"]\n",
            at(0),
            at(1)
        );
        drop(ports);
        std::fs::write(
            folder.join("rendezvous.toml"),
            format!("{settings}{doors}{further}"),
        )
        .expect("the settings can be written");
        let mut started = Self {
            folder: folder.to_owned(),
            child: None,
            plain: String::new(),
            tls: String::new(),
            lines: None,
        };
        started.restart();
        started
    }

    /// Starts it again after [`Self::stop`].
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = Command::new(rendezvous_program())
            .arg("--config")
            .arg(self.folder.join("rendezvous.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the rendezvous can be started");
        let mut lines = Lines::of(child.stdout.take().expect("its output is a pipe"));
        self.child = Some(child);
        let mut address = |kind: &str| {
            let line = lines.find(kind, |line| line.starts_with(kind));
            line[kind.len()..].to_owned()
        };
        self.plain = address("plain: ");
        self.tls = address("tls: ");
        self.lines = Some(lines);
    }

    /// SIGTERM, and waits for the clean end.
    ///
    /// # Panics
    /// When it does not end, or not cleanly.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, Signal::TERM);
        let status = eventually("the rendezvous ends", || {
            child.try_wait().expect("a child can be waited for")
        });
        assert!(status.success(), "{status}");
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        end(&mut self.child.take().expect("it runs"));
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The certificate of the authority that certified it.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Its own node, to be told lines while the rendezvous runs.
    #[must_use]
    pub fn node(&self) -> Peer {
        Peer::at(&self.data())
    }

    /// The node of an account, by its number, while the rendezvous runs it.
    #[must_use]
    pub fn node_of(&self, number: u64) -> Peer {
        Peer::at(&self.data().join("accounts").join(number.to_string()))
    }

    /// The port of an address of it.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn port(address: &str) -> &str {
        address.rsplit(':').next().expect("an address has a port")
    }

    /// Makes an account.
    ///
    /// # Panics
    /// When it is refused.
    pub fn register(&self, name: &str, password: &str) {
        let mut guest = Irc::connect(&self.plain);
        guest.say(&format!("NICK {name}"));
        guest.say(&format!("USER {name} 0 * :{name}"));
        guest.hears(" 005 ");
        guest.say(&format!("REGISTER * * :{password}"));
        guest.hears("REGISTER SUCCESS");
        guest.say("QUIT");
        guest.ends();
    }

    /// A client of our own that is in as an account, with these capabilities.
    #[must_use]
    pub fn client(&self, name: &str, password: &str, caps: &str) -> Irc {
        let mut irc = Irc::connect(&self.plain);
        irc.say(&format!("PASS :{name}:{password}"));
        irc.say(&format!("CAP REQ :{caps}"));
        irc.say(&format!("NICK {name}"));
        irc.say(&format!("USER {name} 0 * :{name}"));
        irc.say("CAP END");
        irc.hears(" 376 ");
        irc
    }

    /// Has the rendezvous' node join a community of its owner, who lets it in as a bridge.
    ///
    /// # Panics
    /// When it does not become one.
    pub fn let_in(&self, owner: &Peer, community: &str) {
        let node = self.node();
        node.line(&format!("join {}", owner.invite(community)));
        let account = node.account();
        owner.line(&format!("role create {community} Bridge --allow bridge"));
        eventually("the owner sees the rendezvous", || {
            let members = owner.line(&format!("members {community}")).to_string();
            members.contains(&account).then_some(())
        });
        owner.line(&format!("role grant {community} Bridge {account}"));
        eventually("the rendezvous has the right", || {
            let members = node.tell(&format!("members {community}")).value.to_string();
            members.contains("Bridge").then_some(())
        });
    }
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}

/// Makes an authority, and a certificate of it for this machine: `authority.pem`, `cert.pem` and `key.pem`.
///
/// # Panics
/// When they can not be written.
pub fn certify(folder: &Path) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a certificate can be written");
    };
    let authority_key = KeyPair::generate().expect("a key can be made");
    let mut authority = CertificateParams::new(Vec::new()).expect("it names nobody");
    authority
        .distinguished_name
        .push(DnType::CommonName, "Authority of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = authority
        .self_signed(&authority_key)
        .expect("an authority signs itself");
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key can be made");
    let mut certificate = CertificateParams::new(names).expect("these are names");
    certificate
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    let certificate = certificate
        .signed_by(&key, &authority, &authority_key)
        .expect("the authority signs");
    write("authority.pem", &authority.pem());
    write("cert.pem", &certificate.pem());
    write("key.pem", &key.serialize_pem());
}

/// Makes a certificate that signs itself, with its key, for somebody who logs in by it.
///
/// # Panics
/// When it can not be written.
pub fn client_certificate(path: &Path) {
    let made = rcgen::generate_simple_self_signed(["client".to_owned()])
        .expect("a certificate can be made");
    let both = format!("{}{}", made.key_pair.serialize_pem(), made.cert.pem());
    std::fs::write(path, both).expect("it can be written");
}
