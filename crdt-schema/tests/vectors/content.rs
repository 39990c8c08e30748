//! Content operations: one on each field, of a community's content and of the self document.

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, RoleId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::{ContentOp, Field, Value as Taken};
use serde_json::{Value, json};

use crate::{golden, hex, seed};

/// A field as a reader names it: its tag, and what follows it.
fn field(tag: u8, after: &[u8]) -> Value {
    json!({"tag": tag, "after": hex(after)})
}

#[expect(
    clippy::too_many_lines,
    reason = "one entry for each field, nothing else"
)]
#[test]
fn content() {
    let text = |text: &str| Taken::Text(text.to_owned());
    let id = seed("content id");
    let other = seed("content other id");
    let both = [id, other].concat();
    let name = b"\x0bdraft/a \xc3\xa9s";
    let set = [
        (Field::Name, text("Åland"), field(1, &[])),
        (Field::Topic, text(""), field(2, &[])),
        (
            Field::ChannelName(ChannelId(id)),
            text("general"),
            field(4, &id),
        ),
        (Field::ChannelTopic(ChannelId(id)), text("t"), field(5, &id)),
        (
            Field::ChannelParent(ChannelId(id)),
            Taken::Channel(ChannelId(other)),
            field(6, &id),
        ),
        (
            Field::ChannelPosition(ChannelId(id)),
            Taken::Number(-7),
            field(7, &id),
        ),
        (Field::RoleName(RoleId(id)), text("mods"), field(8, &id)),
        (
            Field::Pin(ChannelId(id), EventId(other)),
            Taken::Present,
            field(9, &both),
        ),
        (Field::Reason(EventId(id)), text("spam"), field(10, &id)),
        (
            Field::MemberName(AccountId(id)),
            text("Ana"),
            field(11, &id),
        ),
        (
            Field::MemberAbout(AccountId(id)),
            text("about"),
            field(12, &id),
        ),
        (
            Field::IntroducedName(AccountId(id)),
            text("Ben"),
            field(13, &id),
        ),
        (Field::Joined(CommunityId(id)), text("aaaa"), field(20, &id)),
        (
            Field::ReadMark(ChannelId(id)),
            text(&EventId(other).to_string()),
            field(21, &id),
        ),
        (
            Field::Kept("draft/a és".to_owned()),
            text("half"),
            field(22, name),
        ),
        (
            Field::Contact(AccountId(id)),
            Taken::Bytes(vec![0, 1, 255]),
            field(23, &id),
        ),
        (
            Field::Blocked(AccountId(id)),
            Taken::Present,
            field(24, &id),
        ),
        (
            Field::DeviceName(DeviceId(id)),
            text("phone"),
            field(25, &id),
        ),
    ];
    let value = |value: &Taken| match value {
        Taken::Text(text) => json!({"text": text}),
        Taken::Bytes(bytes) => json!({"bytes": hex(bytes)}),
        Taken::Number(number) => json!({"number": number}),
        Taken::Channel(channel) => json!({"channel": hex(channel.0)}),
        Taken::Present => json!({"present": true}),
    };
    let vectors: Vec<_> = set
        .into_iter()
        .map(|(of, to, named)| {
            let vector = value(&to);
            let cleared = ContentOp::Clear { field: of.clone() };
            let op = ContentOp::Set {
                field: of,
                value: to,
            };
            json!({
                "field": named,
                "value": vector,
                "set": hex(op.to_bytes()),
                "clear": hex(cleared.to_bytes()),
            })
        })
        .collect();
    let splice = ContentOp::SpliceNote {
        at: 300,
        remove: 1,
        insert: "ö".to_owned(),
    };
    golden(
        "content.json",
        &json!({
            "fields": vectors,
            "splice": {"at": 300, "remove": 1, "insert": "ö", "bytes": hex(splice.to_bytes())},
            // Another kind of value, an unknown field, an unknown operation, a byte too many.
            "refused": ["010105", "01011300", "040101", "02010a"],
        }),
    );
}
