//! The day's work, in its order.

mod activity;
mod audit;
mod import;
mod messages;
mod privacy;
mod rules;
mod scene;
mod test_profiles;

pub(super) use self::audit::prove;
use self::{import::Imported, scene::Scene};
use super::{Stopped, child::Child, export::Export, stage::Stage};

/// Plays every step that needs the server.
pub(super) async fn play(stage: &mut Stage, child: &Child, export: &Export) -> Result<(), Stopped> {
    let mut scene = Scene { stage, child };
    rules::open(&mut scene, export).await?;
    rules::look(&mut scene).await?;
    rules::write_too_early(&mut scene, export).await?;
    let prefix = rules::declare(&mut scene, export).await?;
    let imported = import::play(&mut scene, export).await?;
    activity::events(&mut scene, &imported, &prefix).await?;
    let segment = activity::segment(&mut scene, &imported).await?;
    let test = test_profiles::make(&mut scene, &imported, &prefix).await?;
    messages::play(&mut scene, &imported, &test).await?;
    privacy::play(&mut scene, &segment, &prefix).await?;
    test_profiles::clean_up(&mut scene).await?;
    audit::list(&mut scene).await
}
