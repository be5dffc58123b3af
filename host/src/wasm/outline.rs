//! What an upload is made of, counted from its bytes in one pass before anything of it is compiled: compiling costs
//! kilobytes and fractions of a millisecond for each function, however small it is, and far more for a long one; and a few
//! bytes can ask for memories, tables and instances that it prepares images and code for.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use super::WasmError;
use super::limits::{
    MAX_CODE_BYTES, MAX_COMPONENT_NESTING, MAX_CROSSINGS, MAX_FIRST_ELEMENTS, MAX_FUNCTION_BYTES,
    MAX_FUNCTIONS, MAX_INSTANTIATIONS, MAX_LOCALS_BY_BLOCKS, MAX_MEMORIES, MAX_MODULES, MAX_NAMES,
};

/// What a component is made of, all modules and components in it together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// What the component itself imports, by full name.
    pub imports: Vec<String>,
    /// What the component itself exports, by full name.
    pub exports: Vec<String>,
    modules: usize,
    nesting: usize,
    instantiations: usize,
    crossings: usize,
    memories: usize,
    first_elements: usize,
    functions: usize,
    code_bytes: usize,
    longest_bytes: usize,
    locals_by_blocks: usize,
}

/// What is open while the bytes are gone through: the components within each other, and a module in the innermost.
#[derive(Default)]
struct Open {
    components: usize,
    module: bool,
}

