//! The items of FROM: their names, and the columns they have for certain.

use sqlparser::ast::{
    Expr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins,
};

use super::{
    names,
    scope::{Columns, Relation},
};

/// The queries of one WITH, which hide tables of their names.
#[derive(Debug, Default)]
struct With {
    queries: Vec<(String, Columns)>,
    /// How many of them can be seen: from within one, only those before it, unless the WITH is recursive.
    seen: usize,
}

/// The queries around a place in a statement.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<With>);

impl Items {
    /// Enters a query, of which the queries of its WITH come first.
    pub(super) fn enter(&mut self, query: &Query) {
        self.define(query);
        if let (Some(with), Some(around)) = (&query.with, self.0.last_mut())
            && !with.recursive
        {
            around.seen = 0;
        }
    }

    /// Leaves a query: what comes next in the one around it sees one more.
    pub(super) fn leave(&mut self) {
        self.0.pop();
        if let Some(around) = self.0.last_mut() {
            around.seen = around.queries.len().min(around.seen + 1);
        }
    }

    /// Enters a query behind its WITH.
    fn define(&mut self, query: &Query) {
        let with = query.with.as_ref();
        let ctes = || with.iter().flat_map(|with| &with.cte_tables);
        let name = |alias: &TableAlias| folded(&alias.name);
        let mut around = With::default();
        if with.is_some_and(|with| with.recursive) {
            // While they are not known, they hide tables all the same.
            let unknown = ctes().map(|cte| (name(&cte.alias), Columns::default()));
            around.queries = unknown.collect();
            around.seen = around.queries.len();
        }
        self.0.push(around);
        for (at, cte) in ctes().enumerate() {
            let columns = renamed(Some(&cte.alias)).unwrap_or_else(|| self.given(&cte.query));
            let Some(around) = self.0.last_mut() else {
                return;
            };
            match around.queries.get_mut(at) {
                Some((_, unknown)) => *unknown = columns,
                None => around.queries.push((name(&cte.alias), columns)),
            }
            around.seen = around.queries.len();
        }
    }

    /// The columns a query gives.
    fn given(&mut self, query: &Query) -> Columns {
        self.define(query);
        let given = self.of_body(&query.body);
        self.0.pop();
        given
    }

    /// Of a union, those of its first part.
    fn of_body(&mut self, body: &SetExpr) -> Columns {
        match body {
            SetExpr::Select(select) => {
                let items = select.projection.iter();
                items.fold(Columns::default(), |all, item| {
                    all.and(self.of_output(item, select))
                })
            }
            SetExpr::Query(query) => self.given(query),
            SetExpr::SetOperation { left, .. } => self.of_body(left),
            _ => Columns::default(),
        }
    }

    fn of_output(&mut self, item: &SelectItem, select: &Select) -> Columns {
        let items = || select.from.iter().flat_map(factors);
        match item {
            SelectItem::ExprWithAlias { alias, .. } => column(alias).into(),
            SelectItem::UnnamedExpr(expression) => own_name(expression).into(),
            SelectItem::Wildcard(_) => {
                items().fold(Columns::default(), |all, item| all.and(self.columns(item)))
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let name = last(name);
                let mut meant = items().filter(|item| name_of(item) == name);
                match (meant.next(), meant.next()) {
                    (Some(item), None) => self.columns(item),
                    _ => Columns::default(),
                }
            }
            _ => Columns::default(),
        }
    }

    /// The columns of an item.
    pub(super) fn columns(&mut self, item: &TableFactor) -> Columns {
        match item {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => renamed(alias.as_ref()).unwrap_or_else(|| self.of_relation(name)),
            TableFactor::Derived {
                subquery, alias, ..
            } => renamed(alias.as_ref()).unwrap_or_else(|| self.given(subquery)),
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => renamed(alias.as_ref()).unwrap_or_else(|| {
                let items = factors(table_with_joins);
                items.fold(Columns::default(), |all, item| all.and(self.columns(item)))
            }),
            // What a function gives is not known here, unless it is named.
            TableFactor::Table { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. } => renamed(alias.as_ref()).unwrap_or_default(),
            _ => Columns::default(),
        }
    }

    fn of_relation(&self, name: &ObjectName) -> Columns {
        let Some(relation) = relation(name) else {
            return Columns::default();
        };
        let seen = |with: &With| {
            let mut seen = with.queries.iter().take(with.seen);
            seen.find(|(query, _)| relation.0.is_none() && *query == relation.1)
                .map(|(_, columns)| columns.clone())
        };
        let query = self.0.iter().rev().find_map(seen);
        query.unwrap_or_else(|| Columns {
            of: [relation].into(),
            ..Columns::default()
        })
    }
}

impl From<Option<String>> for Columns {
    fn from(name: Option<String>) -> Self {
        Self {
            named: name.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// A name as the database has it.
pub(super) fn folded(ident: &Ident) -> String {
    names::folded(&ident.value, ident.quote_style).into_owned()
}

fn last(name: &ObjectName) -> Option<String> {
    Some(names::parts(name)?.pop()?.into_owned())
}

fn relation(name: &ObjectName) -> Option<Relation> {
    let parts = names::parts(name)?;
    match &parts[..] {
        [name] => Some((None, name.to_string())),
        [schema, name] => Some((Some(schema.to_string()), name.to_string())),
        _ => None,
    }
}

/// The name an item has for others.
pub(super) fn name_of(item: &TableFactor) -> Option<String> {
    let (alias, name) = match item {
        TableFactor::Table { alias, name, .. } | TableFactor::Function { alias, name, .. } => {
            (alias, last(name))
        }
        TableFactor::UNNEST { alias, .. } => (alias, Some("unnest".to_owned())),
        TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => (alias, None),
        _ => return None,
    };
    let alias = alias.as_ref().map(|alias| folded(&alias.name));
    alias.or(name)
}

/// The columns an alias names.
fn renamed(alias: Option<&TableAlias>) -> Option<Columns> {
    let columns = &alias?.columns;
    let named = columns.iter().map(|column| folded(&column.name));
    (!columns.is_empty()).then(|| Columns {
        named: named.collect(),
        ..Columns::default()
    })
}

fn factors(table: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    let joined = table.joins.iter().map(|join| &join.relation);
    std::iter::once(&table.relation).chain(joined)
}

/// A name that is one for certain: `SELECT a isnull` has a test where another reader may see an alias.
fn column(ident: &Ident) -> Option<String> {
    (!names::is_reserved(ident)).then(|| folded(ident))
}

/// The name a column has without an alias (PostgreSQL's `FigureColname`), where that is simple.
fn own_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => column(name),
        Expr::CompoundIdentifier(parts) => parts.last().and_then(column),
        Expr::Nested(inner) => own_name(inner),
        Expr::Cast { expr, .. } => own_name(expr),
        Expr::Function(function) if matches!(function.args, FunctionArguments::List(_)) => {
            // `trim` is called `btrim`.
            last(&function.name).filter(|name| name != "trim")
        }
        _ => None,
    }
}
