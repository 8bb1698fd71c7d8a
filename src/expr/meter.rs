//! What one evaluation may cost.
//!
//! Conditions and templates are computed where they are needed, on a thread that serves others, too, and no timeout
//! reaches into them. Without loops their cost is that of reading each value once for each mention. Loops multiply, so
//! inside of them everything is counted: each step by the size of its expression, and whatever is named or picked by the
//! size of its value, for it may be copied, compared or searched as a whole.

use std::{
    any::Any,
    sync::atomic::{AtomicU64, Ordering},
};

use cel::{
    ExecutionError,
    common::{
        ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators},
        types::{CelBytes, CelList, CelMap, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
};

/// The most steps of one evaluation: a list of 50,000 items in a simple loop, or every pair of two of 250. Measured with
/// an optimised build on a busy core (2026-11-26), the slowest of the loops that the tests know end within 100 ms.
pub(super) const MOST_STEPS: u64 = 1_000_000;

/// How many bytes of a text are one step: to copy, compare or search them takes about as long.
const BYTES: usize = 64;

/// The function that notes the size of a value, and gives the value. No source can name it.
pub(super) const WEIGH: &str = "@weigh";

/// The name of the meter itself.
pub(super) const METER_NAME: &str = "@meter";

/// What stands before the cost of a step, in a name that is true while there are steps left.
pub(super) const STEP: &str = "@step ";

/// The steps that are left to one evaluation.
#[derive(Debug)]
pub(super) struct Meter(AtomicU64);

impl Default for Meter {
    fn default() -> Self {
        Self(AtomicU64::new(MOST_STEPS))
    }
}

impl Meter {
    /// Takes steps; false where there are too few.
    pub(super) fn spend(&self, steps: u64) -> bool {
        // One evaluation runs on one thread: an atomic only because values must be shareable.
        let left = self.left().saturating_sub(steps);
        self.0.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Whether there are none left.
    pub(super) fn is_spent(&self) -> bool {
        self.left() == 0
    }

    fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The type of meters.
pub(super) const METER: Type = Type::new_unspecified_type("meter");

static METER_TYPE: Type = METER;

impl Val for Meter {
    fn get_type(&self) -> &Type {
        &METER_TYPE
    }

    fn cel_type() -> &'static Type {
        &METER_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(Self(AtomicU64::new(self.left())))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Meter {}

/// `@weigh(value, @meter)`: the value, if its size is left.
pub(super) fn weigh<'b, 'v>(
    arguments: Vec<CowVal<'b, 'v>>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Ok([value, meter]) = <[_; 2]>::try_from(arguments) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let Some(meter) = meter.downcast_ref::<Meter>() else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    if meter.spend(weight(&*value, meter.left())) {
        Ok(value)
    } else {
        Err(ExecutionError::function_error(WEIGH, "it takes too long"))
    }
}

/// The size of a value in steps, counted no further than `most`.
fn weight(value: &dyn Val, most: u64) -> u64 {
    let bytes = |length: usize| 1 + (length / BYTES) as u64;
    let mut sum = 1;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        sum = bytes(text.inner().len());
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        for item in list.inner() {
            if sum >= most {
                break;
            }
            sum += weight(&**item, most - sum);
        }
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        for (key, item) in map.inner() {
            if sum >= most {
                break;
            }
            sum += weight(key.inner(), most) + weight(&**item, most - sum);
        }
    } else if let Some(text) = value.downcast_ref::<CelBytes<'_>>() {
        sum = bytes(text.inner().len());
    }
    sum
}

/// Makes an expression one whose value is weighed.
pub(super) fn weighed(node: &mut IdedExpr) {
    let value = std::mem::take(node);
    node.id = value.id;
    node.expr = call(WEIGH, vec![value, name(METER_NAME.to_owned())]);
}

/// Whether the steps of a loop are counted in the step itself.
pub(super) fn counts_in_step(comprehension: &ComprehensionExpr) -> bool {
    matches!(comprehension.loop_cond.expr, Expr::Literal(_))
}

/// Makes each step of a loop one that is counted.
///
/// `map` and `filter` are recognised by their shape when they run, and are quadratic in any other: the count is taken
/// in the condition of the step there, and in that of the loop elsewhere.
pub(super) fn counted(comprehension: &mut ComprehensionExpr) {
    let cost = size(&comprehension.loop_step);
    let left = || name(format!("{STEP}{cost}"));
    let whether = |yes: IdedExpr, no: IdedExpr| call(operators::CONDITIONAL, vec![left(), yes, no]);
    let never = || ided(Expr::Literal(LiteralValue::Boolean(false.into())));
    if !counts_in_step(comprehension) {
        let condition = std::mem::take(&mut comprehension.loop_cond);
        comprehension.loop_cond.expr = whether(condition, never());
        return;
    }
    if let Expr::Call(step) = &mut comprehension.loop_step.expr
        && step.func_name == operators::CONDITIONAL
        && let [condition, ..] = &mut step.args[..]
    {
        let inner = std::mem::take(condition);
        condition.expr = whether(inner, never());
        return;
    }
    let step = std::mem::take(&mut comprehension.loop_step);
    let unchanged = name(comprehension.accu_var.clone());
    comprehension.loop_step.expr = whether(step, unchanged);
}

fn name(name: String) -> IdedExpr {
    ided(Expr::Ident(name))
}

fn ided(expr: Expr) -> IdedExpr {
    IdedExpr {
        expr,
        ..IdedExpr::default()
    }
}

fn call(function: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args,
    })
}

/// How many nodes an expression has.
fn size(node: &IdedExpr) -> u64 {
    let sum = |nodes: &[IdedExpr]| nodes.iter().map(size).sum::<u64>();
    1 + match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => 0,
        Expr::Select(select) => size(&select.operand),
        Expr::Call(call) => call.target.as_deref().map_or(0, size) + sum(&call.args),
        Expr::List(list) => sum(&list.elements),
        Expr::Map(map) => map
            .entries
            .iter()
            .map(|entry| entry_size(&entry.expr))
            .sum(),
        Expr::Comprehension(inner) => {
            size(&inner.iter_range) + size(&inner.loop_cond) + size(&inner.loop_step)
        }
    }
}

fn entry_size(entry: &EntryExpr) -> u64 {
    match entry {
        EntryExpr::MapEntry(entry) => size(&entry.key) + size(&entry.value),
        EntryExpr::StructField(_) => 0,
    }
}
