"""The blocks of an answer that are for files.

Invariants:
- All text goes through, each character once and in order, wherever the answer is cut into pieces.
- What is found does not depend on the cuts either.
- Whatever a model writes, what is held back and what is found has a bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ai.blocks import (
    MAX_BLOCKS,
    MAX_HELD,
    Begin,
    Block,
    BlockReader,
    Found,
    Piece,
    named_path,
)
from server.ai.edit_reader import MAX_EDITS, Edit

WHOLE = "Here:\n\n```src/app.py\nx = 1\n```\nThat is all.\n"
EDITS = """\
```src/app.py
<<<<<<< SEARCH
x = 1
=======
x = 2
>>>>>>> REPLACE

<<<<<<< SEARCH
gone
=======
>>>>>>> REPLACE
```
"""


def found(pieces: Sequence[str], *, is_whole: bool = True) -> list[Found]:
    """What is found, with text of one file that follows on itself joined."""
    reader = BlockReader()
    joined: list[Found] = []
    for one in [one for piece in pieces for one in reader.feed(piece)] + reader.close(
        is_whole=is_whole
    ):
        last = joined[-1] if joined else None
        if isinstance(one, Piece) and isinstance(last, Piece) and last.path == one.path:
            joined[-1] = Piece(last.content + one.content, one.path)
        else:
            joined.append(one)
    return joined


def blocks(text: str, *, is_whole: bool = True) -> list[Block]:
    return [one for one in found([text], is_whole=is_whole) if isinstance(one, Block)]


def test_a_whole_file() -> None:
    assert found([WHOLE]) == [
        Piece("Here:\n\n```src/app.py\n"),
        Begin("src/app.py"),
        Piece("x = 1\n", "src/app.py"),
        Piece("```\n"),
        Block("src/app.py", content="x = 1\n"),
        Piece("That is all.\n"),
    ]


def test_edits() -> None:
    edits = [
        Block("src/app.py", edit=Edit("x = 1\n", "x = 2\n"), number=1),
        Block("src/app.py", edit=Edit("gone\n", ""), number=2),
        Block("src/app.py", number=2),
    ]
    assert blocks(EDITS) == edits
    assert blocks(EDITS.replace("\n", "\r\n")) == edits
    assert [one.goes_on for one in edits] == [True, True, False]


def test_an_edit_is_found_with_its_last_line() -> None:
    reader = BlockReader()
    first, _ = EDITS.split(">>>>>>> REPLACE\n", 1)
    assert [one for one in reader.feed(first + ">>>>>>> REPL") if isinstance(one, Block)] == []
    assert reader.feed("ACE\n") == [
        Piece("ACE\n", "src/app.py"),
        Block("src/app.py", edit=Edit("x = 1\n", "x = 2\n"), number=1),
    ]
    # In a list, with the indent taken away.
    [edit, _] = blocks(
        " - so:\n  ```a.py\n  <<<<<<< SEARCH\n  x\n  =======\n    y\n  >>>>>>> REPLACE\n  ```"
    )
    assert edit.edit == Edit("x\n", "  y\n")


def test_of_no_project_there_are_no_files() -> None:
    reader = BlockReader(of_project=False)
    assert reader.feed(WHOLE) + reader.close(is_whole=True) == [
        Piece(line) for line in WHOLE.splitlines(keepends=True)
    ]


@pytest.mark.parametrize(
    ("info", "path"),
    [
        ("src/app.py", "src/app.py"),
        ("python src/app.py", "src/app.py"),
        ("python:src/app.py", "src/app.py"),
        ("  jsx  `src/App.jsx` (new)", "src/App.jsx"),
        ('js title="my file.js"', "my file.js"),
        ("{.python filename='a b.py'}", "a b.py"),
        ("file=src/a.py", "src/a.py"),
        ("diff path: src/a.py", "src/a.py"),
        (".env", ".env"),
        ("Makefile", "Makefile"),
        ("c++ main.cpp", "main.cpp"),
        ("../up.py", "../up.py"),
        ("C:\\a.py", "C:\\a.py"),
        ("https://example.com/a.py", "https://example.com/a.py"),
        ("", None),
        ("python", None),
        ("c++", None),
        ("python3.11", None),
        ("makefile", None),
        ("text/html", None),
        ("an example of it", None),
    ],
)
def test_what_an_info_string_names(info: str, path: str | None) -> None:
    assert named_path(info) == path


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # Longer fences, and others, hold shorter ones.
        ("````a.md\n```\nx\n```\n````\n", "```\nx\n```\n"),
        ("~~~a.md\n```\n~~~\n", "```\n"),
        ("```a.txt\n~~~\n``\n ``` x\n```   \n", "~~~\n``\n ``` x\n"),
        # A Markdown file has blocks of its own, if they say of what.
        ("```a.md\n```js\nx\n```\ny\n```\n", "```js\nx\n```\ny\n"),
        # In a list, with the indent taken away.
        ("- so:\n  ```a.py\n  if x:\n      y\n z\n  ```\n", "if x:\n    y\nz\n"),
        # The last line needs no end.
        ("```a.py\nx\n```", "x\n"),
        ("```a.py\n```\n", ""),
        # What only looks like markers.
        ("```a.py\nx = '''\n<<<<<<< SEARCH\n'''\n```\n", "x = '''\n<<<<<<< SEARCH\n'''\n"),
    ],
)
def test_what_is_in_a_block(answer: str, expected: str) -> None:
    assert [block.content for block in blocks(answer)] == [expected]


# The edits before the fault.
SOUND = {"there is text between its edits": [1]}


@pytest.mark.parametrize(
    ("answer", "path", "fault"),
    [
        ("```a.py\nx\n", "a.py", "the answer ended within it"),
        ("```a.py\nx", "a.py", "the answer ended within it"),
        ("```../a.py\nx\n```\n", "../a.py", "path '../a.py': a path does not lead upwards"),
        (
            "```/etc/x\u202e\ny\n```",
            "/etc/x\ufffd",
            "path '/etc/x\\u202e': a path has no control characters",
        ),
        ("```../a.py\nx\n", "../a.py", "path '../a.py': a path does not lead upwards"),
        (
            "```a.py\n<<<<<<< SEARCH\nx\n=======\ny\n```\n",
            "a.py",
            "its last edit has no end",
        ),
        (
            EDITS.replace("\n\n", "\nand then\n"),
            "src/app.py",
            "there is text between its edits",
        ),
        (
            "```a.py\n" + "<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE\n" * 201 + "```\n",
            "a.py",
            f"a block may have {MAX_EDITS} edits",
        ),
    ],
)
def test_what_is_wrong_with_a_block(answer: str, path: str, fault: str) -> None:
    *edits, last = blocks(answer)
    assert last == Block(path, fault=fault, number=len(edits))
    assert all(one.goes_on for one in edits)
    assert len(edits) == min(MAX_EDITS, answer.count(">>>>>>> REPLACE"), *SOUND.get(fault, ()))


def test_an_answer_that_breaks_off_ends_no_block() -> None:
    """The fence may have been one of more, or of the file's own."""
    [edit, last] = blocks(EDITS.split("gone")[0], is_whole=False)
    assert edit.edit == Edit("x = 1\n", "x = 2\n")
    assert last == Block("src/app.py", fault="the answer ended within it", number=1)
    assert blocks("```a.py\nx\n```", is_whole=False) == [
        Block("a.py", fault="the answer ended within it")
    ]


