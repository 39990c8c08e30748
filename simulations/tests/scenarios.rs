//! Every scenario file of the folder holds.

use std::path::Path;

use alloquy_sim::machine::Core;
use alloquy_sim::scenario;
use alloquy_sim::trace::Trace;

fn plays(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(name)
        .with_extension("txt");
    let text = std::fs::read_to_string(&file).expect("the file is in the folder");
    if let Err(fault) = scenario::play(&text, &Core::default(), Trace::default()) {
        panic!(
            "{}, {fault}: {}",
            file.display(),
            text.lines().nth(fault.line - 1).unwrap_or_default()
        );
    }
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            plays(stringify!($name));
        })*

        #[test]
        fn every_file_is_named_here() {
            let named = [$(stringify!($name)),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap();
                assert!(stem == "GRAMMAR" || named.contains(&stem), "{stem} is not played");
            }
        }
    };
}

scenarios! { away backup demoted hello kick partition quarrel raid returned torn unheard }
