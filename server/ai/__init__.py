"""The assistant: `answers` takes a message from a client to its answer, a provider writes the text.

`conversation` has the events. `provider` says what a provider is; `openai` asks a model over HTTP,
`builtin` works on the project's files without one.
"""
