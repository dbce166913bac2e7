//! An operation of Customer.io that is offered without code of its own.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rmcp::model;
use serde_json::{Map, Value};

use super::{
    answer::{Answered, Reading, answer_of, image, reads, writes},
    request::Asked,
};
use crate::{
    catalog::{
        AbsentPerson, AnswerKind, Effect, Flag, HeldSchema, Operation, Operations, Spec, Surroundings,
        operation_schema, with_workspace_said,
    },
    error::{ErrorCode, ToolError},
    guard::{
        consent::{self, REDIRECTS, redirects},
        headers::{check_headers, given_header},
        identity::identifier::IdType,
        intent::{Absent, Audience, EgressUrl, GivenCustomer, Intent, People, Recipient, RecipientRole},
    },
    tools::{
        context::CallContext,
        served::Policies,
        tool::{Callable, Look, Prepared, Recovery, Run, without_catalog_arguments},
    },
};

/// A declared operation as a tool.
pub struct Declared {
    operation: &'static Operation,
    /// What reads what it replaces or deletes.
    has_reader: bool,
    spec: Spec,
    definition: model::Tool,
    arguments: HeldSchema,
}

impl Declared {
    /// The operation under the policies of the workspaces it is offered on.
    pub fn under(policies: &Policies, operation: &'static Operation, all: &Operations) -> Self {
        let spec = operation.spec();
        let workspaces = policies.names();
        let previewed = policies.ask_preview(spec.name, spec.effect);
        let schema = operation_schema(operation, Surroundings { previewed, workspaces });
        let mut definition = model::Tool::new(spec.name, spec.description(), Arc::new(schema.clone()));
        definition.title = Some(spec.title.to_owned());
        definition.annotations = Some(spec.annotations());
        definition.output_schema = Some(Arc::new(with_workspace_said(answer_of(operation.effect), workspaces)));
        let has_reader = all.reader_of(operation).is_some();
        Self { operation, has_reader, spec, definition, arguments: HeldSchema::new(schema) }
    }

    fn intent(&self, arguments: &Map<String, Value>) -> Result<Intent, ToolError> {
        self.check_choices(arguments)?;
        self.check_keys(arguments)?;
        self.check_exceptions(arguments)?;
        let absent = match self.operation.people.map(|people| people.absent) {
            Some(AbsentPerson::Create) => Absent::Create,
            _ => Absent::Refuse,
        };
        let customers = self.customers(arguments)?;
        let mut intent = if customers.is_empty() { Intent::nobody() } else { Intent::named(customers, absent) };
        if self.reaches_everybody(&intent) {
            intent = intent.reaching(Audience::Everyone);
        }
        intent.subscribes = self.subscribes(arguments);
        if self.operation.effect == Effect::Trigger && arguments.values().filter_map(Value::as_object).any(redirects) {
            intent.escalations.push(REDIRECTS);
        }
        intent.recipients = self.addresses(arguments);
        intent.egress = self.egress(arguments);
        intent.target = self.target(arguments);
        Ok(intent)
    }

    /// Where one of several arguments has to be given, a schema cannot say so in a way that all clients take.
    fn check_choices(&self, arguments: &Map<String, Value>) -> Result<(), ToolError> {
        let changes = self.operation.changes();
        if !changes.is_empty() && !changes.iter().any(|name| arguments.contains_key(*name)) {
            let names = changes.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(ToolError::invalid(
                changes[0],
                "The call says nothing that would change. Nothing was changed.",
            )
            .next(format!("Give at least one of {names}.")));
        }
        for choice in &self.operation.one_of {
            // `send_now: false` gives nothing: it would leave to Customer.io what happens, and when.
            let gives = |name: &String| arguments.get(name).is_some_and(|value| *value != Value::Bool(false));
            if !choice.iter().any(gives) {
                let names = choice.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let first = choice.first().cloned().unwrap_or_default();
                return Err(ToolError::invalid(first, format!("One of {names} is missing. Nothing was changed."))
                    .next("Give one of them."));
            }
        }
        Ok(())
    }

