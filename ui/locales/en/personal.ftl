### What concerns the person alone: conversations, contacts, devices, recovery words, home nodes.

directs = Direct messages
directs-none = Nobody is here yet. Write to somebody from one of your communities, or send your contact link to a friend.
direct-notes = Notes
direct-notes-about = Only on your own devices
direct-notes-more = What you write here only your own devices can read.
direct-unnamed = Unnamed
direct-start = Start a conversation
direct-start-about = Choose one person to write to, or several for a group.
direct-choose = Choose somebody first.
direct-write = Write
direct-write-to = Write to { $name }
direct-opening = Opening the conversation…
direct-about = About this conversation
direct-gone = This conversation is not here any more.
direct-people = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
direct-unread = { $count } unread
direct-mentions = { $count ->
    [one] { $count } mention
   *[other] { $count } mentions
}
rail-directs = { $name }, { $count } unread
rail-requests = { $name }, somebody new wants to write to you
header-direct = Conversation { $name }. { $about }
composer-direct = Message { $name }
composer-notes = Write a note to yourself
composer-blocked = You have blocked { $name }. Unblock them to write here.
composer-barred-direct = You can read, but you can not write here any more.
message = Message
muted = muted
verified = verified
blocked = Blocked
verify = Compare safety words
block = Block
block-more = Block…
unblock = Unblock
accept = Accept
decline = Decline
blocked-write = Unblock them first.
person-find = Find people
person-none = Nobody here has these letters in the name. Anybody else needs your contact link, or you theirs.
person-contact = contact
person-of = from { $community }
person-you = you
group-name = Name of the group
group-hint = such as “Weekend”
group-make = Make a group of { $count }
group-creator = made the group
group-add = Add somebody
group-add-about = Who comes in reads what is written from then on, nothing earlier.
group-added = { $name } is in the group now.
group-removed = { $name } was taken out of the group.
group-remove = Take out
group-remove-more = Take out of the group…
group-remove-title = Take { $name } out of the group?
group-remove-about = They keep what they have, and can read nothing that is written from now on. Somebody in the group can add them again.
group-leave = Leave the group
group-leave-about = It goes from this computer and your other devices with everything that was written in it. What you wrote stays with the others. To come back somebody must add you again.
history-lives = History lives on
history-devices = { $count ->
    [one] Your device
   *[other] Your { $count } devices
}
history-no-home = { $devices } and those of the others. No home node keeps it: what is written while nobody else is online waits until somebody is.
history-homes = { $devices }, your home node { $names }, and the devices of the others.
home-hint = Delivered when you and { $name } are online at the same time. A home node changes that.
home-hint-group = Delivered when you and somebody of { $name } are online at the same time. A home node changes that.
home-hint-how = About home nodes
home-hint-close = Do not show this again
notified-group = { $author } in { $group }

dm-requests = Message requests
dm-requests-spoken = { $count ->
    [one] Message requests: { $count } person wants to write to you
   *[other] Message requests: { $count } people want to write to you
}
dm-requests-none = Nobody waits for an answer.
dm-requests-about = You do not know these people. They see nothing of you until you accept: not that you are online, and not that you read this. Pictures and links are not shown.
dm-requests-key = The four words of their key
request-through = you are both in { $community }
request-stranger = you share no community
request-group = wants you in a group
request-declined = The request of { $name } is gone. They are not told.
request-notified = Somebody new wants to write to you

contact-title = Your contact link
contact-link-title = Contact link
contact-own = Others can write to you
contact-add = Add somebody
contact-own-about = Whoever has this link can ask to write to you, without a community in common. Send it to friends, or let them scan it.
contact-spoken = Your contact link
contact-picture = Your contact link as a picture to scan
contact-scan = Scan it with the other device
contact-link = Their contact link
contact-add-about = They made it under “Others can write to you”, and sent it to you by another way.
contact-paste = Paste a contact link first.
contact-adding = Adding…
contact-add-now = Add and write
contact-is-one = This is a contact link: whoever made it can be written to with it.
contact-remove = Remove from contacts
contact-removed = { $name } is no contact any more.
contacts = Contacts
contacts-none = No contacts yet.
link-no-contact = “{ $link }” is no contact link: they begin with { $start }
block-title = Block { $name }?
block-about = They can not write to you any more, and are not told. Their messages are not shown, and you get no notifications of them.
block-communities = In communities that you share they stay as they are.
blocked-now = { $name } is blocked.
unblocked-now = { $name } can write to you again.
blocked-list = Blocked people
blocked-none = Nobody is blocked.
receipts = Others see that you have read their messages
receipts-about = Also on your other devices. Without it they see that a message has reached you, not that you read it.

