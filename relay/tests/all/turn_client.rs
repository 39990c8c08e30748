//! A TURN client of a few requests over UDP or TLS, to see each answer's code: coturn's own tells only whether all went
//! well, and over TLS it waits without end for some answers.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use turn_types::attribute::{Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress};
use turn_types::message::{ALLOCATE, CREATE_PERMISSION, REFRESH};
use turn_types::stun::attribute::{ErrorCode, Nonce, Realm, Username};
use turn_types::stun::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageIntegrityCredentials, MessageWrite,
    MessageWriteExt, MessageWriteVec, Method,
};

use super::coturn::Space;

/// How long an answer may take before the request is sent again.
const AGAIN: Duration = Duration::from_secs(2);

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Success,
    Error(u16),
}

/// How the server is reached.
enum Line {
    Udp(UdpSocket),
    /// Through `openssl s_client`, which knows nothing of TURN.
    Tls(Child, Receiver<Vec<u8>>),
}

impl Line {
    fn tls(space: &Space, server: &str) -> Self {
        let mut openssl = space.command("openssl");
        openssl.args(["s_client", "-quiet", "-connect", &format!("{server}:443")]);
        let streams = openssl.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = streams.stderr(Stdio::null()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            loop {
                let mut message = vec![0; 20];
                if out.read_exact(&mut message).is_err() {
                    return;
                }
                let length = u16::from_be_bytes([message[2], message[3]]);
                message.resize(20 + usize::from(length), 0);
                if out.read_exact(&mut message[20..]).is_err() || sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self::Tls(child, answers)
    }

    fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket) => assert_eq!(socket.send(bytes).unwrap(), bytes.len()),
            Self::Tls(child, _) => {
                let stream = child.stdin.as_mut().unwrap();
                stream
                    .write_all(bytes)
                    .and_then(|()| stream.flush())
                    .unwrap();
            }
        }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Udp(socket) => {
                let mut answer = vec![0; 2000];
                let read = socket.recv(&mut answer).ok()?;
                answer.truncate(read);
                Some(answer)
            }
            Self::Tls(_, answers) => answers.recv_timeout(AGAIN).ok(),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Self::Tls(child, _) = self {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A client with what it was told.
pub(crate) struct Turn {
    line: Line,
    username: String,
    credentials: MessageIntegrityCredentials,
    realm: String,
    nonce: String,
    pub(crate) relayed: Option<SocketAddr>,
}

type Attributes<'a> = &'a dyn Fn(&mut MessageWriteVec);

impl Turn {
    /// An allocation.
    pub(crate) fn allocate(
        space: &Space,
        server: &str,
        username: &str,
        password: &str,
    ) -> Result<Self, Answered> {
        let server: IpAddr = server.parse().unwrap();
        let socket = space.inside(move || {
            let socket = UdpSocket::bind((server, 0)).unwrap();
            socket.connect((server, 3478)).unwrap();
            socket
        });
        Self::allocate_by(socket, username, password)
    }

    /// The same over TLS at port 443.
    pub(crate) fn allocate_by_tls(
        space: &Space,
        server: &str,
        username: &str,
        password: &str,
    ) -> Result<Self, Answered> {
        Self::begin(Line::tls(space, server), username, password)
    }

    /// The same by a socket that is there.
    pub(crate) fn allocate_by(
        socket: UdpSocket,
        username: &str,
        password: &str,
    ) -> Result<Self, Answered> {
        socket.set_read_timeout(Some(AGAIN)).unwrap();
        Self::begin(Line::Udp(socket), username, password)
    }

    fn begin(line: Line, username: &str, password: &str) -> Result<Self, Answered> {
        let mut turn = Self {
            line,
            username: username.to_owned(),
            credentials: LongTermKeyCredentials::new(String::new(), String::new(), String::new())
                .into(),
            realm: String::new(),
            nonce: String::new(),
            relayed: None,
        };
        let udp = RequestedTransport::new(RequestedTransport::UDP);
        let first = turn.exchange(&|| {
            let mut request = Message::builder_request(ALLOCATE, MessageWriteVec::new());
            request.add_attribute(&udp).unwrap();
            request
        });
        let first = Message::from_bytes(&first).unwrap();
        assert_eq!(
            first.attribute::<ErrorCode>().unwrap().code(),
            401,
            "who is nobody is asked who it is"
        );
        turn.realm = first.attribute::<Realm>().unwrap().realm().to_owned();
        turn.nonce = first.attribute::<Nonce>().unwrap().nonce().to_owned();
        turn.credentials = LongTermKeyCredentials::new(
            username.to_owned(),
            password.to_owned(),
            turn.realm.clone(),
        )
        .into();
        let answer = turn.request(ALLOCATE, &|request| request.add_attribute(&udp).unwrap());
        let answer = Message::from_bytes(&answer).unwrap();
        match answered(&answer) {
            Answered::Success => {
                let relayed = answer.attribute::<XorRelayedAddress>().unwrap();
                turn.relayed = Some(relayed.addr(answer.transaction_id()));
                Ok(turn)
            }
            refused => Err(refused),
        }
    }

    /// Asks for a permission.
    pub(crate) fn permit(&mut self, peer: &IpAddr) -> Answered {
        let peer = SocketAddr::new(*peer, 9);
        let answer = self.request(CREATE_PERMISSION, &|request| {
            let id = request.transaction_id();
            request
                .add_attribute(&XorPeerAddress::new(peer, id))
                .unwrap();
        });
        answered(&Message::from_bytes(&answer).unwrap())
    }

    /// Ends the allocation.
    pub(crate) fn release(&mut self) -> Answered {
        let answer = self.request(REFRESH, &|request| {
            request.add_attribute(&Lifetime::new(0)).unwrap()
        });
        answered(&Message::from_bytes(&answer).unwrap())
    }

    /// Uses another name and password from now on.
    pub(crate) fn become_other(&mut self, username: &str, password: &str) {
        username.clone_into(&mut self.username);
        let realm = self.realm.clone();
        self.credentials =
            LongTermKeyCredentials::new(username.to_owned(), password.to_owned(), realm).into();
    }

    fn request(&mut self, method: Method, attributes: Attributes<'_>) -> Vec<u8> {
        let username = self.username.clone();
        let (realm, nonce) = (self.realm.clone(), self.nonce.clone());
        let credentials = self.credentials.clone();
        self.exchange(&|| {
            let mut request = Message::builder_request(method, MessageWriteVec::new());
            attributes(&mut request);
            request
                .add_attribute(&Username::new(&username).unwrap())
                .unwrap();
            request.add_attribute(&Realm::new(&realm).unwrap()).unwrap();
            request.add_attribute(&Nonce::new(&nonce).unwrap()).unwrap();
            let sha1 = IntegrityAlgorithm::Sha1;
            request.add_message_integrity(&credentials, sha1).unwrap();
            request
        })
    }

    fn exchange(&mut self, request: &dyn Fn() -> MessageWriteVec) -> Vec<u8> {
        for _ in 0..20 {
            let request = request();
            let id = request.transaction_id();
            self.line.send(&request.finish());
            let Some(answer) = self.line.receive() else {
                continue;
            };
            let is_ours =
                Message::from_bytes(&answer).is_ok_and(|answer| answer.transaction_id() == id);
            if is_ours {
                return answer;
            }
        }
        panic!("the server does not answer");
    }
}

fn answered(answer: &Message<'_>) -> Answered {
    match answer.attribute::<ErrorCode>() {
        Ok(error) => Answered::Error(error.code()),
        Err(_) => Answered::Success,
    }
}
