//! One line of the table: its words, arguments, flags, what it does and what it gives back.

use std::fmt;

use alloquy_ids::{EventId, InviteId};

use crate::command::{
    AccountRef, ChannelKind, ChannelRef, CommunityRef, HistoryRule, JoinRule, LinkRule, RoleRef,
    WordRule,
};
use crate::embed::Embed;
use crate::nearby::Announce;
use crate::personal::OnOff;
use crate::voice::Hand;
use crate::{Command, Reply};

use super::ParseLineError;
use super::kind::{Kind, Value};

/// How one command is written.
#[derive(Clone, Copy)]
pub struct LineSpec {
    /// The fixed words: `send`, `role create`.
    pub words: &'static str,
    /// The arguments, in order; those that may be left out come last.
    pub arguments: &'static [Argument],
    /// The flags.
    pub flags: &'static [Flag],
    /// What it does, in sentences.
    pub help: &'static str,
    /// What it gives back.
    pub reply: ReplyKind,
    /// Makes the command from one value for each argument and flag.
    pub(crate) build: fn(&mut Values) -> Command,
    /// The values of a command of this line; `None` for any other.
    pub(crate) show: fn(&Command) -> Option<Vec<Value>>,
}

/// An argument of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the usage: `CHANNEL`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether it may be left out or repeated.
    pub need: Need,
}

/// How often an argument stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Once or more often; only the last argument of a line.
    Many,
}

/// A flag of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name, with the dashes.
    pub name: &'static str,
    /// Its value's name in the usage and what it may be; `None` for a flag without a value.
    pub value: Option<(&'static str, Kind)>,
    /// The number that stands for it when it is left out.
    pub default: Option<u64>,
}

/// Which [`Reply`] a line gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the variant of Reply of the same name")]
pub enum ReplyKind {
    Community,
    Channel,
    Invite,
    Message,
    History,
    Members,
    Channels,
    Communities,
    Invites,
    Roles,
    Role,
    Audit,
    Why,
    Unread,
    Presence,
    Note,
    Epoch,
    Operation,
    Vote,
    Pins,
    Templates,
    InviteCard,
    Nearby,
    Recovery,
    InviteTree,
    Branch,
    Undone,
    Policy,
    Requests,
    Requested,
    Votes,
    Lost,
    WhyEvent,
    Devices,
    Code,
    AudioDevices,
    Call,
    ContactLink,
    Contacts,
    Direct,
    DmRequests,
    Safety,
    Homes,
    HomeStatus,
    Ok,
}

impl ReplyKind {
    /// The kind of a reply.
    #[must_use]
    pub const fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Community { .. } => Self::Community,
            Reply::Channel { .. } => Self::Channel,
            Reply::Invite { .. } => Self::Invite,
            Reply::Message { .. } => Self::Message,
            Reply::History { .. } => Self::History,
            Reply::Members { .. } => Self::Members,
            Reply::Channels { .. } => Self::Channels,
            Reply::Communities { .. } => Self::Communities,
            Reply::Invites { .. } => Self::Invites,
            Reply::Roles { .. } => Self::Roles,
            Reply::Role { .. } => Self::Role,
            Reply::Audit { .. } => Self::Audit,
            Reply::Why { .. } => Self::Why,
            Reply::Unread { .. } => Self::Unread,
            Reply::Presence { .. } => Self::Presence,
            Reply::Note { .. } => Self::Note,
            Reply::Epoch { .. } => Self::Epoch,
            Reply::Operation { .. } => Self::Operation,
            Reply::Vote { .. } => Self::Vote,
            Reply::Pins { .. } => Self::Pins,
            Reply::Templates { .. } => Self::Templates,
            Reply::InviteCard { .. } => Self::InviteCard,
            Reply::Nearby { .. } => Self::Nearby,
            Reply::Recovery { .. } => Self::Recovery,
            Reply::InviteTree { .. } => Self::InviteTree,
            Reply::Branch { .. } => Self::Branch,
            Reply::Undone { .. } => Self::Undone,
            Reply::Policy { .. } => Self::Policy,
            Reply::Requests { .. } => Self::Requests,
            Reply::Requested { .. } => Self::Requested,
            Reply::Votes { .. } => Self::Votes,
            Reply::Lost { .. } => Self::Lost,
            Reply::WhyEvent { .. } => Self::WhyEvent,
            Reply::Devices { .. } => Self::Devices,
            Reply::Code { .. } => Self::Code,
            Reply::AudioDevices { .. } => Self::AudioDevices,
            Reply::Call { .. } => Self::Call,
            Reply::ContactLink { .. } => Self::ContactLink,
            Reply::Contacts { .. } => Self::Contacts,
            Reply::Direct { .. } => Self::Direct,
            Reply::DmRequests { .. } => Self::DmRequests,
            Reply::Safety { .. } => Self::Safety,
            Reply::Homes { .. } => Self::Homes,
            Reply::HomeStatus { .. } => Self::HomeStatus,
            Reply::Ok { .. } => Self::Ok,
        }
    }

    /// Whether a line that promises this kind may give back `reply`: the same kind, or `{"ok":true}` from a
    /// line that names an operation and had nothing to do, or a join that somebody must let in first.
    #[must_use]
    pub fn allows(self, reply: &Reply) -> bool {
        let given = Self::of(reply);
        given == self
            || (self == Self::Operation && given == Self::Ok)
            || (self == Self::Community && given == Self::Requested)
    }
}

