//! A form with one file in it, as uploads of assets are sent (RFC 7578).
//!
//! Written whole, since a request has to be able to be repeated and watched like any other; the HTTP library's own
//! form is a stream.

use bytes::Bytes;

use crate::clock::{Clock, random_bytes};

/// A form, written.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// A file to be sent in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFile {
    /// The name of the field that holds it.
    pub field: String,
    /// The file's name.
    pub filename: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Form {
    /// Writes a form of a file and some texts. The boundary is random, so that no file can hold it but by guessing.
    pub(super) fn new(clock: &dyn Clock, texts: &[(String, String)], file: &FormFile) -> Self {
        let boundary = hex::encode(random_bytes::<16>(clock));
        let mut bytes = Vec::with_capacity(file.bytes.len() + 1_024);
        for (name, text) in texts {
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(name));
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: \
             {}\r\n\r\n",
            quoted(&file.field),
            quoted(&file.filename),
            file.media_type,
        );
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&file.bytes);
        bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Self { content_type: format!("multipart/form-data; boundary={boundary}"), bytes: bytes.into() }
    }
}

/// As browsers write names in a form: what would end the quotation or the line is escaped.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_name_does_not_end_its_line() {
        let file = FormFile {
            field: "data".into(),
            filename: "a\"\r\nX: y".into(),
            media_type: "image/png".into(),
            bytes: b"\x00\xff".to_vec(),
        };
        let form = Form::new(&SystemClock, &[("name".into(), "Logo".into())], &file);
        let text = String::from_utf8_lossy(&form.bytes);
        assert!(text.contains("filename=\"a%22%0D%0AX: y\"\r\n"), "{text}");
        assert!(text.contains("name=\"name\"\r\n\r\nLogo\r\n--"), "{text}");
        let boundary = form.content_type.split_once("boundary=").unwrap().1;
        assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")), "{text}");
    }
}
