//! Reading a world back from a store: the fixture again, and then every call at its own moment.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    control,
    fixture::Fixture,
    moment::Moment,
    request::Call,
    routes::{self, Destination},
    store::{Chronicle, Store, StoreError},
    world::World,
};
use crate::clock::AdjustableClock;

/// The world of a chronicle, and how many calls made it. Leaves the randomness of `clock` where the chronicle's stood.
pub(super) fn revived(
    store: &Store,
    (name, chronicle): (&str, &Chronicle),
    clock: &Arc<AdjustableClock>,
    base_url: &str,
) -> Result<(World, u64), StoreError> {
    let fixture = Fixture::from_toml(&chronicle.fixture).map_err(|error| StoreError::Content(error.to_string()))?;
    clock.reseed(chronicle.seed);
    let moment = Arc::new(Moment::new(Arc::clone(clock)));
    moment.return_to(chronicle.born);
    let mut world = World::new(&Arc::new(fixture), moment);
    let calls = store.tell(name, base_url, |entry| {
        world.clock.return_to(entry.instant);
        world.settle();
        if let Some(call) = entry.call {
            handle_again(&mut world, call);
        }
    })?;
    Ok((world, calls))
}

/// What a handler did the first time it does again, even if it broke off.
fn handle_again(world: &mut World, call: Call) {
    if control::owns(&call.path) {
        return control::again(world, call);
    }
    let Destination::Imitated(route, params) = routes::find(call.method.as_str(), &call.path) else {
        tracing::warn!(method = %call.method, "a call of the store is not imitated any more");
        return;
    };
    let call = call.with_params(params);
    if catch_unwind(AssertUnwindSafe(|| (route.handler)(world, &call))).is_err() {
        tracing::warn!(operation = route.operation, "a call of the store broke off");
    }
}
