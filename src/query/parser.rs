//! Tokens → syntax tree (contract/04 §1, with its oddities). Linear in the text; nesting takes no stack of the thread.

use super::ast::{Call, Compare, Expr, Op, Operand, OperandKind};
use super::error::{QueryError, Span};
use super::lexer::{Brackets, Lexer, Token};

/// Comparisons in one expression (contract/04 §12).
pub(super) const COMPARISONS_MAX: usize = 200;
/// Functions inside of functions (contract/04 §12).
const CALLS_NESTED_MAX: usize = 3;

/// The tree of an expression's text.
///
/// # Errors
/// The first thing in the text that the grammar doesn't know.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    // A NUL ends the input, wherever it stands (contract/04 §1).
    let text = text.split('\0').next().unwrap_or_default();
    Parser::new(text).expression()
}

/// How two neighbours are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

/// What the parser expects next.
enum Step {
    Left,
    Sign(Operand),
    Right(Operand, Op, bool),
    Join,
}

/// An open group: what was read in it so far.
struct Level {
    /// Where the region around it goes on and ends.
    resume: usize,
    region_end: usize,
    span: Span,
    /// Runs of items joined by `&&`; the runs are joined by `||`.
    runs: Vec<Vec<Expr>>,
    step: Step,
    /// The join seen last: it also joins a group that follows without one.
    join: Join,
}

impl Level {
    fn new(resume: usize, region_end: usize, span: Span) -> Self {
        Self { resume, region_end, span, runs: Vec::new(), step: Step::Left, join: Join::And }
    }

    fn push(&mut self, item: Expr) {
        match (self.join, self.runs.last_mut()) {
            (Join::And, Some(run)) => run.push(item),
            (Join::Or, _) | (Join::And, None) => self.runs.push(vec![item]),
        }
        self.step = Step::Join;
    }

    /// The level's expression, unless it is empty or stops in the middle.
    fn finish(self) -> Result<Expr, QueryError> {
        let is_empty = self.runs.is_empty();
        match self.step {
            Step::Join => {
                let runs = self.runs.into_iter().map(|run| joined(run, Expr::And)).collect();
                Ok(joined(runs, Expr::Or))
            }
            Step::Left if is_empty => Err(QueryError::at(self.span, "empty filter expression")),
            Step::Left | Step::Sign(_) | Step::Right(..) => {
                Err(QueryError::at(self.span, "invalid or incomplete filter expression"))
            }
        }
    }
}

/// One item as it is, several joined.
fn joined(mut items: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            join(items)
        }
        None => join(items), // a run is made with its first item
    }
}

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    brackets: Brackets,
    comparisons: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, lexer: Lexer::new(text), brackets: Brackets::default(), comparisons: 0 }
    }

    fn expression(mut self) -> Result<Expr, QueryError> {
        let whole = Span { start: 0, end: self.text.len() };
        let mut levels = Vec::new();
        let mut level = Level::new(whole.end, whole.end, whole);
        loop {
            match self.lexer.next()? {
                None => {
                    let (resume, region_end) = (level.resume, level.region_end);
                    let item = level.finish()?;
                    let Some(outer) = levels.pop() else { return Ok(item) };
                    level = outer;
                    level.push(item);
                    self.lexer.position = resume;
                    self.lexer.end = region_end;
                }
                // A group stands for an item wherever it begins; a comparison half-read before it is dropped.
                Some((Token::GroupStart, span)) => {
                    let region_end = self.lexer.end;
                    let close = self.brackets.closing(self.text, span.start, region_end, !levels.is_empty())?;
                    let inside = Level::new(close + 1, region_end, Span { start: span.start, end: close + 1 });
                    levels.push(std::mem::replace(&mut level, inside));
                    self.lexer.position = span.start + 1;
                    self.lexer.end = close;
                }
                Some((token, span)) => self.advance(&mut level, token, span)?,
            }
        }
    }

    /// Takes one token that is no group.
    fn advance(&mut self, level: &mut Level, token: Token<'t>, span: Span) -> Result<(), QueryError> {
        level.step = match std::mem::replace(&mut level.step, Step::Left) {
            Step::Left => Step::Sign(self.operand(token, span, "left")?),
            Step::Sign(left) => {
                let Token::Sign(sign) = token else { return Err(self.unexpected("a sign operator", span)) };
                let (op, any) =
                    Op::parse(sign).ok_or_else(|| QueryError::at(span, format!("invalid sign operator {sign:?}")))?;
                Step::Right(left, op, any)
            }
            Step::Right(left, op, any) => {
                let right = self.operand(token, span, "right")?;
                self.comparisons += 1;
                if self.comparisons > COMPARISONS_MAX {
                    return Err(QueryError::at(span, "max filter expressions limit reached"));
                }
                level.push(Expr::Compare(Compare { left, op, any, right }));
                Step::Join
            }
            Step::Join => {
                level.join = match token {
                    Token::Join("&&") => Join::And,
                    Token::Join("||") => Join::Or,
                    _ => return Err(self.unexpected("&& or ||", span)),
                };
                Step::Left
            }
        };
        Ok(())
    }

    fn unexpected(&self, expected: &str, span: Span) -> QueryError {
        QueryError::at(span, format!("expected {expected}, got {:?}", &self.text[span.start..span.end]))
    }

    fn operand(&mut self, token: Token<'t>, span: Span, side: &str) -> Result<Operand, QueryError> {
        let kind = match token {
            Token::Name(name) => OperandKind::Name(name.into()),
            Token::Number(number) => OperandKind::Number(number),
            Token::Text(text) => OperandKind::Text(text),
            Token::FunctionStart(name) => return self.call(name, span, 1),
            Token::Sign(_) | Token::Join(_) | Token::GroupStart | Token::Close | Token::Comma => {
                return Err(self.unexpected(&format!("{side} operand (identifier, function, number or text)"), span));
            }
        };
        Ok(Operand { kind, span })
    }

    /// A function from behind its opening bracket on. Recurses at most [`CALLS_NESTED_MAX`] deep.
    fn call(&mut self, name: &str, start: Span, depth: usize) -> Result<Operand, QueryError> {
        if depth > CALLS_NESTED_MAX {
            return Err(QueryError::at(start, format!("functions nest more than {CALLS_NESTED_MAX} deep")));
        }
        let mut arguments = Vec::new();
        let mut may_be_argument = true;
        loop {
            let Some((token, span)) = self.lexer.next()? else {
                return Err(QueryError::at(start, format!("invalid or incomplete function call {name:?}")));
            };
            match token {
                Token::Close => {
                    let span = Span { start: start.start, end: span.end };
                    let call = Call { name: name.into(), arguments };
                    return Ok(Operand { kind: OperandKind::Call(Box::new(call)), span });
                }
                Token::Comma if !may_be_argument => may_be_argument = true,
                Token::FunctionStart(inner) if may_be_argument => {
                    arguments.push(self.call(inner, span, depth + 1)?);
                    may_be_argument = false;
                }
                token if may_be_argument => {
                    arguments.push(self.operand(token, span, "function")?);
                    may_be_argument = false;
                }
                _ => return Err(self.unexpected("a comma", span)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
