//! What can be said about a template without a run: its syntax, the names, attributes, filters and tests it uses, and
//! the tasks whose XComs it names.

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{Call, CallArg, Expr, Stmt};
use minijinja::value::ValueKind;

use super::names::{self, Kind};
use super::{TemplateProblem, language, macros, problem};
use crate::nearest::did_you_mean;

/// A template after a look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong with it.
    pub problems: Vec<TemplateProblem>,
    /// Tasks that it names literally in `xcom('…')` and `ti.xcom_pull(task_ids='…')`, and where.
    pub tasks: Vec<(String, Range<usize>)>,
    /// Where it uses `map`, and which name of it when that is written out.
    pub map: Vec<(Option<String>, Range<usize>)>,
}

/// Checks a template's syntax and the names it uses.
pub fn check(source: &str) -> Checked {
    check_with(source, &[])
}

/// Checks a template that may use `more` names, whatever they are.
pub fn check_with<'s>(source: &'s str, more: &[&'s str]) -> Checked {
    check_without(source, more, &[])
}

/// Checks a template that is about a run as a whole, and may use `more` names.
pub fn check_of_run<'s>(source: &'s str, more: &[&'s str]) -> Checked {
    check_without(source, more, &names::OF_TASK)
}

fn check_without<'s>(source: &'s str, more: &[&'s str], without: &'static [&'static str]) -> Checked {
    let mut checker = Checker { source, checked: Checked::default(), scopes: vec![more.to_vec()], without };
    match language::syntax(source) {
        Ok(tree) => checker.statement(&tree),
        Err(error) => {
            let (message, help) = problem::in_words(&error, source);
            let range = problem::range(&error, source);
            checker.checked.problems.push(TemplateProblem { message, help, range });
        }
    }
    checker.checked
}

struct Checker<'s> {
    source: &'s str,
    checked: Checked,
    /// Names that the template itself defines, innermost last.
    scopes: Vec<Vec<&'s str>>,
    /// Names of the context that are not there.
    without: &'static [&'static str],
}

impl<'s> Checker<'s> {
    fn problem(&mut self, range: Range<usize>, message: String, help: Option<String>) {
        self.checked.problems.push(TemplateProblem { message, help, range: Some(range) });
    }

