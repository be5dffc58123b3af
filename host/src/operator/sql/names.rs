//! Checks the names in a parsed expression before it is planned: all that are unknown at once, each with its
//! place and the nearest right name. Pure.

use std::collections::HashSet;
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Fields, Schema};
use datafusion_sql::sqlparser::ast::{
    AccessExpr, Expr, Function, Ident, ObjectName, Query, Spanned as _, Value, ValueWithSpan, Visit, Visitor,
};
use datafusion_sql::sqlparser::tokenizer::{Location, Span};

use super::Problem;
use super::functions::{Functions, functions, is_of_queries};
use crate::spec::{nearest, show_type};

/// Everything in `expression` that is not known to `schema` or to the functions.
pub(super) fn check(expression: &Expr, schema: &Schema) -> Vec<Problem> {
    let mut check = Check { schema, functions: functions(), problems: Vec::new(), fields: HashSet::new() };
    let ControlFlow::Continue(()) = expression.visit(&mut check);
    check.problems
}

struct Check<'a> {
    schema: &'a Schema,
    functions: &'a Functions,
    problems: Vec<Problem>,
    /// Identifiers that name a field of what stands before them.
    fields: HashSet<Span>,
}

impl Visitor for Check<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        match expression {
            Expr::Identifier(name) if !self.fields.contains(&name.span) => self.column(name),
            Expr::CompoundIdentifier(path) => self.path(path),
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        self.fields.insert(field.span);
                    }
                }
            }
            Expr::Function(call) => self.function(call),
            Expr::Substring { substring_from: None, substring_for: None, .. } => {
                let start = expression.span().start;
                self.problems.push(
                    Problem::new("`substr` without a start").at(start).expected("two or three arguments"),
                );
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let start = query.span().start;
        self.problems
            .push(Problem::new("a query within an expression").at(start).expected("columns and functions"));
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
        if let Value::Placeholder(name) = &value.value {
            self.problems
                .push(Problem::new(format!("placeholder `{name}`")).at(value.span.start).expected("a value"));
        }
        ControlFlow::Continue(())
    }
}

impl Check<'_> {
    fn column(&mut self, name: &Ident) {
        if self.schema.column_with_name(&name.value).is_none() {
            self.unknown_column(&name.value, name.span.start);
        }
    }

    fn unknown_column(&mut self, name: &str, at: Location) {
        let columns = self.schema.fields().iter().map(|field| field.name().as_str());
        let near = nearest(name, columns.clone());
        let mut problem = Problem::new(format!("unknown column `{name}`")).at(at).nearest(near);
        if near.is_none() {
            problem = problem.expected(format!("one of {}", some(columns)));
        }
        self.problems.push(problem);
    }

    /// `column.field.field`.
    fn path(&mut self, path: &[Ident]) {
        let [column, fields @ ..] = path else { return };
        let Some((_, field)) = self.schema.column_with_name(&column.value) else {
            return self.unknown_column(&column.value, column.span.start);
        };
        let (mut whole, mut data_type) = (column.value.clone(), field.data_type());
        for name in fields {
            let DataType::Struct(inside) = data_type else {
                let message = format!("`{whole}` has no fields: it is {}", show_type(data_type));
                return self.problems.push(Problem::new(message).at(name.span.start));
            };
            let Some((_, field)) = inside.find(&name.value) else {
                return self.unknown_field(&whole, name, inside);
            };
            whole = format!("{whole}.{}", name.value);
            data_type = field.data_type();
        }
    }

    fn unknown_field(&mut self, of: &str, name: &Ident, inside: &Fields) {
        let names = inside.iter().map(|field| field.name().as_str());
        let near = nearest(&name.value, names.clone());
        let mut problem =
            Problem::new(format!("`{of}` has no field `{}`", name.value)).at(name.span.start).nearest(near);
        if near.is_none() {
            problem = problem.expected(format!("one of {}", some(names)));
        }
        self.problems.push(problem);
    }

    fn function(&mut self, call: &Function) {
        let ObjectName(parts) = &call.name;
        let (name, at) = match parts.as_slice() {
            [part] => match part.as_ident() {
                Some(ident) => (ident.value.to_lowercase(), ident.span.start),
                None => (call.name.to_string(), Location::empty()),
            },
            _ => (call.name.to_string(), Location::empty()),
        };
        if call.over.is_some() {
            let message = format!("`{name}` over a window");
            self.problems.push(Problem::new(message).at(at).expected("functions of one row"));
        } else if self.functions.is_aggregate(&name) {
            let message = format!("`{name}` is an aggregate: it needs a step with a `window`");
            self.problems.push(Problem::new(message).at(at).expected("functions of one row"));
        } else if !self.functions.has(&name) {
            let problem = Problem::new(format!("unknown function `{name}`")).at(at);
            self.problems.push(if is_of_queries(&name) {
                problem.nearest(Some("now()"))
            } else {
                let mut names: Vec<&str> = self.functions.names().collect();
                names.sort_unstable();
                problem.nearest(nearest(&name, names))
            });
        }
    }
}

/// The first few of some names.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let mut names = names.map(|name| format!("`{name}`"));
    let mut text = names.by_ref().take(MOST).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
