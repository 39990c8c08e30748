//! Credentials that end by themselves, as coturn's `use-auth-secret` and the draft behind it have them
//! (draft-uberti-behave-turn-rest-00):
//!
//! ```text
//! username = expiry in Unix seconds, decimal ":" account
//! password = base64(HMAC-SHA1(secret, username))
//! ```
//!
//! Whoever knows the secret can make one and check one; nothing is stored. SHA-1 is what TURN servers know, and
//! HMAC needs no freedom from collisions of it.

use std::fmt;
use std::time::Duration;

use alloquy_ids::UnixMs;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// How long a credential is good: clients renew it after half of that, and one that leaks is worth an hour.
pub const CREDENTIAL_LIFE: Duration = Duration::from_secs(60 * 60);
/// Bytes of an account in a credential: room for any id of ours in base32, and far below STUN's 508 of a username.
pub const ACCOUNT_BYTES_MAX: usize = 64;
/// Random bytes of a secret: twice what HMAC-SHA1 gives back.
const SECRET_BYTES: usize = 40;
/// Characters of a secret that somebody else chose: fewer are guessed offline from one recorded message.
const SECRET_TEXT_MIN: usize = 32;
/// Characters of a secret: coturn's table has room for 127.
const SECRET_TEXT_MAX: usize = 127;

/// What makes credentials. Its text is the key, byte by byte, as coturn takes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// Why a text is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short or too long.
    #[error(
        "a secret of {0} characters: {SECRET_TEXT_MIN} to {SECRET_TEXT_MAX} of A-Z a-z 0-9 - _ are taken"
    )]
    Length(usize),
    /// Something that a file of settings or a table would read differently.
    #[error("a secret has {0:?} in it, only A-Z a-z 0-9 - _ are taken")]
    Character(char),
    /// The system gives no random bytes.
    #[error("no random bytes for a secret: {0}")]
    Random(String),
}

/// Why a credential can not be made, or is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// An account that would be read differently, or not at all.
    #[error(
        "the account {account:?} is not 1 to {ACCOUNT_BYTES_MAX} characters of A-Z a-z 0-9 - _ ."
    )]
    Account {
        /// Its first 80 characters.
        account: String,
    },
    /// No time and account.
    #[error("the username {0:?} is not an expiry in seconds, a colon and an account")]
    Username(String),
    /// Over.
    #[error("the credential ended {0} s ago")]
    Expired(u64),
    /// Not made by one of our secrets, or for another name or time.
    #[error("the password is not of this username")]
    Password,
}

/// A name and a password for a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Expiry and account.
    pub username: String,
    /// See the module.
    pub password: Zeroizing<String>,
    /// When it ends.
    pub expires: UnixMs,
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// [`SecretError::Random`].
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut *bytes).map_err(|error| SecretError::Random(error.to_string()))?;
        Ok(Self(Zeroizing::new(BASE64URL_NOPAD.encode(&*bytes))))
    }

    /// Takes one that was made elsewhere.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if let Some(other) = text.chars().find(|c| !taken(*c)) {
            return Err(SecretError::Character(other));
        }
        if !(SECRET_TEXT_MIN..=SECRET_TEXT_MAX).contains(&text.len()) {
            return Err(SecretError::Length(text.len()));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// As a TURN server is told it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What somebody is called towards a TURN server, so that neither it nor who reads along learns a key: 16
    /// characters that nobody can turn back without the secret.
    #[must_use]
    pub fn pseudonym(&self, of: &[u8]) -> String {
        let mut mac = mac(self);
        mac.update(b"alloquy turn pseudonym 1");
        mac.update(of);
        alloquy_ids::to_base32(&mac.finalize().into_bytes()[..10])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

fn mac(secret: &Secret) -> Hmac<Sha1> {
    Hmac::new_from_slice(secret.0.as_bytes()).expect("HMAC takes keys of any length")
}

fn mac_of(secret: &Secret, username: &str) -> Hmac<Sha1> {
    let mut mac = mac(secret);
    mac.update(username.as_bytes());
    mac
}

/// The password that belongs to a username. Says nothing of whether the username is good.
#[must_use]
pub fn password_of(secret: &Secret, username: &str) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(&mac_of(secret, username).finalize().into_bytes()))
}

