//! `#[filter]`, `#[map]`, `#[flat_map]` and `#[scalar]`: an operator from a function over rows.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemFn, Lifetime, LitStr, PathArguments, Result, ReturnType, Token,
    Type, parse_quote,
};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum World {
    Filter,
    Map,
    FlatMap,
    Scalar,
}

/// What stands in the parentheses of the attribute.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<syn::Expr>,
    version: Option<syn::Expr>,
    config_schema: Option<syn::Expr>,
    extends: Option<Ident>,
    nondeterministic: bool,
    capabilities: Vec<Ident>,
}

impl Options {
    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        while !input.is_empty() {
            let key = Ident::parse(input)?;
            match key.to_string().as_str() {
                "name" => options.name = Some(value(input)?),
                "version" => options.version = Some(value(input)?),
                "config_schema" => options.config_schema = Some(value(input)?),
                "extends" => options.extends = Some(key),
                "nondeterministic" => options.nondeterministic = true,
                "clock" => options.capabilities.push(format_ident!("Clock")),
                "entropy" => options.capabilities.push(format_ident!("Entropy")),
                _ => {
                    let known = "name, version, config_schema, extends, nondeterministic, clock, entropy";
                    return Err(Error::new_spanned(&key, format!("no such option; there are: {known}")));
                }
            }
            if !input.is_empty() {
                <Token![,]>::parse(input)?;
            }
        }
        Ok(options)
    }
}

fn value(input: ParseStream<'_>) -> Result<syn::Expr> {
    <Token![=]>::parse(input)?;
    input.parse()
}

/// The parts of the function's signature.
struct Signature {
    row: Type,
    row_by_reference: bool,
    config: Option<Type>,
    /// What the emitter of a flat-map takes.
    emits: Option<Type>,
    /// What is returned, without the `Result`.
    returns: Type,
    fallible: bool,
}

