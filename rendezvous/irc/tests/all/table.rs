//! Nothing is answered or announced without a script that produces it: docs/irc.md lists it all, and so does the code.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::AccountId;
use alloquy_irc::caps::Cap;
use alloquy_irc::{Bridge, ClientKey, ConnId, Outcome, Registration, Server};
use data_encoding::BASE64;

use crate::fake::{ANA, BEN, CLUB, GENERAL, Irc, Node, not_permitted, settings};

const DOCS: &str = include_str!("../../../../docs/irc.md");

/// What specifications demand, and the tests that show it.
const MUSTS: &str = include_str!("../../../../docs/irc-musts.md");

/// Demands there that no test shows, and those that can not arise here.
const OPEN: usize = 0;
const NOT_HERE: usize = 7;

/// What a rendezvous says to who does not come into a community.
const REFUSED_ENTRY: [&str; 5] = ["403", "437", "473", "474", "477"];

/// A section of the document.
fn section(title: &str) -> &'static str {
    let (_, rest) = DOCS.split_once(&format!("\n## {title}\n")).unwrap();
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// Words of a section that are written as code.
fn codes(title: &str) -> impl Iterator<Item = &'static str> {
    section(title).split('`').skip(1).step_by(2)
}

fn is_numeric(word: &str) -> bool {
    word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The face of a rendezvous where accounts are made, and a guest's node.
fn open_bridge() -> Irc {
    let bridge = Bridge {
        lobby: Some(CLUB),
        mechanisms: alloquy_irc::Mechanism::ALL.to_vec(),
        registration: Registration::Open,
        guests: true,
        e2ee: true,
        opers: true,
        ..Bridge::default()
    };
    let mut guest = Node::new();
    guest.change(|snapshot| {
        snapshot.account = Some(BEN);
        snapshot.name = "Ben Ash".to_owned();
    });
    let mut irc = Irc::new();
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc.other = Some((ClientKey(2), guest));
    irc
}

fn say(irc: &mut Irc, conn: ConnId, lines: &[&str]) {
    for line in lines {
        irc.send(conn, line);
    }
}

/// What a plain client asks, and gets wrong.
fn plain(irc: &mut Irc) {
    irc.node.change_club(|club| {
        club.bans = Arc::new(vec![alloquy_api::reply::RestrictionView {
            account: BEN,
            name: "Ben Ash".to_owned(),
            by: ANA,
            since: alloquy_ids::UnixMs(1_700_000_000_000),
            until: None,
            reason: None,
            operation: alloquy_ids::EventId([9; 32]),
        }]);
        let mut members = club.members.to_vec();
        members[1].availability = Some(alloquy_api::command::Availability::Idle);
        club.members = Arc::new(members);
        let mut channels = club.channels.to_vec();
        channels[1].overwrites = vec![alloquy_api::reply::OverwriteView {
            target: alloquy_api::reply::OverwriteTarget::Member(AccountId([9; 32])),
            allow: vec!["view".to_owned()],
            deny: Vec::new(),
        }];
        club.channels = Arc::new(channels);
    });
    let conn = irc.in_general("");
    let all = "ADMIN|AWAY :x|AWAY|HELP|INFO|LINKS|LIST|LUSERS|MOTD|OPER a b|TIME|VERSION|WALLOPS :x|\
        ISON Ana|USERHOST Ana|MODE Ana +B|MODE Ana|MODE Ana +X|MODE Ben-Ash +i|MODE nobody|WHOIS Ana|WHOIS Ben-Ash|\
        WHOIS nobody|WHOIS|WHOWAS x|WHOWAS|WHO #our-club/general|WHO #our-club/general %na|TOPIC #our-club/general|\
        TOPIC #our-club/general :x|TOPIC #our-club/general|NAMES #our-club/general|MODE #our-club/general|\
        MODE #our-club/general b|MODE #our-club/secret I|MODE #our-club/general +X|\
        MODE #our-club/general +i|MODE #our-club/general +o|INVITE|INVITE x|INVITE Ben-Ash #our-club/general|\
        JOIN #our-club/secret|INVITE Ben-Ash #our-club/secret|PART #our-club/secret|KICK #our-club/secret x|\
        KICK #our-club/general nobody|JOIN #no|JOIN no|PRIVMSG|PRIVMSG x|PRIVMSG nobody :x|\
        PRIVMSG @#our-club/general :x|PRIVMSG a,b,c,d,e,f,g,h,i :x|NICK|NICK #|NICK other|NICK Ben-Ash|USER a b c d|\
        NONSENSE|CAP NONSENSE|ACCEPT nobody|ACCEPT -Ben-Ash|SILENCE Ben-Ash|SILENCE|MONITOR + Ana,nobody|MONITOR L|AUTHENTICATE PLAIN";
    say(irc, conn, &all.split('|').collect::<Vec<_>>());
    irc.send(conn, &format!("PING {}", "x".repeat(600)));
    let nicks: Vec<String> = (0..201).map(|n| format!("n{n}")).collect();
    for nicks in nicks.chunks(50) {
        irc.send(conn, &format!("MONITOR + {}", nicks.join(",")));
    }
    crate::lists::contact(irc, BEN, "Ben Ash");
    say(irc, conn, &["ACCEPT *", "ACCEPT Ben-Ash"]);
    irc.node.refuse = Some(not_permitted());
    irc.send(conn, "KICK #our-club/general Ben-Ash");
    let early = irc.connect();
    irc.send(early, "JOIN #our-club/general");
    say(irc, early, &["NICK x", "USER x 0 * :x"]);
    too_many_rooms(irc);
}

fn too_many_rooms(irc: &mut Irc) {
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        for n in 0..260_u16 {
            let mut id = [50; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            let mut view = channels[0].clone();
            view.channel = alloquy_ids::ChannelId(id);
            view.name = format!("room{n}");
            channels.push(view);
        }
        club.channels = Arc::new(channels);
    });
    let conn = irc.client("");
    for n in 0..260 {
        irc.send(conn, &format!("JOIN #our-club/room{n}"));
    }
}

