//! What no client may ever be told, whatever a test is about: every line of every script of this crate passes by here.
//! The rules are those that specifications make for whoever did not ask for something, and for batches and tags.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_irc::ConnId;

/// What was told to each connection so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    of: BTreeMap<ConnId, Told>,
}

#[derive(Debug, Default)]
struct Told {
    caps: BTreeSet<String>,
    batches: BTreeMap<String, Batch>,
}

/// A batch that has begun.
#[derive(Debug)]
struct Batch {
    kind: String,
    /// Its last parameter.
    target: String,
    /// The batch that it is a part of.
    within: Option<String>,
    /// The command of its lines.
    command: Option<String>,
}

/// Tags of the server, each with the capability that asks for it.
const TAGS: [(&str, &str); 11] = [
    ("account", "account-tag"),
    ("alloquy.chat/e2ee", "alloquy.chat/e2ee"),
    ("alloquy.chat/edit", "alloquy.chat/edit"),
    ("alloquy.chat/edited", "alloquy.chat/edit"),
    ("batch", "batch"),
    ("bot", "message-tags"),
    ("draft/chathistory-context", "draft/event-playback"),
    ("draft/multiline-concat", "draft/multiline"),
    ("label", "labeled-response"),
    ("msgid", "message-tags"),
    ("time", "server-time"),
];

/// Commands that are told to those alone who asked for a capability.
const COMMANDS: [(&str, &str); 10] = [
    ("ACCOUNT", "account-notify"),
    ("ACK", "labeled-response"),
    ("AWAY", "away-notify"),
    ("BATCH", "batch"),
    ("MARKREAD", "draft/read-marker"),
    ("METADATA", "draft/metadata-2"),
    ("REDACT", "draft/message-redaction"),
    ("RENAME", "draft/channel-rename"),
    ("SETNAME", "setname"),
    ("TAGMSG", "message-tags"),
];

/// Specifications whose answers are standard replies.
const STANDARD: [&str; 11] = [
    "alloquy.chat/e2ee",
    "alloquy.chat/edit",
    "draft/channel-rename",
    "draft/chathistory",
    "draft/message-redaction",
    "draft/metadata-2",
    "draft/multiline",
    "draft/read-marker",
    "setname",
    "soju.im/bouncer-networks",
    "standard-replies",
];

impl Watch {
    /// What is wrong with a line; the next one is looked at in the light of it.
    pub(crate) fn look(&mut self, conn: ConnId, line: &str) -> Result<(), String> {
        let told = self.of.entry(conn).or_default();
        let (tags, body) = match line.strip_prefix('@').and_then(|line| line.split_once(' ')) {
            Some((tags, body)) => (tags, body),
            None => ("", line),
        };
        let tags = told.tags(tags)?;
        let (source, rest) = match body.strip_prefix(':') {
            Some(body) => body.split_once(' ').unwrap_or((body, "")),
            None => ("", body),
        };
        told.account(source, &tags)?;
        let (middle, last) = match rest.split_once(" :") {
            Some((middle, last)) => (middle, Some(last)),
            None => (rest, None),
        };
        let mut words: Vec<&str> = middle.split(' ').collect();
        words.extend(last);
        told.command(&words)?;
        told.part(&words, &tags)?;
        told.batch(&words, &tags)?;
        told.capabilities(&words);
        Ok(())
    }

    /// Batches that have begun and not ended.
    pub(crate) fn open(&self) -> Vec<String> {
        let all = self.of.values().flat_map(|told| told.batches.iter());
        all.map(|(reference, batch)| format!("{reference} {}", batch.kind))
            .collect()
    }

    /// A connection has ended, and its batches with it.
    pub(crate) fn closed(&mut self, conn: ConnId) {
        self.of.remove(&conn);
    }
}

impl Told {
    fn has(&self, cap: &str) -> bool {
        self.caps.contains(cap)
    }

