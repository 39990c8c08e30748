//! A TURN client of a few requests over UDP, to see each answer's code: coturn's own tells only whether all went well.

use std::net::{IpAddr, SocketAddr, UdpSocket};
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

/// A client with what it was told.
pub(crate) struct Turn {
    socket: UdpSocket,
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

    /// The same by a socket that is there.
    pub(crate) fn allocate_by(
        socket: UdpSocket,
        username: &str,
        password: &str,
    ) -> Result<Self, Answered> {
        socket.set_read_timeout(Some(AGAIN)).unwrap();
        let mut turn = Self {
            socket,
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

    fn request(&self, method: Method, attributes: Attributes<'_>) -> Vec<u8> {
        self.exchange(&|| {
            let mut request = Message::builder_request(method, MessageWriteVec::new());
            attributes(&mut request);
            request
                .add_attribute(&Username::new(&self.username).unwrap())
                .unwrap();
            request
                .add_attribute(&Realm::new(&self.realm).unwrap())
                .unwrap();
            request
                .add_attribute(&Nonce::new(&self.nonce).unwrap())
                .unwrap();
            let sha1 = IntegrityAlgorithm::Sha1;
            request
                .add_message_integrity(&self.credentials, sha1)
                .unwrap();
            request
        })
    }

    fn exchange(&self, request: &dyn Fn() -> MessageWriteVec) -> Vec<u8> {
        for _ in 0..20 {
            let request = request();
            let id = request.transaction_id();
            self.socket.send(&request.finish()).unwrap();
            let mut answer = vec![0; 2000];
            let Ok(read) = self.socket.recv(&mut answer) else {
                continue;
            };
            answer.truncate(read);
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
