//! The program that people start.

fn main() -> std::process::ExitCode {
    alloquy_app::main()
}
