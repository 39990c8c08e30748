//! Groups: making them, adding and removing, and the keys for whoever is added.

use alloquy_api::{CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, CommunityId};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Writer;
use alloquy_schema::content::Field;
use alloquy_schema::epoch;
use alloquy_schema::limits::NAME_BYTES_MAX;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions};
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::command::{check_name, content, error, set_text};
use crate::history::policy;
use crate::io::{Origin, Write};
use crate::limits::{GROUP_MEMBERS_MAX, WRAPS_MAX};
use crate::node::Node;
use crate::outbox::{After, Own, put, put_bytes};
use crate::record::Key;

type Outcome = Result<(), CommandError>;

fn full(accounts: usize) -> CommandError {
    error(
        ErrorCode::Limit,
        format!("the group would have {accounts} accounts, the limit is {GROUP_MEMBERS_MAX}"),
    )
}

impl<R: CryptoRng> Node<R> {
    /// The group of a name or id.
    pub(crate) fn group_named(&self, text: &str) -> Result<CommunityId, CommandError> {
        let id = self.community_named(text)?;
        if self.active(id)?.kind() == CommunityKind::Group {
            return Ok(id);
        }
        Err(error(
            ErrorCode::UnknownName,
            format!("{text:?} is a community, not a group"),
        ))
    }

    /// The operation that adds an account, as far as its identity is known here.
    fn addition_of(&self, account: AccountId) -> Result<AuthorityOp, CommandError> {
        if self.is_blocked(account) {
            let text = format!("{} is blocked: unblock it first", self.person_name(account));
            return Err(error(ErrorCode::NotPermitted, text));
        }
        let chain = self.chain_of(account);
        let prekey = self.prekeys_of(account).into_iter().next();
        let (Some(chain), Some(prekey)) = (chain, prekey) else {
            let text = format!(
                "{} shares no community with this account and is no contact: add a contact link",
                self.person_name(account)
            );
            return Err(error(ErrorCode::UnknownName, text));
        };
        Ok(AuthorityOp::Add {
            account,
            chain,
            prekey,
        })
    }

    /// `group create NAME ACCOUNT..`
    pub(crate) fn create_group(
        &mut self,
        origin: Origin,
        name: &str,
        accounts: &[AccountId],
    ) -> Outcome {
        check_name("name", name)?;
        let me = self.me.account();
        let mut others: Vec<_> = accounts.to_vec();
        others.sort_unstable();
        others.dedup();
        others.retain(|account| *account != me);
        if others.is_empty() {
            let text = "a group has 2 accounts at least, this one included";
            return Err(error(ErrorCode::Limit, text));
        }
        if others.len() + 1 > GROUP_MEMBERS_MAX {
            return Err(full(others.len() + 1));
        }
        self.room_for_conversation()?;
        let adds: Vec<_> = others
            .iter()
            .map(|account| self.addition_of(*account))
            .collect::<Result<_, _>>()?;
        let prekeys: Vec<_> = others
            .iter()
            .flat_map(|account| self.prekeys_of(*account))
            .collect();
        let names: Vec<_> = others
            .iter()
            .map(|account| (*account, self.person_name(*account)))
            .collect();
        let mut founding = self.begin_community(CommunityKind::Group, Permissions::GROUP)?;
        let id = founding.id;
        let mut fields = vec![
            set_text(Field::Name, name),
            set_text(Field::MemberName(me), &self.me.record.name),
        ];
        let introduced = |(account, name): &(AccountId, String)| {
            (name.len() <= NAME_BYTES_MAX).then(|| set_text(Field::IntroducedName(*account), name))
        };
        fields.extend(names.iter().filter_map(introduced));
        let made = adds
            .into_iter()
            .try_for_each(|op| {
                self.author_founding(&mut founding, &Draft::Op(op))
                    .map(drop)
            })
            .and_then(|()| self.known_prekeys(&mut founding.records, id, prekeys))
            .and_then(|()| self.found_epoch(&mut founding))
            .and_then(|()| {
                self.author_founding(&mut founding, &content(fields))
                    .map(drop)
            });
        if let Err(reason) = made {
            // Nothing of it was stored or sent.
            self.communities.remove(&id);
            return Err(reason);
        }
        let reply = Reply::Direct {
            direct: id,
            channel: direct::channel(id),
        };
        let own = Own {
            community: id,
            events: founding.events.iter().map(|event| event.id()).collect(),
            emptied: Vec::new(),
            answer: Some((origin, reply)),
        };
        self.commit_own(id, &founding.events, founding.records, own);
        self.refresh_topics(id);
        Ok(())
    }

