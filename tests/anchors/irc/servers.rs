//! The servers that are compared: a node's own door, a rendezvous, and InspIRCd as Debian has it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Patience with a program that starts.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, as long as it runs.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    /// From the start of the process to the first connection that it takes.
    pub(crate) listening: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn run(command: &mut Command, (plain, tls): (SocketAddr, SocketAddr)) -> anyhow::Result<Self> {
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut server = Self {
            child,
            plain,
            tls,
            listening: Duration::ZERO,
        };
        while TcpStream::connect(plain).is_err() {
            ensure!(started.elapsed() < PATIENCE, "{command:?} does not listen");
            let ended = server.child.try_wait()?;
            ensure!(ended.is_none(), "{command:?} has ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        server.listening = started.elapsed();
        Ok(server)
    }

    /// InspIRCd with what it has of IRCv3, spared its throttles, with a certificate from this folder.
    pub(crate) fn inspircd(folder: &Path) -> anyhow::Result<Self> {
        let (plain, tls) = (free()?, free()?);
        let place = folder.display();
        let modules = [
            "cap",
            "ircv3",
            "ircv3_accounttag",
            "ircv3_batch",
            "ircv3_ctctags",
            "ircv3_echomessage",
            "ircv3_labeledresponse",
            "ircv3_msgid",
            "ircv3_servertime",
            "ssl_gnutls",
        ];
        let modules: Vec<String> = modules
            .iter()
            .map(|name| format!("<module name=\"{name}\">\n"))
            .collect();
        let settings = format!(
            "<server name=\"irc.bench\" description=\"bench\" network=\"Bench\">\n\
             <admin name=\"x\" nick=\"x\" email=\"x@example.org\">\n{}\
             <sslprofile name=\"bench\" provider=\"gnutls\" certfile=\"{place}/cert.pem\" keyfile=\"{place}/key.pem\">\n\
             <bind address=\"127.0.0.1\" port=\"{}\" type=\"clients\">\n\
             <bind address=\"127.0.0.1\" port=\"{}\" type=\"clients\" sslprofile=\"bench\">\n\
             <connect allow=\"*\" timeout=\"60\" pingfreq=\"600\" hardsendq=\"268435456\" softsendq=\"268435456\" \
             recvq=\"4194304\" threshold=\"100000000\" commandrate=\"100000000\" fakelag=\"no\" localmax=\"100000\" \
             globalmax=\"100000\" limit=\"100000\" maxconnwarn=\"no\" resolvehostnames=\"no\" useident=\"no\">\n\
             <performance softlimit=\"100000\" somaxconn=\"1024\">\n<dns server=\"127.0.0.1\" timeout=\"1\">\n\
             <pid file=\"{place}/pid\">\n<log method=\"file\" type=\"*\" level=\"default\" target=\"{place}/log\">\n",
            modules.concat(),
            plain.port(),
            tls.port(),
        );
        let file = folder.join("inspircd.conf");
        std::fs::write(&file, settings)?;
        let mut command = Command::new("inspircd");
        command
            .arg(format!("--config={}", file.display()))
            .args(["--nofork", "--runasroot"])
            // What it may leave behind goes with the folder.
            .current_dir(folder);
        Self::run(&mut command, (plain, tls))
    }

    /// A rendezvous with settings and a certificate in this folder; accounts are made by whoever comes.
    pub(crate) fn rendezvous(folder: &Path) -> anyhow::Result<Self> {
        let (plain, tls) = (free()?, free()?);
        let file = folder.join("rendezvous.toml");
        std::fs::write(
            &file,
            format!(
                "server_name = \"irc.bench\"\ndata_dir = \"data\"\n[irc]\nnetwork = \"Bench\"\n\
                 open_registration = true\nsasl = [\"PLAIN\"]\nlobby = true\n\
                 listen_plain = [\"{plain}\"]\nlisten_tls = [\"{tls}\"]\n\
                 tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n"
            ),
        )?;
        let mut command = Command::new(alloquy_tests::rendezvous_program());
        command.arg("--config").arg(file);
        Self::run(&mut command, (plain, tls))
    }

    /// A node with its own door, whose account and password are made already.
    pub(crate) fn door(data: &Path) -> anyhow::Result<Self> {
        let plain = free()?;
        let mut command = Command::new(alloquy_tests::node_program());
        command
            .env("ALLOQUY_NO_KEYCHAIN", "1")
            .args(["run", "--no-mdns", "--no-upnp", "--listen"])
            .args([
                "/ip4/127.0.0.1/tcp/0",
                "--irc",
                &plain.to_string(),
                "--data",
            ])
            .arg(data);
        Self::run(&mut command, (plain, plain))
    }
}

/// An address that nobody listens at.
fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
