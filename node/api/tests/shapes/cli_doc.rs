//! docs/cli.md is made from the tables and types. `ALLOQUY_WRITE_DOCS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use alloquy_api::line::{Kind, LineSpec, Need, RIGHTS, ReplyKind, specs};
use alloquy_api::{ErrorBody, ErrorCode};
use serde::Serialize;

use super::{events, examples};

/// What stands before the tables.
const HEAD: &str = include_str!("cli_head.md");

#[expect(
    clippy::disallowed_methods,
    reason = "the page is a file of the repository"
)]
#[test]
fn the_page_says_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = page();
    if std::env::var_os("ALLOQUY_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let wrong = page
        .lines()
        .zip(committed.lines().chain(std::iter::repeat("")));
    let first = wrong.clone().enumerate().find(|(_, (new, old))| new != old);
    assert!(
        committed == page,
        "docs/cli.md is not what the types say, first at line {:?}; ALLOQUY_WRITE_DOCS=1 writes it anew",
        first.map(|(line, (new, _))| (line + 1, new))
    );
}

fn page() -> String {
    let mut page = HEAD
        .replace("{init}", &pretty(&examples::init_report()))
        .replace("{status}", &pretty(&examples::status_report()))
        .replace("{doctor}", &pretty(&examples::doctor_report()));
    errors(&mut page);
    lines(&mut page);
    replies(&mut page);
    rights(&mut page);
    events(&mut page);
    page
}

fn errors(page: &mut String) {
    page.push_str(
        "\n## Errors\n\nWith `--json` an error is one object on standard output:\n\n```json\n",
    );
    page.push_str(&compact(&ErrorBody::from(examples::error())));
    page.push_str("\n```\n\nWithout `--json` it is one line on standard error. The codes are one closed list:\n\n");
    page.push_str("| Code | Exit | Meaning |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        writeln!(
            page,
            "| `{code}` | {} | {} |",
            code.exit_code(),
            code.meaning()
        )
        .unwrap();
    }
}

fn lines(page: &mut String) {
    page.push_str(
        "\n## Lines\n\nEach is given with what `do --json` prints; the shapes are listed below.\n",
    );
    for spec in specs() {
        write!(page, "\n### `{}`\n\n{}\n\n", spec.usage(), spec.help).unwrap();
        for (name, note) in details(spec) {
            writeln!(page, "- `{name}`: {note}.").unwrap();
        }
        let fields = fields(spec.reply);
        let or_ok = match spec.reply {
            ReplyKind::Operation => ", or `{\"ok\":true}` when nothing was to be done",
            _ => "",
        };
        writeln!(
            page,
            "- Reply: [`{fields}`](#{}){or_ok}.",
            anchor(spec.reply)
        )
        .unwrap();
    }
}

/// Name and description of each argument and flag.
fn details(spec: &LineSpec) -> Vec<(String, String)> {
    let arguments = spec.arguments.iter().map(|argument| {
        let need = match argument.need {
            Need::One => "",
            Need::Optional => "; may be left out",
            Need::Many => "; one or more",
        };
        (
            argument.name.to_owned(),
            format!("{}{need}", expected(argument.kind)),
        )
    });
    let flags = spec.flags.iter().map(|flag| {
        let note = match (flag.value, flag.default) {
            (None, _) => "without a value".to_owned(),
            (Some((_, kind)), None) => expected(kind),
            (Some((_, kind)), Some(default)) => {
                format!("{}; {default} when left out", expected(kind))
            }
        };
        (flag.name.to_owned(), note)
    });
    arguments.chain(flags).collect()
}

/// What is expected; rights have a list of their own.
fn expected(kind: Kind) -> String {
    match kind {
        Kind::Right => "a right".to_owned(),
        Kind::Rights => "`none`, or rights separated by commas".to_owned(),
        kind => kind.expected(),
    }
}

fn replies(page: &mut String) {
    page.push_str(
        "\n## Replies\n\nTimes are whole milliseconds since 1970-01-01 UTC. Fields that are marked *absent* in a note \
         below are left out rather than `null`.\n",
    );
    for kind in examples::KINDS {
        let reply = examples::reply(kind);
        assert_eq!(ReplyKind::of(&reply), kind);
        write!(
            page,
            "\n### {}\n\n`{}`\n\n```json\n{}\n```\n",
            title(kind),
            fields(kind),
            compact(&reply)
        )
        .unwrap();
        let note = note(kind);
        if !note.is_empty() {
            write!(page, "\n{note}\n").unwrap();
        }
    }
}

