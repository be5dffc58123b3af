//! The operators a component can be: one trait a world, over batches. The attributes ([`filter`](macro@crate::filter),
//! [`map`](macro@crate::map), …) implement them for a function over rows. It knows no bindings.

use crate::error::{OpError, RowError, RowErrors};
use crate::host;
use crate::ipc::bitmap_len;
use crate::manifest::{Manifest, Port};
use crate::row::{Batch, OutputRow, Row, Rows, WithOrigin};
use serde::de::DeserializeOwned;

/// What every operator has. One instance of the component has one operator at a time.
pub trait Operator: Sized + 'static {
    /// The configuration, as the pipeline's YAML or JSON gives it. [`NoConfig`] when there is none.
    type Config: DeserializeOwned;

    /// What the component is. Called with no host function to call.
    fn manifest() -> Manifest;

    /// Agrees on columns. `inputs` has the columns that the manifest asked for.
    ///
    /// # Errors
    /// The configuration or the columns will not do.
    fn bind(inputs: &[Port], config: Self::Config) -> Result<Self, OpError>;

    /// The ports it emits to, once it is bound.
    ///
    /// # Errors
    /// A column has a type that does not cross the boundary.
    fn outputs(&self) -> Result<Vec<Port>, OpError> {
        Ok(Vec::new())
    }

    /// Before the first batch.
    ///
    /// # Errors
    /// The component cannot start.
    fn open(&mut self) -> Result<(), OpError> {
        Ok(())
    }

    /// After the last batch, when the pipeline stops or the component is replaced.
    fn close(&mut self) {}
}

/// Keeps or drops each row. World `filter`.
pub trait Filter: Operator {
    /// Decides on every row of a batch.
    ///
    /// # Errors
    /// The whole batch fails.
    fn select(&mut self, batch: Batch<'_>, selection: &mut Selection) -> Result<(), OpError>;
}

/// One row out for each row in. World `map`.
pub trait Map: Operator {
    /// Emits one batch with a row for each row that is not refused, in order.
    ///
    /// # Errors
    /// The whole batch fails.
    fn process(&mut self, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError>;
}

/// Any number of rows out for each row in. World `flat-map`.
pub trait FlatMap: Operator {
    /// Emits any number of batches.
    ///
    /// # Errors
    /// The whole batch fails.
    fn process(&mut self, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError>;
}

/// One value for each row. World `scalar`.
pub trait Scalar: Operator {
    /// Emits one batch of one column with a row for each row that is not refused, in order.
    ///
    /// # Errors
    /// The whole batch fails.
    fn evaluate(&mut self, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError>;
}

/// Sees streams and emits to several ports. World `agent`.
pub trait Agent: Operator {
    /// Sees a batch of an input port.
    ///
    /// # Errors
    /// The whole batch fails.
    fn process(&mut self, port: usize, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError>;

    /// Event time has reached this point on all inputs.
    ///
    /// # Errors
    /// The pipeline fails.
    fn on_watermark(&mut self, timestamp_ms: i64) -> Result<(), OpError> {
        let _ = timestamp_ms;
        Ok(())
    }

    /// Emits what is held back: a checkpoint or the end follows.
    ///
    /// # Errors
    /// The pipeline fails.
    fn flush(&mut self) -> Result<(), OpError> {
        Ok(())
    }
}

/// Many groups at once, each with a state that the host keeps and moves. World `aggregate`.
pub trait Aggregate: Operator {
    /// The input columns.
    type Input<'a>: Row<'a>;
    /// What is known of a group, empty by default.
    type State: for<'a> Row<'a> + OutputRow + Default;
    /// What comes of a group.
    type Output: OutputRow;

    /// Adds a row to its group.
    ///
    /// # Errors
    /// The row is refused; the state must be as before.
    fn update(&self, state: &mut Self::State, row: Self::Input<'_>) -> Result<(), RowError>;

    /// Adds the state of the same group in another part of the data.
    fn merge(&self, state: &mut Self::State, other: Self::State);

    /// The result of a group.
    fn finish(&self, state: Self::State) -> Self::Output;
}

/// The configuration of a component that has none: nothing but `{}` will do.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Which rows a filter keeps, and which it refuses.
#[derive(Debug)]
pub struct Selection {
    pub(crate) keep: Vec<u8>,
    rows: usize,
    pub(crate) refused: RowErrors,
}

impl Selection {
    pub(crate) fn none(rows: usize) -> Self {
        Selection { keep: vec![0; bitmap_len(rows)], rows, refused: RowErrors::default() }
    }

    /// Keeps a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn keep(&mut self, row: usize) {
        assert!(row < self.rows, "the batch has no row {row}");
        self.keep[row / 8] |= 1 << (row % 8);
    }

