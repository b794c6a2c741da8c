//! Every case of `tests/data/filter-cases.json` (contract/04 §13) through the front door: its `format` says how.

use serde_json::{Value, json};
use support::{Answer, Request, TestApp};

const CASES: &str = include_str!("../data/filter-cases.json");

/// A server with the collections and rows of the cases, and a token for each who asks.
struct Filters {
    app: TestApp,
    data: Value,
    user: String,
    superuser: String,
}

impl Filters {
    fn new() -> Self {
        let app = TestApp::new();
        let data: Value = serde_json::from_str(CASES).unwrap();
        let import = json!({"collections": data["collections"], "deleteMissing": false});
        app.put("/api/collections/import").superuser().json(import).expect(204);
        for collection in data["collections"].as_array().unwrap() {
            let name = collection["name"].as_str().unwrap();
            for row in data["rows"][name].as_array().into_iter().flatten() {
                let mut row = row.clone();
                if collection["type"] == "auth" {
                    row["password"] = data["password"].clone();
                    row["passwordConfirm"] = data["password"].clone();
                }
                app.create(name, row);
            }
        }
        for after in data["afterRows"].as_array().unwrap() {
            app.update(after["collection"].as_str().unwrap(), after["id"].as_str().unwrap(), after["body"].clone());
        }
        // The cases name the superuser's address.
        let own = json!({"email": "a@x.io", "password": "1234567890", "passwordConfirm": "1234567890"});
        app.create("_superusers", own);
        let superuser = app.token("_superusers", "a@x.io");
        let user = app.token("members", "u1");
        Self { app, data, user, superuser }
    }

    fn asked_by(&self, case: &Value, request: Request) -> Request {
        match case["as"].as_str() {
            Some("user") => request.token(&self.user),
            Some("super") => request.token(&self.superuser),
            _ => request,
        }
    }

    /// What is wrong with the answers to the cases of a mode.
    fn failures(&self, mode: &str) -> Vec<String> {
        let cases = self.data["cases"].as_array().unwrap().iter().filter(|case| case["mode"] == mode);
        cases
            .filter_map(|case| {
                let failure = match mode {
                    "filter" => self.list(case, case["filter"].as_str()),
                    rule => self.under_rule(case, rule),
                };
                failure.err().map(|failure| format!("{} {} {}: {failure}", case["n"], case["as"], case["filter"]))
            })
            .collect()
    }

    fn list(&self, case: &Value, filter: Option<&str>) -> Result<(), String> {
        let mut target = format!("{}?perPage=200", records(case));
        if let Some(query) = case["query"].as_str() {
            target = format!("{target}&{query}");
        }
        // One case looks for this header, as every real client sends it.
        let mut request = self.asked_by(case, self.app.get(&target)).header("User-Agent", "cases");
        if let Some(filter) = filter {
            request = request.query("filter", filter);
        }
        if let Some(sort) = case["sort"].as_str() {
            request = request.query("sort", sort);
        }
        for (name, value) in case["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap());
        }
        let body = check_status(case, request.send())?;
        if case["status"] != 200 {
            return Ok(());
        }
        let ids = |list: &Value| -> Vec<String> { list.as_array().unwrap().iter().map(text).collect() };
        let mut found: Vec<String> = body["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect();
        let mut wanted = ids(&case["ids"]);
        if case["ordered"] != true {
            found.sort();
            wanted.sort();
        }
        if body["totalItems"] != found.len() {
            return Err(format!("totalItems {} of {}", body["totalItems"], found.len()));
        }
        if found == wanted { Ok(()) } else { Err(format!("gave {found:?}, not {wanted:?}")) }
    }

    /// Asks while the case's expression is a rule of its collection, and undoes what the case did.
    fn under_rule(&self, case: &Value, rule: &str) -> Result<(), String> {
        let collection = text(&case["collection"]);
        let stored = self.data["collections"].as_array().unwrap().iter().find(|c| c["name"] == *collection).unwrap();
        let change = json!({ rule: case["filter"] });
        let saved = self.app.patch(&format!("/api/collections/{collection}")).superuser().json(change).send();
        if case["ruleRejected"] == true {
            let code = saved.json()["data"][rule]["code"].clone();
            let is_refused = saved.status == 400 && code == "validation_invalid_rule";
            return if is_refused { Ok(()) } else { Err(format!("the rule was not refused: {}", saved.text())) };
        }
        saved.ok();
        let result = match rule {
            "listRule" => self.list(case, None),
            "createRule" => self.create(case),
            _ => self.update(case, stored),
        };
        self.app.update_collection(&collection, json!({ rule: stored[rule] }));
        result
    }

    fn create(&self, case: &Value) -> Result<(), String> {
        let request = self.asked_by(case, self.app.post(&records(case)).json(case["body"].clone()));
        let created = check_status(case, request.send())?;
        if case["status"] == 200 {
            let id = text(&created["id"]);
            self.app.delete(&format!("{}/{id}", records(case))).superuser().expect(204);
        }
        Ok(())
    }

    fn update(&self, case: &Value, collection: &Value) -> Result<(), String> {
        let id = text(&case["record"]);
        let request = self.app.patch(&format!("{}/{id}", records(case))).json(case["body"].clone());
        check_status(case, self.asked_by(case, request).send())?;
        if case["status"] == 200 {
            let rows = self.data["rows"][text(&collection["name"])].as_array().unwrap();
            let row = rows.iter().find(|row| row["id"] == *id).unwrap();
            self.app.update(&text(&case["collection"]), &id, row.clone());
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn records(case: &Value) -> String {
    format!("/api/collections/{}/records", text(&case["collection"]))
}

/// The answer's JSON, if its status (and a refusal's envelope) is the case's.
fn check_status(case: &Value, answer: Answer) -> Result<Value, String> {
    let status = case["status"].as_u64().unwrap();
    let body = answer.json();
    if u64::from(answer.status) != status {
        return Err(format!("answered {}: {body}", answer.status));
    }
    if status != 200 && !case["message"].is_null() {
        let envelope = json!({"data": {}, "message": case["message"], "status": status});
        if body != envelope {
            return Err(format!("answered {body}, not {envelope}"));
        }
    }
    Ok(body)
}

#[track_caller]
fn assert_all(filters: &Filters, mode: &str) {
    let failures = filters.failures(mode);
    assert!(failures.is_empty(), "{} cases of {mode} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn filters_and_sorts_give_the_ids_of_the_cases() {
    assert_all(&Filters::new(), "filter");
}

#[test]
fn rules_let_through_what_the_cases_say() {
    let filters = Filters::new();
    for mode in ["listRule", "createRule", "updateRule"] {
        assert_all(&filters, mode);
    }
}