    fn tags<'a>(&self, text: &'a str) -> Result<BTreeMap<&'a str, &'a str>, String> {
        let mut tags = BTreeMap::new();
        let mut of_clients = false;
        if text.len() > 2 * 4094 {
            return Err(format!("{} bytes of tags", text.len()));
        }
        for tag in text.split(';').filter(|tag| !tag.is_empty()) {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            let name = key.strip_prefix('+').unwrap_or(key);
            of_clients |= key.starts_with('+');
            let fits = |char: char| char.is_ascii_alphanumeric() || "-./".contains(char);
            if name.is_empty() || !name.chars().all(fits) || tag.ends_with('=') {
                return Err(format!("{tag} is no tag"));
            }
            if of_clients && !key.starts_with('+') {
                return Err(format!("{key} stands behind tags of clients"));
            }
            let embed = name.starts_with("alloquy.chat/embed");
            let cap = match TAGS.iter().find(|(tag, _)| *tag == key) {
                Some((_, cap)) => *cap,
                None if key.starts_with('+') => "message-tags",
                None if embed => "alloquy.chat/embed",
                None => return Err(format!("{key} is a tag of nobody")),
            };
            if !self.has(cap) {
                return Err(format!("{key} without {cap}"));
            }
            if key == "time" && !is_instant(value) {
                return Err(format!("{value} is no instant"));
            }
            if key == "bot" && !value.is_empty() {
                return Err("bot has a value".to_owned());
            }
            if tags.insert(key, value).is_some() {
                return Err(format!("{key} twice"));
            }
        }
        Ok(tags)
    }

    /// What a person does has its account. Lines of one message have that of their batch.
    fn account(&self, source: &str, tags: &BTreeMap<&str, &str>) -> Result<(), String> {
        let batch = tags.get("batch").and_then(|name| self.batches.get(*name));
        let whole = batch.is_none_or(|batch| batch.kind != "draft/multiline");
        let person = source.contains('!') && !source.starts_with("NickServ!");
        match person && whole && self.has("account-tag") && !tags.contains_key("account") {
            true => Err(format!("a line of {source} without its account")),
            false => Ok(()),
        }
    }

    fn command(&self, words: &[&str]) -> Result<(), String> {
        let command = words[0];
        if let Some((_, cap)) = COMMANDS.iter().find(|(name, _)| *name == command)
            && !self.has(cap)
        {
            return Err(format!("{command} without {cap}"));
        }
        let standard = ["FAIL", "WARN", "NOTE"].contains(&command);
        if standard && !STANDARD.iter().any(|cap| self.has(cap)) {
            return Err(format!("{command} without standard-replies"));
        }
        if standard && words.len() < 4 {
            return Err(format!("{command} without a code or a text"));
        }
        if command == "RENAME" && words.len() != 4 {
            return Err("RENAME without a reason".to_owned());
        }
        let parameters = if self.has("extended-join") { 4 } else { 2 };
        if command == "JOIN" && words.len() != parameters {
            return Err(format!("JOIN of {} words", words.len()));
        }
        let names = words.last().filter(|_| command == "353");
        if names.is_some_and(|names| names.contains('!') != self.has("userhost-in-names")) {
            return Err("353 with other names than were asked for".to_owned());
        }
        if command == "005" && words.last() != Some(&"are supported by this server") {
            return Err("005 is cut off".to_owned());
        }
        let values = words.last().filter(|_| {
            command == "CAP"
                && words
                    .get(2)
                    .is_some_and(|verb| ["ACK", "LIST"].contains(verb))
        });
        if values.is_some_and(|caps| caps.contains('=')) {
            return Err("CAP with values that are no list of what there is".to_owned());
        }
        Ok(())
    }

    /// What a line may be as a part of its batch.
    fn part(&mut self, words: &[&str], tags: &BTreeMap<&str, &str>) -> Result<(), String> {
        let isupport = self.has("batch") && self.has("draft/extended-isupport");
        let playback = self.has("draft/event-playback");
        let Some(reference) = tags.get("batch") else {
            return match words[0] {
                "005" if isupport => Err("005 beside its batch".to_owned()),
                _ => Ok(()),
            };
        };
        let Some(batch) = self.batches.get_mut(*reference) else {
            return Err(format!("a line of {reference}, which is no batch"));
        };
        let command = words[0];
        let fits = match batch.kind.as_str() {
            "chathistory" => {
                ["PRIVMSG", "NOTICE", "BATCH"].contains(&command) || playback && command == "TAGMSG"
            }
            "draft/multiline" => {
                let same = batch.command.as_deref().is_none_or(|of| of == command);
                batch.command = Some(command.to_owned());
                let said = ["PRIVMSG", "NOTICE"].contains(&command);
                said && same && words.get(1) == Some(&batch.target.as_str())
            }
            "draft/isupport" => command == "005",
            "soju.im/bouncer-networks" => words.starts_with(&["BOUNCER", "NETWORK"]),
            "draft/chathistory-targets" => words.starts_with(&["CHATHISTORY", "TARGETS"]),
            _ => true,
        };
        match fits {
            true => Ok(()),
            false => Err(format!("{command} in a batch {}", batch.kind)),
        }
    }

    fn batch(&mut self, words: &[&str], tags: &BTreeMap<&str, &str>) -> Result<(), String> {
        let ["BATCH", reference, more @ ..] = words else {
            return Ok(());
        };
        let within = tags.get("batch").map(|&of| of.to_owned());
        let name = reference.get(1..).unwrap_or_default();
        let fits = |char: char| char.is_ascii_alphanumeric() || char == '-';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("{reference} is no reference"));
        }
        if reference.starts_with('+') {
            let Some(kind) = more.first() else {
                return Err("a batch of no kind".to_owned());
            };
            let batch = Batch {
                kind: (*kind).to_owned(),
                target: more.last().copied().unwrap_or_default().to_owned(),
                within,
                command: None,
            };
            return match self.batches.insert(name.to_owned(), batch) {
                None => Ok(()),
                Some(_) => Err(format!("{name} begins twice")),
            };
        }
        if tags.contains_key("label") {
            return Err("a label at the end of a batch".to_owned());
        }
        match self.batches.remove(name) {
            Some(batch) if batch.within == within => Ok(()),
            Some(_) => Err(format!("{name} ends elsewhere than it began")),
            None => Err(format!("{name} ends and never began")),
        }
    }

    fn capabilities(&mut self, words: &[&str]) {
        let ["CAP", _, "ACK", caps] = words else {
            return;
        };
        for cap in caps.split(' ') {
            match cap.strip_prefix('-') {
                Some(cap) => self.caps.remove(cap),
                None => self.caps.insert(cap.to_owned()),
            };
        }
    }
}

