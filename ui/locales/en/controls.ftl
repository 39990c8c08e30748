### Words that many places use.

cancel = Cancel
close = Close
presence-online = online
presence-idle = idle
presence-dnd = do not disturb
presence-offline = offline
key-words = The words of the key: { $words }
field-too-long = This is too long: { $bytes } bytes, and { $most } is the most.
field-too-long-letters = This is too long: { $bytes } bytes (letters beyond a-z take two to four), and { $most } is the most.
spoiler-covered = (spoiler)
ago-now = just now
ago = { $span } ago
span-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
span-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
span-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
size-bytes = { $size } bytes
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
size-gigabytes = { $size } GB
