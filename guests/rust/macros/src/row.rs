//! `#[derive(Row)]` and `#[derive(OutputRow)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Ident, Lifetime, LitStr, Result, Type, parse_quote};

struct Column {
    field: Ident,
    name: String,
    ty: Type,
}

fn columns(input: &DeriveInput) -> Result<Vec<Column>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "a row is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&input.ident, "a row has named fields, one for each column"));
    };
    let mut columns = Vec::new();
    for field in &fields.named {
        let Some(ident) = field.ident.clone() else { continue };
        let mut name = ident.to_string().trim_start_matches("r#").to_owned();
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("column")) {
            name = attribute.parse_args::<LitStr>()?.value();
        }
        columns.push(Column { field: ident, name, ty: field.ty.clone() });
    }
    if let Some(generic) = input.generics.type_params().next() {
        return Err(Error::new_spanned(generic, "a row has no type parameters"));
    }
    Ok(columns)
}

/// `(A, (B, ()))`
fn chain(parts: impl DoubleEndedIterator<Item = TokenStream>) -> TokenStream {
    parts.rev().fold(quote!(()), |rest, part| quote!((#part, #rest)))
}

fn schema_fields(columns: &[Column], cell: &TokenStream) -> TokenStream {
    let fields = columns.iter().map(|Column { name, ty, .. }| {
        quote!(::sabot_sdk::schema::Field::new(#name, <#ty as #cell>::data_type(), <#ty as #cell>::NULLABLE))
    });
    quote!(vec![#(#fields),*])
}

pub(crate) fn input(input: DeriveInput) -> Result<TokenStream> {
    let columns = columns(&input)?;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let lifetime = match input.generics.lifetimes().collect::<Vec<_>>()[..] {
        [] => {
            let lifetime: Lifetime = parse_quote!('row);
            generics.params.insert(0, parse_quote!(#lifetime));
            lifetime
        }
        [only] => only.lifetime.clone(),
        [_, second, ..] => return Err(Error::new_spanned(second, "a row borrows with one lifetime")),
    };
    let (impl_generics, _, _) = generics.split_for_impl();
    let (_, ty_generics, where_clause) = input.generics.split_for_impl();
    let cell = quote!(::sabot_sdk::row::FromCell<#lifetime>);
    let fields = schema_fields(&columns, &cell);
    let types = chain(columns.iter().map(|Column { ty, .. }| quote!(<#ty as #cell>::Column)));
    let open = chain(columns.iter().map(|Column { ty, .. }| quote!(source.column::<#ty>()?)));
    let mut path = quote!(columns);
    let read = columns.iter().map(|Column { field, name, ty }| {
        let read = quote! {
            #field: match <#ty as #cell>::get(&#path.0, row) {
                Some(cell) => cell,
                None => return Err(::sabot_sdk::RowError::null(#name)),
            }
        };
        path = quote!(#path.1);
        read
    });
    let read = read.collect::<Vec<_>>();
    Ok(quote! {
        impl #impl_generics ::sabot_sdk::row::Row<#lifetime> for #name #ty_generics #where_clause {
            type Columns = #types;

            fn fields() -> Vec<::sabot_sdk::schema::Field> {
                #fields
            }

            #[allow(unused_mut, unused_variables)]
            fn open(
                mut source: ::sabot_sdk::row::RowSource<#lifetime>,
            ) -> Result<Self::Columns, ::sabot_sdk::Malformed> {
                Ok(#open)
            }

            #[inline(always)]
            #[allow(unused_variables)]
            fn read(columns: &Self::Columns, row: usize) -> Result<Self, ::sabot_sdk::RowError> {
                Ok(Self { #(#read),* })
            }
        }
    })
}

pub(crate) fn output(input: DeriveInput) -> Result<TokenStream> {
    let columns = columns(&input)?;
    let name = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let cell = quote!(::sabot_sdk::row::ToCell);
    let fields = schema_fields(&columns, &cell);
    let types = chain(columns.iter().map(|Column { ty, .. }| quote!(<#ty as #cell>::Builder)));
    let mut path = quote!(columns);
    let push = columns.iter().map(|Column { field, ty, .. }| {
        let push = quote!(<#ty as #cell>::push(self.#field, &mut #path.0););
        path = quote!(#path.1);
        push
    });
    let push = push.collect::<Vec<_>>();
    Ok(quote! {
        impl #impl_generics ::sabot_sdk::row::OutputRow for #name #ty_generics #where_clause {
            type Columns = #types;

            fn fields() -> Vec<::sabot_sdk::schema::Field> {
                #fields
            }

            #[inline(always)]
            #[allow(unused_variables)]
            fn push(self, columns: &mut Self::Columns) {
                #(#push)*
            }
        }
    })
}
