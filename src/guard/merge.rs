//! Merging two people into one: who may be made one with whom.

use super::{
    Call, Guards,
    audience::{Count, Size},
    directory::KnownPerson,
    identity::{Identified, not_found},
    test_profiles::Lane,
};
use crate::error::{ErrorCode, ToolError};

impl Guards {
    /// Refuses to merge somebody with themselves, or a test profile with a customer.
    pub(crate) async fn check_merge(&self, call: &Call<'_>, people: &Identified) -> Result<(), ToolError> {
        if !call.intent.merges {
            return Ok(());
        }
        let fields = call.intent.people.fields();
        if let Some((subject, field)) = people.subjects.iter().zip(fields).find(|(subject, _)| subject.person.is_none())
        {
            return Err(not_found(&subject.given, field));
        }
        let [stays, goes] = people.known()[..] else {
            return Err(ToolError::new(ErrorCode::Internal, "A merge is of two people. Nothing was changed."));
        };
        if stays.cio_id == goes.cio_id {
            return Err(ToolError::new(
                ErrorCode::IdentityConflict,
                format!("Both arguments name the same person, {}. Nothing was changed.", stays.cio_id),
            )
            .at("duplicate")
            .next("find_customers finds the other profile, by e-mail or by an attribute."));
        }
        if self.lane(&stays.refs()).await? != self.lane(&goes.refs()).await? {
            let what = if self.lane(&goes.refs()).await? == Lane::Test { "duplicate" } else { "customer" };
            return Err(ToolError::new(
                ErrorCode::Conflict,
                format!(
                    "The `{what}` is a test profile and the other is not; the two are never mixed. Nothing was changed."
                ),
            )
            .at(what)
            .next("Remove a test profile with delete_test_customers."));
        }
        Ok(())
    }

    /// Two people, each in their part: a plan of theirs is none for the reverse.
    pub(crate) fn merge_audience(&self, identified: &Identified) -> Size {
        let cio_ids: Vec<_> = identified.known().into_iter().map(part).collect();
        Size { set: self.keys.digest("merge", &cio_ids), ..Size::new(cio_ids.len() as u64, Count::Exact) }
    }
}

fn part(person: &KnownPerson) -> &[u8] {
    person.cio_id.as_bytes()
}
