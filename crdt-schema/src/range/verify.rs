//! Verifying: recomputes every header from the columns, chains the ids, and checks the signatures.

use std::sync::Arc;

use alloquy_ids::{DeviceId, EpochId, EventId, ScopeId, UnixMs};

use super::block::Block;
use super::columns::{Columns, Form, Proof, Tag, unzigzag};
use super::tables::{Chain, Group, Opened, read_auth_sets, read_chains, read_ids, row_of};
use super::{RangeError, SignedRange, VerifiedRange};
use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::epoch::EpochSecret;
use crate::event::{Header, Kind, OrderKey, VerifiedEvent, VerifiedInner, signed_message};
use crate::keys::Signatures;
use crate::limits::{BODY_BYTES_MAX, LAMPORT_MAX, RANGE_BYTES_MAX, RANGE_SIGNATURE_SPACING_MAX};

pub(super) fn verify(
    range: &SignedRange,
    secret: &dyn Fn(EpochId) -> Option<EpochSecret>,
    signatures: &dyn Signatures,
) -> Result<VerifiedRange, RangeError> {
    check_declared(range.columns.declared_len() + range.carried.declared_len())?;
    let columns_bytes = range.columns.open("columns of a range")?;
    let columns = Columns::from_bytes(&columns_bytes, range.count)?;
    let tags = columns
        .tag
        .iter()
        .map(|tag| Tag::from_number(*tag))
        .collect::<Result<Vec<_>, _>>()?;
    let carried = range.carried.open("carried bodies")?;
    let blocks = open_blocks(range, secret)?;
    let mut groups = Vec::with_capacity(blocks.len());
    for (place, (sealed, opened)) in range.sealed.iter().zip(&blocks).enumerate() {
        let open = |(tag, row): (&Tag, &u64)| tag.form == Form::Open && *row == place as u64;
        let count = tags
            .iter()
            .zip(&columns.epoch)
            .filter(|pair| open(*pair))
            .count();
        groups.push(Group::new(sealed.epoch, opened.as_ref(), count)?);
    }
    let mut walk = Walk::new(
        range.scope,
        &columns,
        &tags,
        &range.hashes,
        &carried,
        groups,
    )?;
    let mut events = Vec::with_capacity(range.count);
    for (place, tag) in tags.iter().enumerate() {
        events.push(walk.event(place, *tag, signatures)?);
    }
    walk.end()?;
    Ok(VerifiedRange {
        scope: range.scope,
        events,
    })
}

fn check_declared(value: usize) -> Result<(), DecodeError> {
    if value > RANGE_BYTES_MAX {
        let (value, limit) = (value as u64, RANGE_BYTES_MAX as u64);
        return Err(DecodeError::Limit {
            what: "declared bytes of a range",
            value,
            limit,
        });
    }
    Ok(())
}

/// Opens the sealed blocks; what they hold together is within the limit of one range.
fn open_blocks(
    range: &SignedRange,
    secret: &dyn Fn(EpochId) -> Option<EpochSecret>,
) -> Result<Vec<Option<Opened>>, RangeError> {
    let mut declared = range.columns.declared_len() + range.carried.declared_len();
    let mut blocks = Vec::with_capacity(range.sealed.len());
    for bodies in &range.sealed {
        if bodies.bytes.is_empty() {
            blocks.push(None);
            continue;
        }
        let secret = secret(bodies.epoch).ok_or(RangeError::SecretNotHeld(bodies.epoch))?;
        let bytes = secret
            .open_block(&bodies.bytes)
            .ok_or(RangeError::BodiesDoNotOpen(bodies.epoch))?;
        let block = Block::from_bytes(&bytes)?;
        declared += block.declared_len();
        check_declared(declared)?;
        blocks.push(Some((secret, block.open("open bodies")?.into_owned())));
    }
    Ok(blocks)
}

/// What is known of the body of an event before its id is.
enum Body<'a> {
    Absent,
    Carried(&'a [u8]),
    Open {
        secret: &'a EpochSecret,
        plaintext: &'a [u8],
        padded: Vec<u8>,
    },
}

type SignatureAndCarrier = ([u8; 64], [u8; 32]);

/// Walks the events of a range in order and uses up its tables.
struct Walk<'a> {
    scope: ScopeId,
    columns: &'a Columns,
    chains: Vec<Chain>,
    chains_seen: usize,
    ids: Vec<EventId>,
    auth_sets: Vec<Vec<EventId>>,
    groups: Vec<Group<'a>>,
    commits: Reader<'a>,
    carriers: Reader<'a>,
    signatures: Reader<'a>,
    carried: Reader<'a>,
    dep_refs: std::slice::Iter<'a, u64>,
    body_lens: std::slice::Iter<'a, u64>,
    /// Id and Lamport time of each event so far.
    walked: Vec<(EventId, u64)>,
    before: Option<OrderKey>,
    wall: u64,
    scratch: Writer,
}

