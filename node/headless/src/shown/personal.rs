//! Forms for people of what concerns one account alone.

use alloquy_api::reply::{
    ContactView, DeviceState, DeviceView, DmRequestView, HomeStatusView, HomeView, LinkStep,
    LinkingView,
};
use alloquy_api::{Event, Reply};
use alloquy_ids::{AccountId, CommunityId, UnixMs};

use super::names::Names;
use super::table::Table;
use super::{one_line, plain};

/// A reply about what concerns this account alone; anything else says nothing.
pub(super) fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Devices { devices } => devices_table(devices),
        Reply::Code { code, link, until } => code_lines(code, link, *until),
        Reply::ContactLink { contact } => plain(contact),
        Reply::Contacts { contacts } => contacts_table(contacts),
        Reply::Direct { direct, channel } => format!("conversation {direct}\nchannel {channel}"),
        Reply::DmRequests { dm_requests } => requests_table(dm_requests),
        Reply::Safety {
            safety_words,
            safety_code,
            verified,
        } => {
            let known = match verified {
                true => "compared and equal",
                false => "not compared yet: read them to each other",
            };
            format!(
                "{}\n{}\n{known}",
                safety_words.join(" "),
                plain(safety_code)
            )
        }
        Reply::Homes { homes } => homes_table(homes),
        Reply::HomeStatus { home } => home_lines(home),
        _ => String::new(),
    }
}

/// An event about what concerns this account alone; anything else says nothing.
pub(super) fn event(event: &Event, names: &Names) -> String {
    match event {
        Event::DmRequested { request } => {
            let what = match request.group {
                Some(_) => "wants to have you in a group",
                None => "wants to write to you",
            };
            format!("{} ({}) {what}", one_line(&request.name), request.account)
        }
        Event::LinkingChanged { linking } => linking_line(linking),
        Event::Progress {
            community,
            held,
            of,
        } => format!("{}: {held} of {of}", names.community(*community)),
        Event::KeyMissing {
            channel,
            holders,
            connected,
            ..
        } => key_line(&names.channel(*channel), holders, *connected, names),
        _ => String::new(),
    }
}

fn key_line(channel: &str, holders: &[AccountId], connected: bool, names: &Names) -> String {
    let whom: Vec<_> = holders
        .iter()
        .map(|account| names.account(*account))
        .collect();
    let now = if connected {
        "asked now"
    } else {
        "not connected"
    };
    format!(
        "{channel}: a key is waited for from {} ({now})",
        whom.join(", ")
    )
}

fn linking_line(linking: &LinkingView) -> String {
    match &linking.step {
        LinkStep::Waiting => "the code waits".to_owned(),
        LinkStep::Talking => "somebody entered the code".to_owned(),
        LinkStep::Done => "paired".to_owned(),
        LinkStep::Failed(why) => format!("not paired: {}", plain(why)),
    }
}

fn code_lines(code: &str, link: &str, until: UnixMs) -> String {
    format!(
        "code  {}\nlink  {}\nuntil {}",
        plain(code),
        plain(link),
        until.utc()
    )
}

fn devices_table(devices: &[DeviceView]) -> String {
    let mut table = Table::new(["", "name", "state", "since", "device"]);
    for device in devices {
        let here = match (device.this, device.connected) {
            (true, _) => "this",
            (false, true) => "*",
            (false, false) => "",
        };
        let state = match device.state {
            DeviceState::Active => "active",
            DeviceState::Suspended => "suspended",
            DeviceState::Revoked => "revoked",
            DeviceState::Closed => "closed",
        };
        table.row([
            here.to_owned(),
            one_line(&device.name),
            state.to_owned(),
            device.since.utc().to_string(),
            device.device.to_string(),
        ]);
    }
    table.to_string()
}

fn contacts_table(contacts: &[ContactView]) -> String {
    let mut table = Table::new(["", "name", "", "account"]);
    for contact in contacts {
        let here = if contact.online { "*" } else { "" };
        let note = match (contact.blocked, contact.verified) {
            (true, _) => "blocked",
            (false, true) => "verified",
            (false, false) => "",
        };
        table.row([
            here.to_owned(),
            one_line(&contact.name),
            note.to_owned(),
            contact.account.to_string(),
        ]);
    }
    table.to_string()
}

fn requests_table(requests: &[DmRequestView]) -> String {
    let mut table = Table::new(["name", "says", "account"]);
    for request in requests {
        table.row([
            one_line(&request.name),
            one_line(&request.text),
            request.account.to_string(),
        ]);
    }
    table.to_string()
}

fn homes_table(homes: &[HomeView]) -> String {
    let mut table = Table::new([
        "",
        "name",
        "bytes",
        "of",
        "keeps",
        "not there yet",
        "device",
    ]);
    for home in homes {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        table.row([
            if home.connected { "*" } else { "" }.to_owned(),
            one_line(&home.name),
            number(home.bytes),
            number(home.quota),
            home.keeps.len().to_string(),
            number(home.behind),
            home.device.to_string(),
        ]);
    }
    table.to_string()
}

fn home_lines(home: &HomeStatusView) -> String {
    let owner = match home.owner {
        Some(owner) => owner.to_string(),
        None => "nobody yet: `home code` shows a code to pair with".to_owned(),
    };
    let mut table = Table::new([
        "community",
        "events",
        "bytes",
        "limit",
        "days",
        "behind",
        "only here",
    ]);
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    for kept in &home.keeps {
        table.row([
            CommunityId::to_string(&kept.community),
            kept.events.to_string(),
            kept.bytes.to_string(),
            number(kept.limit),
            number(kept.days.map(u64::from)),
            number(kept.lag),
            kept.alone.to_string(),
        ]);
    }
    format!(
        "owner {owner}\nkeeps {} of {} bytes, {} peers, {} letters\n{table}",
        home.bytes, home.quota, home.peers, home.letters
    )
}
