"""Reads a program's window as a screen reader does: over the accessibility bus, by pyatspi.

One JSON object a line on standard input, one line back: {"do":"press","name":"Continue"} is answered by
{"ok":true,..} or {"error":".."}. The session bus is that of DBUS_SESSION_BUS_ADDRESS. `screen_reader.py check` only
says whether what it needs is installed.
"""

import json
import sys
import time
import warnings

try:
    import gi

    gi.require_version("Atspi", "2.0")
    from gi.repository import Atspi, Gio, GLib
    import pyatspi
except (ImportError, ValueError) as missing:
    sys.exit(f"pyatspi can not be used (Debian: python3-pyatspi, at-spi2-core): {missing}")

# Debian 12 calls half of what it has deprecated, and has nothing in its place.
warnings.simplefilter("ignore", DeprecationWarning)

# How long something is waited for that takes well under a second on an idle machine; less than the test waits.
WAIT_S = 45
# How long the program may take for one answer while both cores are busy.
CALL_MS = 30_000
# More than any window of the program holds: a tree without an end is a fault of its own.
NODES_MAX = 20_000


def enable():
    """Says on the session bus that a screen reader is there; the bus's launcher starts by that."""
    session = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    for name in ("IsEnabled", "ScreenReaderEnabled"):
        session.call_sync(
            "org.a11y.Bus",
            "/org/a11y/bus",
            "org.freedesktop.DBus.Properties",
            "Set",
            GLib.Variant("(ssv)", ("org.a11y.Status", name, GLib.Variant("b", True))),
            None,
            Gio.DBusCallFlags.NONE,
            CALL_MS,
            None,
        )


def until(what, ask):
    """Asks until there is an answer; the tree may change under the question."""
    end = time.monotonic() + WAIT_S
    fault = None
    while time.monotonic() < end:
        try:
            answer = ask()
            if answer is not None:
                return answer
        except GLib.Error as error:
            fault = error
        time.sleep(0.05)
    raise LookupError(f"waited {WAIT_S} s for {what}" + (f": {fault}" if fault else ""))


def application(pid):
    """The program of this process, as the desktop lists it. Nothing of it is remembered between two questions."""

    listed = []

    def find():
        desktop = pyatspi.Registry.getDesktop(0)
        desktop.clear_cache()
        listed.clear()
        for index in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(index)
            if child is None:
                continue
            child.set_cache_mask(Atspi.Cache.NONE)
            listed.append((child.get_process_id(), child.get_name(), child.get_child_count()))
            if listed[-1][0] == pid and listed[-1][2]:
                return child
        return None

    try:
        return until(f"a window of process {pid} on the accessibility bus", find)
    except LookupError as error:
        raise LookupError(f"{error}; it has (process, name, windows): {listed}") from error


def nodes(application):
    """Everything in the window, in reading order, with its depth."""
    found = []
    waiting = [(application, 0)]
    while waiting:
        node, depth = waiting.pop()
        found.append((node, depth))
        if len(found) > NODES_MAX:
            raise LookupError(f"the tree has more than {NODES_MAX} nodes")
        children = [node.get_child_at_index(i) for i in range(node.get_child_count())]
        waiting.extend((child, depth + 1) for child in reversed(children) if child is not None)
    return found


def text_of(node):
    text = node.get_text_iface()
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) if text else ""


def told(node, depth):
    states = node.get_state_set()
    action = node.get_action_iface()
    actions = Atspi.Action.get_n_actions(action) if action else 0
    return {
        "depth": depth,
        "role": node.get_role_name(),
        "name": node.get_name(),
        "text": text_of(node),
        "focusable": states.contains(pyatspi.STATE_FOCUSABLE),
        "focused": states.contains(pyatspi.STATE_FOCUSED),
        "actions": [Atspi.Action.get_action_name(action, i) for i in range(actions)],
    }


def fits(wanted, node):
    name = node.get_name()
    return (
        name == wanted.get("name", name)
        and wanted.get("part", "") in name
        and wanted.get("role") in (None, node.get_role_name())
    )


class Reader:
    def __init__(self):
        self.pid = None

    def tree(self, _request):
        def look():
            return [told(node, depth) for node, depth in nodes(application(self.pid))]

        return {"nodes": until("a tree that holds still", look)}

    def find(self, request):
        def look():
            for node, depth in nodes(application(self.pid)):
                if fits(request, node):
                    return node, told(node, depth)
            return None

        return until(f"something like {json.dumps(request)}", look)

    def see(self, request):
        return {"found": self.find(request)[1]}

    def press(self, request):
        def act():
            for node, depth in nodes(application(self.pid)):
                action = node.get_action_iface() if fits(request, node) else None
                # What can not be pressed yet, such as a button beside an empty field, has no action.
                if action is None or not Atspi.Action.get_n_actions(action):
                    continue
                shown = told(node, depth)
                if Atspi.Action.do_action(action, 0):
                    return {"found": shown}
            return None

        return until(f"something like {json.dumps(request)} that can be pressed", act)

    def fill(self, request):
        node, shown = self.find({**request, "role": "entry"})
        field = node.get_editable_text_iface()
        if field is None or not Atspi.EditableText.set_text_contents(field, request["text"]):
            raise LookupError(f"{shown['name']!r} takes no text")
        return {"found": shown}

    def read(self, request):
        self.pid = int(request["pid"])
        return {"found": told(application(self.pid), 0)}

    def answer(self, request):
        does = {
            "read": self.read,
            "tree": self.tree,
            "see": self.see,
            "press": self.press,
            "fill": self.fill,
        }
        if request.get("do") not in does:
            raise LookupError(f"{request.get('do')!r} is none of {', '.join(does)}")
        return does[request["do"]](request)


def main():
    if sys.argv[1:] == ["check"]:
        return
    Atspi.set_timeout(CALL_MS, CALL_MS)
    enable()
    reader = Reader()
    print(json.dumps({"ok": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = {"ok": True, **reader.answer(json.loads(line))}
        except (LookupError, ValueError, GLib.Error) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
