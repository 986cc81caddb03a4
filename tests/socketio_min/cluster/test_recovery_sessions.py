"""Sessions whose clients are away."""

from engineio_min.protocol.deadlines import NEVER
from socketio_min.cluster.recovery_sessions import SessionStore


def test_a_session_waits_for_its_time() -> None:
    store: SessionStore[str] = SessionStore(120.0, 10)
    assert store.deadline == NEVER
    assert store.put("P", "first", 1000.0) is None
    assert store.put("Q", "second", 1001.0) is None
    assert store.deadline == 1120.0
    assert store.get("P", 1119.9) == "first"
    assert store.get("P", 1120.0) is None
    assert store.take_expired(1119.9) == []
    assert store.take_expired(1120.0) == ["first"]
    assert store.deadline == 1121.0
    assert len(store) == 1
    assert store.take_all() == ["second"]
    assert len(store) == 0


def test_a_private_id_is_good_for_one_return() -> None:
    store: SessionStore[str] = SessionStore(120.0, 10)
    store.put("P", "first", 0.0)
    assert store.get("P", 0.0) == "first"
    store.remove("P")
    assert store.get("P", 0.0) is None


def test_a_session_that_goes_again_has_its_whole_time_again() -> None:
    store: SessionStore[str] = SessionStore(120.0, 10)
    store.put("P", "first", 0.0)
    store.put("Q", "second", 1.0)
    store.put("P", "again", 2.0)
    assert store.take_expired(121.0) == ["second"]
    assert store.get("P", 121.0) == "again"


def test_the_session_that_waited_longest_makes_room() -> None:
    store: SessionStore[str] = SessionStore(120.0, 2)
    assert [store.put(pid, pid, 0.0) for pid in "PQR"] == [None, None, "P"]
    assert store.put("S", "S", 0.0) == "Q"
    assert len(store) == 2
