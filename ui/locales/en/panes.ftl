### The panes: rail, channels, header, members, composer, banners and short messages.

composer-barred-thread = You can read, but your roles do not let you answer in threads of #{ $channel }.
composer-barred = You can read, but your roles do not let you write in #{ $channel }.
composer-message = Message #{ $channel }
composer-thread = Reply in thread
composer-editing = Editing a message: Enter saves, Esc cancels
composer-replying = Replying to { $name }
composer-replying-unknown = Replying to a message
composer-stop-editing = Stop editing
composer-stop-replying = Stop replying
emoji = Emoji
composer-too-long = { $over } bytes too long: a message has at most { $most } bytes. Nothing is lost; shorten it to send it.
composer-left = { $left } bytes left
composer-slow = Slow mode: one message every { $seconds } s
composer-role = role
header-spoken = Channel { $name }. { $topic }
channels = Channels
pinned-messages = Pinned messages
members = Members
header-search = Go to a channel or a person
thread = Thread
thread-close = Close the thread
members-owners = Owners
members-online = Online
members-offline = Offline
members-heading = { $group } — { $count }
community-on-its-way = Community on its way
community-add = Add a community
rail-unread = { $name }, unread
rail-mentions = { $name }, { $count ->
    [one] { $count } mention
   *[other] { $count } mentions
}
side-on-its-way = On its way…
invite-people = Invite people
channel-make = Make a channel
side-leave = Leave the community
side-no-channel = No channel yet.
side-no-channel-here = No channel is here yet.
unmute = Unmute
mute = Mute
settings = Settings
side-menu = { $name }, menu of the community
side-category-folded = { $name }, category, folded
side-category-open = { $name }, category, open
side-channel = channel { $name }
side-channel-unread = channel { $name }, { $count } unread
side-channel-mentions = channel { $name }, { $count ->
    [one] { $count } mention
   *[other] { $count } mentions
}
side-voice = voice channel { $name }
side-voice-unread = voice channel { $name }, { $count } unread
side-voice-mentions = voice channel { $name }, { $count ->
    [one] { $count } mention
   *[other] { $count } mentions
}
side-you = You are { $name }, { $presence }. Change how you are seen
side-connections = Connections: { $state }
toasts = Messages
undo = Undo
toast-close = Close the message
banner-start-again = Start again
banner-not-stored = Nothing can be stored: { $why }. Make room or mend the disk; what you write waits here.
banner-not-stored-short = Nothing can be stored: { $why }.
banner-recovery-short = Your recovery words wait.
banner-recovery = Write down your 12 recovery words: they bring your account back when this computer is lost.
recovery-show = Show the words
later = Later
