"""A visitor as the server sees one: a web socket that asks for the page and presses its buttons.

Thirty browsers do not fit on one machine.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.components.v2.bidi_component.main import _make_trigger_id  # no public way
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

DRAWN = (
    ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
)  # fmt: skip
PATIENCE = 180  # seconds for an answer, on a machine that does much else


class Visitor:
    """One visitor.

    Attributes:
        link: the query of its link.
        buttons: whether each can be pressed, by its label.
        files: addresses of what can be downloaded, by the button's label.
        failures: texts of errors on its page.
    """

    def __init__(self, connection: ClientConnection):
        self._connection = connection
        self._ids: dict[str, str] = {}
        self._components: dict[str, tuple[str, str]] = {}  # id and fragment, by key
        self._page = ""  # which one is shown, as a browser tells the server
        self.link = ""
        self.buttons: dict[str, bool] = {}
        self.files: dict[str, str] = {}
        self.failures: list[str] = []

    def press(self, label: str) -> None:
        """Press a button; `look` then reads what comes of it."""
        message = BackMsg()
        message.rerun_script.query_string = self.link
        message.rerun_script.page_script_hash = self._page
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = self._ids[label], True
        self._connection.send(message.SerializeToString())

    def send(self, key: str, event: str, value: object) -> None:
        """Let a component tell of an event; `look` then reads what comes of it.

        Args:
            key: of the component.
            event: its name.
            value: what comes with it.
        """
        component, fragment = self._components[key]
        message = BackMsg()
        message.rerun_script.query_string = self.link
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = fragment
        state = message.rerun_script.widget_states.widgets.add()
        state.id = _make_trigger_id(component, "events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        self._connection.send(message.SerializeToString())

    def open(self, link: str, page: str = "") -> None:
        """Ask for a page by its address, the first without one; `look` then reads it."""
        self.link = link
        message = BackMsg()
        message.rerun_script.query_string = link
        message.rerun_script.page_name = page
        self._connection.send(message.SerializeToString())

    def look(self) -> None:
        """Read all that the server sends until the page is drawn."""
        while True:
            message = ForwardMsg.FromString(self._connection.recv(timeout=PATIENCE))
            kind = message.WhichOneof("type")
            if kind == "script_finished":
                if message.script_finished in DRAWN:
                    return
            elif kind == "new_session":
                self._page = message.new_session.page_script_hash
                self.failures.clear()
            elif kind == "page_info_changed":
                self.link = message.page_info_changed.query_string
            elif kind == "delta":
                self._take(message.delta.new_element, message.delta.fragment_id)

    def _take(self, element, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self._ids[element.button.label] = element.button.id
            self.buttons[element.button.label] = not element.button.disabled
        elif kind == "download_button":
            self.files[element.download_button.label] = element.download_button.url
        elif kind == "bidi_component":
            component = element.bidi_component.id
            self._components[component.split("-", 2)[-1]] = component, fragment
        elif kind == "exception":
            self.failures.append(element.exception.message)
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.failures.append(element.alert.body)


@contextmanager
def visitor(server: str) -> Iterator[Visitor]:
    """One who comes, and leaves at the end."""
    address = server.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], max_size=None, origin=server) as connection:
        yield Visitor(connection)
