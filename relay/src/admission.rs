//! Who may reserve: everybody, those on a list, or who shows a pass of a listed issuer.
//!
//! Only reserving needs admission. Who calls a peer that has reserved is that peer's affair: a newcomer whom nobody
//! knows yet comes in by an invite that names a relay. Callers are bounded by quotas ([`crate::quota`]).
//!
//! A list is a file of lines: a peer (network key, or libp2p's peer id), `issuer` and a key, nothing, or a remark after
//! `#`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloquy_ids::{NetworkKey, UnixMs};
use libp2p::PeerId;

use crate::limits::{ISSUERS_MAX, LIST_BYTES_MAX, LIST_LINES_MAX, PASSES_MAX};
use crate::pass::{Pass, PassError};
use crate::peer::{key_of, parse_key, peer_of};

/// A list of those who may reserve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Peers.
    pub peers: BTreeSet<PeerId>,
    /// Whose passes are good.
    pub issuers: BTreeSet<NetworkKey>,
}

/// Why a text is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Too large.
    #[error("the list has {0} bytes, at most {LIST_BYTES_MAX} are taken")]
    Bytes(u64),
    /// Too many lines.
    #[error("the list has {0} lines, at most {LIST_LINES_MAX} are taken")]
    Lines(usize),
    /// Too many issuers.
    #[error("the list has {0} issuers, at most {ISSUERS_MAX} are taken")]
    Issuers(usize),
    /// A line that says nothing that we know.
    #[error(
        "line {line}: {text:?} is no peer: a network key, a peer id, or `issuer` and a key are"
    )]
    Line {
        /// Which, from 1.
        line: usize,
        /// Its first 80 characters.
        text: String,
    },
    /// Nobody would be admitted.
    #[error("the list names nobody: every reservation would be refused")]
    Empty,
}

impl Listed {
    /// Reads a list.
    ///
    /// # Errors
    /// See [`ListError`].
    pub fn parse(text: &str) -> Result<Self, ListError> {
        let bytes = text.len() as u64;
        if bytes > LIST_BYTES_MAX {
            return Err(ListError::Bytes(bytes));
        }
        let lines = text.lines().count();
        if lines > LIST_LINES_MAX {
            return Err(ListError::Lines(lines));
        }
        let mut list = Self::default();
        for (at, line) in text.lines().enumerate() {
            let said = line.split('#').next().unwrap_or_default().trim();
            if said.is_empty() {
                continue;
            }
            let words: Vec<&str> = said.split_whitespace().collect();
            let taken = match words[..] {
                [peer] => parse_key(peer)
                    .and_then(peer_of)
                    .map(|peer| list.peers.insert(peer)),
                ["issuer", key] => parse_key(key).map(|key| list.issuers.insert(key)),
                _ => None,
            };
            if taken.is_none() {
                return Err(ListError::Line {
                    line: at + 1,
                    text: said.chars().take(80).collect(),
                });
            }
        }
        if list.issuers.len() > ISSUERS_MAX {
            return Err(ListError::Issuers(list.issuers.len()));
        }
        if list == Self::default() {
            return Err(ListError::Empty);
        }
        Ok(list)
    }
}

/// Whom a relay serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Everybody, within the quotas.
    Open,
    /// Those on the list, and holders of passes of its issuers.
    Listed(Listed),
}

/// Why a pass was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// By its own words.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// Nobody here knows its issuer.
    #[error("passes of {0} are not taken here")]
    Issuer(NetworkKey),
    /// A peer that has no network key.
    #[error("the peer's key is no Ed25519 key")]
    Key,
}

#[derive(Debug)]
struct Shared {
    admission: Admission,
    passes: BTreeMap<PeerId, Pass>,
}

/// The door: shared by the protocol that asks and whoever changes the list.
#[derive(Clone, Debug)]
pub struct Door {
    shared: Arc<Mutex<Shared>>,
}

