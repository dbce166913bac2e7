//! A workspace that calls can act on: its guards, its API, and how its answers are shown.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    api::{Api, CallScope},
    error::ToolError,
    guard::Guards,
    state::exports::Exports,
    tools::{answer::View, upstream::of_segment},
};

/// How long it is believed that a segment is manual, in milliseconds. Segments never change their kind.
const SEGMENT_KIND_FOR_MS: i64 = 10 * 60 * 1_000;

/// A workspace that calls can act on.
#[derive(Debug)]
pub struct OpenWorkspace {
    /// The guards before it.
    pub guards: Guards,
    /// The way to it.
    pub api: Api,
    /// What callers see of its answers.
    pub view: View,
    /// How long to wait between looks.
    pub timing: Timing,
    /// Documents about people, for a day.
    pub exports: Exports,
    manual_segments: Mutex<HashMap<i64, i64>>,
}

/// How long to wait between looks at what a write has done.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Waits before each look at a written person, the first look coming at once.
    pub read_back: Vec<Duration>,
    /// Time between the two looks that prove an erased person gone.
    pub gone_twice_apart: Duration,
    /// How long a call may take in all.
    pub call: Duration,
    /// How long work that takes many calls goes on within one.
    pub slice: Duration,
    /// How long the effect of a request without an answer is looked for.
    pub look_up: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            read_back: vec![Duration::from_millis(250), Duration::from_millis(750), Duration::from_secs(2)],
            gone_twice_apart: Duration::from_secs(5),
            call: Duration::from_secs(50),
            slice: Duration::from_secs(40),
            look_up: Duration::from_secs(10),
        }
    }
}

impl OpenWorkspace {
    /// A workspace behind its guards.
    pub fn new(guards: Guards, api: Api, view: View, exports: Exports) -> Self {
        Self { guards, api, view, timing: Timing::default(), exports, manual_segments: Mutex::default() }
    }

    /// The same workspace with other waits.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Whether a segment is manual, remembered so that a change for a known person costs no look-up.
    pub async fn is_manual_segment(&self, scope: &CallScope, segment_id: i64) -> Result<bool, ToolError> {
        let now_ms = self.guards.clock.now_ms();
        let known = |segments: &HashMap<i64, i64>| {
            segments.get(&segment_id).is_some_and(|seen_ms| (0..SEGMENT_KIND_FOR_MS).contains(&(now_ms - seen_ms)))
        };
        if known(&self.manual_segments.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(true);
        }
        let manual = self.api.segment(scope, segment_id).await.map_err(of_segment)?.is_manual();
        if manual {
            self.manual_segments.lock().unwrap_or_else(PoisonError::into_inner).insert(segment_id, now_ms);
        }
        Ok(manual)
    }

    /// Forgets what is believed of every segment.
    pub fn forget_segments(&self) {
        self.manual_segments.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets what is believed of a segment.
    pub fn forget_segment(&self, segment_id: i64) {
        self.manual_segments.lock().unwrap_or_else(PoisonError::into_inner).remove(&segment_id);
    }
}