/// Logging in, and not.
fn log_ins(irc: &mut Irc) {
    let secret = |name: &str| BASE64.encode(format!("\0{name}\0secret").as_bytes());
    let conn = irc.connect();
    irc.send(conn, "CAP REQ sasl");
    for line in ["AUTHENTICATE PLAIN", "AUTHENTICATE *", "AUTHENTICATE PLAIN"] {
        irc.send(conn, line);
    }
    irc.send(conn, &format!("AUTHENTICATE {}", "a".repeat(401)));
    irc.send(conn, "AUTHENTICATE NONSENSE");
    irc.send(conn, "AUTHENTICATE PLAIN");
    irc.send(conn, &format!("AUTHENTICATE {}", secret("ana")));
    irc.send(conn, "AUTHENTICATE PLAIN");
}

/// What chat histories, batches, edits and their like are refused by.
fn refusals(irc: &mut Irc) {
    let caps = "message-tags batch standard-replies draft/multiline draft/read-marker draft/message-redaction \
        draft/chathistory draft/channel-rename alloquy.chat/edit alloquy.chat/embed setname";
    let id = irc.node.write(GENERAL, BEN, "said");
    let conn = irc.in_general(caps);
    let lines = "CHATHISTORY NONSENSE #our-club/general * 5|CHATHISTORY LATEST|CHATHISTORY LATEST #no * 5|\
        CHATHISTORY LATEST #our-club/general x=y 5|CHATHISTORY LATEST #our-club/general msgid=x 5|\
        MARKREAD #no|MARKREAD|RENAME #our-club/general #other|RENAME #our-club/general #our-club/secret|MARKREAD #our-club/general x|REDACT #no x|REDACT #our-club/general x|SETNAME :|\
        BATCH +a nonsense #our-club/general|@alloquy.chat/edit=x PRIVMSG #no :x|\
        @alloquy.chat/edit=x PRIVMSG #our-club/general :x|@alloquy.chat/embed=x PRIVMSG #our-club/general :x|\
        @alloquy.chat/embed=x BATCH +a draft/multiline #our-club/general|REGISTER a * b|\
        BATCH +a draft/multiline #our-club/general|@batch=a PRIVMSG #other :x|\
        BATCH +a draft/multiline #our-club/general";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
    let unknown = "a".repeat(52);
    irc.send(
        conn,
        &format!("CHATHISTORY BEFORE #our-club/general msgid={unknown} 5"),
    );
    for _ in 0..40 {
        irc.send(
            conn,
            &format!("@batch=a PRIVMSG #our-club/general :{}", "x".repeat(450)),
        );
    }
    irc.send(conn, "BATCH +b draft/multiline #our-club/general");
    for _ in 0..401 {
        irc.send(conn, "@batch=b PRIVMSG #our-club/general :x");
    }
    irc.bytes(conn, b"PRIVMSG #our-club/general :\xff\r\n");
    crate::asked::asks(irc, crate::asked::request(AccountId([7; 32]), "Zoë"));
    for line in [
        format!("REDACT #our-club/general {id}"),
        format!("@alloquy.chat/edit={id} PRIVMSG #our-club/general :x"),
        format!("@+draft/react=x;+reply={id} TAGMSG #our-club/general"),
        "AWAY :x".to_owned(),
        "ACCEPT Zoë-asks".to_owned(),
        "SILENCE Ben-Ash".to_owned(),
    ] {
        irc.node.refuse = Some(not_permitted());
        irc.send(conn, &line);
    }
    irc.node.refuse = Some(CommandError::new(
        ErrorCode::NotPermitted,
        "slow mode: 10 s",
    ));
    irc.send(conn, "PRIVMSG #our-club/general :x");
    timed_out(irc, conn);
    irc.node
        .events
        .push_back(alloquy_api::Event::Lagged { count: 7 });
    irc.turn();
    metadata(irc);
    let reading = irc.connect();
    let lines =
        "CAP REQ standard-replies|PASS ana:reading|NICK x|USER x 0 * :x|CAP END|PRIVMSG #no :x";
    say(irc, reading, &lines.split('|').collect::<Vec<_>>());
    let bouncer = irc.connect();
    let lines = "CAP REQ :soju.im/bouncer-networks sasl|BOUNCER LISTNETWORKS|BOUNCER BIND our-club|BOUNCER NONSENSE|\
        BOUNCER ADDNETWORK x|AUTHENTICATE PLAIN|AUTHENTICATE AAByZWFkaW5n|BOUNCER ADDNETWORK x|\
        BOUNCER ADDNETWORK name=x|BOUNCER ADDNETWORK host=x|BOUNCER CHANGENETWORK our-club name=x|\
        BOUNCER BIND none|BOUNCER BIND our-club|\
        NICK x|USER x 0 * :x|CAP END|BOUNCER BIND our-club";
    say(irc, bouncer, &lines.split('|').collect::<Vec<_>>());
}