verify-title = Is it really { $name }?
verify-making = Putting the words together…
verify-about = Read these words to { $name }, face to face or on the phone. If both of you see the same twelve words, nobody stands between you.
verify-picture = The safety words as a picture to compare
verify-scan = Or hold both screens side by side: the pictures must be equal.
verify-match = They match
verify-differ = They do not match
verify-done = You have compared them with { $name } before.
verify-not-yet = You have not compared safety words yet. It takes a minute on the phone, and then you know that nobody stands between you.
verified-now = { $name } is verified: you see a green mark wherever you write to them.
differ-what = Then this is not the { $name } you are talking to, or somebody stands between you.
differ-first = 1. Look whether both of you have opened this sheet for each other: “Is it really …?” with your names.
differ-second = 2. Compare the four words of the key in both profiles. If those differ, one of you writes to another account with the same name.
differ-third = 3. Until they match, write nothing here that others must not read.
differ-again = Compare again


devices = Devices
devices-about = All your devices are equal: each has your communities, conversations and settings, and works without the others.
devices-none = The list of your devices is not here yet.
devices-only-one = This is your only device. A second one is the best backup: when this one is lost, the other has everything.
devices-suspended = Two devices have ended each other. Neither can write until your recovery words decide which of them stays.
stopped-revoked = This device was ended: it can not write in your name any more, and nothing new comes to it. What is here you can still read.
stopped-closed = Your account is closed. What is here you can still read.
composer-revoked = This device was ended, so nothing can be written here.
composer-closed = Your account is closed, so nothing can be written here.
composer-suspended = Your recovery words must decide between your devices before you can write here.
device-unnamed = Device { $number }
device-this = This device
device-connected = connected now
device-away = not connected
device-ended = ended
device-suspended = suspended
device-since = since { $when }
device-rename = Rename { $name }
device-revoke = End { $name }
device-name = Name of the device
device-name-hint = such as “Laptop”
device-named = The device has another name now. Only you see it.
device-revoked = The device was ended.
rename = Rename
revoke = End the device
revoke-more = End…
revoke-title = End { $name }?
revoke-about = It can not write in your name any more, and is given nothing that is written from now on, in any community or conversation.
revoke-this = This is the device you are sitting at: you leave your account here, and need another device or your recovery words to come back.
revoke-other = If somebody has taken it, do this now.
revoke-keeps = What it has already read stays on it. This can not be taken back: to use it again, link it anew.
link-device = Link a device
link-step-one = On the other device, start Alloquy and choose “I already have an account”.
link-step-two = Type this code there, or paste the link.
link-device-picture = The link for the other device as a picture to scan
link-device-scan = Or scan this with the other device
link-device-spoken = The link for the other device
link-warning = Show this to nobody: whoever enters it has your account. A wrong try ends the code.
link-talking = The other device was found. Your account is handed over…
link-done = The other device is one of yours now. Your communities and messages come to it by themselves.
code-making = Making a code…
code-again = Make another code
code-over = The code has ended: it was good for ten minutes.
code-left = Good for { $time }
code-spoken = The code is { $code }
code-missing = Type the code first, or paste the link.
done-close = Done

back-title = Welcome back
back-about = Your account comes to this computer with its communities, conversations and contacts.
back-by-device = I have another device
back-by-words = I lost my devices
back-step-one = On your other device, open Settings, Devices.
back-step-two = Choose “Link a device”: it shows a code.
back-step-three = Type the code here. On the same network that suffices; from elsewhere, paste the link.
back-code = Code or link
back-link = Link this computer
back-words-about = Type the twelve words that you have written down, or paste them all into the first field.
back-from = Where you may be found
back-from-about = An invite or contact link of a friend, or the link of your home node: somebody who has your messages. Without one only this network is searched.
back-restore = Bring my account back
back-new = I am new here
back-linking = Linking this computer
back-restoring = Bringing your account back
back-looking = Looking for your other device…
back-looking-anybody = Looking for somebody who knows you…
back-talking = Your other device was found. It hands your account over…
back-fetching = Found. Your account is fetched…

