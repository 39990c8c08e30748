//! Comparing safety words with somebody.

use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::AccountId;
use alloquy_schema::safety;
use rand_core::CryptoRng;

use super::contacts::Standing;
use super::people::contacts_full;
use crate::command::error;
use crate::node::Node;

/// What a QR code of the words begins with.
const PREFIX: &str = "alloquy://verify/";

impl<R: CryptoRng> Node<R> {
    /// What both sides compare now: another one than before where either has another device since.
    fn safety_digest(&self, account: AccountId) -> Option<[u8; 32]> {
        let own = self.identity_of(self.me.account())?;
        Some(safety::digest(&own, &self.identity_of(account)?))
    }

    /// Whether the words were compared and are still the same.
    pub(crate) fn is_verified(&self, account: AccountId) -> bool {
        let confirmed = self.contact(account).and_then(|contact| contact.verified);
        confirmed.is_some() && confirmed == self.safety_digest(account)
    }

    /// `verify ACCOUNT [--confirmed]`.
    pub(crate) fn verify(
        &mut self,
        account: AccountId,
        confirmed: bool,
    ) -> Result<Reply, CommandError> {
        if account == self.me.account() {
            return Err(error(
                ErrorCode::NotPermitted,
                "there is nothing to compare with oneself",
            ));
        }
        let Some(digest) = self.safety_digest(account) else {
            let text = format!(
                "{} shares no community with this account and is no contact: nothing is known to compare",
                self.person_name(account)
            );
            return Err(error(ErrorCode::UnknownName, text));
        };
        if confirmed {
            let (name, chain) = (self.person_name(account), self.chain_of(account));
            let kept = self.store_contact(account, |contact| {
                contact.verified = Some(digest);
                if contact.standing != Standing::Accepted {
                    contact.standing = Standing::Accepted;
                    contact.name = name;
                    contact.chain = chain.unwrap_or_default();
                }
            });
            if !kept {
                return Err(contacts_full());
            }
        }
        Ok(Reply::Safety {
            safety_words: safety::words(&digest),
            safety_code: format!("{PREFIX}{}", alloquy_ids::to_base32(&digest)),
            verified: self.is_verified(account),
        })
    }
}
