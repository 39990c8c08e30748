//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the side that knows no password.
//!
//! ```text
//!  client-first  n,,n=ana,r=CLIENT
//!  server-first  r=CLIENTSERVER,s=SALT,i=ROUNDS
//!  client-final  c=biws,r=CLIENTSERVER,p=PROOF
//!  server-final  v=SIGNATURE
//! ```
//! Without channel binding: who terminates TLS in front of us would break it.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::limits::SCRAM_BYTES_MAX;
use crate::secret::{ScramKept, equal, mac};

/// Why an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// It is no message of SCRAM, or not of this exchange.
    #[error("it is no message of SCRAM-SHA-256")]
    Malformed,
    /// It asks for channel binding, which is not offered.
    #[error("channel binding is not offered")]
    Binding,
    /// The proof is wrong, or there is no such account.
    #[error("the proof is wrong")]
    Proof,
}

/// An exchange with one client.
#[derive(Debug)]
pub struct Exchange {
    kept: ScramKept,
    known: bool,
    /// What both sides sign, as far as it has come.
    signed: String,
    nonce: String,
    header: String,
}

/// Random bytes of the server's part of a nonce.
pub const NONCE_BYTES: usize = 18;

struct First<'a> {
    header: &'a str,
    bare: &'a str,
    user: String,
    nonce: &'a str,
}

fn parse_first(first: &str) -> Result<First<'_>, ScramError> {
    let bad = ScramError::Malformed;
    if first.len() > SCRAM_BYTES_MAX {
        return Err(bad);
    }
    let mut parts = first.splitn(3, ',');
    let (Some(binding), Some(_authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(bad);
    };
    match binding {
        "n" | "y" => {}
        binding if binding.starts_with("p=") => return Err(ScramError::Binding),
        _ => return Err(bad),
    }
    let mut fields = bare.split(',');
    let user = fields
        .next()
        .and_then(|field| field.strip_prefix("n="))
        .ok_or(bad)?;
    let nonce = fields
        .next()
        .and_then(|field| field.strip_prefix("r="))
        .ok_or(bad)?;
    if user.is_empty() || nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad);
    }
    Ok(First {
        header: &first[..first.len() - bare.len()],
        bare,
        user: unescaped(user).ok_or(bad)?,
        nonce,
    })
}

/// A name in which `,` and `=` are written `=2C` and `=3D`.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        text.push(character);
        text.push_str(rest);
    }
    Some(text)
}

impl Exchange {
    /// The account that a client's first message names, without what stands behind a slash: that names what it wants to
    /// see, and both sides sign it with the rest.
    ///
    /// # Errors
    /// [`ScramError::Malformed`], [`ScramError::Binding`].
    pub fn user(first: &str) -> Result<String, ScramError> {
        let mut user = parse_first(first)?.user;
        user.truncate(user.find('/').unwrap_or(user.len()));
        Ok(user)
    }

    pub(crate) fn new(kept: ScramKept, known: bool) -> Self {
        Self {
            kept,
            known,
            signed: String::new(),
            nonce: String::new(),
            header: String::new(),
        }
    }

    /// The answer to a client's first message, with the server's part of the nonce.
    ///
    /// # Errors
    /// [`ScramError::Malformed`], [`ScramError::Binding`].
    pub fn first(
        &mut self,
        message: &str,
        random: [u8; NONCE_BYTES],
    ) -> Result<String, ScramError> {
        self.answer(message, &BASE64.encode(&random))
    }

    fn answer(&mut self, message: &str, own_nonce: &str) -> Result<String, ScramError> {
        let first = parse_first(message)?;
        self.nonce = format!("{}{own_nonce}", first.nonce);
        let salt = BASE64.encode(&self.kept.salt);
        let answer = format!("r={},s={salt},i={}", self.nonce, self.kept.rounds);
        self.signed = format!("{},{answer}", first.bare);
        self.header = BASE64.encode(first.header.as_bytes());
        Ok(answer)
    }

