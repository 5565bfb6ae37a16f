"""Acme's trust and policies as a program of its own. Made from docs/plugins.md and the .proto file alone: nothing
of pycosign is imported, the code for the messages is generated from the file.

    python remote_provider.py PROTO_FOLDER WORK_FOLDER SOCKET

It reads WORK_FOLDER/state.json for each question: {"instance", "keys": {name: PEM}, "policies": [document]}.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc

PROTO = "providers/v1/providers.proto"


def generate(protos: Path, work: Path) -> tuple[Any, Any]:
    """The modules of the messages and of the services."""
    code = work / "generated"
    for folder in (code, code / "providers", code / "providers" / "v1"):
        folder.mkdir()
        (folder / "__init__.py").touch()
    options = [f"-I{protos}", f"--python_out={code}", f"--grpc_python_out={code}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, PROTO], check=True)
    sys.path.insert(0, str(code))
    return import_module("providers.v1.providers_pb2"), import_module("providers.v1.providers_pb2_grpc")


def main(protos: Path, work: Path, socket: str) -> None:
    """Serve until somebody ends it."""
    pb, services = generate(protos, work)

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads((work / "state.json").read_text("utf-8"))
        return found

    def material(now: dict[str, Any]) -> Any:
        keys = [pb.TrustedKey(name=name, public_key=key.encode()) for name, key in now["keys"].items()]
        return pb.TrustedMaterial(source="acme", keys=keys)

    def revision(content: object) -> str:
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def knows(request: Any, instance: str, name: str) -> bool:
        return request.known.instance == instance and name in request.known.revisions

    class Trust:
        def GetTrustedMaterial(self, request: Any, context: Any) -> Any:  # noqa: N802
            now = state()
            answer = pb.GetTrustedMaterialResponse(instance=now["instance"], revision=revision(now["keys"]))
            if knows(request, answer.instance, answer.revision):
                answer.unchanged = True
            else:
                answer.material.CopyFrom(material(now))
            return answer

        def List(self, request: Any, context: Any) -> Any:  # noqa: N802
            return pb.ListResponse(materials=[material(state())])

    class Policies:
        def GetPolicies(self, request: Any, context: Any) -> Any:  # noqa: N802
            now = state()
            name = revision(now["policies"])
            answer = pb.GetPoliciesResponse(instance=now["instance"], revision=name, policy_revision=name)
            if knows(request, answer.instance, name):
                answer.unchanged = True
            else:
                answer.documents.extend(json.dumps(document) for document in now["policies"])
            return answer

    server = grpc.server(ThreadPoolExecutor(4))
    services.add_TrustedMaterialProviderServicer_to_server(Trust(), server)
    services.add_PolicyProviderServicer_to_server(Policies(), server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    (work / "messages").write_text(pb.__file__)
    server.wait_for_termination()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
