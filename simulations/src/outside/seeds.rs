//! Where a search begins: real encodings, a few of each form.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::line::specs;
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::codec::Canonical;
use alloquy_schema::embed::Embed;
use bytes::Bytes;

use super::club::{Club, club};
use super::pair::Packet;
use crate::machine::Records;

/// Inputs of one form; more say little that is new.
const EACH: usize = 3;
/// Bytes of one input; what is larger is mutated slowly.
const BYTES_MAX: usize = 8 * 1024;

/// First inputs for every door: door, name, bytes.
#[must_use]
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let club = club();
    let mut found = frames(club);
    found.extend(events(club));
    found.push(("invite", "link".to_owned(), club.link.clone().into_bytes()));
    let cut = &club.link[..club.link.len() / 2];
    found.push(("invite", "cut".to_owned(), cut.as_bytes().to_vec()));
    found.extend(lines());
    found.extend(irc());
    found.extend(log_ins());
    found.extend(stores(club));
    found
}

/// One packet as the door reads it.
fn item(club: &Club, packet: &Packet) -> Option<(u8, Vec<u8>)> {
    let (kind, bytes) = match packet {
        Packet::Frame(bytes) => (0, bytes.to_vec()),
        Packet::Gossip(topic, bytes) => (1, club.unsealed(*topic, bytes)?),
    };
    let len = u16::try_from(bytes.len()).ok()?;
    let tag = bytes.get(1).copied().unwrap_or(0);
    let item = [&[kind], &len.to_le_bytes()[..], &bytes].concat();
    Some((kind * 100 + tag, item))
}

fn frames(club: &Club) -> Vec<(&'static str, String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut held: BTreeMap<u8, usize> = BTreeMap::new();
    for packet in club.heard.iter().flatten() {
        let Some((tag, bytes)) = item(club, packet) else {
            continue;
        };
        let count = held.entry(tag).or_default();
        *count += 1;
        if *count <= EACH && bytes.len() <= BYTES_MAX {
            found.push(("frame", format!("{tag:03}-{count}"), bytes));
        }
    }
    let all = club.heard[0].iter().filter_map(|packet| item(club, packet));
    let mut several: Vec<u8> = Vec::new();
    for (_, bytes) in all {
        if several.len() + bytes.len() > BYTES_MAX {
            break;
        }
        several.extend(bytes);
    }
    found.push(("frame", "several".to_owned(), several));
    found
}

fn events(club: &Club) -> Vec<(&'static str, String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut held: BTreeMap<u8, usize> = BTreeMap::new();
    for event in &club.events {
        let body = event.body().unwrap_or_default();
        let kind = event.header().kind as u8;
        let count = held.entry(kind).or_default();
        *count += 1;
        if let Some(signed) = event.to_signed().filter(|_| *count <= EACH) {
            found.push(("event", format!("{kind}-{count}"), signed.to_bytes()));
        }
        if event.header().kind != alloquy_schema::event::Kind::Sealed {
            found.push(("event", format!("body-{kind}-{count}"), body.to_vec()));
        } else if let Some(plain) = club
            .secret(event.header().epoch)
            .and_then(|secret| secret.open_body(event.header(), body))
            .filter(|_| *count <= EACH)
        {
            found.push(("event", format!("plain-{count}"), plain));
        }
    }
    let mut ranges = BTreeSet::new();
    for packet in club.heard.iter().flatten() {
        if let Packet::Frame(bytes) = packet
            && bytes.get(1) == Some(&4)
        {
            ranges.extend(ranges_of(&bytes[34..]));
        }
    }
    let ranges = ranges.into_iter().filter(|range| range.len() <= BYTES_MAX);
    let named = |(at, range): (usize, Vec<u8>)| ("event", format!("range-{at}"), range);
    found.extend(ranges.take(2 * EACH).enumerate().map(named));
    found.push(("event", "plain-embeds".to_owned(), previews().to_bytes()));
    found
}

/// A message with previews of addresses, which nobody in the club wrote.
fn previews() -> Body {
    let embed = |url: &str, title: &str, description: &str| Embed {
        url: url.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
    };
    Body::Message(MessageBody {
        text: "look".to_owned(),
        embeds: vec![
            embed("https://example.org/", "An example", "what it says"),
            embed("http://a.org", "A", ""),
        ],
        ..MessageBody::default()
    })
}

/// The ranges in the fields of a frame.
fn ranges_of(fields: &[u8]) -> Vec<Vec<u8>> {
    let mut r = alloquy_schema::codec::Reader::new(fields);
    let count = r.len(256, "ranges").unwrap_or(0);
    let range = |_| r.bytes(1 << 23, "range").map(<[u8]>::to_vec).ok();
    (0..count).map_while(range).collect()
}

/// The usage of every line, which is nearly one itself, and lines with what usages lack.
fn lines() -> Vec<(&'static str, String, Vec<u8>)> {
    let named = |spec: &alloquy_api::line::LineSpec| {
        let name = spec.words.replace(' ', "-");
        ("line", name, spec.usage().into_bytes())
    };
    let whole = [
        "send club/general \"a \\\"word\\\",\\n a line\"",
        "history club/general --last 50",
        "role create club \"with a space\" --rank 7 --allow kick,ban",
        "timeout club ben 10m \"reason\"",
        "invite club --uses 3 --expires 2h",
        "slow-mode club/general 30s",
        "send club/general look --embed \"https://a.org A; b\\nc\\n\\nhttp://d.org e\"",
    ];
    let numbered =
        |(at, line): (usize, &str)| ("line", format!("whole-{at}"), line.as_bytes().to_vec());
    specs()
        .map(named)
        .chain(whole.into_iter().enumerate().map(numbered))
        .collect()
}

