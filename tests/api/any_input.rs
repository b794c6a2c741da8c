//! Whatever a client sends is answered, and never by a 500: filters, sorts, expands, fields, ids, bodies of every kind go
//! the whole way through HTTP, query, SQL and the database. A refusal has the envelope of contract/00 §3.
//!
//! Cases are made by chance from a seed, which a failure names; `MONOBASE_TEST_SEED` takes it back, and
//! `MONOBASE_TEST_INPUTS` sets how many there are (`make soak`: more).

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use support::{Answer, Request, TestApp};

const INPUTS: usize = 3_000;

/// What texts are made of: names (most of them exist), the language's own words and what a careless parser stumbles over,
/// characters that nobody sees.
const NAMES: &str = r#"id title n on mail link html day made one many data doc docs up ups owner place pin data.a data.0.b data.a.'x' up.up.up.title
ups.ups.title owner.email owner.tokenKey owner.password all_via_up.title all_via_ups.ups.n all_via_owner.id users_via_id.id
collectionName nope nope.nope @rowid @random rowid"#;
const WORDS: &str = r#"* expand expand.up - + +-n = != > <= ~ !~ ?= ?!= ?> ?~ == => && || & | ( ) (( )) , 'a' "b" ' " '\'' '%_' '' null true 0 -1 1.5
1e400 9223372036854775808 -9223372036854775809 00 0x10 1_000 .5 5. @now @todayStart @yesterday @nope @ @request.auth.id
@request.auth.email @request.auth.up.title @request.body.title @request.body.ups.title @request.body.title:isset
@request.body.up:changed @request.query.x @request.headers.user_agent @request.context @request.nope @request @request.
@collection.all.title @collection.all:x.ups.n @collection.users.email @collection.nope.id @collection. :lower :each :length
:isset :changed :excerpt(10,true) :excerpt( :excerpt(-1) :nope title:lower many:each ups:length docs:each data:length
geoDistance(place.lon,place.lat,1,2) geoDistance(1,2,3) geoDistance(title,n,on,data) strftime('%Y',made)
strftime('%',made,'start') nope() // /* -- ; DROP \ é ß 😀 � [ ] { } [:each .. . ... $.a % %25 %00 [["a"]] __proto__
constructor hidden"#;
/// Names that anybody may use.
const NAMES_KNOWN: [&str; 12] =
    ["id", "title", "n", "on", "day", "many", "data.a", "docs", "up.title", "ups.up.n", "owner.id", "place"];
const INVISIBLE: [&str; 7] = ["\0", "\u{1}", "\u{7f}", "\r\n", "\t", " ", "\u{202e}"];

/// Random texts, values and requests.
struct Chance {
    dice: StdRng,
    names: Vec<&'static str>,
    words: Vec<&'static str>,
}

impl Chance {
    fn new(seed: u64) -> Self {
        let names: Vec<&str> = NAMES.split_whitespace().collect();
        let words = names.iter().copied().chain(WORDS.split_whitespace()).chain(INVISIBLE).collect();
        Self { dice: StdRng::seed_from_u64(seed), names, words }
    }

    fn name(&mut self) -> &'static str {
        let at = self.below(self.names.len());
        self.names[at]
    }

    fn word(&mut self) -> &'static str {
        let at = self.below(self.words.len());
        self.words[at]
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice.random_range(0..bound)
    }

    fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        items.choose(&mut self.dice).expect("a list of something")
    }

    /// Words in a row, sometimes one of them very often.
    fn text(&mut self) -> String {
        let mut text = String::new();
        let glue = *self.pick(&["", " ", " "]);
        for _ in 0..1 + self.below(9) {
            let times = if self.is(3) { 1 + self.below(400) } else { 1 };
            let word = self.word();
            for _ in 0..times {
                text += word;
                text += glue;
            }
        }
        text
    }

    /// Mostly right, so that it reaches the database.
    fn filter(&mut self) -> String {
        if self.is(10) {
            return self.text();
        }
        let mut filter = String::new();
        let (opened, count) = (if self.is(5) { self.below(300) } else { self.below(3) }, 1 + self.below(4));
        filter += &"(".repeat(opened);
        for index in 0..count {
            if index > 0 {
                filter += *self.pick(&[" && ", " || "]);
            }
            let (left, right) = (self.operand(), self.operand());
            let sign = self.pick(&["=", "!=", ">", ">=", "<", "~", "!~", "?=", "?!=", "?<", "?~", "?!~"]);
            filter += &format!("{left} {sign} {right}");
        }
        filter += &")".repeat(opened);
        filter
    }

    fn operand(&mut self) -> String {
        let name = self.name();
        match self.below(40) {
            0 | 1 => format!("{name}{}", self.pick(&[":lower", ":each", ":length", ":isset"])),
            2 => self.word().to_owned(),
            3..=6 => format!("'{}'", self.text().replace(['\'', '\0'], "")),
            7 => format!("{name}.{}", self.pick(&["id", "title", "up", "ups", "data.a", "0", "owner.verified"])),
            8..=18 => (*self.pick(&["''", "null", "true", "0", "1.5", "'a'", "@now", "@request.auth.id"])).to_owned(),
            19..=36 => (*self.pick(&NAMES_KNOWN)).to_owned(),
            _ => name.to_owned(),
        }
    }

    /// What sorts, expands and picks are: a list of names, mostly.
    fn list(&mut self) -> String {
        if self.is(15) {
            return self.text();
        }
        let names: Vec<String> = (0..1 + self.below(3)).map(|_| (*self.pick(&NAMES_KNOWN)).to_owned()).collect();
        names.join(*self.pick(&[",", ",-", ", ", ".", ",,"]))
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 9 } else { 12 }) {
            0 => Value::Null,
            1 => json!(self.is(50)),
            2 => json!(*self.pick(&[0_i64, -1, i64::MAX, i64::MIN, 1 << 53])),
            3 => json!(*self.pick(&[0.1, -1e308, 1e-320, 1.797e308])),
            4 => json!(*self.pick(&[
                "",
                "gold00000000000",
                "missing00000000",
                "a@b.co",
                "2024-01-01 00:00:00.000Z",
                "x.txt"
            ])),
            5..=8 => json!(self.text()),
            9 => (0..self.below(5)).map(|_| self.value(depth - 1)).collect(),
            10 => Value::Object(self.object(depth - 1)),
            _ => (0..300).map(Value::from).collect(),
        }
    }

    fn object(&mut self, depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        for _ in 0..self.below(6) {
            let mut key = self.word().to_owned();
            if self.is(20) {
                key = format!("{}{key}{}", self.pick(&["", "+"]), self.pick(&["+", "-", ":autogenerate", ":each"]));
            }
            let value = self.value(depth);
            object.insert(key, value);
        }
        object
    }

    /// A body of some kind under some type.
    fn body(&mut self, request: Request) -> Request {
        let object = Value::Object(self.object(3));
        match self.below(10) {
            0..=5 => request.json(object),
            6 => {
                let pairs: Vec<(String, String)> =
                    (0..self.below(5)).map(|_| (self.word().to_owned(), self.text())).collect();
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, text)| (&**key, &**text)).collect();
                request.form(&pairs)
            }
            7 => {
                let mut parts = support::Multipart::new().text("@jsonPayload", &object.to_string());
                if self.is(50) {
                    parts = parts.file("docs", &self.text().replace(['\r', '\n', '"'], ""), "text/plain", b"x");
                }
                request.multipart(parts)
            }
            8 => {
                let mut bytes = object.to_string().into_bytes();
                for _ in 0..=self.below(3) {
                    let at = self.below(bytes.len());
                    bytes[at] = self.below(256) as u8;
                }
                request.body("application/json", bytes)
            }
            _ => {
                let content_type = *self.pick(&["text/plain", "", "application/xml", "multipart/form-data", "x/y;"]);
                request.body(content_type, self.text())
            }
        }
    }

    /// Any request to any door.
    fn request(&mut self, app: &TestApp, tokens: &[String]) -> Request {
        let collection =
            *self.pick(&["all", "all", "all", "all", "all", "users", "seen", "seen", "_superusers", "nope"]);
        let records = format!("/api/collections/{collection}/records");
        let id = match self.below(6) {
            0 => escaped(&self.text()),
            _ => "gold00000000000".to_owned(),
        };
        let request = match self.below(14) {
            0..=4 => app.get(&records).query("filter", &self.filter()),
            5 => app.get(&format!("{records}/{id}")),
            6 => self.body(app.post(&records)),
            7 => self.body(app.patch(&format!("{records}/{id}"))),
            8 => {
                let url = format!("{records}/{id}");
                let items: Vec<Value> = (0..1 + self.below(3))
                    .map(|_| match self.below(4) {
                        0 => self.value(2),
                        _ => json!({"method": self.pick(&["POST", "PATCH", "PUT", "DELETE", "GET"]),
                            "url": self.pick(&[&*records, &*url]), "body": self.object(2)}),
                    })
                    .collect();
                app.post("/api/batch").json(json!({ "requests": items }))
            }
            9 => app.get(&format!("/api/collections/{collection}/changes")).query("since", &self.text()),
            10 => {
                app.get(&format!("/api/files/{collection}/{id}/{}", escaped(&self.text()))).query("thumb", &self.text())
            }
            11 => self.body(app.post("/api/realtime")),
            12 => {
                let route = *self.pick(&[
                    "auth-with-password",
                    "request-otp",
                    "auth-with-otp",
                    "request-verification",
                    "confirm-verification",
                    "request-password-reset",
                    "confirm-password-reset",
                    "request-email-change",
                    "confirm-email-change",
                    "auth-refresh",
                    "impersonate/gold00000000000",
                ]);
                self.body(app.post(&format!("/api/collections/{collection}/{route}")))
            }
            _ => {
                let target = *self.pick(&["/api/collections", "/api/collections/all", "/api/settings"]);
                let method = if target == "/api/collections" { "POST" } else { "PATCH" };
                self.body(app.request(method, target))
            }
        };
        let request = self.parameters(request);
        match self.pick(tokens).as_str() {
            "" => request,
            token => request.token(token),
        }
    }

    fn parameters(&mut self, mut request: Request) -> Request {
        for name in ["sort", "expand", "fields"] {
            if self.is(15) {
                request = request.query(name, &self.list());
            }
        }
        for name in ["page", "perPage", "skipTotal", "after", "since", "token"] {
            if self.is(6) {
                let text = *self.pick(&["", "0", "-1", "1", "1e9", "99999999999999999999", "true", "x'"]);
                request = request.query(name, text);
            }
        }
        request
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Every kind of field, related to itself and to accounts; and a view of it.
fn app() -> TestApp {
    let app = TestApp::new();
    app.update_settings(json!({"batch": {"enabled": true}, "logs": {"maxDays": 0}}));
    let fields = json!([
        {"name": "title", "type": "text", "autogeneratePattern": "[a-z]{5}"}, {"name": "n", "type": "number"},
        {"name": "on", "type": "bool"}, {"name": "mail", "type": "email"}, {"name": "link", "type": "url"},
        {"name": "html", "type": "editor"}, {"name": "day", "type": "date"},
        {"name": "made", "type": "autodate", "onCreate": true}, {"name": "one", "type": "select", "values": ["a", "b"]},
        {"name": "many", "type": "select", "values": ["a", "b", "c"], "maxSelect": 3}, {"name": "data", "type": "json"},
        {"name": "doc", "type": "file", "protected": true}, {"name": "docs", "type": "file", "maxSelect": 3},
        {"name": "place", "type": "geoPoint"}, {"name": "pin", "type": "text", "hidden": true},
        {"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_"},
    ]);
    let all = app.create_open_collection("all", fields);
    let mut fields = all["fields"].as_array().expect("a list").clone();
    fields.push(json!({"name": "up", "type": "relation", "collectionId": all["id"]}));
    fields.push(json!({"name": "ups", "type": "relation", "collectionId": all["id"], "maxSelect": 5}));
    app.update_collection("all", json!({ "fields": fields }));
    app.create_collection(json!({"name": "seen", "type": "view", "listRule": "", "viewRule": "",
        "viewQuery": "SELECT id, title, n, data, ups, owner FROM `all`"}));
    app.update_collection("users", json!({"listRule": "", "viewRule": "", "createRule": ""}));
    app.create("all", json!({"id": "gold00000000000", "title": "a", "n": 1, "data": {"a": [1, {"b": "x"}]}}));
    app.create("all", json!({"title": "b", "up": "gold00000000000", "ups": ["gold00000000000"], "many": ["a", "c"]}));
    app
}

/// What is wrong with an answer, if anything.
fn fault(answer: &Answer) -> Option<&'static str> {
    match answer.status {
        200..=399 => None,
        400..=499 => {
            let Ok(envelope) = serde_json::from_slice::<Value>(&answer.body) else { return Some("no JSON") };
            let is_whole = envelope["data"].is_object()
                && envelope["message"].as_str().is_some_and(|message| !message.is_empty())
                && envelope["status"] == answer.status
                && envelope.as_object().is_some_and(|object| object.len() == 3);
            (!is_whole).then_some("no envelope")
        }
        _ => Some("a fault of the server"),
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn no_input_gives_a_500() {
    let seed = setting("MONOBASE_TEST_SEED").unwrap_or_else(rand::random);
    let inputs = setting("MONOBASE_TEST_INPUTS").map_or(INPUTS, |inputs| inputs as usize);
    let app = app();
    let (_, user) = app.create_user("users", "a@example.com");
    let tokens = [String::new(), user, app.superuser_token().to_owned()];
    let mut chance = Chance::new(seed);
    let mut refused = 0;
    for number in 0..inputs {
        let request = chance.request(&app, &tokens);
        let answer = request.clone().send();
        refused += usize::from(answer.status >= 400);
        if let Some(fault) = fault(&answer) {
            panic!("MONOBASE_TEST_SEED={seed}, input {number}: {fault}\n{answer}\n{request:?}\n{}", app.server().log());
        }
    }
    // Else the cases are no good: all nonsense, or none.
    assert!((inputs / 5..inputs * 9 / 10).contains(&refused), "{refused} of {inputs} were refused");
}

#[test]
fn bodies_that_are_none_are_refused_in_the_envelope() {
    let app = TestApp::new();
    app.create_open_collection("posts", json!([{"name": "title", "type": "text"}, {"name": "data", "type": "json"}]));
    let deep = |levels: usize| format!("{{\"data\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    let bodies: [(&str, Vec<u8>); 14] = [
        ("application/json", deep(129).into()),
        ("application/json", deep(100_000).into()),
        ("application/json", format!("{{\"data\":{}", "{\"a\":".repeat(50_000)).into()),
        ("application/json", br#"{"data":1e400}"#.to_vec()),
        ("application/json", format!("{{\"data\":{}}}", "9".repeat(5000)).into()),
        ("application/json", br#"{"title":"a\u0000b"}"#.to_vec()),
        ("application/json", br#"{"data":{"a":"\u0000"}}"#.to_vec()),
        ("application/json", b"{\"title\":\"\0\"}".to_vec()),
        ("application/json", b"{\"title\":\"\xff\xfe\"}".to_vec()),
        ("application/json", br#"{"title":"a""#.to_vec()),
        ("application/json", br#"[{"title":"a"}]"#.to_vec()),
        ("application/x-www-form-urlencoded", b"title=%00".to_vec()),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n".to_vec()),
        ("application/xml", b"<title>a</title>".to_vec()),
    ];
    for (content_type, body) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = app.post("/api/collections/posts/records").body(content_type, body).send();
        assert_eq!(answer.status, 400, "{content_type} {shown}: {answer}");
        assert_eq!(fault(&answer), None, "{shown}: {answer}");
    }
    for content_type in ["text/plain", "application/octet-stream", "", "nonsense"] {
        let answer = app.post("/api/collections/posts/records").body(content_type, r#"{"title":"a"}"#).send();
        answer.refused(400, "Unsupported Content-Type.");
    }
    assert_eq!(app.rows("SELECT id FROM posts"), [] as [Value; 0]);
    // The last of a key's values counts (contract/03 §3).
    let twice = r#"{"title":"a","title":"b","data":{"x":1,"x":2}}"#;
    let record = app.post("/api/collections/posts/records").body("application/json", twice).ok();
    assert_eq!((&record["title"], &record["data"]), (&json!("b"), &json!({"x": 2})));
}