/// `YYYY-MM-DDThh:mm:ss.sssZ`
fn is_instant(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000Z";
    let same = |(char, of): (char, char)| match of {
        '0' => char.is_ascii_digit(),
        of => char == of,
    };
    text.len() == form.len() && text.chars().zip(form.chars()).all(same)
}

/// What a connection is told that asked for these.
fn looked(caps: &str, lines: &[&str]) -> Result<Watch, String> {
    let mut watch = Watch::default();
    let conn = ConnId(1);
    watch.look(conn, &format!(":s CAP * ACK :{caps}"))?;
    for line in lines {
        watch.look(conn, line)?;
    }
    Ok(watch)
}

#[test]
fn what_was_not_asked_for_does_not_pass_the_watch() {
    for (cap, line) in [
        ("server-time", "@time=2026-09-21T14:13:21.000Z PING s"),
        ("account-tag", "@account=a :a!b@c PRIVMSG #a :x"),
        ("labeled-response", "@label=a :s PONG s a"),
        ("message-tags", "@msgid=a :a!b@c PRIVMSG #a :x"),
        ("message-tags", "@bot :a!b@c PRIVMSG #a :x"),
        ("message-tags", "@+typing=active PING s"),
        ("message-tags", ":a!b@c TAGMSG #a"),
        ("draft/event-playback", "@draft/chathistory-context PING s"),
        ("away-notify", ":a!b@c AWAY :lunch"),
        ("account-notify", ":a!b@c ACCOUNT a"),
        ("setname", ":a!b@c SETNAME :A B"),
        ("draft/channel-rename", ":s RENAME #a #b :"),
        ("draft/message-redaction", ":a!b@c REDACT #a id"),
        ("draft/read-marker", ":s MARKREAD #a *"),
        ("draft/metadata-2", ":s METADATA a status * x"),
        ("batch", ":s BATCH +1 chathistory #a"),
        ("standard-replies", ":s FAIL X CODE :text"),
        ("standard-replies", ":s NOTE X CODE :text"),
        ("userhost-in-names", ":s 353 me = #a :@a!b@c"),
        ("extended-join", ":a!b@c JOIN #a account :A B"),
    ] {
        assert!(looked(cap, &[line]).is_ok(), "{cap}: {line}");
        assert!(looked("cap-notify", &[line]).is_err(), "{cap}: {line}");
        let off = format!(":s CAP * ACK -{cap}");
        assert!(looked(cap, &[&off, line]).is_err(), "given up: {line}");
    }
    assert!(looked("account-tag", &[":a!b@c PRIVMSG #a :x"]).is_err());
    assert!(looked("extended-join", &[":a!b@c JOIN #a"]).is_err());
    assert!(looked("userhost-in-names", &[":s 353 me = #a :@a"]).is_err());
}

