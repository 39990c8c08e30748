//! Headers, ids, carriers and signatures of events of every kind, and sealed bodies.

use alloquy_ids::{EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::codec::Canonical;
use alloquy_schema::embed::Embed;
use alloquy_schema::epoch::{EpochKey, pad, sealed_len};
use alloquy_schema::event::{Header, Kind, SignedEvent, clear_commit};
use alloquy_schema::keys::DeviceKey;
use serde_json::{Value, json};

use crate::{golden, hex, seed};

pub(crate) fn header(kind: Kind, device: &DeviceKey) -> Header {
    Header {
        kind,
        scope: ScopeId(seed("scope")),
        device: device.id(),
        incarnation: 0x0102_0304,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall: UnixMs(1_767_225_600_000),
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: [0; 32],
    }
}

/// Signs an event with a clear body.
pub(crate) fn clear(mut header: Header, body: &[u8], device: &DeviceKey) -> SignedEvent {
    header.body_len = body.len() as u32;
    header.body_commit = clear_commit(body);
    SignedEvent::sign(header, body.to_vec(), device)
}

/// Signs an event with a body sealed under an epoch.
pub(crate) fn sealed(
    mut header: Header,
    key: &EpochKey,
    body: &Body,
    device: &DeviceKey,
) -> SignedEvent {
    let secret = key.secret();
    let padded = pad(&body.to_bytes());
    header.body_len = sealed_len(padded.len()) as u32;
    header.body_commit = secret.body_commit(&header.log(), header.seq, &padded);
    let ciphertext = secret.seal_body(&header, &padded);
    SignedEvent::sign(header, ciphertext, device)
}

pub(crate) fn message(text: &str) -> Body {
    Body::Message(MessageBody {
        text: text.to_owned(),
        ..MessageBody::default()
    })
}

fn embed(url: &str, title: &str, description: &str) -> Embed {
    Embed {
        url: url.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
    }
}

/// A message with previews.
fn looking(bridged: bool, embeds: Vec<Embed>) -> Body {
    Body::Message(MessageBody {
        text: "look".to_owned(),
        bridged,
        embeds,
        ..MessageBody::default()
    })
}

/// Plaintexts that no reader takes, and why.
fn refused() -> Vec<Value> {
    let with = |embed: Embed| looking(false, vec![embed]).to_bytes();
    let good = || embed("https://example.org/", "An example", "");
    let none = [&[8, 2], b"hi".as_slice(), &[0, 0, 0]].concat();
    let named = [
        ("no previews in the form of some", none),
        ("four previews", looking(false, vec![good(); 4]).to_bytes()),
        ("another scheme", with(embed("javascript:x", "t", ""))),
        ("a space in an address", with(embed("https://a b", "t", ""))),
        (
            "an address over its limit",
            with(embed(&format!("https://{}", "a".repeat(1017)), "t", "")),
        ),
        ("no title", with(embed("https://a.org", "", ""))),
        (
            "a title over its limit",
            with(embed("https://a.org", &"x".repeat(257), "")),
        ),
        (
            "a line break in a title",
            with(embed("https://a.org", "a\nb", "")),
        ),
        (
            "a space at the end of a description",
            with(embed("https://a.org", "t", "d ")),
        ),
        (
            "a description over its limit",
            with(embed("https://a.org", "t", &"x".repeat(513))),
        ),
    ];
    let shown = |(name, bytes): (&str, Vec<u8>)| {
        assert!(Body::from_bytes(&bytes).is_err(), "{name}");
        json!({ "name": name, "plaintext": hex(bytes) })
    };
    named.into_iter().map(shown).collect()
}

fn vector(name: &str, event: &SignedEvent) -> Value {
    let header = &event.header;
    let ids = |ids: &[EventId]| ids.iter().map(|id| hex(id.0)).collect::<Vec<_>>();
    event.clone().verify().expect("signed by its own device");
    json!({
        "name": name,
        "fields": {
            "kind": header.kind as u8,
            "scope": hex(header.scope.0),
            "device": hex(header.device.0),
            "incarnation": header.incarnation,
            "seq": header.seq,
            "prev": hex(header.prev.0),
            "deps": ids(&header.deps),
            "auth": ids(&header.auth),
            "lamport": header.lamport,
            "wall_ms": header.wall.0,
            "epoch": hex(header.epoch.0),
            "body_len": header.body_len,
            "body_commit": hex(header.body_commit),
        },
        "header": hex(header.to_bytes()),
        "id": hex(header.id().0),
        "body": hex(&event.body),
        "carrier": hex(alloquy_schema::hash::plain(&event.body)),
        "signature": hex(event.signature),
        "event": hex(event.to_bytes()),
    })
}

/// What members write, each kind of it.
fn bodies(target: EventId) -> Vec<(&'static str, Body)> {
    vec![
        ("message", message("Hello, Ben!")),
        (
            "reply in a thread",
            Body::Message(MessageBody {
                text: "Sí".to_owned(),
                reply_to: Some(target),
                thread: Some(target),
                bridged: false,
                embeds: Vec::new(),
            }),
        ),
        (
            "edit",
            Body::Edit {
                target,
                text: "Hello, Eva!".to_owned(),
            },
        ),
        (
            "reaction",
            Body::React {
                target,
                emoji: "👍".to_owned(),
                on: true,
            },
        ),
        (
            "reaction taken back",
            Body::React {
                target,
                emoji: "👍".to_owned(),
                on: false,
            },
        ),
        (
            "unknown body",
            Body::Unknown {
                tag: 200,
                bytes: vec![1, 2, 3],
            },
        ),
        ("long message", message(&"all work and no play ".repeat(20))),
        (
            "message with previews",
            looking(
                false,
                vec![
                    embed("https://example.org/", "An example", "Größe"),
                    embed("http://example.org/b?c#d", "Sí", ""),
                ],
            ),
        ),
        (
            "bridged message with a preview",
            looking(true, vec![embed("https://example.org/", "An example", "")]),
        ),
    ]
}

#[test]
fn events() {
    let device = DeviceKey::from_seed(&seed("device"));
    let key = EpochKey::Link(seed("link key"));
    let genesis = Header {
        scope: ScopeId::ZERO,
        ..header(Kind::Authority, &device)
    };
    let authority = clear(genesis, &[2], &device);
    let deletion = Header {
        seq: 7,
        prev: EventId(seed("prev")),
        deps: vec![EventId(seed("dep 1")), EventId(seed("dep 2"))],
        auth: vec![authority.header.id()],
        lamport: 300,
        ..header(Kind::Deletion, &device)
    };
    let target = EventId(seed("target"));
    let deleted = clear(
        deletion.clone(),
        &[[1].as_slice(), &target.0].concat(),
        &device,
    );
    let identity = clear(header(Kind::Identity, &device), &[200, 1, 2, 3], &device);
    let sealed_header = Header {
        kind: Kind::Sealed,
        epoch: EpochId(seed("epoch")),
        ..deletion
    };
    let sealed_vector = |(name, body): &(&str, Body)| {
        let event = sealed(sealed_header.clone(), &key, body, &device);
        let mut vector = vector(name, &event);
        vector["plaintext"] = hex(body.to_bytes()).into();
        vector["padded"] = hex(pad(&body.to_bytes())).into();
        if let Body::Message(message) = body {
            let embed = |of: &Embed| json!([of.url, of.title, of.description]);
            let embeds: Vec<_> = message.embeds.iter().map(embed).collect();
            vector["message"] = json!({
                "text": message.text,
                "reply_to": message.reply_to.map(|id| hex(id.0)),
                "thread": message.thread.map(|id| hex(id.0)),
                "bridged": message.bridged,
                "embeds": embeds,
            });
        }
        vector
    };
    golden(
        "events.json",
        &json!({
            "device_seed": hex(seed("device")),
            "epoch_secret": hex(&key.secret_only().to_bytes()[1..]),
            "clear": [vector("authority", &authority), vector("deletion", &deleted), vector("identity", &identity)],
            "sealed": bodies(target).iter().map(sealed_vector).collect::<Vec<_>>(),
            "refused": refused(),
        }),
    );
}
