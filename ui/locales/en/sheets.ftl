### Sheets and dialogs.

seen-online = Online
seen-online-about = You are here.
seen-idle = Idle
seen-idle-about = You are away from the keyboard.
seen-dnd = Do not disturb
seen-dnd-about = Others see that you would rather not be called.
seen-invisible = Invisible
seen-invisible-about = You are connected, and others see you as offline.
seen-title = How you are seen
seen-edit-profile = Edit your profile
connections = Connections
diagnostics-copy = Copy diagnostics
diagnostics-about = What helps to find a fault. No names, nothing that was written.
connections-offline = You are offline
connections-nobody = Nobody else is online right now
connections-relayed-only = You are connected through others only
connections-direct-about = Nothing stands between you: the fastest way there is.
people = People
connections-trip-about = How long a word takes to get there and back
addresses = Addresses of this computer
addresses-none = None: it can not be reached now.
discovery-on = People on the same network find this computer by themselves.
discovery-off = People on the same network are not looked for.
connections-trip-none = under 1 ms
connections-others = { $count ->
    [one] And one device of nobody you know, such as a relay.
   *[other] And { $count } devices of nobody you know, such as relays.
}
connections-kept = What you write is kept and delivered as soon as somebody is there.
connections-waiting = { $count ->
    [one] One message waits here and goes out as soon as somebody is there.
   *[other] { $count } messages wait here and go out as soon as somebody is there.
}
connections-relayed-about = { $count ->
    [one] One person is reached through a relay: a bit slower, and as private. Messages arrive.
   *[other] { $count } people are reached through a relay: a bit slower, and as private. Messages arrive.
}
connections-direct = { $count ->
    [one] You are connected directly with one person
   *[other] You are connected directly with { $count } people
}
connections-both = { $count ->
    [one] You are connected with one person
   *[other] You are connected with { $count } people
}
connections-both-about = { $direct } directly, { $relayed } through a relay.
connections-more = and { $count } more
path-loopback = on this computer
path-local = on the same network
path-direct = directly over the internet
path-punched = directly over the internet, through an opening that both sides made at the same time
path-relayed = through a relay
path-relayed-by = through the relay at { $host }
way-sought = a direct way is being looked for
way-none = no direct way was found yet, because a router between you lets in nothing that it did not expect
way-advice = What goes through a relay arrives. It becomes faster when one side’s router passes connections on, or when both sides have IPv6.
way-advice-start-otherwise = What goes through a relay arrives. It becomes faster when your router may be asked to let connections in (start Alloquy without --no-upnp), or when both sides have IPv6.
way-advice-ask-router = What goes through a relay arrives. It becomes faster when your router may be asked to let connections in (the switch below), or when both sides have IPv6.
reach-title = How others reach you
reach-unknown = Nobody has tried yet whether others reach this computer.
reach-public = Others reach this computer directly ({ $families }).
reach-public-tried = Others reach this computer directly ({ $families }): somebody has tried it.
reach-relayed = Others reach this computer only through a relay.
reach-relayed-advice = It works. It becomes faster when your router passes connections on to this computer.
reach-closed = Others can not begin a connection to this computer.
reach-closed-advice = You still reach others. To be reached, start Alloquy with --relay and the address of a relay, or let your router pass connections on to this computer.
router-ask = Ask the router to let connections in
router-ask-about = On this computer only, at once. What it opened is closed again when you turn this off (often called UPnP).
router-never = The router is not asked: Alloquy was started so (--no-upnp), or for this computer alone.
router-off = The router is not asked to let connections in.
router-asked = The router was asked to let connections in and has not answered yet.
router-open = The router lets connections in.
router-none = There is no router here that can be asked to let connections in.
router-behind = The router is itself behind another one: opening it does not help.
router-behind-advice = Only who runs the network can change that. A relay helps, or IPv6.
router-refused = The router refuses to let connections in.
router-refused-advice = Allow it in the router’s settings (often called UPnP), or pass connections on to this computer there.
relay-keeps = The relay at { $host } keeps a place for you: others can call you through it.
relay-connected = The relay at { $host } is connected.
relay-called = The relay at { $host } is being called.
relay-unused = The relay at { $host } is not used now.
relay-fails = The relay at { $host } can not be used: { $why }.
relay-fails-advice = Check its address and whether it lets you in, or name another one.
connections-last-seen = last seen { $when }
connections-trip = { $ms } ms
chip-waiting = { $count ->
    [one] Offline, { $count } message waits
   *[other] Offline, { $count } messages wait
}
chip-nobody = Nobody is connected
chip-relayed-only = Only through a relay
chip-catching-up = Getting history: { $here } of { $of }
chip-direct = { $direct } direct
chip-both = { $direct } direct · { $relayed } relayed
channel-name = Name of the channel
channel-hint = such as “recipes”
channel-private-about = Only people and roles that you let in see it.
channel-private = Private
channel-make-now = Make the channel
channel-kind = What to make
channel-kind-text = Channel
channel-kind-voice = Voice
channel-kind-stage = Stage
channel-kind-category = Category
channel-voice-about = Whoever clicks it talks with everybody who is in it. It has messages, too.
channel-stage-about = A few speak, the others listen and may ask to speak. It has messages, too.
category-make-now = Make the category
category-made = The category { $category } was made.
leave-about = It goes from this computer with everything that was written in it. What you wrote stays with the others. To come back you need a new invite.
leave = Leave
leave-title = Leave { $name }?
react = React
emoji-found = Found
emoji-recent = Used last
emoji-smileys = Smileys
emoji-nature = Nature
emoji-food = Food
emoji-travel = Travel
emoji-activities = Activities
emoji-objects = Objects
emoji-symbols = Symbols
emoji-flags = Flags
emoji-search = Search emoji
search = Search
emoji-none = No emoji has such a name.
pins-looking = Looking …
pins-none = Nothing is pinned here yet. Whoever may manage messages can pin one from its menu.
former-member = Former member
message-deleted = Message deleted
pins-waiting = This message's text is not here yet
unpin = Unpin
profile = Profile
profile-gone = This account is not a member here any more.
owner = Owner
profile-forked = Two copies of one of their devices are writing: tell them, by another way.
time-out = Time out
remove = Remove
kick-more = Kick…
ban-more = Ban…
roles = Roles
kick-about = They are removed, and can come back with another invite.
kick = Kick
ban-about = They are removed and can not come back until somebody lifts the ban.
ban = Ban
reason = Reason, for those who look after the community
reason-hint = optional
reason-too-long = The reason is too long.
timed-out = { $name } can not write for { $span }.
role-taken = { $name } does not have the role { $role } any more.
role-given = { $name } has the role { $role } now.
kick-title = Kick { $name }?
ban-title = Ban { $name }?
kicked = { $name } was removed.
banned = { $name } was banned.
profile-key = The four words of { $name }’s key: compare them when you want to be sure who this is.
may-not = Your roles do not allow this.
may-role-high = This role stands as high as yours, or higher.
may-owner = { $name } owns the community.
may-high = { $name } stands as high as you, or higher.
shortcuts = Shortcuts
shortcuts-everywhere = Everywhere
shortcuts-message = On a message
shortcuts-writing = While writing
shortcuts-else = Everything else is reached with Tab and the arrows, and pressed with Enter.
switcher = Quick switcher
switcher-field = Go to a channel, a person or a community
switcher-later = Searching messages comes with a later version.
switcher-nothing = Nothing here has these letters in its name.
switcher-signs = #  channels     @  people     *  communities     >  commands
switcher-command = command
switcher-community = community
switcher-appearance = Settings: appearance
switcher-notifications = Settings: notifications
switcher-next-unread = Next unread channel
bigger = Bigger
smaller = Smaller