/// What the example does not say by itself.
fn note(kind: ReplyKind) -> &'static str {
    match kind {
        ReplyKind::History => {
            "Messages are listed oldest first; there are no notices among them. `delivery.state` is `pending` (not \
             durable here yet), `stored` (durable here), `held` (on another device that can not show it to a \
             reader), `delivered` (on a device of another member who may read it) or `read`; `holders` counts other \
             devices known to hold it. `text` is empty when the message is deleted. Absent unless they apply: \
             `thread` (the id of the message that its thread hangs on), `pinned`, `waiting` (the text can not be \
             read yet: its key or body is waited for), `arrived_later` (first seen over 10 minutes after its claimed \
             time), `hidden` (why the community's rules hide the text, which is then given to those only who may delete \
             others' messages), `quote` (who wrote the message of `reply_to`, and the first line of its text), `replies` (how many \
             messages its thread has, and when the newest was written), `mentions_me`. `complete` says whether every connected peer that may read the channel confirms that nothing is \
             missing (or no other device ever was there), `complete_since` since when they do (`null` while they do not), `confirmed` how many say so and how many of them are home nodes."
        }
        ReplyKind::AudioDevices => {
            "`inputs` and `outputs` are names of the system's devices, for `device:NAME`; they are looked at when the node \
             starts, in a room every 2 s, and after each `voice devices`. `input` and `output` are those in use; `null` \
             outside of a room. Absent unless it applies: `failure` (what went wrong with them last)."
        }
        ReplyKind::Call => {
            "`null` while this device is in no voice channel. `peers` are the others in it, by device. `link.stage` is \
             `signalling`, `connecting` (looking for addresses that work), `securing`, `open` (no sound yet), `audio` or \
             `failed`. Absent unless they apply: `silenced` (why nobody hears this device, other than being muted), \
             `link.reason` (why it goes no further), `link.path`. Losses are packets of a thousand."
        }
        ReplyKind::Message => "The message that was written, or that the line was about.",
        ReplyKind::Operation => "What was written; the last one where several were.",
        ReplyKind::Members => {
            "Absent unless they apply: `availability` (`online`, `idle` or `dnd`, while online), `owner`, `about`, \
             `status`, `forked` (two copies of one of the member's devices are writing). `roles` are names, strongest \
             first; `rank` is that of the strongest."
        }
        ReplyKind::Channels => {
            "`kind` is `text`, `voice`, `stage` or `category`; `category` is `null` outside of any. `mentions` counts those \
             unread messages that name this account; `rights` are those that it holds there. \
             `overwrites`, absent when there are none, are what the channel allows and denies beside the roles, by `role` \
             or `member`."
        }
        ReplyKind::Invites => {
            "`uses` is `null` when any number may join, `expires` when it never ends."
        }
        ReplyKind::Roles => "The role `everyone` has an id of 52 times `a` and rank 0.",
        ReplyKind::Audit => {
            "`kind` is `joins`, `removals`, `roles`, `channels`, `messages`, `community` or `upkeep` (devices and keys). \
             Absent unless they apply: `subject` (whom it is about), `reason`, `because` (why an operation has no effect)."
        }
        ReplyKind::Presence => "`availability` is `online`, `idle` or `dnd`.",
        ReplyKind::Pins => "Messages as `history` gives them.",
        ReplyKind::Templates => {
            "`template` is the name that `create-community --template` takes. A category stands before the channels \
             under it. `kept` stands with those that `template save` kept on this device, and is absent otherwise."
        }
        ReplyKind::InviteCard => {
            "What the link says; nothing of it is proved before the join. `peers` is how many peers the link names, \
             `expires` is `null` when it never ends, `member` whether this account is one already."
        }
        ReplyKind::Nearby => {
            "All of `nearby` is the word of the `member` who announces it; communities that this account is in are left \
             out. `announced` are the ids of those that this node announces."
        }
        ReplyKind::Recovery => "There are twelve.",
        ReplyKind::InviteTree => {
            "`inviter` made the invite, or admitted without one; it and `admitted_by` are `null` for the founder, \
             `invite` without one. Who came in anew stands where it came in last."
        }
        ReplyKind::Branch => {
            "One call removes at most 512; `left` says how many another call would. `kept` are those whom this \
             account may not remove. `invite_revoked` is `false` for the branch of a member."
        }
        ReplyKind::Undone => {
            "`undone` counts messages, edits and reactions. `left` are those in channels where this account may not \
             delete others' messages, and those for another call: one hides at most 8,192."
        }
        ReplyKind::Policy => {
            "Words that are refused can not be written here and are not shown; held ones are shown when `accept-late` \
             has let the message through. Joins are limited by those who admit; `null` is any number."
        }
        ReplyKind::Requests => {
            "What connected newcomers and members told this node; `name` is what the account gave. `invite` is `null` \
             without one."
        }
        ReplyKind::Requested => {
            "In place of the community's id: a member with `invite` must let one in first."
        }
        ReplyKind::Lost => "As `audit` gives them.",
        ReplyKind::Vote => "`enacted` is `false` while more votes are needed.",
        _ => "",
    }
}

fn rights(page: &mut String) {
    page.push_str("\n## Rights\n\n| Right | Meaning |\n|---|---|\n");
    for (name, meaning) in RIGHTS {
        writeln!(page, "| `{name}` | {meaning} |").unwrap();
    }
}

fn events(page: &mut String) {
    page.push_str("\n## Events\n\n`watch --json` prints one of these a line.\n");
    for (event, meaning) in events::events() {
        let json = serde_json::to_value(&event).unwrap();
        let name = json["event"].as_str().unwrap();
        write!(
            page,
            "\n### `{name}`\n\n{meaning}\n\n```json\n{}\n```\n",
            compact(&event)
        )
        .unwrap();
    }
}

/// The names of a reply's fields: `{"invite","id"}`.
fn fields(kind: ReplyKind) -> String {
    // Text instead of a map, because the order of the fields is that of the type.
    let json = compact(&examples::reply(kind));
    let mut names = Vec::new();
    let mut depth = 0;
    for part in json.split_inclusive(['{', '}', '[', ']', ',']) {
        if depth == 1
            && let Some((name, _)) = part.split_once(':')
        {
            names.push(name.to_owned());
        }
        match part.chars().last() {
            Some('{' | '[') => depth += 1,
            Some('}' | ']') => depth -= 1,
            _ => {}
        }
    }
    format!("{{{}}}", names.join(","))
}

fn title(kind: ReplyKind) -> String {
    format!("Reply `{kind:?}`")
        .to_lowercase()
        .replacen('r', "R", 1)
}

fn anchor(kind: ReplyKind) -> String {
    title(kind)
        .to_lowercase()
        .replace('`', "")
        .replace(' ', "-")
}

fn compact(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
