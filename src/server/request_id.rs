//! Finds the id of a request in a line that is too long or too broken to be parsed, byte by byte and in little memory.

use serde_json::Value;

/// The longest id that is kept, in bytes.
const MAX_ID_BYTES: usize = 200;

/// Watches a JSON object go by for the value of `id` at its top level.
#[derive(Debug, Default)]
pub(super) struct RequestIdScanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The last string that ended at the top level.
    last_string: Vec<u8>,
    /// After `"id":`, until the value ends.
    in_id: bool,
    id: Vec<u8>,
    done: bool,
}

impl RequestIdScanner {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.done {
                return;
            }
            self.step(*byte);
        }
    }

    /// The id, if one was seen and is a number or a string.
    pub(super) fn into_id(self) -> Option<Value> {
        let id: Value = serde_json::from_slice(self.id.trim_ascii()).ok()?;
        (id.is_string() || id.is_number()).then_some(id)
    }

    fn step(&mut self, byte: u8) {
        if self.in_id && !self.in_string && matches!(byte, b',' | b'}') {
            self.done = true;
            return;
        }
        if self.in_id {
            self.id.push(byte);
            self.done = self.id.len() > MAX_ID_BYTES;
        }
        if self.in_string {
            self.step_in_string(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.last_string.clear();
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b':' if self.depth == 1 && self.last_string == b"id" => self.in_id = true,
            b',' => self.last_string.clear(),
            _ => {}
        }
    }

    fn step_in_string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ if self.depth == 1 && self.last_string.len() < 3 => self.last_string.push(byte),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scan(bytes: &[u8]) -> Option<Value> {
        let mut scanner = RequestIdScanner::default();
        for chunk in bytes.chunks(3) {
            scanner.feed(chunk);
        }
        scanner.into_id()
    }

    #[test]
    fn only_the_id_of_the_message_counts() {
        assert_eq!(scan(br#"{"jsonrpc":"2.0","id":7,"params":{"id":9"#), Some(json!(7)));
        assert_eq!(scan(br#"{"params":{"id":9,"x":"\"id\":8"},"id" : "a-1" }"#), Some(json!("a-1")));
        assert_eq!(scan(b"{\"text\":\"\xff\xfe\",\"id\":3}"), Some(json!(3)));
        assert_eq!(scan(br#"{"params":{"id":9}}"#), None);
        assert_eq!(scan(b"nonsense"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            scan(&bytes);
        }

        #[test]
        fn the_id_is_found_wherever_it_stands(id in any::<i64>(), text in ".*", last in any::<bool>()) {
            let mut message = serde_json::Map::new();
            if !last { message.insert("id".into(), json!(id)); }
            message.insert("params".into(), json!({ "id": 1, "text": text }));
            if last { message.insert("id".into(), json!(id)); }
            prop_assert_eq!(scan(Value::Object(message).to_string().as_bytes()), Some(json!(id)));
        }
    }
}
