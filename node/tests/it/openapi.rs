//! The API against its own document: every route is there, and what it answers has the form that the document gives.

use std::collections::BTreeSet;

use ganglion_types::{Canonical as _, Operation, Rao, ids::hex};
use serde_json::{Value, json};

use crate::http::{get, lived, post};
use crate::world::{World, coldkey, hotkey};

/// What a node serves about itself.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn new(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// Methods and paths.
    fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap();
        let methods = |(path, item): (&String, &Value)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(|method| (method.clone(), path.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(methods).collect()
    }

    /// The schema of an answer, with all that it refers to.
    fn schema(&self, method: &str, path: &str, status: u16) -> Value {
        let responses = &self.0["paths"][path][method]["responses"];
        let told = responses.get(status.to_string()).or_else(|| responses.get("default"));
        let told = told.unwrap_or_else(|| panic!("{method} {path} may not answer {status}"));
        let mut schema = told["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{method} {path}: no form of {status}");
        schema["components"] = self.0["components"].clone();
        schema
    }

    /// Panics unless an answer has the form that is told.
    pub(crate) fn check(&self, method: &str, path: &str, (status, body): (u16, &str)) {
        let schema = self.schema(method, path, status);
        let body: Value = serde_json::from_str(body).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&body)
            .map(|one| format!("{}: {one}", one.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{method} {path} answers {body:#}, but {errors:#?}");
    }

    /// Panics if what is said of an answer lets anything pass.
    fn refuses_another_form(&self, method: &str, path: &str, status: u16) {
        let schema = self.schema(method, path, status);
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(!validator.is_valid(&json!({"a": []})), "{method} {path} takes any form");
    }
}

fn document(world: &World) -> Document {
    let (status, head, text) = get(world, "/v1/openapi.json");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json"), "{head}");
    Document::new(&text)
}

/// A path of the document with what stands for its parameters here.
fn filled(path: &str, operation: &str) -> String {
    let values = [
        ("{epoch}", "2".to_owned()),
        ("{hotkey}", hotkey(3).to_string()),
        ("{coldkey}", coldkey(3).to_string()),
        ("{stage}", "participants".to_owned()),
        ("{id}", operation.to_owned()),
    ];
    values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// Routes without one JSON form of their own: text, and documents with specifications of their own.
const FREE: [&str; 4] =
    ["/healthz", "/metrics", "/v1/openapi.json", "/v1/epochs/{epoch}/proof/{hotkey}"];

#[test]
fn every_answer_has_the_form_that_is_told() {
    let world = lived();
    let document = document(&world);
    let amount = Rao::new(Rao::PER_UNIT);
    let item = world.operation(1, 0, Operation::Transfer { to: coldkey(3), amount });
    let id = item.id().to_hex();
    let mut seen = BTreeSet::new();
    for (method, path) in document.operations().into_iter().filter(|(method, _)| method == "get") {
        let (status, head, body) = get(&world, &filled(&path, &id));
        let of_this_world = path.starts_with("/v1/anchors") || path == "/v1/registry";
        let expected = if of_this_world { 404 } else { 200 };
        // A node of this world signs nothing, and says so.
        let expected = if path == "/readyz" { 503 } else { expected };
        assert_eq!(status, expected, "{path}: {body}");
        if FREE.contains(&path.as_str()) {
            continue;
        }
        assert!(head.contains("content-type: application/json"), "{path}: {head}");
        document.check(&method, &path, (status, &body));
        document.refuses_another_form(&method, &path, status);
        seen.insert(path);
    }
    assert!(seen.len() > 20, "{seen:?}");

    let kind = "application/json";
    let operation = json!({"item": hex(&item.to_bytes())}).to_string();
    for (path, body, expected) in [
        ("/v1/ops/check", operation.as_str(), 200),
        ("/v1/ops/check", "{}", 400),
        ("/v1/ops", operation.as_str(), 202),
        ("/v1/tasks", r#"{"input": [1]}"#, 200),
        ("/v1/tasks", r#"{"input": [1], "miners": 17}"#, 400),
        ("/v1/forks", "{}", 400),
        ("/v1/anchors/retry", "{}", 404),
    ] {
        let (status, _, body) = post(&world, path, kind, body);
        assert_eq!(status, expected, "{path}: {body}");
        document.check("post", path, (status, &body));
    }
    let (status, _, body) = get(&world, &format!("/v1/ops/{id}"));
    document.check("get", "/v1/ops/{id}", (status, &body));
}

#[test]
fn who_changes_the_nodes_state_is_told_to_show_its_token() {
    let token = ganglion::http::ApiToken::new("0123456789abcdef0123").unwrap();
    let world = World::guarded(token);
    let document = document(&world);
    for (method, path) in document.operations() {
        let told = document.0["paths"][&path][&method]["security"].is_array();
        let asked = match method.as_str() {
            "post" => post(&world, &path, "application/json", "{}").0 == 401,
            _ => get(&world, &filled(&path, &"0".repeat(64))).0 == 401,
        };
        assert_eq!(told, asked, "{method} {path}");
    }
}
