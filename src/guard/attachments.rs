//! Files that go along with a message: few, small, and of kinds that do nothing when they are opened.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Call, Guards, intent::Attachment};
use crate::error::ToolError;

/// The most bytes of all files of a message: what Customer.io takes (behaviour notes, section 6).
const MOST_BYTES: usize = 2 * 1_024 * 1_024;
/// The longest name of a file, in bytes.
const MOST_NAME_BYTES: usize = 150;

/// Kinds that may go along unless the operator says otherwise.
const USUAL: &[&str] =
    &["pdf", "png", "jpg", "jpeg", "gif", "webp", "txt", "csv", "ics", "docx", "xlsx", "pptx", "odt", "ods"];
/// Kinds that run, or hold what runs, when they are opened. No list allows them.
const RUNNING: &[&str] = &[
    "exe", "com", "scr", "pif", "msi", "msp", "bat", "cmd", "ps1", "psm1", "vbs", "vbe", "js", "jse", "mjs", "wsf",
    "wsh", "hta", "jar", "app", "dmg", "pkg", "deb", "rpm", "apk", "sh", "bash", "py", "rb", "pl", "php", "lnk", "url",
    "reg", "dll", "cpl", "iso", "img", "vhd", "docm", "xlsm", "pptm", "dotm", "xlam", "html", "htm", "xhtml", "svg",
    "xml", "chm", "one",
];
/// How files begin that run, whatever they are called.
const BEGINNINGS: &[&[u8]] = &[b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa"];

impl Guards {
    /// Refuses files that no approval mends: a human sees a name, and not what is inside.
    pub(crate) fn check_attachments(&self, call: &Call<'_>) -> Result<(), ToolError> {
        let allowed: Vec<String> = match self.recipients.attachment_types.as_slice() {
            [] => USUAL.iter().map(ToString::to_string).collect(),
            listed => listed.iter().map(|kind| kind.trim_start_matches('.').to_lowercase()).collect(),
        };
        let mut bytes = 0;
        for attachment in &call.intent.attachments {
            bytes += check(attachment, &allowed)?;
        }
        if bytes > MOST_BYTES {
            return Err(refused(&format!("the files have {bytes} bytes together, and at most {MOST_BYTES} are taken"))
                .next("Send a link to what is larger."));
        }
        Ok(())
    }
}

/// Whether the operator's list may hold a kind.
pub fn may_be_listed(kind: &str) -> bool {
    let kind = kind.trim_start_matches('.').to_lowercase();
    !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric()) && !RUNNING.contains(&kind.as_str())
}

/// The number of bytes of a file that may go along.
fn check(attachment: &Attachment, allowed: &[String]) -> Result<usize, ToolError> {
    let name = attachment.name.as_str();
    // What is not shown could turn `exe.pdf` into `fdp.exe`, and a path could leave the folder it is saved in.
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | '+' | ',');
    if name.is_empty() || name.len() > MOST_NAME_BYTES || name.starts_with('.') || !name.chars().all(plain) {
        return Err(refused(
            "a file's name is empty, too long, or holds more than letters, digits, spaces and `.-_()+,`",
        )
        .next("Name it as a reader should see it, such as `invoice-42.pdf`."));
    }
    let kind = name.trim_end_matches([' ', '.']).rsplit_once('.').map_or("", |(_, kind)| kind).to_lowercase();
    if RUNNING.contains(&kind.as_str()) || !allowed.contains(&kind) {
        let why = if RUNNING.contains(&kind.as_str()) {
            "runs when it is opened"
        } else {
            "is of a kind that is not allowed"
        };
        return Err(refused(&format!("a file {why}")).next(format!("Allowed are: {}.", allowed.join(", "))));
    }
    let bytes = BASE64_STANDARD.decode(attachment.content.trim()).map_err(|_| {
        refused("a file is not base64")
            .next("Give the bytes of the file in base64, with padding and without line ends.")
    })?;
    if BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning)) {
        return Err(refused("a file is a program, whatever its name says").next("Leave it out."));
    }
    Ok(bytes.len())
}

fn refused(why: &str) -> ToolError {
    ToolError::invalid("attachments", format!("In `attachments` {why}. Nothing was sent."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str, bytes: &[u8]) -> Option<String> {
        let allowed: Vec<String> = USUAL.iter().map(ToString::to_string).collect();
        let attachment = Attachment { name: name.to_owned(), content: BASE64_STANDARD.encode(bytes) };
        check(&attachment, &allowed).err().map(|error| error.message)
    }

    #[test]
    fn what_runs_does_not_go_along() {
        for name in ["a.exe", "invoice.pdf.exe", "a.EXE", "a.docm", "a.html", "a.svg", "a.js", "a.exe .", "a.zip", "a"]
        {
            assert!(error(name, b"x").is_some(), "{name}");
        }
        for name in ["../a.pdf", "a/b.pdf", "c:\\a.pdf", "fdp.\u{202E}exe.pdf", ".pdf", "", "a\r\nB: c.pdf"] {
            assert!(error(name, b"x").unwrap().contains("name"), "{name:?}");
        }
        for bytes in [b"MZ\x90\0".as_slice(), b"\x7fELF", b"#!/bin/sh"] {
            assert!(error("a.pdf", bytes).unwrap().contains("is a program"));
        }
        assert_eq!(error("Rechnung Nr. 7 (März).pdf", b"%PDF-1.7"), None);
        assert!(may_be_listed(".zip") && !may_be_listed("exe") && !may_be_listed("*"));
    }
}
