//! The forms of a statement: a walk over all of it, on which every form is named or refused.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{
    AccessExpr, CastKind, CeilFloorKind, DateTimeField, Distinct, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, Join,
    JoinOperator, LimitClause, ObjectName, OrderByExpr, OrderByKind, Query, Select, SelectFlavor,
    SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, UnaryOperator, Value,
    ValueWithSpan, Visitor, WildcardAdditionalOptions,
};

use super::{
    Gate, MAX_DEPTH, Refused, functions,
    items::{self, Items},
    names, operators,
    scope::Scope,
    types,
};

/// How deep expressions may nest. Chains like `1 + 1 + …` nest to the left as deep as they are long, so it is more
/// than brackets may.
const MAX_EXPRESSIONS: usize = 10 * MAX_DEPTH;

/// Walks a statement.
pub(super) struct Forms<'a> {
    gate: &'a Gate,
    depth: usize,
    /// Names that stand before the brackets of their columns: `WITH a (x) AS …`, `FROM … AS b (y)`.
    with_columns: BTreeSet<String>,
    items: Items,
    scope: Scope,
}

type Verdict = ControlFlow<Refused>;

impl<'a> Forms<'a> {
    pub(super) fn of(gate: &'a Gate) -> Self {
        Self {
            gate,
            depth: 0,
            with_columns: BTreeSet::new(),
            items: Items::default(),
            scope: Scope::default(),
        }
    }

    /// Whether a name was seen before the brackets of its columns.
    pub(super) fn names_columns(&self, name: &str) -> bool {
        self.with_columns.contains(name)
    }

    /// What the names of the statement may mean.
    pub(super) fn into_scope(self) -> Scope {
        self.scope
    }

    fn alias(&mut self, alias: Option<&TableAlias>) -> Result<(), Refused> {
        let Some(alias) = alias else { return Ok(()) };
        names::check_name(&alias.name)?;
        let mut columns = alias.columns.iter();
        columns.try_for_each(|column| names::check_name(&column.name))?;
        if !alias.columns.is_empty() {
            let name = names::folded(&alias.name.value, alias.name.quote_style);
            self.with_columns.insert(name.into_owned());
        }
        let typed = alias
            .columns
            .iter()
            .any(|column| column.data_type.is_some());
        refuse_if(
            typed || alias.at.is_some(),
            "columns of an alias have names only",
        )
    }

    fn callable(&mut self, name: &ObjectName, arguments: &[FunctionArg]) -> Result<(), Refused> {
        let parts = names::parts(name).unwrap_or_default();
        if self.gate.adds(&parts.join(".")) {
            return Ok(());
        }
        let (known, shown) = match &parts[..] {
            [name] => (functions::is_known(name), name),
            [schema, name] => (schema == "pg_catalog" && functions::is_known(name), name),
            _ => return Err(unknown("the name of a function")),
        };
        if !known {
            return Err(names::not_callable(shown));
        }
        if parts.len() == 1 {
            self.scope.call(shown);
        }
        functions::check(shown, arguments)
    }

    fn member(&mut self, parts: &[&Ident]) -> Result<(), Refused> {
        let ([of, name] | [_, of, name]) = parts else {
            let why = "columns are named `column`, `table.column` or `schema.table.column`";
            return Err(Refused::new(why));
        };
        self.scope.member(items::folded(of), items::folded(name));
        Ok(())
    }

