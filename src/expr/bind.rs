//! From a parsed expression to one that can be tested: names are gathered, patterns compiled, bounds checked.
//!
//! A field of a root becomes one name, so that only what is mentioned is ever made: `request.tool` and
//! `request["tool"]` become the name `request.tool`, and `has(request.tool)` the question whether it is there.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators,
};
use regex::RegexBuilder;

use super::{
    BadExpr, Place, meter,
    value::{HAS, Names, PATTERN_AT, Pattern},
};
use crate::problem::nearest;

/// The function whose second argument is a pattern.
pub(super) const MATCHES: &str = "matches";

/// The deepest tree. Testing recurses on the stack of the request's task, with up to 50 KiB for each level without
/// optimisation; `&&` and `||` of many terms are balanced and hardly deepen it.
const DEEPEST: usize = 20;

/// How deep loops (`exists`, `all`, `map` …) may nest: the cost is the product of the lists' lengths, which
/// [`meter`] bounds.
const DEEPEST_LOOP: usize = 2;

/// The most memory one compiled pattern may take, in bytes; regular ones take a few thousand.
const LARGEST_PATTERN: usize = 256 * 1024;

/// The functions there are, besides operators.
const FUNCTIONS: [&str; 13] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    MATCHES,
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "string",
    "uint",
    "type",
];

/// The names of types, which `type(x)` is compared with.
const TYPES: [&str; 11] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// A name an expression mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The name: `root.field`, or a name alone.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// What an expression needs.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) mentions: Vec<Mention>,
    pub(super) names: Names,
    pub(super) patterns: Vec<Pattern>,
}

/// Binds an expression, in place.
pub(super) fn bind(tree: &mut IdedExpr, text: &str, source: &SourceInfo) -> Result<Bound, BadExpr> {
    let mut walk = Walk {
        text,
        source,
        bound: Bound::default(),
        scope: Vec::new(),
        depth: 0,
        loops: 0,
    };
    walk.node(tree)?;
    Ok(walk.bound)
}

struct Walk<'a> {
    text: &'a str,
    source: &'a SourceInfo,
    bound: Bound,
    /// The variables of the loops around.
    scope: Vec<String>,
    depth: usize,
    loops: usize,
}

