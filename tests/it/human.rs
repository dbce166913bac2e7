//! The person at the client: what they are asked, and what they answer.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
        FormElicitationCapability,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

/// An answer of theirs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The form, filled in.
    Accept(Value),
    Decline,
    Cancel,
    /// They have gone for coffee.
    Never,
}

/// A person who answers one question after the other. Without answers to give, their client cannot ask them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Human {
    answers: Option<Arc<Mutex<VecDeque<Answer>>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Human {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Some(Arc::new(Mutex::new(answers.into_iter().collect()))), ..Self::default() }
    }

    /// Every question so far, with its form.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

impl ClientHandler for Human {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = self
            .answers
            .is_some()
            .then(|| ElicitationCapability::new().with_form(FormElicitationCapability::default()));
        let mut config = ClientConfig::default();
        config.capabilities = capabilities;
        config
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request else {
            return Err(ErrorData::invalid_params("not a form", None));
        };
        self.asked.lock().unwrap().push(json!({ "message": message, "form": requested_schema }));
        let next = self.answers.as_ref().and_then(|answers| answers.lock().unwrap().pop_front());
        match next.expect("one question too many") {
            Answer::Accept(form) => Ok(ElicitResult::new(ElicitationAction::Accept).with_content(form)),
            Answer::Decline => Ok(ElicitResult::new(ElicitationAction::Decline)),
            Answer::Cancel => Ok(ElicitResult::new(ElicitationAction::Cancel)),
            Answer::Never => {
                context.ct.cancelled().await;
                Ok(ElicitResult::new(ElicitationAction::Cancel))
            }
        }
    }
}
