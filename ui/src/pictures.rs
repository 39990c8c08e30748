//! Pictures of communities: decoded once, small, and only when they are what they claim to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::CommunityId;
use egui::{ColorImage, Context, TextureHandle, TextureOptions};

/// Bytes of a picture that is decoded (docs/protocol.md, "Limits").
const BYTES_MAX: usize = 32 * 1024;
/// Pixels of a side (docs/protocol.md, "Limits"): 1 MiB of memory decoded.
const SIDE_MAX: u32 = 512;
/// Pictures held at once: the communities of one account.
const PICTURES_MAX: usize = 256;

/// Decoded pictures, by community, each with the bytes that it was made of.
#[derive(Default)]
pub(crate) struct Pictures {
    icons: BTreeMap<CommunityId, (Arc<[u8]>, Option<TextureHandle>)>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pictures({})", self.icons.len())
    }
}

impl Pictures {
    /// The icon of a community; `None` when it has none, or one that can not be shown.
    pub(crate) fn icon(
        &mut self,
        ctx: &Context,
        id: CommunityId,
        bytes: Option<&Arc<[u8]>>,
    ) -> Option<TextureHandle> {
        let Some(bytes) = bytes else {
            self.icons.remove(&id);
            return None;
        };
        if let Some((of, texture)) = self.icons.get(&id)
            && Arc::ptr_eq(of, bytes)
        {
            return texture.clone();
        }
        if self.icons.len() >= PICTURES_MAX {
            self.icons.clear();
        }
        let texture = decode(bytes).map(|image| {
            ctx.load_texture(
                format!("icon {}", id.short()),
                image,
                TextureOptions::LINEAR,
            )
        });
        self.icons.insert(id, (Arc::clone(bytes), texture.clone()));
        texture
    }
}

/// Decodes a picture whose header claims no more than the limits allow; the claim is read before anything is
/// allocated for pixels. At most 512 x 512, which takes about a millisecond: less than a frame.
fn decode(bytes: &[u8]) -> Option<ColorImage> {
    if bytes.len() > BYTES_MAX {
        return None;
    }
    let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(8 * 1024 * 1024);
    reader.limits(limits);
    let picture = reader.decode().ok()?.into_rgba8();
    let size = [picture.width() as usize, picture.height() as usize];
    Some(ColorImage::from_rgba_unmultiplied(size, picture.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbaImage::from_pixel(width, height, image::Rgba([1, 2, 3, 255]));
        picture
            .write_to(&mut bytes, image::ImageFormat::Png)
            .expect("memory takes it");
        bytes.into_inner()
    }

    #[test]
    fn a_small_picture_is_decoded() {
        assert_eq!(decode(&png(64, 32)).map(|image| image.size), Some([64, 32]));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused_before_its_pixels_are_made() {
        let mut bytes = png(8, 8);
        // Width and height stand at 16 and 20 of a PNG; its checksum is mended, so that only the size is wrong.
        bytes[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
        let crc = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(decode(&bytes).is_none());
        assert!(decode(&png(513, 8)).is_none());
        assert!(decode(b"no picture").is_none());
        assert!(decode(&vec![0; BYTES_MAX + 1]).is_none());
    }

    /// CRC-32 as PNG uses it (ISO 3309).
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }
}
