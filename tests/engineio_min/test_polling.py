from tests.engineio_min.harness import Harness
async def test_x(harness: Harness) -> None:
    poller = await harness.poller()
    await poller.park()
    assert (await poller.post("4hello")).text == "ok"
    assert (await poller.getter.response()).text == "4hello"
    ws = await harness.opened_websocket()
    await ws.send_packet("4a")
    assert await ws.packet() == "4a"
