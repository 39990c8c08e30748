//! Makes a function of every message in the locale files, so that a text which is missing, is not used or gets
//! other arguments than it has does not compile.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Message, Pattern, PatternElement, VariantKey,
};

/// Names of plural categories (CLDR): what selects by one of them is a number.
const PLURALS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// Where the texts are, below this crate.
const LOCALE: &str = "locales/en";

/// An argument of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Argument {
    name: String,
    is_number: bool,
}

fn main() {
    println!("cargo::rerun-if-changed={LOCALE}");
    println!("cargo::rerun-if-changed=build.rs");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's folder");
    let out = env::var("OUT_DIR").expect("cargo names a folder for what is made");
    let made = generate(&Path::new(&root).join(LOCALE));
    fs::write(Path::new(&out).join("texts.rs"), made).expect("the folder takes files");
}

/// The source of the module of texts.
fn generate(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the locale's folder is there");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the locale's folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "ftl"))
        .collect();
    paths.sort();
    let (mut functions, mut sources, mut constants) = (String::new(), String::new(), String::new());
    let mut seen = BTreeSet::new();
    let mut at = 0_usize;
    for path in &paths {
        let text = fs::read_to_string(path).expect("a locale file is UTF-8");
        let shown = path.display();
        writeln!(sources, "    include_str!({:?}),", path).expect(MEMORY);
        let resource = fluent_syntax::parser::parse(text.as_str())
            .unwrap_or_else(|(_, errors)| panic!("{shown}: {}", errors[0]));
        for entry in &resource.body {
            let message = match entry {
                Entry::Message(message) => message,
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
                _ => panic!("{shown}: only messages and comments are understood"),
            };
            let id = message.id.name;
            assert!(seen.insert(id.to_owned()), "{shown}: {id} is there twice");
            let arguments = arguments_of(message, &shown.to_string());
            function(&mut functions, id, &arguments, at);
            if arguments.is_empty() {
                writeln!(constants, "    {id:?},").expect(MEMORY);
                at += 1;
            }
        }
    }
    format!(
        "pub(super) const SOURCES: &[&str] = &[\n{sources}];\n\n\
         pub(super) const CONSTANTS: &[&str] = &[\n{constants}];\n\n{functions}"
    )
}

/// Why writing into a text does not fail.
const MEMORY: &str = "memory takes it";

fn function(functions: &mut String, id: &str, arguments: &[Argument], at: usize) {
    let name = id.replace('-', "_");
    if arguments.is_empty() {
        write!(
            functions,
            "pub(crate) fn {name}() -> &'static str {{\n    super::constant({at})\n}}\n\n"
        )
        .expect(MEMORY);
        return;
    }
    let (mut parameters, mut values) = (Vec::new(), Vec::new());
    for Argument { name, is_number } in arguments {
        let of = if *is_number {
            "u64"
        } else {
            "impl Into<super::FluentValue<'a>>"
        };
        let variable = name.replace('-', "_");
        parameters.push(format!("{variable}: {of}"));
        values.push(format!("({name:?}, {variable}.into())"));
    }
    let lifetime = if arguments.iter().all(|argument| argument.is_number) {
        ""
    } else {
        "<'a>"
    };
    write!(
        functions,
        "pub(crate) fn {name}{lifetime}({}) -> String {{\n    super::formatted({id:?}, [{}])\n}}\n\n",
        parameters.join(", "),
        values.join(", ")
    )
    .expect(MEMORY);
}

/// The arguments of a message, in the order in which they first occur.
fn arguments_of(message: &Message<&str>, shown: &str) -> Vec<Argument> {
    let id = message.id.name;
    assert!(
        message.attributes.is_empty(),
        "{shown}: {id} has an attribute, which nothing shows"
    );
    let pattern = message.value.as_ref();
    let pattern = pattern.unwrap_or_else(|| panic!("{shown}: {id} has no text"));
    let mut arguments = Vec::new();
    of_pattern(pattern, &mut arguments, &format!("{shown}: {id}"));
    arguments
}

fn of_pattern(pattern: &Pattern<&str>, arguments: &mut Vec<Argument>, place: &str) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            of_expression(expression, arguments, place);
        }
    }
}

fn of_expression(expression: &Expression<&str>, arguments: &mut Vec<Argument>, place: &str) {
    match expression {
        Expression::Inline(inline) => of_inline(inline, arguments, false, place),
        Expression::Select { selector, variants } => {
            let is_number = variants.iter().any(|variant| match &variant.key {
                VariantKey::Identifier { name } => PLURALS.contains(name),
                VariantKey::NumberLiteral { .. } => true,
            });
            of_inline(selector, arguments, is_number, place);
            for variant in variants {
                of_pattern(&variant.value, arguments, place);
            }
        }
    }
}

fn of_inline(
    inline: &InlineExpression<&str>,
    arguments: &mut Vec<Argument>,
    is_number: bool,
    place: &str,
) {
    match inline {
        InlineExpression::VariableReference { id } => {
            match arguments.iter_mut().find(|known| known.name == id.name) {
                Some(known) => known.is_number |= is_number,
                None => arguments.push(Argument {
                    name: id.name.to_owned(),
                    is_number,
                }),
            }
        }
        InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        InlineExpression::Placeable { expression } => of_expression(expression, arguments, place),
        _ => panic!("{place}: a reference to another text or a function, which is not understood"),
    }
}
