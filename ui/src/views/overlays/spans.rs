//! Spans of time and sizes, in words.

use alloquy_ids::UnixMs;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago something was.
pub(super) fn ago(now: UnixMs, then: UnixMs) -> String {
    match now.0.saturating_sub(then.0) {
        ms if ms < MINUTE => "just now".to_owned(),
        ms => format!("{} ago", span(ms)),
    }
}

/// When something ends.
pub(super) fn until(now: UnixMs, end: Option<UnixMs>) -> String {
    match end {
        None => "never expires".to_owned(),
        Some(end) if end <= now => "has expired".to_owned(),
        // Half a minute less than seven days is told as seven days.
        Some(end) => format!("expires in {}", span(end.0 - now.0 + MINUTE / 2)),
    }
}

/// A span in its greatest unit.
fn span(ms: u64) -> String {
    let (count, unit) = match ms {
        ms if ms >= DAY => (ms / DAY, "day"),
        ms if ms >= HOUR => (ms / HOUR, "hour"),
        ms => ((ms / MINUTE).max(1), "minute"),
    };
    counted(count, unit)
}

/// A number of things.
pub(super) fn counted(count: u64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// A size on disk.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "kB", "MB", "GB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && size < 100.0);
    format!("{size:.digits$} {}", UNITS[unit])
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
        assert_eq!(until(now, None), "never expires");
        assert_eq!(until(now, Some(now)), "has expired");
        let week = UnixMs(now.0 + 7 * DAY - 1_000);
        assert_eq!(until(now, Some(week)), "expires in 7 days");
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