recovery-later-about = You have written down your recovery words. Look from time to time whether you still find them.
recovery-check = Check your recovery words
recovery-check-about = Type the words from where you have written them down. Nothing of them is kept, and they do not leave this computer.
recovery-check-now = Check
recovery-checking = Comparing…
recovery-checked = These are your words. Keep them where they are.
recovery-all-twelve = All twelve words are needed.
recovery-no-word = “{ $word }”, number { $number }, is no recovery word.
recovery-replace = Make new words
recovery-replace-more = Replace them…
recovery-replace-title = Make new recovery words?
recovery-replace-about = The old words end: whoever finds them can do nothing with them any more, and neither can you.
recovery-replace-then = You are shown twelve new words to write down, and some are asked back.
banner-check = Do you still find your recovery words? Look once, so that they are there when you need them.
banner-check-short = Do you still find your recovery words?
banner-check-now = Check them

account-close = Close the account
account-close-more = Close the account…
account-close-title = Close your account
account-close-short = Ends your account on all your devices, for ever.
account-close-about = All your devices end, in every community and conversation: none of them can write in your name any more, and nothing new comes to them.
account-close-others = The others are told that the account is closed. What you wrote stays with them: delete it first if it must go.
account-close-here = What is on your devices you can still read, until you remove it there.
account-close-for-ever = This can not be taken back, not even with your recovery words. Communities of which you are the only owner have none from then on.
account-close-type = Type your name to confirm: { $name }
account-close-first = Type your name first, as it stands there.
account-closing = Closing your account…
account-closed = Your account is closed.

homes = Home nodes
homes-about = A home node is a computer that is always on: an old PC, a small server, a friend's. It keeps what is written to you while you are away, and can read none of it.
homes-none = You have none yet. On a computer that is always on, install Alloquy and start “alloquy-node run --home”: it shows a code.
home-pair = Pair a home node
home-pair-about = Start the home node. It shows a code, in its terminal and on its own page:
home-command = alloquy-node run --home
home-code = Code or link of the home node
home-pair-now = Pair
home-pairing = Looking for the home node…
home-paired = The home node is yours now. It keeps your communities and conversations from here on.
home-seen = last connected { $when }
home-never = not connected since it was paired
home-bytes = { $bytes } of { $quota }
home-bytes-only = { $bytes } kept
home-silent = It has not said yet what it keeps.
home-keeps = { $count ->
    [0] Keeps nothing yet
    [one] Keeps { $count } community or conversation
   *[other] Keeps { $count } communities and conversations
}
home-store = Keep on my home node
home-remove = Part with it
home-remove-more = Part with it…
home-remove-title = Part with { $name }?
home-remove-about = It is given nothing more, and members do not hand it your messages any more. What it keeps it deletes when it hears of it.
home-removed = The home node is not yours any more.

hearing-title = Notifications
hearing-of = Notifications of { $name }
hearing-usual = As usual: { $what }
hearing-rules = { $count ->
    [one] { $count } conversation or channel has a rule of its own.
   *[other] { $count } conversations and channels have rules of their own.
}
mute-about = Nothing is told, and nothing is marked as unread.
mute-hour = For 1 hour
mute-eight = For 8 hours
mute-always = Until I turn it on
muted-for = Muted for another { $span }
muted-always = Muted until you turn it on
closing-title = Stay in the background?
closing-about = Alloquy can stay in the background: messages arrive, notifications come, and friends reach what you have written. Or it ends, and what is written to you waits with the others.
closing-go-on = Stay in the background
closing-end = End Alloquy
closing-later = You can change this in the settings, under Notifications.
closing-no-tray = This desktop shows no signs of running programs: you could not see that Alloquy runs, nor end it. So it ends with its window.
closing-setting = When the window closes
closing-setting-about = A sign on the desktop shows that it runs.

action-go-directs = Show direct messages
action-set-rule = Choose when a conversation or channel notifies
action-personal = Conversations, contacts, devices, recovery words, home nodes
action-link-this-device = Make this computer a device of your account
action-stop-linking = Leave the linking
action-restore = Bring your account back by its recovery words
action-put-check-off = Put the check of the recovery words off
action-read-home-hint = Put the hint about home nodes away
action-set-background = Choose whether Alloquy stays in the background
action-close = Close the window
which-start-direct = start a conversation
way-hearing = the menu of the conversation or channel: Notifications, Enter
way-personal = Tab to the button on its sheet, Enter
way-return = first run: I already have an account, Tab, Enter
way-frame = the close button of the window
sign-open = Open Alloquy
back-others = End my other devices
back-others-about = They were lost or taken: they can not write in your name any more, and are given nothing new.
