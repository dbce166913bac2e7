//! Numbers and prices as a locale writes them.
//!
//! The vendor takes a locale, and a currency after it: `{{ 10 | currency: "en-us" }}` is `$10.00`, and
//! `{{ 10 | currency: "en", "EUR" }}` is `€10.00`. Without a currency it is that of the locale's country. Separators
//! are Unicode's; the currencies are a table of common ones, and another is written as its code.

use icu_decimal::{DecimalFormatter, input::Decimal, options::DecimalFormatterOptions};
use icu_locale_core::{Locale, locale};
use liquid_core::Value;

use super::{Call, FilterFunction, math, number};
use crate::liquid::value::number_text;

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "currency" => |call| Ok(Value::scalar(price(call, 2))),
        "rounded_currency" => |call| Ok(Value::scalar(price(call, 0))),
        "format_number" => |call| {
            let amount = math::round(number(&call.input), 3.0);
            Ok(Value::scalar(written(&locale_of(call), &number_text(amount))))
        },
        _ => return None,
    })
}

/// The locale of the first argument; what is no locale counts as the vendor's own.
fn locale_of(call: &Call<'_>) -> Locale {
    call.argument_text(0)
        .replace('_', "-")
        .parse()
        .ok()
        .filter(|locale: &Locale| !locale.id.language.is_unknown())
        .unwrap_or(locale!("en-US"))
}

/// A plain decimal number with the separators of `locale`. What is no such number (infinity) stays as it is.
fn written(locale: &Locale, plain: &str) -> String {
    let formatter = DecimalFormatter::try_new(locale.into(), DecimalFormatterOptions::default());
    match (formatter, plain.parse::<Decimal>()) {
        (Ok(formatter), Ok(number)) => formatter.format(&number).to_string(),
        _ => plain.to_owned(),
    }
}

#[rustfmt::skip]
/// Countries, or languages where no country is given, with their currencies.
const CURRENCIES: [(&str, &str); 73] = [
    ("US", "USD"), ("GB", "GBP"), ("CA", "CAD"), ("AU", "AUD"), ("NZ", "NZD"), ("IN", "INR"), ("IE", "EUR"),
    ("DE", "EUR"), ("AT", "EUR"), ("BE", "EUR"), ("NL", "EUR"), ("LU", "EUR"), ("FR", "EUR"), ("ES", "EUR"),
    ("IT", "EUR"), ("PT", "EUR"), ("FI", "EUR"), ("GR", "EUR"), ("EE", "EUR"), ("LV", "EUR"), ("LT", "EUR"),
    ("SK", "EUR"), ("SI", "EUR"), ("HR", "EUR"), ("CH", "CHF"), ("LI", "CHF"), ("SE", "SEK"), ("NO", "NOK"),
    ("DK", "DKK"), ("PL", "PLN"), ("CZ", "CZK"), ("HU", "HUF"), ("RO", "RON"), ("TR", "TRY"), ("UA", "UAH"),
    ("RU", "RUB"), ("IL", "ILS"), ("ZA", "ZAR"), ("BR", "BRL"), ("MX", "MXN"), ("JP", "JPY"), ("CN", "CNY"),
    ("HK", "HKD"), ("TW", "TWD"), ("KR", "KRW"), ("SG", "SGD"), ("en", "USD"), ("de", "EUR"), ("nl", "EUR"),
    ("fr", "EUR"), ("es", "EUR"), ("it", "EUR"), ("fi", "EUR"), ("el", "EUR"), ("et", "EUR"), ("lv", "EUR"),
    ("lt", "EUR"), ("sk", "EUR"), ("sl", "EUR"), ("hr", "EUR"), ("sv", "SEK"), ("nb", "NOK"), ("da", "DKK"),
    ("pl", "PLN"), ("cs", "CZK"), ("hu", "HUF"), ("ro", "RON"), ("tr", "TRY"), ("uk", "UAH"), ("ru", "RUB"),
    ("pt", "BRL"), ("ja", "JPY"), ("zh", "CNY"),
];

