//! Times and dates in words.

use alloquy_ids::UnixMs;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::words::{Text, say};

/// When something was written, for this person.
#[derive(Clone, Copy, Debug)]
pub(in crate::views) struct Times<'a> {
    /// The person's time zone.
    pub(in crate::views) zone: &'a TimeZone,
    /// Whether 21:41 is 9:41 PM.
    pub(in crate::views) twelve_hours: bool,
    /// The present.
    pub(in crate::views) now: UnixMs,
}

impl Times<'_> {
    fn zoned(&self, at: UnixMs) -> jiff::Zoned {
        let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone())
    }

    /// The day of an instant.
    pub(in crate::views) fn day(&self, at: UnixMs) -> Date {
        self.zoned(at).date()
    }

    /// The time of day, such as 09:41 or 9:41 AM.
    pub(in crate::views) fn time(&self, at: UnixMs) -> String {
        let at = self.zoned(at);
        let (hour, minute) = (at.hour(), at.minute());
        if !self.twelve_hours {
            return format!("{hour:02}:{minute:02}");
        }
        let (of_twelve, minute) = ((hour + 11) % 12 + 1, format!("{minute:02}"));
        if hour < 12 {
            say::time_am(of_twelve, minute)
        } else {
            say::time_pm(of_twelve, minute)
        }
    }

    /// A day: Today, Yesterday, or its date.
    pub(in crate::views) fn day_words(&self, day: Date) -> String {
        let today = self.day(self.now);
        if day == today {
            return say::today().to_owned();
        }
        if today.yesterday().is_ok_and(|yesterday| yesterday == day) {
            return say::yesterday().to_owned();
        }
        let weekday = match day.weekday() {
            jiff::civil::Weekday::Monday => say::day_monday(),
            jiff::civil::Weekday::Tuesday => say::day_tuesday(),
            jiff::civil::Weekday::Wednesday => say::day_wednesday(),
            jiff::civil::Weekday::Thursday => say::day_thursday(),
            jiff::civil::Weekday::Friday => say::day_friday(),
            jiff::civil::Weekday::Saturday => say::day_saturday(),
            jiff::civil::Weekday::Sunday => say::day_sunday(),
        };
        const MONTHS: [Text; 12] = [
            say::month_january,
            say::month_february,
            say::month_march,
            say::month_april,
            say::month_may,
            say::month_june,
            say::month_july,
            say::month_august,
            say::month_september,
            say::month_october,
            say::month_november,
            say::month_december,
        ];
        let month = MONTHS[usize::from(day.month().unsigned_abs() - 1) % MONTHS.len()]();
        if day.year() == today.year() {
            say::date(weekday, day.day(), month)
        } else {
            say::date_and_year(weekday, day.day(), month, day.year())
        }
    }

    /// The time today, else the date, in as few letters as tell it.
    pub(in crate::views) fn brief(&self, at: UnixMs) -> String {
        let (day, today) = (self.day(at), self.day(self.now));
        if day == today {
            return self.time(at);
        }
        if today.yesterday().is_ok_and(|yesterday| yesterday == day) {
            return say::yesterday().to_owned();
        }
        let (number, month) = (day.day().to_string(), day.month().to_string());
        if day.year() == today.year() {
            say::date_brief(number, month)
        } else {
            say::date_brief_year(number, month, day.year().to_string())
        }
    }

    /// Date and time, with the date left out today.
    pub(in crate::views) fn whole(&self, at: UnixMs) -> String {
        let day = self.day(at);
        match day == self.day(self.now) {
            true => self.time(at),
            false => say::day_and_time(self.day_words(day), self.time(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 12:00 UTC, a Saturday.
    const NOON: u64 = 1_795_262_400_000;
    const DAY: u64 = 24 * 3_600_000;

    #[test]
    fn days_and_times_are_words() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let mut times = Times {
            zone: &zone,
            twelve_hours: false,
            now: UnixMs(NOON),
        };
        for (ago, expected) in [
            (0, "13:00"),
            (DAY, "Yesterday, 13:00"),
            (3 * DAY, "Wednesday, 18 November, 13:00"),
            (365 * DAY, "Friday, 21 November 2025, 13:00"),
        ] {
            assert_eq!(times.whole(UnixMs(NOON - ago)), expected);
        }
        for (ago, expected) in [
            (0, "13:00"),
            (DAY, "Yesterday"),
            (3 * DAY, "18/11"),
            (365 * DAY, "21/11/2025"),
        ] {
            assert_eq!(times.brief(UnixMs(NOON - ago)), expected);
        }
        times.twelve_hours = true;
        assert_eq!(times.time(UnixMs(NOON)), "1:00 PM");
        assert_eq!(times.time(UnixMs(NOON - 13 * 3_600_000)), "12:00 AM");
        assert_eq!(times.time(UnixMs(u64::MAX)), "1:00 AM");
    }
}
