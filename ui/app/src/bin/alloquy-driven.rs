//! The same program with the driver's socket, for tests.

fn main() -> std::process::ExitCode {
    alloquy_app::main()
}
