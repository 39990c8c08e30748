//! From a line to a command, by the table.

use crate::Command;

use super::ParseLineError;
use super::kind::{Kind, Value};
use super::spec::{Argument, Flag, LineSpec, Need, Values};
use super::table::specs;
use super::words::{Word, excerpt, split};

/// Reads a line.
pub(super) fn parse(line: &str) -> Result<Command, ParseLineError> {
    let words = split(line)?;
    let end = line.chars().count() + 1;
    let (forms, rest) = find(&words, end)?;
    let (arguments, flags) = sort_out(&forms, rest, end)?;
    let spec = choose(&forms, &arguments)?;
    let mut values = read_arguments(spec, &arguments, end)?;
    values.extend(read_flags(spec, flags)?);
    Ok((spec.build)(&mut Values::new(values)))
}

/// The lines that begin with the fixed words, and the words after them. Several forms share their words and flags.
fn find(words: &[Word], end: usize) -> Result<(Vec<&'static LineSpec>, &[Word]), ParseLineError> {
    for count in [2, 1] {
        let Some((fixed, rest)) = words.split_at_checked(count) else {
            continue;
        };
        let fixed: Vec<_> = fixed.iter().filter(|word| !word.quoted).collect();
        let forms: Vec<_> = specs()
            .filter(|spec| {
                spec.words
                    .split(' ')
                    .eq(fixed.iter().map(|word| word.text.as_str()))
            })
            .collect();
        if !forms.is_empty() && fixed.len() == count {
            return Ok((forms, rest));
        }
    }
    Err(unknown(words, end))
}

/// The error for words that begin no line.
fn unknown(words: &[Word], end: usize) -> ParseLineError {
    let first = words.first();
    let group: Vec<_> = specs()
        .filter_map(|spec| spec.words.split_once(' '))
        .filter(|(group, _)| first.is_some_and(|word| !word.quoted && word.text == *group))
        .map(|(_, second)| second)
        .collect();
    let wrong = if group.is_empty() {
        first
    } else {
        words.get(1)
    };
    let expected = match wrong.map(|word| nearest(&word.text, &group)) {
        _ if !group.is_empty() => format!("`{}`", group.join("`, `")),
        Some(Some(near)) => format!("a command (perhaps `{near}`)"),
        _ => "a command, such as `send` or `history`".to_owned(),
    };
    ParseLineError {
        argument: "command".to_owned(),
        column: wrong.map_or(end, |word| word.column),
        expected,
        found: wrong.map_or("the end of the line".to_owned(), |word| match word.quoted {
            true => format!("{} in quotes", excerpt(&word.text)),
            false => excerpt(&word.text),
        }),
        over_limit: false,
    }
}

/// The command that differs from `text` by at most two letters, if there is one.
fn nearest(text: &str, group: &[&str]) -> Option<&'static str> {
    if !group.is_empty() || text.len() > 40 {
        return None;
    }
    specs()
        .filter_map(|spec| spec.words.split(' ').next())
        .map(|word| (distance(text, word), word))
        .min()
        .filter(|(distance, word)| *distance <= 2 && *distance * 2 <= word.len())
        .map(|(_, word)| word)
}

/// How many letters must be changed, added or removed (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

/// A flag and the word of its value.
type GivenFlag<'a> = (&'static Flag, &'a Word);

/// Tells flags from arguments.
fn sort_out<'a>(
    forms: &[&'static LineSpec],
    words: &'a [Word],
    end: usize,
) -> Result<(Vec<&'a Word>, Vec<GivenFlag<'a>>), ParseLineError> {
    let known = forms[0].flags;
    let mut arguments = Vec::new();
    let mut given: Vec<GivenFlag<'_>> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.flag().is_none() {
            arguments.push(word);
            continue;
        }
        let Some(flag) = known.iter().find(|flag| flag.name == word.text) else {
            return Err(unknown_flag(forms[0], word));
        };
        if given.iter().any(|(earlier, _)| earlier.name == flag.name) {
            return Err(error(
                flag.name,
                word.column,
                "the flag once".to_owned(),
                "it again".to_owned(),
            ));
        }
        let value = match flag.value {
            None => word,
            Some((_, kind)) => match words.next() {
                Some(value) if value.flag().is_none() => value,
                Some(value) => {
                    return Err(error(
                        flag.name,
                        value.column,
                        kind.expected(),
                        excerpt(&value.text),
                    ));
                }
                None => return Err(missing(flag.name, kind, end)),
            },
        };
        given.push((flag, value));
    }
    Ok((arguments, given))
}

fn unknown_flag(spec: &LineSpec, word: &Word) -> ParseLineError {
    let names: Vec<_> = spec.flags.iter().map(|flag| flag.name).collect();
    let expected = match (names.is_empty(), word.text.split_once('=')) {
        (true, _) => format!(
            "no flag, since `{}` takes none (a text that begins with -- stands in quotes)",
            spec.words
        ),
        (false, Some((name, _))) if names.contains(&name) => {
            format!("`{name} VALUE`, with a space")
        }
        (false, _) => format!("`{}`", names.join("` or `")),
    };
    error("flag", word.column, expected, excerpt(&word.text))
}

