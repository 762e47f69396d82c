//! The Jinja that templates are written in: minijinja, its limits, and what Python's values add to it.
//!
//! minijinja's operators know numbers, texts and lists only. Where one of them fails, the template is compiled once
//! more with the arithmetic instructions replaced by filters that also know times, and run again: it has no effects,
//! so running it twice is running it once, and a template without times pays nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::machinery::{CodeGenerator, Instruction, Instructions, ast, eval, make_string_output, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::day::Day;
use super::delta::Delta;
use super::filters;
use super::moment::Moment;

/// One unit is an instruction or 64 bytes made: 13 MB at most, and some tens of milliseconds.
const FUEL: u64 = 200_000;
/// Nested macros and loops; each takes a piece of the thread's stack.
const MAX_RECURSION: usize = 100;
/// Lists, mappings, filters and calls in one template. Each can put a value into another, and to take apart what is
/// nested deeper than some tens of thousands overflows the stack.
const MAX_CONSTRUCTIONS: usize = 2_000;
/// For minijinja's error messages.
const NAME: &str = "template";

/// What a file's every template shares. Building it takes longer than rendering.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_RECURSION);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    // Shows everything that a template can see, which no task needs.
    environment.remove_global("debug");
    // Only a namespace can grow from one turn of a loop to the next, so deep that taking it apart overflows the stack.
    environment.remove_global("namespace");
    filters::add_to(&mut environment);
    for (name, operation) in OPERATIONS {
        environment.add_filter(name, move |state: &State<'_, '_>, a: Value, b: Option<Value>| {
            operate(state, operation, &a, b.as_ref())
        });
    }
    environment
});

/// Names of operators that also work with times; no filter of a template can have such a name.
const OPERATIONS: [(&str, Operation); 5] = [
    ("+", Operation::Add),
    ("-", Operation::Subtract),
    ("*", Operation::Multiply),
    ("/", Operation::Divide),
    ("0-", Operation::Negate),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
}

impl Operation {
    const fn of(instruction: &Instruction<'_>) -> Option<Self> {
        match instruction {
            Instruction::Add => Some(Self::Add),
            Instruction::Sub => Some(Self::Subtract),
            Instruction::Mul => Some(Self::Multiply),
            Instruction::Div => Some(Self::Divide),
            Instruction::Neg => Some(Self::Negate),
            _ => None,
        }
    }

    /// As an instruction that takes as many values from the stack as the one it stands for.
    fn instruction(self) -> Instruction<'static> {
        let name = OPERATIONS.iter().find(|(_, operation)| *operation == self).map_or("", |(name, _)| name);
        Instruction::ApplyFilter(name, Some(if self == Self::Negate { 1 } else { 2 }), !0)
    }

    const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract | Self::Negate => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

/// The syntax tree of a template.
pub(super) fn syntax(source: &str) -> Result<ast::Stmt<'_>, Error> {
    parse(source, NAME, SyntaxConfig::default())
}

/// The expression that a template is as a whole.
pub(super) fn whole_expression<'t, 's>(tree: &'t ast::Stmt<'s>) -> Option<&'t ast::Expr<'s>> {
    let ast::Stmt::Template(template) = tree else { return None };
    match template.children.as_slice() {
        [ast::Stmt::EmitExpr(only)] => Some(&only.expr),
        _ => None,
    }
}

/// The value of a template that is one expression, otherwise its text.
pub(super) fn evaluate(source: &str, context: &Value) -> Result<Value, Error> {
    let tree = syntax(source)?;
    match run(source, &tree, context, false) {
        Err(error) if error.kind() == ErrorKind::InvalidOperation => run(source, &tree, context, true),
        other => other,
    }
}

fn run(source: &str, tree: &ast::Stmt<'_>, context: &Value, with_times: bool) -> Result<Value, Error> {
    let mut generator = CodeGenerator::new(NAME, source);
    let whole = whole_expression(tree);
    match whole {
        Some(expression) => generator.compile_expr(expression),
        None => generator.compile_stmt(tree),
    }
    let (mut instructions, mut blocks) = generator.finish();
    if std::iter::once(&instructions).chain(blocks.values()).map(constructions).sum::<usize>() > MAX_CONSTRUCTIONS {
        let message = format!("the template has more than {MAX_CONSTRUCTIONS} lists, mappings, filters and calls");
        return Err(wrong(format!("{message}; let the task do it")));
    }
    if with_times {
        std::iter::once(&mut instructions).chain(blocks.values_mut()).for_each(replace_operators);
    }
    let mut text = String::new();
    let value = execute(&instructions, &blocks, context, &mut text)?;
    match (whole, value) {
        (Some(ast::Expr::IfExpr(choice)), Some(value)) if value.is_undefined() && choice.false_expr.is_none() => {
            Ok(Value::from(()))
        }
        (Some(expression), Some(value)) if value.is_undefined() => {
            let range = expression.span();
            let shown = source.get(range.start_offset as usize..range.end_offset as usize).unwrap_or("it");
            Err(Error::new(ErrorKind::UndefinedError, format!("`{shown}` is undefined")))
        }
        (Some(_), value) => Ok(value.unwrap_or_default()),
        (None, _) => Ok(Value::from(text)),
    }
}

fn execute<'s>(
    instructions: &Instructions<'s>,
    blocks: &BTreeMap<&'s str, Instructions<'s>>,
    context: &Value,
    text: &mut String,
) -> Result<Option<Value>, Error> {
    let environment: &Environment<'s> = &ENVIRONMENT;
    let mut output = make_string_output(text);
    eval(environment, instructions, context.clone(), blocks, &mut output, AutoEscape::None).map(|(value, _)| value)
}

