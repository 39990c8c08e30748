//! Ranges: many events of one scope, several logs, a signature per at most 64 events of a log.
