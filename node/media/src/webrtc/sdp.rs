//! Checks of a session description (RFC 8866) before the WebRTC library sees it, and the payload types in it.
//!
//! A description comes from another person's device. Its signature was checked by the core, which binds the fingerprint
//! in it to that device (RFC 8827, 6.5); here it is made sure that there is only one fingerprint to be bound, and that
//! nothing in it is larger than a call needs. Whether the rest makes sense is the library's to say.

use alloquy_api::limits::{CANDIDATE_BYTES_MAX, SDP_BYTES_MAX};
use thiserror::Error;

use super::limits::{CANDIDATES_MAX, MEDIA_SECTIONS_MAX};

/// What a description must tell before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// The description without fingerprints of other kinds: the library knows SHA-256 alone and fails at another that
    /// comes first.
    pub(crate) sdp: String,
    /// SHA-256 of the certificate that the other side must show, in upper case.
    pub(crate) fingerprint: String,
    /// How the voice section numbers its formats.
    pub(crate) payload_types: PayloadTypes,
    /// Candidates in it.
    pub(crate) candidates: usize,
}

/// Numbers of the formats in the first audio section; they are matched by name, since every implementation has its
/// own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    /// Opus (RFC 7587).
    pub(crate) opus: Option<u8>,
    /// RED (RFC 2198) around that Opus.
    pub(crate) red: Option<u8>,
}

/// Why a description is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SdpError {
    /// Longer than a description may be.
    #[error("the description has {bytes} bytes, more than {SDP_BYTES_MAX}")]
    TooLong {
        /// Bytes that it has.
        bytes: usize,
    },
    /// Too many sections.
    #[error("the description has {sections} media sections, more than {MEDIA_SECTIONS_MAX}")]
    TooManySections {
        /// Sections that it has.
        sections: usize,
    },
    /// Too many candidates.
    #[error("the description has {candidates} candidates, more than {CANDIDATES_MAX}")]
    TooManyCandidates {
        /// Candidates that it has.
        candidates: usize,
    },
    /// A candidate that is too long.
    #[error("a candidate has {bytes} bytes, more than {CANDIDATE_BYTES_MAX}")]
    CandidateTooLong {
        /// Bytes that it has.
        bytes: usize,
    },
    /// Characters that no description has.
    #[error("the description has a control character in line {line}")]
    ControlCharacter {
        /// Number of the line, from 1.
        line: usize,
    },
    /// No fingerprint, so nothing binds the keys to a device.
    #[error("the description has no fingerprint")]
    NoFingerprint,
    /// A fingerprint that says it is a SHA-256 and is none.
    #[error("the description has a fingerprint that is no SHA-256")]
    NotSha256,
    /// Two that differ.
    #[error("the description has two different fingerprints")]
    TwoFingerprints,
    /// Nothing to speak over.
    #[error("the description has no audio section")]
    NoAudio,
}

impl Description {
    /// Reads and checks a description.
    pub(crate) fn check(sdp: &str) -> Result<Self, SdpError> {
        check_sizes(sdp)?;
        Ok(Self {
            sdp: sdp
                .lines()
                .filter(|line| !is_other_fingerprint(line))
                .flat_map(|line| [line, "\r\n"])
                .collect(),
            fingerprint: fingerprint(sdp)?,
            payload_types: PayloadTypes::of(sdp).ok_or(SdpError::NoAudio)?,
            candidates: attributes(sdp, "candidate").count(),
        })
    }
}

impl PayloadTypes {
    /// Those of the first audio section; `None`: there is no such section.
    pub(crate) fn of(sdp: &str) -> Option<Self> {
        let section = audio_section(sdp)?;
        let opus = payload_type(section, "opus/48000/2", |_| true);
        let red = opus
            .and_then(|opus| payload_type(section, "red/48000/2", |red| wraps(section, red, opus)));
        Some(Self { opus, red })
    }
}

