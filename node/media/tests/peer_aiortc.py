"""An independent WebRTC peer (aiortc) for the tests of node/media.

Lines of JSON on stdin and stdout: {"type": "offer"|"answer", "sdp": ..}, {"type": "candidate", "candidate": .., "mid": ..}
in both directions; out also {"type": "state", "state": ..} and {"type": "heard", "hz": .., "rms": .., "frames": ..}.
Arguments: "offer" or "answer"; optionally a TURN address, user name and credential.

It speaks a tone of 440 Hz, encoded by its own Opus, and measures what it decodes.
"""

import asyncio
import json
import sys
from fractions import Fraction

import av
import numpy
from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

RATE = 48_000
FRAME = 960
TONE_HZ = 440
WINDOW = 24_000


class Tone(MediaStreamTrack):
    """A tone in real time."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.start = None
        self.at = 0

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.start = self.start or loop.time()
        await asyncio.sleep(max(0.0, self.start + self.at / RATE - loop.time()))
        t = (numpy.arange(FRAME) + self.at) / RATE
        samples = (numpy.sin(2 * numpy.pi * TONE_HZ * t) * 12_000).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, Fraction(1, RATE)
        self.at += FRAME
        return frame


def say(**line):
    print(json.dumps(line), flush=True)


async def listen(track):
    """Tells frequency and loudness of each half second."""
    samples, frames = numpy.zeros(0), 0
    while True:
        frame = await track.recv()
        channels = len(frame.layout.channels)
        samples = numpy.append(samples, frame.to_ndarray().reshape(-1)[::channels])
        frames += 1
        if len(samples) >= WINDOW:
            spectrum = numpy.abs(numpy.fft.rfft(samples[:WINDOW] * numpy.hanning(WINDOW)))
            hz = float(spectrum.argmax()) * frame.sample_rate / WINDOW
            rms = float(numpy.sqrt(numpy.mean(samples[:WINDOW] ** 2)))
            say(type="heard", hz=hz, rms=rms, frames=frames)
            samples = samples[WINDOW:]


async def lines():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def main(role, *turn):
    servers = [RTCIceServer(urls=[turn[0]], username=turn[1], credential=turn[2])] if turn else []
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    connection.on("connectionstatechange", lambda: say(type="state", state=connection.connectionState))
    tasks = []
    connection.on("track", lambda track: tasks.append(asyncio.ensure_future(listen(track))))
    connection.addTrack(Tone())

    async def describe(description):
        # aiortc does not trickle: its description comes with all candidates.
        await connection.setLocalDescription(description)
        local = connection.localDescription
        say(type=local.type, sdp=local.sdp)

    if role == "offer":
        await describe(await connection.createOffer())
    async for line in lines():
        if line["type"] == "candidate":
            text = line["candidate"].removeprefix("candidate:")
            if text:
                candidate = candidate_from_sdp(text)
                candidate.sdpMid = line["mid"]
                await connection.addIceCandidate(candidate)
        else:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=line["sdp"], type=line["type"]))
            if line["type"] == "offer":
                await describe(await connection.createAnswer())
    await connection.close()


asyncio.run(main(*sys.argv[1:]))
