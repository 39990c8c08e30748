//! A TURN server: coturn itself, at a machine of the lab, over UDP, TCP and TLS.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::program::end;
use crate::{Host, eventually};

/// What credentials are made with.
const SECRET: &str = "a secret of the lab";

/// The process. Dropped: it is killed.
#[derive(Debug)]
pub struct Coturn {
    child: Option<Child>,
    address: String,
    folder: PathBuf,
}

impl Coturn {
    /// Starts it. Programs that are to trust it need [`Coturn::trust`].
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(host: &Host, folder: &Path) -> Self {
        let address = host.v4.clone().or_else(|| host.v6.clone());
        let address = address.expect("it has an address");
        let names = vec![address.clone()];
        let signed = rcgen::generate_simple_self_signed(names).expect("a certificate");
        std::fs::write(folder.join("cert.pem"), signed.cert.pem()).expect("written");
        std::fs::write(folder.join("key.pem"), signed.key_pair.serialize_pem()).expect("written");
        // Private addresses are refused, as every operator should: coturn 4.6 ends an allocation of which one packet could
        // not be sent, and here no route leads to them.
        let settings = format!(
            "listening-ip={address}\nrelay-ip={address}\nlistening-port=3478\ntls-listening-port=443\n\
             use-auth-secret\nstatic-auth-secret={SECRET}\nrealm=lab\ncert={cert}\npkey={key}\n\
             no-cli\nno-dtls\ndenied-peer-ip=192.168.0.0-192.168.255.255\n\
             denied-peer-ip=10.0.0.0-10.255.255.255\npidfile={pid}\nlog-file=stdout\nsimple-log\n",
            cert = folder.join("cert.pem").display(),
            key = folder.join("key.pem").display(),
            pid = folder.join("pid").display(),
        );
        let file = folder.join("turnserver.conf");
        std::fs::write(&file, settings).expect("written");
        let log = std::fs::File::create(folder.join("log")).expect("made");
        let child = host
            .command("turnserver")
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::from(log.try_clone().expect("a second handle")))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("turnserver can be started");
        let coturn = Self {
            child: Some(child),
            address,
            folder: folder.to_owned(),
        };
        for port in [3478, 443] {
            let ask = format!(": </dev/tcp/{}/{port}", coturn.address);
            eventually("coturn listens", || {
                let asked = host
                    .command("bash")
                    .args(["-c", &ask])
                    .stderr(Stdio::null())
                    .status();
                asked.is_ok_and(|status| status.success()).then_some(())
            });
        }
        coturn
    }

    /// A file for `--ice` that names this server by these addresses, in which `HOST` stands for its own.
    ///
    /// # Panics
    /// When it can not be written.
    #[must_use]
    pub fn ice(&self, name: &str, urls: &[&str]) -> PathBuf {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let username = format!("{}:{name}", since.as_secs() + 3600);
        let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).expect("any length");
        mac.update(username.as_bytes());
        let credential = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
        let host = match self.address.contains(':') {
            true => format!("[{}]", self.address),
            false => self.address.clone(),
        };
        let urls: Vec<_> = urls.iter().map(|url| url.replace("HOST", &host)).collect();
        let list =
            serde_json::json!([{"urls": urls, "username": username, "credential": credential}]);
        let file = self.folder.join(format!("{name}.ice.json"));
        std::fs::write(&file, list.to_string()).expect("written");
        file
    }

    /// The environment of a program that trusts its certificate.
    #[must_use]
    pub fn trust(&self) -> String {
        format!("SSL_CERT_FILE={}", self.folder.join("cert.pem").display())
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        end(&mut self.child.take().expect("it runs"));
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}
