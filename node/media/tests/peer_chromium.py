"""Headless Chromium as an independent WebRTC peer for the tests of node/media.

The same lines of JSON as peer_aiortc.py, for a page that is driven over Chromium's debugging protocol. The page speaks
a tone of 440 Hz (an oscillator) and measures what it hears with an analyser, so its own Opus encodes and decodes.
Arguments: the browser's program; "offer" or "answer".
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile

import websockets

PAGE = """
const say = line => window.tell(JSON.stringify(line));
const connection = new RTCPeerConnection({iceServers: []});
const audio = new AudioContext({sampleRate: 48000});
connection.onicecandidate = e => e.candidate && say({
    type: 'candidate', candidate: e.candidate.candidate, mid: e.candidate.sdpMid});
connection.onconnectionstatechange = () => say({type: 'state', state: connection.connectionState});
connection.ontrack = e => {
    const stream = new MediaStream([e.track]);
    // Chromium gives the samples of a remote stream only while some element plays it.
    const player = new Audio(); player.srcObject = stream; player.muted = true; player.play();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 32768;
    audio.createMediaStreamSource(stream).connect(analyser);
    setInterval(() => {
        const bins = new Float32Array(analyser.frequencyBinCount), wave = new Float32Array(analyser.fftSize);
        analyser.getFloatFrequencyData(bins); analyser.getFloatTimeDomainData(wave);
        const top = bins.reduce((best, value, at) => value > bins[best] ? at : best, 0);
        const rms = Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length);
        say({type: 'heard', hz: top * audio.sampleRate / analyser.fftSize, rms: rms * 32768, frames: 0});
    }, 500);
};
const describe = async () => {
    await connection.setLocalDescription();
    say({type: connection.localDescription.type, sdp: connection.localDescription.sdp});
};
window.take = async line => {
    if (line.type === 'candidate') {
        if (line.candidate) await connection.addIceCandidate({candidate: line.candidate, sdpMid: line.mid});
        return;
    }
    await connection.setRemoteDescription(line);
    if (line.type === 'offer') await describe();
};
window.begin = async role => {
    // A microphone that is allowed lets Chromium tell its addresses instead of hiding them behind mDNS names.
    const microphone = await navigator.mediaDevices.getUserMedia({audio: true});
    microphone.getTracks().forEach(track => track.enabled = true);
    await audio.resume();
    const oscillator = audio.createOscillator(), gain = audio.createGain(), out = audio.createMediaStreamDestination();
    oscillator.frequency.value = 440; gain.gain.value = 0.4;
    oscillator.connect(gain).connect(out); oscillator.start();
    connection.addTrack(out.stream.getAudioTracks()[0], out.stream);
    if (role === 'offer') await describe();
};
"""


class Browser:
    """The debugging protocol of one page."""

    def __init__(self, socket):
        self.socket, self.number, self.answers = socket, 0, {}

    async def call(self, method, **params):
        self.number += 1
        answer = self.answers[self.number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        return await answer

    async def listen(self):
        async for text in self.socket:
            message = json.loads(text)
            if message.get("method") == "Runtime.bindingCalled":
                print(message["params"]["payload"], flush=True)
            elif "id" in message:
                self.answers.pop(message["id"]).set_result(message)

    async def run(self, script):
        answer = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, userGesture=True, returnByValue=True)
        if "exceptionDetails" in answer.get("result", {}):
            print(json.dumps(answer["result"]["exceptionDetails"])[:600], file=sys.stderr, flush=True)


async def lines():
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def start(program, profile):
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
        f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE)
    while line := (await process.stderr.readline()).decode(errors="replace"):
        if match := re.search(r"DevTools listening on (ws://\S+)", line):
            asyncio.ensure_future(drain(process.stderr))
            return process, match[1]
    raise SystemExit("the browser has ended")


async def drain(stream):
    while await stream.read(4096):
        pass


async def page_address(browser, folder):
    # A page from a file: microphones are for pages with an origin only, and there is no network.
    path = os.path.join(folder, "page.html")
    with open(path, "w", encoding="utf-8") as page:
        page.write("<!doctype html><title>peer</title>")
    async with websockets.connect(browser) as socket:
        await socket.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": f"file://{path}"}}))
        while "id" not in (message := json.loads(await socket.recv())):
            pass
    return f"{browser.split('/devtools/')[0]}/devtools/page/{message['result']['targetId']}"


async def main(program, role):
    folder = tempfile.mkdtemp()
    process, address = await start(program, os.path.join(folder, "profile"))
    try:
        address = await page_address(address, folder)
        async with websockets.connect(address, max_size=1 << 24) as socket:
            browser = Browser(socket)
            listening = asyncio.ensure_future(browser.listen())
            await browser.call("Runtime.enable")
            await browser.call("Runtime.addBinding", name="tell")
            await asyncio.sleep(0.3)
            await browser.run(PAGE + "; 0")
            await browser.run(f"begin({json.dumps(role)})")
            async for line in lines():
                await browser.run(f"take({json.dumps(line)})")
            listening.cancel()
    finally:
        process.kill()
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


asyncio.run(main(*sys.argv[1:]))
