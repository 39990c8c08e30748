//! Forms of what windows ask for first and people may too: templates, invites before a join, recovery words.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::{InviteCardView, TemplateView};

use super::{one_line, time};

pub(super) fn templates(templates: &[TemplateView]) -> String {
    let mut lines = Vec::new();
    for template in templates {
        lines.push(format!(
            "{}: {}",
            one_line(&template.template),
            one_line(&template.about)
        ));
        for channel in &template.channels {
            let name = one_line(&channel.name);
            lines.push(match channel.kind {
                ChannelKind::Category => format!("    {name}"),
                ChannelKind::Text => format!("      # {name}"),
                ChannelKind::Voice => format!("      {name} (voice)"),
            });
        }
        let roles: Vec<_> = template.roles.iter().map(|role| one_line(role)).collect();
        lines.push(format!("    roles: {}", roles.join(", ")));
    }
    lines.join("\n")
}

pub(super) fn invite_card(card: &InviteCardView) -> String {
    let expires = match card.expires {
        Some(at) => format!("good until {}", time(at)),
        None => "good for ever, unless it is revoked".to_owned(),
    };
    let member = if card.member {
        "\nthis account is a member already"
    } else {
        ""
    };
    format!(
        "community {} ({})\ninvited by {} ({})\n{expires}; a join connects to {} peers first{member}\nthe link says so; \
         nothing of it is proved before the join",
        one_line(&card.name),
        card.community,
        one_line(&card.inviter_name),
        card.inviter.words().join(" "),
        card.peers,
    )
}

pub(super) fn recovery(words: &[String]) -> String {
    let lines: Vec<_> = words
        .iter()
        .enumerate()
        .map(|(place, word)| format!("{:>2} {}", place + 1, one_line(word)))
        .collect();
    lines.join("\n")
}
