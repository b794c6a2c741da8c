//! The syntax tree of an expression (contract/04 §1–2), before any name in it means something.

use std::fmt;

use super::error::Span;

/// An expression.
///
/// Invariant: `And` and `Or` hold at least two items, none of them of their own kind unless written in brackets; at
/// most [`super::parser::COMPARISONS_MAX`] comparisons, so the tree's depth is bounded by that.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare(Compare),
}

/// `left op right`.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    pub left: Operand,
    pub op: Op,
    /// Written with a leading `?`: at least one value suffices.
    pub any: bool,
    pub right: Operand,
}

/// What a comparison compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Eq,
    NotEq,
    Greater,
    GreaterEq,
    Less,
    LessEq,
    Like,
    NotLike,
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub struct Operand {
    pub kind: OperandKind,
    pub span: Span,
}

/// What stands on one side of a comparison, or as an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum OperandKind {
    /// A field path, macro, constant word or `@request…`/`@collection…` path, as written.
    Name(Box<str>),
    Number(f64),
    Text(Box<str>),
    Call(Box<Call>),
}

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub name: Box<str>,
    pub arguments: Vec<Operand>,
}

/// Two operands are equal wherever they stand.
impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Op {
    /// The operator and whether it is the any-form, of a whole run of sign characters.
    pub(super) fn parse(sign: &str) -> Option<(Self, bool)> {
        let (sign, any) = match sign.strip_prefix('?') {
            Some(rest) => (rest, true),
            None => (sign, false),
        };
        let op = match sign {
            "=" => Op::Eq,
            "!=" => Op::NotEq,
            ">" => Op::Greater,
            ">=" => Op::GreaterEq,
            "<" => Op::Less,
            "<=" => Op::LessEq,
            "~" => Op::Like,
            "!~" => Op::NotLike,
            _ => return None,
        };
        Some((op, any))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Op::Eq => "=",
            Op::NotEq => "!=",
            Op::Greater => ">",
            Op::GreaterEq => ">=",
            Op::Less => "<",
            Op::LessEq => "<=",
            Op::Like => "~",
            Op::NotLike => "!~",
        }
    }
}

impl Expr {
    /// Calls `visit` for each comparison, from left to right.
    pub fn each_compare<'e>(&'e self, visit: &mut dyn FnMut(&'e Compare)) {
        match self {
            Expr::And(items) | Expr::Or(items) => items.iter().for_each(|item| item.each_compare(visit)),
            Expr::Compare(compare) => visit(compare),
        }
    }

    /// Calls `visit` for each name, those in arguments included.
    pub fn each_name<'e>(&'e self, visit: &mut dyn FnMut(&'e str)) {
        self.each_compare(&mut |compare| {
            compare.left.each_name(visit);
            compare.right.each_name(visit);
        });
    }
}

impl Operand {
    fn each_name<'e>(&'e self, visit: &mut dyn FnMut(&'e str)) {
        match &self.kind {
            OperandKind::Name(name) => visit(name),
            OperandKind::Call(call) => call.arguments.iter().for_each(|argument| argument.each_name(visit)),
            OperandKind::Number(_) | OperandKind::Text(_) => {}
        }
    }
}

/// Writes the expression so that parsing it gives the same tree.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (items, join) = match self {
            Expr::Compare(compare) => return write!(f, "{compare}"),
            Expr::And(items) => (items, " && "),
            Expr::Or(items) => (items, " || "),
        };
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                f.write_str(join)?;
            }
            match item {
                Expr::Compare(compare) => write!(f, "{compare}")?,
                Expr::And(_) | Expr::Or(_) => write!(f, "({item})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = if self.any { "?" } else { "" };
        write!(f, "{} {any}{} {}", self.left, self.op.as_str(), self.right)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Name(name) => f.write_str(name),
            OperandKind::Number(number) => write!(f, "{number}"),
            OperandKind::Text(text) => write_quoted(f, text),
            OperandKind::Call(call) => {
                write!(f, "{}(", call.name)?;
                for (index, argument) in call.arguments.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{argument}")?;
                }
                f.write_str(")")
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("'")?;
    for c in text.chars() {
        match c {
            '\'' => f.write_str("\\'")?,
            '\\' => f.write_str("\\\\")?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("'")
}
