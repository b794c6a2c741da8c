//! Tests of the whole language against a real database.

mod cases;
mod oracle;
mod plans;
mod world;
