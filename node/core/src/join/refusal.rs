//! What a refusal means to the person who wanted in.

use alloquy_api::{CommandError, ErrorCode};

use crate::wire::Refusal;

pub(super) fn refusal_error(refusal: Refusal) -> CommandError {
    let (code, message) = match refusal {
        Refusal::Invalid => (
            ErrorCode::InviteInvalid,
            "the invite is not valid any more: it was revoked, or its creator may not invite",
        ),
        Refusal::Expired => (
            ErrorCode::InviteExpired,
            "the invite's time is over: ask for a new one",
        ),
        Refusal::UsedUp => (
            ErrorCode::InviteUsedUp,
            "all uses of the invite are spent: ask for a new one",
        ),
        Refusal::Banned => (
            ErrorCode::NotPermitted,
            "this account is banned from the community",
        ),
        Refusal::Waiting => (ErrorCode::Timeout, "nobody has let this account in"),
        Refusal::Full => (
            ErrorCode::Limit,
            "too many have joined the community within a short time, more than its rules allow: try again later",
        ),
        Refusal::NotLetIn => (
            ErrorCode::NotPermitted,
            "a member has decided not to let this account in",
        ),
        Refusal::Busy => (
            ErrorCode::Busy,
            "the member that was asked can not admit anybody now",
        ),
    };
    CommandError::new(code, message)
}
