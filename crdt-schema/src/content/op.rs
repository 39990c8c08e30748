//! Canonical form and limits of content operations (docs/protocol.md, "Content").
//!
//! A value carries a tag of its own, so that writing is total; reading refuses a value of a kind that its
//! field does not take. Names, topics and pictures are checked here, before anything is kept.

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, RoleId};

use super::{ContentOp, Field, Value};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::{
    ABOUT_BYTES_MAX, BOOTSTRAP_BYTES_MAX, CONTACT_BYTES_MAX, CONTENT_BYTES_MAX, CONTENT_OPS_MAX,
    ICON_BYTES_MAX, ICON_SIDE_MAX, KEPT_NAME_BYTES_MAX, KEPT_VALUE_BYTES_MAX, NAME_BYTES_MAX,
    READ_MARK_BYTES_MAX, REASON_BYTES_MAX, TOPIC_BYTES_MAX,
};

/// What kind of value a field takes, with its limit.
enum Takes {
    Text(usize),
    Icon,
    Bytes(usize),
    Number,
    Channel,
    Present,
}

impl Field {
    const fn takes(&self) -> Takes {
        match self {
            Self::Name
            | Self::ChannelName(_)
            | Self::RoleName(_)
            | Self::MemberName(_)
            | Self::IntroducedName(_)
            | Self::DeviceName(_) => Takes::Text(NAME_BYTES_MAX),
            Self::Topic | Self::ChannelTopic(_) => Takes::Text(TOPIC_BYTES_MAX),
            Self::Reason(_) => Takes::Text(REASON_BYTES_MAX),
            Self::MemberAbout(_) => Takes::Text(ABOUT_BYTES_MAX),
            Self::Icon => Takes::Icon,
            Self::ChannelPosition(_) => Takes::Number,
            Self::ChannelParent(_) => Takes::Channel,
            Self::Pin(..) | Self::Blocked(_) => Takes::Present,
            Self::Joined(_) => Takes::Text(BOOTSTRAP_BYTES_MAX),
            Self::ReadMark(_) => Takes::Text(READ_MARK_BYTES_MAX),
            Self::Kept(_) => Takes::Text(KEPT_VALUE_BYTES_MAX),
            Self::Contact(_) => Takes::Bytes(CONTACT_BYTES_MAX),
        }
    }
}

impl Canonical for Field {
    fn write(&self, w: &mut Writer) {
        let (tag, ids): (u8, &[&[u8; 32]]) = match self {
            Self::Name => (1, &[]),
            Self::Topic => (2, &[]),
            Self::Icon => (3, &[]),
            Self::ChannelName(channel) => (4, &[&channel.0]),
            Self::ChannelTopic(channel) => (5, &[&channel.0]),
            Self::ChannelParent(channel) => (6, &[&channel.0]),
            Self::ChannelPosition(channel) => (7, &[&channel.0]),
            Self::RoleName(role) => (8, &[&role.0]),
            Self::Pin(channel, message) => (9, &[&channel.0, &message.0]),
            Self::Reason(operation) => (10, &[&operation.0]),
            Self::MemberName(account) => (11, &[&account.0]),
            Self::MemberAbout(account) => (12, &[&account.0]),
            Self::IntroducedName(account) => (13, &[&account.0]),
            Self::Joined(community) => (20, &[&community.0]),
            Self::ReadMark(channel) => (21, &[&channel.0]),
            Self::Kept(_) => (22, &[]),
            Self::Contact(account) => (23, &[&account.0]),
            Self::Blocked(account) => (24, &[&account.0]),
            Self::DeviceName(device) => (25, &[&device.0]),
        };
        w.u8(tag);
        for id in ids {
            w.raw(*id);
        }
        if let Self::Kept(name) = self {
            w.text(name);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("content field")? {
            1 => Self::Name,
            2 => Self::Topic,
            3 => Self::Icon,
            4 => Self::ChannelName(ChannelId::read(r)?),
            5 => Self::ChannelTopic(ChannelId::read(r)?),
            6 => Self::ChannelParent(ChannelId::read(r)?),
            7 => Self::ChannelPosition(ChannelId::read(r)?),
            8 => Self::RoleName(RoleId::read(r)?),
            9 => Self::Pin(ChannelId::read(r)?, EventId::read(r)?),
            10 => Self::Reason(EventId::read(r)?),
            11 => Self::MemberName(AccountId::read(r)?),
            12 => Self::MemberAbout(AccountId::read(r)?),
            13 => Self::IntroducedName(AccountId::read(r)?),
            20 => Self::Joined(CommunityId::read(r)?),
            21 => Self::ReadMark(ChannelId::read(r)?),
            22 => Self::Kept(r.text(KEPT_NAME_BYTES_MAX, "kept name")?),
            23 => Self::Contact(AccountId::read(r)?),
            24 => Self::Blocked(AccountId::read(r)?),
            25 => Self::DeviceName(DeviceId::read(r)?),
            value => {
                return Err(DecodeError::Unknown {
                    what: "content field",
                    value: u64::from(value),
                });
            }
        })
    }
}

