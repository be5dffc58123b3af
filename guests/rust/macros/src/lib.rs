//! The derives and attributes of `sabot-sdk`. They generate what one could write by hand against its traits; how a
//! batch is laid out they do not know.

use proc_macro::TokenStream;

mod function;
mod row;

/// Reads rows of this type: a struct with named fields, one for each column it wants.
///
/// A field's type says the column's type (`i64`, `f64`, `bool`, `&str`, `String`, `&[u8]`, `TimestampMs`, `Vec<T>`,
/// another such struct, …), `Option` that it may be null. `#[column("name")]` reads a column of another name.
#[proc_macro_derive(Row, attributes(column))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    row::input(syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Writes rows of this type: a struct with named fields, one for each column. See `Row` for the types.
#[proc_macro_derive(OutputRow, attributes(column))]
pub fn derive_output_row(input: TokenStream) -> TokenStream {
    row::output(syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn function(world: function::World, options: TokenStream, item: TokenStream) -> TokenStream {
    let options = syn::parse_macro_input!(options with function::Options::parse);
    let item = syn::parse_macro_input!(item);
    function::expand(world, options, item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// A component of the world `filter` from a function `fn(Row) -> bool` or `fn(Row, &Config) -> bool`.
///
/// It may return `Result<bool, E>`, where `E` is a `RowError` or any standard error. Options, all optional:
/// `name = "…"` and `version = "…"` (default: the crate's), `config_schema = "…"` (JSON
/// Schema), `nondeterministic`, `clock`, `entropy`.
#[proc_macro_attribute]
pub fn filter(options: TokenStream, item: TokenStream) -> TokenStream {
    function(function::World::Filter, options, item)
}

/// A component of the world `map` from a function `fn(Row) -> OutputRow`, with `&Config` and `Result` as in
/// [`macro@filter`]. The option `extends` adds the columns to the input row.
#[proc_macro_attribute]
pub fn map(options: TokenStream, item: TokenStream) -> TokenStream {
    function(function::World::Map, options, item)
}

/// A component of the world `flat-map` from a function `fn(Row, &mut Emitter<Out>)` or
/// `fn(Row, &Config, &mut Emitter<Out>)`, which pushes rows and may return a `Result<(), E>`.
/// The option `extends` adds the columns to the input row.
#[proc_macro_attribute]
pub fn flat_map(options: TokenStream, item: TokenStream) -> TokenStream {
    function(function::World::FlatMap, options, item)
}

/// A component of the world `scalar` from a function `fn(Row) -> T`, with `&Config` and `Result` as in
/// [`macro@filter`].
#[proc_macro_attribute]
pub fn scalar(options: TokenStream, item: TokenStream) -> TokenStream {
    function(function::World::Scalar, options, item)
}