/// What is written by somebody whom a time-out keeps from that.
fn timed_out(irc: &mut Irc, conn: ConnId) {
    irc.node.change_club(|club| {
        club.timeouts = Arc::new(vec![alloquy_api::reply::RestrictionView {
            account: ANA,
            name: "Ana".to_owned(),
            by: ANA,
            since: irc.now.wall,
            until: Some(alloquy_ids::UnixMs(irc.now.wall.0 + 1_000)),
            reason: None,
            operation: alloquy_ids::EventId([9; 32]),
        }]);
    });
    irc.node.refuse = Some(not_permitted());
    irc.send(conn, "PRIVMSG #our-club/general :x");
}

/// What people tell of themselves, and what is refused of it.
fn metadata(irc: &mut Irc) {
    let conn = irc.in_general("batch draft/metadata-2");
    let keys: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
    for keys in keys.chunks(12) {
        irc.send(conn, &format!("METADATA * SUB {}", keys.join(" ")));
    }
    let lines = "METADATA * LIST|METADATA * GET avatar BAD|METADATA * SUBS|METADATA * UNSUB k1|METADATA * NONSENSE|\
        METADATA nobody LIST|METADATA * SET avatar :x|METADATA * SET status";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
    irc.send(conn, &format!("METADATA * SET status :{}", "x".repeat(300)));
    for number in 0..11 {
        irc.send(conn, &format!("METADATA * SET status :{number}"));
    }
    say(irc, conn, &["AWAY :x", "SETNAME :y"]);
}

