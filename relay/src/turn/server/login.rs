//! Who a request is of: the long-term mechanism of RFC 8489, section 9.2, with credentials that end by themselves.
//!
//! A nonce is its own proof: a time and a keyed hash of the time and the asker's address. Nothing is stored for who
//! has not logged in, so nobody can fill anything.

use std::net::IpAddr;

use alloquy_ids::UnixMs;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use turn_types::stun::attribute::{
    AttributeStaticType, ErrorCode, MessageIntegrity, Nonce, Realm, Username,
};
use turn_types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageIntegrityCredentials,
    MessageWrite, MessageWriteExt, MessageWriteVec,
};

use crate::turn::credentials::account_of;
use crate::turn::{CredentialError, Secret, password_of};

/// Seconds for which a nonce is good: who recorded a login can repeat it for no longer.
const NONCE_S: u64 = 600;
/// Characters of a nonce's time, in hexadecimal.
const NONCE_TIME: usize = 16;

/// Who asks, proved.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) account: String,
    /// Whether the time of the credential is over: it serves what it began, and begins nothing.
    pub(super) ended: bool,
    key: IntegrityKey,
}

/// What logins are checked by.
#[derive(Debug)]
pub(super) struct Logins {
    pub(super) realm: String,
    /// Newest first; the second is taken until credentials of it have ended.
    pub(super) secrets: Vec<Secret>,
    pub(super) nonce_key: [u8; 32],
}

impl Logins {
    /// Proves who asks, or gives the answer that says what is missing.
    pub(super) fn check(
        &self,
        request: &Message<'_>,
        from: IpAddr,
        now: UnixMs,
    ) -> Result<Login, Vec<u8>> {
        if !request.has_attribute(MessageIntegrity::TYPE) {
            return Err(self.ask(request, 401, from, now));
        }
        let username = request.attribute::<Username>();
        let realm = request.attribute::<Realm>();
        let nonce = request.attribute::<Nonce>();
        let (Ok(username), Ok(realm), Ok(nonce)) = (username, realm, nonce) else {
            return Err(refusal(request, 400, None));
        };
        if !self.is_nonce(nonce.nonce(), from, now) {
            return Err(self.ask(request, 438, from, now));
        }
        let username = username.username();
        let ended = match account_of(username, now) {
            Ok(_) => false,
            Err(CredentialError::Expired(_)) => true,
            Err(_) => return Err(self.ask(request, 401, from, now)),
        };
        let known = realm.realm() == self.realm;
        let mut keys = self.secrets.iter().map(|secret| self.key(secret, username));
        let key = keys.find(|key| {
            let proved = request.validate_integrity_with_key(key);
            matches!(proved, Ok(IntegrityAlgorithm::Sha1))
        });
        match key {
            Some(key) if known => Ok(Login {
                account: username
                    .split_once(':')
                    .map_or("", |(_, account)| account)
                    .to_owned(),
                username: username.to_owned(),
                ended,
                key,
            }),
            _ => Err(self.ask(request, 401, from, now)),
        }
    }

    fn key(&self, secret: &Secret, username: &str) -> IntegrityKey {
        let password = password_of(secret, username).to_string();
        let known = LongTermKeyCredentials::new(username.to_owned(), password, self.realm.clone());
        MessageIntegrityCredentials::from(known).make_key(IntegrityAlgorithm::Sha1)
    }

    /// Asks who it is: 401, or 438 where its nonce is too old.
    pub(super) fn ask(
        &self,
        request: &Message<'_>,
        code: u16,
        from: IpAddr,
        now: UnixMs,
    ) -> Vec<u8> {
        let mut answer = error(request, code);
        let nonce = self.nonce(from, now.0 / 1000 + NONCE_S);
        let added = Realm::new(&self.realm)
            .and_then(|realm| answer.add_attribute(&realm))
            .and_then(|()| Nonce::new(&nonce))
            .and_then(|nonce| answer.add_attribute(&nonce));
        if let Err(error) = added {
            tracing::debug!(%error, "a realm or nonce does not fit");
        }
        answer.finish()
    }

    fn nonce(&self, from: IpAddr, ends: u64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.nonce_key).expect("HMAC takes any key");
        mac.update(&ends.to_be_bytes());
        mac.update(from.to_string().as_bytes());
        let proof = alloquy_ids::to_base32(&mac.finalize().into_bytes()[..10]);
        format!("{ends:016x}{proof}")
    }

    fn is_nonce(&self, nonce: &str, from: IpAddr, now: UnixMs) -> bool {
        let time = nonce.get(..NONCE_TIME).unwrap_or_default();
        let Ok(ends) = u64::from_str_radix(time, 16) else {
            return false;
        };
        // No secret hangs on it: who guesses a nonce still needs the password.
        ends > now.0 / 1000 && self.nonce(from, ends) == nonce
    }
}

impl Login {
    /// Signs an answer of ours.
    pub(super) fn sign(&self, mut answer: MessageWriteVec) -> Vec<u8> {
        let signed = answer.add_message_integrity_with_key(&self.key, IntegrityAlgorithm::Sha1);
        if let Err(error) = signed {
            tracing::debug!(%error, "an answer can not be signed");
        }
        answer.finish()
    }
}

fn error(request: &Message<'_>, code: u16) -> MessageWriteVec {
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    let added = ErrorCode::new(code, reason(code)).and_then(|code| answer.add_attribute(&code));
    if let Err(error) = added {
        tracing::debug!(%error, "an error code does not fit");
    }
    answer
}

/// The answer that refuses a request.
pub(super) fn refusal(request: &Message<'_>, code: u16, login: Option<&Login>) -> Vec<u8> {
    let answer = error(request, code);
    match login {
        Some(login) => login.sign(answer),
        None => answer.finish(),
    }
}

/// RFC 8489 section 14.8 and RFC 8656 section 19.
fn reason(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        437 => "Allocation Mismatch",
        438 => "Stale Nonce",
        440 => "Address Family not Supported",
        441 => "Wrong Credentials",
        442 => "Unsupported Transport Protocol",
        443 => "Peer Address Family Mismatch",
        486 => "Allocation Quota Reached",
        508 => "Insufficient Capacity",
        _ => "Server Error",
    }
}