/// What clients say, by subject.
fn irc() -> Vec<(&'static str, String, Vec<u8>)> {
    let all = [
        (
            "register",
            "CAP LS 302\r\nPASS a:b\r\nNICK ana\r\nUSER ana 0 * :Ana\r\nCAP REQ :sasl batch -batch\r\nCAP END\r\n",
        ),
        (
            "sasl",
            "CAP REQ sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE AGFuYQBzZWNyZXQ=\r\nAUTHENTICATE *\r\n",
        ),
        (
            "tags",
            "@label=a;+reply=x;+draft/react=\\:\\s\\\\\\r;batch=1 TAGMSG #a/b\r\n@+typing=active TAGMSG ana\r\n",
        ),
        (
            "say",
            "PRIVMSG #a/b,ana :\u{2}bold\u{3}04,01 red\u{f} ana: hi @ana\r\nNOTICE ana :\u{1}ACTION waves\u{1}\r\n",
        ),
        (
            "batch",
            "BATCH +1 draft/multiline ana\r\n@batch=1 PRIVMSG ana :one\r\n@batch=1;draft/multiline-concat PRIVMSG ana :two\r\nBATCH -1\r\n",
        ),
        (
            "history",
            "CHATHISTORY LATEST ana * 5\r\nCHATHISTORY BETWEEN ana timestamp=2026-09-21T14:13:20.123Z msgid=x 9\r\nCHATHISTORY TARGETS timestamp=2026-01-01T00:00:00.000Z timestamp=2027-01-01T00:00:00.000Z 9\r\nMARKREAD ana timestamp=2026-09-21T14:13:20.123Z\r\n",
        ),
        (
            "rooms",
            "JOIN #a/b,#c/d key\r\nNAMES #a/b\r\nTOPIC #a/b :x\r\nMODE #a/b +obm-v ana ~a:ben\r\nKICK #a/b ana :x\r\nINVITE ana #a/b\r\nLIST >1,*x*,!y\r\nPART #a/b\r\n",
        ),
        (
            "people",
            "WHO * %tcuihsnfdlaor,1\r\nWHOIS ana ana\r\nWHOWAS x\r\nISON ana\r\nUSERHOST ana\r\nMONITOR + a,b\r\nMONITOR S\r\nAWAY :x\r\nSETNAME :y\r\nREDACT ana x :y\r\n",
        ),
        (
            "previews",
            "CAP REQ :alloquy.chat/embed message-tags\r\n@alloquy.chat/embed=https://a.org\\sA\\:\\sb\\nc;alloquy.chat/embed-2=http://d.org\\se PRIVMSG #a/b :look\r\n@alloquy.chat/embed=x PRIVMSG ana :x\r\n",
        ),
        (
            "networks",
            "BOUNCER LISTNETWORKS\r\nBOUNCER BIND dm\r\nHELP x\r\nVERSION\r\nQUIT :bye\r\n",
        ),
    ];
    let named = |(name, lines): (&str, &str)| ("irc", name.to_owned(), lines.as_bytes().to_vec());
    all.into_iter().map(named).collect()
}

/// What stands behind CAP and behind AUTHENTICATE.
fn log_ins() -> Vec<(&'static str, String, Vec<u8>)> {
    let long = "YWFh".repeat(100);
    let whole = format!("PLAIN\n{long}\n{long}\nAA==\n+");
    let all: [(&'static str, &str, &str); 9] = [
        ("cap", "list", "LS\nLS 302\nLIST\nEND"),
        (
            "cap",
            "ask",
            "REQ :batch server-time\nREQ :-batch sasl\nREQ :sts\nREQ\nREQ :",
        ),
        (
            "cap",
            "mixed",
            "LS 302\nREQ :-cap-notify batch\nREQ :batch -batch nothing\nEND\nREQ :echo-message",
        ),
        ("sasl", "plain", "PLAIN\nAGFuYQBzZWNyZXQ=\nPLAIN\n*"),
        ("sasl", "external", "EXTERNAL\n+\nEXTERNAL\nYW5h"),
        (
            "sasl",
            "scram",
            "SCRAM-SHA-256\nbiwsbj1hbmEscj14\nYz1iaXdzLHI9eCxwPXg=\n+",
        ),
        ("sasl", "long", &whole),
        ("sasl", "wrong", "DH-AES\nPLAIN\n===\nPLAIN\nAAAA\nplain\n+"),
        ("sasl", "empty", "\n+\n*\n:\n: \n"),
    ];
    let named = |(door, name, lines): (&'static str, &str, &str)| {
        (door, name.to_owned(), lines.as_bytes().to_vec())
    };
    all.into_iter().map(named).collect()
}

fn stores(club: &Club) -> Vec<(&'static str, String, Vec<u8>)> {
    let fresh: Records = club
        .records
        .iter()
        .filter(|(key, _)| key.len() == 1)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let written = |records: &Records| -> Vec<u8> { records.iter().flat_map(record).collect() };
    let mut found = vec![
        ("store", "account".to_owned(), written(&fresh)),
        ("store", "club".to_owned(), written(&club.records)),
    ];
    // One of each type, beside the account.
    let mut held = BTreeSet::new();
    for (key, value) in &club.records {
        if held.insert(key[0]) && key.len() > 1 && value.len() <= BYTES_MAX {
            let mut some = written(&fresh);
            some.extend(record((key, value)));
            found.push(("store", format!("type-{:02x}", key[0]), some));
        }
    }
    found
}

fn record((key, value): (&Bytes, &Bytes)) -> Vec<u8> {
    let key_len = u8::try_from(key.len()).expect("keys are short");
    let value_len = u32::try_from(value.len()).expect("values are small");
    [&[key_len], &key[..], &value_len.to_le_bytes(), &value[..]].concat()
}
