//! Joined rows as SQL.

use crate::query::compile::Purpose;
use crate::query::resolved::{NodeSet, Source, Step};
use crate::schema::{Collection, Field, Shape as FieldShape};
use crate::store::Sense;

use super::frame::{Emitter, Frame, Param, Row};

/// The rows of one `EXISTS` or look-up.
#[derive(Debug, Default)]
pub(super) struct Joins {
    /// Row sources that must have a row, and what ties them to one another.
    inner: Vec<String>,
    conditions: Vec<String>,
    /// Row sources that may be missing, with `LEFT JOIN … ON …`.
    outer: Vec<String>,
    /// How first rows hang on rows outside.
    keys: Vec<Key>,
    /// Whether something hangs on a row outside in another way than by a key.
    hangs_outside: bool,
}

/// How a joined row hangs on a row outside: `inner = outer`.
#[derive(Debug)]
struct Key {
    outer: Outer,
    /// Whether the outer cell may be NULL.
    is_outer_nullable: bool,
    inner: String,
    is_inner_nullable: bool,
}

#[derive(Debug)]
enum Outer {
    Cell(String),
    /// The outer cell is a list: a row source of its values, and the value.
    List {
        source: String,
        value: String,
    },
}

/// What an `EXISTS` asks of its rows.
pub(super) struct Body {
    /// `None`: that there are rows.
    pub condition: Option<String>,
    /// Whether the condition reads rows outside.
    pub reads_outside: bool,
}

impl Joins {
    /// The query of a value over these rows.
    pub fn select(&self, value: &str, condition: Option<&str>) -> String {
        let mut from = self.inner.clone();
        let mut conditions = Vec::new();
        for key in &self.keys {
            let outer = match &key.outer {
                Outer::Cell(cell) => cell,
                Outer::List { source, value } => {
                    from.insert(0, source.clone());
                    value
                }
            };
            conditions.push(format!("{} = {outer}", key.inner));
        }
        self.write(value, from, conditions, condition)
    }

    /// The query of the values that the only key's outer side must be among.
    fn select_key(&self, key: &Key, condition: Option<&str>) -> String {
        let conditions = if key.is_inner_nullable { vec![format!("{} IS NOT NULL", key.inner)] } else { Vec::new() };
        self.write(&key.inner, self.inner.clone(), conditions, condition)
    }

    fn write(&self, value: &str, from: Vec<String>, conditions: Vec<String>, condition: Option<&str>) -> String {
        let mut sql = format!("SELECT {value} FROM ");
        sql.push_str(&if from.is_empty() { "(SELECT 1)".to_owned() } else { from.join(", ") });
        for outer in &self.outer {
            sql.push(' ');
            sql.push_str(outer);
        }
        let all: Vec<&str> = conditions.iter().chain(&self.conditions).map(String::as_str).chain(condition).collect();
        if !all.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&all.join(" AND "));
        }
        sql
    }

    fn add_outer(&mut self, source: &str, condition: &str) {
        self.outer.push(format!("LEFT JOIN {source} ON {condition}"));
    }
}

