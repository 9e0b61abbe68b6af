"""What a mail server can do wrong within a login of several turns."""

from __future__ import annotations

from base64 import b64decode, b64encode

from tests.transports.scripted import Fault, HangUp, Talk

SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="


def scram(label: str, first: str, *last: str) -> Fault:
    """Ask with `first`, in which {nonce} is the client's, and say `last` to its proof."""

    async def act(talk: Talk) -> None:
        hello = b64decode(talk.server.commands[-1].split()[2]).decode()
        challenge(talk, first.format(nonce=hello.rpartition("r=")[2]))
        for words in last:
            assert b",p=" in b64decode(await talk.reader.readline())
            talk.say(words)
        await talk.reader.read()
        raise HangUp

    return Fault(label, act)


def challenge(talk: Talk, text: str) -> None:
    talk.say(coded(text))


def coded(text: str) -> str:
    return f"334 {b64encode(text.encode()).decode()}"


async def _refuse_token(talk: Talk) -> None:
    challenge(talk, '{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}')
    assert await talk.reader.readline() == b"\r\n"
    talk.say("535 5.7.8 Token expired")


async def _repeat_proof(talk: Talk) -> None:
    hello = b64decode(talk.server.commands[-1].split()[2]).decode()
    challenge(talk, ASKED.format(nonce=hello.rpartition("r=")[2]))
    proof = (await talk.reader.readline()).decode().strip()
    talk.say(f"535 Not {proof} nor {b64decode(proof).decode()}")


ASKED = f"r={{nonce}}x,s={SALT},i=4096"
WRONG_SIGNATURE = scram(
    "proves itself with a wrong signature", ASKED, coded("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
)
NO_SIGNATURE = scram("lets us in without a signature", ASKED, "235 2.7.0 Welcome")
ERROR = scram("answers the proof with `e=invalid-proof`", ASKED, coded("e=invalid-proof"))
ANOTHER_NONCE = scram("answers another nonce", f"r=another,s={SALT},i=4096")
ONE_ITERATION = scram("asks for one iteration", f"r={{nonce}}x,s={SALT},i=1")
MANY_ITERATIONS = scram("asks for nine million iterations", f"r={{nonce}}x,s={SALT},i=9000000")
NO_SCRAM = scram("asks in another language", "Password:")
REFUSE_TOKEN = Fault("says what is wrong with the token, then `535 5.7.8 Token expired`", _refuse_token)
REPEAT_PROOF = Fault("repeats the proof", _repeat_proof)
