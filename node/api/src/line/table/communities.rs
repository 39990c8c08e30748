//! Lines about communities, invites and joining.

use crate::limits::{INVITE_USES_MAX, TOPIC_BYTES_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Argument, LineSpec};

use super::{COMMUNITY, flag, line, one, optional};

const HISTORY: Argument = one("all|since-join", Kind::Choice(&["all", "since-join"]));

pub(super) const LINES: &[LineSpec] = &[
    line!("create-community", CreateCommunity(name: one("NAME", Kind::PlaceName);
            template: flag("--template", "NAME", Kind::Name)), Community,
        "Makes a community with this account as its owner: with the channels and roles of a template, or without a \
         channel."),
    line!("templates", Templates(;), Templates,
        "Lists the templates that a community can be made from."),
    line!("template save", TemplateSave(community: COMMUNITY, name: one("NAME", Kind::Name);), Templates,
        "Keeps a community's public channels, roles and rights as a template, on this device."),
    line!("template delete", TemplateDelete(name: one("NAME", Kind::Name);), Templates,
        "Removes a template that was kept."),
    line!("communities", Communities(;), Communities,
        "Lists the communities that this account is a member of."),
    line!("rename", Rename(target: one("COMMUNITY|CHANNEL", Kind::Place), name: one("NAME", Kind::PlaceName);),
        Operation, "Renames a community, a channel or a category."),
    line!("topic", Topic(target: one("COMMUNITY|CHANNEL", Kind::Place),
            text: one("TEXT", Kind::TextOrEmpty(TOPIC_BYTES_MAX));),
        Operation, "Sets the topic of a community or a channel; an empty text clears it."),
    line!("icon", Icon(community: COMMUNITY, image: one("BASE64|none", Kind::Icon);), Operation,
        "Sets the community's icon: PNG or WebP, at most 32 KiB and 512x512 pixels, in base64. `none` removes it."),
    line!("invite", Invite(community: COMMUNITY;
            uses: flag("--uses", "N", Kind::Number(1, INVITE_USES_MAX)),
            expires_ms: flag("--expires", "DURATION", Kind::Duration)),
        Invite, "Makes an invite link. Whoever has the link can join, until it is used up, expired or revoked."),
    line!("invites", Invites(community: COMMUNITY;), Invites,
        "Lists the community's invites, oldest first."),
    line!("revoke-invite", RevokeInvite(community: COMMUNITY, invite: one("INVITE", Kind::Id);), Operation,
        "Revokes an invite: nobody joins by it from now on."),
    line!("inspect-invite", InspectInvite(link: one("LINK", Kind::Link);), InviteCard,
        "Shows what an invite link says, without contacting anybody."),
    line!("join", Join(link: one("LINK", Kind::Link);), Community,
        "Joins a community by an invite link. Returns when the channel list is here, or with `timeout`."),
    line!("nearby", Nearby(;), Nearby,
        "Lists the communities that members on the local network announce, and those that this node announces."),
    line!("nearby", NearbyAnnounce(community: COMMUNITY, announce: one("WHETHER", Kind::Choice(&["on", "off"]));), Ok,
        "Has this node announce a community on the local network: who asks there is told its name, how many members it \
         has and one's own name. Needs `invite` or `manage-community`, and a rule about joins that lets others ask."),
    line!("nearby join", NearbyJoin(community: COMMUNITY;), Community,
        "Asks to be let into a community that is announced on the local network."),
    line!("leave", Leave(community: COMMUNITY;), Operation,
        "Leaves a community. The account may join again by an invite."),
    line!("members", Members(community: COMMUNITY;), Members,
        "Lists the members, owners first, then by name."),
    line!("presence", Presence(community: COMMUNITY;), Presence,
        "Lists the members who are seen online."),
    line!("unread", Unread(community: optional("COMMUNITY", Kind::Community);), Unread,
        "Lists the channels with unread messages, of one community or of all."),
    line!("history-policy", HistoryPolicy(target: one("COMMUNITY|CHANNEL", Kind::Place), policy: HISTORY;), Operation,
        "What newcomers of a private channel or a group may read: all that was written, or what is written since they \
         came. Nobody is given later what was written under `since-join`."),
    line!("rekey", Rekey(target: one("COMMUNITY|CHANNEL", Kind::Place);), Epoch,
        "Starts a new encryption epoch: what is written from now on is sealed under a new key."),
];