impl<'a> Emitter<'_> {
    /// Joins `nodes` (all whose parents are among them or in reach already); those in `inner` must have a row.
    pub fn join(&mut self, frame: &Frame<'a>, nodes: NodeSet, inner: NodeSet, joins: &mut Joins) -> Frame<'a> {
        let mut frame = frame.clone();
        // Inner rows first: an outer join may hang on an inner one, never the other way round.
        for node in nodes.common(inner).iter().chain(nodes.without(inner).iter()) {
            let is_inner = inner.contains(node);
            let row = self.join_node(&frame, node, nodes, is_inner, joins);
            frame.bind(node, row);
        }
        frame
    }

    fn join_node(&mut self, frame: &Frame<'_>, node: usize, nodes: NodeSet, is_inner: bool, joins: &mut Joins) -> Row {
        let resolved = frame.resolved;
        let step = &resolved.nodes[node].step;
        let is_root = !matches!(step.parent(), Some(Source::Node(parent)) if nodes.contains(parent));
        if let Some(collection) = &resolved.nodes[node].collection {
            self.reads(collection);
            self.is_bounded &= !collection.is_view();
        }
        match step {
            Step::Relation { from, field } => {
                let relation = &resolved.collection_of(*from).fields[*field];
                let (row, table) = self.table(frame, node, is_inner);
                let id = self.cell(&row, "id");
                let parent = self.parent(frame, *from, &relation.name);
                self.tie(
                    joins,
                    relation,
                    Tie { table, key: id, is_key_nullable: row.is_nullable, parent, is_root, is_inner },
                );
                row
            }
            Step::Back { from, field } => {
                let parent = self.parent(frame, *from, "id");
                self.join_back(frame, node, *field, parent, is_root, is_inner, joins)
            }
            Step::BackOfIds { list, field } => {
                let id = self.param(Param::First(*list));
                let parent = Parent { cell: id, is_nullable: true, is_constant: true };
                self.join_back(frame, node, *field, parent, is_root, is_inner, joins)
            }
            Step::Each { from, field } => {
                let name = &resolved.collection_of(*from).fields[*field].name;
                let parent = self.parent(frame, *from, name);
                let (row, source) = self.list(&parent.cell, is_inner);
                joins.hangs_outside |= is_root;
                add_source(joins, source, is_inner);
                row
            }
            Step::All { .. } => {
                self.is_bounded = false;
                let (row, table) = self.table(frame, node, is_inner);
                add_source(joins, table, is_inner);
                row
            }
            Step::Ids { list } => self.join_ids(frame, node, *list, is_inner, joins),
            Step::EachOf { list } => {
                let alias = self.alias();
                let param = self.param(Param::List(*list));
                let source = self.dialect.json_list_parameter(&param, &alias);
                add_source(joins, source, is_inner);
                self.row(alias, !is_inner)
            }
        }
    }

    /// A row of the node's table, and the table under its alias.
    fn table(&mut self, frame: &Frame<'_>, node: usize, is_inner: bool) -> (Row, String) {
        let collection = frame.resolved.collection_of(Source::Node(node));
        let alias = self.alias();
        let table = format!("{} AS {alias}", self.dialect.quote(&collection.name));
        (self.row(alias, !is_inner || collection.is_view()), table)
    }

    /// A row of a list's values, and the list under its alias.
    fn list(&mut self, cell: &str, is_inner: bool) -> (Row, String) {
        let alias = self.alias();
        let source = self.dialect.json_list(cell, &alias);
        (self.row(alias, !is_inner), source)
    }

    fn parent(&mut self, frame: &Frame<'_>, from: Source, name: &str) -> Parent {
        let row = frame.row(from).expect("parents are joined before their children").clone();
        Parent { cell: self.cell(&row, name), is_nullable: row.is_nullable, is_constant: false }
    }

    /// Ties a table by its id to a relation field of the parent.
    fn tie(&mut self, joins: &mut Joins, relation: &Field, tie: Tie) {
        let Tie { table, key, is_key_nullable, parent, is_root, is_inner } = tie;
        if relation.shape() != FieldShape::Multiple {
            return self.tie_cell(joins, Tie { table, key, is_key_nullable, parent, is_root, is_inner });
        }
        let (list, source) = self.list(&parent.cell, is_inner);
        let value = self.dialect.json_list_value(&list.alias);
        match (is_inner, is_root) {
            (true, true) => {
                joins.inner.push(table);
                joins.keys.push(Key {
                    outer: Outer::List { source, value },
                    is_outer_nullable: false, // NULL isn't among a list's values
                    inner: key,
                    is_inner_nullable: is_key_nullable,
                });
            }
            (true, false) => {
                joins.inner.extend([source, table]);
                joins.conditions.push(format!("{key} = {value}"));
            }
            (false, _) => {
                joins.hangs_outside |= is_root;
                joins.add_outer(&source, "TRUE");
                joins.add_outer(&table, &format!("{key} = {value}"));
            }
        }
    }

    fn tie_cell(&mut self, joins: &mut Joins, tie: Tie) {
        let Tie { table, key, is_key_nullable, parent, is_root, is_inner } = tie;
        if !is_inner {
            joins.hangs_outside |= is_root && !parent.is_constant;
            return joins.add_outer(&table, &format!("{key} = {}", parent.cell));
        }
        joins.inner.push(table);
        if is_root && !parent.is_constant {
            joins.keys.push(Key {
                outer: Outer::Cell(parent.cell),
                is_outer_nullable: parent.is_nullable,
                inner: key,
                is_inner_nullable: is_key_nullable,
            });
        } else {
            joins.conditions.push(format!("{key} = {}", parent.cell));
        }
    }

    /// Rows whose relation field holds the parent's id.
    #[expect(clippy::too_many_arguments, reason = "the two kinds of back relation differ in their parent alone")]
    fn join_back(
        &mut self,
        frame: &Frame<'_>,
        node: usize,
        field: usize,
        parent: Parent,
        is_root: bool,
        is_inner: bool,
        joins: &mut Joins,
    ) -> Row {
        let collection = frame.resolved.collection_of(Source::Node(node)).clone();
        let relation = &collection.fields[field];
        let (row, table) = self.table(frame, node, is_inner);
        let cell = self.cell(&row, &relation.name);
        if relation.shape() != FieldShape::Multiple {
            self.is_bounded &= has_index(&collection, &relation.name);
            let is_key_nullable = row.is_nullable;
            self.tie_cell(joins, Tie { table, key: cell, is_key_nullable, parent, is_root, is_inner });
            return row;
        }
        self.is_bounded = false;
        let (list, source) = self.list(&cell, is_inner);
        let value = self.dialect.json_list_value(&list.alias);
        if is_inner {
            joins.inner.push(table);
            self.tie_cell(joins, Tie { table: source, key: value, is_key_nullable: true, parent, is_root, is_inner });
        } else {
            joins.hangs_outside |= is_root && !parent.is_constant;
            let holds = format!("EXISTS (SELECT 1 FROM {source} WHERE {value} = {})", parent.cell);
            joins.add_outer(&table, &holds);
        }
        row
    }

    /// Rows with the ids of a request's list.
    fn join_ids(&mut self, frame: &Frame<'_>, node: usize, list: usize, is_inner: bool, joins: &mut Joins) -> Row {
        let (row, table) = self.table(frame, node, is_inner);
        let id = self.cell(&row, "id");
        let value = if frame.resolved.nodes[node].is_many {
            let alias = self.alias();
            let param = self.param(Param::List(list));
            add_source(joins, self.dialect.json_list_parameter(&param, &alias), is_inner);
            self.dialect.json_list_value(&alias)
        } else {
            self.param(Param::First(list))
        };
        let condition = format!("{id} = {value}");
        if is_inner {
            joins.inner.push(table);
            joins.conditions.push(condition);
        } else {
            joins.add_outer(&table, &condition);
        }
        row
    }

    /// Whether there is, or is no, combination of the joined rows that meets `body`.
    pub fn exists(&mut self, joins: &Joins, body: &Body, sense: Sense) -> String {
        let condition = body.condition.as_deref();
        let not = match sense {
            Sense::Is => "",
            Sense::IsNot => "NOT ",
        };
        let only_key = match &joins.keys[..] {
            [key] if self.purpose == Purpose::List && !joins.hangs_outside && !body.reads_outside => Some(key),
            _ => None,
        };
        let Some(key) = only_key else {
            return format!("{not}EXISTS ({})", joins.select("1", condition));
        };
        let keys = joins.select_key(key, condition);
        match &key.outer {
            Outer::Cell(cell) if sense == Sense::IsNot && key.is_outer_nullable => {
                format!("({cell} IS NULL OR {cell} NOT IN ({keys}))")
            }
            Outer::Cell(cell) => format!("{cell} {not}IN ({keys})"),
            Outer::List { source, value } => {
                format!("{not}EXISTS (SELECT 1 FROM {source} WHERE {value} IN ({keys}))")
            }
        }
    }
}

/// The cell that a row hangs on.
struct Parent {
    cell: String,
    is_nullable: bool,
    is_constant: bool,
}

/// How a row source is tied to its parent.
struct Tie {
    table: String,
    key: String,
    is_key_nullable: bool,
    parent: Parent,
    is_root: bool,
    is_inner: bool,
}

fn add_source(joins: &mut Joins, source: String, is_inner: bool) {
    if is_inner {
        joins.inner.push(source);
    } else {
        joins.add_outer(&source, "TRUE");
    }
}

/// Whether an index finds rows by this column.
fn has_index(collection: &Collection, column: &str) -> bool {
    collection.read_indexes().any(|index| {
        index.condition.is_empty() && index.columns.first().is_some_and(|first| first.name.eq_ignore_ascii_case(column))
    })
}
