//! Forms of what windows ask for first and people may too: templates, invites before a join, recovery words.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::{InviteCardView, NearbyView, TemplateView};
use alloquy_ids::CommunityId;

use super::{Names, one_line};

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
                ChannelKind::Stage => format!("      {name} (stage)"),
            });
        }
        let roles: Vec<_> = template.roles.iter().map(|role| one_line(role)).collect();
        lines.push(format!("    roles: {}", roles.join(", ")));
    }
    lines.join("\n")
}

pub(super) fn nearby(nearby: &[NearbyView], announced: &[CommunityId], names: &Names) -> String {
    let line = |view: &NearbyView| {
        format!(
            "{} ({}), {} members, announced by {}",
            one_line(&view.name),
            view.community,
            view.members,
            one_line(&view.member)
        )
    };
    let mut lines: Vec<_> = nearby.iter().map(line).collect();
    if lines.is_empty() {
        lines.push("nobody on this network announces a community".to_owned());
    }
    let own = announced.iter().map(|id| names.community(*id));
    lines.extend(own.map(|name| format!("announced by this node: {name}")));
    lines.join("\n")
}

pub(super) fn invite_card(card: &InviteCardView) -> String {
    let expires = match card.expires {
        Some(at) => format!("good until {}", at.utc()),
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

#[cfg(test)]
mod tests {
    use alloquy_api::reply::TemplateChannelView;
    use alloquy_ids::{AccountId, CommunityId, UnixMs};

    use super::*;

    #[test]
    fn an_invite_can_not_steer_the_terminal_and_says_who_invites() {
        let card = InviteCardView {
            community: CommunityId([1; 32]),
            name: "club\u{1b}[2J".to_owned(),
            inviter: AccountId::ZERO,
            inviter_name: "Ana\u{202e}\nand more".to_owned(),
            peers: 3,
            expires: Some(UnixMs(0)),
            member: true,
        };
        let shown = invite_card(&card);
        assert!(
            shown
                .chars()
                .all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')),
            "{shown}"
        );
        for text in [
            "abandon abandon abandon abandon",
            "1970-01-01",
            "3 peers",
            "member already",
        ] {
            assert!(shown.contains(text), "{shown}");
        }
        let endless = InviteCardView {
            expires: None,
            member: false,
            ..card
        };
        assert!(invite_card(&endless).contains("for ever"));
        assert!(!invite_card(&endless).contains("member already"));
    }

    #[test]
    fn templates_are_shown_as_trees_and_words_with_their_places() {
        let channel = |kind, name: &str| TemplateChannelView {
            kind,
            name: name.to_owned(),
        };
        let template = TemplateView {
            template: "friends".to_owned(),
            title: "Friends".to_owned(),
            about: "A place.".to_owned(),
            channels: vec![
                channel(ChannelKind::Category, "Talk"),
                channel(ChannelKind::Text, "general"),
                channel(ChannelKind::Voice, "Kitchen"),
            ],
            roles: vec!["Caretaker".to_owned()],
            kept: false,
        };
        assert_eq!(
            templates(&[template]),
            "friends: A place.\n    Talk\n      # general\n      Kitchen (voice)\n    roles: Caretaker"
        );
        let words = ["zoo", "able"].map(str::to_owned);
        assert_eq!(recovery(&words), " 1 zoo\n 2 able");
    }
}