/// Accounts that are made, and are not.
fn registrations(irc: &mut Irc) {
    let joining = irc.client("");
    for code in REFUSED_ENTRY {
        irc.send(joining, "JOIN #other-club/general");
        let text = "not so".to_owned();
        irc.tell(Outcome::Refused { code, text });
    }
    let early = irc.connect();
    let lines = "CAP REQ standard-replies|REGISTER * * secret|REGISTER ana * secret";
    say(irc, early, &lines.split('|').collect::<Vec<_>>());
    let conn = irc.connect();
    let lines = "CAP REQ :standard-replies account-notify|NICK ben|USER x 0 * :x|CAP END";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
    for code in [
        "ACCOUNT_EXISTS",
        "BAD_ACCOUNT_NAME",
        "WEAK_PASSWORD",
        "UNACCEPTABLE_PASSWORD",
        "DISALLOWED",
    ] {
        irc.send(conn, "REGISTER ben * secret");
        let text = "not so".to_owned();
        irc.tell(Outcome::Refused { code, text });
    }
    irc.send(conn, "REGISTER ben * secret");
    irc.tell(Outcome::Denied);
    irc.send(conn, "REGISTER ben * secret");
    irc.tell(Outcome::Granted(ClientKey(2)));
    irc.send(conn, "REGISTER ben * secret");
    // A nick that somebody has.
    irc.other = None;
    irc.checks_at_once = false;
    let taken = irc.connect();
    say(irc, taken, &["NICK ana", "USER x 0 * :x"]);
    let (check, _) = irc.checks.remove(0);
    let text = "in use".to_owned();
    irc.server
        .checked(check, Outcome::Refused { code: "NICK", text }, irc.now);
    irc.turn();
}

/// Streams that are refused, or ended for what was sent in them.
fn streams(irc: &mut Irc) {
    let caps = "message-tags alloquy.chat/e2ee";
    let conn = irc.client(caps);
    let lines = "E2EE NONSENSE|E2EE OPEN 1|E2EE OPEN x home|E2EE OPEN 1 nowhere|E2EE OPEN 1 home|E2EE OPEN 1 home|\
        E2EE DATA 1|E2EE OPEN 2 home|E2EE ACK 2 1|E2EE HOME";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
    irc.tell(Outcome::Denied);
    for number in 0..100 {
        irc.send(conn, &format!("E2EE OPEN {number} home"));
    }
    for number in 0..100 {
        irc.send(conn, &format!("E2EE CLOSE {number}"));
        irc.send(conn, &format!("E2EE OPEN {number} home"));
    }
    let guest = irc.connect();
    let lines = format!("CAP REQ :{caps}|NICK ben|USER x 0 * :x|CAP END|E2EE HOME");
    say(irc, guest, &lines.split('|').collect::<Vec<_>>());
}

/// An operator, and what it may not end.
fn operators(irc: &mut Irc) {
    let conn = irc.client("");
    let lines = "OPER boss :a key|WHOIS Ana|KILL irc.test :x";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
}

/// Everything that scripts produce.
fn produced() -> Vec<String> {
    let mut all = Vec::new();
    for script in [plain, log_ins, refusals] {
        let mut irc = Irc::new();
        script(&mut irc);
        all.append(&mut irc.all);
    }
    for script in [registrations, streams, operators] {
        let mut irc = open_bridge();
        script(&mut irc);
        all.append(&mut irc.all);
    }
    all
}

fn words(line: &str) -> Vec<&str> {
    let line = match line.starts_with('@') {
        true => line.split_once(' ').unwrap().1,
        false => line,
    };
    line.split(' ').collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the code itself is what is looked at"
)]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// String literals of the code that answers.
fn literals(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            literals(&path, into);
        } else {
            let text = read(&path);
            let parts = text.split('"').map(str::to_owned);
            into.extend(parts);
        }
    }
}

/// Names of the tests in a folder.
fn tests(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, into);
            continue;
        }
        let text = read(&path);
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                into.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
}

