//! Sound processing of the microphone: high-pass, echo, noise, gain, in this order, by WebRTC's algorithms (sonora).
//!
//! The trait is the seam at which another implementation can take its place. Echo is cancelled before noise is
//! suppressed: the other order breaks the echo canceller's model of the room.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
    NoiseSuppression, NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::limits::{Frame, RATE, TICK_SAMPLES};
use crate::settings::{Noise, Settings};

/// Works on what the microphone picks up, with what the loudspeaker plays as reference.
pub(crate) trait Process: Send {
    /// What was played in this tick.
    fn render(&mut self, played: &Frame);
    /// What was picked up in this tick; it is replaced.
    fn capture(&mut self, sound: &mut Frame);
    /// Changes what is done.
    fn set(&mut self, settings: &Settings);
}

/// WebRTC's audio processing.
pub(crate) struct Webrtc {
    processing: AudioProcessing,
    settings: Settings,
    active: bool,
}

impl Webrtc {
    pub(crate) fn new(settings: &Settings) -> Self {
        let stream = StreamConfig::new(RATE, 1);
        let processing = AudioProcessing::builder()
            .config(config(settings))
            .capture_config(stream)
            .render_config(stream)
            .build();
        Self {
            processing,
            active: is_active(settings),
            settings: settings.clone(),
        }
    }
}

fn is_active(settings: &Settings) -> bool {
    settings.echo || settings.noise != Noise::Off || settings.automatic_gain || settings.high_pass
}

fn config(settings: &Settings) -> Config {
    let level = match settings.noise {
        Noise::Off => None,
        Noise::Moderate => Some(NoiseSuppressionLevel::Moderate),
        Noise::Strong => Some(NoiseSuppressionLevel::VeryHigh),
    };
    Config {
        pipeline: Pipeline {
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            multi_channel_render: false,
            multi_channel_capture: false,
            ..Pipeline::default()
        },
        high_pass_filter: settings.high_pass.then(HighPassFilter::default),
        echo_canceller: settings.echo.then(EchoCanceller::default),
        noise_suppression: level.map(|level| NoiseSuppression {
            level,
            ..NoiseSuppression::default()
        }),
        gain_controller2: settings.automatic_gain.then(|| GainController2 {
            adaptive_digital: Some(AdaptiveDigital::default()),
            ..GainController2::default()
        }),
        ..Config::default()
    }
}

impl Process for Webrtc {
    fn render(&mut self, played: &Frame) {
        if !self.settings.echo {
            return;
        }
        let mut out = [0.0; TICK_SAMPLES];
        if let Err(error) = self
            .processing
            .process_render_f32(&[played], &mut [&mut out])
        {
            tracing::debug!(?error, "the echo reference was refused");
        }
    }

    fn capture(&mut self, sound: &mut Frame) {
        if self.active {
            let source = *sound;
            if let Err(error) = self
                .processing
                .process_capture_f32(&[&source], &mut [sound])
            {
                tracing::debug!(?error, "sound was not processed");
                *sound = source;
            }
        }
        let gain = f32::from(self.settings.gain_percent) / 100.0;
        if (gain - 1.0).abs() > f32::EPSILON {
            sound.iter_mut().for_each(|sample| *sample *= gain);
        }
    }

    fn set(&mut self, settings: &Settings) {
        let wanted = config(settings);
        let same = format!("{wanted:?}") == format!("{:?}", config(&self.settings));
        if !same {
            self.processing.apply_config(wanted);
        }
        self.active = is_active(settings);
        self.settings = settings.clone();
    }
}