impl Credential {
    /// One for an account that is good for [`CREDENTIAL_LIFE`] from now.
    ///
    /// # Errors
    /// [`CredentialError::Account`].
    pub fn issue(secret: &Secret, account: &str, now: UnixMs) -> Result<Self, CredentialError> {
        if !is_account(account) {
            let account = account.chars().take(80).collect();
            return Err(CredentialError::Account { account });
        }
        let expires = now.0 / 1000 + CREDENTIAL_LIFE.as_secs();
        let username = format!("{expires}:{account}");
        Ok(Self {
            password: password_of(secret, &username),
            username,
            expires: UnixMs(expires.saturating_mul(1000)),
        })
    }
}

fn is_account(text: &str) -> bool {
    let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=ACCOUNT_BYTES_MAX).contains(&text.len()) && text.chars().all(taken)
}

/// The account of a username whose time has not ended. Says nothing of its password.
///
/// # Errors
/// [`CredentialError::Username`] and [`CredentialError::Expired`].
pub(crate) fn account_of(username: &str, now: UnixMs) -> Result<&str, CredentialError> {
    let malformed = || CredentialError::Username(username.chars().take(80).collect());
    let (expires, account) = username.split_once(':').ok_or_else(malformed)?;
    // One way to write each time: no sign, no leading zero.
    let digits = expires.bytes().all(|byte| byte.is_ascii_digit()) && !expires.starts_with('0');
    if !digits || !is_account(account) {
        return Err(malformed());
    }
    let expires: u64 = expires
        .parse()
        .map_err(|_too_large: std::num::ParseIntError| malformed())?;
    let now = now.0 / 1000;
    if expires <= now {
        return Err(CredentialError::Expired(now - expires));
    }
    Ok(account)
}

