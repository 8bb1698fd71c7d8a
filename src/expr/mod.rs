//! Conditions of the configuration, in the Common Expression Language (CEL): compiled once, tested often.
//!
//! An expression sees values by dotted names like `request.tool`, and only those it mentions are made. What it
//! may cost is bounded twice: when it is compiled, by its length, its depth, and how deep loops over lists may nest; and
//! when it is evaluated, by the steps its loops take over the values there are. Patterns are linear-time regular expressions, compiled with the expression.
//! Errors never hold values, for those may be a caller's words.

mod bind;
mod error;
mod json;
mod meter;
mod template;
mod value;

use std::sync::{Arc, LazyLock};

use cel::{
    Context, Env,
    common::{
        ast::IdedExpr,
        types::{CelBool, DYN_TYPE, STRING_TYPE},
        value::Val,
    },
    parser::Parser,
};

pub use bind::Mention;
pub use error::{BadExpr, EvalError, Place};
pub use template::Template;
use value::{Names, Pattern, Resolver};
pub use value::{Roots, Value};

/// The longest expression, in bytes. A page of text; a condition that needs more is a program.
pub const LONGEST: usize = 4 * 1024;

/// The deepest nesting the parser follows.
const DEEPEST: u16 = 32;

/// The parser takes up to 200 KiB of stack for each level without optimisation, more than threads have by default.
/// It gets a thread of its own, which also keeps a panic of it away from ours. Touched only as far as it is used.
const STACK: usize = 64 * 1024 * 1024;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expr {
    tree: Arc<IdedExpr>,
    mentions: Vec<Mention>,
    names: Names,
    patterns: Vec<Pattern>,
}

impl Expr {
    /// Compiles an expression.
    pub fn compile(text: &str) -> Result<Self, BadExpr> {
        if text.len() > LONGEST {
            let message = format!("it is {} bytes long", text.len());
            return Err(BadExpr::whole(message).expected(format!("at most {LONGEST}")));
        }
        let text = text.to_owned();
        let room = std::thread::Builder::new().stack_size(STACK);
        let compiling = room.spawn(move || parse_and_bind(&text));
        let compiled = compiling.map(std::thread::JoinHandle::join);
        match compiled {
            Ok(Ok(compiled)) => compiled,
            _ => Err(BadExpr::whole("the parser gave up on it")),
        }
    }

    /// The names it mentions, each with its place: `request.tool`, or a name alone.
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    /// Whether it is true of these values.
    pub fn test(&self, roots: &dyn Roots) -> Result<bool, EvalError> {
        self.resolve(roots, |value| match value.downcast_ref::<CelBool>() {
            Some(answer) => Ok(*answer.inner()),
            None => Err(EvalError::NotBool(value.get_type().name().to_owned())),
        })
    }

    /// Its value for these values, as JSON.
    pub fn value(&self, roots: &dyn Roots) -> Result<serde_json::Value, EvalError> {
        self.resolve(roots, |value| {
            json::from_cel(value).ok_or(EvalError::Unreadable)
        })
    }

    fn resolve<T>(
        &self,
        roots: &dyn Roots,
        read: impl FnOnce(&dyn Val) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let resolver = Resolver::new(roots, &self.patterns, &self.names);
        let mut context = Context::with_env(ENVIRONMENT.clone());
        context.set_variable_resolver(&resolver);
        let value = cel::Value::resolve_val(&self.tree, &context);
        // `||` and `&&` may forget an error of one side, but this one decides nothing.
        if resolver.meter.is_spent() {
            return Err(EvalError::TooLong);
        }
        read(&*value.map_err(EvalError::from)?)
    }
}

fn parse_and_bind(text: &str) -> Result<Expr, BadExpr> {
    let parser = Parser::new().max_recursion_depth(DEEPEST);
    let parsed = parser.parse_with_source_info(text);
    let (mut tree, source) = parsed.map_err(|errors| error::of_parser(text, &errors))?;
    let bound = bind::bind(&mut tree, text, &source)?;
    Ok(Expr {
        tree: Arc::new(tree),
        mentions: bound.mentions,
        names: bound.names,
        patterns: bound.patterns,
    })
}

/// CEL's own functions, `matches` with patterns of ours, and what counts the cost of loops.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // They are refused only where they stand already, and then patterns of ours match nothing and loops fail; tests
    // would tell.
    let _ = environment.add_member_overload(
        bind::MATCHES,
        "string_matches_pattern",
        STRING_TYPE,
        vec![value::PATTERN],
        value::matches,
    );
    let weighed = vec![DYN_TYPE, meter::METER];
    let _ = environment.add_overload(meter::WEIGH, "weigh_any", weighed, meter::weigh);
    Arc::new(environment)
});

#[cfg(test)]
mod tests;