#[test]
fn every_demand_of_a_specification_names_tests_that_are_there() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    for folder in ["src", "tests", "../listener", "../src", "../tests"] {
        tests(&crates.join(folder), &mut known);
    }
    let rows = MUSTS.lines().filter_map(|line| {
        let (demanded, shown) = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")?;
        (demanded != "Demanded").then_some((demanded, shown))
    });
    let (mut count, mut open, mut not_here) = (0, 0, 0);
    for (demanded, shown) in rows {
        if shown == "open" {
            open += 1;
            continue;
        }
        if shown.starts_with("not here: ") {
            not_here += 1;
            continue;
        }
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(
            !named.is_empty(),
            "{demanded}: no test, and not said to be open"
        );
        for name in named {
            assert!(known.contains(name), "{demanded}: no test is called {name}");
        }
        count += 1;
    }
    assert!(count > 100, "{count}");
    // Another one is a decision: whoever makes it says so here.
    assert_eq!((open, not_here), (OPEN, NOT_HERE), "open, and not here");
    let headings: Vec<&str> = MUSTS
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    let names = Cap::ALL.iter().map(|cap| cap.name()).chain(["sts"]);
    for name in names.filter(|name| !name.starts_with("alloquy.chat/")) {
        let quoted = format!("`{name}`");
        assert!(
            headings.iter().any(|heading| heading.contains(&quoted)),
            "{name} has no section"
        );
    }
}

#[test]
fn every_numeric_is_listed_and_produced() {
    let listed: BTreeSet<String> = codes("Numerics")
        .filter(|word| is_numeric(word))
        .map(str::to_owned)
        .collect();
    let all = produced();
    let told: BTreeSet<String> = all
        .iter()
        .filter_map(|line| words(line).get(1).map(|word| (*word).to_owned()))
        .filter(|word| is_numeric(word))
        .collect();
    assert_eq!(told, listed, "told and listed");
    let mut written = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in ["commands", "server"] {
        literals(&source.join(folder), &mut written);
    }
    for file in ["commands.rs", "server.rs"] {
        let text = read(&source.join(file));
        written.extend(text.split('"').map(str::to_owned));
    }
    // What is refused by whoever lets into communities is told as it says.
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/admitted.rs");
    let text = read(&entry);
    let refused = text.split('"').filter(|word| is_numeric(word));
    let refused: BTreeSet<&str> = refused.collect();
    assert_eq!(refused, BTreeSet::from(REFUSED_ENTRY));
    written.extend(refused.into_iter().map(str::to_owned));
    let written: BTreeSet<String> = written
        .into_iter()
        .filter(|word| is_numeric(word))
        .collect();
    assert_eq!(written, listed, "written in the code and listed");
}

#[test]
fn every_code_of_a_standard_reply_is_listed_and_produced() {
    let listed: BTreeSet<String> = codes("Standard replies")
        .filter(|word| word.starts_with("FAIL ") || word.starts_with("NOTE "))
        .map(str::to_owned)
        .collect();
    let all = produced();
    let told: BTreeSet<String> = all
        .iter()
        .map(|line| words(line))
        .filter(|words| words.len() > 3 && ["FAIL", "NOTE"].contains(&words[1]))
        // A read-only log-in is refused so whatever it tries.
        .map(|words| words[1..4].join(" "))
        .collect();
    assert_eq!(told, listed, "told and listed");
    let mut written = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    literals(&source, &mut written);
    let is_code = |word: &String| {
        word.contains('_')
            && word.len() > 3
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    for code in written.iter().filter(|word| is_code(word)) {
        assert!(
            listed.iter().any(|listed| listed.ends_with(code)),
            "{code} is in the code and not listed"
        );
    }
}

#[test]
fn every_capability_is_listed() {
    let listed: BTreeSet<&str> = section("Capabilities")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut announced: BTreeSet<&str> = Cap::ALL.iter().map(|cap| cap.name()).collect();
    announced.insert("sts");
    assert_eq!(listed, announced);
    // What one face offers and another does not.
    let offered = |irc: &mut Irc| {
        let conn = irc.connect();
        irc.ask(conn, "CAP LS 302").join(" ")
    };
    let (own, bridge) = (offered(&mut Irc::new()), offered(&mut open_bridge()));
    for cap in Cap::ALL {
        let of_bridges = [Cap::AccountRegistration, Cap::AccountNotify, Cap::E2ee].contains(cap);
        assert_eq!(own.contains(cap.name()), !of_bridges, "{cap:?}: {own}");
        assert!(bridge.contains(cap.name()), "{cap:?}: {bridge}");
    }
}

/// What shows that a capability is in effect: something to do, and what is told of it then.
struct Proof {
    /// What is asked for besides.
    besides: &'static str,
    does: fn(&mut Irc, ConnId),
    told: &'static str,
    /// Whether it is not told to who did not ask.
    alone: bool,
}

fn proof(besides: &'static str, does: fn(&mut Irc, ConnId), told: &'static str) -> Proof {
    Proof {
        besides,
        does,
        told,
        alone: true,
    }
}

fn hears(irc: &mut Irc, _conn: ConnId) {
    irc.node.embeds = vec![alloquy_api::Embed::parse("https://a.org A").unwrap()];
    let id = irc.node.write(GENERAL, BEN, "hello");
    irc.turn();
    irc.node
        .alter(id, |message| message.text = "other".to_owned());
    irc.node.react(id, BEN, "👍");
    irc.node.alter(id, |message| message.deleted = true);
    irc.turn();
}

fn changes(irc: &mut Irc, _conn: ConnId) {
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].name = "Ben!Ash".to_owned();
        members[1].online = false;
        club.members = Arc::new(members);
        let mut channels = club.channels.to_vec();
        channels[0].name = "lounge".to_owned();
        club.channels = Arc::new(channels);
    });
    irc.turn();
}

