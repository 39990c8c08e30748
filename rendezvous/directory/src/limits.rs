//! Every maximum of accounts, with its unit and its reason (invariant I7).

/// Bytes of an account's name: what IRC clients make room for.
pub const NAME_BYTES_MAX: usize = 32;
/// Characters of a password at least: guesses are few here, for each costs a delay.
pub const PASSWORD_CHARS_MIN: usize = 6;
/// Bytes of a password at most: what one AUTHENTICATE chunk holds beside the name.
pub const PASSWORD_BYTES_MAX: usize = 300;
/// Bytes of the label of an app password.
pub const LABEL_BYTES_MAX: usize = 64;
/// App passwords of an account: one for each program of a person, with those that were revoked.
pub const APP_PASSWORDS_MAX: usize = 64;
/// Certificates of an account.
pub const CERTIFICATES_MAX: usize = 16;
/// Accounts of a rendezvous; all are held in memory, some 2 KiB each.
pub const ACCOUNTS_MAX: usize = 100_000;
/// Argon2id memory, KiB: 19 MiB, the first recommendation of OWASP, for many people log in at once.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Argon2id passes: 2, the same recommendation.
pub const PASSES: u32 = 2;
/// Rounds of PBKDF2 in SCRAM-SHA-256: clients compute as many; RFC 7677 asks for 4,096 at least.
pub const SCRAM_ROUNDS: u32 = 10_000;
/// Wrong log-ins of one source to one account before the next one waits: a person's slips.
pub const FREE_FAILURES: u32 = 3;
/// Wrong log-ins of all sources to one account before strangers wait.
pub const FREE_FAILURES_OF_ALL: u32 = 10;
/// The first wait, milliseconds; it doubles with each failure.
pub const WAIT_FIRST_MS: u64 = 1_000;
/// The longest wait, milliseconds: a stranger can delay a person by no more than this.
pub const WAIT_MS_MAX: u64 = 30_000;
/// Milliseconds without a failure after which a count begins anew.
pub const FAILURES_KEPT_MS: u64 = 3_600_000;
/// Pairs of account and source that are remembered; beyond it the longest unused is forgotten: some 8 MiB.
pub const SOURCES_MAX: usize = 65_536;
/// Accounts that one source makes within [`REGISTRATION_WINDOW_MS`]: a family on one evening.
pub const REGISTRATIONS_MAX: usize = 3;
/// Milliseconds over which they are counted.
pub const REGISTRATION_WINDOW_MS: u64 = 3_600_000;
/// Registrations that are remembered; beyond it the oldest is forgotten: some 64 KiB, and each took Argon2id's time.
pub const REGISTRATIONS_KEPT: usize = 4_096;
/// Milliseconds between two records of the last use of a credential: a bouncer that reconnects each second writes
/// nothing.
pub const LAST_USE_STEP_MS: u64 = 60_000;
/// Bytes of one SCRAM message: names, two nonces and a proof.
pub const SCRAM_BYTES_MAX: usize = 1_024;