    fn body(&mut self, statements: &[Stmt<'s>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn scoped(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        inside(self);
        self.scopes.pop();
    }

    fn define(&mut self, target: &Expr<'s>) {
        match target {
            Expr::Var(name) => self.define_name(name.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.define(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.define(item)),
            other => self.expression(other),
        }
    }

    fn define_name(&mut self, name: &'s str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name);
        }
    }

    fn statement(&mut self, statement: &Stmt<'s>) {
        match statement {
            Stmt::Template(template) => self.body(&template.children),
            Stmt::EmitExpr(emitted) => self.expression(&emitted.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                self.scoped(|inside| {
                    inside.define_name("loop");
                    inside.define(&each.target);
                    each.filter_expr.iter().for_each(|filter| inside.expression(filter));
                    inside.body(&each.body);
                });
                self.body(&each.else_body);
            }
            Stmt::IfCond(choice) => {
                self.expression(&choice.expr);
                self.body(&choice.true_body);
                self.body(&choice.false_body);
            }
            Stmt::WithBlock(with) => self.scoped(|inside| {
                for (target, value) in &with.assignments {
                    inside.expression(value);
                    inside.define(target);
                }
                inside.body(&with.body);
            }),
            Stmt::Set(set) => {
                self.expression(&set.expr);
                self.define(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.scoped(|inside| inside.body(&set.body));
                set.filter.iter().for_each(|filter| self.expression(filter));
                self.define(&set.target);
            }
            Stmt::AutoEscape(block) => {
                self.expression(&block.enabled);
                self.body(&block.body);
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.body(&block.body);
            }
            Stmt::Macro(function) => {
                self.define_name(function.name);
                self.function(&function.args, &function.defaults, &function.body);
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call, block.call_expr_span);
                self.function(&block.macro_decl.args, &block.macro_decl.defaults, &block.macro_decl.body);
            }
            Stmt::Do(statement) => self.call(&statement.call, statement.span()),
            Stmt::Block(other) => self.no_other_templates("block", other.span()),
            Stmt::Import(other) => self.no_other_templates("import", other.span()),
            Stmt::FromImport(other) => self.no_other_templates("from", other.span()),
            Stmt::Extends(other) => self.no_other_templates("extends", other.span()),
            Stmt::Include(other) => self.no_other_templates("include", other.span()),
        }
    }

    fn function(&mut self, arguments: &[Expr<'s>], defaults: &[Expr<'s>], body: &[Stmt<'s>]) {
        self.scoped(|inside| {
            inside.define_name("caller");
            for argument in arguments {
                inside.define(argument);
            }
            for default in defaults {
                inside.expression(default);
            }
            inside.body(body);
        });
    }

    fn no_other_templates(&mut self, tag: &str, span: Span) {
        self.problem(bytes(span), format!("`{{% {tag} %}}` is not supported: a template stands for itself"), None);
    }

    fn expression(&mut self, expression: &Expr<'s>) {
        self.kind(expression);
    }

    /// Checks an expression; what is known about its value.
    fn kind(&mut self, expression: &Expr<'s>) -> Kind {
        match expression {
            Expr::Var(name) => return self.name(name.id, bytes(name.span())),
            Expr::GetAttr(attribute) => {
                self.of_map(&attribute.expr, attribute.name, bytes(attribute.span()));
                let of = self.kind(&attribute.expr);
                return self.attribute(of, attribute.name, bytes(attribute.span()));
            }
            Expr::Call(call) => {
                self.call(call, call.span());
                if let Expr::GetAttr(method) = &call.expr {
                    // Checked above; asked again for what it is, without problems.
                    let of = Self::quiet_kind(&method.expr);
                    return names::result_of(of, method.name);
                }
            }
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                for bound in [&slice.start, &slice.stop, &slice.step].into_iter().flatten() {
                    self.expression(bound);
                }
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr);
                comparison.ops.iter().for_each(|operand| self.expression(&operand.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                choice.false_expr.iter().for_each(|other| self.expression(other));
            }
            Expr::Filter(filter) => {
                let is_default = matches!(filter.name, "default" | "d");
                filter.expr.iter().for_each(|expr| self.perhaps_undefined(expr, is_default));
                if !names::is_filter(filter.name) {
                    let help = did_you_mean(filter.name, names::FILTERS.into_iter());
                    let range = self.last(filter.name, bytes(filter.span()));
                    self.problem(range, format!("there is no filter `{}`", filter.name), help);
                }
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                self.perhaps_undefined(&test.expr, matches!(test.name, "defined" | "undefined"));
                if !names::is_test(test.name) {
                    let help = did_you_mean(test.name, names::TESTS.into_iter());
                    let range = self.last(test.name, bytes(test.span()));
                    self.problem(range, format!("there is no test `{}`", test.name), help);
                }
                self.arguments(&test.args);
            }
            Expr::GetItem(item) => {
                if let Some(name) = item.subscript_expr.as_const() {
                    self.of_map(&item.expr, name.as_str().unwrap_or_default(), bytes(item.span()));
                }
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|part| self.expression(part)),
        }
        Kind::Any
    }

    /// Notes a name of `map` that is written out.
    fn of_map(&mut self, of: &Expr<'s>, name: &str, range: Range<usize>) {
        let is_map = matches!(of, Expr::Var(var) if var.id == "map");
        if is_map && !self.scopes.iter().any(|scope| scope.contains(&"map")) {
            let range = self.last(name, range);
            self.checked.map.push((Some(name.to_owned()), range));
        }
    }

    fn quiet_kind(expression: &Expr<'s>) -> Kind {
        match expression {
            Expr::Var(name) => names::root(name.id).unwrap_or(Kind::Any),
            Expr::GetAttr(attribute) => {
                names::attribute(Self::quiet_kind(&attribute.expr), attribute.name).unwrap_or(Kind::Any)
            }
            Expr::Call(call) => match &call.expr {
                Expr::GetAttr(method) => names::result_of(Self::quiet_kind(&method.expr), method.name),
                _ => Kind::Any,
            },
            _ => Kind::Any,
        }
    }

    /// `x | default(…)` and `x is defined` are there for an `x` that may be missing.
    fn perhaps_undefined(&mut self, expression: &Expr<'s>, may_be: bool) {
        match expression {
            Expr::Var(name) if may_be && names::refusal(name.id).is_none() => {}
            Expr::GetAttr(attribute) if may_be => self.perhaps_undefined(&attribute.expr, true),
            other => self.expression(other),
        }
    }

    fn name(&mut self, name: &str, range: Range<usize>) -> Kind {
        if self.scopes.iter().any(|scope| scope.contains(&name)) {
            return Kind::Any;
        }
        if self.without.contains(&name) {
            let help = Some("this is about the run as a whole, which may have many tasks".to_owned());
            self.problem(range, format!("`{name}` is not there"), help);
            return Kind::Any;
        }
        if name == "map" {
            self.checked.map.push((None, range.clone()));
        }
        // `loop` is a name inside a loop only.
        if let Some(kind) = names::root(name).filter(|_| name != "loop") {
            return kind;
        }
        let (message, help) = names::refusal(name).unwrap_or_else(|| {
            let known = names::ROOTS.iter().map(|(name, _)| *name).filter(|name| *name != "loop");
            let own = self.scopes.iter().flatten().copied();
            (format!("`{name}` is undefined"), did_you_mean(name, known.chain(own)))
        });
        self.problem(range, message, help);
        Kind::Any
    }

    fn attribute(&mut self, of: Kind, name: &str, range: Range<usize>) -> Kind {
        match names::attribute(of, name) {
            Ok(kind) => kind,
            Err(known) => {
                let range = self.last(name, range);
                if let Some(reason) = macros::refusal(name).filter(|_| of == Kind::Macros) {
                    self.problem(range, reason, None);
                } else {
                    let message = format!("{} has no `{name}`", names::called(of));
                    self.problem(range, message, did_you_mean(name, known.into_iter()));
                }
                Kind::Any
            }
        }
    }

    fn call(&mut self, call: &Call<'s>, _: Span) {
        self.expression(&call.expr);
        self.arguments(&call.args);
        let names_tasks = match &call.expr {
            Expr::Var(function) => function.id == "xcom",
            Expr::GetAttr(method) => method.name == "xcom_pull" && Self::quiet_kind(&method.expr) == Kind::TaskInstance,
            _ => false,
        };
        if !names_tasks {
            return;
        }
        let named = call.args.iter().find_map(|argument| match argument {
            CallArg::Kwarg("task_ids" | "task_id", value) => Some(value),
            _ => None,
        });
        let first = match call.args.first() {
            Some(CallArg::Pos(value)) => Some(value),
            _ => None,
        };
        if let Some(value) = first.or(named)
            && let Some(literal) = value.as_const()
        {
            self.task_ids(&literal, &bytes(value.span()));
        }
    }

    fn task_ids(&mut self, literal: &Value, range: &Range<usize>) {
        if let Some(task_id) = literal.as_str() {
            self.checked.tasks.push((task_id.to_owned(), range.clone()));
        } else if literal.kind() == ValueKind::Seq {
            for item in literal.try_iter().into_iter().flatten() {
                self.task_ids(&item, range);
            }
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'s>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    /// Where a name stands last within a range.
    fn last(&self, name: &str, range: Range<usize>) -> Range<usize> {
        let found = self.source.get(range.clone()).and_then(|text| text.rfind(name));
        found.map_or(range.clone(), |at| range.start + at..range.start + at + name.len())
    }
}

const fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