impl LineSpec {
    /// How it is written: `history CHANNEL [--last N] [--before ID] [--thread ID]`.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut text = self.words.to_owned();
        for argument in self.arguments {
            let name = match argument.kind {
                Kind::Choice(words) => words.join("|"),
                kind if kind.is_text() => format!("\"{}\"", argument.name),
                _ => argument.name.to_owned(),
            };
            text.push_str(&match argument.need {
                Need::One => format!(" {name}"),
                Need::Optional => format!(" [{name}]"),
                Need::Many => format!(" {name}.."),
            });
        }
        for flag in self.flags {
            text.push_str(&match flag.value {
                Some((value, _)) => format!(" [{} {value}]", flag.name),
                None => format!(" [{}]", flag.name),
            });
        }
        text
    }

    /// How many arguments may stand, from and to.
    pub(crate) fn arity(&self) -> (usize, usize) {
        let least = self.arguments.iter().filter(|a| a.need != Need::Optional);
        let most = match self.arguments.last() {
            Some(last) if last.need == Need::Many => usize::MAX,
            _ => self.arguments.len(),
        };
        (least.count(), most)
    }

    /// Prints the canonical line of these values.
    pub(crate) fn write(&self, out: &mut impl fmt::Write, values: &[Value]) -> fmt::Result {
        out.write_str(self.words)?;
        let (arguments, flags) = values.split_at(self.arguments.len());
        for (argument, value) in self.arguments.iter().zip(arguments) {
            if *value == Value::Absent && argument.need == Need::Optional {
                continue;
            }
            out.write_char(' ')?;
            argument.kind.write(value, out)?;
        }
        for (flag, value) in self.flags.iter().zip(flags) {
            if *value == Value::Absent {
                continue;
            }
            write!(out, " {}", flag.name)?;
            if let Some((_, kind)) = flag.value {
                out.write_char(' ')?;
                kind.write(value, out)?;
            }
        }
        Ok(())
    }

    /// Checks every value.
    pub(crate) fn check(&self, values: &[Value]) -> Result<(), ParseLineError> {
        let arguments = self.arguments.iter().map(|a| (a.name, Some(a.kind)));
        let flags = self
            .flags
            .iter()
            .map(|f| (f.name, f.value.map(|(_, kind)| kind)));
        for ((name, kind), value) in arguments.chain(flags).zip(values) {
            if let Some(kind) = kind {
                kind.check(value).map_err(|fault| fault.at(name, 0))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LineSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LineSpec").field(&self.usage()).finish()
    }
}

/// The values of a line, taken one after the other by the field that each is for.
#[derive(Debug)]
pub(crate) struct Values(std::vec::IntoIter<Value>);

impl Values {
    /// One value for each argument and flag of a line, in the table's order.
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// The next value, as its field's type.
    pub(crate) fn take<F: Field>(&mut self) -> F {
        let value = self.0.next().unwrap_or(Value::Absent);
        F::from_value(value)
            .expect("the table gives each field a kind that reads as its type, as a test shows")
    }
}

/// A type of a field of [`Command`].
pub(crate) trait Field: Sized {
    /// The field from its value; `None` when the table has a wrong kind for it.
    fn from_value(value: Value) -> Option<Self>;
    /// The value of the field.
    fn to_value(&self) -> Value;
}

impl Field for String {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

macro_rules! text_fields {
    ($($name:ident),*) => {$(
        impl Field for $name {
            fn from_value(value: Value) -> Option<Self> {
                String::from_value(value).map(Self)
            }
            fn to_value(&self) -> Value {
                self.0.to_value()
            }
        }
    )*};
}
text_fields!(CommunityRef, ChannelRef, RoleRef, AccountRef);

macro_rules! id_fields {
    ($($name:ident),*) => {$(
        impl Field for $name {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Id(id) => Some(Self(id)),
                    _ => None,
                }
            }
            fn to_value(&self) -> Value {
                Value::Id(self.0)
            }
        }
    )*};
}
id_fields!(EventId, InviteId);

