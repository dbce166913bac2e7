//! What the program traces, as text, while the recorder lives.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

/// Records the events of this thread, ours and the HTTP library's, at every level.
pub(super) struct Recorder {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    added: Arc<Notify>,
}

impl Recorder {
    pub(super) fn start() -> Self {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// All lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lines.lock().unwrap().clone()
    }

    /// The lines about requests, without the durations.
    pub(super) fn requests(&self) -> Vec<String> {
        let ours = self.lines().into_iter().filter(|line| line.contains("upstream request"));
        ours.map(|line| line.split(' ').filter(|part| !part.starts_with("duration_ms")).collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// Waits until `count` requests have ended.
    pub(super) async fn ended(&self, count: usize) {
        while self.requests().len() < count {
            self.lines.added.notified().await;
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        self.added.notify_one();
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}
