//! What a fixture puts into Design Studio. Its ids are chosen there, so that a test can name them.

use serde_json::{Map, Value};

use super::{
    emails::{Draft, Email},
    nodes::Node,
};
use crate::sandbox::world::World;

/// Id, name and folder of something.
type Named<'a> = (&'a String, &'a String, Option<&'a String>);

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl World {
    fn studio_node(&mut self, (id, name, folder): Named<'_>) -> Node {
        let (sequence, now) = (self.studio.next_sequence(), self.now());
        Node::put(sequence, id, name, folder, now)
    }

    pub(in crate::sandbox) fn put_studio_folder(&mut self, named: Named<'_>) {
        let node = self.studio_node(named);
        self.studio.folders.insert(named.0.clone(), node);
    }

    pub(in crate::sandbox) fn put_studio_component(&mut self, named: Named<'_>, tag: &str, content: &str) {
        let node = self.studio_node(named).with_component(tag, content);
        self.studio.components.insert(named.0.clone(), node);
    }

    pub(in crate::sandbox) fn put_studio_email(
        &mut self,
        named: Named<'_>,
        content: &Value,
        envelope: &Value,
        is_template: bool,
    ) {
        let draft = Draft { content: object(content), envelope: object(envelope), transformers: Map::new() };
        let email = Email {
            node: self.studio_node(named),
            is_template,
            draft,
            languages: std::collections::BTreeMap::new(),
            versions: Vec::new(),
            link: None,
            published: None,
        };
        self.studio.emails.insert(named.0.clone(), email);
    }

    /// A translation: what it leaves out it has from the default.
    pub(in crate::sandbox) fn put_studio_translation(
        &mut self,
        email: &str,
        id: &str,
        language: &str,
        content: &Value,
    ) {
        let Some(email) = self.studio.emails.get_mut(email) else { return };
        let mut draft = email.draft.clone();
        draft.content.extend(object(content));
        email.languages.insert(language.to_owned(), (id.to_owned(), draft));
    }

    pub(in crate::sandbox) fn put_studio_version(&mut self, email: &str, id: &str, name: &str) {
        let now = self.now();
        if let Some(email) = self.studio.emails.get_mut(email) {
            email.save(id.to_owned(), name, "", now, false);
        }
    }
}