const TEXT: u8 = 1;
const BYTES: u8 = 2;
const NUMBER: u8 = 3;
const CHANNEL: u8 = 4;
const PRESENT: u8 = 5;

impl Value {
    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            Self::Text(text) => {
                w.u8(TEXT);
                w.text(text);
            }
            Self::Bytes(bytes) => {
                w.u8(BYTES);
                w.bytes(bytes);
            }
            Self::Number(number) => {
                w.u8(NUMBER);
                w.zigzag(*number);
            }
            Self::Channel(channel) => {
                w.u8(CHANNEL);
                channel.write(w);
            }
            Self::Present => w.u8(PRESENT),
        }
    }

    pub(super) fn read(r: &mut Reader<'_>, field: &Field) -> Result<Self, DecodeError> {
        let tag = r.u8("content value")?;
        Ok(match (field.takes(), tag) {
            (Takes::Text(limit), TEXT) => Self::Text(r.text(limit, "content text")?),
            (Takes::Icon, BYTES) => {
                let bytes = r.bytes(ICON_BYTES_MAX, "icon")?;
                check_icon(bytes)?;
                Self::Bytes(bytes.to_vec())
            }
            (Takes::Bytes(limit), BYTES) => Self::Bytes(r.bytes(limit, "content bytes")?.to_vec()),
            (Takes::Number, NUMBER) => Self::Number(r.zigzag("content number")?),
            (Takes::Channel, CHANNEL) => Self::Channel(ChannelId::read(r)?),
            (Takes::Present, PRESENT) => Self::Present,
            _ => {
                return Err(DecodeError::Unknown {
                    what: "content value",
                    value: u64::from(tag),
                });
            }
        })
    }
}

/// Checks an icon: PNG or WebP by its header, at most [`ICON_SIDE_MAX`] pixels on each side and
/// [`ICON_BYTES_MAX`] bytes. Nothing here decodes the picture.
///
/// # Errors
/// What is over its limit, or that it is no such picture.
pub fn check_icon(bytes: &[u8]) -> Result<(), DecodeError> {
    let over = |what, value: usize, limit: usize| DecodeError::Limit {
        what,
        value: value as u64,
        limit: limit as u64,
    };
    if bytes.len() > ICON_BYTES_MAX {
        return Err(over("icon", bytes.len(), ICON_BYTES_MAX));
    }
    let unreadable = DecodeError::NotCanonical { what: "icon" };
    if !matches!(
        imagesize::image_type(bytes),
        Ok(imagesize::ImageType::Png | imagesize::ImageType::Webp)
    ) {
        return Err(unreadable);
    }
    let size = imagesize::blob_size(bytes).map_err(|_broken| unreadable)?;
    let side = size.width.max(size.height);
    if side > ICON_SIDE_MAX || size.width == 0 || size.height == 0 {
        return Err(over("icon side", side, ICON_SIDE_MAX));
    }
    Ok(())
}

impl Canonical for ContentOp {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Set { field, value } => {
                w.u8(1);
                field.write(w);
                value.write(w);
            }
            Self::Clear { field } => {
                w.u8(2);
                field.write(w);
            }
            Self::SpliceNote { at, remove, insert } => {
                w.u8(3);
                at.write(w);
                remove.write(w);
                w.text(insert);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("content operation")? {
            1 => {
                let field = Field::read(r)?;
                let value = Value::read(r, &field)?;
                Self::Set { field, value }
            }
            2 => Self::Clear {
                field: Field::read(r)?,
            },
            3 => Self::SpliceNote {
                at: u32::read(r)?,
                remove: u32::read(r)?,
                insert: r.text(CONTENT_BYTES_MAX, "note text")?,
            },
            value => {
                return Err(DecodeError::Unknown {
                    what: "content operation",
                    value: u64::from(value),
                });
            }
        })
    }
}

impl ContentOp {
    /// Whether every replica will take it: kind of value and limits, as reading checks them.
    pub fn check(&self) -> Result<(), DecodeError> {
        Self::from_bytes(&self.to_bytes()).map(drop)
    }

    /// Writes the operations of one event.
    pub fn write_list(ops: &[Self], w: &mut Writer) {
        w.list(ops);
    }

