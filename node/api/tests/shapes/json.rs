//! Everything comes back from its JSON as itself, and the shapes are the ones promised.

use alloquy_api::line::{LineSpec, ReplyKind, specs};
use alloquy_api::reply::*;
use alloquy_api::rpc::{REQUEST_LINE_BYTES_MAX, RPC_VERSION, Request, Response};
use alloquy_api::{Command, CommandError, CommandId, ErrorBody, ErrorCode, Event, Snapshot};
use alloquy_ids::{AccountId, CommunityId, EventId, UnixMs};
use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::events;
use super::examples::{self, KINDS};

/// The JSON of a value, after it came back from it as itself.
#[track_caller]
fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap();
    assert!(!json.contains('\n'), "{json}");
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    json
}

#[test]
fn replies_have_the_shapes_of_the_contract() {
    let shapes: Vec<_> = KINDS
        .iter()
        .map(|kind| json(&examples::reply(*kind)))
        .collect();
    expect![[r#"
        {"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}
        {"channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"}
        {"invite":"alloquy://join/aeaqcaibaeaqcaibaeaq","id":"aydambqgaydambqgaydambqgaydambqgaydambqgaydambqgayda"}
        {"message":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"}
        {"messages":[{"id":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","text":"hello","time":1700000000000,"edited":false,"deleted":false,"reply_to":null,"reactions":[{"emoji":"🎈","accounts":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"]}],"delivery":{"state":"delivered","holders":2}}],"complete":true,"complete_since":1700000000000,"confirmed":{"peers":2,"homes":1}}
        {"members":[{"account":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","name":"Ana","roles":["Moderators"],"online":true,"availability":"online","rank":50,"owner":true}]}
        {"channels":[{"channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","kind":"text","name":"general","topic":"","category":"beeqscijbeeqscijbeeqscijbeeqscijbeeqscijbeeqscijbeeq","position":0,"private":false,"unread":3,"mentions":1,"rights":["view","send"],"slow_mode_ms":0,"overwrites":[{"target":{"role":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"allow":[],"deny":["send"]}]}]}
        {"communities":[{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","name":"club","topic":"","members":2,"online":1}]}
        {"invites":[{"id":"aydambqgaydambqgaydambqgaydambqgaydambqgaydambqgayda","creator":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","uses":5,"used":1,"expires":1700000000000,"revoked":false}]}
        {"roles":[{"role":"a4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dq","name":"Moderators","rank":50,"allow":["kick","mute"]}]}
        {"role":"a4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dq"}
        {"operations":[{"operation":"baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","time":1700000000000,"kind":"removals","subject":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","what":"Ana removed Ben","effective":true,"reason":"too loud"}]}
        {"granted":true,"because":["everyone may send"],"operations":["baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea"]}
        {"unread":[{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","name":"general","unread":3,"mentions":1}]}
        {"online":[{"account":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","name":"Ana","availability":"online","status":""}]}
        {"note":"bring cake"}
        {"epoch":"baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea"}
        {"operation":"baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea"}
        {"enacted":false,"votes":3,"needed":4}
        {"pins":[{"id":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","text":"hello","time":1700000000000,"edited":false,"deleted":false,"reply_to":"bqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambqga","quote":{"author":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","text":"who brings cake?"},"replies":{"count":2,"last":1700000000000},"mentions_me":true,"pinned":true,"hidden":"it holds the word casino","reactions":[{"emoji":"🎈","accounts":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"]}],"delivery":{"state":"delivered","holders":2}}]}
        {"templates":[{"template":"friends","title":"Friends","about":"A place for people who know each other.","channels":[{"kind":"category","name":"Text"},{"kind":"text","name":"general"}],"roles":["Moderators"]}]}
        {"card":{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","name":"club","inviter":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","inviter_name":"Ana","peers":3,"expires":1700000000000,"member":false}}
        {"nearby":[{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","name":"club","member":"Ana","members":12}],"announced":[]}
        {"recovery_words":["abandon","ability","able"]}
        {"tree":[{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben","depth":1,"inviter":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","invite":"aydambqgaydambqgaydambqgaydambqgaydambqgaydambqgayda","admitted_by":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","operation":"baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea","time":1700000000000,"member":true}]}
        {"removed":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"],"kept":[],"left":0,"invite_revoked":true}
        {"undone":34,"left":0,"deletions":["ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"]}
        {"policy":{"joins":"invite","wait_ms":600000,"links":"everyone","joins_in_all":null,"joins_by_invite":10,"joins_within_ms":600000,"refused_words":["casino"],"held_words":[]}}
        {"requests":[{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben","invite":"aydambqgaydambqgaydambqgaydambqgaydambqgaydambqgayda","since":1700000000000}]}
        {"requested":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}
        {"proposals":[{"add":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"],"remove":[],"voters":["aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca"],"votes":3,"needed":4}]}
        {"lost":[{"operation":"baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","time":1700000000000,"kind":"removals","subject":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","what":"Ana removed Ben","effective":false,"reason":"too loud","because":"what it rested on was taken away"}]}
        {"stands":false,"because":["Ana deleted it"],"operations":["baeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaea"]}
        {"devices":[{"device":"bifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifa","name":"laptop","this":true,"since":1700000000000,"connected":true,"state":"active"}]}
        {"code":"7-anchor-river","link":"alloquy://link/aeaqcaibaeaqcaibaeaq","until":1700000000000}
        {"audio":{"inputs":["Headset","Webcam"],"outputs":["Headset"],"input":"Headset","output":"Headset","failure":"the microphone Desk is not there: Headset is used"}}
        {"call":{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","muted":false,"deafened":false,"silenced":"this account lacks the right speak in this channel","speaking":false,"peers":{"bifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifa":{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","link":{"stage":"audio","path":{"local":"192.168.1.7:40007","remote":"198.51.100.4:3478","local_kind":"host","remote_kind":"relay","protocol":"udp"}},"speaking":true,"volume":100,"stats":{"round_trip_ms":23,"lost_in":4,"lost_out":0,"jitter_ms":3,"delay_ms":40,"concealed_ms":0,"bytes_in":5000,"bytes_out":5100,"level_db":-22}}}}}
        {"contact":"alloquy://contact/aeaqcaibaeaqcaibaeaq"}
        {"contacts":[{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben","verified":true,"blocked":false,"online":true}]}
        {"direct":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"}
        {"dm_requests":[{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben","text":"hi, it is me","time":1700000000000,"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}]}
        {"safety_words":["abandon","ability"],"safety_code":"alloquy-safety:aeaqcaibaeaqcaibaeaq","verified":false}
        {"homes":[{"device":"bifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifa","name":"attic","connected":true,"seen":1700000000000,"bytes":4096,"quota":1073741824,"keeps":["aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"],"behind":3}]}
        {"home":{"device":"bifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifa","owner":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","bytes":4096,"quota":1073741824,"peers":2,"letters":1,"keeps":[{"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","accounts":["aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca"],"events":12,"bytes":4096,"lag":0,"limit":1048576,"days":30,"backed":1700000000000,"alone":2}]}}
        {"ok":true}"#]].assert_eq(&shapes.join("\n"));
}

#[test]
fn empty_replies_are_told_apart() {
    let empty = [
        Reply::History {
            messages: vec![],
            complete: false,
            complete_since: None,
            confirmed: Confirmed::default(),
        },
        Reply::Members { members: vec![] },
        Reply::Channels { channels: vec![] },
        Reply::Communities {
            communities: vec![],
        },
        Reply::Invites { invites: vec![] },
        Reply::Roles { roles: vec![] },
        Reply::Audit { operations: vec![] },
        Reply::Why {
            granted: false,
            because: vec![],
            operations: vec![],
        },
        Reply::Unread { unread: vec![] },
        Reply::Presence { online: vec![] },
        Reply::Note {
            note: String::new(),
        },
        Reply::Pins { pins: vec![] },
        Reply::Templates { templates: vec![] },
        Reply::Nearby {
            nearby: vec![],
            announced: vec![],
        },
    ];
    for reply in empty {
        json(&reply);
    }
}

#[test]
fn each_kind_of_reply_is_promised_by_a_line() {
    for kind in KINDS {
        assert_eq!(ReplyKind::of(&examples::reply(kind)), kind);
        let reply = examples::reply(kind);
        // `join` gives this in place of the community that it promises.
        let promised = |spec: &LineSpec| match kind {
            ReplyKind::Requested => spec.reply.allows(&reply),
            kind => spec.reply == kind,
        };
        assert!(specs().any(promised), "{kind:?}");
    }
}

#[test]
fn events_have_the_shapes_of_the_contract() {
    let shapes: Vec<_> = events::events()
        .iter()
        .map(|(event, _)| json(event))
        .collect();
    expect![[r#"
        {"event":"message-added","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","message":{"id":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","text":"hello","time":1700000000000,"edited":false,"deleted":false,"reply_to":null,"reactions":[{"emoji":"🎈","accounts":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"]}],"delivery":{"state":"delivered","holders":2}}}
        {"event":"message-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","message":{"id":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq","author":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","text":"hello","time":1700000000000,"edited":false,"deleted":false,"reply_to":null,"reactions":[{"emoji":"🎈","accounts":["aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"]}],"delivery":{"state":"delivered","holders":2}}}
        {"event":"message-removed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","message":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq"}
        {"event":"delivery-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","message":"ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq","delivery":{"state":"delivered","holders":2}}
        {"event":"community-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}
        {"event":"community-left","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","by":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca"}
        {"event":"join-refused","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","message":"a member has decided not to let this account in"}
        {"event":"dm-requested","request":{"account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben","text":"hi, it is me","time":1700000000000,"community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq"}}
        {"event":"devices-changed"}
        {"event":"linking-changed","linking":{"what":"device","code":"7-anchor-river","link":"alloquy://link/aeaqcaibaeaqcaibaeaq","until":1700000000000,"step":"waiting"}}
        {"event":"progress","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","held":120,"of":4000}
        {"event":"key-missing","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","holders":["aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca"],"connected":false}
        {"event":"nearby-changed","count":1}
        {"event":"member-added","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","name":"Ben"}
        {"event":"member-removed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"}
        {"event":"presence-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","online":true}
        {"event":"typing","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq"}
        {"event":"unread-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba","unread":3,"mentions":1}
        {"event":"peer-changed","account":"aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq","connected":true}
        {"event":"caught-up","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","peers":2}
        {"event":"voice-changed","community":"aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq","channel":"aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"}
        {"event":"call-changed"}
        {"event":"call-ended","reason":"this account may not be in the channel any more"}
        {"event":"storage-failed","message":"No space left on device"}
        {"event":"lagged","count":12}"#]].assert_eq(&shapes.join("\n"));
}

#[test]
fn the_outcome_of_a_command_says_reply_or_error() {
    for kind in KINDS {
        json(&Event::Done {
            id: CommandId(1),
            result: Ok(examples::reply(kind)),
        });
    }
    let done = Event::Done {
        id: CommandId(1),
        result: Ok(examples::reply(ReplyKind::Ok)),
    };
    expect![[r#"{"event":"done","id":1,"result":{"reply":{"ok":true}}}"#]].assert_eq(&json(&done));
    let failed = Event::Done {
        id: CommandId(2),
        result: Err(examples::error()),
    };
    expect![[r#"{"event":"done","id":2,"result":{"error":{"code":"unknown_name","message":"no community is called \"clubb\""}}}"#]].assert_eq(&json(&failed));
}

#[test]
fn an_error_is_printed_with_its_code_and_message() {
    expect![[r#"{"error":{"code":"unknown_name","message":"no community is called \"clubb\""}}"#]]
        .assert_eq(&json(&ErrorBody::from(examples::error())));
}

#[test]
fn the_codes_are_one_closed_list() {
    let codes: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            assert_eq!(json(code), format!("\"{code}\""));
            format!("{code} {}", code.exit_code())
        })
        .collect();
    expect![[r#"
        parse 2
        not_running 1
        unknown_name 1
        ambiguous_name 1
        not_permitted 1
        not_member 1
        invite_invalid 1
        invite_expired 1
        invite_used_up 1
        limit 1
        timeout 1
        storage 1
        busy 1
        wrong_passphrase 1
        in_use 1
        exists 1
        version 1
        no_voice 1
        internal 1"#]]
    .assert_eq(&codes.join("\n"));
}

#[test]
fn reports_come_back() {
    json(&examples::init_report());
    json(&examples::status_report());
    json(&examples::doctor_report());
    json(&Snapshot::default());
    json(&examples::snapshot());
}

#[test]
fn requests_and_responses_come_back() {
    let command: Command = "send club/general hello".parse().unwrap();
    let requests = [
        Request::Hello {
            version: RPC_VERSION,
        },
        Request::Submit {
            id: CommandId(7),
            command,
        },
        Request::Subscribe,
        Request::Status,
        Request::Doctor,
        Request::Snapshot,
    ];
    let shapes: Vec<_> = requests.iter().map(json).collect();
    expect![[r#"
        {"hello":{"version":2}}
        {"submit":{"id":7,"command":{"command":"send","channel":"club/general","text":"hello"}}}
        "subscribe"
        "status"
        "doctor"
        "snapshot""#]]
    .assert_eq(&shapes.join("\n"));
    let hello = Response::Hello {
        version: RPC_VERSION,
        program: "0.1.0".to_owned(),
        account: examples::ANA,
        pid: 4711,
    };
    let community = alloquy_api::snapshot::CommunitySnapshot {
        name: "club".to_owned(),
        ..Default::default()
    };
    let mut snapshot = Snapshot {
        account: Some(examples::ANA),
        ..Default::default()
    };
    snapshot
        .communities
        .insert(examples::COMMUNITY, community.into());
    for (event, _) in events::events() {
        json(&Response::Event(event));
    }
    json(&Response::Status(examples::status_report()));
    json(&Response::Doctor(examples::doctor_report()));
    json(&Response::Snapshot(Box::new(snapshot)));
    json(&Response::Subscribed);
    expect![[r#"{"changed":{"version":12}}"#]].assert_eq(&json(&Response::Changed { version: 12 }));
    expect![[r#"{"hello":{"version":2,"program":"0.1.0","account":"aqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca","pid":4711}}"#]].assert_eq(&json(&hello));
    expect![[r#"{"error":{"code":"unknown_name","message":"no community is called \"clubb\""}}"#]]
        .assert_eq(&json(&Response::Error(examples::error())));
}

#[test]
fn the_longest_command_fits_a_request_line() {
    // The characters that JSON writes longest among those that a text may hold.
    for c in ["\t", "\"", "\u{7f}", "🎈"] {
        let text = c.repeat(16 * 1024 / c.len());
        let channel = alloquy_api::command::ChannelRef("c".repeat(201));
        let command = Command::Send {
            channel,
            text,
            embeds: Vec::new(),
        };
        let request = Request::Submit {
            id: CommandId(u64::MAX),
            command,
        };
        assert!(json(&request).len() < REQUEST_LINE_BYTES_MAX);
    }
}

fn ids() -> impl Strategy<Value = Vec<AccountId>> {
    vec(any::<[u8; 32]>().prop_map(AccountId), 0..3)
}

fn messages() -> impl Strategy<Value = MessageView> {
    let flags = any::<[bool; 5]>();
    let answers = any::<[Option<[u8; 32]>; 2]>();
    let states = proptest::sample::select(vec![
        DeliveryState::Pending,
        DeliveryState::Stored,
        DeliveryState::Held,
        DeliveryState::Delivered,
        DeliveryState::Read,
    ]);
    (
        any::<[u8; 32]>(),
        any::<String>(),
        any::<u64>(),
        flags,
        answers,
        (any::<String>(), ids()),
        states,
    )
        .prop_map(
            |(
                id,
                text,
                time,
                [edited, deleted, pinned, waiting, arrived_later],
                [reply_to, thread],
                (emoji, accounts),
                state,
            )| {
                MessageView {
                    id: EventId(id),
                    author: AccountId(id),
                    text,
                    time: UnixMs(time),
                    edited,
                    deleted,
                    reply_to: reply_to.map(EventId),
                    quote: thread.map(|author| QuoteView {
                        author: AccountId(author),
                        text: "?".to_owned(),
                    }),
                    replies: thread.map(|_| RepliesView {
                        count: 1,
                        last: UnixMs(time),
                    }),
                    mentions_me: pinned,
                    thread: thread.map(EventId),
                    bridged: edited,
                    embeds: Vec::new(),
                    pinned,
                    waiting,
                    arrived_later,
                    hidden: pinned.then(|| "a word".to_owned()),
                    reactions: vec![ReactionView { emoji, accounts }],
                    delivery: DeliveryView { state, holders: 3 },
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histories_and_events_come_back(messages in vec(messages(), 0..4), complete: bool, since: Option<u64>) {
        for message in &messages {
            json(&Event::MessageAdded {
                community: CommunityId([1; 32]),
                channel: examples::CHANNEL,
                message: message.clone(),
            });
        }
        json(&Reply::History { messages, complete, complete_since: since.map(UnixMs), confirmed: Confirmed::default() });
    }

    #[test]
    fn any_text_of_an_error_comes_back(message: String) {
        json(&Response::Error(CommandError::new(ErrorCode::Internal, message)));
    }

    #[test]
    fn bytes_that_are_no_request_are_refused_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(serde_json::from_slice::<Request>(&bytes).is_err());
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for line in [
        "{}",
        "null",
        r#"{"submit":{"id":1}}"#,
        r#"{"submit":{"id":-1,"command":{"command":"communities"}}}"#,
        r#"{"hello":{}}"#,
        r#""shutdown""#,
        r#"{"submit":{"id":1,"command":{"command":"play-video"}}}"#,
    ] {
        assert!(serde_json::from_str::<Request>(line).is_err(), "{line}");
    }
    // A reply that is none is not taken for one that is like it.
    for line in [
        r#"{"ok":true,"more":1}"#,
        r#"{"error":{"code":"limit","message":""}}"#,
        "{}",
    ] {
        assert!(serde_json::from_str::<Reply>(line).is_err(), "{line}");
    }
}
