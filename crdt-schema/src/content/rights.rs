//! Which rights content operations ask for (docs/protocol.md, "Content").

use alloquy_ids::{AccountId, EventId};

use super::{ContentOp, Field};
use crate::authority::{AuthorityLog, State};
use crate::permissions::{CommunityKind, Permissions};
use crate::timeline::counting::Need;

/// Who may do an operation.
enum Asks {
    /// Holders of any of these rights there.
    Right(Need),
    /// This account only.
    Account(AccountId),
    /// The author of this authority operation.
    AuthorOf(EventId),
    /// The one member of an account's own conversation.
    OwnConversation,
    /// Whoever admitted this account.
    AdmitterOf(AccountId),
}

fn asks(op: &ContentOp, kind: CommunityKind) -> Asks {
    let right = |any, channel| Asks::Right(Need { any, channel });
    let manage = Permissions::MANAGE_CONTENT;
    let field = match op {
        ContentOp::Set { field, .. } | ContentOp::Clear { field } => field,
        ContentOp::SpliceNote { .. } => return right(Permissions::SEND, None),
    };
    match field {
        Field::Name | Field::Topic | Field::Icon => right(manage, None),
        Field::ChannelName(channel)
        | Field::ChannelTopic(channel)
        | Field::ChannelParent(channel)
        | Field::ChannelPosition(channel) => {
            right(manage | Permissions::MANAGE_CHANNELS, Some(*channel))
        }
        Field::RoleName(_) => right(Permissions::MANAGE_ROLES, None),
        Field::Pin(channel, _) if kind != CommunityKind::Community => {
            right(Permissions::SEND, Some(*channel))
        }
        Field::Pin(channel, _) => right(Permissions::MANAGE_MESSAGES, Some(*channel)),
        Field::Reason(operation) => Asks::AuthorOf(*operation),
        Field::IntroducedName(account) => Asks::AdmitterOf(*account),
        Field::MemberName(account) | Field::MemberAbout(account) => Asks::Account(*account),
        Field::Joined(_)
        | Field::ReadMark(_)
        | Field::Kept(_)
        | Field::Contact(_)
        | Field::Blocked(_)
        | Field::DeviceName(_) => Asks::OwnConversation,
    }
}

/// What an event needs for all its operations, if its author held it in `E(auth)`; `None`: one is not permitted,
/// and then the whole event is without effect.
pub(super) fn needs(
    ops: &[ContentOp],
    author: AccountId,
    auth: &[EventId],
    authority: &AuthorityLog,
) -> Option<Vec<Need>> {
    let state = authority.state_at(auth)?;
    let mut needs = Vec::new();
    for op in ops {
        match asks(op, state.kind) {
            Asks::Right(need) => {
                let rights = state.permissions(author, need.channel);
                if (rights & need.any) == Permissions::NONE {
                    return None;
                }
                needs.push(need);
            }
            Asks::Account(account) if account == author => {}
            Asks::OwnConversation if is_own_conversation(&state, author) => {}
            Asks::AuthorOf(operation) if wrote(author, operation, auth, &state, authority) => {}
            Asks::AdmitterOf(account) => {
                let admitted = state.members.get(&account)?.admitted;
                if !wrote(author, admitted, auth, &state, authority) {
                    return None;
                }
            }
            Asks::Account(_) | Asks::AuthorOf(_) | Asks::OwnConversation => return None,
        }
    }
    Some(needs)
}

/// Whether this is the conversation of an account with itself: it has one member for ever.
fn is_own_conversation(state: &State, author: AccountId) -> bool {
    let alone = state.members.len() == 1 && state.is_member(author);
    state.kind == CommunityKind::Direct && alone
}

/// Whether the account wrote an authority operation of the past.
fn wrote(
    author: AccountId,
    operation: EventId,
    auth: &[EventId],
    state: &State,
    authority: &AuthorityLog,
) -> bool {
    let Some(event) = authority.dag().get(operation) else {
        return false;
    };
    let past = auth.contains(&operation) || authority.in_closure(auth, operation);
    past && state.account_of(event.header().device) == Some(author)
}
