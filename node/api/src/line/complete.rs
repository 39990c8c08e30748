//! What may come next in a line that is being typed.

use super::kind::Kind;
use super::rights::RIGHTS;
use super::spec::{LineSpec, Need};
use super::table::specs;
use super::words::split;

/// What may stand where the line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// Fixed words that fit what is typed of the last word: commands, flags, choices, rights.
    pub words: Vec<&'static str>,
    /// What the last word may be besides: a face that knows names offers those of this kind.
    pub kind: Option<Kind>,
}

/// Completes a line at its end. A line that is wrong already has no completions.
#[must_use]
pub fn complete(line: &str) -> Completions {
    let Ok(words) = split(line) else {
        return Completions::default();
    };
    let at_new_word = line.is_empty() || line.ends_with(' ');
    let (done, typed) = match words.split_last() {
        Some((last, done)) if !at_new_word => (done, last.text.as_str()),
        _ => (words.as_slice(), ""),
    };
    let done: Vec<&str> = done.iter().map(|word| word.text.as_str()).collect();
    let mut completions = Completions::default();
    for spec in specs() {
        complete_by(spec, &done, &mut completions);
    }
    completions.words.retain(|word| word.starts_with(typed));
    completions.words.sort_unstable();
    completions.words.dedup();
    completions
}

/// Adds what may follow `done` in one line of the table.
fn complete_by(spec: &LineSpec, done: &[&str], completions: &mut Completions) {
    let fixed: Vec<&'static str> = spec.words.split(' ').collect();
    let Some((head, rest)) = done.split_at_checked(fixed.len()) else {
        if fixed.starts_with(done) {
            completions.words.extend(fixed.get(done.len()));
        }
        return;
    };
    if head != fixed {
        return;
    }
    let mut place = 0;
    let mut value_of = None;
    for word in rest {
        let flag = spec.flags.iter().find(|flag| flag.name == *word);
        match (value_of.take(), flag) {
            (Some(_), _) => {}
            (None, Some(flag)) => value_of = flag.value.map(|(_, kind)| kind),
            (None, None) => place += 1,
        }
    }
    if let Some(kind) = value_of {
        return offer(kind, completions);
    }
    let unused = spec.flags.iter().map(|flag| flag.name);
    completions
        .words
        .extend(unused.filter(|flag| !rest.contains(flag)));
    let argument = match spec.arguments.last() {
        Some(last) if last.need == Need::Many => spec.arguments.get(place).or(Some(last)),
        _ => spec.arguments.get(place),
    };
    if let Some(argument) = argument {
        offer(argument.kind, completions);
    }
}

fn offer(kind: Kind, completions: &mut Completions) {
    match kind {
        Kind::Choice(words) => completions.words.extend(words),
        Kind::Right | Kind::Rights => completions
            .words
            .extend(RIGHTS.iter().map(|(name, _)| name)),
        Kind::DurationOrOff => completions.words.push("off"),
        Kind::Icon => completions.words.push("none"),
        kind => completions.kind = Some(kind),
    }
}
