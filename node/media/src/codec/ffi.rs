//! The calls of libopus. The only unsafe code of this crate.
//!
//! Each wrapper owns one C object, which its constructor made and its `drop` frees; `&mut self` on every call keeps two
//! threads from using it at once. Lengths that C gets are those of the slices.
#![expect(unsafe_code, reason = "libopus has no safe wrapper with DRED")]

use std::ptr::NonNull;

use opusic_sys as c;

use super::{CodecError, EncoderSettings};
use crate::limits::{DRED_SAMPLES_MAX, PACKET_SAMPLES_MAX, RATE};

/// Rate as C takes it.
const RATE_C: i32 = RATE as i32;

fn checked(call: &'static str, code: i32) -> Result<usize, CodecError> {
    usize::try_from(code).map_err(|_negative| CodecError::Refused { call, code })
}

fn made<T>(call: &'static str, object: *mut T, code: i32) -> Result<NonNull<T>, CodecError> {
    NonNull::new(object).ok_or(CodecError::Refused { call, code })
}

/// Lengths of slices here are far below 2^31; a longer one is refused by C as a bad argument.
fn length(slice: &[impl Sized]) -> i32 {
    i32::try_from(slice.len()).unwrap_or(-1)
}

/// Samples at 48 kHz that a packet holds, 1 to [`PACKET_SAMPLES_MAX`].
///
/// # Errors
/// The packet is empty, malformed, or longer than RFC 6716 allows.
pub fn packet_samples(packet: &[u8]) -> Result<usize, CodecError> {
    if packet.is_empty() {
        return Err(CodecError::Empty);
    }
    // SAFETY: the pointer and the length are those of one slice; C reads the first bytes only.
    let code = unsafe { c::opus_packet_get_nb_samples(packet.as_ptr(), length(packet), RATE_C) };
    let samples = checked("opus_packet_get_nb_samples", code)?;
    if samples == 0 || samples > PACKET_SAMPLES_MAX {
        return Err(CodecError::TooLong { samples });
    }
    Ok(samples)
}

/// Whether the packet carries a coarse copy of the frame before it (in-band FEC, LBRR).
#[must_use]
pub fn has_fec(packet: &[u8]) -> bool {
    // SAFETY: the pointer and the length are those of one slice that is not empty.
    !packet.is_empty() && unsafe { c::opus_packet_has_lbrr(packet.as_ptr(), length(packet)) } == 1
}

/// An encoder of 48 kHz mono speech.
#[derive(Debug)]
pub struct Encoder(NonNull<c::OpusEncoder>);

// SAFETY: libopus keeps no state outside of the object, and `&mut self` serialises its use.
unsafe impl Send for Encoder {}

impl Encoder {
    /// A new encoder for speech with the default bit rate.
    ///
    /// # Errors
    /// libopus has no memory for it.
    pub fn new() -> Result<Self, CodecError> {
        let mut code = 0;
        // SAFETY: `code` lives through the call.
        let object =
            unsafe { c::opus_encoder_create(RATE_C, 1, c::OPUS_APPLICATION_VOIP, &raw mut code) };
        let mut encoder = Self(made("opus_encoder_create", object, code)?);
        encoder.set(c::OPUS_SET_SIGNAL_REQUEST, c::OPUS_SIGNAL_VOICE)?;
        Ok(encoder)
    }

    fn set(&mut self, request: i32, value: i32) -> Result<(), CodecError> {
        // SAFETY: the object is alive; every request made here takes one `opus_int32` by value.
        let code = unsafe { c::opus_encoder_ctl(self.0.as_ptr(), request, value) };
        checked("opus_encoder_ctl", code).map(|_| ())
    }