def test_of_too_many_blocks_one_says_so() -> None:
    several = blocks("```a.py\n```\n" * (MAX_BLOCKS + 1_000))
    assert len(several) == MAX_BLOCKS + 1
    assert several[-1] == Block(
        "a.py", fault="it is in more than 50 blocks of files, the most of an answer"
    )


def test_no_line_is_held_back_for_ever() -> None:
    reader = BlockReader()
    assert reader.feed("```" + "x" * (MAX_HELD - 3)) == []
    [piece] = reader.feed("y")
    assert piece == Piece("```" + "x" * (MAX_HELD - 3) + "y")
    # It is no fence, however much of it comes at once.
    assert found(["```" + "x" * MAX_HELD + "\nx\n```a.py\ny\n```\n"])[-1] == Block(
        "a.py", content="y\n"
    )


LINES = st.sampled_from(
    [
        *("```a.py\n", "```\n", "````\n", "~~~b.md\n", "~~~\n", " ```js\n", "``` `\n", "```", "`"),
        *("<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "x\n", "\n", "    \n", "x", "\r\n"),
        *("```../x.py\n", "~", " ", "ü\U0001f600", "\t```\n", "``` " + "y" * MAX_HELD),
    ]
)


@given(st.lists(LINES, max_size=20).map("".join), st.lists(st.integers(1, 9)), st.booleans())
def test_it_makes_no_difference_where_an_answer_is_cut(
    answer: str, lengths: list[int], is_whole: bool
) -> None:
    pieces, at = [], 0
    for length in lengths:
        pieces.append(answer[at : at + length])
        at += length
    whole = found([answer], is_whole=is_whole)
    assert found([*pieces, answer[at:]], is_whole=is_whole) == whole
    assert "".join(one.content for one in whole if isinstance(one, Piece)) == answer
    for block in whole:
        if isinstance(block, Block) and block.content is not None:
            assert len(block.content) <= len(answer)


@given(st.text(st.sampled_from("`~ab.\n <>= /"), max_size=300))
def test_any_text_goes_through(answer: str) -> None:
    pieces = [one.content for one in found(list(answer)) if isinstance(one, Piece)]
    assert "".join(pieces) == answer
