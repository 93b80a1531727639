"""A Ganglion miner for the digits task: answers with the label of the nearest known image.

Usage: miner.py [digits.csv.gz]    (only the rows for miners, 0 to 1199, are read)
"""
import csv, gzip, json, math, pathlib, sys

path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "node/data/digits.csv.gz"
rows = [[float(v) for v in row] for row in csv.reader(gzip.open(path, "rt"))][:1200]
known = [(row[:64], int(row[64])) for row in rows]
for pixels, label in known[:600]:  # also as if written one pixel lower, higher, to the left or right
    known.append(([0.0] * 8 + pixels[:56], label))
    known.append((pixels[8:] + [0.0] * 8, label))
    known.append(([p for y in range(0, 64, 8) for p in pixels[y + 1 : y + 8] + [0.0]], label))
    known.append(([p for y in range(0, 64, 8) for p in [0.0] + pixels[y : y + 7]], label))

def forward(image):
    return min((math.dist(image, pixels), label) for pixels, label in known)[1]

for line in sys.stdin:  # one JSON-RPC call per line, one reply per line; print nothing else to stdout
    call = json.loads(line)
    reply = {"jsonrpc": "2.0", "id": call.get("id")}
    if call["method"] == "hello":
        reply["result"] = {"name": "python-nearest", "version": "1", "tasks": ["digits"], "max_concurrency": 4}
    elif call["method"] == "forward":
        reply["result"] = {"output": {"label": forward(call["params"]["input"]["pixels"])}}
    else:  # feedback, health and whatever comes later: the node does not mind
        reply["error"] = {"code": -32601, "message": "not offered"}
    print(json.dumps(reply), flush=True)
