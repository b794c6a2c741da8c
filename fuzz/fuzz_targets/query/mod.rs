//! The parser's files, as `src/query` has them.

#[path = "../../../src/query/ast.rs"]
pub mod ast;
#[path = "../../../src/query/error.rs"]
pub mod error;
#[path = "../../../src/query/lexer.rs"]
mod lexer;
#[path = "../../../src/query/parser.rs"]
pub mod parser;
