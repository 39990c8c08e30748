//! The own door for IRC clients, through real processes and sockets.

use std::path::Path;

use alloquy_tests::irc::{Door, Irc, Terminal, WeeChat, installed};
use alloquy_tests::{Peer, eventually, run_node, skip};
use tempfile::tempdir;

const ARGUMENTS: [&str; 7] = [
    "--no-mdns",
    "--no-upnp",
    "--listen",
    "/ip4/127.0.0.1/udp/0/quic-v1",
    "--listen",
    "/ip4/127.0.0.1/tcp/0",
    "--irc",
];

/// Ana with a door, and Ben, who are in `Club` with the channel `general`.
fn club(root: &Path) -> (Peer, Door, Peer) {
    let (ana, door) = Door::open(with_door(Peer::init(root, "ana")));
    let ben = Peer::started(root, "ben");
    ana.line("create-community Club");
    ana.line("create-channel Club text general");
    let link = ana.invite("Club");
    ben.line(&format!("join {link}"));
    (ana, door, ben)
}

fn with_door(peer: Peer) -> Peer {
    let arguments: Vec<&str> = ARGUMENTS.iter().copied().chain(["127.0.0.1:0"]).collect();
    peer.with_arguments(&arguments)
}

/// The `msgid` of a line.
fn id(line: &str) -> String {
    let (_, rest) = line
        .split_once("msgid=")
        .unwrap_or_else(|| panic!("no id in {line}"));
    rest.split([';', ' ']).next().unwrap().to_owned()
}

