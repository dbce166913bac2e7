//! A form with a file in it (`multipart/form-data`).

use std::{collections::BTreeMap, convert::Infallible};

use axum::{body::Bytes, http::header::CONTENT_TYPE};
use futures_util::{FutureExt, stream};
use multer::Multipart;

use super::request::Call;

/// The form of a request.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pub(super) file: Option<UploadedFile>,
    /// The other fields, by name.
    pub(super) fields: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) struct UploadedFile {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// Reads a form; the error says what is wrong with it.
pub(super) fn read(call: &Call) -> Result<Upload, String> {
    let header = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(header).map_err(|error| error.to_string())?;
    let body = stream::iter([Ok::<_, Infallible>(call.body.clone())]);
    // The whole body is here, so nothing in it is waited for.
    parts(Multipart::new(body, boundary)).now_or_never().ok_or("the form was cut off")?
}

async fn parts(mut form: Multipart<'_>) -> Result<Upload, String> {
    let text = |error: multer::Error| error.to_string();
    let mut upload = Upload::default();
    while let Some(field) = form.next_field().await.map_err(text)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let name = field.file_name().unwrap_or_default().to_owned();
            let content_type = field.content_type().map(ToString::to_string).unwrap_or_default();
            upload.file = Some(UploadedFile { name, content_type, bytes: field.bytes().await.map_err(text)? });
        } else {
            upload.fields.insert(name, field.text().await.map_err(text)?);
        }
    }
    Ok(upload)
}
