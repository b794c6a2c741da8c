//! Random expressions that mostly make sense.

use std::sync::Arc;

use super::dice::Dice;
use crate::query::Request;
use crate::query::tests::world::World;
use crate::schema::{Collection, Shape};

const SIGNS: [&str; 8] = ["=", "!=", ">", ">=", "<", "<=", "~", "!~"];
const LITERALS: [&str; 24] = [
    "''",
    "null",
    "true",
    "false",
    "0",
    "1",
    "10",
    "3.5",
    "-5",
    "'a'",
    "'ab'",
    "'A'",
    "'10'",
    "'a%'",
    "'_'",
    "'%a'",
    "'r'",
    "'r1'",
    "'r2'",
    "'[\"r\"]'",
    "'x'",
    "'2024'",
    "'\\\\'",
    "@now",
];

pub struct Writer<'a> {
    pub world: &'a World,
    pub dice: &'a mut Dice,
    pub request: &'a Request,
}

impl Writer<'_> {
    /// An expression over a collection; `free` may use what only rules may.
    pub fn expression(&mut self, collection: &Arc<Collection>, free: bool) -> String {
        let count = 1 + self.dice.below(3);
        let mut text = String::new();
        // A few paths that come again: only shared joins make a difference.
        let paths: Vec<String> = (0..2).map(|_| self.path(collection, free, 3)).collect();
        for index in 0..count {
            if index > 0 {
                text += *self.dice.pick(&[" && ", " && ", " || "]);
            }
            let one = self.comparison(collection, free, &paths);
            if self.dice.chance(20) {
                let other = self.comparison(collection, free, &paths);
                text += &format!("({one} || {other})");
            } else {
                text += &one;
            }
        }
        text
    }

    fn comparison(&mut self, collection: &Arc<Collection>, free: bool, paths: &[String]) -> String {
        let left = match self.dice.below(10) {
            0..=3 => self.dice.pick(paths).clone(),
            4..=7 => self.path(collection, free, 3),
            8 => self.call(collection, free),
            _ if free => self.request(collection),
            _ => self.path(collection, free, 1),
        };
        let right = match self.dice.below(10) {
            0..=6 => (*self.dice.pick(&LITERALS)).to_owned(),
            7 => self.path(collection, free, 2),
            8 if free => self.request(collection),
            _ => self.dice.pick(paths).clone(),
        };
        let any = if self.dice.chance(40) { "?" } else { "" };
        let sign = *self.dice.pick(&SIGNS);
        if self.dice.chance(15) { format!("{right} {any}{sign} {left}") } else { format!("{left} {any}{sign} {right}") }
    }

    fn call(&mut self, collection: &Arc<Collection>, free: bool) -> String {
        let path = self.path(collection, free, 2);
        match self.dice.below(6) {
            0 => format!("geoDistance({path}, 0, 23.3, 42.7)"),
            1 => "geoDistance(p.lon, p.lat, 23.32, 42.69)".to_owned(),
            2 => format!("strftime('%Y', {path})"),
            3 => format!("strftime('%Y-%m-%d %H:%M', {path}, '{}')", self.modifier()),
            4 => format!("strftime('%j %w %W', at, '{}', '{}')", self.modifier(), self.modifier()),
            _ => format!("strftime('%m', {path}, 'start of month')"),
        }
    }

    fn modifier(&mut self) -> &'static str {
        const MODIFIERS: [&str; 13] = [
            "+1 day",
            "-1 month",
            "+1.5 hours",
            "start of year",
            "weekday 2",
            "+10 years",
            "unixepoch",
            "-00:30",
            "+0001-02-03",
            "bogus",
            "auto",
            "floor",
            "end of month",
        ];
        let modifier: &&'static str = self.dice.pick(&MODIFIERS);
        modifier
    }

    fn request(&mut self, collection: &Arc<Collection>) -> String {
        match self.dice.below(8) {
            0 => "@request.auth.id".to_owned(),
            1 | 2 => {
                let auth = self.request.caller.auth().map(|auth| auth.collection().clone());
                let auth = auth.and_then(|auth| self.world.schema.find(&auth.id).cloned());
                match auth {
                    Some(auth) => format!("@request.auth.{}", self.path(&auth, true, 2)),
                    None => "@request.auth.t".to_owned(),
                }
            }
            3 => format!("@request.body.{}", self.path(collection, true, 2)),
            4 => {
                let field = &self.dice.pick(&collection.fields).name;
                format!("@request.body.{field}:{}", self.dice.pick(&["isset", "changed", "lower"]))
            }
            5 => format!(
                "@request.body.{}",
                self.dice.pick(&["tags:each", "tags:length", "many:each", "extra.n", "extra.items.0.name"])
            ),
            6 => (*self.dice.pick(&[
                "@request.query.q",
                "@request.query.num",
                "@request.headers.x_token:isset",
                "@request.query.n",
            ]))
            .to_owned(),
            _ => {
                let others = self.world.schema.collections();
                let other = self.dice.pick(others).clone();
                let alias = self.dice.pick(&["", "", ":x"]);
                format!("@collection.{}{alias}.{}", other.name, self.path(&other, true, 1))
            }
        }
    }

    /// A path of at most `steps` relations, back ones among them.
    fn path(&mut self, collection: &Arc<Collection>, free: bool, steps: usize) -> String {
        let mut text = String::new();
        let mut at = collection.clone();
        for _ in 0..self.dice.below(steps + 1) {
            let (word, next) = if self.dice.chance(40) {
                let Some(found) = self.back(&at) else { break };
                found
            } else {
                let relations: Vec<_> = at.fields.iter().filter(|field| field.relation().is_some()).collect();
                if relations.is_empty() {
                    break;
                }
                let field = *self.dice.pick(&relations);
                let target = &field.relation().unwrap().collection_id;
                (field.name.clone(), self.world.schema.find_by_id(target).unwrap().clone())
            };
            // Clients may not look into what only superusers list; now and then it is tried all the same.
            if !free && next.rules.list.is_none() && self.dice.chance(90) {
                break;
            }
            text += &format!("{word}.");
            at = next;
        }
        let end = self.end(&at, free);
        text + &end
    }

    fn back(&mut self, to: &Collection) -> Option<(String, Arc<Collection>)> {
        let mut found = Vec::new();
        for collection in self.world.schema.collections() {
            for field in &collection.fields {
                if field.relation().is_some_and(|relation| relation.collection_id == *to.id) {
                    found.push((format!("{}_via_{}", collection.name, field.name), collection.clone()));
                }
            }
        }
        if found.is_empty() { None } else { Some(self.dice.pick(&found).clone()) }
    }

    fn end(&mut self, collection: &Collection, free: bool) -> String {
        let fields: Vec<_> =
            collection.fields.iter().filter(|field| free || !field.hidden || self.dice.chance(3)).collect();
        let field = *self.dice.pick(&fields);
        let name = &field.name;
        match field.shape() {
            Shape::Json if self.dice.chance(60) => {
                format!("{name}.{}", self.dice.pick(&["a", "b.c", "l.0", "l.1", "0", "1", "zzz", "b"]))
            }
            Shape::Point if self.dice.chance(60) => format!("{name}.{}", self.dice.pick(&["lon", "lat"])),
            Shape::Multiple | Shape::Single if self.dice.chance(50) => {
                format!("{name}:{}", self.dice.pick(&["each", "each", "length"]))
            }
            _ if self.dice.chance(10) => format!("{name}:{}", self.dice.pick(&["lower", "each", "length", "isset"])),
            _ => name.clone(),
        }
    }
}