/// Checks one candidate that came after its description.
pub(crate) fn check_candidate(candidate: &str) -> Result<(), SdpError> {
    match candidate.len() {
        bytes if bytes > CANDIDATE_BYTES_MAX => Err(SdpError::CandidateTooLong { bytes }),
        _ if candidate.chars().any(char::is_control) => Err(SdpError::ControlCharacter { line: 1 }),
        _ => Ok(()),
    }
}

/// The first `a=mid` of a description: all sections share one transport (BUNDLE), and its candidates name the first.
pub(crate) fn first_mid(sdp: &str) -> Option<&str> {
    attributes(sdp, "mid").next()
}

/// ICE's name of the side that made the description; a new one means a restart.
pub(crate) fn ice_ufrag(sdp: &str) -> Option<&str> {
    attributes(sdp, "ice-ufrag").next()
}

fn check_sizes(sdp: &str) -> Result<(), SdpError> {
    if sdp.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLong { bytes: sdp.len() });
    }
    let control = |line: &str| line.chars().any(|c| c.is_control() && c != '\t');
    if let Some(line) = sdp.lines().position(control) {
        return Err(SdpError::ControlCharacter { line: line + 1 });
    }
    let sections = sdp.lines().filter(|line| line.starts_with("m=")).count();
    if sections > MEDIA_SECTIONS_MAX {
        return Err(SdpError::TooManySections { sections });
    }
    check_candidates(sdp)
}

fn check_candidates(sdp: &str) -> Result<(), SdpError> {
    let candidates = attributes(sdp, "candidate").count();
    if candidates > CANDIDATES_MAX {
        return Err(SdpError::TooManyCandidates { candidates });
    }
    attributes(sdp, "candidate").try_for_each(check_candidate)
}

fn fingerprint(sdp: &str) -> Result<String, SdpError> {
    let mut found = None;
    // Every one counts, also of a section that is not used: the library takes the first that it meets.
    for line in sdp.lines().filter(|line| !is_other_fingerprint(line)) {
        let Some(value) = line.strip_prefix("a=fingerprint:") else {
            continue;
        };
        let value = sha256(value).ok_or(SdpError::NotSha256)?;
        match &found {
            None => found = Some(value),
            Some(first) if *first != value => return Err(SdpError::TwoFingerprints),
            Some(_) => {}
        }
    }
    found.ok_or(SdpError::NoFingerprint)
}

/// A fingerprint of another kind, which some add to the SHA-256 that all must know (RFC 8827, 6.5).
fn is_other_fingerprint(line: &str) -> bool {
    let value = line.strip_prefix("a=fingerprint:");
    value.is_some_and(|value| {
        ["sha-384 ", "sha-512 "]
            .iter()
            .any(|name| value.starts_with(name))
    })
}

/// The digest of `sha-256 AB:CD:..` (RFC 8122, 5), in upper case.
fn sha256(value: &str) -> Option<String> {
    let (name, digest) = value.trim().split_once(' ')?;
    let byte = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    let whole = digest.split(':').count() == 32 && digest.split(':').all(byte);
    // The library knows the name in small letters only.
    (name == "sha-256" && whole).then(|| digest.to_ascii_uppercase())
}

fn attributes<'a>(sdp: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    sdp.lines().filter_map(move |line| {
        line.strip_prefix("a=")?
            .strip_prefix(name)?
            .strip_prefix(':')
    })
}

fn audio_section(sdp: &str) -> Option<&str> {
    let start = sdp.find("\nm=audio ")? + 1;
    let rest = &sdp[start..];
    Some(rest.find("\nm=").map_or(rest, |end| &rest[..=end]))
}

/// The first format of a section with that name for which `fits` holds.
fn payload_type(section: &str, name: &str, fits: impl Fn(u8) -> bool) -> Option<u8> {
    attributes(section, "rtpmap")
        .filter_map(|value| value.split_once(' '))
        .filter(|(_, format)| format.trim().eq_ignore_ascii_case(name))
        .filter_map(|(number, _)| number.parse().ok())
        .find(|number| *number < 128 && fits(*number))
}

