#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alloquy_sim::outside::cap(data));
