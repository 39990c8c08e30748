//! What each action is called, and how it is reached without a mouse.

use egui::Key;

use super::{ActionKind as K, Reach, alt, alt_shift, ctrl, ctrl_alt, ctrl_shift, plain};

use crate::words::say;

pub(super) fn label(kind: K) -> &'static str {
    match kind {
        K::GoCommunity => say::action_go_community(),
        K::GoCommunityNumber => say::action_go_community_number(),
        K::StepCommunity => say::action_step_community(),
        K::GoDirects => say::action_go_directs(),
        K::GoChannel => say::action_go_channel(),
        K::StepChannel => say::action_step_channel(),
        K::StepUnread => say::action_step_unread(),
        K::Back => say::action_back(),
        K::Forward => say::action_forward(),
        K::GoMessage => say::action_go_message(),
        K::OpenThread => say::action_open_thread(),
        K::CloseThread => say::action_close_thread(),
        K::JumpToPresent => say::action_jump_to_present(),
        K::Load => say::action_load(),
        K::MarkRead => say::action_mark_read(),
        K::ScrollPage => say::action_scroll_page(),
        K::FoldCategory => say::action_fold_category(),
        K::Open => say::action_open(),
        K::Dismiss => say::action_dismiss(),
        K::ToggleMembers => say::action_toggle_members(),
        K::ToggleSide => say::action_toggle_side(),
        K::Send => say::action_send(),
        K::Insert => say::action_insert(),
        K::StartReply => say::action_start_reply(),
        K::StartEdit => say::action_start_edit(),
        K::EditLast => say::action_edit_last(),
        K::CancelMode => say::action_cancel_mode(),
        K::Typing => say::action_typing(),
        K::Retry => say::action_retry(),
        K::DropUnsent => say::action_drop_unsent(),
        K::FocusMessage => say::action_focus_message(),
        K::ToggleReaction => say::action_toggle_reaction(),
        K::Delete => say::action_delete(),
        K::UndoDelete => say::action_undo_delete(),
        K::Pin => say::action_pin(),
        K::Unpin => say::action_unpin(),
        K::MarkUnread => say::action_mark_unread(),
        K::Copy => say::action_copy(),
        K::Reveal => say::action_reveal(),
        K::CreateCommunity => say::action_create_community(),
        K::InspectInvite => say::action_inspect_invite(),
        K::Join => say::action_join(),
        K::JoinNearby => say::action_join_nearby(),
        K::MakeInvite => say::action_make_invite(),
        K::RevokeInvite => say::action_revoke_invite(),
        K::Leave => say::action_leave(),
        K::CreateChannel => say::action_create_channel(),
        K::ToggleMute => say::action_toggle_mute(),
        K::SetRule => say::action_set_rule(),
        K::Moderate => say::action_moderate(),
        K::Govern => say::action_govern(),
        K::Look => say::action_look(),
        K::Personal => say::action_personal(),
        K::Voice => say::action_voice(),
        K::ShowRoom => say::action_show_room(),
        K::ShowChat => say::action_show_chat(),
        K::SetVoice => say::action_set_voice(),
        K::Sound => say::action_sound(),
        K::LinkThisDevice => say::action_link_this_device(),
        K::StopLinking => say::action_stop_linking(),
        K::Irc => say::action_irc(),
        K::Restore => say::action_restore(),
        K::PutCheckOff => say::action_put_check_off(),
        K::ReadHomeHint => say::action_read_home_hint(),
        K::CreateAccount => say::action_create_account(),
        K::Unlock => say::action_unlock(),
        K::Restart => say::action_restart(),
        K::SetName => say::action_set_name(),
        K::SetStatus => say::action_set_status(),
        K::SetAbout => say::action_set_about(),
        K::SetAvailability => say::action_set_availability(),
        K::ShowRecovery => say::action_show_recovery(),
        K::PutRecoveryOff => say::action_put_recovery_off(),
        K::ConfirmRecovery => say::action_confirm_recovery(),
        K::SetTheme => say::action_set_theme(),
        K::Zoom => say::action_zoom(),
        K::ZoomReset => say::action_zoom_reset(),
        K::SetReducedMotion => say::action_set_reduced_motion(),
        K::SetTwelveHours => say::action_set_twelve_hours(),
        K::SetPreviews => say::action_set_previews(),
        K::SetNotify => say::action_set_notify(),
        K::SetNotifyText => say::action_set_notify_text(),
        K::OpenLink => say::action_open_link(),
        K::DismissToast => say::action_dismiss_toast(),
        K::SetBackground => say::action_set_background(),
        K::Close => say::action_close(),
        K::Quit => say::action_quit(),
    }
}

