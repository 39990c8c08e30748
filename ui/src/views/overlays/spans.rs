//! Spans of time and sizes, in words.

use alloquy_ids::UnixMs;

use crate::words::say;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago something was.
pub(super) fn ago(now: UnixMs, then: UnixMs) -> String {
    match now.0.saturating_sub(then.0) {
        ms if ms < MINUTE => say::ago_now().to_owned(),
        ms => say::ago(span(ms)),
    }
}

/// When something ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It does not.
    Never,
    /// It has ended.
    Past,
    /// After this span, in words.
    In(String),
}

/// When something ends.
pub(super) fn until(now: UnixMs, end: Option<UnixMs>) -> Until {
    match end {
        None => Until::Never,
        Some(end) if end <= now => Until::Past,
        // Half a minute less than seven days is told as seven days.
        Some(end) => Until::In(span(end.0 - now.0 + MINUTE / 2)),
    }
}

/// A span in its greatest unit.
fn span(ms: u64) -> String {
    match ms {
        ms if ms >= DAY => say::span_days(ms / DAY),
        ms if ms >= HOUR => say::span_hours(ms / HOUR),
        ms => say::span_minutes((ms / MINUTE).max(1)),
    }
}

/// A short span, in seconds where it is not of whole minutes.
pub(super) fn interval(ms: u64) -> String {
    match ms {
        ms if ms % MINUTE == 0 => span(ms),
        ms => say::span_seconds(ms.div_ceil(1_000)),
    }
}

/// A size on disk.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [fn(String) -> String; 4] = [
        say::size_bytes,
        say::size_kilobytes,
        say::size_megabytes,
        say::size_gigabytes,
    ];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && size < 100.0);
    UNITS[unit](format!("{size:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_greatest_unit() {
        let now = UnixMs(100 * DAY);
        assert_eq!(ago(now, UnixMs(now.0 - 5)), "just now");
        assert_eq!(ago(now, UnixMs(now.0 - MINUTE)), "1 minute ago");
        assert_eq!(ago(now, UnixMs(now.0 - 49 * HOUR)), "2 days ago");
        assert_eq!(ago(now, UnixMs(now.0 + DAY)), "just now");
        assert_eq!(until(now, None), Until::Never);
        assert_eq!(until(now, Some(now)), Until::Past);
        let week = UnixMs(now.0 + 7 * DAY - 1_000);
        assert_eq!(until(now, Some(week)), Until::In("7 days".to_owned()));
    }

    #[test]
    fn sizes_have_at_most_three_digits_that_matter() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_500), "1.5 kB");
        assert_eq!(size(123_456_789), "123 MB");
        assert_eq!(size(5_000_000_000_000), "5000 GB");
    }
}
