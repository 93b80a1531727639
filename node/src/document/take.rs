//! How values of each type are taken from a document.

use std::fmt;

use toml_edit::{Item, Value};

use ganglion_types::Rao;

use super::Found;
use crate::units;

/// A whole number that fits `T`, between `low` and `high`.
pub fn number<T: TryFrom<i64>>(
    unit: &'static str,
    low: u64,
    high: u64,
) -> impl Fn(&Found<'_>) -> Result<T, String> {
    move |item| {
        let rule = || format!("must be a whole number from {low} to {high} ({unit})");
        let number = item.as_integer().ok_or_else(rule)?;
        let fits = u64::try_from(number).is_ok_and(|number| (low..=high).contains(&number));
        if !fits {
            return Err(rule());
        }
        T::try_from(number).map_err(|_| rule())
    }
}

/// A signed 16-bit number.
///
/// # Errors
/// The rule.
pub fn i16(item: &Found<'_>) -> Result<i16, String> {
    let number = item.as_integer().and_then(|number| i16::try_from(number).ok());
    number.ok_or_else(|| "must be a whole number from -32768 to 32767".into())
}

/// `true` or `false`.
///
/// # Errors
/// The rule.
pub fn boolean(item: &Found<'_>) -> Result<bool, String> {
    item.as_bool().ok_or_else(|| "must be true or false, without quotes".into())
}

/// Quoted text.
///
/// # Errors
/// The rule.
pub fn text(item: &Found<'_>) -> Result<String, String> {
    item.as_str().map(Into::into).ok_or_else(|| "must be text in quotes".into())
}

/// A list of quoted texts.
///
/// # Errors
/// The rule.
pub fn texts(item: &Found<'_>) -> Result<Vec<String>, String> {
    let rule = || "must be a list of texts in quotes".to_owned();
    let list = item.as_array().ok_or_else(rule)?;
    list.iter().map(|one| one.as_str().map(Into::into).ok_or_else(rule)).collect()
}

/// Quoted text that `T` can read.
///
/// # Errors
/// What `T` says about it.
pub fn parsed<T: std::str::FromStr<Err: fmt::Display>>(item: &Found<'_>) -> Result<T, String> {
    text(item)?.parse().map_err(|error: T::Err| error.to_string())
}

/// A duration with its unit, in milliseconds.
///
/// # Errors
/// The rule.
pub fn duration_ms(item: &Found<'_>) -> Result<u64, String> {
    let rule = |error: units::DurationError| error.to_string();
    units::parse_ms(item.as_str().ok_or(units::DurationError).map_err(rule)?).map_err(rule)
}

/// A point in time: TOML's own, RFC 3339 in quotes, or unix milliseconds.
///
/// # Errors
/// The rule.
pub fn time_ms(item: &Found<'_>) -> Result<u64, String> {
    let rule = |error: units::TimeError| error.to_string();
    if let Some(ms) = item.as_integer() {
        return u64::try_from(ms).map_err(|_| rule(units::TimeError));
    }
    let text = match item.as_datetime() {
        Some(time) => time.to_string(),
        None => item.as_str().unwrap_or_default().to_owned(),
    };
    units::parse_time(&text).map_err(rule)
}

/// An amount of units, as a number or in quotes. A fraction is read from its digits, never
/// through a float.
///
/// # Errors
/// The rule.
pub fn amount(item: &Found<'_>) -> Result<Rao, String> {
    let written = match item.item {
        Item::Value(Value::String(text)) => text.value().clone(),
        Item::Value(Value::Integer(_) | Value::Float(_)) => item.raw.replace('_', ""),
        _ => String::new(),
    };
    written.parse().map_err(|error| format!("must be an amount of units: {error}"))
}

/// Exactly `N` bytes in hexadecimal, with or without `0x`.
///
/// # Errors
/// The rule.
pub fn bytes<const N: usize>(item: &Found<'_>) -> Result<[u8; N], String> {
    let rule = || format!("must be {} hexadecimal digits in quotes", N * 2);
    let text = item.as_str().ok_or_else(rule)?;
    let mut bytes = [0; N];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| rule())?;
    Ok(bytes)
}
