//! An account's genesis and a prekey record.

use alloquy_ids::UnixMs;
use alloquy_schema::codec::Canonical;
use alloquy_schema::identity::{create, evaluate, sign_prekey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::json;

use crate::{golden, hex, seed};

#[test]
fn accounts() {
    let mut rng = ChaCha20Rng::from_seed(seed("account"));
    let account = create(UnixMs(1_767_225_600_000), &mut rng);
    let identity = evaluate(std::slice::from_ref(&account.genesis)).expect("just made");
    let prekey = sign_prekey(&account.device, 300, &seed("prekey secret"));
    assert!(prekey.verify());
    golden(
        "accounts.json",
        &json!({
            "device_seed": hex(account.device.seed()),
            "network_seed": hex(account.network_seed),
            "recovery_words": account.recovery_words.to_string(),
            "recovery_commitment": hex(identity.recovery_commitment),
            "recovery_wrap_key": hex(identity.recovery_wrap_key),
            "account": hex(identity.account.0),
            "account_text": identity.account.to_string(),
            "genesis": hex(account.genesis.to_bytes()),
            "prekey_secret": hex(seed("prekey secret")),
            "prekey": hex(prekey.to_bytes()),
        }),
    );
}
