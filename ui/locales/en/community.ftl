### Adding a community, inviting people, recovery words.

create-new = Create a new one
add-way = Way
invited-title = You are invited
invite-link = Invite link
nearby-title = Nearby
nearby-ask = Ask to join { $name }
nearby-about = { $count ->
    [one] { $member } announces it on this network. It has one member.
   *[other] { $member } announces it on this network. It has { $count } members.
}
nearby-asked = { $name }: you asked to be let in, and a member decides.
nearby-asking = Asking…
nearby-word = All this is the word of who announces it. Nothing of it is proved before you are in.
invite-paste = Paste the link that somebody sent you. You see where it leads before you join.
invite-read-later = The invite is read as soon as Alloquy runs again.
invite-reading = Reading the invite…
invite-look-again = Look again
invite-member = You are a member of this community already.
invite-open = Open it
invite-joining = Joining: saying hello to the people named in the invite…
create-name = Name of the community
create-hint = Friday board games
create-start-with = Start with
create-empty = Empty
create-empty-about = No channel yet: you make them as you go.
create-now = Making it…
name-empty = Give it a name first.
create = Create the community
invite-key = { $name }’s key. Ask for these four words if you are not sure that it is { $name }:
invite-peers = { $count ->
    [one] You will connect to { $count } peer; it sees your address
   *[other] You will connect to { $count } peers; they see your address
}
invite-ends-never = This invite never expires
invite-ended = This invite has expired
invite-ends = This invite expires in { $span }
invite-join = Join { $name }
invite-by = { $name } invites you
create-voice = { $name } (voice)
create-more = and { $count } more
link-revoked = The link does not work any more. Whoever has joined by it stays.
link-making = Making a link…
link-make = Make a new link
link-about = Send this link to a friend. Whoever has it can join.
link-scan = Or let them scan it with a phone’s camera.
link-no-picture = This link is too long for a picture to scan. Send the link itself.
link-revoke = Take it back
link-copied = Copied
copy = Copy
link-picture = The invite link as a picture to scan
link-spoken = The invite link
link-good-for = Good for
span-one-hour = 1 hour
span-one-day = 1 day
span-seven-days = 7 days
span-for-ever = For ever
link-how-many = How many may join
invite-title = Invite people to { $name }
link-ends-never = This link never expires
link-ended = This link has expired
link-ends = This link expires in { $span }
uses-any = Any number
uses-one = One
recovery-title = Your recovery words
recovery-opening = Opening the words…
recovery-done = The words were written down and confirmed. They are not on this computer any more.
recovery-about = These twelve words are your account. Write them on paper, in this order, and keep the paper where you keep your passport. Whoever has them is you.
recovery-written = I have written them down
recovery-next = Next, three of them are asked back. Then they are wiped from this computer.
recovery-which = Look at your paper: which words are these?
recovery-all-three = All three are needed.
recovery-confirm = Confirm
recovery-show-again = Show the words again
recovery-word = Word { $place }
span-ten-minutes = 10 minutes