    /// Prekeys of a group that is being made, to be stored with it.
    fn known_prekeys(
        &mut self,
        records: &mut Vec<Write>,
        id: CommunityId,
        prekeys: Vec<alloquy_schema::identity::PrekeyRecord>,
    ) -> Outcome {
        let Some(community) = self.communities.get_mut(&id) else {
            return Ok(());
        };
        for prekey in prekeys {
            records.push(put(&Key::Prekey(id, prekey.device), &prekey));
            community.prekeys.insert(prekey.device, prekey);
        }
        Ok(())
    }

    /// `group add GROUP ACCOUNT`
    pub(crate) fn add_to_group(
        &mut self,
        origin: Origin,
        id: CommunityId,
        account: AccountId,
    ) -> Outcome {
        let members = self.active(id)?.state().members.len();
        if members >= GROUP_MEMBERS_MAX {
            return Err(full(members + 1));
        }
        let op = self.addition_of(account)?;
        self.check_op(id, &op)?;
        let prekeys = self.prekeys_of(account);
        let name = self.person_name(account);
        let mut drafts = vec![Draft::Op(op)];
        // Under `since join` nothing can be written with it: the epoch that begins with the newcomer comes first.
        let writable = self.communities.get(&id).is_some_and(|community| {
            community.writing_epoch(None).is_some()
                && policy(&community.state(), None) == HistoryPolicy::All
        });
        if writable && check_name("name", &name).is_ok() {
            let field = Field::IntroducedName(account);
            drafts.push(content(vec![set_text(field, &name)]));
        }
        let count = drafts.len();
        let answer = |ids: &[alloquy_ids::EventId]| {
            // Heads of the authority log may have been joined before.
            let operation = *ids.get(ids.len().checked_sub(count)?)?;
            Some((origin, Reply::Operation { operation }))
        };
        let wrap = |node: &mut Self, _: &[alloquy_ids::EventId]| {
            let mut records = Vec::new();
            match node.known_prekeys(&mut records, id, prekeys) {
                Ok(()) => records.extend(node.wrap_for(id, account)),
                Err(error) => tracing::error!(?error, "prekeys of somebody added"),
            }
            records
        };
        let ids = self.write_with(id, &drafts, answer, wrap);
        if ids.len() < count {
            return Err(error(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        }
        Ok(())
    }

    /// Wraps the epoch that a writer would choose now for an account that came in, beside the wraps that are kept.
    fn wrap_for(&mut self, id: CommunityId, account: AccountId) -> Option<Write> {
        let community = self.communities.get(&id)?;
        let epoch = community.writing_epoch(None)?;
        let key = community.keys.get(&epoch)?;
        let shared = community.share(account, (epoch, key), None);
        let state = community.state();
        let member = state.members.get(&account)?;
        let prekeys = member
            .acting()
            .filter_map(|(device, _)| community.prekeys.get(&device))
            .map(|prekey| prekey.key);
        let to: Vec<[u8; 32]> = prekeys.chain([member.recovery_wrap_key]).collect();
        let new: Vec<_> = to
            .iter()
            .map(|to| epoch::wrap(epoch, &shared, to, &mut self.rng))
            .collect();
        let wraps = self
            .communities
            .get_mut(&id)?
            .wraps
            .entry(epoch)
            .or_default();
        wraps.extend(new);
        wraps.truncate(WRAPS_MAX);
        let mut list = Writer::new();
        list.list(wraps);
        Some(put_bytes(&Key::Wraps(id, epoch), list.into_bytes()))
    }

    /// Stores a change that concerns people only, and answers when it is durable.
    pub(crate) fn answer_stored(&mut self, origin: Origin, writes: Vec<Write>, reply: Reply) {
        self.outbox.store(writes, After::Answer(origin, reply));
    }
}