    fn check_keys(&self, arguments: &Map<String, Value>) -> Result<(), ToolError> {
        for parameter in &self.operation.parameters {
            if parameter.name == "headers" {
                let given = arguments.get("headers").and_then(Value::as_array).into_iter().flatten();
                let given = given.filter_map(Value::as_object).enumerate();
                let headers =
                    given.map(|(at, header)| given_header("headers", at, header)).collect::<Result<Vec<_>, _>>()?;
                check_headers("headers", headers)?;
            }
            let given = arguments.get(&parameter.name).and_then(Value::as_object);
            let refused = given.and_then(|map| parameter.refuse_keys.iter().find(|key| map.contains_key(*key)));
            if let Some(key) = refused {
                let field = format!("{}.{key}", parameter.name);
                return Err(ToolError::invalid(
                    field.clone(),
                    format!("`{field}` would name somebody past the checks of identity. Nothing was changed."),
                )
                .next("Name the person by `customer` and `id_type`; identify_customer sets identifiers."));
            }
        }
        Ok(())
    }

    /// What means another operation means it in any spelling.
    fn check_exceptions(&self, arguments: &Map<String, Value>) -> Result<(), ToolError> {
        for parameter in self.operation.parameters.iter().filter(|parameter| !parameter.except.is_empty()) {
            let Some(given) = arguments.get(&parameter.name).and_then(Value::as_str) else { continue };
            let name = &parameter.name;
            if given.trim() != given || given.chars().any(char::is_control) {
                let why = format!("`{name}` has white space at its ends or control characters. Nothing was changed.");
                return Err(ToolError::invalid(name.clone(), why).next("Give it without."));
            }
            if parameter.except.iter().any(|except| except.to_lowercase() == given.to_lowercase()) {
                let why = format!("`{name}` means another operation. Nothing was changed.");
                return Err(ToolError::invalid(name.clone(), why).next("find_operations finds the one it means."));
            }
        }
        Ok(())
    }

    /// Addresses of people beside those it names: whoever was erased is looked for among them.
    fn addresses(&self, arguments: &Map<String, Value>) -> Vec<Recipient> {
        let addresses = self.operation.parameters.iter().filter(|parameter| parameter.address);
        let given = addresses.filter_map(|parameter| arguments.get(&parameter.name)?.as_str());
        given.map(|address| Recipient { address: address.to_lowercase(), role: RecipientRole::To }).collect()
    }

    fn customers(&self, arguments: &Map<String, Value>) -> Result<Vec<GivenCustomer>, ToolError> {
        let Some(people) = &self.operation.people else { return Ok(Vec::new()) };
        let id_type =
            arguments.get(crate::catalog::ID_TYPE).map(|given| serde_json::from_value::<IdType>(given.clone()));
        let id_type = id_type.transpose().map_err(|_| ToolError::invalid("id_type", "`id_type` is not known."))?;
        let argument = people.argument();
        let given = match arguments.get(argument) {
            Some(Value::Array(several)) => {
                several.iter().enumerate().map(|(at, value)| (value.as_str(), format!("{argument}[{at}]"))).collect()
            }
            Some(one) => vec![(one.as_str(), argument.to_owned())],
            None => Vec::new(),
        };
        let customer = |(value, field): (Option<&str>, String)| GivenCustomer {
            value: value.unwrap_or_default().to_owned(),
            id_type,
            field,
        };
        Ok(given.into_iter().map(customer).collect())
    }

    /// What sends to people it does not name, or brings in a file of them, may reach anybody. A live notification is
    /// told by its instance, and each has one person.
    fn reaches_everybody(&self, intent: &Intent) -> bool {
        let operation = self.operation;
        let unnamed = matches!(intent.people, People::Nobody);
        let of_one = operation.takes("instance_id");
        unnamed && !of_one && (operation.effect == Effect::Send || operation.flags.contains(&Flag::Bulk))
    }

