"""A script of somebody who works on a project with the SDK. Usage: script.py URL PROJECT"""

import sys
import threading

from ai_coding_assistant import AICodingAssistantSocket

url, project = sys.argv[1:]
restored = threading.Event()

with AICodingAssistantSocket(url, user_id="pythonista") as socket:
    socket.on("version:restored", lambda data: restored.set())
    state = socket.join_project(project)
    print("joined", [file["path"] for file in state["files"]], flush=True)
    with socket.lock_file(project, "from_python.py") as lock:
        lock.write("def greet():\n    return 'hello'\n", action="created")
    answer = socket.send_ai_message("outline from_python.py", project)
    print("greet" in answer["content"], flush=True)
    assert restored.wait(60)
    files = socket.call("file:list", {"projectId": project})["files"]
    print("restored", [file["path"] for file in files], flush=True)