impl Door {
    /// A door of this admission; no pass was shown yet.
    #[must_use]
    pub fn new(admission: Admission) -> Self {
        let shared = Shared {
            admission,
            passes: BTreeMap::new(),
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the admission. Reservations that stand are not ended, but not renewed.
    pub fn admit(&self, admission: Admission) {
        self.lock().admission = admission;
    }

    /// Whether a peer may reserve now.
    #[must_use]
    pub fn admits(&self, peer: &PeerId, now: UnixMs) -> bool {
        let shared = self.lock();
        match &shared.admission {
            Admission::Open => true,
            Admission::Listed(list) => {
                list.peers.contains(peer) || shared.pass_of(peer, list, now).is_some()
            }
        }
    }

    /// Whether a peer was admitted by somebody's decision: it stands in the list, or holds a pass. A door that is
    /// open to everybody admits nobody by name.
    #[must_use]
    pub fn admits_by_name(&self, peer: &PeerId, now: UnixMs) -> bool {
        let is_open = self.lock().admission == Admission::Open;
        !is_open && self.admits(peer, now)
    }

    /// Bytes per day that a peer's pass allows, if it came in by one.
    #[must_use]
    pub fn bytes_per_day(&self, peer: &PeerId, now: UnixMs) -> Option<u64> {
        let shared = self.lock();
        let Admission::Listed(list) = &shared.admission else {
            return None;
        };
        if list.peers.contains(peer) {
            return None;
        }
        let pass = shared.pass_of(peer, list, now)?;
        Some(pass.bytes_per_day)
    }

    /// Takes a pass that a peer shows. An open door takes any good one, for it changes nothing.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn show(&self, peer: &PeerId, pass: &Pass, now: UnixMs) -> Result<(), Refused> {
        let key = key_of(peer).ok_or(Refused::Key)?;
        pass.check(key, now)?;
        let mut shared = self.lock();
        match &shared.admission {
            Admission::Open => return Ok(()),
            Admission::Listed(list) if list.issuers.contains(&pass.issuer) => {}
            Admission::Listed(_) => return Err(Refused::Issuer(pass.issuer)),
        }
        shared.passes.insert(*peer, *pass);
        if shared.passes.len() > PASSES_MAX {
            let ends = |(peer, pass): (&PeerId, &Pass)| (pass.expires, *peer);
            if let Some((_, first)) = shared.passes.iter().map(ends).min() {
                shared.passes.remove(&first);
            }
        }
        Ok(())
    }
}

impl Shared {
    /// A pass that is still good: its time and its issuer's standing may have ended since it was shown.
    fn pass_of(&self, peer: &PeerId, list: &Listed, now: UnixMs) -> Option<&Pass> {
        self.passes
            .get(peer)
            .filter(|pass| pass.expires > now && list.issuers.contains(&pass.issuer))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn key(n: u8) -> NetworkKey {
        NetworkKey(SigningKey::from_bytes(&[n; 32]).verifying_key().to_bytes())
    }

    fn peer(n: u8) -> PeerId {
        peer_of(key(n)).unwrap()
    }

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    #[test]
    fn a_list_names_peers_and_issuers() {
        let text = format!(
            "# friends\n{}\n\n  {}  # Ben\nissuer {}\n",
            key(1),
            peer(2),
            key(3)
        );
        let list = Listed::parse(&text).unwrap();
        assert_eq!(list.peers, BTreeSet::from([peer(1), peer(2)]));
        assert_eq!(list.issuers, BTreeSet::from([key(3)]));
    }

    #[test]
    fn a_bad_list_is_refused_with_its_line_and_the_limit() {
        let bad = format!("{}\nissuer\n", key(1));
        let error = Listed::parse(&bad).unwrap_err();
        assert_eq!(
            error,
            ListError::Line {
                line: 2,
                text: "issuer".to_owned()
            }
        );
        for line in ["nonsense", "issuer x", "a b c", &"x".repeat(5_000)] {
            let error = Listed::parse(line).unwrap_err();
            assert!(matches!(error, ListError::Line { line: 1, .. }), "{error}");
            assert!(error.to_string().len() < 250, "{error}");
        }
        assert_eq!(Listed::parse("# nobody\n"), Err(ListError::Empty));
        let lines = "\n".repeat(LIST_LINES_MAX + 1);
        assert_eq!(
            Listed::parse(&lines),
            Err(ListError::Lines(LIST_LINES_MAX + 1))
        );
        let issuers: String = (0..=ISSUERS_MAX)
            .map(|n| {
                let mut seed = [9; 32];
                seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
                let key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
                format!("issuer {}\n", NetworkKey(key))
            })
            .collect();
        assert_eq!(
            Listed::parse(&issuers),
            Err(ListError::Issuers(ISSUERS_MAX + 1))
        );
    }

    #[test]
    fn a_door_admits_the_listed_and_holders_of_passes_while_both_stand() {
        let issuer = SigningKey::from_bytes(&[3; 32]);
        let list = Listed {
            peers: [peer(1)].into(),
            issuers: [key(3)].into(),
        };
        let door = Door::new(Admission::Listed(list.clone()));
        assert!(door.admits(&peer(1), NOW) && !door.admits(&peer(2), NOW));
        assert!(door.admits_by_name(&peer(1), NOW) && !door.admits_by_name(&peer(2), NOW));
        let pass = Pass::sign(&issuer, key(2), UnixMs(NOW.0 + 1000), 7);
        assert_eq!(
            door.show(&peer(4), &pass, NOW),
            Err(Refused::Pass(PassError::Holder(key(2))))
        );
        let stranger = Pass::sign(&SigningKey::from_bytes(&[5; 32]), key(2), pass.expires, 7);
        assert_eq!(
            door.show(&peer(2), &stranger, NOW),
            Err(Refused::Issuer(key(5)))
        );
        assert!(!door.admits(&peer(2), NOW));
        assert_eq!(door.show(&peer(2), &pass, NOW), Ok(()));
        assert!(door.admits(&peer(2), NOW));
        assert_eq!(door.bytes_per_day(&peer(2), NOW), Some(7));
        assert_eq!(door.bytes_per_day(&peer(1), NOW), None);
        assert!(!door.admits(&peer(2), UnixMs(NOW.0 + 1000)), "it ended");

        door.admit(Admission::Listed(Listed {
            issuers: BTreeSet::new(),
            ..list
        }));
        assert!(!door.admits(&peer(2), NOW), "its issuer is listed no more");
        door.admit(Admission::Open);
        assert!(door.admits(&PeerId::random(), NOW));
        assert!(!door.admits_by_name(&peer(1), NOW), "nobody was named");
    }
}
