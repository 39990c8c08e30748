//! Primitives of the encoding, and ids in their text form.

use alloquy_ids::EventId;
use alloquy_schema::codec::Writer;
use serde_json::{Value, json};

use crate::{golden, hex, seed};

fn written(write: impl FnOnce(&mut Writer)) -> String {
    let mut w = Writer::new();
    write(&mut w);
    hex(w.into_bytes())
}

#[test]
fn encoding() {
    let varints = [
        0,
        1,
        127,
        128,
        300,
        16_383,
        16_384,
        u64::from(u32::MAX),
        u64::MAX,
    ];
    let signed = [0, -1, 1, -2, 63, -64, 64, i64::MAX, i64::MIN];
    let ids: Vec<_> = ["one", "two"].map(|name| EventId(seed(name))).to_vec();
    let number =
        |value: &u64| json!({"value": value.to_string(), "bytes": written(|w| w.varint(*value))});
    let zigzag =
        |value: &i64| json!({"value": value.to_string(), "bytes": written(|w| w.zigzag(*value))});
    golden(
        "encoding.json",
        &json!({
            "varint": varints.iter().map(number).collect::<Vec<Value>>(),
            "zigzag": signed.iter().map(zigzag).collect::<Vec<Value>>(),
            "varint_refused": ["8000", "ff8000", "80808080808080808002", "80"],
            "u16": {"value": 258, "bytes": written(|w| w.u16(258))},
            "u32": {"value": 16_909_060, "bytes": written(|w| w.u32(16_909_060))},
            "u64": {"value": "72623859790382856", "bytes": written(|w| w.u64(72_623_859_790_382_856))},
            "text": {"value": "Grüße 👋", "bytes": written(|w| w.text("Grüße 👋"))},
            "none": {"bytes": written(|w| w.option::<EventId>(None))},
            "some": {"value": hex(ids[0].0), "bytes": written(|w| w.option(Some(&ids[0])))},
            "list": {"value": [hex(ids[0].0), hex(ids[1].0)], "bytes": written(|w| w.list(&ids))},
            "id_text": [
                {"id": hex(ids[0].0), "text": ids[0].to_string()},
                {"id": hex([0; 32]), "text": EventId::ZERO.to_string()},
            ],
        }),
    );
}
