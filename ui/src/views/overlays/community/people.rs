//! People of a community in its lists: who is meant by an id, and finding somebody by name.

use alloquy_api::reply::MemberView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::AccountId;
use egui::Ui;

use super::line::{Face, choice_line};
use crate::state::Standing;
use crate::text;
use crate::theme::{self, font};
use crate::widgets::{Field, field, label};
use crate::words::say;

/// People that are listed at once: more are counted, and found by their names.
pub(super) const SHOWN_MAX: usize = 20;

/// The name of a member, or which former one it was.
pub(super) fn name_of(community: &CommunitySnapshot, account: AccountId) -> String {
    let mut members = community.members.iter();
    let found = members.find(|member| member.account == account);
    found.map_or_else(
        || say::former_member_word(account.words()[0]),
        |member| text::name(&member.name),
    )
}

/// Whether a member stands below oneself: owners are below nobody.
pub(super) const fn is_below(own: &Standing, member: &MemberView) -> bool {
    !member.owner && own.is_above(member.rank)
}

/// A field for letters of a name, and a line for each of those who have them; gives who was chosen.
pub(super) fn find<'a>(
    ui: &mut Ui,
    letters: &mut String,
    among: impl Iterator<Item = &'a MemberView>,
    word: impl Fn(&str) -> String,
) -> Option<&'a MemberView> {
    let palette = theme::palette(ui);
    let words = Field {
        name: say::people_find(),
        hint: "",
        error: None,
        secret: false,
    };
    field(ui, letters, words);
    let wanted = letters.trim().to_lowercase();
    let fits = |member: &&MemberView| text::name(&member.name).to_lowercase().contains(&wanted);
    let found: Vec<&MemberView> = among.filter(fits).collect();
    if found.is_empty() {
        let words = say::people_find_none();
        label(ui, words, font::secondary(), palette.text_dim);
    }
    let mut chosen = None;
    for member in found.iter().take(SHOWN_MAX) {
        let name = text::name(&member.name);
        let face = Face::Somebody(member.account.as_bytes(), &name);
        let word = word(&name);
        let shown = ui.push_id(member.account, |ui| choice_line(ui, face, &name, &word));
        if shown.inner.clicked() {
            chosen = Some(*member);
        }
    }
    more(ui, found.len());
    chosen
}

/// How many of them are not listed.
pub(super) fn more(ui: &mut Ui, count: usize) {
    let palette = theme::palette(ui);
    let rest = count.saturating_sub(SHOWN_MAX);
    if rest > 0 {
        let words = say::more_of_them(rest);
        label(ui, &words, font::secondary(), palette.text_dim);
    }
}