/// The form that takes these fixed choices and so many arguments; failing that, one that takes at least so many.
fn choose(
    forms: &[&'static LineSpec],
    words: &[&Word],
) -> Result<&'static LineSpec, ParseLineError> {
    let fitting: Vec<_> = forms
        .iter()
        .copied()
        .filter(|spec| wrong_choice(spec, words).is_none())
        .collect();
    let Some(last) = fitting.last() else {
        return Err(no_such_choice(forms, words));
    };
    let takes = |spec: &&&'static LineSpec| {
        let (least, most) = spec.arity();
        (least..=most).contains(&words.len())
    };
    let reaches = |spec: &&&'static LineSpec| spec.arity().1 >= words.len();
    let best = fitting.iter().find(takes);
    Ok(best
        .or_else(|| fitting.iter().find(reaches))
        .unwrap_or(last))
}

/// The first argument that has a fixed choice and is none of it.
fn wrong_choice<'a>(spec: &LineSpec, words: &[&'a Word]) -> Option<(Argument, &'a Word)> {
    let mut pairs = spec.arguments.iter().zip(words);
    pairs.find_map(|(argument, word)| match argument.kind {
        Kind::Choice(choices) if !choices.contains(&word.text.as_str()) => Some((*argument, *word)),
        _ => None,
    })
}

fn no_such_choice(forms: &[&'static LineSpec], words: &[&Word]) -> ParseLineError {
    let wrong: Vec<_> = forms
        .iter()
        .filter_map(|spec| wrong_choice(spec, words))
        .collect();
    let expected: Vec<_> = wrong
        .iter()
        .map(|(argument, _)| argument.kind.expected())
        .collect();
    let (name, word) = wrong.first().map_or(("command", None), |(argument, word)| {
        (argument.name, Some(word))
    });
    error(
        name,
        word.map_or(1, |word| word.column),
        expected.join(" or "),
        word.map_or(String::new(), |word| excerpt(&word.text)),
    )
}

fn read_arguments(
    spec: &LineSpec,
    words: &[&Word],
    end: usize,
) -> Result<Vec<Value>, ParseLineError> {
    let mut words = words.iter();
    let mut values = Vec::new();
    for argument in spec.arguments {
        let read = |word: &&Word| {
            let read = argument.kind.read(&word.text);
            read.map_err(|fault| fault.at(argument.name, word.column))
        };
        let value = match (argument.need, words.next()) {
            (Need::Optional, None) => Value::Absent,
            (_, None) => return Err(missing(argument.name, argument.kind, end)),
            (Need::Many, Some(first)) => {
                let (mut ids, mut names) = (Vec::new(), Vec::new());
                for word in std::iter::once(first).chain(words.by_ref()) {
                    if ids.len() + names.len() == argument.kind.many_max() {
                        let expected = format!("at most {}", argument.kind.many_max());
                        let mut error =
                            error(argument.name, word.column, expected, "one more".to_owned());
                        error.over_limit = true;
                        return Err(error);
                    }
                    match read(word)? {
                        Value::Id(id) => ids.push(id),
                        Value::Text(name) => names.push(name),
                        _ => {}
                    }
                }
                match argument.kind {
                    Kind::Account => Value::Names(names),
                    _ => Value::Ids(ids),
                }
            }
            (_, Some(word)) => read(word)?,
        };
        values.push(value);
    }
    match words.next() {
        None => Ok(values),
        Some(word) => Err(error(
            "line",
            word.column,
            format!(
                "its end, as in `{}` (a text with spaces stands in quotes)",
                spec.usage()
            ),
            excerpt(&word.text),
        )),
    }
}

/// One value for each flag of the line, in the table's order.
fn read_flags(spec: &LineSpec, given: Vec<GivenFlag<'_>>) -> Result<Vec<Value>, ParseLineError> {
    let mut values = Vec::new();
    for flag in spec.flags {
        let word = given.iter().find(|(known, _)| known.name == flag.name);
        values.push(match (word, flag.value) {
            (None, _) => flag.default.map_or(Value::Absent, Value::Number),
            (Some(_), None) => Value::Given,
            (Some((_, word)), Some((_, kind))) => {
                let read = kind.read(&word.text);
                read.map_err(|fault| fault.at(flag.name, word.column))?
            }
        });
    }
    Ok(values)
}

fn missing(argument: &str, kind: Kind, end: usize) -> ParseLineError {
    error(
        argument,
        end,
        kind.expected(),
        "the end of the line".to_owned(),
    )
}

fn error(argument: &str, column: usize, expected: String, found: String) -> ParseLineError {
    ParseLineError {
        argument: argument.to_owned(),
        column,
        expected,
        found,
        over_limit: false,
    }
}
