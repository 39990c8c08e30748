//! Lines about channels and the shared note.

use crate::Command;
use crate::command::{CommunityRef, NoteSplice};
use crate::limits::{NOTE_INSERT_BYTES_MAX, NOTE_POSITION_MAX, POSITION_MAX};
use crate::line::kind::Kind;
use crate::line::spec::{Field, LineSpec, ReplyKind};

use super::{CHANNEL, COMMUNITY, flag, line, one, optional, switch};

pub(super) const LINES: &[LineSpec] = &[
    line!("create-channel", CreateChannel(community: COMMUNITY,
            kind: one("KIND", Kind::Choice(&["text", "voice", "stage"])), name: one("NAME", Kind::PlaceName);
            private: switch("--private"), category: flag("--category", "CATEGORY", Kind::Category)),
        Channel,
        "Makes a channel. A second channel of one name is refused. A private one is seen only by those who are let \
         in by `overwrite`."),
    line!("create-category", CreateCategory(community: COMMUNITY, name: one("NAME", Kind::PlaceName);), Channel,
        "Makes a heading that channels can stand under."),
    line!("delete-channel", DeleteChannel(channel: CHANNEL;), Operation,
        "Deletes a channel or a category: nobody sees it or writes in it any more."),
    line!("channels", Channels(community: COMMUNITY;), Channels,
        "Lists the channels and categories that this account may view, in the order shown."),
    line!("move-channel", MoveChannel(channel: CHANNEL, position: one("POSITION", Kind::Number(0, POSITION_MAX));
            category: flag("--category", "CATEGORY|none", Kind::Category)),
        Operation,
        "Moves a channel to a position among its neighbours, from 0; with `--category` under that category, or out \
         of any with `none`."),
    LineSpec {
        words: "note",
        arguments: &[COMMUNITY],
        flags: &[],
        help: "Shows the community's shared note.",
        reply: ReplyKind::Note,
        build: |values| Command::Note {
            community: values.take(),
            splice: None,
        },
        show: |command| match command {
            Command::Note {
                community,
                splice: None,
            } => Some(vec![community.to_value()]),
            _ => None,
        },
    },
    LineSpec {
        words: "note",
        arguments: &[
            COMMUNITY,
            one("AT", Kind::Number(0, NOTE_POSITION_MAX)),
            one("REMOVE", Kind::Number(0, NOTE_POSITION_MAX)),
            one("INSERT", Kind::TextOrEmpty(NOTE_INSERT_BYTES_MAX)),
        ],
        flags: &[],
        help: "Changes the shared note: takes away REMOVE characters (Unicode scalar values) at AT, counted from 0, \
               and puts INSERT in their place.",
        reply: ReplyKind::Operation,
        build: |values| {
            let community: CommunityRef = values.take();
            let splice = NoteSplice {
                at: values.take(),
                remove: values.take(),
                insert: values.take(),
            };
            Command::Note {
                community,
                splice: Some(splice),
            }
        },
        show: |command| match command {
            Command::Note {
                community,
                splice: Some(splice),
            } => Some(vec![
                community.to_value(),
                splice.at.to_value(),
                splice.remove.to_value(),
                splice.insert.to_value(),
            ]),
            _ => None,
        },
    },
    line!("typing", Typing(channel: CHANNEL;), Ok,
        "Tells those who are looking at the channel that this account is typing, for a few seconds."),
    line!("mark-read", MarkRead(channel: CHANNEL, message: optional("MESSAGE", Kind::Id);), Ok,
        "Marks a channel as read, to the end or to a message."),
];
