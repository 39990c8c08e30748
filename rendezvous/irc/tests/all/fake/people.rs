//! Requests, contacts and who is blocked, in the node in memory.

use std::sync::Arc;

use alloquy_api::PersonalCommand;
use alloquy_api::personal::{ContactView, DmRequestView};
use alloquy_ids::AccountId;

use super::Node;

impl Node {
    /// Takes a request that is accepted away; whether it was to be in a group.
    pub(super) fn accepts_group(&mut self, order: &PersonalCommand) -> bool {
        let PersonalCommand::DmAccept { account } = order else {
            return false;
        };
        let accepted = |request: &DmRequestView| request.account.to_string() == account.0;
        let mut requests = self.snapshot.dm_requests.to_vec();
        let group = requests
            .iter()
            .any(|request| accepted(request) && request.group.is_some());
        requests.retain(|request| !accepted(request));
        self.change(|snapshot| snapshot.dm_requests = Arc::new(requests));
        group
    }

    /// Who is a contact, blocked, or asks no more.
    pub(super) fn about_people(&mut self, order: &PersonalCommand) {
        let (account, blocked) = match order {
            PersonalCommand::DmDecline { account } | PersonalCommand::ContactRemove { account } => {
                (account, None)
            }
            PersonalCommand::Block { account } => (account, Some(true)),
            PersonalCommand::Unblock { account } => (account, Some(false)),
            _ => return,
        };
        let account: AccountId = account.0.parse().unwrap();
        self.change(|snapshot| {
            let mut contacts = snapshot.contacts.to_vec();
            let mut requests = snapshot.dm_requests.to_vec();
            let asked = requests.iter().map(|of| (of.account, &of.name));
            let mut known = asked.chain(contacts.iter().map(|of| (of.account, &of.name)));
            let name = known.find(|(of, _)| *of == account);
            let name = name.map_or_else(|| "Ben Ash".to_owned(), |(_, name)| name.clone());
            contacts.retain(|contact| contact.account != account);
            contacts.extend(
                blocked
                    .filter(|blocked| *blocked)
                    .map(|blocked| ContactView {
                        account,
                        name,
                        verified: false,
                        blocked,
                        online: false,
                    }),
            );
            requests.retain(|request| request.account != account);
            snapshot.contacts = Arc::new(contacts);
            snapshot.dm_requests = Arc::new(requests);
        });
    }
}
