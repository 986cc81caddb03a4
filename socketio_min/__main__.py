"""`python -m socketio_min URL` is a client for the terminal; `… serve module:io` runs a server."""

import sys

from socketio_min import serve, terminal

if __name__ == "__main__":
    first, *rest = sys.argv[1:] or [""]
    sys.exit(serve.main(rest) if first == "serve" else terminal.main(sys.argv[1:]))