fn asks(irc: &mut Irc, conn: ConnId) {
    let id = irc.node.write(GENERAL, BEN, "one\ntwo");
    irc.node.react(id, BEN, "👍");
    let lines = "CHATHISTORY LATEST #our-club/general * 5|NAMES #our-club/general|JOIN #our-club/secret|\
        @label=x PING y|PRIVMSG #our-club/general :echoed|MARKREAD #our-club/general|ISUPPORT|\
        INVITE Ben-Ash #our-club/secret|BOUNCER LISTNETWORKS|SETNAME :";
    say(irc, conn, &lines.split('|').collect::<Vec<_>>());
}

fn joins_another(irc: &mut Irc, _conn: ConnId) {
    irc.node.change(|snapshot| {
        let mut club = (*snapshot.communities[&CLUB]).clone();
        club.name = "Other Club".to_owned();
        let id = alloquy_ids::CommunityId([78; 32]);
        snapshot.communities.insert(id, Arc::new(club));
    });
    irc.turn();
}

fn watches(irc: &mut Irc, conn: ConnId) {
    say(irc, conn, &["PART #our-club/general", "MONITOR + Ben-Ash"]);
    changes(irc, conn);
}

fn guest_registers(irc: &mut Irc, _conn: ConnId) {
    let guest = irc.connect();
    say(
        irc,
        guest,
        &["NICK ben", "USER x 0 * :x", "REGISTER ben * secret"],
    );
    irc.tell(Outcome::Granted(ClientKey(2)));
}

fn logs_in(irc: &mut Irc, _conn: ConnId) {
    let conn = irc.connect();
    say(irc, conn, &["CAP REQ sasl", "AUTHENTICATE PLAIN"]);
    irc.send(
        conn,
        &format!("AUTHENTICATE {}", BASE64.encode(b"\0ana\0secret")),
    );
    let told = irc.lines(conn).join("\n");
    irc.all.push(told);
}