/// Whether a username and a password are good now: the account, if one of the secrets made them. Takes as long for a
/// password that is nearly right as for any other.
///
/// # Errors
/// See [`CredentialError`].
pub fn check<'a>(
    secrets: &[Secret],
    username: &'a str,
    password: &str,
    now: UnixMs,
) -> Result<&'a str, CredentialError> {
    let account = account_of(username, now)?;
    let tag = BASE64
        .decode(password.as_bytes())
        .map_err(|_alphabet: data_encoding::DecodeError| CredentialError::Password)?;
    // All are tried, so that the time says nothing of which one it was.
    let good = secrets.iter().fold(false, |good, secret| {
        mac_of(secret, username).verify_slice(&tag).is_ok() | good
    });
    if good {
        Ok(account)
    } else {
        Err(CredentialError::Password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn secret(letter: &str) -> Secret {
        Secret::parse(&letter.repeat(40)).unwrap()
    }

    #[test]
    fn the_keyed_hash_is_that_of_rfc_2202() {
        // RFC 2202, section 3, cases 1, 2 and 7.
        let long = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data";
        for (key, text, expected) in [
            (
                &[0x0b; 20][..],
                "Hi There",
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                &[0xaa; 80],
                long,
                "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
            ),
        ] {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
            mac.update(text.as_bytes());
            let tag = mac.finalize().into_bytes();
            assert_eq!(data_encoding::HEXLOWER.encode(&tag), expected);
        }
    }

    #[test]
    fn a_credential_is_good_for_its_account_until_it_ends() {
        let (ours, old) = (secret("a"), secret("b"));
        let made = Credential::issue(&ours, "ana-1.x_y", NOW).unwrap();
        assert_eq!(made.username, "1700003600:ana-1.x_y");
        assert_eq!(made.expires, UnixMs(1_700_003_600_000));
        let secrets = [ours.clone(), old.clone()];
        let good = |now| check(&secrets, &made.username, &made.password, now);
        assert_eq!(good(NOW), Ok("ana-1.x_y"));
        assert_eq!(good(UnixMs(made.expires.0 - 1000)), Ok("ana-1.x_y"));
        assert_eq!(good(made.expires), Err(CredentialError::Expired(0)));
        let by_old = Credential::issue(&old, "ana", NOW).unwrap();
        assert_eq!(
            check(&secrets, &by_old.username, &by_old.password, NOW),
            Ok("ana")
        );
        assert_eq!(
            check(&secrets[..1], &by_old.username, &by_old.password, NOW),
            Err(CredentialError::Password)
        );
    }

    #[test]
    fn another_name_time_password_or_secret_is_refused() {
        let ours = [secret("a")];
        let made = Credential::issue(&ours[0], "ana", NOW).unwrap();
        let refused = |username: &str, password: &str| check(&ours, username, password, NOW).err();
        for username in ["1700003600:ben", "1700003601:ana", "1700003600:anaa"] {
            assert_eq!(
                refused(username, &made.password),
                Some(CredentialError::Password),
                "{username}"
            );
        }
        let mut shorter = made.password.clone();
        shorter.truncate(24);
        for password in ["", "nonsense", &*shorter, &format!("{} ", *made.password)] {
            assert_eq!(
                refused(&made.username, password),
                Some(CredentialError::Password),
                "{password:?}"
            );
        }
        for bit in 0..160 {
            let mut tag = BASE64.decode(made.password.as_bytes()).unwrap();
            tag[bit / 8] ^= 1 << (bit % 8);
            let changed = BASE64.encode(&tag);
            assert!(refused(&made.username, &changed).is_some(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_username_is_refused() {
        let ours = [secret("a")];
        for username in [
            "",
            "ana",
            "1700003600",
            "1700003600:",
            ":ana",
            "+1700003600:ana",
            "01700003600:ana",
            "-1:ana",
            "99999999999999999999999:ana",
            "1700003600:a:b",
            "1700003600:a\nb",
            "ana:1700003600",
        ] {
            let password = password_of(&ours[0], username);
            let error = check(&ours, username, &password, NOW).unwrap_err();
            assert!(
                matches!(error, CredentialError::Username(_)),
                "{username:?}: {error}"
            );
        }
        let long = "x".repeat(ACCOUNT_BYTES_MAX + 1);
        for account in ["", "a b", "a:b", "a/b", "ä", long.as_str()] {
            let error = Credential::issue(&ours[0], account, NOW).unwrap_err();
            assert!(error.to_string().contains(account), "{error}");
        }
    }

    #[test]
    fn a_secret_is_long_random_and_never_shown() {
        let made = Secret::generate().unwrap();
        assert_eq!(Secret::parse(made.expose()), Ok(made.clone()));
        assert_ne!(made, Secret::generate().unwrap());
        assert!(!format!("{made:?}").contains(made.expose()));
        let credential = Credential::issue(&made, "ana", NOW).unwrap();
        assert!(!format!("{credential:?}").contains(credential.password.as_str()));
        assert_eq!(Secret::parse("short"), Err(SecretError::Length(5)));
        assert_eq!(
            Secret::parse(&"x".repeat(128)),
            Err(SecretError::Length(128))
        );
        let with_quote = format!("{}'", "x".repeat(40));
        assert_eq!(
            Secret::parse(&with_quote),
            Err(SecretError::Character('\''))
        );
    }

    #[test]
    fn a_pseudonym_is_one_name_by_one_secret() {
        let (ours, other) = (secret("a"), secret("b"));
        assert_eq!(ours.pseudonym(b"ana"), ours.pseudonym(b"ana"));
        assert_ne!(ours.pseudonym(b"ana"), ours.pseudonym(b"ben"));
        assert_ne!(ours.pseudonym(b"ana"), other.pseudonym(b"ana"));
        assert!(Credential::issue(&ours, &ours.pseudonym(b"ana"), NOW).is_ok());
    }
}
