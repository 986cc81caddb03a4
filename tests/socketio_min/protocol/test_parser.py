"""parser.py: what is a parser."""

import pytest

from socketio_min import Client, Server
from socketio_min.errors import (
    UsageError,
)
from socketio_min.protocol.json_parser import JsonEncoder
from socketio_min.protocol.parser import check_parser


@pytest.mark.parametrize("parser", [None, "msgpack", object(), JsonEncoder])
def test_what_is_no_parser_is_refused(parser: object) -> None:
    with pytest.raises(UsageError, match=r"^parser: got .*, expected one such as MsgpackParser"):
        check_parser(parser)
    with pytest.raises(UsageError, match=r"^parser: got"):
        Server(parser=parser)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^parser: got"):
        Client("http://127.0.0.1:1", parser=parser)  # type: ignore[arg-type]
