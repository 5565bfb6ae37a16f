"""A file and an image signed with a key alone, and the arguments that verify them: ours are cosign's."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from pycosign.lab import Lab, MemoryRegistry, attach_legacy, push_image
from pycosign.lab.keys import spki_pem

from .cases import ARTIFACT

_PATH = "bench/app"


@dataclass(frozen=True, slots=True)
class KeyedCommands:
    """The arguments, after the name of the program."""

    blob: tuple[str, ...]
    image: tuple[str, ...]

    @classmethod
    def prepare(cls, folder: Path, lab: Lab, registry: MemoryRegistry, address: str) -> KeyedCommands:
        """Sign a file in ``folder`` and an image in ``registry``, which answers at ``address``."""
        key = ec.generate_private_key(ec.SECP256R1())
        public, blob, signature = folder / "release.pub", folder / "artifact", folder / "artifact.sig"
        public.write_bytes(spki_pem(key.public_key()))
        blob.write_bytes(ARTIFACT)
        signature.write_bytes(base64.b64encode(key.sign(ARTIFACT, ec.ECDSA(SHA256()))))
        image = push_image(registry, _PATH, tag="v1")
        name = f"{address}/{_PATH}"
        layer = lab.sign_image_legacy(image.digest, reference=name, keyless=False, key=key, log=None)
        attach_legacy(registry, _PATH, image, [layer])
        by_key = ("--key", str(public), "--insecure-ignore-tlog")
        # cosign takes a signature from a file only when it is told that it is in no bundle.
        files = ("--new-bundle-format=false", "--signature", str(signature), str(blob))
        return cls(("verify-blob", *by_key, *files), ("verify", *by_key, f"{name}@{image.digest}"))