    /// Reads the operations of one event; the whole rest of the input may be [`CONTENT_BYTES_MAX`] long.
    ///
    /// # Errors
    /// The input is too long, or not a list of operations.
    pub fn read_list(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let value = r.remaining() as u64;
        if r.remaining() > CONTENT_BYTES_MAX {
            return Err(DecodeError::Limit {
                what: "content body",
                value,
                limit: CONTENT_BYTES_MAX as u64,
            });
        }
        r.list(CONTENT_OPS_MAX, "content operations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    fn set(field: Field, value: Value) -> ContentOp {
        ContentOp::Set { field, value }
    }

    #[test]
    fn every_operation_comes_back() {
        let channel = ChannelId([1; 32]);
        let event = EventId([2; 32]);
        let text = |text: &str| Value::Text(text.to_owned());
        let ops = [
            set(Field::Name, text("Åland")),
            set(Field::Topic, text("")),
            set(Field::Icon, Value::Bytes(png(512, 1))),
            set(Field::ChannelName(channel), text("general")),
            set(Field::ChannelTopic(channel), text("t")),
            set(
                Field::ChannelParent(channel),
                Value::Channel(ChannelId([9; 32])),
            ),
            set(Field::ChannelPosition(channel), Value::Number(-7)),
            set(Field::RoleName(RoleId([3; 32])), text("mods")),
            set(Field::Pin(channel, event), Value::Present),
            set(Field::Reason(event), text("spam")),
            set(Field::MemberName(AccountId([4; 32])), text("Ana")),
            set(Field::MemberAbout(AccountId([4; 32])), text("a")),
            set(Field::Joined(CommunityId([5; 32])), text("link")),
            set(Field::ReadMark(channel), text("id")),
            set(Field::Kept("draft/a".to_owned()), text("half a thought")),
            set(Field::Contact(AccountId([4; 32])), Value::Bytes(vec![1, 2])),
            set(Field::Blocked(AccountId([4; 32])), Value::Present),
            set(Field::DeviceName(DeviceId([6; 32])), text("phone")),
            ContentOp::Clear {
                field: Field::Pin(channel, event),
            },
            ContentOp::SpliceNote {
                at: 3,
                remove: 1,
                insert: "ö".to_owned(),
            },
        ];
        for op in &ops {
            assert_eq!(ContentOp::from_bytes(&op.to_bytes()).as_ref(), Ok(op));
        }
    }

    #[test]
    fn what_is_over_a_limit_or_of_the_wrong_kind_is_refused() {
        let long = |len: usize| Value::Text("x".repeat(len));
        let account = AccountId([4; 32]);
        for op in [
            set(Field::Name, long(NAME_BYTES_MAX + 1)),
            set(Field::Topic, long(TOPIC_BYTES_MAX + 1)),
            set(Field::MemberAbout(account), long(ABOUT_BYTES_MAX + 1)),
            set(Field::Reason(EventId([1; 32])), long(REASON_BYTES_MAX + 1)),
            set(
                Field::Joined(CommunityId([5; 32])),
                long(BOOTSTRAP_BYTES_MAX + 1),
            ),
            set(
                Field::ReadMark(ChannelId([1; 32])),
                long(READ_MARK_BYTES_MAX + 1),
            ),
            set(Field::Kept("x".repeat(KEPT_NAME_BYTES_MAX + 1)), long(1)),
            set(Field::Kept("x".to_owned()), long(KEPT_VALUE_BYTES_MAX + 1)),
            set(
                Field::Contact(account),
                Value::Bytes(vec![0; CONTACT_BYTES_MAX + 1]),
            ),
            set(Field::Contact(account), long(1)),
            set(Field::Blocked(account), long(1)),
            set(
                Field::DeviceName(DeviceId([6; 32])),
                long(NAME_BYTES_MAX + 1),
            ),
            set(Field::Name, Value::Number(1)),
            set(Field::ChannelPosition(ChannelId([1; 32])), long(1)),
            set(Field::Icon, long(1)),
            set(
                Field::Icon,
                Value::Bytes(b"GIF89a\x01\0\x01\0\0\0\0".to_vec()),
            ),
            set(Field::Icon, Value::Bytes(Vec::new())),
            set(Field::Icon, Value::Bytes(png(513, 1))),
            set(Field::Icon, Value::Bytes(png(1, 513))),
            set(
                Field::Icon,
                Value::Bytes([png(2, 2), vec![0; ICON_BYTES_MAX]].concat()),
            ),
            ContentOp::SpliceNote {
                at: 0,
                remove: 0,
                insert: "x".repeat(CONTENT_BYTES_MAX + 1),
            },
        ] {
            assert!(op.check().is_err(), "{op:?}");
        }
        set(Field::Name, long(NAME_BYTES_MAX)).check().unwrap();
        set(Field::Icon, Value::Bytes(png(512, 512)))
            .check()
            .unwrap();
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn any_bytes_are_refused_or_canonical(bytes in proptest::collection::vec(0_u8..16, 0..120)) {
            if let Ok(op) = ContentOp::from_bytes(&bytes) {
                proptest::prop_assert_eq!(op.to_bytes(), bytes);
            }
        }
    }
}
