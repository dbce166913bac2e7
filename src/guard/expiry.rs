//! Expired test profiles: whether the server itself may remove them, and when it is worth trying.

use super::{Guards, policy::Decision};
use crate::error::ToolError;

/// How long the server waits before it tries again to remove just those that it could not, in milliseconds.
const TRIED_AGAIN_AFTER_MS: i64 = 60 * 60 * 1_000;

impl Guards {
    /// Whether the server may remove test profiles at their expiry, as was announced when they were made. It needs no
    /// approval, but an operator who decided anything about the tool, or lets nothing be deleted, has the last word.
    pub(crate) fn may_remove_expired(&self, tool: &str) -> bool {
        let about_the_tool = self.policy.tools.get(tool).copied().unwrap_or(Decision::Allow);
        !self.read_only && self.policy.delete != Some(Decision::Deny) && about_the_tool == Decision::Allow
    }

    /// Whether there are expired test profiles, other than just those tried within the hour.
    pub(crate) async fn has_expired_to_try(&self) -> Result<bool, ToolError> {
        let expired = self.test_audience(true).await?;
        if expired.people == 0 {
            return Ok(false);
        }
        let now_ms = self.clock.now_ms();
        let mut tried = self.expired_tried.lock().await;
        let is_tried = tried
            .is_some_and(|(at_ms, set)| set == expired.set && (0..TRIED_AGAIN_AFTER_MS).contains(&(now_ms - at_ms)));
        if !is_tried {
            *tried = Some((now_ms, expired.set));
        }
        Ok(!is_tried)
    }
}