    /// `a.b[1]`, and never `a[1].b`: as with `a.b`, that may be a call, and what columns a value has is not known here.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) -> Result<(), Refused> {
        let mut names: Vec<&Ident> = match root {
            Expr::Identifier(name) => vec![name],
            Expr::CompoundIdentifier(names) => names.iter().collect(),
            _ => Vec::new(),
        };
        let mut chain = chain.iter().peekable();
        while let Some(AccessExpr::Dot(Expr::Identifier(name))) = chain.peek()
            && !names.is_empty()
        {
            names.push(name);
            chain.next();
        }
        let index = |access: &AccessExpr| matches!(access, AccessExpr::Subscript(_));
        refuse_if(
            !chain.all(index),
            "members of rows are not; name the columns",
        )?;
        if names.len() > 1 {
            self.member(&names)?;
        }
        Ok(())
    }

    fn calls(&mut self, name: &str) -> Result<(), Refused> {
        self.scope.call(name);
        Ok(())
    }

    fn function(&mut self, function: &Function) -> Result<(), Refused> {
        let plain = function.parameters == FunctionArguments::None && !function.uses_odbc_syntax;
        refuse_if(!plain, "functions are called as `name(arguments)`")?;
        let arguments = match &function.args {
            // `ARRAY(SELECT …)` is no call. A function with a bare query in its brackets is none of PostgreSQL's.
            FunctionArguments::Subquery(_) => {
                let array = names::is_word(&function.name, "array");
                return refuse_if(!array, "a query as argument stands in brackets of its own");
            }
            FunctionArguments::None => &[][..],
            FunctionArguments::List(list) => {
                let ordered = |clause: &FunctionArgumentClause| {
                    matches!(clause, FunctionArgumentClause::OrderBy(_))
                };
                let fine = list.clauses.iter().all(ordered);
                refuse_if(!fine, "of the clauses in a call only ORDER BY is")?;
                list.args.iter().try_for_each(argument)?;
                &list.args[..]
            }
        };
        if names::is_word(&function.name, "row") {
            return Ok(());
        }
        self.callable(&function.name, arguments)
    }

    fn table(&mut self, factor: &TableFactor) -> Result<(), Refused> {
        if let Some(name) = items::name_of(factor) {
            let columns = self.items.columns(factor);
            self.scope.item(name, columns);
        }
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality: _,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                self.alias(alias.as_ref())?;
                match args {
                    None => names::check_relation(name),
                    Some(args) if args.settings.is_none() => {
                        args.args.iter().try_for_each(argument)?;
                        self.callable(name, &args.args)
                    }
                    Some(_) => Err(unknown("a table function")),
                }
            }
            TableFactor::Derived {
                lateral: _,
                subquery: _,
                alias,
                sample: None,
            }
            | TableFactor::NestedJoin {
                table_with_joins: _,
                alias,
            } => self.alias(alias.as_ref()),
            TableFactor::UNNEST {
                alias,
                array_exprs: _,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: _,
            } => {
                self.calls("unnest")?;
                self.alias(alias.as_ref())
            }
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality: _,
                alias,
            } => {
                self.alias(alias.as_ref())?;
                args.iter().try_for_each(argument)?;
                self.callable(name, args)
            }
            _ => Err(unknown("something in FROM")),
        }
    }

    fn query(&mut self, query: &Query) -> Result<(), Refused> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.alias(Some(&cte.alias))?;
            refuse_if(cte.from.is_some(), "a WITH query has no FROM of its own")?;
        }
        refuse_if(
            !query.locks.is_empty(),
            "rows cannot be locked; leave FOR UPDATE and FOR SHARE out",
        )?;
        let odd = query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        refuse_if(odd, "it has clauses PostgreSQL does not")?;
        let limited = match &query.limit_clause {
            None => true,
            Some(LimitClause::LimitOffset { limit_by, .. }) => limit_by.is_empty(),
            Some(LimitClause::OffsetCommaLimit { .. }) => false,
        };
        refuse_if(!limited, "a limit is written `LIMIT count OFFSET start`")?;
        if let Some(order) = &query.order_by {
            let plain =
                matches!(order.kind, OrderByKind::Expressions(_)) && order.interpolate.is_none();
            refuse_if(!plain, "ORDER BY lists expressions")?;
        }
        body(&query.body)
    }

    fn expression(&mut self, expression: &Expr) -> Result<(), Refused> {
        match expression {
            Expr::CompoundIdentifier(parts) => self.member(&parts.iter().collect::<Vec<_>>()),
            Expr::Identifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Like { any: false, .. }
            | Expr::ILike { any: false, .. }
            | Expr::SimilarTo { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Position { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::Interval(_) => Ok(()),
            // With commas they are functions like any other.
            Expr::Substring { .. } => self.calls("substring"),
            Expr::Overlay { .. } => self.calls("overlay"),
            Expr::Ceil { field, .. } | Expr::Floor { field, .. } => {
                self.calls("ceil")?;
                self.calls("floor")?;
                let plain = matches!(
                    field,
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime)
                );
                refuse_if(!plain, "numbers are rounded with one argument")
            }
            Expr::Extract { .. } => Ok(()),
            Expr::BinaryOp { op, .. }
            | Expr::AnyOp { compare_op: op, .. }
            | Expr::AllOp { compare_op: op, .. } => operators::check(op),
            Expr::UnaryOp { op, .. } => match op {
                UnaryOperator::Plus
                | UnaryOperator::Minus
                | UnaryOperator::Not
                | UnaryOperator::BitwiseNot => Ok(()),
                _ => Err(unknown("an operator")),
            },
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                data_type,
                format: None,
                ..
            } => types::check(data_type),
            Expr::TypedString(typed) => types::check(&typed.data_type),
            Expr::Function(function) => self.function(function),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            _ => Err(unknown("an expression")),
        }
    }
}

