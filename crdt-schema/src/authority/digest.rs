//! The canonical form of an evaluated state, for comparison between replicas only: it is never sent or stored.

use super::state::{Channel, Epoch, Invite, Loss, Map, Member, State};
use crate::codec::{Canonical, Writer};

impl State {
    /// Derived hash of the whole state in canonical form.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut w = Writer::new();
        w.u16(self.level);
        w.u8(self.kind as u8);
        self.founder.write(&mut w);
        list(&mut w, self.owners.iter(), |w, owner| owner.write(w));
        self.owners_version.write(&mut w);
        w.u8(self.history as u8);
        map(&mut w, &self.members, |w, member| write_member(w, member));
        map(&mut w, &self.former, |w, former| {
            w.u8(u8::from(former.standing));
            write_member(w, &former.member);
        });
        map(&mut w, &self.banned, |w, op| op.write(w));
        map(&mut w, &self.roles, |w, role| {
            role.rank.write(w);
            role.permissions.write(w);
            role.by.write(w);
        });
        map(&mut w, &self.channels, |w, channel| {
            write_channel(w, channel)
        });
        map(&mut w, &self.closed, |w, channel| write_channel(w, channel));
        map(&mut w, &self.invites, write_invite);
        map(&mut w, &self.timeouts, |w, (op, until)| {
            op.write(w);
            until.write(w);
        });
        map(&mut w, &self.epochs, |w, epoch| write_epoch(w, epoch));
        list(&mut w, self.losses.iter(), write_loss);
        list(&mut w, self.accepted_late.iter(), |w, id| id.write(w));
        list(&mut w, self.purged.iter(), |w, id| id.write(w));
        map(&mut w, &self.devices, |w, account| account.write(w));
        map(&mut w, &self.revoked, |w, op| op.write(w));
        list(&mut w, self.gone.iter(), |w, id| id.write(w));
        map(&mut w, &self.uses, |w, count| count.write(w));
        map(&mut w, &self.came, |w, wall| wall.write(w));
        for rule in self.policy.rules() {
            rule.write(&mut w);
        }
        for (number, by) in &self.policy_by {
            w.u8(*number);
            by.write(&mut w);
        }
        crate::hash::derive("alloquy authority state v1", &[&w.into_bytes()])
    }
}

fn list<'a, T: 'a>(
    w: &mut Writer,
    items: impl ExactSizeIterator<Item = &'a T>,
    each: impl Fn(&mut Writer, &T),
) {
    w.varint(items.len() as u64);
    for item in items {
        each(w, item);
    }
}

fn map<K: Canonical + Ord, V>(w: &mut Writer, items: &Map<K, V>, each: impl Fn(&mut Writer, &V)) {
    w.varint(items.len() as u64);
    for (key, value) in items {
        key.write(w);
        each(w, value);
    }
}

fn write_member(w: &mut Writer, member: &Member) {
    w.varint(member.granted.len() as u64);
    for (role, by) in &member.granted {
        role.write(w);
        by.write(w);
    }
    w.varint(member.devices.len() as u64);
    for (device, keys) in &member.devices {
        device.write(w);
        w.list(keys);
    }
    list(w, member.suspended.iter(), |w, device| device.write(w));
    w.varint(member.homes.len() as u64);
    for (home, key) in &member.homes {
        home.write(w);
        key.write(w);
    }
    let identity = member.identity.iter().flat_map(|log| log.ids());
    let identity: Vec<_> = identity.collect();
    w.list(&identity);
    list(w, member.embedded_by.iter(), |w, op| op.write(w));
    w.option(member.prekey.as_ref());
    w.raw(&member.recovery_wrap_key);
    member.admitted.write(w);
    w.option(member.invite.as_ref());
    member.standing_by.write(w);
}

fn write_channel(w: &mut Writer, channel: &Channel) {
    w.u8(channel.kind as u8);
    w.u8(u8::from(channel.private));
    w.varint(channel.overwrites.len() as u64);
    for (target, (allow, deny)) in &channel.overwrites {
        target.write(w);
        allow.write(w);
        deny.write(w);
    }
    w.varint(channel.overwritten.len() as u64);
    for (target, by) in &channel.overwritten {
        target.write(w);
        by.write(w);
    }
    w.u32(channel.slow_mode_ms);
    w.u8(channel.history as u8);
}

fn write_invite(w: &mut Writer, invite: &Invite) {
    invite.creator.write(w);
    w.raw(&invite.key);
    w.option(invite.expires.as_ref());
    w.option(invite.uses.as_ref());
    w.u32(invite.used);
    w.u8(u8::from(invite.revoked));
}

fn write_epoch(w: &mut Writer, epoch: &Epoch) {
    w.option(epoch.channel.as_ref());
    w.list(&epoch.parents);
    w.raw(&epoch.commit);
    w.u32(epoch.depth);
}

fn write_loss(w: &mut Writer, loss: &Loss) {
    loss.op.write(w);
    loss.account.write(w);
    w.option(loss.device.as_ref());
    w.option(loss.channel.as_ref());
}
