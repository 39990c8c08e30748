//! One end of a slow line between two network namespaces; the lab of the tests starts two of them.
//!
//! `alloquy-slow-line DEVICE OWN-SOCKET OTHER-SOCKET DELAY-MS LOSS-PERCENT KBIT SEED`

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    alloquy_tests::run_slow_line(&arguments)
}
