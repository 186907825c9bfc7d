//! Numbers as people read them.

use crate::outline::Moment;

/// A count with its word.
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

/// Tokens: `950`, `12.4k`, `1.2M`.
pub(super) fn tokens(count: u64) -> String {
    scaled(count, [(1_000_000, "M"), (10_000, "k")])
}

/// Bytes: `950 bytes`, `12.4 kB`, `1.2 MB`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        0..10_000 => format!("{count} bytes"),
        10_000..1_000_000 => format!("{} kB", one_digit(count, 1_000)),
        _ => format!("{} MB", one_digit(count, 1_000_000)),
    }
}

fn scaled(count: u64, units: [(u64, &str); 2]) -> String {
    for (least, unit) in units {
        if count >= least {
            let size = if unit == "k" { 1_000 } else { least };
            return format!("{}{unit}", one_digit(count, size));
        }
    }
    count.to_string()
}

fn one_digit(count: u64, unit: u64) -> String {
    let text = format!("{:.1}", count as f64 / unit as f64);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A duration: `12ms`, `1.2s`, `3m 20s`, `2h 5m`.
pub(super) fn duration(ms: f64) -> String {
    if !ms.is_finite() || ms < 0.0 {
        return "unknown time".to_owned();
    }
    let seconds = (ms / 1000.0).round() as u64;
    match ms {
        ..999.5 => format!("{}ms", ms.round()),
        ..99_950.0 => format!("{:.1}s", ms / 1000.0),
        ..5_999_500.0 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time of day with its date: `2026-11-21 02:04:35 UTC`; on a recorder's clock the time since it began.
pub(super) fn moment(moment: &Moment) -> String {
    match moment {
        Moment::Offset(ms) => format!("at {}", duration(*ms)),
        Moment::Written(text) => match split_time(text) {
            Some((date, time, zone)) => format!("{date} {time}{zone}"),
            None => text.clone(),
        },
    }
}

/// A time of day alone.
pub(super) fn time_of_day(moment: &Moment) -> String {
    match moment {
        Moment::Offset(ms) => format!("at {}", duration(*ms)),
        Moment::Written(text) => match split_time(text) {
            Some((_, time, _)) => time.to_owned(),
            None => text.clone(),
        },
    }
}

/// Date, time in seconds and zone of a time as RFC 3339 writes it.
fn split_time(text: &str) -> Option<(&str, &str, String)> {
    let (date, rest) = text.split_once('T')?;
    let time = rest.get(..8)?;
    let is_time = time.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let zone = rest[8..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let zone = match zone {
        "Z" | "+00:00" => " UTC".to_owned(),
        "" => String::new(),
        zone => format!(" {zone}"),
    };
    (date.len() == 10 && is_time).then_some((date, time, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(tokens(950), "950");
        assert_eq!(tokens(9_999), "9999");
        assert_eq!(tokens(50_500), "50.5k");
        assert_eq!(tokens(258_000), "258k");
        assert_eq!(tokens(1_234_000), "1.2M");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(58_100), "58.1 kB");
        assert_eq!(bytes(200_000_000), "200 MB");
        assert_eq!(duration(0.4), "0ms");
        assert_eq!(duration(999.0), "999ms");
        assert_eq!(duration(1_210.0), "1.2s");
        assert_eq!(duration(200_000.0), "3m 20s");
        assert_eq!(duration(7_500_000.0), "2h 5m");
        assert_eq!(duration(-5.0), "unknown time");
    }

    #[test]
    fn times_are_shortened() {
        let check = |text: &str, expect: &str| {
            assert_eq!(moment(&Moment::Written(text.to_owned())), expect);
        };
        check("2026-11-21T02:04:35.392Z", "2026-11-21 02:04:35 UTC");
        check("2026-11-21T02:04:35.392+00:00", "2026-11-21 02:04:35 UTC");
        check("2026-11-21T02:04:35+01:00", "2026-11-21 02:04:35 +01:00");
        check("yesterday", "yesterday");
        let time = Moment::Written("2026-11-21T02:04:35.392Z".to_owned());
        assert_eq!(time_of_day(&time), "02:04:35");
    }
}