#[rustfmt::skip]
/// Currencies with their sign at home and abroad.
const SIGNS: [(&str, &str, &str); 28] = [
    ("USD", "$", "$"), ("EUR", "€", "€"), ("GBP", "£", "£"), ("CAD", "$", "CA$"), ("AUD", "$", "A$"),
    ("NZD", "$", "NZ$"), ("MXN", "$", "MX$"), ("HKD", "HK$", "HK$"), ("TWD", "$", "NT$"), ("SGD", "$", "SGD"),
    ("BRL", "R$", "R$"), ("JPY", "￥", "¥"), ("CNY", "¥", "CN¥"), ("KRW", "₩", "₩"), ("INR", "₹", "₹"),
    ("ILS", "₪", "₪"), ("SEK", "kr", "SEK"), ("NOK", "kr", "NOK"), ("DKK", "kr.", "DKK"), ("PLN", "zł", "PLN"),
    ("CZK", "Kč", "CZK"), ("HUF", "Ft", "HUF"), ("RON", "RON", "RON"), ("TRY", "₺", "TRY"), ("UAH", "₴", "UAH"),
    ("RUB", "₽", "RUB"), ("ZAR", "R", "ZAR"), ("CHF", "CHF", "CHF"),
];

/// Currencies without a smaller unit.
const WHOLE: [&str; 5] = ["JPY", "KRW", "VND", "CLP", "ISK"];

/// The currency of a locale's country, else of its language.
fn currency_of(locale: &Locale) -> Option<&'static str> {
    let named = |place: &str| CURRENCIES.iter().find(|(name, _)| *name == place).map(|(_, currency)| *currency);
    let country = locale.id.region.and_then(|region| named(region.as_str()));
    country.or_else(|| named(locale.id.language.as_str()))
}

/// Whether the sign comes before the number, and whether a blank is between the two.
fn layout(locale: &Locale) -> (bool, bool) {
    let region = locale.id.region.map(|region| region.as_str().to_owned()).unwrap_or_default();
    match (locale.id.language.as_str(), region.as_str()) {
        ("en" | "ja" | "zh" | "ko" | "tr" | "hi", _) | ("es", "MX") => (true, false),
        ("pt", "PT") => (false, true),
        ("nl" | "pt", _) | ("de", "AT" | "CH" | "LI") => (true, true),
        _ => (false, true),
    }
}

fn price(call: &Call<'_>, decimals: usize) -> String {
    let given = call.argument(1).map(|_| call.argument_text(1).to_uppercase());
    let (locale, own) = match (locale_of(call), &given) {
        (locale, Some(_)) => (locale.clone(), currency_of(&locale).unwrap_or_default()),
        (locale, None) => currency_of(&locale).map_or((locale!("en-US"), "USD"), |own| (locale.clone(), own)),
    };
    let currency = given.unwrap_or_else(|| own.to_owned());
    let decimals = if WHOLE.contains(&currency.as_str()) { 0 } else { decimals };
    let amount = math::round(number(&call.input), if decimals == 0 { 0.0 } else { 2.0 });
    let digits = written(&locale, &format!("{:.decimals$}", amount.abs()));
    let known = SIGNS.iter().find(|(code, ..)| *code == currency);
    let sign = known.map_or(currency.as_str(), |(_, home, abroad)| if currency == own { home } else { abroad });
    let (sign_first, is_apart) = layout(&locale);
    let is_apart = is_apart || sign.ends_with(char::is_alphabetic);
    let gap = if is_apart { "\u{a0}" } else { "" };
    let minus = if amount < 0.0 { "-" } else { "" };
    let parts = if sign_first { [minus, sign, gap, &digits] } else { [minus, &digits, gap, sign] };
    parts.concat()
}