    /// Refuses a row; see [`RowErrors::push`].
    pub fn refuse(&mut self, row: usize, error: RowError) {
        self.refused.push(row, error);
    }

    /// Decides row by row.
    ///
    /// # Errors
    /// The columns are not those of `R`.
    #[inline]
    pub fn each<'b, R: Row<'b>>(
        &mut self,
        batch: &'b Batch<'_>,
        mut keep: impl FnMut(R) -> Result<bool, RowError>,
    ) -> Result<(), OpError> {
        let rows = batch.typed::<R>()?;
        for (byte, bits) in self.keep.iter_mut().enumerate() {
            let start = byte * 8;
            let mut kept = 0u8;
            for row in start..rows.len().min(start + 8) {
                match rows.get(row).and_then(&mut keep) {
                    Ok(yes) => kept |= u8::from(yes) << (row - start),
                    Err(error) => self.refused.push(row, error),
                }
            }
            *bits = kept;
        }
        Ok(())
    }
}

/// A port of an operator that emits rows of type `R`.
pub struct Output<R: OutputRow> {
    name: String,
    port: u32,
    rows: Rows<R>,
}

impl<R: OutputRow> Output<R> {
    /// The port of that number (its place in [`Operator::outputs`]) and name.
    ///
    /// # Errors
    /// A column has a type that does not cross the boundary.
    pub fn new(port: u32, name: impl Into<String>) -> Result<Self, OpError> {
        Ok(Output { name: name.into(), port, rows: Rows::new()? })
    }

    /// What [`Operator::outputs`] says of it.
    pub fn port(&self) -> Port {
        Port::new(self.name.clone(), self.rows.schema().clone())
    }

    /// The rows since the last [`Output::emit`].
    pub fn rows(&mut self) -> &mut Rows<R> {
        &mut self.rows
    }

    /// Adds a row.
    #[inline]
    pub fn push<Q: OutputRow<Columns = R::Columns>>(&mut self, row: Q) {
        self.rows.push(row);
    }

    /// Sends the rows to the host as one batch.
    pub fn emit(&mut self) {
        host::emit(self.port, self.rows.message());
    }

    /// Sends the rows to the host as one batch, if there are any.
    pub fn emit_if_any(&mut self) {
        if !self.rows.is_empty() {
            self.emit();
        }
    }

    /// Answers every row of a batch with one row, except those that are refused, and emits them.
    ///
    /// # Errors
    /// The columns are not those of `I`.
    #[inline]
    pub fn each<'b, I: Row<'b>, Q: OutputRow<Columns = R::Columns>>(
        &mut self,
        batch: &'b Batch<'_>,
        refused: &mut RowErrors,
        mut map: impl FnMut(I) -> Result<Q, RowError>,
    ) -> Result<(), OpError> {
        let rows = batch.typed::<I>()?;
        self.rows.start(rows.len());
        for row in 0..rows.len() {
            match rows.get(row).and_then(&mut map) {
                Ok(out) => self.rows.push(out),
                Err(error) => refused.push(row, error),
            }
        }
        self.emit();
        Ok(())
    }
}

/// Where a `flat-map` puts its rows; it notes the input row that each comes from.
pub struct Emitter<R: OutputRow> {
    output: Output<WithOrigin<R>>,
    origin: u32,
}

impl<R: OutputRow> Emitter<R> {
    /// For the one output port of a `flat-map`.
    ///
    /// # Errors
    /// A column has a type that does not cross the boundary.
    pub fn new() -> Result<Self, OpError> {
        Ok(Emitter { output: Output::new(0, "output")?, origin: 0 })
    }

    /// What [`Operator::outputs`] says of it.
    pub fn port(&self) -> Port {
        self.output.port()
    }

    /// Adds a row that comes from the current input row.
    #[inline]
    pub fn push<Q: OutputRow<Columns = R::Columns>>(&mut self, row: Q) {
        self.output.push(WithOrigin { row, origin: self.origin });
    }

    /// Shows every row of a batch to `expand`, and emits what it has pushed. The host drops what a refused row had
    /// pushed.
    ///
    /// # Errors
    /// The columns are not those of `I`.
    #[inline]
    pub fn each<'b, I: Row<'b>>(
        &mut self,
        batch: &'b Batch<'_>,
        refused: &mut RowErrors,
        mut expand: impl FnMut(I, &mut Self) -> Result<(), RowError>,
    ) -> Result<(), OpError> {
        let rows = batch.typed::<I>()?;
        self.output.rows().start(rows.len());
        for row in 0..rows.len() {
            self.origin = row as u32;
            if let Err(error) = rows.get(row).and_then(|input| expand(input, self)) {
                refused.push(row, error);
            }
        }
        self.output.emit();
        Ok(())
    }
}
