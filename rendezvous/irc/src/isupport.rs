//! `005`: what this server is like.

use crate::bound::Bound;
use crate::commands::CLIENT_TAGS;
use crate::io::Settings;
use crate::limits::{
    AWAY_BYTES_MAX, CHANNEL_BYTES_MAX, CHANNELS_MAX, HISTORY_MAX, KICK_BYTES_MAX, MONITOR_MAX,
    NICK_BYTES_MAX, TARGETS_MAX, TOPIC_BYTES_MAX,
};

/// Tokens of one line: RFC 2812 allows 15 parameters, of which the nick and the text are two.
const TOKENS_MAX: usize = 13;

/// The tokens, line by line.
pub(crate) fn lines(settings: &Settings, bound: Option<&Bound>) -> Vec<Vec<String>> {
    let network = bound
        .map_or(&settings.network, |bound| &bound.name)
        .replace(' ', "\\x20");
    let mut all = vec![
        "ACCOUNTEXTBAN=a,account".to_owned(),
        format!("AWAYLEN={AWAY_BYTES_MAX}"),
        "BOT=B".to_owned(),
        "CASEMAPPING=ascii".to_owned(),
        format!("CHANLIMIT=#:{CHANNELS_MAX}"),
        "CHANMODES=bI,,,Cimnst".to_owned(),
        format!("CHANNELLEN={CHANNEL_BYTES_MAX}"),
        "CHANTYPES=#".to_owned(),
        format!("CHATHISTORY={HISTORY_MAX}"),
        format!("CLIENTTAGDENY=*,-{}", CLIENT_TAGS.join(",-")),
        "ELIST=MNU".to_owned(),
        "EXTBAN=~,am".to_owned(),
        format!("KICKLEN={KICK_BYTES_MAX}"),
        "MODES".to_owned(),
        format!("MONITOR={MONITOR_MAX}"),
        "MSGREFTYPES=msgid,timestamp".to_owned(),
        format!("NAMELEN={}", alloquy_api::limits::NAME_BYTES_MAX),
        format!("NETWORK={network}"),
        format!("NICKLEN={NICK_BYTES_MAX}"),
        "PREFIX=(qaohv)~&@%+".to_owned(),
        "SAFELIST".to_owned(),
        format!("SILENCE={}", alloquy_api::limits::CONTACTS_MAX),
        format!(
            "TARGMAX=JOIN:{TARGETS_MAX},KICK:{TARGETS_MAX},NAMES:1,NOTICE:{TARGETS_MAX},PART:{TARGETS_MAX},PRIVMSG:{TARGETS_MAX},TAGMSG:{TARGETS_MAX},WHOIS:1"
        ),
        format!("TOPICLEN={TOPIC_BYTES_MAX}"),
        "UTF8ONLY".to_owned(),
        "WHOX".to_owned(),
    ];
    all.extend(bound.map(|bound| format!("BOUNCER_NETID={}", bound.slug)));
    all.chunks(TOKENS_MAX).map(<[String]>::to_vec).collect()
}