pub(crate) fn expand(world: World, options: Options, function: ItemFn) -> Result<TokenStream> {
    let signature = signature(world, &function)?;
    if let (Some(extends), World::Filter | World::Scalar) = (&options.extends, world) {
        return Err(Error::new_spanned(extends, "only `map` and `flat_map` can extend their input row"));
    }
    let fn_name = &function.sig.ident;
    let visibility = &function.vis;
    let operator = format_ident!("{}Operator", camel(&fn_name.to_string()));
    let doc = format!("The operator around [`{fn_name}`].");
    let manifest = manifest(&options, &signature.row);
    let config = signature.config.clone().unwrap_or_else(|| parse_quote!(::sabot_sdk::NoConfig));
    let row = &signature.row;
    let (output_field, output_new, outputs) = output(world, &signature, fn_name);
    let body = body(world, &signature, fn_name);
    let export = format_ident!(
        "{}",
        match world {
            World::Filter => "filter",
            World::Map => "map",
            World::FlatMap => "flat_map",
            World::Scalar => "scalar",
        }
    );
    Ok(quote! {
        #function

        #[doc = #doc]
        #visibility struct #operator {
            #[allow(dead_code)]
            config: #config,
            #output_field
        }

        impl ::sabot_sdk::Operator for #operator {
            type Config = #config;

            fn manifest() -> ::sabot_sdk::Manifest {
                #manifest
            }

            fn bind(inputs: &[::sabot_sdk::Port], config: Self::Config) -> Result<Self, ::sabot_sdk::OpError> {
                inputs.iter().try_for_each(|port| port.expect_columns::<#row>())?;
                Ok(#operator { config, #output_new })
            }

            fn outputs(&self) -> Result<Vec<::sabot_sdk::Port>, ::sabot_sdk::OpError> {
                #outputs
            }
        }

        #body

        ::sabot_sdk::export!(#export: #operator);
    })
}

fn manifest(options: &Options, row: &Type) -> TokenStream {
    let name = options.name.as_ref().map_or_else(|| quote!(env!("CARGO_PKG_NAME")), |n| quote!(#n));
    let version = options.version.as_ref().map_or_else(|| quote!(env!("CARGO_PKG_VERSION")), |v| quote!(#v));
    let config_schema = options.config_schema.as_ref().map(|s| quote!(.config_schema(#s)));
    let extends = options.extends.is_some();
    let deterministic = !options.nondeterministic;
    let capabilities = &options.capabilities;
    quote! {
        ::sabot_sdk::Manifest::new(#name, #version)
            .columns(::sabot_sdk::Columns::of::<#row>())
            .extends(#extends)
            .deterministic(#deterministic)
            #config_schema
            #(.capability(::sabot_sdk::Capability::#capabilities))*
    }
}

/// The field of the operator that holds its output, how it is made, and what `outputs` answers.
fn output(world: World, signature: &Signature, fn_name: &Ident) -> (TokenStream, TokenStream, TokenStream) {
    let ports = quote!(Ok(vec![self.output.port()]));
    match (world, &signature.emits) {
        (World::Filter, _) => (quote!(), quote!(), quote!(Ok(Vec::new()))),
        (World::FlatMap, Some(emits)) => {
            let emits = with_static(emits);
            (
                quote!(output: ::sabot_sdk::Emitter<#emits>),
                quote!(output: ::sabot_sdk::Emitter::new()?),
                ports,
            )
        }
        (World::Scalar, _) => {
            let value = with_static(&signature.returns);
            let name = LitStr::new(&fn_name.to_string(), fn_name.span());
            (
                quote!(output: ::sabot_sdk::Output<::sabot_sdk::row::Single<#value>>),
                quote!(output: ::sabot_sdk::Output::new(0, #name)?),
                ports,
            )
        }
        _ => {
            let row = with_static(&signature.returns);
            (
                quote!(output: ::sabot_sdk::Output<#row>),
                quote!(output: ::sabot_sdk::Output::new(0, "output")?),
                ports,
            )
        }
    }
}

fn body(world: World, signature: &Signature, fn_name: &Ident) -> TokenStream {
    let operator = format_ident!("{}Operator", camel(&fn_name.to_string()));
    let row = &signature.row;
    let row_argument = if signature.row_by_reference { quote!(&row) } else { quote!(row) };
    let config = signature.config.as_ref().map(|_| quote!(, &self.config));
    let call = quote!(#fn_name(#row_argument #config));
    let result = if signature.fallible {
        quote!(#call.map_err(::sabot_sdk::RowError::from))
    } else {
        quote!(Ok(#call))
    };
    let refused = quote!(refused: &mut ::sabot_sdk::RowErrors);
    let batch = quote!(batch: ::sabot_sdk::Batch<'_>);
    let returns = quote!(Result<(), ::sabot_sdk::OpError>);
    match world {
        World::Filter => quote! {
            impl ::sabot_sdk::Filter for #operator {
                fn select(&mut self, #batch, selection: &mut ::sabot_sdk::Selection) -> #returns {
                    selection.each(&batch, |row: #row| #result)
                }
            }
        },
        World::Map => quote! {
            impl ::sabot_sdk::Map for #operator {
                fn process(&mut self, #batch, #refused) -> #returns {
                    self.output.each(&batch, refused, |row: #row| #result)
                }
            }
        },
        World::Scalar => quote! {
            impl ::sabot_sdk::Scalar for #operator {
                fn evaluate(&mut self, #batch, #refused) -> #returns {
                    self.output.each(&batch, refused, |row: #row| #result.map(::sabot_sdk::row::Single))
                }
            }
        },
        World::FlatMap => {
            let call = quote!(#fn_name(#row_argument #config, out));
            let result = if signature.fallible {
                quote!(#call.map_err(::sabot_sdk::RowError::from))
            } else {
                quote!({ #call; Ok(()) })
            };
            quote! {
                impl ::sabot_sdk::FlatMap for #operator {
                    fn process(&mut self, #batch, #refused) -> #returns {
                        self.output.each(&batch, refused, |row: #row, out| #result)
                    }
                }
            }
        }
    }
}

fn signature(world: World, function: &ItemFn) -> Result<Signature> {
    let mut arguments = Vec::new();
    for argument in &function.sig.inputs {
        match argument {
            FnArg::Typed(typed) => arguments.push(&*typed.ty),
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(receiver, "an operator is a free function"));
            }
        }
    }
    let wanted = match world {
        World::FlatMap => "expected (row), a `&Config` if it has one, and a `&mut Emitter<Out>`",
        _ => "expected (row) and a `&Config` if it has one",
    };
    let wrong = || Error::new_spanned(&function.sig.inputs, wanted);
    let emits = match (world, arguments.last()) {
        (World::FlatMap, Some(Type::Reference(last))) if last.mutability.is_some() => {
            arguments.pop();
            Some(only_type_argument(&last.elem).ok_or_else(wrong)?)
        }
        (World::FlatMap, _) => return Err(wrong()),
        _ => None,
    };
    let (row, config) = match arguments[..] {
        [row] => (row, None),
        [row, Type::Reference(config)] => (row, Some((*config.elem).clone())),
        _ => return Err(wrong()),
    };
    let (row, row_by_reference) = match row {
        Type::Reference(reference) => (&*reference.elem, true),
        _ => (row, false),
    };
    let (returns, fallible) = returned(&function.sig.output);
    Ok(Signature { row: with_elided(row), row_by_reference, config, emits, returns, fallible })
}

/// What a function returns, without a `Result` around it, and whether there was one.
fn returned(output: &ReturnType) -> (Type, bool) {
    let ReturnType::Type(_, returned) = output else { return (parse_quote!(()), false) };
    if let Type::Path(path) = &**returned
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(ok)) = arguments.args.first()
    {
        return (ok.clone(), true);
    }
    ((**returned).clone(), false)
}

fn only_type_argument(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}

/// The type with all its lifetimes replaced, also those of references that name none.
fn with_lifetime(ty: &Type, lifetime: &Lifetime) -> Type {
    Type::Verbatim(replaced(ty.to_token_stream(), lifetime))
}

fn replaced(tokens: TokenStream, lifetime: &Lifetime) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    let is = |token: &TokenTree, punct: char| matches!(token, TokenTree::Punct(p) if p.as_char() == punct);
    while let Some(token) = tokens.next() {
        if let TokenTree::Group(group) = &token {
            out.append(Group::new(group.delimiter(), replaced(group.stream(), lifetime)));
        } else if is(&token, '\'') {
            // The name of the lifetime follows its apostrophe.
            tokens.next();
            lifetime.to_tokens(&mut out);
        } else {
            let bare_reference = is(&token, '&') && !tokens.peek().is_some_and(|next| is(next, '\''));
            out.append(token);
            if bare_reference {
                lifetime.to_tokens(&mut out);
            }
        }
    }
    out
}

/// The type as it can stand in a struct: which columns a row has does not depend on how long it borrows.
fn with_static(ty: &Type) -> Type {
    with_lifetime(ty, &parse_quote!('static))
}

/// The type as it can stand in a function body.
fn with_elided(ty: &Type) -> Type {
    with_lifetime(ty, &parse_quote!('_))
}

/// `large_orders` to `LargeOrders`.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    name.split('_').map(word).collect()
}
