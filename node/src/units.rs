//! Durations and points in time as people write them. Integers only: what a manifest says must not
//! depend on rounding.

use std::time::Duration;

/// Text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a duration with a unit, such as 500ms, 10s, 1m30s, 20m or 1h")]
pub struct DurationError;

/// Text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time with its offset from UTC, such as 2026-01-31T12:00:00Z")]
pub struct TimeError;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads `500ms`, `10s`, `1.5s`, `1m30s` as milliseconds.
///
/// # Errors
/// Without a unit, below a millisecond, or past 2^64 - 1 of them.
pub fn parse_ms(text: &str) -> Result<u64, DurationError> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(DurationError);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(DurationError)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError)?;
        let part = scaled(number, *scale).ok_or(DurationError)?;
        total = total.checked_add(part).ok_or(DurationError)?;
        rest = next;
    }
    Ok(total)
}

/// `number` times `scale`, exactly.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    let denominator = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u64 = fraction.parse().ok()?;
    let fine = fraction.checked_mul(scale)?;
    if fine % denominator != 0 {
        return None;
    }
    whole.checked_mul(scale)?.checked_add(fine / denominator)
}

/// The shortest exact way to write milliseconds: `350ms`, `10s`, `1m30s`.
#[must_use]
pub fn show_ms(ms: u64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut rest = ms;
    let mut text = String::new();
    for (unit, scale) in UNITS.iter().rev() {
        if rest >= *scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    text
}

/// Seconds with milliseconds where there are any: `3.5 s`.
#[must_use]
pub fn show_seconds(ms: u64) -> String {
    let (seconds, rest) = (ms / 1_000, ms % 1_000);
    if rest == 0 {
        return format!("{seconds} s");
    }
    format!("{seconds}.{} s", format!("{rest:03}").trim_end_matches('0'))
}

/// Reads RFC 3339 (`2026-01-31T12:00:00.5Z`, also with an offset or a space) as unix milliseconds.
///
/// # Errors
/// Without an offset, before 1970, with a date that the calendar does not have.
pub fn parse_time(text: &str) -> Result<u64, TimeError> {
    read_time(text.trim()).and_then(|ms| u64::try_from(ms).ok()).ok_or(TimeError)
}

fn read_time(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let offset_minutes = match offset {
        "Z" | "z" => 0,
        _ => {
            let (sign, digits) = offset.split_at(1);
            let [hours, minutes] = numbers(digits, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "-" { -1 } else { 1 }
        }
    };
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        - offset_minutes * 60;
    Some(seconds * 1_000 + ms)
}

fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that the
/// leap day comes last, and 400 of them are 146,097 days.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Unix milliseconds as `2026-01-31T12:00:00Z`, with milliseconds where there are any.
#[must_use]
pub fn show_time(ms: u64) -> String {
    let (seconds, millis) = (ms / 1_000, ms % 1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date_of(i64::try_from(days).unwrap_or(i64::MAX / 2));
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{fraction}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// The inverse of [`days_from_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Bytes as `12 KiB`: three digits that matter.
#[must_use]
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut shown, mut tenths, mut unit) = (bytes, 0, 0);
    while shown >= 1_024 && unit + 1 < UNITS.len() {
        tenths = shown % 1_024 * 10 / 1_024;
        shown /= 1_024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if shown < 10 && unit > 0 {
        format!("{shown}.{tenths} {name}")
    } else {
        format!("{shown} {name}")
    }
}

/// Now, in unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_unit_that_keeps_them_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (10 << 20, "10 MiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(show_bytes(bytes), text);
        }
    }

    #[test]
    fn durations_read_and_show_exactly() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("20m", 1_200_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1s250ms", 1_250),
        ] {
            assert_eq!(parse_ms(text), Ok(ms));
            assert_eq!(show_ms(ms), text);
        }
        assert_eq!(parse_ms(" 1.25s "), Ok(1_250));
        assert_eq!(parse_ms("0s"), Ok(0));
    }

    #[test]
    fn durations_without_a_unit_or_finer_than_a_millisecond_are_refused() {
        for bad in
            ["", "10", "s", "10 s", "-1s", "1.0005s", "1us", "1.s", "99999999999999999999s", "1e3s"]
        {
            assert_eq!(parse_ms(bad), Err(DurationError), "{bad:?}");
        }
    }

    #[test]
    fn times_read_and_show_exactly() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-11-22T15:02:28Z", 1_795_359_748_000),
            ("2100-03-01T00:00:00.007Z", 4_107_542_400_007),
        ] {
            assert_eq!(parse_time(text), Ok(ms), "{text}");
            assert_eq!(show_time(ms), text);
        }
        assert_eq!(parse_time("2026-11-22 16:32:28.5+01:30"), Ok(1_795_359_748_500));
        assert_eq!(parse_time("1970-01-01T00:00:00-00:01"), Ok(60_000));
    }

    #[test]
    fn every_day_of_four_centuries_shows_as_it_reads() {
        for day in 0..146_097 {
            let ms = day * 86_400_000;
            assert_eq!(parse_time(&show_time(ms)), Ok(ms));
        }
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for bad in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-1-1T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+25:00",
            "2026-01-01T00:00:00Zz",
        ] {
            assert_eq!(parse_time(bad), Err(TimeError), "{bad:?}");
        }
    }
}
