//! What the program traces, as text, while the recorder lives.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, Once},
};

use tokio::sync::Notify;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

thread_local! {
    static HERE: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// Subscribes the whole process. A subscriber per thread would do, but whether a place in the code is traced at all
/// is decided when any thread first passes it.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(crate::kept::traces()).with(ToThisThread);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Records the events of this thread, ours and the HTTP library's, at every level.
pub(super) struct Recorder {
    lines: Lines,
}

#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    added: Arc<Notify>,
}

impl Recorder {
    pub(super) fn start() -> Self {
        install();
        let lines = Lines::default();
        HERE.set(Some(lines.clone()));
        Self { lines }
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

impl Drop for Recorder {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

struct ToThisThread;

impl<S: Subscriber> Layer<S> for ToThisThread {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(here) = HERE.with_borrow(Clone::clone) else { return };
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        here.lines.lock().unwrap().push(line.0);
        here.added.notify_one();
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}
