### The pages of the settings.

settings-appearance = Appearance
settings-notifications = Notifications
settings-keyboard = Keyboard
settings-storage = Storage
settings-network = Network
settings-about = About
own-name-empty = A name is needed: any will do.
own-name = Name
own-status = Status
own-status-hint = what you are up to
own-about = About you
own-unfit = Something above does not fit yet.
own-unchanged = Nothing was changed.
save = Save
own-seen-by = Everybody in your communities sees this.
recovery = Recovery
recovery-waits = Twelve words bring your account back when this computer is lost. You have not written them down yet.
colours = Colours
colours-desktop = As the desktop
colours-dark = Dark
colours-light = Light
size = Size
as-designed = As designed
times = Times
times-long = 21:41
times-short = 9:41 PM
reduce-motion-about = Nothing slides, fades or turns.
reduce-motion = Reduce motion
notify = Tell me about
notify-all = Every message
notify-mentions = Mentions of me
notify-nothing = Nothing
notify-text-about = Else only who wrote, and where.
notify-text = Show the text
not-known = not known yet
kept-in = Everything is kept in
kept-size = It takes
sealed-by = Sealed by
sealed-about = Messages, keys and settings are sealed before they reach the disk.
nearby = People nearby
connections-show = Show connections
about-words = Conversations that belong to the people who have them.
about-version = Version
about-beside = beside this window, and goes on when it closes
about-inside = in this window, and ends with it
about-runs = The node runs
about-fonts = Fonts and icons
muted-channels = { $count ->
    [one] { $count } channel muted.
   *[other] { $count } channels muted.
}
about-by = { $what }, by { $who }
about-icons = Lucide icons, by { $who }
about-two-licences = drawings { $drawings }, font { $font }