    /// Changes how the next frames are encoded.
    ///
    /// # Errors
    /// A value is out of libopus' range.
    pub fn apply(&mut self, settings: EncoderSettings) -> Result<(), CodecError> {
        self.set(c::OPUS_SET_BITRATE_REQUEST, settings.bitrate)?;
        self.set(c::OPUS_SET_INBAND_FEC_REQUEST, i32::from(settings.fec))?;
        self.set(c::OPUS_SET_PACKET_LOSS_PERC_REQUEST, settings.expected_loss)?;
        self.set(c::OPUS_SET_DRED_DURATION_REQUEST, settings.dred_ms / 10)
    }

    /// Effort, 0 to 10; more is better and slower.
    ///
    /// # Errors
    /// The value is out of range.
    pub fn complexity(&mut self, value: i32) -> Result<(), CodecError> {
        self.set(c::OPUS_SET_COMPLEXITY_REQUEST, value)
    }

    /// Encodes one frame of 2.5 to 120 ms into `packet`; returns its bytes.
    ///
    /// # Errors
    /// The length is none of Opus.
    pub fn encode(&mut self, pcm: &[f32], packet: &mut [u8]) -> Result<usize, CodecError> {
        // SAFETY: the object is alive; the pointers and lengths are those of two slices, mono.
        let code = unsafe {
            c::opus_encode_float(
                self.0.as_ptr(),
                pcm.as_ptr(),
                length(pcm),
                packet.as_mut_ptr(),
                length(packet),
            )
        };
        checked("opus_encode_float", code)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: made by `opus_encoder_create`, freed once.
        unsafe { c::opus_encoder_destroy(self.0.as_ptr()) }
    }
}

/// A decoder to 48 kHz mono; stereo comes out mixed down.
#[derive(Debug)]
pub struct Decoder(NonNull<c::OpusDecoder>);

// SAFETY: libopus keeps no state outside of the object, and `&mut self` serialises its use.
unsafe impl Send for Decoder {}

impl Decoder {
    /// A new decoder.
    ///
    /// # Errors
    /// libopus has no memory for it.
    pub fn new() -> Result<Self, CodecError> {
        let mut code = 0;
        // SAFETY: `code` lives through the call.
        let object = unsafe { c::opus_decoder_create(RATE_C, 1, &raw mut code) };
        Ok(Self(made("opus_decoder_create", object, code)?))
    }

    /// Effort, 0 to 10; from 5 on losses are concealed by a network (deep PLC).
    ///
    /// # Errors
    /// The value is out of range.
    pub fn complexity(&mut self, value: i32) -> Result<(), CodecError> {
        // SAFETY: the object is alive; this request takes one `opus_int32` by value.
        let code =
            unsafe { c::opus_decoder_ctl(self.0.as_ptr(), c::OPUS_SET_COMPLEXITY_REQUEST, value) };
        checked("opus_decoder_ctl", code).map(|_| ())
    }

    /// Forgets what came before.
    pub fn reset(&mut self) {
        // SAFETY: the object is alive; this request takes no value and cannot fail.
        let code = unsafe { c::opus_decoder_ctl(self.0.as_ptr(), c::OPUS_RESET_STATE) };
        debug_assert_eq!(code, 0);
    }

    /// Decodes a packet; returns its samples.
    ///
    /// # Errors
    /// The packet is malformed, or longer than `pcm`.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut [f32]) -> Result<usize, CodecError> {
        if packet.is_empty() {
            return Err(CodecError::Empty);
        }
        self.call(packet, pcm, 0)
    }

    /// Decodes the coarse copy of what came before `packet`; `pcm` is exactly as long as what is missing.
    ///
    /// # Errors
    /// The packet is malformed.
    pub fn recover(&mut self, packet: &[u8], pcm: &mut [f32]) -> Result<usize, CodecError> {
        if packet.is_empty() {
            return Err(CodecError::Empty);
        }
        self.call(packet, pcm, 1)
    }

    /// Makes up what is missing (PLC); `pcm` is a multiple of 2.5 ms.
    ///
    /// # Errors
    /// The length is none of Opus.
    pub fn conceal(&mut self, pcm: &mut [f32]) -> Result<usize, CodecError> {
        self.call(&[], pcm, 0)
    }

    fn call(&mut self, packet: &[u8], pcm: &mut [f32], fec: i32) -> Result<usize, CodecError> {
        let data = if packet.is_empty() {
            std::ptr::null()
        } else {
            packet.as_ptr()
        };
        // SAFETY: the object is alive; `data` is null or the start of `packet`; C writes at most the given length of
        // mono samples into `pcm`.
        let code = unsafe {
            c::opus_decode_float(
                self.0.as_ptr(),
                data,
                length(packet),
                pcm.as_mut_ptr(),
                length(pcm),
                fec,
            )
        };
        checked("opus_decode_float", code)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: made by `opus_decoder_create`, freed once.
        unsafe { c::opus_decoder_destroy(self.0.as_ptr()) }
    }
}

