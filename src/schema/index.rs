//! `CREATE INDEX` statements: read, compared, rewritten, written in the normal form (contract/02 §8).

use std::fmt::Write;

use super::sql_text::{Token, tokens, unquote};

/// A parsed index statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub unique: bool,
    pub if_not_exists: bool,
    /// The schema before the name, `""` if none was given.
    pub schema: String,
    pub name: String,
    pub table: String,
    pub columns: Vec<IndexColumn>,
    /// The condition of a partial index, `""` if it has none.
    pub condition: String,
}

/// One column of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexColumn {
    /// A column's name without quotes, or an expression.
    pub name: String,
    pub collate: String,
    /// `ASC`, `DESC` or `""`.
    pub sort: String,
}

impl Index {
    /// Reads the first `CREATE INDEX` statement in `text`. `None` if there is none, if it lacks a name or a column, or if
    /// more than a final `;` follows it: what is stored is what runs.
    pub fn parse(text: &str) -> Option<Self> {
        Self::find(text, Rest::MustBeEmpty)
    }

    /// As [`Index::parse`] for a statement that is stored already, maybe by another program: what follows it is ignored,
    /// as it was when the index was made.
    pub fn parse_stored(text: &str) -> Option<Self> {
        Self::find(text, Rest::Ignored)
    }

    fn find(text: &str, rest: Rest) -> Option<Self> {
        let mut parser = Parser::new(text);
        loop {
            parser.skip_to_word("create")?;
            let start = parser.at;
            if let Some(index) = parser.index(rest) {
                return Some(index);
            }
            parser.at = start;
        }
    }

    /// The statement as it is executed and as rewritten entries are stored.
    pub fn build(&self) -> String {
        let mut sql = String::from("CREATE ");
        sql.push_str(if self.unique { "UNIQUE INDEX " } else { "INDEX " });
        if self.if_not_exists {
            sql.push_str("IF NOT EXISTS ");
        }
        if !self.schema.is_empty() {
            let _ = write!(sql, "`{}`.", self.schema);
        }
        let _ = write!(sql, "`{}` ON `{}` (", self.name, self.table);
        let several = self.columns.len() > 1;
        for (position, column) in self.columns.iter().enumerate() {
            if several {
                sql.push_str(if position > 0 { ",\n  " } else { "\n  " });
            }
            sql.push_str(&column.build());
        }
        sql.push_str(if several { "\n)" } else { ")" });
        if !self.condition.is_empty() {
            let _ = write!(sql, " WHERE {}", self.condition);
        }
        sql
    }

    /// Whether the index makes the values of exactly this column unique (case of the name and condition ignored).
    pub fn is_unique_on(&self, column: &str) -> bool {
        self.unique && self.columns.len() == 1 && self.columns[0].name.eq_ignore_ascii_case(column)
    }

    /// Whether both define the same but for their names and tables.
    pub fn has_definition_of(&self, other: &Self) -> bool {
        self.unique == other.unique && self.columns == other.columns && self.condition == other.condition
    }

    /// Whether both cover the same columns, whatever their order of rows, collation and condition.
    pub fn has_columns_of(&self, other: &Self) -> bool {
        let names = |index: &Self| -> Vec<String> {
            index.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect()
        };
        names(self) == names(other)
    }
}

impl IndexColumn {
    fn build(&self) -> String {
        let is_expression = self.name.contains(['(', ' ', '\t', '\n', '\r', '`']);
        let mut sql = if is_expression { self.name.clone() } else { format!("`{}`", self.name) };
        if !self.collate.is_empty() {
            let _ = write!(sql, " COLLATE {}", self.collate);
        }
        if !self.sort.is_empty() {
            let _ = write!(sql, " {}", self.sort);
        }
        sql
    }

    /// Reads what stands between two commas; `None` if that is nothing.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut column = Self::default();
        if let Some((before, last)) = split_last_word(rest)
            && (last.eq_ignore_ascii_case("asc") || last.eq_ignore_ascii_case("desc"))
        {
            column.sort = last.to_ascii_uppercase();
            rest = before;
        }
        if let Some((before, collation)) = split_last_word(rest)
            && let Some((before, word)) = split_last_word(before)
            && word.eq_ignore_ascii_case("collate")
        {
            column.collate = collation.to_owned();
            rest = before;
        }
        column.name = unquote(rest).to_owned();
        (!column.name.is_empty()).then_some(column)
    }
}

/// Cuts off a final word that blanks part from the text before it.
fn split_last_word(text: &str) -> Option<(&str, &str)> {
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))? + 1;
    let (before, word) = text.split_at_checked(start)?;
    let trimmed = before.trim_end();
    (!word.is_empty() && trimmed.len() < before.len() && !trimmed.is_empty()).then_some((trimmed, word))
}

