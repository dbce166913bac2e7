//! Escapes, encodings and digests.

use base64::{Engine, engine::general_purpose};
use hmac::{Hmac, KeyInit, Mac};
use liquid_core::{Error, Value};
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Call, FilterFunction};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "url_encode" => |call| Ok(Value::scalar(form_encoded(&call.text(), COMPONENT))),
        "cgi_escape" => |call| Ok(Value::scalar(form_encoded(&call.text(), CGI))),
        "uri_escape" => |call| Ok(Value::scalar(utf8_percent_encode(&call.text(), URI).to_string())),
        "url_decode" => url_decode,
        "base64" | "base64_encode" => |call| Ok(Value::scalar(general_purpose::STANDARD.encode(call.text()))),
        "base64_url_safe_encode" => |call| Ok(Value::scalar(general_purpose::URL_SAFE.encode(call.text()))),
        "base64_decode" => |call| decoded(call, &STANDARD),
        "base64_url_safe_decode" => |call| decoded(call, &URL_SAFE),
        "hex" => |call| Ok(Value::scalar(hex::encode(call.text()))),
        "hex_base64" => hex_base64,
        "md5" => |call| Ok(Value::scalar(hex::encode(Md5::digest(call.text())))),
        "sha1" => |call| Ok(Value::scalar(hex::encode(Sha1::digest(call.text())))),
        "sha256" => |call| Ok(Value::scalar(hex::encode(Sha256::digest(call.text())))),
        "hmac_sha1" => |call| keyed::<Hmac<Sha1>>(call),
        "hmac_sha256" => |call| keyed::<Hmac<Sha256>>(call),
        _ => return None,
    })
}

/// What `encodeURIComponent` leaves alone.
const COMPONENT: &AsciiSet = &CGI.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const CGI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What `encodeURI` leaves alone, and square brackets.
const URI: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b',')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b'#')
    .remove(b'[')
    .remove(b']');

/// Padding may be there or not.
const LENIENT: general_purpose::GeneralPurposeConfig = general_purpose::GeneralPurposeConfig::new()
    .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
const STANDARD: general_purpose::GeneralPurpose =
    general_purpose::GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: general_purpose::GeneralPurpose =
    general_purpose::GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

fn form_encoded(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string().replace("%20", "+")
}

fn url_decode(call: &Call<'_>) -> Result<Value, Error> {
    let text = call.text().replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(|text| Value::scalar(text.into_owned())).map_err(|_| call.failure("URI malformed"))
}

fn decoded(call: &Call<'_>, engine: &impl Engine) -> Result<Value, Error> {
    let bytes = engine.decode(call.text()).map_err(|_| call.failure("the input is not base64"))?;
    Ok(Value::scalar(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The bytes written in hexadecimal, as base64.
fn hex_base64(call: &Call<'_>) -> Result<Value, Error> {
    let bytes = hex::decode(call.text()).map_err(|_| call.failure("the input is not hexadecimal"))?;
    Ok(Value::scalar(general_purpose::STANDARD.encode(bytes)))
}

fn keyed<M: Mac + KeyInit>(call: &Call<'_>) -> Result<Value, Error> {
    let key = call.argument_text(0);
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).map_err(|_| call.failure("the key is unusable"))?;
    mac.update(call.text().as_bytes());
    Ok(Value::scalar(hex::encode(mac.finalize().into_bytes())))
}
