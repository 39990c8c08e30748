### Messages, their tools and marks, times and days.

jump-read = Jump to where you stopped reading
jump-present = Jump to present
typing-several = Several people are typing…
new-since = { $count } new since { $time }
typing-one = { $one } is typing…
typing-two = { $one } and { $two } are typing…
typing-three = { $one }, { $two } and { $three } are typing…
former-member-word = Former member ({ $word })
edited = (edited)
message-spoken = { $name }, { $time }: { $text }
message-spoken-edited = { $name }, { $time }: { $text } (edited)
message-waiting = This message's text is not here yet: its key or body is asked for
message-waiting-online = This message's text is not here yet: its key is awaited from { $names }, who can be reached now
message-waiting-offline = This message's text is not here yet: its key is awaited from { $names }, who can not be reached now. It comes by itself as soon as one of them can
message-waiting-nobody = This message's text is not here yet: nobody is known who has its key. Your other devices and every member are asked as soon as they can be reached
direct-beginning = This is the beginning of your conversation with { $name }. Only the two of you can read it.
group-beginning = This is the beginning of { $name }. Only those who are in it can read it, and who comes later reads only what is written later.
channel-beginning = This is the beginning of #{ $channel }.
not-sent-because = Not sent: { $why }
unsent-spoken = { $name }: { $text } (Not sent)
sending-spoken = { $name }: { $text } (Sending)
older-gap = Older messages may be missing here: no member who is connected has confirmed that these are all.
older-follow = Older messages follow …
thread-about = Answers to one message, beside the channel.
new = New
arrived-later-about = It came here more than ten minutes after the time that its author's clock said.
arrived-later = arrived later
retry = Retry
delete = Delete
today = Today
yesterday = Yesterday
day-monday = Monday
day-tuesday = Tuesday
day-wednesday = Wednesday
day-thursday = Thursday
day-friday = Friday
day-saturday = Saturday
day-sunday = Sunday
month-january = January
month-february = February
month-march = March
month-april = April
month-may = May
month-june = June
month-july = July
month-august = August
month-september = September
month-october = October
month-november = November
month-december = December
date = { $weekday }, { $day } { $month }
date-and-year = { $weekday }, { $day } { $month } { $year }
time-am = { $hour }:{ $minute } AM
time-pm = { $hour }:{ $minute } PM
day-and-time = { $day }, { $time }
reply = Reply
thread-open = Open thread
edit = Edit
pin = Pin
mark-unread = Mark unread
copy-text = Copy text
copy-link = Copy link
more = More
quote-missing = a message that is not here
pinned = Pinned
tick-waiting = Waiting: not stored on this device yet
tick-stored = Stored on this device. Nobody else has it yet: it goes out as soon as somebody can be reached
quote-spoken = Answers { $name }: { $text }
reacted-more = { $names } and { $count } more
replies = { $count ->
    [one] { $count } reply, last { $time }
   *[other] { $count } replies, last { $time }
}
tick-held = { $count ->
    [one] On its way: 1 other device or home node holds it for those who are to read it
   *[other] On its way: { $count } other devices or home nodes hold it for those who are to read it
}
tick-delivered = { $count ->
    [one] Delivered to a device of somebody who may read it
   *[other] Delivered to a device of somebody who may read it; { $count } devices and home nodes hold it
}
tick-read = { $count ->
    [one] Read
   *[other] Read; { $count } devices and home nodes hold it
}
spoiler-show = Show the spoiler
show-all = Show all
show-less = Show less
date-brief = { $day }/{ $month }
date-brief-year = { $day }/{ $month }/{ $year }

preview-spoken = Preview: { $title }, at { $host }
preview-spoken-description = Preview: { $title }, at { $host }: { $description }
bridged-bar = Bridged: readable by { $names }
bridged = through IRC
bridged-about = Written through IRC. The server that it came through could read it before it was encrypted.