#[test]
fn tags_that_are_none_do_not_pass_the_watch() {
    let long = format!("@+typing={} PING s", "x".repeat(8_200));
    let caps = "message-tags server-time account-tag";
    for line in [
        "@msgid=a;msgid=b PING s",
        "@+typing=active;msgid=a PING s",
        "@unknown=a PING s",
        "@+a_b=c PING s",
        "@+typing= PING s",
        "@bot=yes PING s",
        "@time=2026-09-21T14:13:21Z PING s",
        ":s 005 me A B",
        ":s CAP * ACK sasl=PLAIN",
        &long,
    ] {
        assert!(looked(caps, &[line]).is_err(), "{line}");
    }
    assert!(looked(caps, &["@msgid=a;account=b;+typing=active PING s"]).is_ok());
}

#[test]
fn batches_that_are_none_do_not_pass_the_watch() {
    let caps = "batch labeled-response message-tags draft/chathistory draft/multiline draft/extended-isupport";
    let open = ":s BATCH +1 chathistory #a";
    let said = "@batch=1 :a!b@c PRIVMSG #a x";
    let end = ":s BATCH -1";
    let long = ":a!b@c BATCH +1 draft/multiline #a";
    for lines in [
        &[open, open][..],
        &[said],
        &[end],
        &[open, end, said],
        &[open, "@label=x :s BATCH -1"],
        &[":s BATCH +a_b chathistory #a"],
        &[":s BATCH +1"],
        &[open, "@batch=1 :a!b@c JOIN #a"],
        &[open, "@batch=1 :a!b@c TAGMSG #a"],
        &[long, "@batch=1 :a!b@c PRIVMSG #b x"],
        &[long, said, "@batch=1 :a!b@c NOTICE #a x"],
        &[
            ":s BATCH +2 labeled-response",
            "@batch=2 :s BATCH +1 chathistory #a",
            end,
        ],
        &[":s 005 me A :are supported by this server"],
        &[":s BATCH +1 draft/isupport", "@batch=1 :s 001 me :x"],
    ] {
        assert!(looked(caps, lines).is_err(), "{lines:?}");
    }
    assert!(looked(caps, &[open, said, end]).unwrap().open().is_empty());
    assert_eq!(
        looked(caps, &[open, said]).unwrap().open(),
        ["1 chathistory"]
    );
}
