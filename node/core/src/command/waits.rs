//! Which commands wait for what writing waits for.

use alloquy_api::Command;

/// Whether a command writes events.
pub(super) const fn writes(command: &Command) -> bool {
    use Command as C;
    !matches!(
        command,
        C::Communities
            | C::Channels { .. }
            | C::Invites { .. }
            | C::Join { .. }
            | C::Nearby
            | C::NearbyAnnounce { .. }
            | C::NearbyJoin { .. }
            | C::Note { splice: None, .. }
            | C::History { .. }
            | C::Members { .. }
            | C::Roles { .. }
            | C::Audit { .. }
            | C::Why { .. }
            | C::Unread { .. }
            | C::Typing { .. }
            | C::Presence { .. }
            | C::Page { .. }
            | C::Watch { .. }
            | C::Unwatch { .. }
            | C::Templates
            | C::InspectInvite { .. }
            | C::Pins { .. }
            | C::RecoveryShow
            | C::InviteTree { .. }
            | C::Policy { .. }
            | C::Requests { .. }
            | C::Refuse { .. }
            | C::Votes { .. }
            | C::Lost { .. }
            | C::WhyEvent { .. }
            | C::Personal { .. }
            | C::Voice { .. }
    )
}
