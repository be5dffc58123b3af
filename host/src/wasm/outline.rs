//! What an upload is made of, counted from its bytes in one pass before anything of it is compiled: compiling costs
//! kilobytes and fractions of a millisecond for each function, however small it is, and far more for a long one.

use wasmparser::{Parser, Payload};

use super::WasmError;
use super::limits::{MAX_CODE_BYTES, MAX_FUNCTION_BYTES, MAX_FUNCTIONS, MAX_MODULES};

/// What a component is made of, all modules and components in it together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// What the component itself imports, by full name.
    pub imports: Vec<String>,
    /// What the component itself exports, by full name.
    pub exports: Vec<String>,
    modules: usize,
    functions: usize,
    code_bytes: usize,
    longest_bytes: usize,
}

impl Outline {
    /// Of the bytes of a component.
    ///
    /// # Errors
    /// What cannot be read, by its place.
    pub fn of(bytes: &[u8]) -> Result<Outline, WasmError> {
        let mut outline = Outline::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let read = payload.and_then(|payload| outline.add(payload, &mut depth));
            read.map_err(|e| WasmError::new(format!("it is no valid component: {e}")))?;
        }
        Ok(outline)
    }

    fn add(&mut self, payload: Payload<'_>, depth: &mut usize) -> wasmparser::Result<()> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.modules += 1;
                *depth += 1;
            }
            Payload::End(_) => *depth = depth.saturating_sub(1),
            Payload::CodeSectionStart { count, .. } => self.functions += count as usize,
            Payload::CodeSectionEntry(body) => {
                self.code_bytes += body.range().len();
                self.longest_bytes = self.longest_bytes.max(body.range().len());
            }
            Payload::ComponentImportSection(imports) if *depth == 0 => {
                for import in imports {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if *depth == 0 => {
                for export in exports {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
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
        ];
        let over = counts.into_iter().filter(|(found, limit, _)| found > limit);
        over.map(|(found, limit, of)| format!("it has {found} {of}; this host compiles at most {limit}"))
            .collect()
    }
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

    #[test]
    fn what_cannot_be_read_says_where() {
        let cut = &component(1, &[0, 0x0b])[..20];
        insta::assert_snapshot!(Outline::of(cut).unwrap_err(), @"it is no valid component: unexpected end-of-file (at offset 0x14)");
    }
}
