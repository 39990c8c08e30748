//! Debian's Mumble: its server, and clients under Xvfb that ask nothing, since all that they would ask about is there:
//! a certificate of their own, and the server's fingerprint among those that were accepted.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use alloquy_tests::Screen;
use anyhow::{Context, ensure};
use sha1::{Digest, Sha1};
use tempfile::TempDir;

use super::rig::{EAR, MICROPHONE, NOBODYS_EAR, Process, Rig, SILENT_MICROPHONE};

const PATIENCE: Duration = Duration::from_secs(60);
/// Who runs the server where we are root: it refuses to, and Debian's own account for it may not read our folder.
const NOBODY: &str = "65534";

/// How its clients are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// As they come, but always sending, and without the echo canceller, which has no headphones to cancel.
    Default,
    /// With all that makes them faster: 10 ms a packet, least buffers.
    Tuned,
}

/// A server, and two clients that are in its only channel.
#[derive(Debug)]
pub(crate) struct Mumble {
    clients: [Process; 2],
    _server: Process,
    _screen: Screen,
    _folder: TempDir,
}

impl Mumble {
    /// The process that plays what the other one picks up.
    pub(crate) fn listener(&self) -> u32 {
        self.clients[1].0.id()
    }

    /// Starts all and waits until both clients are in.
    pub(crate) fn start(rig: &Rig, setting: Setting) -> anyhow::Result<Self> {
        let screen = Screen::start().context("Xvfb is not installed")?;
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let log = folder.path().join("server/log");
        let (server, port, fingerprint) = server(&folder.path().join("server"))?;
        wait("listens", &log, "Server listening", 1)?;
        let client = |name: &str, input: &str, output: &str| {
            let home = folder.path().join(name);
            prepare(&home, input, output, setting, (port, &fingerprint))?;
            let mut command = Command::new("mumble");
            screen.lend(&mut command);
            command
                .args(["-m", "-n"])
                .arg(format!("mumble://{name}@127.0.0.1:{port}/?version=1.2.0"))
                .current_dir(&home)
                .env("HOME", &home)
                .env("XDG_RUNTIME_DIR", &home)
                .env("PULSE_SERVER", rig.server())
                .env_remove("XDG_CONFIG_HOME")
                .env_remove("XDG_DATA_HOME");
            Process::start(&mut command)
        };
        let clients = [
            client("ana", MICROPHONE, NOBODYS_EAR)?,
            client("ben", SILENT_MICROPHONE, EAR)?,
        ];
        wait("lets both in", &log, "Authenticated", 2)?;
        Ok(Self {
            clients,
            _server: server,
            _screen: screen,
            _folder: folder,
        })
    }
}

/// Waits until a line is there so many times.
fn wait(what: &str, log: &Path, mark: &str, times: usize) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        if text.matches(mark).count() >= times {
            return Ok(());
        }
        let waited = since.elapsed() < PATIENCE;
        ensure!(waited, "Mumble's server never {what}: {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The server, its port and the fingerprint of its certificate.
fn server(folder: &Path) -> anyhow::Result<(Process, u16, String)> {
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?;
    let place = |name: &str| folder.join(name);
    let (key, cert) = (place("key.pem"), place("cert.pem"));
    signed(&key, &cert)?;
    // The account that runs the server reads it; it is worth nothing outside of this run.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    let fingerprint = fingerprint(&fs::read_to_string(&cert)?)?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let settings = format!(
        "database={}\nlogfile=\npidfile=\nhost=127.0.0.1\nport={port}\nbandwidth=130000\nbonjour=false\n\
         sslCert={}\nsslKey={}\n",
        place("db.sqlite").display(),
        cert.display(),
        key.display(),
    );
    fs::write(place("server.ini"), settings)?;
    let mut command = match rustix::process::getuid().is_root() {
        false => Command::new("murmurd"),
        true => {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
                .arg("murmurd");
            command
        }
    };
    command.arg("-fg").arg("-ini").arg(place("server.ini"));
    // In the foreground it logs to its standard error alone.
    let log = fs::File::create(place("log"))?;
    let process = Process::logged(&mut command, log).context("Debian's mumble-server")?;
    Ok((process, port, fingerprint))
}

/// The folder of a client that was set up once and has met the server.
fn prepare(
    home: &Path,
    input: &str,
    output: &str,
    setting: Setting,
    (port, fingerprint): (u16, &str),
) -> anyhow::Result<()> {
    let config = home.join(".config/Mumble");
    let data = home.join(".local/share/Mumble/Mumble");
    fs::create_dir_all(&config)?;
    fs::create_dir_all(&data)?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
    let faster = match setting {
        Setting::Default => ("", ""),
        Setting::Tuned => ("framesperpacket=1\noutputdelay=1\n", "jitterbuffer=1\n"),
    };
    let settings = format!(
        "[General]\nlastupdate=3\n[audio]\ninput=PulseAudio\noutput=PulseAudio\ntransmit=0\necho=false\n\
         {}[pulseaudio]\ninput={input}\noutput={output}\n[net]\n{}certificate=@ByteArray({})\n\
         [ui]\ndisableconnectdialog=true\nusage=false\naskonquit=false\n",
        faster.0,
        faster.1,
        certificate(home)?,
    );
    fs::write(config.join("Mumble.conf"), settings)?;
    let make = format!(
        "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1])\n\
         base.execute('CREATE TABLE cert (id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT, port INTEGER, digest TEXT)')\n\
         base.execute('INSERT INTO cert (hostname, port, digest) VALUES (?, ?, ?)', ('127.0.0.1', {port}, '{fingerprint}'))\n\
         base.commit()\n"
    );
    let status = Command::new("python3")
        .args(["-c", &make])
        .arg(data.join("mumble.sqlite"))
        .status()
        .context("python3")?;
    ensure!(status.success(), "python3 makes no database: {status}");
    Ok(())
}

/// Makes a certificate that signs itself.
fn signed(key: &Path, cert: &Path) -> anyhow::Result<()> {
    openssl(
        Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
            ])
            .args(["-subj", "/CN=Mumble User", "-keyout"])
            .arg(key)
            .arg("-out")
            .arg(cert),
    )
}

fn openssl(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("openssl (is it installed?)")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "openssl: {told}");
    Ok(())
}

/// SHA-1 of a certificate, as Mumble remembers it.
fn fingerprint(pem: &str) -> anyhow::Result<String> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let bytes = data_encoding::BASE64.decode(lines.collect::<String>().as_bytes())?;
    Ok(data_encoding::HEXLOWER.encode(&Sha1::digest(bytes)))
}

/// A certificate with its key as PKCS 12, written as Qt writes bytes into its settings.
fn certificate(home: &Path) -> anyhow::Result<String> {
    let place = |name: &str| -> PathBuf { home.join(name) };
    let (key, cert, both) = (place("k.pem"), place("c.pem"), place("c.p12"));
    signed(&key, &cert)?;
    openssl(
        Command::new("openssl")
            .args(["pkcs12", "-export", "-passout", "pass:", "-inkey"])
            .arg(&key)
            .arg("-in")
            .arg(&cert)
            .arg("-out")
            .arg(&both),
    )?;
    let mut text = String::new();
    for byte in fs::read(&both)? {
        write!(text, "\\x{byte:x}")?;
    }
    Ok(text)
}
