//! Computes columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion_sql::sqlparser::ast::{
    ExceptSelectItem, ExcludeSelectItem, Expr, Ident, SelectItem, WildcardAdditionalOptions,
};

use super::expression::{Expression, Planner};
use super::parts::work_on;
use super::{Problem, SqlError, dialect};
use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};
use crate::spec::nearest;

/// A select. One port, whose rows have the columns of the list.
#[derive(Clone, Debug)]
pub struct Select {
    columns: Vec<Column>,
    schema: SchemaRef,
}

#[derive(Clone, Debug)]
enum Column {
    /// The input column of this index.
    Input(usize),
    Computed(Expression),
}

impl Select {
    /// Computes `items` from rows of `schema`: each `*`, `* exclude (column, …)`, a column, or
    /// `expression as name`.
    ///
    /// # Errors
    /// Everything that is wrong with any of the items.
    pub fn new(items: &[String], schema: &SchemaRef) -> Result<Select, SqlError> {
        let planner = Planner::new(schema).map_err(|problem| SqlError { problems: vec![problem] })?;
        let mut list = List { planner, input: schema, columns: Vec::new(), problems: Vec::new() };
        for (at, item) in items.iter().enumerate() {
            let before = list.problems.len();
            list.add(at, item);
            list.problems[before..].iter_mut().for_each(|problem| problem.item = at);
        }
        list.refuse_duplicates(items);
        if items.is_empty() {
            list.problems.push(Problem::new("there are no columns").expected("at least one"));
        }
        if !list.problems.is_empty() {
            list.problems.sort_by_key(|problem| problem.item);
            return Err(SqlError { problems: list.problems });
        }
        let fields: Vec<FieldRef> = list.columns.iter().map(|column| Arc::clone(&column.field)).collect();
        let columns = list.columns.into_iter().map(|column| column.column).collect();
        Ok(Select { columns, schema: Arc::new(Schema::new(fields)) })
    }

    /// Columns of its output.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Operator for Select {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        work_on(batch, out, |part, out| {
            let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
            for (column, field) in self.columns.iter().zip(self.schema.fields()) {
                columns.push(match column {
                    Column::Input(index) => Arc::clone(part.rows.column(*index)),
                    Column::Computed(expression) => expression
                        .values(&part.rows)
                        .map_err(|reason| format!("column `{}`: {reason}", field.name()))?,
                });
            }
            let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns);
            out.emit(0, part.with_rows(rows.map_err(|error| error.to_string())?));
            Ok(())
        })
    }
}

/// A select list as it is read.
struct List<'a> {
    planner: Planner,
    input: &'a SchemaRef,
    columns: Vec<Listed>,
    problems: Vec<Problem>,
}

struct Listed {
    column: Column,
    field: FieldRef,
    /// Index of the item that it comes from.
    item: usize,
}

impl List<'_> {
    fn add(&mut self, at: usize, item: &str) {
        match dialect::select_item(item) {
            Ok(SelectItem::Wildcard(options)) => self.add_all(at, &options),
            Ok(SelectItem::UnnamedExpr(expression)) => self.add_unnamed(at, expression),
            Ok(SelectItem::ExprWithAlias { expr, alias }) => self.add_named(at, expr, &alias.value),
            Ok(SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. }) => {
                let problem = Problem::new("this form is for queries over tables");
                self.problems.push(problem.expected("`*`, a column, or `expression as name`"));
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn add_all(&mut self, at: usize, options: &WildcardAdditionalOptions) {
        let WildcardAdditionalOptions { opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, .. } =
            options;
        if opt_ilike.is_some() || opt_replace.is_some() || opt_rename.is_some() {
            let problem = Problem::new("`*` with this addition");
            return self.problems.push(problem.expected("`*` or `* exclude (column, …)`"));
        }
        let left_out = left_out(opt_exclude.as_ref(), opt_except.as_ref());
        for (name, ident) in &left_out {
            if self.input.column_with_name(name).is_none() {
                let names = self.input.fields().iter().map(|field| field.name().as_str());
                let problem = Problem::new(format!("unknown column `{name}`")).nearest(nearest(name, names));
                self.problems.push(ident.iter().fold(problem, |problem, ident| problem.at(ident.span.start)));
            }
        }
        for (index, field) in self.input.fields().iter().enumerate() {
            if !left_out.iter().any(|(name, _)| name == field.name()) {
                let listed = Listed { column: Column::Input(index), field: Arc::clone(field), item: at };
                self.columns.push(listed);
            }
        }
    }

    /// A column has its own name, a field of a struct that of the field; anything else must be given one.
    fn add_unnamed(&mut self, at: usize, expression: Expr) {
        let name = match &expression {
            Expr::Identifier(name) => Some(name.value.clone()),
            Expr::CompoundIdentifier(path) => path.last().map(|name| name.value.clone()),
            _ => None,
        };
        match name {
            Some(name) => self.add_named(at, expression, &name),
            None => {
                if let Err(problems) = self.planner.value(expression) {
                    self.problems.extend(problems);
                }
                let problem = Problem::new("the expression has no name");
                self.problems.push(problem.expected("`expression as name`"));
            }
        }
    }

    fn add_named(&mut self, at: usize, expression: Expr, name: &str) {
        match self.planner.value(expression) {
            Err(problems) => self.problems.extend(problems),
            Ok(expression) if *expression.field().data_type() == DataType::Null => {
                let problem = Problem::new(format!("`{name}` is always null and has no type"));
                self.problems.push(problem.expected("a cast: `cast(null as …)`"));
            }
            Ok(expression) => {
                let field = Arc::new(expression.field().as_ref().clone().with_name(name));
                let column = match expression.column {
                    Some(index) => Column::Input(index),
                    None => Column::Computed(expression),
                };
                self.columns.push(Listed { column, field, item: at });
            }
        }
    }

    fn refuse_duplicates(&mut self, items: &[String]) {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for Listed { field, item, .. } in &self.columns {
            let Some(before) = first.insert(field.name(), *item) else { continue };
            let mut problem = Problem::new(format!("two columns are called `{}`", field.name()));
            problem.item = *item;
            let star =
                items[before].trim_start().starts_with('*') || items[*item].trim_start().starts_with('*');
            self.problems.push(if star {
                problem.expected(format!("another name, or `* exclude ({})`", field.name()))
            } else {
                problem.expected("another name")
            });
        }
    }
}

/// The columns that an addition to `*` names.
fn left_out<'a>(
    exclude: Option<&'a ExcludeSelectItem>,
    except: Option<&'a ExceptSelectItem>,
) -> Vec<(String, Option<&'a Ident>)> {
    let named = match exclude {
        None => &[],
        Some(ExcludeSelectItem::Single(name)) => std::slice::from_ref(name),
        Some(ExcludeSelectItem::Multiple(names)) => names.as_slice(),
    };
    let excluded = named.iter().map(|name| match name.0.as_slice() {
        [part] => {
            part.as_ident().map_or((name.to_string(), None), |ident| (ident.value.clone(), Some(ident)))
        }
        _ => (name.to_string(), None),
    });
    let excepted = except.into_iter().flat_map(|except| {
        let idents = std::iter::once(&except.first_element).chain(&except.additional_elements);
        idents.map(|ident| (ident.value.clone(), Some(ident)))
    });
    excluded.chain(excepted).collect()
}
