"""A tool that tests any Socket.IO server by its URL.

`cases` has what is tested, by area; `runner` runs the cases, `discovery` finds out before what the
server offers, and `reports` writes the results. The cases have a client of their own: `connection`
and `frames`, `websocket`, `packets`, `sessions`. `targets` has servers to see the tool pass, and
`js` the tests by the official clients.
"""