/// A capability without a proof does not compile.
fn proof_of(cap: Cap) -> Proof {
    match cap {
        Cap::AccountNotify => proof("", guest_registers, " ACCOUNT "),
        Cap::AccountTag => proof("", hears, "account="),
        Cap::Edit => proof("", hears, "alloquy.chat/edit="),
        Cap::Embed => proof("message-tags", hears, "alloquy.chat/embed="),
        Cap::AwayNotify => proof("", changes, " AWAY unreachable"),
        Cap::Batch => proof("", asks, " BATCH +"),
        Cap::CapNotify => proof("", |irc, conn| irc.send(conn, "CAP LIST"), "cap-notify"),
        Cap::AccountRegistration => Proof {
            alone: false,
            ..proof("", guest_registers, "REGISTER SUCCESS")
        },
        Cap::ChannelRename => proof("", changes, " RENAME #our-club/general #our-club/lounge "),
        Cap::ChatHistory => Proof {
            alone: false,
            ..proof("batch", asks, " chathistory #our-club/general")
        },
        Cap::EventPlayback => proof("message-tags", asks, "draft/chathistory-context"),
        Cap::ExtendedIsupport => proof("batch", asks, " draft/isupport"),
        Cap::Metadata => Proof {
            alone: true,
            ..proof(
                "batch",
                |irc, conn| irc.send(conn, "METADATA * LIST"),
                " 761 Ana Ana display-name ",
            )
        },
        Cap::MessageRedaction => proof("", hears, " REDACT #our-club/general "),
        Cap::Multiline => proof("batch", asks, " draft/multiline #our-club/general"),
        Cap::NoImplicitNamesDraft | Cap::NoImplicitNames => proof(
            "",
            |irc, conn| irc.send(conn, "JOIN #our-club/secret"),
            "!353",
        ),
        Cap::ReadMarker => proof("", asks, " MARKREAD #our-club/general "),
        Cap::EchoMessage => proof("", asks, "echoed"),
        Cap::ExtendedJoin => proof("", asks, "JOIN #our-club/secret "),
        Cap::ExtendedMonitor => proof("setname", watches, " SETNAME "),
        Cap::InviteNotify => proof("", asks, " INVITE Ben-Ash #our-club/secret"),
        Cap::LabeledResponse => proof("batch", asks, "label=x"),
        Cap::MessageTags => proof("", hears, " TAGMSG #our-club/general"),
        Cap::MultiPrefix => proof(
            "",
            |irc, conn| {
                irc.node.change_club(|club| {
                    let mut members = club.members.to_vec();
                    members[0].roles = vec!["ops".to_owned()];
                    club.members = Arc::new(members);
                });
                irc.turn();
                irc.send(conn, "NAMES #our-club/general");
            },
            ":~@Ana",
        ),
        Cap::Sasl => Proof {
            alone: false,
            ..proof("", logs_in, " 903 ")
        },
        Cap::ServerTime => proof("", hears, "time=20"),
        Cap::SetName => proof("", changes, " SETNAME "),
        Cap::StandardReplies => proof("", asks, "FAIL SETNAME INVALID_REALNAME"),
        Cap::BouncerNetworks => proof("", asks, "BOUNCER NETWORK our-club "),
        Cap::BouncerNetworksNotify => proof("", joins_another, "BOUNCER NETWORK other-club "),
        Cap::UserhostInNames => proof("", asks, "~Ana!"),
        Cap::E2ee => proof(
            "message-tags",
            |irc, conn| irc.send(conn, "E2EE OPEN 1 somewhere"),
            "FAIL E2EE INVALID_TARGET 1 ",
        ),
    }
}

/// What a connection with these capabilities is told.
fn told(caps: &str, does: fn(&mut Irc, ConnId)) -> String {
    let mut irc = open_bridge();
    // The lobby is none here: channels have their whole names.
    let bridge = Bridge {
        registration: Registration::Open,
        mechanisms: alloquy_irc::Mechanism::ALL.to_vec(),
        guests: true,
        e2ee: true,
        ..Bridge::default()
    };
    irc.server = Server::new(settings()).with_bridge(bridge);
    let conn = irc.connect();
    say(
        &mut irc,
        conn,
        &["CAP LS", "PASS ana:secret", "NICK x", "USER x 0 * :x"],
    );
    if !caps.trim().is_empty() {
        let acked = irc.ask(conn, &format!("CAP REQ :{caps}"));
        assert!(acked[0].contains(" ACK "), "{acked:?}");
    }
    say(&mut irc, conn, &["CAP END", "JOIN #our-club/general"]);
    irc.lines(conn);
    irc.all.clear();
    does(&mut irc, conn);
    irc.pass(10_000);
    let mut all = irc.lines(conn);
    // What the proof has put there itself, or what another connection was told of an account.
    all.extend(
        irc.all
            .iter()
            .filter(|line| line.contains(" 903 "))
            .cloned(),
    );
    let success = irc
        .all
        .iter()
        .filter(|line| line.contains("REGISTER SUCCESS"));
    all.extend(success.cloned());
    all.join("\n")
}

#[test]
fn every_capability_has_its_effect_and_none_without_being_asked_for() {
    for cap in Cap::ALL {
        let Proof {
            besides,
            does,
            told: text,
            alone,
        } = proof_of(*cap);
        let holds = |told: &str| match text.strip_prefix('!') {
            Some(not) => !told.contains(&format!(" {not} ")),
            None => told.contains(text),
        };
        let with = told(&format!("{} {besides}", cap.name()), does);
        assert!(holds(&with), "{cap:?}: {text:?} in {with}");
        if alone {
            let without = told(besides, does);
            assert!(!holds(&without), "{cap:?}: {text:?} in {without}");
        }
    }
}
