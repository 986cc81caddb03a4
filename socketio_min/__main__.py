"""`python -m socketio_min URL`: a Socket.IO client for the terminal."""

import sys

from socketio_min.terminal import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
