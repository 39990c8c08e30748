//! Previews of addresses: given by who writes, sealed with the message, judged and deleted with it.

use alloquy_api::{Command, Embed, ErrorCode};

use crate::world::World;

fn embed(url: &str, title: &str, description: &str) -> Embed {
    Embed {
        url: url.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
    }
}

#[test]
fn a_preview_reaches_everybody_and_stays_over_edits_and_restarts() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let id = world.word(
        0,
        "send club/general \"look\" --embed \"https://example.org/ An example\\nWhat it says\\n\\nhttp://b.org Two\"",
        "message",
    );
    world.ok(
        1,
        &format!("reply {id} \"nice\" --embed \"https://c.org Three\""),
    );
    world.ok(
        1,
        &format!("thread {id} \"more\" --embed \"https://d.org Four\""),
    );
    world.pass(1_000);
    let expected = [
        vec![
            embed("https://example.org/", "An example", "What it says"),
            embed("http://b.org", "Two", ""),
        ],
        vec![embed("https://c.org", "Three", "")],
        vec![embed("https://d.org", "Four", "")],
    ];
    let all = |world: &mut World, at| {
        let shown = world.history(at, "club/general");
        shown
            .into_iter()
            .map(|view| view.embeds)
            .collect::<Vec<_>>()
    };
    for at in [0, 1] {
        assert_eq!(all(&mut world, at), expected, "{at}");
    }
    world.ok(0, &format!("edit {id} \"look here\""));
    world.pass(1_000);
    let first = world.history(1, "club/general").remove(0);
    assert_eq!((first.text.as_str(), first.edited), ("look here", true));
    assert_eq!(first.embeds, expected[0], "an edit leaves previews");
    world.restart(1, 7);
    assert_eq!(all(&mut world, 1), expected, "over a restart");
    world.connect(0, 1);
    world.ok(0, &format!("delete {id}"));
    world.pass(1_000);
    for at in [0, 1] {
        let shown = world.history(at, "club/general");
        let left = shown.iter().find(|view| view.id.to_string() == id);
        assert!(left.is_none_or(|view| view.deleted && view.embeds.is_empty()));
    }
}

#[test]
fn rules_about_words_and_links_count_for_previews() {
    let (mut world, _) = World::club(&["ana", "ben", "eva"]);
    world.ok(0, "policy words club refuse \"casino\"");
    world.pass(1_000);
    let send = |embed: &str| format!("send club/general \"look\" --embed \"{embed}\"");
    for embed in [
        "https://casino.example/ A",
        "https://a.org The casino",
        "https://a.org A\\nof the casino",
    ] {
        let refusal = world.line(1, &send(embed)).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::NotPermitted, "{embed}");
        assert!(refusal.message.contains("\"casino\""), "{refusal:?}");
    }
    world.ok(1, &send("https://a.org A"));
    world.ok(0, "policy links club moderators");
    world.pass(1_000);
    let refusal = world.line(1, &send("https://a.org A")).unwrap_err();
    assert!(refusal.message.contains("a link"), "{refusal:?}");
    // What was written before is hidden, with its preview, from who may not delete others' messages.
    let seen = |world: &mut World, at| world.history(at, "club/general").remove(0);
    let hidden = seen(&mut world, 2);
    assert!(
        hidden.hidden.is_some() && hidden.embeds.is_empty(),
        "{hidden:?}"
    );
    let moderated = seen(&mut world, 0);
    assert!(moderated.hidden.is_some() && moderated.embeds.len() == 1);
}

#[test]
fn what_is_no_preview_is_refused_whoever_gives_it() {
    let (mut world, _) = World::club(&["ana"]);
    let give = |world: &mut World, embeds| {
        let command = Command::Send {
            channel: alloquy_api::command::ChannelRef("club/general".to_owned()),
            text: "look".to_owned(),
            embeds,
        };
        let error = world.submit(0, command).unwrap_err();
        (error.code, error.message)
    };
    let long = "x".repeat(257);
    for (embeds, code, words) in [
        (
            vec![embed("javascript:x", "t", "")],
            ErrorCode::Parse,
            "found `javascript:x`",
        ),
        (
            vec![embed("https://a.org", "a\nb", "")],
            ErrorCode::Parse,
            "found `a\\nb`",
        ),
        (
            vec![embed("https://a.org", &long, "")],
            ErrorCode::Limit,
            "a title of at most 256 bytes; found 257 bytes",
        ),
        (
            vec![embed("https://a.org", "t", ""); 4],
            ErrorCode::Limit,
            "at most 3 previews; found 4",
        ),
    ] {
        let (found, message) = give(&mut world, embeds);
        assert_eq!(found, code, "{message}");
        assert!(
            message.starts_with("--embed") && message.contains(words),
            "{message}"
        );
    }
    assert!(world.history(0, "club/general").is_empty());
}
