//! A server in use: what was asked of it, and what it has not answered yet.

use std::{collections::BTreeMap, sync::mpsc::RecvTimeoutError, time::Duration};

use serde_json::{Value, json};

use super::site::Site;
use crate::child::{Request, Server, call, content, modern};

/// A call, to be made again if need be.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// Make a test person.
    Person { id: String },
    /// Send a message, under a key that is its order number too.
    Send { key: String, customer: &'static str },
    /// Send a message to an address of its own, under a key.
    Order { key: String },
    /// See the plan of an event.
    Plan { event: String },
    /// Track an event by its plan.
    Planned { event: String, token: String },
    /// Delete all test people.
    Deletion,
}

impl Asked {
    /// The tool and its arguments.
    pub(super) fn call(&self) -> (&'static str, Value) {
        match self {
            Self::Person { id } => {
                let email = format!("{id}@shop.io");
                ("identify_customer", json!({ "id": id, "email": email, "attributes": { "orders": 3 }, "test": true }))
            }
            Self::Send { key, customer } => (
                "send_transactional",
                json!({ "template": "order_confirmation", "customer": customer, "message_data": { "order_id": key },
                    "idempotency_key": key }),
            ),
            // An address of its own, so that it can be told from every other one when it is lost.
            Self::Order { key } => (
                "send_transactional",
                json!({ "template": "order_confirmation", "customer": "cust_0001", "to": format!("{key}@shop.io"),
                    "message_data": { "order_id": key }, "idempotency_key": key }),
            ),
            Self::Plan { event } => ("track_event", json!({ "customer": "cust_0002", "name": event })),
            Self::Planned { event, token } => {
                ("track_event", json!({ "customer": "cust_0002", "name": event, "plan_token": token }))
            }
            Self::Deletion => ("delete_test_customers", json!({ "only_expired": false })),
        }
    }

    fn request(&self) -> Request {
        let (tool, arguments) = self.call();
        let (method, params) = call(tool, arguments);
        // No handshake: what is written before the server listens is a call already.
        modern(method, params)
    }
}

/// What was asked, and the content of the answer.
pub(super) type Told = (Asked, Value);

/// A server and its open calls.
pub(super) struct Client {
    server: Server,
    open: BTreeMap<u64, Asked>,
    next_id: u32,
}

impl Client {
    /// Starts a server and waits for nothing.
    pub(super) fn start(site: &Site) -> Self {
        Self { server: site.spawn(), open: BTreeMap::new(), next_id: 1 }
    }

    /// Makes calls all at once and waits for nothing.
    pub(super) fn ask(&mut self, calls: Vec<Asked>) {
        let first = self.next_id;
        self.server.send_all((first..).zip(calls.iter().map(Asked::request)));
        self.next_id += u32::try_from(calls.len()).unwrap();
        self.open.extend((u64::from(first)..).zip(calls));
    }

    /// Listens until every call is answered, or nothing has come for so long.
    pub(super) fn listen(&mut self, patience: Duration) -> Vec<Told> {
        let mut told = Vec::new();
        while !self.open.is_empty() {
            match self.server.receive_within(patience) {
                Ok(message) => told.extend(take(&mut self.open, &message)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("a server ended by itself"),
            }
        }
        told
    }

    pub(super) fn owes_answers(&self) -> bool {
        !self.open.is_empty()
    }

    /// Kills the server: what it had answered by then, and what it owes for ever.
    pub(super) fn kill(self) -> (Vec<Told>, Vec<Asked>) {
        let mut open = self.open;
        let left = self.server.kill();
        assert_eq!(left.code, None, "a server ended by itself: {}", left.stderr);
        assert!(!left.stderr.contains("panicked"), "{}", left.stderr);
        // The last line may be cut off.
        let messages = left.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        let told = messages.filter_map(|message| take(&mut open, &message)).collect();
        (told, open.into_values().collect())
    }

    /// Hangs up.
    pub(super) fn finish(self) {
        let left = self.server.finish();
        assert_eq!((left.code, left.stdout.as_str()), (Some(0), ""), "{}", left.stderr);
        assert!(!left.stderr.contains("panicked"), "{}", left.stderr);
    }
}

fn take(open: &mut BTreeMap<u64, Asked>, message: &Value) -> Option<Told> {
    let asked = open.remove(&message["id"].as_u64()?)?;
    Some((asked, content(message)))
}
