"""The assistant: `chat` takes a message from a client to its answer, a provider writes the answer.

`provider` says what a provider is; `openai` asks a model over HTTP, `builtin` works on the
project's files without one.
"""