#[test]
fn the_door_is_of_this_machine_and_has_a_password() {
    let root = tempdir().unwrap();
    let peer = Peer::init(root.path(), "ana");
    let data = peer.folder().display().to_string();
    let refused = |address: &str, word: &str| {
        let ended = run_node(["run", "--data", &data, "--irc", address]);
        assert!(
            ended.code.is_some_and(|code| code != 0) && ended.stderr.contains(word),
            "{address}: {ended:?}"
        );
    };
    refused("127.0.0.1:0", "irc-password");
    assert!(run_node(["irc-password", "--data", &data]).code == Some(0));
    refused("0.0.0.0:6667", "0.0.0.0:6667 is not of this machine");
    refused("192.0.2.1:6667", "192.0.2.1:6667 is not of this machine");
    refused("somewhere", "somewhere");
    let missing = root.path().join("nothing").display().to_string();
    let ended = run_node(["irc-password", "--data", &missing]);
    assert!(
        ended.code == Some(1) && ended.stderr.contains("no data directory"),
        "{ended:?}"
    );

    let (_ana, door) = Door::open(with_door(peer));
    let kept = std::fs::read_to_string(Path::new(&data).join("irc-passwords")).unwrap();
    assert!(!kept.contains(&door.password));
    for pass in ["PASS wrong", "PING nothing"] {
        let mut stranger = Irc::connect(&door.address);
        stranger.say(pass);
        stranger.say("NICK x");
        stranger.say("USER x 0 * :x");
        stranger.hears(" 464 ");
        stranger.ends();
    }
    door.client("server-time").say("QUIT");

    // One that may only read, seen in the list, and ended by its number while its client is in.
    let words = ["irc-password", "--data", &data];
    let reader = run_node(words.iter().chain(&["--label", "a reader", "--read-only"]));
    let mut reading = Irc::connect(&door.address);
    reading.say(&format!("PASS {}", reader.stdout.trim()));
    reading.say("NICK x");
    reading.say("USER x 0 * :x");
    reading.hears(" 376 ");
    let listed = run_node(words.iter().chain(&["--list"])).stdout;
    let line = listed.lines().nth(2).unwrap_or_default();
    assert!(
        line.starts_with("3: read, made ") && line.ends_with(": a reader"),
        "{listed}"
    );
    assert!(!line.contains("last use never"), "{listed}");
    let ended = run_node(words.iter().chain(&["--revoke", "3"]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    reading.hears("What let you in is revoked");
    reading.ends();
    for (arguments, word) in [
        (["--revoke", "3"], "there is no app password 3"),
        (["--label", "a\nb"], "1 to 64 bytes"),
    ] {
        let ended = run_node(words.iter().chain(&arguments));
        assert!(
            ended.code.is_some_and(|code| code != 0) && ended.stderr.contains(word),
            "{ended:?}"
        );
    }
}

#[test]
fn a_client_talks_with_native_peers_and_reads_what_was_said_before() {
    let root = tempdir().unwrap();
    let (mut ana, door, ben) = club(root.path());
    ben.line("send Club/general \"before\"");
    ana.reads("Club/general", &["before".to_owned()]);

    let caps = "message-tags server-time batch labeled-response echo-message draft/chathistory draft/multiline \
                draft/message-redaction";
    let mut irc = door.client(caps);
    irc.say("LIST");
    irc.hears(" 322 ana #club/general 2 ");
    irc.say("JOIN #club/general");
    irc.hears(" 366 ");
    irc.say("@label=l1 PRIVMSG #club/general :from \u{2}IRC\u{2}, ben: hi");
    let echo = irc.hears("label=l1");
    ben.reads(
        "Club/general",
        &["before".to_owned(), "from **IRC**, ben: hi".to_owned()],
    );
    ben.line("send Club/general \"from *native*\"");
    let live = irc.hears("from \u{1d}native\u{1d}");
    assert!(live.contains(" :ben!"), "{live}");

    // Reactions and deletions, both ways.
    irc.say(&format!(
        "@+draft/react=👍;+draft/reply={} TAGMSG #club/general",
        id(&live)
    ));
    eventually("Ben sees the reaction", || {
        ben.line("history Club/general")["messages"]
            .to_string()
            .contains("👍")
            .then_some(())
    });
    ben.line(&format!("react {} 🎉", id(&echo)));
    irc.hears("+draft/react=🎉");
    let gone = ben.line("send Club/general \"oops\"")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    irc.hears("oops");
    ben.line(&format!("delete {gone}"));
    irc.hears(&format!("REDACT #club/general {gone}"));

    // A block of code in one message.
    irc.say("BATCH +m draft/multiline #club/general");
    for line in ["```rust", "fn main() {}", "```"] {
        irc.say(&format!("@batch=m PRIVMSG #club/general :{line}"));
    }
    irc.say("BATCH -m");
    irc.hears("BATCH -");
    eventually("Ben has the block", || {
        ben.texts("Club/general", 1)
            .contains(&"```rust\nfn main() {}\n```".to_owned())
            .then_some(())
    });

    // After a restart of the node the same ids, nothing lost and nothing twice.
    let ids = |irc: &mut Irc| -> Vec<String> {
        irc.say("CHATHISTORY LATEST #club/general * 50");
        irc.say("PING done");
        let lines = irc.until(" PONG ");
        lines
            .iter()
            .filter(|line| line.contains("msgid="))
            .map(|line| id(line))
            .collect()
    };
    let first = ids(&mut irc);
    assert_eq!(first.len(), 4, "before, two lines and a block: {first:?}");
    assert_eq!((first[1].clone(), first[2].clone()), (id(&echo), id(&live)));
    ana.stop();
    let door = Door::reopen(&mut ana, door.password.clone());
    let mut irc = door.client(caps);
    assert_eq!(ids(&mut irc), first);
}

#[test]
fn a_ban_in_the_community_ends_the_view_of_it() {
    let root = tempdir().unwrap();
    let (ana, _door, ben) = club(root.path());
    let folder = ben.folder().to_owned();
    let mut ben = ben;
    ben.stop();
    let (ben, door) = Door::open(with_door(Peer::at(&folder)));
    let mut irc = door.client("message-tags");
    irc.say("JOIN #club/general");
    irc.hears(" 366 ");
    let account = ben.account();
    ana.line(&format!("ban Club {account} \"enough\""));
    irc.hears("KICK #club/general ben ");
    irc.say("NAMES #club/general");
    let told = irc.until(" 366 ");
    assert!(!told.iter().any(|line| line.contains(" 353 ")), "{told:?}");
    irc.say("PRIVMSG #club/general :still there?");
    irc.hears(" 403 ");
}

#[test]
fn weechat_talks_with_native_peers() {
    if !installed("weechat-headless") {
        return skip(
            "weechat_talks_with_native_peers",
            "weechat-headless is not installed",
        );
    }
    let root = tempdir().unwrap();
    let (_ana, door, ben) = club(root.path());
    let weechat = WeeChat::start(root.path(), &door, "#club/general");
    let log = "irc.own.#club_general";
    let joined = weechat.shows(log, "has joined #club/general");
    assert!(joined.contains("ana"), "{joined}");
    ben.line("send Club/general \"hello **WeeChat**\"");
    let line = weechat.shows(log, "hello WeeChat");
    assert!(line.contains("\tben\t"), "{line}");
    weechat.types("irc.own.#club/general", "hello from WeeChat");
    eventually("Ben reads it", || {
        ben.texts("Club/general", 5)
            .contains(&"hello from WeeChat".to_owned())
            .then_some(())
    });
    weechat.types("irc.own.#club/general", "/me waves");
    eventually("Ben sees the action", || {
        ben.texts("Club/general", 5)
            .contains(&"_waves_".to_owned())
            .then_some(())
    });
    // Several lines come in the best form that it knows.
    ben.line("send Club/general \"one\\ntwo\"");
    let _first = weechat.shows(log, "\tone");
    let _second = weechat.shows(log, "two");
    // A conversation: the other's nick is its buffer.
    weechat.types("irc.own.#club/general", "/query ben are you there");
    eventually("Ben is written to", || {
        ben.line("dm requests")
            .to_string()
            .contains("are you there")
            .then_some(())
    });
}

#[test]
fn irssi_talks_with_native_peers() {
    for program in ["irssi", "tmux"] {
        if !installed(program) {
            return skip(
                "irssi_talks_with_native_peers",
                &format!("{program} is not installed"),
            );
        }
    }
    let root = tempdir().unwrap();
    let (_ana, door, ben) = club(root.path());
    let command = format!(
        "irssi --home={} -c 127.0.0.1 -p {} -w {} -n x",
        root.path().join("irssi").display(),
        door.port(),
        door.password
    );
    let irssi = Terminal::run(root.path(), &command);
    irssi.shows("End of MOTD");
    irssi.types("/join #club/general");
    irssi.shows("ana [");
    ben.line("send Club/general \"hello irssi\"");
    irssi.shows("ben> hello irssi");
    irssi.types("hello from irssi");
    eventually("Ben reads it", || {
        ben.texts("Club/general", 5)
            .contains(&"hello from irssi".to_owned())
            .then_some(())
    });
    irssi.types("/topic a better topic");
    eventually("Ben sees the topic", || {
        ben.line("channels Club")
            .to_string()
            .contains("a better topic")
            .then_some(())
    });
    irssi.types("/names");
    irssi.shows("Total of 2 nicks");
}
