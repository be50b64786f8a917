# SPDX-License-Identifier: Apache-2.0
"""The same hand-off by dynamo.nixl_connect: metadata over NATS, data by NIXL, completion as nixl_connect tells it.

    nixl_connect.py --nats URL [--size 4096] [--count 100]

The origin makes a readable operation and publishes its metadata; the consumer, another process, reads it into a
buffer of its own. Measured at the origin, from before create_readable to after wait_for_completion, as an offer of
baton's is from before the offer to its outcome. Connectors, descriptors and the NATS connection are made once. The NATS client has no part
in what it takes: nixl_connect looks for completion and sleeps in between.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import types
import uuid

# nixl_connect imports PyTorch to ask whether something is a tensor, and nothing here is one. PyTorch is 2 GB.
torch = types.ModuleType("torch")
torch.Tensor = type("Tensor", (), {})
sys.modules["torch"] = torch

import nats  # noqa: E402
import numpy  # noqa: E402
from dynamo import nixl_connect  # noqa: E402

WARM_UP = 3
TIMEOUT_S = 30


def buffer_of(size_bytes, value):
    array = numpy.full(size_bytes, value, dtype=numpy.uint8)
    return array, nixl_connect.Descriptor((array, "cpu"))


async def consume(options):
    server = await nats.connect(options.nats)
    connector = nixl_connect.Connector()
    array, descriptor = buffer_of(options.size, 0)
    requests = await server.subscribe(options.subject)
    await server.flush()
    print("ready", flush=True)
    async for message in requests.messages:
        array[:] = 0
        metadata = nixl_connect.RdmaMetadata.model_validate_json(message.data)
        with await connector.begin_read(metadata, descriptor) as read:
            await read.wait_for_completion()
        if not (array == 7).all():
            raise ValueError("the data is wrong")


async def hand_over(options, server, connector, descriptor):
    begin = time.perf_counter_ns()
    with await connector.create_readable(descriptor) as readable:
        await server.publish(options.subject, readable.metadata().model_dump_json().encode())
        await asyncio.wait_for(readable.wait_for_completion(), TIMEOUT_S)
    return (time.perf_counter_ns() - begin) / 1e3


async def offer(options):
    server = await nats.connect(options.nats)
    connector = nixl_connect.Connector()
    _, descriptor = buffer_of(options.size, 7)
    times = [await hand_over(options, server, connector, descriptor) for _ in range(WARM_UP + options.count)][WARM_UP:]
    times.sort()
    print(json.dumps({"type": "nixl_connect", "size_bytes": options.size, "count": options.count,
                      "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100], "best_us": times[0]}))
    await server.close()


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nats", required=True)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--subject")
    return parser.parse_args()


def main():
    options = parse()
    if options.subject is not None:
        asyncio.run(consume(options))
        return
    options.subject = f"bench.nixl.{uuid.uuid4()}"
    consumer = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", sys.executable, *sys.argv, "--subject", options.subject],
                                stdout=subprocess.PIPE, text=True)
    try:
        if consumer.stdout.readline().strip() != "ready":
            sys.exit("the consumer did not start")
        asyncio.run(offer(options))
    finally:
        consumer.kill()
        consumer.wait()
    sys.stdout.flush()
    os._exit(0)  # NIXL's own end crashes where the other agent is gone (1.5.1), and is not what is measured


main()
