### What a community is run with: roles, permissions, invites, its log.

right-view = See channels
right-view-about = See a channel and who is in it.
right-read-history = Read history
right-read-history-about = Read what was written before one joined.
right-invite = Invite people
right-invite-about = Make invite links, and let people in.
right-manage-channels = Manage channels
right-manage-channels-about = Make, change and delete channels, and slow them down.
right-manage-roles = Manage roles
right-manage-roles-about = Make and change roles below one’s own, give and take them, and set permissions of channels.
right-manage-content = Manage names and topics
right-manage-content-about = Change names, topics, icons and the shared note.
right-manage-community = Manage the community
right-manage-community-about = Change its rules, and its keys at any time.
right-bridge = Be a bridge
right-bridge-about = Carry messages to other networks.
right-send = Send messages
right-send-about = Write in channels.
right-send-threads = Send in threads
right-send-threads-about = Write in the threads below messages.
right-attach = Attach files
right-attach-about = Send files and pictures.
right-react = Add reactions
right-react-about = React to messages with emoji.
right-mention-all = Mention everyone
right-mention-all-about = Reach everybody at once with @everyone.
right-connect = Join voice
right-connect-about = Come into voice channels.
right-speak = Speak
right-speak-about = Talk in voice channels.
right-stream = Share video
right-stream-about = Share a camera or the screen.
right-manage-messages = Manage messages
right-manage-messages-about = Delete and pin others’ messages, and let late ones count.
right-purge = Purge messages
right-purge-about = Hide messages even where others have built on them.
right-kick = Kick members
right-kick-about = Remove members, who can come back with another invite.
right-ban = Ban members
right-ban-about = Keep people out, and lift bans.
right-mute = Time members out
right-mute-about = Keep members from writing for a while.
rights-general = General
rights-text = Text
rights-voice = Voice
rights-moderation = Moderation
right-not-held = { $about } You do not have this yourself, so you can not give it.
community-settings = Community settings
community-overview = Overview
community-gone = You are not a member of this community any more.
roles-about = A role gives rights to those who have it. Whoever stands higher decides over those below.
roles-make = Make a role
roles-no-right = Your roles do not let you manage roles.
roles-no-rank = You stand too low to make roles.
role-line = { $holders ->
    [one] Rank { $rank }, { $holders } member
   *[other] Rank { $rank }, { $holders } members
}
role-line-everyone = Every member has it
role-new = New role
role-edit = Role { $role }
role-name = Name of the role
role-name-hint = Moderator
role-rank = Rank: greater is stronger
role-rank-limits = The rank is a number from 1 to { $most }: you give ranks below your own.
role-make-now = Make the role
role-unchanged = Nothing was changed.
role-unfit = Something above does not fit yet.
role-gone = This role is not there any more.
role-made = The role { $role } was made.
role-saved = The role { $role } was changed.
role-delete-more = Delete the role…
role-delete-title = Delete { $role }?
role-delete-about = { $holders ->
    [0] Nobody has it.
    [one] One member loses what it gives.
   *[other] { $holders } members lose what it gives.
}
role-delete = Delete the role
role-deleted = The role { $role } was deleted.
role-holders = Who has it
role-holders-none = Nobody has it yet.
role-take = Take it from { $name }
role-give = Give it to somebody
role-give-to = Give it to { $name }
people-find = Find a member
people-find-none = Nobody is left whom this could be for.
more-of-them = And { $count } more.
owners-voted = Your vote is given: { $votes } of { $needed } that it takes.
community-members = { $count ->
    [one] { $count } member
   *[other] { $count } members
}
place-topic = Topic
place-topic-hint = What it is about
place-saved = { $name } was changed.
keys = Keys
keys-about = What is written is sealed with keys that the members share. They change by themselves when somebody leaves. Change them at once when a device was lost.
keys-change = Change the keys now
keys-changed = The keys were changed.
channels-about = Roles decide what members may do. A channel can decide differently for some.
channel-settings = Channel { $channel }
channel-gone = This channel is gone, or you can not see it any more.
channel-place = Place
channel-up = Move up
channel-down = Move down
channel-at-end = It stands at the end of the list.
channel-moves-many = Too many channels have the same place: give them places from the end of the list.
channel-moves-others = A channel beside it would move too, and you may not move that one.
channel-category = Category
channel-no-category = In no category
channel-moved = { $channel } was moved.
channel-delete-more = Delete the channel…
channel-delete-title = Delete { $channel }?
channel-delete-about = Nobody sees it any more, nor what was written in it. It does not come back.
channel-delete = Delete the channel
channel-deleted = { $channel } was deleted.
category-delete-more = Delete the category…
category-delete-about = Its channels stay, and stand in no category then.
category-delete = Delete the category
channel-overwrites = { $count ->
    [one] { $count } role or member decided differently
   *[other] { $count } roles or members decided differently
}
slow = Slow mode
slow-about = The shortest time between two messages of one member.
slow-off = Off
slow-five-seconds = 5 seconds
slow-thirty-seconds = 30 seconds
slow-one-minute = 1 minute
slow-every = One message every { $span }
slow-set = Slow mode of { $channel } was changed.
span-seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
overwrites = Permissions
overwrites-about = For these roles and members this channel decides otherwise than their roles. What it says about a member stands above what it says about roles.
overwrites-no-right = Your roles do not let you set permissions here.
overwrite-line = { $allowed } allowed, { $denied } denied
overwrite-add-role = Decide for a role
overwrite-add-member = Decide for a member
overwrite-for = Permissions of { $name }
overwrite-title = { $name } in { $channel }
overwrite-saved = Permissions of { $name } in { $channel } were changed.
role-deleted-one = Deleted role
choice-allow = Allow
choice-inherit = As the roles say
choice-deny = Deny
invites = Invites
invites-none = No invite works now.
invites-over = { $count ->
    [one] One more does not work any more: it was taken back, has expired or was used up.
   *[other] { $count } more do not work any more: they were taken back, have expired or were used up.
}
invite-used = { $count ->
    [0] Nobody has joined by it
    [one] { $count } has joined by it
   *[other] { $count } have joined by it
}
invite-used-of = { $used } of { $uses } have joined by it
invite-revoke = Take back the invite { $invite } of { $name }
invite-revoked-done = The invite does not work any more.
moderation = Moderation
bans = Banned
bans-none = Nobody is banned.
ban-line = Banned by { $name }, { $when }
ban-lift = Lift the ban of { $name }
ban-lifted = { $name } is not banned any more, and can join again with an invite.
timeouts = Timed out
timeouts-none = Nobody is timed out.
timeout-line = Timed out by { $name }, { $when }, for another { $span }
timeout-lift = Let { $name } write again
timeout-lifted = { $name } can write again.
owners-about = Owners stand above all roles. Who is an owner is decided by more than half of their votes.
owner-add = Another owner
owner-add-more = Make { $name } an owner…
owner-add-title = Make { $name } an owner?
owner-add-about = Owners may do everything, and nobody stands above them. Only the votes of owners can take it back.
owner-added = { $name } is an owner now.
owner-remove-more = Remove { $name } as an owner…
owner-remove-title = Remove { $name } as an owner?
owner-remove-about = They stay a member, with the roles that they have.
owner-removed = { $name } is no owner any more.
owner-vote = Vote for it
audit = Audit log
audit-person = By or about somebody with this name
audit-about = About
audit-all = Everything
audit-joins = Joining
audit-removals = Removals
audit-messages = Messages
audit-community = Community
audit-upkeep = Devices and keys
audit-line = { $what } · { $when }
audit-none = Nothing of this kind is in the log that was looked at.
audit-no-effect = No effect
audit-why = Why?
audit-reaffirm = Do it again
audit-reaffirmed = It was done again, in your name.
audit-older = Show older ones
channel-settings-open = Channel settings
requests = Who asks to be let in
requests-about = Nothing proves the names. Ask for the four words, by another way, when you want to be sure who it is.
request-line = { $words } · asked { $when }
request-admit = Let { $name } in
request-admitted = { $name } is in.
request-refuse = Do not let { $name } in
request-refused = { $name } was not let in.
join-requested = You asked to be let in. The community shows up here when somebody lets you in.
join-refused = You were not let in: { $why }
tree = Invite tree
tree-about = Everybody stands below whoever invited them. Choose somebody to remove all who came in below, or to undo what was written.
tree-founder = Founded the community, { $when }
tree-founder-left = Founded the community, { $when }, and is no member any more
tree-line = Came in by { $name }, { $when }
tree-line-left = Came in by { $name }, { $when }, and is no member any more
branch-of-invite = Who came in by { $invite }…
branch-title = Below { $name }
branch-title-invite = Who came in by the invite { $invite }
branch-count = { $count ->
    [0] Nobody who is a member now came in there.
    [one] One member came in there.
   *[other] { $count } members came in there.
}
branch-remove-all = Remove all of them
branch-nobody = There is nobody to remove.
branch-ban = Ban them, too
branch-ban-about = They can not come back until somebody lifts the ban.
branch-remove = Remove the branch
branch-removed = { $removed ->
    [one] { $removed } was removed
   *[other] { $removed } were removed
}, { $left ->
    [0] and nobody is left.
    [one] and one is left: they stand too high for you, or try once more.
   *[other] and { $left } are left: they stand too high for you, or try once more.
}
undo-written = What was written
undo-about = Hides messages, edits and reactions of { $name }.
undo-about-invite = Hides messages, edits and reactions of everybody who came in there.
undo-hour = Undo the last hour
undo-day = Undo the last day
undone = { $undone ->
    [0] Nothing was hidden
    [one] { $undone } message, edit or reaction was hidden
   *[other] { $undone } messages, edits or reactions were hidden
}, { $left ->
    [0] and nothing is left.
   *[other] and { $left } are left: you may not delete there, or try once more.
}
rules = Rules
rules-no-right = Your roles do not let you change the rules.
rules-changed = The rules were changed.
rule-joins = Who may come in
joins-open = Anybody
joins-open-about = Whoever asks comes in. Old links work, too.
joins-invite = With an invite
joins-invite-about = Whoever has a link that works comes in.
joins-approval = After a look
joins-approval-about = Whoever asks waits until a member lets them in.
rule-wait = Newcomers wait
rule-wait-about = How long somebody without a role reads before they can write.
rule-raid = Against raids
rule-raid-about = More than this many do not come in within the while.
raid-in-all = How many in all
raid-by-invite = How many by one invite
raid-within = Within
raid-limits = This is a number from 1 to { $most }, or empty for any number.
raid-none = There is no limit now.
raid-both = Now: { $all } in all and { $one } by one invite, within { $span }.
raid-all-only = Now: { $all } in all, within { $span }.
raid-invite-only = Now: { $one } by one invite, within { $span }.
rule-links = Who may post links
links-everyone = Everyone
links-roles = With a role
links-moderators = Moderators
words-hint = spam, more spam
words-refused = Words that are refused
words-refused-about = Messages with these are not written. Commas stand between them.
words-refused-save = Save refused words
words-held = Words that are held back
words-held-about = Messages with these are shown after a moderator has let them through. Commas stand between them.
words-held-save = Save held words
proposal-add = Proposed: { $add } as owner. { $votes } of { $needed } votes are given.
proposal-remove = Proposed: { $remove } as owner no longer. { $votes } of { $needed } votes are given.
proposal-both = Proposed: { $add } as owner, { $remove } no longer. { $votes } of { $needed } votes are given.
proposal-voted = You have voted for it.
proposal-vote = Look at it and vote…
announce-title = On this network
announce = Show it to others on this network
announce-about = Whoever is on the same local network sees its name and how many members it has, and can ask to be let in. Only this computer tells them, and only while it runs.
announce-invite-only = It lets in by invite only (see Rules), so whoever saw it could not ask.
announce-no-right = For this you need the right to invite people.
announced-now = Others on this network see it now.
announced-no-more = Others on this network do not see it from here any more.