impl Walk<'_> {
    /// Walks a node; in a loop, a value that is named or picked is weighed.
    fn node(&mut self, node: &mut IdedExpr) -> Result<(), BadExpr> {
        if self.loops == 0 || !self.picks(node) {
            return self.unweighed(node);
        }
        self.descend(node)?;
        self.unweighed(node)?;
        meter::weighed(node);
        self.depth -= 1;
        Ok(())
    }

    /// Walks the node that something is picked out of: what is picked is weighed, and not the whole.
    fn source(&mut self, node: &mut IdedExpr) -> Result<(), BadExpr> {
        match self.picks(node) {
            true => self.unweighed(node),
            false => self.node(node),
        }
    }

    fn descend(&mut self, node: &IdedExpr) -> Result<(), BadExpr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("it nests more than {DEEPEST} deep");
            return Err(BadExpr::at(self.place(node), message));
        }
        Ok(())
    }

    fn unweighed(&mut self, node: &mut IdedExpr) -> Result<(), BadExpr> {
        self.descend(node)?;
        let place = self.place(node);
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.name(name.clone(), place),
            Expr::Select(select) => {
                let root = self.root(&select.operand);
                match root {
                    Some(root) => {
                        let name = format!("{root}.{}", select.field);
                        let place = self.place(&select.operand);
                        node.expr = self.field(name, select.test, place);
                    }
                    None => self.source(&mut select.operand)?,
                }
            }
            Expr::Call(call) => match self.indexed(call) {
                Some((name, place)) => node.expr = self.field(name, false, place),
                None => self.call(call, place)?,
            },
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, place)?,
            Expr::List(list) => list
                .elements
                .iter_mut()
                .try_for_each(|node| self.node(node))?,
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.node(&mut entry.key)?;
                        self.node(&mut entry.value)?;
                    }
                }
            }
            Expr::Struct(_) => return Err(BadExpr::at(place, "structures cannot be made here")),
        }
        self.depth -= 1;
        Ok(())
    }

    fn name(&mut self, name: String, place: Place) {
        let known = name.starts_with('@') || self.is_variable(&name) || TYPES.contains(&&*name);
        if !known {
            self.bound.names.note(&name, self.loops > 0);
            self.bound.mentions.push(Mention { name, place });
        }
    }

    /// Notes a field of a root and gives what stands for it.
    fn field(&mut self, name: String, test: bool, place: Place) -> Expr {
        let ident = if test {
            format!("{HAS}{name}")
        } else {
            name.clone()
        };
        self.bound.names.note(&ident, self.loops > 0);
        self.bound.mentions.push(Mention { name, place });
        Expr::Ident(ident)
    }

    /// The root that `node` names, if it names one.
    fn root<'n>(&self, node: &'n IdedExpr) -> Option<&'n str> {
        match &node.expr {
            Expr::Ident(name) if !name.starts_with('@') && !self.is_variable(name) => Some(name),
            _ => None,
        }
    }

    /// The name a field of a root has when it is written in brackets.
    fn indexed(&self, call: &CallExpr) -> Option<(String, Place)> {
        let (operand, key) = parts_of_index(call)?;
        match &key.expr {
            Expr::Literal(LiteralValue::String(key)) => {
                let name = format!("{}.{}", self.root(operand)?, key.inner());
                Some((name, self.place(operand)))
            }
            _ => None,
        }
    }

    fn call(&mut self, call: &mut CallExpr, place: Place) -> Result<(), BadExpr> {
        let operator = call.func_name.starts_with(['_', '!', '-', '@']);
        if !operator && !FUNCTIONS.contains(&&*call.func_name) {
            let message = format!("there is no function `{}`", call.func_name);
            return Err(BadExpr {
                nearest: nearest(&call.func_name, FUNCTIONS).map(str::to_owned),
                ..BadExpr::at(place, message)
            });
        }
        if call.func_name == MATCHES {
            self.pattern(call, place)?;
        }
        if let Some(target) = &mut call.target {
            self.node(target)?;
        }
        let is_index = call.func_name == operators::INDEX && call.target.is_none();
        for (at, node) in call.args.iter_mut().enumerate() {
            match is_index && at == 0 {
                true => self.source(node)?,
                false => self.node(node)?,
            }
        }
        Ok(())
    }

    /// Whether a node names a value of the outside or of a loop, or picks a part of one.
    fn picks(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Ident(name) if self.is_variable(name) => !name.starts_with('@'),
            Expr::Ident(name) => !name.starts_with('@') && !TYPES.contains(&&**name),
            Expr::Select(select) => !select.test && self.picks(&select.operand),
            Expr::Call(call) => parts_of_index(call).is_some_and(|(source, _)| self.picks(source)),
            _ => false,
        }
    }

    /// Compiles the pattern of `text.matches(pattern)`, or of `matches(text, pattern)`, which becomes the other.
    fn pattern(&mut self, call: &mut CallExpr, place: Place) -> Result<(), BadExpr> {
        if call.target.is_none() && call.args.len() == 2 {
            call.target = Some(Box::new(call.args.remove(0)));
        }
        let [pattern] = &mut call.args[..] else {
            return Err(BadExpr::at(place, "`matches` takes a text and a pattern"));
        };
        let at = self.place(pattern);
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            let bad = BadExpr::at(at, "a pattern cannot be computed");
            return Err(bad.expected("a text in quotes"));
        };
        let compiled = RegexBuilder::new(text.inner())
            .size_limit(LARGEST_PATTERN)
            .dfa_size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|error| BadExpr::at(at, format!("no pattern: {}", last_line(&error))))?;
        pattern.expr = Expr::Ident(format!("{PATTERN_AT}{}", self.bound.patterns.len()));
        self.bound.patterns.push(Pattern(compiled));
        Ok(())
    }

    fn comprehension(
        &mut self,
        comprehension: &mut ComprehensionExpr,
        place: Place,
    ) -> Result<(), BadExpr> {
        self.node(&mut comprehension.iter_range)?;
        self.loops += 1;
        if self.loops > DEEPEST_LOOP {
            let message = format!("loops nest more than {DEEPEST_LOOP} deep");
            return Err(BadExpr::at(place, message));
        }
        self.node(&mut comprehension.accu_init)?;
        let outside = self.scope.len();
        self.scope.push(comprehension.iter_var.clone());
        self.scope.extend(comprehension.iter_var2.clone());
        self.scope.push(comprehension.accu_var.clone());
        self.node(&mut comprehension.loop_cond)?;
        // Where the count of steps stands in a step, it stands one level above.
        let deeper = usize::from(meter::counts_in_step(comprehension));
        self.depth += deeper;
        self.node(&mut comprehension.loop_step)?;
        self.depth -= deeper;
        self.node(&mut comprehension.result)?;
        meter::counted(comprehension);
        self.scope.truncate(outside);
        self.loops -= 1;
        Ok(())
    }

    fn is_variable(&self, name: &str) -> bool {
        self.scope.iter().any(|variable| variable == name)
    }

    fn place(&self, node: &IdedExpr) -> Place {
        let offset = self
            .source
            .offset_for(node.id)
            .map_or(0, |(start, _)| start as usize);
        let Expr::Call(call) = &node.expr else {
            return Place::of(self.text, offset);
        };
        // The parser puts a call where its bracket opens; a reader looks for its name.
        let before: String = self.text.chars().take(offset).collect();
        let name = before
            .ends_with(&call.func_name)
            .then(|| call.func_name.chars().count());
        Place::of(self.text, offset - name.unwrap_or(0))
    }
}

/// The list or map of an index, and the position or key.
fn parts_of_index(call: &CallExpr) -> Option<(&IdedExpr, &IdedExpr)> {
    match (&*call.func_name, &call.target, &*call.args) {
        (operators::INDEX, None, [source, key]) => Some((source, key)),
        _ => None,
    }
}

/// The regex parser draws the pattern over several lines; the last says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