impl<'a> Walk<'a> {
    fn new(
        scope: ScopeId,
        columns: &'a Columns,
        tags: &[Tag],
        hashes: &'a [u8],
        carried: &'a [u8],
        groups: Vec<Group<'a>>,
    ) -> Result<Self, DecodeError> {
        let mut hashes = Reader::new(hashes);
        let devices = read_ids(&mut hashes, columns.devices, DeviceId)?;
        let ids = read_ids(&mut hashes, columns.ids, EventId)?;
        let chains = read_chains(columns, &devices, &ids)?;
        let with_commit = |tag: &&Tag| match tag.form {
            Form::Absent => true,
            Form::Carried => tag.kind == Kind::Sealed,
            Form::Open => false,
        };
        let commits = tags.iter().filter(with_commit).count();
        let carriers = tags
            .iter()
            .filter(|tag| tag.proof == Proof::Carrier)
            .count();
        Ok(Self {
            scope,
            columns,
            chains,
            chains_seen: 0,
            auth_sets: read_auth_sets(columns, &ids)?,
            ids,
            groups,
            commits: Reader::new(hashes.raw(commits * 32, "commitments")?),
            carriers: Reader::new(hashes.raw(carriers * 32, "carriers")?),
            signatures: hashes,
            carried: Reader::new(carried),
            dep_refs: columns.dep_refs.iter(),
            body_lens: columns.body_len.iter(),
            walked: Vec::with_capacity(tags.len()),
            before: None,
            wall: columns.wall_base,
            scratch: Writer::new(),
        })
    }

    /// The event at `place`, and its plaintext if it was open.
    fn event(
        &mut self,
        place: usize,
        tag: Tag,
        signatures: &dyn Signatures,
    ) -> Result<(VerifiedEvent, Option<Vec<u8>>), RangeError> {
        let (mut header, chain) = self.header(place, tag)?;
        let body = self.body(place, tag, &mut header)?;
        self.scratch.clear();
        header.write(&mut self.scratch);
        let id = EventId(crate::hash::derive(
            "alloquy event id v1",
            &[self.scratch.as_bytes()],
        ));
        if tag.genesis && id.0 != self.scope.0 {
            return Err(DecodeError::NotCanonical {
                what: "genesis of a range",
            }
            .into());
        }
        self.check_order(&header, id)?;
        let (body, plaintext) = match body {
            Body::Absent => (None, None),
            Body::Carried(bytes) => (Some(bytes.to_vec()), None),
            Body::Open {
                secret,
                plaintext,
                padded,
            } => (
                Some(secret.seal_body_of(id, &header.log(), &padded)),
                Some(plaintext.to_vec()),
            ),
        };
        let proof = self.proof(chain, tag, body.as_deref())?;
        let device = &self.chains[chain].device.0;
        if let Some((signature, carrier)) = &proof
            && !signatures.hold(device, &signed_message(tag.kind, id, carrier), signature)
        {
            return Err(RangeError::Signature(id));
        }
        let (signature, carrier) = proof.unzip();
        self.chains[chain].advance(id, &header);
        self.walked.push((id, header.lamport));
        Ok((
            VerifiedEvent(Arc::new(VerifiedInner {
                id,
                header,
                body,
                signature,
                carrier,
            })),
            plaintext,
        ))
    }

    /// Everything of the header but the body's length and commitment.
    fn header(&mut self, place: usize, tag: Tag) -> Result<(Header, usize), DecodeError> {
        let columns = self.columns;
        let (deps, above) = self.deps(place)?;
        let number = columns.chain[place] as usize;
        if number > self.chains_seen || number >= self.chains.len() {
            return Err(DecodeError::NotCanonical {
                what: "chain of an event",
            });
        }
        self.chains_seen += usize::from(number == self.chains_seen);
        let chain = &self.chains[number];
        let above = above.max(chain.lamport);
        let before = self
            .walked
            .last()
            .map_or(columns.lamport_base, |(_, lamport)| *lamport);
        let expected = above.map_or(before, |above| above + 1);
        let lamport = expected.wrapping_add_signed(unzigzag(columns.lamport[place]));
        if lamport > LAMPORT_MAX {
            return Err(DecodeError::Limit {
                what: "lamport time",
                value: lamport,
                limit: LAMPORT_MAX,
            });
        }
        self.wall = self.wall.wrapping_add_signed(unzigzag(columns.wall[place]));
        let epoch = match (tag.kind, columns.epoch[place]) {
            (Kind::Sealed, row) => row_of(&self.groups, row, "epoch of an event")?.epoch,
            (_, 0) => EpochId::ZERO,
            (_, _) => {
                return Err(DecodeError::NotCanonical {
                    what: "epoch of an event",
                });
            }
        };
        let header = Header {
            kind: tag.kind,
            scope: if tag.genesis {
                ScopeId::ZERO
            } else {
                self.scope
            },
            device: chain.device,
            incarnation: chain.incarnation,
            seq: chain.next_seq.ok_or(DecodeError::NotCanonical {
                what: "seq of a chain",
            })?,
            prev: chain.last,
            deps,
            auth: row_of(
                &self.auth_sets,
                columns.auth[place],
                "auth heads of an event",
            )?
            .clone(),
            lamport,
            wall: UnixMs(self.wall),
            epoch,
            body_len: 0,
            body_commit: [0; 32],
        };
        Ok((header, number))
    }

