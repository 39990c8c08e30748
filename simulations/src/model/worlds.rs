//! The communities in which everything is tried: each holds one kind of quarrel.

use alloquy_ids::RoleId;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::permissions::{Permissions, Rank};

use super::{Club, Move, Past};

/// A community and what may happen in it.
#[derive(Clone)]
pub struct World {
    /// Its name on the command line.
    pub name: &'static str,
    /// What may happen, each at most once.
    pub moves: Vec<Move>,
    make: fn() -> Club,
}

impl World {
    /// The community before anything happens.
    #[must_use]
    pub fn club(&self) -> Club {
        (self.make)()
    }

    /// How many people act.
    #[must_use]
    pub fn replicas(&self) -> usize {
        let people: std::collections::BTreeSet<_> =
            self.moves.iter().map(|next| next.who).collect();
        people.len()
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

type Make = fn(&Club, &Past<'_>) -> Option<AuthorityOp>;

fn step(who: &'static str, label: &'static str, make: Make) -> Move {
    Move {
        who,
        label,
        make,
        dated_back: false,
    }
}

/// By somebody who hides what he did before.
fn back(who: &'static str, label: &'static str, make: Make) -> Move {
    Move {
        dated_back: true,
        ..step(who, label, make)
    }
}

/// All worlds.
#[must_use]
pub fn worlds() -> Vec<World> {
    vec![
        World {
            name: "revenge",
            make: quarrel,
            moves: revenge(),
        },
        World {
            name: "promotions",
            make: equals,
            moves: promotions(),
        },
        World {
            name: "bans",
            make: quarrel,
            moves: bans(),
        },
        World {
            name: "invites",
            make: invited,
            moves: invites(),
        },
        World {
            name: "roles",
            make: quarrel,
            moves: roles(),
        },
        World {
            name: "owners",
            make: quorum,
            moves: owners(),
        },
        World {
            name: "leaving",
            make: equals,
            moves: leaving(),
        },
        World {
            name: "repair",
            make: quarrel,
            moves: repair(),
        },
        World {
            name: "everyone",
            make: invited,
            moves: everyone(),
        },
    ]
}

/// olga (60) over mallory (50) over ben and dan; roles `high` (80) and `low` (20); sock is a stranger.
fn quarrel() -> Club {
    let mut club = Club::new(&["olga", "mallory", "ben", "dan", "sock"]);
    club.admits(&[("olga", 60), ("mallory", 50), ("ben", 0), ("dan", 0)]);
    named_roles(&mut club);
    club
}

/// a and b of rank 10, c and d of rank 30.
fn equals() -> Club {
    let mut club = Club::new(&["a", "b", "c", "d"]);
    club.admits(&[("a", 10), ("b", 10), ("c", 30), ("d", 30)]);
    named_roles(&mut club);
    club
}

/// mod (50) has made an invite; ben is a plain member; new and newer are strangers.
fn invited() -> Club {
    let mut club = Club::new(&["olga", "mod", "ben", "new", "newer"]);
    club.admits(&[("olga", 60), ("mod", 50), ("ben", 0)]);
    named_roles(&mut club);
    let invite = club.invite();
    club.makes("invite", "mod", &invite);
    club
}

/// ana, olga and ben are owners; dan is not.
fn quorum() -> Club {
    let mut club = Club::new(&["olga", "ben", "dan"]);
    club.admits(&[("olga", 0), ("ben", 0), ("dan", 0)]);
    let genesis = club.log().state().owners_version;
    let first = club.certificate(genesis, &["ana", "olga", "ben"], &["ana"]);
    club.makes("owners", "ana", &first);
    club
}

fn named_roles(club: &mut Club) {
    for (name, rank) in [("high", 80), ("low", 20)] {
        let role = AuthorityOp::RoleCreate {
            rank: Rank(rank),
            permissions: Permissions::ALL,
        };
        club.makes(name, "ana", &role);
    }
}

fn revenge() -> Vec<Move> {
    vec![
        step("ana", "ana promotes mallory", |club, _| {
            Some(club.grant("mallory", "high"))
        }),
        step("olga", "olga kicks mallory", |club, _| {
            Some(club.kick("mallory"))
        }),
        step("olga", "olga demotes mallory", |club, _| {
            Some(club.revoke("mallory", "mallory"))
        }),
        back("mallory", "mallory kicks olga", |club, _| {
            Some(club.kick("olga"))
        }),
        back("mallory", "mallory promotes ben", |club, _| {
            Some(club.grant("ben", "low"))
        }),
        back("mallory", "mallory admits sock", |club, _| {
            Some(AuthorityOp::Admit(club.join("sock", None)))
        }),
        step("sock", "sock kicks dan", |club, _| Some(club.kick("dan"))),
        step("ben", "ben kicks dan", |club, _| Some(club.kick("dan"))),
    ]
}

fn promotions() -> Vec<Move> {
    vec![
        step("ana", "ana promotes a", |club, _| {
            Some(club.grant("a", "high"))
        }),
        step("ana", "ana promotes b", |club, _| {
            Some(club.grant("b", "high"))
        }),
        step("a", "a kicks b", |club, _| Some(club.kick("b"))),
        step("b", "b kicks a", |club, _| Some(club.kick("a"))),
        step("c", "c demotes a", |club, _| Some(club.revoke("a", "a"))),
        // Of one strength, and each takes nothing from the other.
        step("c", "c deletes the low role", |club, _| {
            Some(AuthorityOp::RoleDelete {
                role: club.thing("low").into(),
                last: Vec::new(),
            })
        }),
        step("d", "d promotes b", |club, _| Some(club.grant("b", "low"))),
        step("b", "b promotes c", |club, _| Some(club.grant("c", "low"))),
    ]
}

fn bans() -> Vec<Move> {
    vec![
        step("olga", "olga bans ben", |club, _| Some(club.ban("ben"))),
        step("olga", "olga lifts the ban of ben", |club, _| {
            Some(AuthorityOp::Unban {
                account: club.account("ben"),
            })
        }),
        step("mallory", "mallory bans ben", |club, _| {
            Some(club.ban("ben"))
        }),
        step("mallory", "mallory lifts the ban of ben", |club, _| {
            Some(AuthorityOp::Unban {
                account: club.account("ben"),
            })
        }),
        step("mallory", "mallory kicks ben", |club, _| {
            Some(club.kick("ben"))
        }),
        step("ana", "ana admits ben", |club, _| {
            Some(AuthorityOp::Admit(club.join("ben", None)))
        }),
        step("ana", "ana promotes ben", |club, _| {
            Some(club.grant("ben", "low"))
        }),
        step("ben", "ben kicks dan", |club, _| Some(club.kick("dan"))),
    ]
}

fn invites() -> Vec<Move> {
    let revoke: Make = |club, _| {
        Some(AuthorityOp::InviteRevoke {
            invite: club.thing("invite").into(),
        })
    };
    vec![
        step("ben", "ben admits new by the invite", |club, _| {
            Some(AuthorityOp::Admit(club.join("new", Some("invite"))))
        }),
        step("new", "new admits newer by the invite", |club, _| {
            Some(AuthorityOp::Admit(club.join("newer", Some("invite"))))
        }),
        step("mod", "mod revokes the invite", revoke),
        step("olga", "olga kicks mod", |club, _| Some(club.kick("mod"))),
        step("olga", "olga kicks ben", |club, _| Some(club.kick("ben"))),
        step("ana", "ana promotes new", |club, _| {
            Some(club.grant("new", "low"))
        }),
        step("olga", "olga reaffirms the admission of new", |_, past| {
            let ops = vec![past.named("ben admits new by the invite")?];
            Some(AuthorityOp::Reaffirm { ops })
        }),
        step("mod", "mod kicks new", |club, _| Some(club.kick("new"))),
    ]
}

fn roles() -> Vec<Move> {
    vec![
        step("ana", "ana raises the role of mallory", |club, _| {
            Some(club.edit("mallory", 70, Permissions::ALL))
        }),
        step("ana", "ana empties the role of mallory", |club, _| {
            Some(club.edit("mallory", 50, Permissions::NONE))
        }),
        step("ana", "ana deletes the role of mallory", |club, _| {
            Some(AuthorityOp::RoleDelete {
                role: club.thing("mallory").into(),
                last: Vec::new(),
            })
        }),
        back("mallory", "mallory raises the low role", |club, _| {
            Some(club.edit("low", 45, Permissions::ALL))
        }),
        back("mallory", "mallory promotes ben", |club, _| {
            Some(club.grant("ben", "low"))
        }),
        step("olga", "olga kicks mallory", |club, _| {
            Some(club.kick("mallory"))
        }),
        step("olga", "olga lowers the low role", |club, _| {
            Some(club.edit("low", 5, Permissions::MEMBER))
        }),
        step("ben", "ben kicks dan", |club, _| Some(club.kick("dan"))),
    ]
}

fn owners() -> Vec<Move> {
    vec![
        step("ana", "ana and ben vote olga out", |club, past| {
            Some(club.certificate(past.owners_version(), &["ana", "ben"], &["ana", "ben"]))
        }),
        step("olga", "olga and ben vote ana out", |club, past| {
            Some(club.certificate(past.owners_version(), &["olga", "ben"], &["ben", "olga"]))
        }),
        step("ben", "ana and olga vote dan in", |club, past| {
            let owners = ["ana", "ben", "dan", "olga"];
            Some(club.certificate(past.owners_version(), &owners, &["ana", "olga"]))
        }),
        step("ben", "ben leaves", |_, _| Some(AuthorityOp::Leave)),
        step("ana", "ana kicks dan", |club, _| Some(club.kick("dan"))),
        step("olga", "olga kicks dan", |club, _| Some(club.kick("dan"))),
        step("olga", "olga merges", |_, _| Some(AuthorityOp::Merge)),
        step("dan", "dan kicks ben", |club, _| Some(club.kick("ben"))),
    ]
}

fn leaving() -> Vec<Move> {
    vec![
        step("a", "a leaves", |_, _| Some(AuthorityOp::Leave)),
        step("a", "a gives up its role", |club, _| {
            Some(club.revoke("a", "a"))
        }),
        back("a", "a admits b", |club, _| {
            Some(AuthorityOp::Admit(club.join("b", None)))
        }),
        step("ana", "ana promotes a", |club, _| {
            Some(club.grant("a", "high"))
        }),
        step("ana", "ana admits a", |club, _| {
            Some(AuthorityOp::Admit(club.join("a", None)))
        }),
        step("c", "c kicks a", |club, _| Some(club.kick("a"))),
        step("c", "c kicks b", |club, _| Some(club.kick("b"))),
        back("a", "a kicks c", |club, _| Some(club.kick("c"))),
    ]
}

fn repair() -> Vec<Move> {
    vec![
        step("mallory", "mallory bans ben", |club, _| {
            Some(club.ban("ben"))
        }),
        step("mallory", "mallory promotes dan", |club, _| {
            Some(club.grant("dan", "low"))
        }),
        step("olga", "olga kicks mallory", |club, _| {
            Some(club.kick("mallory"))
        }),
        step("olga", "olga reaffirms the ban of ben", |_, past| {
            let ops = vec![past.named("mallory bans ben")?];
            Some(AuthorityOp::Reaffirm { ops })
        }),
        step("ana", "ana reaffirms both", |_, past| {
            let ops = ["mallory promotes dan", "mallory bans ben"];
            let ops: Vec<_> = ops.iter().filter_map(|label| past.named(label)).collect();
            (!ops.is_empty()).then_some(AuthorityOp::Reaffirm { ops })
        }),
        step("ana", "ana admits mallory", |club, _| {
            Some(AuthorityOp::Admit(club.join("mallory", None)))
        }),
        step("dan", "dan kicks ben", |club, _| Some(club.kick("ben"))),
        step("ben", "ben admits sock", |club, _| {
            Some(AuthorityOp::Admit(club.join("sock", None)))
        }),
    ]
}

fn everyone() -> Vec<Move> {
    vec![
        step("ana", "ana takes INVITE from everyone", |_, _| {
            Some(AuthorityOp::RoleEdit {
                role: RoleId::ZERO,
                rank: Rank(0),
                permissions: Permissions::MEMBER & !Permissions::INVITE,
                last: Vec::new(),
            })
        }),
        step("olga", "olga demotes mod", |club, _| {
            Some(club.revoke("mod", "mod"))
        }),
        step("olga", "olga promotes ben", |club, _| {
            Some(club.grant("ben", "low"))
        }),
        step("ben", "ben admits new by the invite", |club, _| {
            Some(AuthorityOp::Admit(club.join("new", Some("invite"))))
        }),
        step("ben", "ben admits newer by hand", |club, _| {
            Some(AuthorityOp::Admit(club.join("newer", None)))
        }),
        step("mod", "mod makes another invite", |club, _| {
            Some(club.invite())
        }),
        step("ben", "ben times new out", |club, _| {
            Some(AuthorityOp::TimeOut {
                account: club.account("new"),
                until: alloquy_ids::UnixMs(9),
                last: Vec::new(),
            })
        }),
        step("new", "new leaves", |_, _| Some(AuthorityOp::Leave)),
    ]
}