impl Visitor for Forms<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &Query) -> Verdict {
        self.items.enter(query);
        verdict(self.query(query))
    }

    fn post_visit_query(&mut self, _: &Query) -> Verdict {
        self.items.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, chosen: &Select) -> Verdict {
        verdict(select(chosen))
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Verdict {
        verdict(names::check_relation(relation))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Verdict {
        verdict(self.table(factor))
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Verdict {
        self.depth += 1;
        if self.depth > MAX_EXPRESSIONS {
            let why = "an expression has too many parts. Write lists as `IN (…)`";
            return ControlFlow::Break(Refused::new(why));
        }
        verdict(self.expression(expression))
    }

    fn post_visit_expr(&mut self, _: &Expr) -> Verdict {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_order_by_expr(&mut self, order: &OrderByExpr) -> Verdict {
        verdict(refuse_if(order.with_fill.is_some(), "ORDER BY has no FILL"))
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> Verdict {
        verdict(match value.value {
            Value::Number(_, false)
            | Value::SingleQuotedString(_)
            | Value::Boolean(_)
            | Value::Null => Ok(()),
            _ => Err(unknown("a value")),
        })
    }
}

fn verdict(judged: Result<(), Refused>) -> Verdict {
    match judged {
        Ok(()) => ControlFlow::Continue(()),
        Err(refused) => ControlFlow::Break(refused),
    }
}

fn refuse_if(bad: bool, why: &str) -> Result<(), Refused> {
    if bad { Err(Refused::new(why)) } else { Ok(()) }
}

fn unknown(what: &str) -> Refused {
    Refused::new(format!(
        "{what} is of a form that is not known here. Write it in a simpler way"
    ))
}

fn argument(argument: &FunctionArg) -> Result<(), Refused> {
    let given = match argument {
        FunctionArg::Unnamed(given) | FunctionArg::Named { arg: given, .. } => given,
        FunctionArg::ExprNamed { .. } => return Err(unknown("an argument")),
    };
    match given {
        FunctionArgExpr::Expr(_) | FunctionArgExpr::Wildcard => Ok(()),
        FunctionArgExpr::QualifiedWildcard(name) => names::check_relation(name),
        _ => Err(unknown("an argument")),
    }
}

fn body(body: &SetExpr) -> Result<(), Refused> {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => Ok(()),
        SetExpr::SetOperation { left, right, .. } => {
            self::body(left)?;
            self::body(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => Err(
            Refused::new("it would change data, and queries here only read. Leave that part out"),
        ),
        SetExpr::Table(_) => Err(Refused::new("TABLE is written `SELECT * FROM`")),
    }
}

fn select(select: &Select) -> Result<(), Refused> {
    refuse_if(
        select.into.is_some(),
        "a query cannot make tables; leave INTO out",
    )?;
    let odd = select.flavor != SelectFlavor::Standard
        || !select.optimizer_hints.is_empty()
        || select.select_modifiers.is_some()
        || select.top.is_some()
        || select.exclude.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.qualify.is_some()
        || select.value_table_mode.is_some();
    refuse_if(odd, "it has clauses PostgreSQL does not")?;
    let grouped = matches!(&select.group_by, GroupByExpr::Expressions(_, more) if more.is_empty());
    refuse_if(!grouped, "GROUP BY lists expressions")?;
    let distinct = matches!(
        select.distinct,
        None | Some(Distinct::All | Distinct::Distinct | Distinct::On(_))
    );
    refuse_if(!distinct, "DISTINCT is of an unknown form")?;
    select.projection.iter().try_for_each(item)?;
    select.from.iter().try_for_each(joined)
}

fn item(item: &SelectItem) -> Result<(), Refused> {
    let plain = |options: &WildcardAdditionalOptions| {
        options.opt_ilike.is_none()
            && options.opt_exclude.is_none()
            && options.opt_except.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none()
            && options.opt_alias.is_none()
    };
    let fine = match item {
        SelectItem::UnnamedExpr(_) => true,
        // `SELECT a 'x'` has no alias but a value of the type `a`.
        SelectItem::ExprWithAlias { alias, .. } => matches!(alias.quote_style, None | Some('"')),
        SelectItem::ExprWithAliases { .. } => false,
        SelectItem::QualifiedWildcard(_, options) | SelectItem::Wildcard(options) => plain(options),
    };
    refuse_if(
        !fine,
        "the list of SELECT has expressions, aliases and `*` only",
    )
}

fn joined(table: &TableWithJoins) -> Result<(), Refused> {
    table.joins.iter().try_for_each(join)
}

fn join(join: &Join) -> Result<(), Refused> {
    let known = matches!(
        join.join_operator,
        JoinOperator::Join(_)
            | JoinOperator::Inner(_)
            | JoinOperator::Left(_)
            | JoinOperator::LeftOuter(_)
            | JoinOperator::Right(_)
            | JoinOperator::RightOuter(_)
            | JoinOperator::FullOuter(_)
            | JoinOperator::CrossJoin(_)
    );
    refuse_if(
        !known || join.global,
        "joins are INNER, LEFT, RIGHT, FULL or CROSS",
    )
}
