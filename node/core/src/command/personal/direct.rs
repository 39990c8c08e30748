//! Orders about contacts, direct messages and groups.

use alloquy_api::command::AccountRef;
use alloquy_api::{CommandError, ErrorCode, PersonalCommand, Reply};
use alloquy_ids::{AccountId, CommunityId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::identity;
use rand_core::CryptoRng;

use crate::command::{Outcome, error};
use crate::direct::contacts::Standing;
use crate::io::{Origin, Write};
use crate::node::Node;
use crate::outbox::After;
use crate::record::Key;

const OK: Reply = Reply::Ok { ok: true };

fn opened(id: CommunityId) -> Reply {
    Reply::Direct {
        direct: id,
        channel: direct::channel(id),
    }
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn direct_order(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        use PersonalCommand as P;
        match order {
            P::ContactLink => {
                let contact = self.contact_link().print();
                self.answer(origin, Reply::ContactLink { contact })
            }
            P::ContactAdd { link } => {
                let id = self.add_contact(&link)?;
                self.answer_opened(origin, id)
            }
            P::ContactRemove { account } => self.remove_contact(origin, &account),
            P::Contacts => {
                let contacts = self.contact_views();
                self.answer(origin, Reply::Contacts { contacts })
            }
            P::Dm { account } => {
                let account = self.person_named(&account.0)?;
                let id = self.open_direct(account)?;
                self.answer_opened(origin, id)
            }
            P::DmRequests => {
                let dm_requests = self.dm_request_views();
                self.answer(origin, Reply::DmRequests { dm_requests })
            }
            P::DmAccept { account } => self.accept(origin, &account),
            P::DmDecline { account } => self.decline(origin, &account),
            P::Block { account } => self.block(origin, &account, true),
            P::Unblock { account } => self.block(origin, &account, false),
            P::Verify { account, confirmed } => {
                let account = self.person_named(&account.0)?;
                let reply = self.verify(account, confirmed)?;
                self.answer(origin, reply)
            }
            other => self.group_order(origin, other),
        }
    }

    /// Answers when all that a conversation begins with is durable: tasks end in order.
    fn answer_opened(&mut self, origin: Origin, id: CommunityId) -> Outcome {
        self.outbox.store(Vec::new(), After::Opened(origin, id));
        Ok(())
    }

    pub(crate) fn opened_stored(&mut self, origin: Origin, id: CommunityId) {
        let result = if self.is_active(id) {
            Ok(opened(id))
        } else {
            let text =
                "the conversation could not be stored; nothing was written, nothing was sent";
            Err(error(ErrorCode::Storage, text))
        };
        self.outbox.done(origin, result);
    }

    fn group_order(&mut self, origin: Origin, order: PersonalCommand) -> Outcome {
        use PersonalCommand as P;
        match order {
            P::GroupCreate { name, accounts } => {
                let accounts: Vec<_> = accounts
                    .iter()
                    .map(|account| self.person_named(&account.0))
                    .collect::<Result<_, _>>()?;
                self.create_group(origin, &name, &accounts)
            }
            P::GroupAdd { group, account } => {
                let id = self.group_named(&group.0)?;
                let account = self.person_named(&account.0)?;
                self.add_to_group(origin, id, account)
            }
            P::GroupRemove { group, account } => {
                let id = self.group_named(&group.0)?;
                let of = self.active(id)?;
                let account = match self.account_named(of, &account.0) {
                    Ok(account) => account,
                    Err(_unknown) => self.person_named(&account.0)?,
                };
                self.kick(origin, (id, account), None)
            }
            other => Err(error(
                ErrorCode::Internal,
                format!("{other:?} is not part of this build"),
            )),
        }
    }

    fn remove_contact(&mut self, origin: Origin, account: &AccountRef) -> Outcome {
        let account = self.person_named(&account.0)?;
        if !self.is_accepted(account) {
            let text = format!("{} is no contact", self.person_name(account));
            return Err(error(ErrorCode::UnknownName, text));
        }
        let write = self.edit_contact(account, |contact| {
            contact.standing = Standing::Unknown;
            contact.verified = None;
            contact.secret = None;
        });
        self.answer_stored(origin, write.into_iter().collect(), OK);
        Ok(())
    }

    /// Who asks, by name or id.
    fn asker(&self, account: &AccountRef) -> Result<AccountId, CommandError> {
        let named = self.people.requests.iter().filter(|(id, request)| {
            // Who wrote before it knew a prekey of this device could not say its name.
            let known = || request.name.is_empty() && self.person_name(**id) == account.0;
            request.name == account.0 || id.to_string() == account.0 || known()
        });
        let named: Vec<_> = named.map(|(id, _)| *id).collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("there is no request of {:?}", account.0),
            )),
            many => Err(crate::command::ambiguous(
                "requests",
                &account.0,
                many.iter().map(ToString::to_string),
            )),
        }
    }

    /// Accepts a request: who asked is a contact from now on.
    fn accept(&mut self, origin: Origin, account: &AccountRef) -> Outcome {
        let account = self.asker(account)?;
        let Some(request) = self.people.requests.get(&account).cloned() else {
            return Ok(());
        };
        let (chain, prekeys) = (request.chain.clone(), vec![request.prekey.clone()]);
        let kept = self.edit_contact(account, |contact| {
            contact.standing = Standing::Accepted;
            contact.name.clone_from(&request.name);
            contact.chain.clone_from(&request.chain);
            contact.homes.clone_from(&request.homes);
            if request.group.is_none() {
                contact.prekeys.clone_from(&prekeys);
            }
        });
        let Some(kept) = kept else {
            return Err(crate::direct::contacts_full());
        };
        let reply = match request.group {
            None => {
                let id = self.hold_direct(account, &chain, prekeys, UnixMs(0))?;
                if let Ok(identity) = identity::evaluate(&request.chain) {
                    self.learn_homes(&identity, &request.homes);
                }
                self.greet(request.from, id);
                self.answers_later(id);
                opened(id)
            }
            Some(group) => {
                if self.peers.contains_key(&request.from) {
                    self.enter_group(request.from, group);
                }
                opened(group)
            }
        };
        self.people.requests.remove(&account);
        self.views.directs_changed();
        let gone = Write::Delete(Key::DmRequest(account).to_key());
        self.answer_stored(origin, vec![kept, gone], reply);
        Ok(())
    }

    fn decline(&mut self, origin: Origin, account: &AccountRef) -> Outcome {
        let account = self.asker(account)?;
        let of_group = self
            .people
            .requests
            .get(&account)
            .is_some_and(|of| of.group.is_some());
        // A group of a contact is declined, not the contact.
        let kept = match of_group && self.is_accepted(account) {
            true => None,
            false => self.edit_contact(account, |contact| contact.standing = Standing::Declined),
        };
        self.drop_request(origin, account, kept);
        Ok(())
    }

    fn drop_request(&mut self, origin: Origin, account: AccountId, kept: Option<Write>) {
        let mut writes: Vec<_> = kept.into_iter().collect();
        if self.people.requests.remove(&account).is_some() {
            writes.push(Write::Delete(Key::DmRequest(account).to_key()));
        }
        self.views.directs_changed();
        self.answer_stored(origin, writes, OK);
    }

    fn block(&mut self, origin: Origin, account: &AccountRef, blocked: bool) -> Outcome {
        let account = self.person_named(&account.0)?;
        if account == self.me.account() {
            return Err(error(
                ErrorCode::NotPermitted,
                "an account can not block itself",
            ));
        }
        if !blocked && !self.is_blocked(account) {
            let text = format!("{} is not blocked", self.person_name(account));
            return Err(error(ErrorCode::UnknownName, text));
        }
        let name = self.person_name(account);
        let kept = self.edit_contact(account, |contact| {
            contact.blocked = blocked;
            if contact.name.is_empty() {
                contact.name = name;
            }
        });
        if kept.is_none() {
            return Err(crate::direct::contacts_full());
        }
        self.drop_request(origin, account, kept);
        self.keep_peers();
        if !blocked {
            self.greet_account(account);
        }
        Ok(())
    }
}