/// What may follow a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing but a final `;`.
    MustBeEmpty,
    Ignored,
}

/// Walks over the tokens of a text, white space left out.
struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, std::ops::Range<usize>)>,
    at: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, tokens: tokens(text).filter(|(token, _)| *token != Token::Space).collect(), at: 0 }
    }

    fn peek(&self) -> Option<(Token, &'t str)> {
        self.tokens.get(self.at).map(|(token, range)| (*token, &self.text[range.clone()]))
    }

    /// Moves behind the next occurrence of `word`.
    fn skip_to_word(&mut self, word: &str) -> Option<()> {
        loop {
            let (token, text) = self.peek()?;
            self.at += 1;
            if token == Token::Word && text.eq_ignore_ascii_case(word) {
                return Some(());
            }
        }
    }

    fn has_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some((Token::Word, text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn has_sign(&mut self, sign: u8) -> bool {
        let found = matches!(self.peek(), Some((Token::Sign(s), _)) if s == sign);
        self.at += usize::from(found);
        found
    }

    /// A name, quoted or not; blanks and quotes can't be part of it.
    fn name(&mut self) -> Option<String> {
        let name = match self.peek()? {
            (Token::Word, text) => text,
            (Token::Quoted, text) => unquote(text),
            (Token::Space | Token::Sign(_), _) => return None,
        };
        self.at += 1;
        let is_plain = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "`\"'[]();,".contains(c));
        is_plain.then(|| name.to_owned())
    }

    /// A table's name; scaffolds have an empty one in quotes.
    fn table(&mut self) -> Option<String> {
        if matches!(self.peek(), Some((Token::Quoted, text)) if unquote(text).is_empty()) {
            self.at += 1;
            return Some(String::new());
        }
        self.name()
    }

    /// What follows `CREATE`.
    fn index(&mut self, rest: Rest) -> Option<Index> {
        let mut index = Index { unique: self.has_word("unique"), ..Index::default() };
        if !self.has_word("index") {
            return None;
        }
        if self.has_word("if") {
            if !(self.has_word("not") && self.has_word("exists")) {
                return None;
            }
            index.if_not_exists = true;
        }
        index.name = self.name()?;
        if self.has_sign(b'.') {
            index.schema = std::mem::replace(&mut index.name, self.name()?);
        }
        if !self.has_word("on") {
            return None;
        }
        index.table = self.table()?;
        index.columns = self.columns()?;
        index.condition = self.condition(rest)?;
        Some(index)
    }

    /// The bracketed column list.
    fn columns(&mut self) -> Option<Vec<IndexColumn>> {
        if !self.has_sign(b'(') {
            return None;
        }
        let mut columns = Vec::new();
        let mut start = self.tokens.get(self.at)?.1.start;
        let mut depth = 0;
        loop {
            let (token, range) = self.tokens.get(self.at)?.clone();
            self.at += 1;
            let ends_column = match token {
                Token::Sign(b'(') => {
                    depth += 1;
                    false
                }
                Token::Sign(b')') if depth > 0 => {
                    depth -= 1;
                    false
                }
                Token::Sign(b',') => depth == 0,
                Token::Sign(b')') => true,
                Token::Sign(b';') => return None,
                Token::Word | Token::Quoted | Token::Space | Token::Sign(_) => false,
            };
            if ends_column {
                // A column that is empty is left out, as the reference does with a final comma.
                columns.extend(IndexColumn::parse(&self.text[start..range.start]));
                start = range.end;
                if token == Token::Sign(b')') {
                    return (!columns.is_empty()).then_some(columns);
                }
            }
        }
    }

    /// The condition up to the end, or nothing; a final `;` is no part of it.
    fn condition(&mut self, rest: Rest) -> Option<String> {
        let has_condition = self.has_word("where");
        let start = self.tokens.get(self.at).map_or(self.text.len(), |(_, range)| range.start);
        let text = &self.text[start..];
        let end =
            tokens(text).find(|(token, _)| *token == Token::Sign(b';')).map_or(text.len(), |(_, range)| range.start);
        let condition = text[..end].trim_end();
        let is_empty = |text: &str| tokens(text).all(|(token, _)| matches!(token, Token::Space | Token::Sign(b';')));
        let is_whole = is_empty(&text[end..]) && (has_condition || is_empty(condition));
        if rest == Rest::MustBeEmpty && !is_whole {
            return None;
        }
        Some(if has_condition { condition.to_owned() } else { String::new() })
    }
}

#[cfg(test)]
mod tests;