    /// The answer to a client's last message, by which the server shows that it knows the password's verifier.
    ///
    /// # Errors
    /// See [`ScramError`].
    pub fn last(&self, message: &str) -> Result<String, ScramError> {
        let bad = ScramError::Malformed;
        if message.len() > SCRAM_BYTES_MAX || self.nonce.is_empty() {
            return Err(bad);
        }
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(bad)?;
        let mut fields = without_proof.split(',');
        let header = fields
            .next()
            .and_then(|field| field.strip_prefix("c="))
            .ok_or(bad)?;
        let nonce = fields
            .next()
            .and_then(|field| field.strip_prefix("r="))
            .ok_or(bad)?;
        if header != self.header || nonce != self.nonce {
            return Err(bad);
        }
        let proof = BASE64.decode(proof.as_bytes()).ok();
        let proof: [u8; 32] = proof.and_then(|proof| proof.try_into().ok()).ok_or(bad)?;
        let signed = format!("{},{without_proof}", self.signed);
        let mut client_key = mac(&self.kept.stored_key, signed.as_bytes());
        for (byte, proof) in client_key.iter_mut().zip(proof) {
            *byte ^= proof;
        }
        let right = equal(&Sha256::digest(client_key).into(), &self.kept.stored_key);
        if !right || !self.known {
            return Err(ScramError::Proof);
        }
        let signature = mac(&self.kept.server_key, signed.as_bytes());
        Ok(format!("v={}", BASE64.encode(&signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    fn example(password: &str, known: bool) -> (Exchange, String) {
        let salt = BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let kept = ScramKept::with(password, salt.try_into().unwrap(), 4_096);
        let mut exchange = Exchange::new(kept, known);
        let first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        assert_eq!(Exchange::user(first).unwrap(), "user");
        let answer = exchange.answer(first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        (exchange, answer.unwrap())
    }

    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    #[test]
    fn the_example_of_the_rfc_is_answered_to_the_letter() {
        let (exchange, answer) = example("pencil", true);
        assert_eq!(
            answer,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(exchange.last(LAST).unwrap(), signature);
    }

    #[test]
    fn a_wrong_proof_and_no_account_look_the_same() {
        let (wrong, _) = example("pencils", true);
        let (nobody, _) = example("pencil", false);
        assert_eq!(wrong.last(LAST), Err(ScramError::Proof));
        assert_eq!(nobody.last(LAST), Err(ScramError::Proof));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for first in [
            "",
            "n,,",
            "n,,r=x",
            "n,,n=,r=x",
            "n,,n=a",
            "x,,n=a,r=x",
            "n,,n=a=2X,r=x",
            "n,,n=a=,r=x",
            &format!("n,,n={},r=x", "a".repeat(SCRAM_BYTES_MAX)),
        ] {
            assert_eq!(Exchange::user(first), Err(ScramError::Malformed), "{first}");
        }
        assert_eq!(
            Exchange::user("p=tls-unique,,n=a,r=x"),
            Err(ScramError::Binding)
        );
        assert_eq!(Exchange::user("y,a=b,n=a=2Cb=3D,r=x").unwrap(), "a,b=");
        assert_eq!(Exchange::user("n,,n=ana/club,r=x").unwrap(), "ana");
        let (exchange, _) = example("pencil", true);
        let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        for last in [
            "",
            "c=biws",
            &format!("c=eSws,{nonce},p=AAAA"),
            &format!("c=biws,{nonce}x,p=AAAA"),
            &format!("c=biws,{nonce},p=AAAA"),
            &format!("c=biws,{nonce},p=!"),
            &LAST[7..],
        ] {
            assert_eq!(exchange.last(last), Err(ScramError::Malformed), "{last}");
        }
        let unasked = Exchange::new(exchange.kept.clone(), true);
        assert_eq!(unasked.last(LAST), Err(ScramError::Malformed));
    }
}
