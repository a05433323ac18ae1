# Two people talk, without an SDK. Needs: pip install "python-socketio[client]"
# python3 conversation.py [http://localhost:3000 [the same, or another node of the cluster]]
import os
import queue
import sys
import time

import requests
import socketio

base = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
other = sys.argv[2] if len(sys.argv) > 2 else base


def uuidv7():
    ms, tail = int(time.time() * 1000), int.from_bytes(os.urandom(10))
    n = ms << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}".format(
        n >> 96, n >> 80 & 0xFFFF, n >> 64 & 0xFFFF, n >> 48 & 0xFFFF, n & (1 << 48) - 1
    )


def post(path, body, token=None):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = requests.post(f"{base}/api/v1{path}", json=body, headers=headers, timeout=5)
    answer = response.json()
    if not response.ok:
        raise RuntimeError(f"{path}: {answer['code']}: {answer['detail']}")
    return answer


# 1. Two accounts, a space, a topic in it.
ann = post("/auth/register", {"username": f"ann-{uuidv7()[-12:]}", "password": "correct horse"})
ben = post("/auth/register", {"username": f"ben-{uuidv7()[-12:]}", "password": "battery staple"})
space = post("/spaces", {"name": "Lab"}, ann["token"])["space"]
topic = {"kind": "topic", "spaceId": space["id"], "name": "tides"}
channel_id = post("/channels", topic, ann["token"])["channel"]["id"]
post(f"/spaces/{space['id']}/join", {}, ben["token"])


# 2. A connection is good after `session:ready`. Each request is acknowledged: { ok: true, … } or { ok: false, error }.
#    Every packet is heard on a thread of its own, so all go into a queue and are taken from it by one.
class Connection:
    def __init__(self, url, token, resume=None):
        self.socket, self.frames, ready = socketio.Client(reconnection=False), queue.Queue(), queue.Queue()
        self.socket.on("session:ready", ready.put)
        self.socket.on("channel:events", self.frames.put)
        self.socket.connect(url, auth={"token": token, "protocol": 1, **({"resume": resume} if resume else {})})
        self.ready = ready.get(timeout=5)

    def ask(self, event, request):
        answer = self.socket.call(event, request, timeout=5)
        if not answer["ok"]:
            raise RuntimeError(f"{event}: {answer['error']['code']}: {answer['error']['message']}")
        return answer


anns = Connection(base, ann["token"])
bens = Connection(base, ben["token"])
grace = bens.ready["limits"]["gapGraceMs"] / 1000

# 3. Ben's copy of the channel: what was said, by id, and the position of the last event in it.
said = {}
seq = epoch = 0


def take(event, reign):
    global seq, epoch
    seq, epoch = event["seq"], reign
    message_id = event["messageId"] if "messageId" in event else event["message"]["id"]
    if event["type"] == "message:new":
        said[message_id] = event["message"]["content"]
    if event["type"] == "message:updated":
        said[message_id] = event["content"]
    print(f"{event['type']}: {said[message_id]}")


def load(page):
    global seq, epoch
    said.clear()
    said.update({message["id"]: message["content"] for message in page["messages"]})
    seq, epoch = page["seq"], page["epoch"]


# 4. Events wait until it is their turn. What is known is dropped. What still waits after the grace has a gap before it.
waiting = {}


def hear(until):
    gap_at = None
    while not until():
        try:
            frame = bens.frames.get(timeout=0.02)
            if frame["channelId"] == channel_id:
                waiting.update({event["seq"]: (event, frame["epoch"]) for event in frame["events"]})
        except queue.Empty:
            pass
        while seq + 1 in waiting and waiting[seq + 1][1] >= epoch:
            take(*waiting.pop(seq + 1))
        for at, (_, reign) in list(waiting.items()):
            if reign < epoch or (reign == epoch and at <= seq):
                del waiting[at]
        gap_at = (gap_at or time.monotonic()) if waiting else None
        if gap_at and time.monotonic() - gap_at > grace:
            sync()


def sync():
    print(f"gap: {len(waiting)} waiting")
    waiting.clear()
    more = True
    while more:
        answer = bens.ask("channel:sync", {"channelId": channel_id, "afterSeq": seq, "epoch": epoch})
        catch_up(answer)
        more = answer["more"] and not answer.get("reset")


def catch_up(answer):
    if answer.get("reset"):
        return load(bens.ask("channel:open", {"channelId": channel_id})["recent"])
    for event in answer["events"]:
        if event["seq"] > seq:
            take(event, answer["epoch"])


# 5. Ben joins. Frames wait in the queue until the page is loaded.
load(bens.ask("channel:join", {"channelId": channel_id})["recent"])

# 6. Ann says something. Without an answer, or after `retry: "later"`: the same again, `attempt` + 1. It is stored once.
hello = {"channelId": channel_id, "clientId": uuidv7(), "content": "the tide is **in**"}
sent = anns.ask("message:send", hello)
again = anns.ask("message:send", {**hello, "attempt": 2})
first = sent["message"]["seq"]
hear(lambda: seq == first)
same = again["message"]["id"] == sent["message"]["id"]
print(f"sent: {sent['durability']}; again: duplicate {again['duplicate']}, same {same}".lower())


# 7. Two events are lost on their way to Ben. The third shows him the gap.
def say(content):
    return anns.ask("message:send", {"channelId": channel_id, "clientId": uuidv7(), "content": content})


say("one")
say("two")
lost = 0
while lost < 2:
    lost += len(bens.frames.get(timeout=5)["events"])
say("three")
hear(lambda: seq == first + 3)

# 8. An edit and a reaction are events as well. A reaction comes with its count: nothing is added up.
anns.ask("message:edit", {"messageId": sent["message"]["id"], "content": "the tide is **out**"})
count = bens.ask("reaction:add", {"messageId": sent["message"]["id"], "emoji": "🌊"})["count"]
hear(lambda: seq == first + 5)
print(f"reactions: {count}")

# 9. Ben's connection ends. He comes back on any node with his position, and finds in `session:ready` what he missed.
bens.socket.disconnect()
say("are you there?")
bens = Connection(other, ben["token"], {channel_id: [seq, epoch]})
catch_up(bens.ready["resumed"]["channels"][channel_id])

# 10. Everything up to here is read, on all of his devices.
unread = bens.ask("channel:read", {"channelId": channel_id, "seq": seq})["unread"]
print(f"unread: {unread}")
for connection in (anns, bens):
    connection.socket.disconnect()