    /// Whether what is written of a person may make them receive what they had stopped.
    fn subscribes(&self, arguments: &Map<String, Value>) -> bool {
        let written = arguments.values().filter_map(Value::as_object);
        self.operation.people.is_some() && written.into_iter().any(consent::subscribes)
    }

    fn egress(&self, arguments: &Map<String, Value>) -> Vec<EgressUrl> {
        let addresses = self.operation.parameters.iter().filter(|parameter| parameter.egress);
        let given = addresses.filter_map(|parameter| Some((parameter, arguments.get(&parameter.name)?.as_str()?)));
        given.map(|(parameter, url)| EgressUrl { url: url.to_owned(), field: parameter.name.clone() }).collect()
    }

    /// What a plan names besides people: `newsletter 12, language de`.
    fn target(&self, arguments: &Map<String, Value>) -> Option<String> {
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let in_path = self.operation.path_parameters().filter(|parameter| !parameter.address);
        let named = in_path.filter_map(|parameter| {
            let value = arguments.get(&parameter.name)?;
            Some(format!("{} {}", parameter.name.trim_end_matches("_id").replace('_', " "), shown(value)))
        });
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| named.join(", "))
    }
}

impl Callable for Declared {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn definition(&self) -> &model::Tool {
        &self.definition
    }

    fn prepare(&self, arguments: Value) -> Result<Prepared, ToolError> {
        self.arguments.check(&arguments)?;
        let Value::Object(arguments) = without_catalog_arguments(arguments) else {
            return Err(ToolError::invalid("arguments", "The arguments are no object. Nothing was changed."));
        };
        let intent = self.intent(&arguments)?;
        let (operation, has_reader) = (self.operation, self.has_reader);
        let run: Run = Box::new(move |cx| Box::pin(run(cx, operation, has_reader, arguments)));
        Ok(Prepared { intent, run })
    }

    fn look_up<'a>(&self, _: &'a CallContext<'_>, _: &'a Recovery) -> BoxFuture<'a, Result<Look<Value>, ToolError>> {
        // What such an operation leaves behind is not known well enough to be told from what others did.
        Box::pin(std::future::ready(Ok(Look::Unclear)))
    }
}

async fn run(
    cx: &CallContext<'_>,
    operation: &'static Operation,
    has_reader: bool,
    arguments: Map<String, Value>,
) -> Result<Value, ToolError> {
    let asked = Asked { operation, arguments: &arguments, people: &cx.admitted.people.subjects };
    let request = asked.request(cx.guards().clock.as_ref())?;
    if operation.effect == Effect::Read {
        return Ok(match operation.answer {
            AnswerKind::Json => reads(cx.api().read_operation(&cx.scope, &request).await?),
            AnswerKind::Image => {
                let (media_type, bytes) = cx.api().read_image(&cx.scope, &request).await?;
                image(&media_type, &bytes)
            }
        });
    }
    let reading = if has_reader { Some(asked.reading_before()?) } else { None };
    let reading = Reading { cx, request: reading };
    let before = reading.look().await?;
    if before == Some(None) && operation.method == crate::catalog::Method::Delete {
        return Err(nothing_there(operation));
    }
    let answer = cx.api().change_by_operation(cx.permit()?, &cx.scope, &request).await?;
    let result = reading.result(operation, &request, &answer).await;
    Ok(writes(Answered { result, answer, before: before.flatten() }))
}

fn nothing_there(operation: &Operation) -> ToolError {
    let last = operation.path_parameters().last().map(|parameter| parameter.name.clone());
    let error = ToolError::new(ErrorCode::NotFound, "There is nothing of this name or id. Nothing was changed.")
        .next("List what there is, and use an id from the list.");
    match last {
        Some(field) => error.at(field),
        None => error,
    }
}