impl Outline {
    /// Of the bytes of a component.
    ///
    /// # Errors
    /// What cannot be read, by its place.
    pub fn of(bytes: &[u8]) -> Result<Outline, WasmError> {
        let mut outline = Outline::default();
        let mut open = Open::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let read = payload.and_then(|payload| outline.add(payload, &mut open));
            read.map_err(|e| WasmError::new(format!("it is no valid component: {e}")))?;
        }
        Ok(outline)
    }

    fn add(&mut self, payload: Payload<'_>, open: &mut Open) -> wasmparser::Result<()> {
        let outermost = open.components == 0 && !open.module;
        match payload {
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                open.module = true;
            }
            Payload::ComponentSection { .. } => {
                self.modules += 1;
                open.components += 1;
                self.nesting = self.nesting.max(open.components);
            }
            Payload::End(_) if open.module => open.module = false,
            Payload::End(_) => open.components = open.components.saturating_sub(1),
            Payload::InstanceSection(instances) => self.instantiations += instances.count() as usize,
            Payload::ComponentInstanceSection(instances) => self.instantiations += instances.count() as usize,
            Payload::ComponentCanonicalSection(crossings) => self.crossings += crossings.count() as usize,
            Payload::MemorySection(memories) => self.memories += memories.count() as usize,
            Payload::TableSection(tables) => {
                for table in tables {
                    let first = usize::try_from(table?.ty.initial).unwrap_or(usize::MAX);
                    self.first_elements = self.first_elements.saturating_add(first);
                }
            }
            Payload::CodeSectionStart { count, .. } => self.functions += count as usize,
            Payload::CodeSectionEntry(body) => self.add_function(&body)?,
            Payload::ComponentImportSection(imports) if outermost => {
                for import in imports {
                    let import = import?;
                    add_name(&mut self.imports, import.name.name);
                }
            }
            Payload::ComponentExportSection(exports) if outermost => {
                for export in exports {
                    let export = export?;
                    add_name(&mut self.exports, export.name.name);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_function(&mut self, body: &FunctionBody<'_>) -> wasmparser::Result<()> {
        let bytes = body.range().len();
        self.code_bytes += bytes;
        self.longest_bytes = self.longest_bytes.max(bytes);
        let mut locals = 0_usize;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(group?.0 as usize);
        }
        // No more blocks than bytes: most functions need no closer look.
        if locals.saturating_mul(bytes) > MAX_LOCALS_BY_BLOCKS {
            let blocks = blocks(body)?;
            self.locals_by_blocks = self.locals_by_blocks.max(locals.saturating_mul(blocks));
        }
        Ok(())
    }

    /// What of it is more than this host compiles.
    pub fn excess(&self) -> Vec<String> {
        let counts = [
            (self.modules, MAX_MODULES, "modules and components inside"),
            (self.functions, MAX_FUNCTIONS, "functions"),
            (self.code_bytes, MAX_CODE_BYTES, "bytes of code"),
            (self.longest_bytes, MAX_FUNCTION_BYTES, "bytes of code in one function"),
            (self.locals_by_blocks, MAX_LOCALS_BY_BLOCKS, "local variables times blocks in one function"),
            (self.nesting, MAX_COMPONENT_NESTING, "levels of components within each other"),
            (self.instantiations, MAX_INSTANTIATIONS, "instances inside"),
            (self.crossings, MAX_CROSSINGS, "functions that cross a border inside"),
            (self.memories, MAX_MEMORIES, "memories"),
            (self.first_elements, MAX_FIRST_ELEMENTS, "elements in its tables"),
            (self.imports.len(), MAX_NAMES, "imports or more"),
            (self.exports.len(), MAX_NAMES, "exports or more"),
        ];
        let over = counts.into_iter().filter(|(found, limit, _)| found > limit);
        over.map(|(found, limit, of)| format!("it has {found} {of}; this host compiles at most {limit}"))
            .collect()
    }
}

/// Keeps a name; of too many the first ones, and one more to tell that they are.
fn add_name(names: &mut Vec<String>, name: &str) {
    if names.len() <= MAX_NAMES {
        names.push(name.to_owned());
    }
}

/// Blocks, loops and branches of a function, roughly: where the compiler begins a block of its own.
fn blocks(body: &FunctionBody<'_>) -> wasmparser::Result<usize> {
    let mut blocks = 0;
    for operator in body.get_operators_reader()? {
        blocks += match operator? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Else => 1,
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return | Operator::Unreachable => 1,
            Operator::BrTable { targets } => targets.len() as usize + 1,
            _ => 0,
        };
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mut n: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while n >= 0x80 {
            bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id], number(content.len()).as_slice(), content].concat()
    }

    /// A component with one module of so many functions of this body.
    fn component(functions: usize, body: &[u8]) -> Vec<u8> {
        let count = number(functions);
        let types = section(1, &[1, 0x60, 0, 0]);
        let declared = section(3, &[count.as_slice(), &vec![0; functions]].concat());
        let one = [number(body.len()).as_slice(), body].concat();
        let code = section(10, &[count.as_slice(), &one.repeat(functions)].concat());
        let module = [b"\0asm\x01\0\0\0".as_slice(), &types, &declared, &code].concat();
        [b"\0asm\x0d\0\x01\0".as_slice(), &section(1, &module)].concat()
    }

    fn excess(bytes: &[u8]) -> String {
        Outline::of(bytes).unwrap().excess().join("\n")
    }

    #[test]
    fn what_would_take_long_to_compile_is_refused_by_its_number() {
        let empty = [0, 0x0b];
        assert_eq!(excess(&component(MAX_FUNCTIONS, &empty)), "");
        insta::assert_snapshot!(excess(&component(999_999, &empty)), @"it has 999999 functions; this host compiles at most 100000");
        let long = [&[0][..], &vec![0x01; MAX_FUNCTION_BYTES], &[0x0b]].concat();
        insta::assert_snapshot!(excess(&component(33, &long)), @r"
        it has 34603074 bytes of code; this host compiles at most 33554432
        it has 1048578 bytes of code in one function; this host compiles at most 1048576
        ");
        let inner = section(4, b"\0asm\x0d\0\x01\0");
        let many = [b"\0asm\x0d\0\x01\0".as_slice(), &inner.repeat(MAX_MODULES + 1)].concat();
        insta::assert_snapshot!(excess(&many), @"it has 1001 modules and components inside; this host compiles at most 1000");
    }

    /// A component with one module of these sections.
    fn module(sections: &[u8]) -> Vec<u8> {
        let module = [b"\0asm\x01\0\0\0".as_slice(), sections].concat();
        [b"\0asm\x0d\0\x01\0".as_slice(), &section(1, &module)].concat()
    }

    #[test]
    fn what_few_bytes_would_make_large_is_refused() {
        let memories = section(5, &[&[17][..], &[0, 1].repeat(17)].concat());
        insta::assert_snapshot!(excess(&module(&memories)), @"it has 17 memories; this host compiles at most 16");
        let tables = section(4, &[&[2][..], &[&[0x70, 0][..], &number(600_000)].concat().repeat(2)].concat());
        insta::assert_snapshot!(excess(&module(&tables)), @"it has 1200000 elements in its tables; this host compiles at most 1048576");
        // 20,000 locals, and a branch for every block.
        let blocks = [&[0x02, 0x40, 0x0c, 0, 0x0b][..]; 1_000].concat();
        let body = [&[1][..], &number(20_000), &[0x7f], &blocks, &[0x0b]].concat();
        insta::assert_snapshot!(excess(&component(1, &body)), @"it has 40000000 local variables times blocks in one function; this host compiles at most 16777216");
        let nested = (0..3).fold(b"\0asm\x0d\0\x01\0".to_vec(), |inner, _| {
            [b"\0asm\x0d\0\x01\0".as_slice(), &section(4, &inner)].concat()
        });
        insta::assert_snapshot!(excess(&nested), @"it has 3 levels of components within each other; this host compiles at most 2");
        let instances = section(5, &[number(129).as_slice(), &[0, 0, 0].repeat(129)].concat());
        let many = [b"\0asm\x0d\0\x01\0".as_slice(), &instances].concat();
        insta::assert_snapshot!(excess(&many), @"it has 129 instances inside; this host compiles at most 128");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        let cut = &component(1, &[0, 0x0b])[..20];
        insta::assert_snapshot!(Outline::of(cut).unwrap_err(), @"it is no valid component: unexpected end-of-file (at offset 0x14)");
    }
}
