//! The oracle: random schemas, rows and expressions; SQL and the memory evaluator must agree on every one.
//!
//! `MONOBASE_SEED` repeats a run (each failure names the seed of its world), `MONOBASE_ORACLE_CASES` sets its length.

mod dice;
mod expressions;
mod schemas;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Map;

use super::cases::{case_data, case_world};
use super::world::{World, superuser};
use crate::query::{
    Answer, Base, Caller, Context, MemoryScene, Outcome, Part, Purpose, Query, Request, Row, evaluate_parts,
};
use crate::schema::Collection;
use crate::store::ConnExt;
use dice::Dice;
use expressions::Writer;

/// Cases of one run (the whole of `make test`).
const CASES: usize = 20_000;
/// Expressions tried on one schema and its rows.
const CASES_PER_WORLD: usize = 250;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn sql_and_memory_agree() {
    let first_seed = setting("MONOBASE_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
    });
    let cases = setting("MONOBASE_ORACLE_CASES").map_or(CASES, |cases| cases as usize);
    println!("seed {first_seed}");
    let (mut compared, mut refused, mut given_up, mut matching) = (0, 0, 0, 0);
    for round in 0..cases.div_ceil(CASES_PER_WORLD) {
        let seed = first_seed.wrapping_add(round as u64);
        let mut dice = Dice::new(seed);
        // The contract's own rows now and then: they are the ones known to be right.
        let world = if round % 8 == 7 { case_world(&case_data()) } else { schemas::world(&mut dice) };
        for number in 0..CASES_PER_WORLD {
            let result = catch_unwind(AssertUnwindSafe(|| compare(&world, &mut dice)));
            match result {
                Ok(Ok(End::Same { ids })) => {
                    compared += 1;
                    matching += usize::from(ids > 0);
                }
                Ok(Ok(End::Refused)) => refused += 1,
                Ok(Ok(End::GivenUp)) => given_up += 1,
                Ok(Err(difference)) => panic!("seed {seed}, case {number}: {difference}"),
                Err(_) => panic!("seed {seed}, case {number}: a panic"),
            }
        }
    }
    println!("{compared} compared ({matching} with matches), {refused} refused by both, {given_up} given up");
    assert!(refused * 4 < cases, "too many expressions make no sense: {refused}");
    assert!(given_up * 10 < cases, "too many are too big for memory: {given_up}");
    assert!(matching * 8 > compared, "too few match anything: {matching}");
}

enum End {
    Same {
        ids: usize,
    },
    /// Neither side can resolve it.
    Refused,
    GivenUp,
}

fn compare(world: &World, dice: &mut Dice) -> Result<End, String> {
    let tables: Vec<_> = world.schema.collections().to_vec();
    let collection = dice.pick(&tables).clone();
    let request = random_request(world, dice, &collection);
    let mut writer = Writer { world, dice, request: &request };
    let rule = writer.expression(&collection, true);
    let filter = writer.expression(&collection, request.caller.is_superuser());
    let choice = dice.below(4);
    let parts: Vec<Part<'_>> = match choice {
        _ if request.caller.is_superuser() => vec![Part::Filter(&filter)],
        0 => vec![Part::Rule(&rule), Part::Filter(&filter)],
        1 => vec![Part::Filter(&filter)],
        _ => vec![Part::Rule(&rule)],
    };
    if choice == 3 && !collection.is_view() {
        return compare_virtual(world, &collection, &parts, &request, dice);
    }
    let purpose = if dice.chance(50) { Purpose::List } else { Purpose::One };
    let told = || format!("{} {parts:?} as {:?}", collection.name, request.caller.auth().map(|auth| auth.id()));
    let remembered = world.remember(&collection, &parts, &request);
    let compiled = world.compile(&collection, &parts, "", &request, purpose);
    match (compiled, remembered) {
        (Err(_), Err(_)) => Ok(End::Refused),
        (Err(error), Ok(_)) => Err(format!("only SQL refuses: {error}: {}", told())),
        (Ok(compiled), remembered) => {
            let mut ids = world.run(&collection, &compiled).map_err(|error| format!("{error}: {}", told()))?;
            let Ok(remembered) = remembered else { return Err(format!("only memory refuses: {}", told())) };
            let Some(mut remembered) = remembered else { return Ok(End::GivenUp) };
            ids.sort();
            remembered.sort();
            if ids == remembered {
                return Ok(End::Same { ids: ids.len() });
            }
            let where_sql = compiled.where_sql();
            Err(format!("{purpose:?} SQL {ids:?}, memory {remembered:?}: {}\n{where_sql}\n{request:?}", told()))
        }
    }
}

/// The same for a record that isn't stored.
fn compare_virtual(
    world: &World,
    collection: &std::sync::Arc<Collection>,
    parts: &[Part<'_>],
    request: &Request,
    dice: &mut Dice,
) -> Result<End, String> {
    let record = schemas::random_record(world, collection, dice);
    let row: Row = record.values().iter().map(|value| value.to_stored()).collect();
    let query = Query { collection, base: Base::Record(&record), parts, sort: "", purpose: Purpose::One };
    // Back relations of such a record are refused by SQL alone.
    let Ok(compiled) = world.planner.compile(&query, &world.scene(request)) else { return Ok(End::Refused) };
    let found = match compiled.outcome() {
        Outcome::Never => false,
        Outcome::Always => true,
        Outcome::Depends => {
            let sql = format!("SELECT 1 FROM {} WHERE {}", compiled.from_sql(), compiled.where_sql());
            let has_row = world.store.read_here(|conn| Ok(conn.has_row(&sql, compiled.params())?));
            has_row.map_err(|error| format!("{error}: {sql}"))?
        }
    };
    let scene = MemoryScene { schema: &world.schema, request, now: world.now, rows: world };
    match evaluate_parts(parts, collection, &row, &scene).map_err(|error| error.to_string())? {
        Answer::NeedsRows => Ok(End::GivenUp),
        answer if (answer == Answer::Yes) == found => Ok(End::Same { ids: usize::from(found) }),
        answer => Err(format!(
            "virtual: SQL {found}, memory {answer:?}: {parts:?} on {:?} by {:?}\n{}",
            record.values(),
            request,
            compiled.where_sql()
        )),
    }
}

fn random_request(world: &World, dice: &mut Dice, collection: &std::sync::Arc<Collection>) -> Request {
    let auth = world.schema.collections().iter().find(|collection| collection.is_auth()).unwrap().clone();
    let caller = match dice.below(4) {
        0 => Caller::Guest,
        1 => superuser(),
        _ => match schemas::some_id(world, &auth, dice) {
            Some(id) => world.caller(&auth.name, &id),
            None => Caller::Guest,
        },
    };
    let text = dice.pick(&["", "x", "10", "a%", "r1"]).to_string();
    let body = if dice.chance(50) { schemas::random_body(world, collection, dice) } else { Map::new() };
    Request {
        caller,
        context: Context::Default,
        method: "GET",
        query: vec![("q".to_owned(), text.clone()), ("num".to_owned(), "10".to_owned())],
        headers: vec![("x_token".to_owned(), text)],
        body,
    }
}
