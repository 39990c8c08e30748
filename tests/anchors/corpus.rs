//! Sentences that people wrote: documentation comments of the packages that cargo has fetched, and the
//! documents of the system. The same machine gives the same sentences in the same order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::ensure;

/// Bytes of a sentence taken, at least and at most.
const SENTENCE_BYTES: std::ops::RangeInclusive<usize> = 12..=240;
/// Mean bytes of a message, as in a chat; longer sentences are passed over while the mean is above.
const MEAN_BYTES: usize = 55;

/// `count` different sentences of about 55 bytes in the mean.
pub(crate) fn sentences(count: usize) -> anyhow::Result<Vec<String>> {
    let mut taken = Vec::with_capacity(count);
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for file in documents() {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        for sentence in split(&text) {
            let long = bytes + sentence.len() > (taken.len() + 1) * MEAN_BYTES
                && sentence.len() > MEAN_BYTES;
            if !long && seen.insert(sentence.clone()) {
                bytes += sentence.len();
                taken.push(sentence);
            }
            if taken.len() == count {
                return Ok(taken);
            }
        }
    }
    ensure!(
        !taken.is_empty(),
        "no documentation lies on this machine: neither cargo's packages nor /usr/share/doc"
    );
    ensure!(
        taken.len() == count,
        "only {} of {count} sentences lie on this machine",
        taken.len()
    );
    Ok(taken)
}

fn documents() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut open: Vec<PathBuf> = home
        .into_iter()
        .map(|home| home.join("registry/src"))
        .collect();
    open.push("/usr/share/doc".into());
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "rs" || end == "md" || end == "txt")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Sentences of prose: documentation comments of Rust, plain lines elsewhere.
fn split(text: &str) -> Vec<String> {
    let code = text.contains("fn ") && text.contains("///");
    let prose = text.lines().filter_map(|line| {
        let line = line.trim();
        if code {
            line.strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"))
        } else {
            Some(line)
        }
    });
    let prose = prose.map(str::trim).collect::<Vec<_>>().join(" ");
    prose
        .split_inclusive(['.', '!', '?'])
        .map(str::trim)
        .filter(|sentence| is_prose(sentence))
        .map(str::to_owned)
        .collect()
}

/// Words rather than code, tables or numbers.
fn is_prose(sentence: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " ,.;:'!?-()".contains(c);
    SENTENCE_BYTES.contains(&sentence.len())
        && sentence.split(' ').count() >= 3
        && sentence.chars().all(plain)
        && sentence.chars().filter(|c| c.is_alphabetic()).count() * 2 > sentence.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_gives_sentences_of_the_length_of_a_chat() {
        let sentences = sentences(2000).unwrap();
        let bytes: usize = sentences.iter().map(String::len).sum();
        let mean = bytes / sentences.len();
        assert!((35..=60).contains(&mean), "{mean} B: {:?}", &sentences[..5]);
        assert_eq!(
            super::sentences(2000).unwrap(),
            sentences,
            "the same machine, the same sentences"
        );
    }
}