/// Whether a RED format carries that Opus: its parameters name it, or there are none (RFC 2198, 5).
fn wraps(section: &str, red: u8, opus: u8) -> bool {
    attributes(section, "fmtp")
        .filter_map(|value| value.split_once(' '))
        .filter(|(number, _)| number.parse() == Ok(red))
        .all(|(_, blocks)| {
            blocks
                .trim()
                .split('/')
                .all(|block| block.parse() == Ok(opus))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0F:12:23:34:45:56:67:78:89:9A:AB:BC:CD:DE:EF:F0:01:12:23:34:45:56:67:78:89:9A:AB:BC:CD:DE:EF:F1";

    fn offer(lines: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {DIGEST}\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:97 red/48000/2\r\n{lines}"
        )
    }

    #[test]
    fn formats_are_found_by_name() {
        let types = |lines: &str| PayloadTypes::of(&offer(lines)).unwrap();
        assert_eq!(types("").opus, Some(96));
        assert_eq!(types("a=fmtp:97 96/96\r\n").red, Some(97));
        // RED around something else is not ours to read.
        assert_eq!(types("a=fmtp:97 0/0\r\n").red, None);
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 100\r\na=fmtp:97 0/0\r\n";
        assert_eq!(types(video).red, Some(97), "another section's parameters");
    }

    #[test]
    fn one_fingerprint_throughout() {
        let check = |lines: &str| Description::check(&offer(lines)).map(|d| d.fingerprint);
        let same = format!("a=fingerprint:sha-256 {}\r\n", DIGEST.to_lowercase());
        assert_eq!(check(&same), Ok(DIGEST.to_owned()));
        let other = format!("a=fingerprint:sha-256 {}\r\n", DIGEST.replace("0F", "1F"));
        assert_eq!(check(&other), Err(SdpError::TwoFingerprints));
        let video = format!("m=video 9 UDP/TLS/RTP/SAVPF 100\r\n{other}");
        assert_eq!(check(&video), Err(SdpError::TwoFingerprints));
        assert_eq!(
            check("a=fingerprint:sha-1 AB:CD\r\n"),
            Err(SdpError::NotSha256)
        );
        let longer =
            Description::check(&offer(&format!("a=fingerprint:sha-512 {DIGEST}\r\n"))).unwrap();
        assert_eq!(
            (longer.fingerprint.as_str(), longer.sdp.contains("sha-512")),
            (DIGEST, false)
        );
        let short = format!("a=fingerprint:sha-256 {}\r\n", &DIGEST[3..]);
        assert_eq!(check(&short), Err(SdpError::NotSha256));
        let none = offer("").replace("a=fingerprint", "a=nothing");
        assert_eq!(Description::check(&none), Err(SdpError::NoFingerprint));
    }

    #[test]
    fn bombs_are_refused() {
        let check = |lines: String| Description::check(&offer(&lines)).unwrap_err();
        let long = check("a=x\r\n".repeat(SDP_BYTES_MAX));
        assert!(matches!(long, SdpError::TooLong { .. }), "{long}");
        let sections = check("m=video 9 X 1\r\n".repeat(MEDIA_SECTIONS_MAX));
        assert_eq!(sections, SdpError::TooManySections { sections: 17 });
        let candidates = check("a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n".repeat(101));
        assert_eq!(candidates, SdpError::TooManyCandidates { candidates: 101 });
        let line = check(format!("a=candidate:{}\r\n", "1".repeat(600)));
        assert_eq!(line, SdpError::CandidateTooLong { bytes: 600 });
        assert!(matches!(
            check("a=\u{0}\r\n".into()),
            SdpError::ControlCharacter { line: 10 }
        ));
        assert_eq!(Description::check(""), Err(SdpError::NoFingerprint));
        let no_audio = offer("").replace("m=audio", "m=application");
        assert_eq!(Description::check(&no_audio), Err(SdpError::NoAudio));
    }

    #[test]
    fn a_lone_carriage_return_cannot_hide_an_attribute() {
        let hidden = offer(&format!("a=x\ra=fingerprint:sha-256 {DIGEST}\r\n"));
        assert!(matches!(
            Description::check(&hidden),
            Err(SdpError::ControlCharacter { .. })
        ));
    }
}