impl Field for u64 {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        Value::Number(*self)
    }
}

impl Field for u32 {
    fn from_value(value: Value) -> Option<Self> {
        u64::from_value(value)?.try_into().ok()
    }
    fn to_value(&self) -> Value {
        Value::Number((*self).into())
    }
}

impl Field for bool {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Given => Some(true),
            Value::Absent => Some(false),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            true => Value::Given,
            false => Value::Absent,
        }
    }
}

macro_rules! choice_fields {
    ($($name:ident { $($variant:ident = $word:literal),* })*) => {$(
        impl Field for $name {
            fn from_value(value: Value) -> Option<Self> {
                match String::from_value(value)?.as_str() {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
            fn to_value(&self) -> Value {
                let word = match self {
                    $(Self::$variant => $word,)*
                };
                Value::Text(word.to_owned())
            }
        }
    )*};
}
choice_fields! {
    JoinRule { Open = "open", Invite = "invite", Approval = "approval" }
    LinkRule { Everyone = "everyone", Roles = "roles", Moderators = "moderators" }
    WordRule { Refuse = "refuse", Hold = "hold" }
    OnOff { On = "on", Off = "off" }
    HistoryRule { All = "all", SinceJoin = "since-join" }
    Announce { On = "on", Off = "off" }
    Hand { Up = "up", Down = "down" }
}

impl Field for ChannelKind {
    fn from_value(value: Value) -> Option<Self> {
        match String::from_value(value)?.as_str() {
            "text" => Some(Self::Text),
            "voice" => Some(Self::Voice),
            "stage" => Some(Self::Stage),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        let word = match self {
            Self::Text => "text",
            Self::Voice => "voice",
            Self::Category => "category",
            Self::Stage => "stage",
        };
        Value::Text(word.to_owned())
    }
}

/// Rights of a flag that may be left out: none when it is.
impl Field for Vec<String> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Names(names) => Some(names),
            Value::Absent => Some(Self::new()),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self.is_empty() {
            true => Value::Absent,
            false => Value::Names(self.clone()),
        }
    }
}

/// Accounts of an argument that stands once or more often.
impl Field for Vec<AccountRef> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Names(names) => Some(names.into_iter().map(AccountRef).collect()),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        Value::Names(self.iter().map(|account| account.0.clone()).collect())
    }
}

/// Previews of a flag that may be left out: none when it is.
impl Field for Vec<Embed> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Embeds(embeds) => Some(embeds),
            Value::Absent => Some(Self::new()),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self.is_empty() {
            true => Value::Absent,
            false => Value::Embeds(self.clone()),
        }
    }
}

impl Field for Vec<EventId> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Ids(ids) => Some(ids.into_iter().map(EventId).collect()),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        Value::Ids(self.iter().map(|id| id.0).collect())
    }
}

/// Rights of a flag whose absence means "as they are", which is not the same as none.
impl Field for Option<Vec<String>> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Absent => Some(None),
            Value::Names(names) => Some(Some(names)),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            None => Value::Absent,
            Some(names) => Value::Names(names.clone()),
        }
    }
}

macro_rules! optional_fields {
    ($($name:ident),*) => {$(
        impl Field for Option<$name> {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Absent => Some(None),
                    value => $name::from_value(value).map(Some),
                }
            }
            fn to_value(&self) -> Value {
                self.as_ref().map_or(Value::Absent, Field::to_value)
            }
        }
    )*};
}
optional_fields!(String, CommunityRef, ChannelRef, EventId, u32, u64);
