//! What faces show of voice.

use std::collections::BTreeMap;

use alloquy_api::voice::{CallPeerView, CallView, VoiceMemberView};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};
use rand_core::CryptoRng;

use super::link::Link;
use super::rights::Silence;
use crate::community::Community;
use crate::node::Node;
use crate::wire::voice::Part;

fn member(
    community: &Community,
    (account, device): (AccountId, DeviceId),
    part: Part,
    silence: Option<Silence>,
) -> VoiceMemberView {
    let audience = silence == Some(Silence::Audience);
    VoiceMemberView {
        account,
        device,
        name: community.member_name(account),
        muted: part.muted,
        deafened: part.deafened,
        silenced: silence.is_some() && !audience,
        audience,
        hand: part.hand && audience,
    }
}

impl<R: CryptoRng> Node<R> {
    /// Who is in the rooms of a community, by name.
    pub(crate) fn voice_views(
        &self,
        community: &Community,
    ) -> BTreeMap<ChannelId, Vec<VoiceMemberView>> {
        let mut rooms: BTreeMap<ChannelId, Vec<VoiceMemberView>> = BTreeMap::new();
        let me = self.me.account();
        let roster = self.voice.rosters.get(&community.id).into_iter().flatten();
        for (device, one) in roster.filter(|(_, one)| one.until.is_some()) {
            let channel = one.word.channel;
            if community.is_entitled(me, Some(channel)) {
                let view = member(
                    community,
                    (one.account, *device),
                    one.word.part,
                    one.silence,
                );
                rooms.entry(channel).or_default().push(view);
            }
        }
        if let Some(call) = self
            .voice
            .call
            .as_ref()
            .filter(|call| call.community == community.id)
        {
            let part = Part {
                muted: self.voice.muted,
                deafened: self.voice.deafened,
                hand: call.part.hand,
            };
            let view = member(community, (me, self.me.device()), part, call.silence);
            rooms.entry(call.channel).or_default().push(view);
        }
        for room in rooms.values_mut() {
            room.sort_by(|a, b| (&a.name, a.device).cmp(&(&b.name, b.device)));
        }
        rooms
    }

    /// The own call, with what was measured last.
    pub(crate) fn call_view(&self) -> Option<CallView> {
        let call = self.voice.call.as_ref()?;
        let peer = |link: &Link| CallPeerView {
            account: link.account,
            link: link.view.clone(),
            speaking: link.speaking,
            volume: self.volume_of(link.account),
            stats: link.stats,
        };
        let peers = call.links.iter();
        Some(CallView {
            community: call.community,
            channel: call.channel,
            muted: self.voice.muted,
            deafened: self.voice.deafened,
            silenced: call.silence.map(|silence| silence.sentence().to_owned()),
            speaking: call.speaking,
            peers: peers.map(|(device, link)| (*device, peer(link))).collect(),
        })
    }

    /// Others of an account in the own room.
    pub(crate) fn devices_in_room(&self, account: AccountId) -> Vec<DeviceId> {
        let links = self.voice.call.iter().flat_map(|call| call.links.iter());
        let of = links.filter(|(_, link)| link.account == account);
        of.map(|(device, _)| *device).collect()
    }

    /// The community of the own call.
    pub(crate) fn call_community(&self) -> Option<CommunityId> {
        self.voice.room().map(|(id, _)| id)
    }
}