/// Deep redundancy: what a packet tells of up to a second before it.
#[derive(Debug)]
pub struct Dred {
    decoder: NonNull<c::OpusDREDDecoder>,
    state: NonNull<c::OpusDRED>,
}

// SAFETY: both objects keep no state outside of themselves, and `&mut self` serialises their use.
unsafe impl Send for Dred {}

impl Dred {
    /// A reader of DRED.
    ///
    /// # Errors
    /// libopus has no memory for it.
    pub fn new() -> Result<Self, CodecError> {
        let mut code = 0;
        // SAFETY: `code` lives through the calls.
        let decoder = unsafe { c::opus_dred_decoder_create(&raw mut code) };
        let decoder = made("opus_dred_decoder_create", decoder, code)?;
        // SAFETY: as above.
        let state = unsafe { c::opus_dred_alloc(&raw mut code) };
        match made("opus_dred_alloc", state, code) {
            Ok(state) => Ok(Self { decoder, state }),
            Err(error) => {
                // SAFETY: made above, not used any more.
                unsafe { c::opus_dred_decoder_destroy(decoder.as_ptr()) };
                Err(error)
            }
        }
    }

    /// Reads the redundancy of a packet; returns how many samples before the packet it reaches, 0: it has none.
    pub fn parse(&mut self, packet: &[u8]) -> usize {
        self.read(packet, 0)
    }

    /// As [`Self::parse`], without the network that makes the redundancy ready to be decoded; what was parsed before
    /// is gone.
    pub fn reach(&mut self, packet: &[u8]) -> usize {
        self.read(packet, 1)
    }

    fn read(&mut self, packet: &[u8], defer_processing: i32) -> usize {
        if packet.is_empty() {
            return 0;
        }
        let mut end = 0;
        // SAFETY: both objects are alive, the pointer and length are those of one slice, `end` lives through the call.
        let code = unsafe {
            c::opus_dred_parse(
                self.decoder.as_ptr(),
                self.state.as_ptr(),
                packet.as_ptr(),
                length(packet),
                DRED_SAMPLES_MAX,
                RATE_C,
                &raw mut end,
                defer_processing,
            )
        };
        usize::try_from(code).unwrap_or(0)
    }

    /// Decodes into `pcm` what was `before` samples before the packet that was parsed last.
    ///
    /// # Errors
    /// The length is no multiple of 2.5 ms.
    pub fn decode(
        &mut self,
        decoder: &mut Decoder,
        before: usize,
        pcm: &mut [f32],
    ) -> Result<usize, CodecError> {
        let before = i32::try_from(before).unwrap_or(-1);
        // SAFETY: both objects are alive; C writes at most the given length of mono samples into `pcm`.
        let code = unsafe {
            c::opus_decoder_dred_decode_float(
                decoder.0.as_ptr(),
                self.state.as_ptr(),
                before,
                pcm.as_mut_ptr(),
                length(pcm),
            )
        };
        checked("opus_decoder_dred_decode_float", code)
    }
}

impl Drop for Dred {
    fn drop(&mut self) {
        // SAFETY: each was made by its own constructor, freed once.
        unsafe {
            c::opus_dred_free(self.state.as_ptr());
            c::opus_dred_decoder_destroy(self.decoder.as_ptr());
        }
    }
}