/// By the page of settings about looks.
fn appearance() -> Vec<Reach> {
    vec![Reach::Focus(say::way_settings_appearance())]
}

pub(super) fn reach(kind: K) -> Vec<Reach> {
    use Reach::{ComposerKey, Focus, MessageKey, Shortcut};
    match kind {
        K::GoCommunity => vec![Focus(say::way_rail())],
        K::GoCommunityNumber => vec![Shortcut(say::which_first_of_nine(), ctrl(Key::Num1))],
        K::StepCommunity => vec![
            Shortcut(say::which_next(), ctrl_alt(Key::ArrowDown)),
            Shortcut(say::which_previous(), ctrl_alt(Key::ArrowUp)),
        ],
        K::GoDirects => vec![Shortcut("", ctrl_shift(Key::H)), Focus(say::way_rail())],
        K::GoChannel => vec![Focus(say::way_channels())],
        K::StepChannel => vec![
            Shortcut(say::which_next(), alt(Key::ArrowDown)),
            Shortcut(say::which_previous(), alt(Key::ArrowUp)),
        ],
        K::StepUnread => vec![
            Shortcut(say::which_next(), alt_shift(Key::ArrowDown)),
            Shortcut(say::which_previous(), alt_shift(Key::ArrowUp)),
        ],
        K::Back => vec![Shortcut("", alt(Key::ArrowLeft))],
        K::Forward => vec![Shortcut("", alt(Key::ArrowRight))],
        K::GoMessage => vec![MessageKey(say::way_answered()), Focus(say::way_pin())],
        K::OpenThread => vec![MessageKey("T")],
        K::CloseThread => vec![Shortcut(say::which_as_closing(), plain(Key::Escape))],
        K::JumpToPresent => vec![
            Shortcut(say::which_nothing_on_top(), plain(Key::Escape)),
            Shortcut("", ctrl(Key::End)),
        ],
        K::Load => vec![Shortcut(say::which_by_scrolling(), plain(Key::PageUp))],
        K::MarkRead => vec![Shortcut(say::which_by_going_to_end(), ctrl(Key::End))],
        K::ScrollPage => vec![
            Shortcut(say::which_up(), plain(Key::PageUp)),
            Shortcut(say::which_down(), plain(Key::PageDown)),
        ],
        K::FoldCategory => vec![Focus(say::way_category())],
        K::Open => vec![
            Shortcut(say::which_quick_switcher(), ctrl(Key::K)),
            Shortcut(say::which_shortcuts(), ctrl(Key::Slash)),
            Shortcut(say::which_settings(), ctrl(Key::Comma)),
            Shortcut(say::which_pins(), ctrl(Key::P)),
            Shortcut(say::which_emoji(), ctrl_shift(Key::E)),
            Shortcut(say::which_start_direct(), ctrl(Key::N)),
            Focus(say::way_button()),
        ],
        K::Dismiss => vec![Shortcut("", plain(Key::Escape))],
        K::ToggleMembers => vec![Shortcut("", ctrl(Key::U))],
        K::ToggleSide => vec![Shortcut("", ctrl(Key::B))],
        K::Send => vec![ComposerKey(say::key_enter())],
        K::Insert => vec![Focus(say::way_picker())],
        K::StartReply => vec![MessageKey("R"), ComposerKey(say::way_newest())],
        K::StartEdit => vec![MessageKey("E")],
        K::EditLast => vec![ComposerKey(say::way_up())],
        K::CancelMode => vec![Shortcut(say::which_as_closing(), plain(Key::Escape))],
        K::Typing => vec![ComposerKey(say::way_any_letter())],
        K::Retry => vec![Focus(say::way_retry())],
        K::DropUnsent => vec![Focus(say::way_drop())],
        K::FocusMessage => vec![
            Focus(say::way_from_composer()),
            MessageKey(say::way_up_down()),
        ],
        K::ToggleReaction => vec![MessageKey("+"), Focus(say::way_reaction())],
        K::Delete => vec![MessageKey(say::key_delete())],
        K::UndoDelete => vec![Focus(say::way_undo())],
        K::Pin | K::Unpin => vec![MessageKey("P")],
        K::MarkUnread => vec![MessageKey("U")],
        K::Copy => vec![MessageKey("C"), Focus(say::way_copy())],
        K::Reveal => vec![MessageKey(say::key_space())],
        K::CreateCommunity => vec![Focus(say::way_create())],
        K::InspectInvite => vec![Focus(say::way_link_field())],
        K::Join => vec![Focus(say::way_join())],
        K::JoinNearby => vec![Focus(say::way_join_nearby())],
        K::MakeInvite => vec![Focus(say::way_invite())],
        K::RevokeInvite => vec![Focus(say::way_revoke())],
        K::Leave => vec![Focus(say::way_leave())],
        K::CreateChannel => vec![Focus(say::way_make_channel())],
        K::ToggleMute => vec![Focus(say::way_mute())],
        K::SetRule => vec![Focus(say::way_hearing())],
        K::Moderate => vec![Focus(say::way_member())],
        K::Govern | K::Look => vec![Focus(say::way_community_settings())],
        K::CreateAccount => vec![Focus(say::way_name_field())],
        K::Unlock => vec![Focus(say::way_passphrase())],
        K::Restart => vec![Focus(say::way_restart())],
        K::SetName | K::SetStatus | K::SetAbout => vec![Focus(say::way_settings_profile())],
        K::SetAvailability => vec![Focus(say::way_own_name())],
        K::ShowRecovery => vec![Focus(say::way_recovery())],
        K::ConfirmRecovery => vec![Focus(say::way_last_field())],
        K::Zoom => vec![
            Shortcut(say::which_bigger(), ctrl(Key::Plus)),
            Shortcut(say::which_smaller(), ctrl(Key::Minus)),
        ],
        K::ZoomReset => vec![Shortcut("", ctrl(Key::Num0))],
        K::SetTheme | K::SetReducedMotion | K::SetTwelveHours | K::SetPreviews => appearance(),
        K::SetNotify | K::SetNotifyText => vec![Focus(say::way_settings_notifications())],
        K::OpenLink => vec![MessageKey("O"), Focus(say::way_link())],
        K::DismissToast => vec![Focus(say::way_message())],
        K::SetBackground => vec![Focus(say::way_settings_notifications())],
        K::Close => vec![Focus(say::way_frame())],
        K::Quit => vec![Shortcut("", ctrl(Key::Q))],
        other => reach_voice(other),
    }
}

/// Where what is about voice is reached.
fn reach_voice(kind: K) -> Vec<Reach> {
    use Reach::{Focus, Shortcut};
    match kind {
        K::Voice => vec![
            Shortcut(say::which_mute(), ctrl_shift(Key::M)),
            Shortcut(say::which_deafen(), ctrl_shift(Key::D)),
            Focus(say::way_voice()),
        ],
        K::ShowRoom | K::ShowChat => vec![Focus(say::way_room())],
        K::SetVoice => vec![Focus(say::way_settings_voice())],
        K::Sound => vec![Focus(say::way_talk_key()), Focus(say::way_settings_voice())],
        other => reach_personal(other),
    }
}

/// Where what concerns the person alone is reached.
fn reach_personal(kind: K) -> Vec<Reach> {
    match kind {
        K::LinkThisDevice | K::StopLinking | K::Restore => vec![Reach::Focus(say::way_return())],
        K::PutCheckOff | K::ReadHomeHint | K::PutRecoveryOff => {
            vec![Reach::Focus(say::way_later())]
        }
        K::Personal => vec![Reach::Focus(say::way_personal())],
        K::Irc => vec![Reach::Focus(say::way_settings_irc())],
        // A test finds what has no way.
        _ => Vec::new(),
    }
}
