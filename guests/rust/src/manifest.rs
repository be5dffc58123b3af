//! What a component says of itself. It knows no batches.

use crate::error::OpError;
use crate::ipc;
use crate::row::{Row, same_type};
use arrow_schema::{Field, Schema, SchemaRef};

/// What a component says of itself before anything else of it runs.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) columns: Columns,
    pub(crate) extends: bool,
    pub(crate) deterministic: bool,
    pub(crate) config_schema: String,
    pub(crate) capabilities: Vec<Capability>,
}

/// The input columns that a component is sent.
#[derive(Debug, Clone)]
pub enum Columns {
    /// All of them, as the pipeline has them.
    All,
    /// These names, of any type.
    Named(Vec<String>),
    /// These names with these types.
    Typed(Vec<Field>),
}

impl Columns {
    /// Those of a row type.
    pub fn of<'a, R: Row<'a>>() -> Self {
        Columns::Typed(R::fields())
    }
}

/// What a component wants of the host beyond results, logs and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// [`now_ms`](crate::now_ms).
    Clock,
    /// [`random`](crate::random).
    Entropy,
}

impl Capability {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Capability::Clock => "clock",
            Capability::Entropy => "entropy",
        }
    }
}

impl Manifest {
    /// A deterministic component that sees all columns and takes any configuration.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Manifest {
            name: name.into(),
            version: version.into(),
            columns: Columns::All,
            extends: false,
            deterministic: true,
            config_schema: String::new(),
            capabilities: Vec::new(),
        }
    }

    /// Which columns it is sent.
    #[must_use]
    pub fn columns(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }

    /// For `map` and `flat-map`: the emitted columns are added to the input row, replacing those of the same name.
    #[must_use]
    pub fn extends(mut self, extends: bool) -> Self {
        self.extends = extends;
        self
    }

    /// Whether the same input gives the same output.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.deterministic = deterministic;
        self
    }

    /// A JSON Schema of the configuration, which the host checks before the component sees it.
    #[must_use]
    pub fn config_schema(mut self, json_schema: impl Into<String>) -> Self {
        self.config_schema = json_schema.into();
        self
    }

    /// Asks for something of the host. The pipeline has to grant it.
    #[must_use]
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }
}

/// A named stream with its columns.
#[derive(Debug, Clone)]
pub struct Port {
    /// The name: of an input as the pipeline has it, of an output as the component says.
    pub name: String,
    /// The columns.
    pub schema: SchemaRef,
}

impl Port {
    /// A port of that name.
    pub fn new(name: impl Into<String>, schema: impl Into<SchemaRef>) -> Self {
        Port { name: name.into(), schema: schema.into() }
    }

    /// That the columns are those of a row type, in that order.
    ///
    /// # Errors
    /// They are not; the text names every difference.
    pub fn expect_columns<'a, R: Row<'a>>(&self) -> Result<(), OpError> {
        let wanted = R::fields();
        let mut wrong = Vec::new();
        for (i, field) in wanted.iter().enumerate() {
            match self.schema.fields.get(i) {
                Some(got) if got.name() == field.name() && same_type(got.data_type(), field.data_type()) => {}
                Some(got) => wrong.push(format!(
                    "column {i} is {} {}, expected {} {}",
                    got.name(),
                    got.data_type(),
                    field.name(),
                    field.data_type()
                )),
                None => wrong.push(format!("column {} {} is missing", field.name(), field.data_type())),
            }
        }
        if self.schema.fields.len() > wanted.len() {
            wrong.push(format!("{} columns, expected {}", self.schema.fields.len(), wanted.len()));
        }
        if wrong.is_empty() { Ok(()) } else { Err(OpError::Schema(wrong.join("; "))) }
    }
}

pub(crate) fn schema_message(fields: &[Field]) -> Vec<u8> {
    // `describe` cannot fail, so a column that does not cross the boundary is refused in `bind`.
    ipc::encode_schema(&Schema::new(fields.to_vec())).unwrap_or_default()
}
