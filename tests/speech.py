"""Speech for ./bench voice-quality, and how well it is heard.

make CLIPS FOLDER          speaks so many clips with espeak-ng, each with another voice, into FOLDER/source.wav (48 kHz,
                           mono, 16 bits) and FOLDER/clips.json; prints {"seconds"}
score FOLDER HEARD FROM    looks for each clip in the WAV file HEARD, from second FROM on, and prints
                           {"mean", "least", "each"}: PESQ-WB (ITU-T P.862.2) of each clip
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from pesq import pesq
from scipy.io import wavfile
from scipy.signal import fftconvolve, resample_poly

RATE = 48_000
# The rate of wide-band PESQ.
PESQ_RATE = 16_000
# Seconds of silence before each clip, and on both sides of what is judged.
PAUSE, MARGIN = 0.6, 0.25
# The level of speech in tests of telephony: 26 dB below overload (ITU-T P.830).
LEVEL = 10 ** (-26 / 20)

VOICES = ["en-us", "en-gb+f2", "en-us+m3", "en-gb+f4", "en-gb", "en-us+f1", "en-gb-scotland+m1", "en-us+f5"]
# Harvard sentences (IEEE 297-1969), lists 2 and 3.
SENTENCES = [
    "The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is the clear spring.",
    "Kick the ball straight and follow through. Help the woman get back to her feet. A pot of tea helps to pass the evening.",
    "Smoky fires lack flame and heat. The soft cushion broke the man's fall. The salt breeze came across from the sea.",
    "The girl at the booth sold fifty bonds. The small pup gnawed a hole in the sock. The fish twisted and turned on the bent hook.",
    "Press the pants and sew a button on the vest. The swan dive was far short of perfect. The beauty of the view stunned the young boy.",
    "Two blue fish swam in the tank. Her purse was full of useless trash. The colt reared and threw the tall rider.",
    "It snowed, rained, and hailed the same morning. Read verse out loud for pleasure. Hoist the load to your left shoulder.",
    "Take the winding path to reach the lake. Note closely the size of the gas tank. Wipe the grease off his dirty face.",
]


def read(path):
    rate, sound = wavfile.read(path)
    return rate, sound.astype(np.float64) / 32768


def spoken(voice, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "said.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-w", path, text], check=True, capture_output=True)
        rate, sound = read(path)
    sound = resample_poly(sound, RATE, rate)
    loud = sound[np.abs(sound) > 0.01 * np.abs(sound).max()]
    sound *= LEVEL / np.sqrt(np.mean(loud**2))
    return np.clip(sound, -0.99, 0.99)


def make(count, folder):
    pause = np.zeros(int(PAUSE * RATE))
    parts, clips, at = [], [], 0
    for n in range(count):
        sound = spoken(VOICES[n % len(VOICES)], SENTENCES[n % len(SENTENCES)])
        parts += [pause, sound]
        clips.append([at + len(pause), at + len(pause) + len(sound)])
        at += len(pause) + len(sound)
    whole = np.concatenate(parts + [pause])
    wavfile.write(os.path.join(folder, "source.wav"), RATE, (whole * 32767).astype(np.int16))
    with open(os.path.join(folder, "clips.json"), "w") as file:
        json.dump(clips, file)
    return {"seconds": len(whole) / RATE}


def narrowed(sound):
    return resample_poly(sound, PESQ_RATE, RATE)


def score(folder, path, begin):
    with open(os.path.join(folder, "clips.json")) as file:
        clips = json.load(file)
    source = narrowed(read(os.path.join(folder, "source.wav"))[1])
    rate, heard = read(path)
    if rate != RATE:
        raise SystemExit(f"{path} has {rate} samples a second, {RATE} are wanted")
    heard = narrowed(heard[int(begin * RATE):])
    share = PESQ_RATE / RATE
    margin = int(MARGIN * PESQ_RATE)
    each = []
    for start, end in clips:
        clip = source[int(start * share):int(end * share)]
        place = int(np.argmax(fftconvolve(heard, clip[::-1], mode="valid")))
        reference = np.pad(clip, margin)
        degraded = np.pad(heard, margin)[place:place + len(reference)]
        each.append(float(pesq(PESQ_RATE, reference, degraded, "wb")))
    return {"mean": float(np.mean(each)), "least": min(each), "each": [round(value, 2) for value in each]}


if __name__ == "__main__":
    if sys.argv[1] == "make":
        told = make(int(sys.argv[2]), sys.argv[3])
    else:
        told = score(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    print(json.dumps(told))
