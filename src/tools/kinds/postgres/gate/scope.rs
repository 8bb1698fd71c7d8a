//! What stands before a dot, and whether what stands behind it is a column.
//!
//! PostgreSQL reads `a.f` as a call `f(a)`, or as a cast to the type `f`, where `a` has no column `f`. So `f` must be
//! a column for certain, or the name of nothing that can be called. Which `a` is meant is not asked, for the rules are
//! many: every item of any FROM that has the name must have the column, and so the one that is meant has it. What a
//! statement cannot tell of itself (the columns of tables, the functions there are) the catalogue tells before the
//! statement is prepared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refused, names};

/// The most names behind dots, and the most relations: each is looked up, for each statement.
const MOST: usize = 400;

/// A relation by its schema, if that is named, and its name.
pub(in super::super) type Relation = (Option<String>, String);

/// Columns an item has for certain; it may have more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// By their names.
    pub(super) named: BTreeSet<String>,
    /// All of these relations.
    pub(super) of: BTreeSet<Relation>,
}

impl Columns {
    /// The columns of both.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.named.extend(others.named);
        self.of.extend(others.of);
        self
    }

    fn have(&self, name: &str, catalogue: &Catalogue) -> bool {
        let has = |relation| {
            let columns = catalogue.columns.get(relation);
            columns.is_some_and(|columns| columns.contains(name))
        };
        self.named.contains(name) || self.of.iter().any(has)
    }
}

/// The items of a statement, and the names behind dots in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Scope {
    /// Of every FROM, by their names.
    items: BTreeMap<String, Vec<Columns>>,
    /// Names before and behind dots.
    members: BTreeSet<(String, String)>,
    /// Functions of the system that are called by their bare names.
    called: BTreeSet<String>,
}

/// What the catalogue says of a statement's names.
#[derive(Debug, Default)]
pub(in super::super) struct Catalogue {
    /// Columns of relations.
    pub(in super::super) columns: BTreeMap<Relation, BTreeSet<String>>,
    /// Names of functions and types.
    pub(in super::super) callable: BTreeSet<String>,
    /// Functions of others with a name of the system's.
    pub(in super::super) overloaded: BTreeSet<String>,
}

impl Scope {
    /// Notes an item of a FROM.
    pub(super) fn item(&mut self, name: String, columns: Columns) {
        self.items.entry(name).or_default().push(columns);
    }

    /// Notes a name before a dot and the one behind it.
    pub(super) fn member(&mut self, of: String, name: String) {
        self.members.insert((of, name));
    }

    /// Notes that a function of the system is called by its bare name.
    pub(super) fn call(&mut self, name: &str) {
        self.called.insert(name.to_owned());
    }

    /// Refuses more names than are looked up.
    pub(super) fn check(&self) -> Result<(), Refused> {
        if self.members.len().max(self.relations().len()) > MOST {
            let why = format!("it names more than {MOST} tables or columns");
            return Err(Refused::new(why));
        }
        Ok(())
    }

    /// Whether nothing has to be looked up.
    pub(in super::super) fn is_plain(&self) -> bool {
        self.members.is_empty() && self.called.is_empty()
    }

    /// The relations whose columns count.
    pub(in super::super) fn relations(&self) -> BTreeSet<&Relation> {
        let items = self.items.values().flatten();
        items.flat_map(|columns| &columns.of).collect()
    }

    /// The names behind dots.
    pub(in super::super) fn names(&self) -> BTreeSet<&str> {
        self.members.iter().map(|(_, name)| name.as_str()).collect()
    }

    /// The functions of the system that are called by their bare names.
    pub(in super::super) fn called(&self) -> Vec<&str> {
        self.called.iter().map(String::as_str).collect()
    }

    /// Refuses a name behind a dot that may be a call, and a function of the system that may be another's.
    pub(in super::super) fn judge(&self, catalogue: &Catalogue) -> Result<(), Refused> {
        for (of, name) in &self.members {
            let items = self.items.get(of);
            let certain = items.is_some_and(|items| {
                let mut items = items.iter();
                items.all(|columns| columns.have(name, catalogue))
            });
            if !certain && catalogue.callable.contains(name) {
                return Err(names::not_a_column(of, name));
            }
        }
        let other = catalogue.overloaded.first();
        other.map_or(Ok(()), |name| Err(names::overloaded(name)))
    }
}
