### The first run, and pages of one thought.

first-step = Step { $step } of { $steps }
first-name-title = What should people call you?
first-name-about = Friends see this name beside what you write. You can change it at any time.
first-name = Your name
first-name-hint = Ana
first-name-empty = Type a name first. Any name will do.
name-too-long = The name is too long.
go-on = Continue
first-have-account = I already have an account
first-welcome = Welcome, { $name }
first-key-made = Your key was made on this computer, and only here.
first-key-why = Names can be taken by anybody. These four words can not: when you and a friend want to be sure, read them to each other.
where-to = Where to?
first-where-about = A community is a place with channels for people who know each other.
join-with-link = Join with a link
first-join-about = Somebody sent you an invite. Paste it and you are in.
first-nearby = { $count ->
    [one] A community is nearby
   *[other] { $count } communities are nearby
}
first-nearby-about = On this network: { $names }. Ask to be let in.
first-create = Create a community
first-create-about = For friends, a project or a game. It takes a name, and a link to send around.
first-look = Look around
first-look-about = Go to the window as it is. For a filled one, start the program as “alloquy --demo”.
making-title = Making your key
making-about = This takes a second or two, and happens on this computer.
making-now = Making your key…
opening = Opening…
locked-title = Welcome back
locked-about = What is stored here is sealed. Your passphrase opens it.
passphrase = Passphrase
passphrase-wrong = This passphrase does not open it. Mind capital letters.
passphrase-empty = Type the passphrase first.
locked-open = Open
failed-title = Alloquy could not start
try-again = Try again
close-window = Close the window
nowhere-title = Nothing here yet
nowhere-about = Conversations happen in communities: join one with a link, or create your own.
nowhere-add = Join or create a community
almost-about = The community is on its way: it shows up here as soon as one of its members is reached.
almost-title = Almost there
no-channel-make = A channel is a room for one subject. Make the first one.
no-channel-title = No channel yet
no-channel-wait = Nobody has opened a channel to you here yet.
