//! What the sign of the program on the desktop says, its window open or not.

use crate::model::{Model, Phase};
use crate::state::UiState;
use crate::theme::Palette;
use crate::words::say;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sign {
    /// Something for the person waits to be read, or somebody unknown wants to write.
    pub unread: bool,
    /// How this node reaches others, in a few words.
    pub status: String,
    /// What opens the window.
    pub open: String,
    /// What ends the program.
    pub quit: String,
}

impl UiState {
    /// What the sign says now.
    #[must_use]
    pub fn sign(&self, model: &Model) -> Sign {
        let (now, snapshot) = (model.clock.now, &model.snapshot);
        let mut directs = snapshot.directs.iter();
        let written =
            directs.any(|of| of.unread > 0 && !self.is_muted(of.community, of.channel, now));
        let named = || {
            model.rail().into_iter().any(|id| {
                let channels = model.community(id).map(|of| &of.channels);
                let mut channels = channels.into_iter().flat_map(|channels| channels.iter());
                channels.any(|of| of.mentions > 0 && !self.is_muted(id, of.channel, now))
            })
        };
        let status = match &model.phase {
            Phase::Running => crate::views::connection_words(model, Palette::of(true)).0,
            Phase::Failed(failure) => failure.what.clone(),
            _ => say::opening().to_owned(),
        };
        Sign {
            unread: written || !snapshot.dm_requests.is_empty() || named(),
            status,
            open: say::sign_open().to_owned(),
            quit: say::action_quit().to_owned(),
        }
    }
}
