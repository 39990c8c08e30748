//! Every command that passes the checks has a line that reads as the same command; nothing panics.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::limits::DURATION_MS_MAX;
use crate::line::kind::{Kind, Value};
use crate::line::rights::RIGHTS;
use crate::line::spec::{LineSpec, Need, Values};
use crate::line::{complete, specs};
use crate::{Command, Embed};

fn text(pattern: &str) -> BoxedStrategy<Value> {
    proptest::string::string_regex(pattern)
        .unwrap()
        .prop_map(Value::Text)
        .boxed()
}

fn reference() -> BoxedStrategy<Value> {
    let id = any::<[u8; 32]>().prop_map(|id| Value::Text(alloquy_ids::to_base32(&id)));
    let name = r#"([a-z"\\ä#' -]|--|🎈){1,12}"#;
    prop_oneof![id, text(name)].boxed()
}

/// Values of a kind, good and almost good: `check` sorts them.
fn values(kind: Kind) -> BoxedStrategy<Value> {
    let rights: Vec<String> = RIGHTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    match kind {
        Kind::Community | Kind::Account | Kind::Role | Kind::Category => reference(),
        Kind::Channel => {
            prop_oneof![reference(), text(r#"[a-z"\\ #]{1,9}/[a-z"\\ -]{1,9}"#)].boxed()
        }
        Kind::Place => prop_oneof![reference(), text(r#"[a-z" ]{1,9}(/[a-z"\\ ]{1,9})?"#)].boxed(),
        Kind::Name | Kind::PlaceName => text(r#"[a-zA-Z0-9"\\ äé/#-]{1,20}"#),
        Kind::Text(_) | Kind::TextOrEmpty(_) => prop_oneof![
            text(r#"([a-z0-9"\\ \n\t-]|--|🎈|ツ){0,40}"#),
            any::<String>().prop_map(Value::Text)
        ]
        .boxed(),
        Kind::Id => any::<[u8; 32]>().prop_map(Value::Id).boxed(),
        Kind::Emoji => prop_oneof![text("(🎈|👩‍🚀|:[a-z]{1,9}:|\"|--|\\\\){1,3}")].boxed(),
        Kind::Link => text(r#"(alloquy://join/|--|"|\\)[a-z0-9+/=]{1,60}"#),
        Kind::Embeds => {
            let embed = (
                "https?://[a-z./?;\"]{1,20}",
                "[a-z\"ä]( ?[a-z\"-]){0,9}",
                "([a-z\"]( ?[a-z]){0,9})?",
            )
                .prop_map(|(url, title, description)| Embed {
                    url,
                    title,
                    description,
                });
            vec(embed, 1..5).prop_map(Value::Embeds).boxed()
        }
        Kind::Number(min, max) => (min..=max).prop_map(Value::Number).boxed(),
        Kind::Duration | Kind::DurationOrOff => prop_oneof![
            0..=DURATION_MS_MAX,
            (0..=3660_u64).prop_map(|days| days * 24 * 3_600_000),
            (0..=600_u64).prop_map(|seconds| seconds * 1000),
        ]
        .prop_map(Value::Number)
        .boxed(),
        Kind::Choice(words) => select(words)
            .prop_map(|word| Value::Text(word.to_owned()))
            .boxed(),
        Kind::Right => select(rights).prop_map(Value::Text).boxed(),
        Kind::Rights => subsequence(rights, 0..6).prop_map(Value::Names).boxed(),
        Kind::RecoveryWord => text("[a-zA-Z0-9\" ]{0,9}"),
        Kind::Icon => prop_oneof![Just(Value::Absent), text("[a-zA-Z0-9+/]{1,40}={0,2}")].boxed(),
    }
}

/// Commands of one line of the table.
fn commands_of(spec: &'static LineSpec) -> BoxedStrategy<Command> {
    let mut all: BoxedStrategy<Vec<Value>> = Just(Vec::new()).boxed();
    let arguments = spec.arguments.iter().map(|argument| match argument.need {
        Need::One => values(argument.kind),
        Need::Optional => absent_or(values(argument.kind)),
        Need::Many if argument.kind == Kind::Account => {
            vec("[a-z\" -]{1,9}", 1..5).prop_map(Value::Names).boxed()
        }
        Need::Many => vec(any::<[u8; 32]>(), 1..5).prop_map(Value::Ids).boxed(),
    });
    let flags = spec.flags.iter().map(|flag| match flag.value {
        None => prop_oneof![Just(Value::Absent), Just(Value::Given)].boxed(),
        Some((_, kind)) if flag.default.is_some() => values(kind),
        Some((_, kind)) => absent_or(values(kind)),
    });
    for next in arguments.chain(flags) {
        all = (all, next)
            .prop_map(|(mut values, value)| {
                values.push(value);
                values
            })
            .boxed();
    }
    all.prop_map(|values| (spec.build)(&mut Values::new(values)))
        .boxed()
}

fn absent_or(values: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    option::of(values)
        .prop_map(|value| value.unwrap_or(Value::Absent))
        .boxed()
}

fn commands() -> BoxedStrategy<Command> {
    let all: Vec<_> = specs().collect();
    select(all).prop_flat_map(commands_of).boxed()
}

/// Lines that are almost right: words of the grammar in any order.
fn almost_lines() -> BoxedStrategy<String> {
    let words: Vec<&str> = specs().flat_map(|spec| spec.words.split(' ')).collect();
    let word = prop_oneof![
        select(words).prop_map(str::to_owned),
        select(vec![
            "--last",
            "--uses",
            "--allow",
            "--",
            "\"",
            "\\",
            "club/general",
            "#x",
            "7d",
            "0",
            "none",
            "\"a b\""
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    vec(word, 0..6).prop_map(|words| words.join(" ")).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_command_that_passes_the_checks_reads_as_itself(command in commands()) {
        let line = command.to_string();
        prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
        match command.check() {
            Ok(()) => prop_assert_eq!(line.parse::<Command>().map_err(|error| error.to_string()), Ok(command)),
            // What the checks refuse, no line says.
            Err(_) => prop_assert_ne!(line.parse::<Command>().ok(), Some(command)),
        }
    }

    #[test]
    fn a_line_that_reads_is_printed_in_one_way(line in almost_lines()) {
        if let Ok(command) = line.parse::<Command>() {
            prop_assert_eq!(command.check(), Ok(()));
            let canonical = command.to_string();
            let again = canonical.parse::<Command>().map_err(|error| error.to_string());
            prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(canonical));
            prop_assert_eq!(again, Ok(command));
        }
        prop_assert!(complete(&line).words.is_sorted());
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
        let line = String::from_utf8_lossy(&bytes);
        if let Err(error) = line.parse::<Command>() {
            prop_assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
            prop_assert!(error.to_string().len() < 4096);
        }
        prop_assert!(complete(&line).words.is_sorted());
    }

    #[test]
    fn a_command_comes_back_from_json(command in commands()) {
        let json = serde_json::to_string(&command).unwrap();
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
    }
}

/// Names of all variants, as serde knows them.
fn variants() -> BTreeSet<String> {
    let error = serde_json::from_str::<Command>(r#"{"command":"?"}"#)
        .unwrap_err()
        .to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let (names, _) = names.split_once(" at line").unwrap_or((names, ""));
    names
        .split(", ")
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn every_command_but_those_of_faces_has_a_line_and_every_line_takes_its_fields() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for spec in specs() {
        for _ in 0..20 {
            let command = commands_of(spec).new_tree(&mut runner).unwrap().current();
            let json = serde_json::to_value(&command).unwrap();
            seen.insert(json["command"].as_str().unwrap().to_owned());
            let own = command.spec().expect("made from a line");
            assert_eq!(own.usage(), spec.usage());
        }
    }
    seen.extend(["watch", "unwatch", "keep", "page"].map(str::to_owned));
    assert_eq!(seen, variants());
}
