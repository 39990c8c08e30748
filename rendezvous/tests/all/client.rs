//! A client of IRC, as bare as can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::program::{PATIENCE, Rendezvous};

pub(crate) trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
    /// All that came.
    pub(crate) log: String,
}

fn socket(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

impl Client {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream: BufReader::new(stream),
            log: String::new(),
        }
    }

    pub(crate) fn plain(server: &mut Rendezvous) -> Self {
        Self::new(Box::new(socket(&server.says("plain: "))))
    }

    pub(crate) fn tls(server: &mut Rendezvous, shows: Option<&rcgen::CertifiedKey>) -> Self {
        let stream = socket(&server.says("tls: "));
        let mut roots = RootCertStore::empty();
        let certificate = server.folder.path().join("cert.pem");
        let certificate = CertificateDer::from_pem_file(certificate).unwrap();
        roots.add(certificate).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::Pkcs8(own.key_pair.serialize_der().into());
                builder
                    .with_client_auth_cert(vec![own.cert.der().clone()], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![b"irc".to_vec()];
        let name = ServerName::try_from("irc.example.org").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::new(Box::new(StreamOwned::new(session, stream)))
    }

    pub(crate) fn say(&mut self, line: &str) {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        stream.flush().unwrap();
    }

    /// The next line; `None` at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        // TLS tells of an end without a farewell as an error.
        let count = read.unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => panic!("nothing comes after: {}", self.log),
            _ => 0,
        });
        self.log.push_str(&line);
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// The next line that holds a text. Pings are answered on the way.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let Some(line) = self.line() else {
                panic!("the end, and no {text:?}: {}", self.log);
            };
            if let Some(token) = line.strip_prefix("PING ") {
                self.say(&format!("PONG {token}"));
            }
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn introduce(&mut self, nick: &str) {
        self.say(&format!("NICK {nick}"));
        self.say(&format!("USER {nick} 0 * :{nick}"));
    }

    /// Makes an account as a guest of its nick.
    pub(crate) fn register(&mut self, nick: &str, password: &str) {
        self.introduce(nick);
        self.until(" 005 ");
        self.say(&format!("REGISTER * * :{password}"));
        self.until("REGISTER SUCCESS");
    }

    /// Logs in by SASL PLAIN.
    pub(crate) fn log_in(&mut self, account: &str, password: &str) {
        self.say("CAP REQ :sasl message-tags server-time echo-message standard-replies");
        self.introduce(account);
        self.until(" ACK ");
        self.say("AUTHENTICATE PLAIN");
        self.until("AUTHENTICATE +");
        let secret = format!("\0{account}\0{password}");
        let text = data_encoding::BASE64.encode(secret.as_bytes());
        self.say(&format!("AUTHENTICATE {text}"));
    }

    pub(crate) fn come_in(&mut self, account: &str, password: &str) {
        self.log_in(account, password);
        self.until(" 903 ");
        self.say("CAP END");
        self.until(" 005 ");
    }
}