    /// Ids of the event's `deps`, and the greatest Lamport time of those in the range.
    fn deps(&mut self, place: usize) -> Result<(Vec<EventId>, Option<u64>), DecodeError> {
        let mut above = None;
        let mut deps = Vec::with_capacity(self.columns.dep_len[place] as usize);
        for _ in 0..self.columns.dep_len[place] {
            let reference = *self
                .dep_refs
                .next()
                .ok_or(DecodeError::Truncated { what: "deps" })?;
            if reference & 1 == 1 {
                deps.push(*row_of(&self.ids, reference >> 1, "deps")?);
                continue;
            }
            let back = (reference >> 1) as usize;
            let earlier = self.walked.len().checked_sub(back + 1);
            let (id, lamport) =
                self.walked[earlier.ok_or(DecodeError::NotCanonical { what: "deps" })?];
            deps.push(id);
            above = above.max(Some(lamport));
        }
        Ok((deps, above))
    }

    /// Finds the body and completes the header with its length and commitment.
    fn body(
        &mut self,
        place: usize,
        tag: Tag,
        header: &mut Header,
    ) -> Result<Body<'a>, DecodeError> {
        let body = if tag.form == Form::Open {
            let row = self.columns.epoch[place] as usize;
            let (secret, plaintext) = self.groups[row].next()?;
            let padded = crate::epoch::pad(plaintext);
            header.body_len = crate::epoch::sealed_len(padded.len()) as u32;
            header.body_commit = secret.body_commit(&header.log(), header.seq, &padded);
            Body::Open {
                secret,
                plaintext,
                padded,
            }
        } else {
            let value = *self.body_lens.next().ok_or(DecodeError::Truncated {
                what: "body length",
            })?;
            header.body_len = value.min(u64::from(u32::MAX)) as u32;
            match tag.form {
                Form::Carried => Body::Carried(
                    self.carried
                        .raw(header.body_len as usize, "carried bodies")?,
                ),
                _ => Body::Absent,
            }
        };
        match body {
            Body::Open { .. } => {}
            Body::Carried(clear) if tag.kind != Kind::Sealed => {
                header.body_commit = crate::event::clear_commit(clear);
            }
            _ => header.body_commit = self.commits.array("commitment")?,
        }
        if header.body_len as usize > BODY_BYTES_MAX {
            let (value, limit) = (u64::from(header.body_len), BODY_BYTES_MAX as u64);
            return Err(DecodeError::Limit {
                what: "body length",
                value,
                limit,
            });
        }
        Ok(body)
    }

    /// Refuses events that are not in the order shown, or twice in the range.
    fn check_order(&mut self, header: &Header, id: EventId) -> Result<(), DecodeError> {
        let Header {
            lamport,
            device,
            incarnation,
            seq,
            ..
        } = *header;
        let key = OrderKey {
            lamport,
            device,
            incarnation,
            seq,
            id,
        };
        if self.before.replace(key).is_some_and(|before| before >= key) {
            return Err(DecodeError::NotCanonical {
                what: "order of events",
            });
        }
        Ok(())
    }

    /// Signature and carrier of the event, if its place and tag say that it has one; they are not checked here.
    fn proof(
        &mut self,
        chain: usize,
        tag: Tag,
        body: Option<&[u8]>,
    ) -> Result<Option<SignatureAndCarrier>, RangeError> {
        let chain = &mut self.chains[chain];
        let last = chain.left == 1;
        if tag.proof == Proof::Place && !last {
            chain.unsigned += 1;
            if chain.unsigned >= RANGE_SIGNATURE_SPACING_MAX {
                let (value, limit) = (
                    chain.unsigned as u64,
                    RANGE_SIGNATURE_SPACING_MAX as u64 - 1,
                );
                return Err(DecodeError::Limit {
                    what: "events between signatures",
                    value,
                    limit,
                }
                .into());
            }
            return Ok(None);
        }
        if tag.proof == Proof::Signature && last {
            return Err(DecodeError::NotCanonical {
                what: "proof of an event",
            }
            .into());
        }
        chain.unsigned = 0;
        let given = body.map(crate::hash::plain);
        let carrier = match tag.proof {
            Proof::Carrier => {
                Some(self.carriers.array("carrier")?).filter(|carrier| Some(*carrier) != given)
            }
            Proof::Place | Proof::Signature => given,
        };
        let carrier = carrier.ok_or(DecodeError::NotCanonical {
            what: "carrier of an event",
        })?;
        Ok(Some((self.signatures.array("signature")?, carrier)))
    }

    /// Refuses what no event used.
    fn end(&self) -> Result<(), DecodeError> {
        for reader in [
            &self.commits,
            &self.carriers,
            &self.signatures,
            &self.carried,
        ] {
            reader.end()?;
        }
        for group in &self.groups {
            group.end()?;
        }
        Ok(())
    }
}
