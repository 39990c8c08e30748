//! coturn's log lines as they may be passed on: without addresses and names of people.

use std::net::{IpAddr, SocketAddr};

/// Bytes of a line that are passed on; coturn's own are far shorter.
const LINE_BYTES_MAX: usize = 512;
/// What stands in the place of an address.
const ADDRESS: &str = "(address)";
/// What stands in the place of a username.
const NAME: &str = "(name)";
/// What coturn writes before a username, which it ends by `>`.
const BEFORE_NAME: [&str; 3] = ["user <", "username=<", "origin <"];

/// How a line is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Something is wrong.
    Warn,
    /// Anything else.
    Debug,
}

/// What coturn holds to be worth a look.
pub(super) fn level(line: &str) -> Level {
    let wrong = ["ERROR", "CRITICAL", "WARNING", "Cannot", "cannot"];
    match wrong.iter().any(|word| line.contains(word)) {
        true => Level::Warn,
        false => Level::Debug,
    }
}

/// The line without addresses and names.
pub(super) fn masked(line: &str) -> String {
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    let mut cut = line.len().min(LINE_BYTES_MAX);
    while !line.is_char_boundary(cut) {
        cut -= 1;
    }
    without_addresses(&without_names(&line[..cut]))
}

fn without_names(line: &str) -> String {
    let mut line = line.to_owned();
    for before in BEFORE_NAME {
        let mut from = 0;
        while let Some(at) = line[from..].find(before) {
            let begin = from + at + before.len();
            let end = line[begin..].find('>').map_or(line.len(), |at| begin + at);
            line.replace_range(begin..end, NAME);
            from = begin + NAME.len();
        }
    }
    line
}

fn without_addresses(line: &str) -> String {
    let part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']' | '%');
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let run = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(run);
        masked.push_str(if is_address(word) { ADDRESS } else { word });
        let other = after.find(part).unwrap_or(after.len());
        masked.push_str(&after[..other]);
        rest = &after[other..];
    }
    masked
}

/// Whether a word is an address, with or without a port, and with what may stand around it in a sentence.
fn is_address(word: &str) -> bool {
    let bare = word.trim_end_matches(['.', ':']);
    let digits = |text: &str| text.parse::<u16>().is_ok();
    bare.parse::<SocketAddr>().is_ok()
        || bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        // coturn writes IPv6 addresses with a port as a:b::c:port too.
        || bare.rsplit_once(':').is_some_and(|(ip, port)| {
            digits(port) && ip.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_passed_on_without_addresses_and_names() {
        for (line, expected) in [
            (
                "120: : session 000000000000000001: realm <turn.example.org> user <1700000000:abc>: incoming packet ALLOCATE processed, success",
                "120: : session 000000000000000001: realm <turn.example.org> user <(name)>: incoming packet ALLOCATE processed, success",
            ),
            (
                "3: : session 1: closed, user <17:a> realm <r> origin <https://x.org>, local 45.83.1.2:3478, remote 9.8.7.6:1234, reason: x",
                "3: : session 1: closed, user <(name)> realm <r> origin <(name)>, local (address), remote (address), reason: x",
            ),
            (
                "session 1: new, realm=<r>, username=<17:a>, lifetime=600",
                "session 1: new, realm=<r>, username=<(name)>, lifetime=600",
            ),
            (
                "A peer IP 127.0.0.1 denied in the range: 127.0.0.0-127.255.255.255",
                "A peer IP (address) denied in the range: (address)-(address)",
            ),
            (
                "peer 2a0e:1d80:1::2 and [2a0e::1]:80, fe80::1:3478.",
                "peer (address) and (address), (address)",
            ),
            (
                "Total: 12, version 4.6.1, at 12:30",
                "Total: 12, version 4.6.1, at 12:30",
            ),
            ("user <1700000000:never ended", "user <(name)"),
        ] {
            assert_eq!(masked(line), expected);
        }
        let long = format!("{}9.8.7.6", "ä".repeat(400));
        assert!(masked(&long).len() <= LINE_BYTES_MAX);
    }

    #[test]
    fn what_is_wrong_is_a_warning() {
        assert_eq!(level("0: : ERROR: Cannot bind"), Level::Warn);
        assert_eq!(level("0: : CONFIG: something"), Level::Debug);
    }
}