fn constructions(instructions: &Instructions<'_>) -> usize {
    (0..)
        .map_while(|at| instructions.get(at))
        .filter(|instruction| {
            matches!(
                instruction,
                Instruction::BuildList(_)
                    | Instruction::BuildTuple(_)
                    | Instruction::BuildMap(_)
                    | Instruction::BuildKwargs(_)
                    | Instruction::ApplyFilter(..)
                    | Instruction::CallFunction(..)
                    | Instruction::CallMethod(..)
                    | Instruction::CallObject(_)
            )
        })
        .count()
}

fn replace_operators(instructions: &mut Instructions<'_>) {
    let mut at = 0;
    while let Some(instruction) = instructions.get_mut(at) {
        if let Some(operation) = Operation::of(instruction) {
            *instruction = operation.instruction();
        }
        at += 1;
    }
}

fn operate(state: &State<'_, '_>, operation: Operation, a: &Value, b: Option<&Value>) -> Result<Value, Error> {
    let Some(b) = b else {
        return match a.downcast_object_ref::<Delta>() {
            Some(delta) => Delta::from_micros(-i128::from(delta.micros())).map(Value::from_object),
            None => ordinary(state, operation, a, None),
        };
    };
    if let Some(result) = with_times(operation, a, b) {
        return result;
    }
    ordinary(state, operation, a, Some(b))
}

/// Arithmetic of times, when one of the two is one.
fn with_times(operation: Operation, a: &Value, b: &Value) -> Option<Result<Value, Error>> {
    use Operation::{Add, Divide, Multiply, Subtract};
    let (moment_a, moment_b) = (a.downcast_object_ref::<Moment>(), b.downcast_object_ref::<Moment>());
    let (day_a, day_b) = (a.downcast_object_ref::<Day>(), b.downcast_object_ref::<Day>());
    let (delta_a, delta_b) = (a.downcast_object_ref::<Delta>(), b.downcast_object_ref::<Delta>());
    let micros = |delta: &Delta| i128::from(delta.micros());
    let result = match (operation, moment_a, delta_a, moment_b, delta_b) {
        (Add, Some(moment), _, _, Some(delta)) | (Add, _, Some(delta), Some(moment), _) => {
            moment.plus(*delta).map(Value::from_object)
        }
        (Subtract, Some(moment), _, _, Some(delta)) => moment.minus(*delta).map(Value::from_object),
        (Subtract, Some(moment), _, Some(other), _) => moment.since(other).map(Value::from_object),
        (Add, _, Some(one), _, Some(other)) => Delta::from_micros(micros(one) + micros(other)).map(Value::from_object),
        (Subtract, _, Some(one), _, Some(other)) => {
            Delta::from_micros(micros(one) - micros(other)).map(Value::from_object)
        }
        (Multiply, _, Some(delta), _, None) => delta.times(b)?.map(Value::from_object),
        (Multiply, _, None, _, Some(delta)) => delta.times(a)?.map(Value::from_object),
        (Divide, _, Some(delta), _, _) => delta.divided(b)?,
        _ => match (operation, day_a, delta_a, day_b, delta_b) {
            (Add, Some(day), _, _, Some(delta)) | (Add, _, Some(delta), Some(day), _) => {
                day.plus(*delta).map(Value::from_object)
            }
            (Subtract, Some(day), _, _, Some(delta)) => day.minus(*delta).map(Value::from_object),
            (Subtract, Some(day), _, Some(other), _) => day.since(*other).map(Value::from_object),
            _ => return None,
        },
    };
    Some(result)
}

/// What minijinja's own operator makes of it.
fn ordinary(state: &State<'_, '_>, operation: Operation, a: &Value, b: Option<&Value>) -> Result<Value, Error> {
    // Another evaluation, with fuel of its own, is dearer than an instruction.
    state.consume_fuel(50)?;
    if let Some(what) = [Some(a), b].into_iter().flatten().find_map(kind_of_time) {
        let kinds = match b {
            Some(b) => format!("{} and {}", kind(a), kind(b)),
            None => kind(a).to_owned(),
        };
        let help = if what == "a timedelta" { "" } else { "; use `macros.timedelta(days=1)`" };
        return Err(wrong(format!("`{}` does not work between {kinds}{help}", operation.symbol())));
    }
    let source = match operation {
        Operation::Add => "a + b",
        Operation::Subtract => "a - b",
        Operation::Multiply => "a * b",
        Operation::Divide => "a / b",
        Operation::Negate => "-a",
    };
    ENVIRONMENT.compile_expression(source)?.eval(minijinja::context!(a => a, b => b))
}

fn kind_of_time(value: &Value) -> Option<&'static str> {
    if value.downcast_object_ref::<Moment>().is_some() {
        Some("a datetime")
    } else if value.downcast_object_ref::<Day>().is_some() {
        Some("a date")
    } else if value.downcast_object_ref::<Delta>().is_some() {
        Some("a timedelta")
    } else {
        None
    }
}

fn kind(value: &Value) -> &'static str {
    use minijinja::value::ValueKind;
    kind_of_time(value).unwrap_or(match value.kind() {
        ValueKind::Undefined => "nothing",
        ValueKind::None => "None",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a mapping",
        _ => "an object",
    })
}

/// An operation that is not possible, in words for the person who wrote the template.
pub(super) fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// There is no such method, and perhaps another was meant.
pub(super) fn no_method(what: &str, method: &str, known: &[&str]) -> Error {
    let hint = crate::nearest::did_you_mean(method, known.iter().copied());
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    // Not `UnknownMethod`: minijinja would put words of its own in place of these.
    wrong(format!("{what} has no method `{method}`{hint}"))
}
